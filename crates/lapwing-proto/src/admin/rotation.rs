//! Rotations of many devices at once.

use serde::{Deserialize, Serialize};

/// How many names a dry run shows.
pub const DRY_RUN_NAMES_MAX: usize = 10;

/// `POST rotations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotationRequest {
    /// `all`, `tag:` with a tag, or `name:` with a pattern of display names in which `*` stands for any run of characters.
    pub devices: String,
    /// How many are asked first: a number, or a share such as `5%`.
    #[serde(default = "RotationRequest::canaries")]
    pub canaries: String,
    /// How many devices are asked in a minute.
    #[serde(default = "RotationRequest::per_minute")]
    pub per_minute: u32,
    /// The share of failures at which it stops, in per cent.
    #[serde(default = "RotationRequest::stop_at_percent")]
    pub stop_at_percent: u32,
    /// Why, in one line for the audit log; may be empty.
    #[serde(default)]
    pub reason: String,
    /// Whether nothing is to be rotated, and only the selection told.
    #[serde(default)]
    pub dry_run: bool,
}

impl RotationRequest {
    fn canaries() -> String {
        "5".to_owned()
    }

    const fn per_minute() -> u32 {
        600
    }

    const fn stop_at_percent() -> u32 {
        5
    }
}

/// The answer to a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationDryRun {
    /// How many devices are selected.
    pub count: u32,
    /// How many of them would be asked first.
    pub canaries: u32,
    /// How long it takes to ask all, in minutes, rounded up.
    pub minutes: u32,
    /// Names of those that would be asked first, at most [`DRY_RUN_NAMES_MAX`].
    pub first: Vec<String>,
}

/// How many devices stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationCounts {
    /// All of them.
    pub total: u64,
    /// Not asked yet.
    pub waiting: u64,
    /// Asked; the device has not answered yet.
    pub pending: u64,
    /// Accepted by the device.
    pub accepted: u64,
    /// Failed so far; the device goes on trying.
    pub failing: u64,
    /// Rotated.
    pub done: u64,
    /// Refused by the device, or not accepted in time.
    pub failed: u64,
    /// Cancelled before the device accepted it.
    pub cancelled: u64,
    /// Never asked: disabled or deleted meanwhile, or with too much to do already.
    pub skipped: u64,
}

/// A bulk rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationInfo {
    /// GUID.
    pub id: String,
    /// Which devices, as asked for.
    pub devices: String,
    /// `running`, `paused`, `stopped` (too many failed), `cancelled` or `finished`.
    pub state: String,
    /// When the state last changed, RFC 3339.
    pub since: String,
    /// Whether only canaries are asked until they are done or an operator resumes it past them.
    pub holds_for_canaries: bool,
    /// RFC 3339.
    pub requested: String,
    /// Who asked for it, as in the audit log.
    pub requested_by: String,
    /// Why; empty if nobody said.
    #[serde(default)]
    pub reason: String,
    /// How many devices are asked in a minute.
    pub per_minute: u32,
    /// The share of failures at which it stops, in per cent.
    pub stop_at_percent: u32,
    /// All devices.
    pub counts: RotationCounts,
    /// The canaries among them.
    pub canaries: RotationCounts,
}

/// `POST rotations/{id}/resume`; may be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotationResume {
    /// Whether the others follow now, whatever became of the canaries.
    #[serde(default)]
    pub past_canaries: bool,
}

/// One device of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationDevice {
    /// GUID.
    pub device_id: String,
    /// Its name.
    pub display_name: String,
    /// Whether it is one of those that are asked first.
    pub canary: bool,
    /// `waiting`, `skipped`, or the state of its action.
    pub state: String,
    /// When it was asked, RFC 3339.
    pub requested: Option<String>,
    /// When the state last changed, RFC 3339.
    pub since: String,
    /// Why it fails so far: the code that Windows would report.
    pub hresult: Option<String>,
    /// The event on the device that says so.
    pub event: Option<u16>,
    /// The version of the password that it ended in.
    pub version: Option<String>,
    /// Why it was skipped.
    pub detail: String,
}
