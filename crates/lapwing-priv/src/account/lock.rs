//! The two locks that keep the programs of a host from overwriting each other's account files.
//!
//! `/etc/.pwd.lock` is that of `lckpwdf()`. `/etc/shadow.lock` is that of shadow-utils' link protocol, and the only
//! one that busybox and others take. Taken in this order, released in the other; `passwd.lock` is never taken after.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, getpid, test_kill_process};

use super::AccountError;
use crate::{os, replace::remove_if_there};

/// How long each lock is waited for, as `lckpwdf()` waits.
pub(crate) const LOCK_WAIT_MAX: Duration = Duration::from_secs(15);

/// Both locks, held until dropped.
pub(crate) struct AccountLock {
    link: PathBuf,
    _descriptor: File,
}

impl AccountLock {
    /// Takes both locks in `etc`, waiting for each up to `wait`.
    ///
    /// # Errors
    /// [`AccountError::Locked`] after that; [`AccountError::Io`] if a lock cannot be made at all.
    pub(crate) fn acquire(etc: &Path, wait: Duration) -> Result<Self, AccountError> {
        let path = etc.join(".pwd.lock");
        let file = os::lock_file(&path, wait)
            .map_err(AccountError::io(&path))?
            .ok_or(AccountError::Locked { path })?;

        let link = etc.join("shadow.lock");
        os::poll(wait, || try_link(etc, &link).map(|held| held.then_some(())))
            .map_err(AccountError::io(&link))?
            .ok_or_else(|| AccountError::Locked { path: link.clone() })?;
        Ok(Self { link, _descriptor: file })
    }
}

impl Drop for AccountLock {
    fn drop(&mut self) {
        // One that stays behind is recognised as ours by the next run.
        drop(fs::remove_file(&self.link));
    }
}

/// After the process id and its NUL, where shadow-utils stops reading: tells our stale lock from that of a process
/// which happens to have our old number, as it well may after a reboot.
const OURS: &[u8] = b"lapwing";

/// Makes a file with our process id and links it to the lock's name, which fails if there is one.
fn try_link(etc: &Path, link: &Path) -> io::Result<bool> {
    let own = etc.join(".shadow.lapwing.lock");
    // Only one process of ours gets here at a time: it holds `.pwd.lock`.
    remove_if_there(&own)?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&own)?;
    file.write_all(format!("{}\0", getpid().as_raw_pid()).as_bytes())?;
    file.write_all(OURS)?;
    let linked = match fs::hard_link(&own, link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_stale(link)? => {
            remove_if_there(link)?;
            fs::hard_link(&own, link)
        }
        result => result,
    };
    let links = file.metadata()?.nlink();
    remove_if_there(&own)?;
    match linked {
        // On some network file systems a link reports failure but was made: the count tells.
        _ if links == 2 => Ok(true),
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the lock's owner is gone. As shadow-utils: a lock whose content is no process id is not ours to judge.
fn is_stale(link: &Path) -> io::Result<bool> {
    let mut content = Vec::new();
    match File::open(link) {
        Ok(file) => file.take(64).read_to_end(&mut content)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let (pid, rest) = content.split_at(content.iter().position(|b| *b == 0).unwrap_or(content.len()));
    let pid = str::from_utf8(pid).ok().and_then(|text| text.trim_end().parse().ok()).and_then(Pid::from_raw);
    Ok(match pid {
        // Whoever of us made it held `.pwd.lock`, which we hold now.
        Some(_) if rest.strip_prefix(b"\0") == Some(OURS) => true,
        Some(pid) => test_kill_process(pid) == Err(rustix::io::Errno::SRCH),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dir::TestDir;

    const NO_WAIT: Duration = Duration::ZERO;

    #[test]
    fn the_lock_excludes_a_second_holder_and_goes_when_dropped() {
        let dir = TestDir::new();
        let lock = AccountLock::acquire(dir.path(), NO_WAIT).unwrap();
        assert!(matches!(AccountLock::acquire(dir.path(), NO_WAIT), Err(AccountError::Locked { .. })));
        drop(lock);
        AccountLock::acquire(dir.path(), NO_WAIT).unwrap();
        assert_eq!(dir.names(), [".pwd.lock"]);
    }

    #[test]
    fn a_stale_link_is_removed_and_a_live_or_unreadable_one_is_respected() {
        let parent = rustix::process::getppid().unwrap().as_raw_pid();
        let held = [format!("{parent}\0"), parent.to_string(), "rubbish".to_owned(), String::new()];
        // No process has the highest number that the kernel can be told to allow.
        let stale = ["4194304\0".to_owned(), format!("{parent}\0lapwing")];
        for (contents, acquires) in [(&held[..], false), (&stale[..], true)] {
            for content in contents {
                let dir = TestDir::new();
                dir.write("shadow.lock", content.as_bytes());
                let acquired = AccountLock::acquire(dir.path(), NO_WAIT).is_ok();
                assert_eq!(acquired, acquires, "{content:?}");
            }
        }
    }
}
