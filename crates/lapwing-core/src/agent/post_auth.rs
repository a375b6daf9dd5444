//! The managed account was used: its password is changed when the grace period is over, however long the host slept, was
//! off or away from its directory meanwhile. ARCHITECTURE.md, invariant 4.
//!
//! DEVIATION(21): an attempt that fails is no use unless root says so, and then so many times a day: or any stranger could have the
//! password changed at will.

use super::{
    cycle::Cycle,
    daily,
    machine::Machine,
    memory::Used,
    plan::{Cause, Plan},
    report::Activity,
};
use crate::{
    event::{Event, Hresult},
    log_on::{Seen, Use},
    mutant::{self, Mutant},
    types::{AccountName, Age, BootTime, Now, Uid},
};

/// How often within a day failed log-ons have the password changed. The rest of root's budget is for those who need it.
const FAILURES_MAX: usize = 3;

impl Machine {
    /// An account was used, or somebody tried to.
    pub(super) fn on_seen(&mut self, now: Now, seen: Seen) {
        let Seen { how, account, service, terminal, remote_host: host } = seen;
        let used = account.clone();
        match how {
            Use::Authenticated => {
                self.tell(Event::LoggedOn { account, service, terminal, host });
                self.on_authenticated(now, used);
            }
            Use::Otherwise => {
                self.tell(Event::LoggedOnOtherwise { account, service, terminal, host });
                self.on_authenticated(now, used);
            }
            Use::Failed => {
                self.tell(Event::LogOnFailed { account, service, terminal, host });
                self.on_failed(now, used);
            }
            Use::ChangeRefused => {
                let current = self.report.current.as_ref().filter(|current| current.account == account);
                let rid = current.map_or(Uid(0), |current| current.uid).into();
                self.tell(Event::PasswordChangeBlocked { account, rid });
            }
            // It proves nothing, and root needs no password.
            Use::Impersonated => {}
        }
    }

    /// Whether foreign changes of the password are to be refused: from when it is known that there is one, until policy wants
    /// nothing any more.
    #[must_use]
    pub fn protects_password(&self) -> bool {
        self.report.current.is_some() && self.report.activity != Activity::Disabled
    }

    /// Somebody has authenticated as `account`. A second time within the grace period extends nothing.
    fn on_authenticated(&mut self, now: Now, account: AccountName) {
        if !self.begun {
            // Whether that is the managed account shows with the journal.
            self.used_early = Some((now, account));
            return;
        }
        let Some(uid) = self.current_uid(&account) else { return };
        match &mut self.memory.used {
            // A stranger's failure must not set the hour at which somebody else's session ends.
            Some(used) if used.only_failed => self.begin_grace(now, account, uid, false),
            // Root has opened a closed account: what begins now is ended too, and its deadline stays that of the first use.
            Some(used) if used.ended => {
                used.ended = false;
                self.remember();
            }
            Some(_) => {}
            None => self.begin_grace(now, account, uid, false),
        }
    }

    /// Somebody has failed to authenticate as `account`.
    fn on_failed(&mut self, now: Now, account: AccountName) {
        let counts = self.post_authentication.is_some_and(|wanted| wanted.by_failure);
        let Some(uid) = self.current_uid(&account).filter(|_| counts && self.memory.used.is_none()) else {
            return;
        };
        if daily::count(&self.memory.failures, now) >= FAILURES_MAX {
            if !core::mem::replace(&mut self.failures_told, true) {
                let until = daily::until(&self.memory.failures, now).0;
                self.tell(Event::FailuresNoMoreFollowed { account, until });
            }
            return;
        }
        self.failures_told = false;
        daily::note(&mut self.memory.failures, now, self.boot_id);
        self.begin_grace(now, account, uid, true);
    }

    /// The uid of `account` if it is the one whose password is in force.
    fn current_uid(&self, account: &AccountName) -> Option<Uid> {
        self.report.current.as_ref().filter(|current| current.account == *account).map(|current| current.uid)
    }

    fn begin_grace(&mut self, now: Now, account: AccountName, uid: Uid, only_failed: bool) {
        let since = Age::new(now, self.boot_id);
        self.memory.used = Some(Used { account, uid, since, only_failed, ended: false });
        if !mutant::is(Mutant::UseForgotten) {
            self.remember();
        }
        self.announce_reset(now);
    }

    /// Looks at what came before the journal was known.
    pub(super) fn recall_use(&mut self) {
        if let Some((then, account)) = self.used_early.take() {
            self.on_authenticated(then, account);
        }
    }

    /// Takes note of the policy that a cycle has found.
    pub(super) fn note_post_authentication(&mut self, now: Now, cycle: &mut Cycle, plan: Option<&Plan>) {
        let was_planned = self.reset_at().is_some();
        self.post_authentication = plan.and_then(|plan| plan.post_authentication);
        // The rotation for another account follows at once and says why; event 10076 wants the SIDs of both.
        let is_over = |whose: &AccountName| {
            self.post_authentication.is_none()
                || plan.and_then(|plan| plan.account.as_ref()).is_some_and(|account| account != whose)
        };
        let ending = self.memory.ending.take_if(|ending| is_over(&ending.account));
        let is_by_failure = self.post_authentication.is_some_and(|wanted| wanted.by_failure);
        let is_unwanted = |used: &mut Used| is_over(&used.account) || used.only_failed && !is_by_failure;
        let used = self.memory.used.take_if(is_unwanted);
        if ending.is_some() || used.is_some() {
            self.remember();
        }
        self.open_if_unwanted(now, plan);
        if self.memory.used.is_none() {
            return;
        }
        if core::mem::take(&mut self.use_resumed) {
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
        let (used, delay) = (self.memory.used.as_ref()?, self.post_authentication?.delay);
        Some(used.since.since.boot.saturating_add(delay.saturating_sub(used.since.carried)))
    }

    /// Whether it is, or was when the account was closed for that, although nobody remembers.
    pub(super) fn is_reset_due(&self, now: Now) -> bool {
        let current = self.report.current.as_ref().map(|current| current.uid);
        let is_closed = self.closed.as_ref().is_some_and(|closed| Some(closed.uid) == current);
        is_closed || self.reset_at().is_some_and(|at| at <= now.boot)
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
        let Some(used) = self.memory.used.take() else { return };
        let (account, rid) = (used.account.clone(), used.uid.into());
        let done = if is_due {
            Event::PostAuthResetDone { account, rid }
        } else {
            Event::PostAuthResetUnneeded { account, rid }
        };
        self.raise(cycle, done);
        self.plan_ending(&used);
    }
}
