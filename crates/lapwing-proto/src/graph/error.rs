//! Graph's error body.

use serde::{Deserialize, Serialize};

/// An error as Graph sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphError {
    /// The only member.
    pub error: GraphErrorBody,
}

/// The error itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphErrorBody {
    /// Such as `Authorization_RequestDenied`.
    pub code: String,
    /// For people.
    pub message: String,
    /// To find the request in the server's log.
    #[serde(default, alias = "innererror", skip_serializing_if = "Option::is_none")]
    pub inner_error: Option<InnerError>,
}

/// Which request it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct InnerError {
    /// The server's clock.
    pub date: String,
    /// GUID, the server's.
    pub request_id: String,
    /// The caller's, or the server's again.
    pub client_request_id: String,
}
