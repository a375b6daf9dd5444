//! The administration of `lapwing-server`. docs/protocol.md, "Administration".

mod policy;
mod rotation;

use serde::{Deserialize, Serialize};

pub use self::policy::{
    COUNTED_MAX, Counted, DevicePolicyInfo, DeviceTags, PolicyConflict, PolicyCounts, PolicyDevice,
    PolicyDevices, PolicyDifference, PolicyDryRun, PolicyRefused, PolicyRestore, PolicyStanding, PolicyTold,
    PolicyVersionInfo,
};
pub use self::rotation::{
    DRY_RUN_NAMES_MAX, RotationCounts, RotationDevice, RotationDryRun, RotationInfo, RotationRequest,
    RotationResume,
};

use crate::secret_text::{self, SecretText};
use crate::trace::EndInfo;

/// `admin.toml`, and the file that `lapwing` keeps for a server: how an administrator's program gets its tokens.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The server's origin, such as `https://laps.example:8443`.
    pub server: String,
    /// GUID.
    pub tenant: String,
    /// SHA-256 of the authority's certificate in hexadecimal; without it the host's own trust store decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// GUID.
    pub client_id: String,
    /// What the token endpoint checks.
    #[serde(with = "secret_text")]
    pub client_secret: SecretText,
    /// The proxy of every connection, `http://host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// What the proxy is told, `user:password`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "secret_text::option")]
    pub proxy_credentials: Option<SecretText>,
    /// Hosts that are reached without the proxy, and all below them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_proxy: Vec<String>,
}

/// The collection's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values<T> {
    /// All of them.
    pub value: Vec<T>,
}

/// `POST enrolmentTokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentTokenRequest {
    /// For people.
    #[serde(default)]
    pub description: String,
    /// How many devices may join with it.
    pub uses: u32,
    /// How long it is good for.
    pub hours: u32,
}

/// The answer: the only time the token is shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrolmentTokenCreated {
    /// GUID.
    pub id: String,
    /// The line of text for `lapwing enrol`.
    #[serde(with = "secret_text")]
    pub token: SecretText,
    /// When it ends.
    pub expires: String,
    /// How many devices may join with it.
    pub uses: u32,
}

/// One enrolment token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrolmentTokenInfo {
    /// GUID.
    pub id: String,
    /// For people.
    pub description: String,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: String,
    /// How many devices may still join with it.
    pub uses_left: u32,
}

/// `POST clients`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientRequest {
    /// For people.
    pub display_name: String,
    /// What it may do.
    pub roles: Vec<String>,
}

/// The answer: the only time the secret is shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCreated {
    /// GUID.
    pub client_id: String,
    /// What the token endpoint checks.
    #[serde(with = "secret_text")]
    pub client_secret: SecretText,
    /// For people.
    pub display_name: String,
    /// What it may do.
    pub roles: Vec<String>,
}

/// One client, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// GUID.
    pub client_id: String,
    /// For people.
    pub display_name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// When it was made.
    pub created: String,
    /// False if it gets no tokens.
    pub enabled: bool,
}

/// `PATCH clients/{id}`: members left out stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPatch {
    /// What it may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Whether it gets tokens from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInfo {
    /// GUID.
    pub device_id: String,
    /// Its name when it joined.
    pub display_name: String,
    /// False if its tokens and uploads are refused.
    pub enabled: bool,
    /// When it joined.
    pub created: String,
    /// When its last password was stored.
    pub last_backup: Option<String>,
    /// When it will rotate.
    pub expiry: Option<String>,
    /// That two hosts have its identity; left out if nothing tells so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_identity: Option<SharedIdentity>,
}

/// Two hosts that take turns at storing passwords for one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedIdentity {
    /// When one last stored again after another had.
    pub found: String,
    /// Each of them, by its last store, newest first.
    pub hosts: Vec<SharingHost>,
}

/// One of the hosts of a [`SharedIdentity`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharingHost {
    /// Where its last store came from.
    pub address: String,
    /// When that was.
    pub stored: String,
}

/// `PATCH devices/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePatch {
    /// Whether its tokens and uploads are accepted from now on.
    pub enabled: bool,
}

/// How many entries of the audit log one answer holds; fewer mean that these are the last. To ask is recorded too, so
/// somebody who went on until there are none would never end.
pub const AUDIT_PAGE_LEN: usize = 1000;

/// One action of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionInfo {
    /// A GUID.
    pub id: String,
    /// `pending`, `accepted`, `failing`, `done`, `refused`, `cancelled` or `expired`.
    pub state: String,
    /// RFC 3339.
    pub requested: String,
    /// Who asked for it, as in the audit log.
    pub requested_by: String,
    /// The device is not asked before, RFC 3339; none if it is at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Why the server asks for it by itself, such as `revealed by operator:alice at …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends unless the device has accepted it by then, RFC 3339.
    pub expires: String,
    /// When the state last changed, RFC 3339.
    pub since: String,
    /// Why it fails so far: the code that Windows would report.
    #[serde(default)]
    pub hresult: Option<String>,
    /// The event on the device that says so.
    #[serde(default)]
    pub event: Option<u16>,
    /// The version of the password that it ended in.
    #[serde(default)]
    pub version: Option<String>,
    /// The device has rotated and named no version: the directory that holds the password is another one.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub stored_elsewhere: bool,
}

/// The way of one rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowInfo {
    /// Its name, a GUID; none before the device has told of it.
    pub id: Option<String>,
    /// The device's id, a GUID.
    pub device_id: String,
    /// The actions that it satisfies, GUIDs.
    pub actions: Vec<String>,
    /// The password's version, a GUID, as far as there is one.
    pub version: Option<String>,
    /// How it ended; none while it goes on.
    pub end: Option<EndInfo>,
    /// Its steps, in the order of time.
    pub steps: Vec<FlowStepInfo>,
}

/// One step of a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowStepInfo {
    /// `push`, `policy processing` or `password update`.
    pub lane: String,
    /// What was done, in words.
    pub name: String,
    /// When it began, by the server's clock, RFC 3339.
    pub at: String,
    /// How long it took, in microseconds.
    pub took_micros: Option<u64>,
    /// Which attempt of the device, from 1; none for steps of the server.
    pub attempt: Option<u32>,
    /// Where it failed: the event on the device.
    pub event: Option<u16>,
    /// Where it failed: the code that Windows would report.
    pub hresult: Option<String>,
    /// Where it failed: what to do about it.
    pub next_step: Option<String>,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Counted from 1, without gaps.
    pub sequence: u64,
    /// When.
    pub time: String,
    /// Who: `client:GUID`, `device:GUID`, `local` or `anonymous`.
    pub actor: String,
    /// What.
    pub activity: String,
    /// Whom it concerned; empty if no one.
    pub target: String,
    /// `success` or `failure`.
    pub result: String,
    /// More.
    pub detail: String,
    /// Hash of this entry and all before it, hexadecimal.
    pub hash: String,
}

/// Whether the log's chain of hashes holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditVerification {
    /// How many entries there are.
    pub entries: u64,
    /// The last one's hash, hexadecimal; keep it elsewhere to notice a log cut short.
    pub head: String,
    /// True if every entry's hash is right and none is missing.
    pub intact: bool,
    /// The first entry whose hash is wrong.
    pub first_broken: Option<u64>,
}
