//! `lapwing set-ad-reset-password-permission`: Set-LapsADResetPasswordPermission of the PowerShell module LAPS.

use lapwing_proto::ad::rights::Circle;

use super::permissions::LetIn;
use crate::failure::Failure;

/// Lets accounts or groups expire the passwords of the computers of an organisational unit
///
/// They read and set the expiry, so that a password is replaced, and read no password. What is granted already is left as
/// it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing set-ad-reset-password-permission Servers --to 'EXAMPLE\\operators'
  lapwing set-ad-reset-password-permission OU=Servers,DC=example,DC=com --to operators@example.com --dry-run")]
pub(crate) struct Args {
    #[command(flatten)]
    let_in: LetIn,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.let_in.to_circle(Circle::ResetPassword)
}
