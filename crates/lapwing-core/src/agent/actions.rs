//! What device management asks for: accepted once it is saved, one more reason on the path, and answered for until the
//! server has heard how it ended.

use super::{
    backoff::Patience,
    cycle::{Cycle, Facts, Step},
    exchange::{Acceptance, Action},
    failure::Failure,
    journal::{Entry, Journal},
    ledger::{ActionFailure, ActionStatus, Ledger},
    machine::Machine,
    outcome::Prepared,
    plan::Cause,
    resolve::Held,
};
use crate::{
    event::{Event, EventId, Hresult},
    mutant::{self, Mutant},
    types::{ActionId, Age, BootTime, Now, PasswordVersion},
};

/// What goes on once the ledger is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// The acceptance of this action is answered.
    Acceptance(ActionId),
    /// The cycle sends what it has prepared.
    Binding(PasswordVersion),
    /// Nothing waits for it: what was to be saved shows from the journal again.
    Nothing,
}

impl Machine {
    /// What device management has asked for.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How the action stands that was accepted last; `SUCCESS` if there was none. LAPS CSP, Actions/ResetPasswordStatus.
    #[must_use]
    pub fn reset_status(&self, now: BootTime) -> Hresult {
        self.ledger.actions.back().map_or(Hresult::SUCCESS, |action| action.status(now).hresult())
    }

    /// Takes an action in. One that is known already is answered alike and does nothing; a server that asks for it again
    /// does not know, or not any more, how it stands, and is told again.
    pub(super) fn on_ordered(&mut self, now: Now, id: ActionId) {
        let known = self.ledger.find(id).filter(|_| !mutant::is(Mutant::ActionTwice));
        let answer = match known.map(|action| action.satisfied_by) {
            Some(Some(_)) => Acceptance::Satisfied,
            Some(None) if self.keeping.contains(&Keeping::Acceptance(id)) => return,
            Some(None) => Acceptance::Open,
            None if self.ledger.is_full() => Acceptance::Full,
            None => {
                self.ledger.remove(id);
                self.ledger.add(id, Age::new(now, self.boot_id));
                if mutant::is(Mutant::ActionNotSaved) {
                    return self.accept(id);
                }
                return self.keep_ledger(Keeping::Acceptance(id));
            }
        };
        if let Some(action) = self.ledger.find_mut(id) {
            action.confirmed = None;
        }
        self.actions.push_back(Action::Acknowledge(id, answer));
    }

    /// The ledger has been saved, or could not be.
    pub(super) fn on_kept(&mut self, now: Now, kept: Result<(), String>) {
        let keeping = self.keeping.pop_front();
        self.unsaved = kept.err();
        match (keeping, &self.unsaved) {
            (Some(Keeping::Acceptance(id)), None) => self.accept(id),
            (Some(Keeping::Acceptance(id)), Some(_)) => {
                self.ledger.remove(id);
                self.actions.push_back(Action::Acknowledge(id, Acceptance::NotSaved));
            }
            (Some(Keeping::Binding(version)), _) => self.on_bound(now, version),
            (Some(Keeping::Nothing) | None, _) => {}
        }
    }

    fn accept(&mut self, id: ActionId) {
        self.tell(Event::ActionAccepted { action: id.to_string() });
        self.actions.push_back(Action::Acknowledge(id, Acceptance::Open));
        if !self.cycle.as_ref().is_some_and(|cycle| cycle.step.can_join_action()) {
            self.causes.insert(Cause::Management);
        }
    }

    fn keep_ledger(&mut self, keeping: Keeping) {
        self.keeping.push_back(keeping);
        self.actions.push_back(Action::Keep(self.ledger.clone()));
    }

    /// Whether an action waits for a password that has not been prepared yet.
    pub(super) fn is_action_owed(&self) -> bool {
        self.ledger.open().next().is_some()
    }

    /// Whether every open action would be satisfied by this candidate, so that it may be sent again.
    pub(super) fn would_satisfy(&self, candidate: &Entry) -> bool {
        mutant::is(Mutant::ActionJoinsResend)
            || self.ledger.open().all(|action| action.versions.contains(&candidate.version))
    }

    /// Saves which version satisfies the open actions, before the directory is sent it.
    pub(super) fn bind(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts, held: Held, prepared: Prepared) {
        if !self.is_action_owed() {
            return self.send(now, cycle, facts, held, prepared);
        }
        let version = prepared.version;
        if mutant::is(Mutant::ActionUnbound) {
            return self.send(now, cycle, facts, held, prepared);
        }
        self.ledger.bind(version);
        self.wait_in(cycle, Step::Binding(facts, held, prepared));
        self.keep_ledger(Keeping::Binding(version));
    }

    fn on_bound(&mut self, now: Now, version: PasswordVersion) {
        let Some(mut cycle) = self.take_cycle() else { return };
        let step = core::mem::replace(&mut cycle.step, Step::ReadingJournal);
        let Step::Binding(facts, held, prepared) = step else {
            // Only a shell that loses count comes here, as in `advance`.
            return self.read_journal(cycle);
        };
        let Some(message) = self.unsaved.clone() else {
            return self.send(now, cycle, facts, held, prepared);
        };
        for action in self.ledger.open_mut() {
            action.versions.retain(|bound| *bound != version);
        }
        self.fail(now, cycle, Failure::not_saved(message));
    }

    /// Why no password may be prepared that actions wait for: it could not be saved that it satisfies them, so it would
    /// never be sent, and push one out of the journal that was.
    pub(super) fn cannot_bind(&self) -> Option<Failure> {
        let message = self.unsaved.as_ref().filter(|_| self.is_action_owed())?;
        Some(Failure::not_saved(message.clone()))
    }

    /// Ends the actions that the journal shows to be satisfied, and saves what could not be saved before.
    pub(super) fn settle_actions(&mut self, cycle: &mut Cycle, journal: &Journal) {
        if self.unsaved.is_some() {
            self.keep_ledger(Keeping::Nothing);
        }
        let in_force = journal.current.as_ref().map(|current| current.version);
        self.settle(cycle, |version| in_force == Some(version) || journal.replaced.contains(&version));
    }

    /// Ends the actions that the version just committed satisfies.
    pub(super) fn settle_committed(&mut self, cycle: &mut Cycle, committed: PasswordVersion) {
        let joins = mutant::is(Mutant::ActionJoinsResend) || mutant::is(Mutant::ActionUnbound);
        if joins {
            self.ledger.open_mut().for_each(|action| action.versions.push_back(committed));
        }
        self.settle(cycle, |version| version == committed);
    }

    fn settle(&mut self, cycle: &mut Cycle, came_about: impl Fn(PasswordVersion) -> bool) {
        let mut ended = Vec::new();
        for action in self.ledger.open_mut() {
            action.satisfied_by = action.versions.iter().copied().find(|version| came_about(*version));
            ended.extend(action.satisfied_by.map(|version| (action.id, version)));
        }
        if ended.is_empty() {
            return;
        }
        for (id, version) in ended {
            self.raise(cycle, Event::ActionSatisfied { action: id.to_string(), version });
        }
        self.keep_ledger(Keeping::Nothing);
        self.actions.push_back(Action::CallHome);
    }

    /// Notes why the open actions are not satisfied yet.
    pub(super) fn note_failed_actions(
        &mut self,
        now: Now,
        cycle: &mut Cycle,
        hresult: Hresult,
        event: EventId,
        is_definite: bool,
    ) {
        let failure = ActionFailure { hresult, event, is_definite };
        let mut is_news = false;
        let mut failed = Vec::new();
        for action in self.ledger.open_mut().filter(|action| action.failure != Some(failure)) {
            let before = action.status(now.boot);
            action.failure = Some(failure);
            let after = action.status(now.boot);
            is_news = true;
            if after != before && after != ActionStatus::Pending {
                failed.push(action.id);
            }
        }
        for id in &failed {
            self.raise(cycle, Event::ActionFailed { action: id.to_string(), hr: hresult });
        }
        if is_news {
            self.keep_ledger(Keeping::Nothing);
        }
        if !failed.is_empty() {
            self.actions.push_back(Action::CallHome);
        }
    }

    /// When the next action counts as failed if nothing happens.
    pub(super) fn next_late_action(&self) -> Option<BootTime> {
        self.ledger
            .open()
            .filter_map(super::ledger::ManagedAction::pending_until)
            .filter(|at| *at > self.late_told)
            .min()
    }

    /// Has the server told of actions that have been pending for too long.
    pub(super) fn note_late_actions(&mut self, now: Now) {
        if self.next_late_action().is_some_and(|at| at <= now.boot) {
            self.late_told = now.boot;
            self.actions.push_back(Action::CallHome);
        }
    }

    /// The server has confirmed to have heard how an action stands.
    pub(super) fn on_confirmed(&mut self, id: ActionId, status: ActionStatus) {
        if let Some(action) = self.ledger.find_mut(id)
            && action.confirmed != Some(status)
        {
            action.confirmed = Some(status);
            self.keep_ledger(Keeping::Nothing);
        }
    }
}

impl Failure {
    /// What must survive a crash could not be saved, so nothing is sent.
    fn not_saved(message: String) -> Self {
        Self {
            event: EventId::ProcessingFailed,
            hresult: Hresult::from_win32(112),
            patience: Patience::Local,
            not_before: None,
            message,
            next_step: "see that /var/lib/lapwing is writable and its disk is not full".to_owned(),
        }
    }
}
