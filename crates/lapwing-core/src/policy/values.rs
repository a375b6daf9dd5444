//! The values that settings take: a value that exists is supported. Limits and defaults of numbers stand in the table
//! of [`Setting`] alone.

use core::str::FromStr;

use super::setting::{Kind, Setting};

/// Why a value is not one that a setting takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} does not support {got}")]
pub struct Unsupported {
    /// The setting.
    pub setting: Setting,
    /// The value, shortened if long.
    pub got: String,
}

impl Unsupported {
    fn new(setting: Setting, got: &impl ToString) -> Self {
        Self { setting, got: got.to_string().chars().take(64).collect() }
    }

    /// What the operator can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "configure a value that `lapwing get-policy` lists as supported"
    }
}

/// A value that policy writes as a number.
pub(super) trait Number: Copy {
    const SETTING: Setting;
    const DEFAULT: Self;
    fn from_number(number: i64) -> Result<Self, Unsupported>;
    fn to_number(self) -> u16;
}

/// The number as the table's type, if the table supports it.
pub(super) fn supported(setting: Setting, number: i64) -> Result<u16, Unsupported> {
    let Kind::Integer { allowed, .. } = setting.kind() else {
        return Err(Unsupported::new(setting, &number));
    };
    u16::try_from(number)
        .ok()
        .filter(|number| allowed.contains(*number))
        .ok_or_else(|| Unsupported::new(setting, &number))
}

const fn default_of(setting: Setting) -> u16 {
    match setting.kind() {
        Kind::Integer { default: Some(default), .. } => default,
        Kind::Integer { default: None, .. } | Kind::Boolean { .. } | Kind::Text { .. } => 0,
    }
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident = $setting:ident, $get:ident: $get_doc:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(u16);

        impl $name {
            /// What holds when no supported value is configured.
            pub const DEFAULT: Self = Self(default_of(Setting::$setting));

            /// Takes a number that the setting supports.
            ///
            /// # Errors
            /// [`Unsupported`] if the table of [`Setting`] does not allow it.
            pub fn parse(number: i64) -> Result<Self, Unsupported> {
                supported(Setting::$setting, number).map(Self)
            }

            #[doc = $get_doc]
            #[must_use]
            pub const fn $get(self) -> u16 {
                self.0
            }
        }

        impl Number for $name {
            const SETTING: Setting = Setting::$setting;
            const DEFAULT: Self = Self::DEFAULT;

            fn from_number(number: i64) -> Result<Self, Unsupported> {
                Self::parse(number)
            }

            fn to_number(self) -> u16 {
                self.0
            }
        }
    };
}

quantity! {
    /// The number of characters of a password, 8 to 64.
    PasswordLength = PasswordLength, characters: "The length in characters."
}
quantity! {
    /// The number of words of a passphrase, 3 to 10.
    PassphraseLength = PassphraseLength, words: "The length in words."
}
quantity! {
    /// The age at which a password is replaced, 1 to 365 days.
    PasswordAgeDays = PasswordAgeDays, days: "The age in whole days."
}
quantity! {
    /// How many earlier passwords Active Directory keeps, 0 to 12.
    HistorySize = ADEncryptedPasswordHistorySize, entries: "The number of earlier passwords."
}
quantity! {
    /// The time from a log-on to the post-authentication actions, 0 to 24 hours.
    ResetDelayHours = PostAuthenticationResetDelay, hours: "The delay in whole hours."
}
quantity! {
    /// The time from a policy's first application to the first rotation, 0 to 1440 minutes.
    ActivationGraceMinutes = ActivationGraceMinutes, minutes: "The grace in whole minutes."
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, default $default:ident { $(#[doc = $variant_doc:literal] $variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $( #[doc = $variant_doc] $variant, )+
        }

        impl $name {
            /// Every choice, by rising number.
            pub const ALL: &[Self] = &[ $( Self::$variant, )+ ];
            /// What holds when no supported value is configured.
            pub const DEFAULT: Self = Self::$default;

            /// Takes the number that policy knows the choice by.
            ///
            /// # Errors
            /// [`Unsupported`] if the number is no choice's.
            pub fn parse(number: i64) -> Result<Self, Unsupported> {
                match number {
                    $( $number => Ok(Self::$variant), )+
                    _ => Err(Unsupported::new(Setting::$name, &number)),
                }
            }

            /// The number that policy knows the choice by.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $( Self::$variant => $number, )+ }
            }

            /// Its number and what it means, in one line.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $( Self::$variant => $variant_doc.trim_ascii(), )+ }
            }
        }

        impl Number for $name {
            const SETTING: Setting = Setting::$name;
            const DEFAULT: Self = Self::DEFAULT;

            fn from_number(number: i64) -> Result<Self, Unsupported> {
                Self::parse(number)
            }

            fn to_number(self) -> u16 {
                u16::from(self.number())
            }
        }
    };
}

choice! {
    /// Where the password is stored.
    BackupDirectory, default Disabled {
        /// 0: nowhere; nothing is managed.
        Disabled = 0,
        /// 1: Entra ID or `lapwing-server`, told apart by discovery.
        Cloud = 1,
        /// 2: the Active Directory domain of the host.
        ActiveDirectory = 2,
    }
}
choice! {
    /// Which characters or words a password is made of. "Windows LAPS passwords and passphrases".
    PasswordComplexity, default LettersDigitsSymbols {
        /// 1: capital letters.
        Capitals = 1,
        /// 2: capital and small letters.
        Letters = 2,
        /// 3: letters and digits.
        LettersDigits = 3,
        /// 4: letters, digits and symbols.
        LettersDigitsSymbols = 4,
        /// 5: as 4, without the characters that look alike.
        Readable = 5,
        /// 6: words of the long list.
        LongWords = 6,
        /// 7: words of the short list.
        ShortWords = 7,
        /// 8: words of the short list with unique prefixes.
        ShortWordsUniquePrefix = 8,
    }
}
choice! {
    /// What follows a log-on with the managed account, once the delay is over. "Configure policy settings for Windows
    /// LAPS", PostAuthenticationActions.
    PostAuthenticationActions, default ResetAndLogOff {
        /// 1: reset the password.
        Reset = 1,
        /// 3: reset, then end the account's sessions.
        ResetAndLogOff = 3,
        /// 5: reset, then reboot.
        ResetAndReboot = 5,
        /// 11: reset, end the account's sessions, then every process left.
        ResetLogOffAndTerminate = 11,
    }
}
choice! {
    /// Which account automatic account management owns. "Windows LAPS account management modes".
    AutomaticAccountManagementTarget, default OwnAccount {
        /// 0: the built-in administrator.
        BuiltIn = 0,
        /// 1: one made for the purpose.
        OwnAccount = 1,
    }
}

/// The choices of a setting that has a few, each with what it means; none for any other setting.
#[must_use]
pub fn choices(setting: Setting) -> Vec<(u8, &'static str)> {
    match setting {
        Setting::BackupDirectory => BackupDirectory::ALL.iter().map(|c| (c.number(), c.doc())).collect(),
        Setting::PasswordComplexity => {
            PasswordComplexity::ALL.iter().map(|c| (c.number(), c.doc())).collect()
        }
        Setting::PostAuthenticationActions => {
            PostAuthenticationActions::ALL.iter().map(|c| (c.number(), c.doc())).collect()
        }
        Setting::AutomaticAccountManagementTarget => {
            AutomaticAccountManagementTarget::ALL.iter().map(|c| (c.number(), c.doc())).collect()
        }
        Setting::AdministratorAccountName
        | Setting::PasswordAgeDays
        | Setting::PasswordLength
        | Setting::PassphraseLength
        | Setting::PasswordExpirationProtectionEnabled
        | Setting::ADPasswordEncryptionEnabled
        | Setting::ADPasswordEncryptionPrincipal
        | Setting::ADEncryptedPasswordHistorySize
        | Setting::ADBackupDSRMPassword
        | Setting::PostAuthenticationResetDelay
        | Setting::AutomaticAccountManagementEnabled
        | Setting::AutomaticAccountManagementNameOrPrefix
        | Setting::AutomaticAccountManagementEnableAccount
        | Setting::AutomaticAccountManagementRandomizeName
        | Setting::ActivationGraceMinutes
        | Setting::PostAuthenticationResetDelayMinutes
        | Setting::PostAuthenticationArmedByFailure
        | Setting::PostAuthenticationActionsOnTime
        | Setting::PassphraseWordList => Vec::new(),
    }
}

impl PasswordComplexity {
    /// Whether words are drawn and not characters, so that [`PassphraseLength`] counts.
    #[must_use]
    pub const fn is_passphrase(self) -> bool {
        match self {
            Self::LongWords | Self::ShortWords | Self::ShortWordsUniquePrefix => true,
            Self::Capitals
            | Self::Letters
            | Self::LettersDigits
            | Self::LettersDigitsSymbols
            | Self::Readable => false,
        }
    }
}

/// The name of one of the host's own word lists: 1 to [`WORD_LIST_NAME_LEN_MAX`] of `a-z`, `0-9`, `-` and `_`, so that
/// it is safe as a component of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WordListName(String);

/// The longest name of a word list, in bytes.
pub const WORD_LIST_NAME_LEN_MAX: usize = 64;

impl WordListName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WordListName {
    type Err = Unsupported;

    fn from_str(text: &str) -> Result<Self, Unsupported> {
        let valid = (1..=WORD_LIST_NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Unsupported::new(Setting::PassphraseWordList, &text))
        }
    }
}
