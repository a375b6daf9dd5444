//! What device management has asked this host for, and what became of it: saved before it is answered or acted on.
//!
//! An action is satisfied by a password that was prepared after its acceptance, so that nobody can have read it before the
//! button was pressed. Which one that is shows in the journal alone: the ledger only says which versions would do.

use core::time::Duration;
use std::collections::VecDeque;

use crate::{
    event::{EventId, Hresult},
    root_half::CANDIDATES_MAX,
    types::{ActionId, Age, BootId, BootTime, Now, PasswordVersion},
};

/// The most actions that are open at a time; one more is refused.
pub const OPEN_MAX: usize = 64;
/// The most satisfied actions that are kept, so that one that comes again is known.
pub const SATISFIED_MAX: usize = 256;
/// How long an action counts as pending while its cause of failure may go away by itself.
pub const PENDING_MAX: Duration = Duration::from_hours(1);

/// One rotation that device management asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedAction {
    /// Its name.
    pub id: ActionId,
    /// When it was accepted.
    pub accepted: Age,
    /// The versions that satisfy it, oldest first: each saved here before the directory is sent it.
    pub versions: VecDeque<PasswordVersion>,
    /// The version that satisfied it.
    pub satisfied_by: Option<PasswordVersion>,
    /// Why the last attempt failed.
    pub failure: Option<ActionFailure>,
    /// What the server has confirmed to have heard of it.
    pub confirmed: Option<ActionStatus>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionFailure {
    /// The code that Windows would report.
    pub hresult: Hresult,
    /// The event that says so.
    pub event: EventId,
    /// Whether somebody has to act; otherwise it may go away by itself.
    pub is_definite: bool,
}

/// How an action stands, as the server is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionStatus {
    /// Accepted, and nothing to be said yet.
    Pending,
    /// Failed so far; attempts go on, and it may be satisfied yet.
    Failed {
        /// The code that Windows would report.
        hresult: Hresult,
        /// The event that says so.
        event: EventId,
    },
    /// Satisfied by this version.
    Satisfied(PasswordVersion),
}

impl ActionStatus {
    /// As `ResetPasswordStatus` shows it. LAPS CSP, Actions/ResetPasswordStatus.
    #[must_use]
    pub const fn hresult(self) -> Hresult {
        match self {
            Self::Pending => Hresult::PENDING,
            Self::Failed { hresult, .. } => hresult,
            Self::Satisfied(_) => Hresult::SUCCESS,
        }
    }
}

impl ManagedAction {
    const fn new(id: ActionId, accepted: Age) -> Self {
        Self { id, accepted, versions: VecDeque::new(), satisfied_by: None, failure: None, confirmed: None }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self, now: BootTime) -> ActionStatus {
        let is_late = || self.accepted.at(now) >= PENDING_MAX;
        match (self.satisfied_by, self.failure) {
            (Some(version), _) => ActionStatus::Satisfied(version),
            (None, Some(ActionFailure { hresult, event, is_definite })) if is_definite || is_late() => {
                ActionStatus::Failed { hresult, event }
            }
            (None, Some(_) | None) => ActionStatus::Pending,
        }
    }

    /// Whether the server is still to be told how it stands.
    #[must_use]
    pub fn is_untold(&self, now: BootTime) -> bool {
        let status = self.status(now);
        status != ActionStatus::Pending && self.confirmed != Some(status)
    }

    /// When it counts as failed if nothing happens, by the boot clock.
    pub(super) fn pending_until(&self) -> Option<BootTime> {
        let is_waiting = self.failure.is_some_and(|failure| !failure.is_definite);
        (self.satisfied_by.is_none() && is_waiting).then(|| {
            let left = PENDING_MAX.saturating_sub(self.accepted.carried);
            self.accepted.since.boot.saturating_add(left)
        })
    }
}

/// Every action that is open, and those satisfied last; oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The actions.
    pub actions: VecDeque<ManagedAction>,
}

impl Ledger {
    /// Goes on counting its ages in the boot of now.
    pub(super) fn resumed(mut self, now: Now, boot_id: BootId) -> Self {
        for action in &mut self.actions {
            action.accepted = action.accepted.resumed(now, boot_id);
        }
        self
    }

    /// Those that no version has satisfied yet.
    pub fn open(&self) -> impl Iterator<Item = &ManagedAction> {
        self.actions.iter().filter(|action| action.satisfied_by.is_none())
    }

    /// The action of this name.
    #[must_use]
    pub fn find(&self, id: ActionId) -> Option<&ManagedAction> {
        self.actions.iter().find(|action| action.id == id)
    }

    pub(super) fn find_mut(&mut self, id: ActionId) -> Option<&mut ManagedAction> {
        self.actions.iter_mut().find(|action| action.id == id)
    }

    pub(super) fn open_mut(&mut self) -> impl Iterator<Item = &mut ManagedAction> {
        self.actions.iter_mut().filter(|action| action.satisfied_by.is_none())
    }

    /// Whether one more can be open.
    pub(super) fn is_full(&self) -> bool {
        self.open().count() >= OPEN_MAX
    }

    /// Adds one. Of those satisfied, one that the server knows of gives way first.
    pub(super) fn add(&mut self, id: ActionId, accepted: Age) {
        self.actions.push_back(ManagedAction::new(id, accepted));
        while self.actions.len().saturating_sub(self.open().count()) > SATISFIED_MAX {
            let satisfied = |action: &ManagedAction| action.satisfied_by.is_some();
            let confirmed = |action: &ManagedAction| satisfied(action) && action.confirmed.is_some();
            let at = self.actions.iter().position(confirmed);
            let Some(at) = at.or_else(|| self.actions.iter().position(satisfied)) else { return };
            self.actions.remove(at);
        }
    }

    pub(super) fn remove(&mut self, id: ActionId) {
        self.actions.retain(|action| action.id != id);
    }

    /// Lets `version`, which was prepared after all of them were accepted, satisfy those that are open.
    pub(super) fn bind(&mut self, version: PasswordVersion) {
        for action in self.open_mut() {
            action.versions.push_back(version);
            if action.versions.len() > CANDIDATES_MAX {
                // It has left the journal too.
                action.versions.pop_front();
            }
        }
    }
}
