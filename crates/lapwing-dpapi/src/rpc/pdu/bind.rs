//! What is agreed on: the packets of a bind, and of a change of one. C706 sections 12.6.4.1 to 12.6.4.5.

use lapwing_core::types::Guid;

use super::CONTEXTS_MAX;
use crate::rpc::ndr::{DecodeError, Reader, align};

/// The longest address in the answer to a bind that is taken, in bytes: a port has six, a pipe's name a few more.
const ADDRESS_LEN_MAX: usize = 256;

/// An interface or a transfer syntax. C706 section 12.6.3.1, `p_syntax_id_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxId {
    /// Which.
    pub uuid: Guid,
    /// Its version: those of one major version understand each other upwards.
    pub major: u16,
    /// The minor one.
    pub minor: u16,
}

impl SyntaxId {
    pub(in crate::rpc) const fn new(uuid: u128, major: u16) -> Self {
        Self { uuid: Guid::from_bytes(uuid.to_be_bytes()), major, minor: 0 }
    }

    pub(in crate::rpc) fn put(self, out: &mut Vec<u8>) {
        out.extend(self.uuid.to_bytes_le());
        out.extend(self.major.to_le_bytes());
        out.extend(self.minor.to_le_bytes());
    }

    pub(in crate::rpc) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let uuid = Guid::from_bytes_le(reader.array()?);
        Ok(Self { uuid, major: reader.u16()?, minor: reader.u16()? })
    }
}

/// One thing to speak about, and the ways in which the client can. C706 section 12.6.3.1, `p_cont_elem_t`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its number in this association.
    pub context: u16,
    /// The interface.
    pub interface: SyntaxId,
    /// The transfer syntaxes.
    pub transfers: Vec<SyntaxId>,
}

/// A bind, or a change of one. C706 sections 12.6.4.1 and 12.6.4.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The longest fragment that the client sends, in bytes.
    pub send_max: u16,
    /// The longest that it takes.
    pub receive_max: u16,
    /// The group of connections that this one belongs to; zero for a new one.
    pub group: u32,
    /// What it wants to speak about: one to [`CONTEXTS_MAX`].
    pub offers: Vec<Offer>,
}

impl Bind {
    /// The body of the packet.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let count = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
        let mut out = fragment_lens(self.send_max, self.receive_max, self.group);
        out.extend([count(self.offers.len()), 0, 0, 0]);
        for offer in &self.offers {
            out.extend(offer.context.to_le_bytes());
            out.extend([count(offer.transfers.len()), 0]);
            offer.interface.put(&mut out);
            offer.transfers.iter().for_each(|transfer| transfer.put(&mut out));
        }
        out
    }

    /// Reads the body of the packet.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none, or offers more than [`CONTEXTS_MAX`].
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let (send_max, receive_max, group) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let [offers, ..] = reader.array::<4>()?;
        let offers = (0..bounded(offers, "list of contexts")?).map(|_| {
            let context = reader.u16()?;
            let [transfers, _reserved] = reader.array()?;
            let interface = SyntaxId::read(&mut reader)?;
            let transfers = (0..bounded(transfers, "list of transfer syntaxes")?)
                .map(|_| SyntaxId::read(&mut reader))
                .collect::<Result<_, _>>()?;
            Ok(Offer { context, interface, transfers })
        });
        let offers = offers.collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { send_max, receive_max, group, offers })
    }
}

fn fragment_lens(send_max: u16, receive_max: u16, group: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(send_max.to_le_bytes());
    out.extend(receive_max.to_le_bytes());
    out.extend(group.to_le_bytes());
    out
}

fn bounded(count: u8, what: &'static str) -> Result<u8, DecodeError> {
    match usize::from(count) {
        0 => Err(DecodeError::Malformed(what)),
        1..=CONTEXTS_MAX => Ok(count),
        _ => Err(DecodeError::TooLong { what, max: CONTEXTS_MAX }),
    }
}

/// What became of one [`Offer`]. C706 section 12.6.3.1, `p_result_t`; [MS-RPCE] 2.2.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted, in this transfer syntax.
    Accepted(SyntaxId),
    /// Refused by the provider, with the reason.
    Refused(u16),
    /// It was no interface but a question of what the server can do, and this is the answer's mask.
    Features(u16),
    /// Another result.
    Other {
        /// Which.
        result: u16,
        /// The reason.
        reason: u16,
    },
}

/// Reason: the server does not have the interface.
pub const NO_INTERFACE: u16 = 1;
/// Reason: it has none of the transfer syntaxes.
pub const NO_TRANSFER: u16 = 2;

/// The answer to a bind that was not refused as a whole, or to a change of one. C706 sections 12.6.4.2 and 12.6.4.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAck {
    /// The longest fragment that the server sends, in bytes.
    pub send_max: u16,
    /// The longest that it takes.
    pub receive_max: u16,
    /// The group of connections.
    pub group: u32,
    /// Where other connections of the group would go: the port in digits. Empty in the answer to a change.
    pub address: String,
    /// One for each offer.
    pub outcomes: Vec<Outcome>,
}

impl BindAck {
    /// The body of the packet.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let mut out = fragment_lens(self.send_max, self.receive_max, self.group);
        let mut address = self.address.clone().into_bytes();
        if !address.is_empty() {
            address.push(0);
        }
        out.extend(u16::try_from(address.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(address);
        align(&mut out, 4);
        out.extend([u8::try_from(self.outcomes.len()).unwrap_or(u8::MAX), 0, 0, 0]);
        let none = SyntaxId::new(0, 0);
        for outcome in &self.outcomes {
            let (result, reason, transfer) = match *outcome {
                Outcome::Accepted(transfer) => (0, 0, transfer),
                Outcome::Refused(reason) => (2, reason, none),
                Outcome::Features(mask) => (3, mask, none),
                Outcome::Other { result, reason } => (result, reason, none),
            };
            out.extend(result.to_le_bytes());
            out.extend(reason.to_le_bytes());
            transfer.put(&mut out);
        }
        out
    }

    /// Reads the body of the packet.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let (send_max, receive_max, group) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let len = usize::from(reader.u16()?);
        if len > ADDRESS_LEN_MAX {
            return Err(DecodeError::TooLong { what: "address", max: ADDRESS_LEN_MAX });
        }
        let address = reader.bytes(len)?;
        let address = String::from_utf8_lossy(address).trim_end_matches('\0').to_owned();
        reader.align(4)?;
        let [count, ..] = reader.array::<4>()?;
        let outcomes = (0..bounded(count, "list of results")?).map(|_| {
            let (result, reason) = (reader.u16()?, reader.u16()?);
            let transfer = SyntaxId::read(&mut reader)?;
            Ok(match result {
                0 => Outcome::Accepted(transfer),
                2 => Outcome::Refused(reason),
                3 => Outcome::Features(reason),
                _ => Outcome::Other { result, reason },
            })
        });
        let outcomes = outcomes.collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { send_max, receive_max, group, address, outcomes })
    }
}

/// The refusal of a bind: its reason. C706 section 12.6.4.5; [MS-RPCE] 2.2.2.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindNak(pub u16);

impl BindNak {
    /// Nothing more is told.
    pub const UNSPECIFIED: Self = Self(0);
    /// The server does not know this way to prove who one is.
    pub const AUTH_KIND: Self = Self(8);

    /// The body of the packet, with the versions that the server speaks: one, and it is 5.0.
    #[must_use]
    pub fn to_body(self) -> Vec<u8> {
        let [low, high] = self.0.to_le_bytes();
        vec![low, high, 1, 5, 0, 0, 0, 0]
    }

    /// Reads the body of the packet.
    ///
    /// # Errors
    /// [`DecodeError`] if it ends before the reason does.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        Reader::new(body).u16().map(Self)
    }
}
