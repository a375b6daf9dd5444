//! Which account the policy manages.

use rand_core::CryptoRng;

use crate::types::AccountName;

use super::values::AutomaticAccountManagementTarget;

/// The name of an automatic account when policy gives none. "Windows LAPS account management modes".
pub const AUTOMATIC_NAME_DEFAULT: &str = "WLapsAdmin";
/// The longest name of an automatic account, in characters. Event 10092.
pub const AUTOMATIC_NAME_CHARS_MAX: usize = 20;
/// The longest prefix of a random name, in characters: six digits follow. Event 10092.
pub const AUTOMATIC_PREFIX_CHARS_MAX: usize = 14;

/// How many random digits follow a prefix. "Windows LAPS account management modes".
const SUFFIX_DIGITS: usize = 6;
/// How many numbers they can be.
const SUFFIXES: u32 = 1_000_000;

/// The account whose password is managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChoice {
    /// The host's built-in administrator, whatever its name.
    BuiltIn,
    /// An account that exists; it is never created.
    Named(AccountName),
    /// An account that Lapwing owns whole. "Windows LAPS account management modes".
    Automatic(AutomaticAccount),
}

/// An account that Lapwing owns whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomaticAccount {
    /// Whether it is the built-in administrator or one of our own.
    pub target: AutomaticAccountManagementTarget,
    /// What it is called.
    pub name: AutomaticName,
    /// Whether one can log on with it.
    pub enabled: bool,
}

/// How an automatic account gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The configured name is the name.
    Fixed,
    /// The configured name is a prefix; six random digits follow, renewed with each password.
    RandomSuffix,
}

impl Naming {
    /// The longest name or prefix, in characters.
    #[must_use]
    pub const fn chars_max(self) -> usize {
        match self {
            Self::Fixed => AUTOMATIC_NAME_CHARS_MAX,
            Self::RandomSuffix => AUTOMATIC_PREFIX_CHARS_MAX,
        }
    }
}

/// The name of an automatic account or its prefix, never longer than [`Naming::chars_max`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomaticName {
    base: AccountName,
    naming: Naming,
}

impl AutomaticName {
    /// Cuts a text to the length that `naming` allows and takes it.
    ///
    /// # Errors
    /// [`UnusableAccount`] if what is left is not an account name.
    pub fn truncating(text: &str, naming: Naming) -> Result<Self, UnusableAccount> {
        let kept: String = text.chars().take(naming.chars_max()).collect();
        // A cut may end in a blank, which is no fault of the text's.
        let kept = if kept.len() < text.len() { kept.trim_end() } else { &kept };
        let base = kept.parse().map_err(|_| UnusableAccount::new(text))?;
        Ok(Self { base, naming })
    }

    /// Takes a text that is short enough as it is.
    ///
    /// # Errors
    /// [`UnusableAccount`] if it is longer, or not an account name.
    pub fn parse(text: &str, naming: Naming) -> Result<Self, UnusableAccount> {
        if text.chars().count() > naming.chars_max() {
            return Err(UnusableAccount::new(text));
        }
        Self::truncating(text, naming)
    }

    /// Whether an account of this name is named so.
    #[must_use]
    pub fn fits(&self, account: &AccountName) -> bool {
        match self.naming {
            Naming::Fixed => self.base == *account,
            Naming::RandomSuffix => account.as_str().strip_prefix(self.base.as_str()).is_some_and(|suffix| {
                suffix.len() == SUFFIX_DIGITS && suffix.bytes().all(|byte| byte.is_ascii_digit())
            }),
        }
    }

    /// A name that is formed so: with six fresh digits where they are random.
    pub fn draw(&self, rng: &mut impl CryptoRng) -> AccountName {
        match self.naming {
            Naming::Fixed => self.base.clone(),
            Naming::RandomSuffix => {
                // Above the last multiple the low numbers would come more often than the others.
                let even = u32::MAX - u32::MAX % SUFFIXES;
                let number = core::iter::repeat_with(|| rng.next_u32()).find(|number| *number < even);
                let digits = format!("{:06}", number.unwrap_or_default() % SUFFIXES);
                self.base.with_suffix(&digits)
            }
        }
    }

    /// The whole name, or the prefix if a random suffix follows.
    #[must_use]
    pub const fn base(&self) -> &AccountName {
        &self.base
    }

    /// How the name is formed.
    #[must_use]
    pub const fn naming(&self) -> Naming {
        self.naming
    }
}

/// Why the configured account cannot be one. Nothing takes its place: to fall back to the built-in administrator would
/// change the password of an account that nobody named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} cannot be the name of an account")]
pub struct UnusableAccount {
    /// What is configured, shortened if long.
    pub got: String,
}

impl UnusableAccount {
    pub(super) fn new(got: &str) -> Self {
        Self { got: got.chars().take(64).collect() }
    }

    /// The event that reports it: the configured local account is not found. Event manifest of Microsoft-Windows-LAPS.
    pub const EVENT: u16 = 10013;

    /// What the operator can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "name an account of this host, without blanks at either end, or leave the name empty for the built-in one"
    }
}
