//! The password upload: Windows' form, the form with our extension, and the answers.

use core::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::{
    secret::{PASSWORD_LEN_MAX, Password, SecretBytes},
    types::{AccountName, AccountNameError, FileTime, FileTimeError, GuidError, InstanceId, PasswordVersion},
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    json::{self, JsonError},
    secret_text::{self, SecretText},
};

/// HPKE's encapsulated key and the tag of AES-256-GCM. RFC 9180 section 7.
const SEAL_OVERHEAD: usize = 32 + 16;

/// What a device uploads, understood.
#[derive(Debug)]
pub struct Upload {
    /// The account that the password opens.
    pub account: AccountName,
    /// The password and what is bound to it.
    pub password: UploadPassword,
}

/// The two forms of an upload.
#[derive(Debug)]
pub enum UploadPassword {
    /// As Windows sends it.
    Clear {
        /// The new password.
        password: Password,
        /// When the device will rotate it, if it said so.
        expiry: Option<FileTime>,
    },
    /// With the extension of `lapwing-server`.
    Sealed(SealedUpload),
}

/// The extension's members. docs/protocol.md, "Store".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedUpload {
    /// The version drawn with this password.
    pub version: PasswordVersion,
    /// What the directory must hold for the upload to succeed.
    pub condition: Condition,
    /// The version in force on the device, which must stay readable.
    pub in_force: Option<PasswordVersion>,
    /// When the device will rotate it.
    pub expiry: FileTime,
    /// See docs/protocol.md, "Seal".
    pub sealed: Vec<u8>,
    /// The run of the agent that sends it; none from an agent that tells none.
    pub instance: Option<InstanceId>,
}

/// What the directory must hold now for a store to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Anything.
    Any,
    /// No versioned password.
    Absent,
    /// Exactly this version.
    Holds(PasswordVersion),
}

/// Why an upload is refused before anything is looked up. Repeats nothing of the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Not the JSON expected.
    #[error("the upload is malformed")]
    Json(#[from] JsonError),
    /// The account's name is none.
    #[error("the upload names no account")]
    Account(#[from] AccountNameError),
    /// Neither a password in clear nor a sealed one, or both.
    #[error("the upload must hold either NewPassword or Lapwing")]
    NotOnePassword,
    /// Empty, or longer than any back end takes.
    #[error("the password is empty or has more than {PASSWORD_LEN_MAX} bytes")]
    PasswordLen,
    /// A version is no GUID.
    #[error("a version of the upload is malformed")]
    Version(#[from] GuidError),
    /// The expiry is no time.
    #[error("the expiry of the upload is malformed")]
    Expiry(#[from] FileTimeError),
    /// The sealed password is not Base64 of a possible length.
    #[error("the sealed password is malformed")]
    Sealed,
}

/// The body in lower case, as [`json::parse_tolerant`] presents it.
#[derive(Deserialize)]
struct Body {
    accountname: String,
    #[serde(default, deserialize_with = "some_secret")]
    newpassword: Option<SecretText>,
    passwordexpirytime: Option<TextOrTicks>,
    lapwing: Option<Extension>,
}

#[derive(Deserialize)]
struct Extension {
    version: String,
    #[serde(default, deserialize_with = "present")]
    expectedversion: Option<Option<String>>,
    inforceversion: Option<String>,
    expiry: String,
    sealedpassword: String,
    instance: Option<String>,
}

/// A FILETIME as a number, or RFC 3339: which one Windows sends is not known.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrTicks {
    Text(String),
    Ticks(u64),
}

fn some_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    secret_text::deserialize(deserializer).map(Some)
}

/// Tells `null` from a member left out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Upload {
    /// Reads the body of an upload in either form, with the liberties of Windows devices.
    ///
    /// # Errors
    /// [`UploadError`] if a member is missing or malformed.
    pub fn parse(body: &[u8]) -> Result<Self, UploadError> {
        let body: Body = json::parse_tolerant(body)?;
        let account = body.accountname.parse()?;
        let password = match (body.newpassword, body.lapwing) {
            (Some(text), None) => UploadPassword::Clear {
                password: parse_password(&text)?,
                expiry: body.passwordexpirytime.map(TextOrTicks::parse).transpose()?,
            },
            (None, Some(extension)) => UploadPassword::Sealed(extension.parse()?),
            (None, None) | (Some(_), Some(_)) => return Err(UploadError::NotOnePassword),
        };
        Ok(Self { account, password })
    }
}

fn parse_password(text: &SecretText) -> Result<Password, UploadError> {
    let text = text.expose_secret();
    if (1..=PASSWORD_LEN_MAX).contains(&text.len()) {
        Ok(Password::new(text.to_owned()))
    } else {
        Err(UploadError::PasswordLen)
    }
}

impl TextOrTicks {
    fn parse(self) -> Result<FileTime, FileTimeError> {
        match self {
            Self::Text(text) => text.parse(),
            Self::Ticks(ticks) => FileTime::from_ticks(ticks),
        }
    }
}

impl Extension {
    fn parse(self) -> Result<SealedUpload, UploadError> {
        let condition = match self.expectedversion {
            None => Condition::Any,
            Some(None) => Condition::Absent,
            Some(Some(version)) => Condition::Holds(version.parse()?),
        };
        let sealed = STANDARD.decode(self.sealedpassword).map_err(|_| UploadError::Sealed)?;
        let password_len = sealed.len().checked_sub(SEAL_OVERHEAD).ok_or(UploadError::Sealed)?;
        if !(1..=PASSWORD_LEN_MAX).contains(&password_len) {
            return Err(UploadError::Sealed);
        }
        Ok(SealedUpload {
            version: self.version.parse()?,
            condition,
            in_force: self.inforceversion.map(|version| version.parse()).transpose()?,
            expiry: self.expiry.parse()?,
            sealed,
            instance: self.instance.map(|instance| instance.parse()).transpose()?,
        })
    }
}

/// The upload as Entra ID takes it: clear text inside TLS. Names and formats of all members stand here alone, so that
/// one capture on a real device can correct them.
#[derive(Debug, Clone, Copy)]
pub struct EntraUpload<'a> {
    /// The account that the password opens.
    pub account: &'a AccountName,
    /// The new password.
    pub password: &'a Password,
    /// When the device will rotate; written as a hexadecimal literal. The member's name is unconfirmed: `None` against
    /// the real Entra ID.
    pub expiry: Option<FileTime>,
}

impl EntraUpload<'_> {
    /// The body. It holds the clear text and was built in a buffer that never grew.
    ///
    /// # Errors
    /// If the texts cannot be written as JSON.
    pub fn expose_json(&self) -> Result<SecretBytes, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Members<'a> {
            account_name: &'a str,
            new_password: &'a str,
        }
        let members =
            Members { account_name: self.account.as_str(), new_password: self.password.expose_secret() };
        // JSON writes one byte as six (`\u0001`) at worst.
        let texts = members.account_name.len().saturating_add(members.new_password.len());
        let mut json = Vec::with_capacity(texts.saturating_mul(6).saturating_add(128));
        serde_json::to_writer(&mut json, &members)?;
        if let Some(expiry) = self.expiry {
            json.pop();
            json.extend_from_slice(format!(r#","PasswordExpiryTime":{:#x}}}"#, expiry.ticks()).as_bytes());
        }
        Ok(SecretBytes::new(json))
    }
}

/// The upload as `lapwing-server` takes it.
#[derive(Debug, Clone, Copy)]
pub struct LapwingUpload<'a> {
    /// The account that the password opens.
    pub account: &'a AccountName,
    /// Everything else.
    pub members: &'a SealedUpload,
}

impl LapwingUpload<'_> {
    /// The body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let members = self.members;
        let mut extension = serde_json::json!({
            "Version": members.version.to_string(),
            "InForceVersion": members.in_force.map(|version| version.to_string()),
            "Expiry": members.expiry.to_string(),
            "SealedPassword": STANDARD.encode(&members.sealed),
        });
        let expected = match members.condition {
            Condition::Any => None,
            Condition::Absent => Some(serde_json::Value::Null),
            Condition::Holds(version) => Some(version.to_string().into()),
        };
        if let (Some(instance), Some(object)) = (members.instance, extension.as_object_mut()) {
            object.insert("Instance".to_owned(), instance.to_string().into());
        }
        if let (Some(expected), Some(object)) = (expected, extension.as_object_mut()) {
            object.insert("ExpectedVersion".to_owned(), expected);
        }
        serde_json::json!({ "AccountName": self.account.as_str(), "Lapwing": extension })
            .to_string()
            .into_bytes()
    }
}

/// The answer to a store with the extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoreAnswer {
    /// What is held now.
    pub lapwing: StoredMembers,
}

/// What the server holds durably.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredMembers {
    /// GUID.
    pub version: String,
    /// When the device will rotate it.
    pub expiry: String,
    /// See docs/protocol.md, "Receipt"; 64 bytes in Base64.
    pub receipt: String,
}

/// A store's answer, understood; its receipt is not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldVersion {
    /// The version held.
    pub version: PasswordVersion,
    /// The expiry held.
    pub expiry: FileTime,
    /// Ed25519 signature.
    pub receipt: [u8; 64],
}

/// Why an answer of the server is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not the JSON expected.
    #[error("the server's answer is malformed")]
    Json(#[from] JsonError),
    /// A version is no GUID.
    #[error("the version in the server's answer is malformed")]
    Version(#[from] GuidError),
    /// A time is none.
    #[error("a time in the server's answer is malformed")]
    Time(#[from] FileTimeError),
    /// The account's name is none.
    #[error("the account in the server's answer is malformed")]
    Account(#[from] AccountNameError),
    /// The receipt is not 64 bytes.
    #[error("the receipt in the server's answer is malformed")]
    Receipt,
}

impl StoreAnswer {
    /// Reads the answer to a store.
    ///
    /// # Errors
    /// [`AnswerError`] if a member is missing or malformed.
    pub fn parse(body: &[u8]) -> Result<HeldVersion, AnswerError> {
        let Self { lapwing } = json::parse(body)?;
        Ok(HeldVersion {
            version: lapwing.version.parse()?,
            expiry: lapwing.expiry.parse()?,
            receipt: parse_receipt(&lapwing.receipt)?,
        })
    }
}

impl StoredMembers {
    /// The members as the server sends them.
    #[must_use]
    pub fn new(version: PasswordVersion, expiry: FileTime, receipt: &[u8; 64]) -> Self {
        Self { version: version.to_string(), expiry: expiry.to_string(), receipt: STANDARD.encode(receipt) }
    }
}

fn parse_receipt(text: &str) -> Result<[u8; 64], AnswerError> {
    STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(AnswerError::Receipt)
}

/// The answer to a question for the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StateAnswer {
    /// What is held.
    pub lapwing: StateMembers,
}

/// What the server holds for this device; all but the time are `null` if it holds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StateMembers {
    /// GUID; `null` also for a password stored in Windows' form.
    pub version: Option<String>,
    /// When the device meant to rotate it, or shall.
    pub expiry: Option<String>,
    /// The account that the password opens.
    pub account_name: Option<String>,
    /// The receipt of the store that holds.
    pub receipt: Option<String>,
    /// The server's clock.
    pub time: String,
    /// When it was stored, RFC 3339; left out by older servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// The address that it was stored from, where that is known; left out by older servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_from: Option<String>,
}

/// A state, understood; its receipt is not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldState {
    /// The version held.
    pub version: Option<PasswordVersion>,
    /// The expiry held.
    pub expiry: Option<FileTime>,
    /// The account that the password opens.
    pub account: Option<AccountName>,
    /// Ed25519 signature.
    pub receipt: Option<[u8; 64]>,
    /// The server's clock.
    pub time: FileTime,
    /// When it was stored.
    pub stored: Option<FileTime>,
    /// The address that it was stored from.
    pub stored_from: Option<IpAddr>,
}

impl StateAnswer {
    /// Reads the answer to a question for the state.
    ///
    /// # Errors
    /// [`AnswerError`] if a member is missing or malformed.
    pub fn parse(body: &[u8]) -> Result<HeldState, AnswerError> {
        let Self { lapwing } = json::parse(body)?;
        Ok(HeldState {
            version: lapwing.version.map(|text| text.parse()).transpose()?,
            expiry: lapwing.expiry.map(|text| text.parse()).transpose()?,
            account: lapwing.account_name.map(|text| text.parse()).transpose()?,
            receipt: lapwing.receipt.map(|text| parse_receipt(&text)).transpose()?,
            time: lapwing.time.parse()?,
            stored: lapwing.stored.map(|text| text.parse()).transpose()?,
            // It only explains.
            stored_from: lapwing.stored_from.and_then(|text| text.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests;
