//! `lapwing reset-password`: Reset-LapsPassword.

use lapwing_core::local::agent::Outcome;

use crate::{
    failure::{Code, Failure},
    local, output,
};

/// Gives the managed account of this host a new password now
///
/// The agent stores the new password in the directory first. Allowed for root and the group that agent.toml names.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing reset-password")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let outcome: Outcome = args.agent.call("ResetPassword", "outcome", local::CHANGE_MAX)?;
    report(&outcome, args.json, &["rotated"])
}

/// Prints an outcome; `done` are the results that the caller wanted.
pub(super) fn report(outcome: &Outcome, json: bool, done: &[&str]) -> Result<(), Failure> {
    if json {
        output::print_json(outcome)?;
    }
    let message = output::shown(&outcome.message);
    if done.contains(&outcome.result.as_str()) {
        return if json { Ok(()) } else { output::print(&message) };
    }
    let code = match outcome.result.as_str() {
        "refused" => Code::Refused,
        // It goes on by itself once the directory is there again.
        "waiting" => Code::Unreachable,
        _ => Code::Failed,
    };
    let next_step = outcome.next_step.as_deref().unwrap_or("see `lapwing status`");
    Err(Failure::new(code, message, output::shown(next_step)))
}
