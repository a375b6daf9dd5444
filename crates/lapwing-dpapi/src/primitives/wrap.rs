//! Keys wrapped and data encrypted by AES-256: RFC 3394, and SP 800-38D with nonces of 12 and tags of 16 bytes.

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{AeadInOut as _, consts::U32},
};
use aes_kw::KwAes256;
use lapwing_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::{Secret, secret};

/// The length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;
/// The length of a wrapped key in bytes.
pub(crate) const WRAPPED_KEY_LEN: usize = KEY_LEN + 8;
/// The length of a nonce in bytes.
pub(crate) const NONCE_LEN: usize = 12;
/// The length of a tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// A key of AES-256.
pub(crate) type Key = Secret<KEY_LEN>;

/// Wraps a key with another.
pub(crate) fn wrap(by: &Key, key: &Key) -> [u8; WRAPPED_KEY_LEN] {
    KwAes256::new((&***by).into()).wrap_fixed_key::<U32>((&***key).into()).into()
}

/// Unwraps a key; none if it was wrapped with another, or changed since.
pub(crate) fn unwrap(by: &Key, wrapped: &[u8; WRAPPED_KEY_LEN]) -> Option<Key> {
    let mut is_whole = false;
    let key = secret(|out| is_whole = KwAes256::new((&***by).into()).unwrap_key(wrapped, out).is_ok());
    is_whole.then_some(key)
}

/// Encrypts; the tag stands last. None if there is more than 64 GiB of it.
pub(crate) fn encrypt(key: &Key, nonce: &[u8; NONCE_LEN], plain: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(plain.len().saturating_add(TAG_LEN));
    out.extend_from_slice(plain);
    let tag = Aes256Gcm::new((&***key).into())
        .encrypt_inout_detached(nonce.into(), &[], out.as_mut_slice().into())
        .ok()?;
    out.extend_from_slice(&tag);
    Some(out)
}

/// Decrypts; none if the tag, which stands last, is another's.
pub(crate) fn decrypt(key: &Key, nonce: &[u8; NONCE_LEN], encrypted: &[u8]) -> Option<SecretBytes> {
    let (encrypted, tag) = encrypted.split_last_chunk::<TAG_LEN>()?;
    let mut plain = Zeroizing::new(encrypted.to_vec());
    Aes256Gcm::new((&***key).into())
        .decrypt_inout_detached(nonce.into(), &[], plain.as_mut_slice().into(), tag.into())
        .ok()?;
    Some(SecretBytes::new(core::mem::take(&mut *plain)))
}
