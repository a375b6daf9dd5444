//! `lapwing server rotate`: the button, for some devices or for many.

use core::time::Duration;

use lapwing_client::graph::Administrator;
use lapwing_core::types::DeviceId;
use lapwing_proto::{
    admin::{RotationDryRun, RotationRequest},
    graph::{DeviceActionResult, DeviceActionState},
};
use serde::Serialize;

use super::{Common, find, rotations};
use crate::{
    failure::{Code, Failure},
    output,
    terminal::{self, Otherwise},
};

/// How often a device is looked at while its rotation is waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Asks devices for a new password now
///
/// Devices that are named are asked at once, and waited for. Of many, canaries are asked first; the others follow once all
/// canaries are done, at the given rate; see `lapwing server rotations`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  lapwing server rotate web-01
  lapwing server rotate web-01 db-01 --no-wait
  lapwing server rotate --name 'web-*' --dry-run
  lapwing server rotate --all --canary 1% --rate 300 --stop-at 2")]
pub(crate) struct Args {
    /// Names or ids of devices
    #[arg(value_name = "DEVICE", required_unless_present_any = ["all", "name", "tag"])]
    devices: Vec<String>,

    /// Rotate every enabled device
    #[arg(long, conflicts_with_all = ["devices", "name", "tag"])]
    all: bool,

    /// Rotate the devices whose names fit, `*` standing for any run of characters
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["devices", "tag"])]
    name: Option<String>,

    /// Rotate the devices with this tag
    #[arg(long, value_name = "TAG", conflicts_with = "devices")]
    tag: Option<String>,

    /// Of many: only tell how many they are, and the first names
    #[arg(long, conflicts_with = "devices")]
    dry_run: bool,

    /// Of many: how many are asked first, as a number or a share such as 5%
    #[arg(long, value_name = "N", default_value = "5")]
    canary: String,

    /// Of many: how many are asked in a minute
    #[arg(long, value_name = "N", default_value_t = 600)]
    rate: u32,

    /// Of many: the share of failures to stop at
    #[arg(long, value_name = "PERCENT", default_value_t = 5)]
    stop_at: u32,

    /// Of many: why, for the audit log
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "devices"
    )]
    reason: String,

    /// Of many: do not ask whether to begin
    #[arg(long)]
    yes: bool,

    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,

    /// How long to wait for the end
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    wait: u32,

    #[command(flatten)]
    common: Common,
}

/// How the rotation of one device stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    device_id: String,
    device_name: String,
    state: DeviceActionState,
    requested: String,
    since: String,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match selection(args) {
        Some(devices) => rotate_many(args, devices),
        None => rotate_named(args),
    }
}

fn selection(args: &Args) -> Option<String> {
    let all = args.all.then(|| "all".to_owned());
    let named = args.name.as_ref().map(|pattern| format!("name:{pattern}"));
    all.or(named).or_else(|| args.tag.as_ref().map(|tag| format!("tag:{tag}")))
}

fn rotate_many(args: &Args, devices: String) -> Result<(), Failure> {
    let request = RotationRequest {
        devices,
        canaries: args.canary.clone(),
        per_minute: args.rate,
        stop_at_percent: args.stop_at,
        reason: args.reason.clone(),
        dry_run: args.dry_run,
    };
    let common = &args.common;
    if args.dry_run || !args.yes {
        let dry_run = common.profile.ask(async |server| server.dry_run_rotation(&request).await)?;
        if args.dry_run && common.json {
            return output::print_json(&dry_run);
        }
        if args.dry_run {
            return output::print(&summary(&dry_run));
        }
        output::complain(&summary(&dry_run));
        confirm(dry_run.count)?;
    }
    let rotation = common.profile.ask(async |server| server.create_rotation(&request).await)?;
    output::complain(&format!("Begun: follow it with `lapwing server rotations show {}`", rotation.id));
    rotations::print(common, &[rotation])
}

fn summary(dry_run: &RotationDryRun) -> String {
    let RotationDryRun { count, canaries, minutes, first } = dry_run;
    let names: Vec<_> = first.iter().map(|name| output::shown(name)).collect();
    let more = if usize::try_from(*count).is_ok_and(|count| count > first.len()) { " …" } else { "" };
    format!(
        "Devices   {count}\nCanaries  {canaries}\nMinutes   {minutes}\nFirst     {}{more}",
        names.join(" ")
    )
}

fn confirm(count: u32) -> Result<(), Failure> {
    let otherwise = Otherwise {
        refused: "nothing was begun",
        undone: &format!("{count} devices are not rotated"),
        next_step: "add --yes",
    };
    terminal::must_agree(&format!("Rotate the passwords of {count} devices?"), &otherwise)
}

fn rotate_named(args: &Args) -> Result<(), Failure> {
    let rows = args.common.profile.ask(async |server| {
        let mut asked = Vec::new();
        for device in &args.devices {
            let id = find(server, device).await?;
            server.rotate_local_admin_password(id).await?;
            asked.push(follow(server, id, None).await?);
        }
        if !args.no_wait {
            wait(server, &mut asked, args.wait).await?;
        }
        Ok::<_, Failure>(asked)
    })?;
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    args.common.print(&rows, ["DeviceId", "Name", "State", "Requested", "Since"], |row| {
        [
            row.device_id.clone(),
            row.device_name.clone(),
            word(row.state).to_owned(),
            row.requested.clone(),
            row.since.clone(),
        ]
    })?;
    if args.no_wait { Ok(()) } else { verdict(&rows) }
}

/// How the newest action of a device stands, or that which was requested then.
async fn follow(
    server: &mut Administrator,
    id: DeviceId,
    requested: Option<&str>,
) -> Result<(DeviceId, Row), Failure> {
    let device = server.managed_device(id).await?;
    let is_it =
        |result: &&DeviceActionResult| requested.is_none_or(|requested| result.start_date_time == requested);
    let Some(result) = device.device_action_results.iter().find(is_it) else {
        let next_step = "see `lapwing server actions`";
        return Err(Failure::new(Code::Failed, "the server shows no rotation of the device", next_step));
    };
    let row = Row {
        device_id: device.id.clone(),
        device_name: device.device_name.clone(),
        state: result.action_state,
        requested: result.start_date_time.clone(),
        since: result.last_updated_date_time.clone(),
    };
    Ok((id, row))
}

/// Looks at the devices until all have ended or the time is over, and tells of every change.
async fn wait(
    server: &mut Administrator,
    asked: &mut [(DeviceId, Row)],
    seconds: u32,
) -> Result<(), Failure> {
    for (_, row) in asked.iter() {
        tell(row);
    }
    for _ in 0..seconds {
        if asked.iter().all(|(_, row)| is_end(row.state)) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        for entry in asked.iter_mut().filter(|(_, row)| !is_end(row.state)) {
            let now = follow(server, entry.0, Some(&entry.1.requested)).await?;
            if now.1.state != entry.1.state {
                tell(&now.1);
            }
            *entry = now;
        }
    }
    Ok(())
}

fn tell(row: &Row) {
    output::complain(&output::shown(&format!("{}: {}", row.device_name, word(row.state))));
}

/// A failure is one so far: the device goes on trying, but nobody waits for that.
const fn is_end(state: DeviceActionState) -> bool {
    !matches!(state, DeviceActionState::None | DeviceActionState::Pending | DeviceActionState::Active)
}

const fn word(state: DeviceActionState) -> &'static str {
    match state {
        DeviceActionState::None => "none",
        DeviceActionState::Pending => "pending",
        DeviceActionState::Canceled => "cancelled",
        DeviceActionState::Active => "accepted",
        DeviceActionState::Done => "done",
        DeviceActionState::Failed => "failed",
        DeviceActionState::NotSupported => "not supported",
    }
}

fn verdict(rows: &[Row]) -> Result<(), Failure> {
    let count = |is: fn(DeviceActionState) -> bool| rows.iter().filter(|row| is(row.state)).count();
    let failed = count(|state| is_end(state) && state != DeviceActionState::Done);
    let open = count(|state| !is_end(state));
    if failed > 0 {
        let next_step = "see `lapwing server actions DEVICE`";
        return Err(Failure::new(Code::Failed, format!("{failed} of {} failed", rows.len()), next_step));
    }
    if open > 0 {
        let what = format!("{open} of {} did not end in time", rows.len());
        let next_step = "nothing: a device rotates as soon as it calls home";
        return Err(Failure::new(Code::Unreachable, what, next_step));
    }
    Ok(())
}
