//! Reads this host's Group Policy from its domain, as the machine.

use core::{error::Error, time::Duration};
use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt as _},
    path::PathBuf,
    sync::Arc,
};

use lapwing_client::{
    ad::{
        AdSettings, Connected, Connector, Credentials, Limits, Wish,
        policy::{self, GroupPolicy, Member, Tickets},
    },
    identity::{Root, files},
};
use lapwing_core::{agent::RootHalfFailure, fault::Fault};
use lapwing_proto::ad::{dns::DnsName, keytab};
use tokio::time::timeout;

use super::{ad, chain, machine_keys::MachineKeys, root_half::RootHalf};
use crate::{os, policy_source::Unread};

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
    /// Knows the site that this host is in.
    connector: Option<Connector>,
    /// The machine's keys, as long as a thread of Kerberos may still look for them.
    keytab: Option<Arc<OwnedFd>>,
    /// Over which it was read last.
    connected: Option<Connected>,
}

/// A connection to a controller of this host's domain, and who this host is there.
struct Machine {
    /// Bound as the machine.
    connected: Connected,
    /// Its account and realm.
    account: keytab::Machine,
    keytab: PathBuf,
}

impl GroupPolicyReader {
    /// Removes what a run that was killed has left of its tickets.
    pub(super) fn new(root: Root) -> Self {
        if let Err(error) = policy::clear_tickets(&root.path(RUNTIME)) {
            tracing::warn!(%error, "Tickets of an earlier run stay in /run/lapwingd until the next boot");
        }
        Self { root, connector: None, keytab: None, connected: None }
    }

    /// The connection over which it was just read, bound as the machine.
    pub(super) fn take_connection(&mut self) -> Option<Connected> {
        self.connected.take()
    }

    /// Reads what holds now; none on a host that is in no domain, as far as root lets Lapwing know of one.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) async fn read(
        &mut self,
        root_half: &RootHalf,
        keys: &mut MachineKeys,
        known: Option<&GroupPolicy>,
    ) -> Result<Option<GroupPolicy>, Unread> {
        if !self.may_be_in_domain() {
            return Ok(None);
        }
        let given = keys.get(root_half).await;
        let keytab = match given {
            Err(RootHalfFailure { fault: Some(Fault::DirectoryNotListed), .. }) => return Ok(None),
            Err(refused) => {
                return Err(Unread { domain: None, reason: refused.message, next_step: refused.next_step });
            }
            Ok(keytab) => keytab,
        };
        let read = timeout(READ_MAX, self.read_as_machine(keytab, known)).await;
        let read = read.unwrap_or_else(|_elapsed| Err(too_late()));
        if read.is_err() {
            keys.forget();
        }
        read.map(Some)
    }

    /// A glance at root's file, which spares hosts in no domain a verb in each cycle. The root half decides.
    fn may_be_in_domain(&self) -> bool {
        match files::read_if_there(&self.root.managed()) {
            Ok(text) => String::from_utf8_lossy(&text.unwrap_or_default()).contains("ad:"),
            Err(_unreadable) => true,
        }
    }

    async fn read_as_machine(
        &mut self,
        keytab: Arc<OwnedFd>,
        known: Option<&GroupPolicy>,
    ) -> Result<GroupPolicy, Unread> {
        let Machine { mut connected, account, keytab } = self.connect(keytab).await?;
        let domain = connected.controller.domain.to_ascii_lowercase();
        let folder = runtime_folder(&self.root)
            .map_err(|error| unread(Some(&domain), &error, "let lapwingd have a folder /run/lapwingd"))?;
        let principal = account.principal();
        let tickets = Tickets { keytab, principal, folder, limit: LIMITS.kerberos };
        let member = Member {
            controller: &connected.controller,
            account: &account.account,
            site: connected.client_site.as_ref(),
            tickets: &tickets,
        };
        let read = policy::read_group_policy(&mut connected.connection, &member, known, FILE_MAX).await;
        let read = read.map_err(|error| unread(Some(&domain), &error, error.next_step()))?;
        self.connected = Some(connected);
        Ok(read)
    }

    /// Finds a controller of the domain, and binds as the machine.
    async fn connect(&mut self, keytab: Arc<OwnedFd>) -> Result<Machine, Unread> {
        // The descriptor of before is closed only now: a thread that gave up on the domain may have used it until then.
        let keytab = self.keytab.insert(keytab);
        let keytab = ad::path_of(keytab);
        let (credentials, account) =
            Credentials::machine(&keytab).map_err(|error| unread(None, &error, error.next_step()))?;
        let settings = files::read_if_there(&self.root.agent_settings())
            .map_err(|error| unread(None, &error, "let the user lapwing read /etc/lapwing/agent.toml"))?;
        let settings = AdSettings::parse(&settings.unwrap_or_default())
            .map_err(|error| unread(None, &error, error.next_step()))?;
        let domain = match &settings.domain {
            Some(domain) => domain.clone(),
            None => DnsName::parse(&account.domain())
                .map_err(|error| unread(None, &error, "join this host to the domain again"))?,
        };
        let site = settings.site.clone();
        let connector = ad::connector(&mut self.connector, settings, domain.clone());
        connector.limits = LIMITS;
        let mut connected = connector
            .connect(&credentials, Wish::default(), os::seed())
            .await
            .map_err(|error| unread(Some(domain.as_str()), &error, error.next_step()))?;
        // What the administrator says counts more than what a subnet does.
        connected.client_site = site.or(connected.client_site);
        Ok(Machine { connected, account, keytab })
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
