//! `lapwing status`.

use lapwing_core::local::agent::{Certificate, Status, WakeUp};

use crate::{failure::Failure, local, output};

/// Shows what the agent on this host is doing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing status
  lapwing status --json")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let status: Status = args.agent.call("GetStatus", "status", local::TELL_MAX)?;
    if args.json { output::print_json(&status) } else { output::print(&render(&status)) }
}

fn render(status: &Status) -> String {
    let last_event = status.last_event.map(|event| event.to_string());
    let next_cycle = format!("in {} s", status.next_cycle_seconds);
    let (candidates, unanswered) = (status.candidates.to_string(), status.unanswered.to_string());
    let wake_up = status.wake_up.as_ref();
    let link = wake_up.map(link);
    let certificate = status.certificate.as_ref();
    let life = certificate.map(life);
    let lines = [
        ("State", Some(status.state.as_str())),
        ("", Some(&status.summary)),
        ("Next step", status.next_step.as_deref()),
        ("Account", status.account.as_deref()),
        ("Directory", status.directory.as_deref()),
        ("Record", status.record.as_deref()),
        ("Version", status.version.as_deref()),
        ("Expires", status.expiry.as_deref()),
        ("Last rotation", status.last_rotation.as_deref()),
        ("Last cycle", status.last_cycle.as_deref()),
        ("Last event", last_event.as_deref()),
        ("Next cycle", Some(&next_cycle)),
        ("Candidates", Some(&candidates)),
        ("Unanswered", Some(&unanswered)),
        ("Wake-up", link.as_deref()),
        ("", wake_up.and_then(|wake_up| wake_up.last_error.as_deref())),
        ("", wake_up.and_then(|wake_up| wake_up.next_step.as_deref())),
        ("Certificate", life.as_deref()),
        ("", certificate.and_then(|certificate| certificate.next_step.as_deref())),
        ("Agent", Some(&status.agent_version)),
    ];
    let shown: Vec<_> = lines
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name:<15}{}", output::shown(value?))))
        .collect();
    shown.join("\n")
}

/// The certificate in a word or two.
fn life(certificate: &Certificate) -> String {
    let Certificate { state, until, renewal, .. } = certificate;
    match state.as_str() {
        "in_force" => format!("until {until}, renewed from {renewal}"),
        "due" => format!("until {until}, due to be renewed"),
        "ended" => format!("ended at {until}; it can still be renewed"),
        "over" => format!("ended at {until}, and cannot be renewed any more"),
        _ => format!("not in force yet, until {until}"),
    }
}

/// The connection in a word or two.
fn link(wake_up: &WakeUp) -> String {
    match (wake_up.state.as_str(), &wake_up.since) {
        ("connected", Some(since)) => format!("connected since {since}"),
        ("not_offered", _) => "not offered by this directory; this host polls".to_owned(),
        ("not_enrolled", _) => "not enrolled".to_owned(),
        (state, _) => state.to_owned(),
    }
}
