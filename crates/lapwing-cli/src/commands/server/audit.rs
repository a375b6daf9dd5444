//! `lapwing server audit`.

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_proto::admin::{AUDIT_PAGE_LEN, AuditEntry};

use super::Common;
use crate::{
    failure::{Code, Failure},
    output,
};

/// How many requests one listing makes at most; what is left is told.
const REQUESTS_MAX: usize = 10_000;

/// Shows and checks the server's audit log
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Example:
  lapwing server audit list --after 1200")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the entries, oldest first
    #[command(after_help = "\
Examples:
  lapwing server audit list
  lapwing server audit list --after 1200 --json")]
    List {
        /// Only those after this sequence number
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Has the server check the chain of hashes; fails if it is broken
    ///
    /// Keep the number of entries and the head elsewhere: a log that was cut short still is a whole chain.
    #[command(after_help = "\
Example:
  lapwing server audit verify")]
    Verify {
        #[command(flatten)]
        common: Common,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::List { after, common } => list(&common, after),
        Action::Verify { common } => verify(&common),
    }
}

fn list(common: &Common, after: u64) -> Result<(), Failure> {
    let entries = common.profile.ask(async |server| {
        let mut all: Vec<AuditEntry> = Vec::new();
        for _ in 0..REQUESTS_MAX {
            let last = all.last().map_or(after, |entry| entry.sequence);
            let page = server.audit_after(last).await?;
            // A page that does not advance would be asked for without end.
            if page.last().is_none_or(|entry| entry.sequence <= last) {
                return Ok(all);
            }
            let is_last = page.len() < AUDIT_PAGE_LEN;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
        output::complain("There are more entries: go on with --after");
        Ok::<_, Failure>(all)
    })?;
    common.print(&entries, ["Sequence", "Time", "Actor", "Activity", "Target", "Result", "Detail"], |entry| {
        [
            entry.sequence.to_string(),
            entry.time.clone(),
            entry.actor.clone(),
            entry.activity.clone(),
            entry.target.clone(),
            entry.result.clone(),
            entry.detail.clone(),
        ]
    })
}

fn verify(common: &Common) -> Result<(), Failure> {
    let verified = common.profile.ask(Administrator::verify_audit)?;
    if common.json {
        output::print_json(&verified)?;
    } else {
        output::print(&format!("Entries  {}\nHead     {}", verified.entries, output::shown(&verified.head)))?;
    }
    match (verified.intact, verified.first_broken) {
        (true, _) => Ok(()),
        (false, first) => Err(Failure::new(
            Code::Failed,
            match first {
                Some(sequence) => format!("the audit log was changed at entry {sequence}"),
                None => "the audit log was changed".to_owned(),
            },
            "keep the database as evidence, and compare it with a backup",
        )),
    }
}
