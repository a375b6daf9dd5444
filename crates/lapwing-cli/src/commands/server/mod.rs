//! `lapwing server`: the administration of a `lapwing-server`. docs/protocol.md, "Administration".

mod actions;
mod audit;
mod client;
mod device;
mod enrolment_token;
mod group;
mod policy;
mod rotate;
mod rotations;
mod trace;

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_core::types::{DeviceId, Guid};
use serde::Serialize;

use super::the_one;
use crate::{failure::Failure, output, profile::ProfileArgs};

/// Administers a lapwing-server: enrolment tokens, clients, devices, policies, rotations, audit log
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  lapwing server enrolment-token create --uses 20 --hours 8
  lapwing server device list
  lapwing server policy status
  lapwing server rotate web-01")]
pub(crate) struct Args {
    #[command(subcommand)]
    topic: Topic,
}

#[derive(Debug, Subcommand)]
enum Topic {
    EnrolmentToken(enrolment_token::Args),
    Client(client::Args),
    Device(device::Args),
    Group(group::Args),
    Policy(policy::Args),
    Rotate(rotate::Args),
    Rotations(rotations::Args),
    Actions(actions::Args),
    CancelAction(actions::CancelArgs),
    Audit(audit::Args),
    Trace(trace::Args),
}

/// What every command of this group takes.
#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    profile: ProfileArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Common {
    /// Prints values as JSON or as a table.
    fn print<T: Serialize, const N: usize>(
        &self,
        values: &[T],
        head: [&str; N],
        cells: impl Fn(&T) -> [String; N],
    ) -> Result<(), Failure> {
        if self.json {
            return output::print_json(&values);
        }
        let mut table = output::Table::new(&head);
        for value in values {
            table.row(cells(value).iter().map(String::as_str));
        }
        table.print()
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.topic {
        Topic::EnrolmentToken(args) => enrolment_token::run(args),
        Topic::Client(args) => client::run(args),
        Topic::Device(args) => device::run(args),
        Topic::Group(args) => group::run(args),
        Topic::Policy(args) => policy::run(args),
        Topic::Rotate(args) => rotate::run(&args),
        Topic::Rotations(args) => rotations::run(args),
        Topic::Actions(args) => actions::run(&args),
        Topic::CancelAction(args) => actions::cancel(&args),
        Topic::Audit(args) => audit::run(args),
        Topic::Trace(args) => trace::run(args),
    }
}

/// The id of a managed device: the text itself if it is a GUID, else that of the one device with this name.
async fn find(administrator: &mut Administrator, device: &str) -> Result<DeviceId, Failure> {
    if let Ok(id) = device.parse() {
        return Ok(id);
    }
    let found = administrator.managed_devices_named(device).await?;
    let ids: Vec<&str> = found.iter().map(|device| device.id.as_str()).collect();
    the_one(device, &ids)
}

pub(crate) fn parse_id(text: &str) -> Result<Guid, String> {
    text.parse().map_err(|error: lapwing_core::types::GuidError| error.to_string())
}
