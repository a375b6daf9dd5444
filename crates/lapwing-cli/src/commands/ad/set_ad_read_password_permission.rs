//! `lapwing set-ad-read-password-permission`: Set-LapsADReadPasswordPermission of the PowerShell module LAPS.

use lapwing_client::ad::Part;
use lapwing_proto::ad::rights::{self, Circle};

use super::{
    DomainArgs,
    permissions::{GrantArgs, Named, Place},
};
use crate::failure::Failure;

/// Lets accounts or groups read the passwords of the computers of an organisational unit
///
/// They read clear-text and encrypted passwords, with their history; an encrypted one only if the policy encrypts it for
/// them too. What is granted already is left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing set-ad-read-password-permission Servers --to 'EXAMPLE\\helpdesk'
  lapwing set-ad-read-password-permission OU=Servers,DC=example,DC=com --to helpdesk@example.com --dry-run")]
pub(crate) struct Args {
    #[command(flatten)]
    grant: GrantArgs,

    /// Accounts or groups: DOMAIN\name, name@domain, a SID or a distinguished name
    #[arg(long, required = true, num_args = 1.., value_name = "PRINCIPAL")]
    to: Vec<Named>,

    #[command(flatten)]
    domain: DomainArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.domain.ask(async |session| {
        let mut place = Place::open(session, &args.grant.unit).await?;
        let sids = place.resolve(session, &args.to).await?;
        let edit = args.grant.change(session, &mut place, Part::Access, |descriptor, schema| {
            sids.iter().try_for_each(|sid| {
                rights::grant(descriptor, Circle::ReadPassword, sid, &schema.guids).map(drop)
            })
        });
        edit.await
    })
}
