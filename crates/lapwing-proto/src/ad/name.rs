//! Names in LDAP: distinguished names, filters, and what an administrator calls a computer.

use core::{fmt, str::FromStr};

use lapwing_core::types::Guid;

/// The longest distinguished name read, in bytes.
pub const DISTINGUISHED_NAME_LEN_MAX: usize = 8 << 10;

/// A distinguished name, as a directory writes it. RFC 4514.
///
/// Compared as text: a directory may write one name in several ways, so what was written there is used as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DistinguishedName(String);

/// Why a text is not a distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a distinguished name: expected the form CN=host,OU=Servers,DC=corp,DC=example")]
pub struct DistinguishedNameError(String);

impl DistinguishedName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of an object below this one, whose own name is `value` whatever characters it has. RFC 4514 section 2.4.
    #[must_use]
    pub fn child(&self, attribute: &'static str, value: &str) -> Self {
        let mut name = format!("{attribute}=");
        escape_value(&mut name, value);
        Self(format!("{name},{}", self.0))
    }

    /// The object above; none for the topmost.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_at_checked(first_end(&self.0)?).and_then(|(_, rest)| rest.strip_prefix(',')).map(
            |rest| {
                // Blanks may stand behind the comma. RFC 4514 section 2.1 writes none, people do.
                Self(rest.trim_start_matches(' ').to_owned())
            },
        )
    }

    /// The objects above from the nearest on, none of which is this one.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        core::iter::successors(self.parent(), Self::parent)
    }

    /// The name in DNS of the domain that the object is in, such as `corp.example`: its `DC` parts; none without any.
    /// RFC 2247 section 4.
    #[must_use]
    pub fn dns_domain(&self) -> Option<String> {
        let parts = core::iter::once(self.clone()).chain(self.ancestors());
        let label = |part: Self| {
            let (kind, value) = part.0.split_once('=')?;
            let label = value.split_once(',').map_or(value, |(label, _)| label);
            kind.trim().eq_ignore_ascii_case("DC").then(|| label.trim().to_owned())
        };
        let labels: Vec<String> = parts.filter_map(label).collect();
        (!labels.is_empty()).then(|| labels.join("."))
    }
}

impl FromStr for DistinguishedName {
    type Err = DistinguishedNameError;

    /// Checks that every part is a type and a value and that what is escaped is whole. RFC 4514 section 3.
    fn from_str(text: &str) -> Result<Self, DistinguishedNameError> {
        let error = || DistinguishedNameError(text.chars().take(80).collect());
        let name = Self(text.to_owned());
        if text.len() > DISTINGUISHED_NAME_LEN_MAX || !is_first_valid(text) {
            return Err(error());
        }
        if name.ancestors().any(|above| !is_first_valid(&above.0)) { Err(error()) } else { Ok(name) }
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the first part ends: at the first comma that is not escaped.
fn first_end(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b',' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

fn is_first_valid(text: &str) -> bool {
    let end = first_end(text).unwrap_or(text.len());
    let part = text.split_at_checked(end).map_or("", |(part, _)| part);
    let Some((kind, value)) = part.split_once('=') else { return false };
    let kind = kind.trim();
    let is_kind =
        !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    // An odd number of backslashes at the end would escape nothing.
    let open = value.bytes().rev().take_while(|byte| *byte == b'\\').count();
    let is_plain = !value.contains(|c: char| c.is_control());
    is_kind && !value.is_empty() && is_plain && open.is_multiple_of(2)
}

/// RFC 4514 section 2.4; the equals sign too, which it allows to be escaped.
fn escape_value(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (at, sign) in value.chars().enumerate() {
        let is_edge = (at == 0 && matches!(sign, ' ' | '#')) || (at == last && sign == ' ');
        if sign.is_ascii_control() {
            push_hex(out, sign);
        } else {
            if is_edge || matches!(sign, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
                out.push('\\');
            }
            out.push(sign);
        }
    }
}

/// A value within a filter, whatever characters it has. RFC 4515 section 3.
#[must_use]
pub fn filter_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for sign in value.chars() {
        if sign.is_ascii_control() || matches!(sign, '*' | '(' | ')' | '\\') {
            push_hex(&mut out, sign);
        } else {
            out.push(sign);
        }
    }
    out
}

/// Bytes within a filter. RFC 4515 section 3.
#[must_use]
pub fn filter_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A backslash and the two digits of an ASCII character.
fn push_hex(out: &mut String, sign: char) {
    out.push_str(&format!("\\{:02x}", u32::from(sign)));
}

/// What an administrator calls a computer, by the rules of `Get-LapsADPassword -Identity` and two of our own.
/// DEVIATION(9): the GUID, and the account's name without its dollar sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComputerIdentity {
    /// It begins with `CN=`.
    DistinguishedName(DistinguishedName),
    /// It ends with a dollar sign.
    SamAccountName(String),
    /// It is a GUID, which no cmdlet takes: that of the object, which stays when the object is renamed or moved.
    ObjectGuid(Guid),
    /// It has a full stop.
    DnsHostName(String),
    /// Anything else: the object's name, or that of its account without the dollar sign.
    Name(String),
}

impl FromStr for ComputerIdentity {
    type Err = DistinguishedNameError;

    fn from_str(text: &str) -> Result<Self, DistinguishedNameError> {
        let is_named = text.split_at_checked(3).is_some_and(|(start, _)| start.eq_ignore_ascii_case("CN="));
        if let Ok(guid) = text.parse() {
            return Ok(Self::ObjectGuid(guid));
        }
        match text {
            _ if is_named => text.parse().map(Self::DistinguishedName),
            "" => Err(DistinguishedNameError(String::new())),
            _ if text.ends_with('$') => Ok(Self::SamAccountName(text.to_owned())),
            _ if text.contains('.') => Ok(Self::DnsHostName(text.to_owned())),
            _ => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl ComputerIdentity {
    /// The filter that finds the computer below the domain.
    #[must_use]
    pub fn filter(&self) -> String {
        format!("(&(objectCategory=computer){})", self.term())
    }

    /// The part of the filter that tells the computer from others.
    #[must_use]
    pub fn term(&self) -> String {
        match self {
            Self::DistinguishedName(name) => format!("(distinguishedName={})", filter_value(name.as_str())),
            Self::SamAccountName(name) => format!("(sAMAccountName={})", filter_value(name)),
            Self::ObjectGuid(guid) => format!("(objectGUID={})", filter_bytes(&guid.to_bytes_le())),
            Self::DnsHostName(name) => format!("(dNSHostName={})", filter_value(name)),
            Self::Name(name) => {
                let name = filter_value(name);
                format!("(|(name={name})(sAMAccountName={name}$))")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dn(text: &str) -> DistinguishedName {
        text.parse().unwrap()
    }

    #[test]
    fn a_child_with_odd_characters_has_a_name_that_reads_as_one_part() {
        for (value, expected) in [
            ("web01", "CN=web01"),
            ("Sales, East", "CN=Sales\\, East"),
            (" a ", "CN=\\ a\\ "),
            ("#1", "CN=\\#1"),
            ("a\\b\"c+d;e<f>g=h", "CN=a\\\\b\\\"c\\+d\\;e\\<f\\>g\\=h"),
            ("a\nb\0", "CN=a\\0ab\\00"),
            (" ", "CN=\\ "),
            ("ä", "CN=ä"),
        ] {
            let child = dn("DC=corp,DC=example").child("CN", value);
            assert_eq!(child.as_str(), format!("{expected},DC=corp,DC=example"));
            assert_eq!(child.parent(), Some(dn("DC=corp,DC=example")));
            assert_eq!(child.as_str().parse(), Ok(child.clone()));
        }
    }

    #[test]
    fn ancestors_run_from_the_nearest_to_the_top() {
        let ancestors: Vec<String> =
            dn("CN=a\\,b,OU=x, DC=corp,DC=example").ancestors().map(|name| name.to_string()).collect();
        assert_eq!(ancestors, ["OU=x, DC=corp,DC=example", "DC=corp,DC=example", "DC=example"]);
    }

    #[test]
    fn the_domain_of_an_object_is_read_from_its_name() {
        for (name, domain) in [
            ("CN=DC1,OU=Domain Controllers,DC=corp,DC=example", Some("corp.example")),
            ("CN=a\\,DC\\=b,OU=x, dc=corp , dc=example", Some("corp.example")),
            ("DC=example", Some("example")),
            ("CN=DC=1,OU=x", None),
        ] {
            assert_eq!(dn(name).dns_domain().as_deref(), domain, "{name}");
        }
    }

    #[test]
    fn malformed_names_are_refused() {
        for text in ["", "CN", "CN=", "=a", "CN=a,", ",CN=a", "CN=a,,DC=b", "CN=a\\", "C N=a", "CN=a\n,DC=b"]
        {
            assert!(text.parse::<DistinguishedName>().is_err(), "{text:?}");
        }
        let long = |len: usize| format!("CN={}", "a".repeat(len - 3)).parse::<DistinguishedName>();
        assert!(long(DISTINGUISHED_NAME_LEN_MAX).is_ok());
        assert!(long(DISTINGUISHED_NAME_LEN_MAX + 1).is_err());
    }

    #[test]
    fn a_filter_means_the_value_and_nothing_more() {
        assert_eq!(filter_value("a*)(b=\\c\0ä"), "a\\2a\\29\\28b=\\5cc\\00ä");
        assert_eq!(filter_bytes(&[0, 0xab]), "\\00\\ab");
    }

    #[test]
    fn a_computer_is_found_by_whatever_it_is_called() {
        for (text, expected) in [
            ("cn=web01,DC=corp", "(distinguishedName=cn=web01,DC=corp)"),
            ("WEB01$", "(sAMAccountName=WEB01$)"),
            ("web01.corp.example", "(dNSHostName=web01.corp.example)"),
            (
                "04030201-0605-0807-090a-0b0c0d0e0f10",
                "(objectGUID=\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f\\10)",
            ),
            ("web01", "(|(name=web01)(sAMAccountName=web01$))"),
            ("web*", "(|(name=web\\2a)(sAMAccountName=web\\2a$))"),
        ] {
            let identity: ComputerIdentity = text.parse().unwrap();
            assert_eq!(identity.filter(), format!("(&(objectCategory=computer){expected})"));
        }
        assert!("".parse::<ComputerIdentity>().is_err());
        assert!("CN=".parse::<ComputerIdentity>().is_err());
    }

    proptest! {
        #[test]
        fn every_value_makes_one_part(value in "\\PC{1,20}") {
            let child = dn("DC=example").child("CN", &value);
            prop_assert_eq!(child.parent(), Some(dn("DC=example")));
            prop_assert_eq!(child.as_str().parse(), Ok(child.clone()));
        }

        #[test]
        fn a_filter_value_has_no_sign_of_a_filter(value: String) {
            let escaped = filter_value(&value);
            prop_assert!(!escaped.contains(['*', '(', ')', '\0']));
            let escapes = escaped.matches('\\').count();
            prop_assert_eq!(escaped.chars().count(), value.chars().count() + 2 * escapes);
        }

        #[test]
        fn arbitrary_text_never_panics(text in r"[A-C=,\\ +ö]{0,24}") {
            if let Ok(name) = text.parse::<DistinguishedName>() {
                prop_assert!(name.ancestors().count() <= text.matches(',').count());
            }
        }
    }
}
