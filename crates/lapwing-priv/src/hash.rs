//! A password's hash, as secret as `/etc/shadow`.

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

/// What `crypt()` returned: one field of `/etc/shadow`, without a lock prefix.
#[derive(Clone)]
pub(crate) struct PasswordHash(Zeroizing<String>);

/// The longest output of libxcrypt, with its terminator. crypt(5), `CRYPT_OUTPUT_SIZE`.
pub(crate) const HASH_LEN_MAX: usize = 384;

/// The value is no hash that could stand in an account file.
#[derive(Debug, thiserror::Error)]
#[error("this is not a password hash")]
pub(crate) struct HashError;

impl PasswordHash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this hash stands in `field`, a lock prefix aside.
    pub(crate) fn stands_in(&self, field: &[u8]) -> bool {
        without_lock(field) == self.0.as_bytes()
    }
}

/// `field` without the `!`s that `passwd -l` and `usermod -L` put before a hash.
pub(crate) fn without_lock(field: &[u8]) -> &[u8] {
    let locks = field.iter().take_while(|byte| **byte == b'!').count();
    &field[locks..]
}

impl FromStr for PasswordHash {
    type Err = HashError;

    /// crypt(5): printable ASCII without blank, `:`, `;`, `*`, `!` and `\`, and never a failure token.
    fn from_str(text: &str) -> Result<Self, HashError> {
        let valid = (13..HASH_LEN_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b":;*!\\".contains(&byte));
        if valid { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(HashError) }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_prefix_is_left_aside() {
        let hash: PasswordHash = "$6$salt$0123456789".parse().unwrap();
        for (field, stands) in [
            ("$6$salt$0123456789", true),
            ("!$6$salt$0123456789", true),
            ("!!$6$salt$0123456789", true),
            ("*$6$salt$0123456789", false),
            ("$6$salt$0123456780", false),
            ("", false),
            ("!", false),
        ] {
            assert_eq!(hash.stands_in(field.as_bytes()), stands, "{field}");
        }
    }

    #[test]
    fn what_could_break_an_account_file_is_no_hash() {
        for text in ["", "*0", "*", "!$6$salt$0123456789", "$6$salt$0123:456789", "$6$salt$0123\n456789", "x"]
        {
            assert!(text.parse::<PasswordHash>().is_err(), "{text}");
        }
        assert!("x".repeat(HASH_LEN_MAX).parse::<PasswordHash>().is_err());
        assert!(!format!("{:?}", "$6$salt$0123456789".parse::<PasswordHash>()).contains("salt"));
    }
}
