//! Root keys as Active Directory keeps them: objects of the class msKds-ProvRootKey. [MS-GKDI] 2.2.5, [MS-ADSC].

use lapwing_core::{
    secret::SecretBytes,
    types::{FileTime, Guid},
};

use super::{
    KdfParameters, ParametersError, ROOT_KEY_LEN, RootKey, SecretAgreement, envelope::KDF_ALGORITHM,
};

const VERSION: &str = "msKds-Version";
/// The key itself.
pub const DATA: &str = "msKds-RootKeyData";
const KDF: &str = "msKds-KDFAlgorithmID";
const KDF_PARAMETERS: &str = "msKds-KDFParam";
const AGREEMENT: &str = "msKds-SecretAgreementAlgorithmID";
const AGREEMENT_PARAMETERS: &str = "msKds-SecretAgreementParam";
const PRIVATE_KEY_BITS: &str = "msKds-PrivateKeyLength";
const PUBLIC_KEY_BITS: &str = "msKds-PublicKeyLength";
const CREATED: &str = "msKds-CreateTime";
const USE_START: &str = "msKds-UseStartTime";
const CREATOR: &str = "msKds-DomainID";

/// The attributes to ask for.
pub const ATTRIBUTES: [&str; 11] = [
    VERSION,
    DATA,
    KDF,
    KDF_PARAMETERS,
    AGREEMENT,
    AGREEMENT_PARAMETERS,
    PRIVATE_KEY_BITS,
    PUBLIC_KEY_BITS,
    CREATED,
    USE_START,
    CREATOR,
];

/// A root key object.
#[derive(Debug)]
pub struct StoredRootKey {
    /// Its name, which is the key's id.
    pub id: Guid,
    /// When it was made.
    pub created: FileTime,
    /// From when on it may be used; the beginning of time if whoever wrote it left that out.
    pub use_start: FileTime,
    /// The key, or why it is of no use.
    pub key: Result<RootKey, StoredRootKeyError>,
}

/// Why an object of the directory is no root key that can be used. Never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoredRootKeyError {
    /// An attribute is not there, or not for whoever read it.
    #[error("the root key has no {0}, or it may not be read")]
    Missing(&'static str),
    /// A value is not of its form.
    #[error("the root key's {0} is not of its form")]
    Malformed(&'static str),
    /// Another version than the only one.
    #[error("the root key is of version {0}, and only version 1 is known")]
    Version(u32),
    /// Keys that are derived in another way than the one known.
    #[error("the root key names another key derivation function than {KDF_ALGORITHM}")]
    OtherKdf,
    /// The key itself is too short or too long.
    #[error("the root key has {len} bytes, and not {ROOT_KEY_LEN}")]
    KeyLength {
        /// Its length in bytes.
        len: usize,
    },
    /// Parameters that cannot be used.
    #[error("the root key has parameters that cannot be used")]
    Parameters(#[from] ParametersError),
}

impl StoredRootKeyError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Missing(_) => "read it as a member of Domain Admins, or on a domain controller as root",
            Self::Malformed(_)
            | Self::Version(_)
            | Self::OtherKdf
            | Self::KeyLength { .. }
            | Self::Parameters(_) => "leave the object as it is, and make a new root key beside it",
        }
    }
}

/// The values of one object by their attributes' names, as the directory gives them.
trait Values<'a>: Fn(&str) -> Option<&'a [u8]> {}
impl<'a, F: Fn(&str) -> Option<&'a [u8]>> Values<'a> for F {}

impl StoredRootKey {
    /// Reads the object of that name; `value` gives an attribute's only value.
    ///
    /// # Errors
    /// [`StoredRootKeyError`] if its times are missing or malformed. Other faults stand in place of the key, so that a server can
    /// tell a damaged key from one that is not there.
    pub fn read<'a>(id: Guid, value: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Self, StoredRootKeyError> {
        Ok(Self {
            id,
            created: time(&value, CREATED)?,
            use_start: time(&value, USE_START)?,
            key: key(id, &value),
        })
    }
}

fn key<'a>(id: Guid, value: &impl Values<'a>) -> Result<RootKey, StoredRootKeyError> {
    match number(value, VERSION)? {
        1 => {}
        other => return Err(StoredRootKeyError::Version(other)),
    }
    if text(value, KDF)? != KDF_ALGORITHM {
        return Err(StoredRootKeyError::OtherKdf);
    }
    let kdf = KdfParameters::parse(value(KDF_PARAMETERS).unwrap_or_default())?;
    let agreement = SecretAgreement::parse(
        text(value, AGREEMENT)?,
        value(AGREEMENT_PARAMETERS).unwrap_or_default(),
        number(value, PRIVATE_KEY_BITS)?,
        number(value, PUBLIC_KEY_BITS)?,
    )?;
    let data = value(DATA).ok_or(StoredRootKeyError::Missing(DATA))?;
    RootKey::new(id, kdf, agreement, data).ok_or(StoredRootKeyError::KeyLength { len: data.len() })
}

fn text<'a>(value: &impl Values<'a>, name: &'static str) -> Result<&'a str, StoredRootKeyError> {
    let bytes = value(name).ok_or(StoredRootKeyError::Missing(name))?;
    str::from_utf8(bytes).map_err(|_| StoredRootKeyError::Malformed(name))
}

/// Decimal digits. [MS-ADTS] 3.1.1.2.2.2.
fn number<'a>(value: &impl Values<'a>, name: &'static str) -> Result<u32, StoredRootKeyError> {
    text(value, name)?.parse().map_err(|_| StoredRootKeyError::Malformed(name))
}

fn time<'a>(value: &impl Values<'a>, name: &'static str) -> Result<FileTime, StoredRootKeyError> {
    let ticks = text(value, name)?.parse().ok();
    ticks.and_then(|ticks| FileTime::from_ticks(ticks).ok()).ok_or(StoredRootKeyError::Malformed(name))
}

/// The attributes' values of a new object for a key, beside its name, which is the key's id.
///
/// `creator` is the distinguished name of the domain controller or domain that makes it. A key may be used once every controller
/// knows it: Windows puts `use_start` ten hours into the future.
#[must_use]
pub fn attributes(
    key: &RootKey,
    created: FileTime,
    use_start: FileTime,
    creator: &str,
) -> Vec<(&'static str, SecretBytes)> {
    let agreement = key.agreement();
    let values = [
        (VERSION, b"1".to_vec()),
        (DATA, key.expose_secret().to_vec()),
        (KDF, KDF_ALGORITHM.as_bytes().to_vec()),
        (KDF_PARAMETERS, key.kdf.to_bytes()),
        (AGREEMENT, agreement.algorithm().as_bytes().to_vec()),
        (AGREEMENT_PARAMETERS, agreement.parameters()),
        (PRIVATE_KEY_BITS, agreement.private_key_bits().to_string().into_bytes()),
        (PUBLIC_KEY_BITS, agreement.public_key_bits().to_string().into_bytes()),
        (CREATED, created.ticks().to_string().into_bytes()),
        (USE_START, use_start.ticks().to_string().into_bytes()),
        (CREATOR, creator.as_bytes().to_vec()),
    ];
    // An attribute without a value is one that is not there.
    let values = values.map(|(name, value)| (name, SecretBytes::new(value)));
    values.into_iter().filter(|(_, value)| !value.expose_secret().is_empty()).collect()
}

#[cfg(test)]
mod tests;
