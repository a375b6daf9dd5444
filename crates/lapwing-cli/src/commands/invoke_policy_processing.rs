//! `lapwing invoke-policy-processing`: Invoke-LapsPolicyProcessing.

use lapwing_core::local::agent::Outcome;

use crate::{failure::Failure, local};

/// Has the agent on this host read its policy and act on it now
///
/// The password is changed only if that is due. Allowed for root and the group that agent.toml names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing invoke-policy-processing")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let outcome: Outcome = args.agent.call("ProcessPolicy", "outcome", local::CHANGE_MAX)?;
    super::reset_password::report(&outcome, args.json, &["rotated", "not_due", "disabled"])
}
