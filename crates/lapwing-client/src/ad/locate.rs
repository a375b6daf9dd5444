//! Finds a domain's controllers as Windows does: by the names that DNS has for them, by site, and by asking each whether it is
//! there. [MS-ADTS] 6.3.2, 6.3.3.
//!
//! Nothing that is learned here is proved; Kerberos proves it when a connection is opened.

mod candidates;
mod ping;
mod service;

use core::{fmt, net::IpAddr, str::FromStr, time::Duration};
use std::{collections::BTreeSet, io, net::SocketAddr};

use hickory_resolver::net::NetError;
use lapwing_proto::ad::{
    dns::{DnsName, DnsNameError, SiteName},
    netlogon::{Answer, PingError},
};

pub use self::candidates::Candidates;
use super::{controller::Controller, error::AdError};

/// A controller as an administrator names it, or DNS does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// By its name.
    Name(DnsName),
    /// By its address: then it tells its name itself.
    Address(IpAddr),
}

impl FromStr for Place {
    type Err = DnsNameError;

    fn from_str(text: &str) -> Result<Self, DnsNameError> {
        text.parse().map(Self::Address).or_else(|_| DnsName::parse(text).map(Self::Name))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Whoever gives group keys, by the name that Kerberos proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyService {
    /// The host.
    pub name: DnsName,
    /// The port.
    pub port: u16,
}

/// Why a text names no [`KeyService`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyServiceError {
    /// There is no port behind the name.
    #[error("it is no name with a port, such as dc1.example.com:49700")]
    Port,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] DnsNameError),
    /// Kerberos knows hosts by their names.
    #[error("it is an address, and Kerberos proves names")]
    Address,
}

impl FromStr for KeyService {
    type Err = KeyServiceError;

    fn from_str(text: &str) -> Result<Self, KeyServiceError> {
        if text.parse::<SocketAddr>().is_ok() {
            return Err(KeyServiceError::Address);
        }
        let (name, port) = text.rsplit_once(':').ok_or(KeyServiceError::Port)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(KeyServiceError::Port)?;
        Ok(Self { name: DnsName::parse(name)?, port })
    }
}

impl fmt::Display for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// Whoever gives group keys in the domain by what DNS says, in the order in which to ask; none if it does not say.
pub(super) async fn key_services(domain: &DnsName, chance: u64) -> Vec<KeyService> {
    match service::resolver() {
        Ok(resolver) => service::key_services(&resolver, domain, service::Chance(chance)).await,
        Err(_) => Vec::new(),
    }
}

/// The addresses of a host; none if DNS has none.
pub(super) async fn addresses(name: &DnsName) -> Vec<IpAddr> {
    match service::resolver() {
        Ok(resolver) => service::addresses(&resolver, name).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// Where controllers are looked for.
#[derive(Debug, Clone)]
pub struct Source {
    /// The domain.
    pub domain: DnsName,
    /// The site whose controllers are asked first; none if it is not known yet.
    pub site: Option<SiteName>,
    /// The controllers to ask in place of those that DNS names, if there are any.
    pub controllers: Vec<Place>,
    /// What this host is called, for the controllers' logs.
    pub host: String,
}

/// Which controllers the caller would rather have.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Goes first: the one that took the last write, where it was then.
    pub preferred: Option<Controller>,
    /// Are asked after all others: their names, or addresses where they are configured by these.
    pub last: BTreeSet<String>,
    /// Are not asked at all.
    pub never: BTreeSet<String>,
}

/// A controller that answers and, as far as it says, can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub controller: Controller,
    /// What it says of itself; none if it speaks LDAP and answers no pings.
    pub answer: Option<Answer>,
}

/// A controller that was not taken.
#[derive(Debug)]
pub struct Tried {
    /// What it was looked for as.
    pub controller: String,
    /// Why not.
    pub why: NotTaken,
}

/// Why a controller was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// DNS has no address for it.
    #[error("DNS has no address for it")]
    NoAddress,
    /// It does not answer.
    #[error("it does not answer")]
    Silent,
    /// There is no way to it, or nobody accepts connections.
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    /// It answers, and not as a controller that serves the domain.
    #[error("it does not answer as a controller of the domain")]
    Answer(#[source] PingError),
    /// It serves another domain.
    #[error("it serves the domain {0}")]
    OtherDomain(DnsName),
    /// It cannot be written to.
    #[error("it is read-only")]
    ReadOnly,
    /// It answers no pings and was named by its address, so that its name is not known.
    #[error("it does not tell its name: name it by it")]
    Nameless,
    /// No connection to it came to stand.
    #[error(transparent)]
    Failed(AdError),
}

/// Why DNS named no controller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The resolver of this host cannot be used.
    #[error("this host's DNS configuration cannot be used")]
    Resolver(#[source] NetError),
    /// DNS has no controllers of the domain.
    #[error("DNS names no domain controller of {domain}")]
    NoRecord {
        /// The domain.
        domain: String,
        /// What the resolver said.
        source: NetError,
    },
    /// DNS did not answer, or only to say that it cannot.
    #[error("DNS does not say which domain controllers there are")]
    Unanswered(#[source] NetError),
    /// DNS did not answer.
    #[error("DNS did not answer within {0:?}")]
    TimedOut(Duration),
}

impl LocateError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Resolver(_) => "check /etc/resolv.conf",
            Self::NoRecord { .. } => {
                "let /etc/resolv.conf name a DNS server that knows the domain, or name its controllers under [active_directory] in /etc/lapwing/agent.toml"
            }
            Self::Unanswered(_) | Self::TimedOut(_) => {
                "check that the DNS servers of /etc/resolv.conf can be reached"
            }
        }
    }
}
