//! The nonce of a join.

use serde::{Deserialize, Serialize};

/// The answer of the nonce service. The first member is misspelled by Entra ID, and so by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Nonce {
    /// Of no use to a device.
    #[serde(default)]
    pub reponse_status: NonceStatus,
    /// Opaque; goes into the certificate request.
    pub value: String,
}

/// How the request went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NonceStatus {
    /// For people.
    pub message: String,
    /// GUID.
    pub trace_id: String,
    /// The server's clock.
    pub time: String,
}
