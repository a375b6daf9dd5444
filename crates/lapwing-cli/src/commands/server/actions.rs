//! `lapwing server actions` and `lapwing server cancel-action`.

use lapwing_core::types::{ActionId, GuidError};
use lapwing_proto::admin::ActionInfo;

use super::{Common, find};
use crate::failure::Failure;

/// Lists what a device was asked to do, newest first, and what became of it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server actions web-01")]
pub(crate) struct Args {
    /// Name or id of the device
    #[arg(value_name = "DEVICE")]
    device: String,
    #[command(flatten)]
    common: Common,
}

/// Takes back what a device has not accepted yet
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server cancel-action web-01 f3531ec6-6330-4f8e-8d39-7a671fbac605")]
pub(crate) struct CancelArgs {
    /// Name or id of the device
    #[arg(value_name = "DEVICE")]
    device: String,
    /// The action's id, as `lapwing server actions` shows it
    #[arg(value_name = "ACTION", value_parser = parse_action)]
    action: ActionId,
    #[command(flatten)]
    common: Common,
}

fn parse_action(text: &str) -> Result<ActionId, String> {
    text.parse().map_err(|error: GuidError| error.to_string())
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let actions = args.common.profile.ask(async |server| {
        let device = find(server, &args.device).await?;
        Ok::<_, Failure>(server.actions(device).await?)
    })?;
    print(&args.common, &actions)
}

pub(crate) fn cancel(args: &CancelArgs) -> Result<(), Failure> {
    let action = args.common.profile.ask(async |server| {
        let device = find(server, &args.device).await?;
        Ok::<_, Failure>(server.cancel_action(device, args.action).await?)
    })?;
    print(&args.common, &[action])
}

fn print(common: &Common, actions: &[ActionInfo]) -> Result<(), Failure> {
    let head = [
        "Action",
        "State",
        "Requested",
        "RequestedBy",
        "NotBefore",
        "Since",
        "HResult",
        "Event",
        "Version",
        "Reason",
    ];
    common.print(actions, head, |action| {
        [
            action.id.clone(),
            action.state.clone(),
            action.requested.clone(),
            action.requested_by.clone(),
            action.not_before.clone().unwrap_or_default(),
            action.since.clone(),
            action.hresult.clone().unwrap_or_default(),
            action.event.map(|event| event.to_string()).unwrap_or_default(),
            action.version.clone().unwrap_or_default(),
            action.reason.clone().unwrap_or_default(),
        ]
    })
}
