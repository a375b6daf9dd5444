//! The verbs of `org.lapwing.Priv`: one request in, one answer out.

mod automatic;
mod change;
mod end_use;
mod error;
mod keytab;
mod prepare;
mod state;

use std::{
    collections::BTreeSet,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use lapwing_core::{
    event::EventId,
    local::root_half::{
        Committed, Counted, Dropped, Ensured, Fault, Journal as Told, Keytab, OfVersion, Prepared, Request,
        UseEnded,
    },
    root_half::{Host as _, RootHalf},
    types::{PasswordVersion, WallTime},
};
use rand_core::CryptoRng;
use serde::Serialize;

pub(crate) use self::error::VerbError;
use crate::{account, boot, closed, host::LinuxHost, journal::JournalFile, log, named, owned, root::Root};

/// What a verb is answered by.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Journal(Box<Told>),
    Prepared(Prepared),
    Counted(Counted),
    Committed(Committed),
    Keytab(HandedOver),
    UseEnded(UseEnded),
    Ensured(Ensured),
    Dropped(Dropped),
}

/// What goes over the socket beside the answer.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct HandedOver {
    answer: Keytab,
    #[serde(skip)]
    descriptor: OwnedFd,
}

impl Answer {
    /// The descriptor that is passed with it.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Keytab(handed_over) => Some(handed_over.descriptor.as_fd()),
            Self::Journal(_)
            | Self::Prepared(_)
            | Self::Counted(_)
            | Self::Committed(_)
            | Self::UseEnded(_)
            | Self::Ensured(_)
            | Self::Dropped(_) => None,
        }
    }
}

/// One request's work: the journal is locked from its start to its end.
struct Work {
    half: RootHalf<LinuxHost>,
}

/// Answers a request and logs it.
///
/// # Errors
/// Why it is refused.
pub(crate) fn answer(
    root: &Root,
    now: WallTime,
    rng: &mut impl CryptoRng,
    request: &Request,
) -> Result<Answer, VerbError> {
    let answer = Work::begin(root, now).and_then(|work| work.answer(request, rng));
    log_verb(request, &answer);
    answer
}

/// Finishes, without network or `lapwingd`, what a crash interrupted.
///
/// # Errors
/// Why that was not possible; `lapwingd` tries again.
pub(crate) fn recover(root: &Root, now: WallTime) -> Result<(), VerbError> {
    let mut work = Work::begin(root, now)?;
    let recovered = work.recover();
    work.name_accounts();
    recovered
}

/// Binds the journal to this machine: root says that no other host has its identity.
///
/// # Errors
/// Why the journal cannot be read or written.
pub(crate) fn adopt(root: &Root, now: WallTime) -> Result<(), VerbError> {
    Work::begin(root, now)?.half.adopt()?;
    log::info("Bound the journal to this machine, as root says", &[("VERB", "adopt")]);
    Ok(())
}

/// Opens the account that was closed because its password could not be changed, if one was: root says so, or Lapwing is removed.
///
/// # Errors
/// Why that was not possible.
pub(crate) fn open(root: &Root, now: WallTime) -> Result<(), VerbError> {
    let mut work = Work::begin(root, now)?;
    let closed = work.half.host.closed.clone();
    work.open_account()?;
    if let Some(closed) = closed {
        let fields = [("VERB", "open"), ("ACCOUNT", closed.account.as_str())];
        log::info("Opened the account that was closed, as root says", &fields);
    }
    Ok(())
}

/// The journal's entries, one a line: `current` or `candidate`, version, account, directory. An account's password is the one of
/// record if there is no candidate.
///
/// # Errors
/// Why the journal cannot be read.
pub(crate) fn show(root: &Root, now: WallTime) -> Result<String, VerbError> {
    let journal = Work::begin(root, now)?.half.journal;
    let current = journal.current.iter().map(|entry| ("current", entry));
    let candidates = journal.candidates.iter().map(|entry| ("candidate", entry));
    let line = |(what, entry): (&str, &crate::host::Entry)| {
        format!("{what} {} {} {}\n", entry.version, entry.account, entry.directory)
    };
    Ok(current.chain(candidates).map(line).collect())
}

impl Work {
    fn begin(root: &Root, now: WallTime) -> Result<Self, VerbError> {
        let file = JournalFile::lock(root)?;
        let (owned, closed) = (owned::load(root)?, closed::load(root)?);
        Ok(Self { half: RootHalf::open(LinuxHost { root: root.clone(), now, file, owned, closed })? })
    }

    const fn now(&self) -> WallTime {
        self.half.host.now
    }

    const fn root(&self) -> &Root {
        &self.half.host.root
    }

    fn answer(mut self, request: &Request, rng: &mut impl CryptoRng) -> Result<Answer, VerbError> {
        match request {
            Request::Begin(request) => {
                self.half.begin(parse(&request.run)?)?;
                self.name_accounts();
                self.state().map(|told| Answer::Journal(Box::new(told)))
            }
            Request::State(request) => {
                self.check_run(&request.run)?;
                self.state().map(|told| Answer::Journal(Box::new(told)))
            }
            Request::Prepare(request) => {
                self.check_run(&request.run)?;
                self.prepare(request, rng).map(Answer::Prepared)
            }
            Request::Ciphertext(request) => {
                let version = self.check_version(request)?;
                self.ciphertext(version).map(Answer::Prepared)
            }
            Request::CountSend(request) => {
                self.check_run(&request.run)?;
                let to = request.to.as_deref().map(parse).transpose()?;
                let unanswered = self.half.count_send(parse(&request.version)?, to, self.now())?;
                Ok(Answer::Counted(Counted { unanswered }))
            }
            Request::Answered(request) => {
                let version = self.check_version(request)?;
                let unanswered = self.half.answered(version)?;
                Ok(Answer::Counted(Counted { unanswered }))
            }
            Request::Commit(request) => {
                self.check_run(&request.run)?;
                let committed = self.commit(request);
                self.name_accounts();
                committed.map(Answer::Committed)
            }
            Request::Reinstate(request) => {
                let version = self.check_version(request)?;
                self.reinstate(version).map(Answer::Committed)
            }
            Request::Keytab(request) => {
                self.check_run(&request.run)?;
                self.keytab().map(Answer::Keytab)
            }
            Request::EndUse(request) => {
                self.check_run(&request.run)?;
                self.end_use(request).map(Answer::UseEnded)
            }
            Request::EnsureAccount(request) => {
                self.check_run(&request.run)?;
                self.ensure_account(request, rng).map(Answer::Ensured)
            }
            Request::DropAccount(request) => {
                self.check_run(&request.run)?;
                let dropped = self.drop_account();
                self.name_accounts();
                dropped.map(Answer::Dropped)
            }
        }
    }

    /// Tells the PAM module which accounts are managed. No verb fails for that: it reports less then.
    fn name_accounts(&self) {
        let journal = &self.half.journal;
        let host = &self.half.host;
        let entries = journal.current.iter().chain(journal.recorded());
        let kept = entries.filter(|entry| !host.is_dropped(entry.uid)).map(|entry| &entry.account);
        // From before its first password on: nobody else is to give it one.
        let own = host.owned.iter().filter(|owned| !owned.is_gone).map(|owned| &owned.name);
        let accounts: BTreeSet<_> = kept.chain(own).collect();
        if let Err(error) = named::write(self.root(), accounts.into_iter()) {
            let reason = error.to_string();
            log::error("The PAM module cannot be told which accounts are managed", &[("REASON", &reason)]);
        }
    }

    fn check_boot(&self) -> Result<(), VerbError> {
        boot::check_normal(self.root()).map_err(VerbError::NotNormalBoot)
    }

    /// Checks that what was recorded as acknowledged may be put into the account.
    fn check_may_finish(&self) -> Result<(), VerbError> {
        match boot::check_normal(self.root()) {
            Err(why) if !why.may_finish() => Err(VerbError::NotNormalBoot(why)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn check_run(&self, run: &str) -> Result<(), VerbError> {
        Ok(self.half.journal.check_run(parse(run)?)?)
    }

    fn check_version(&self, request: &OfVersion) -> Result<PasswordVersion, VerbError> {
        self.check_run(&request.run)?;
        parse(&request.version)
    }
}

/// A value of a request.
fn parse<T: core::str::FromStr<Err: core::fmt::Display>>(text: &str) -> Result<T, VerbError> {
    text.parse().map_err(|error: T::Err| VerbError::Malformed(error.to_string()))
}

fn log_verb(request: &Request, answer: &Result<Answer, VerbError>) {
    let (verb, asked_version) = match request {
        Request::Begin(_) => ("Begin", None),
        Request::State(_) => ("State", None),
        Request::Prepare(_) => ("Prepare", None),
        Request::Ciphertext(request) => ("Ciphertext", Some(&request.version)),
        Request::CountSend(request) => ("CountSend", Some(&request.version)),
        Request::Answered(request) => ("Answered", Some(&request.version)),
        Request::Commit(request) => ("Commit", Some(&request.version)),
        Request::Reinstate(request) => ("Reinstate", Some(&request.version)),
        Request::Keytab(_) => ("Keytab", None),
        Request::EndUse(request) => (end_use::verb_name(request.step), None),
        Request::EnsureAccount(_) => ("EnsureAccount", None),
        Request::DropAccount(_) => ("DropAccount", None),
    };
    let event = match answer {
        Err(error) => Some(refusal_event(error.fault())),
        Ok(Answer::Prepared(_)) => Some(EventId::ChangePrepared),
        Ok(Answer::Committed(_)) if verb == "Reinstate" => Some(EventId::DriftHealed),
        Ok(Answer::Committed(_)) => Some(EventId::AccountUpdated),
        Ok(Answer::Ensured(done)) if done.is_new => Some(EventId::OwnAccountCreated),
        Ok(Answer::Ensured(done)) if !done.repaired.is_empty() => Some(EventId::OwnAccountRepaired),
        Ok(Answer::Dropped(done)) if done.former.is_some() => Some(EventId::FormerAccountDeleted),
        Ok(
            Answer::Journal(_)
            | Answer::Counted(_)
            | Answer::Keytab(_)
            | Answer::UseEnded(_)
            | Answer::Ensured(_)
            | Answer::Dropped(_),
        ) => None,
    };
    let event = event.map(|event| (event.code().to_string(), event.message_id()));
    let (account, version) = match answer {
        Ok(Answer::Prepared(done)) => (Some(&done.account), Some(&done.version)),
        Ok(Answer::Committed(done)) => (Some(&done.account), Some(&done.version)),
        Ok(Answer::Ensured(done)) => (Some(&done.account), None),
        Ok(Answer::Dropped(done)) => (done.former.as_ref().map(|former| &former.account), None),
        Ok(Answer::Journal(_) | Answer::Counted(_) | Answer::Keytab(_) | Answer::UseEnded(_)) | Err(_) => {
            (None, asked_version)
        }
    };
    let mut fields = vec![("VERB", verb)];
    fields.extend(account.map(|account| ("ACCOUNT", account.as_str())));
    fields.extend(version.map(|version| ("PASSWORD_VERSION", version.as_str())));
    if let Some((number, message_id)) = &event {
        fields.extend([("EVENT_ID", number.as_str()), ("MESSAGE_ID", message_id)]);
    }
    match answer {
        Ok(_) => log::info("Did what lapwingd asked", &fields),
        Err(error) => {
            let next_step = error.next_step();
            fields.push(("NEXT_STEP", &next_step));
            log::error(&format!("Refused what lapwingd asked: {}", error.message()), &fields);
        }
    }
}

const fn refusal_event(fault: Fault) -> EventId {
    match fault {
        Fault::JournalDamaged => EventId::JournalDamaged,
        Fault::BudgetSpent => EventId::BudgetExhausted,
        Fault::ReceiptInvalid => EventId::ReceiptInvalid,
        Fault::NotNormalBoot => EventId::BootNotNormal,
        Fault::PossibleClone => EventId::PossibleClone,
        Fault::AccountNotListed
        | Fault::DirectoryNotListed
        | Fault::ManagedFile
        | Fault::AccountMissing
        | Fault::AccountUnsuitable
        | Fault::AccountNotOurs
        | Fault::FileLocked
        | Fault::NotWritable
        | Fault::NoSpace
        | Fault::AgeingTooShort
        | Fault::Keytab
        | Fault::Sessions
        | Fault::NoAcceptablePassword
        | Fault::HashRefused
        | Fault::GroupKey
        | Fault::StaleRun
        | Fault::UnknownVersion
        | Fault::CommitPending
        | Fault::NoDrift
        | Fault::Malformed
        | Fault::NotAuthorized
        | Fault::Internal => EventId::ChangeRefused,
    }
}

/// The user that `lapwingd` runs as.
const CALLER: &str = "lapwing";

/// Checks that a caller with this uid may ask: root and the user of `lapwingd`.
///
/// # Errors
/// [`VerbError::NotAuthorized`].
pub(crate) fn check_caller(root: &Root, uid: u32) -> Result<(), VerbError> {
    let allowed = uid == 0 || account::uid_of(root, CALLER)?.is_some_and(|caller| caller.0 == uid);
    if allowed {
        return Ok(());
    }
    log::error("Refused a caller who may not ask", &[("CALLER_UID", &uid.to_string())]);
    Err(VerbError::NotAuthorized(uid))
}
