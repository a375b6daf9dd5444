//! Calls to `lapwingd` on this host: Varlink, one JSON object per message, ended by a NUL.

use std::{
    io::{self, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use lapwing_core::local::{
    FRAME_END, FRAME_LEN_MAX,
    agent::{INTERFACE, SOCKET_PATH},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::failure::{Code, Failure};

/// How long the agent may take to tell something.
pub(crate) const TELL_MAX: Duration = Duration::from_secs(10);
/// How long a rotation may take, until its outcome is not waited for any more.
pub(crate) const CHANGE_MAX: Duration = Duration::from_secs(180);

/// Which agent to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentArgs {
    /// The agent's socket
    #[arg(long, value_name = "PATH", default_value = SOCKET_PATH)]
    socket: PathBuf,
}

/// Why the agent has not done what it was asked.
#[derive(Debug, thiserror::Error)]
enum LocalError {
    #[error("the agent does not listen on {path}", path = .0.display())]
    NotRunning(PathBuf, #[source] io::Error),
    #[error("the agent's socket {path} cannot be used", path = .0.display())]
    Socket(PathBuf, #[source] io::Error),
    #[error("the agent did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the agent's answer is malformed")]
    Malformed(#[source] serde_json::Error),
    #[error("the agent's answer is longer than {FRAME_LEN_MAX} bytes or breaks off")]
    Torn,
    #[error("{message} ({name})")]
    Refused { name: String, message: String, next_step: String },
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Self {
        let (code, next_step) = match &error {
            LocalError::NotRunning(..) => {
                (Code::Unreachable, "start it: `systemctl start lapwingd`".to_owned())
            }
            LocalError::Socket(_, source) if source.kind() == io::ErrorKind::PermissionDenied => {
                (Code::Refused, "run this as root".to_owned())
            }
            LocalError::Socket(..) => (Code::Failed, "see `systemctl status lapwingd`".to_owned()),
            LocalError::TimedOut(_) => {
                (Code::Unreachable, "see `lapwing status`: what was begun goes on by itself".to_owned())
            }
            LocalError::Malformed(_) | LocalError::Torn => {
                (Code::Failed, "check that `lapwing` and `lapwingd` have the same version".to_owned())
            }
            LocalError::Refused { name, next_step, .. } => (of_error(name), next_step.clone()),
        };
        Self::new(code, error, next_step)
    }
}

/// What the name of a Varlink error says.
fn of_error(name: &str) -> Code {
    match name.strip_prefix(INTERFACE) {
        Some(".NotAuthorized") => Code::Refused,
        _ => Code::Failed,
    }
}

#[derive(Deserialize)]
struct Reply {
    error: Option<String>,
    #[serde(default)]
    parameters: Value,
}

impl AgentArgs {
    /// Calls `method` and reads the member `answer` of its reply.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        answer: &str,
        limit: Duration,
    ) -> Result<T, Failure> {
        Ok(call(&self.socket, method, answer, limit)?)
    }
}

fn call<T: DeserializeOwned>(
    path: &Path,
    method: &str,
    answer: &str,
    limit: Duration,
) -> Result<T, LocalError> {
    let mut stream = connect(path)?;
    let socket = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => LocalError::TimedOut(limit),
        _ => LocalError::Socket(path.to_owned(), error),
    };
    stream.set_write_timeout(Some(limit)).map_err(socket)?;
    stream.set_read_timeout(Some(limit)).map_err(socket)?;
    let mut frame =
        json!({ "method": format!("{INTERFACE}.{method}"), "parameters": {} }).to_string().into_bytes();
    frame.push(FRAME_END);
    stream.write_all(&frame).map_err(socket)?;
    let frame = read_frame(stream).map_err(socket)?.ok_or(LocalError::Torn)?;
    read_reply(&frame, answer)
}

fn connect(path: &Path) -> Result<UnixStream, LocalError> {
    UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            LocalError::NotRunning(path.to_owned(), error)
        }
        _ => LocalError::Socket(path.to_owned(), error),
    })
}

/// One message without its end; none if it breaks off or is too long.
fn read_frame(stream: impl io::Read) -> io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::new();
    let limit = u64::try_from(FRAME_LEN_MAX).unwrap_or(u64::MAX);
    let mut stream = io::BufReader::new(stream.take(limit));
    io::BufRead::read_until(&mut stream, FRAME_END, &mut frame)?;
    Ok((frame.pop() == Some(FRAME_END)).then_some(frame))
}

fn read_reply<T: DeserializeOwned>(frame: &[u8], answer: &str) -> Result<T, LocalError> {
    let Reply { error, mut parameters } = serde_json::from_slice(frame).map_err(LocalError::Malformed)?;
    let text = |member: &str| parameters.get(member).and_then(Value::as_str).map(crate::output::shown);
    if let Some(name) = error {
        return Err(LocalError::Refused {
            message: text("message").unwrap_or_else(|| "the agent refused".to_owned()),
            next_step: text("next_step").unwrap_or_else(|| "see `journalctl -u lapwingd`".to_owned()),
            name: crate::output::shown(&name),
        });
    }
    let answer = parameters.get_mut(answer).map(Value::take).unwrap_or_default();
    serde_json::from_value(answer).map_err(LocalError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_a_nul_and_is_bounded() {
        assert_eq!(read_frame(&b"{}\0rest"[..]).unwrap().unwrap(), b"{}");
        assert_eq!(read_frame(&b"{}"[..]).unwrap(), None);
        assert_eq!(read_frame(&b""[..]).unwrap(), None);
        let mut most = vec![b' '; FRAME_LEN_MAX - 1];
        most.push(0);
        assert!(read_frame(&most[..]).unwrap().is_some());
        most.insert(0, b' ');
        assert_eq!(read_frame(&most[..]).unwrap(), None);
    }

    #[test]
    fn a_reply_is_an_answer_or_a_refusal() {
        let answer: u32 = read_reply(br#"{"parameters":{"a":7}}"#, "a").unwrap();
        assert_eq!(answer, 7);
        assert!(matches!(read_reply::<u32>(b"{}", "a"), Err(LocalError::Malformed(_))));
        assert!(matches!(read_reply::<u32>(b"[", "a"), Err(LocalError::Malformed(_))));
        let refused =
            br#"{"error":"org.lapwing.Agent.NotAuthorized","parameters":{"message":"no","next_step":"be root"}}"#;
        let failure = Failure::from(read_reply::<u32>(refused, "a").unwrap_err());
        assert_eq!(failure.code, Code::Refused);
        assert_eq!(failure.report(), "lapwing: no (org.lapwing.Agent.NotAuthorized)\n  next: be root");
    }
}
