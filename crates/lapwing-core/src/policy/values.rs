//! The values that settings take: a value that exists is supported. The limits themselves stand in the table of
//! [`Setting`] alone.

use super::setting::{Allowed, Kind, Setting};

/// Why a value is not one that a setting takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} does not support {got:?}")]
pub struct Unsupported {
    /// The setting.
    pub setting: Setting,
    /// The value, shortened if long.
    pub got: String,
}

impl Unsupported {
    pub(super) fn new(setting: Setting, got: &str) -> Self {
        Self { setting, got: got.chars().take(64).collect() }
    }

    /// What the operator can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "configure a value that `lapwing get-policy` lists as supported"
    }
}

/// Passes `value` through if the table supports it.
fn supported(setting: Setting, value: i64) -> Result<i64, Unsupported> {
    let allowed = match setting.kind() {
        Kind::Integer { allowed, .. } => allowed,
        Kind::Boolean { .. } => Allowed::Range(0, 1),
        Kind::Text { .. } => Allowed::OneOf(&[]),
    };
    if allowed.contains(value) { Ok(value) } else { Err(Unsupported::new(setting, &value.to_string())) }
}

macro_rules! small_number {
    ($(#[$doc:meta])* $name:ident, $get:ident: $get_doc:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(u16);

        impl $name {
            /// Takes a number that the setting supports.
            ///
            /// # Errors
            /// [`Unsupported`] if the table of [`Setting`] does not allow it.
            pub fn parse(number: i64) -> Result<Self, Unsupported> {
                let number = supported(Setting::$name, number)?;
                u16::try_from(number).map(Self).map_err(|_| Unsupported::new(Setting::$name, &number.to_string()))
            }

            #[doc = $get_doc]
            #[must_use]
            pub const fn $get(self) -> u16 {
                self.0
            }
        }
    };
}

small_number! {
    /// The number of characters of a password, 8 to 64.
    PasswordLength, characters: "The length in characters."
}
small_number! {
    /// The number of words of a passphrase, 3 to 10.
    PassphraseLength, words: "The length in words."
}
small_number! {
    /// The age at which a password is replaced, 1 to 365 days.
    PasswordAgeDays, days: "The age in whole days."
}

/// Which characters or words a password is made of. `windows-laps.md` §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PasswordComplexity {
    /// 1: capital letters.
    Capitals,
    /// 2: capital and small letters.
    Letters,
    /// 3: letters and digits.
    LettersDigits,
    /// 4: letters, digits and symbols.
    LettersDigitsSymbols,
    /// 5: as 4, without the characters that look alike.
    Readable,
    /// 6: words of the long list.
    LongWords,
    /// 7: words of the short list.
    ShortWords,
    /// 8: words of the short list with unique prefixes.
    ShortWordsUniquePrefix,
}

impl PasswordComplexity {
    /// Every complexity, by its number from 1.
    pub const ALL: &[Self] = &[
        Self::Capitals,
        Self::Letters,
        Self::LettersDigits,
        Self::LettersDigitsSymbols,
        Self::Readable,
        Self::LongWords,
        Self::ShortWords,
        Self::ShortWordsUniquePrefix,
    ];

    /// Takes the number that policy knows it by.
    ///
    /// # Errors
    /// [`Unsupported`] unless it is 1 to 8.
    pub fn parse(number: i64) -> Result<Self, Unsupported> {
        Self::ALL
            .iter()
            .copied()
            .find(|complexity| i64::from(complexity.number()) == number)
            .ok_or_else(|| Unsupported::new(Setting::PasswordComplexity, &number.to_string()))
    }

    /// The number that policy knows it by.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Capitals => 1,
            Self::Letters => 2,
            Self::LettersDigits => 3,
            Self::LettersDigitsSymbols => 4,
            Self::Readable => 5,
            Self::LongWords => 6,
            Self::ShortWords => 7,
            Self::ShortWordsUniquePrefix => 8,
        }
    }

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
