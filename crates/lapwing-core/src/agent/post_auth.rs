//! The managed account was used: its password is changed when the grace period is over, however long the host slept, was
//! off or away from its directory meanwhile. ARCHITECTURE.md, invariant 4.

use super::{
    cycle::Cycle,
    machine::Machine,
    memory::Used,
    plan::{Cause, Plan},
};
use crate::{
    event::{Event, Hresult},
    mutant::{self, Mutant},
    types::{AccountName, Age, BootTime, Now},
};

impl Machine {
    /// Somebody has authenticated as `account`. A second time within the grace period extends nothing.
    pub(super) fn on_authenticated(&mut self, now: Now, account: AccountName) {
        if !self.begun {
            // Whether that is the managed account shows with the journal.
            self.used_early = Some((now, account));
            return;
        }
        let uid = self.report.current.as_ref().filter(|current| current.account == account);
        if let (Some(uid), None) = (uid.map(|current| current.uid), &self.memory.used) {
            self.memory.used = Some(Used { account, uid, since: Age::new(now, self.boot_id) });
            if !mutant::is(Mutant::UseForgotten) {
                self.remember();
            }
            self.announce_reset(now);
        }
    }

    /// Looks at what came before the journal was known.
    pub(super) fn recall_use(&mut self) {
        if let Some((then, account)) = self.used_early.take() {
            self.on_authenticated(then, account);
        }
    }

    /// Takes note of the policy that a cycle has found.
    pub(super) fn note_reset_delay(&mut self, now: Now, cycle: &mut Cycle, plan: Option<&Plan>) {
        let was_planned = self.reset_at().is_some();
        self.reset_delay = plan.and_then(|plan| plan.reset_delay);
        let Some(used) = &self.memory.used else { return };
        let is_other = |plan: &Plan| plan.account.as_ref().is_some_and(|account| *account != used.account);
        if plan.is_some_and(is_other) {
            // The rotation for the other account follows at once and says why; event 10076 wants the SIDs of both.
            self.memory.used = None;
            self.remember();
        } else if self.reset_delay.is_none() {
            self.memory.used = None;
            self.remember();
        } else if core::mem::take(&mut self.use_resumed) {
            self.raise(cycle, Event::PostAuthResumed);
        } else if !was_planned {
            self.announce_reset(now);
        }
    }

    fn announce_reset(&mut self, now: Now) {
        let (Some(used), Some(at)) = (&self.memory.used, self.reset_at()) else { return };
        let deadline = now.wall.saturating_add(at.saturating_since(now.boot)).0;
        let (account, rid) = (used.account.clone(), used.uid.into());
        self.tell(Event::PostAuthScheduled { account, rid, deadline });
    }

    /// When the grace period is over.
    pub(super) fn reset_at(&self) -> Option<BootTime> {
        let (used, delay) = (self.memory.used.as_ref()?, self.reset_delay?);
        Some(used.since.since.boot.saturating_add(delay.saturating_sub(used.since.carried)))
    }

    pub(super) fn is_reset_due(&self, now: Now) -> bool {
        self.reset_at().is_some_and(|at| at <= now.boot)
    }

    /// Says with which events a cycle begins that the end of the grace period set off.
    pub(super) fn announce_due_reset(&mut self, cycle: &mut Cycle) {
        if let Some(Used { account, uid, .. }) =
            self.memory.used.clone().filter(|_| cycle.causes.contains(&Cause::PostAuthentication))
        {
            self.raise(cycle, Event::PostAuthDue { account, rid: uid.into() });
        }
    }

    pub(super) fn note_failed_reset(&mut self, now: Now, cycle: &mut Cycle, retries: u32, hr: Hresult) {
        if let Some(Used { account, uid, .. }) = self.memory.used.clone().filter(|_| self.is_reset_due(now)) {
            self.raise(
                cycle,
                Event::PostAuthResetFailed { account, rid: uid.into(), retries: retries.into(), hr },
            );
        }
    }

    /// The password has been changed.
    pub(super) fn end_use(&mut self, now: Now, cycle: &mut Cycle) {
        let is_due = self.is_reset_due(now);
        let Some(Used { account, uid, .. }) = self.memory.used.take() else { return };
        let rid = uid.into();
        let done = if is_due {
            Event::PostAuthResetDone { account, rid }
        } else {
            Event::PostAuthResetUnneeded { account, rid }
        };
        self.raise(cycle, done);
    }
}
