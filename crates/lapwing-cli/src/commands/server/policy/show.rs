//! Commands that only look.

use lapwing_client::graph::Administrator;
use lapwing_proto::{
    admin::{DevicePolicyInfo, PolicyCounts, PolicyDevices, PolicyVersionInfo},
    graph::{ConfigurationPolicy, Group, read_settings},
};
use serde::Serialize;

use super::{super::Common, edit::own, find, settings::not_laps};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Lists the policies
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server policy list")]
pub(super) struct ListArgs {
    #[command(flatten)]
    common: Common,
}

/// Shows a policy: what it sets, for whom it is, and how many devices have it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server policy show Servers")]
pub(super) struct ShowArgs {
    /// Name or id of the policy
    policy: String,
    #[command(flatten)]
    common: Common,
}

/// Prints a policy in the settings catalog's JSON, as Intune and `create --file` take it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing server policy export Servers > servers.json
  lapwing server policy export Servers --version 3")]
pub(super) struct ExportArgs {
    /// Name or id of the policy
    policy: String,
    /// An earlier version
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    #[command(flatten)]
    profile: crate::profile::ProfileArgs,
}

/// Lists the versions of a policy, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing server policy versions Servers")]
pub(super) struct VersionsArgs {
    /// Name or id of the policy; the id also of one that was deleted
    policy: String,
    #[command(flatten)]
    common: Common,
}

/// Tells how devices stand to policies: of each policy how many, of one each device, or of one device all
///
/// A device has the newest version by its own word; pending, it has not said so yet; in conflict, several policies are for
/// it and it keeps what it has; refused, it does not take the version; leaving, it holds a version and the policy is no
/// longer for it. Drifted is when it last held something else than it had said.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing server policy status
  lapwing server policy status Servers
  lapwing server policy status --device web-01")]
pub(super) struct StatusArgs {
    /// Name or id of a policy
    policy: Option<String>,
    /// Name or id of a device
    #[arg(long, conflicts_with = "policy")]
    device: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn list(args: &ListArgs) -> Result<(), Failure> {
    let policies = args.common.profile.ask(Administrator::policies)?;
    args.common.print(&policies, ["Id", "Name", "Settings", "Assigned", "Changed"], |policy| {
        [
            policy.id.clone().unwrap_or_default(),
            policy.name.clone(),
            policy.setting_count.map(|count| count.to_string()).unwrap_or_default(),
            policy.is_assigned.unwrap_or_default().to_string(),
            policy.last_modified_date_time.clone().unwrap_or_default(),
        ]
    })
}

/// All that is known of a policy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    policy: ConfigurationPolicy,
    version: u32,
    groups: Vec<Group>,
    devices: PolicyCounts,
}

pub(super) fn show(args: &ShowArgs) -> Result<(), Failure> {
    let shown = args.common.profile.ask(async |server| {
        let found = find(server, &args.policy).await?;
        let assigned = server.policy_groups(&found.id).await?;
        let mut groups = server.groups().await?;
        groups.retain(|group| group.id.as_ref().is_some_and(|id| assigned.contains(id)));
        let PolicyDevices { version, counts, .. } = server.policy_devices(&found.id).await?;
        Ok::<_, Failure>(Shown { policy: found.policy, version, groups, devices: counts })
    })?;
    if args.common.json {
        return output::print_json(&shown);
    }
    table(&shown)?.print()
}

fn table(shown: &Shown) -> Result<output::Table, Failure> {
    let Shown { policy, version, groups, devices } = shown;
    let PolicyCounts { has, pending, conflict, refused, leaving } = devices;
    let mut table = output::Table::new(&["Name", &output::shown(&policy.name)]);
    let mut row = |name: &str, value: &str| table.row([name, value]);
    row("Id", policy.id.as_deref().unwrap_or_default());
    row("Description", policy.description.as_deref().unwrap_or_default());
    row("Version", &version.to_string());
    row("Changed", policy.last_modified_date_time.as_deref().unwrap_or_default());
    row(
        "Devices",
        &format!(
            "{has} have it, {pending} pending, {conflict} in conflict, {refused} refused, {leaving} leaving"
        ),
    );
    for group in groups {
        row("Group", &format!("{} ({})", group.display_name, group.membership_rule));
    }
    if let Some(hours) = policy.rotate_after_reveal_hours {
        row("After a reveal", &format!("rotate {hours} hours later"));
    }
    let tree =
        read_settings(policy.settings.as_deref().unwrap_or_default()).map_err(|error| not_laps(&error))?;
    for (setting, value) in tree.values() {
        row(setting.name(), value);
    }
    Ok(table)
}

pub(super) fn export(args: &ExportArgs) -> Result<(), Failure> {
    let policy = args.profile.ask(async |server| {
        let found = find(server, &args.policy).await?;
        let Some(wanted) = args.version else { return Ok(found.policy) };
        let versions = server.policy_versions(&found.id).await?;
        let version = versions.into_iter().find(|version| version.version == wanted);
        version.map(|version| version.policy).ok_or_else(|| {
            let next_step = "see `lapwing server policy versions`";
            Failure::new(Code::NotFound, format!("the policy has no version {wanted}"), next_step)
        })
    })?;
    output::print_json(&own(policy))
}

pub(super) fn versions(args: &VersionsArgs) -> Result<(), Failure> {
    let versions: Vec<PolicyVersionInfo> = args.common.profile.ask(async |server| {
        let id = match find(server, &args.policy).await {
            Ok(found) => found.id,
            // The versions of a policy that was deleted stay, by its id.
            Err(_) if args.policy.parse::<lapwing_core::types::Guid>().is_ok() => args.policy.clone(),
            Err(unknown) => return Err(unknown),
        };
        Ok::<_, Failure>(server.policy_versions(&id).await?)
    })?;
    args.common.print(&versions, ["Version", "Created", "Actor", "Restores", "Name"], |version| {
        [
            version.version.to_string(),
            version.created.clone(),
            version.actor.clone(),
            version.restores.map(|number| number.to_string()).unwrap_or_default(),
            version.policy.name.clone(),
        ]
    })
}

pub(super) fn status(args: &StatusArgs) -> Result<(), Failure> {
    match (&args.policy, &args.device) {
        (Some(policy), _) => status_of(&args.common, policy),
        (None, Some(device)) => status_of_device(&args.common, device),
        (None, None) => status_of_all(&args.common),
    }
}

/// How many devices stand where to a policy.
#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    version: u32,
    #[serde(flatten)]
    counts: PolicyCounts,
}

fn status_of_all(common: &Common) -> Result<(), Failure> {
    let rows = common.profile.ask(async |server| {
        let mut rows = Vec::new();
        for policy in server.policies().await? {
            let Some(id) = policy.id else { continue };
            let PolicyDevices { version, counts, .. } = server.policy_devices(&id).await?;
            rows.push(Row { id, name: policy.name, version, counts });
        }
        Ok::<_, Failure>(rows)
    })?;
    let head = ["Id", "Name", "Version", "Has", "Pending", "Conflict", "Refused", "Leaving"];
    common.print(&rows, head, |Row { id, name, version, counts }| {
        [
            id.clone(),
            name.clone(),
            version.to_string(),
            counts.has.to_string(),
            counts.pending.to_string(),
            counts.conflict.to_string(),
            counts.refused.to_string(),
            counts.leaving.to_string(),
        ]
    })
}

fn status_of(common: &Common, policy: &str) -> Result<(), Failure> {
    let found = common.profile.ask(async |server| {
        let found = find(server, policy).await?;
        Ok::<_, Failure>(server.policy_devices(&found.id).await?)
    })?;
    if common.json {
        return output::print_json(&found);
    }
    let PolicyCounts { has, pending, conflict, refused, leaving } = found.counts;
    let all = [has, pending, conflict, refused, leaving].into_iter().fold(0, u64::saturating_add);
    if u64::try_from(found.value.len()).is_ok_and(|shown| all > shown) {
        let shown = found.value.len();
        output::complain(&format!(
            "These are {shown} of {all}: whoever needs to be looked at before the others"
        ));
    }
    common.print(
        &found.value,
        ["DeviceId", "Name", "State", "Version", "Since", "Status", "Drifted"],
        |device| {
            [
                device.device_id.clone(),
                device.display_name.clone(),
                device.state.clone(),
                device.version.map(|version| version.to_string()).unwrap_or_default(),
                device.since.clone().unwrap_or_default(),
                device.status.map(|status| status.to_string()).unwrap_or_default(),
                device.drifted.clone().unwrap_or_default(),
            ]
        },
    )
}

fn status_of_device(common: &Common, device: &str) -> Result<(), Failure> {
    let found = common.profile.ask(async |server| {
        let id = super::super::find(server, device).await?;
        Ok::<_, Failure>(server.device_policy(id).await?)
    })?;
    if common.json {
        return output::print_json(&found);
    }
    let DevicePolicyInfo { standing, told, refused, drifted } = &found;
    let mut table = output::Table::new(&["State", &output::shown(&standing.state)]);
    let mut row = |name: &str, value: &str| table.row([name, value]);
    for policy in &standing.policies {
        row("Policy", policy);
    }
    row("Version", &standing.version.map(|version| version.to_string()).unwrap_or_default());
    if let Some(told) = told {
        row("Holds", &format!("{} version {} since {}", told.policy, told.version, told.since));
    }
    if let Some(refused) = refused {
        let (policy, version) = (&refused.policy, refused.version);
        row("Refused", &format!("{policy} version {version} with {} at {}", refused.status, refused.at));
    }
    if let Some(drifted) = drifted {
        row("Drifted", drifted);
    }
    table.print()
}
