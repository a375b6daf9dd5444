//! `lapwing set-ad-computer-self-permission`: Set-LapsADComputerSelfPermission of the PowerShell module LAPS.

use lapwing_client::ad::Part;
use lapwing_core::types::Sid;
use lapwing_proto::ad::rights::{self, Circle};

use super::{
    DomainArgs,
    permissions::{GrantArgs, Place},
};
use crate::failure::Failure;

/// Lets the computers of an organisational unit store their own passwords
///
/// The right is for the computers themselves, below the unit at any depth, and for nobody else. They read their expiry
/// and the version of their password, and no password. What is granted already is left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing set-ad-computer-self-permission Servers --dry-run
  lapwing set-ad-computer-self-permission OU=Servers,DC=example,DC=com")]
pub(crate) struct Args {
    #[command(flatten)]
    grant: GrantArgs,

    #[command(flatten)]
    domain: DomainArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.domain.ask(async |session| {
        let mut place = Place::open(session, &args.grant.unit).await?;
        let own = Sid::principal_self();
        let edit = args.grant.change(session, &mut place, Part::Access, |descriptor, schema| {
            rights::grant(descriptor, Circle::ComputerSelf, &own, &schema.guids).map(drop)
        });
        edit.await
    })
}
