//! `lapwing set-ad-auditing`: Set-LapsADAuditing of the PowerShell module LAPS.

use clap::ValueEnum;
use lapwing_client::ad::Part;
use lapwing_proto::ad::rights::{self, Audited};

use super::{
    DomainArgs,
    permissions::{GrantArgs, Named, Place},
};
use crate::failure::Failure;

/// Has attempts to read the passwords of an organisational unit's computers recorded
///
/// The domain controllers of Windows record event 4662, if their audit policy has access to directory objects recorded.
/// Takes the privilege to manage auditing, which members of Domain Admins have.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing set-ad-auditing Servers --principals Everyone
  lapwing set-ad-auditing Servers --principals 'EXAMPLE\\helpdesk' --audit-type success failure
  lapwing set-ad-auditing Servers --principals Everyone --audit-type none")]
pub(crate) struct Args {
    #[command(flatten)]
    grant: GrantArgs,

    /// Whose attempts: DOMAIN\name, name@domain, a SID or a distinguished name
    #[arg(long, required = true, num_args = 1.., value_name = "PRINCIPAL")]
    principals: Vec<Named>,

    /// Which attempts
    #[arg(long, num_args = 1.., default_value = "success", value_name = "TYPE")]
    audit_type: Vec<AuditType>,

    #[command(flatten)]
    domain: DomainArgs,
}

/// The values of the cmdlet's `-AuditType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditType {
    /// None any more
    None,
    /// Those that are allowed
    Success,
    /// Those that are refused
    Failure,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let audited = Audited {
        success: args.audit_type.contains(&AuditType::Success),
        failure: args.audit_type.contains(&AuditType::Failure),
    };
    args.domain.ask(async |session| {
        let mut place = Place::open(session, &args.grant.unit).await?;
        let sids = place.resolve(session, &args.principals).await?;
        let edit = args.grant.change(session, &mut place, Part::Auditing, |descriptor, schema| {
            sids.iter().try_for_each(|sid| rights::audit(descriptor, audited, sid, &schema.guids).map(drop))
        });
        edit.await
    })
}
