//! Every setting of the policy: its name, type, default, allowed values and reach, in one table.

use core::fmt;

use super::account::AUTOMATIC_NAME_DEFAULT;

/// Which values of an integer setting are supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// From the first to the second, both included.
    Range(u16, u16),
    /// These and no others.
    OneOf(&'static [u16]),
}

impl Allowed {
    /// Whether `value` is supported.
    #[must_use]
    pub fn contains(self, value: u16) -> bool {
        match self {
            Self::Range(min, max) => (min..=max).contains(&value),
            Self::OneOf(values) => values.contains(&value),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(min, max) => write!(f, "{min} to {max}"),
            Self::OneOf(values) => {
                let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(", "))
            }
        }
    }
}

/// The type of a setting's value, with what holds when none is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number. Without a default the setting is optional.
    Integer {
        /// What holds when no supported value is configured.
        default: Option<u16>,
        /// The supported values.
        allowed: Allowed,
    },
    /// Yes or no; the registry writes 1 and 0.
    Boolean {
        /// What holds when no supported value is configured.
        default: bool,
    },
    /// A text, of which the empty one counts as not configured.
    Text {
        /// What holds then, in words.
        default: &'static str,
    },
}

/// The directories for which a setting means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppliesTo {
    /// Entra ID, `lapwing-server` and Active Directory.
    EveryDirectory,
    /// Active Directory alone.
    ActiveDirectory,
}

/// Who introduced a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Windows LAPS of April 2023.
    Windows,
    /// Windows 11 24H2 and Windows Server 2025.
    Windows24H2,
    /// Lapwing: Windows does not know the name, and it never makes a root win.
    Lapwing,
}

macro_rules! settings {
    ($( #[doc = $doc:literal] $name:ident: $kind:expr, $applies:ident, $since:ident; )+) => {
        /// One setting of the policy, named as Windows names it. "Configure policy settings for Windows LAPS".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Setting {
            $( #[doc = $doc] $name, )+
        }

        impl Setting {
            /// Every setting, in the order in which they are shown.
            pub const ALL: &[Self] = &[ $( Self::$name, )+ ];

            /// The name of its registry value, CSP node and key in the policy file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => stringify!($name), )+ }
            }

            /// What it sets, in one line.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $( Self::$name => $doc.trim_ascii(), )+ }
            }

            /// Its type, default and supported values.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $( Self::$name => $kind, )+ }
            }

            /// The directories for which it means something.
            #[must_use]
            pub const fn applies_to(self) -> AppliesTo {
                match self { $( Self::$name => AppliesTo::$applies, )+ }
            }

            /// Who introduced it.
            #[must_use]
            pub const fn since(self) -> Since {
                match self { $( Self::$name => Since::$since, )+ }
            }
        }
    };
}

const fn range(default: u16, min: u16, max: u16) -> Kind {
    Kind::Integer { default: Some(default), allowed: Allowed::Range(min, max) }
}

const fn boolean(default: bool) -> Kind {
    Kind::Boolean { default }
}

const fn text(default: &'static str) -> Kind {
    Kind::Text { default }
}

settings! {
    /// Where the password is stored: 0 nowhere, 1 Entra ID or lapwing-server, 2 Active Directory.
    BackupDirectory: range(0, 0, 2), EveryDirectory, Windows;
    /// The local account to manage; empty means the built-in administrator.
    AdministratorAccountName: text("the built-in administrator"), EveryDirectory, Windows;
    /// The age in days at which the password is replaced.
    PasswordAgeDays: range(30, 1, 365), EveryDirectory, Windows;
    /// Which characters or words a password is made of.
    PasswordComplexity: range(4, 1, 8), EveryDirectory, Windows;
    /// The number of characters, for complexity 1 to 5.
    PasswordLength: range(14, 8, 64), EveryDirectory, Windows;
    /// The number of words, for complexity 6 to 8.
    PassphraseLength: range(6, 3, 10), EveryDirectory, Windows24H2;
    // DEVIATION(1): Windows protects the expiry in Active Directory alone.
    /// Whether an expiry later than the age allows counts as overdue.
    PasswordExpirationProtectionEnabled: boolean(true), EveryDirectory, Windows;
    /// Whether the password is encrypted before Active Directory stores it.
    ADPasswordEncryptionEnabled: boolean(true), ActiveDirectory, Windows;
    /// The one user or group that may decrypt the password: a SID, DOMAIN\name or name@domain.
    ADPasswordEncryptionPrincipal: text("Domain Admins of the host's domain"), ActiveDirectory, Windows;
    /// The number of earlier passwords kept, encrypted, in Active Directory.
    ADEncryptedPasswordHistorySize: range(0, 0, 12), ActiveDirectory, Windows;
    /// Whether a domain controller's DSRM password is managed.
    ADBackupDSRMPassword: boolean(false), ActiveDirectory, Windows;
    /// The hours from a log-on with the managed account to the post-authentication actions; 0 means never.
    PostAuthenticationResetDelay: range(24, 0, 24), EveryDirectory, Windows;
    /// The post-authentication actions: 1 reset, 3 and log off, 5 reset and reboot, 11 as 3 and end processes.
    PostAuthenticationActions: Kind::Integer { default: Some(3), allowed: Allowed::OneOf(&[1, 3, 5, 11]) },
        EveryDirectory, Windows;
    /// Whether Lapwing owns the managed account whole, and creates, names and enables it.
    AutomaticAccountManagementEnabled: boolean(false), EveryDirectory, Windows24H2;
    /// Which account is owned: 0 the built-in administrator, 1 one made for the purpose.
    AutomaticAccountManagementTarget: range(1, 0, 1), EveryDirectory, Windows24H2;
    /// The owned account's name, or the prefix of a random one.
    AutomaticAccountManagementNameOrPrefix: text(AUTOMATIC_NAME_DEFAULT), EveryDirectory, Windows24H2;
    /// Whether the owned account is enabled; otherwise it is kept disabled.
    AutomaticAccountManagementEnableAccount: boolean(false), EveryDirectory, Windows24H2;
    /// Whether the owned account gets a new random suffix with each password.
    AutomaticAccountManagementRandomizeName: boolean(false), EveryDirectory, Windows24H2;
    // DEVIATION(2): what follows is ours; Windows ignores these names.
    /// The minutes from a policy's first application to the first rotation, so that an installation can finish.
    ActivationGraceMinutes: range(0, 0, 1440), EveryDirectory, Lapwing;
    /// The post-authentication delay in minutes, in place of the one in hours; local policy only.
    PostAuthenticationResetDelayMinutes: Kind::Integer { default: None, allowed: Allowed::Range(0, 1440) },
        EveryDirectory, Lapwing;
    /// Whether a failed log-on with the managed account counts as a use of it, three times a day at most; local policy only.
    PostAuthenticationArmedByFailure: boolean(false), EveryDirectory, Lapwing;
    /// Whether sessions end on time though the password cannot change yet, the account closed meanwhile; local policy only.
    PostAuthenticationActionsOnTime: boolean(false), EveryDirectory, Lapwing;
    /// The name of an own word list for complexity 6 to 8; local policy only.
    PassphraseWordList: text("the built-in list"), EveryDirectory, Lapwing;
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
