//! A root key in a file, for those who open passwords without a controller. `docs/key-file.md`.

use lapwing_core::{secret::SecretBytes, types::Guid};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Hash, RootKey,
    gkdi::{DhParameters, KdfParameters, ParametersError, ROOT_KEY_LEN, SecretAgreement},
    hex,
    primitives::secret,
};

/// The longest file read, in bytes: four times what the longest key comes to.
pub const FILE_LEN_MAX: usize = 8 << 10;
/// The length of the parameters of Diffie-Hellman in bytes. [MS-GKDI] 2.2.2.
const PARAMETERS_LEN: usize = 524;

/// Why a file holds no root key. Never repeats it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Longer than any honest file.
    #[error("the key file has {len} bytes, more than {FILE_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// No JSON of the members that a key file has.
    #[error("the key file is not JSON with the members of a root key (line {line}, column {column})")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A member is not of its form.
    #[error("`{0}` in the key file is not of its form")]
    Member(&'static str),
    /// Parameters that cannot be used.
    #[error("the key file has parameters that cannot be used")]
    Parameters(#[from] ParametersError),
}

impl KeyFileError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "compare the file with docs/key-file.md, or export the root key from the directory again"
    }
}

/// The members. All are borrowed, so that reading leaves no copy of the key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    id: &'a str,
    hash: &'a str,
    secret_agreement: &'a str,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    secret_agreement_parameters: Option<&'a str>,
    private_key_bits: u32,
    public_key_bits: u32,
    key: &'a str,
}

/// Reads a root key.
///
/// # Errors
/// [`KeyFileError`] if the file is too long, malformed, or has another member.
pub fn read(json: &[u8]) -> Result<RootKey, KeyFileError> {
    use KeyFileError::Member;
    if json.len() > FILE_LEN_MAX {
        return Err(KeyFileError::TooLong { len: json.len() });
    }
    // The message would quote the value that did not fit.
    let members: Members<'_> = serde_json::from_slice(json)
        .map_err(|error| KeyFileError::Json { line: error.line(), column: error.column() })?;
    let id: Guid = members.id.parse().map_err(|_| Member("id"))?;
    let hash = Hash::from_name(members.hash).ok_or(Member("hash"))?;
    let agreement = SecretAgreement::parse(
        members.secret_agreement,
        &read_parameters(&members)?,
        members.private_key_bits,
        members.public_key_bits,
    )?;
    let mut is_whole = false;
    let data = secret::<ROOT_KEY_LEN>(|out| is_whole = hex::read(members.key, out));
    RootKey::new(id, KdfParameters::new(hash), agreement, &**data).filter(|_| is_whole).ok_or(Member("key"))
}

/// Where they are left out they are those that Windows takes by itself.
fn read_parameters(members: &Members<'_>) -> Result<Vec<u8>, KeyFileError> {
    let default = SecretAgreement::windows_default();
    match members.secret_agreement_parameters {
        Some(digits) => {
            let mut bytes = vec![0; PARAMETERS_LEN];
            let is_whole = hex::read(digits, &mut bytes);
            is_whole.then_some(bytes).ok_or(KeyFileError::Member("secret_agreement_parameters"))
        }
        None if members.secret_agreement == default.algorithm() => Ok(default.parameters()),
        None => Ok(Vec::new()),
    }
}

/// Writes a root key, which [`read`] reads.
#[must_use]
pub fn write(key: &RootKey) -> SecretBytes {
    let agreement = key.agreement();
    let parameters: Option<String> = match agreement {
        SecretAgreement::Dh { parameters, .. } if *parameters != DhParameters::rfc5114() => {
            Some(hex::digits(&parameters.to_bytes()).collect())
        }
        SecretAgreement::Dh { .. } | SecretAgreement::P256 | SecretAgreement::P384 => None,
    };
    let mut digits = Zeroizing::new(String::with_capacity(2 * ROOT_KEY_LEN));
    digits.extend(hex::digits(key.expose_secret()));
    let members = Members {
        id: &key.id().to_string(),
        hash: key.hash().name(),
        secret_agreement: agreement.algorithm(),
        secret_agreement_parameters: parameters.as_deref(),
        private_key_bits: agreement.private_key_bits(),
        public_key_bits: agreement.public_key_bits(),
        key: &digits,
    };
    // Never grows, and so leaves no copy of the key.
    let mut json = Zeroizing::new(Vec::with_capacity(FILE_LEN_MAX));
    #[expect(clippy::expect_used, reason = "texts and numbers are always written, and memory takes them")]
    serde_json::to_writer_pretty(&mut *json, &members).expect("a struct of texts and numbers");
    json.push(b'\n');
    SecretBytes::new(core::mem::take(&mut *json))
}

#[cfg(test)]
mod tests;
