//! Protecting data for whoever a SID names.

use lapwing_core::{secret::SecretBytes, types::Sid};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    blob::{BLOB_LEN_MAX, Blob, Placement},
    gkdi::{Agreed, GroupKey, GroupKeyEnvelope, KeyIdentifier, L2Key, PrivateKey},
    primitives::{
        Hash, concatenation, counter_mode, secret,
        wrap::{self, Key, NONCE_LEN},
    },
};

/// The longest data protected, in bytes: half of what can be read of a blob, so that all of it fits in any case.
pub const PLAIN_LEN_MAX: usize = BLOB_LEN_MAX / 2;
/// The length of what is drawn for a blob that seed keys protect, in bytes.
pub(crate) const KEY_NONCE_LEN: usize = 32;

/// Why data cannot be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// More than a directory would take.
    #[error("the data to protect has {len} bytes, more than {PLAIN_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The keys do not fit each other. [`GroupKeyEnvelope::parse`] lets none such through.
    #[error("the group key and the key drawn are of different kinds")]
    Kinds,
}

/// What is drawn for one blob.
pub(crate) struct Drawn {
    pub(crate) key: Key,
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) towards: Towards,
}

/// What is drawn towards the key that wraps the other.
pub(crate) enum Towards {
    /// With seed keys: bytes to derive it from.
    Nonce([u8; KEY_NONCE_LEN]),
    /// With a public key: the other side of the agreement.
    Private(PrivateKey),
}

/// Protects data for whoever `sid` names. The group key must be one for the security descriptor of that SID, and one with
/// which new data may be protected, which is for the caller to see to.
///
/// # Errors
/// [`ProtectError`] if there is too much data.
pub fn protect(
    plain: &SecretBytes,
    sid: &Sid,
    envelope: &GroupKeyEnvelope,
    placement: Placement,
    rng: &mut impl CryptoRng,
) -> Result<Blob, ProtectError> {
    let towards = match envelope.key() {
        GroupKey::Public(_) => Towards::Private(PrivateKey::draw(envelope.agreement(), rng)),
        GroupKey::Newest(_) | GroupKey::Below { .. } => {
            let mut nonce = [0; KEY_NONCE_LEN];
            rng.fill_bytes(&mut nonce);
            Towards::Nonce(nonce)
        }
    };
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    let drawn = Drawn { key: secret(|out| rng.fill_bytes(out)), nonce, towards };
    protect_with(plain, sid, envelope, placement, &drawn)
}

/// The same with nothing left to chance.
pub(crate) fn protect_with(
    plain: &SecretBytes,
    sid: &Sid,
    envelope: &GroupKeyEnvelope,
    placement: Placement,
    drawn: &Drawn,
) -> Result<Blob, ProtectError> {
    let plain = plain.expose_secret();
    let too_long = ProtectError::TooLong { len: plain.len() };
    if plain.len() > PLAIN_LEN_MAX {
        return Err(too_long);
    }
    let (wrapping, key_info) = match (&drawn.towards, envelope.key()) {
        (Towards::Private(private), GroupKey::Public(group)) => {
            let agreed = private.agree(group).ok_or(ProtectError::Kinds)?;
            (agreed_key(envelope.kdf().hash(), &agreed), private.public_key().to_bytes())
        }
        (Towards::Nonce(nonce), GroupKey::Newest(_) | GroupKey::Below { .. }) => {
            // An envelope has the seed of its own interval, though it may have to be derived first.
            let seed = envelope.seed(envelope.interval()).ok_or(ProtectError::Kinds)?;
            (derived_key(&seed, nonce), nonce.to_vec())
        }
        (Towards::Private(_) | Towards::Nonce(_), _) => return Err(ProtectError::Kinds),
    };
    Ok(Blob {
        key_identifier: KeyIdentifier {
            flags: envelope.flags(),
            interval: envelope.interval(),
            root_key_id: envelope.root_key_id(),
            key_info,
            names: envelope.names().clone(),
        },
        sid: sid.clone(),
        wrapped_key: wrap::wrap(&wrapping, &drawn.key),
        nonce: drawn.nonce,
        encrypted: wrap::encrypt(&drawn.key, &drawn.nonce, plain).ok_or(too_long)?,
        placement,
    })
}

/// The wrapping key that comes of a seed key. [MS-GKDI] has it not; Windows does so.
pub(crate) fn derived_key(seed: &L2Key, nonce: &[u8; KEY_NONCE_LEN]) -> Key {
    secret(|out| seed.derive(nonce, out))
}

/// `SHA512`, `KDS public key` and `KDS service` in UTF-16, each with its NUL. The first is the same whatever the hash function.
const ALGORITHM_ID: &[u8] = b"S\0H\0A\x005\x001\x002\0\0\0";
const PUBLIC_KEY: &[u8] = b"K\0D\0S\0 \0p\0u\0b\0l\0i\0c\0 \0k\0e\0y\0\0\0";
const SERVICE: &[u8] = b"K\0D\0S\0 \0s\0e\0r\0v\0i\0c\0e\0\0\0";

/// The wrapping key that comes of an agreement.
pub(crate) fn agreed_key(hash: Hash, agreed: &Agreed) -> Key {
    // One round of the derivation: as long as the hash.
    let mut key = Zeroizing::new(vec![0; agreed.hash.digest_len()]);
    concatenation(agreed.hash, agreed.secret.expose_secret(), &[ALGORITHM_ID, PUBLIC_KEY, SERVICE], &mut key);
    secret(|out| counter_mode(hash, &key, &[PUBLIC_KEY], out))
}

#[cfg(test)]
mod tests;
