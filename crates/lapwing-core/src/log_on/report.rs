//! The datagram.

use core::str::FromStr;

use crate::types::{AccountName, AccountNameError};

/// The longest text of a report that is not a name of an account, in bytes; what is longer is cut.
pub const TEXT_LEN_MAX: usize = 128;
/// The longest report, in bytes.
pub const REPORT_LEN_MAX: usize = 1024;

const MAGIC: &str = "lapwing-log-on/1";

/// What a program was doing when it asked PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It asks for a password or the like; whether that is right is not known yet.
    Authenticating,
    /// It asks whether the account may be used, after it had it authenticated by PAM.
    Admitted,
    /// The same without: by a key, a ticket, or as root.
    AdmittedOtherwise,
    /// A session begins.
    SessionOpened,
    /// A session ends.
    SessionClosed,
    /// It is done with PAM, and the last answer that it had from there was a refusal.
    Refused,
    /// Somebody wanted another password for the account, and was refused by the module.
    ChangeRefused,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Authenticating,
        Self::Admitted,
        Self::AdmittedOtherwise,
        Self::SessionOpened,
        Self::SessionClosed,
        Self::Refused,
        Self::ChangeRefused,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Authenticating => "authenticating",
            Self::Admitted => "admitted",
            Self::AdmittedOtherwise => "admitted-otherwise",
            Self::SessionOpened => "session-opened",
            Self::SessionClosed => "session-closed",
            Self::Refused => "refused",
            Self::ChangeRefused => "change-refused",
        }
    }
}

/// One call of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the program was doing.
    pub phase: Phase,
    /// The program's process.
    pub pid: u32,
    /// Its real uid: whoever started it.
    pub caller: u32,
    /// The account.
    pub account: AccountName,
    /// The service that it asks PAM as, such as `sshd`.
    pub service: String,
    /// Its terminal; empty without one.
    pub terminal: String,
    /// Where the request came from; empty if from here.
    pub remote_host: String,
}

/// Why bytes are no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Too long, of another version, with other members, or not text.
    #[error("the report is malformed")]
    Malformed,
    /// Not the name of an account.
    #[error("the report is of something that cannot be an account")]
    Account(#[from] AccountNameError),
}

impl Report {
    /// The bytes; at most [`REPORT_LEN_MAX`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { phase, pid, caller, account, service, terminal, remote_host } = self;
        let (pid, caller) = (pid.to_string(), caller.to_string());
        let members = [
            ("phase", phase.name()),
            ("pid", &pid),
            ("caller", &caller),
            ("account", account.as_str()),
            ("service", service),
            ("terminal", terminal),
            ("remote_host", remote_host),
        ];
        let mut bytes = MAGIC.as_bytes().to_vec();
        bytes.push(0);
        for (name, value) in members {
            bytes.extend(name.bytes().chain([b'=']));
            bytes.extend(printable(value).bytes());
            bytes.push(0);
        }
        bytes
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        let malformed = || ReportError::Malformed;
        let text = core::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.len() <= REPORT_LEN_MAX)
            .ok_or_else(malformed)?;
        let mut parts = text.strip_suffix('\0').ok_or_else(malformed)?.split('\0');
        if parts.next() != Some(MAGIC) {
            return Err(malformed());
        }
        let mut member = |name: &str| {
            let value = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
            (printable(value) == value).then_some(value)
        };
        let phase = member("phase").ok_or_else(malformed)?;
        let phase = Phase::ALL.into_iter().find(|known| known.name() == phase).ok_or_else(malformed)?;
        let number = |text: Option<&str>| {
            let number =
                text.and_then(|text| u32::from_str(text).ok().filter(|number| number.to_string() == text));
            number.ok_or_else(malformed)
        };
        let (pid, caller) = (number(member("pid"))?, number(member("caller"))?);
        let account = member("account").ok_or_else(malformed)?.parse()?;
        let mut text = |name| member(name).map(str::to_owned).ok_or_else(malformed);
        let (service, terminal, remote_host) = (text("service")?, text("terminal")?, text("remote_host")?);
        if parts.next().is_some() {
            return Err(malformed());
        }
        Ok(Self { phase, pid, caller, account, service, terminal, remote_host })
    }
}

/// A text without what could steer a terminal or a log, cut to [`TEXT_LEN_MAX`].
#[must_use]
pub fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars() {
        let c = if c.is_control() { '?' } else { c };
        if printable.len() + c.len_utf8() > TEXT_LEN_MAX {
            break;
        }
        printable.push(c);
    }
    printable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(phase: Phase, service: &str) -> Report {
        Report {
            phase,
            pid: 7,
            caller: 1001,
            account: "lapadmin".parse().unwrap(),
            service: service.to_owned(),
            terminal: "pts/0".to_owned(),
            remote_host: "192.0.2.7".to_owned(),
        }
    }

    #[test]
    fn each_phase_is_written_and_read() {
        for phase in Phase::ALL {
            let report = report(phase, "sshd");
            let bytes = report.to_bytes();
            assert_eq!(Report::parse(&bytes), Ok(report));
        }
    }

    #[test]
    fn what_steers_a_terminal_or_is_too_long_does_not_get_through() {
        let bytes = report(Phase::Refused, "a\u{1b}[2J\0b\u{85}").to_bytes();
        assert_eq!(Report::parse(&bytes).unwrap().service, "a?[2J?b?");
        let long = report(Phase::Refused, &"ä".repeat(TEXT_LEN_MAX)).to_bytes();
        assert_eq!(Report::parse(&long).unwrap().service.len(), TEXT_LEN_MAX);
        let text = String::from_utf8(report(Phase::Refused, "sshd").to_bytes()).unwrap();
        for (from, to) in [
            ("log-on/1", "log-on/2"),
            ("phase=refused", "phase=x"),
            ("pid=7", "pid=+7"),
            ("pid=7", "pid=4294967296"),
            ("caller", "called"),
            ("lapadmin", "root/x"),
            ("sshd", "ss\nhd"),
            ("192.0.2.7\0", "192.0.2.7"),
            ("192.0.2.7\0", "192.0.2.7\0x=1\0"),
        ] {
            assert!(text.contains(from) && Report::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_what_is_read_is_written(bytes: Vec<u8>, at: prop::sample::Index, by in 1..=255_u8) {
            drop(Report::parse(&bytes));
            let mut bytes = report(Phase::Admitted, "su").to_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(read) = Report::parse(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }
    }
}
