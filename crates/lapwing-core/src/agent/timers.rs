//! When the machine does something by itself: the schedule, the next attempt, and the deadlines that passwords have.

use core::time::Duration;

use super::{failure::Failure, machine::Machine, plan::Cause};
use crate::{
    mutant::{self, Mutant},
    types::{BootTime, Now, WallTime},
};

/// The time between two cycles, in seconds; Windows' is hard-coded to the same.
pub const CYCLE_SECONDS: u64 = 3600;

#[derive(Debug, Clone)]
pub(super) struct Timers {
    /// The next cycle of the schedule.
    pub(super) cycle: BootTime,
    /// The next attempt after one that failed.
    pub(super) retry: Option<BootTime>,
    /// The soonest that a change of the network may bring it forward to.
    pub(super) soonest: BootTime,
    /// Until when nothing is begun, because the host is about to sleep.
    pub(super) asleep: Option<BootTime>,
    /// When the password in force expires.
    pub(super) expiry: Option<WallTime>,
    /// Whether the retry is what the expiry waits for: it has come already, or somebody asked to wait.
    pub(super) expiry_waits: bool,
    /// The same of the end of the grace period.
    pub(super) reset_waits: bool,
}

impl Timers {
    /// The first cycle comes at once.
    pub(super) const fn new(now: Now) -> Self {
        Self {
            cycle: now.boot,
            retry: None,
            soonest: now.boot,
            asleep: None,
            expiry: None,
            expiry_waits: false,
            reset_waits: false,
        }
    }
}

/// When the machine wants to be called with [`Input::Timer`](super::Input::Timer): at the earlier of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// By the boot clock.
    pub boot: BootTime,
    /// By the wall clock, if an expiry is waited for.
    pub wall: Option<WallTime>,
}

impl Machine {
    /// When to call [`Self::handle`] with [`Input::Timer`](super::Input::Timer). Not while a cycle runs, which waits for its outcomes alone: a
    /// deadline that has passed would call for ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if let Some(end_of_sleep) = self.end_of_sleep() {
            return Some(end_of_sleep);
        }
        if self.is_working() {
            return None;
        }
        let kept = self.kept.as_ref().map(|(_, until)| *until);
        let others = kept.into_iter().chain(self.next_reset());
        let boot = self.timers.retry.into_iter().chain(others).fold(self.timers.cycle, BootTime::min);
        let wall = self.next_expiry().filter(|_| !mutant::is(Mutant::ExpiryByBootClock));
        Some(Deadline { boot, wall })
    }

    /// The expiry that a cycle has to begin at.
    fn next_expiry(&self) -> Option<WallTime> {
        self.timers.expiry.filter(|_| self.timers.retry.is_none() || !self.timers.expiry_waits)
    }

    /// Adds the causes that time alone has brought.
    pub(super) fn note_due(&mut self, now: Now) {
        if self.timers.cycle <= now.boot {
            self.causes.insert(Cause::Schedule);
        }
        if self.next_expiry().is_some_and(|expiry| expiry <= now.wall) {
            self.causes.insert(Cause::Schedule);
        }
        if self.next_reset().is_some_and(|at| at <= now.boot) {
            self.causes.insert(Cause::PostAuthentication);
        }
        if self.timers.retry.is_some_and(|retry| retry <= now.boot) {
            self.causes.insert(Cause::Retry);
        }
    }

    /// Plans the next cycle of the schedule, now that one starts.
    pub(super) fn plan_schedule(&mut self, now: Now) {
        self.timers.retry = None;
        let period = self.jitter.shorten(Duration::from_secs(CYCLE_SECONDS));
        self.timers.cycle = now.boot.saturating_add(period);
    }

    /// Plans the attempt after one that failed.
    pub(super) fn plan_next(&mut self, now: Now, failure: &Failure) {
        let not_before = failure.not_before.unwrap_or_default();
        let wait = self.backoff.next(failure.patience, &mut self.jitter).max(not_before);
        let retry = now.boot.saturating_add(wait);
        self.timers.retry = Some(retry).filter(|_| !self.gives_up());
        self.timers.soonest = now.boot.saturating_add(failure.patience.first().max(not_before));
        self.timers.expiry_waits =
            failure.not_before.is_some() || self.timers.expiry.is_some_and(|expiry| expiry <= now.wall);
        self.timers.reset_waits = failure.not_before.is_some() || self.is_reset_due(now);
        if failure.not_before.is_some() {
            // Whoever asked to wait means the schedule too; only a person may ask earlier.
            self.timers.cycle = self.timers.cycle.max(retry);
        }
    }

    /// Whether nothing is tried again before the schedule: never, but for [`Mutant::RetryGivesUp`].
    fn gives_up(&self) -> bool {
        mutant::is(Mutant::RetryGivesUp) && self.backoff.failures() > 5
    }

    /// Runs a cycle then, whatever the schedule says.
    pub(super) const fn retry_at(&mut self, at: BootTime) {
        (self.timers.retry, self.timers.soonest) = (Some(at), at);
    }

    /// Whether the end of the grace period has to wait for the next attempt.
    pub(super) const fn reset_waits(&self) -> bool {
        self.timers.retry.is_some() && self.timers.reset_waits
    }
}
