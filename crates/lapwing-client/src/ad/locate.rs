//! Finds the controllers of a domain by the names that DNS has for them. [MS-ADTS] 6.3.2; RFC 2782.

use core::time::Duration;
use std::{collections::BTreeMap, net::IpAddr};

use hickory_resolver::{Resolver, TokioResolver, net::NetError, proto::rr::RData};
use tokio::time::timeout;

use super::controller::Controller;

/// Why no controller was found.
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
    /// DNS did not answer.
    #[error("DNS did not answer within {0:?}")]
    TimedOut(Duration),
    /// DNS names controllers, and has an address for none.
    #[error("DNS has no address for any domain controller of {0}")]
    NoAddress(String),
}

impl LocateError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Resolver(_) => "check /etc/resolv.conf",
            Self::NoRecord { .. } | Self::NoAddress(_) => {
                "let /etc/resolv.conf name a DNS server that knows the domain, or name a controller"
            }
            Self::TimedOut(_) => "check that the DNS servers of /etc/resolv.conf can be reached",
        }
    }
}

/// All controllers of a domain that DNS names, the preferred ones first, within `limit`.
///
/// # Errors
/// When there is none, or nobody says so in time.
pub async fn controllers(domain: &str, limit: Duration) -> Result<Vec<Controller>, LocateError> {
    timeout(limit, look_up(domain)).await.map_err(|_| LocateError::TimedOut(limit))?
}

async fn look_up(domain: &str) -> Result<Vec<Controller>, LocateError> {
    let resolver =
        Resolver::builder_tokio().and_then(|builder| builder.build()).map_err(LocateError::Resolver)?;
    // The dot at the end keeps the resolver's search list out.
    let name = format!("_ldap._tcp.dc._msdcs.{domain}.");
    let found = resolver
        .srv_lookup(name)
        .await
        .map_err(|source| LocateError::NoRecord { domain: domain.to_owned(), source })?;
    let mut targets = BTreeMap::new();
    for record in found.answers() {
        if let RData::SRV(service) = &record.data {
            let order = (service.priority, u16::MAX - service.weight);
            let target = service.target.to_utf8().trim_end_matches('.').to_ascii_lowercase();
            targets.entry((order, target)).or_insert(());
        }
    }
    let mut controllers = Vec::new();
    for (_, name) in targets.into_keys() {
        if let Some(address) = address(&resolver, &name).await {
            controllers.push(Controller { name, address, domain: domain.to_ascii_lowercase() });
        }
    }
    if controllers.is_empty() { Err(LocateError::NoAddress(domain.to_owned())) } else { Ok(controllers) }
}

async fn address(resolver: &TokioResolver, name: &str) -> Option<IpAddr> {
    resolver.lookup_ip(format!("{name}.")).await.ok()?.iter().next()
}
