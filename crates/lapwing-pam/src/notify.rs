//! Sends a report, or a line for the journal, or does not: nobody waits for it.

use std::{io, os::unix::net::UnixDatagram, path::Path, process};

use lapwing_core::log_on::Report;

/// Hands a report to the socket's queue. Root alone may write to the socket, which the module's callers are, or are set to by their
/// file; so nobody else's reports can be heard, and no other proof is sent along.
///
/// # Errors
/// Why it was dropped: there is no socket, nobody has it open, its queue is full, or the caller may not.
pub(crate) fn send(path: &Path, report: &Report) -> io::Result<()> {
    put(path, &report.to_bytes())
}

/// Where the system's log is written to. syslog(3).
pub(crate) const LOG_PATH: &str = "/dev/log";

/// Writes a warning to the system's log of authentications. Not by syslog(3), which waits where nobody reads: a journal that is stuck
/// must not hold up a log-on here too. The form is that of RFC 3164, 4.1, whose reader supplies the time.
///
/// # Errors
/// Why it is lost.
pub(crate) fn warn(path: &Path, text: &str) -> io::Result<()> {
    const PRIORITY: i32 = libc::LOG_AUTHPRIV | libc::LOG_WARNING;
    put(path, format!("<{PRIORITY}>pam_lapwing[{}]: {text}", process::id()).as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to(bytes, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use lapwing_core::log_on::{Phase, REPORT_LEN_MAX};

    use super::*;

    #[test]
    fn a_report_arrives_or_is_dropped_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log-on.sock");
        let report = Report {
            phase: Phase::Admitted,
            pid: 7,
            caller: 0,
            account: "lapadmin".parse().unwrap(),
            service: "sshd".to_owned(),
            terminal: "ssh".to_owned(),
            remote_host: "192.0.2.7".to_owned(),
        };
        assert_eq!(send(&path, &report).unwrap_err().kind(), io::ErrorKind::NotFound);
        let socket = UnixDatagram::bind(&path).unwrap();
        send(&path, &report).unwrap();
        let mut bytes = [0; REPORT_LEN_MAX];
        let len = socket.recv(&mut bytes).unwrap();
        assert_eq!(Report::parse(&bytes[..len]), Ok(report.clone()));
        // Nobody reads any more: the queue fills up.
        let full = (0..10_000).find_map(|_| send(&path, &report).err()).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        drop(socket);
        assert_eq!(send(&path, &report).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_line_for_the_journal_is_written_or_lost_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(warn(&path, "x").unwrap_err().kind(), io::ErrorKind::NotFound);
        let socket = UnixDatagram::bind(&path).unwrap();
        warn(&path, "nobody was told").unwrap();
        let mut bytes = [0; 100];
        let len = socket.recv(&mut bytes).unwrap();
        let line = format!("<84>pam_lapwing[{}]: nobody was told", process::id());
        assert_eq!(str::from_utf8(&bytes[..len]), Ok(line.as_str()));
        let full = (0..10_000).find_map(|_| warn(&path, "x").err()).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }
}
