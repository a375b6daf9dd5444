//! The only place that asks the operating system for time, or for protection of this process.

use std::{io, time::SystemTime};

use lapwing_core::types::FileTime;
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitySet, CapabilitySets, set_capabilities},
};

/// The wall clock. Before 1970 it shows 1970, which every check treats as long ago.
#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
pub(crate) fn now() -> FileTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    FileTime::from_unix(since_1970).unwrap_or(FileTime::UNIX_EPOCH)
}

/// Keeps root keys out of core dumps and debuggers.
///
/// # Errors
/// If the system refuses.
pub(crate) fn forbid_dumps() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// Keeps root keys out of swap.
///
/// # Errors
/// If the system refuses, as it does in containers with a limit of their own: then nothing is locked. Once the privileges are
/// given up the limit holds, and whoever reaches it gets no memory at all.
pub(crate) fn lock_memory() -> io::Result<()> {
    setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?;
    // What is only reserved, such as a thread's stack, is locked when it is first touched.
    Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?)
}

/// Gives up every privilege that root has besides owning files. Only this thread's: it must have no others yet.
///
/// # Errors
/// If the system refuses.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}
