//! Secrets that a person types or pipes in, and questions that one answers.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::failure::{Code, Failure};

/// The longest secret that is read, in bytes.
const SECRET_LEN_MAX: usize = 8 * 1024;

/// Reads one secret from standard input: from a terminal one line, asked for by `prompt` and not echoed; else everything.
///
/// # Errors
/// If standard input cannot be read, or holds more than [`SECRET_LEN_MAX`] bytes.
pub(crate) fn read_secret(prompt: &str) -> io::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return read_secret_from(Unbuffered);
    }
    let _silent = Silent::begin()?;
    write!(io::stderr(), "{prompt}: ")?;
    let line = read_line(Unbuffered);
    writeln!(io::stderr())?;
    line
}

/// What is told to whoever does not agree, or is not there to be asked.
pub(crate) struct Otherwise<'a> {
    /// After a no, such as `nothing was changed`.
    pub(crate) refused: &'static str,
    /// What is not done without a yes, such as `nothing is changed`.
    pub(crate) undone: &'a str,
    /// How it is done without a question.
    pub(crate) next_step: &'static str,
}

/// Asks a question on a terminal, and goes on after a `yes` alone.
///
/// # Errors
/// If the answer is another or cannot be read, or nobody is there to ask.
pub(crate) fn must_agree(question: &str, otherwise: &Otherwise<'_>) -> Result<(), Failure> {
    let unread = |error| Failure::new(Code::Failed, error, "add --yes to go on without a question");
    match confirm(question).map_err(unread)? {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::new(Code::Refused, otherwise.refused, "")),
        None => {
            let what = format!("{} without a yes, and nobody is there to ask", otherwise.undone);
            Err(Failure::new(Code::Usage, what, otherwise.next_step))
        }
    }
}

/// True if the answer is `yes`, none if there is nobody to ask.
fn confirm(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    write!(io::stderr(), "{question} [yes/no] ")?;
    Ok(Some(read_line(Unbuffered)?.trim().eq_ignore_ascii_case("yes")))
}

/// Reads a whole secret from `source`.
///
/// # Errors
/// If it cannot be read, is not text, or has more than [`SECRET_LEN_MAX`] bytes.
pub(crate) fn read_secret_from(source: impl io::Read) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_LEN_MAX + 1));
    let limit = u64::try_from(SECRET_LEN_MAX + 1).unwrap_or(u64::MAX);
    source.take(limit).read_to_end(&mut bytes)?;
    as_text(&mut bytes)
}

fn read_line(mut source: impl io::Read) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_LEN_MAX + 1));
    let mut byte = [0];
    while bytes.len() <= SECRET_LEN_MAX && source.read(&mut byte)? > 0 && byte != *b"\n" {
        bytes.extend(byte);
    }
    as_text(&mut bytes)
}

fn as_text(bytes: &mut Vec<u8>) -> io::Result<Zeroizing<String>> {
    let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
    if bytes.len() > SECRET_LEN_MAX {
        return Err(invalid("it is longer than any right one"));
    }
    String::from_utf8(core::mem::take(bytes)).map(Zeroizing::new).map_err(|error| {
        // Whatever it was, it was meant as a secret.
        drop(Zeroizing::new(error.into_bytes()));
        invalid("it is not text")
    })
}

/// Standard input without the standard library's buffer, which nothing would wipe.
struct Unbuffered;

impl io::Read for Unbuffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

/// While this lives, the terminal does not show what is typed.
struct Silent(Termios);

impl Silent {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _restored = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_bounded_and_text() {
        let most = vec![b'a'; SECRET_LEN_MAX];
        assert_eq!(read_secret_from(&most[..]).unwrap().len(), SECRET_LEN_MAX);
        assert!(read_secret_from(&[&most[..], b"a"].concat()[..]).is_err());
        assert!(read_secret_from(&[0xff][..]).is_err());
        assert_eq!(*read_line(&b"one\ntwo"[..]).unwrap(), "one");
        assert!(read_line(&[&most[..], b"a"].concat()[..]).is_err());
    }
}
