//! A text console of a machine, and somebody who sits at it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::os;

/// The other end of a serial line on which the machine asks for a name and a password.
#[derive(Debug)]
pub struct Terminal {
    line: UnixStream,
    seen: Vec<u8>,
}

impl Terminal {
    pub(super) fn connect(socket: &Path) -> Result<Self> {
        let line = UnixStream::connect(socket).context("the machine has no second serial line")?;
        Ok(Self { line, seen: Vec::new() })
    }

    /// Gives name and password where they are asked for, and returns once there is a shell.
    ///
    /// # Errors
    /// When that does not come about within `limit`.
    pub fn log_in(&mut self, user: &str, password: &str, limit: Duration) -> Result<()> {
        // What was said before somebody sat down here is lost, so that getty has to ask once more.
        self.enter("")?;
        self.wait_for("login: ", limit)?;
        self.enter(user)?;
        self.wait_for("Password: ", limit)?;
        self.enter(password)?;
        self.wait_for(&format!("{user}@"), limit)
    }

    /// Types a line.
    ///
    /// # Errors
    /// When the machine is off.
    pub fn enter(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.line, "{line}")?)
    }

    /// Returns when `text` has appeared, behind all that was waited for before.
    ///
    /// # Errors
    /// When it does not within `limit`, with what appeared in its place.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<()> {
        let begun = os::now();
        loop {
            if let Some(at) = self.seen.windows(text.len()).position(|part| part == text.as_bytes()) {
                self.seen.drain(..at + text.len());
                return Ok(());
            }
            let left = limit.saturating_sub(begun.elapsed());
            let seen = || String::from_utf8_lossy(&self.seen).into_owned();
            ensure!(!left.is_zero(), "no `{text}` on the console within {limit:?}\n{}", seen());
            self.line.set_read_timeout(Some(left))?;
            let mut read = [0; 1024];
            match self.line.read(&mut read) {
                Ok(0) => bail!("the machine is off\n{}", seen()),
                Ok(len) => self.seen.extend_from_slice(&read[..len]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
