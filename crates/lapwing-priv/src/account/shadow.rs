//! Changing one password in `/etc/shadow`.

use std::{fs::File, io, path::Path, time::Duration};

use lapwing_core::types::{AccountName, Uid};
use rustix::{
    fs::{IFlags, StatVfsMountFlags, fstatvfs, ioctl_getflags},
    io::Errno,
};
use zeroize::Zeroizing;

use super::{
    AccountError, CLOSED_DAY, LOCK,
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
    /// What becomes of its having been closed.
    pub(crate) closing: Closing<'a>,
}

/// What becomes of an account's having been closed when it is given a hash.
#[derive(Clone, Copy)]
pub(crate) enum Closing<'a> {
    /// It was not closed.
    None,
    /// It stays closed, for the hash is that of the password that it was closed for.
    Kept,
    /// It is open again, and expires when it did before.
    Lifted { expiry: &'a str },
}

const POINTS: Points = Points {
    inside_write: "commit.inside_shadow_write",
    before_rename: "commit.before_rename",
    after_rename: "commit.after_rename",
};

/// Puts exactly this hash into the account's field, an administrator's lock prefix kept, durably. May be repeated.
///
/// What closes an account and what opens it stand in the same line, so that a reader finds the former password behind a closed door or
/// the new one behind an open one.
///
/// # Errors
/// [`AccountError`]; the file is then whole and holds either the old field or the new one.
pub(crate) fn put(root: &Root, target: &Target<'_>, hash: &PasswordHash) -> Result<(), AccountError> {
    let etc = root.etc();
    let path = etc.join("shadow");
    let _lock = AccountLock::acquire(&etc, LOCK_WAIT_MAX)?;
    let account = find_same(root, target.name, target.uid)?;
    // Somebody may have opened it by hand.
    let closing = if account.is_closed() { target.closing } else { Closing::None };
    if hash.stands_in(account.field()) && !matches!(closing, Closing::Lifted { .. }) {
        // An earlier attempt may have died between rename and fsync.
        return sync(&etc, &path).map_err(AccountError::io(&path));
    }
    let fresh = |old| new_field(old, target.managed_before, hash);
    let (field, expiry) = match closing {
        Closing::None => (fresh(account.field()), None),
        Closing::Kept => (locked(&fresh(account.open_field())), None),
        Closing::Lifted { expiry } => (fresh(account.open_field()), Some(expiry)),
    };
    let change = Change { field: &field, expiry, last_change: Some(target.today) };
    write(root, target.name, target.uid, &change)
}

/// Lets nobody log on with the account, by whatever proof; `keep` is told first when it expired before, so that this can be undone.
///
/// # Errors
/// [`AccountError`], or what `keep` says; the file is then whole.
pub(crate) fn close<E: From<AccountError>>(
    root: &Root,
    name: &AccountName,
    uid: Uid,
    keep: impl FnOnce(&str) -> Result<(), E>,
) -> Result<(), E> {
    let _lock = AccountLock::acquire(&root.etc(), LOCK_WAIT_MAX)?;
    let account = find_same(root, name, uid)?;
    keep(&account.expiry())?;
    let day = CLOSED_DAY.to_string();
    let change = Change { field: &locked(account.field()), expiry: Some(&day), last_change: None };
    Ok(write(root, name, uid, &change)?)
}

/// Undoes [`close`]. May be repeated.
///
/// # Errors
/// [`AccountError`]; the file is then whole.
pub(crate) fn open(root: &Root, name: &AccountName, uid: Uid, expiry: &str) -> Result<(), AccountError> {
    let _lock = AccountLock::acquire(&root.etc(), LOCK_WAIT_MAX)?;
    let account = find_same(root, name, uid)?;
    if !account.is_closed() {
        return Ok(());
    }
    // Without the lock one that was emptied before would let in anybody.
    let field = if account.open_field().is_empty() { LOCK } else { account.open_field() };
    write(root, name, uid, &Change { field, expiry: Some(expiry), last_change: None })
}

/// What a line of `/etc/shadow` is to say.
struct Change<'a> {
    field: &'a [u8],
    /// Another day on which the account expires, or none.
    expiry: Option<&'a str>,
    /// The day on which the password was changed, if it is.
    last_change: Option<u32>,
}

/// Replaces the file; the caller holds its lock.
fn write(root: &Root, name: &AccountName, uid: Uid, change: &Change<'_>) -> Result<(), AccountError> {
    let etc = root.etc();
    let path = etc.join("shadow");
    let old = File::open(&path).map_err(AccountError::io(&path))?;
    let content = read(&path)?;
    let line = ShadowLine::find(&content, name.as_str()).map_err(|source| line_error(source, name, &path))?;
    // A last change on day 0 would demand another change at log-on. shadow(5).
    let day = change.last_change.map(|day| day.max(1).to_string());
    let day = day.as_deref().map_or(line.field::<2>(), str::as_bytes);
    let expiry = change.expiry.map_or(line.field::<7>(), str::as_bytes);
    let new = Zeroizing::new(line.with([(1, change.field), (2, day), (7, expiry)]));
    Replacement { folder: &etc, name: "shadow", temp: TEMP, like: Some(&old), points: POINTS }
        .write(&new)
        .map_err(AccountError::io(&path))?;
    let kept = find_same(root, name, uid)?;
    if kept.field() == change.field { Ok(()) } else { Err(AccountError::NotKept { path }) }
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

fn locked(field: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([LOCK, field].concat())
}

fn new_field(old: &[u8], managed_before: bool, hash: &PasswordHash) -> Zeroizing<Vec<u8>> {
    let unlocked = without_lock(old);
    // A bare `!` is what `useradd` leaves, or, once there was a password, an administrator's way to lock it.
    let locked = unlocked.len() < old.len() && (managed_before || !matches!(unlocked, b"" | b"*"));
    let prefix = if locked { &old[..old.len() - unlocked.len()] } else { b"" };
    Zeroizing::new([prefix, hash.as_str().as_bytes()].concat())
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
