//! This program's own account of every verb, for an administrator who distrusts `lapwingd`. No secret is in it.
//!
//! To the journal by its native protocol, so that `VERB`, `ACCOUNT`, `PASSWORD_VERSION` and `EVENT_ID` are fields;
//! to standard error where there is no journal.

use std::{fmt::Write as _, io::Write as _, os::unix::net::UnixDatagram, sync::OnceLock};

/// Where journald listens. systemd.io, "Native Journal Protocol".
const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

static JOURNAL: OnceLock<UnixDatagram> = OnceLock::new();

/// Connects to the host's journal; until then, and in tests, lines go to standard error.
pub(crate) fn connect() {
    if let Ok(socket) = UnixDatagram::unbound()
        && socket.connect(JOURNAL_SOCKET).is_ok()
    {
        JOURNAL.get_or_init(|| socket);
    }
}

/// Somebody must act.
pub(crate) fn error(message: &str, fields: &[(&str, &str)]) {
    entry('3', message, fields);
}

/// It heals itself.
pub(crate) fn warning(message: &str, fields: &[(&str, &str)]) {
    entry('4', message, fields);
}

/// What was done.
pub(crate) fn info(message: &str, fields: &[(&str, &str)]) {
    entry('6', message, fields);
}

/// `priority` is that of syslog(3).
fn entry(priority: char, message: &str, fields: &[(&str, &str)]) {
    let sent = JOURNAL.get().is_some_and(|socket| socket.send(&native(priority, message, fields)).is_ok());
    if !sent {
        // Nobody is left to be told that this failed.
        drop(std::io::stderr().write_all(line(priority, message, fields).as_bytes()));
    }
}

fn native(priority: char, message: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut datagram =
        format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER=lapwingd-priv\nMESSAGE={}\n", one_line(message));
    for (name, value) in fields {
        writeln!(datagram, "{name}={}", one_line(value)).expect("writing to a string never fails");
    }
    datagram.into_bytes()
}

/// With the prefix by which systemd knows the priority of a line. sd-daemon(3).
fn line(priority: char, message: &str, fields: &[(&str, &str)]) -> String {
    let mut line = format!("<{priority}>{}", one_line(message));
    for (name, value) in fields {
        write!(line, " {name}={}", one_line(value)).expect("writing to a string never fails");
    }
    line.push('\n');
    line
}

/// A line break would begin a field, or a line, of somebody else's making.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_forge_a_field_or_a_line() {
        let fields = [("ACCOUNT", "ann\nPRIORITY=0\0")];
        let datagram = native('6', "Prepared", &fields);
        assert_eq!(
            str::from_utf8(&datagram).unwrap(),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=lapwingd-priv\nMESSAGE=Prepared\nACCOUNT=ann PRIORITY=0 \n"
        );
        assert_eq!(line('6', "Prepared", &fields), "<6>Prepared ACCOUNT=ann PRIORITY=0 \n");
    }
}
