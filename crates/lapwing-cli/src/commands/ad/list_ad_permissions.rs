//! `lapwing list-ad-permissions`: who is in which circle, and by which entry. No cmdlet does this.

use lapwing_client::ad::Part;
use lapwing_core::types::{
    SecurityDescriptor,
    security::{Ace, AceBody, AceFlags, Dacl},
};
use lapwing_proto::ad::{
    name::DistinguishedName,
    rights::{self, Circle},
};
use serde::Serialize;

use super::{
    DomainArgs, Session,
    permissions::{CircleName, EntryRow, Place},
};
use crate::{failure::Failure, output};

/// Lists who may store, read and expire the passwords of an organisational unit's computers, and by which entry
///
/// Each line is an entry of the permissions: set on the unit itself, or handed down from an object above. A wide entry,
/// such as full control, counts as well as one for LAPS.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing list-ad-permissions Servers
  lapwing list-ad-permissions CN=web01,OU=Servers,DC=example,DC=com --circle read-password --json")]
pub(crate) struct Args {
    /// The organisational unit, by its name or distinguished name; or a computer, by its distinguished name
    #[arg(value_name = "OU")]
    unit: String,

    /// Only these circles
    #[arg(long, num_args = 1.., value_name = "CIRCLE")]
    circle: Vec<CircleName>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    circle: CircleName,
    #[serde(flatten)]
    entry: EntryRow,
    /// The object above on which the entry is set; none for one that is set here, or whose origin is not to be seen.
    inherited_from: Option<String>,
}

impl Row {
    fn source(&self) -> &str {
        match (&self.inherited_from, self.entry.is_inherited()) {
            (Some(name), _) => name,
            (None, true) => "inherited",
            (None, false) => "here",
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let rows = args.domain.ask(async |session| list(session, args).await)?;
    if args.json {
        return output::print_json(&rows);
    }
    let mut table = output::Table::new(&["Circle", "Principal", "Rights", "Object", "Set"]);
    for row in &rows {
        let rights = row.entry.property_rights();
        let cells = [row.circle.shown(), &row.entry.principal, &rights, row.entry.object(), row.source()];
        table.row(cells);
    }
    table.print()
}

async fn list(session: &mut Session, args: &Args) -> Result<Vec<Row>, Failure> {
    let mut place = Place::open(session, &args.unit).await?;
    let name = place.container.distinguished_name.clone();
    let descriptor = session.connection.descriptor(&name, Part::Access).await?;
    let acl = match descriptor.dacl() {
        Dacl::Present(acl) => acl,
        Dacl::Null | Dacl::Absent => {
            output::complain("The object has no list of permissions: everyone may do everything");
            return Ok(Vec::new());
        }
    };
    let trustees = acl.aces().iter().filter_map(Ace::body).map(|body| &body.trustee);
    place.principals.learn(&mut session.connection, trustees).await?;
    let above = above(session, &name).await;
    let mut rows = Vec::new();
    for circle in CircleName::ALL {
        if !args.circle.is_empty() && !args.circle.contains(&circle) {
            continue;
        }
        let legacy = place.schema.legacy_password;
        let members = rights::members(acl, Circle::from(circle), &place.schema.guids, legacy, place.reach());
        let members = members.map_err(|error| Failure::of_rights(&place, error))?;
        for member in members {
            let origin = member.ace.is_inherited().then(|| origin(&above, member.ace)).flatten();
            let row = place.row(member.ace);
            rows.extend(row.map(|entry| Row { circle, entry, inherited_from: origin.map(str::to_owned) }));
        }
    }
    Ok(rows)
}

/// The permissions of the objects above that are to be seen, from the nearest on.
async fn above(
    session: &mut Session,
    name: &DistinguishedName,
) -> Vec<(DistinguishedName, SecurityDescriptor)> {
    let domain = session.root.domain.as_str().to_ascii_lowercase();
    let is_within = |name: &DistinguishedName| name.as_str().to_ascii_lowercase().ends_with(&domain);
    let mut above = Vec::new();
    for ancestor in name.ancestors().filter(is_within) {
        // One that is not to be seen leaves an origin untold, and nothing else.
        if let Ok(descriptor) = session.connection.descriptor(&ancestor, Part::Access).await {
            above.push((ancestor, descriptor));
        }
    }
    above
}

/// The nearest object above that has this entry as one of its own and hands it down.
fn origin<'a>(above: &'a [(DistinguishedName, SecurityDescriptor)], ace: &Ace) -> Option<&'a str> {
    let body = ace.body()?;
    let is_same = |other: &AceBody| {
        other.kind == body.kind
            && other.mask.mapped() == body.mask.mapped()
            && other.object_type == body.object_type
            && other.trustee == body.trustee
    };
    let hands_down = |other: &Ace| {
        !other.is_inherited()
            && other.flags().contains(AceFlags::CONTAINER_INHERIT)
            && other.body().is_some_and(is_same)
    };
    let found = above.iter().find(|(_, descriptor)| match descriptor.dacl() {
        Dacl::Present(acl) => acl.aces().iter().any(hands_down),
        Dacl::Null | Dacl::Absent => false,
    });
    found.map(|(name, _)| name.as_str())
}
