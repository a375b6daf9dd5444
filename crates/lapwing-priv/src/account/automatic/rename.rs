//! The account's name, in the four files that know it.

use lapwing_core::types::{AccountName, Uid};

use super::{
    GROUP_FIELDS, PASSWD_FIELDS, SHADOW_FIELDS,
    attributes::{expiry, shadow_line},
    find, name_at,
};
use crate::{
    account::{AccountError, files::Files, table::replaced},
    failpoint,
    owned::Owned,
};

/// Renames the account, and sets its password in the same step if one is given with its day. Each write leaves what a
/// repetition completes.
pub(super) fn name_and_set(
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
    if let Some((field, day)) = password {
        if line[1] != field {
            line[1] = field.to_vec();
            // A last change on day 0 would demand another change at log-on. shadow(5).
            line[2] = day.max(1).to_string().into_bytes();
        }
        // One that was closed for the password before is open with this one, and no moment later.
        line[7] = expiry(owned);
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
pub(super) fn forget_name(
    files: &mut Files,
    old: &AccountName,
    new: Option<&AccountName>,
) -> Result<(), AccountError> {
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
