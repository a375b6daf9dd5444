//! HTTP proxies: one opens a way to the peer by CONNECT, and TLS goes through it end to end. RFC 9110 section 9.3.6.

use core::{fmt, str::FromStr};
use std::io;

use hyper::http::{Uri, uri::Scheme};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{HttpsUrl, TransportError};

/// The longest answer to CONNECT, in bytes. Real ones are below 300.
const HEAD_LEN_MAX: usize = 8 << 10;

/// An HTTP proxy, by name or address and port. It is told the peer's name and port, and carries what it cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
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
        Ok(Self { host: host.to_owned(), port: authority.port_u16().ok_or(ProxyError)? })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", authority(&self.host, self.port))
    }
}

impl Proxy {
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
        let status = ask(stream, &peer)
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
async fn ask(stream: &mut TcpStream, peer: &str) -> io::Result<u16> {
    let not_http = || io::Error::new(io::ErrorKind::InvalidData, "the proxy's answer is not HTTP");
    stream.write_all(format!("CONNECT {peer} HTTP/1.1\r\nHost: {peer}\r\n\r\n").as_bytes()).await?;
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
