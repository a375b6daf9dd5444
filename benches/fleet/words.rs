//! What the fleet and whoever started it say to each other, a line of JSON at a time.

use serde::{Deserialize, Serialize};

/// Who the devices are and where they go: the first line that the fleet reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Roster {
    /// The server, `https://host:port`.
    pub(crate) server: String,
    /// The tenant's id.
    pub(crate) tenant: String,
    /// The authority's certificate, DER.
    pub(crate) authority: Vec<u8>,
    /// The server's public key for passwords.
    pub(crate) seal_key: [u8; 32],
    /// Where the devices keep the same connections to a program that only echoes them, if they are to do that instead.
    pub(crate) echo: Option<String>,
    /// From one heartbeat to the next, in milliseconds.
    pub(crate) heartbeat: u64,
    pub(crate) devices: Vec<Member>,
}

/// One of the devices.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) device: String,
    /// DER; for the one key that the fleet drew.
    pub(crate) certificate: Vec<u8>,
    /// The version of the password that the server holds.
    pub(crate) held: String,
}

/// How the fleet stands: its answer to any line after the first.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// Devices whose wake-up connection is open.
    pub(crate) connected: u32,
    /// Connections that the server answered with a refusal, and the first of them.
    pub(crate) refused: u32,
    pub(crate) refusal: Option<String>,
    /// Wake-ups that led to a session which brought nothing to do.
    pub(crate) idle_visits: u32,
    /// What went wrong after a wake-up.
    pub(crate) failures: Vec<String>,
    /// From each wake-up to the end of the session that told of the rotation, in milliseconds.
    pub(crate) visits: Vec<f64>,
}
