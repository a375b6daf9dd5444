//! What Group Policy sets for LAPS on this host. [MS-GPOL] 3.2.5.1; [MS-GPREG] 3.2.5.
//!
//! Containers and objects are read over a connection of the machine's own ([`Connection`]), and the files of those objects
//! that hold by `sysvol`. What an object sets is read again when its version is another, and not before.
//!
//! INVARIANT: what cannot be read whole is an error. Nothing is left out, and no empty policy is made up for an unread one.

mod error;
mod links;
mod sysvol;

use core::time::Duration;
use std::path::Path;

use lapwing_core::{policy::RawPolicy, types::Guid};
use lapwing_proto::ad::dns::SiteName;
use lapwing_proto::gpo::{
    Applied, GpoVersion, PolicyFile, PolicyFolder, RegistryPolicy, concerns_laps,
    registry_pol::{self, Record},
    select,
};

pub use self::{
    error::GroupPolicyError,
    sysvol::{SysvolError, Tickets},
};
use self::{links::Directory, sysvol::Sysvol};
use super::{connection::Connection, controller::Controller, domain::Home};

/// The most objects that are read for one host: as many as Windows takes. "Group Policy limits".
pub const OBJECTS_MAX: usize = 999;

/// This host as a member of its domain.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The controller that the connection leads to; its SYSVOL is read.
    pub controller: &'a Controller,
    /// Where the controller shows it.
    pub home: &'a Home,
    /// The machine's account as the directory names it, such as `HOST$`.
    pub account: &'a str,
    /// The site that this host is in; none if no subnet says so, and then no site's links hold.
    pub site: Option<&'a SiteName>,
    /// How the machine proves to the controller's files who it is.
    pub tickets: &'a Tickets,
}

/// What Group Policy sets for LAPS on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPolicy {
    /// The domain's name in DNS.
    pub domain: String,
    /// The objects that hold, in the order in which they are applied: of two values for one thing the later one wins.
    pub objects: Vec<Object>,
    /// The links that come to nothing.
    pub skipped: Vec<SkippedLink>,
}

/// A Group Policy object that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its identity.
    pub guid: Guid,
    /// The name that people see.
    pub name: String,
    /// The version of its half for computers.
    pub version: u16,
    /// The container whose link counts.
    pub container: String,
    /// Whether that link is enforced.
    pub is_enforced: bool,
    /// Whether it has a WMI filter, which is not evaluated.
    pub has_wmi_filter: bool,
    /// Its entries that concern LAPS, in the order of its file.
    pub records: Vec<Record>,
}

/// A link that comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedLink {
    /// The name of the object that people see, or its distinguished name where that cannot be read.
    pub object: String,
    /// The container with the link.
    pub container: String,
    /// Why.
    pub why: String,
}

impl Object {
    /// What people and `lapwing get-policy` call it.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{:?} {{{}}}", self.name, self.guid)
    }
}

impl GroupPolicy {
    /// What the objects together set, as two roots of the policy.
    #[must_use]
    pub fn sources(&self) -> Vec<RawPolicy> {
        let mut policy = RegistryPolicy::default();
        for object in &self.objects {
            policy.apply(&format!("GPO {}", object.title()), &object.records);
        }
        policy.into_sources()
    }

    /// What this says of an object, if it was read at this version.
    fn known(&self, guid: Guid, version: u16) -> Option<&Object> {
        self.objects.iter().find(|object| (object.guid, object.version) == (guid, version))
    }
}

/// Reads what holds for this host now. What `known` says of an object that has not changed since is not read again;
/// each file may take `file_limit`.
///
/// # Errors
/// [`GroupPolicyError`] if anything cannot be read whole.
pub async fn read_group_policy(
    connection: &mut Connection,
    member: &Member<'_>,
    known: Option<&GroupPolicy>,
    file_limit: Duration,
) -> Result<GroupPolicy, GroupPolicyError> {
    let domain = member.controller.domain.to_ascii_lowercase();
    // Another domain's objects may have the same identity and version: the two default ones always do.
    let known = known.filter(|known| known.domain == domain);
    let directory = Directory::read(connection, member).await?;
    let selection = select(&directory.chain, &directory.objects, &directory.token);
    let skipped = selection.skipped.iter().map(|skipped| directory.skipped(skipped)).collect();
    let sysvol = Sysvol::new(member.controller, member.tickets, file_limit);
    let mut objects = Vec::new();
    for applied in selection.applied {
        objects.push(read_object(&applied, &sysvol, known).await?);
    }
    Ok(GroupPolicy { domain, objects, skipped })
}

async fn read_object(
    applied: &Applied<'_>,
    sysvol: &Sysvol<'_>,
    known: Option<&GroupPolicy>,
) -> Result<Object, GroupPolicyError> {
    let name = applied.gpo.display_name.clone();
    let folder: PolicyFolder =
        applied.gpo.path.parse().map_err(|source| GroupPolicyError::Path { object: name.clone(), source })?;
    let version = applied.gpo.version.machine;
    let records = match known.and_then(|known| known.known(folder.guid(), version)) {
        Some(object) => object.records.clone(),
        None => read_records(&name, version, &folder, sysvol).await?,
    };
    Ok(Object {
        guid: folder.guid(),
        name,
        version,
        container: applied.container.to_owned(),
        is_enforced: applied.is_enforced,
        has_wmi_filter: applied.has_wmi_filter,
        records,
    })
}

/// Reads an object's file, if it is of the version that the directory has.
///
/// A file that is missing is an error, as it is for Windows (event 1096 of its Group Policy): the directory says that the
/// object sets registry values.
async fn read_records(
    name: &str,
    version: u16,
    folder: &PolicyFolder,
    sysvol: &Sysvol<'_>,
) -> Result<Vec<Record>, GroupPolicyError> {
    let object = || name.to_owned();
    let unread = |source| GroupPolicyError::Sysvol { object: object(), source };
    let ini = sysvol.read(folder, PolicyFile::Version).await.map_err(unread)?;
    let found =
        GpoVersion::parse_gpt_ini(&ini).ok_or_else(|| GroupPolicyError::NoVersion { object: object() })?;
    // DEVIATION(13): Windows applies what lies there, whatever its version.
    if found.machine != version {
        return Err(GroupPolicyError::NotReplicated {
            object: object(),
            directory: version,
            files: found.machine,
        });
    }
    let file = sysvol.read(folder, PolicyFile::Registry).await.map_err(unread)?;
    let records =
        registry_pol::read(&file).map_err(|source| GroupPolicyError::Damaged { object: object(), source })?;
    Ok(records.into_iter().filter(concerns_laps).collect())
}

/// Removes what an earlier run of this program left of its tickets in `folder`.
///
/// # Errors
/// If something of it stays.
pub fn clear_tickets(folder: &Path) -> std::io::Result<()> {
    sysvol::clear(folder)
}
