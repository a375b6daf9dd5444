//! `device`.

use serde::{Deserialize, Serialize};

/// A joined device. Graph: `device`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// The object id, a GUID, not the device id.
    pub id: String,
    /// The device id, a GUID.
    pub device_id: String,
    /// Its name.
    pub display_name: String,
    /// False if its tokens and uploads are refused.
    pub account_enabled: bool,
    /// Such as `Linux`.
    #[serde(default)]
    pub operating_system: Option<String>,
    /// Its version.
    #[serde(default)]
    pub operating_system_version: Option<String>,
    /// `AzureAd` for a joined device.
    #[serde(default)]
    pub trust_type: Option<String>,
}
