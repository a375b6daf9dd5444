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

use lapwing_core::{
    automatic::Attribute,
    types::{AccountName, Uid},
};
use zeroize::Zeroizing;

use super::{
    AGE_NEVER_DAYS, AccountError,
    files::{EtcFile, Files},
    line::LineError,
    line_error,
    lock::{AccountLock, LOCK_WAIT_MAX},
    read,
    table::{Fields, Table, members, replaced},
};
use crate::{
    failpoint,
    hash::{PasswordHash, without_lock},
    owned::Owned,
    root::Root,
};

/// What stands in the GECOS field. Without a comma, which would part it, and without a full stop, as names have none.
pub(crate) const NOTICE: &str = "Local administrator managed by Lapwing";
/// There is no such folder, so no file of anybody's is read at a log-on. It is what distributions give to accounts
/// without one.
const HOME: &str = "/nonexistent";
/// The first that the host has.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// The first day after 1970: long past, so nobody may log on, with a key or a ticket neither. 0 would be ambiguous.
/// shadow(5), field 8.
const EXPIRED: &[u8] = b"1";

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
    owned: &Owned,
    to: &AccountName,
    hash: &PasswordHash,
    in_force: Option<&PasswordHash>,
    today: u32,
) -> Result<(), AccountError> {
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

/// Draws the highest number of the range for system accounts that no user and no group has. login.defs(5).
///
/// System accounts are left out of greeters and of what tools do for people, and `systemd-sysusers` looks for a free
/// number too, from the top down like this.
///
/// # Errors
/// [`AccountError::NoFreeUid`].
pub(crate) fn free_uid(root: &Root) -> Result<Uid, AccountError> {
    let files = Files::look(root)?;
    let defaults = read(&root.etc().join("login.defs")).unwrap_or_default();
    let (min, max) = system_uids(&String::from_utf8_lossy(&defaults));
    let is_free = |uid: &u32| {
        [&files.passwd.table, &files.group.table]
            .iter()
            .all(|table| table.places().all(|at| table.number(at, 2) != Some(*uid)))
    };
    (min..=max).rev().find(is_free).map(Uid).ok_or(AccountError::NoFreeUid { min, max })
}

fn system_uids(login_defs: &str) -> (u32, u32) {
    let value = |name: &str| {
        login_defs.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(name)).then(|| words.next()?.parse::<u32>().ok())?
        })
    };
    let above = value("UID_MIN").unwrap_or(1000);
    let max = value("SYS_UID_MAX").unwrap_or_else(|| above.saturating_sub(1));
    // 0 is the superuser's, whatever the file says.
    (value("SYS_UID_MIN").unwrap_or(101).max(1), max)
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

/// Makes the files say what they must; tells what they did not.
fn settle(root: &Root, files: &mut Files, wanted: &Wanted<'_>) -> Result<Vec<Attribute>, AccountError> {
    let gid = group_number(files, &wanted.owned.group)?;
    let shell = SHELLS.iter().find(|shell| root.within(shell.as_ref()).exists()).unwrap_or(&SHELLS[1]);
    match locate(files, wanted.owned, wanted.in_force)? {
        Place::Ours(at) => put_right(files, at, gid, shell, wanted),
        Place::Nowhere => {
            create(files, gid, shell, wanted)?;
            Ok(vec![Attribute::Existence])
        }
    }
}

fn create(files: &mut Files, gid: u32, shell: &str, wanted: &Wanted<'_>) -> Result<(), AccountError> {
    let owned = wanted.owned;
    // The password of record opens it at once, for that is what the directory holds.
    let password = match wanted.in_force {
        Some(hash) => [lock_prefix(owned), hash.as_str().as_bytes()].concat(),
        None => b"!*".to_vec(),
    };
    let line = shadow_line(owned, password, wanted.today);
    match find(&files.shadow, &owned.name, SHADOW_FIELDS)? {
        // A crash, or whoever removed the account, has left it.
        Some(at) => files.shadow.table.set(at, &line),
        None => files.shadow.table.add(&line),
    }
    files.shadow.write()?;
    failpoint::hit("create.after_shadow");
    be_member(files, wanted)?;
    files.write_groups()?;
    failpoint::hit("create.after_group");
    let (uid, gid) = (owned.uid.to_string(), gid.to_string());
    let fields = [owned.name.as_str(), "x", &uid, &gid, NOTICE, HOME, shell];
    files.passwd.table.add(&fields.map(|field| field.as_bytes().to_vec()).into());
    files.passwd.write()?;
    failpoint::hit("create.after_passwd");
    Ok(())
}

fn put_right(
    files: &mut Files,
    at: usize,
    gid: u32,
    shell: &str,
    wanted: &Wanted<'_>,
) -> Result<Vec<Attribute>, AccountError> {
    let owned = wanted.owned;
    let mut wrong = Vec::new();
    if files.passwd.table.name(at) != owned.name.as_str().as_bytes() {
        wrong.push(Attribute::Name);
        name_and_set(files, at, owned, &owned.name, None)?;
    }
    wrong.extend(put_right_shadow(files, wanted)?);
    files.shadow.write()?;
    if be_member(files, wanted)? {
        wrong.push(Attribute::Membership);
    }
    files.write_groups()?;

    let (uid, gid) = (owned.uid.to_string(), gid.to_string());
    let must_be = [
        (1, "x", Attribute::PasswordPlace),
        (2, &uid, Attribute::Uid),
        (3, &gid, Attribute::PrimaryGroup),
        (4, NOTICE, Attribute::Notice),
        (5, HOME, Attribute::Home),
        (6, shell, Attribute::Shell),
    ];
    let mut fields = files.passwd.table.fields(at);
    for (field, value, attribute) in must_be {
        if fields[field] != value.as_bytes() {
            fields[field] = value.as_bytes().to_vec();
            wrong.push(attribute);
        }
    }
    files.passwd.table.set(at, &fields);
    files.passwd.write()?;
    wrong.sort_unstable();
    Ok(wrong)
}

/// The line of `/etc/shadow`, but for the password itself, which is the journal's matter.
fn put_right_shadow(files: &mut Files, wanted: &Wanted<'_>) -> Result<Vec<Attribute>, AccountError> {
    let owned = wanted.owned;
    let Some(at) = find(&files.shadow, &owned.name, SHADOW_FIELDS)? else {
        let line = shadow_line(owned, b"!*".to_vec(), wanted.today);
        files.shadow.table.add(&line);
        return Ok(vec![Attribute::PasswordPlace]);
    };
    let mut wrong = Vec::new();
    let mut fields = files.shadow.table.fields(at);
    let password = without_lock(&fields[1]).to_vec();
    let is_locked = password.len() < fields[1].len();
    // Without a password there is nothing to lock, and an emptied field is closed by the journal's hash.
    let has_password = !password.is_empty() && !password.starts_with(b"*");
    if has_password && is_locked == owned.enabled {
        fields[1] = [lock_prefix(owned), &password].concat();
        wrong.push(Attribute::Lock);
    }
    if fields[7] != expiry(owned) {
        fields[7] = expiry(owned).to_vec();
        wrong.push(Attribute::Expiry);
    }
    let ages = files.shadow.table.number(at, 4).is_some_and(|max| max < AGE_NEVER_DAYS);
    let is_forced = fields[2] == b"0";
    let waits = files.shadow.table.number(at, 3).is_some_and(|min| min > 0);
    if ages || is_forced || waits || !fields[6].is_empty() {
        let fresh = shadow_line(owned, Vec::new(), wanted.today);
        for field in [2, 3, 4, 6] {
            fields[field].clone_from(&fresh[field]);
        }
        wrong.push(Attribute::Ageing);
    }
    files.shadow.table.set(at, &fields);
    Ok(wrong)
}

/// Sees to it that the administrators' group lists the account; whether it did not. A former group lists it no more.
fn be_member(files: &mut Files, wanted: &Wanted<'_>) -> Result<bool, AccountError> {
    let owned = wanted.owned;
    let name = owned.name.as_str().as_bytes();
    let mut was_missing = false;
    for file in [Some(&mut files.group), files.gshadow.as_mut()].into_iter().flatten() {
        let lists = |group: &str, file: &EtcFile| {
            group_at(file, group).map(|at| at.map(|at| (at, file.table.fields(at))))
        };
        if let Some(former) = wanted.former_group
            && let Some((at, mut fields)) = lists(former, file)?
            && let Some(without) = replaced(&fields[3], name, None)
        {
            fields[3] = without;
            file.table.set(at, &fields);
        }
        // Not every group has a line in /etc/gshadow.
        if let Some((at, mut fields)) = lists(&owned.group, file)?
            && !members(&fields[3]).contains(&name)
        {
            let mut list = members(&fields[3]);
            list.push(name);
            fields[3] = list.join(&b',');
            file.table.set(at, &fields);
            was_missing = true;
        }
    }
    Ok(was_missing)
}

/// Renames the account, and sets its password in the same step if one is given with its day. Each write leaves what a
/// repetition completes.
fn name_and_set(
    files: &mut Files,
    at: usize,
    owned: &Owned,
    to: &AccountName,
    password: Option<(&[u8], u32)>,
) -> Result<(), AccountError> {
    let from = name_at(&files.passwd, at)?;
    if from != *to
        && let Some(other) = find(&files.passwd, to, PASSWD_FIELDS)?
    {
        let uid = Uid(files.passwd.table.number(other, 2).unwrap_or(u32::MAX));
        return Err(AccountError::NotOurs { name: to.clone(), uid });
    }
    let source = find(&files.shadow, &from, SHADOW_FIELDS)?;
    let mut line = match source {
        Some(at) => files.shadow.table.fields(at),
        None => shadow_line(owned, b"!*".to_vec(), password.map_or(1, |(_, day)| day)),
    };
    line[0] = to.as_str().as_bytes().to_vec();
    if let Some((field, day)) = password
        && line[1] != field
    {
        line[1] = field.to_vec();
        // A last change on day 0 would demand another change at log-on. shadow(5).
        line[2] = day.max(1).to_string().into_bytes();
    }
    match (find(&files.shadow, to, SHADOW_FIELDS)?, source) {
        (Some(at), _) => files.shadow.table.set(at, &line),
        (None, Some(source)) => files.shadow.table.insert_after(source, &line),
        (None, None) => files.shadow.table.add(&line),
    }
    files.shadow.write()?;
    failpoint::hit("rename.after_shadow");
    if password.is_none() {
        // Nothing records this name: one left in a list would make whoever gets it next an administrator.
        move_members(files, &from, Some(to));
        files.write_groups()?;
    }

    let mut fields = files.passwd.table.fields(at);
    fields[0] = to.as_str().as_bytes().to_vec();
    // Without these two the password would not open it, and what is recorded must be finished.
    fields[1] = b"x".to_vec();
    fields[2] = owned.uid.to_string().into_bytes();
    files.passwd.table.set(at, &fields);
    files.passwd.write()?;
    failpoint::hit("rename.after_passwd");

    for old in [&from, &owned.name] {
        forget_name(files, old, Some(to))?;
    }
    files.write_groups()?;
    failpoint::hit("rename.after_group");
    files.shadow.write()?;
    failpoint::hit("rename.after_old_line");
    Ok(())
}

/// Takes a name that no account has any more out of the groups and `/etc/shadow`, or puts another in its place there.
fn forget_name(files: &mut Files, old: &AccountName, new: Option<&AccountName>) -> Result<(), AccountError> {
    // Whoever has the name keeps what is under it.
    if find(&files.passwd, old, PASSWD_FIELDS)?.is_some() {
        return Ok(());
    }
    move_members(files, old, new);
    if let Some(at) = find(&files.shadow, old, SHADOW_FIELDS)? {
        files.shadow.table.remove(at);
    }
    Ok(())
}

/// Takes a name out of the groups' lists, or puts another in its place there.
fn move_members(files: &mut Files, old: &AccountName, new: Option<&AccountName>) {
    let (old_name, new_name) = (old.as_str().as_bytes(), new.map(|name| name.as_str().as_bytes()));
    for file in [Some(&mut files.group), files.gshadow.as_mut()].into_iter().flatten() {
        for at in file.table.places() {
            let mut fields = file.table.fields(at);
            if fields.len() != GROUP_FIELDS {
                continue;
            }
            // The third field of gshadow(5) lists who may change the members; in group(5) it is a number.
            let lists: &[usize] = if file.is_gshadow() { &[2, 3] } else { &[3] };
            let mut is_changed = false;
            for list in lists {
                if let Some(changed) = replaced(&fields[*list], old_name, new_name) {
                    fields[*list] = changed;
                    is_changed = true;
                }
            }
            if is_changed {
                file.table.set(at, &fields);
            }
        }
    }
}

fn shadow_line(owned: &Owned, password: Vec<u8>, today: u32) -> Fields {
    let name = owned.name.as_str().as_bytes().to_vec();
    let day = today.max(1).to_string().into_bytes();
    let text = |text: &[u8]| text.to_vec();
    vec![
        name,
        password,
        day,
        text(b"0"),
        text(b"99999"),
        text(b"7"),
        text(b""),
        text(expiry(owned)),
        text(b""),
    ]
}

const fn lock_prefix(owned: &Owned) -> &'static [u8] {
    if owned.enabled { b"" } else { b"!" }
}

const fn expiry(owned: &Owned) -> &'static [u8] {
    if owned.enabled { b"" } else { EXPIRED }
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

fn group_at(file: &EtcFile, group: &str) -> Result<Option<usize>, AccountError> {
    file.table.find(group, GROUP_FIELDS).map_err(|source: LineError| AccountError::Group {
        group: group.to_owned(),
        path: file.path(),
        source,
    })
}

fn group_number(files: &Files, group: &str) -> Result<u32, AccountError> {
    let missing =
        || AccountError::Group { group: group.to_owned(), path: files.group.path(), source: LineError::None };
    let at = group_at(&files.group, group)?.ok_or_else(missing)?;
    files.group.table.number(at, 2).ok_or_else(missing)
}
