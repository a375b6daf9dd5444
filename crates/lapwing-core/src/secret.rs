//! Secrets as types: no `Clone`, `Display`, `PartialEq` or serde, wiped when dropped, redacted when printed.
//!
//! INVARIANT: the clear text is reached only through `expose_secret`, so a search for that name lists every use.

use core::fmt;

use zeroize::Zeroizing;

/// The longest password any back end accepts, in bytes: libxcrypt and PAM take at most 511.
pub const PASSWORD_LEN_MAX: usize = 511;

/// A clear-text password.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes ownership of `text`, which must have been built in a buffer of its final capacity: a `String` that grew
    /// has left copies behind that nothing wipes.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The only way to the clear text, so that a search for this name lists every use.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// A key, seed, token or decrypted blob.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of `bytes`, which must have been built in a buffer of its final capacity.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The only way to the clear bytes, so that a search for this name lists every use.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_print_shows_no_secret() {
        let password = Password::new("hunter2".to_owned());
        let bytes = SecretBytes::new(vec![0x41; 4]);
        assert_eq!(format!("{password:?} {bytes:?}"), "Password(redacted) SecretBytes(redacted)");
        assert_eq!(password.expose_secret(), "hunter2");
        assert_eq!(bytes.expose_secret(), [0x41; 4]);
    }
}
