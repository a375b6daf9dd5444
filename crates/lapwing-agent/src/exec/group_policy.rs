//! Reads this host's Group Policy from its domain, as the machine.

use core::{error::Error, time::Duration};
use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::PathBuf};

use lapwing_client::{
    ad::{
        Limits, Wish,
        policy::{self, GroupPolicy, GroupPolicyError, Member, Tickets},
    },
    identity::{Root, files},
};
use lapwing_core::{agent::RootHalfFailure, fault::Fault};
use lapwing_proto::ad::dns::DnsName;
use tokio::time::timeout;

use super::{
    chain,
    domain::{Domain, Homeless, Reached, Unreached},
    root_half::RootHalf,
};
use crate::policy_source::Unread;

/// The longest wait for the domain, all in all: what was read last holds then.
const READ_MAX: Duration = Duration::from_secs(30);

/// The longest wait for one file of SYSVOL.
const FILE_MAX: Duration = Duration::from_secs(8);

/// The longest waits for a controller: a policy is not worth those of a password.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    kerberos: Duration::from_secs(8),
    answer: Duration::from_secs(8),
};

/// Where what does not outlast a run lies (systemd.exec(5), `RuntimeDirectory=`).
const RUNTIME: &str = "/run/lapwingd";

/// Reads Group Policy, again and again.
#[derive(Debug)]
pub(super) struct GroupPolicyReader {
    root: Root,
    /// Over which it was read last.
    reached: Option<Reached>,
}

impl GroupPolicyReader {
    /// Removes what a run that was killed has left of its tickets.
    pub(super) fn new(root: Root) -> Self {
        if let Err(error) = policy::clear_tickets(&root.path(RUNTIME)) {
            tracing::warn!(%error, "Tickets of an earlier run stay in /run/lapwingd until the next boot");
        }
        Self { root, reached: None }
    }

    /// The connection over which it was just read, bound as the machine.
    pub(super) fn take_connection(&mut self) -> Option<Reached> {
        self.reached.take()
    }

    /// Reads what holds now; none on a host that is in no domain, as far as root lets Lapwing know of one.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) async fn read(
        &mut self,
        domain: &mut Domain,
        root_half: &RootHalf,
        known: Option<&GroupPolicy>,
    ) -> Result<Option<GroupPolicy>, Unread> {
        if !self.may_be_in_domain() {
            return Ok(None);
        }
        let read = async {
            let wish = async |_: &DnsName| Wish::default();
            let mut reached = match domain.reach(root_half, LIMITS, wish).await {
                Err(Unreached::NoKeys(RootHalfFailure {
                    fault: Some(Fault::DirectoryNotListed), ..
                })) => return Ok(None),
                reached => reached.map_err(unreached)?,
            };
            let read = self.read_over(&mut reached, known).await?;
            self.reached = Some(reached);
            Ok(Some(read))
        };
        let read = timeout(READ_MAX, read).await.unwrap_or_else(|_elapsed| Err(too_late()));
        if read.is_err() {
            domain.doubt_keys();
        }
        read
    }

    /// A glance at root's file, which spares hosts in no domain a verb in each cycle. The root half decides.
    fn may_be_in_domain(&self) -> bool {
        match files::read_if_there(&self.root.managed()) {
            Ok(text) => String::from_utf8_lossy(&text.unwrap_or_default()).contains("ad:"),
            Err(_unreadable) => true,
        }
    }

    async fn read_over(
        &self,
        reached: &mut Reached,
        known: Option<&GroupPolicy>,
    ) -> Result<GroupPolicy, Unread> {
        let home = reached.home().await;
        let Reached { connected, domain, account, keytab, .. } = reached;
        let domain = domain.as_str();
        let home = home.map_err(|homeless| {
            let error = match homeless {
                Homeless::Directory(error) => GroupPolicyError::from(error),
                Homeless::NoAccount => GroupPolicyError::NoAccount { account: account.account.clone() },
            };
            unread(Some(domain), &error, error.next_step())
        })?;
        let folder = runtime_folder(&self.root)
            .map_err(|error| unread(Some(domain), &error, "let lapwingd have a folder /run/lapwingd"))?;
        let tickets = Tickets {
            keytab: keytab.clone(),
            principal: account.principal(),
            folder,
            limit: LIMITS.kerberos,
        };
        let member = Member {
            controller: &connected.controller,
            home: &home,
            account: &account.account,
            site: connected.client_site.as_ref(),
            tickets: &tickets,
        };
        let read = policy::read_group_policy(&mut connected.connection, &member, known, FILE_MAX).await;
        read.map_err(|error| unread(Some(domain), &error, error.next_step()))
    }
}

fn unreached(why: Unreached) -> Unread {
    match why {
        Unreached::NoKeys(refused) => {
            Unread { domain: None, reason: refused.message, next_step: refused.next_step }
        }
        Unreached::Keytab(error) => unread(None, &error, error.next_step()),
        Unreached::Unreadable(error) => unread(None, &error, error.next_step()),
        Unreached::Settings(error) => unread(None, &error, error.next_step()),
        Unreached::Name(error) => unread(None, &error, "join this host to the domain again"),
        Unreached::Connect(domain, error) => unread(Some(domain.as_str()), &error, error.next_step()),
    }
}

fn runtime_folder(root: &Root) -> io::Result<PathBuf> {
    let folder = root.path(RUNTIME);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

fn too_late() -> Unread {
    Unread {
        domain: None,
        reason: format!("the domain did not answer within {READ_MAX:?}"),
        next_step: "check that a domain controller can be reached: ports 53, 88, 389 and 445".to_owned(),
    }
}

fn unread(domain: Option<&str>, error: &(dyn Error + 'static), next_step: &str) -> Unread {
    Unread { domain: domain.map(str::to_owned), reason: chain(error), next_step: next_step.to_owned() }
}
