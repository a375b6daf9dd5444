//! Wakes Windows devices through Windows' push service. docs/protocol.md, "Wake-up of Windows devices". Not verified live.
//!
//! As with the wake-up connection a notification carries no work and may be lost. Only the service itself is ever called:
//! [`ChannelUri`] accepts nothing else, and its certificate must be one that this host trusts for that name.

#[cfg(test)]
pub(super) mod tests;

use core::{pin::pin, time::Duration};
use std::{
    fmt,
    fs::File,
    io::Read as _,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use lapwing_proto::{
    json,
    secret_text::{self, SecretText},
    wns::{ChannelUri, Delivery, NOTIFICATION_HEADERS, TOKEN_HOST, TOKEN_PATH, TOKEN_SCOPE},
};
use serde::Deserialize;
use tokio::{net::TcpStream, sync::Mutex};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};
use zeroize::Zeroizing;

/// For one request and its whole answer.
const CALL_TIME_MAX: Duration = Duration::from_secs(20);
/// The longest answer, in bytes.
const ANSWER_LEN_MAX: usize = 64 << 10;
const HTTPS_PORT: u16 = 443;
/// The longest file of credentials, in bytes.
const FILE_LEN_MAX: usize = 16 << 10;
/// The longest wait that the service can ask for and be obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// As what the service knows this server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// `ms-app://S-1-15-2-…`.
    package_sid: String,
    #[serde(with = "secret_text")]
    client_secret: SecretText,
    /// What devices are told to listen to: the package family name of the same app.
    pub(crate) package_family_name: String,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{0} holds a secret, and others than its owner may read it")]
    Exposed(PathBuf),
    // Without the source, which shows the line and with it perhaps the secret.
    #[error("{0} is malformed: it has package_sid, client_secret and package_family_name, and nothing else")]
    Malformed(PathBuf),
}

impl CredentialsError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "let the user that runs the server own it, or remove it",
            Self::Exposed(_) => "run `chmod 600` on it; if others had access to it, have a new secret made",
            Self::Malformed(_) => "correct it, or remove it: then Windows devices poll",
        }
    }
}

impl Credentials {
    /// Reads `wns.toml`; none if it is not there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, CredentialsError> {
        let unreadable = |source| CredentialsError::Unreadable { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
            return Err(CredentialsError::Exposed(path.to_owned()));
        }
        let mut text = Zeroizing::new(String::with_capacity(FILE_LEN_MAX));
        let len_max = u64::try_from(FILE_LEN_MAX).unwrap_or(u64::MAX);
        file.by_ref().take(len_max).read_to_string(&mut text).map_err(unreadable)?;
        toml::from_str(&text).map(Some).map_err(|_| CredentialsError::Malformed(path.to_owned()))
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the push service took too long")]
    TimedOut,
    #[error("the push service cannot be reached")]
    Io(#[from] std::io::Error),
    #[error("the push service does not answer in HTTP")]
    Http(#[from] hyper::Error),
    #[error("a request to the push service cannot be written")]
    Request(#[from] hyper::http::Error),
    #[error("the answer of the push service is too long or broke off")]
    Body,
}

/// The answer to the request for a token.
#[derive(Deserialize)]
struct Token {
    #[serde(with = "secret_text")]
    access_token: SecretText,
}

struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
}

/// The way to Windows' push service.
pub(crate) struct Wns {
    credentials: Credentials,
    tls: TlsConnector,
    /// Where the service is, instead of where its names lead.
    address: Option<SocketAddr>,
    token: Mutex<Option<Arc<SecretText>>>,
}

impl fmt::Debug for Wns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wns").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

impl Wns {
    /// Trusts what this host trusts.
    pub(crate) fn new(credentials: Credentials) -> Result<Self, tokio_rustls::rustls::Error> {
        let mut roots = RootCertStore::empty();
        // A host that trusts nobody reaches nobody, which each call then says.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::at(credentials, roots, None)
    }

    fn at(
        credentials: Credentials,
        roots: RootCertStore,
        address: Option<SocketAddr>,
    ) -> Result<Self, tokio_rustls::rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { credentials, tls: TlsConnector::from(Arc::new(config)), address, token: Mutex::default() })
    }

    /// Asks the device behind `channel` to begin a session. A token that is over is replaced once.
    pub(crate) async fn wake(&self, channel: &ChannelUri) -> Delivery {
        let mut delivery = Delivery::TokenRefused;
        for _ in 0..2 {
            delivery = self.send(channel).await.unwrap_or_else(|error| {
                tracing::info!(%error, "A Windows device could not be woken");
                Delivery::Unavailable
            });
            if delivery != Delivery::TokenRefused {
                break;
            }
            *self.token.lock().await = None;
        }
        delivery
    }

    async fn send(&self, channel: &ChannelUri) -> Result<Delivery, CallError> {
        let token = match self.token().await? {
            Ok(token) => token,
            Err(delivery) => return Ok(delivery),
        };
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(hyper::http::Error::from)?;
        bearer.set_sensitive(true);
        let request = Request::post(channel.path_and_query()).header(AUTHORIZATION, bearer);
        let request = NOTIFICATION_HEADERS
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value))
            .header(HOST, channel.host())
            .body(Full::default())?;
        let answer = self.call(channel.host(), request).await?;
        Ok(Delivery::of(answer.status.as_u16(), answer.retry_after))
    }

    /// The server's own token, or what came of asking for it.
    async fn token(&self) -> Result<Result<Arc<SecretText>, Delivery>, CallError> {
        // Held until there is one: many devices that are woken at once need it once.
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref() {
            return Ok(Ok(Arc::clone(token)));
        }
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.credentials.package_sid)
            .append_pair("client_secret", self.credentials.client_secret.expose_secret())
            .append_pair("scope", TOKEN_SCOPE)
            .finish();
        let request = Request::post(TOKEN_PATH)
            .header(HOST, TOKEN_HOST)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))?;
        let answer = self.call(TOKEN_HOST, request).await?;
        if answer.status != StatusCode::OK {
            let status = answer.status.as_u16();
            tracing::warn!(status, "The push service gives this server no token; check wns.toml");
            return Ok(Err(match Delivery::of(status, answer.retry_after) {
                wait @ (Delivery::Throttled(_) | Delivery::Unavailable) => wait,
                _ => Delivery::Failed,
            }));
        }
        let token: Token = json::parse(&answer.body).map_err(|_| CallError::Body)?;
        let token = Arc::new(token.access_token);
        *held = Some(Arc::clone(&token));
        Ok(Ok(token))
    }

    /// One request over a fresh connection.
    async fn call(&self, host: &str, request: Request<Full<Bytes>>) -> Result<Answer, CallError> {
        tokio::time::timeout(CALL_TIME_MAX, self.exchange(host, request))
            .await
            .map_err(|_| CallError::TimedOut)?
    }

    async fn exchange(&self, host: &str, request: Request<Full<Bytes>>) -> Result<Answer, CallError> {
        let stream = match self.address {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((host, HTTPS_PORT)).await?,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        let stream = self.tls.connect(name, stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_LEN_MAX).collect().await.map_err(|_| CallError::Body)?;
            let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Ok(Answer {
                status: head.status,
                retry_after: seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX)),
                body: Zeroizing::new(body.to_bytes().to_vec()),
            })
        };
        let mut answer = pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // What it had read is still to be heard; whatever ended it reaches the answer as its error.
            _ = connection => answer.await,
        }
    }
}
