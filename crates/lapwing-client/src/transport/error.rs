//! What can go wrong between a call and its answer.

use core::time::Duration;
use std::io;

use tokio_rustls::rustls::CertificateError;

/// What was under way when a deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Resolving,
    /// Opening the connection.
    Connecting,
    /// Agreeing on TLS.
    Securing,
    /// Sending the request and reading its answer.
    Answering,
}

/// Why a call has no answer. An answer that refuses is not among these: see [`crate::Refusal`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The host's name has no address.
    #[error("the name {host} cannot be resolved")]
    NameNotResolved {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nobody accepts connections there, or there is no way to it.
    #[error("{peer} cannot be reached")]
    Unreachable {
        /// Host and port.
        peer: String,
        /// What the system said about the last address tried.
        source: io::Error,
    },
    /// The proxy opens no way to the peer.
    #[error("the proxy {proxy} opens no way to {peer} (HTTP {status})")]
    ProxyRefused {
        /// The proxy's host and port.
        proxy: String,
        /// The peer's.
        peer: String,
        /// What it answered.
        status: u16,
    },
    /// A deadline passed.
    #[error("{peer} did not answer within {limit:?}")]
    TimedOut {
        /// Host and port.
        peer: String,
        /// What was under way.
        stage: Stage,
        /// The deadline.
        limit: Duration,
        /// Whether bytes of the request may have left.
        sent: bool,
    },
    /// The peer's certificate is not one to trust.
    #[error("the certificate of {peer} is not trusted")]
    NotTrusted {
        /// Host and port.
        peer: String,
        /// Why not.
        source: tokio_rustls::rustls::Error,
    },
    /// TLS failed otherwise, before a request could be sent.
    #[error("no secure connection to {peer} could be agreed")]
    Tls {
        /// Host and port.
        peer: String,
        /// Why not.
        source: io::Error,
    },
    /// The host has no trust store, or a certificate or key of ours does not fit TLS.
    #[error("the TLS configuration cannot be used")]
    Configuration {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection ended, or carried something that is not HTTP, before there was an answer.
    #[error("the connection to {peer} ended before there was an answer")]
    Closed {
        /// Host and port.
        peer: String,
        /// Whether bytes of the request may have left.
        sent: bool,
        /// What HTTP said.
        source: hyper::Error,
    },
    /// The call must go over a connection that has just answered, and the peer keeps none open.
    #[error("{peer} closes each connection after one answer")]
    NotKept {
        /// Host and port.
        peer: String,
    },
    /// The answer is longer than any right one.
    #[error("the answer of {peer} is longer than {limit} bytes")]
    AnswerTooLong {
        /// Host and port.
        peer: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The request cannot be written down: a header has characters that HTTP forbids.
    #[error("the request to {peer} cannot be written as HTTP")]
    Unsendable {
        /// Host and port.
        peer: String,
        /// Why not.
        source: hyper::http::Error,
    },
}

impl TransportError {
    /// Whether bytes of the request may have left this host. If not, the peer has not seen it.
    #[must_use]
    pub const fn sent(&self) -> bool {
        match self {
            Self::TimedOut { sent, .. } | Self::Closed { sent, .. } => *sent,
            Self::AnswerTooLong { .. } => true,
            Self::NameNotResolved { .. }
            | Self::Unreachable { .. }
            | Self::ProxyRefused { .. }
            | Self::NotTrusted { .. }
            | Self::Tls { .. }
            | Self::Configuration { .. }
            | Self::NotKept { .. }
            | Self::Unsendable { .. } => false,
        }
    }

    /// Whom the call was for: host and port, or the host alone if it has no address; none if it was not made.
    #[must_use]
    pub fn peer(&self) -> Option<&str> {
        match self {
            Self::NameNotResolved { host, .. } => Some(host),
            Self::Unreachable { peer, .. }
            | Self::ProxyRefused { peer, .. }
            | Self::TimedOut { peer, .. }
            | Self::NotTrusted { peer, .. }
            | Self::Tls { peer, .. }
            | Self::Closed { peer, .. }
            | Self::AnswerTooLong { peer, .. }
            | Self::NotKept { peer }
            | Self::Unsendable { peer, .. } => Some(peer),
            Self::Configuration { .. } => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NameNotResolved { .. } => "check the server's name and this host's DNS",
            Self::Unreachable { .. } => "check that the server runs and that no firewall is between",
            Self::ProxyRefused { status: 407, .. } => {
                "give the proxy's user and password, or correct them: docs/configuration.md, \"Proxies\""
            }
            Self::ProxyRefused { .. } => "let the proxy allow CONNECT to that host and port",
            Self::TimedOut { stage: Stage::Answering, .. } | Self::Closed { .. } => {
                "check the server's log; the request may be repeated"
            }
            Self::TimedOut { .. } => "check that no firewall or proxy swallows the connection",
            Self::NotTrusted {
                source:
                    tokio_rustls::rustls::Error::InvalidCertificate(
                        CertificateError::Expired
                        | CertificateError::ExpiredContext { .. }
                        | CertificateError::NotValidYet
                        | CertificateError::NotValidYetContext { .. },
                    ),
                ..
            } => "check the clocks of this host and of the server; if both are right, renew its certificate",
            Self::NotTrusted { .. } => {
                "check the server's name and certificate; if its authority was replaced, enrol again with a new token"
            }
            Self::Tls { .. } => "check that the address is that of the server's HTTPS port",
            Self::Configuration { .. } => {
                "install the package ca-certificates, or enrol again if a key file is damaged"
            }
            Self::NotKept { .. } => "let the server, or the proxy before it, keep connections open",
            Self::AnswerTooLong { .. } => "check that the address is that of the directory",
            Self::Unsendable { .. } => "check the configured address and names for stray characters",
        }
    }
}
