//! What the host tells of itself: its network has changed, it is about to sleep, it woke.

use core::time::Duration;

use super::{machine::Machine, timers::Deadline};
use crate::types::Now;

/// A burst of changes ends in one attempt.
const BURST: Duration = Duration::from_secs(1);
/// How long nothing is begun on a host that is about to sleep, should it stay awake and nobody say so. The system does not
/// let itself be held up for as long. logind.conf(5), `InhibitDelayMaxSec=`.
const FALLING_ASLEEP_MAX: Duration = Duration::from_secs(30);

impl Machine {
    /// The directory may be reachable again, so the next attempt need not wait as long as the last failure said.
    pub(super) fn on_network_changed(&mut self, now: Now) {
        if self.is_working() {
            // What is under way may have begun too early.
            self.network_changed = true;
        } else if let Some(retry) = &mut self.timers.retry {
            retry.at = retry.at.min(now.boot.saturating_add(BURST).max(retry.soonest));
        }
    }

    /// Has all clear text wiped, and makes no more of it until the host wakes.
    pub(super) fn on_suspending(&mut self, now: Now) {
        self.timers.asleep = Some(now.boot.saturating_add(FALLING_ASLEEP_MAX));
        self.forget();
    }

    pub(super) fn on_woke(&mut self, now: Now) {
        self.timers.asleep = None;
        self.on_network_changed(now);
    }

    /// Ends the wait for a sleep that has not come, or that is over without anybody saying so.
    pub(super) fn stay_awake(&mut self, now: Now) {
        self.timers.asleep = self.timers.asleep.filter(|until| now.boot < *until);
    }

    pub(super) const fn is_falling_asleep(&self) -> bool {
        self.timers.asleep.is_some()
    }

    pub(super) fn end_of_sleep(&self) -> Option<Deadline> {
        self.timers.asleep.map(|until| Deadline { boot: until, wall: None })
    }
}
