//! LAPS policies beside what Graph has: their versions, whom a change would touch, and how devices stand to them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::graph::ConfigurationPolicy;

/// One version of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersionInfo {
    /// Counted from 1.
    pub version: u32,
    /// When it was made.
    pub created: String,
    /// By whom.
    pub actor: String,
    /// The version whose content came back, if one did.
    pub restores: Option<u32>,
    /// What it says.
    pub policy: ConfigurationPolicy,
}

/// `POST policies/{id}/restore`: the content of an earlier version becomes that of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRestore {
    /// The earlier version.
    pub version: u32,
}

/// `POST policies/{id}/dryRun`: a change that is not made. What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyDryRun {
    /// What the policy would set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Vec<Value>>,
    /// The ids of all groups that it would be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Whether it would be deleted.
    #[serde(default)]
    pub delete: bool,
}

/// The devices that something would touch, or that something is true of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted<T> {
    /// How many there are.
    pub count: usize,
    /// The first [`COUNTED_MAX`] of them.
    pub value: Vec<T>,
}

/// The most devices that one answer names.
pub const COUNTED_MAX: usize = 1000;

impl<T> Counted<T> {
    /// Counts all, and keeps the first.
    #[must_use]
    pub fn new(mut all: Vec<T>) -> Self {
        let count = all.len();
        all.truncate(COUNTED_MAX);
        Self { count, value: all }
    }
}

/// What is for a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStanding {
    /// `none`, `assigned` or `conflict`.
    pub state: String,
    /// The policies: none, one, or all that are in conflict.
    pub policies: Vec<String>,
    /// The version, where one policy is for the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// A device that several policies are for. It keeps what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyConflict {
    /// GUID.
    pub device_id: String,
    /// Its name.
    pub display_name: String,
    /// The policies.
    pub policies: Vec<String>,
}

/// A device that a change would touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyDifference {
    /// GUID.
    pub device_id: String,
    /// Its name.
    pub display_name: String,
    /// What is for it now.
    pub before: PolicyStanding,
    /// What would be for it.
    pub after: PolicyStanding,
}

/// `GET devices/{id}/policy`: how a device stands to the policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePolicyInfo {
    /// What is for it.
    pub standing: PolicyStanding,
    /// The policy that it holds whole by its own word, if it holds one.
    pub told: Option<PolicyTold>,
    /// What it has refused and not taken since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<PolicyRefused>,
    /// When it last held something else than it had said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drifted: Option<String>,
}

/// A version that a device did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRefused {
    /// GUID.
    pub policy: String,
    /// Its version.
    pub version: u32,
    /// The status of the device's answer. OMA-TS-SyncML_RepPro 1.2, section 10.
    pub status: u16,
    /// When that was, RFC 3339.
    pub at: String,
}

/// `GET policies/{id}/devices`: every device that a policy concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyDevices {
    /// The number of the policy's newest version.
    pub version: u32,
    /// How many stand where.
    pub counts: PolicyCounts,
    /// The first [`COUNTED_MAX`] of them, whoever needs to be looked at before the others, then by name.
    pub value: Vec<PolicyDevice>,
}

/// How many devices stand where to a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyCounts {
    /// They hold the newest version whole.
    pub has: u64,
    /// It is for them, and they have not said yet that they hold it.
    pub pending: u64,
    /// Another policy is for them too: they keep what they have.
    pub conflict: u64,
    /// They have answered that they do not take it.
    pub refused: u64,
    /// They hold a version, and it is no longer for them.
    pub leaving: u64,
}

/// A device that a policy concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyDevice {
    /// GUID.
    pub device_id: String,
    /// Its name.
    pub display_name: String,
    /// `has`, `pending`, `conflict`, `refused` or `leaving`, as in [`PolicyCounts`].
    pub state: String,
    /// The version of the policy that it holds whole by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Where it has refused the newest version: the status of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When it last held something else than it had said, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drifted: Option<String>,
}

/// The policy that a device holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTold {
    /// GUID.
    pub policy: String,
    /// Its version.
    pub version: u32,
    /// Since when.
    pub since: String,
}

/// `GET` and `PUT devices/{id}/tags`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceTags {
    /// All of them.
    pub tags: Vec<String>,
}
