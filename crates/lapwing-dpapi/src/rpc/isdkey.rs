//! The interface ISDKey and its one method, GetKey. [MS-GKDI] 3.1.4.1.

use lapwing_core::{event::Hresult, secret::SecretBytes, types::Guid};
use zeroize::Zeroizing;

use super::{
    ndr::{DecodeError, Reader, Transfer, align, len32, put_word},
    pdu::{STUB_LEN_MAX, SyntaxId},
};

/// The interface, version 1.0. [MS-GKDI] 1.9.
pub const INTERFACE: SyntaxId = SyntaxId::new(0xb978_5960_524f_11df_8b6d_83dc_ded7_2085, 1);
/// The number of GetKey among the interface's methods.
pub const GET_KEY: u16 = 0;
/// The longest security descriptor that is sent or taken, in bytes: that of one SID has 152 at most.
pub const DESCRIPTOR_LEN_MAX: usize = 4096;

/// What a caller wants: the key of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who may have the key: a security descriptor, self-relative. These very bytes go into the key.
    pub descriptor: Vec<u8>,
    /// From which root key; none for the one that the controller would choose.
    pub root_key: Option<Guid>,
    /// The interval: L0, L1 and L2; each -1 for the present one.
    pub interval: [i32; 3],
}

/// What became of it.
#[derive(Debug)]
pub enum Answer {
    /// A group key envelope. [MS-GKDI] 2.2.4.
    Envelope(SecretBytes),
    /// A refusal, and nothing else.
    Refused(Hresult),
}

/// Anything but zero stands for a value that is there. C706 section 14.3.10.
const REFERENT: u32 = 0x0002_0000;

impl Request {
    /// As it is called.
    #[must_use]
    pub fn to_stub(&self, transfer: Transfer) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(len32(&self.descriptor).to_le_bytes());
        put_word(&mut out, transfer, len32(&self.descriptor));
        out.extend(&self.descriptor);
        put_word(&mut out, transfer, if self.root_key.is_some() { REFERENT } else { 0 });
        out.extend(self.root_key.map(Guid::to_bytes_le).into_iter().flatten());
        out.extend(self.interval.map(i32::to_le_bytes).into_iter().flatten());
        out
    }

    /// Reads a call, and what follows it.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none, or its descriptor longer than [`DESCRIPTOR_LEN_MAX`].
    pub fn parse(transfer: Transfer, stub: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader::new(stub);
        let len = reader.u32()?;
        if reader.word(transfer)? != u64::from(len) {
            return Err(DecodeError::Malformed("length of the descriptor"));
        }
        let len = usize::try_from(len).ok().filter(|len| *len <= DESCRIPTOR_LEN_MAX);
        let len = len.ok_or(DecodeError::TooLong { what: "descriptor", max: DESCRIPTOR_LEN_MAX })?;
        let descriptor = reader.bytes(len)?.to_vec();
        let root_key = match reader.word(transfer)? {
            0 => None,
            _ => Some(Guid::from_bytes_le(reader.array()?)),
        };
        reader.align(4)?;
        let mut index = || reader.array().map(i32::from_le_bytes);
        let interval = [index()?, index()?, index()?];
        Ok((Self { descriptor, root_key, interval }, reader.rest()))
    }
}

impl Answer {
    /// As it is returned.
    #[must_use]
    pub fn to_stub(&self, transfer: Transfer) -> Zeroizing<Vec<u8>> {
        let (envelope, Hresult(result)) = match self {
            Self::Envelope(envelope) => (envelope.expose_secret(), Hresult::SUCCESS),
            Self::Refused(result) => (&[][..], *result),
        };
        // Of full length at birth, because growing leaves copies of keys behind: 28 bytes at most are not the envelope's.
        let mut out = Zeroizing::new(Vec::with_capacity(envelope.len() + 32));
        out.extend(len32(envelope).to_le_bytes());
        if matches!(self, Self::Envelope(_)) {
            put_word(&mut out, transfer, REFERENT);
            put_word(&mut out, transfer, len32(envelope));
            out.extend(envelope);
        } else {
            put_word(&mut out, transfer, 0);
        }
        align(&mut out, 4);
        out.extend(result.to_le_bytes());
        out
    }

    /// Reads what was returned.
    ///
    /// # Errors
    /// [`DecodeError`] if it is no answer of GetKey, or says that all went well and has no envelope.
    pub fn parse(transfer: Transfer, stub: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(stub);
        let len = reader.u32()?;
        let envelope = match reader.word(transfer)? {
            0 => None,
            _ => {
                if reader.word(transfer)? != u64::from(len) {
                    return Err(DecodeError::Malformed("length of the envelope"));
                }
                let len = usize::try_from(len).ok().filter(|len| *len <= STUB_LEN_MAX);
                Some(reader.bytes(len.ok_or(DecodeError::Truncated)?)?)
            }
        };
        reader.align(4)?;
        let result = reader.u32()?;
        reader.end()?;
        match (result, envelope) {
            (0, Some(envelope)) => Ok(Self::Envelope(SecretBytes::new(envelope.to_vec()))),
            (0, None) => Err(DecodeError::Malformed("result")),
            (result, _) => Ok(Self::Refused(Hresult(result))),
        }
    }
}
