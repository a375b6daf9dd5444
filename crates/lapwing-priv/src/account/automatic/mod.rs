//! The account that Lapwing owns whole: made, put right, renamed and removed. docs/automatic-accounts.md.
//!
//! The distribution's tools (`useradd`, `usermod`) are not used: they change several files in an order of their own,
//! sync no folder, and cannot be made to finish what a crash left; here every order is chosen for that.
//!
//! INVARIANT: a line of `/etc/passwd` is ours if it has the uid and the name of root's record, or one of the two and a
//! mark of ours: the notice in its GECOS field, or the hash in force. No other line is ever changed.
//!
//! INVARIANT: the line of `/etc/passwd` is the last that is made and the first that goes, so that an account exists whole
//! or not at all; and it changes its name in one rename, so that either the old name with the old password opens it or
//! the new name with the new one.

mod attributes;
mod number;
mod rename;

use lapwing_core::{
    automatic::Attribute,
    types::{AccountName, Uid},
};
use zeroize::Zeroizing;

pub(crate) use self::{attributes::NOTICE, number::free_uid};
use self::{
    attributes::{lock_prefix, settle},
    rename::{forget_name, name_and_set},
};
use super::{
    AccountError,
    files::{EtcFile, Files},
    line_error,
    lock::{AccountLock, LOCK_WAIT_MAX},
    table::Table,
};
use crate::{failpoint, hash::PasswordHash, owned::Owned, root::Root};

/// How many fields a line has. passwd(5), shadow(5), group(5), gshadow(5).
const PASSWD_FIELDS: usize = 7;
const SHADOW_FIELDS: usize = 9;
const GROUP_FIELDS: usize = 4;

/// What the account must be like.
pub(crate) struct Wanted<'a> {
    pub(crate) owned: &'a Owned,
    /// The group that it was in before, if that is another one now.
    pub(crate) former_group: Option<&'a str>,
    /// The hash in force, if its account has one.
    pub(crate) in_force: Option<&'a PasswordHash>,
    /// Days since 1970.
    pub(crate) today: u32,
}

/// DEVIATION(19): a stranger's account of the wanted name stays as it is, and nothing is made.
///
/// Makes the account, or puts right what of it is not as it must be; tells what. May be repeated.
///
/// # Errors
/// [`AccountError::NotOurs`] if its name or its uid belongs to somebody else; nothing is changed then.
pub(crate) fn ensure(root: &Root, wanted: &Wanted<'_>) -> Result<Vec<Attribute>, AccountError> {
    let _lock = AccountLock::acquire(&root.etc(), LOCK_WAIT_MAX)?;
    settle(root, &mut Files::read(root)?, wanted)
}

/// What of it is not as it must be. Nothing is changed.
///
/// # Errors
/// As [`ensure`].
pub(crate) fn inspect(root: &Root, wanted: &Wanted<'_>) -> Result<Vec<Attribute>, AccountError> {
    settle(root, &mut Files::look(root)?, wanted)
}

/// The account's field of `/etc/shadow`, whatever its name is now; none if it is gone, or is not ours any more.
///
/// # Errors
/// [`AccountError`].
pub(crate) fn field(root: &Root, owned: &Owned) -> Result<Option<Zeroizing<Vec<u8>>>, AccountError> {
    let files = Files::look(root)?;
    match locate(&files, owned, None) {
        Ok(Place::Ours(at)) => {
            let name = name_at(&files.passwd, at)?;
            let line = find(&files.shadow, &name, SHADOW_FIELDS)?;
            Ok(line.map(|at| Zeroizing::new(core::mem::take(&mut files.shadow.table.fields(at)[1]))))
        }
        Ok(Place::Nowhere) | Err(AccountError::NotOurs { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives the account this name and this hash in one step. May be repeated: whatever of it was done is found so.
///
/// # Errors
/// [`AccountError::Missing`] if the account is gone; [`AccountError::NotOurs`] if the name is somebody else's.
pub(crate) fn put(
    root: &Root,
    wanted: &Wanted<'_>,
    to: &AccountName,
    hash: &PasswordHash,
) -> Result<(), AccountError> {
    let Wanted { owned, in_force, today, .. } = *wanted;
    let _lock = AccountLock::acquire(&root.etc(), LOCK_WAIT_MAX)?;
    let mut files = Files::read(root)?;
    // A rename that died after its middle has the new name already, and is known by the hash.
    let is_renamed = |at: usize| files.passwd.table.name(at) == to.as_str().as_bytes();
    let of_uid = only_of_uid(&files.passwd, owned)?.filter(|at| is_renamed(*at));
    let at = match of_uid {
        Some(at) => at,
        None => match locate(&files, owned, in_force)? {
            Place::Ours(at) => at,
            Place::Nowhere => return Err(AccountError::Missing { name: owned.name.clone() }),
        },
    };
    let field = [lock_prefix(owned), hash.as_str().as_bytes()].concat();
    name_and_set(&mut files, at, owned, to, Some((&field, today)))?;
    let kept = super::find_same(root, to, owned.uid)?;
    if kept.field() == field { Ok(()) } else { Err(AccountError::NotKept { path: files.shadow.path() }) }
}

/// Lets nobody log on with it any more, if it is there. May be repeated.
///
/// # Errors
/// [`AccountError`].
pub(crate) fn shut(root: &Root, wanted: &Wanted<'_>) -> Result<(), AccountError> {
    let _lock = AccountLock::acquire(&root.etc(), LOCK_WAIT_MAX)?;
    let mut files = Files::read(root)?;
    match locate(&files, wanted.owned, wanted.in_force)? {
        Place::Ours(_) => settle(root, &mut files, wanted).map(drop),
        Place::Nowhere => Ok(()),
    }
}

/// Removes the account and whatever names it. May be repeated.
///
/// # Errors
/// [`AccountError`].
pub(crate) fn remove(
    root: &Root,
    owned: &Owned,
    in_force: Option<&PasswordHash>,
) -> Result<(), AccountError> {
    let _lock = AccountLock::acquire(&root.etc(), LOCK_WAIT_MAX)?;
    let mut files = Files::read(root)?;
    let mut names = vec![owned.name.clone()];
    match locate(&files, owned, in_force) {
        Ok(Place::Ours(at)) => {
            names.push(name_at(&files.passwd, at)?);
            files.passwd.table.remove(at);
        }
        Ok(Place::Nowhere) => {}
        // Ours is gone, and what has its name or number since is not touched.
        Err(AccountError::NotOurs { .. }) => {}
        Err(error) => return Err(error),
    }
    files.passwd.write()?;
    failpoint::hit("remove.after_passwd");
    for name in names {
        forget_name(&mut files, &name, None)?;
    }
    files.write_groups()?;
    files.shadow.write()
}

/// Whether a name stands in any of the files.
///
/// # Errors
/// [`AccountError::Io`].
pub(crate) fn is_taken(root: &Root, name: &AccountName) -> Result<bool, AccountError> {
    let files = Files::look(root)?;
    let has = |table: &Table| table.places().any(|at| table.name(at) == name.as_str().as_bytes());
    Ok([&files.passwd, &files.shadow, &files.group].iter().any(|file| has(&file.table)))
}

/// Where the account's line in `/etc/passwd` is.
enum Place {
    Ours(usize),
    Nowhere,
}

/// Finds it.
fn locate(files: &Files, owned: &Owned, in_force: Option<&PasswordHash>) -> Result<Place, AccountError> {
    let passwd = &files.passwd;
    let by_uid = only_of_uid(passwd, owned)?;
    let by_name = find(passwd, &owned.name, PASSWD_FIELDS)?;
    let not_ours = |at: usize| {
        let name = name_at(passwd, at).unwrap_or_else(|_| owned.name.clone());
        let uid = Uid(passwd.table.number(at, 2).unwrap_or(u32::MAX));
        AccountError::NotOurs { name, uid }
    };
    let is_marked = |at: usize| {
        let fields = passwd.table.fields(at);
        fields.get(4).is_some_and(|gecos| gecos == NOTICE.as_bytes())
            || in_force.is_some_and(|hash| {
                field_of(&files.shadow.table, &fields[0]).is_some_and(|field| hash.stands_in(&field))
            })
    };
    match (by_uid, by_name) {
        (Some(at), Some(same)) if at == same => Ok(Place::Ours(at)),
        // Whether the other was renamed out of the way does not matter: the name is somebody else's now.
        (Some(_), Some(other)) => Err(not_ours(other)),
        (Some(at), None) | (None, Some(at)) if is_marked(at) => Ok(Place::Ours(at)),
        (Some(at), None) | (None, Some(at)) => Err(not_ours(at)),
        (None, None) => Ok(Place::Nowhere),
    }
}

fn only_of_uid(passwd: &EtcFile, owned: &Owned) -> Result<Option<usize>, AccountError> {
    let mut of_uid = passwd.table.places().filter(|at| passwd.table.number(*at, 2) == Some(owned.uid.0));
    let first = of_uid.next();
    match of_uid.next() {
        None => Ok(first),
        Some(_) => {
            Err(AccountError::Unsuitable { name: owned.name.clone(), why: "another name has the same uid" })
        }
    }
}

fn find(file: &EtcFile, name: &AccountName, fields: usize) -> Result<Option<usize>, AccountError> {
    file.table.find(name.as_str(), fields).map_err(|source| line_error(source, name, &file.path()))
}

fn field_of(shadow: &Table, name: &[u8]) -> Option<Vec<u8>> {
    let at = shadow.places().find(|at| shadow.name(*at) == name)?;
    shadow.fields(at).into_iter().nth(1)
}

fn name_at(passwd: &EtcFile, at: usize) -> Result<AccountName, AccountError> {
    let name = String::from_utf8_lossy(passwd.table.name(at));
    name.parse().map_err(|_| AccountError::BadName { name: name.into_owned() })
}
