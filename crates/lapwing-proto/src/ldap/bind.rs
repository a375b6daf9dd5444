//! The bind by Kerberos: SASL's mechanism GSSAPI inside LDAP. RFC 4511 section 4.2; RFC 4752 section 3.1.

use super::ber::{self, BerError};

/// The longest answer to a bind that is read, in bytes: a Kerberos token takes a few hundred.
pub const BIND_RESPONSE_LEN_MAX: usize = 64 << 10;

/// The octets from which the length of a message is known.
pub const HEADER_LEN: usize = 6;

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SASL: u8 = 0xa3;
const SERVER_SASL_CREDENTIALS: u8 = 0x87;
const MECHANISM: &[u8] = b"GSSAPI";
const LDAP_VERSION: u8 = 3;

/// The code by which a server asks for the next step. RFC 4511 section 4.1.9, `saslBindInProgress`.
pub const IN_PROGRESS: u32 = 14;

/// A bind request with the next token, if there is one.
#[must_use]
pub fn request(message: u8, token: Option<&[u8]>) -> Vec<u8> {
    let mut sasl = Vec::new();
    ber::put(&mut sasl, ber::OCTET_STRING, MECHANISM);
    if let Some(token) = token {
        ber::put(&mut sasl, ber::OCTET_STRING, token);
    }
    let mut bind = Vec::new();
    ber::put(&mut bind, ber::INTEGER, &[LDAP_VERSION]);
    ber::put(&mut bind, ber::OCTET_STRING, b"");
    ber::put(&mut bind, SASL, &sasl);
    let mut body = Vec::new();
    ber::put(&mut body, ber::INTEGER, &[message]);
    ber::put(&mut body, BIND_REQUEST, &bind);
    let mut out = Vec::new();
    ber::put(&mut out, ber::SEQUENCE, &body);
    out
}

/// The answer to a bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The result code.
    pub code: u32,
    /// The server's own words.
    pub diagnostic: String,
    /// The next token, if there is one.
    pub token: Option<Vec<u8>>,
}

/// How many bytes the message is long that begins like this; none while too few are here to tell.
///
/// # Errors
/// When it is no message, or a longer one than any answer to a bind.
pub fn response_len(start: &[u8]) -> Result<Option<usize>, BerError> {
    if start.first().is_some_and(|tag| *tag != ber::SEQUENCE) {
        return Err(BerError::Unexpected);
    }
    let header = match start.get(1) {
        None => return Ok(None),
        Some(0..=0x7f) => 2,
        Some(octets @ 0x81..=0x84) => 2 + usize::from(octets & 0x7f),
        Some(_) => return Err(BerError::Length),
    };
    let Some(octets) = start.get(2..header) else { return Ok(None) };
    let long = octets.iter().fold(0_usize, |len, octet| len << 8 | usize::from(*octet));
    let value = if octets.is_empty() { start.get(1).copied().map_or(0, usize::from) } else { long };
    if value > BIND_RESPONSE_LEN_MAX { Err(BerError::Length) } else { Ok(Some(header + value)) }
}

impl Response {
    /// Reads one whole message.
    ///
    /// # Errors
    /// When it is no answer to a bind.
    pub fn parse(message: &[u8]) -> Result<Self, BerError> {
        let (body, _) = ber::expect(message, ber::SEQUENCE)?;
        let (_, body) = ber::expect(body, ber::INTEGER)?;
        let (result, _) = ber::expect(body, BIND_RESPONSE)?;
        let (code, result) = ber::expect(result, ber::ENUMERATED)?;
        let (_, result) = ber::expect(result, ber::OCTET_STRING)?;
        let (diagnostic, mut rest) = ber::expect(result, ber::OCTET_STRING)?;
        let mut token = None;
        while !rest.is_empty() {
            let (tag, value, after) = ber::take(rest)?;
            if tag == SERVER_SASL_CREDENTIALS {
                token = Some(value.to_vec());
            }
            rest = after;
        }
        Ok(Self {
            code: ber::number(code)?,
            diagnostic: String::from_utf8_lossy(diagnostic).trim_end_matches('\0').to_owned(),
            token,
        })
    }
}

/// What one side protects a connection by, and the longest sealed message that it takes. RFC 4752 section 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    /// The bits of [`Layers::NONE`], `2` for integrity and [`Layers::CONFIDENTIALITY`].
    pub bits: u8,
    /// In bytes; 24 bits.
    pub len_max: u32,
}

impl Layers {
    /// No protection: only inside TLS.
    pub const NONE: u8 = 1;
    /// Encrypted and authenticated.
    pub const CONFIDENTIALITY: u8 = 4;

    /// Reads the four octets of a server's offer.
    #[must_use]
    pub const fn from_octets([bits, a, b, c]: [u8; 4]) -> Self {
        Self { bits, len_max: u32::from_be_bytes([0, a, b, c]) }
    }

    /// The four octets of a choice.
    #[must_use]
    pub const fn to_octets(self) -> [u8; 4] {
        let [_, a, b, c] = self.len_max.to_be_bytes();
        [self.bits, a, b, c]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn response(code: u8, tail: &[u8]) -> Vec<u8> {
        let mut result = Vec::new();
        ber::put(&mut result, ber::ENUMERATED, &[code]);
        ber::put(&mut result, ber::OCTET_STRING, b"");
        ber::put(&mut result, ber::OCTET_STRING, b"because\0");
        result.extend_from_slice(tail);
        let mut body = Vec::new();
        ber::put(&mut body, ber::INTEGER, &[1]);
        ber::put(&mut body, BIND_RESPONSE, &result);
        let mut out = Vec::new();
        ber::put(&mut out, ber::SEQUENCE, &body);
        out
    }

    #[test]
    fn a_request_is_what_the_rfc_says() {
        let expected = b"\x30\x19\x02\x01\x01\x60\x14\x02\x01\x03\x04\x00\xa3\x0d\x04\x06GSSAPI\x04\x03tok";
        assert_eq!(request(1, Some(b"tok")), expected);
    }

    #[test]
    fn an_answer_tells_code_words_and_token() {
        let mut token = Vec::new();
        ber::put(&mut token, SERVER_SASL_CREDENTIALS, &[7; 300]);
        let message = response(14, &token);
        for len in 0..HEADER_LEN {
            let told = response_len(&message[..len]).unwrap();
            assert!(told.is_none_or(|told| told == message.len()), "{len}: {told:?}");
        }
        assert_eq!(response_len(&message), Ok(Some(message.len())));
        let expected =
            Response { code: IN_PROGRESS, diagnostic: "because".to_owned(), token: Some(vec![7; 300]) };
        assert_eq!(Response::parse(&message), Ok(expected));
        assert_eq!(Response::parse(&response(49, &[])).unwrap().token, None);
        assert_eq!(response_len(&[0x30, 0x83, 0xff, 0xff, 0xff]), Err(BerError::Length));
        assert_eq!(response_len(b"HTTP/1.1"), Err(BerError::Unexpected));
    }

    #[test]
    fn layers_are_four_octets() {
        let layers = Layers::from_octets([7, 1, 2, 3]);
        assert_eq!((layers.bits, layers.len_max), (7, 0x01_0203));
        assert_eq!(layers.to_octets(), [7, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _any = response_len(&bytes);
            let _any = Response::parse(&bytes);
        }
    }
}
