//! `lapwing server trace`: the whole way of a rotation.

use lapwing_core::types::Guid;
use lapwing_proto::admin::{FlowInfo, FlowStepInfo};

use super::{Common, parse_id};
use crate::{failure::Failure, output};

/// Shows the way of a rotation, from the click or the trigger to the new password
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server trace f3531ec6-6330-4f8e-8d39-7a671fbac605")]
pub(crate) struct Args {
    /// The rotation's id, or that of an action or a password version
    #[arg(value_parser = parse_id)]
    id: Guid,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let flow = args.common.profile.ask(async |server| server.flow(args.id).await)?;
    if args.common.json { output::print_json(&flow) } else { output::print(&render(&flow)) }
}

const LANES: [&str; 3] = ["push", "policy processing", "password update"];

fn render(flow: &FlowInfo) -> String {
    let mut lines = vec![format!("Device   {}", output::shown(&flow.device_id))];
    lines.extend(flow.version.iter().map(|version| format!("Version  {}", output::shown(version))));
    for lane in LANES {
        lines.push(format!("\n{lane}"));
        lines.extend(flow.steps.iter().filter(|step| step.lane == lane).flat_map(render_step));
    }
    lines.join("\n")
}

fn render_step(step: &FlowStepInfo) -> Vec<String> {
    let took = step
        .took_micros
        .map_or_else(String::new, |took| format!("  {}.{} ms", took / 1000, took % 1000 / 100));
    let again = step.attempt.filter(|attempt| *attempt > 1).map(|attempt| format!(" (attempt {attempt})"));
    let again = again.unwrap_or_default();
    let mut lines =
        vec![format!("  {}  {}{again}{took}", output::shown(&step.at), output::shown(&step.name))];
    if let Some(hresult) = &step.hresult {
        let event = step.event.map(|event| format!("event {event}, ")).unwrap_or_default();
        lines.push(format!("    failed: {event}{}", output::shown(hresult)));
    }
    lines.extend(step.next_step.iter().map(|next| format!("    next step: {}", output::shown(next))));
    lines
}
