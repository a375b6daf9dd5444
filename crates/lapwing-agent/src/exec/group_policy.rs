//! Reads this host's Group Policy from its domain, as the machine.

use core::{error::Error, time::Duration};
use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::PathBuf};

use lapwing_client::{
    ad::{
        AdSettings, Connected, Connector, Credentials, KdcPin, Limits, MachineError, Source, Wish,
        policy::{self, GroupPolicy, Member, Tickets},
    },
    identity::{Root, files},
};
use lapwing_proto::ad::{dns::DnsName, keytab};

use super::chain;
use crate::{os, policy_source::Unread};

/// The longest wait for the domain, all in all: what was read last holds then.
pub(super) const READ_MAX: Duration = Duration::from_secs(30);

/// The longest wait for one file of SYSVOL.
const FILE_MAX: Duration = Duration::from_secs(8);

/// The longest waits for a controller: a policy is not worth those of a password.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    kerberos: Duration::from_secs(8),
    answer: Duration::from_secs(8),
};

const CONFINED: &str = "look for what confines lapwingd: the folder /run/lapwingd";

/// A connection to a controller of this host's domain, and who this host is there.
#[derive(Debug)]
struct Machine {
    /// Bound as the machine.
    connected: Connected,
    /// Its keytab.
    keytab: PathBuf,
    /// Its account and realm.
    account: keytab::Machine,
}

/// Reads what holds now; none on a host that is in no domain.
///
/// # Errors
/// Why it is not known.
pub(super) async fn read(root: &Root, known: Option<&GroupPolicy>) -> Result<Option<GroupPolicy>, Unread> {
    let Some(Machine { mut connected, keytab, account }) = connect_as_machine(root).await? else {
        return Ok(None);
    };
    let domain = connected.controller.domain.to_ascii_lowercase();
    let tickets = Tickets {
        keytab,
        principal: account.principal(),
        folder: runtime_folder(root).map_err(|error| unread(Some(&domain), &error, CONFINED))?,
        limit: LIMITS.kerberos,
    };
    let member = Member {
        controller: &connected.controller,
        account: &account.account,
        site: connected.client_site.as_ref(),
        tickets: &tickets,
    };
    let read = policy::read_group_policy(&mut connected.connection, &member, known, FILE_MAX).await;
    read.map(Some).map_err(|error| unread(Some(&domain), &error, error.next_step()))
}

/// Removes what a run that was killed has left of its tickets.
pub(super) fn clear_tickets(root: &Root) {
    if let Err(error) = policy::clear_tickets(&root.path("/run/lapwingd")) {
        tracing::warn!(%error, "Tickets of an earlier run stay in /run/lapwingd until the next boot");
    }
}

/// That it took too long.
pub(super) fn too_late() -> Unread {
    Unread {
        domain: None,
        reason: format!("the domain did not answer within {READ_MAX:?}"),
        next_step: "check that a domain controller can be reached: ports 88, 389 and 445".to_owned(),
    }
}

/// Finds a controller of the domain whose keytab this host has, and binds as the machine; none without a keytab.
///
/// A keytab that this user may not open has not been given to Lapwing, and the host counts as one in no domain.
async fn connect_as_machine(root: &Root) -> Result<Option<Machine>, Unread> {
    let keytab = root.path("/etc/krb5.keytab");
    let (credentials, account) = match Credentials::machine(&keytab) {
        Err(MachineError::NotJoined { .. }) => return Ok(None),
        Err(MachineError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(None);
        }
        machine => machine.map_err(|error| unread(None, &error, error.next_step()))?,
    };
    let settings = files::read_if_there(&root.agent_settings())
        .map_err(|error| unread(None, &error, "let the user lapwing read /etc/lapwing/agent.toml"))?;
    let settings = AdSettings::parse(&settings.unwrap_or_default())
        .map_err(|error| unread(None, &error, error.next_step()))?;
    let domain = match settings.domain {
        Some(domain) => domain,
        None => DnsName::parse(&account.domain())
            .map_err(|error| unread(None, &error, "join this host to the domain again"))?,
    };
    let folder = runtime_folder(root).map_err(|error| unread(Some(domain.as_str()), &error, CONFINED))?;
    let mut connector = Connector {
        source: Source {
            domain: domain.clone(),
            site: settings.site.clone(),
            controllers: settings.controllers,
            host: account.account.trim_end_matches('$').to_owned(),
        },
        protection: settings.protection,
        limits: LIMITS,
        pin: Some(KdcPin::within(&folder)),
    };
    let mut connected = connector
        .connect(&credentials, Wish::default(), os::seed())
        .await
        .map_err(|error| unread(Some(domain.as_str()), &error, error.next_step()))?;
    // What the administrator says counts more than what a subnet does.
    connected.client_site = settings.site.or(connected.client_site);
    Ok(Some(Machine { connected, keytab, account }))
}

/// Where what does not outlast a run lies (systemd.exec(5), `RuntimeDirectory=`).
fn runtime_folder(root: &Root) -> io::Result<PathBuf> {
    let folder = root.path("/run/lapwingd");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

fn unread(domain: Option<&str>, error: &(dyn Error + 'static), next_step: &str) -> Unread {
    Unread { domain: domain.map(str::to_owned), reason: chain(error), next_step: next_step.to_owned() }
}
