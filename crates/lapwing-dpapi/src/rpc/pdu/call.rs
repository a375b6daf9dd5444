//! What is called: the headers of requests, responses and faults. C706 sections 12.6.4.7, 12.6.4.9 and 12.6.4.10.

use super::{CALL_HEADER_LEN, DID_NOT_EXECUTE, Fragment, HEADER_LEN, Header, Kind, OBJECT, write};
use crate::rpc::ndr::{DecodeError, Reader, len32};

/// What follows the common header in a request, response or fault. C706 sections 12.6.4.7, 12.6.4.9 and 12.6.4.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallHeader {
    /// How long the stub is from here on, in bytes: a hint.
    pub hint: u32,
    /// Which of the bind's offers the call is about.
    pub context: u16,
    /// The number of the method in a request; zero in answers.
    pub method: u16,
}

impl CallHeader {
    /// Reads it, and what follows.
    ///
    /// # Errors
    /// [`DecodeError`] if it ends early, or the call is about an object.
    pub fn parse<'a>(fragment: &Fragment<'a>) -> Result<(Self, &'a [u8]), DecodeError> {
        if fragment.header.kind == Kind::Request && fragment.header.flags & OBJECT != 0 {
            return Err(DecodeError::Malformed("object"));
        }
        let mut reader = Reader::new(fragment.body);
        let this = Self { hint: reader.u32()?, context: reader.u16()?, method: reader.u16()? };
        Ok((this, reader.rest()))
    }

    /// As it is written.
    #[must_use]
    pub fn to_bytes(self) -> [u8; CALL_HEADER_LEN - HEADER_LEN] {
        let [a, b, c, d] = self.hint.to_le_bytes();
        let ([e, f], [g, h]) = (self.context.to_le_bytes(), self.method.to_le_bytes());
        [a, b, c, d, e, f, g, h]
    }
}

/// Writes the two headers of a fragment that is sealed, as they will be once it is.
pub(in crate::rpc) fn sealed_headers(header: Header, call: CallHeader) -> Vec<u8> {
    let mut out = Vec::with_capacity(CALL_HEADER_LEN);
    header.put(&mut out);
    out.extend(call.to_bytes());
    out
}

/// Writes a whole call that nothing protects.
pub(in crate::rpc) fn write_call(kind: Kind, call: u32, header: CallHeader, stub: &[u8]) -> Vec<u8> {
    let header = CallHeader { hint: len32(stub), ..header };
    write(kind, 0, call, &[&header.to_bytes()[..], stub].concat(), None)
}

/// Writes a fault, which says that a call was not begun. C706 section 12.6.4.7.
pub(in crate::rpc) fn write_fault(call: u32, context: u16, status: u32) -> Vec<u8> {
    let header = CallHeader { hint: 8, context, method: 0 };
    let [a, b, c, d] = status.to_le_bytes();
    let stub = [a, b, c, d, 0, 0, 0, 0];
    write(Kind::Fault, DID_NOT_EXECUTE, call, &[header.to_bytes(), stub].concat(), None)
}
