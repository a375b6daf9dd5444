//! Changing one password in `/etc/shadow`.

use std::{fs::File, io, path::Path, time::Duration};

use lapwing_core::types::{AccountName, Uid};
use rustix::{
    fs::{IFlags, StatVfsMountFlags, fstatvfs, ioctl_getflags},
    io::Errno,
};

use super::{
    AccountError,
    files::remove_temporary,
    find_same,
    line::ShadowLine,
    line_error,
    lock::{AccountLock, LOCK_WAIT_MAX},
    read,
};
use crate::{
    hash::{PasswordHash, without_lock},
    replace::{Points, Replacement},
    root::Root,
};

/// Which account a hash is for, and when it is put there.
pub(crate) struct Target<'a> {
    pub(crate) name: &'a AccountName,
    pub(crate) uid: Uid,
    /// Whether Lapwing set this account's password before: then a bare `!` locks it, else there was no password yet.
    pub(crate) managed_before: bool,
    /// Days since 1970.
    pub(crate) today: u32,
}

const POINTS: Points = Points {
    inside_write: "commit.inside_shadow_write",
    before_rename: "commit.before_rename",
    after_rename: "commit.after_rename",
};

/// Puts exactly this hash into the account's field, an administrator's lock prefix kept, durably. May be repeated.
///
/// # Errors
/// [`AccountError`]; the file is then whole and holds either the old field or the new one.
pub(crate) fn put(root: &Root, target: &Target<'_>, hash: &PasswordHash) -> Result<(), AccountError> {
    let etc = root.etc();
    let path = etc.join("shadow");
    let _lock = AccountLock::acquire(&etc, LOCK_WAIT_MAX)?;
    let account = find_same(root, target.name, target.uid)?;
    if hash.stands_in(account.field()) {
        // An earlier attempt may have died between rename and fsync.
        return sync(&etc, &path).map_err(AccountError::io(&path));
    }

    let field = new_field(account.field(), target.managed_before, hash);
    let old = File::open(&path).map_err(AccountError::io(&path))?;
    let content = read(&path)?;
    let line = ShadowLine::find(&content, target.name.as_str())
        .map_err(|source| line_error(source, target.name, &path))?;
    // A last change on day 0 would demand another change at log-on. shadow(5).
    let new = zeroize::Zeroizing::new(line.with_password(&field, target.today.max(1)));
    Replacement { folder: &etc, name: "shadow", temp: TEMP, like: Some(&old), points: POINTS }
        .write(&new)
        .map_err(AccountError::io(&path))?;

    let kept = find_same(root, target.name, target.uid)?;
    if kept.field() == *field { Ok(()) } else { Err(AccountError::NotKept { path }) }
}

/// What `/etc/shadow` is written under first.
const TEMP: &str = ".shadow.lapwing";

/// Removes what a crash may have left in `/etc`: a half-written file, and our lock, which taking it again removes.
///
/// # Errors
/// If the lock cannot be had, or the file not removed.
pub(crate) fn clean_up(root: &Root) -> Result<(), AccountError> {
    let etc = root.etc();
    let _lock = AccountLock::acquire(&etc, LOCK_WAIT_MAX)?;
    remove_temporary(&etc)
}

fn new_field(old: &[u8], managed_before: bool, hash: &PasswordHash) -> zeroize::Zeroizing<Vec<u8>> {
    let unlocked = without_lock(old);
    // A bare `!` is what `useradd` leaves, or, once there was a password, an administrator's way to lock it.
    let locked = unlocked.len() < old.len() && (managed_before || !matches!(unlocked, b"" | b"*"));
    let prefix = if locked { &old[..old.len() - unlocked.len()] } else { b"" };
    zeroize::Zeroizing::new([prefix, hash.as_str().as_bytes()].concat())
}

fn sync(etc: &Path, path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    File::open(etc)?.sync_all()
}

/// What must be free, for the new file beside the old one.
const ROOM_MIN_BYTES: u64 = 1024 * 1024;
/// Inodes that must be free: the new file, the lock's two names, and some for others.
const ROOM_MIN_INODES: u64 = 8;
/// How long a check waits for the lock; the change itself waits longer.
const CHECK_WAIT_MAX: Duration = Duration::from_secs(5);

/// Checks that `/etc/shadow` could be locked and replaced now.
///
/// # Errors
/// Why not.
pub(crate) fn check_replaceable(root: &Root) -> Result<(), AccountError> {
    let etc = root.etc();
    for path in [etc.join("shadow"), etc.clone()] {
        let file = File::open(&path).map_err(AccountError::io(&path))?;
        check_flags(&file, &path)?;
    }
    check_room(&etc)?;
    AccountLock::acquire(&etc, CHECK_WAIT_MAX).map(drop)
}

fn check_flags(file: &File, path: &Path) -> Result<(), AccountError> {
    let refused = |why| AccountError::NotReplaceable { path: path.to_owned(), why };
    let mount = fstatvfs(file).map_err(|error| AccountError::io(path)(error.into()))?;
    if mount.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(refused("its file system is mounted read-only"));
    }
    match ioctl_getflags(file) {
        Ok(flags) if flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND) => {
            Err(refused("it has the immutable or append-only attribute"))
        }
        // Most file systems without such attributes answer one of these.
        Ok(_) | Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(error) => Err(AccountError::io(path)(error.into())),
    }
}

/// Checks that a file in `folder` can be replaced as far as room goes.
///
/// # Errors
/// [`AccountError::NoRoom`], or what the system says.
pub(crate) fn check_room(folder: &Path) -> Result<(), AccountError> {
    let handle = File::open(folder).map_err(AccountError::io(folder))?;
    let mount = fstatvfs(&handle).map_err(|error| AccountError::io(folder)(error.into()))?;
    let free_bytes = mount.f_bfree.saturating_mul(mount.f_frsize);
    // Some file systems make inodes as they need them and count none.
    let short_of_inodes = mount.f_files != 0 && mount.f_ffree < ROOM_MIN_INODES;
    if free_bytes < ROOM_MIN_BYTES || short_of_inodes {
        return Err(AccountError::NoRoom { path: folder.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrators_lock_is_kept_and_the_absence_of_a_password_is_none() {
        let hash: PasswordHash = "$6$salt$0123456789".parse().unwrap();
        let table = [
            ("", false, ""),
            ("!", false, ""),
            ("!!", false, ""),
            ("*", false, ""),
            ("!*", false, ""),
            ("!$6$old$0123456789", false, "!"),
            ("$6$old$0123456789", true, ""),
            ("!$6$old$0123456789", true, "!"),
            ("!!$6$old$0123456789", true, "!!"),
            ("!", true, "!"),
            ("", true, ""),
            ("*", true, ""),
        ];
        for (old, managed_before, prefix) in table {
            let field = new_field(old.as_bytes(), managed_before, &hash);
            assert_eq!(str::from_utf8(&field).unwrap(), format!("{prefix}{}", hash.as_str()), "{old}");
        }
    }
}
