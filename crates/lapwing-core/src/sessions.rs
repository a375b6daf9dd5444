//! The sessions and processes of an account, and the steps in which its use is ended: the same for both halves.

use core::time::Duration;

/// How long warned sessions have to log off by themselves. Windows' time is fixed to the same.
pub const LOG_OFF_WAIT: Duration = Duration::from_mins(2);

/// One step.
///
/// The first and the last are those of an account whose sessions are ended before its password could be changed.
// Serialised although domain types: what both halves share needs no second spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", serde(rename_all = "snake_case"))]
pub enum EndStep {
    /// Let nobody log on with the account any more, by whatever proof, until it has another password.
    Close,
    /// Tell the account's sessions that they will be ended.
    Warn,
    /// End its sessions.
    LogOff,
    /// End every process that is left of it.
    EndProcesses,
    /// Reboot the host in a minute.
    Reboot,
    /// Let people log on again although the password is still the same.
    Open,
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", serde(deny_unknown_fields))]
pub struct UseEnded {
    /// The sessions that were warned or ended.
    #[cfg_attr(feature = "wire", serde(default))]
    pub sessions: Vec<EndedSession>,
    /// The processes that were ended.
    #[cfg_attr(feature = "wire", serde(default))]
    pub processes: Vec<EndedProcess>,
}

/// A session, warned or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", serde(deny_unknown_fields))]
pub struct EndedSession {
    /// As logind names it.
    pub id: String,
    /// Its terminal below `/dev`; empty if it has none.
    pub terminal: String,
    /// Where it came from; empty if from here.
    pub remote_host: String,
    /// The system's error, if that failed.
    #[cfg_attr(feature = "wire", serde(default, skip_serializing_if = "Option::is_none"))]
    pub errno: Option<i32>,
}

impl EndedSession {
    /// Its name for people: terminal and number.
    #[must_use]
    pub fn name(&self) -> String {
        if self.terminal.is_empty() { self.id.clone() } else { format!("{} ({})", self.terminal, self.id) }
    }
}

/// A process, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", serde(deny_unknown_fields))]
pub struct EndedProcess {
    /// Its number.
    pub pid: u32,
    /// The program that it ran.
    pub path: String,
    /// The system's error, if that failed.
    #[cfg_attr(feature = "wire", serde(default, skip_serializing_if = "Option::is_none"))]
    pub errno: Option<i32>,
}
