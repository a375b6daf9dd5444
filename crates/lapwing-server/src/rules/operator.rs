//! Operators: the people of the console, and the one whom no change may take away.

use core::{fmt, str::FromStr};

use super::access::Role;

const NAME_LEN_MAX: usize = 64;
/// A password's length in characters. NIST SP 800-63B 5.1.1.2 asks for at least 8 and to allow at least 64.
pub(crate) const PASSWORD_LEN_MIN: usize = 12;
pub(crate) const PASSWORD_LEN_MAX: usize = 256;

/// What an operator signs in with, in lower case: 1 to 64 of `a`–`z`, `0`–`9`, `.`, `_`, `-`, `@`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OperatorName {
    bytes: [u8; NAME_LEN_MAX],
    len: usize,
}

/// The text names no operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {NAME_LEN_MAX} of the characters a-z, 0-9, `.`, `_`, `-` and `@`")]
pub(crate) struct OperatorNameError;

impl OperatorName {
    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII was ever put in.
        self.bytes.get(..self.len).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl FromStr for OperatorName {
    type Err = OperatorNameError;

    fn from_str(text: &str) -> Result<Self, OperatorNameError> {
        let text = text.trim();
        let is_known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'@');
        if text.is_empty() || !text.bytes().all(is_known) {
            return Err(OperatorNameError);
        }
        let mut bytes = [0; NAME_LEN_MAX];
        bytes.get_mut(..text.len()).ok_or(OperatorNameError)?.copy_from_slice(text.as_bytes());
        bytes.make_ascii_lowercase();
        Ok(Self { bytes, len: text.len() })
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorName({self})")
    }
}

/// Why a password is not taken; nothing if it is.
pub(crate) fn password_fault(password: &str, name: OperatorName) -> Option<&'static str> {
    let len = password.chars().count();
    if len < PASSWORD_LEN_MIN {
        Some("The password needs at least 12 characters.")
    } else if len > PASSWORD_LEN_MAX {
        Some("The password may have at most 256 characters.")
    } else if password.to_ascii_lowercase().contains(name.as_str()) && name.as_str().len() > 3 {
        Some("The password must not contain the name.")
    } else {
        None
    }
}

/// An operator, as far as the rule below needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing<'a> {
    pub(crate) roles: &'a [Role],
    pub(crate) enabled: bool,
    /// Whether password and second factor are there.
    pub(crate) is_set_up: bool,
}

impl Standing<'_> {
    /// Whether this operator can sign in and give rights to others.
    pub(crate) fn administers(&self) -> bool {
        self.enabled && self.is_set_up && self.roles.contains(&Role::Administer)
    }
}

/// Whether a change may be made: not if it takes away the last operator who can administer.
pub(crate) fn may_change(
    before: &Standing<'_>,
    after: Option<&Standing<'_>>,
    other_administrators: u64,
) -> bool {
    !before.administers() || after.is_some_and(Standing::administers) || other_administrators > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_in_lower_case() {
        assert_eq!(" Ada.L@Example-1_ ".parse::<OperatorName>().unwrap().to_string(), "ada.l@example-1_");
        assert_eq!("x".repeat(64).parse::<OperatorName>().unwrap().as_str().len(), 64);
        for text in ["", " ", "a b", "ä", "a/b", "<a>", &"x".repeat(65)] {
            assert_eq!(text.parse::<OperatorName>(), Err(OperatorNameError), "{text}");
        }
    }

    #[test]
    fn a_password_is_long_enough_and_not_the_name() {
        let name = "adalove".parse().unwrap();
        assert!(password_fault("elevenchars", name).is_some());
        assert_eq!(password_fault("twelve chars", name), None);
        assert!(password_fault(&"x".repeat(257), name).is_some());
        assert_eq!(password_fault(&"ä".repeat(256), name), None);
        assert!(password_fault("my AdaLove 2026", name).is_some());
    }

    #[test]
    fn the_last_administrator_stays() {
        let administrator = Standing { roles: &[Role::Administer], enabled: true, is_set_up: true };
        let disabled = Standing { enabled: false, ..administrator };
        let demoted = Standing { roles: &[Role::AuditRead], ..administrator };
        let reset = Standing { is_set_up: false, ..administrator };
        for after in [None, Some(&disabled), Some(&demoted), Some(&reset)] {
            assert!(!may_change(&administrator, after, 0), "{after:?}");
            assert!(may_change(&administrator, after, 1), "{after:?}");
            assert!(may_change(&demoted, after, 0), "{after:?}");
        }
        assert!(may_change(&administrator, Some(&administrator), 0));
    }
}
