//! Whom permissions are about: accounts and groups as administrators name them, and those that every domain has.

use core::{fmt, str::FromStr};

use lapwing_core::types::Sid;

use super::name::{DistinguishedName, filter_bytes, filter_value};

/// What an administrator calls an account or a group, by the rules of the cmdlets' `-AllowedPrincipals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// By its SID, or by a name that is the same everywhere.
    Sid(Sid),
    /// By a name that every domain has: the number of the account within the domain.
    OfDomain(u32),
    /// By a name that only a forest's root domain has: the number of the account within that domain.
    OfRootDomain(u32),
    /// `DOMAIN\name`.
    Account {
        /// The domain's short name.
        domain: String,
        /// `sAMAccountName`.
        name: String,
    },
    /// `name@domain`.
    UserPrincipalName {
        /// What stands before the last `@`.
        name: String,
        /// What stands behind it.
        suffix: String,
    },
    /// By its place in the directory.
    DistinguishedName(DistinguishedName),
}

/// A name that does not say whom it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not say in which domain it is")]
pub struct Unqualified(String);

impl Unqualified {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "write DOMAIN\\name, name@domain, a SID or a distinguished name"
    }
}

impl FromStr for Principal {
    type Err = Unqualified;

    fn from_str(text: &str) -> Result<Self, Unqualified> {
        if let Ok(sid) = text.parse() {
            return Ok(Self::Sid(sid));
        }
        if let Some(known) = WELL_KNOWN.iter().find(|known| known.is_called(text)) {
            return known.sid.parse().map(Self::Sid).map_err(|_| Unqualified(text.to_owned()));
        }
        let of_domain = |table: &[(u32, &str)]| {
            table.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(number, _)| *number)
        };
        if let Some(number) = of_domain(&OF_DOMAIN) {
            return Ok(Self::OfDomain(number));
        }
        if let Some(number) = of_domain(&OF_ROOT_DOMAIN) {
            return Ok(Self::OfRootDomain(number));
        }
        if let Some((domain, name)) = text.split_once('\\')
            && !domain.is_empty()
            && !name.is_empty()
            && !domain.contains(['=', ','])
        {
            return Ok(Self::Account { domain: domain.to_owned(), name: name.to_owned() });
        }
        // Before the at sign, which a distinguished name may contain.
        if let Ok(name) = text.parse() {
            return Ok(Self::DistinguishedName(name));
        }
        match text.rsplit_once('@') {
            Some((name, suffix)) if !name.is_empty() && !suffix.is_empty() => {
                Ok(Self::UserPrincipalName { name: name.to_owned(), suffix: suffix.to_owned() })
            }
            Some(_) | None => Err(Unqualified(text.chars().take(80).collect())),
        }
    }
}

/// The filter that finds the account of this `sAMAccountName`.
#[must_use]
pub fn account_filter(name: &str) -> String {
    format!("(&(objectSid=*)(sAMAccountName={}))", filter_value(name))
}

/// The filter that finds the account of this user principal name; if the suffix is the domain's own, a group or computer
/// of that name too, which have no such attribute.
#[must_use]
pub fn user_principal_filter(name: &str, suffix: &str, is_own_domain: bool) -> String {
    let upn = format!("(userPrincipalName={})", filter_value(&format!("{name}@{suffix}")));
    if is_own_domain {
        format!("(&(objectSid=*)(|{upn}(sAMAccountName={})))", filter_value(name))
    } else {
        format!("(&(objectSid=*){upn})")
    }
}

/// The filter that finds the accounts of these SIDs.
#[must_use]
pub fn sids_filter<'a>(sids: impl IntoIterator<Item = &'a Sid>) -> String {
    let each = sids.into_iter().map(|sid| format!("(objectSid={})", filter_bytes(&sid.to_bytes())));
    format!("(|{})", each.collect::<String>())
}

/// The filter that finds the trust in the domain of this SID. [MS-ADTS] 6.1.6.7.8, securityIdentifier.
#[must_use]
pub fn trusted_domain_filter(domain: &Sid) -> String {
    format!("(&(objectClass=trustedDomain)(securityIdentifier={}))", filter_bytes(&domain.to_bytes()))
}

/// The name that Windows shows for a SID that is the same everywhere, such as `NT AUTHORITY\SELF`.
#[must_use]
pub fn well_known_name(sid: &Sid) -> Option<String> {
    let text = sid.to_string();
    WELL_KNOWN.iter().find(|known| known.sid == text).map(ToString::to_string)
}

/// An account or group that no domain has to make. [MS-DTYP] 2.4.2.4.
struct WellKnown {
    sid: &'static str,
    /// The authority that Windows shows before the name; empty for none.
    authority: &'static str,
    name: &'static str,
}

impl WellKnown {
    /// Alone or behind its authority, whatever the case.
    fn is_called(&self, text: &str) -> bool {
        let name = match text.split_once('\\') {
            Some((authority, name)) if authority.eq_ignore_ascii_case(self.authority) => name,
            Some(_) => return false,
            None => text,
        };
        name.eq_ignore_ascii_case(self.name)
    }
}

impl fmt::Display for WellKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.authority.is_empty() { "" } else { "\\" };
        write!(f, "{}{separator}{}", self.authority, self.name)
    }
}

const fn known(sid: &'static str, authority: &'static str, name: &'static str) -> WellKnown {
    WellKnown { sid, authority, name }
}

const NT: &str = "NT AUTHORITY";
const BUILTIN: &str = "BUILTIN";

/// [MS-DTYP] 2.4.2.4.
const WELL_KNOWN: [WellKnown; 43] = [
    known("S-1-1-0", "", "Everyone"),
    known("S-1-3-0", "", "CREATOR OWNER"),
    known("S-1-3-1", "", "CREATOR GROUP"),
    known("S-1-3-4", "", "OWNER RIGHTS"),
    known("S-1-5-2", NT, "NETWORK"),
    known("S-1-5-4", NT, "INTERACTIVE"),
    known("S-1-5-6", NT, "SERVICE"),
    known("S-1-5-7", NT, "ANONYMOUS LOGON"),
    known("S-1-5-9", NT, "ENTERPRISE DOMAIN CONTROLLERS"),
    known("S-1-5-10", NT, "SELF"),
    known("S-1-5-11", NT, "Authenticated Users"),
    known("S-1-5-12", NT, "RESTRICTED"),
    known("S-1-5-15", NT, "This Organization"),
    known("S-1-5-18", NT, "SYSTEM"),
    known("S-1-5-19", NT, "LOCAL SERVICE"),
    known("S-1-5-20", NT, "NETWORK SERVICE"),
    known("S-1-5-32-544", BUILTIN, "Administrators"),
    known("S-1-5-32-545", BUILTIN, "Users"),
    known("S-1-5-32-546", BUILTIN, "Guests"),
    known("S-1-5-32-548", BUILTIN, "Account Operators"),
    known("S-1-5-32-549", BUILTIN, "Server Operators"),
    known("S-1-5-32-550", BUILTIN, "Print Operators"),
    known("S-1-5-32-551", BUILTIN, "Backup Operators"),
    known("S-1-5-32-552", BUILTIN, "Replicator"),
    known("S-1-5-32-554", BUILTIN, "Pre-Windows 2000 Compatible Access"),
    known("S-1-5-32-555", BUILTIN, "Remote Desktop Users"),
    known("S-1-5-32-556", BUILTIN, "Network Configuration Operators"),
    known("S-1-5-32-557", BUILTIN, "Incoming Forest Trust Builders"),
    known("S-1-5-32-558", BUILTIN, "Performance Monitor Users"),
    known("S-1-5-32-559", BUILTIN, "Performance Log Users"),
    known("S-1-5-32-560", BUILTIN, "Windows Authorization Access Group"),
    known("S-1-5-32-561", BUILTIN, "Terminal Server License Servers"),
    known("S-1-5-32-562", BUILTIN, "Distributed COM Users"),
    known("S-1-5-32-569", BUILTIN, "Cryptographic Operators"),
    known("S-1-5-32-573", BUILTIN, "Event Log Readers"),
    known("S-1-5-32-574", BUILTIN, "Certificate Service DCOM Access"),
    known("S-1-5-32-575", BUILTIN, "RDS Remote Access Servers"),
    known("S-1-5-32-576", BUILTIN, "RDS Endpoint Servers"),
    known("S-1-5-32-577", BUILTIN, "RDS Management Servers"),
    known("S-1-5-32-578", BUILTIN, "Hyper-V Administrators"),
    known("S-1-5-32-579", BUILTIN, "Access Control Assistance Operators"),
    known("S-1-5-32-580", BUILTIN, "Remote Management Users"),
    known("S-1-5-32-582", BUILTIN, "Storage Replica Administrators"),
];

/// Groups of every domain, by their number in it. [MS-DTYP] 2.4.2.4.
const OF_DOMAIN: [(u32, &str); 10] = [
    (512, "Domain Admins"),
    (513, "Domain Users"),
    (514, "Domain Guests"),
    (515, "Domain Computers"),
    (516, "Domain Controllers"),
    (517, "Cert Publishers"),
    (520, "Group Policy Creator Owners"),
    (521, "Read-only Domain Controllers"),
    (525, "Protected Users"),
    (526, "Key Admins"),
];

/// Groups of a forest's root domain. [MS-DTYP] 2.4.2.4.
const OF_ROOT_DOMAIN: [(u32, &str); 4] = [
    (498, "Enterprise Read-only Domain Controllers"),
    (518, "Schema Admins"),
    (519, "Enterprise Admins"),
    (527, "Enterprise Key Admins"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(text: &str) -> Sid {
        text.parse().unwrap()
    }

    #[test]
    fn a_principal_is_named_as_the_cmdlets_take_it() {
        let account =
            |domain: &str, name: &str| Principal::Account { domain: domain.into(), name: name.into() };
        let upn = |name: &str, suffix: &str| Principal::UserPrincipalName {
            name: name.into(),
            suffix: suffix.into(),
        };
        for (text, expected) in [
            ("S-1-5-21-1-2-3-1104", Principal::Sid(sid("S-1-5-21-1-2-3-1104"))),
            ("CORP\\helpdesk", account("CORP", "helpdesk")),
            ("CORP\\a\\b", account("CORP", "a\\b")),
            ("anna@corp.example", upn("anna", "corp.example")),
            ("a@b@corp.example", upn("a@b", "corp.example")),
            ("CN=a@b,DC=corp", Principal::DistinguishedName("CN=a@b,DC=corp".parse().unwrap())),
            ("CN=a\\,b,DC=corp", Principal::DistinguishedName("CN=a\\,b,DC=corp".parse().unwrap())),
            ("domain admins", Principal::OfDomain(512)),
            ("Enterprise Admins", Principal::OfRootDomain(519)),
            ("SELF", Principal::Sid(Sid::principal_self())),
            ("nt authority\\system", Principal::Sid(Sid::local_system())),
            ("BUILTIN\\Administrators", Principal::Sid(sid("S-1-5-32-544"))),
            ("everyone", Principal::Sid(Sid::everyone())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_name_without_a_domain_is_refused() {
        for text in ["helpdesk", "", "@", "a@", "@b", "\\a", "CORP\\", "S-1-x"] {
            let refused = text.parse::<Principal>();
            assert!(
                refused.as_ref().is_err_and(|error| error.next_step().contains("DOMAIN\\name")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_known_everywhere_has_one_name_that_reads_as_the_same() {
        for known in &WELL_KNOWN {
            let name = well_known_name(&sid(known.sid)).unwrap();
            assert_eq!(name.parse(), Ok(Principal::Sid(sid(known.sid))), "{name}");
        }
        assert_eq!(well_known_name(&sid("S-1-5-21-1-2-3-512")), None);
    }

    #[test]
    fn filters_mean_the_name_and_nothing_more() {
        assert_eq!(account_filter("a*"), "(&(objectSid=*)(sAMAccountName=a\\2a))");
        assert_eq!(
            user_principal_filter("a)", "b", true),
            "(&(objectSid=*)(|(userPrincipalName=a\\29@b)(sAMAccountName=a\\29)))"
        );
        assert_eq!(user_principal_filter("a", "b", false), "(&(objectSid=*)(userPrincipalName=a@b))");
        let everyone = Sid::everyone();
        assert_eq!(
            sids_filter([&everyone]),
            "(|(objectSid=\\01\\01\\00\\00\\00\\00\\00\\01\\00\\00\\00\\00))"
        );
    }
}
