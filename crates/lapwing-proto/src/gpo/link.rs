//! Which Group Policy objects a site, domain or organisational unit is linked to. [MS-GPOL] 2.2.2.

/// The longest list of links read, in bytes.
pub const LINKS_LEN_MAX: usize = 256 << 10;

/// A link to a Group Policy object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The distinguished name of the object, as it stands there.
    pub gpo: String,
    /// `GPLinkOptions`, bit 0: the link is not followed.
    pub is_disabled: bool,
    /// `GPLinkOptions`, bit 1: nothing below the container can block or override it.
    pub is_enforced: bool,
}

/// Why a text is not a list of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Longer than any honest list.
    #[error("the list of Group Policy links has {len} bytes, more than {LINKS_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not of the form that the specification gives.
    #[error("the list of Group Policy links is malformed at link {number}: expected [LDAP://name;options]")]
    Malformed {
        /// Which link, counted from 1.
        number: usize,
    },
}

/// Reads `gPLink`, in the order in which it stands there. Without any link it may be a single blank, as editors leave it.
///
/// # Errors
/// [`LinkError`] if it is too long or malformed.
pub fn parse_links(text: &str) -> Result<Vec<Link>, LinkError> {
    if text.len() > LINKS_LEN_MAX {
        return Err(LinkError::TooLong { len: text.len() });
    }
    let mut rest = text.trim();
    let mut links = Vec::new();
    while !rest.is_empty() {
        let malformed = LinkError::Malformed { number: links.len() + 1 };
        let (link, behind) = parse_link(rest).ok_or(malformed)?;
        links.push(link);
        rest = behind;
    }
    Ok(links)
}

fn parse_link(text: &str) -> Option<(Link, &str)> {
    let (link, behind) = text.strip_prefix('[')?.split_once(']')?;
    let (path, options) = link.rsplit_once(';')?;
    let options: u32 = options.parse().ok()?;
    let (scheme, gpo) = path.split_once("://")?;
    let is_link = scheme.eq_ignore_ascii_case("LDAP") && !gpo.is_empty();
    let link = Link { gpo: gpo.to_owned(), is_disabled: options & 1 != 0, is_enforced: options & 2 != 0 };
    is_link.then_some((link, behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: &str = "cn={31B2F340-016D-11D2-945F-00C04FB984F9},cn=policies,cn=system,DC=corp,DC=example";

    #[test]
    fn every_option_of_a_link_is_read() {
        for (options, is_disabled, is_enforced) in
            [(0, false, false), (1, true, false), (2, false, true), (3, true, true), (4, false, false)]
        {
            let links = parse_links(&format!("[LDAP://{POLICY};{options}]")).unwrap();
            assert_eq!(links, [Link { gpo: POLICY.to_owned(), is_disabled, is_enforced }]);
        }
    }

    #[test]
    fn links_keep_their_order_and_none_is_no_fault() {
        let links = parse_links("[LDAP://cn=a;0][ldap://cn=b;2]").unwrap();
        assert_eq!(links.iter().map(|link| link.gpo.as_str()).collect::<Vec<_>>(), ["cn=a", "cn=b"]);
        assert_eq!((parse_links(""), parse_links(" ")), (Ok(Vec::new()), Ok(Vec::new())));
    }

    #[test]
    fn malformed_lists_are_refused_with_their_place() {
        for text in [
            "x",
            "[",
            "[LDAP://cn=a]",
            "[LDAP://cn=a;]",
            "[LDAP://;0]",
            "[HTTP://cn=a;0]",
            "[LDAP://cn=a;-1]",
        ] {
            assert_eq!(parse_links(text), Err(LinkError::Malformed { number: 1 }), "{text}");
        }
        assert_eq!(parse_links("[LDAP://cn=a;0] x"), Err(LinkError::Malformed { number: 2 }));
        let long = |len: usize| format!("[LDAP://{};0]", "a".repeat(len - "[LDAP://;0]".len()));
        assert!(parse_links(&long(LINKS_LEN_MAX)).is_ok());
        assert!(matches!(parse_links(&long(LINKS_LEN_MAX + 1)), Err(LinkError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in r"[\[\];:/LDAPcn=0-9 ö]{0,40}") {
            drop(parse_links(&text));
        }
    }
}
