//! Names of domains as they stand in envelopes and key identifiers.

use core::fmt;

use super::wire;

/// The longest name, in units of UTF-16: DNS has none of more than 255 bytes. RFC 1035 section 2.3.4.
pub const NAME_LEN_MAX: usize = 255;

/// A domain's name in DNS, or nothing, as whoever protects without a domain writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a domain's name has at most {NAME_LEN_MAX} characters, and no NUL")]
pub struct NameError;

/// The names of the domain that a key is of, and of its forest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DomainNames {
    /// The domain's.
    pub domain: Name,
    /// The forest's.
    pub forest: Name,
}

impl Name {
    /// Takes any text that can be written.
    ///
    /// # Errors
    /// [`NameError`] if it is too long or holds a NUL.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = text.encode_utf16().count() <= NAME_LEN_MAX && !text.contains('\0');
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Self::new(&wire::narrow(bytes)?).ok()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        wire::wide(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
