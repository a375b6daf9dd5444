//! What the nodes' table says of a leaf beyond its type: which values are supported, and beside which others it means
//! something. "LAPS CSP". The dependencies in `docs/csp.md` are printed from it, and
//! whoever writes a policy is held to it.

use super::tree::VALUE_LEN_MAX;
use crate::policy::{Kind, Setting};

/// The leaves beside which this one means something, in words, names in backticks; none for one that stands alone. "LAPS
/// CSP", dependencies.
#[must_use]
pub const fn depends_on(setting: Setting) -> Option<&'static str> {
    match setting {
        Setting::PasswordLength => Some("`PasswordComplexity` 1 to 5"),
        Setting::PassphraseLength => Some("`PasswordComplexity` 6 to 8"),
        Setting::ADPasswordEncryptionPrincipal | Setting::ADEncryptedPasswordHistorySize => {
            Some("`BackupDirectory` 2, `ADPasswordEncryptionEnabled`")
        }
        Setting::ADPasswordEncryptionEnabled => Some("`BackupDirectory` 2"),
        Setting::PostAuthenticationActions => Some("`PostAuthenticationResetDelay` above 0"),
        Setting::AdministratorAccountName => Some("`AutomaticAccountManagementEnabled` false"),
        Setting::AutomaticAccountManagementTarget
        | Setting::AutomaticAccountManagementNameOrPrefix
        | Setting::AutomaticAccountManagementEnableAccount
        | Setting::AutomaticAccountManagementRandomizeName => {
            Some("`AutomaticAccountManagementEnabled` true")
        }
        Setting::BackupDirectory
        | Setting::PasswordAgeDays
        | Setting::PasswordComplexity
        | Setting::PasswordExpirationProtectionEnabled
        | Setting::ADBackupDSRMPassword
        | Setting::PostAuthenticationResetDelay
        | Setting::AutomaticAccountManagementEnabled
        | Setting::ActivationGraceMinutes
        | Setting::PostAuthenticationResetDelayMinutes
        | Setting::PostAuthenticationArmedByFailure
        | Setting::PostAuthenticationActionsOnTime
        | Setting::PassphraseWordList => None,
    }
}

/// The supported values of a setting, in words.
#[must_use]
pub fn supported(setting: Setting) -> String {
    match setting.kind() {
        Kind::Integer { allowed, .. } => allowed.to_string(),
        Kind::Boolean { .. } => "true or false".to_owned(),
        Kind::Text { .. } => format!("a text of at most {VALUE_LEN_MAX} bytes"),
    }
}

/// The value as a leaf takes it, or none if the setting does not support it. A device accepts more, and then its default
/// holds; a policy is refused that.
#[must_use]
pub fn supported_value(setting: Setting, text: &str) -> Option<String> {
    match setting.kind() {
        Kind::Integer { allowed, .. } => {
            let number = text.trim().parse::<u16>().ok().filter(|number| allowed.contains(*number));
            number.map(|number| number.to_string())
        }
        Kind::Boolean { .. } => {
            let known = ["true", "false"].into_iter().find(|known| known.eq_ignore_ascii_case(text.trim()));
            known.map(str::to_owned)
        }
        Kind::Text { .. } => Some(text.to_owned()).filter(|text| text.len() <= VALUE_LEN_MAX),
    }
}
