//! Computers, by whatever an administrator calls them.

use lapwing_client::ad::{Entry, Scope, Search, SecurityParts};
use lapwing_proto::ad::{
    name::{ComputerIdentity, DistinguishedName, DistinguishedNameError},
    refusal::AdRefusal,
};

use super::Session;
use crate::{
    failure::{Code, Failure},
    output,
};

/// How many of several computers of one name are told.
const TOLD_MAX: usize = 10;

impl Session {
    /// The one computer that is called so, with these attributes. Its object's name is the entry's.
    pub(crate) async fn computer(&mut self, identity: &str, attributes: &[&str]) -> Result<Entry, Failure> {
        let parsed = self::identity(identity)?;
        let found = match &parsed {
            // A name is read, not searched for: a directory compares names by their meaning, filters by their text.
            ComputerIdentity::DistinguishedName(name) => self.computer_at(name, attributes).await?,
            ComputerIdentity::SamAccountName(_)
            | ComputerIdentity::ObjectGuid(_)
            | ComputerIdentity::DnsHostName(_)
            | ComputerIdentity::Name(_) => self.computers_like(&parsed, attributes).await?,
        };
        the_one(identity, found)?.ok_or_else(|| {
            Failure::new(
                Code::NotFound,
                format!(
                    "no computer of {} is called {}, or you may not see it",
                    self.root.domain,
                    output::shown(identity)
                ),
                "check the name; of another domain, name that with --domain",
            )
        })
    }

    async fn computer_at(
        &mut self,
        name: &DistinguishedName,
        attributes: &[&str],
    ) -> Result<Vec<Entry>, Failure> {
        let search = Search {
            base: name.as_str(),
            scope: Scope::Base,
            filter: "(objectCategory=computer)",
            attributes,
            security: SecurityParts::None,
        };
        match self.connection.search(&search).await {
            Err(error) if error.refusal() == Some(AdRefusal::NoSuchObject) => Ok(Vec::new()),
            found => Ok(found?),
        }
    }

    async fn computers_like(
        &mut self,
        identity: &ComputerIdentity,
        attributes: &[&str],
    ) -> Result<Vec<Entry>, Failure> {
        let search = Search {
            base: self.root.domain.as_str(),
            scope: Scope::Subtree,
            filter: &identity.filter(),
            attributes,
            security: SecurityParts::None,
        };
        Ok(self.connection.search(&search).await?)
    }
}

/// What an administrator calls a computer.
pub(super) fn identity(text: &str) -> Result<ComputerIdentity, Failure> {
    text.parse().map_err(|error: DistinguishedNameError| {
        let next_step = "name the computer by its name, DNS name, account, GUID or distinguished name";
        Failure::new(Code::Usage, error, next_step)
    })
}

/// The only one of those that were found; none if none was.
pub(super) fn the_one(identity: &str, mut found: Vec<Entry>) -> Result<Option<Entry>, Failure> {
    let called = output::shown(identity);
    match (found.pop(), found.as_slice()) {
        (one, []) => Ok(one),
        (last, others) => {
            let names = others.iter().chain(&last).take(TOLD_MAX);
            let names: Vec<_> = names.map(|entry| output::shown(&entry.name)).collect();
            Err(Failure::new(
                Code::Failed,
                format!("{} computers are called {called}", others.len() + 1),
                format!("name one by its distinguished name: {}", names.join("; ")),
            ))
        }
    }
}

/// Does `work` for each of several computers: what it gives for those that it succeeds for, and the last failure, which
/// decides the exit code; the earlier ones are told at once.
pub(super) async fn for_each<T>(
    session: &mut Session,
    computers: &[String],
    mut work: impl AsyncFnMut(&mut Session, &str) -> Result<T, Failure>,
) -> (Vec<T>, Option<Failure>) {
    let mut done = Vec::new();
    let mut failed: Option<Failure> = None;
    for computer in computers {
        let outcome = match session.revive().await {
            Ok(()) => work(session, computer).await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(value) => done.push(value),
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    output::complain(&earlier.report());
                }
            }
        }
    }
    (done, failed)
}
