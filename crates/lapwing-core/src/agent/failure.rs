//! What becomes of a cycle when the directory or the root half does not do its part.

use core::time::Duration;

use super::{
    backoff::Patience,
    cycle::Cycle,
    events,
    exchange::{DirectoryFailure, DirectoryFault, RootHalfFailure},
    journal::Journal,
    machine::{Machine, UNANSWERED_MANY},
};
use crate::{
    event::{EventId, Hresult},
    fault::Fault,
    types::{AccountName, Now},
};

/// The end of an attempt that did not finish.
pub(super) struct Failure {
    pub(super) event: EventId,
    pub(super) hresult: Hresult,
    pub(super) patience: Patience,
    /// A wait that the directory asked for or the protocol demands.
    pub(super) not_before: Option<Duration>,
    pub(super) message: String,
    pub(super) next_step: String,
}

impl Failure {
    /// A directory without guarantees is left alone for a while after an unanswered send.
    pub(super) fn held(wait: Duration, unanswered: u32) -> Self {
        Self {
            event: if unanswered >= UNANSWERED_MANY {
                EventId::PasswordUncertain
            } else {
                EventId::WaitingForDirectory
            },
            hresult: Hresult::CONNECTION_ABORTED,
            patience: Patience::Unanswered,
            not_before: Some(wait),
            message: format!(
                "{unanswered} sends in a row had no answer, so the directory is sent nothing for {} seconds",
                wait.as_secs()
            ),
            next_step:
                "nothing: the rotation goes on by itself; the password in force may be one of the older ones"
                    .to_owned(),
        }
    }

    /// The directory kept changing under us.
    pub(super) fn contended() -> Self {
        Self {
            event: EventId::Conflict,
            hresult: Hresult::INVALID_DATA,
            patience: Patience::Unanswered,
            not_before: None,
            message: "the directory held another version each time it was asked".to_owned(),
            next_step: "look for a second host with the same identity, for example a clone".to_owned(),
        }
    }

    /// Nobody knows whether a send has landed.
    pub(super) fn unanswered(failure: DirectoryFailure) -> Self {
        Self {
            event: EventId::SendUnanswered,
            hresult: failure.hresult,
            patience: Patience::Unanswered,
            not_before: failure.retry_after,
            message: failure.message,
            next_step: failure.next_step,
        }
    }
}

impl Machine {
    pub(super) fn on_unreachable(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        journal: &Journal,
        failure: DirectoryFailure,
    ) {
        let urgent = self.rotation_owed
            || self.memory.drift_healed
            || !journal.candidates.is_empty()
            || journal.current.as_ref().is_none_or(|current| current.expiry <= now.wall);
        let patience = match failure.kind {
            // Nothing is waiting for the directory, so the next cycle of the schedule is soon enough.
            DirectoryFault::Unreachable if !urgent => Patience::Refused,
            DirectoryFault::Unreachable => Patience::Unreachable,
            DirectoryFault::NotEnrolled
            | DirectoryFault::NotTrusted
            | DirectoryFault::DiscoveryFailed
            | DirectoryFault::AuthenticationFailed
            | DirectoryFault::NoRecord
            | DirectoryFault::Throttled
            | DirectoryFault::Refused
            | DirectoryFault::Malformed => Patience::Refused,
        };
        let (mut cycle, mut failure) = (cycle, failure);
        let event = events::directory_failed(
            now.wall,
            journal.current.as_ref().map(|current| &current.directory),
            &failure,
        );
        let id = event.id();
        self.raise(&mut cycle, event);
        let not_before = failure.retry_after.take();
        let DirectoryFailure { hresult, message, next_step, .. } = failure;
        self.fail(now, cycle, Failure { event: id, hresult, patience, not_before, message, next_step });
    }

    pub(super) fn on_root_half_failed(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        account: Option<&AccountName>,
        failure: RootHalfFailure,
    ) {
        if failure.fault == Some(Fault::StaleRun) {
            // Somebody began another run, or the journal was restored: begin again with the next attempt.
            self.begun = false;
        }
        let patience = match failure.fault {
            None => Patience::Unanswered,
            Some(
                Fault::FileLocked
                | Fault::NotWritable
                | Fault::NoSpace
                | Fault::StaleRun
                | Fault::UnknownVersion
                | Fault::CommitPending
                | Fault::NoDrift
                | Fault::Internal
                | Fault::AccountMissing
                | Fault::NoAcceptablePassword,
            ) => Patience::Local,
            Some(
                Fault::AccountNotListed
                | Fault::DirectoryNotListed
                | Fault::ManagedFile
                | Fault::AccountUnsuitable
                | Fault::BudgetSpent
                | Fault::AgeingTooShort
                | Fault::HashRefused
                | Fault::ReceiptInvalid
                | Fault::JournalDamaged
                | Fault::Malformed
                | Fault::NotAuthorized,
            ) => Patience::Refused,
        };
        let event = events::root_half_failed(account, &failure);
        let id = event.id();
        self.raise(&mut cycle, event);
        let hresult = failure.fault.map_or(Hresult::SERVICE_NOT_ACTIVE, Hresult::from);
        let RootHalfFailure { message, next_step, .. } = failure;
        self.fail(now, cycle, Failure { event: id, hresult, patience, not_before: None, message, next_step });
    }
}
