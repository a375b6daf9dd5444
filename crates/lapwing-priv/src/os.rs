//! The only file that reads the clock and the random source, waits for locks, and starts processes.

use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lapwing_core::types::{FileTime, WallTime};
use rand_core::UnwrapErr;

use crate::sys;

/// What the wall clock shows; 1970 for a clock before that.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(FileTime::from_unix(since_1970).expect("the clock of the system ends before the year 10000"))
}

/// A moment in the near future.
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// `after` from now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub(crate) fn after(after: Duration) -> Self {
        Self(Instant::now() + after)
    }

    /// How long until then; `None` once it is reached.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub(crate) fn left(&self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

/// How often a lock that somebody else holds is tried again.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Tries until `attempt` gives something or `limit` has passed; then `None`.
///
/// # Errors
/// The first error of `attempt`.
pub(crate) fn poll<T, E>(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
        let Some(left) = deadline.left() else { return Ok(None) };
        pause(left.min(POLL_EVERY));
    }
}

/// Opens the lock file at `path`, made for root alone if there is none, and takes its lock; `None` if somebody else
/// keeps it for as long as `wait`.
///
/// # Errors
/// What the system says, but for a lock held by another.
pub(crate) fn lock_file(path: &Path, wait: Duration) -> io::Result<Option<File>> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let held = poll(wait, || sys::try_lock_description(&file).map(|held| held.then_some(())))?;
    Ok(held.map(|()| file))
}

#[expect(clippy::disallowed_methods, reason = "file locks of others can only be polled")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The system's random source. It ends the program if the system has none: no password may be chosen then.
pub(crate) const fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

/// This program once more, with an empty environment.
pub(crate) fn this_program() -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts a process; it clears the environment"
    )]
    let mut command = Command::new(PathBuf::from("/proc/self/exe"));
    command.env_clear();
    command
}

/// systemd's client of the buses.
pub(crate) const BUSCTL: &str = "/usr/bin/busctl";
/// systemd's starter of programs in units of their own.
pub(crate) const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";

/// A program of the host's, with an empty environment.
pub(crate) fn program(path: &str) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts a process; it clears the environment"
    )]
    let mut command = Command::new(path);
    command.env_clear();
    command
}
