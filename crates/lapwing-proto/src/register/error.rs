//! The error body of the registration service.

use lapwing_core::types::{FileTime, Guid};
use serde::{Deserialize, Serialize};

/// `subcode` of 400: the device is unknown in that tenant.
pub const SUBCODE_MISSING_DEVICE: &str = "error_missing_device";
/// `subcode` of 400, ours: the seal does not open.
pub const SUBCODE_SEAL_INVALID: &str = "error_seal_invalid";
/// `subcode` of 409, ours: the directory holds another version.
pub const SUBCODE_VERSION_MISMATCH: &str = "error_version_mismatch";

/// The error body of Entra ID's registration service; all members are optional to a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrsError {
    /// The class, such as `invalid_request`.
    #[serde(default)]
    pub code: String,
    /// The case, such as `error_missing_device`.
    #[serde(default)]
    pub subcode: String,
    /// The HTTP method.
    #[serde(default)]
    pub operation: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// GUID, to find the request in the server's log.
    #[serde(default)]
    pub request_id: String,
    /// The server's clock.
    #[serde(default)]
    pub time: String,
    /// What the directory holds instead, with [`SUBCODE_VERSION_MISMATCH`].
    #[serde(default, rename = "Lapwing", skip_serializing_if = "Option::is_none")]
    pub lapwing: Option<LapwingConflict>,
}

/// What the directory holds instead of the version expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LapwingConflict {
    /// GUID; none if the directory holds nothing, or a password stored without version.
    pub version: Option<String>,
    /// When the device meant to rotate it.
    pub expiry: Option<String>,
}

impl DrsError {
    /// An error as the server sends it.
    #[must_use]
    pub fn new(
        code: &str,
        subcode: &str,
        operation: &str,
        message: String,
        request: Guid,
        at: FileTime,
    ) -> Self {
        Self {
            code: code.to_owned(),
            subcode: subcode.to_owned(),
            operation: operation.to_owned(),
            message,
            request_id: request.to_string(),
            time: at.to_string(),
            lapwing: None,
        }
    }
}
