//! A store as a device sends it: a password sealed for the server's key.

use anyhow::{Context as _, Result};
use hpke::{
    Deserializable as _, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256,
    single_shot_seal_with_rng,
};
use lapwing_client::identity::AgentSettings;
use lapwing_core::{
    binding::SealBinding,
    types::{AccountName, FileTime, Guid, PasswordVersion},
};
use lapwing_proto::register::{Condition, SealedUpload};

use crate::os;

/// A password of a fresh version, in place of the one held, which is in force.
pub(crate) fn seal(
    settings: &AgentSettings,
    account: &AccountName,
    seal_key: &[u8; 32],
    held: Option<PasswordVersion>,
) -> Result<SealedUpload> {
    let version = PasswordVersion(Guid::random(&mut os::rng()));
    let binding = SealBinding { tenant: settings.tenant, device: settings.device, version, account };
    let key = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(seal_key).context("seal key")?;
    let (encapsulated, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &key,
        &binding.to_bytes(),
        b"correct horse battery",
        &[],
        &mut os::rng(),
    )
    .context("sealing")?;
    Ok(SealedUpload {
        instance: None,
        version,
        condition: held.map_or(Condition::Absent, Condition::Holds),
        in_force: held,
        expiry: "2100-01-01T00:00:00Z".parse::<FileTime>()?,
        sealed: [&encapsulated.to_bytes()[..], &ciphertext].concat(),
    })
}
