//! Sealing a password to a directory's pinned key, and checking what the directory signed for it.
//!
//! Both are bound to tenant, device, version and account by [`lapwing_core::binding`].

use ed25519_dalek::{Signature, VerifyingKey};
use hpke::{OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256};
use lapwing_core::{
    binding::{ReceiptClaims, SealBinding},
    secret::Password,
};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

/// A directory's public key, pinned when this host was enrolled.
pub(crate) type SealKey = <X25519HkdfSha256 as hpke::Kem>::PublicKey;

/// The pinned key cannot be sealed to, as it has no point of the right order.
#[derive(Debug, thiserror::Error)]
#[error("the pinned seal key is of no use")]
pub(crate) struct SealError;

/// Seals `password`: the encapsulated key, then the ciphertext. RFC 9180 section 6.1, base mode; docs/protocol.md,
/// "Seal".
///
/// # Errors
/// [`SealError`] for a key of small order.
pub(crate) fn seal(
    password: &Password,
    binding: &SealBinding<'_>,
    key: &SealKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            key,
            &binding.to_bytes(),
            password.expose_secret().as_bytes(),
            &[],
            rng,
        )
        .map_err(|_| SealError)?;
    Ok([encapsulated.to_bytes().as_slice(), &ciphertext].concat())
}

/// Whether `receipt` is the directory's signature under these claims. RFC 8032, without its tolerance for keys and
/// signatures of small order.
pub(crate) fn is_receipt(receipt: &[u8], claims: &ReceiptClaims, key: &VerifyingKey) -> bool {
    Signature::from_slice(receipt)
        .is_ok_and(|signature| key.verify_strict(&claims.to_bytes(), &signature).is_ok())
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
