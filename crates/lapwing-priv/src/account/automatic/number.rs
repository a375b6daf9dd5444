//! A number for an account of our own.

use lapwing_core::types::Uid;

use crate::{
    account::{AccountError, files::Files, read},
    root::Root,
};

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
