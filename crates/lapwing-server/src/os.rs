//! The only place that asks the operating system for time, chance, or the durability of files.

use core::time::Duration;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::{Instant, SystemTime},
};

use lapwing_core::types::FileTime;
use rand_core::UnwrapErr;

/// The wall clock. Before 1970 it shows 1970, which every check treats as long ago.
pub(crate) fn now() -> FileTime {
    #[expect(clippy::disallowed_methods, reason = "this is the program's only reading of the wall clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let epoch = FileTime::from_unix(Duration::ZERO);
    #[expect(clippy::expect_used, reason = "1970 lies within the years 1601 to 9999")]
    FileTime::from_unix(since).or(epoch).expect("1970 can be told")
}

/// A clock that never jumps, for rates and time-outs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Monotonic(Instant);

impl Monotonic {
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the program's only reading of the monotonic clock"
        )]
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The operating system's random source. It ends the program if the system has none, as nothing could be safe then.
pub(crate) const fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

/// Replaces a file whole and durably: write, fsync, rename, fsync of the folder. Mode 0600 from birth.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    sync_folder_of(path)
}

/// Makes a rename or creation in the file's folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes the data folder, for its owner alone.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Lets this process have as many connections as the system grants it.
pub(crate) fn allow_descriptors() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Keeps clear text out of core dumps and swap, as far as the system allows.
pub(crate) fn keep_memory_private() -> io::Result<()> {
    use rustix::{
        mm::{MlockAllFlags, mlockall},
        process::{Resource, Rlimit, setrlimit},
    };
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // What is only reserved, such as a thread's stack, is locked when it is first touched.
    Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?)
}
