//! Security identifiers, in text and in bytes.

use core::{fmt, str::FromStr};

use super::Uid;

/// The most sub-authorities a SID may have. [MS-DTYP] 2.4.2.
pub const SUB_AUTHORITIES_MAX: usize = 15;

/// The relative identifier of Domain Admins. [MS-DTYP] 2.4.2.4.
pub const DOMAIN_ADMINS: u32 = 512;
/// The relative identifier of Domain Computers, of which every computer is a member at first. [MS-DTYP] 2.4.2.4.
pub const DOMAIN_COMPUTERS: u32 = 515;

/// A security identifier. [MS-DTYP] 2.4.2.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    /// 48 bits.
    authority: u64,
    sub_authorities: Vec<u32>,
}

/// Why a value is not a SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SidError {
    /// The text is not of the form `S-1-5-…`.
    #[error("{0:?} is not a SID: expected the form S-1-5-21-…")]
    Malformed(String),
    /// The bytes are not a SID's.
    #[error("the bytes are not a SID: wrong revision, count or length")]
    MalformedBytes,
}

impl Sid {
    /// `S-1-1-0`, everyone.
    #[must_use]
    pub fn everyone() -> Self {
        Self { authority: 1, sub_authorities: vec![0] }
    }

    /// `S-1-5-2`, whoever has come over the network. [MS-DTYP] 2.4.2.4.
    #[must_use]
    pub fn network() -> Self {
        Self { authority: 5, sub_authorities: vec![2] }
    }

    /// `S-1-3-0`, the creator of the object that inherits an entry. [MS-DTYP] 2.4.2.4.
    #[must_use]
    pub fn creator_owner() -> Self {
        Self { authority: 3, sub_authorities: vec![0] }
    }

    /// `S-1-5-10`, the object itself: a computer, in the permissions on its own account. [MS-DTYP] 2.4.2.4.
    #[must_use]
    pub fn principal_self() -> Self {
        Self { authority: 5, sub_authorities: vec![10] }
    }

    /// `S-1-5-11`, whoever has proved who they are. [MS-DTYP] 2.4.2.4.
    #[must_use]
    pub fn authenticated_users() -> Self {
        Self { authority: 5, sub_authorities: vec![11] }
    }

    /// `S-1-5-18`, the local system.
    #[must_use]
    pub fn local_system() -> Self {
        Self { authority: 5, sub_authorities: vec![18] }
    }

    /// `S-1-22-1-UID`: an account that has no SID but a uid, as Samba names it.
    #[must_use]
    pub fn unix_user(uid: Uid) -> Self {
        Self { authority: 22, sub_authorities: vec![1, uid.0] }
    }

    /// The last sub-authority, which names the account within its issuer; none if there is no sub-authority.
    #[must_use]
    pub fn relative_id(&self) -> Option<u32> {
        self.sub_authorities.last().copied()
    }

    /// This domain's account with a number of its own, such as [`DOMAIN_ADMINS`]; none if the SID can be no longer.
    #[must_use]
    pub fn with_relative_id(&self, relative_id: u32) -> Option<Self> {
        (self.sub_authorities.len() < SUB_AUTHORITIES_MAX).then(|| {
            let sub_authorities = self.sub_authorities.iter().copied().chain([relative_id]).collect();
            Self { authority: self.authority, sub_authorities }
        })
    }

    /// The issuer of this account: of an account in a domain, the domain's own SID. None without a sub-authority.
    #[must_use]
    pub fn issuer(&self) -> Option<Self> {
        let (_, issuer) = self.sub_authorities.split_last()?;
        Some(Self { authority: self.authority, sub_authorities: issuer.to_vec() })
    }

    /// Reads the packet form and returns the bytes that follow it. [MS-DTYP] 2.4.2.2.
    ///
    /// # Errors
    /// [`SidError::MalformedBytes`] if the revision is not 1, or the bytes end early.
    pub fn read_from(bytes: &[u8]) -> Result<(Self, &[u8]), SidError> {
        let (&[revision, count, a0, a1, a2, a3, a4, a5], rest) =
            bytes.split_first_chunk().ok_or(SidError::MalformedBytes)?;
        let len = usize::from(count) * 4;
        if revision != 1 || usize::from(count) > SUB_AUTHORITIES_MAX || rest.len() < len {
            return Err(SidError::MalformedBytes);
        }
        let (subs, rest) = rest.split_at(len);
        let sub_authorities = subs.as_chunks().0.iter().map(|sub| u32::from_le_bytes(*sub)).collect();
        Ok((Self { authority: u64::from_be_bytes([0, 0, a0, a1, a2, a3, a4, a5]), sub_authorities }, rest))
    }

    /// The packet form: revision, count, authority big-endian, sub-authorities little-endian. [MS-DTYP] 2.4.2.2.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.sub_authorities.len() * 4);
        let [_, _, authority @ ..] = self.authority.to_be_bytes();
        bytes.push(1);
        bytes.push(u8::try_from(self.sub_authorities.len()).unwrap_or(u8::MAX));
        bytes.extend(authority);
        bytes.extend(self.sub_authorities.iter().flat_map(|sub| sub.to_le_bytes()));
        bytes
    }
}

impl FromStr for Sid {
    type Err = SidError;

    /// Reads `S-1-…`; the authority may be decimal or, as Windows prints large ones, hexadecimal after `0x`.
    fn from_str(text: &str) -> Result<Self, SidError> {
        parse(text).ok_or_else(|| SidError::Malformed(text.chars().take(64).collect()))
    }
}

fn parse(text: &str) -> Option<Sid> {
    let mut parts = text.strip_prefix("S-1-").or_else(|| text.strip_prefix("s-1-"))?.split('-');
    let authority = match parts.next()? {
        hex if hex.starts_with("0x") => u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok()?,
        decimal => decimal_number(decimal)?,
    };
    let sub_authorities =
        parts.map(|part| u32::try_from(decimal_number(part)?).ok()).collect::<Option<Vec<u32>>>()?;
    (authority < 1 << 48 && sub_authorities.len() <= SUB_AUTHORITIES_MAX)
        .then_some(Sid { authority, sub_authorities })
}

/// Unlike `str::parse`, takes no sign.
fn decimal_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // [MS-DTYP] 2.4.2.1: an authority of 2^32 and more is printed in hexadecimal.
        match u32::try_from(self.authority) {
            Ok(small) => write!(f, "S-1-{small}")?,
            Err(_) => write!(f, "S-1-0x{:012X}", self.authority)?,
        }
        self.sub_authorities.iter().try_for_each(|sub| write!(f, "-{sub}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_local_system_has_its_documented_bytes() {
        assert_eq!(Sid::local_system().to_bytes(), [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
        assert_eq!(Sid::local_system().to_string(), "S-1-5-18");
        assert_eq!(Sid::everyone().to_string(), "S-1-1-0");
        assert_eq!(Sid::unix_user(Uid(1001)).to_string(), "S-1-22-1-1001");
        assert_eq!(Sid::network().to_string(), "S-1-5-2");
        assert_eq!(Sid::creator_owner().to_string(), "S-1-3-0");
        assert_eq!(Sid::principal_self().to_string(), "S-1-5-10");
        assert_eq!(Sid::authenticated_users().to_string(), "S-1-5-11");
    }

    #[test]
    fn an_account_is_its_domain_and_a_number() {
        let domain: Sid = "S-1-5-21-1-2-3".parse().unwrap();
        let admins = domain.with_relative_id(DOMAIN_ADMINS).unwrap();
        assert_eq!(admins.to_string(), "S-1-5-21-1-2-3-512");
        assert_eq!(admins.issuer(), Some(domain));
        let longest: Sid = "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15".parse().unwrap();
        assert_eq!(longest.with_relative_id(DOMAIN_COMPUTERS), None);
        assert_eq!("S-1-5".parse::<Sid>().unwrap().issuer(), None);
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in [
            "",
            "S-1",
            "S-2-5-18",
            "S-1-5-",
            "S-1--5",
            "S-1-5-4294967296",
            "S-1-+5-18",
            "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
            "S-1-281474976710656",
        ] {
            assert!(text.parse::<Sid>().is_err(), "{text}");
        }
    }

    fn any_sid() -> impl Strategy<Value = Sid> {
        (0_u64..1 << 48, proptest::collection::vec(any::<u32>(), 0..=SUB_AUTHORITIES_MAX))
            .prop_map(|(authority, sub_authorities)| Sid { authority, sub_authorities })
    }

    proptest! {
        #[test]
        fn text_and_bytes_round_trip(sid in any_sid()) {
            prop_assert_eq!(&sid.to_string().parse::<Sid>().unwrap(), &sid);
            let mut bytes = sid.to_bytes();
            bytes.push(0xaa);
            let (read, rest) = Sid::read_from(&bytes).unwrap();
            prop_assert_eq!(read, sid);
            prop_assert_eq!(rest, [0xaa]);
        }

        #[test]
        fn arbitrary_input_never_panics(text: String, bytes: Vec<u8>) {
            drop(text.parse::<Sid>());
            drop(Sid::read_from(&bytes));
        }
    }
}
