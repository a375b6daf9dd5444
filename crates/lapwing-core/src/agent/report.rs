//! What the agent knows of itself, for people.

use super::{
    events::CONFLICT_NEXT_STEP, journal::Entry, machine::Machine, memory::FieldNote,
    tamper::CONTESTED_NEXT_STEP,
};
use crate::{event::EventId, types::WallTime};

/// What the agent knows of itself, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is doing.
    pub activity: Activity,
    /// What that means now.
    pub summary: String,
    /// What to do about it, where there is something to do.
    pub next_step: Option<String>,
    /// The password in force, as last seen in the journal.
    pub current: Option<Entry>,
    /// Candidates in the journal, as last seen.
    pub candidates: usize,
    /// Sends in a row without an answer, as last seen.
    pub unanswered: u32,
    /// When the last change was finished.
    pub last_rotation: Option<WallTime>,
    /// When the last cycle ended.
    pub last_cycle: Option<WallTime>,
    /// The event that the last cycle ended with.
    pub last_event: Option<EventId>,
}

/// What the agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nothing is configured.
    Disabled,
    /// All is well.
    Idle,
    /// A cycle runs.
    Working,
    /// An attempt failed and heals by itself.
    Waiting,
    /// An attempt failed and somebody has to act.
    Failing,
}

impl Report {
    pub(super) fn new(last_rotation: Option<WallTime>) -> Self {
        Self {
            activity: Activity::Idle,
            summary: "starting".to_owned(),
            next_step: None,
            current: None,
            candidates: 0,
            unanswered: 0,
            last_rotation,
            last_cycle: None,
            last_event: None,
        }
    }
}

impl Machine {
    /// What to tell people.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = self.report.clone();
        if self.is_working() {
            report.activity = Activity::Working;
        }
        if self.own_is_disabled && report.activity == Activity::Idle && report.next_step.is_none() {
            report.summary.push_str("; the account is disabled, as policy says");
            report.next_step =
                Some("to log on with it, set AutomaticAccountManagementEnableAccount to 1".to_owned());
        }
        if self.closed.is_some() {
            report.summary.push_str("; nobody can log on with the account until its password is another one");
        }
        if self.memory.field_note == Some(FieldNote::Contested) && self.is_contested(self.now) {
            report.activity = Activity::Failing;
            "somebody keeps changing the account, so that it is left for now".clone_into(&mut report.summary);
            report.next_step = Some(CONTESTED_NEXT_STEP.to_owned());
        }
        if self.in_conflict {
            report.activity = Activity::Failing;
            "another host with this identity stores passwords too, and the directory holds one of its own"
                .clone_into(&mut report.summary);
            report.next_step = Some(CONFLICT_NEXT_STEP.to_owned());
        }
        report
    }
}
