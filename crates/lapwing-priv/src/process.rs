//! What this process gives up before it does anything.

use std::io;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask},
};

use crate::sys;

/// Lets nobody read this process's memory, dumps no core, makes files for root alone, and forgets the environment.
///
/// # Errors
/// If the system refuses; the program must not go on then.
pub(crate) fn harden() -> io::Result<()> {
    umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    sys::clear_environment();
    Ok(())
}

/// Keeps the memory of this process out of swap, what the libraries allocate included.
///
/// # Errors
/// If the limit on locked memory is too low; no password may be drawn then.
pub(crate) fn lock_memory() -> io::Result<()> {
    Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)?)
}
