//! The accounts of the local files: what stands there, whether it can be changed, and the change itself.
//!
//! The files are read, not NSS: what a directory service says about an account is not ours to change.

pub(crate) mod automatic;
mod error;
mod files;
mod line;
mod lock;
mod shadow;
mod table;

use std::{fs, path::Path};

use lapwing_core::types::{AccountName, FileTime, Uid};
use zeroize::Zeroizing;

use self::line::{GroupLine, LineError, PasswdLine, ShadowLine};
pub(crate) use self::{
    error::{AccountError, io_fault, io_next_step},
    shadow::{Closing, Target, check_replaceable, check_room, clean_up, close, open, put},
};
use crate::root::Root;

/// What the local files say about an account.
pub(crate) struct Account {
    pub(crate) name: AccountName,
    pub(crate) uid: Uid,
    field: Zeroizing<Vec<u8>>,
    /// The longest its password may be used; `None` for ever.
    age_days_max: Option<u32>,
    /// From when on nobody may log on, in days since 1970. shadow(5).
    expires_day: Option<u32>,
}

/// Finds an account: one line in each file, the password in `/etc/shadow` alone, a uid of its own.
///
/// # Errors
/// Whatever of that is not so.
pub(crate) fn find(root: &Root, name: &AccountName) -> Result<Account, AccountError> {
    let etc = root.etc();
    let uid = find_uid(&etc, name)?;
    let path = etc.join("shadow");
    let file = read(&path)?;
    let line = ShadowLine::find(&file, name.as_str()).map_err(|source| line_error(source, name, &path))?;
    let field = Zeroizing::new(line.field::<1>().to_vec());
    Ok(Account {
        name: name.clone(),
        uid,
        field,
        age_days_max: line.number::<4>().filter(|max| *max < AGE_NEVER_DAYS),
        expires_day: line.number::<7>(),
    })
}

/// Finds the account if it is still the one with that uid.
///
/// # Errors
/// [`AccountError::OtherUid`], or as [`find`].
pub(crate) fn find_same(root: &Root, name: &AccountName, uid: Uid) -> Result<Account, AccountError> {
    let account = find(root, name)?;
    if account.uid == uid {
        Ok(account)
    } else {
        Err(AccountError::OtherUid { name: name.clone(), found: account.uid, expected: uid })
    }
}

/// The name of the built-in administrator, uid 0.
///
/// # Errors
/// If no line has that uid; whether several have is for [`find`] to say.
pub(crate) fn built_in_administrator(root: &Root) -> Result<AccountName, AccountError> {
    let file = read(&root.etc().join("passwd"))?;
    name_of_uid(&file, Uid(0)).ok_or(AccountError::NoAdministrator { uid: Uid(0) })
}

/// The uid of a user of the local files, for recognising a caller. `None` if there is none.
///
/// # Errors
/// If `/etc/passwd` cannot be read.
pub(crate) fn uid_of(root: &Root, name: &str) -> Result<Option<Uid>, AccountError> {
    let file = read(&root.etc().join("passwd"))?;
    Ok(PasswdLine::find(&file, name).ok().and_then(|line| line.number::<2>()).map(Uid))
}

/// The number of a group of the local file. group(5).
///
/// # Errors
/// If `/etc/group` cannot be read.
pub(crate) fn group_of(root: &Root, name: &str) -> Result<Option<u32>, AccountError> {
    let file = read(&root.etc().join("group"))?;
    Ok(GroupLine::find(&file, name).ok().and_then(|line| line.number::<2>()))
}

impl Account {
    /// The field of `/etc/shadow`, lock prefix included.
    pub(crate) fn field(&self) -> &[u8] {
        &self.field
    }

    /// The same, kept beyond the account.
    pub(crate) fn into_field(self) -> Zeroizing<Vec<u8>> {
        self.field
    }

    /// Whether it expired on the day by which an account is closed, so that nobody can log on with it.
    pub(crate) fn is_closed(&self) -> bool {
        self.expires_day == Some(CLOSED_DAY)
    }

    /// The field as it was before the account was closed.
    pub(crate) fn open_field(&self) -> &[u8] {
        self.field.strip_prefix(LOCK).unwrap_or(&self.field)
    }

    /// When it expires, as [`crate::closed::Closed`] keeps it.
    fn expiry(&self) -> String {
        self.expires_day.map(|day| day.to_string()).unwrap_or_default()
    }

    /// The account as it was before it was closed.
    pub(crate) fn opened(mut self, expiry: &str) -> Self {
        self.field = Zeroizing::new(self.open_field().to_vec());
        self.expires_day = expiry.parse().ok();
        self
    }

    /// Checks that the account's own ageing lets a password set `today`, in days since 1970, live until `expiry`.
    ///
    /// # Errors
    /// [`AccountError::AgeingTooShort`].
    pub(crate) fn check_outlives(&self, today: u32, expiry: FileTime) -> Result<(), AccountError> {
        match self.last_day(today) {
            Some(last_day) if last_day < day(expiry) => {
                Err(AccountError::AgeingTooShort { name: self.name.clone(), last_day, expiry })
            }
            _ => Ok(()),
        }
    }

    /// The last day on which a password set today works without any question asked. shadow(5).
    fn last_day(&self, today: u32) -> Option<u64> {
        let aged = self.age_days_max.map(|max| u64::from(today) + u64::from(max));
        let expired = self.expires_day.map(|day| u64::from(day).saturating_sub(1));
        aged.into_iter().chain(expired).min()
    }
}

/// What stands before a hash that opens nothing. passwd(1), `--lock`.
const LOCK: &[u8] = b"!";
/// The first day after 1970: long past, so nobody may log on, with a key or a ticket neither. 0 would be ambiguous.
/// shadow(5), field 8.
const CLOSED_DAY: u32 = 1;

/// Days since 1970, as account files count them.
pub(crate) fn day(time: FileTime) -> u64 {
    time.since_unix().as_secs() / 86_400
}

/// From this maximum age on, shadow-utils holds that a password never ages.
const AGE_NEVER_DAYS: u32 = 10_000;

fn find_uid(etc: &Path, name: &AccountName) -> Result<Uid, AccountError> {
    let unsuitable = |why| AccountError::Unsuitable { name: name.clone(), why };
    let path = etc.join("passwd");
    let file = read(&path)?;
    let line = PasswdLine::find(&file, name.as_str()).map_err(|source| line_error(source, name, &path))?;
    let uid = line.number::<2>().ok_or_else(|| unsuitable("its uid is not a number"))?;
    if PasswdLine::each(&file).filter(|line| line.number::<2>() == Some(uid)).count() > 1 {
        return Err(unsuitable("another name has the same uid"));
    }
    if line.field::<1>() != b"x" {
        return Err(unsuitable("its password does not stand in /etc/shadow"));
    }
    Ok(Uid(uid))
}

fn name_of_uid(passwd: &[u8], uid: Uid) -> Option<AccountName> {
    let line = PasswdLine::each(passwd).find(|line| line.number::<2>() == Some(uid.0))?;
    str::from_utf8(line.field::<0>()).ok()?.parse().ok()
}

fn line_error(source: LineError, name: &AccountName, path: &Path) -> AccountError {
    match source {
        LineError::None => AccountError::Missing { name: name.clone() },
        LineError::Several | LineError::Malformed { .. } => {
            AccountError::Line { name: name.clone(), path: path.to_owned(), source }
        }
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, AccountError> {
    fs::read(path).map(Zeroizing::new).map_err(AccountError::io(path))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use lapwing_core::local::root_half::Fault;

    use super::*;
    use crate::test_dir::TestDir;

    const TODAY: u32 = 20_000;

    fn find_in(passwd: &str, shadow: &str) -> Result<Account, AccountError> {
        let dir = TestDir::new();
        dir.write("etc/passwd", passwd.as_bytes());
        dir.write("etc/shadow", shadow.as_bytes());
        find(&Root::new(dir.path()), &"ann".parse().unwrap())
    }

    #[test]
    fn an_account_is_one_line_in_each_file_with_a_uid_of_its_own() {
        let (passwd, shadow) = ("ann:x:1000:1000::/home/ann:/bin/sh\n", "ann:!:1::::::\n");
        assert_eq!(find_in(passwd, shadow).unwrap().uid, Uid(1000));
        let table = [
            ("", shadow, Fault::AccountMissing),
            (passwd, "", Fault::AccountMissing),
            ("ann:x:1000:1000::/:/bin/sh\nbob:x:1000:1000::/:/bin/sh\n", shadow, Fault::AccountUnsuitable),
            ("ann:x:1000:1000::/:/bin/sh\nann:x:1001:1000::/:/bin/sh\n", shadow, Fault::AccountUnsuitable),
            ("ann:$6$a$b:1000:1000::/:/bin/sh\n", shadow, Fault::AccountUnsuitable),
            ("ann:x:-1:1000::/:/bin/sh\n", shadow, Fault::AccountUnsuitable),
            (passwd, "ann:!:1::::::\nann:!:1::::::\n", Fault::AccountUnsuitable),
            (passwd, "ann:!\n", Fault::AccountUnsuitable),
        ];
        for (passwd, shadow, fault) in table {
            assert_eq!(find_in(passwd, shadow).err().map(|e| e.fault()), Some(fault), "{passwd}{shadow}");
        }
    }

    #[test]
    fn ageing_that_ends_before_the_expiry_is_found() {
        let expiry = FileTime::from_unix(Duration::from_hours(24 * (u64::from(TODAY) + 30))).unwrap();
        let table = [
            ("ann:!:1:0:99999:7:::", true),
            ("ann:!:1:0::7:::", true),
            ("ann:!:1:0:30:7:::", true),
            ("ann:!:1:0:29:7:::", false),
            ("ann:!:1:0:99999:7::20031:", true),
            ("ann:!:1:0:99999:7::20030:", false),
            ("ann:!:1:0:99999:7::1:", false),
        ];
        for (shadow, outlives) in table {
            let account = find_in("ann:x:1000:1000::/:/bin/sh\n", shadow).unwrap();
            assert_eq!(account.check_outlives(TODAY, expiry).is_ok(), outlives, "{shadow}");
        }
    }
}
