//! The journal: the only truth of the commit protocol. docs/adr/0001-two-processes-one-journal.md.
//!
//! Pure: what each verb may do to it. The root half keeps it on disk.
//!
//! INVARIANT: a candidate leaves only when one is committed, as the oldest of more than eight, or when its account is
//! gone; one that was sent to another replica than the one that acknowledged the commit stays three hours longer. Once
//! one is recorded nothing but its commit is accepted. No clear text is ever in here.

use core::time::Duration;

use crate::{
    fault::Fault,
    host_binding::{Evidence, HostBinding},
    mutant::{self, Mutant},
    types::{
        AccountName, DirectoryId, EncryptedTo, FileTime, PasswordVersion, RecordId, Replica, RunId, Uid,
        WallTime,
    },
};

/// The most candidates; one more drops the oldest.
pub const CANDIDATES_MAX: usize = 8;
/// The most replaced versions that are remembered.
pub const REPLACED_MAX: usize = 16;
/// The most commits that are remembered, whatever the clock does: the largest budget.
pub const COMMITS_MAX: usize = 100;
/// The most replicas that one password is remembered to have been sent to.
pub const SENDS_MAX: usize = 8;
/// The span that a budget counts in.
const BUDGET_SPAN: Duration = Duration::from_hours(24);
/// How long what one replica of a directory holds may be unknown to another.
pub const REPLICATION_MAX: Duration = Duration::from_hours(3);

/// Everything that must survive a crash. `H` is a password's hash in the form of the host's account file.
///
/// The members are open to whoever keeps the journal on disk; everybody else uses the methods.
#[derive(Debug, Clone)]
pub struct Journal<H> {
    /// The run of `lapwingd` whose verbs are taken.
    pub run: Option<RunId>,
    /// The password in force.
    pub current: Option<Entry<H>>,
    /// Prepared and not committed, oldest first.
    pub candidates: Vec<Entry<H>>,
    /// The candidate whose acknowledgement is recorded.
    pub recorded: Option<PasswordVersion>,
    /// The versions that were in force before, newest last.
    pub replaced: Vec<PasswordVersion>,
    /// Sends in a row without an answer.
    pub unanswered: u32,
    /// Whether the last counted send may still be taken back.
    pub send_open: bool,
    /// When passwords were committed, within the last 24 hours.
    pub commits: Vec<FileTime>,
    /// When reboots were asked for, within the last 24 hours.
    pub reboots: Vec<FileTime>,
    /// The machine that it was last written on by a change or by root's word; none before the first of these.
    pub binding: Option<HostBinding>,
}

/// One password.
#[derive(Debug, Clone)]
pub struct Entry<H> {
    /// Its version.
    pub version: PasswordVersion,
    /// The account it is for.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
    /// Its hash.
    pub hash: H,
    /// The directory it was prepared for.
    pub directory: DirectoryId,
    /// This host's record there.
    pub record: RecordId,
    /// When it expires.
    pub expiry: FileTime,
    /// When it was prepared; of the one in force, when it came into force, so that whatever was prepared earlier shows
    /// to have outlived that commit.
    pub prepared: FileTime,
    /// What the directory stores, where it takes ciphertext.
    pub sealed: Option<Vec<u8>>,
    /// For whom that is, where it is for somebody in Active Directory.
    pub encrypted_to: Option<EncryptedTo>,
    /// The replicas it was sent to, of a directory that has several, each with when last.
    pub sends: Vec<(Replica, FileTime)>,
    /// The replica that acknowledged it, once recorded.
    pub acknowledged_by: Option<Replica>,
}

/// Why the journal does not take a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Another run of `lapwingd` has begun since.
    #[error("the request belongs to an earlier run of lapwingd")]
    StaleRun,
    /// No such candidate, or not the password in force.
    #[error("the journal has no such version in the state that the verb needs")]
    UnknownVersion,
    /// Nothing else is taken before that commit.
    #[error("version {0} is recorded and must be committed first")]
    CommitPending(PasswordVersion),
    /// The account has been changed too often.
    #[error("{limit} changes within 24 hours are the budget of root's file")]
    BudgetSpent {
        /// How many are allowed.
        limit: u32,
    },
    /// The host has been rebooted too often.
    #[error("{limit} reboots within 24 hours are the budget of root's file")]
    RebootsSpent {
        /// How many are allowed.
        limit: u32,
    },
    /// Another host may have this identity.
    #[error("{0}")]
    PossibleCopy(Evidence),
    /// There is nothing to put back.
    #[error("the account's field stands as it should")]
    NoDrift,
}

impl ProtocolError {
    /// The same for the other side of the socket.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::StaleRun => Fault::StaleRun,
            Self::UnknownVersion => Fault::UnknownVersion,
            Self::CommitPending(_) => Fault::CommitPending,
            Self::BudgetSpent { .. } | Self::RebootsSpent { .. } => Fault::BudgetSpent,
            Self::PossibleCopy(_) => Fault::PossibleClone,
            Self::NoDrift => Fault::NoDrift,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::StaleRun => "nothing: lapwingd begins a new run",
            Self::UnknownVersion => "nothing: lapwingd asks for the journal and decides anew",
            Self::CommitPending(_) => "nothing: lapwingd commits the recorded version first",
            Self::BudgetSpent { .. } => {
                "find out why the password changes so often, or raise changes_per_day in managed.toml"
            }
            Self::RebootsSpent { .. } => {
                "find out who uses the account so often, or raise reboots_per_day in managed.toml"
            }
            Self::PossibleCopy(evidence) => evidence.next_step(),
            Self::NoDrift => "nothing: lapwingd asks for the journal and decides anew",
        }
    }
}

// Not derived: no hash is needed for it.
impl<H> Default for Journal<H> {
    fn default() -> Self {
        Self {
            run: None,
            current: None,
            candidates: Vec::new(),
            recorded: None,
            replaced: Vec::new(),
            unanswered: 0,
            send_open: false,
            commits: Vec::new(),
            reboots: Vec::new(),
            binding: None,
        }
    }
}

impl<H> Entry<H> {
    /// Whether a send of it may land, or have landed, elsewhere than where `acknowledged_by` answers for.
    fn may_land_elsewhere(&self, acknowledged_by: Option<&Replica>) -> bool {
        self.sends.iter().any(|(to, _)| Some(to) != acknowledged_by)
    }
}

impl<H> Journal<H> {
    /// Whether it is one that the methods can have led to; one read from a disk may not be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let entries = || self.current.iter().chain(&self.candidates);
        self.candidates.len() <= CANDIDATES_MAX
            && self.replaced.len() <= REPLACED_MAX
            && self.commits.len() <= COMMITS_MAX
            && self.reboots.len() <= COMMITS_MAX
            && self.recorded.is_some() == self.recorded().is_some()
            && entries().all(|entry| entry.sends.len() <= SENDS_MAX)
    }

    /// The candidate whose acknowledgement is recorded.
    #[must_use]
    pub fn recorded(&self) -> Option<&Entry<H>> {
        self.candidates.iter().find(|entry| Some(entry.version) == self.recorded)
    }

    /// The candidate of that version.
    ///
    /// # Errors
    /// [`ProtocolError::UnknownVersion`].
    pub fn candidate(&self, version: PasswordVersion) -> Result<&Entry<H>, ProtocolError> {
        self.candidates.iter().find(|entry| entry.version == version).ok_or(ProtocolError::UnknownVersion)
    }

    /// Begins a run; verbs of earlier ones are refused from now on.
    pub const fn begin(&mut self, run: RunId) {
        self.run = Some(run);
    }

    /// Checks that a verb belongs to the run that began last.
    ///
    /// # Errors
    /// [`ProtocolError::StaleRun`].
    pub fn check_run(&self, run: RunId) -> Result<(), ProtocolError> {
        if self.run == Some(run) { Ok(()) } else { Err(ProtocolError::StaleRun) }
    }

    /// Checks that no recorded change waits for its commit.
    ///
    /// # Errors
    /// [`ProtocolError::CommitPending`].
    pub fn check_nothing_recorded(&self) -> Result<(), ProtocolError> {
        self.recorded.map_or(Ok(()), |version| Err(ProtocolError::CommitPending(version)))
    }

    /// Checks that one more change is within the budget. As every commit drops all other candidates, checking this
    /// before each candidate bounds the commits.
    ///
    /// # Errors
    /// [`ProtocolError::BudgetSpent`].
    pub fn check_budget(&self, now: WallTime, limit: u32) -> Result<(), ProtocolError> {
        if is_within_budget(&self.commits, now, limit) {
            Ok(())
        } else {
            Err(ProtocolError::BudgetSpent { limit })
        }
    }

    /// Counts a reboot.
    ///
    /// # Errors
    /// [`ProtocolError::RebootsSpent`] if it is one too many.
    pub fn count_reboot(&mut self, now: WallTime, limit: u32) -> Result<(), ProtocolError> {
        if !is_within_budget(&self.reboots, now, limit) {
            return Err(ProtocolError::RebootsSpent { limit });
        }
        note_spent(&mut self.reboots, now);
        Ok(())
    }

    /// Whether Lapwing has set this account's password before.
    pub fn managed_before(&self, account: &AccountName, uid: Uid) -> bool {
        self.current.as_ref().is_some_and(|current| current.account == *account && current.uid == uid)
    }

    /// The hash of the password in force, if it is that of the account with this uid.
    pub fn in_force_of(&self, uid: Uid) -> Option<&H> {
        self.current.as_ref().filter(|current| current.uid == uid).map(|current| &current.hash)
    }

    /// Adds a candidate, the ninth in place of the oldest.
    ///
    /// # Errors
    /// [`ProtocolError::CommitPending`], so a recorded one is never dropped.
    pub fn add(&mut self, entry: Entry<H>) -> Result<(), ProtocolError> {
        self.check_nothing_recorded()?;
        if mutant::is(Mutant::CandidateDropped) {
            self.candidates.clear();
        }
        self.candidates.push(entry);
        let beyond = self.candidates.len().saturating_sub(CANDIDATES_MAX);
        self.candidates.drain(..beyond);
        Ok(())
    }

    /// Counts a send that is about to be made, `to` a replica where the directory has several; repeated, it counts
    /// twice, which only makes the caller more careful.
    ///
    /// # Errors
    /// If the version is no candidate, or another is recorded.
    pub fn count_send(
        &mut self,
        version: PasswordVersion,
        to: Option<Replica>,
        now: WallTime,
    ) -> Result<u32, ProtocolError> {
        self.check_nothing_recorded()?;
        let entry = self
            .candidates
            .iter_mut()
            .find(|entry| entry.version == version)
            .ok_or(ProtocolError::UnknownVersion)?;
        if let Some(to) = to {
            entry.sends.retain(|(other, _)| *other != to);
            entry.sends.push((to, now.0));
            let beyond = entry.sends.len().saturating_sub(SENDS_MAX);
            entry.sends.drain(..beyond);
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.send_open = true;
        Ok(self.unanswered)
    }

    /// Takes the last counted send back; repeated, nothing more.
    ///
    /// # Errors
    /// If the version is no candidate.
    pub fn answered(&mut self, version: PasswordVersion) -> Result<u32, ProtocolError> {
        self.candidate(version)?;
        if core::mem::take(&mut self.send_open) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        Ok(self.unanswered)
    }

    /// Records that the directory holds this version, as told `by` one of its replicas. What was sent of others so
    /// long ago that this replica has answered for it too is forgotten now, and not only when the commit is done: by
    /// then, what was on its way now may have been for as long, and nobody has asked since.
    ///
    /// # Errors
    /// If the version is no candidate, or another is recorded already.
    pub fn record(
        &mut self,
        version: PasswordVersion,
        by: Option<Replica>,
        now: WallTime,
    ) -> Result<(), ProtocolError> {
        if self.recorded != Some(version) {
            self.check_nothing_recorded()?;
        }
        self.candidate(version)?;
        for other in &mut self.candidates {
            other.sends.retain(|(_, at)| is_within(now, *at, REPLICATION_MAX));
        }
        let entry = self
            .candidates
            .iter_mut()
            .find(|entry| entry.version == version)
            .ok_or(ProtocolError::UnknownVersion)?;
        entry.acknowledged_by = by;
        self.recorded = Some(version);
        Ok(())
    }

    /// The recorded candidate has been put into the account: it is `current`, the others are dropped but for those of
    /// which a send may still land at another replica.
    pub fn finish(&mut self, now: WallTime) {
        let Some(recorded) = self.recorded.take() else { return };
        let Some(at) = self.candidates.iter().position(|entry| entry.version == recorded) else { return };
        let mut entry = self.candidates.remove(at);
        entry.prepared = now.0;
        let keeps = !mutant::is(Mutant::ElsewhereDropped);
        self.candidates.retain(|other| keeps && other.may_land_elsewhere(entry.acknowledged_by.as_ref()));
        self.replaced.extend(self.current.replace(entry).map(|old| old.version));
        let beyond = self.replaced.len().saturating_sub(REPLACED_MAX);
        self.replaced.drain(..beyond);
        self.unanswered = 0;
        self.send_open = false;
        note_spent(&mut self.commits, now);
    }

    /// The recorded candidate's account is gone: the candidate is void.
    pub fn void(&mut self) {
        if let Some(recorded) = self.recorded.take() {
            self.candidates.retain(|entry| entry.version != recorded);
        }
    }
}

/// Whether one more is allowed.
fn is_within_budget(spent: &[FileTime], now: WallTime, limit: u32) -> bool {
    let spent = spent.iter().filter(|at| is_within(now, **at, BUDGET_SPAN)).count();
    u32::try_from(spent).is_ok_and(|spent| spent < limit)
}

/// Notes one, and forgets what counts no longer.
fn note_spent(spent: &mut Vec<FileTime>, now: WallTime) {
    spent.retain(|at| is_within(now, *at, BUDGET_SPAN));
    spent.push(now.0);
    let beyond = spent.len().saturating_sub(COMMITS_MAX);
    spent.drain(..beyond);
}

/// Whether `time` still counts. One from the future does so too, for as long, in case the clock was set back; one from
/// further ahead comes from a clock that was wrong, and must not block the host until then.
fn is_within(now: WallTime, time: FileTime, span: Duration) -> bool {
    now.0.saturating_since(time) < span && time.saturating_since(now.0) < span
}
