//! One run along the path, and how far it has come.

use std::collections::BTreeSet;

use super::{
    exchange::{Known, Request, RequestId},
    journal::{Entry, Journal},
    outcome::{DirectoryFailure, DirectoryState, Prepared, Session, Told, Written},
    own::AfterDrop,
    plan::{Cause, Plan},
    resolve::Held,
};
use crate::{
    event::Event,
    mutant::{self, Mutant},
    types::{AccountName, DirectoryId, PasswordVersion, RecordId, Uid, WallTime},
};

/// One cycle.
#[derive(Debug, Clone)]
pub(super) struct Cycle {
    /// What set it off.
    pub(super) causes: BTreeSet<Cause>,
    /// Who waits for its end.
    pub(super) requests: Vec<RequestId>,
    /// How often this cycle has started over because the directory held something else than expected.
    pub(super) rounds: u8,
    /// Events of a retry that may turn out to repeat what has been said; `None` once they go straight out.
    pub(super) held_events: Option<Vec<Event>>,
    /// How far it has come.
    pub(super) step: Step,
}

/// Whether a candidate is one that may have been sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// Drawn for this attempt.
    New,
    /// Of an earlier attempt: the very same bytes.
    Again,
}

/// How far a cycle has come: each step waits for the outcome of one action.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The account's files have changed: the root half tells whether that is a cycle's work.
    Looking,
    /// The root half tells its journal.
    ReadingJournal,
    /// An emptied field is refilled at once, directory or not.
    Refilling(Journal),
    /// The policy sources are read.
    ReadingPolicy(Journal),
    /// The account of Lapwing's own is made or put right; the session is there already if the policy was read twice.
    Ensuring(Box<(Aim, Option<Session>)>),
    /// The account of Lapwing's own that policy wants no more is deleted.
    Dropping(AfterDrop),
    /// The directory is discovered and told who we are.
    Connecting(Aim),
    /// The policy is read again, for the directory has announced another lowest age.
    RereadingPolicy(Journal, Session),
    /// The directory tells what it holds.
    ReadingState(Facts),
    /// The hash in force goes back into a field that somebody changed.
    Reinstating(Facts, Held, Stored),
    /// The key to encrypt a password with is asked for.
    FetchingKey(Facts, Held),
    /// A candidate is prepared, or its seal fetched.
    Preparing(Facts, Held, Candidate),
    /// The versions that satisfy actions are saved.
    Binding(Facts, Held, Prepared),
    /// A send is counted.
    Counting(Facts, Held, Prepared),
    /// The directory is sent the password; so many sends, this one included, have no answer.
    Storing(Facts, Prepared, u32),
    /// A send that was answered or never made is uncounted, before the failure is dealt with.
    Uncounting(Facts, Box<DirectoryFailure>),
    /// The root half records and commits.
    Committing(Committing),
}

/// What a cycle aims at before the directory is known.
#[derive(Debug, Clone)]
pub(super) struct Aim {
    pub(super) journal: Journal,
    pub(super) plan: Plan,
    /// The policy root that asks for it, by its event name.
    pub(super) source: Option<&'static str>,
}

/// What a cycle knows once the directory has answered.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) aim: Aim,
    pub(super) session: Session,
}

impl Facts {
    /// The password in force, if it was prepared for this record of this directory.
    pub(super) fn current(&self) -> Option<&Entry> {
        let Session { directory, record, .. } = &self.session;
        self.aim.journal.current.as_ref().filter(|current| current.is_for(directory, record))
    }

    /// What this record may hold of ours: the password in force, and every candidate that was prepared for it.
    pub(super) fn known(&self) -> Vec<Known> {
        let Session { directory, record, .. } = &self.session;
        let journal = &self.aim.journal;
        journal
            .current
            .iter()
            .chain(&journal.candidates)
            .filter(|entry| entry.is_for(directory, record))
            .map(|entry| Known { version: entry.version, expiry: entry.expiry })
            .collect()
    }

    /// What the version that the directory tells of says. One that keeps no versions is taken to hold the password in
    /// force although its expiry was moved, unless a send may have landed there since.
    pub(super) fn held(&self, told: Told) -> Held {
        match (told, self.current()) {
            (Told::Version(version), _) => Held::resolve(&self.aim.journal, version),
            (Told::Nothing, Some(current)) if self.aim.journal.candidates.is_empty() => {
                Held::Current(current.version)
            }
            (Told::Nothing | Told::NoneKnown, _) => Held::Unreadable,
        }
    }
}

/// What is being committed.
#[derive(Debug, Clone)]
pub(super) struct Committing {
    pub(super) version: PasswordVersion,
    pub(super) account: AccountName,
    pub(super) uid: Uid,
    pub(super) expiry: WallTime,
    /// Set if it was prepared in this cycle; otherwise it finishes an earlier one.
    pub(super) prepared_now: Option<PreparedNow>,
}

impl Committing {
    /// Whether the account is known to be a domain controller's emergency account.
    pub(super) fn is_of_controller(&self) -> bool {
        self.prepared_now.as_ref().is_some_and(|now| now.is_controller)
    }

    /// Finishes a change that an earlier cycle, or an earlier run, has prepared.
    pub(super) fn earlier(candidate: &Entry) -> Self {
        Self {
            version: candidate.version,
            account: candidate.account.clone(),
            uid: candidate.uid,
            expiry: candidate.expiry,
            prepared_now: None,
        }
    }
}

/// Marks a commit of this cycle's own change, with what it was asked for by and stored in.
#[derive(Debug, Clone)]
pub(super) struct PreparedNow {
    pub(super) source: Option<&'static str>,
    pub(super) directory: DirectoryId,
    pub(super) record: RecordId,
    /// Whether the account is a domain controller's emergency account.
    pub(super) is_controller: bool,
    /// Whether policy wants an account of Lapwing's own.
    pub(super) wants_own: bool,
}

impl Step {
    /// Whether an action that comes now can still be served by this cycle: it is satisfied by a password that has never
    /// been sent.
    pub(super) const fn can_join_action(&self) -> bool {
        match self {
            Self::ReadingJournal
            | Self::Refilling(_)
            | Self::ReadingPolicy(_)
            | Self::Ensuring(_)
            | Self::Connecting(_)
            | Self::RereadingPolicy(..)
            | Self::ReadingState(_)
            | Self::Reinstating(..)
            | Self::FetchingKey(..)
            | Self::Preparing(_, _, Candidate::New) => true,
            Self::Looking
            | Self::Dropping(_)
            | Self::Preparing(_, _, Candidate::Again)
            | Self::Binding(..)
            | Self::Counting(..)
            | Self::Storing(..)
            | Self::Uncounting(..)
            | Self::Committing(_) => false,
        }
    }

    /// Whether a request that comes now can still be served by this cycle: it joins a running change only before its
    /// store.
    pub(super) fn can_join(&self, request: Request) -> bool {
        match request {
            Request::ResetPassword => match self {
                Self::ReadingJournal
                | Self::Refilling(_)
                | Self::ReadingPolicy(_)
                | Self::Ensuring(_)
                | Self::Connecting(_)
                | Self::RereadingPolicy(..)
                | Self::ReadingState(_)
                | Self::Reinstating(..)
                | Self::FetchingKey(..)
                | Self::Preparing(..)
                | Self::Binding(..) => true,
                // A look is no cycle that could serve anybody, and after a deletion nothing is weighed any more.
                Self::Looking | Self::Dropping(_) => false,
                Self::Counting(..) | Self::Storing(..) | Self::Uncounting(..) | Self::Committing(_) => {
                    mutant::is(Mutant::JoinsAfterStore)
                }
            },
            // A cycle asked for now must see the policy as it is now.
            Request::ProcessPolicy => matches!(self, Self::ReadingJournal | Self::Refilling(_)),
        }
    }
}

/// What a directory tells of the password that it holds, beside its version.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) expiry: Option<WallTime>,
    pub(super) written: Option<Written>,
}

impl Stored {
    pub(super) fn of(state: &DirectoryState) -> Self {
        Self { expiry: state.expiry, written: state.written.clone() }
    }
}
