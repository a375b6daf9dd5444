//! Which Group Policy objects hold for a computer, and in which order. [MS-GPOL] 3.2.5.1.5 to 3.2.5.1.7.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::types::{
    Guid, SecurityDescriptor, Sid,
    security::{AccessMask, Conditions, Dacl, Reach},
};

use super::link::Link;
use super::version::{GpoVersion, REGISTRY_EXTENSION, names_extension};

/// The extended right `Apply-Group-Policy`. [MS-ADTS] 5.1.3.2.1.
pub const APPLY_GROUP_POLICY: Guid = Guid::from_bytes([
    0xed, 0xac, 0xfd, 0x8f, 0xff, 0xb3, 0x11, 0xd1, 0xb4, 0x1d, 0x00, 0xa0, 0xc9, 0x68, 0xf9, 0x39,
]);
/// The bit of `flags` that switches the half for computers off. [MS-GPOL] 2.2.4.
const MACHINE_HALF_DISABLED: u32 = 2;

/// A container above the computer that may be linked to Group Policy objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its distinguished name.
    pub name: String,
    /// Its links, in the order of `gPLink`.
    pub links: Vec<Link>,
    /// Bit 0 of `gPOptions`: what is linked farther away and not enforced does not hold.
    pub blocks_inheritance: bool,
}

/// A Group Policy object, as the directory describes it. [MS-GPOL] 2.2.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyObject {
    /// The name that people see.
    pub display_name: String,
    /// `gPCFileSysPath`: where its files are.
    pub path: String,
    /// `flags`: which halves are switched off.
    pub flags: u32,
    /// `versionNumber`.
    pub version: GpoVersion,
    /// `gPCMachineExtensionNames`.
    pub machine_extensions: String,
    /// `gPCWQLFilter`; empty if it has none.
    pub wmi_filter: String,
    /// `nTSecurityDescriptor`; none if this computer may not read it.
    pub descriptor: Option<SecurityDescriptor>,
}

/// An object that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied<'a> {
    /// The object.
    pub gpo: &'a PolicyObject,
    /// The container whose link counts.
    pub container: &'a str,
    /// Whether that link is enforced.
    pub is_enforced: bool,
    /// Whether the object has a WMI filter, which is not evaluated: this host has no WMI to ask.
    ///
    /// The object holds then, as it does for Windows 2000, which had none either: "the WMI filter is ignored and the
    /// GPO is applied" ("Policy settings incorrectly applied or denied due to WMI filtering"). An administrator who
    /// wants otherwise filters by group, and should be told.
    pub has_wmi_filter: bool,
}

/// A link that comes to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped<'a> {
    /// The distinguished name of the object.
    pub gpo: &'a str,
    /// The container with the link.
    pub container: &'a str,
    /// Why.
    pub why: WhySkipped,
}

/// Why a link comes to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhySkipped {
    /// The link is switched off.
    LinkDisabled,
    /// A nearer container blocks inheritance, and the link is not enforced.
    InheritanceBlocked,
    /// The object is not there, or this computer may not see it.
    NotFound,
    /// The object's half for computers is switched off.
    ComputersDisabled,
    /// The object's half for computers was never changed.
    Empty,
    /// The object sets no registry values for computers.
    NoRegistryValues,
    /// This computer may not read the object, or is not among those that apply it.
    NotForThisComputer,
    /// The same object is linked where it counts more.
    LinkedElsewhere,
}

impl fmt::Display for WhySkipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkDisabled => "the link is switched off",
            Self::InheritanceBlocked => "a nearer container blocks inheritance",
            Self::NotFound => "the object is not there, or this computer may not see it",
            Self::ComputersDisabled => "its half for computers is switched off",
            Self::Empty => "its half for computers is empty",
            Self::NoRegistryValues => "it sets no registry values for computers",
            Self::NotForThisComputer => "this computer may not read or not apply it",
            Self::LinkedElsewhere => "it is linked where it counts more",
        })
    }
}

/// Which objects hold, and why the others do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<'a> {
    /// Those that hold, in the order in which they are applied: of two values for one thing the later one wins.
    pub applied: Vec<Applied<'a>>,
    /// The others.
    pub skipped: Vec<Skipped<'a>>,
}

/// Picks the objects that hold for a computer with these SIDs.
///
/// `chain` runs from the site over the domain to the organisational unit that the computer is in. `gpos` has the
/// objects by their distinguished names in lower case. Links that are not enforced are applied from far to near;
/// behind them those that are, from near to far.
///
/// In one container the last link of `gPLink` wins: that is how Windows' tools number them ("link order 1" stands last)
/// and how Samba reads it. The wording of [MS-GPOL] 3.2.5.1.5 turns the unenforced links of a container round.
#[must_use]
pub fn select<'a>(
    chain: &'a [Container],
    gpos: &'a BTreeMap<String, PolicyObject>,
    token: &BTreeSet<Sid>,
) -> Selection<'a> {
    let mut skipped = Vec::new();
    let mut applied = Vec::new();
    let mut found = BTreeSet::new();
    // From the one that wins on, so that of several links to an object the one that counts is met first.
    for Candidate { container, link } in by_precedence(chain, &mut skipped).into_iter().rev() {
        let name = link.gpo.to_ascii_lowercase();
        let judged = match gpos.get(&name) {
            None => Err(WhySkipped::NotFound),
            Some(gpo) => judge(gpo, token).map(|()| gpo),
        };
        match judged {
            Ok(_) if !found.insert(name) => {
                skipped.push(Skipped { gpo: &link.gpo, container, why: WhySkipped::LinkedElsewhere });
            }
            // DEVIATION(12): a WMI filter is told of and not evaluated.
            Ok(gpo) => applied.push(Applied {
                gpo,
                container,
                is_enforced: link.is_enforced,
                has_wmi_filter: !gpo.wmi_filter.trim().is_empty(),
            }),
            Err(why) => skipped.push(Skipped { gpo: &link.gpo, container, why }),
        }
    }
    applied.reverse();
    Selection { applied, skipped }
}

#[derive(Clone, Copy)]
struct Candidate<'a> {
    container: &'a str,
    link: &'a Link,
}

/// The links that are followed, in the order in which they are applied. [MS-GPOL] 3.2.5.1.5.
fn by_precedence<'a>(chain: &'a [Container], skipped: &mut Vec<Skipped<'a>>) -> Vec<Candidate<'a>> {
    let mut is_blocked = false;
    let (mut free, mut enforced) = (Vec::new(), Vec::new());
    for container in chain.iter().rev() {
        let mut own = Vec::new();
        for link in &container.links {
            let candidate = Candidate { container: &container.name, link };
            let mut skip = |why| skipped.push(Skipped { gpo: &link.gpo, container: &container.name, why });
            match (link.is_disabled, link.is_enforced) {
                (true, _) => skip(WhySkipped::LinkDisabled),
                (false, true) => enforced.push(candidate),
                (false, false) if is_blocked => skip(WhySkipped::InheritanceBlocked),
                (false, false) => own.push(candidate),
            }
        }
        // Farther away means earlier.
        own.append(&mut free);
        free = own;
        is_blocked |= container.blocks_inheritance;
    }
    free.append(&mut enforced);
    free
}

/// Whether an object holds for a computer. [MS-GPOL] 3.2.5.1.6.
fn judge(gpo: &PolicyObject, token: &BTreeSet<Sid>) -> Result<(), WhySkipped> {
    if gpo.flags & MACHINE_HALF_DISABLED != 0 {
        return Err(WhySkipped::ComputersDisabled);
    }
    if gpo.version.machine == 0 {
        return Err(WhySkipped::Empty);
    }
    if !names_extension(&gpo.machine_extensions, REGISTRY_EXTENSION) {
        return Err(WhySkipped::NoRegistryValues);
    }
    if !may_apply(gpo, token) {
        return Err(WhySkipped::NotForThisComputer);
    }
    Ok(())
}

/// Security filtering: the computer must be able to read the object and hold the right to apply it.
fn may_apply(gpo: &PolicyObject, token: &BTreeSet<Sid>) -> bool {
    match gpo.descriptor.as_ref().map(SecurityDescriptor::dacl) {
        None | Some(Dacl::Absent) => false,
        Some(Dacl::Null) => true,
        Some(Dacl::Present(acl)) => {
            let rights = |subject| acl.rights(token, subject, Reach::Itself, Conditions::Strict);
            rights(&[]).contains(AccessMask::READ_PROPERTY)
                && rights(&[APPLY_GROUP_POLICY]).contains(AccessMask::CONTROL_ACCESS)
        }
    }
}

#[cfg(test)]
mod tests;
