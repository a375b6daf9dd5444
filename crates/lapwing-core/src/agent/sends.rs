//! Sends that have had no answer: when the next may be made, and for how long the same bytes are kept for it.

use core::time::Duration;

use super::{exchange::Action, machine::Machine, outcome::Prepared};
use crate::{
    mutant::{self, Mutant},
    types::{Age, Now},
};

/// A directory that neither compares nor tells is sent nothing for this long after an unanswered send.
const HOLD_AFTER_UNANSWERED: Duration = Duration::from_secs(600);
/// How long a password in clear text is kept for the same bytes to be sent again.
const CLEAR_TEXT_KEPT_MAX: Duration = Duration::from_secs(600);
/// From this many unanswered sends in a row on, such a directory is sent at most one an hour.
pub(super) const UNANSWERED_MANY: u32 = 3;
/// The wait then.
const HOLD_AFTER_MANY: Duration = Duration::from_secs(3600);

impl Machine {
    /// Notes, durably, that a directory without guarantees is sent something now.
    pub(super) fn note_send(&mut self, now: Now) {
        self.memory.last_send = Some(Age::new(now, self.boot_id));
        self.remember();
    }

    /// How long such a directory is still to be left alone after its `unanswered`-th send in a row had no answer.
    pub(super) fn send_is_held(&self, now: Now, unanswered: u32) -> Option<Duration> {
        let wait = match unanswered {
            0 => return None,
            UNANSWERED_MANY.. => HOLD_AFTER_MANY,
            _ => HOLD_AFTER_UNANSWERED,
        };
        let left = wait.saturating_sub(self.memory.last_send?.at(now.boot));
        Some(left).filter(|left| !left.is_zero())
    }

    /// Wipes clear text that has been kept for as long as it may be.
    pub(super) fn forget_if_due(&mut self, now: Now) {
        if self.cycle.is_none() && self.kept.as_ref().is_some_and(|(_, until)| *until <= now.boot) {
            self.forget();
        }
    }

    /// Wipes it now. A cycle that is about to send it then has nothing to send, and is tried again.
    pub(super) fn forget(&mut self) {
        self.kept = None;
        if !mutant::is(Mutant::ClearTextSleeps) {
            self.actions.push_back(Action::Forget);
        }
    }

    /// Has the shell keep clear text whose send may not have landed, so that the same bytes can be sent again. What is
    /// sealed can be had again at any time.
    pub(super) fn keep(&mut self, now: Now, prepared: Prepared) {
        // What was under way when the host began to fall asleep has been forgotten.
        if !prepared.sealed && self.kept.is_none() && !self.is_falling_asleep() {
            self.kept = Some((prepared, now.boot.saturating_add(CLEAR_TEXT_KEPT_MAX)));
        }
    }
}
