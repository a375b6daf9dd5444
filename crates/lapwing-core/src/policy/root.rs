//! The four roots a policy can come from, and what is found under them before anything is judged.

use core::fmt;

use super::setting::{Setting, Since};

/// Where a policy comes from, in the order in which the roots are asked. "Configure policy settings for Windows LAPS",
/// Supported policy roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyRoot {
    /// Device management: the LAPS CSP.
    Csp,
    /// Group Policy.
    GroupPolicy,
    /// The host's own file.
    Local,
    /// Group Policy of legacy Microsoft LAPS, which Lapwing emulates.
    Legacy,
}

impl PolicyRoot {
    /// Every root, the one asked first before the others.
    pub const ALL: &[Self] = &[Self::Csp, Self::GroupPolicy, Self::Local, Self::Legacy];

    /// The number in state and diagnostics. PowerShell module LAPS, `PolicySource`.
    #[must_use]
    pub const fn source_number(self) -> u8 {
        match self {
            Self::Csp => 1,
            Self::GroupPolicy => 2,
            Self::Local => 3,
            Self::Legacy => 4,
        }
    }

    /// The name in the events 10021 to 10023. Event manifest of Microsoft-Windows-LAPS.
    #[must_use]
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::Csp => "CSP",
            Self::GroupPolicy => "GPO",
            Self::Local => "Local",
            Self::Legacy => "Legacy LAPS",
        }
    }

    /// The name by which this root knows a setting, if it does.
    #[must_use]
    pub const fn name_of(self, setting: Setting) -> Option<&'static str> {
        match self {
            Self::Csp | Self::GroupPolicy | Self::Local => Some(setting.name()),
            Self::Legacy => setting.legacy_name(),
        }
    }

    /// The setting that `name` means under this root. Like those of the registry, names differ not by case.
    #[must_use]
    pub fn find(self, name: &str) -> Option<Setting> {
        let is_named =
            |setting: &Setting| self.name_of(*setting).is_some_and(|n| n.eq_ignore_ascii_case(name));
        Setting::ALL.iter().copied().find(is_named)
    }

    /// The name of a setting under this root that an unknown name probably means.
    #[must_use]
    pub fn nearest_name(self, name: &str) -> Option<&'static str> {
        super::nearest::nearest_name(self, name)
    }

    /// Whether a value of this setting takes effect under this root: two of ours are for the host's own file.
    #[must_use]
    pub const fn honours(self, setting: Setting) -> bool {
        match self {
            Self::Local => true,
            Self::Csp | Self::GroupPolicy => !setting.is_local_only(),
            Self::Legacy => setting.legacy_name().is_some(),
        }
    }
}

impl fmt::Display for PolicyRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event_name())
    }
}

impl Setting {
    /// The name under the root of legacy Microsoft LAPS, which knew six. "Get started with Windows LAPS in legacy
    /// Microsoft LAPS emulation mode".
    #[must_use]
    pub const fn legacy_name(self) -> Option<&'static str> {
        match self {
            Self::BackupDirectory => Some("AdmPwdEnabled"),
            Self::AdministratorAccountName => Some("AdminAccountName"),
            Self::PasswordAgeDays => Some("PasswordAgeDays"),
            Self::PasswordComplexity => Some("PasswordComplexity"),
            Self::PasswordLength => Some("PasswordLength"),
            Self::PasswordExpirationProtectionEnabled => Some("PwdExpirationProtectionEnabled"),
            Self::PassphraseLength
            | Self::ADPasswordEncryptionEnabled
            | Self::ADPasswordEncryptionPrincipal
            | Self::ADEncryptedPasswordHistorySize
            | Self::ADBackupDSRMPassword
            | Self::PostAuthenticationResetDelay
            | Self::PostAuthenticationActions
            | Self::AutomaticAccountManagementEnabled
            | Self::AutomaticAccountManagementTarget
            | Self::AutomaticAccountManagementNameOrPrefix
            | Self::AutomaticAccountManagementEnableAccount
            | Self::AutomaticAccountManagementRandomizeName
            | Self::ActivationGraceMinutes
            | Self::PostAuthenticationResetDelayMinutes
            | Self::PostAuthenticationArmedByFailure
            | Self::PostAuthenticationActionsOnTime
            | Self::PassphraseWordList => None,
        }
    }

    /// Whether only the host's own file may set it.
    #[must_use]
    pub const fn is_local_only(self) -> bool {
        matches!(
            self,
            Self::PostAuthenticationResetDelayMinutes
                | Self::PostAuthenticationArmedByFailure
                | Self::PostAuthenticationActionsOnTime
                | Self::PassphraseWordList
        )
    }

    /// Whether the LAPS CSP has a node for it. "LAPS CSP".
    #[must_use]
    pub const fn has_csp_node(self) -> bool {
        match self.since() {
            Since::Windows | Since::Windows24H2 => !matches!(self, Self::ADBackupDSRMPassword),
            Since::Lapwing => false,
        }
    }

    /// Whether a value of it makes its root win: those that Windows knows do.
    #[must_use]
    pub const fn makes_a_root_win(self) -> bool {
        match self.since() {
            Since::Windows | Since::Windows24H2 => true,
            Since::Lapwing => false,
        }
    }
}

/// A value as a root holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawValue {
    /// A `REG_DWORD`, a CSP `int`, a TOML integer.
    Integer(i64),
    /// A CSP `bool` or a TOML boolean; the registry writes 1 and 0.
    Boolean(bool),
    /// A `REG_SZ`, a CSP `chr`, a TOML string.
    Text(String),
    /// Something of a type that no setting has, by the name of that type: it is no value, but it is there.
    Foreign(&'static str),
}

impl fmt::Display for RawValue {
    /// As a policy file would write it, so that 1 and "1" differ and no control character gets through.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Foreign(of_type) => f.write_str(of_type),
        }
    }
}

/// One named value under a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    /// The name as it stands there.
    pub name: String,
    /// The value as it stands there.
    pub value: RawValue,
    /// Where exactly: a file and line, the name of a Group Policy object, a CSP path.
    pub origin: String,
}

/// Everything found under one root. The same root may be given in several parts; of entries with one name the last
/// counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPolicy {
    /// The root.
    pub root: PolicyRoot,
    /// What stands under it, in the order in which it was written.
    pub entries: Vec<RawEntry>,
}
