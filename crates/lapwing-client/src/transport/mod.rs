//! HTTPS/1.1 over one fresh connection per call sequence.
//!
//! * Nothing is repeated, redirected or resumed here: one call is at most one request on the wire.
//! * Every wait has a deadline, and every answer a longest size.
//! * No task outlives a call: the connection is driven by the call itself, so dropping it ends everything.
//! * A request's body is one buffer that is wiped when it has been handed to TLS. HTTP gathers it by reference
//!   (`writev`) and TLS encrypts its own copy in place, so no other copy of it exists in clear.
//!
//! INVARIANT: an error whose [`TransportError::sent`] is false means that no byte of the request reached the peer.

mod error;
mod proxy;
mod sent;
mod trust;
mod upgrade;
mod url;

use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use std::{io, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
    http::HeaderValue,
};
use lapwing_core::secret::SecretBytes;
use lapwing_proto::secret_text::SecretText;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, ClientConfig, pki_types::ServerName},
};
use zeroize::Zeroizing;

pub use self::{
    error::{Stage, TransportError},
    proxy::{Proxy, ProxyCredentials, ProxyCredentialsError, ProxyError},
    trust::{CertificateDigest, ClientCertificate, DigestError, Trust},
    url::{HttpsUrl, URL_LEN_MAX, UrlError},
};
pub use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use self::sent::{Sent, Watched};
pub(crate) use self::{trust::plain as plain_tls, upgrade::Upgrade};

/// The longest wait that a peer can ask for and be obeyed: beyond it, it is asked again.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// How many addresses of one name are tried.
const ADDRESSES_MAX: usize = 6;

/// How long to wait, and for how much.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For looking up the name, then for each address tried, then for TLS.
    pub connect: Duration,
    /// For one request and its whole answer.
    pub answer: Duration,
    /// The longest answer, in bytes.
    pub answer_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            answer_len: 4 * 1024 * 1024,
        }
    }
}

/// Opens connections that trust the same authorities.
#[derive(Debug, Clone)]
pub struct Dialer {
    config: Arc<ClientConfig>,
    limits: Limits,
    proxy: Option<Proxy>,
}

impl Dialer {
    /// A dialer that believes `trust`, and shows `client` where it is asked for a certificate.
    ///
    /// # Errors
    /// [`TransportError::Configuration`] if there is nothing to trust, or a certificate or key does not fit.
    pub fn new(
        trust: Trust,
        client: Option<ClientCertificate>,
        limits: Limits,
    ) -> Result<Self, TransportError> {
        Ok(Self { config: trust::configuration(trust, client)?, limits, proxy: None })
    }

    /// The same, but every connection goes through `proxy`, if there is one.
    #[must_use]
    pub fn through(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    /// Opens a fresh connection to the host and port of `url`.
    ///
    /// # Errors
    /// Every [`TransportError`] that is not about an answer; none was `sent`.
    pub async fn connect(&self, url: &HttpsUrl) -> Result<Connection, TransportError> {
        let peer = url.authority();
        let stream = self.open(url, &peer).await?;
        // What is said is short, and should not wait for more.
        if let Err(source) = stream.set_nodelay(true) {
            return Err(TransportError::Unreachable { peer, source });
        }
        let name =
            ServerName::try_from(url.host().to_owned()).map_err(|error| TransportError::NameNotResolved {
                host: url.host().to_owned(),
                source: io::Error::new(io::ErrorKind::InvalidInput, error),
            })?;
        let securing = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        let stream = self
            .limited(&peer, Stage::Securing, securing)
            .await?
            .map_err(|source| tls_error(peer.clone(), source))?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let sent = Sent::default();
        let mut http = http1::Builder::new();
        // Gathered writes: a body is never copied into a buffer of HTTP's own, which nothing would wipe.
        http.writev(true).max_headers(64);
        let (sender, driver) = http
            .handshake(Watched { stream, sent: sent.clone() })
            .await
            .map_err(|source| TransportError::Closed { peer: peer.clone(), sent: false, source })?;
        Ok(Connection {
            sender,
            driver: Some(Box::pin(driver)),
            sent,
            chain,
            url: url.clone(),
            limits: self.limits,
        })
    }

    async fn open(&self, url: &HttpsUrl, peer: &str) -> Result<TcpStream, TransportError> {
        let Some(proxy) = self.proxy.as_ref().filter(|proxy| proxy.is_for(url.host())) else {
            return self.reach(url.host(), url.port(), peer).await;
        };
        let via = proxy.authority();
        let mut stream = self.reach(proxy.host(), proxy.port(), &via).await?;
        self.limited(&via, Stage::Connecting, proxy.open(&mut stream, url)).await??;
        Ok(stream)
    }

    async fn reach(&self, host: &str, port: u16, peer: &str) -> Result<TcpStream, TransportError> {
        let unresolved = |source| TransportError::NameNotResolved { host: host.to_owned(), source };
        let found =
            self.limited(peer, Stage::Resolving, lookup_host((host, port))).await?.map_err(unresolved)?;
        let mut last = unresolved(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        for address in found.take(ADDRESSES_MAX) {
            match self.limited(peer, Stage::Connecting, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(source)) => last = TransportError::Unreachable { peer: peer.to_owned(), source },
                Err(timed_out) => last = timed_out,
            }
        }
        Err(last)
    }

    async fn limited<F: Future>(
        &self,
        peer: &str,
        stage: Stage,
        work: F,
    ) -> Result<F::Output, TransportError> {
        let limit = self.limits.connect;
        tokio::time::timeout(limit, work).await.map_err(|_| TransportError::TimedOut {
            peer: peer.to_owned(),
            stage,
            limit,
            sent: false,
        })
    }
}

fn tls_error(peer: String, source: io::Error) -> TransportError {
    match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => {
            TransportError::NotTrusted { peer, source: error.clone() }
        }
        _ => TransportError::Tls { peer, source },
    }
}

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Where to; must have the origin that the connection was opened for.
    pub url: &'a HttpsUrl,
    /// The bearer token to show, if any.
    pub bearer: Option<&'a SecretText>,
    /// Further headers.
    pub headers: &'a [(&'static str, &'a str)],
    /// Media type and content.
    pub content: Option<(&'static str, SecretBytes)>,
}

/// One answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long the peer asks to wait, at most [`RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
    /// The whole content; it may hold passwords.
    pub body: SecretBytes,
}

type Encoded = hyper::Request<Full<Bytes>>;

type Driver = Pin<Box<http1::Connection<Watched<TlsStream<TcpStream>>, Full<Bytes>>>>;

/// An open connection: calls one after another.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
    sent: Sent,
    chain: Vec<CertificateDer<'static>>,
    url: HttpsUrl,
    limits: Limits,
}

impl core::fmt::Debug for Connection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.url.authority()).finish_non_exhaustive()
    }
}

impl Connection {
    /// The chain that the peer showed, its own certificate first.
    #[must_use]
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Whether a request to `url` can go over this connection.
    pub(crate) fn reaches(&self, url: &HttpsUrl) -> bool {
        self.url.same_origin(url)
    }

    /// Whether the peer has left the connection open, as far as this host has heard.
    pub(crate) async fn is_open(&mut self) -> bool {
        driven(&mut self.driver, core::future::ready(())).await;
        self.driver.is_some()
    }

    /// Sends one request, once, and reads its whole answer.
    ///
    /// # Errors
    /// [`TransportError`]; `sent` tells whether the peer may have seen the request.
    pub async fn call(&mut self, request: Request<'_>) -> Result<Answer, TransportError> {
        debug_assert!(self.reaches(request.url), "the request is for another host");
        self.sent.clear();
        let limit = self.limits.answer;
        let peer = self.url.authority();
        let request = encode(request, &peer)?;
        match tokio::time::timeout(limit, self.exchange(request, &peer)).await {
            Ok(answer) => answer,
            Err(_) => {
                // A late answer to this request must not be taken for the answer to the next.
                self.driver = None;
                Err(TransportError::TimedOut { peer, stage: Stage::Answering, limit, sent: self.sent.get() })
            }
        }
    }

    async fn exchange(&mut self, request: Encoded, peer: &str) -> Result<Answer, TransportError> {
        let Self { sender, driver, sent, limits, .. } = self;
        let closed = |source| TransportError::Closed { peer: peer.to_owned(), sent: sent.get(), source };
        let response = driven(driver, sender.send_request(request)).await.map_err(closed)?;
        read_answer(driver, response, peer, sent, limits.answer_len).await
    }
}

/// Reads the rest of an answer of at most `limit` bytes.
async fn read_answer(
    driver: &mut Option<Driver>,
    response: hyper::Response<Incoming>,
    peer: &str,
    sent: &Sent,
    limit: usize,
) -> Result<Answer, TransportError> {
    let (head, mut body) = response.into_parts();
    let mut parts: Vec<Bytes> = Vec::new();
    let mut len = 0_usize;
    while let Some(frame) = driven(driver, body.frame()).await {
        let closed = |source| TransportError::Closed { peer: peer.to_owned(), sent: sent.get(), source };
        if let Ok(data) = frame.map_err(closed)?.into_data() {
            len = len.saturating_add(data.len());
            if len > limit {
                *driver = None;
                return Err(TransportError::AnswerTooLong { peer: peer.to_owned(), limit });
            }
            parts.push(data);
        }
    }
    // One buffer of the final size: one that grew would leave copies behind.
    let mut content = Vec::with_capacity(len);
    parts.iter().for_each(|part| content.extend_from_slice(part));
    Ok(Answer {
        status: head.status,
        retry_after: head.headers.get(header::RETRY_AFTER).and_then(retry_after),
        body: SecretBytes::new(content),
    })
}

/// Drives the connection while `work` waits for it.
async fn driven<F: Future>(driver: &mut Option<Driver>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Some(connection) = driver
            && let Poll::Ready(_) = connection.as_mut().poll(cx)
        {
            // Whatever ended it reaches `work` as its error.
            *driver = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

fn encode(request: Request<'_>, peer: &str) -> Result<Encoded, TransportError> {
    let unsendable = |source| TransportError::Unsendable { peer: peer.to_owned(), source };
    let mut builder = hyper::Request::builder()
        .method(request.method)
        .uri(request.url.path_and_query())
        .header(header::HOST, peer)
        .header(header::USER_AGENT, concat!("Lapwing/", env!("CARGO_PKG_VERSION")));
    if let Some(token) = request.bearer {
        let text = Zeroizing::new(["Bearer ", token.expose_secret()].concat());
        let mut value = HeaderValue::from_str(&text).map_err(|error| unsendable(error.into()))?;
        value.set_sensitive(true);
        builder = builder.header(header::AUTHORIZATION, value);
    }
    if !request.headers.iter().any(|(name, _)| header::ACCEPT == *name) {
        builder = builder.header(header::ACCEPT, "application/json");
    }
    for (name, value) in request.headers {
        builder = builder.header(*name, *value);
    }
    let (media_type, content) = match request.content {
        Some((media_type, content)) => (Some(media_type), Bytes::from_owner(Wiped(content))),
        None => (None, Bytes::new()),
    };
    if let Some(media_type) = media_type {
        builder = builder.header(header::CONTENT_TYPE, media_type);
    }
    builder.body(Full::new(content)).map_err(unsendable)
}

/// Lets HTTP borrow a secret; the last borrower's drop wipes it.
struct Wiped(SecretBytes);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// RFC 9110 section 10.2.3, the form in seconds; a date would need a clock that agrees with the peer's.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_bounded() {
        let read = |text: &'static str| retry_after(&HeaderValue::from_static(text));
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(read("-1"), None);
    }

    #[test]
    fn a_printed_request_shows_no_token_and_no_content() {
        let token = SecretText::new("t0ken".to_owned());
        let url = "https://h/p".parse().unwrap();
        let content = Some(("application/json", SecretBytes::new(b"hunter2".to_vec())));
        let request =
            Request { method: Method::POST, url: &url, bearer: Some(&token), headers: &[], content };
        assert!(!format!("{request:?}").contains("hunter2"));
        let encoded = encode(request, "h").unwrap();
        assert!(!format!("{:?}", encoded.headers()).contains("t0ken"));
    }
}
