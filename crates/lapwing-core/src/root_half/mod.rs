//! The protocol of the root half: what each verb does to journal and account, and in which order.
//!
//! Generic over the [`Host`], so that the program that can change accounts and the simulator run the same lines: the
//! first on files, the second on disks that lose power between any two of their writes.
//!
//! INVARIANT: the account is only ever given a hash whose version the journal on disk says is acknowledged, or is in
//! force. docs/adr/0001-two-processes-one-journal.md.

mod journal;
#[cfg(test)]
mod tests;

pub use journal::{
    CANDIDATES_MAX, COMMITS_MAX, Entry, Journal, ProtocolError, REPLACED_MAX, REPLICATION_MAX, SENDS_MAX,
};

use crate::{
    agent::{self, ClosedAccount, Field, OwnAccount},
    hindrance::Hindrance,
    host_binding::{HostBinding, Origin, Parts},
    mutant::{self, Mutant},
    types::{AccountName, PasswordVersion, Replica, RunId, Uid, WallTime},
};

/// What the protocol needs of the host whose account it changes.
pub trait Host {
    /// A password's hash in the form of the account file.
    type Hash: Clone;
    /// What stands in an account's password field.
    type Content;
    /// Why the host does not do what it is asked.
    type Error: From<ProtocolError>;

    /// Makes sure that a loss of power cannot bring back an older journal than the one on disk now: whoever wrote that may
    /// have died before its last sync.
    ///
    /// # Errors
    /// The disk's.
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// Reads the journal on disk; an empty one if there is none yet.
    ///
    /// # Errors
    /// The disk's, or that the journal is damaged.
    fn load(&self) -> Result<Journal<Self::Hash>, Self::Error>;

    /// Replaces the journal on disk by this one, whole and durably.
    ///
    /// # Errors
    /// The disk's; it then holds what it held before.
    fn save(&mut self, journal: &Journal<Self::Hash>) -> Result<(), Self::Error>;

    /// Reads the password field of an account; none if the account is gone or has another uid.
    ///
    /// # Errors
    /// If that cannot be told.
    fn field(&self, account: &AccountName, uid: Uid) -> Result<Option<Self::Content>, Self::Error>;

    /// Whether that field is empty, so that anybody may log on at some prompts.
    fn is_empty(content: &Self::Content) -> bool;

    /// Whether a lock prefix stands in front of what it is.
    fn is_locked(content: &Self::Content) -> bool;

    /// Whether `hash` is what stands there, a lock prefix left aside.
    fn stands(hash: &Self::Hash, content: &Self::Content) -> bool;

    /// Puts the entry's hash into its account's field, durably, and reads it back. `managed_before` says whose a lock
    /// prefix in front of it is: an administrator's is kept.
    ///
    /// # Errors
    /// The account's or the disk's.
    fn put(&mut self, entry: &Entry<Self::Hash>, managed_before: bool) -> Result<(), Self::Error>;

    /// Whether Lapwing created the account with this uid: its name changes with its password, and a lock prefix of it says
    /// that policy wants it disabled.
    fn is_own(&self, _uid: Uid) -> bool {
        false
    }

    /// Whether Lapwing deleted the account with this uid on purpose.
    fn is_dropped(&self, _uid: Uid) -> bool {
        false
    }

    /// The account that Lapwing created, and what of it is not as it must be. `in_force` is the hash of its password.
    ///
    /// # Errors
    /// If that cannot be told.
    fn own(&self, _in_force: Option<&Self::Hash>) -> Result<Option<OwnAccount>, Self::Error> {
        Ok(None)
    }

    /// The account that is closed until it has another password, if one is, and nobody has opened it since.
    ///
    /// # Errors
    /// If that cannot be told.
    fn closed(&self) -> Result<Option<ClosedAccount>, Self::Error> {
        Ok(None)
    }

    /// Whether that error says that the account is gone or has another uid.
    fn is_account_missing(error: &Self::Error) -> bool;

    /// Why nothing may be changed in this boot.
    fn not_normal(&self) -> Option<Hindrance> {
        None
    }

    /// This machine: its digests with the salt of `bound`, or with a fresh one. A host that knows nothing of that is always
    /// the same.
    /// What cannot be read is left out.
    fn binding(&self, bound: Option<&HostBinding>) -> HostBinding {
        let salt = bound.map_or([0; 16], |bound| bound.salt);
        HostBinding { salt, digests: Parts::default() }
    }

    /// Told when a verb has come so far. Crash tests end the program here.
    fn reached(&mut self, _point: Point) {}
}

/// Where a verb can be interrupted, beside the writes of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The acknowledgement is about to be recorded.
    BeforeRecord,
    /// It is recorded.
    AfterRecord,
    /// The account has the new hash, and the journal does not say so yet.
    BeforeFinish,
    /// The journal says so.
    AfterFinish,
}

/// The journal, taken from its file for one request, and the host.
#[derive(Debug)]
pub struct RootHalf<H: Host> {
    /// What the journal's file holds, but for what a verb under way has not saved yet.
    pub journal: Journal<H::Hash>,
    /// The host.
    pub host: H,
}

impl<H: Host> RootHalf<H> {
    /// Takes the journal of a host for one request. What is read is believed, so it is made durable first.
    ///
    /// # Errors
    /// The host's.
    pub fn open(mut host: H) -> Result<Self, H::Error> {
        host.sync()?;
        Ok(Self { journal: host.load()?, host })
    }

    /// Begins a run of `lapwingd`: verbs of earlier ones are refused from now on.
    ///
    /// # Errors
    /// The host's.
    pub fn begin(&mut self, run: RunId) -> Result<(), H::Error> {
        self.journal.begin(run);
        self.host.save(&self.journal)
    }

    /// The journal without its hashes, and what stands in the account's field.
    ///
    /// # Errors
    /// The host's.
    pub fn state(&self) -> Result<agent::Journal, H::Error> {
        let recorded = self.journal.recorded;
        let tell = |entry: &Entry<H::Hash>| tell(entry, recorded == Some(entry.version));
        Ok(agent::Journal {
            current: self.journal.current.as_ref().map(tell),
            candidates: self.journal.candidates.iter().map(tell).collect(),
            replaced: self.journal.replaced.clone(),
            unanswered: self.journal.unanswered,
            field: self.field()?,
            closed: self.host.closed()?.map(Box::new),
            own: self.host.own(self.journal.current.as_ref().map(|current| &current.hash))?.map(Box::new),
            not_normal: self.host.not_normal().map(Box::new),
            possible_clone: match self.origin() {
                Origin::Same | Origin::Restored => None,
                Origin::PossibleCopy(evidence) => Some(Box::new(Hindrance::from(evidence))),
            },
        })
    }

    /// Whether this is the machine that the journal was written on.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let bound = self.journal.binding.as_ref();
        bound.map_or(Origin::Same, |bound| bound.compare(&self.host.binding(Some(bound)).digests))
    }

    /// Checks that no other host can have this identity, as far as that can be told.
    ///
    /// # Errors
    /// [`ProtocolError::PossibleCopy`].
    pub fn check_origin(&self) -> Result<(), ProtocolError> {
        match self.origin() {
            Origin::Same | Origin::Restored => Ok(()),
            Origin::PossibleCopy(evidence) => Err(ProtocolError::PossibleCopy(evidence)),
        }
    }

    /// Binds the journal to this machine, unless it may be a copy of the one that it is bound to.
    fn bind(&mut self) {
        if self.check_origin().is_ok() {
            let seen = self.host.binding(self.journal.binding.as_ref());
            self.journal.binding =
                Some(self.journal.binding.map_or(seen, |bound| bound.renewed(seen.digests)));
        }
    }

    /// Binds the journal to this machine whatever it was bound to: root says that no other host has this identity.
    ///
    /// # Errors
    /// The host's.
    pub fn adopt(&mut self) -> Result<(), H::Error> {
        self.journal.binding = Some(self.host.binding(None));
        self.host.save(&self.journal)
    }

    /// Compares the account of `current`, or else of the newest candidate, with the journal.
    fn field(&self) -> Result<Field, H::Error> {
        let journal = &self.journal;
        let current = journal.current.as_ref();
        let Some(of) = current.or_else(|| journal.recorded()).or_else(|| journal.candidates.last()) else {
            return Ok(Field::Unmanaged);
        };
        let Some(content) = self.host.field(&of.account, of.uid)? else {
            return Ok(if self.host.is_dropped(of.uid) { Field::Unmanaged } else { Field::Missing });
        };
        let is_own = self.host.is_own(of.uid);
        let stands = |entry: &Entry<H::Hash>| {
            let is_same = entry.uid == of.uid && (is_own || entry.account == of.account);
            is_same && H::stands(&entry.hash, &content)
        };
        Ok(match current {
            Some(current) if stands(current) && H::is_locked(&content) && !is_own => Field::Locked,
            Some(current) if stands(current) => Field::Current,
            _ if journal.candidates.iter().any(stands) => Field::Candidate,
            None => Field::Unmanaged,
            Some(_) if H::is_empty(&content) => Field::Emptied,
            Some(_) => Field::Drifted,
        })
    }

    /// Adds a candidate; the account is unchanged.
    ///
    /// # Errors
    /// [`ProtocolError::CommitPending`], [`ProtocolError::PossibleCopy`], or the host's.
    pub fn prepare(&mut self, entry: Entry<H::Hash>) -> Result<(), H::Error> {
        self.check_origin()?;
        self.journal.add(entry)?;
        self.bind();
        self.host.save(&self.journal)
    }

    /// Counts a send that is about to be made; see [`Journal::count_send`].
    ///
    /// # Errors
    /// As there, or the host's.
    pub fn count_send(
        &mut self,
        version: PasswordVersion,
        to: Option<Replica>,
        now: WallTime,
    ) -> Result<u32, H::Error> {
        let unanswered = self.journal.count_send(version, to, now)?;
        self.host.save(&self.journal)?;
        Ok(unanswered)
    }

    /// Counts a reboot before it is asked for.
    ///
    /// # Errors
    /// As [`Journal::count_reboot`], or the host's.
    pub fn count_reboot(&mut self, now: WallTime, limit: u32) -> Result<(), H::Error> {
        self.journal.count_reboot(now, limit)?;
        self.host.save(&self.journal)
    }

    /// Takes the last counted send back: it was answered, or never made.
    ///
    /// # Errors
    /// As [`Journal::answered`], or the host's.
    pub fn answered(&mut self, version: PasswordVersion) -> Result<u32, H::Error> {
        let unanswered = self.journal.answered(version)?;
        self.host.save(&self.journal)?;
        Ok(unanswered)
    }

    /// Records that the directory holds this version, as told `by` one of its replicas, then puts its hash into the
    /// account. May be repeated: once recorded, `check` is asked no more, and no policy stops the commit.
    ///
    /// # Errors
    /// What `check` says of the candidate, the journal's or the host's. [`ProtocolError::CommitPending`] while another
    /// version is recorded, [`ProtocolError::PossibleCopy`] if none is.
    pub fn commit(
        &mut self,
        version: PasswordVersion,
        by: Option<Replica>,
        now: WallTime,
        check: impl FnOnce(&H, &Entry<H::Hash>) -> Result<(), H::Error>,
    ) -> Result<Entry<H::Hash>, H::Error> {
        if let Some(current) = self.journal.current.as_ref().filter(|current| current.version == version) {
            return Ok(current.clone());
        }
        if self.journal.recorded != Some(version) {
            let entry = self.journal.candidate(version)?;
            self.journal.check_nothing_recorded()?;
            self.check_origin()?;
            check(&self.host, entry)?;
            self.host.reached(Point::BeforeRecord);
            self.journal.record(version, by, now)?;
            if !mutant::is(Mutant::AcknowledgementForgotten) {
                self.host.save(&self.journal)?;
            }
            self.host.reached(Point::AfterRecord);
        }
        self.finish(now)
    }

    /// Puts the recorded candidate's hash into the account and makes it `current`.
    fn finish(&mut self, now: WallTime) -> Result<Entry<H::Hash>, H::Error> {
        let entry = self.journal.recorded().ok_or(ProtocolError::UnknownVersion)?.clone();
        if let Err(error) = self.put(&entry) {
            if H::is_account_missing(&error) {
                self.journal.void();
                self.host.save(&self.journal)?;
            }
            return Err(error);
        }
        self.host.reached(Point::BeforeFinish);
        self.journal.finish(now);
        self.bind();
        self.host.save(&self.journal)?;
        self.host.reached(Point::AfterFinish);
        Ok(entry)
    }

    fn put(&mut self, entry: &Entry<H::Hash>) -> Result<(), H::Error> {
        let managed_before = self.journal.managed_before(&entry.account, entry.uid);
        self.host.put(entry, managed_before)
    }

    /// Puts the hash of `current` back after drift.
    ///
    /// # Errors
    /// [`ProtocolError::NoDrift`] if it stands there, or the host's; that the account is missing is one of these.
    pub fn reinstate(&mut self, version: PasswordVersion) -> Result<Entry<H::Hash>, H::Error> {
        self.journal.check_nothing_recorded()?;
        let current = self
            .journal
            .current
            .as_ref()
            .filter(|current| current.version == version)
            .ok_or(ProtocolError::UnknownVersion)?
            .clone();
        match self.field()? {
            Field::Drifted | Field::Emptied | Field::Candidate | Field::Missing => {}
            Field::Current | Field::Locked | Field::Unmanaged => return Err(ProtocolError::NoDrift.into()),
        }
        self.put(&current)?;
        Ok(current)
    }

    /// At boot, before log-ons are open: commits what is recorded, if anything is.
    ///
    /// # Errors
    /// The host's; `lapwingd` tries again.
    pub fn recover_commit(&mut self, now: WallTime) -> Result<Option<Entry<H::Hash>>, H::Error> {
        self.journal.recorded.map(|_| self.finish(now)).transpose()
    }

    /// At boot, after [`Self::recover_commit`]: refills an emptied field.
    ///
    /// # Errors
    /// The host's; `lapwingd` tries again.
    pub fn recover_field(&mut self) -> Result<Option<Entry<H::Hash>>, H::Error> {
        match (self.journal.current.clone(), self.field()?) {
            (Some(current), Field::Emptied) => {
                self.put(&current)?;
                Ok(Some(current))
            }
            _ => Ok(None),
        }
    }
}

fn tell<H>(entry: &Entry<H>, recorded: bool) -> agent::Entry {
    agent::Entry {
        version: entry.version,
        account: entry.account.clone(),
        uid: entry.uid,
        directory: entry.directory.clone(),
        record: entry.record.clone(),
        expiry: WallTime(entry.expiry),
        prepared: WallTime(entry.prepared),
        recorded,
        sealed: entry.sealed.is_some(),
        encrypted_to: entry.encrypted_to.clone(),
        acknowledged_by: entry.acknowledged_by.clone(),
    }
}
