//! Opening what was protected.

use lapwing_core::secret::SecretBytes;

use crate::{
    Blob,
    descriptor::security_descriptor,
    gkdi::{
        DegenerateKey, DomainNames, GroupKey, GroupKeyEnvelope, L2Key, PublicKeyError, RootKey, Share,
        UncheckedKey, group_private_key,
    },
    primitives::wrap::{self, Key},
    protect::{agreed_key, derived_key},
};

/// Why data cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// The controller gave the public key, as it does to everybody.
    #[error("the caller is not a member of the principal that the data is protected to")]
    NotAMember,
    /// A key that comes of another root key than the blob's.
    #[error("the group key comes of another root key than the data was protected with")]
    OtherRootKey,
    /// A key from which the blob's cannot be derived.
    #[error("the group key is older than the data, or of another time altogether")]
    OtherInterval,
    /// The blob's own key is none.
    #[error("the protected data has a key that cannot be used")]
    KeyInfo(#[source] Option<PublicKeyError>),
    /// The group's key is none.
    #[error("the group has no private key in this interval")]
    Degenerate(#[from] DegenerateKey),
    /// The wrapped key was wrapped with another.
    #[error(
        "the key of the data cannot be unwrapped: it was protected with another key or for somebody else"
    )]
    WrongKey,
    /// The data is not what was encrypted.
    #[error("the protected data has been damaged")]
    Damaged,
}

impl UnprotectError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotAMember => "use an account that is in the group which the password is encrypted for",
            Self::OtherRootKey => "name the root key that the data was protected with",
            Self::OtherInterval => "ask a domain controller for the key of the interval that the data names",
            Self::KeyInfo(_) | Self::WrongKey | Self::Damaged => {
                "rotate the password: what is stored cannot be opened with this key, or not any more"
            }
            Self::Degenerate(_) => "rotate the password in ten hours, when the next key is in force",
        }
    }
}

/// Opens data with a group key of its interval or a newer one.
///
/// # Errors
/// [`UnprotectError`] if the key is of no use for this blob, or the blob was changed.
pub fn unprotect(blob: &Blob, envelope: &GroupKeyEnvelope) -> Result<SecretBytes, UnprotectError> {
    let identifier = &blob.key_identifier;
    if envelope.root_key_id() != identifier.root_key_id {
        return Err(UnprotectError::OtherRootKey);
    }
    if let GroupKey::Public(_) = envelope.key() {
        return Err(UnprotectError::NotAMember);
    }
    let seed = envelope.seed(identifier.interval).ok_or(UnprotectError::OtherInterval)?;
    let key = if identifier.flags.is_public_key() {
        unwrap_agreed(blob, envelope, &seed)?
    } else {
        let nonce = identifier.key_info.as_slice().try_into().map_err(|_| UnprotectError::KeyInfo(None))?;
        wrap::unwrap(&derived_key(&seed, nonce), &blob.wrapped_key).ok_or(UnprotectError::WrongKey)?
    };
    wrap::decrypt(&key, &blob.nonce, &blob.encrypted).ok_or(UnprotectError::Damaged)
}

/// The key of the data, by the agreement with a key that anybody may have chosen who can write to the directory. That it lies in
/// its group is looked at only to say why nothing came of it: a check before would take as long as all the rest, and the agreement
/// is blind to what it would keep out.
fn unwrap_agreed(blob: &Blob, envelope: &GroupKeyEnvelope, seed: &L2Key) -> Result<Key, UnprotectError> {
    let key_info = |error| UnprotectError::KeyInfo(Some(error));
    let public =
        UncheckedKey::parse(&blob.key_identifier.key_info, envelope.agreement()).map_err(key_info)?;
    let private = group_private_key(seed, envelope.agreement())?;
    let agreed = private.agree_blinded(&public).ok_or(UnprotectError::KeyInfo(None))?;
    match wrap::unwrap(&agreed_key(envelope.kdf().hash(), &agreed), &blob.wrapped_key) {
        Some(key) => Ok(key),
        None => Err(public.check().map_or_else(key_info, |_| UnprotectError::WrongKey)),
    }
}

/// Opens data with the root key that it was protected under.
///
/// # Errors
/// [`UnprotectError`] if it is not that key, or the blob was changed.
pub fn unprotect_offline(blob: &Blob, root_key: &RootKey) -> Result<SecretBytes, UnprotectError> {
    if root_key.id() != blob.key_identifier.root_key_id {
        return Err(UnprotectError::OtherRootKey);
    }
    let descriptor = security_descriptor(&blob.sid);
    let interval = blob.key_identifier.interval;
    let envelope = root_key.envelope(&descriptor, interval, Share::Seed, false, DomainNames::default())?;
    unprotect(blob, &envelope)
}

#[cfg(test)]
mod tests;
