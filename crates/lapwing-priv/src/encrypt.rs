//! Encrypting a password for Active Directory, to the one user or group that policy names.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lapwing_core::{
    laps::password_value,
    local::root_half::Encrypt,
    secret::Password,
    types::{AccountName, FileTime, Sid},
};
use lapwing_dpapi::{
    Placement,
    gkdi::{EnvelopeError, GroupKeyEnvelope},
    laps::{EncryptedPassword, encode_text},
    protect::{ProtectError, protect},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Whom a password is encrypted to, and with what key.
pub(crate) struct Encryption {
    pub(crate) principal: Sid,
    key: GroupKeyEnvelope,
}

/// Why a password cannot be encrypted as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncryptError {
    #[error("the principal to encrypt to is not a SID")]
    Principal,
    #[error("the group key is no Base64")]
    Text,
    #[error("the group key is not in the form that a domain gives it")]
    Envelope(#[from] EnvelopeError),
    #[error("the group key is of no use")]
    Protect(#[from] ProtectError),
}

impl Encryption {
    /// Understands what was asked for.
    ///
    /// # Errors
    /// [`EncryptError`] for a SID or a group key that is none.
    pub(crate) fn asked(asked: &Encrypt) -> Result<Self, EncryptError> {
        let principal = asked.to.parse().map_err(|_| EncryptError::Principal)?;
        let envelope =
            BASE64_STANDARD.decode(asked.group_key.0.as_bytes()).map_err(|_| EncryptError::Text)?;
        Ok(Self { principal, key: GroupKeyEnvelope::parse(&Zeroizing::new(envelope))? })
    }

    /// The value of `msLAPS-EncryptedPassword`. [MS-ADA2], of that name.
    ///
    /// # Errors
    /// [`EncryptError::Protect`] for a key that nothing can be encrypted with.
    pub(crate) fn encrypt(
        &self,
        account: &AccountName,
        updated: FileTime,
        password: &Password,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, EncryptError> {
        let value = password_value(account, updated, password);
        let text = core::str::from_utf8(value.expose_secret()).unwrap_or_default();
        let blob = protect(&encode_text(text), &self.principal, &self.key, Placement::Appended, rng)?;
        Ok(EncryptedPassword { updated, blob }.to_bytes())
    }
}
