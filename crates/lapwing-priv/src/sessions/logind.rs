//! logind, asked by systemd's own `busctl`: this process stays without an event loop, threads or a library for D-Bus, for what is
//! asked a few times a day. org.freedesktop.login1(5).

use lapwing_core::types::{Uid, WallTime};
use serde::Deserialize;

use super::{SessionsError, terminal};
use crate::os;

const SERVICE: &str = "org.freedesktop.login1";
const MANAGER: [&str; 2] = ["/org/freedesktop/login1", "org.freedesktop.login1.Manager"];
const SESSION: &str = "org.freedesktop.login1.Session";
/// The types of sessions that are desktops. sd_session_get_type(3).
const GRAPHICAL: [&str; 3] = ["x11", "wayland", "mir"];
/// What logind says of a user, or of a session, that is there no more.
const GONE: [&str; 4] = ["not known", "not logged in", "No session", "Unknown object"];

/// A session of a person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: String,
    /// Whose it is.
    pub(super) uid: Uid,
    /// Whether it is a desktop, and its terminal the one that this is shown on.
    pub(super) is_graphical: bool,
    /// Below `/dev`; empty without one.
    pub(super) terminal: String,
    /// Whether logind knows that terminal too, and so reaches it by what it tells everybody.
    pub(super) is_terminal_known: bool,
    pub(super) remote_host: String,
}

/// What `busctl --json=short` prints.
#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

/// Identifier, uid, name, seat and path of each session: `a(susso)`.
type Listed = (Vec<(String, u32, String, String, String)>,);

/// The sessions of an account, but for those that only run its services.
pub(super) fn sessions(uid: Uid) -> Result<Vec<Session>, SessionsError> {
    sessions_of(|owner| owner == uid)
}

/// The same of everybody.
pub(super) fn all_sessions() -> Result<Vec<Session>, SessionsError> {
    sessions_of(|_| true)
}

fn sessions_of(is_owner: impl Fn(Uid) -> bool) -> Result<Vec<Session>, SessionsError> {
    let listed = busctl(&[&["call", SERVICE], &MANAGER[..], &["ListSessions"]].concat())?;
    let mut sessions = Vec::new();
    for (id, uid, path) in parse_list(&listed, is_owner)? {
        let asked = ["get-property", SERVICE, &path, SESSION, "Class", "Type", "TTY", "RemoteHost"];
        match busctl(&asked) {
            Ok(properties) => sessions.extend(parse_session(id, uid, &properties)?),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sessions)
}

fn parse_list(
    printed: &str,
    is_owner: impl Fn(Uid) -> bool,
) -> Result<Vec<(String, Uid, String)>, SessionsError> {
    let Answer { data: (listed,) } = serde_json::from_str::<Answer<Listed>>(printed)?;
    let own = listed.into_iter().filter(|(_, owner, ..)| is_owner(Uid(*owner)));
    Ok(own.map(|(id, owner, .., path)| (id, Uid(owner), path)).collect())
}

/// None for a session that is no person's: `manager`, `greeter`, `background`.
fn parse_session(id: String, uid: Uid, printed: &str) -> Result<Option<Session>, SessionsError> {
    let mut values = Vec::new();
    for line in printed.lines() {
        values.push(serde_json::from_str::<Answer<String>>(line)?.data);
    }
    Ok(match <[String; 4]>::try_from(values) {
        Ok([class, kind, terminal, remote_host]) if class.starts_with("user") => {
            let is_graphical = GRAPHICAL.contains(&kind.as_str());
            let is_terminal_known = !terminal.is_empty();
            let found = (!is_terminal_known).then(|| terminal::of_session(&id)).flatten();
            let terminal = found.unwrap_or(terminal);
            Some(Session { terminal, is_terminal_known, is_graphical, id, uid, remote_host })
        }
        Ok(_) => None,
        Err(_) => return Err(SessionsError::Logind("it told of a session what was not asked".to_owned())),
    })
}

/// Ends every session of an account, and its services.
pub(super) fn terminate_user(uid: Uid) -> Result<(), SessionsError> {
    end(&["TerminateUser", "u", &uid.to_string()])
}

pub(super) fn terminate_session(id: &str) -> Result<(), SessionsError> {
    end(&["TerminateSession", "s", id])
}

fn end(call: &[&str]) -> Result<(), SessionsError> {
    match busctl(&[&["call", SERVICE], &MANAGER[..], call].concat()) {
        Ok(_) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn schedule_reboot(at: WallTime, message: &str) -> Result<(), SessionsError> {
    let manager = [&["call", SERVICE], &MANAGER[..]].concat();
    busctl(&[&manager[..], &["SetWallMessage", "sb", message, "true"]].concat())?;
    let at = at.0.since_unix().as_micros().to_string();
    busctl(&[&manager[..], &["ScheduleShutdown", "st", "reboot", &at]].concat()).map(drop)
}

fn is_gone(error: &SessionsError) -> bool {
    matches!(error, SessionsError::Logind(said) if GONE.iter().any(|gone| said.contains(gone)))
}

fn busctl(arguments: &[&str]) -> Result<String, SessionsError> {
    let mut command = os::program(os::BUSCTL);
    command.args(["--system", "--json=short", "--timeout=15"]).args(arguments);
    let output = command.output().map_err(SessionsError::NoBusctl)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(SessionsError::Logind(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As busctl of systemd 257 prints them.
    const LISTED: &str = r#"{"type":"a(susso)","data":[[["c1",0,"root","","/org/freedesktop/login1/session/c1"],["7",1001,"lapadmin","","/org/freedesktop/login1/session/_37"],["8",1001,"lapadmin","","/org/freedesktop/login1/session/_38"]]]}"#;

    #[test]
    fn the_sessions_of_one_uid_are_told_from_the_others() {
        let own = parse_list(LISTED, |owner| owner == Uid(1001)).unwrap();
        let expected =
            [("7", "/org/freedesktop/login1/session/_37"), ("8", "/org/freedesktop/login1/session/_38")];
        assert_eq!(own, expected.map(|(id, path)| (id.to_owned(), Uid(1001), path.to_owned())));
        assert!(parse_list(LISTED, |owner| owner == Uid(1002)).unwrap().is_empty());
        assert_eq!(parse_list(LISTED, |_| true).unwrap().len(), 3);
        assert!(parse_list(r#"{"type":"s","data":["x"]}"#, |_| true).is_err());
    }

    #[test]
    fn a_session_is_somebodys_or_runs_services() {
        let session = |class: &str, kind: &str| {
            let printed = [class, kind, "pts/0", "192.0.2.7"]
                .map(|value| format!("{{\"type\":\"s\",\"data\":\"{value}\"}}\n"))
                .concat();
            parse_session("7".to_owned(), Uid(1001), &printed).unwrap()
        };
        let expected = |is_graphical| Session {
            id: "7".to_owned(),
            uid: Uid(1001),
            is_graphical,
            terminal: "pts/0".to_owned(),
            is_terminal_known: true,
            remote_host: "192.0.2.7".to_owned(),
        };
        assert_eq!(session("user", "tty"), Some(expected(false)));
        assert_eq!(session("user", "wayland"), Some(expected(true)));
        assert_eq!(session("manager", "unspecified"), None);
        assert!(parse_session("7".to_owned(), Uid(0), "{\"type\":\"s\",\"data\":\"user\"}").is_err());
    }
}
