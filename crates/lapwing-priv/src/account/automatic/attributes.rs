//! What the account is like, but for its name and its password: made so, and put right.

use lapwing_core::automatic::Attribute;

use super::{GROUP_FIELDS, Place, SHADOW_FIELDS, Wanted, find, locate, rename::name_and_set};
use crate::{
    account::{
        AGE_NEVER_DAYS, AccountError, CLOSED_DAY, LOCK,
        files::{EtcFile, Files},
        line::LineError,
        table::{Fields, members, replaced},
    },
    failpoint,
    hash::without_lock,
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

/// Makes the files say what they must; tells what they did not.
pub(super) fn settle(
    root: &Root,
    files: &mut Files,
    wanted: &Wanted<'_>,
) -> Result<Vec<Attribute>, AccountError> {
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
        fields[7] = expiry(owned);
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

pub(super) fn shadow_line(owned: &Owned, password: Vec<u8>, today: u32) -> Fields {
    let name = owned.name.as_str().as_bytes().to_vec();
    let day = today.max(1).to_string().into_bytes();
    let text = |text: &[u8]| text.to_vec();
    vec![name, password, day, text(b"0"), text(b"99999"), text(b"7"), text(b""), expiry(owned), text(b"")]
}

pub(super) const fn lock_prefix(owned: &Owned) -> &'static [u8] {
    if owned.enabled { b"" } else { LOCK }
}

pub(super) fn expiry(owned: &Owned) -> Vec<u8> {
    if owned.enabled { Vec::new() } else { CLOSED_DAY.to_string().into_bytes() }
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
