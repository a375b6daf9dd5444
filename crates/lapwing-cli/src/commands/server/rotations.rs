//! `lapwing server rotations`: rotations of many devices, once they are begun.

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_core::types::{BulkRotationId, GuidError};
use lapwing_proto::admin::{RotationDevice, RotationInfo, RotationResume};

use super::Common;
use crate::{failure::Failure, output, profile::ProfileArgs};

/// Shows, pauses, resumes and cancels rotations of many devices, and reports on them
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Example:
  lapwing server rotations list")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// One rotation.
#[derive(Debug, clap::Args)]
struct Named {
    /// The rotation's id
    #[arg(value_parser = parse_rotation)]
    id: BulkRotationId,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the rotations, newest first
    #[command(after_help = "\
Example:
  lapwing server rotations list")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Shows how many devices of a rotation stand where
    #[command(after_help = "\
Example:
  lapwing server rotations show f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Asks no more devices until it is resumed
    #[command(after_help = "\
Example:
  lapwing server rotations pause f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Pause {
        #[command(flatten)]
        named: Named,
    },
    /// Lets a rotation go on that was paused or has stopped because too many failed
    #[command(after_help = "\
Examples:
  lapwing server rotations resume f3531ec6-6330-4f8e-8d39-7a671fbac605
  lapwing server rotations resume f3531ec6-6330-4f8e-8d39-7a671fbac605 --past-canaries")]
    Resume {
        /// Let the others follow now, whatever became of the canaries
        #[arg(long)]
        past_canaries: bool,
        #[command(flatten)]
        named: Named,
    },
    /// Ends a rotation, and takes back what no device has accepted
    #[command(after_help = "\
Example:
  lapwing server rotations cancel f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Cancel {
        #[command(flatten)]
        named: Named,
    },
    /// Shows how each device of a rotation stands
    #[command(after_help = "\
Examples:
  lapwing server rotations report f3531ec6-6330-4f8e-8d39-7a671fbac605
  lapwing server rotations report f3531ec6-6330-4f8e-8d39-7a671fbac605 --csv > incident.csv")]
    Report {
        /// Print CSV, safe to open in a spreadsheet
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        #[command(flatten)]
        named: Named,
    },
}

fn parse_rotation(text: &str) -> Result<BulkRotationId, String> {
    text.parse().map_err(|error: GuidError| error.to_string())
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::List { common } => print(&common, &common.profile.ask(Administrator::rotations)?),
        Action::Show { named: Named { id, common } } => {
            let rotation = common.profile.ask(async |server| server.rotation(id).await)?;
            print(&common, &[rotation])
        }
        Action::Pause { named: Named { id, common } } => {
            let rotation = common.profile.ask(async |server| server.pause_rotation(id).await)?;
            print(&common, &[rotation])
        }
        Action::Resume { past_canaries, named: Named { id, common } } => {
            let resume = RotationResume { past_canaries };
            let rotation = common.profile.ask(async |server| server.resume_rotation(id, resume).await)?;
            print(&common, &[rotation])
        }
        Action::Cancel { named: Named { id, common } } => {
            let rotation = common.profile.ask(async |server| server.cancel_rotation(id).await)?;
            print(&common, &[rotation])
        }
        Action::Report { csv: true, named: Named { id, common } } => print_csv(&common.profile, id),
        Action::Report { csv: false, named: Named { id, common } } => {
            print_report(&common, &common.profile.ask(async |server| server.rotation_report(id).await)?)
        }
    }
}

pub(super) fn print(common: &Common, rotations: &[RotationInfo]) -> Result<(), Failure> {
    let head = [
        "Id",
        "State",
        "Devices",
        "Total",
        "Waiting",
        "Pending",
        "Accepted",
        "Failing",
        "Done",
        "Failed",
        "Cancelled",
        "Skipped",
    ];
    common.print(rotations, head, |rotation| {
        let counts = &rotation.counts;
        let state = match (rotation.state.as_str(), rotation.holds_for_canaries) {
            ("running", true) => "running, canaries only",
            (state, _) => state,
        };
        [
            rotation.id.clone(),
            state.to_owned(),
            rotation.devices.clone(),
            counts.total.to_string(),
            counts.waiting.to_string(),
            counts.pending.to_string(),
            counts.accepted.to_string(),
            counts.failing.to_string(),
            counts.done.to_string(),
            counts.failed.to_string(),
            counts.cancelled.to_string(),
            counts.skipped.to_string(),
        ]
    })
}

fn print_csv(profile: &ProfileArgs, id: BulkRotationId) -> Result<(), Failure> {
    let table = profile.ask(async |server| server.rotation_report_csv(id).await)?;
    output::print(table.trim_end())
}

fn print_report(common: &Common, devices: &[RotationDevice]) -> Result<(), Failure> {
    let head = ["DeviceId", "Name", "Canary", "State", "Since", "HResult", "Event", "Detail"];
    common.print(devices, head, |device| {
        [
            device.device_id.clone(),
            device.display_name.clone(),
            device.canary.to_string(),
            device.state.clone(),
            device.since.clone(),
            device.hresult.clone().unwrap_or_default(),
            device.event.map(|event| event.to_string()).unwrap_or_default(),
            device.detail.clone(),
        ]
    })
}
