//! Names in DNS of domains, controllers and sites.

use core::fmt;

/// The longest name, in bytes without a dot at its end. RFC 1035 section 2.3.4, as text.
const NAME_LEN_MAX: usize = 253;
/// The longest label, in bytes. RFC 1035 section 2.3.4.
const LABEL_LEN_MAX: usize = 63;

/// A name in DNS of a host or a domain, in small letters and without a dot at its end: letters, digits, hyphens and
/// underscores, in one label or more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DnsName(String);

/// A site of a forest: one label, for it stands in the names of services. Its letters' case is kept and means nothing.
#[derive(Debug, Clone)]
pub struct SiteName(String);

/// Why a text, or bytes of a message, are no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsNameError {
    /// Longer than DNS allows.
    #[error("the name is too long: DNS has at most 63 characters between dots, and 253 in all")]
    TooLong,
    /// A label is empty, or there is none.
    #[error("the name is empty, or has nothing between two dots")]
    Empty,
    /// Something else than letters, digits, hyphens and underscores.
    #[error("the name has characters that no name in DNS has")]
    Characters,
    /// The message ends early, or a reference in it does not lead back.
    #[error("the name in the message is malformed")]
    Malformed,
}

impl DnsName {
    /// Takes a name as people write it; a dot at its end is dropped.
    ///
    /// # Errors
    /// [`DnsNameError`] if it is none.
    pub fn parse(text: &str) -> Result<Self, DnsNameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > NAME_LEN_MAX {
            return Err(DnsNameError::TooLong);
        }
        text.split('.').try_for_each(check_label)?;
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the Kerberos realm of a domain: in capitals. [MS-ADTS] 3.1.1.1.5 calls the two the same name.
    #[must_use]
    pub fn realm(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SiteName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`DnsNameError`] if it cannot be one label.
    pub fn parse(name: &str) -> Result<Self, DnsNameError> {
        check_label(name).map(|()| Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SiteName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for SiteName {}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_label(label: &str) -> Result<(), DnsNameError> {
    if label.is_empty() {
        Err(DnsNameError::Empty)
    } else if label.len() > LABEL_LEN_MAX {
        Err(DnsNameError::TooLong)
    } else if label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        Ok(())
    } else {
        Err(DnsNameError::Characters)
    }
}

/// Reads the name that begins at byte `at` of a message, whatever characters it has, and tells where the next one begins;
/// an absent name is empty. RFC 1035 section 4.1.4. References count from the beginning of `message`, and each must lead
/// further back, so that none can go round.
pub(super) fn read(message: &[u8], at: usize) -> Result<(String, usize), DnsNameError> {
    let (mut name, mut next, mut at, mut limit) = (String::new(), None, at, at);
    loop {
        let rest = message.get(at..).ok_or(DnsNameError::Malformed)?;
        let (&len, rest) = rest.split_first().ok_or(DnsNameError::Malformed)?;
        match len {
            0 => return Ok((name, next.unwrap_or(at + 1))),
            1..=0x3f => {
                let len = usize::from(len);
                let label = rest.get(..len).ok_or(DnsNameError::Malformed)?;
                let label = str::from_utf8(label).map_err(|_| DnsNameError::Characters)?;
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(label);
                if name.len() > NAME_LEN_MAX {
                    return Err(DnsNameError::TooLong);
                }
                at += 1 + len;
            }
            0x40..=0xbf => return Err(DnsNameError::Malformed),
            0xc0..=0xff => {
                let low = rest.first().ok_or(DnsNameError::Malformed)?;
                let target = usize::from(u16::from_be_bytes([len & 0x3f, *low]));
                if target >= limit {
                    return Err(DnsNameError::Malformed);
                }
                next = next.or(Some(at + 2));
                (at, limit) = (target, target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_taken_as_people_write_them() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        for (text, expected) in [
            ("DC1.Lapwing.Test", Ok("dc1.lapwing.test")),
            ("lapwing.test.", Ok("lapwing.test")),
            ("_ldap._tcp.my-site", Ok("_ldap._tcp.my-site")),
            ("local", Ok("local")),
            (longest.as_str(), Ok(longest.as_str())),
            (&format!("{longest}a"), Err(DnsNameError::TooLong)),
            (&format!("{label}a"), Err(DnsNameError::TooLong)),
            ("", Err(DnsNameError::Empty)),
            (".", Err(DnsNameError::Empty)),
            ("a..b", Err(DnsNameError::Empty)),
            ("a b", Err(DnsNameError::Characters)),
            ("dc1\nkdc = evil", Err(DnsNameError::Characters)),
            ("münchen.example", Err(DnsNameError::Characters)),
        ] {
            assert_eq!(
                DnsName::parse(text).as_ref().map(DnsName::as_str),
                expected.as_ref().map(|name| *name),
                "{text}"
            );
        }
        assert_eq!(DnsName::parse("lapwing.test").unwrap().realm(), "LAPWING.TEST");
    }

    #[test]
    fn a_site_is_one_label_and_its_case_means_nothing() {
        let site = SiteName::parse("Hill-Site").unwrap();
        assert_eq!((site.as_str(), &site), ("Hill-Site", &SiteName::parse("hill-site").unwrap()));
        assert_eq!(SiteName::parse("a.b"), Err(DnsNameError::Characters));
        assert_eq!(SiteName::parse(""), Err(DnsNameError::Empty));
    }

    #[test]
    fn references_lead_back_and_never_round() {
        let message = b"\x07lapwing\x04test\0\x03dc1\xc0\0\xc0\x0e\xc0\x14";
        assert_eq!(read(message, 0), Ok(("lapwing.test".to_owned(), 14)));
        assert_eq!(read(message, 14), Ok(("dc1.lapwing.test".to_owned(), 20)));
        assert_eq!(read(message, 20), Ok(("dc1.lapwing.test".to_owned(), 22)));
        assert_eq!(read(message, 22), Ok(("dc1.lapwing.test".to_owned(), 24)));
        for (what, message, at) in [
            ("itself", &b"\xc0\0"[..], 0),
            ("forth", b"\xc0\x02\x01a\0", 0),
            ("round", b"\x01a\xc0\0", 0),
            ("round in two", b"\xc0\x02\xc0\0", 2),
            ("half a reference", b"\0\xc0", 1),
            ("no end", b"\x01a", 0),
            ("a short label", b"\x05a", 0),
            ("an unknown kind", b"\x41a\0", 0),
            ("beyond", b"", 7),
        ] {
            assert_eq!(read(message, at), Err(DnsNameError::Malformed), "{what}");
        }
        // A chain of references that each add a label ends at the longest name.
        let mut long = vec![0];
        let mut before = 0_u16;
        for _ in 0..10 {
            let start = u16::try_from(long.len()).unwrap();
            long.push(63);
            long.extend([b'a'; 63]);
            long.extend((0xc000 | before).to_be_bytes());
            before = start;
        }
        assert_eq!(read(&long, usize::from(before)), Err(DnsNameError::TooLong));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, at in 0..100_usize) {
            let _any = read(&bytes, at);
        }
    }
}
