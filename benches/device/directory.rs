//! The part of a rotation that happens at the directory, as a device of the benchmark's own.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use hpke::{
    Deserializable as _, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256,
    single_shot_seal_with_rng,
};
use lapwing_client::{
    cloud::{self, Material, NewDevice, Session, Store, StoreOutcome},
    identity::Identity,
    transport::Limits,
};
use lapwing_core::{
    binding::SealBinding,
    types::{AccountName, FileTime, Guid, PasswordVersion},
};
use lapwing_proto::register::{Condition, EnrolmentToken, SealedUpload};

use crate::os;

/// A device that exists for the benchmark alone.
pub(crate) struct Device {
    identity: Arc<Identity>,
    seal_key: [u8; 32],
    account: AccountName,
    held: Option<PasswordVersion>,
}

impl Device {
    /// Joins with an enrolment token.
    pub(crate) async fn enrol(token: &str) -> Result<Self> {
        let token: EnrolmentToken = token.trim().parse()?;
        let new = NewDevice { display_name: "bench", os_version: "bench" };
        let enrolment = cloud::enrol(&token, new, None, Limits::default()).await?;
        Ok(Self {
            identity: Arc::new(enrolment.identity),
            seal_key: enrolment.announcement.seal_key.public_key,
            account: "lapadmin".parse()?,
            held: None,
        })
    }

    /// A device token and one store over a fresh connection, sealed beforehand.
    pub(crate) async fn upload(&mut self) -> Result<Duration> {
        let members = self.seal()?;
        let version = members.version;
        let store = Store { account: &self.account, material: Material::Sealed(&members) };
        let begun = os::now();
        let mut session = Session::open(Arc::clone(&self.identity), Limits::default()).await?;
        let outcome = session.store(&store, Guid::random(&mut os::rng())).await;
        let time = begun.elapsed();
        ensure!(matches!(outcome, StoreOutcome::Stored(Some(_))), "the server did not store: {outcome:?}");
        self.held = Some(version);
        Ok(time)
    }

    fn seal(&self) -> Result<SealedUpload> {
        let version = PasswordVersion(Guid::random(&mut os::rng()));
        let settings = &self.identity.settings;
        let binding =
            SealBinding { tenant: settings.tenant, device: settings.device, version, account: &self.account };
        let key =
            <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&self.seal_key).context("seal key")?;
        let (encapsulated, ciphertext) =
            single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &key,
                &binding.to_bytes(),
                b"correct horse battery",
                &[],
                &mut os::rng(),
            )
            .context("sealing")?;
        Ok(SealedUpload {
            version,
            condition: self.held.map_or(Condition::Absent, Condition::Holds),
            in_force: self.held,
            expiry: "2100-01-01T00:00:00Z".parse::<FileTime>()?,
            sealed: [&encapsulated.to_bytes()[..], &ciphertext].concat(),
        })
    }
}
