//! Accounts and groups: from what an administrator calls them to their SIDs, and back to names.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::types::{Sid, SidError};
use lapwing_proto::ad::{
    name::DistinguishedName,
    principal::{self, Principal},
};

use super::{
    connection::{Connection, Entry, Scope, Search, SecurityParts},
    domain::RootDse,
    error::AdError,
};

/// How many SIDs one search asks for.
const SIDS_PER_SEARCH: usize = 50;

/// The names of a domain's accounts and groups, as far as they were asked for.
#[derive(Debug)]
pub struct Principals {
    domain: DistinguishedName,
    /// The domains of the forest.
    domains: Vec<ForestDomain>,
    /// The domain's own SID.
    issuer: Sid,
    is_root_domain: bool,
    known: BTreeMap<Sid, String>,
}

/// What the forest says of one of its domains: a `crossRef`. [MS-ADTS] 6.1.1.2.1.1.
#[derive(Debug)]
struct ForestDomain {
    base: String,
    /// `CORP`.
    short: String,
    /// `corp.example`.
    dns: String,
}

/// Why nobody is meant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// The controller did not answer as it should.
    #[error(transparent)]
    Directory(#[from] AdError),
    /// Nobody has the name.
    #[error("the domain has no account or group {0}")]
    Unknown(String),
    /// Several have it.
    #[error("{0} accounts or groups have the name {1}")]
    Ambiguous(usize, String),
    /// It belongs to another domain, which this controller does not know.
    #[error("{0} is of another domain than the one that is asked")]
    OtherDomain(String),
}

impl PrincipalError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Directory(error) => error.next_step(),
            Self::Unknown(_) => "check the name",
            Self::Ambiguous(..) => "give the SID or the distinguished name of one of them",
            Self::OtherDomain(_) => "give its SID",
        }
    }
}

impl Principals {
    /// Asks what the domain and its forest are called.
    ///
    /// # Errors
    /// [`AdError`] about an answer.
    pub async fn open(connection: &mut Connection, root: &RootDse) -> Result<Self, AdError> {
        let domain = connection.read(root.domain.as_str(), &["objectSid"]).await?;
        let issuer =
            domain.as_ref().and_then(sid_of).ok_or_else(|| connection.malformed("the domain's SID"))?;
        let partitions = root.contexts.configuration.child("CN", "Partitions");
        let search = Search {
            base: partitions.as_str(),
            scope: Scope::OneLevel,
            filter: "(&(objectClass=crossRef)(nETBIOSName=*))",
            attributes: &["nCName", "nETBIOSName", "dnsRoot"],
            security: SecurityParts::None,
        };
        let found = connection.search(&search).await?;
        let domain = |entry: &Entry| {
            Some(ForestDomain {
                base: entry.text("nCName")?.to_owned(),
                short: entry.text("nETBIOSName")?.to_owned(),
                dns: entry.text("dnsRoot")?.to_owned(),
            })
        };
        let is_root_domain = root
            .contexts
            .configuration
            .parent()
            .is_some_and(|top| top.as_str().eq_ignore_ascii_case(root.domain.as_str()));
        Ok(Self {
            domain: root.domain.clone(),
            domains: found.iter().filter_map(domain).collect(),
            issuer,
            is_root_domain,
            known: BTreeMap::new(),
        })
    }

    /// Whom an administrator means.
    ///
    /// # Errors
    /// [`PrincipalError`] if that is nobody, or not one.
    pub async fn resolve(
        &mut self,
        connection: &mut Connection,
        principal: &Principal,
        named: &str,
    ) -> Result<Sid, PrincipalError> {
        let other = || PrincipalError::OtherDomain(named.to_owned());
        let own = |number| self.issuer.with_relative_id(number).ok_or_else(other);
        let sid = match principal {
            Principal::Sid(sid) => sid.clone(),
            Principal::OfDomain(number) => own(*number)?,
            Principal::OfRootDomain(number) if self.is_root_domain => own(*number)?,
            Principal::OfRootDomain(_) => return Err(other()),
            Principal::Account { domain, name } => {
                if !self.is_own(|own| own.short.eq_ignore_ascii_case(domain)) {
                    return Err(other());
                }
                self.find(connection, &principal::account_filter(name), named).await?
            }
            Principal::UserPrincipalName { name, suffix } => {
                let is_own = self.is_own(|own| own.dns.eq_ignore_ascii_case(suffix));
                let filter = principal::user_principal_filter(name, suffix, is_own);
                self.find(connection, &filter, named).await?
            }
            Principal::DistinguishedName(name) => {
                let entry = connection.read(name.as_str(), &["objectSid"]).await?;
                let found = entry.as_ref().and_then(sid_of);
                found.ok_or_else(|| PrincipalError::Unknown(named.to_owned()))?
            }
        };
        self.learn(connection, [&sid]).await?;
        // One of this domain's that it does not have would be a right for whoever gets that number.
        if sid.issuer().as_ref() == Some(&self.issuer) && !self.known.contains_key(&sid) {
            return Err(PrincipalError::Unknown(named.to_owned()));
        }
        Ok(sid)
    }

    /// Whether this is somebody of a domain: of the own one, as far as that has told, or of one that it trusts. What every host has
    /// for itself, such as its own administrators, is nobody here.
    ///
    /// # Errors
    /// [`AdError`] about an answer.
    pub async fn is_known(&self, connection: &mut Connection, sid: &Sid) -> Result<bool, AdError> {
        if self.known.contains_key(sid) {
            return Ok(true);
        }
        let Some(issuer) = sid.issuer().filter(|issuer| *issuer != self.issuer) else { return Ok(false) };
        let system = self.domain.child("CN", "System");
        let search = Search {
            base: system.as_str(),
            scope: Scope::OneLevel,
            filter: &principal::trusted_domain_filter(&issuer),
            attributes: &["securityIdentifier"],
            security: SecurityParts::None,
        };
        Ok(!connection.search(&search).await?.is_empty())
    }

    /// The name to show: `DOMAIN\name`, or the SID where nobody has a name for it.
    #[must_use]
    pub fn name(&self, sid: &Sid) -> String {
        principal::well_known_name(sid)
            .or_else(|| self.known.get(sid).cloned())
            .unwrap_or_else(|| sid.to_string())
    }

    /// Asks for the names of these SIDs, as far as they are not known yet. One without a name afterwards is of another
    /// domain, or of somebody who is gone.
    ///
    /// # Errors
    /// [`AdError`] about an answer.
    pub async fn learn(
        &mut self,
        connection: &mut Connection,
        sids: impl IntoIterator<Item = &Sid>,
    ) -> Result<(), AdError> {
        let is_new = |sid: &&Sid| !self.known.contains_key(*sid) && principal::well_known_name(sid).is_none();
        let wanted: BTreeSet<&Sid> = sids.into_iter().filter(is_new).collect();
        let wanted: Vec<&Sid> = wanted.into_iter().collect();
        for some in wanted.chunks(SIDS_PER_SEARCH) {
            let filter = principal::sids_filter(some.iter().copied());
            for entry in connection.search(&self.accounts(&filter)).await? {
                let name = entry.text("sAMAccountName").map(|name| format!("{}\\{name}", self.short()));
                if let Some((sid, name)) = sid_of(&entry).zip(name) {
                    self.known.insert(sid, name);
                }
            }
        }
        Ok(())
    }

    /// The one whom a filter finds.
    async fn find(
        &self,
        connection: &mut Connection,
        filter: &str,
        named: &str,
    ) -> Result<Sid, PrincipalError> {
        let found = connection.search(&self.accounts(filter)).await?;
        match found.as_slice() {
            [] => Err(PrincipalError::Unknown(named.to_owned())),
            [one] => Ok(sid_of(one).ok_or_else(|| connection.malformed("a SID"))?),
            several => Err(PrincipalError::Ambiguous(several.len(), named.to_owned())),
        }
    }

    fn accounts<'a>(&'a self, filter: &'a str) -> Search<'a> {
        Search {
            base: self.domain.as_str(),
            scope: Scope::Subtree,
            filter,
            attributes: &["objectSid", "sAMAccountName"],
            security: SecurityParts::None,
        }
    }

    fn own(&self) -> Option<&ForestDomain> {
        self.domains.iter().find(|domain| domain.base.eq_ignore_ascii_case(self.domain.as_str()))
    }

    fn is_own(&self, is_meant: impl FnOnce(&ForestDomain) -> bool) -> bool {
        self.own().is_some_and(is_meant)
    }

    fn short(&self) -> &str {
        self.own().map_or("", |domain| &domain.short)
    }
}

fn sid_of(entry: &Entry) -> Option<Sid> {
    let read: Result<(Sid, &[u8]), SidError> = Sid::read_from(entry.value("objectSid")?);
    read.ok().map(|(sid, _)| sid)
}
