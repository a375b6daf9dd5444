//! One action as the server keeps it, from the press of the button to the device's last word.
//!
//! The server may forget what it has heard, for its database was restored; the device repeats what it is asked, and does
//! nothing twice. So every transition follows from the state and what is heard now, in any order and any number of times.

use core::time::Duration;

use crate::{
    event::Hresult,
    mutant::{self, Mutant},
    types::{ActionId, FileTime, PasswordVersion},
};

/// How long an action waits for its device by default, until the device has accepted it.
pub const ACTION_LIFE: Duration = Duration::from_hours(7 * 24);

/// A rotation that somebody has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedAction {
    /// Its name.
    pub id: ActionId,
    /// When it was asked for.
    pub requested: FileTime,
    /// The device is not asked before.
    pub not_before: FileTime,
    /// When it ends unless the device has accepted it by then.
    pub expires: FileTime,
    /// How it stands.
    pub state: ActionState,
    /// Since when.
    pub since: FileTime,
}

/// How an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionState {
    /// It waits for its device.
    Pending,
    /// The device has accepted it.
    Accepted,
    /// The device has tried and failed, and goes on trying.
    Failing {
        /// The code that Windows would report.
        hresult: Hresult,
        /// The event on the device, if it names one.
        event: Option<u16>,
    },
    /// The password was changed after the device had accepted it.
    Done {
        /// To which version, if the device names it.
        version: Option<PasswordVersion>,
    },
    /// The device does not know such an action: the status of its refusal.
    Refused {
        /// The status. OMA-TS-SyncML_RepPro 1.2, section 10.
        status: u16,
    },
    /// It was cancelled before the device accepted it.
    Cancelled,
    /// It expired before the device accepted it.
    Expired,
}

impl ActionState {
    /// Its name in databases and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Failing { .. } => "failing",
            Self::Done { .. } => "done",
            Self::Refused { .. } => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// The device may have accepted it, or it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only an action that no device has accepted can be cancelled")]
pub struct NotCancelled;

impl QueuedAction {
    /// One that is asked for now.
    #[must_use]
    pub fn new(id: ActionId, now: FileTime, life: Duration) -> Self {
        Self::due(id, now, now, life)
    }

    /// One that is asked for now, and put off: its life begins when it is due.
    #[must_use]
    pub fn due(id: ActionId, now: FileTime, not_before: FileTime, life: Duration) -> Self {
        let expires = not_before.saturating_add(life);
        Self { id, requested: now, not_before, expires, state: ActionState::Pending, since: now }
    }

    /// Whether the device is to be asked for it in a session of now. One that was accepted is asked for again until the
    /// device has told its end: a device that has been set up anew does not know of it.
    #[must_use]
    pub fn is_to_be_sent(&self, now: FileTime) -> bool {
        match self.state {
            ActionState::Pending => self.not_before <= now && now < self.expires,
            ActionState::Accepted | ActionState::Failing { .. } => !mutant::is(Mutant::ActionNotRepeated),
            ActionState::Done { .. }
            | ActionState::Refused { .. }
            | ActionState::Cancelled
            | ActionState::Expired => false,
        }
    }

    /// Whether nothing more is to come.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        match self.state {
            ActionState::Pending | ActionState::Accepted | ActionState::Failing { .. } => false,
            ActionState::Done { .. }
            | ActionState::Refused { .. }
            | ActionState::Cancelled
            | ActionState::Expired => true,
        }
    }

    /// Takes note of the status that the device gave to the command. OMA-TS-SyncML_RepPro 1.2, section 10.
    pub fn on_status(&mut self, now: FileTime, status: u16) {
        let is_waiting = match self.state {
            // What was cancelled or expired while the command was on its way has been accepted all the same.
            ActionState::Pending | ActionState::Cancelled | ActionState::Expired => true,
            // A device that was set up anew may not know it any more.
            ActionState::Accepted | ActionState::Failing { .. } => !matches!(status, 200 | 202),
            ActionState::Done { .. } | ActionState::Refused { .. } => false,
        };
        match status {
            _ if !is_waiting => {}
            200 | 202 => self.turn(now, ActionState::Accepted),
            // It could not take it now: its disk or its list is full.
            420 | 500..=599 => {}
            _ => self.turn(now, ActionState::Refused { status }),
        }
    }

    /// Takes note of what the device tells of it.
    pub fn on_report(
        &mut self,
        now: FileTime,
        hresult: Hresult,
        version: Option<PasswordVersion>,
        event: Option<u16>,
    ) {
        let told = match hresult {
            Hresult::SUCCESS => ActionState::Done { version },
            Hresult::PENDING => ActionState::Accepted,
            hresult => ActionState::Failing { hresult, event },
        };
        match (self.state, told) {
            // Done is done, whatever was said earlier and comes later.
            (ActionState::Done { .. }, _) => {}
            (ActionState::Failing { .. }, ActionState::Accepted) => {}
            (before, told) if before == told => {}
            (_, told) => self.turn(now, told),
        }
    }

    /// Ends it, if its device has not accepted it in time. Returns whether that has happened now.
    pub fn expire(&mut self, now: FileTime) -> bool {
        let is_expired = self.state == ActionState::Pending && self.expires <= now;
        if is_expired {
            self.turn(now, ActionState::Expired);
        }
        is_expired
    }

    /// Ends it before a device has accepted it.
    ///
    /// # Errors
    /// [`NotCancelled`].
    pub fn cancel(&mut self, now: FileTime) -> Result<(), NotCancelled> {
        match self.state {
            ActionState::Pending => self.turn(now, ActionState::Cancelled),
            ActionState::Accepted
            | ActionState::Failing { .. }
            | ActionState::Done { .. }
            | ActionState::Refused { .. }
            | ActionState::Cancelled
            | ActionState::Expired => return Err(NotCancelled),
        }
        Ok(())
    }

    const fn turn(&mut self, now: FileTime, state: ActionState) {
        self.state = state;
        self.since = now;
    }
}
