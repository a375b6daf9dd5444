//! `managedDevice` and its actions, as Intune shows them.

use serde::{Deserialize, Serialize};

/// The name of the action that rotates the managed account's password. Graph beta: `rotateLocalAdminPassword`.
pub const ROTATE_LOCAL_ADMIN_PASSWORD: &str = "rotateLocalAdminPassword";

/// A managed device. Graph beta: `managedDevice`, as far as it says anything here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedDevice {
    /// The management id, a GUID; ours is the device id.
    pub id: String,
    /// The device id, a GUID.
    #[serde(rename = "azureADDeviceId")]
    pub azure_ad_device_id: String,
    /// Its name.
    pub device_name: String,
    /// `company`: a device is enrolled by its administrator.
    pub managed_device_owner_type: String,
    /// When it was enrolled, RFC 3339.
    pub enrolled_date_time: String,
    /// When it last called home, RFC 3339; the first day of the year 1 if never, as Graph writes it.
    pub last_sync_date_time: String,
    /// Such as `Linux`.
    pub operating_system: String,
    /// Its version.
    pub os_version: String,
    /// `mdm`.
    pub management_agent: String,
    /// `unknown`: compliance is not judged here.
    pub compliance_state: String,
    /// What it was asked to do, newest first.
    #[serde(default)]
    pub device_action_results: Vec<DeviceActionResult>,
}

/// How an action stands. Graph beta: `deviceActionResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceActionResult {
    /// Which action.
    pub action_name: String,
    /// How it stands.
    pub action_state: DeviceActionState,
    /// When it was asked for, RFC 3339.
    pub start_date_time: String,
    /// When that last changed, RFC 3339.
    pub last_updated_date_time: String,
}

/// The states of an action. Graph beta: `actionState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeviceActionState {
    /// Nothing has been asked for.
    None,
    /// It waits for the device.
    Pending,
    /// It was cancelled.
    Canceled,
    /// The device has accepted it.
    Active,
    /// The password has been changed.
    Done,
    /// It failed so far, or was not accepted in time.
    Failed,
    /// The device does not know it.
    NotSupported,
}
