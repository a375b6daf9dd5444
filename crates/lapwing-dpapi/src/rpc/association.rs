//! What both sides of an association do alike: take the stream apart, put calls together from fragments, seal and open them.

use core::mem;

use zeroize::Zeroizing;

use super::{
    ndr::{DecodeError, len32},
    pdu::{
        AUTH_HEADER_LEN, AuthHeader, CALL_HEADER_LEN, CallHeader, FIRST, FRAGMENT_LEN_MAX, Fragment,
        HEADER_SIGNING, Header, Kind, LAST, STUB_LEN_MAX, sealed_headers,
    },
    seal::{Message, Seal},
};

/// What a sealed body is filled up to a multiple of, in bytes. [MS-RPCE] 2.2.2.11.
const BODY_ALIGN: usize = 16;

/// Bytes that have come and are not yet a whole fragment.
#[derive(Debug, Default)]
pub(super) struct Inbox(Vec<u8>);

impl Inbox {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The next whole fragment, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, DecodeError> {
        let Some(header) = Header::parse(&self.0)? else { return Ok(None) };
        let len = usize::from(header.fragment_len);
        Ok((self.0.len() >= len).then(|| self.0.drain(..len).collect()))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The fragments of one call, put together in order.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    stub: Zeroizing<Vec<u8>>,
    of: Option<(u32, CallHeader)>,
}

impl Assembly {
    /// Takes the next fragment's part of the stub: the whole of it after the last one.
    pub(super) fn take(
        &mut self,
        header: Header,
        call: CallHeader,
        part: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, DecodeError> {
        let now = (header.call, CallHeader { hint: 0, ..call });
        let is_next = match &self.of {
            None => header.flags & FIRST != 0,
            Some(of) => header.flags & FIRST == 0 && *of == now,
        };
        if !is_next {
            return Err(DecodeError::Malformed("order of fragments"));
        }
        if part.len() > STUB_LEN_MAX - self.stub.len() {
            return Err(DecodeError::TooLong { what: "stub", max: STUB_LEN_MAX });
        }
        if self.of.replace(now).is_none() {
            // Of full capacity at birth, because growing leaves copies of keys behind.
            self.stub = Zeroizing::new(Vec::with_capacity(STUB_LEN_MAX));
        }
        self.stub.extend_from_slice(part);
        Ok((header.flags & LAST != 0).then(|| mem::take(self).stub))
    }
}

/// An association whose sides prove, or have proved, who they are.
#[derive(Debug)]
pub(super) struct Association<S> {
    pub(super) seal: S,
    /// What stands before each token and signature.
    pub(super) auth: AuthHeader,
    /// Whether both sides sign headers too.
    pub(super) signs_headers: bool,
    /// The longest fragment that the peer takes, in bytes.
    pub(super) fragment_len_max: u16,
}

/// What a call's fragment is about, and its part of the stub.
pub(super) type Opened = (CallHeader, Zeroizing<Vec<u8>>);

/// Why a fragment could not be opened.
#[derive(Debug)]
pub(super) enum OpenError<E> {
    Decode(DecodeError),
    /// Nothing protects it, or something else than was agreed.
    Unprotected,
    Seal(E),
}

impl<E> From<DecodeError> for OpenError<E> {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl<S> Association<S> {
    /// What packets of a bind say of the signing of headers.
    pub(super) const fn signing_flag(&self) -> u8 {
        if self.signs_headers { HEADER_SIGNING } else { 0 }
    }
}

impl<S: Seal> Association<S> {
    /// Seals a request or response, as many fragments as it takes, one after another.
    pub(super) fn seal(
        &mut self,
        kind: Kind,
        call: u32,
        header: CallHeader,
        stub: &[u8],
    ) -> Result<Vec<u8>, S::Error> {
        let fragment_len_max = usize::from(self.fragment_len_max.min(FRAGMENT_LEN_MAX));
        let overhead = CALL_HEADER_LEN + AUTH_HEADER_LEN + self.seal.signature_len(fragment_len_max)?;
        let room = fragment_len_max.saturating_sub(overhead) / BODY_ALIGN * BODY_ALIGN;
        let mut out = Vec::new();
        let mut rest = stub;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(room.max(BODY_ALIGN)));
            let first = if rest.len() == stub.len() { FIRST } else { 0 };
            let last = if after.is_empty() { LAST } else { 0 };
            let header = CallHeader { hint: len32(rest), ..header };
            self.seal_fragment(&mut out, (kind, first | last, call), header, part)?;
            rest = after;
        }
        Ok(out)
    }

    pub(super) fn seal_fragment(
        &mut self,
        out: &mut Vec<u8>,
        (kind, flags, call): (Kind, u8, u32),
        header: CallHeader,
        part: &[u8],
    ) -> Result<(), S::Error> {
        let len = part.len().next_multiple_of(BODY_ALIGN);
        let mut body = Zeroizing::new(Vec::with_capacity(len));
        body.extend_from_slice(part);
        body.resize(len, 0);
        let auth_len = self.seal.signature_len(len)?;
        // All of these are far below what does not fit: a fragment's length was kept within its own bound.
        let pad = u8::try_from(len - part.len()).unwrap_or(0);
        let short = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
        let fragment_len = short(CALL_HEADER_LEN + len + AUTH_HEADER_LEN + auth_len);
        let common = Header { kind, flags, fragment_len, auth_len: short(auth_len), call };
        let headers = sealed_headers(common, header);
        let trailer = AuthHeader { pad, ..self.auth }.to_bytes();
        let message = self.message(&headers, &mut body, &trailer);
        let signature = self.seal.seal(message)?;
        for part in [&headers[..], &body, &trailer, &signature] {
            out.extend_from_slice(part);
        }
        Ok(())
    }

    /// Opens a fragment of a call: its part of the stub.
    pub(super) fn open(&mut self, fragment: &Fragment<'_>) -> Result<Opened, OpenError<S::Error>> {
        let Some((auth, signature)) = fragment.auth else { return Err(OpenError::Unprotected) };
        if !auth.is_of(self.auth) {
            return Err(OpenError::Unprotected);
        }
        let (header, sealed) = CallHeader::parse(fragment)?;
        let headers = fragment.bytes.get(..CALL_HEADER_LEN).ok_or(DecodeError::Truncated)?;
        // As it came, with what we do not read of it: that is signed too.
        let front = fragment.bytes.len() - signature.len();
        let trailer = fragment.bytes.get(front.saturating_sub(AUTH_HEADER_LEN)..front).unwrap_or_default();
        let mut body = Zeroizing::new(sealed.to_vec());
        let message = self.message(headers, &mut body, trailer);
        self.seal.open(message, signature).map_err(OpenError::Seal)?;
        let len = body.len().checked_sub(auth.pad.into()).ok_or(DecodeError::Malformed("padding"))?;
        body.truncate(len);
        Ok((header, body))
    }

    fn message<'a>(&self, headers: &'a [u8], body: &'a mut [u8], trailer: &'a [u8]) -> Message<'a> {
        if self.signs_headers {
            Message { header: headers, body, trailer }
        } else {
            Message { header: &[], body, trailer: &[] }
        }
    }
}
