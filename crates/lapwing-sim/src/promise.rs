//! What a host has promised to device management, and whether it does that: invariant 6 for actions.

use std::collections::{BTreeSet, VecDeque};

use lapwing_core::{
    agent::{Ledger, SATISFIED_MAX},
    management::{ActionState, QueuedAction},
    root_half::{CANDIDATES_MAX, REPLACED_MAX},
    types::{ActionId, PasswordVersion},
};

/// What one host has accepted, as its disk says, and the passwords that it has made since. Where the disk goes back to an
/// earlier state, so does this.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promises {
    /// Counts what happens.
    tick: u64,
    open: Vec<Promise>,
    satisfied: Vec<ActionId>,
    /// Passwords that were prepared since the last one came into force.
    made: Vec<Made>,
    /// Those that came into force while a promise was open, oldest first.
    in_force: VecDeque<Made>,
}

#[derive(Debug, Clone, Copy)]
struct Promise {
    id: ActionId,
    accepted: u64,
    /// The first password that was prepared after it and came into force.
    due: Option<PasswordVersion>,
}

#[derive(Debug, Clone, Copy)]
struct Made {
    version: PasswordVersion,
    prepared: u64,
    /// When it was first sent.
    sent: Option<u64>,
}

impl Promises {
    const fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    pub(crate) fn on_prepared(&mut self, version: PasswordVersion) {
        let prepared = self.tick();
        if self.made.len() == 2 * CANDIDATES_MAX {
            self.made.remove(0);
        }
        self.made.push(Made { version, prepared, sent: None });
    }

    pub(crate) fn on_send(&mut self, version: PasswordVersion) {
        let sent = self.tick();
        if let Some(made) = self.made.iter_mut().find(|made| made.version == version) {
            made.sent.get_or_insert(sent);
        }
    }

    /// A loss of power can undo the last step of a commit; if the account is gone by the next boot, the password that was in
    /// force for a moment is void.
    pub(crate) fn on_journal(&mut self, knows: impl Fn(PasswordVersion) -> bool) {
        for promise in &mut self.open {
            promise.due = promise.due.filter(|due| knows(*due));
        }
    }

    pub(crate) fn on_in_force(&mut self, version: PasswordVersion) {
        let made = core::mem::take(&mut self.made);
        let Some(made) = made.into_iter().find(|made| made.version == version) else { return };
        for promise in self.open.iter_mut().filter(|promise| promise.accepted < made.prepared) {
            promise.due.get_or_insert(version);
        }
        if self.open.is_empty() {
            self.in_force = VecDeque::new();
        } else {
            self.in_force.push_back(made);
            if self.in_force.len() > REPLACED_MAX + 1 {
                self.in_force.pop_front();
            }
        }
    }

    /// The host says this of its actions, whether or not it can save it.
    pub(crate) fn on_said(&self, ledger: &Ledger, done: &mut Done) -> Result<(), String> {
        for promise in &self.open {
            if let Some(version) = ledger.find(promise.id).and_then(|action| action.satisfied_by) {
                self.check_satisfied(*promise, version)?;
                done.satisfied.insert((promise.id, version));
            }
        }
        Ok(())
    }

    /// The ledger is on disk: what it says is accepted now, and what is satisfied stays so.
    pub(crate) fn on_kept(&mut self, ledger: &Ledger, done: &mut Done) -> Result<(), String> {
        self.on_said(ledger, done)?;
        let accepted = self.tick();
        for action in &ledger.actions {
            let id = action.id;
            let at = self.open.iter().position(|promise| promise.id == id);
            match (at, action.satisfied_by) {
                (None, None) if self.satisfied.contains(&id) => {
                    return Err(format!("action {id} is open again after it was satisfied"));
                }
                (None, None) => {
                    done.accepted.insert(id);
                    self.open.push(Promise { id, accepted, due: None });
                }
                (Some(at), Some(_)) => {
                    self.open.remove(at);
                    self.satisfied.push(id);
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
        }
        if self.satisfied.len() > SATISFIED_MAX {
            self.satisfied.retain(|id| ledger.find(*id).is_some());
        }
        Ok(())
    }

    fn check_satisfied(&self, promise: Promise, version: PasswordVersion) -> Result<(), String> {
        let id = promise.id;
        let made = self.in_force.iter().find(|made| made.version == version);
        let Some(made) = made else {
            return Err(format!("{version}, said to satisfy {id}, has not come into force since"));
        };
        // One that this host has not sent itself was sent by its clone, once it was prepared.
        if made.sent.unwrap_or(made.prepared) < promise.accepted {
            return Err(format!(
                "action {id} is satisfied by {version}, which was sent before it was accepted"
            ));
        }
        match promise.due {
            Some(due) if due != version => {
                Err(format!("action {id} is satisfied by {version} and not by {due}, which came first"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether none of these actions needs a rotation any more.
    pub(crate) fn are_met<'a>(&self, mut open: impl Iterator<Item = &'a ActionId>) -> bool {
        open.all(|id| self.open.iter().any(|promise| promise.id == *id && promise.due.is_some()))
    }

    /// Whether the ledger knows what was accepted, and of what was satisfied as much as its bound leaves.
    pub(crate) fn check_known(&self, ledger: &Ledger) -> Result<(), String> {
        let known: BTreeSet<ActionId> = ledger.actions.iter().map(|action| action.id).collect();
        let open = self.open.iter().map(|promise| promise.id);
        match open.chain(self.satisfied.iter().copied()).find(|id| !known.contains(id)) {
            Some(id) => Err(format!("action {id} was accepted and is forgotten")),
            None => Ok(()),
        }
    }
}

/// Everything that hosts have truly done for actions, for what the server shows.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) accepted: BTreeSet<ActionId>,
    pub(crate) satisfied: BTreeSet<(ActionId, PasswordVersion)>,
}

impl Done {
    /// Whether the server may go from one state to the other.
    pub(crate) fn check_turn(&self, before: &QueuedAction, after: &QueuedAction) -> Result<(), String> {
        let (id, from, to) = (after.id, before.state, after.state);
        let is_true = match to {
            _ if from == to => true,
            _ if matches!(from, ActionState::Done { .. }) => false,
            ActionState::Cancelled | ActionState::Expired => from == ActionState::Pending,
            ActionState::Accepted | ActionState::Failing { .. } => self.accepted.contains(&id),
            ActionState::Done { version } => {
                version.is_some_and(|version| self.satisfied.contains(&(id, version)))
            }
            ActionState::Pending | ActionState::Refused { .. } => false,
        };
        if is_true { Ok(()) } else { Err(format!("the server shows {to:?} after {from:?} for action {id}")) }
    }
}
