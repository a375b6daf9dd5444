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
    pub(super) retry: Option<Retry>,
    /// Until when nothing is begun, because the host is about to sleep.
    pub(super) asleep: Option<BootTime>,
    /// When the password in force expires.
    pub(super) expiry: Option<WallTime>,
}

/// The next attempt after one that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub(super) at: BootTime,
    /// The soonest that a change of the network may bring it forward to.
    pub(super) soonest: BootTime,
    /// A deadline that had come by then waits for this attempt; without a time, each one does, for somebody asked to wait.
    covers: Option<Now>,
}

impl Retry {
    fn covers_expiry(&self, expiry: WallTime) -> bool {
        self.covers.is_none_or(|then| expiry <= then.wall)
    }

    fn covers_reset(&self, reset: BootTime) -> bool {
        self.covers.is_none_or(|then| reset <= then.boot)
    }
}

impl Timers {
    /// The first cycle comes at once.
    pub(super) const fn new(now: Now) -> Self {
        Self { cycle: now.boot, retry: None, asleep: None, expiry: None }
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
    /// When to call [`Self::handle`] with [`Input::Timer`](super::Input::Timer). Not while a cycle runs, which waits for
    /// its outcomes alone: a deadline that has passed would call for ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if let Some(end_of_sleep) = self.end_of_sleep() {
            return Some(end_of_sleep);
        }
        if self.is_working() {
            return None;
        }
        let retry = self.timers.retry.map(|retry| retry.at);
        let kept = self.kept.as_ref().map(|(_, until)| *until);
        let others = kept
            .into_iter()
            .chain(self.next_reset())
            .chain(self.next_late_action())
            .chain(self.next_ending());
        let boot = retry.into_iter().chain(others).fold(self.timers.cycle, BootTime::min);
        let wall = self.next_expiry().filter(|_| !mutant::is(Mutant::ExpiryByBootClock));
        Some(Deadline { boot, wall })
    }

    /// The expiry that a cycle has to begin at.
    fn next_expiry(&self) -> Option<WallTime> {
        self.timers
            .expiry
            .filter(|expiry| self.timers.retry.is_none_or(|retry| !retry.covers_expiry(*expiry)))
    }

    /// The end of a grace period that a cycle has to begin at.
    fn next_reset(&self) -> Option<BootTime> {
        self.reset_at().filter(|reset| self.timers.retry.is_none_or(|retry| !retry.covers_reset(*reset)))
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
        if self.timers.retry.is_some_and(|retry| retry.at <= now.boot) {
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
        let at = now.boot.saturating_add(wait);
        let soonest = now.boot.saturating_add(failure.patience.first().max(not_before));
        let covers = failure.not_before.is_none().then_some(now);
        self.timers.retry = Some(Retry { at, soonest, covers }).filter(|_| !self.gives_up());
        if failure.not_before.is_some() {
            // Whoever asked to wait means the schedule too; only a person may ask earlier.
            self.timers.cycle = self.timers.cycle.max(at);
        }
    }

    /// Whether nothing is tried again before the schedule: never, but for [`Mutant::RetryGivesUp`].
    fn gives_up(&self) -> bool {
        mutant::is(Mutant::RetryGivesUp) && self.backoff.failures() > 5
    }

    /// Runs a cycle then, whatever the schedule says.
    pub(super) const fn retry_at(&mut self, at: BootTime) {
        self.timers.retry = Some(Retry { at, soonest: at, covers: None });
    }
}
