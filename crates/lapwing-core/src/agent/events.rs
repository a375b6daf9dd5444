//! The machine's events, made from what it knows.

use core::time::Duration;

use super::{
    cycle::Committing,
    journal::Entry,
    outcome::{Committed, DirectoryFailure, DirectoryFault, Prepared, RootHalfFailure, Session, Written},
    plan::{Reason, Target},
};
use crate::{
    event::{Event, Hresult},
    fault::Fault,
    types::{AccountName, DirectoryId, PasswordVersion, WallTime},
};

/// Windows puts the reasons of one event on lines of their own.
pub(super) fn due(reasons: &[Reason]) -> Event {
    Event::UpdateNeeded {
        mask: reasons.iter().fold(0, |mask, reason| mask | reason.bit()),
        reasons: reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

pub(super) fn prepared(prepared: &Prepared) -> Event {
    Event::ChangePrepared { account: prepared.account.clone(), version: prepared.version }
}

pub(super) fn acknowledged(session: &Session, version: PasswordVersion) -> Event {
    Event::Acknowledged { directory: session.directory.clone(), version }
}

/// The directory of this kind holds the password.
pub(super) const fn stored(target: Target) -> Event {
    match target {
        Target::Cloud => Event::EntraUpdated,
        Target::ActiveDirectory | Target::LegacyActiveDirectory => Event::AdUpdated,
    }
}

pub(super) fn unanswered(session: &Session, version: PasswordVersion, count: u32) -> Event {
    Event::SendUnanswered { directory: session.directory.clone(), version, count: count.into() }
}

pub(super) fn drift_found(current: &Entry, kind: &str) -> Event {
    Event::DriftFound { account: current.account.clone(), kind: kind.to_owned() }
}

pub(super) fn clocks_disagree(ours: WallTime, theirs: WallTime) -> Event {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Event::ClockDisagrees {
        difference_seconds: seconds(ours.saturating_since(theirs)) - seconds(theirs.saturating_since(ours)),
    }
}

pub(super) fn updated(committing: &Committing, committed: &Committed) -> Event {
    let (account, rid) = (committed.account.clone(), committed.uid.into());
    if committing.is_of_controller() {
        Event::DsrmUpdated { account, rid }
    } else {
        Event::AccountUpdated { account, rid }
    }
}

/// What the account's file or the root half refused while the directory already holds the password.
pub(super) fn update_failed(committing: &Committing, failure: &RootHalfFailure) -> Event {
    let (account, rid) = (committing.account.clone(), committing.uid.into());
    let hr = failure.fault.map_or(Hresult::SERVICE_NOT_ACTIVE, Hresult::from);
    if committing.is_of_controller() {
        Event::DsrmUpdateFailed { account, rid, hr }
    } else {
        Event::AccountUpdateFailed { account, rid, hr }
    }
}

/// A version that this journal does not know.
pub(super) fn never_ours(
    directory: &DirectoryId,
    version: Option<PasswordVersion>,
    written: Option<&Written>,
) -> Event {
    let directory = directory.clone();
    Event::VersionNeverOurs { directory, version, written: Written::tell(written) }
}

/// One more of them within a day.
pub(super) fn conflict(
    directory: &DirectoryId,
    version: Option<PasswordVersion>,
    written: Option<&Written>,
) -> Event {
    Event::Conflict {
        directory: directory.clone(),
        version,
        written: Written::tell(written),
        next_step: CONFLICT_NEXT_STEP.to_owned(),
    }
}

/// What to do about two hosts with one identity.
pub(super) const CONFLICT_NEXT_STEP: &str = "find the other host with this identity, for example a copy of this one's disk, and run `lapwing generalize` there; the directory's password may open that host and not this one until `lapwing reset-password` has run here";

/// Why a directory could not be used.
pub(super) fn directory_failed(
    now: WallTime,
    directory: Option<&DirectoryId>,
    failure: &DirectoryFailure,
) -> Event {
    let hr = failure.hresult;
    match (failure.kind, directory) {
        (DirectoryFault::NotEnrolled, _) => Event::NotEnrolled,
        (DirectoryFault::PossibleClone, _) => {
            Event::PossibleClone { reason: failure.message.clone(), next_step: failure.next_step.clone() }
        }
        (DirectoryFault::Unreachable | DirectoryFault::NothingToSend, _) => {
            Event::WaitingForDirectory { reason: failure.message.clone() }
        }
        (DirectoryFault::NotTrusted, _) => {
            Event::ServerNotTrusted { server: failure.server.clone(), reason: failure.message.clone() }
        }
        (DirectoryFault::DiscoveryFailed, _) => Event::EntraDiscoveryFailed { hr },
        (DirectoryFault::AuthenticationFailed, _) => Event::EntraAuthenticationFailed { hr },
        (DirectoryFault::NoRecord, Some(directory)) => Event::NoRecord { directory: directory.clone() },
        (DirectoryFault::Throttled, _) => {
            Event::Throttled { until: now.saturating_add(failure.retry_after.unwrap_or_default()).0 }
        }
        (DirectoryFault::NoRecord | DirectoryFault::Refused | DirectoryFault::Malformed, _) => {
            Event::EntraUpdateFailed { hr }
        }
        (DirectoryFault::NotJoined, _) => Event::NotJoined { reason: failure.message.clone() },
        (DirectoryFault::NoController, _) => Event::NoDomainController { hr },
        (DirectoryFault::BindFailed, _) => Event::BindFailed { dc: failure.server.clone(), hr },
        (DirectoryFault::QueryFailed, _) => Event::AdQueryFailed { hr },
        (DirectoryFault::SchemaLacking, _) => Event::AdSchemaLacksLaps,
        (DirectoryFault::NoRight, _) => {
            Event::NoRightOnAttribute { container: failure.subject.clone().unwrap_or_default() }
        }
        (DirectoryFault::NoRightOnLegacy, _) => {
            Event::NoRightOnLegacyAttribute { container: failure.subject.clone().unwrap_or_default() }
        }
        (DirectoryFault::UpdateFailed, _) => Event::AdUpdateFailed { hr },
        (DirectoryFault::LevelTooLow, _) => Event::FunctionalLevelTooLow,
        (DirectoryFault::PrincipalNameUnknown, _) => {
            Event::PrincipalNameUnknown { name: failure.subject.clone().unwrap_or_default() }
        }
        (DirectoryFault::PrincipalSidUnknown, _) => {
            Event::PrincipalSidUnknown { sid: failure.subject.clone().unwrap_or_default() }
        }
        (DirectoryFault::NotEncrypted | DirectoryFault::NoKeyService, _) => Event::EncryptionFailed { hr },
        (DirectoryFault::ControllerUnmanaged, _) => Event::DomainControllerUnsupported,
        (DirectoryFault::ControllerUnprotected, _) => Event::DsrmNeedsEncryption,
    }
}

/// Why the root half did not do what it was asked.
pub(super) fn root_half_failed(account: Option<&AccountName>, failure: &RootHalfFailure) -> Event {
    let reason = failure.message.clone();
    match failure.fault {
        None => Event::RootHalfUnreachable { reason },
        Some(fault @ Fault::AccountMissing) => Event::AccountNotFound {
            account: account.map_or_else(|| "uid 0".to_owned(), ToString::to_string),
            hr: fault.into(),
        },
        Some(fault @ (Fault::NoAcceptablePassword | Fault::HashRefused)) => {
            Event::NoAcceptablePassword { hr: fault.into() }
        }
        Some(fault @ Fault::GroupKey) => Event::EncryptionFailed { hr: fault.into() },
        Some(Fault::NotNormalBoot) => Event::BootNotNormal { reason, next_step: failure.next_step.clone() },
        Some(Fault::PossibleClone) => Event::PossibleClone { reason, next_step: failure.next_step.clone() },
        Some(Fault::JournalDamaged) => Event::JournalDamaged { reason },
        Some(
            Fault::AccountNotListed
            | Fault::DirectoryNotListed
            | Fault::ManagedFile
            | Fault::AccountUnsuitable
            | Fault::AccountNotOurs
            | Fault::BudgetSpent
            | Fault::FileLocked
            | Fault::NotWritable
            | Fault::NoSpace
            | Fault::AgeingTooShort
            | Fault::Keytab
            | Fault::Sessions
            | Fault::StaleRun
            | Fault::UnknownVersion
            | Fault::CommitPending
            | Fault::ReceiptInvalid
            | Fault::NoDrift
            | Fault::Malformed
            | Fault::NotAuthorized
            | Fault::Internal,
        ) => Event::ChangeRefused { reason, next_step: failure.next_step.clone() },
    }
}
