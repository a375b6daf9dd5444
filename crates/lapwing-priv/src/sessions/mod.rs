//! The sessions and processes of an account, warned and ended.
//!
//! Sessions are logind's; a process that is in none of them is found by its uids, or by the login uid that the kernel keeps
//! through `su` and `sudo`. What a session had somebody else start (`sudo systemd-run`) carries neither: only a reboot ends that.

mod desktop;
mod logind;
mod reaper;
mod terminal;

use std::{io, time::Duration};

use lapwing_core::{
    local::root_half::{EndedProcess, EndedSession},
    sessions::LOG_OFF_WAIT,
    types::{Uid, WallTime},
};

use self::logind::Session;
use crate::{log, os};

/// The built-in administrator.
const SUPERUSER: Uid = Uid(0);
/// The most sessions, and the most processes, that an answer tells of. All are ended.
const TOLD_MAX: usize = 256;
/// How long a session may take to end. logind kills what is left of it well before.
const END_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long after it is asked for a reboot begins. Windows' delay is fixed to the same.
const REBOOT_DELAY: Duration = Duration::from_mins(1);

/// What is told to sessions, after what has been done to their account.
const WARNING: &str = "You will be logged off in MINUTES minutes. Save your work now.";
/// What has been done.
const CHANGED: &str = "The password of this account has been changed, as policy asks after each use.";
/// What was done in its place.
const CLOSED: &str =
    "This account was used, and nobody can log on with it until its password has been changed.";
/// What is told to everybody; logind adds when.
const REBOOTING: &str =
    "The managed account of this host was used, and policy asks for a reboot after that. Save your work now.";
/// What it adds, for those whom it does not reach.
const REBOOTING_WHEN: &str = "This host reboots in a minute.";

/// Why sessions cannot be told or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionsError {
    #[error("the sessions of a host are not ended from a private root")]
    PrivateRoot,
    #[error("cannot run busctl")]
    NoBusctl(#[source] io::Error),
    #[error("logind does not answer: {0}")]
    Logind(String),
    #[error("logind's answer is malformed")]
    Malformed(#[from] serde_json::Error),
    #[error("uid 0 has processes that are no use of an account, and none of them is ended")]
    Superuser,
    #[error("cannot look through the processes of this host")]
    Processes(#[source] io::Error),
}

impl SessionsError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::PrivateRoot => "nothing: this is a test",
            Self::NoBusctl(_) | Self::Logind(_) | Self::Malformed(_) => {
                "see whether systemd-logind and the system bus run: busctl status org.freedesktop.login1"
            }
            Self::Superuser => "use PostAuthenticationActions = 5, a reboot, where uid 0 is managed",
            Self::Processes(_) => "see whether /proc is mounted",
        }
    }
}

/// Tells the account's sessions that they will be ended, and why.
pub(crate) fn warn(uid: Uid, is_closed: bool) -> Result<Vec<EndedSession>, SessionsError> {
    let sessions = logind::sessions(uid)?;
    let done = if is_closed { CLOSED } else { CHANGED };
    let warning = WARNING.replace("MINUTES", &(LOG_OFF_WAIT.as_secs() / 60).to_string());
    let warning = format!("{done}\n{warning}");
    let warned = |session: Session| told(tell(&session, &warning), session);
    Ok(sessions.into_iter().take(TOLD_MAX).map(warned).collect())
}

/// Ends the account's sessions, with all that runs in them.
pub(crate) fn log_off(uid: Uid) -> Result<Vec<EndedSession>, SessionsError> {
    let sessions = logind::sessions(uid)?;
    if uid == SUPERUSER {
        // Its user manager belongs to the host.
        for session in &sessions {
            logind::terminate_session(&session.id)?;
        }
    } else {
        logind::terminate_user(uid)?;
    }
    let ended = os::poll(END_WAIT_MAX, || {
        let left = logind::sessions(uid)?;
        let is_left = |session: &Session| left.iter().any(|other| other.id == session.id);
        Ok::<_, SessionsError>((!sessions.iter().any(is_left)).then_some(()))
    })?;
    let outcome = || ended.map_or_else(|| Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)), Ok);
    Ok(sessions.into_iter().take(TOLD_MAX).map(|session| told(outcome(), session)).collect())
}

/// Ends every process that is left of the account.
pub(crate) fn end_processes(uid: Uid) -> Result<Vec<EndedProcess>, SessionsError> {
    if uid == SUPERUSER {
        return Err(SessionsError::Superuser);
    }
    let mut processes = reaper::end_all(uid).map_err(SessionsError::Processes)?;
    processes.truncate(TOLD_MAX);
    Ok(processes)
}

/// Has the host reboot in a minute, and everybody told.
pub(crate) fn reboot(now: WallTime) -> Result<(), SessionsError> {
    logind::schedule_reboot(now.saturating_add(REBOOT_DELAY), REBOOTING)?;
    tell_the_others();
    Ok(())
}

/// Tells of the reboot whom logind does not reach: desktops, and where there is no utmp, as on Debian 13, all who came by ssh. Whatever
/// fails of it, the reboot stands.
fn tell_the_others() {
    let fail = |session: &str, reason: String| {
        log::warning("A session is not told of the reboot", &[("SESSION", session), ("REASON", &reason)]);
    };
    let sessions = match logind::all_sessions() {
        Ok(sessions) => sessions,
        Err(error) => return fail("", error.to_string()),
    };
    let is_reached = |session: &Session| {
        !session.is_graphical && (session.is_terminal_known || session.terminal.is_empty())
    };
    let message = format!("{REBOOTING}\n{REBOOTING_WHEN}");
    for session in sessions.iter().filter(|session| !is_reached(session)) {
        if let Err(error) = tell(session, &message) {
            fail(&session.id, error.to_string());
        }
    }
}

/// Tells a session something where whoever sits at it sees it.
fn tell(session: &Session, message: &str) -> io::Result<()> {
    if session.is_graphical {
        desktop::notify(session.uid, message)
    } else {
        terminal::write(&session.terminal, message)
    }
}

fn told(outcome: io::Result<()>, session: Session) -> EndedSession {
    let Session { id, terminal, remote_host, .. } = session;
    let errno = outcome.err().map(|error| error.raw_os_error().unwrap_or(libc::EIO));
    EndedSession { id, terminal, remote_host, errno }
}
