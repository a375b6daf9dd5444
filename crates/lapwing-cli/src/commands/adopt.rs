//! `lapwing adopt`: root's word that a possible copy is the one host with its identity.

use lapwing_client::identity::{Root, machine};
use lapwing_core::local::agent::Outcome;
use serde::Serialize;

use crate::{
    failure::{Code, Failure},
    local, output, program,
};

/// Says that this is the one host with its identity, after its machine or disk has changed
///
/// Where the machine is another than the one on which the password was last changed, this host may be a copy of one that still
/// runs, and changes nothing (event 30061). After this command it is managed again, with the identity that it has. Only run it
/// where the other host is gone, or this is the same one with a new board, disk or machine id: two hosts with one identity
/// would take the record in the directory from each other. On a copy run `lapwing generalize` and enrol anew. Must be run by
/// root.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing adopt
  lapwing adopt --json")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The root half, which alone keeps the journal.
const ROOT_HALF: &str = "/usr/libexec/lapwing/lapwingd-priv";

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    adopted: bool,
    /// What the agent made of it; none if it does not run.
    agent: Option<Outcome>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(Code::Refused, "only root may adopt this host", "run this as root"));
    }
    bind_journal()?;
    machine::adopt(&Root::default())?;
    let asked: Result<Outcome, Failure> = args.agent.call("ProcessPolicy", "outcome", local::CHANGE_MAX);
    let done = Done { adopted: true, agent: asked.ok() };
    if args.json {
        return output::print_json(&done);
    }
    output::print("This is the one host with its identity from now on")?;
    output::print(&match done.agent {
        Some(outcome) => output::shown(&outcome.message),
        None => "lapwingd does not answer; it goes on when it is started".to_owned(),
    })
}

fn bind_journal() -> Result<(), Failure> {
    let ended = program::command(ROOT_HALF).arg("adopt").output().map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("cannot run {ROOT_HALF}: {error}"),
            "install Lapwing's agent on this host",
        )
    })?;
    if ended.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(Failure::new(Code::Failed, output::shown(&why), "see journalctl -t lapwingd-priv"))
}
