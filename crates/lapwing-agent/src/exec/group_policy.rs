//! Reads this host's Group Policy from its domain, as the machine.

use core::{error::Error, time::Duration};
use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::PathBuf};

use lapwing_client::{
    ad::{
        Connection, Controller, Credentials, Limits, Protection, controllers,
        policy::{self, GroupPolicy, Member, Tickets},
    },
    identity::Root,
};
use lapwing_proto::ad::keytab;
use zeroize::Zeroizing;

use super::chain;
use crate::policy_source::Unread;

/// The longest wait for the domain, all in all: what was read last holds then.
pub(super) const READ_MAX: Duration = Duration::from_secs(30);

/// The longest wait for one file of SYSVOL.
const FILE_MAX: Duration = Duration::from_secs(8);

/// The longest wait for DNS.
const DNS_MAX: Duration = Duration::from_secs(5);

/// The longest waits for a controller: a policy is not worth those of a password.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    kerberos: Duration::from_secs(8),
    answer: Duration::from_secs(8),
};

/// A connection to a controller of this host's domain, and who this host is there.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Bound as the machine.
    pub(crate) connection: Connection,
    /// Where it leads.
    pub(crate) controller: Controller,
    /// The site of this host, if a subnet says so.
    pub(crate) site: Option<String>,
    /// Its keytab.
    pub(crate) keytab: PathBuf,
    /// Its account and realm.
    pub(crate) account: keytab::Machine,
}

/// Reads what holds now; none on a host that is in no domain.
///
/// # Errors
/// Why it is not known.
pub(super) async fn read(root: &Root, known: Option<&GroupPolicy>) -> Result<Option<GroupPolicy>, Unread> {
    let Some(mut machine) = connect_as_machine(root).await? else { return Ok(None) };
    let domain = machine.controller.domain.to_ascii_lowercase();
    let folder = tickets_folder(root)
        .map_err(|error| unread(Some(&domain), &error, "look for what confines lapwingd: /run/lapwingd"))?;
    let tickets = Tickets {
        keytab: machine.keytab,
        principal: machine.account.principal(),
        folder,
        limit: LIMITS.kerberos,
    };
    let member = Member {
        controller: &machine.controller,
        account: &machine.account.account,
        site: machine.site.as_deref(),
        tickets: &tickets,
    };
    let read = policy::read_group_policy(&mut machine.connection, &member, known, FILE_MAX).await;
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
    let path = root.path("/etc/krb5.keytab");
    let bytes = match fs::read(&path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        bytes => bytes.map_err(|error| unread(None, &error, "check the disk"))?,
    };
    let bytes = Zeroizing::new(bytes);
    let account = keytab::Machine::read(&bytes).map_err(|error| unread(None, &error, error.next_step()))?;
    let domain = account.domain();
    let found = controllers(&domain, DNS_MAX).await;
    let found = found.map_err(|error| unread(Some(&domain), &error, error.next_step()))?;
    let credentials = Credentials::Keytab {
        keytab: path.clone(),
        principal: account.principal(),
        cache: "group-policy".to_owned(),
    };
    let mut failure = None;
    for controller in found {
        match Connection::open(&controller, &credentials, Protection::Sealed, &LIMITS).await {
            Ok(connection) => {
                return Ok(Some(Machine { connection, controller, site: None, keytab: path, account }));
            }
            Err(error) => failure = Some(unread(Some(&domain), &error, error.next_step())),
        }
    }
    // There is one at least, or the search had failed.
    failure.map_or(Ok(None), Err)
}

fn tickets_folder(root: &Root) -> io::Result<PathBuf> {
    let folder = root.path("/run/lapwingd");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

fn unread(domain: Option<&str>, error: &(dyn Error + 'static), next_step: &str) -> Unread {
    Unread { domain: domain.map(str::to_owned), reason: chain(error), next_step: next_step.to_owned() }
}
