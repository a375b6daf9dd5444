//! What the version that a directory holds says about the changes of this host. docs/glossary.md, "resolve".

use super::{exchange::Expected, journal::Journal};
use crate::types::PasswordVersion;

/// The meaning of what the directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A candidate's version: an earlier send has landed. Record and commit it.
    Candidate(PasswordVersion),
    /// The version in force: nothing has landed since.
    Current(PasswordVersion),
    /// A version that was in force before: the directory was restored, or this replica of it is behind. Rotate at once,
    /// unless it is behind.
    Replaced(PasswordVersion),
    /// A version that this journal does not know: the host was restored, or somebody else writes. Rotate at once.
    Foreign(PasswordVersion),
    /// One that this host may not read, or cannot tell: none of the journal's current one and candidates, so it was
    /// replaced, was never ours, or there is none. Rotate at once, unless this replica is behind.
    Unreadable,
    /// Nothing, as expected: Lapwing has never stored here.
    Nothing,
    /// Nothing, although a version is in force: the record was emptied or made anew, or this replica has not heard of it
    /// yet. Rotate at once, unless it is behind.
    Vanished,
}

impl Held {
    /// Compares the version that the directory holds with the journal.
    #[must_use]
    pub fn resolve(journal: &Journal, held: Option<PasswordVersion>) -> Self {
        let current = journal.current.as_ref().map(|current| current.version);
        match held {
            Some(version) if journal.candidate(version).is_some() => Self::Candidate(version),
            Some(version) if current == Some(version) => Self::Current(version),
            Some(version) if journal.replaced.contains(&version) => Self::Replaced(version),
            Some(version) => Self::Foreign(version),
            None if current.is_some() => Self::Vanished,
            None => Self::Nothing,
        }
    }

    /// What the next store must find there.
    #[must_use]
    pub const fn expected(self) -> Expected {
        match self {
            Self::Candidate(version)
            | Self::Current(version)
            | Self::Replaced(version)
            | Self::Foreign(version) => Expected::Version(version),
            Self::Nothing | Self::Vanished => Expected::Nothing,
            Self::Unreadable => Expected::AsRead,
        }
    }
}
