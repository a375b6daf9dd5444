//! How values are laid out inside a call: both transfer syntaxes, little-endian. C706 chapter 14; [MS-RPCE] 2.2.5.

use super::pdu::SyntaxId;

/// The transfer syntax of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transfer {
    /// Lengths and pointers of 32 bits.
    Ndr,
    /// Lengths and pointers of 64 bits.
    Ndr64,
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// They end early.
    #[error("it ends early")]
    Truncated,
    /// More follow.
    #[error("bytes follow its end")]
    Trailing,
    /// A value that cannot be.
    #[error("its {0} makes no sense")]
    Malformed(&'static str),
    /// More of something than is taken.
    #[error("its {what} is longer than {max}")]
    TooLong {
        /// Of what.
        what: &'static str,
        /// How much is taken, in bytes or, where something is counted, in number.
        max: usize,
    },
}

impl Transfer {
    /// Both, in the order in which they are offered: every endpoint mapper knows the first.
    pub const ALL: [Self; 2] = [Self::Ndr, Self::Ndr64];

    /// How a bind names it. [MS-RPCE] 2.2.4.12 and 2.2.4.14.
    #[must_use]
    pub const fn syntax(self) -> SyntaxId {
        match self {
            Self::Ndr => SyntaxId::new(0x8a88_5d04_1ceb_11c9_9fe8_0800_2b10_4860, 2),
            Self::Ndr64 => SyntaxId::new(0x7171_0533_beba_4937_8319_b5db_ef9c_cc36, 1),
        }
    }

    /// Which one a bind names.
    #[must_use]
    pub fn of(syntax: SyntaxId) -> Option<Self> {
        Self::ALL.into_iter().find(|transfer| transfer.syntax() == syntax)
    }

    /// The size of lengths and pointers, and what they are aligned to, in bytes.
    pub(super) const fn word(self) -> usize {
        match self {
            Self::Ndr => 4,
            Self::Ndr64 => 8,
        }
    }
}

/// Reads values one after another, aligned as from the first byte.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    len: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { len: bytes.len(), rest: bytes }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (&taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Passes over what aligns the next value, whatever it holds.
    pub(super) fn align(&mut self, to: usize) -> Result<(), DecodeError> {
        let at = self.len - self.rest.len();
        self.bytes(at.next_multiple_of(to) - at).map(drop)
    }

    /// A length or a pointer.
    pub(super) fn word(&mut self, transfer: Transfer) -> Result<u64, DecodeError> {
        self.align(transfer.word())?;
        match transfer {
            Transfer::Ndr => self.u32().map(u64::from),
            Transfer::Ndr64 => self.array().map(u64::from_le_bytes),
        }
    }

    /// What has not been read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends the reading, where nothing must follow.
    pub(super) const fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// Aligns the next value by zeros.
pub(super) fn align(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

/// Writes a length or a pointer.
pub(super) fn put_word(out: &mut Vec<u8>, transfer: Transfer, value: u32) {
    align(out, transfer.word());
    match transfer {
        Transfer::Ndr => out.extend(value.to_le_bytes()),
        Transfer::Ndr64 => out.extend(u64::from(value).to_le_bytes()),
    }
}

/// A length as it is written: all that is written here is far shorter than what does not fit.
pub(super) fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
