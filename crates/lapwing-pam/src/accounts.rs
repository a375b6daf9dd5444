//! Which accounts are managed, and whether their passwords are protected.
//!
//! INVARIANT: only what root alone can have written names an account. `lapwingd`, which is not root, decides whether these are
//! protected, and cannot name others.

use std::{
    fs::File,
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use lapwing_core::{
    log_on::{ACCOUNTS_PATH, PROTECT_PATH},
    types::AccountName,
};

const FILE_LEN_MAX: u64 = 4096;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The account of this name, if it is one that Lapwing manages.
pub(crate) fn managed(name: &str) -> Option<AccountName> {
    let name: AccountName = name.parse().ok()?;
    lists(Path::new(ACCOUNTS_PATH), 0, &name).then_some(name)
}

/// Whether `lapwingd` runs and wants passwords protected. Where it has never come up in this boot, such as in a rescue shell, whoever
/// repairs the host has to be able to set any password.
pub(crate) fn are_protected() -> bool {
    Path::new(PROTECT_PATH).symlink_metadata().is_ok()
}

fn lists(path: &Path, owner: u32, name: &AccountName) -> bool {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let Ok(file) = File::options().read(true).custom_flags(flags).open(path) else { return false };
    let is_sound = file.metadata().is_ok_and(|metadata| {
        metadata.is_file() && metadata.uid() == owner && metadata.mode() & WRITABLE_BY_OTHERS == 0
    });
    let mut text = String::new();
    let is_read = is_sound && file.take(FILE_LEN_MAX).read_to_string(&mut text).is_ok();
    is_read && text.lines().any(|line| line == name.as_str())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn only_a_file_that_its_owner_alone_can_write_names_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        let owner = folder.path().metadata().unwrap().uid();
        let name = |name: &str| name.parse::<AccountName>().unwrap();
        assert!(!lists(&path, owner, &name("lapadmin")));
        fs::write(&path, "other\nlapadmin\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(lists(&path, owner, &name("lapadmin")) && lists(&path, owner, &name("other")));
        assert!(!lists(&path, owner, &name("lap")) && !lists(&path, owner + 1, &name("lapadmin")));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert!(!lists(&path, owner, &name("lapadmin")));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!lists(&link, owner, &name("lapadmin")) && !lists(folder.path(), owner, &name("lapadmin")));
    }
}
