//! What a group key is, and what it is for.

/// The flags of a group key envelope and of a key identifier. [MS-GKDI] 2.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    const PUBLIC_KEY: u32 = 1;
    const MAY_PROTECT: u32 = 2;

    /// Those of an answer.
    #[must_use]
    pub const fn new(is_public_key: bool, may_protect: bool) -> Self {
        let public_key = if is_public_key { Self::PUBLIC_KEY } else { 0 };
        Self(public_key | if may_protect { Self::MAY_PROTECT } else { 0 })
    }

    /// As they stand on the wire; others than these two are kept.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// As they stand on the wire.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether a public key is meant, and not seed keys.
    #[must_use]
    pub const fn is_public_key(self) -> bool {
        self.0 & Self::PUBLIC_KEY != 0
    }

    /// Whether new data may be protected with the key.
    #[must_use]
    pub const fn may_protect(self) -> bool {
        self.0 & Self::MAY_PROTECT != 0
    }
}
