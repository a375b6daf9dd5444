//! Names of accounts.

use core::{fmt, str::FromStr};

/// The name of a local account on some managed host.
///
/// Guaranteed to be safe as one field of a colon-separated account file and as one component of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountName(String);

/// The longest account name, in bytes: `LOGIN_NAME_MAX` of Linux without its terminator.
pub const ACCOUNT_NAME_LEN_MAX: usize = 255;

/// Why a text is not an account name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an account name: it must be 1 to 255 bytes, without blanks at either end, a leading hyphen, control characters, or any of : / , \\"
)]
pub struct AccountNameError(String);

impl AccountName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with decimal digits behind it: one, for digits spoil no name.
    #[must_use]
    pub(crate) fn with_suffix(&self, digits: &str) -> Self {
        let digits = digits.chars().filter(char::is_ascii_digit);
        Self(self.0.chars().chain(digits).collect())
    }
}

impl FromStr for AccountName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, AccountNameError> {
        let valid = (1..=ACCOUNT_NAME_LEN_MAX).contains(&text.len())
            && text.trim() == text
            && !text.starts_with('-')
            && !matches!(text, "." | "..")
            && !text.chars().any(|c| c.is_control() || matches!(c, ':' | '/' | ',' | '\\'));
        if valid { Ok(Self(text.to_owned())) } else { Err(AccountNameError(text.chars().take(64).collect())) }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_an_account_file_are_refused() {
        for text in ["", " root", "root ", "a:b", "a\nb", "-r", "a/b", ".", "..", "a\u{0}b", "a,b", "D\\u"] {
            assert!(text.parse::<AccountName>().is_err(), "{text:?}");
        }
        for text in ["root", "lapadmin", "Local Admin", "svc.backup-1", "österreich", "_apt"] {
            assert_eq!(text.parse::<AccountName>().unwrap().as_str(), text);
        }
    }
}
