//! `lapwing find-ad-extended-rights`: Find-LapsADExtendedRights of the PowerShell module LAPS.

use std::{collections::BTreeMap, rc::Rc};

use lapwing_client::ad::{Page, PermissionsError, Scope, Search, SecurityParts};
use lapwing_core::types::{
    SecurityDescriptor, Sid,
    security::{Breadth, Dacl, Reach, Subject},
};
use lapwing_proto::ad::{attribute::COMPUTER_CLASS, name::DistinguishedName, rights};
use serde::Serialize;

use super::{DomainArgs, Session, permissions::Place};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Finds who can read passwords in an organisational unit and those below it, however they came to it
///
/// Besides those who were let: whoever holds all extended rights, or full control, or the right to the attributes of
/// LAPS or of legacy LAPS. Groups are named, not opened.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing find-ad-extended-rights Servers
  lapwing find-ad-extended-rights DC=example,DC=com --include-computers --json")]
pub(crate) struct Args {
    /// The organisational unit, by its name or distinguished name; the whole domain by DC=…
    #[arg(value_name = "OU")]
    unit: String,

    /// Look at each computer's own permissions too
    #[arg(long)]
    include_computers: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

/// One object, with the members of the cmdlet first.
#[derive(Serialize)]
struct Row {
    #[serde(rename = "ObjectDN")]
    object_dn: String,
    #[serde(rename = "ExtendedRightHolders")]
    holders: Vec<String>,
    #[serde(rename = "Holders")]
    details: Vec<Detail>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    principal: String,
    sid: String,
    /// `Everything`, `PropertySet` or `Attribute`.
    breadth: &'static str,
    /// Whether the right is one on the computers below.
    reaches_computers: bool,
}

/// Who can read, how widely, and whether below.
type Holders = BTreeMap<Sid, (Breadth, bool)>;

const DESCRIPTOR: &str = "nTSecurityDescriptor";

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let rows = args.domain.ask(async |session| find(session, args).await)?;
    if args.json {
        return output::print_json(&rows);
    }
    let mut table = output::Table::new(&["ObjectDN", "ExtendedRightHolders"]);
    for row in &rows {
        table.row([row.object_dn.as_str(), &row.holders.join("; ")]);
    }
    table.print()
}

async fn find(session: &mut Session, args: &Args) -> Result<Vec<Row>, Failure> {
    let mut place = Place::open(session, &args.unit).await?;
    let passwords = rights::passwords(&place.schema.guids, place.schema.legacy_password);
    if passwords.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            "the schema of the forest has no attributes of LAPS, so there are no passwords to read",
            "run `lapwing update-ad-schema` as a member of Schema Admins",
        ));
    }
    let base = place.container.distinguished_name.clone();
    // Of computers that share one list it is read once.
    let mut lists: BTreeMap<(bool, Vec<u8>), Rc<Holders>> = BTreeMap::new();
    let mut found: Vec<(String, Rc<Holders>)> = Vec::new();
    for (scope, filter) in searches(args.include_computers) {
        let search = Search {
            base: base.as_str(),
            scope,
            filter,
            attributes: &["objectClass", DESCRIPTOR],
            security: SecurityParts::Access,
        };
        let mut next = Some(Page::FIRST);
        while let Some(page) = next {
            let mut entries = Vec::new();
            next = session.connection.search_page(&search, page, |entry| entries.push(entry)).await?;
            for entry in entries {
                // The second search finds it again.
                if scope != Scope::Base && entry.name == base.as_str() {
                    continue;
                }
                let is_computer = entry.texts("objectClass").any(|class| class == "computer");
                let bytes = entry.value(DESCRIPTOR).unwrap_or_default();
                let key = (is_computer, bytes.to_vec());
                let holders = match lists.get(&key) {
                    Some(known) => Rc::clone(known),
                    None => {
                        let holders = Rc::new(holders(&entry.name, bytes, is_computer, &passwords)?);
                        lists.insert(key, Rc::clone(&holders));
                        holders
                    }
                };
                found.push((entry.name, holders));
            }
        }
    }
    let sids = lists.values().flat_map(|holders| holders.keys());
    place.principals.learn(&mut session.connection, sids).await?;
    Ok(found.into_iter().map(|(name, holders)| row(&place, name, &holders)).collect())
}

/// The object itself, whatever it is, and then what is below.
const fn searches(with_computers: bool) -> [(Scope, &'static str); 2] {
    let below = if with_computers {
        "(|(objectClass=organizationalUnit)(objectCategory=computer))"
    } else {
        "(objectClass=organizationalUnit)"
    };
    [(Scope::Base, "(objectClass=*)"), (Scope::Subtree, below)]
}

fn holders(
    name: &str,
    bytes: &[u8],
    is_computer: bool,
    passwords: &[Subject],
) -> Result<Holders, PermissionsError> {
    // A name that came from the directory is one.
    let object = || name.parse::<DistinguishedName>().ok();
    if bytes.is_empty() {
        return Err(
            object().map_or_else(|| PermissionsError::NoContainer(name.to_owned()), PermissionsError::Hidden)
        );
    }
    let descriptor = SecurityDescriptor::parse(bytes).map_err(|source| match object() {
        Some(name) => PermissionsError::Malformed { name, source },
        None => PermissionsError::NoContainer(name.to_owned()),
    })?;
    let acl = match descriptor.dacl() {
        Dacl::Present(acl) => acl,
        Dacl::Null => return Ok([(Sid::everyone(), (Breadth::Everything, true))].into()),
        Dacl::Absent => return Ok(Holders::new()),
    };
    let of = |reach| rights::readers(acl, passwords, reach);
    let mut holders: Holders =
        of(Reach::Itself).into_iter().map(|(sid, breadth)| (sid, (breadth, is_computer))).collect();
    if !is_computer {
        for (sid, breadth) in of(Reach::Descendants(COMPUTER_CLASS)) {
            let known = holders.entry(sid).or_insert((breadth, true));
            *known = (breadth.max(known.0), true);
        }
    }
    Ok(holders)
}

fn row(place: &Place, object_dn: String, holders: &Holders) -> Row {
    let details: Vec<Detail> = holders
        .iter()
        .map(|(sid, (breadth, reaches_computers))| Detail {
            principal: place.principals.name(sid),
            sid: sid.to_string(),
            breadth: match breadth {
                Breadth::Attribute => "Attribute",
                Breadth::PropertySet => "PropertySet",
                Breadth::Everything => "Everything",
            },
            reaches_computers: *reaches_computers,
        })
        .collect();
    let holders = details.iter().map(|detail| detail.principal.clone()).collect();
    Row { object_dn, holders, details }
}
