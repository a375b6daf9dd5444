//! Asks the host's own password rules about a password, without changing anything.
//!
//! The host's real PAM stack runs in a child with mounts of its own: what it writes under `/etc` ends in memory, and
//! it reaches no network and no socket under `/run`. A stack that hangs is killed. pam_chauthtok(3).

mod child;
mod sys;

use std::{
    io::{self, Read as _, Write as _},
    process::{Child, Stdio},
    time::Duration,
};

use lapwing_core::{secret::Password, types::AccountName};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde::{Deserialize, Serialize};

pub(crate) use self::child::run as run_child;
use crate::{os, root::Root};

/// The name of the hidden sub-command that runs the stack.
pub(crate) const SUBCOMMAND: &str = "try-password";
/// How long a stack may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// The longest answer of the child, in bytes.
const ANSWER_LEN_MAX: u64 = 16 * 1024;

/// What the host's rules say of a password.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// They accept it.
    Accepted,
    /// They accept it, as root asks, but complain.
    Warned(String),
    /// They refuse it.
    Refused(String),
    /// They could not be asked.
    Unavailable(String),
}

/// Asks them.
pub(crate) fn try_password(root: &Root, account: &AccountName, password: &Password) -> Verdict {
    ask(root, account, password).unwrap_or_else(|error| {
        Verdict::Unavailable(format!("the password rules could not be asked: {error}"))
    })
}

fn ask(root: &Root, account: &AccountName, password: &Password) -> io::Result<Verdict> {
    let mut child = os::this_program()
        .arg(SUBCOMMAND)
        .arg("--root")
        .arg(root.as_path())
        .arg("--account")
        .arg(account.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let answer = converse(&mut child, password);
    // Dead already unless it hangs; then this is what ends it.
    drop(child.kill());
    child.wait()?;
    let Some(answer) = answer? else {
        return Ok(Verdict::Unavailable(format!(
            "the password rules did not answer within {ANSWER_WAIT_MAX:?}"
        )));
    };
    serde_json::from_slice(&answer).map_err(|_| io::Error::other("the child that runs PAM ended early"))
}

/// The child's whole answer; `None` if it takes too long.
fn converse(child: &mut Child, password: &Password) -> io::Result<Option<Vec<u8>>> {
    let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("the child has no pipes"));
    };
    // Shorter than a pipe's buffer, so this never waits.
    stdin.write_all(password.expose_secret().as_bytes())?;
    drop(stdin);
    let deadline = os::Deadline::after(ANSWER_WAIT_MAX);
    let mut answer = Vec::new();
    while let Some(left) = deadline.left() {
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut chunk = [0; 1024];
        let read = stdout.read(&mut chunk)?;
        answer.extend(&chunk[..read]);
        if read == 0 || answer.len() as u64 > ANSWER_LEN_MAX {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}
