//! `lapwing set-ad-read-password-permission`: Set-LapsADReadPasswordPermission of the PowerShell module LAPS.

use lapwing_proto::ad::rights::Circle;

use super::permissions::LetIn;
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
    let_in: LetIn,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.let_in.to_circle(Circle::ReadPassword)
}
