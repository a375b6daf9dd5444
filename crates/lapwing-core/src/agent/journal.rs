//! What the machine knows of the root half's journal: everything but the hashes.

use crate::{
    automatic::Attribute,
    hindrance::Hindrance,
    types::{AccountName, DirectoryId, EncryptedTo, PasswordVersion, RecordId, Replica, Uid, WallTime},
};

/// One password of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its version.
    pub version: PasswordVersion,
    /// The account it is for.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
    /// The directory it was prepared for.
    pub directory: DirectoryId,
    /// This host's record there.
    pub record: RecordId,
    /// When it expires.
    pub expiry: WallTime,
    /// When it was prepared; of the one in force, when it came into force, so that whatever was prepared earlier shows
    /// to have outlived that commit.
    pub prepared: WallTime,
    /// Whether the directory's acknowledgement is in the journal.
    pub recorded: bool,
    /// Whether its ciphertext can be had again.
    pub sealed: bool,
    /// For whom that is, where it is for somebody in Active Directory.
    pub encrypted_to: Option<EncryptedTo>,
    /// The replica that acknowledged it, where the directory has several.
    pub acknowledged_by: Option<Replica>,
}

impl Entry {
    /// Whether it was prepared for this record of this directory.
    #[must_use]
    pub fn is_for(&self, directory: &DirectoryId, record: &RecordId) -> bool {
        self.directory == *directory && self.record == *record
    }
}

/// What stands in the account's field, a lock prefix left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Lapwing has not set a password yet.
    Unmanaged,
    /// The hash of `current`.
    Current,
    /// The hash of `current` behind the prefix by which an administrator locks a password.
    Locked,
    /// The hash of a candidate: a commit was interrupted.
    Candidate,
    /// Neither.
    Drifted,
    /// Empty.
    Emptied,
    /// The account is gone, or has another uid.
    Missing,
}

/// The journal as the root half tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The password in force, if Lapwing has ever set one.
    pub current: Option<Entry>,
    /// Prepared and not committed, oldest first.
    pub candidates: Vec<Entry>,
    /// The versions that were in force before `current`, newest last.
    pub replaced: Vec<PasswordVersion>,
    /// Sends in a row without an answer.
    pub unanswered: u32,
    /// What stands in the account's field.
    pub field: Field,
    /// The account that Lapwing created, if there is one.
    pub own: Option<Box<OwnAccount>>,
    /// Why nothing is changed in this boot, if nothing is.
    pub not_normal: Option<Box<Hindrance>>,
    /// Why this host may be a copy of another, if it may.
    pub possible_clone: Option<Box<Hindrance>>,
    /// The account that is closed until it has another password.
    pub closed: Option<Box<ClosedAccount>>,
}

/// An account that nobody can log on with until it has another password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedAccount {
    /// Its name.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
}

/// The account that Lapwing created and owns whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAccount {
    /// Its name.
    pub account: AccountName,
    /// Its uid, which stays when it is renamed.
    pub uid: Uid,
    /// Whether policy wanted it enabled when it was last put right.
    pub enabled: bool,
    /// What of it is not as it must be.
    pub wrong: Vec<Attribute>,
}

impl Journal {
    /// The candidate whose acknowledgement is recorded, so that only its commit is left to do.
    #[must_use]
    pub fn recorded(&self) -> Option<&Entry> {
        self.candidates.iter().find(|candidate| candidate.recorded)
    }

    /// The candidates of a change that was begun since the last commit. Others outlive a commit only because they may
    /// still land elsewhere.
    pub fn unfinished(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        let since = self.current.as_ref().map(|current| current.prepared);
        self.candidates.iter().filter(move |candidate| since.is_none_or(|since| candidate.prepared >= since))
    }

    /// The candidate of this version.
    #[must_use]
    pub fn candidate(&self, version: PasswordVersion) -> Option<&Entry> {
        self.candidates.iter().find(|candidate| candidate.version == version)
    }
}
