//! Programs of the system.

use std::process::{Command, Stdio};

/// A program with an empty environment and nothing to read.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a program is started, with an empty environment"
)]
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}
