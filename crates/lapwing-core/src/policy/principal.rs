//! Who may decrypt a password that Active Directory holds.

use core::{fmt, str::FromStr};

use crate::types::Sid;

/// The one user or group that passwords are encrypted to. "Configure policy settings for Windows LAPS",
/// ADPasswordEncryptionPrincipal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncryptionPrincipal {
    /// The Domain Admins of the host's domain, when policy names nobody.
    DomainAdmins,
    /// By its SID.
    Sid(Sid),
    /// As `DOMAIN\name`.
    DownLevel {
        /// The NetBIOS or DNS name of the domain.
        domain: String,
        /// The account name there.
        name: String,
    },
    /// As `name@domain`.
    UserPrincipalName {
        /// What stands before the last `@`.
        name: String,
        /// What stands after it.
        domain: String,
    },
}

/// Why a text names no principal. Nothing takes its place: encrypting to somebody else would hand the password to the
/// wrong people, so the cycle fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// A name without a domain could mean several accounts.
    #[error("{0:?} names no domain, so it could be anyone")]
    Isolated(String),
    /// The text is no name.
    #[error("{0:?} is not the name of one user or group")]
    MalformedName(String),
    /// The text begins like a SID and is none.
    #[error("{0:?} is not a SID")]
    MalformedSid(String),
}

impl PrincipalError {
    /// The event that reports it. Event manifest of Microsoft-Windows-LAPS.
    #[must_use]
    pub const fn event(&self) -> u16 {
        match self {
            Self::Isolated(_) => 10034,
            Self::MalformedName(_) => 10035,
            Self::MalformedSid(_) => 10036,
        }
    }

    /// What the operator can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "name one user or group as a SID, DOMAIN\\name or name@domain, without quotes or brackets"
    }
}

impl FromStr for EncryptionPrincipal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        let shown = || text.chars().take(64).collect();
        if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("S-1-")) {
            return text.parse().map(Self::Sid).map_err(|_| PrincipalError::MalformedSid(shown()));
        }
        let part = |part: &str| is_name(part).then(|| part.to_owned());
        let qualified = match (text.split_once('\\'), text.rsplit_once('@')) {
            (Some((domain, name)), _) => {
                part(domain).zip(part(name)).map(|(domain, name)| Self::DownLevel { domain, name })
            }
            (None, Some((name, domain))) => {
                part(name).zip(part(domain)).map(|(name, domain)| Self::UserPrincipalName { name, domain })
            }
            (None, None) if is_name(text) => return Err(PrincipalError::Isolated(shown())),
            (None, None) => None,
        };
        qualified.ok_or_else(|| PrincipalError::MalformedName(shown()))
    }
}

/// Without the characters that no account name in a domain has and that quotes, brackets and lists are made of.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !text.starts_with(['\'', '('])
        && !text.chars().any(|c| c.is_control() || "\"/\\[]:|<>;?,*{}".contains(c))
}

impl fmt::Display for EncryptionPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DomainAdmins => f.write_str("Domain Admins of the host's domain"),
            Self::Sid(sid) => sid.fmt(f),
            Self::DownLevel { domain, name } => write!(f, "{domain}\\{name}"),
            Self::UserPrincipalName { name, domain } => write!(f, "{name}@{domain}"),
        }
    }
}
