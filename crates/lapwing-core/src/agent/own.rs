//! The account that Lapwing owns whole: made and put right before its password is weighed, deleted when policy wants it no
//! more. docs/automatic-accounts.md.
//!
//! INVARIANT: it is deleted only once another account's password is in force, or on a policy that says that nothing is
//! managed; never because no policy can be seen.

use super::{
    cycle::{Aim, Cycle, Facts, Step},
    exchange::{Action, AnswerResult},
    machine::Machine,
    outcome::{Dropped, Ensured, RootHalfFailure, Session},
    plan::Cause,
};
use crate::{
    automatic::{self, Attribute},
    event::{Event, EventId, Hresult},
    types::{AccountName, Now, Sid, Uid},
};

/// What a cycle goes on with once the former account is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterDrop {
    /// Policy wants nothing.
    Disabled,
    /// The password of the account that policy wants now is in force, and not due.
    NotDue,
}

impl Machine {
    /// Has the account made or put right, if policy wants one of Lapwing's own; then goes on to the directory.
    pub(super) fn ensure_account(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        mut aim: Aim,
        session: Option<Session>,
    ) {
        let Some(wanted) = &aim.plan.own else {
            self.own_is_disabled = false;
            return self.go_on(now, cycle, aim, session);
        };
        let (name, enabled) = (wanted.name.clone(), wanted.enabled);
        if let Some(own) = aim.journal.own.as_deref().filter(|own| !own.wrong.is_empty())
            && self.is_contested(now)
        {
            // Somebody else keeps changing it; what its password is does not depend on that.
            let (account, uid) = (own.account.clone(), own.uid);
            aim.plan.adopt(account, uid);
            return self.go_on(now, cycle, aim, session);
        }
        let action = Action::EnsureAccount { name, enabled };
        self.go(cycle, Step::Ensuring(Box::new((aim, session))), action);
    }

    pub(super) fn on_ensured(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        mut aim: Aim,
        session: Option<Session>,
        ensured: Ensured,
    ) {
        let Ensured { account, uid, is_new, switched, repaired } = ensured;
        let enabled = aim.plan.own.as_ref().is_some_and(|own| own.enabled);
        let sid = Sid::unix_user(uid);
        self.own_is_disabled = !enabled;
        if is_new {
            self.raise(&mut cycle, Event::OwnAccountCreated { account: account.clone(), sid, enabled });
        } else if switched && enabled {
            self.raise(&mut cycle, Event::AccountEnabled { account: account.clone(), sid });
        } else if switched {
            self.raise(&mut cycle, Event::AccountWasDisabled { account: account.clone(), sid });
        }
        if !is_new && !repaired.is_empty() {
            let attributes = automatic::list(&repaired);
            self.tell(Event::OwnAccountRepaired { account: account.clone(), attributes });
            self.note_repair(now);
        }
        let is_current = aim.journal.current.as_ref().is_some_and(|current| current.uid == uid);
        if is_current && (is_new || repaired.contains(&Attribute::Existence)) {
            // It was made with the hash in force, and whoever deleted it may know the password.
            self.memory.drift_healed = true;
            self.memory.field_note = None;
            self.remember();
        }
        aim.plan.adopt(account, uid);
        self.go_on(now, cycle, aim, session);
    }

    /// The account could not be made, or not be put right.
    pub(super) fn on_not_ensured(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        aim: &Aim,
        failure: RootHalfFailure,
    ) {
        let wanted = aim.plan.own.as_ref();
        let own = aim.journal.own.as_deref();
        if let (Some(own), Some(wanted)) = (own, wanted)
            && own.enabled != wanted.enabled
        {
            let (name, sid, hr) = (own.account.clone(), Sid::unix_user(own.uid), code(&failure));
            self.raise(
                &mut cycle,
                if wanted.enabled {
                    Event::AccountEnableFailed { name, sid, hr }
                } else {
                    Event::AccountDisableFailed { name, sid, hr }
                },
            );
        }
        let name = own.map(|own| &own.account).or_else(|| wanted.map(|wanted| wanted.name.base()));
        self.on_root_half_failed(now, cycle, name, failure);
    }

    fn go_on(&mut self, now: Now, cycle: Box<Cycle>, aim: Aim, session: Option<Session>) {
        match session {
            None => self.connect(now, cycle, aim),
            Some(session) => self.ask_state(now, cycle, Facts { aim, session }),
        }
    }

    /// DEVIATION(18): only on a policy that can be seen, and only where Lapwing made it.
    ///
    /// Whether an account of Lapwing's own is there that policy does not want any more.
    pub(super) fn has_former_account(&self, in_use: Option<Uid>) -> bool {
        self.own.as_ref().is_some_and(|(_, uid)| Some(*uid) != in_use)
    }

    pub(super) fn drop_account(&mut self, cycle: Box<Cycle>, after: AfterDrop) {
        self.go(cycle, Step::Dropping(after), Action::DropAccount);
    }

    pub(super) fn on_dropped(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        after: AfterDrop,
        dropped: Result<Dropped, RootHalfFailure>,
    ) {
        match dropped {
            Ok(Dropped { former }) => {
                if let Some((name, uid)) = former {
                    self.raise(&mut cycle, Event::FormerAccountDeleted { name, sid: Sid::unix_user(uid) });
                }
                self.own = None;
                self.own_is_disabled = false;
            }
            Err(failure) => {
                if let Some((name, uid)) = self.own.clone() {
                    let (sid, hr) = (Sid::unix_user(uid), code(&failure));
                    self.raise(&mut cycle, Event::FormerAccountDeleteFailed { name, sid, hr });
                }
                return self.on_root_half_failed(now, cycle, None, failure);
            }
        }
        match after {
            AfterDrop::Disabled => self.finish_switched_off(now, cycle),
            AfterDrop::NotDue => self.succeed(
                now,
                cycle,
                EventId::FormerAccountDeleted,
                AnswerResult::NotDue,
                "no change was due; the account that policy wants no more was deleted",
            ),
        }
    }

    /// What was remembered of the account's use follows its new name; that it has one is told.
    pub(super) fn note_rename(&mut self, cycle: &mut Cycle, account: &AccountName, uid: Uid) {
        if let Some((own, _)) = self.own.as_mut().filter(|(_, own)| *own == uid) {
            own.clone_from(account);
        }
        let former = self.report.current.as_ref().filter(|current| current.uid == uid);
        let Some(old_name) = former.map(|current| current.account.clone()).filter(|old| old != account)
        else {
            return;
        };
        if let Some(used) = self.memory.used.as_mut().filter(|used| used.uid == uid) {
            used.account.clone_from(account);
        }
        if let Some(ending) = self.memory.ending.as_mut().filter(|ending| ending.uid == uid) {
            ending.account.clone_from(account);
        }
        let (new_name, sid) = (account.clone(), Sid::unix_user(uid));
        self.raise(cycle, Event::AccountRenamed { old_name, new_name, sid });
    }

    /// That a commit which would have renamed the account failed.
    pub(super) fn note_rename_failed(
        &mut self,
        cycle: &mut Cycle,
        wanted: &AccountName,
        uid: Uid,
        failure: &RootHalfFailure,
    ) {
        let former = self.report.current.as_ref().filter(|current| current.uid == uid);
        if let Some(name) = former.map(|current| current.account.clone()).filter(|old| old != wanted) {
            let (sid, wanted_name, hr) = (Sid::unix_user(uid), wanted.clone(), code(failure));
            self.raise(cycle, Event::AccountRenameFailed { name, sid, wanted_name, hr });
        }
    }

    /// Another account's password is in force: the one that Lapwing made goes in the next cycle, which begins at once.
    pub(super) fn plan_drop(&mut self, in_force: Uid, wants_own: bool) {
        if !wants_own && self.has_former_account(Some(in_force)) {
            self.causes.insert(Cause::AccountChange);
        }
    }
}

fn code(failure: &RootHalfFailure) -> Hresult {
    failure.fault.map_or(Hresult::SERVICE_NOT_ACTIVE, Hresult::from)
}
