//! What becomes of a cycle when the directory or the root half does not do its part.

use core::time::Duration;

use super::{
    backoff::Patience,
    cycle::{Aim, Cycle, Facts},
    events,
    journal::{Field, Journal},
    machine::Machine,
    outcome::{DirectoryFailure, DirectoryFault, RootHalfFailure},
    reasons::{Circumstances, reasons},
    resolve::Held,
    sends::UNANSWERED_MANY,
};
use crate::{
    event::{EventId, Hresult},
    fault::Fault,
    mutant::{self, Mutant},
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

    /// The host is about to sleep, and no password is drawn for its memory to keep.
    pub(super) fn falling_asleep() -> Self {
        Self {
            event: EventId::ProcessingFailed,
            hresult: Hresult::CONNECTION_ABORTED,
            patience: Patience::Unanswered,
            not_before: None,
            message: "this host is about to sleep".to_owned(),
            next_step: "nothing: the change is made once it is awake".to_owned(),
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
            next_step: events::CONFLICT_NEXT_STEP.to_owned(),
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
    /// The directory failed before it could be weighed what it holds.
    pub(super) fn on_unreachable(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        aim: &Aim,
        failure: DirectoryFailure,
    ) {
        let away = if self.is_waiting(now, aim) { Patience::Unreachable } else { Patience::NothingDue };
        self.on_directory_failed(now, cycle, &aim.journal, away, failure);
    }

    /// The directory failed between a change's decision and its end, so the change waits.
    pub(super) fn on_send_failed(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        facts: &Facts,
        failure: DirectoryFailure,
    ) {
        self.on_directory_failed(now, cycle, &facts.aim.journal, Patience::Unreachable, failure);
    }

    /// Whether there is something to do once the directory can be reached, as far as can be told without it.
    fn is_waiting(&self, now: Now, aim: &Aim) -> bool {
        let journal = &aim.journal;
        let current = journal.current.as_ref();
        let reasons = reasons(
            aim,
            &Circumstances {
                now: now.wall,
                current,
                held: Held::resolve(journal, current.map(|current| current.version)),
                principal: None,
                directory_expiry: self.timers.expiry,
                memory: &self.memory,
                rotation_owed: self.rotation_owed,
                action_owed: self.is_action_owed(),
                reset_is_due: self.is_reset_due(now),
                conflict: false,
            },
        );
        let drifted = journal.field == Field::Drifted && !self.is_contested(now);
        !reasons.is_empty() || !journal.candidates.is_empty() || drifted
    }

    /// Ends the cycle; `away` is how soon to try again if the directory could not be reached.
    fn on_directory_failed(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        journal: &Journal,
        away: Patience,
        mut failure: DirectoryFailure,
    ) {
        let patience = match failure.kind {
            DirectoryFault::Unreachable if mutant::is(Mutant::UnreachableIsRefusal) => Patience::Refused,
            DirectoryFault::Unreachable | DirectoryFault::NoController | DirectoryFault::NoKeyService => away,
            DirectoryFault::NothingToSend => Patience::Unanswered,
            DirectoryFault::NotEnrolled
            | DirectoryFault::PossibleClone
            | DirectoryFault::NotTrusted
            | DirectoryFault::DiscoveryFailed
            | DirectoryFault::AuthenticationFailed
            | DirectoryFault::NoRecord
            | DirectoryFault::Throttled
            | DirectoryFault::Refused
            | DirectoryFault::Malformed
            | DirectoryFault::NotJoined
            | DirectoryFault::BindFailed
            | DirectoryFault::QueryFailed
            | DirectoryFault::SchemaLacking
            | DirectoryFault::NoRight
            | DirectoryFault::NoRightOnLegacy
            | DirectoryFault::UpdateFailed
            | DirectoryFault::LevelTooLow
            | DirectoryFault::PrincipalNameUnknown
            | DirectoryFault::PrincipalSidUnknown
            | DirectoryFault::NotEncrypted
            | DirectoryFault::ControllerUnmanaged
            | DirectoryFault::ControllerUnprotected => Patience::Refused,
        };
        let event = events::directory_failed(
            now.wall,
            journal.current.as_ref().map(|current| &current.directory),
            &failure,
        );
        let id = event.id();
        self.raise(&mut cycle, event);
        let not_before = failure.retry_after.take();
        let DirectoryFailure { kind, hresult, message, next_step, .. } = failure;
        self.fail(now, cycle, Failure { event: id, hresult, patience, not_before, message, next_step });
        // The account may be another host's too.
        if kind != DirectoryFault::PossibleClone {
            self.end_on_time(now);
        }
    }

    /// Ends a cycle that left the directory undecided.
    pub(super) fn fail_undecided(&mut self, now: Now, cycle: Box<Cycle>, failure: Failure) {
        self.fail(now, cycle, failure);
        self.end_on_time(now);
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
                | Fault::AccountNotOurs
                | Fault::BudgetSpent
                | Fault::AgeingTooShort
                | Fault::Keytab
                | Fault::Sessions
                | Fault::NotNormalBoot
                | Fault::PossibleClone
                | Fault::HashRefused
                | Fault::GroupKey
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
