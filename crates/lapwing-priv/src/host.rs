//! The Linux host under the protocol of [`lapwing_core::root_half`]: its journal file and its account files.

use lapwing_core::{
    agent::{ClosedAccount, OwnAccount},
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
        self, Account, AccountError, Closing, Target,
        automatic::{self, Wanted},
        day,
    },
    binding, boot,
    closed::{self, Closed},
    failpoint,
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
    /// The account that is closed until it has another password, as root's record has it; somebody may have opened it by hand.
    pub(crate) closed: Option<Closed>,
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

    /// The record of this account's having been closed.
    fn closed_of(&self, uid: Uid) -> Option<&Closed> {
        self.closed.as_ref().filter(|closed| closed.uid == uid)
    }

    /// Our account as it has to be now: as if policy did not want it enabled, while it is closed.
    pub(crate) fn standing(&self, owned: &Owned) -> Owned {
        Owned { enabled: owned.enabled && self.closed_of(owned.uid).is_none(), ..owned.clone() }
    }

    /// An account as it was before it was closed, if it is.
    pub(crate) fn as_open(&self, account: Account) -> Account {
        match self.closed_of(account.uid) {
            Some(closed) if account.is_closed() => account.opened(&closed.expiry),
            Some(_) | None => account,
        }
    }

    /// Forgets that this account was closed, now that it is not.
    pub(crate) fn forget_closed(&mut self, uid: Uid) -> Result<(), VerbError> {
        if self.closed_of(uid).is_some() {
            closed::forget(&self.root)?;
            self.closed = None;
        }
        Ok(())
    }

    /// Puts a hash into the account, which stays closed if it is that of the password that the account was closed for.
    fn put_hash(&mut self, entry: &Entry, managed_before: bool, is_kept: bool) -> Result<(), VerbError> {
        let (root, today) = (&self.root, self.today());
        if let Some(owned) = self.owned(entry.uid).cloned() {
            let standing = if is_kept { self.standing(&owned) } else { owned.clone() };
            let wanted = Wanted { owned: &standing, former_group: None, in_force: Some(&entry.hash), today };
            automatic::put(root, &wanted, &entry.account, &entry.hash)?;
            if owned.name != entry.account {
                let renamed = Owned { name: entry.account.clone(), ..owned };
                owned::save(root, &renamed)?;
                self.owned = Some(renamed);
            }
            return Ok(());
        }
        let closing = match self.closed_of(entry.uid) {
            None => Closing::None,
            Some(_) if is_kept => Closing::Kept,
            Some(closed) => Closing::Lifted { expiry: &closed.expiry },
        };
        let target = Target { name: &entry.account, uid: entry.uid, managed_before, today, closing };
        Ok(account::put(root, &target, &entry.hash)?)
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
            Ok(account) => Ok(Some(self.as_open(account).into_field())),
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
        let is_kept = self.closed_of(entry.uid).is_some_and(|closed| closed.version == entry.version);
        self.put_hash(entry, managed_before, is_kept)?;
        if !is_kept {
            self.forget_closed(entry.uid)?;
        }
        Ok(())
    }

    fn is_own(&self, uid: Uid) -> bool {
        self.owned(uid).is_some()
    }

    fn is_dropped(&self, uid: Uid) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.is_gone && owned.uid == uid)
    }

    fn own(&self, in_force: Option<&PasswordHash>) -> Result<Option<OwnAccount>, VerbError> {
        let Some(owned) = self.owned.as_ref().filter(|owned| !owned.is_gone) else { return Ok(None) };
        let standing = self.standing(owned);
        let wanted = Wanted { owned: &standing, former_group: None, in_force, today: self.today() };
        let wrong = match automatic::inspect(&self.root, &wanted) {
            Ok(wrong) => wrong,
            // Somebody else has its name or number: that it is gone is what there is to tell, and why shows once it is
            // to be made again.
            Err(AccountError::NotOurs { .. }) => vec![Attribute::Existence],
            Err(error) => return Err(error.into()),
        };
        Ok(Some(OwnAccount { account: owned.name.clone(), uid: owned.uid, enabled: owned.enabled, wrong }))
    }

    fn closed(&self) -> Result<Option<ClosedAccount>, VerbError> {
        let Some(closed) = &self.closed else { return Ok(None) };
        let tell = |account: &AccountName| ClosedAccount { account: account.clone(), uid: closed.uid };
        // Whether it stands so is for `own` to say: it is put right like the rest.
        if let Some(owned) = self.owned(closed.uid) {
            return Ok(Some(tell(&owned.name)));
        }
        match account::find_same(&self.root, &closed.account, closed.uid) {
            Ok(account) => Ok(account.is_closed().then(|| tell(&closed.account))),
            Err(error) if error.fault() == Fault::AccountMissing => Ok(None),
            Err(error) => Err(error.into()),
        }
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
