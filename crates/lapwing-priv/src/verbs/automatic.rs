//! The account that Lapwing owns whole: made or put right, and deleted when policy wants it no more.

use lapwing_core::{
    automatic::Attribute,
    local::root_half::{Dropped, EnsureAccount, Ensured, FormerAccount},
    policy::{AutomaticName, Naming},
    types::AccountName,
};
use rand_core::CryptoRng;

use super::{VerbError, Work};
use crate::{
    account::{
        self, AccountError,
        automatic::{self, Wanted},
    },
    failpoint,
    hash::PasswordHash,
    managed::Managed,
    owned::{self, Owned},
    sessions::{self, SessionsError},
};

/// How often a random name is drawn anew because somebody has it.
const DRAWS_MAX: usize = 32;

impl Work {
    /// Makes the account that policy wants, or puts right what is not as it must be.
    pub(super) fn ensure_account(
        &mut self,
        request: &EnsureAccount,
        rng: &mut impl CryptoRng,
    ) -> Result<Ensured, VerbError> {
        self.check_boot()?;
        self.half.check_origin()?;
        self.half.journal.check_nothing_recorded()?;
        let naming = if request.random_suffix { Naming::RandomSuffix } else { Naming::Fixed };
        let naming = AutomaticName::parse(&request.name_or_prefix, naming)
            .map_err(|error| VerbError::Malformed(error.to_string()))?;
        check_name(naming.base())?;
        let managed = Managed::read(self.root())?;
        managed.check_prefix(self.root(), naming.base())?;
        let group = managed.administrators(self.root())?;
        account::check_room(&self.root().state())?;
        account::check_replaceable(self.root())?;

        let before = self.half.host.owned.clone().filter(|owned| !owned.is_gone);
        let owned = match before.clone() {
            Some(before) => Owned { naming, enabled: request.enabled, group, ..before },
            None => Owned {
                name: self.draw_name(&naming, rng)?,
                uid: automatic::free_uid(self.root())?,
                naming,
                enabled: request.enabled,
                group,
                is_gone: false,
            },
        };
        let repaired = match self.settle(owned.clone(), before.as_ref()) {
            // Its number was given away since it was deleted: it gets another.
            Err(VerbError::Account(AccountError::NotOurs { name, .. })) if name != owned.name => {
                let uid = automatic::free_uid(self.root())?;
                self.settle(Owned { uid, ..owned.clone() }, before.as_ref())
            }
            settled => settled,
        };
        let mut repaired = repaired?;
        let owned = self.half.host.owned.clone().unwrap_or(owned);
        // An earlier attempt may have died between the record and the account.
        let has_password = self.in_force(&owned).is_some();
        let is_new = before.is_none() || (!has_password && repaired.contains(&Attribute::Existence));
        let switched = before.as_ref().is_some_and(|before| before.enabled != owned.enabled);
        if switched {
            repaired.retain(|attribute| !matches!(attribute, Attribute::Expiry | Attribute::Lock));
        }
        Ok(Ensured { account: owned.name.to_string(), uid: owned.uid.0, is_new, switched, repaired })
    }

    /// Records what is ours, then makes it so. What is recorded first is what a crash leaves to be finished.
    fn settle(&mut self, owned: Owned, before: Option<&Owned>) -> Result<Vec<Attribute>, VerbError> {
        let former = before.map(|before| before.group.clone()).filter(|group| *group != owned.group);
        // Asked before it is recorded, so that nobody else's account is ever recorded as ours.
        let standing = self.half.host.standing(&owned);
        let wrong = automatic::inspect(self.root(), &self.wanted(&standing, former.as_deref()))?;
        if wrong.is_empty() && self.half.host.owned.as_ref() == Some(&owned) {
            return Ok(wrong);
        }
        self.keep_record(owned.clone())?;
        failpoint::hit("create.after_record");
        Ok(automatic::ensure(self.root(), &self.wanted(&standing, former.as_deref()))?)
    }

    /// Deletes the account that Lapwing made, after its sessions were ended. While a change of its password is under way it
    /// stays.
    pub(super) fn drop_account(&mut self) -> Result<Dropped, VerbError> {
        self.check_boot()?;
        self.half.check_origin()?;
        self.half.journal.check_nothing_recorded()?;
        let Some(owned) = self.half.host.owned.clone().filter(|owned| !owned.is_gone) else {
            return Ok(Dropped { former: None });
        };
        let shut = Owned { enabled: false, ..owned.clone() };
        self.keep_record(shut.clone())?;
        automatic::shut(self.root(), &self.wanted(&shut, None))?;
        if self.root().is_host() {
            end_sessions(&owned)?;
        }
        failpoint::hit("remove.after_sessions");
        automatic::remove(self.root(), &owned, self.in_force(&owned))?;
        failpoint::hit("remove.after_account");
        self.half.host.forget_closed(owned.uid)?;
        self.keep_record(Owned { is_gone: true, ..shut })?;
        let former = FormerAccount { account: owned.name.to_string(), uid: owned.uid.0 };
        Ok(Dropped { former: Some(former) })
    }

    /// The name that the next password comes with: a fresh one where policy wants its end random, the one that policy
    /// gives otherwise. An account that has had no password yet keeps the name that it was made with.
    pub(super) fn next_name(
        &self,
        owned: &Owned,
        rng: &mut impl CryptoRng,
    ) -> Result<AccountName, VerbError> {
        let has_password = self.half.journal.current.as_ref().is_some_and(|current| current.uid == owned.uid);
        if !has_password && owned.naming.fits(&owned.name) {
            return Ok(owned.name.clone());
        }
        match owned.naming.naming() {
            Naming::Fixed if owned.naming.fits(&owned.name) => Ok(owned.name.clone()),
            Naming::Fixed | Naming::RandomSuffix => self.draw_name(&owned.naming, rng),
        }
    }

    fn draw_name(&self, naming: &AutomaticName, rng: &mut impl CryptoRng) -> Result<AccountName, VerbError> {
        let mut drawn = naming.draw(rng);
        for _ in 0..DRAWS_MAX {
            if naming.naming() == Naming::Fixed || !automatic::is_taken(self.root(), &drawn)? {
                break;
            }
            drawn = naming.draw(rng);
        }
        // One that is taken all the same is refused where it would be used.
        Ok(drawn)
    }

    pub(super) fn wanted<'a>(&'a self, owned: &'a Owned, former_group: Option<&'a str>) -> Wanted<'a> {
        Wanted { owned, former_group, in_force: self.in_force(owned), today: self.half.host.today() }
    }

    fn in_force(&self, owned: &Owned) -> Option<&PasswordHash> {
        self.half.journal.in_force_of(owned.uid)
    }

    fn keep_record(&mut self, owned: Owned) -> Result<(), VerbError> {
        owned::save(self.root(), &owned)?;
        self.half.host.owned = Some(owned);
        Ok(())
    }
}

fn end_sessions(owned: &Owned) -> Result<(), SessionsError> {
    sessions::log_off(owned.uid)?;
    sessions::end_processes(owned.uid).map(drop)
}

/// Checks that every tool of the distribution can work with an account of this name. useradd(8), "CAVEATS"; capital
/// letters, of which the default name has some, are no trouble since it was written.
fn check_name(name: &AccountName) -> Result<(), AccountError> {
    let mut bytes = name.as_str().bytes();
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_other = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if bytes.next().is_some_and(is_first) && bytes.all(is_other) {
        Ok(())
    } else {
        Err(AccountError::BadName { name: name.to_string() })
    }
}
