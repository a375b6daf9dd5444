//! Windows Push Notification Services: how a Windows device is asked to begin a session. Not verified live.
//!
//! "Sending a push notification with WNS" and "Push notification service request and response headers", Microsoft Learn.

use core::{fmt, time::Duration};

/// The longest channel URI that is accepted, in bytes. Real ones are below 300.
pub const CHANNEL_URI_LEN_MAX: usize = 1024;
/// The host that gives the server its own token, at [`TOKEN_PATH`].
pub const TOKEN_HOST: &str = "login.live.com";
/// The path of its token endpoint.
pub const TOKEN_PATH: &str = "/accesstoken.srf";
/// The scope of that token.
pub const TOKEN_SCOPE: &str = "notify.windows.com";
/// Headers of a notification beside its token: its content means nothing, and is kept for a device that is not there.
pub const NOTIFICATION_HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/octet-stream"),
    ("x-wns-type", "wns/raw"),
    ("x-wns-cache-policy", "cache"),
];
/// Below this a channel of the service is.
const DOMAIN: &str = ".notify.windows.com";

/// Where notifications for one device go. The device says where, so that nothing but the service itself is accepted:
/// a server that called what a stranger names would call its own neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelUri {
    host: String,
    path_and_query: String,
}

/// Why a text is no channel of the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the channel URI is not one of https://*.notify.windows.com")]
pub struct ChannelUriError;

impl ChannelUri {
    /// Reads `https://{host}[:443]/{path}`, whose host is a name below `notify.windows.com`.
    ///
    /// # Errors
    /// [`ChannelUriError`] for everything else, an address, a user, another port and any encoding in the host included.
    pub fn parse(text: &str) -> Result<Self, ChannelUriError> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
        let (scheme, rest) = text.split_once("://").ok_or(ChannelUriError)?;
        if text.len() > CHANNEL_URI_LEN_MAX || !is_printable || !scheme.eq_ignore_ascii_case("https") {
            return Err(ChannelUriError);
        }
        let (authority, path) = rest.split_once('/').ok_or(ChannelUriError)?;
        let host = authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
        let labels = host.strip_suffix(DOMAIN).ok_or(ChannelUriError)?;
        if !labels.split('.').all(is_label) {
            return Err(ChannelUriError);
        }
        Ok(Self { host, path_and_query: format!("/{path}") })
    }

    /// The host, in lower case; the port is 443.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path and query as they stand in the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

impl fmt::Display for ChannelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path_and_query)
    }
}

/// RFC 1123 section 2.1.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The service has it; whether it is ever delivered it does not promise.
    Queued,
    /// The server's token is over: get another, and send once more.
    TokenRefused,
    /// The channel is no more: the device tells of another in its next session.
    ChannelGone,
    /// Too many: none for that long, if it says how long.
    Throttled(Option<Duration>),
    /// The service is in trouble, or not there: later.
    Unavailable,
    /// Anything else: the schedule is left.
    Failed,
}

impl Delivery {
    /// By the status of the answer, and what its `Retry-After` says.
    #[must_use]
    pub const fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200 => Self::Queued,
            401 => Self::TokenRefused,
            404 | 410 => Self::ChannelGone,
            406 | 429 => Self::Throttled(retry_after),
            500..=599 => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_of_the_service_is_taken_apart() {
        let uri = ChannelUri::parse("https://DB5p.notify.windows.com/?token=AwYAAAB%2fz%3d").unwrap();
        assert_eq!((uri.host(), uri.path_and_query()), ("db5p.notify.windows.com", "/?token=AwYAAAB%2fz%3d"));
        let deeper = ChannelUri::parse("HTTPS://a.b-1.notify.windows.com:443/x/y?z").unwrap();
        assert_eq!((deeper.host(), deeper.path_and_query()), ("a.b-1.notify.windows.com", "/x/y?z"));
        assert_eq!(ChannelUri::parse(&deeper.to_string()), Ok(deeper));
    }

    #[test]
    fn nothing_else_is_ever_called() {
        for text in [
            "",
            "https://notify.windows.com/",
            "https://.notify.windows.com/",
            "https://a..notify.windows.com/",
            "http://db5p.notify.windows.com/",
            "https://db5p.notify.windows.com",
            "https://db5p.notify.windows.com:8443/",
            "https://db5p.notify.windows.com:443:443/",
            "https://db5p.notify.windows.com./",
            "https://db5p.notify.windows.com.example/",
            "https://evilnotify.windows.com/",
            "https://127.0.0.1/",
            "https://127.0.0.1/.notify.windows.com/",
            "https://[::1].notify.windows.com/",
            "https://127.0.0.1#.notify.windows.com/",
            "https://127.0.0.1?.notify.windows.com/",
            "https://127.0.0.1\\.notify.windows.com/",
            "https://127.0.0.1%2f.notify.windows.com/",
            "https://u:p@db5p.notify.windows.com/",
            "https://db5p.notify.windows.com@127.0.0.1/",
            "https://127.0.0.1@db5p.notify.windows.com/",
            "https://db5p.notify.windows.com/ x",
            "https://db5p.notify.windows.com/\r\nHost: x",
            "https:///db5p.notify.windows.com/",
            "https://-a.notify.windows.com/",
            "https://b\u{fc}.notify.windows.com/",
            "file://db5p.notify.windows.com/",
        ] {
            assert_eq!(ChannelUri::parse(text), Err(ChannelUriError), "{text}");
        }
        let long = format!("https://a.notify.windows.com/{}", "x".repeat(CHANNEL_URI_LEN_MAX));
        assert!(ChannelUri::parse(&long).is_err());
        assert!(ChannelUri::parse(&long[..CHANNEL_URI_LEN_MAX]).is_ok());
    }

    #[test]
    fn each_answer_says_what_to_do_next() {
        let wait = Some(Duration::from_secs(7));
        let table = [
            (200, Delivery::Queued),
            (401, Delivery::TokenRefused),
            (404, Delivery::ChannelGone),
            (410, Delivery::ChannelGone),
            (406, Delivery::Throttled(wait)),
            (429, Delivery::Throttled(wait)),
            (500, Delivery::Unavailable),
            (503, Delivery::Unavailable),
            (302, Delivery::Failed),
        ];
        for (status, delivery) in table {
            assert_eq!(Delivery::of(status, wait), delivery, "{status}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String) {
            drop(ChannelUri::parse(&text));
        }
    }
}
