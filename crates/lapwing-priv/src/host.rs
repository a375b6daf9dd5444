//! The Linux host under the protocol of [`lapwing_core::root_half`]: its journal file and its account files.

use lapwing_core::{
    agent::OwnAccount,
    automatic::Attribute,
    hindrance::Hindrance,
    host_binding::HostBinding,
    local::root_half::Fault,
    root_half::{self, Host, Point},
    types::{AccountName, Uid, WallTime},
};
use zeroize::Zeroizing;

use crate::{
    account::{
        self, AccountError, Target,
        automatic::{self, Wanted},
        day,
    },
    binding, boot, failpoint,
    hash::PasswordHash,
    journal::JournalFile,
    managed::Managed,
    owned::{self, Owned},
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
    /// The account that Lapwing created, as root's record has it.
    pub(crate) owned: Option<Owned>,
}

impl LinuxHost {
    /// Days since 1970.
    pub(crate) fn today(&self) -> u32 {
        u32::try_from(day(self.now.0)).unwrap_or(u32::MAX)
    }

    /// The account that Lapwing created, if this is its uid.
    pub(crate) fn owned(&self, uid: Uid) -> Option<&Owned> {
        self.owned.as_ref().filter(|owned| !owned.is_gone && owned.uid == uid)
    }

    /// Checks that root's file allows this account: by name or number, or by prefix one that Lapwing created.
    pub(crate) fn check_account(
        &self,
        managed: &Managed,
        account: &AccountName,
        uid: Uid,
    ) -> Result<(), VerbError> {
        match self.owned(uid) {
            Some(_) => managed.check_prefix(&self.root, account)?,
            None => managed.check_account(&self.root, account, uid)?,
        }
        Ok(())
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
        // Its name changes with its password, so that it is looked up by the uid, which stays.
        if let Some(owned) = self.owned(uid) {
            return Ok(automatic::field(&self.root, owned)?);
        }
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
        if let Some(owned) = self.owned(entry.uid).cloned() {
            let (root, today) = (&self.root, self.today());
            automatic::put(root, &owned, &entry.account, &entry.hash, Some(&entry.hash), today)?;
            if owned.name != entry.account {
                let renamed = Owned { name: entry.account.clone(), ..owned };
                owned::save(root, &renamed)?;
                self.owned = Some(renamed);
            }
            return Ok(());
        }
        let target = Target { name: &entry.account, uid: entry.uid, managed_before, today: self.today() };
        Ok(account::put(&self.root, &target, &entry.hash)?)
    }

    fn is_own(&self, uid: Uid) -> bool {
        self.owned(uid).is_some()
    }

    fn is_dropped(&self, uid: Uid) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.is_gone && owned.uid == uid)
    }

    fn own(&self, in_force: Option<&PasswordHash>) -> Result<Option<OwnAccount>, VerbError> {
        let Some(owned) = self.owned.as_ref().filter(|owned| !owned.is_gone) else { return Ok(None) };
        let wanted = Wanted { owned, former_group: None, in_force, today: self.today() };
        let wrong = match automatic::inspect(&self.root, &wanted) {
            Ok(wrong) => wrong,
            // Somebody else has its name or number: that it is gone is what there is to tell, and why shows once it is
            // to be made again.
            Err(AccountError::NotOurs { .. }) => vec![Attribute::Existence],
            Err(error) => return Err(error.into()),
        };
        Ok(Some(OwnAccount { account: owned.name.clone(), uid: owned.uid, enabled: owned.enabled, wrong }))
    }

    fn is_account_missing(error: &VerbError) -> bool {
        error.fault() == Fault::AccountMissing
    }

    fn not_normal(&self) -> Option<Hindrance> {
        boot::check_normal(&self.root).err().map(Hindrance::from)
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
