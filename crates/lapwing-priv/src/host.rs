//! The Linux host under the protocol of [`lapwing_core::root_half`]: its journal file and its account files.

use lapwing_core::{
    agent::NotNormalBoot,
    host_binding::HostBinding,
    local::root_half::Fault,
    root_half::{self, Host, Point},
    types::{AccountName, Uid, WallTime},
};
use zeroize::Zeroizing;

use crate::{
    account::{self, Target, day},
    binding, boot, failpoint,
    hash::PasswordHash,
    journal::JournalFile,
    root::Root,
    verbs::VerbError,
};

/// One password of the journal.
pub(crate) type Entry = root_half::Entry<PasswordHash>;
/// The journal.
pub(crate) type Journal = root_half::Journal<PasswordHash>;

/// This host; its journal is locked for as long as this lives.
pub(crate) struct LinuxHost {
    pub(crate) root: Root,
    pub(crate) now: WallTime,
    pub(crate) file: JournalFile,
}

impl LinuxHost {
    /// Days since 1970.
    pub(crate) fn today(&self) -> u32 {
        u32::try_from(day(self.now.0)).unwrap_or(u32::MAX)
    }
}

impl Host for LinuxHost {
    type Hash = PasswordHash;
    type Content = Zeroizing<Vec<u8>>;
    type Error = VerbError;

    fn sync(&mut self) -> Result<(), VerbError> {
        Ok(self.file.sync()?)
    }

    fn load(&self) -> Result<Journal, VerbError> {
        Ok(self.file.load()?)
    }

    fn save(&mut self, journal: &Journal) -> Result<(), VerbError> {
        Ok(self.file.save(journal)?)
    }

    fn field(&self, account: &AccountName, uid: Uid) -> Result<Option<Zeroizing<Vec<u8>>>, VerbError> {
        match account::find_same(&self.root, account, uid) {
            Ok(account) => Ok(Some(account.into_field())),
            Err(error) if error.fault() == Fault::AccountMissing => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_empty(content: &Zeroizing<Vec<u8>>) -> bool {
        content.is_empty()
    }

    fn is_locked(content: &Zeroizing<Vec<u8>>) -> bool {
        content.starts_with(b"!")
    }

    fn stands(hash: &PasswordHash, content: &Zeroizing<Vec<u8>>) -> bool {
        hash.stands_in(content)
    }

    fn put(&mut self, entry: &Entry, managed_before: bool) -> Result<(), VerbError> {
        let target = Target { name: &entry.account, uid: entry.uid, managed_before, today: self.today() };
        Ok(account::put(&self.root, &target, &entry.hash)?)
    }

    fn is_account_missing(error: &VerbError) -> bool {
        error.fault() == Fault::AccountMissing
    }

    fn not_normal(&self) -> Option<NotNormalBoot> {
        boot::check_normal(&self.root).err().map(NotNormalBoot::from)
    }

    fn binding(&self, bound: Option<&HostBinding>) -> HostBinding {
        binding::of(&self.root, bound)
    }

    fn reached(&mut self, point: Point) {
        failpoint::hit(match point {
            Point::BeforeRecord => "commit.before_record",
            Point::AfterRecord => "commit.after_record",
            Point::BeforeFinish => "commit.before_journal",
            Point::AfterFinish => "commit.after_journal",
        });
    }
}
