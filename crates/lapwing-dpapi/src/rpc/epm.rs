//! The endpoint mapper's question on which port an interface is served, and its answer. C706 appendix L and O, `ept_map`.
//!
//! Nobody proves anything here: it tells a port, and Kerberos then proves who answers at it.

use core::net::Ipv4Addr;

use super::{
    ndr::{DecodeError, Reader, Transfer, align, len32, put_word},
    pdu::SyntaxId,
};

/// The interface of endpoint mappers, version 3.0. C706 appendix O.
pub const INTERFACE: SyntaxId = SyntaxId::new(0xe1af_8308_5d1f_11c9_91a4_0800_2b14_a0fa, 3);
/// The port that they listen on.
pub const PORT: u16 = 135;
/// The number of `ept_map` among the interface's methods.
pub const MAP: u16 = 3;
/// The most towers that are asked for and taken.
pub const TOWERS_MAX: u32 = 4;
/// The longest tower that is taken, in bytes: one over TCP has 75.
pub const TOWER_LEN_MAX: usize = 512;
/// The status of an interface that is not served. C706 appendix E, `ept_s_not_registered`.
pub const NOT_REGISTERED: u32 = 0x16c9_a0d6;

/// The parts of a tower. C706 appendix I and L.
const UUID: u8 = 0x0d;
const CONNECTION_ORIENTED: u8 = 0x0b;
const TCP: u8 = 0x07;
const IP: u8 = 0x09;
const FLOORS: u16 = 5;

/// Anything but zero stands for a value that is there. C706 section 14.3.10.
const REFERENT: u32 = 1;
/// A `ept_lookup_handle_t` that stands for nothing.
const NO_HANDLE: [u8; 20] = [0; 20];

/// How an interface is reached over TCP. C706 appendix L, `twr_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tower {
    /// The interface.
    pub interface: SyntaxId,
    /// The transfer syntax.
    pub transfer: SyntaxId,
    /// The port; of no meaning in a question.
    pub port: u16,
    /// The address; of no meaning in a question.
    pub address: Ipv4Addr,
}

impl Tower {
    /// As it is written inside questions and answers: 75 bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = FLOORS.to_le_bytes().to_vec();
        for syntax in [self.interface, self.transfer] {
            let mut left = vec![UUID];
            left.extend(syntax.uuid.to_bytes_le());
            left.extend(syntax.major.to_le_bytes());
            put_floor(&mut out, &left, &syntax.minor.to_le_bytes());
        }
        put_floor(&mut out, &[CONNECTION_ORIENTED], &[0, 0]);
        put_floor(&mut out, &[TCP], &self.port.to_be_bytes());
        put_floor(&mut out, &[IP], &self.address.octets());
        out
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none, or leads over anything but TCP.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.u16()? != FLOORS {
            return Err(DecodeError::Malformed("number of floors"));
        }
        let interface = read_syntax(&mut reader)?;
        let transfer = read_syntax(&mut reader)?;
        read_floor::<2>(&mut reader, CONNECTION_ORIENTED)?;
        let port = u16::from_be_bytes(read_floor(&mut reader, TCP)?);
        let address = Ipv4Addr::from(read_floor::<4>(&mut reader, IP)?);
        reader.end()?;
        Ok(Self { interface, transfer, port, address })
    }
}

fn put_floor(out: &mut Vec<u8>, left: &[u8], right: &[u8]) {
    for side in [left, right] {
        // None has more than 19 bytes.
        out.extend(u16::try_from(side.len()).unwrap_or(0).to_le_bytes());
        out.extend(side);
    }
}

fn read_side<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = reader.u16()?;
    reader.bytes(len.into())
}

fn read_floor<const N: usize>(reader: &mut Reader<'_>, protocol: u8) -> Result<[u8; N], DecodeError> {
    if read_side(reader)? != [protocol] {
        return Err(DecodeError::Malformed("protocol"));
    }
    read_side(reader)?.try_into().map_err(|_| DecodeError::Malformed("floor"))
}

fn read_syntax(reader: &mut Reader<'_>) -> Result<SyntaxId, DecodeError> {
    let [left, right] = [read_side(reader)?, read_side(reader)?];
    let both = left.strip_prefix(&[UUID]).map(|left| [left, right].concat());
    let both = both.ok_or(DecodeError::Malformed("protocol"))?;
    let mut reader = Reader::new(&both);
    let syntax = SyntaxId::read(&mut reader)?;
    reader.end()?;
    Ok(syntax)
}

/// Where an interface is served, to be answered with so many towers at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked for; none if it is not over TCP, or nothing.
    pub tower: Option<Tower>,
    /// The most towers of the answer.
    pub towers_max: u32,
}

impl Question {
    /// As it is called.
    #[must_use]
    pub fn to_stub(&self, transfer: Transfer) -> Vec<u8> {
        let mut out = Vec::new();
        // An object, which is none.
        put_word(&mut out, transfer, REFERENT);
        out.extend([0; 16]);
        put_word(&mut out, transfer, if self.tower.is_some() { REFERENT + 1 } else { 0 });
        if let Some(tower) = self.tower {
            put_tower(&mut out, transfer, tower);
        }
        out.extend(NO_HANDLE);
        out.extend(self.towers_max.to_le_bytes());
        out
    }

    /// Reads a call.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn parse(transfer: Transfer, stub: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(stub);
        if reader.word(transfer)? != 0 {
            reader.array::<16>()?;
        }
        let tower = if reader.word(transfer)? == 0 { None } else { read_tower(&mut reader, transfer)? };
        reader.array::<20>()?;
        let towers_max = reader.u32()?;
        reader.end()?;
        Ok(Self { tower, towers_max })
    }
}

/// Where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Each way to it over TCP.
    pub towers: Vec<Tower>,
    /// Zero, or why there are none.
    pub status: u32,
}

impl Places {
    /// As it is returned to whoever takes so many towers.
    #[must_use]
    pub fn to_stub(&self, transfer: Transfer, towers_max: u32) -> Vec<u8> {
        let count = u32::try_from(self.towers.len()).unwrap_or(u32::MAX);
        let mut out = NO_HANDLE.to_vec();
        out.extend(count.to_le_bytes());
        for len in [towers_max, 0, count] {
            put_word(&mut out, transfer, len);
        }
        for (referent, _) in (REFERENT..).zip(&self.towers) {
            put_word(&mut out, transfer, referent);
        }
        self.towers.iter().for_each(|tower| put_tower(&mut out, transfer, *tower));
        out.extend(self.status.to_le_bytes());
        out
    }

    /// Reads what was returned. Towers that lead over anything but TCP are left out.
    ///
    /// # Errors
    /// [`DecodeError`] if it is no answer of `ept_map`, or has more than [`TOWERS_MAX`].
    pub fn parse(transfer: Transfer, stub: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(stub);
        reader.array::<20>()?;
        let count = reader.u32()?;
        if count > TOWERS_MAX {
            return Err(DecodeError::TooLong { what: "list of towers", max: 4 });
        }
        let mut word = || reader.word(transfer);
        let [size, offset, len] = [word()?, word()?, word()?];
        if size < len || offset != 0 || len != u64::from(count) {
            return Err(DecodeError::Malformed("number of towers"));
        }
        let referents: Vec<u64> = (0..count).map(|_| word()).collect::<Result<_, _>>()?;
        let mut towers = Vec::new();
        for _ in referents.into_iter().filter(|referent| *referent != 0) {
            towers.extend(read_tower(&mut reader, transfer)?);
        }
        let status = reader.u32()?;
        reader.end()?;
        Ok(Self { towers, status })
    }
}

fn put_tower(out: &mut Vec<u8>, transfer: Transfer, tower: Tower) {
    let bytes = tower.to_bytes();
    put_word(out, transfer, len32(&bytes));
    out.extend(len32(&bytes).to_le_bytes());
    out.extend(bytes);
    align(out, transfer.word());
}

/// A tower; none if it leads over anything but TCP.
fn read_tower(reader: &mut Reader<'_>, transfer: Transfer) -> Result<Option<Tower>, DecodeError> {
    let size = reader.word(transfer)?;
    let len = reader.u32()?;
    if size != u64::from(len) {
        return Err(DecodeError::Malformed("length of a tower"));
    }
    let len = usize::try_from(len).ok().filter(|len| *len <= TOWER_LEN_MAX);
    let bytes = reader.bytes(len.ok_or(DecodeError::TooLong { what: "tower", max: TOWER_LEN_MAX })?)?;
    reader.align(transfer.word())?;
    Ok(Tower::parse(bytes).ok())
}
