//! HTTP proxies: one opens a way to the peer by CONNECT, and TLS goes through it end to end. RFC 9110 section 9.3.6.

use core::{fmt, str::FromStr};
use std::{io, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::http::{Uri, uri::Scheme};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use zeroize::Zeroizing;

use super::{HttpsUrl, TransportError};

/// The longest answer to CONNECT, in bytes. Real ones are below 300.
const HEAD_LEN_MAX: usize = 8 << 10;

/// An HTTP proxy, by name or address and port. It is told the peer's name and port, and carries what it cannot read.
#[derive(Debug, Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    /// What it asks for, if it asks for anything.
    credentials: Option<Arc<ProxyCredentials>>,
    /// Where it is not asked.
    exceptions: Vec<Exception>,
}

/// Whether they are asked alike, and for the same peers; a secret is not compared, only whether there is one.
impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.port, &self.exceptions, self.credentials.is_some())
            == (&other.host, other.port, &other.exceptions, other.credentials.is_some())
    }
}

impl Eq for Proxy {}

/// A user and a password for a proxy, as its header takes them. RFC 7617 section 2.
pub struct ProxyCredentials(Zeroizing<String>);

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyCredentials(redacted)")
    }
}

impl ProxyCredentials {
    /// Reads `user:password`, in one line.
    ///
    /// # Errors
    /// [`ProxyCredentialsError`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, ProxyCredentialsError> {
        let line = text.trim_end_matches(['\r', '\n']);
        let has_user = line.split_once(':').is_some_and(|(user, _)| !user.is_empty());
        if !has_user || line.contains(char::is_control) {
            return Err(ProxyCredentialsError);
        }
        Ok(Self(Zeroizing::new(STANDARD.encode(line))))
    }

    /// The only way to the clear text, so that a search for this name lists every use.
    fn expose_secret(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a user and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one line with user:password")]
pub struct ProxyCredentialsError;

/// Hosts that are reached without the proxy: one, and all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    All,
    /// In lower case, without a dot before it.
    Below(String),
}

impl Exception {
    /// As the variable `NO_PROXY` has it: `laps.example`, `.example` or `*`; none of an empty text.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('.');
        let host = text.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        (!host.is_empty()).then(|| if host == "*" { Self::All } else { Self::Below(host) })
    }

    fn contains(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(name) => {
                let host = host.to_ascii_lowercase();
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

/// Why a text is not a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a proxy as http://host:port, without a user and a path")]
pub struct ProxyError;

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let uri: Uri = text.parse().map_err(|_| ProxyError)?;
        let authority = uri.authority().ok_or(ProxyError)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_plain = uri.scheme() == Some(&Scheme::HTTP)
            && !authority.as_str().contains('@')
            && matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("/"));
        if !is_plain || host.is_empty() {
            return Err(ProxyError);
        }
        let (host, port) = (host.to_owned(), authority.port_u16().ok_or(ProxyError)?);
        Ok(Self { host, port, credentials: None, exceptions: Vec::new() })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", authority(&self.host, self.port))
    }
}

impl Proxy {
    /// The same, which is told who asks.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<ProxyCredentials>) -> Self {
        Self { credentials: credentials.map(Arc::new), ..self }
    }

    /// The same, but it is not asked for these hosts and those below them: names, addresses, or `*` for all.
    #[must_use]
    pub fn except<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { exceptions: hosts.into_iter().filter_map(Exception::parse).collect(), ..self }
    }

    /// Whether the way to this host goes through it.
    pub(super) fn is_for(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        !self.exceptions.iter().any(|exception| exception.contains(host))
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// Has the proxy at the other end of `stream` open a way to the host and port of `url`.
    pub(super) async fn open(&self, stream: &mut TcpStream, url: &HttpsUrl) -> Result<(), TransportError> {
        let peer = authority(url.host(), url.port());
        let status = ask(stream, &peer, self.credentials.as_deref())
            .await
            .map_err(|source| TransportError::Unreachable { peer: self.authority(), source })?;
        match status {
            200..=299 => Ok(()),
            status => Err(TransportError::ProxyRefused { proxy: self.authority(), peer, status }),
        }
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Sends the request; the status of the answer.
async fn ask(stream: &mut TcpStream, peer: &str, credentials: Option<&ProxyCredentials>) -> io::Result<u16> {
    let not_http = || io::Error::new(io::ErrorKind::InvalidData, "the proxy's answer is not HTTP");
    stream.write_all(format!("CONNECT {peer} HTTP/1.1\r\nHost: {peer}\r\n").as_bytes()).await?;
    if let Some(credentials) = credentials {
        stream.write_all(b"Proxy-Authorization: Basic ").await?;
        stream.write_all(credentials.expose_secret().as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
    }
    stream.write_all(b"\r\n").await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_LEN_MAX {
            return Err(not_http());
        }
        // Byte by byte: what follows the head is the peer's, and TLS reads it.
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().and_then(|line| str::from_utf8(line).ok());
    let mut words = line.unwrap_or_default().split(' ');
    match (words.next(), words.next().map(str::parse)) {
        (Some("HTTP/1.0" | "HTTP/1.1"), Some(Ok(status))) => Ok(status),
        _ => Err(not_http()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_hosts_and_what_is_below_them() {
        let proxy: Proxy = "http://p:1".parse().unwrap();
        let proxy = proxy.except(["laps.example", ".internal", "", " 10.0.0.1 ", "[::1]"]);
        for host in ["laps.example", "EU.Laps.Example", "x.internal", "internal", "10.0.0.1", "::1", "[::1]"]
        {
            assert!(!proxy.is_for(host), "{host}");
        }
        for host in ["xlaps.example", "example", "internal.example", "110.0.0.1", "::2"] {
            assert!(proxy.is_for(host), "{host}");
        }
        assert!(!proxy.except(["*"]).is_for("anything"));
    }

    #[test]
    fn credentials_are_one_line_and_are_not_printed() {
        let read = ProxyCredentials::parse("user:pass:word\n").unwrap();
        assert_eq!(read.expose_secret(), STANDARD.encode("user:pass:word"));
        let proxy = "http://p:1".parse::<Proxy>().unwrap().with_credentials(Some(read));
        assert!(!format!("{proxy:?} {proxy}").contains(&STANDARD.encode("user")[..4]), "{proxy:?}");
        for text in ["", "user", ":password", "user:pass\nword", "user:\u{7}"] {
            assert_eq!(ProxyCredentials::parse(text).err(), Some(ProxyCredentialsError), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_nothing_else() {
        for text in ["http://proxy.example:3128", "http://10.0.0.1:8888", "http://[::1]:3128"] {
            assert_eq!(text.parse::<Proxy>().unwrap().to_string(), text);
        }
        assert_eq!("http://p:1/".parse::<Proxy>().unwrap().to_string(), "http://p:1");
        for text in [
            "",
            "proxy:3128",
            "https://p:1",
            "http://p",
            "http://u:w@p:1",
            "http://p:1/x",
            "http://:1",
            "http://p:1?q",
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(ProxyError), "{text}");
        }
    }
}
