//! The host's disk under the real root half, and a verb that dies at any of its steps.

use lapwing_core::{
    root_half::{Entry, Host, Journal, ProtocolError},
    types::{AccountName, Uid},
};

use crate::mutant::Mutant;

/// A file that is replaced whole. Between its rename and the fsync of its folder every process sees the new content, and
/// a power cut may bring back the old one.
#[derive(Debug, Clone)]
pub(crate) struct File<T> {
    pub(crate) visible: T,
    pub(crate) durable: T,
}

impl<T: Clone> File<T> {
    pub(crate) fn new(content: T) -> Self {
        Self { visible: content.clone(), durable: content }
    }

    /// The fsync of the folder.
    pub(crate) fn sync(&mut self) {
        self.durable = self.visible.clone();
    }

    /// What a power cut leaves: what was written last, if `lucky`.
    pub(crate) fn cut(&mut self, lucky: bool) {
        if lucky {
            self.sync();
        } else {
            self.visible = self.durable.clone();
        }
    }
}

/// What the root half keeps. A hash is the number of its version; 0 stands for the password that the account had before.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) journal: File<Journal<u8>>,
    pub(crate) account: File<u8>,
}

/// Why a verb did not come to its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The root half died.
    Died,
    Refused(ProtocolError),
}

impl From<ProtocolError> for Halt {
    fn from(error: ProtocolError) -> Self {
        Self::Refused(error)
    }
}

/// One request's process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) disk: Disk,
    /// Steps until it dies; none: it lives.
    pub(crate) left: Option<u8>,
    pub(crate) died: bool,
    pub(crate) mutant: Option<Mutant>,
}

impl Process {
    /// Dies here, or goes on.
    pub(crate) fn step(&mut self) -> Result<(), Halt> {
        match &mut self.left {
            Some(0) => {
                self.died = true;
                Err(Halt::Died)
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn replace_journal(&mut self, journal: Journal<u8>) -> Result<(), Halt> {
        self.step()?;
        self.disk.journal.visible = journal;
        self.step()?;
        self.disk.journal.sync();
        Ok(())
    }
}

impl Host for Process {
    type Hash = u8;
    type Content = u8;
    type Error = Halt;

    fn sync(&mut self) -> Result<(), Halt> {
        if self.mutant != Some(Mutant::JournalNotSyncedOnOpen) {
            self.disk.journal.sync();
        }
        Ok(())
    }

    fn load(&self) -> Result<Journal<u8>, Halt> {
        Ok(self.disk.journal.visible.clone())
    }

    fn save(&mut self, journal: &Journal<u8>) -> Result<(), Halt> {
        match self.mutant {
            Some(Mutant::AcknowledgementOnlyInMemory) if journal.recorded.is_some() => return Ok(()),
            Some(Mutant::PreparedNotSynced)
                if journal.candidates.len() > self.disk.journal.visible.candidates.len() =>
            {
                self.disk.journal.visible = journal.clone();
                return Ok(());
            }
            Some(Mutant::JournalInTwoSteps) => {
                let mut half = self.disk.journal.visible.clone();
                half.candidates.clone_from(&journal.candidates);
                half.recorded = journal.recorded;
                self.replace_journal(half)?;
            }
            Some(Mutant::SentElsewhereDropped) if self.disk.journal.visible.recorded > journal.recorded => {
                let mut without = journal.clone();
                without.candidates.clear();
                return self.replace_journal(without);
            }
            _ => {}
        }
        self.replace_journal(journal.clone())
    }

    fn field(&self, _: &AccountName, _: Uid) -> Result<Option<u8>, Halt> {
        Ok(Some(self.disk.account.visible))
    }

    fn is_empty(_: &u8) -> bool {
        false
    }

    fn is_locked(_: &u8) -> bool {
        false
    }

    fn stands(hash: &u8, content: &u8) -> bool {
        hash == content
    }

    /// As the real one, it syncs what an earlier process may have left between rename and fsync.
    fn put(&mut self, entry: &Entry<u8>, _: bool) -> Result<(), Halt> {
        self.step()?;
        self.disk.account.visible = entry.hash;
        if self.mutant != Some(Mutant::AccountNotSynced) {
            self.step()?;
            self.disk.account.sync();
        }
        Ok(())
    }

    fn is_account_missing(_: &Halt) -> bool {
        false
    }
}
