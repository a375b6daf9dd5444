//! One connection to a domain controller, as the library that speaks LDAP sees it: a stream of clear LDAP, whose other end
//! is here and is sealed by Kerberos or inside TLS before it reaches the network. RFC 4752; RFC 4513 section 5.2.
//!
//! The library has a security layer of its own, but it loses messages that arrive together in one sealed block.
//!
//! INVARIANT: nothing reaches the library's end before the controller has proved who it is and the protection stands, and
//! nothing leaves the host unprotected but the tokens of the bind.

use core::{fmt, time::Duration};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use lapwing_proto::ldap::bind::{self, BIND_RESPONSE_LEN_MAX, HEADER_LEN, Layers, Response};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional, split},
    net::{TcpStream, UnixStream},
    task::AbortHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};
use zeroize::Zeroizing;

use super::{
    controller::Controller,
    error::{AdError, Stage},
    kerberos::{self, Context, Credentials},
};
use crate::transport::{self, Trust};

/// The longest sealed block that we take, in bytes: what OpenLDAP's clients offer.
const SEALED_LEN_MAX: u32 = 0x009f_ffb8;

/// The most that is sealed in one block. Every request but a very long one fits, so a controller that wants whole messages
/// in its blocks gets them.
const CLEAR_LEN_MAX: usize = 256 << 10;

/// What sealing adds at most, in bytes: RFC 4121 section 4.2.4 has 16 of header, and the ciphers less than 100.
const SEAL_LEN_MAX: usize = 256;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    /// By Kerberos, on port 389. Every controller takes it, whatever it is told to require.
    #[default]
    Sealed,
    /// The same on another port, where somebody has mounted a copy of the directory.
    SealedOn(u16),
    /// By TLS, on port 636, with the certificate checked against this host's own trust store.
    Tls,
}

impl Protection {
    const fn port(self) -> u16 {
        match self {
            Self::Sealed => 389,
            Self::SealedOn(port) => port,
            Self::Tls => 636,
        }
    }
}

/// The longest waits for a controller.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For opening the connection, and again for TLS.
    pub connect: Duration,
    /// For Kerberos to get its tickets.
    pub kerberos: Duration,
    /// For one answer, and for each page of a long one.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            kerberos: Duration::from_secs(10),
            answer: Duration::from_secs(30),
        }
    }
}

/// The tasks of a connection; dropping it ends them, and the connection with them.
#[derive(Debug)]
pub(super) struct Running(AbortHandle);

impl Running {
    pub(super) const fn new(task: AbortHandle) -> Self {
        Self(task)
    }

    pub(super) fn is_running(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, proves who both are, and protects: the stream for the library.
pub(super) async fn open(
    controller: &Controller,
    credentials: &Credentials,
    protection: Protection,
    limits: &Limits,
) -> Result<(UnixStream, Running), AdError> {
    let peer = controller.name.as_str();
    let (ours, theirs) =
        UnixStream::pair().map_err(|source| AdError::Unreachable { peer: peer.to_owned(), source })?;
    let tcp = connect(controller.address, protection.port(), peer, limits.connect).await?;
    let bind = Bind { peer, service: controller.ldap_service(), credentials, limits };
    let task = match protection {
        Protection::Sealed | Protection::SealedOn(_) => {
            let mut tcp = tcp;
            let (context, len_max) = bind.run(&mut tcp, Layers::CONFIDENTIALITY, None).await?;
            tokio::spawn(seal(tcp, theirs, context, len_max)).abort_handle()
        }
        Protection::Tls => {
            let mut tls = secure(tcp, peer, limits.connect).await?;
            let binding = endpoint_binding(&tls);
            bind.run(&mut tls, Layers::NONE, binding).await?;
            tokio::spawn(pass(tls, theirs)).abort_handle()
        }
    };
    Ok((ours, Running::new(task)))
}

async fn connect(address: IpAddr, port: u16, peer: &str, limit: Duration) -> Result<TcpStream, AdError> {
    let failed = |source| AdError::Unreachable { peer: peer.to_owned(), source };
    let connected = timeout(limit, TcpStream::connect(SocketAddr::new(address, port))).await;
    let tcp = connected
        .map_err(|_| AdError::TimedOut { peer: peer.to_owned(), stage: Stage::Connecting, limit })?
        .map_err(failed)?;
    // What is said is short, and should not wait for more.
    tcp.set_nodelay(true).map_err(failed)?;
    Ok(tcp)
}

async fn secure(tcp: TcpStream, peer: &str, limit: Duration) -> Result<TlsStream<TcpStream>, AdError> {
    let unusable = |source| AdError::Tls { peer: peer.to_owned(), source };
    let config = transport::plain_tls(Trust::System)
        .map_err(|error| unusable(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let name = ServerName::try_from(peer.to_owned())
        .map_err(|error| unusable(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    timeout(limit, TlsConnector::from(config).connect(name, tcp))
        .await
        .map_err(|_| AdError::TimedOut { peer: peer.to_owned(), stage: Stage::Securing, limit })?
        .map_err(unusable)
}

/// What ties the bind to this very TLS connection: the digest of the controller's certificate, by the hash of its
/// signature, SHA-256 in place of weaker ones. RFC 5929 section 4.1.
fn endpoint_binding(tls: &TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let (_, connection) = tls.get_ref();
    let certificate = connection.peer_certificates()?.first()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    // The identifiers of RSA (RFC 8017 appendix C) and ECDSA (RFC 5758 section 3.2) with these hashes.
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let digest = digest::digest(algorithm, certificate);
    Some([b"tls-server-end-point:", digest.as_ref()].concat())
}

/// One bind.
struct Bind<'a> {
    peer: &'a str,
    service: String,
    credentials: &'a Credentials,
    limits: &'a Limits,
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bind({})", self.service)
    }
}

impl Bind<'_> {
    /// Binds with this protection: the context, and the longest block that the controller takes.
    async fn run<S>(
        &self,
        stream: &mut S,
        layer: u8,
        binding: Option<Vec<u8>>,
    ) -> Result<(Context, u32), AdError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let failed = |source| AdError::Kerberos { peer: self.peer.to_owned(), source };
        let (mut context, mut token) =
            kerberos::begin(self.credentials, &self.service, binding, self.limits.kerberos)
                .await
                .map_err(failed)?;
        let mut message = 0;
        let offer = loop {
            message += 1;
            let answer = self.ask(stream, message, Some(&token)).await?;
            let Some(given) = answer else { return Err(self.malformed()) };
            token = match context.step(&given, &self.service).map_err(failed)? {
                Some(token) => token,
                // Ours was the last: the controller's offer comes for an empty one.
                None if context.is_complete() => {
                    message += 1;
                    break self.ask(stream, message, None).await?.ok_or_else(|| self.malformed())?;
                }
                None => return Err(self.malformed()),
            };
            if message > STEPS_MAX {
                return Err(self.malformed());
            }
        };
        let broken = |source| AdError::Broken { peer: self.peer.to_owned(), source };
        let opened = context.open(&offer).map_err(broken)?;
        let octets = <[u8; 4]>::try_from(opened.expose_secret()).map_err(|_| self.malformed())?;
        let offer = Layers::from_octets(octets);
        if offer.bits & layer == 0 {
            return Err(AdError::NoProtection { peer: self.peer.to_owned() });
        }
        let len_max = if layer == Layers::NONE { 0 } else { SEALED_LEN_MAX };
        let choice = context.seal(&Layers { bits: layer, len_max }.to_octets()).map_err(broken)?;
        self.ask(stream, message + 1, Some(&choice)).await?;
        Ok((context, offer.len_max))
    }

    /// Sends one step and reads its answer: the controller's token.
    async fn ask<S>(
        &self,
        stream: &mut S,
        message: u8,
        token: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, AdError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = self.limits.answer;
        let exchange = async {
            stream.write_all(&bind::request(message, token)).await?;
            stream.flush().await?;
            read_response(stream).await
        };
        let answer = timeout(limit, exchange)
            .await
            .map_err(|_| AdError::TimedOut { peer: self.peer.to_owned(), stage: Stage::Binding, limit })?
            .map_err(|source| AdError::Closed { peer: self.peer.to_owned(), source })?;
        let response = Response::parse(&answer).map_err(|_| self.malformed())?;
        match response.code {
            0 | bind::IN_PROGRESS => Ok(response.token),
            code => Err(AdError::refused(self.peer, code, &response.diagnostic)),
        }
    }

    fn malformed(&self) -> AdError {
        AdError::Malformed { peer: self.peer.to_owned(), what: "the answer to the bind" }
    }
}

/// Kerberos takes one round trip, and two where a controller wants its clock to be asked.
const STEPS_MAX: u8 = 4;

async fn read_response(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let malformed = |_| io::Error::new(io::ErrorKind::InvalidData, "an answer that is no LDAP");
    let mut answer = Vec::new();
    loop {
        let want = match bind::response_len(&answer).map_err(malformed)? {
            Some(len) if answer.len() >= len => return Ok(answer),
            Some(len) => len,
            None => HEADER_LEN.min(answer.len() + 2),
        };
        debug_assert!(want <= BIND_RESPONSE_LEN_MAX + HEADER_LEN);
        let start = answer.len();
        answer.resize(want, 0);
        // The slice is there: it was just made.
        stream.read_exact(answer.get_mut(start..).unwrap_or_default()).await?;
    }
}

/// Inside TLS: carries bytes both ways until either side ends.
async fn pass(mut tls: TlsStream<TcpStream>, mut library: UnixStream) {
    // How it ended is seen by both sides: their streams end.
    drop(copy_bidirectional(&mut tls, &mut library).await);
}

/// Seals what the library writes and opens what the controller writes, until either side ends.
async fn seal(tcp: TcpStream, library: UnixStream, context: Context, len_max: u32) {
    // Zero would mean that it takes nothing; OpenLDAP's clients take it for no limit.
    let len_max = usize::try_from(len_max).ok().filter(|len| *len > 0).unwrap_or(usize::MAX);
    let len_max = len_max.saturating_sub(SEAL_LEN_MAX).clamp(1, CLEAR_LEN_MAX);
    let context = Arc::new(Mutex::new(context));
    let (from_controller, to_controller) = tcp.into_split();
    let (from_library, to_library) = split(library);
    let sending = send(from_library, to_controller, Arc::clone(&context), len_max);
    let receiving = receive(from_controller, to_library, context);
    // Whichever ends first ends both: without one direction the other has no use. The library sees its stream end.
    tokio::select! {
        _ended = sending => {}
        _ended = receiving => {}
    }
}

async fn send(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    context: Arc<Mutex<Context>>,
    len_max: usize,
) -> io::Result<()> {
    let mut clear = Zeroizing::new(vec![0; len_max]);
    loop {
        let len = from.read(&mut clear).await?;
        let message = clear.get(..len).unwrap_or_default();
        if message.is_empty() {
            return Ok(());
        }
        let sealed = lock(&context).seal(message).map_err(io::Error::other)?;
        let len = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        to.write_all(&[&len.to_be_bytes()[..], &sealed].concat()).await?;
    }
}

async fn receive(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    context: Arc<Mutex<Context>>,
) -> io::Result<()> {
    loop {
        let len = from.read_u32().await?;
        if len > SEALED_LEN_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a sealed block is too long"));
        }
        let mut sealed = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        from.read_exact(&mut sealed).await?;
        let clear = lock(&context).open(&sealed).map_err(io::Error::other)?;
        to.write_all(clear.expose_secret()).await?;
    }
}

/// A panic while the lock was held would have been in the C library's caller; the context is whole either way.
fn lock(context: &Mutex<Context>) -> std::sync::MutexGuard<'_, Context> {
    context.lock().unwrap_or_else(PoisonError::into_inner)
}
