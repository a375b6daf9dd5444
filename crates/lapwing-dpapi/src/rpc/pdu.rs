//! The packets of connection-oriented DCE/RPC, version 5.0, little-endian. C706 chapter 12; [MS-RPCE] 2.2.2.

mod bind;
mod call;

pub(super) use self::call::{sealed_headers, write_call, write_fault};
pub use self::{
    bind::{Bind, BindAck, BindNak, NO_INTERFACE, NO_TRANSFER, Offer, Outcome, SyntaxId},
    call::CallHeader,
};
use super::ndr::{DecodeError, Reader};

/// The longest fragment of a call that is sent or taken, in bytes: what Windows uses over TCP. Packets that carry a token are
/// taken up to the 65 535 that their header can tell, because a ticket lists its owner's groups.
pub const FRAGMENT_LEN_MAX: u16 = 5840;
/// The shortest longest fragment that a peer may ask for, in bytes. C706 section 12.6.3.1, `MustRecvFragSize`.
pub const FRAGMENT_LEN_MIN: u16 = 1432;
/// The longest stub, of all fragments of one call together, in bytes.
pub const STUB_LEN_MAX: usize = 64 << 10;
/// The most presentation contexts of one association, and the most transfer syntaxes that one is offered with.
pub const CONTEXTS_MAX: usize = 4;
/// The common header, in bytes.
pub(super) const HEADER_LEN: usize = 16;
/// The header of a request, response or fault, in bytes: the stub begins behind it.
pub(super) const CALL_HEADER_LEN: usize = 24;
/// What stands before a token or signature, in bytes.
pub(super) const AUTH_HEADER_LEN: usize = 8;

/// The first fragment of a call.
pub(super) const FIRST: u8 = 0x01;
/// The last one.
pub(super) const LAST: u8 = 0x02;
/// On the packets of a bind: the sender can sign headers. [MS-RPCE] 2.2.2.3.
pub(super) const HEADER_SIGNING: u8 = 0x04;
/// On a fault: the call was not begun.
pub(super) const DID_NOT_EXECUTE: u8 = 0x20;
/// On a request: an object's UUID follows the header.
const OBJECT: u8 = 0x80;

/// Little-endian integers, ASCII, IEEE. C706 section 14.1.
const DATA_REPRESENTATION: [u8; 4] = [0x10, 0, 0, 0];

/// What a packet is. C706 section 12.6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the standard's own names")]
pub enum Kind {
    Request,
    Response,
    Fault,
    Bind,
    BindAck,
    BindNak,
    AlterContext,
    AlterContextResponse,
    Auth3,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Request,
        Self::Response,
        Self::Fault,
        Self::Bind,
        Self::BindAck,
        Self::BindNak,
        Self::AlterContext,
        Self::AlterContextResponse,
        Self::Auth3,
    ];

    /// The number that stands for it.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Response => 2,
            Self::Fault => 3,
            Self::Bind => 11,
            Self::BindAck => 12,
            Self::BindNak => 13,
            Self::AlterContext => 14,
            Self::AlterContextResponse => 15,
            Self::Auth3 => 16,
        }
    }

    const fn is_of_call(self) -> bool {
        matches!(self, Self::Request | Self::Response | Self::Fault)
    }
}

/// The common header. C706 section 12.6.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the packet is.
    pub kind: Kind,
    /// The bits of `pfc_flags`.
    pub flags: u8,
    /// The whole fragment, in bytes.
    pub fragment_len: u16,
    /// Its token or signature, in bytes.
    pub auth_len: u16,
    /// Which call it belongs to.
    pub call: u32,
}

impl Header {
    /// Reads the header; none while not all of it is there.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none, or one of a packet that is longer than its kind may be.
    pub fn parse(start: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some(header) = start.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let mut reader = Reader::new(header);
        // Windows ignores the minor version, which clients set to 0 or 1. C706 section 12.6.3.1.
        let [5, 0 | 1] = reader.array()? else { return Err(DecodeError::Malformed("version")) };
        let code = reader.u8()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.code() == code);
        let kind = kind.ok_or(DecodeError::Malformed("kind of packet"))?;
        let flags = reader.u8()?;
        if reader.array()? != DATA_REPRESENTATION {
            return Err(DecodeError::Malformed("data representation"));
        }
        let (fragment_len, auth_len, call) = (reader.u16()?, reader.u16()?, reader.u32()?);
        if kind.is_of_call() && fragment_len > FRAGMENT_LEN_MAX {
            return Err(DecodeError::TooLong { what: "fragment", max: FRAGMENT_LEN_MAX.into() });
        }
        let fixed = if kind.is_of_call() { CALL_HEADER_LEN } else { HEADER_LEN };
        let auth = if auth_len == 0 { 0 } else { AUTH_HEADER_LEN + usize::from(auth_len) };
        if usize::from(fragment_len) < fixed + auth {
            return Err(DecodeError::Malformed("length"));
        }
        Ok(Some(Self { kind, flags, fragment_len, auth_len, call }))
    }

    fn put(self, out: &mut Vec<u8>) {
        out.extend([5, 0, self.kind.code(), self.flags]);
        out.extend(DATA_REPRESENTATION);
        out.extend(self.fragment_len.to_le_bytes());
        out.extend(self.auth_len.to_le_bytes());
        out.extend(self.call.to_le_bytes());
    }
}

/// How both sides prove who they are. [MS-RPCE] 2.2.1.1.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthKind {
    /// SPNEGO.
    Negotiate,
    /// Kerberos by itself.
    Kerberos,
}

impl AuthKind {
    const fn code(self) -> u8 {
        match self {
            Self::Negotiate => 9,
            Self::Kerberos => 16,
        }
    }
}

/// `RPC_C_AUTHN_LEVEL_PKT_PRIVACY`: everything is signed and encrypted. [MS-RPCE] 2.2.1.1.8.
const PRIVACY: u8 = 6;

/// What stands before a token or signature. [MS-RPCE] 2.2.2.11, `sec_trailer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthHeader {
    /// How both prove who they are.
    pub kind: u8,
    /// How calls are protected.
    pub level: u8,
    /// How many bytes before it are no part of the body.
    pub pad: u8,
    /// Which security context.
    pub context: u32,
}

impl AuthHeader {
    /// That of a context of this kind, at the level of privacy.
    #[must_use]
    pub const fn new(kind: AuthKind, context: u32) -> Self {
        Self { kind: kind.code(), level: PRIVACY, pad: 0, context }
    }

    /// How both prove who they are, if it is in a way that we know.
    #[must_use]
    pub fn auth_kind(self) -> Option<AuthKind> {
        [AuthKind::Negotiate, AuthKind::Kerberos].into_iter().find(|kind| kind.code() == self.kind)
    }

    /// Whether calls are signed and encrypted.
    #[must_use]
    pub const fn is_private(self) -> bool {
        self.level == PRIVACY
    }

    /// Whether both are of one context, protected in one way.
    #[must_use]
    pub const fn is_of(self, other: Self) -> bool {
        self.kind == other.kind && self.level == other.level && self.context == other.context
    }

    pub(super) fn to_bytes(self) -> [u8; AUTH_HEADER_LEN] {
        let [a, b, c, d] = self.context.to_le_bytes();
        [self.kind, self.level, self.pad, 0, a, b, c, d]
    }
}

/// One fragment, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Its header.
    pub header: Header,
    /// All of it.
    pub bytes: &'a [u8],
    /// What follows the common header, up to the token or signature, what fills it up included.
    pub body: &'a [u8],
    /// The token or signature, if it has one.
    pub auth: Option<(AuthHeader, &'a [u8])>,
}

impl<'a> Fragment<'a> {
    /// Takes one whole fragment apart.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let header = Header::parse(bytes)?.ok_or(DecodeError::Truncated)?;
        let whole = bytes.get(..usize::from(header.fragment_len)).ok_or(DecodeError::Truncated)?;
        if whole.len() < bytes.len() {
            return Err(DecodeError::Trailing);
        }
        if header.auth_len == 0 {
            let body = whole.get(HEADER_LEN..).unwrap_or_default();
            return Ok(Self { header, bytes, body, auth: None });
        }
        // Both are there: `Header::parse` has compared the lengths.
        let (front, value) = whole.split_at(whole.len() - usize::from(header.auth_len));
        let (front, auth) = front.split_at(front.len() - AUTH_HEADER_LEN);
        let body = front.get(HEADER_LEN..).unwrap_or_default();
        let mut reader = Reader::new(auth);
        let [kind, level, pad, _reserved] = reader.array()?;
        let auth = AuthHeader { kind, level, pad, context: reader.u32()? };
        Ok(Self { header, bytes, body, auth: Some((auth, value)) })
    }

    /// The body of a packet that is not encrypted, without what fills it up.
    ///
    /// # Errors
    /// [`DecodeError`] if it is shorter than that.
    pub fn clear_body(&self) -> Result<&'a [u8], DecodeError> {
        let pad = self.auth.map_or(0, |(auth, _)| usize::from(auth.pad));
        let len = self.body.len().checked_sub(pad).ok_or(DecodeError::Malformed("padding"))?;
        Ok(self.body.get(..len).unwrap_or_default())
    }

    /// Whether it is all of its packet.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.header.flags & (FIRST | LAST) == FIRST | LAST
    }
}

/// Writes a packet that is not encrypted and has one fragment. Its body is a multiple of four bytes long if it has a token.
#[must_use]
pub fn write(kind: Kind, flags: u8, call: u32, body: &[u8], auth: Option<(AuthHeader, &[u8])>) -> Vec<u8> {
    let value = auth.map_or(&[][..], |(_, value)| value);
    let auth_len = if value.is_empty() { 0 } else { AUTH_HEADER_LEN + value.len() };
    let len = HEADER_LEN + body.len() + auth_len;
    let short = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
    let header = Header {
        kind,
        flags: flags | FIRST | LAST,
        fragment_len: short(len),
        auth_len: short(value.len()),
        call,
    };
    let mut out = Vec::with_capacity(len);
    header.put(&mut out);
    out.extend(body);
    if let Some((auth, value)) = auth.filter(|(_, value)| !value.is_empty()) {
        out.extend(auth.to_bytes());
        out.extend(value);
    }
    out
}
