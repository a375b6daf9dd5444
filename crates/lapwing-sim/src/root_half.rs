//! The host under the root half's protocol: disks that can die inside each write.

use std::collections::BTreeMap;

use lapwing_core::{
    fault::Fault,
    root_half::{Entry, Host, Journal, ProtocolError},
    types::{AccountName, PasswordVersion, Uid},
};

use crate::{
    directory::Secret,
    disk::{Crashed, File, Fuse},
    scenario::Bug,
    time::Time,
};

/// One line of the account file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: AccountName,
    pub(crate) uid: Uid,
    pub(crate) field: Secret,
}

/// What survives a crash.
#[derive(Debug, Clone)]
pub(crate) struct Disks {
    /// Nothing in it is one that is damaged.
    pub(crate) journal: File<Option<Journal<Secret>>>,
    pub(crate) accounts: File<Vec<Account>>,
    /// The disk is full, or not writable.
    pub(crate) is_full: bool,
    /// Somebody keeps the account file's lock.
    pub(crate) is_locked: bool,
}

/// Why a verb does not end as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    Crashed,
    Refused(Fault),
}

impl From<Crashed> for Error {
    fn from(_: Crashed) -> Self {
        Self::Crashed
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Refused(error.fault())
    }
}

/// The host, for as long as one verb takes.
pub(crate) struct SimHost<'a> {
    pub(crate) disks: &'a mut Disks,
    pub(crate) fuse: Fuse,
    /// Every version that the directory has ever held.
    pub(crate) landed: &'a BTreeMap<[u8; 16], Time>,
    /// Whether the directory proves with a signature that it holds a version.
    pub(crate) signs: bool,
    pub(crate) bug: Option<Bug>,
    /// A version that the account was given against the first invariant.
    pub(crate) wrongly_set: Option<PasswordVersion>,
}

impl SimHost<'_> {
    fn check_writable(&self) -> Result<(), Error> {
        if self.disks.is_full { Err(Error::Refused(Fault::NoSpace)) } else { Ok(()) }
    }

    /// Whether the journal on disk, whatever power loss does to it, lets the account have this hash.
    fn may_set(&self, entry: &Entry<Secret>) -> bool {
        let on_disk = &self.disks.journal;
        on_disk.is_durable()
            && self.landed.contains_key(&entry.version.0.to_bytes())
            && on_disk.read().as_ref().is_some_and(|journal| {
                let is_current =
                    journal.current.as_ref().is_some_and(|current| current.version == entry.version);
                is_current || journal.recorded == Some(entry.version)
            })
    }
}

impl Host for SimHost<'_> {
    type Hash = Secret;
    type Content = Secret;
    type Error = Error;

    fn sync(&mut self) -> Result<(), Error> {
        if self.bug != Some(Bug::JournalNotSynced) {
            self.disks.journal.sync();
        }
        Ok(())
    }

    fn load(&self) -> Result<Journal<Secret>, Error> {
        self.disks.journal.read().clone().ok_or(Error::Refused(Fault::JournalDamaged))
    }

    fn save(&mut self, journal: &Journal<Secret>) -> Result<(), Error> {
        self.check_writable()?;
        let file = &mut self.disks.journal;
        match self.bug {
            Some(Bug::JournalNotSynced) => {
                self.fuse.step()?;
                file.replace_unsynced(Some(journal.clone()));
            }
            Some(Bug::JournalInTwoFiles) => {
                let mut without_current = journal.clone();
                without_current.current = file.read().as_ref().and_then(|old| old.current.clone());
                file.replace(Some(without_current), &mut self.fuse)?;
                file.replace(Some(journal.clone()), &mut self.fuse)?;
            }
            Some(_) | None => file.replace(Some(journal.clone()), &mut self.fuse)?,
        }
        Ok(())
    }

    fn field(&self, account: &AccountName, uid: Uid) -> Result<Option<Secret>, Error> {
        let accounts = self.disks.accounts.read();
        let found = accounts.iter().find(|line| line.name == *account && line.uid == uid);
        Ok(found.map(|line| line.field))
    }

    fn is_empty(content: &Secret) -> bool {
        *content == 0
    }

    fn is_locked(_: &Secret) -> bool {
        false
    }

    fn stands(hash: &Secret, content: &Secret) -> bool {
        hash == content
    }

    fn put(&mut self, entry: &Entry<Secret>, _managed_before: bool) -> Result<(), Error> {
        self.check_writable()?;
        if self.disks.is_locked {
            return Err(Error::Refused(Fault::FileLocked));
        }
        let mut accounts = self.disks.accounts.read().clone();
        let line = accounts
            .iter_mut()
            .find(|line| line.name == entry.account && line.uid == entry.uid)
            .ok_or(Error::Refused(Fault::AccountMissing))?;
        line.field = entry.hash;
        if !self.may_set(entry) {
            self.wrongly_set = Some(entry.version);
        }
        self.disks.accounts.replace(accounts, &mut self.fuse)?;
        Ok(())
    }

    fn is_account_missing(error: &Error) -> bool {
        *error == Error::Refused(Fault::AccountMissing)
    }
}
