//! `lapwing get-aad-password`: Get-LapsAADPassword of the PowerShell module LAPS. Microsoft Graph,
//! `deviceLocalCredentialInfo`.

use lapwing_client::graph::Administrator;
use lapwing_core::{
    secret::Password,
    types::{DeviceId, FileTime},
};
use lapwing_proto::graph::{DeviceLocalCredential, DeviceLocalCredentialInfo};
use serde::{Serialize, Serializer};

use super::the_one;
use crate::{
    failure::{Code, Failure},
    os, output,
    profile::ProfileArgs,
};

/// Shows what the directory has stored for devices, and their passwords if asked for
///
/// Reading a password is recorded in the directory's audit log. Without --as-plain-text passwords are shown on a terminal
/// only, and not read at all if standard output is something else.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing get-aad-password web-01
  lapwing get-aad-password web-01 --include-passwords
  lapwing get-aad-password web-01 db-01 --include-passwords --include-history
  lapwing get-aad-password f3531ec6-6330-4f8e-8d39-7a671fbac605 --include-passwords --as-plain-text --json")]
pub(crate) struct Args {
    /// Names or ids of devices
    #[arg(required = true, value_name = "DEVICE")]
    devices: Vec<String>,

    /// Show the password too
    #[arg(long)]
    include_passwords: bool,

    /// Show older passwords too
    #[arg(long, requires = "include_passwords")]
    include_history: bool,

    /// Print passwords although standard output is not a terminal
    #[arg(long, requires = "include_passwords")]
    as_plain_text: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    profile: ProfileArgs,
}

/// One line of the answer, with the member names of the cmdlet.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    device_name: String,
    device_id: String,
    /// Of the newest password only.
    password_expiration_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_clear")]
    password: Option<Password>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_update_time: Option<String>,
}

/// Only for output that was asked for in clear.
fn in_clear<S: Serializer>(password: &Option<Password>, serializer: S) -> Result<S::Ok, S::Error> {
    password.as_ref().map(Password::expose_secret).serialize(serializer)
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.include_passwords && !args.as_plain_text && !output::is_terminal() {
        return Err(Failure::new(
            Code::Usage,
            "standard output is not a terminal, so no password was read",
            "add --as-plain-text to write passwords there",
        ));
    }
    let (rows, failed) = args.profile.ask(async |administrator| {
        let mut rows = Vec::new();
        let mut failed = None;
        for device in &args.devices {
            match rows_of(administrator, device, args).await {
                Ok(found) => rows.extend(found),
                // The others are still asked for; the last failure decides the exit code.
                Err(failure) => {
                    if let Some(earlier) = failed.replace(failure) {
                        output::complain(&earlier.report());
                    }
                }
            }
        }
        Ok::<_, Failure>((rows, failed))
    })?;
    if args.json {
        output::print_json(&rows)?
    } else {
        print_table(&rows, args.include_passwords)?
    }
    failed.map_or(Ok(()), Err)
}

async fn rows_of(administrator: &mut Administrator, device: &str, args: &Args) -> Result<Vec<Row>, Failure> {
    let id = find(administrator, device).await?;
    let info = administrator.credentials(id, args.include_passwords, os::request_id()).await?;
    if !args.include_passwords {
        return Ok(vec![row(&info, None, true)?]);
    }
    let mut credentials: Vec<_> = info.credentials.iter().flatten().collect();
    // The order is not guaranteed. A time that cannot be read is the oldest.
    credentials
        .sort_by_key(|credential| core::cmp::Reverse(credential.backup_date_time.parse::<FileTime>().ok()));
    if credentials.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            format!("no password of {device} is stored"),
            "see `lapwing status` on that host",
        ));
    }
    let kept = if args.include_history { credentials.len() } else { 1 };
    credentials
        .iter()
        .take(kept)
        .enumerate()
        .map(|(at, credential)| row(&info, Some(credential), at == 0))
        .collect()
}

fn row(
    info: &DeviceLocalCredentialInfo,
    credential: Option<&DeviceLocalCredential>,
    newest: bool,
) -> Result<Row, Failure> {
    let password = match credential {
        None => None,
        Some(credential) => Some(credential.password().ok_or_else(|| {
            Failure::new(
                Code::Failed,
                format!("a stored password of {} is not UTF-8 in Base64", info.id),
                "read it in the directory's own console",
            )
        })?),
    };
    Ok(Row {
        device_name: info.device_name.clone().unwrap_or_default(),
        device_id: info.id.clone(),
        password_expiration_time: newest.then(|| info.refresh_date_time.clone()),
        account: credential.map(|credential| credential.account_name.clone()),
        password,
        password_update_time: credential.map(|credential| credential.backup_date_time.clone()),
    })
}

/// The device's id: the text itself if it is a GUID, else that of the one device with this name.
async fn find(administrator: &mut Administrator, device: &str) -> Result<DeviceId, Failure> {
    if let Ok(id) = device.parse() {
        return Ok(id);
    }
    let found = administrator.devices_named(device).await?;
    let ids: Vec<&str> = found.iter().map(|device| device.device_id.as_str()).collect();
    the_one(device, &ids)
}

fn print_table(rows: &[Row], passwords: bool) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let head =
        ["DeviceName", "DeviceId", "PasswordExpirationTime", "Account", "Password", "PasswordUpdateTime"];
    let columns = if passwords { head.len() } else { 3 };
    let mut table = output::Table::new(head.get(..columns).unwrap_or_default());
    for row in rows {
        let cells = [
            row.device_name.as_str(),
            &row.device_id,
            row.password_expiration_time.as_deref().unwrap_or_default(),
            row.account.as_deref().unwrap_or_default(),
            row.password.as_ref().map_or("", Password::expose_secret),
            row.password_update_time.as_deref().unwrap_or_default(),
        ];
        table.row(cells.into_iter().take(columns));
    }
    table.print()
}
