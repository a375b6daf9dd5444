//! `lapwing server device`.

use clap::Subcommand;
use lapwing_client::graph::Administrator;
use lapwing_core::types::Guid;
use lapwing_proto::admin::{DeviceInfo, DevicePatch};

use super::{Common, find, parse_id};
use crate::{failure::Failure, output, profile::ProfileArgs};

/// Lists devices, tags them, keeps them out, deletes them
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Example:
  lapwing server device list")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the devices
    #[command(after_help = "\
Examples:
  lapwing server device list
  lapwing server device list --json")]
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Shows the tags of a device, or changes them, by which groups and so policies are for it
    #[command(after_help = "\
Examples:
  lapwing server device tags web-01
  lapwing server device tags web-01 --add eu --remove us")]
    Tags {
        /// Name or id of the device
        device: String,
        /// Adds a tag; may be given several times
        #[arg(long, value_name = "TAG")]
        add: Vec<String>,
        /// Takes a tag away; may be given several times
        #[arg(long, value_name = "TAG")]
        remove: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Lets a device in again
    #[command(after_help = "\
Example:
  lapwing server device enable f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Enable {
        /// The device's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        common: Common,
    },
    /// Keeps a device out: its tokens and uploads are refused
    #[command(after_help = "\
Example:
  lapwing server device disable f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Disable {
        /// The device's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        common: Common,
    },
    /// Deletes a device; its passwords stay readable by administrators
    #[command(after_help = "\
Example:
  lapwing server device delete f3531ec6-6330-4f8e-8d39-7a671fbac605")]
    Delete {
        /// The device's id
        #[arg(value_parser = parse_id)]
        id: Guid,
        #[command(flatten)]
        profile: ProfileArgs,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.action {
        Action::List { common } => print(&common, &common.profile.ask(Administrator::devices)?),
        Action::Tags { device, add, remove, common } => tags(&common, &device, &add, &remove),
        Action::Enable { id, common } => patch(&common, id, &DevicePatch { enabled: true }),
        Action::Disable { id, common } => patch(&common, id, &DevicePatch { enabled: false }),
        Action::Delete { id, profile } => profile.ask(async |server| server.delete_device(id).await),
    }
}

fn tags(common: &Common, device: &str, add: &[String], remove: &[String]) -> Result<(), Failure> {
    let tags = common.profile.ask(async |server| {
        let id = find(server, device).await?;
        let mut tags = server.device_tags(id).await?;
        if !add.is_empty() || !remove.is_empty() {
            tags.tags.retain(|tag| !remove.iter().chain(add).any(|named| named.eq_ignore_ascii_case(tag)));
            tags.tags.extend_from_slice(add);
            tags = server.tag_device(id, &tags).await?;
        }
        Ok::<_, Failure>(tags)
    })?;
    if common.json {
        return output::print_json(&tags);
    }
    common.print(&tags.tags, ["Tag"], |tag| [tag.clone()])
}

fn patch(common: &Common, id: Guid, patch: &DevicePatch) -> Result<(), Failure> {
    let device = common.profile.ask(async |server| server.patch_device(id, patch).await)?;
    print(common, &[device])
}

fn print(common: &Common, devices: &[DeviceInfo]) -> Result<(), Failure> {
    common.print(
        devices,
        ["DeviceId", "Name", "Enabled", "LastBackup", "Expiry", "Created", "SharedBy"],
        |device| {
            let shared = device.shared_identity.iter().flat_map(|shared| &shared.hosts);
            let hosts: Vec<_> = shared.map(|host| format!("{} at {}", host.address, host.stored)).collect();
            [
                device.device_id.clone(),
                device.display_name.clone(),
                device.enabled.to_string(),
                device.last_backup.clone().unwrap_or_default(),
                device.expiry.clone().unwrap_or_default(),
                device.created.clone(),
                hosts.join(", "),
            ]
        },
    )
}
