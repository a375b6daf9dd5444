//! The journal: the only truth of the commit protocol. docs/adr/0001-two-processes-one-journal.md.
//!
//! Pure: what each verb may do to it. [`mod@file`] keeps it on disk.
//!
//! INVARIANT: a candidate leaves only when one is committed, as the oldest of more than eight, or when its account is
//! gone. Once one is recorded nothing but its commit is accepted. No clear text is ever in here.

mod disk;
pub(crate) mod file;

use core::time::Duration;

use lapwing_core::{
    local::root_half::Fault,
    types::{AccountName, DirectoryId, FileTime, PasswordVersion, RecordId, RunId, Uid, WallTime},
};

use crate::hash::PasswordHash;

/// The most candidates; one more drops the oldest.
pub(crate) const CANDIDATES_MAX: usize = 8;
/// The most replaced versions that are remembered.
pub(crate) const REPLACED_MAX: usize = 16;
/// The most commits that are remembered, whatever the clock does: the largest budget.
pub(crate) const COMMITS_MAX: usize = 100;
/// The span that a budget counts in.
const BUDGET_SPAN: Duration = Duration::from_hours(24);

/// Everything that must survive a crash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    run: Option<RunId>,
    current: Option<Entry>,
    candidates: Vec<Entry>,
    recorded: Option<PasswordVersion>,
    replaced: Vec<PasswordVersion>,
    unanswered: u32,
    /// Whether the last counted send may still be taken back.
    send_open: bool,
    /// When passwords were committed, within the last [`BUDGET_SPAN`].
    commits: Vec<FileTime>,
}

/// One password.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) version: PasswordVersion,
    pub(crate) account: AccountName,
    pub(crate) uid: Uid,
    pub(crate) hash: PasswordHash,
    pub(crate) directory: DirectoryId,
    pub(crate) record: RecordId,
    pub(crate) expiry: FileTime,
    pub(crate) prepared: FileTime,
    /// What the directory stores, where it takes ciphertext.
    pub(crate) sealed: Option<Vec<u8>>,
}

/// Why the journal does not take a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("the request belongs to an earlier run of lapwingd")]
    StaleRun,
    #[error("the journal has no such version in the state that the verb needs")]
    UnknownVersion,
    #[error("version {0} is recorded and must be committed first")]
    CommitPending(PasswordVersion),
    #[error("{limit} changes within 24 hours are the budget of root's file")]
    BudgetSpent { limit: u32 },
}

impl ProtocolError {
    pub(crate) const fn fault(&self) -> Fault {
        match self {
            Self::StaleRun => Fault::StaleRun,
            Self::UnknownVersion => Fault::UnknownVersion,
            Self::CommitPending(_) => Fault::CommitPending,
            Self::BudgetSpent { .. } => Fault::BudgetSpent,
        }
    }

    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::StaleRun => "nothing: lapwingd begins a new run",
            Self::UnknownVersion => "nothing: lapwingd asks for the journal and decides anew",
            Self::CommitPending(_) => "nothing: lapwingd commits the recorded version first",
            Self::BudgetSpent { .. } => {
                "find out why the password changes so often, or raise changes_per_day in managed.toml"
            }
        }
    }
}

impl Journal {
    pub(crate) const fn current(&self) -> Option<&Entry> {
        self.current.as_ref()
    }

    pub(crate) fn candidates(&self) -> &[Entry] {
        &self.candidates
    }

    pub(crate) fn replaced(&self) -> &[PasswordVersion] {
        &self.replaced
    }

    pub(crate) const fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// The candidate whose acknowledgement is recorded.
    pub(crate) fn recorded(&self) -> Option<&Entry> {
        self.candidates.iter().find(|entry| Some(entry.version) == self.recorded)
    }

    /// The candidate of that version.
    ///
    /// # Errors
    /// [`ProtocolError::UnknownVersion`].
    pub(crate) fn candidate(&self, version: PasswordVersion) -> Result<&Entry, ProtocolError> {
        self.candidates.iter().find(|entry| entry.version == version).ok_or(ProtocolError::UnknownVersion)
    }

    /// Begins a run; verbs of earlier ones are refused from now on.
    pub(crate) const fn begin(&mut self, run: RunId) {
        self.run = Some(run);
    }

    /// Checks that a verb belongs to the run that began last.
    ///
    /// # Errors
    /// [`ProtocolError::StaleRun`].
    pub(crate) fn check_run(&self, run: RunId) -> Result<(), ProtocolError> {
        if self.run == Some(run) { Ok(()) } else { Err(ProtocolError::StaleRun) }
    }

    /// Checks that no recorded change waits for its commit.
    ///
    /// # Errors
    /// [`ProtocolError::CommitPending`].
    pub(crate) fn check_nothing_recorded(&self) -> Result<(), ProtocolError> {
        self.recorded.map_or(Ok(()), |version| Err(ProtocolError::CommitPending(version)))
    }

    /// Checks that one more change is within the budget. As every commit drops all other candidates, checking this
    /// before each candidate bounds the commits.
    ///
    /// # Errors
    /// [`ProtocolError::BudgetSpent`].
    pub(crate) fn check_budget(&self, now: WallTime, limit: u32) -> Result<(), ProtocolError> {
        let spent = self.commits.iter().filter(|commit| is_within_budget_span(now, **commit)).count();
        if u32::try_from(spent).is_ok_and(|spent| spent < limit) {
            Ok(())
        } else {
            Err(ProtocolError::BudgetSpent { limit })
        }
    }

    /// Whether Lapwing has set this account's password before.
    pub(crate) fn managed_before(&self, account: &AccountName, uid: Uid) -> bool {
        self.current.as_ref().is_some_and(|current| current.account == *account && current.uid == uid)
    }

    /// Adds a candidate, the ninth in place of the oldest.
    ///
    /// # Errors
    /// [`ProtocolError::CommitPending`], so a recorded one is never dropped.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<(), ProtocolError> {
        self.check_nothing_recorded()?;
        self.candidates.push(entry);
        let beyond = self.candidates.len().saturating_sub(CANDIDATES_MAX);
        self.candidates.drain(..beyond);
        Ok(())
    }

    /// Counts a send that is about to be made; repeated, it counts twice, which only makes the caller more careful.
    ///
    /// # Errors
    /// If the version is no candidate, or another is recorded.
    pub(crate) fn count_send(&mut self, version: PasswordVersion) -> Result<u32, ProtocolError> {
        self.check_nothing_recorded()?;
        self.candidate(version)?;
        self.unanswered = self.unanswered.saturating_add(1);
        self.send_open = true;
        Ok(self.unanswered)
    }

    /// Takes the last counted send back; repeated, nothing more.
    ///
    /// # Errors
    /// If the version is no candidate.
    pub(crate) fn answered(&mut self, version: PasswordVersion) -> Result<u32, ProtocolError> {
        self.candidate(version)?;
        if core::mem::take(&mut self.send_open) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        Ok(self.unanswered)
    }

    /// Records that the directory holds this version.
    ///
    /// # Errors
    /// If the version is no candidate, or another is recorded already.
    pub(crate) fn record(&mut self, version: PasswordVersion) -> Result<(), ProtocolError> {
        self.candidate(version)?;
        if self.recorded != Some(version) {
            self.check_nothing_recorded()?;
        }
        self.recorded = Some(version);
        Ok(())
    }

    /// The recorded candidate has been put into the account: it is `current`, the others are dropped.
    pub(crate) fn finish(&mut self, now: WallTime) {
        let Some(recorded) = self.recorded.take() else { return };
        let Some(at) = self.candidates.iter().position(|entry| entry.version == recorded) else { return };
        let entry = self.candidates.swap_remove(at);
        self.candidates.clear();
        self.replaced.extend(self.current.replace(entry).map(|old| old.version));
        let beyond = self.replaced.len().saturating_sub(REPLACED_MAX);
        self.replaced.drain(..beyond);
        self.unanswered = 0;
        self.send_open = false;
        self.commits.retain(|commit| is_within_budget_span(now, *commit));
        self.commits.push(now.0);
        let beyond = self.commits.len().saturating_sub(COMMITS_MAX);
        self.commits.drain(..beyond);
    }

    /// The recorded candidate's account is gone: the candidate is void.
    pub(crate) fn void(&mut self) {
        if let Some(recorded) = self.recorded.take() {
            self.candidates.retain(|entry| entry.version != recorded);
        }
    }
}

/// Whether a commit counts still. One from the future does so too, for as long, in case the clock was set back; one
/// from further ahead comes from a clock that was wrong, and must not block the host until then.
fn is_within_budget_span(now: WallTime, commit: FileTime) -> bool {
    now.0.saturating_since(commit) < BUDGET_SPAN && commit.saturating_since(now.0) < BUDGET_SPAN
}

#[cfg(test)]
mod tests;
