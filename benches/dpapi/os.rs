//! The clock and child processes.

use std::{process::Command, time::Instant};

/// The monotonic clock's reading.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    Instant::now()
}

/// A program with an empty environment.
pub(crate) fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the helper that the lint asks for")]
    let mut command = Command::new(program);
    command.env_clear();
    command
}
