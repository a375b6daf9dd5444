//! `deviceLocalCredentialInfo` and `deviceLocalCredential`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::secret::Password;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret_text::{self, SecretText};

/// What is known of one device's passwords. Graph: `deviceLocalCredentialInfo`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceLocalCredentialInfo {
    /// The device id, a GUID.
    pub id: String,
    /// The device's name at its last backup.
    pub device_name: Option<String>,
    /// When the last password was stored.
    pub last_backup_date_time: String,
    /// When the device will rotate.
    pub refresh_date_time: String,
    /// Newest and older passwords, in no particular order; only with `$select=credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Vec<DeviceLocalCredential>>,
}

/// One password. Graph: `deviceLocalCredential`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceLocalCredential {
    /// The account that it opens.
    pub account_name: String,
    /// The account's SID; empty where the host has none.
    #[serde(default)]
    pub account_sid: Option<String>,
    /// When it was stored.
    pub backup_date_time: String,
    /// UTF-8 in standard Base64.
    #[serde(with = "secret_text")]
    pub password_base64: SecretText,
}

impl DeviceLocalCredential {
    /// The Base64 of a password, as [`Self::password_base64`] holds it.
    #[must_use]
    pub fn encode(password: &Password) -> SecretText {
        let clear = password.expose_secret().as_bytes();
        let mut text = String::with_capacity(clear.len().div_ceil(3).saturating_mul(4));
        STANDARD.encode_string(clear, &mut text);
        SecretText::new(text)
    }

    /// The password in clear; none if it is not Base64 of UTF-8.
    #[must_use]
    pub fn password(&self) -> Option<Password> {
        let mut clear = Zeroizing::new(Vec::with_capacity(self.password_base64.expose_secret().len()));
        STANDARD.decode_vec(self.password_base64.expose_secret(), &mut clear).ok()?;
        core::str::from_utf8(&clear).ok().map(|text| Password::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_utf_8_in_base64() {
        let credential = DeviceLocalCredential {
            account_name: "lapadmin".to_owned(),
            account_sid: None,
            backup_date_time: String::new(),
            password_base64: DeviceLocalCredential::encode(&Password::new("pässwörd".to_owned())),
        };
        assert_eq!(credential.password_base64.expose_secret(), "cMOkc3N3w7ZyZA==");
        assert_eq!(credential.password().unwrap().expose_secret(), "pässwörd");
        assert!(!format!("{credential:?}").contains("cMOk"));
    }
}
