//! What stands in the attributes: passwords, their versions and times. [MS-ADA2] 2.64 to 2.69.

use lapwing_core::{
    laps,
    secret::{PASSWORD_LEN_MAX, Password, SecretBytes},
    types::{AccountName, FileTime, Guid, PasswordVersion},
};
use serde::Deserialize;

use crate::{
    json::{self, JsonError},
    secret_text::{self, SecretText},
};

/// The longest `msLAPS-Password` read, in bytes: twice what the longest name and password come to.
pub const CLEAR_PASSWORD_LEN_MAX: usize = 16 << 10;

/// `msLAPS-Password`, which is also what every encrypted password holds. [MS-ADA2], msLAPS-Password.
#[derive(Debug)]
pub struct ClearPassword {
    /// `n`: the account that the password opens.
    pub account: AccountName,
    /// `t`: when it was set.
    pub updated: FileTime,
    /// `p`: the password.
    pub password: Password,
}

/// Why a value is not what its attribute holds. Never repeats it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Longer than any honest value.
    #[error("the value has {len} bytes, more than {CLEAR_PASSWORD_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// No JSON of the three members.
    #[error("the password is not in the form that Windows LAPS stores")]
    Json(#[from] JsonError),
    /// A member or the whole value is not of its form.
    #[error("the value's {0} is not of the form that Windows LAPS stores")]
    Malformed(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    n: String,
    t: String,
    #[serde(with = "secret_text")]
    p: SecretText,
}

impl ClearPassword {
    /// Reads the members in any order; each must be there once, and no other.
    ///
    /// # Errors
    /// [`ValueError`] if it is too long or malformed.
    pub fn parse(value: &[u8]) -> Result<Self, ValueError> {
        if value.len() > CLEAR_PASSWORD_LEN_MAX {
            return Err(ValueError::TooLong { len: value.len() });
        }
        let Members { n, t, p } = json::parse(value)?;
        let account = n.parse().map_err(|_| ValueError::Malformed("account name"))?;
        let updated = parse_hex(&t).ok_or(ValueError::Malformed("update time"))?;
        Ok(Self { account, updated, password: password(p.expose_secret())? })
    }

    /// The value as Windows writes it.
    #[must_use]
    pub fn to_value(&self) -> SecretBytes {
        laps::password_value(&self.account, self.updated, &self.password)
    }
}

/// Lower-case hexadecimal without leading zeros.
fn parse_hex(text: &str) -> Option<FileTime> {
    let is_canonical = !text.starts_with('0')
        && (1..=16).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let ticks = is_canonical.then(|| u64::from_str_radix(text, 16).ok())??;
    FileTime::from_ticks(ticks).ok()
}

fn password(text: &str) -> Result<Password, ValueError> {
    if (1..=PASSWORD_LEN_MAX).contains(&text.len()) {
        Ok(Password::new(text.to_owned()))
    } else {
        Err(ValueError::Malformed("password"))
    }
}

/// Reads `ms-Mcs-AdmPwd`, the bare password of legacy Microsoft LAPS.
///
/// # Errors
/// [`ValueError::Malformed`] if it is empty, too long or no text.
pub fn parse_legacy_password(value: &[u8]) -> Result<Password, ValueError> {
    password(core::str::from_utf8(value).map_err(|_| ValueError::Malformed("password"))?)
}

/// Reads `msLAPS-PasswordExpirationTime` or its legacy twin: decimal ticks. [MS-ADTS] 3.1.1.2.2.2.
///
/// The directory takes any 64-bit number. One below zero lies before every time, and one behind the year 9999 behind
/// every other; both are expiries all the same.
///
/// # Errors
/// [`ValueError::Malformed`] if it is no such number.
pub fn parse_expiry(value: &str) -> Result<FileTime, ValueError> {
    let ticks: i64 = value.parse().map_err(|_| ValueError::Malformed("expiry"))?;
    let latest = FileTime::UNIX_EPOCH.saturating_add(core::time::Duration::MAX);
    let ticks = u64::try_from(ticks).unwrap_or(0).min(latest.ticks());
    FileTime::from_ticks(ticks).map_err(|_| ValueError::Malformed("expiry"))
}

/// The expiry as it is stored.
#[must_use]
pub fn expiry_value(expiry: FileTime) -> String {
    expiry.ticks().to_string()
}

const TICKS_PER_SECOND: u64 = 10_000_000;

/// An expiry that tells the password it was stored with from the others, where the schema has no
/// `msLAPS-CurrentPasswordVersion`: at most two seconds before the wanted one, never after it, and none of `taken`.
///
/// The 100 ns that nobody reads are drawn from the version. Whoever stores the password notes the expiry beside the
/// version, and finds one by the other when an answer was lost.
#[must_use]
pub fn unique_expiry(wanted: FileTime, version: PasswordVersion, taken: &[FileTime]) -> FileTime {
    let [.., b0, b1, b2, b3, b4, b5, b6, b7] = version.0.to_bytes();
    let mark = u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]) % TICKS_PER_SECOND;
    let second = wanted.ticks() - wanted.ticks() % TICKS_PER_SECOND;
    let start = second.saturating_sub(TICKS_PER_SECOND);
    let marked = |offset: u64| FileTime::from_ticks(start + (mark + offset) % TICKS_PER_SECOND);
    // One more try than there are others always finds a free one.
    let mut tries = (0..).take(taken.len().saturating_add(1)).filter_map(|offset| marked(offset).ok());
    tries.find(|expiry| !taken.contains(expiry)).unwrap_or(wanted)
}

/// Reads `msLAPS-CurrentPasswordVersion`. [MS-DTYP] 2.3.4.2.
///
/// # Errors
/// [`ValueError::Malformed`] if it has not 16 bytes.
pub fn parse_version(value: &[u8]) -> Result<PasswordVersion, ValueError> {
    let bytes = value.try_into().map_err(|_| ValueError::Malformed("password version"))?;
    Ok(PasswordVersion(Guid::from_bytes_le(bytes)))
}

/// The version as it is stored.
#[must_use]
pub const fn version_value(version: PasswordVersion) -> [u8; 16] {
    version.0.to_bytes_le()
}

#[cfg(test)]
mod tests;
