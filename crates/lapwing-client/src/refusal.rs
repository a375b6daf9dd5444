//! An answer that says no, and a call that did not get the answer it needs.

use core::time::Duration;

use hyper::StatusCode;
use lapwing_proto::{
    json::{self, JsonError},
    register::{AnnouncementError, AnswerError, CODE_CERTIFICATE_ENDED, CODE_RENEWAL_REQUIRED},
};
use serde_json::Value;

use crate::transport::{Answer, TransportError, UrlError};

/// The longest text of a peer that is shown, in characters.
const TEXT_LEN_MAX: usize = 400;

/// The peer understood the request and said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{peer} refused to {what}: {message} (HTTP {status}{})", self.code_suffix())]
pub struct Refusal {
    /// Host and port.
    pub peer: String,
    /// What was asked, such as `store the password`.
    pub what: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The most exact code in the body: a `subcode`, a Graph code or an OAuth error; empty if there is none.
    pub code: String,
    /// The body's text for people, without control characters and cut to a sane length.
    pub message: String,
    /// How long the peer asks to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// From an answer with any status but success: reads the error body of the registration service, the token
    /// endpoint (RFC 6749 section 5.2) or Graph ("Microsoft Graph error responses and resource types").
    pub(crate) fn read(peer: &str, what: &'static str, answer: &Answer) -> Self {
        let body: Value = json::parse(answer.body.expose_secret()).unwrap_or(Value::Null);
        let text =
            |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let code =
            ["/subcode", "/error/code", "/error", "/code"].into_iter().find_map(text).unwrap_or_default();
        let message = ["/message", "/error/message", "/error_description"]
            .into_iter()
            .find_map(text)
            .or(answer.status.canonical_reason())
            .unwrap_or("no reason given");
        Self {
            peer: peer.to_owned(),
            what,
            status: answer.status.as_u16(),
            code: printable(code),
            message: printable(message),
            retry_after: answer.retry_after,
        }
    }

    fn code_suffix(&self) -> String {
        if self.code.is_empty() { String::new() } else { format!(", {}", self.code) }
    }

    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match (self.status, self.code.as_str()) {
            (_, "error_fail") => "switch Windows LAPS on in the tenant's device settings",
            (_, "error_missing_device") => "enrol this host again: the directory has no such device",
            (_, "error_seal_invalid") => "enrol this host again: the pinned seal key is not the server's",
            (_, CODE_RENEWAL_REQUIRED) => "nothing: lapwingd renews the certificate by itself",
            (_, CODE_CERTIFICATE_ENDED) => {
                "run `lapwing leave --local-only`, and `lapwing enrol` with a new enrolment token"
            }
            (_, "invalid_client") => {
                "check the administrator's profile: the client or its secret is not accepted"
            }
            // The first is the token endpoint's word for a device that was disabled or deleted. RFC 6749 section 5.2.
            (_, "invalid_grant") | (401, _) => {
                "check that the device or client is enabled and known; if it was deleted, enrol again"
            }
            (403, _) => {
                "ask an administrator for the role that this needs, and whether the device is enabled"
            }
            (404, _) => "check the name or id",
            (429 | 503, _) => "wait as long as the server asks; it is repeated by itself where it must be",
            _ => "look into the server's log",
        }
    }
}

/// A peer's text as it may be shown on a terminal and in a log.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_LEN_MAX).collect()
}

/// Why a call did not end with the answer it needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer says yes, but is not what the protocol says.
    #[error("the answer of {peer} to `{what}` is malformed")]
    Malformed {
        /// Host and port.
        peer: String,
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        source: MalformedAnswer,
    },
    /// An address to call cannot be built.
    #[error("an address to call is not valid")]
    Address(#[from] UrlError),
    /// The device's key does not sign.
    #[error("the device's key cannot sign")]
    Key(#[from] crate::identity::KeyError),
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedAnswer {
    /// It is not the JSON expected.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The announcement of `lapwing-server` cannot be used.
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
    /// A member has a value that it may not have.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// A list has too many pages, or goes on at another server.
    #[error("the list does not end, or goes on at another server")]
    Paging,
    /// It is not text.
    #[error("the answer is not text in UTF-8")]
    Text,
}

impl CallError {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Transport(error) => error.next_step(),
            Self::Refused(refusal) => refusal.next_step(),
            Self::Malformed { .. } => "check that the address is that of the directory, and its version",
            Self::Address(_) => "check the server's public address in its configuration",
            Self::Key(error) => error.next_step(),
        }
    }
}

/// The answer if it is a success, else the refusal in it.
pub(crate) fn success(peer: &str, what: &'static str, answer: Answer) -> Result<Answer, Refusal> {
    if answer.status.is_success() { Ok(answer) } else { Err(Refusal::read(peer, what, &answer)) }
}

/// Whether an answer's status proves that the request was not carried out, so that nothing was stored.
///
/// A gateway's 502 or 504, a 500 or a 408 prove nothing. 503 is a refusal only where the directory itself speaks: with a
/// body of its own or a time to wait.
pub(crate) fn proves_refusal(refusal: &Refusal) -> bool {
    match refusal.status {
        408 => false,
        503 => !refusal.code.is_empty() || refusal.retry_after.is_some(),
        status => StatusCode::from_u16(status).is_ok_and(|status| status.is_client_error()),
    }
}

#[cfg(test)]
mod tests {
    use lapwing_core::secret::SecretBytes;

    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            body: SecretBytes::new(body.as_bytes().to_vec()),
        };
        Refusal::read("laps.example", "store the password", &answer)
    }

    #[test]
    fn the_three_error_bodies_are_read() {
        for (body, code, message) in [
            (r#"{"code":"invalid_request","subcode":"error_fail","message":"off"}"#, "error_fail", "off"),
            (
                r#"{"error":{"code":"Request_ResourceNotFound","message":"none"}}"#,
                "Request_ResourceNotFound",
                "none",
            ),
            (
                r#"{"error":"invalid_grant","error_description":"AADSTS1: no"}"#,
                "invalid_grant",
                "AADSTS1: no",
            ),
            ("<html>", "", "Bad Request"),
            ("", "", "Bad Request"),
            ("[1]", "", "Bad Request"),
        ] {
            let read = refusal(400, body);
            assert_eq!((read.code.as_str(), read.message.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn a_peers_text_cannot_steer_the_terminal_or_fill_the_log() {
        let long = "x".repeat(9000);
        let read = refusal(400, &format!(r#"{{"code":"a\u001b[2Jb","message":"{long}"}}"#));
        assert_eq!(read.code, "a [2Jb");
        assert_eq!(read.message.len(), TEXT_LEN_MAX);
    }

    #[test]
    fn only_the_directorys_own_no_proves_that_nothing_was_stored() {
        let drs = r#"{"code":"x","message":"y"}"#;
        for (status, body, proves) in [
            (400, drs, true),
            (401, "", true),
            (403, "", true),
            (408, "", false),
            (429, "", true),
            (500, drs, false),
            (502, "<html>", false),
            (503, "<html>", false),
            (503, drs, true),
            (504, "", false),
            (302, "", false),
        ] {
            assert_eq!(proves_refusal(&refusal(status, body)), proves, "{status}");
        }
    }
}
