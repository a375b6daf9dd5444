//! `org.lapwing.Agent`: what the administrator's command asks of `lapwingd`.
//!
//! Anybody on the host may ask for the status and the policy; a rotation or a cycle may be asked for by root and the
//! group named in `agent.toml`. The caller is known by the socket's peer credentials.

use serde::{Deserialize, Serialize};

/// Where `lapwingd` listens.
pub const SOCKET_PATH: &str = "/run/lapwing/agent.sock";

/// The interface's name.
pub const INTERFACE: &str = "org.lapwing.Agent";

/// What the agent knows of itself. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version of `lapwingd`.
    pub agent_version: String,
    /// One word: `disabled`, `idle`, `working`, `waiting` or `failing`.
    pub state: String,
    /// What that means now, for people.
    pub summary: String,
    /// What to do about it, where there is something to do.
    pub next_step: Option<String>,
    /// The managed account, once it is known.
    pub account: Option<String>,
    /// The directory that passwords are stored in.
    pub directory: Option<String>,
    /// This host's record there.
    pub record: Option<String>,
    /// The version in force.
    pub version: Option<String>,
    /// When it expires, RFC 3339.
    pub expiry: Option<String>,
    /// When the last change was finished, RFC 3339.
    pub last_rotation: Option<String>,
    /// When the last policy cycle ended, RFC 3339.
    pub last_cycle: Option<String>,
    /// The Windows event that the last cycle ended with, or ours.
    pub last_event: Option<u32>,
    /// Seconds until the next attempt or cycle.
    pub next_cycle_seconds: u64,
    /// Candidates in the journal.
    pub candidates: u32,
    /// Sends in a row without an answer.
    pub unanswered: u32,
    /// The connection over which the directory wakes this host; left out by an agent that knows of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_up: Option<WakeUp>,
    /// The certificate by which this host shows itself to its directory; left out where it has none, and by older agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// The certificate by which this host shows itself to its directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// `in_force`, `due`, `ended`, `over` or `not_yet`.
    pub state: String,
    /// When it ends, RFC 3339.
    pub until: String,
    /// From when on this host asks for the next one, RFC 3339.
    pub renewal: String,
    /// What to do about it, where there is something to say.
    pub next_step: Option<String>,
}

/// The connection over which the directory has this host call home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeUp {
    /// `connected`, `connecting`, `waiting`, `not_offered` or `not_enrolled`.
    pub state: String,
    /// Since when it is connected, RFC 3339.
    pub since: Option<String>,
    /// What went wrong last, for people.
    pub last_error: Option<String>,
    /// What to do about it, while it is wrong.
    pub next_step: Option<String>,
}

/// The end of a rotation or cycle that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// `rotated`, `not_due`, `disabled`, `refused` or `waiting`.
    pub result: String,
    /// What happened, for people.
    pub message: String,
    /// What to do about it, where there is something to do.
    pub next_step: Option<String>,
    /// The event that says so.
    pub event: Option<u32>,
}

/// The effective policy, and why it is that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// The root that won: `CSP`, `GPO`, `Local` or `Legacy LAPS`; none if no root holds a value.
    pub source: Option<String>,
    /// Every setting.
    pub settings: Vec<PolicySetting>,
    /// Names that no setting has, files that could not be read, roots that lost.
    pub remarks: Vec<String>,
}

/// One setting of a [`PolicyReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySetting {
    /// Its Windows name.
    pub name: String,
    /// The value in effect.
    pub value: String,
    /// Where the value comes from: a place in a file, a GPO, or `default`.
    pub origin: String,
    /// Why a configured value was ignored or replaced.
    pub remarks: Vec<String>,
}
