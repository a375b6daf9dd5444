//! The ping by which a domain controller is found: one question and one answer, in a datagram to port 389 or over a connection
//! to it. [MS-ADTS] 6.3.3 (question) and 6.3.1.9 (answer).
//!
//! Nobody has proved anything by such an answer: it helps to choose a controller, and Kerberos then proves who that is.

use core::fmt;

use lapwing_core::types::Guid;

use super::dns::{self, DnsName, DnsNameError, SiteName};
use crate::ldap::ber::{self, BerError};

/// The longest answer read, in bytes: seven names of at most 255 each and their attribute take less.
pub const ANSWER_LEN_MAX: usize = 4096;

/// `NETLOGON_NT_VERSION_5` and `NETLOGON_NT_VERSION_5EX`: names in DNS, and sites. [MS-ADTS] 6.3.1.1.
const VERSION: [u8; 4] = 6_u32.to_le_bytes();
/// `LOGON_SAM_LOGON_RESPONSE_EX`. [MS-ADTS] 6.3.1.3.
const RESPONSE: u16 = 23;
/// `LOGON_SAM_PAUSE_RESPONSE_EX`: the controller serves nobody for now.
const PAUSED: u16 = 24;

const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const BOOLEAN: u8 = 0x01;
const AND: u8 = 0xa0;
const EQUALITY: u8 = 0xa3;
const SET: u8 = 0x31;
const ATTRIBUTE: &[u8] = b"Netlogon";

/// What a controller says of itself, and of who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it is and does.
    pub roles: Roles,
    /// The domain's identity.
    pub domain_id: Guid,
    /// The forest's root domain.
    pub forest: DnsName,
    /// The domain.
    pub domain: DnsName,
    /// The controller's full name.
    pub controller: DnsName,
    /// The site that the controller is in; none if it has none to tell.
    pub site: Option<SiteName>,
    /// The site that the one who asked is in, by its address; none if no subnet says so.
    pub client_site: Option<SiteName>,
}

/// The bits of [MS-ADTS] 6.3.1.2, `DS_FLAG`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Roles(pub u32);

/// Why bytes are no answer that names a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// No LDAP.
    #[error("the answer is no LDAP")]
    Ldap(#[from] BerError),
    /// An answer to another question.
    #[error("the answer is to another question")]
    Other,
    /// The controller does not serve the domain.
    #[error("the controller does not serve this domain")]
    NotServed,
    /// The controller serves nobody for now.
    #[error("the controller has paused its service")]
    Paused,
    /// Another answer than one of a controller since Windows 2000.
    #[error("the answer is of the unknown kind {0}")]
    Kind(u16),
    /// It ends early, or a name in it is malformed.
    #[error("the answer is malformed")]
    Malformed,
}

impl From<DnsNameError> for PingError {
    fn from(_malformed: DnsNameError) -> Self {
        Self::Malformed
    }
}

/// The question whether a controller serves `domain`, asked by a host of that name.
#[must_use]
pub fn question(message: u8, domain: &DnsName, host: &str) -> Vec<u8> {
    let mut filter = Vec::new();
    let parts: [(&[u8], &[u8]); 3] =
        [(b"DnsDomain", domain.as_str().as_bytes()), (b"Host", host.as_bytes()), (b"NtVer", &VERSION)];
    for (attribute, value) in parts {
        let assertion = nested(&[(ber::OCTET_STRING, attribute), (ber::OCTET_STRING, value)]);
        ber::put(&mut filter, EQUALITY, &assertion);
    }
    let attributes = nested(&[(ber::OCTET_STRING, ATTRIBUTE)]);
    // RFC 4511 section 4.5.1: of what the controller says of itself, without limits, values too.
    let search = nested(&[
        (ber::OCTET_STRING, b""),
        (ber::ENUMERATED, &[0]),
        (ber::ENUMERATED, &[0]),
        (ber::INTEGER, &[0]),
        (ber::INTEGER, &[0]),
        (BOOLEAN, &[0]),
        (AND, &filter),
        (ber::SEQUENCE, &attributes),
    ]);
    let message = nested(&[(ber::INTEGER, &[message & 0x7f]), (SEARCH_REQUEST, &search)]);
    nested(&[(ber::SEQUENCE, &message)])
}

fn nested(values: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, value) in values {
        ber::put(&mut out, *tag, value);
    }
    out
}

impl Answer {
    /// Reads the answer to [`question`] with this number.
    ///
    /// # Errors
    /// [`PingError::Ldap`] with [`BerError::Truncated`] while not all of it is there; others if it names no controller.
    pub fn parse(message: u8, bytes: &[u8]) -> Result<Self, PingError> {
        let (body, _) = ber::expect(bytes, ber::SEQUENCE)?;
        let (number, body) = ber::expect(body, ber::INTEGER)?;
        if ber::number(number)? != u32::from(message & 0x7f) {
            return Err(PingError::Other);
        }
        match ber::take(body)? {
            (SEARCH_ENTRY, entry, _) => Self::of_entry(entry),
            (SEARCH_DONE, ..) => Err(PingError::NotServed),
            _ => Err(PingError::Other),
        }
    }

    fn of_entry(entry: &[u8]) -> Result<Self, PingError> {
        let (_, entry) = ber::expect(entry, ber::OCTET_STRING)?;
        let (mut attributes, _) = ber::expect(entry, ber::SEQUENCE)?;
        while !attributes.is_empty() {
            let (attribute, rest) = ber::expect(attributes, ber::SEQUENCE)?;
            let (name, values) = ber::expect(attribute, ber::OCTET_STRING)?;
            if name.eq_ignore_ascii_case(ATTRIBUTE) {
                let (values, _) = ber::expect(values, SET)?;
                let (value, _) = ber::expect(values, ber::OCTET_STRING)?;
                return Self::of_value(value);
            }
            attributes = rest;
        }
        Err(PingError::NotServed)
    }

    /// `NETLOGON_SAM_LOGON_RESPONSE_EX`.
    fn of_value(value: &[u8]) -> Result<Self, PingError> {
        let (&kind, rest) = value.split_first_chunk().ok_or(PingError::Malformed)?;
        match u16::from_le_bytes(kind) {
            RESPONSE => {}
            PAUSED => return Err(PingError::Paused),
            other => return Err(PingError::Kind(other)),
        }
        let (_zero, rest) = rest.split_first_chunk::<2>().ok_or(PingError::Malformed)?;
        let (&roles, rest) = rest.split_first_chunk().ok_or(PingError::Malformed)?;
        let (&domain_id, rest) = rest.split_first_chunk().ok_or(PingError::Malformed)?;
        let mut at = value.len() - rest.len();
        let mut text = || -> Result<String, DnsNameError> {
            let (text, next) = dns::read(value, at)?;
            at = next;
            Ok(text)
        };
        let [forest, domain, controller] = [text()?, text()?, text()?];
        // The domain's and the controller's short names, and a user's, whom nobody asked for.
        let [_, _, _] = [text()?, text()?, text()?];
        // A site that no service's name could hold is as good as none.
        let [site, client_site] = [text()?, text()?].map(|name| SiteName::parse(&name).ok());
        Ok(Self {
            roles: Roles(u32::from_le_bytes(roles)),
            domain_id: Guid::from_bytes_le(domain_id),
            forest: DnsName::parse(&forest)?,
            domain: DnsName::parse(&domain)?,
            controller: DnsName::parse(&controller)?,
            site,
            client_site,
        })
    }
}

impl Roles {
    /// Whether it has the whole directory of its domain.
    #[must_use]
    pub const fn is_directory(self) -> bool {
        self.has(0x10)
    }

    /// Whether it gives Kerberos tickets.
    #[must_use]
    pub const fn is_kdc(self) -> bool {
        self.has(0x20)
    }

    /// Whether the one who asked is in a site that it serves.
    #[must_use]
    pub const fn is_closest(self) -> bool {
        self.has(0x80)
    }

    /// Whether it can be written to; read-only controllers cannot.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.has(0x100)
    }

    /// Whether it is the one that emulates a primary controller.
    #[must_use]
    pub const fn is_primary(self) -> bool {
        self.has(1)
    }

    const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roles({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests;
