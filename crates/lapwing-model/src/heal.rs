//! The world once faults have stopped: nothing dies, nothing is lost, nothing old arrives any more, servers have told one
//! another, and the machine's own timers decide when it does something.

use core::time::Duration;

use lapwing_core::agent::{Input, Request, RequestId};

use crate::{
    model::{Fate, Model},
    state::{Phase, State},
    verb::Verb,
};

/// More steps than any recovery takes.
const STEPS_MAX: usize = 2000;

impl Model {
    /// Whether both sides agree soon, and nothing is left to do.
    pub(crate) fn heals(&self, state: &State) -> bool {
        let mut state = state.clone();
        state.under_way.clear();
        state.directory.replicate();
        // Entra ID cannot tell what it holds: the next change that is due settles it.
        let mut due = self.kind.is_entra();
        let end = state.now.boot.saturating_add(self.patience());
        for _ in 0..STEPS_MAX {
            match state.phase.clone() {
                Phase::Booting => drop(self.perform(&mut state, &Verb::Recover, None)),
                Phase::Connecting(choices) => state.connected(self.mutant, choices[0]),
                Phase::Verb(verb) => drop(self.perform(&mut state, &verb, None)),
                Phase::Sending(message) => self.store(&mut state, message, Fate::Answered),
                Phase::Idle if core::mem::take(&mut due) => {
                    state.input(self.mutant, Input::Request(RequestId(0), Request::ResetPassword));
                }
                Phase::Idle if state.is_settled() => return true,
                Phase::Idle => state.wait(self),
            }
            if state.now.boot > end {
                return false;
            }
        }
        false
    }

    /// The cycle is hourly. What else may have to be waited for: that a replica that is behind is believed, that a
    /// directory without guarantees may be sent something again.
    fn patience(&self) -> Duration {
        let hours = if self.kind.servers() > 1 { 5 } else { 2 };
        Duration::from_secs(hours * 3600 + 600)
    }
}

impl State {
    fn is_settled(&self) -> bool {
        let journal = self.journal();
        let current = journal.current.as_ref().map(|current| current.hash);
        let owed = self.machine.carried().is_none_or(|carried| carried.rotation_owed);
        current.is_some()
            && current == Some(self.disk.account.visible)
            && current == self.directory.winner().current()
            && journal.recorded.is_none()
            && !owed
    }

    /// Lets time pass up to the machine's next deadline.
    fn wait(&mut self, model: &Model) {
        let deadline = self.machine.poll_timeout().expect("a deadline between two cycles");
        let by_wall = deadline.wall.map_or(Duration::MAX, |wall| wall.saturating_since(self.now.wall));
        let wait = deadline.boot.saturating_since(self.now.boot).min(by_wall);
        self.pass(wait.max(Duration::from_millis(1)));
        self.input(model.mutant, Input::Timer);
    }
}
