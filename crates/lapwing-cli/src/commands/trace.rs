//! `lapwing trace`: what became of the last rotations, as this host knows it.

use lapwing_core::{agent::Reason, event::Hresult, types::Guid};
use lapwing_proto::trace::{AttemptInfo, EndInfo, TraceInfo};

use crate::{
    failure::{Code, Failure},
    local, output,
};

/// Shows what became of the last rotations of this host, step by step
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The whole way, with the click and the session before it, is known to the server:
see `lapwing server trace`.

Examples:
  lapwing trace
  lapwing trace f3531ec6-6330-4f8e-8d39-7a671fbac605")]
pub(crate) struct Args {
    /// The rotation's id, or that of an action or a password version; without one, all are listed
    #[arg(value_parser = super::server::parse_id)]
    id: Option<Guid>,

    #[command(flatten)]
    agent: local::AgentArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("this host knows no rotation, action or password version {0}")]
struct Unknown(Guid);

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let traces: Vec<TraceInfo> = args.agent.call("GetTraces", "traces", local::TELL_MAX)?;
    let Some(id) = args.id else {
        return if args.json { output::print_json(&traces) } else { list(&traces) };
    };
    let name = id.to_string();
    let is_named = |trace: &&TraceInfo| {
        trace.id == name || trace.version.as_ref() == Some(&name) || trace.actions.contains(&name)
    };
    let found = traces.iter().rfind(is_named).ok_or_else(|| {
        Failure::new(Code::NotFound, Unknown(id), "`lapwing trace` lists the rotations that are known here")
    })?;
    if args.json { output::print_json(found) } else { output::print(&render(found)) }
}

fn list(traces: &[TraceInfo]) -> Result<(), Failure> {
    let mut table = output::Table::new(&["Began", "End", "Attempts", "Version", "Id"]);
    for trace in traces {
        let began = trace.attempts.first().map(|attempt| attempt.began.as_str()).unwrap_or_default();
        let attempts = attempts(trace).to_string();
        let version = trace.version.as_deref().unwrap_or_default();
        table.row([began, end(trace), &attempts, version, &trace.id]);
    }
    table.print()
}

fn attempts(trace: &TraceInfo) -> usize {
    let left_out = usize::try_from(trace.left_out).unwrap_or(usize::MAX);
    trace.attempts.len().saturating_add(left_out)
}

const fn end(trace: &TraceInfo) -> &'static str {
    match trace.end {
        Some(EndInfo::Rotated) => "rotated",
        Some(EndInfo::NotNeeded) => "not needed",
        None => "goes on",
    }
}

fn render(trace: &TraceInfo) -> String {
    let mut lines = vec![
        format!("Id        {}", output::shown(&trace.id)),
        format!("End       {}", end(trace)),
        format!("Causes    {}", output::shown(&trace.causes.join(", "))),
    ];
    lines.extend(Reason::of_mask(trace.reasons).map(|reason| format!("Reason    {reason}")));
    lines.extend(trace.actions.iter().map(|action| format!("Action    {}", output::shown(action))));
    lines.extend(trace.version.iter().map(|version| format!("Version   {}", output::shown(version))));
    for (number, attempt) in (1..).zip(&trace.attempts) {
        if number == 2 && trace.left_out > 0 {
            lines.push(format!("\n({} more attempts, not kept)", trace.left_out));
        }
        lines.extend(render_attempt(attempt));
    }
    lines.join("\n")
}

fn render_attempt(attempt: &AttemptInfo) -> Vec<String> {
    let mut lines = vec![format!("\n{}", output::shown(&attempt.began))];
    for step in &attempt.steps {
        let took = step.took_micros.map_or_else(|| "…".to_owned(), |took| format!("{:.1} ms", millis(took)));
        lines.push(format!(
            "  +{:>9.1} ms  {:<10}{took:>12}",
            millis(step.after_micros),
            output::shown(&step.name)
        ));
    }
    if let Some(failure) = &attempt.failure {
        lines.push(format!("  failed: event {}, {}", failure.event, Hresult(failure.hresult)));
        lines.push(format!("  next step: {}", output::shown(&failure.next_step)));
    }
    lines
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}
