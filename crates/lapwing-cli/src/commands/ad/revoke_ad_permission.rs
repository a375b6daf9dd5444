//! `lapwing revoke-ad-permission`: takes back what the commands that grant have given. No cmdlet does this.

use lapwing_client::ad::Part;
use lapwing_core::types::{Sid, security::Dacl};
use lapwing_proto::ad::rights::{self, Circle};

use super::{
    Caution, DomainArgs, Session,
    permissions::{Changing, CircleName, Named, Place},
};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Takes the right to store, read or expire passwords from accounts, groups or computers
///
/// Takes the entries that the commands and cmdlets of LAPS grant, on this unit, and no other: what is held by a wider
/// entry or from above is told and stays. What another circle needs that the same principal is in stays too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing revoke-ad-permission Servers --circle read-password --from 'EXAMPLE\\helpdesk' --dry-run
  lapwing revoke-ad-permission Servers --circle reset-password --from S-1-5-21-1-2-3-1104 --yes
  lapwing revoke-ad-permission OU=Old,DC=example,DC=com --circle computer-self")]
pub(crate) struct Args {
    /// The organisational unit, by its name or distinguished name; the whole domain by DC=…
    #[arg(value_name = "OU")]
    unit: String,

    /// Which right
    #[arg(long, value_name = "CIRCLE")]
    circle: CircleName,

    /// From whom: DOMAIN\name, name@domain, a SID or a distinguished name; from computers themselves nobody is named
    #[arg(
        long,
        num_args = 1..,
        value_name = "PRINCIPAL",
        required_if_eq_any([("circle", "read-password"), ("circle", "reset-password")])
    )]
    from: Vec<Named>,

    #[command(flatten)]
    caution: Caution,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.circle == CircleName::ComputerSelf && !args.from.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            "the right of computers to store their own passwords is theirs alone",
            "leave --from out",
        ));
    }
    args.domain.ask(async |session| revoke(session, args).await)
}

async fn revoke(session: &mut Session, args: &Args) -> Result<(), Failure> {
    let circle = Circle::from(args.circle);
    let mut place = Place::open(session, &args.unit).await?;
    let sids = match args.circle {
        CircleName::ComputerSelf => vec![Sid::principal_self()],
        CircleName::ReadPassword | CircleName::ResetPassword => {
            place.resolve_former(session, &args.from).await?
        }
    };
    let mut changing = Changing::plan(session, &mut place, Part::Access, |descriptor, schema| {
        sids.iter().try_for_each(|sid| rights::revoke(descriptor, circle, sid, &schema.guids).map(drop))
    })
    .await?;
    if changing.is_empty() || !args.caution.yes {
        changing.show(false);
    }
    if changing.is_empty() || args.caution.dry_run {
        return changing.print(args.json);
    }
    let question = format!("Take this from the permissions of {}?", place.container.distinguished_name);
    if args.caution.is_agreed(&question)? {
        changing.make(session).await?;
        changing.show(true);
        tell_who_remains(session, &place, circle, &sids).await?;
    }
    changing.print(args.json)
}

/// Who of those from whom a right was taken still has it, and by what.
async fn tell_who_remains(
    session: &mut Session,
    place: &Place,
    circle: Circle,
    sids: &[Sid],
) -> Result<(), Failure> {
    let descriptor = session.connection.descriptor(&place.container.distinguished_name, Part::Access).await?;
    let Dacl::Present(acl) = descriptor.dacl() else { return Ok(()) };
    let legacy = place.schema.legacy_password;
    let members = rights::members(acl, circle, &place.schema.guids, legacy, place.reach());
    for member in members.map_err(|error| Failure::of_rights(place, error))? {
        let is_meant = member.ace.body().is_some_and(|body| sids.contains(&body.trustee));
        if let Some(row) = place.row(member.ace).filter(|_| is_meant) {
            let source = if member.ace.is_inherited() { "from above" } else { "here" };
            let remains = format!(
                "{} still has the right, by an entry {source}: {} on {}",
                row.principal,
                row.property_rights(),
                row.object()
            );
            output::complain(&output::shown(&remains));
        }
    }
    Ok(())
}
