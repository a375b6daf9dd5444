//! The verification trailer: what a client believes that a call is about, inside the sealed part, so that nobody can have made
//! the server believe something else. [MS-RPCE] 2.2.2.13.

use super::{
    ndr::{DecodeError, Reader, align},
    pdu::{Kind, SyntaxId},
};

const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
/// The trailer begins where its first byte is aligned to four, and NDR64 may fill up to eight.
const PADDING_LEN_MAX: usize = 7;

const BIT_MASK: u16 = 1;
const PRESENTATION_CONTEXT: u16 = 2;
const HEADER_2: u16 = 3;
const KIND: u16 = 0x3fff;
const END: u16 = 0x4000;
const MUST_PROCESS: u16 = 0x8000;

/// The mask's bit: the client can sign headers.
const CLIENT_SIGNS_HEADERS: u32 = 1;

/// What a call is about, as the server knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The interface.
    pub interface: SyntaxId,
    /// How values are laid out.
    pub transfer: SyntaxId,
    /// Which call.
    pub call: u32,
    /// Which of the bind's offers.
    pub context: u16,
    /// Which method.
    pub method: u16,
    /// Whether headers are signed.
    pub signs_headers: bool,
}

/// Why a trailer is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrailerError {
    /// It is none.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The client believes that the call is about something else.
    #[error("the client's {0} is not the one that was agreed")]
    Other(&'static str),
    /// It must be understood, and is not.
    #[error("what must be checked is of the unknown kind {0}")]
    Unknown(u16),
}

/// Writes a trailer behind a stub: it tells interface and transfer syntax, as other clients do.
pub fn put(stub: &mut Vec<u8>, interface: SyntaxId, transfer: SyntaxId) {
    align(stub, 4);
    stub.extend(SIGNATURE);
    stub.extend((PRESENTATION_CONTEXT | END).to_le_bytes());
    stub.extend(40_u16.to_le_bytes());
    interface.put(stub);
    transfer.put(stub);
}

/// Checks what follows a stub: a trailer, or nothing.
///
/// # Errors
/// [`TrailerError`] if it is something else, or says that the call is about something else.
pub fn check(rest: &[u8], about: &About) -> Result<(), TrailerError> {
    let padding = rest.iter().take(PADDING_LEN_MAX).take_while(|byte| **byte == 0).count();
    let mut reader = Reader::new(rest);
    reader.bytes(padding)?;
    if reader.rest().is_empty() {
        return Ok(());
    }
    if reader.array()? != SIGNATURE {
        return Err(DecodeError::Trailing.into());
    }
    loop {
        let (command, len) = (reader.u16()?, reader.u16()?);
        let mut value = Reader::new(reader.bytes(len.into())?);
        match command & KIND {
            BIT_MASK => {
                let says_so = value.u32()? & CLIENT_SIGNS_HEADERS != 0;
                // Somebody has taken the offer out of the bind.
                if says_so && !about.signs_headers {
                    return Err(TrailerError::Other("signing of headers"));
                }
            }
            PRESENTATION_CONTEXT => {
                if SyntaxId::read(&mut value)? != about.interface {
                    return Err(TrailerError::Other("interface"));
                }
                if SyntaxId::read(&mut value)? != about.transfer {
                    return Err(TrailerError::Other("transfer syntax"));
                }
            }
            HEADER_2 => {
                let [kind, ..] = value.array::<4>()?;
                let _data_representation = value.u32()?;
                let told = (value.u32()?, value.u16()?, value.u16()?);
                if kind != Kind::Request.code() || told != (about.call, about.context, about.method) {
                    return Err(TrailerError::Other("call"));
                }
            }
            kind if command & MUST_PROCESS != 0 => return Err(TrailerError::Unknown(kind)),
            _ => {}
        }
        if command & END != 0 {
            return Ok(reader.end()?);
        }
    }
}
