//! A server of its own for each test, and a plain HTTPS client.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use lapwing_proto::{admin::Credentials, hex};
use serde_json::Value;
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    time_provider::TimeProvider,
};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// As `cargo xtask setup` has it installed.
#[cfg(target_arch = "x86_64")]
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
#[cfg(target_arch = "aarch64")]
const FAKETIME: &str = "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1";

fn clock(ahead: Duration) -> Vec<(&'static str, String)> {
    if ahead.is_zero() {
        return Vec::new();
    }
    vec![
        ("LD_PRELOAD", FAKETIME.to_owned()),
        ("FAKETIME", format!("+{}", ahead.as_secs())),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_DISABLE_SHM", "1".to_owned()),
    ]
}

/// A clock that is ahead.
#[derive(Debug)]
struct Ahead(Duration);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        let now = UnixTime::now().as_secs();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now) + self.0))
    }
}

pub(crate) struct Server {
    pub(crate) folder: TempDir,
    child: Child,
    pub(crate) url: String,
    address: SocketAddr,
    /// Where devices show their certificates.
    pub(crate) device_url: String,
    device_address: SocketAddr,
    pub(crate) admin: Credentials,
    pub(crate) authority: CertificateDer<'static>,
    /// How far its clock is ahead of the machine's, and with it those of all who speak with it here.
    ahead: Duration,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One request; a client certificate if the test wants one.
#[derive(Default)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) bearer: Option<&'a str>,
    /// The body's media type, if the test names one.
    pub(crate) kind: Option<&'a str>,
    /// Further lines of the head, each with its end.
    pub(crate) lines: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) identity: Option<ClientIdentity>,
}

/// A certificate to show in TLS, and its key.
pub(crate) type ClientIdentity = (CertificateDer<'static>, PrivateKeyDer<'static>);

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

#[expect(clippy::disallowed_methods, reason = "the program under test is started here alone")]
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lapwing-server"));
    command.env_clear();
    command
}

/// Runs a subcommand to its end.
pub(crate) fn run(arguments: &[&str], folder: &Path) -> Output {
    run_with(arguments, folder, &[])
}

/// As [`run`], with these variables in its environment.
pub(crate) fn run_with(arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = program();
    command.args(arguments).arg("--data").arg(folder).envs(variables.iter().copied());
    command.output().unwrap()
}

pub(crate) fn set_up(folder: &Path) {
    let arguments = ["setup", "--url", "https://127.0.0.1:0", "--tenant-name", "laps.example"];
    let output = run(&arguments, folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With more lines in `server.toml`, such as other limits.
    pub(crate) fn start_with(limits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_up(folder.path());
        if !limits.is_empty() {
            let path = folder.path().join("server.toml");
            let text = std::fs::read_to_string(&path).unwrap();
            let (kept, _) = text.split_once("[limits]").unwrap();
            std::fs::write(&path, format!("{kept}[limits]\n{limits}\n")).unwrap();
        }
        Self::open(folder, None)
    }

    /// With one more file in its folder, for its owner alone.
    pub(crate) fn start_with_file(name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_up(folder.path());
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self::open(folder, None)
    }

    /// Starts the program on a folder that is set up.
    pub(crate) fn open(folder: TempDir, fail_point: Option<&str>) -> Self {
        let point = fail_point.map(|point| ("LAPWING_FAILPOINT", point));
        Self::open_with(folder, point.as_slice())
    }

    /// With a clock that is so many days ahead. The machine's own is never touched.
    pub(crate) fn open_ahead(folder: TempDir, days: u64) -> Self {
        let ahead = Duration::from_secs(days * 86_400);
        let clock = clock(ahead);
        let clock: Vec<_> = clock.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut server = Self::open_with(folder, &clock);
        server.ahead = ahead;
        server
    }

    /// The variables by which another program has this one's clock.
    pub(crate) fn clock(&self) -> Vec<(&'static str, String)> {
        clock(self.ahead)
    }

    /// With these variables in its environment.
    pub(crate) fn open_with(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let text = std::fs::read_to_string(folder.path().join("admin.toml")).unwrap();
        let admin: Credentials = toml::from_str(&text).unwrap();
        let (child, [(address, url), (device_address, device_url)]) = spawn(folder.path(), variables);
        let authority = authority_in_chain(address, &admin);
        let ahead = Duration::ZERO;
        Self { folder, child, url, address, device_url, device_address, admin, authority, ahead }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a program that ends by itself, and returns its folder.
    pub(crate) fn wait(mut self) -> (ExitStatus, TempDir) {
        let status = self.child.wait().unwrap();
        let empty = tempfile::tempdir().unwrap();
        (status, std::mem::replace(&mut self.folder, empty))
    }

    /// Ends the program by SIGTERM.
    pub(crate) fn stop(self) -> (ExitStatus, TempDir) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.wait()
    }

    pub(crate) fn send(&self, request: &Request<'_>) -> Answer {
        self.try_send(request).expect("an answer")
    }

    /// Fails if the connection ends without an answer. Who has a certificate goes where it is asked for.
    pub(crate) fn try_send(&self, request: &Request<'_>) -> std::io::Result<Answer> {
        let address = if request.identity.is_some() { self.device_address } else { self.address };
        self.send_to(address, request)
    }

    /// Sends a certificate to the listener that asks nobody for one.
    pub(crate) fn send_to_everybodys(&self, request: &Request<'_>) -> Answer {
        self.send_to(self.address, request).expect("an answer")
    }

    /// A connection to the devices' listener.
    pub(crate) fn device_stream(&self, identity: Option<&ClientIdentity>) -> Stream {
        dial(self.device_address, self.client_config(identity)).unwrap()
    }

    fn client_config(&self, identity: Option<&ClientIdentity>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let clock = Arc::new(Ahead(self.ahead));
        let config = ClientConfig::builder_with_details(Arc::new(default_provider()), clock)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match identity {
            Some((certificate, key)) => {
                config.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
            None => config.with_no_client_auth(),
        }
    }

    fn send_to(&self, address: SocketAddr, request: &Request<'_>) -> std::io::Result<Answer> {
        let config = self.client_config(request.identity.as_ref());
        let authorization =
            request.bearer.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let kind = request.kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{authorization}{kind}{}Content-Length: {}\r\n\r\n",
            request.method,
            request.path,
            request.lines,
            request.body.len()
        );
        exchange(address, config, &[head.as_bytes(), request.body].concat())
    }

    pub(crate) fn get(&self, path: &str, bearer: &str) -> Answer {
        self.send(&Request { method: "GET", path, bearer: Some(bearer), ..Request::default() })
    }

    pub(crate) fn post(&self, path: &str, bearer: Option<&str>, body: &[u8]) -> Answer {
        self.send(&Request { method: "POST", path, bearer, body, ..Request::default() })
    }

    /// A token of a client.
    pub(crate) fn client_token(&self, id: &str, secret: &str) -> String {
        let form = format!(
            "client_id={id}&client_secret={secret}&grant_type=client_credentials&scope={}/.default&client_info=1",
            self.url
        );
        let answer = self.post(&self.tenant_path("oauth2/v2.0/token"), None, form.as_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn admin_token(&self) -> String {
        self.client_token(&self.admin.client_id, self.admin.client_secret.expose_secret())
    }

    /// A new client with these roles, as it is shown once.
    pub(crate) fn client_with_roles(&self, roles: &[&str]) -> Value {
        let body = serde_json::json!({ "displayName": "test", "roles": roles }).to_string();
        let answer = self.post(&self.admin_path("clients"), Some(&self.admin_token()), body.as_bytes());
        assert_eq!(answer.status, 201);
        answer.json()
    }

    /// A token of a new client with these roles.
    pub(crate) fn token_with_roles(&self, roles: &[&str]) -> String {
        let client = self.client_with_roles(roles);
        self.client_token(client["clientId"].as_str().unwrap(), client["clientSecret"].as_str().unwrap())
    }

    pub(crate) fn tenant_path(&self, rest: &str) -> String {
        format!("/{}/{rest}", self.admin.tenant)
    }

    pub(crate) fn admin_path(&self, rest: &str) -> String {
        format!("/lapwing/v1/{}/{rest}", self.admin.tenant)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(folder: &Path, variables: &[(&str, &str)]) -> (Child, [(SocketAddr, String); 2]) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = program();
    command.args(["run", "--listen", "127.0.0.1:0", "--data"]).arg(folder);
    // What libraries would heed, and this program must not: they write what they send and receive.
    command.env("RUST_LOG", "trace").envs(variables.iter().copied());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut words = line.split_ascii_whitespace();
    assert_eq!(words.next(), Some("listening"), "the program ended at its start: {line}");
    let mut listener = || (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned());
    (child, [listener(), listener()])
}

fn dial(address: SocketAddr, config: ClientConfig) -> std::io::Result<Stream> {
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
    let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    Ok(StreamOwned::new(connection, socket))
}

fn exchange(address: SocketAddr, config: ClientConfig, request: &[u8]) -> std::io::Result<Answer> {
    let mut stream = dial(address, config)?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    // A peer that closes without TLS's farewell has still answered, if the head says so.
    let ended = stream.read_to_end(&mut bytes);
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        ended?;
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap();
    Ok(Answer { status, head, body: bytes.split_off(end + 4) })
}

/// What an enrolling device does: takes the chain as it comes and picks the certificate with the digest it was told.
fn authority_in_chain(address: SocketAddr, admin: &Credentials) -> CertificateDer<'static> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakesAnything))
        .with_no_client_auth();
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
    let wanted = hex::decode_digest(admin.authority.as_ref().unwrap()).unwrap();
    let chain = connection.peer_certificates().unwrap();
    let found = chain.iter().find(|certificate| digest(&SHA256, certificate).as_ref() == wanted);
    found.expect("the chain holds the authority's certificate").clone().into_owned()
}

#[derive(Debug)]
struct TakesAnything;

impl ServerCertVerifier for TakesAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
