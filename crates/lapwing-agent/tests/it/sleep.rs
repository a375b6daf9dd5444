//! The host sleeps and wakes: a bus of the test's own, on which the test plays logind.
#![expect(clippy::disallowed_types, reason = "the bus library's macro says so")]

use core::{future::Future, time::Duration};
use std::{
    fs,
    io::{self, BufRead as _, BufReader, PipeReader},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_client::{
    identity::{AgentSettings, DeviceKey, Identity, Root},
    transport::{CertificateDer, PrivateKeyDer},
};
use lapwing_core::local::root_half::{Field, Journal};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UnixListener, unix::pipe},
    sync::mpsc,
};
use zbus::{connection::Builder, object_server::SignalEmitter};

use super::{Agent, root};

const LOGIND: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
/// Sooner than any deadline or back-off of the agent's would do it.
const SOON: Duration = Duration::from_secs(8);

async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, event).await.unwrap_or_else(|_| panic!("not soon: {what}"))
}

struct Manager {
    locks: mpsc::UnboundedSender<(Vec<String>, PipeReader)>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn inhibit(
        &self,
        what: String,
        who: String,
        why: String,
        mode: String,
    ) -> zbus::fdo::Result<zbus::OwnedFd> {
        let (ours, theirs) = io::pipe().unwrap();
        self.locks.send((vec![what, who, why, mode], ours)).unwrap();
        Ok(OwnedFd::from(theirs).into())
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}

/// A bus with a logind on it.
struct Bus {
    daemon: Child,
    connection: zbus::Connection,
    locks: mpsc::UnboundedReceiver<(Vec<String>, PipeReader)>,
}

impl Bus {
    /// Starts the bus where the agent of this root looks for it, and returns once logind has its name.
    async fn start(root: &Path) -> Self {
        fs::create_dir_all(root.join("run/dbus")).unwrap();
        let socket = root.join("run/dbus/system_bus_socket");
        let config = root.join("bus.conf");
        let text = format!(
            r#"<busconfig>
                <listen>unix:path={}</listen>
                <policy context="default">
                    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
                </policy>
            </busconfig>"#,
            socket.display()
        );
        fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--nosyslog", "--print-address=1", "--config-file"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let (locks_in, locks) = mpsc::unbounded_channel();
        let logind =
            Builder::address(address.trim()).serve_at(PATH, Manager { locks: locks_in }).name(LOGIND);
        let connection = soon("logind is there", logind.build()).await.unwrap();
        Self { daemon, connection, locks }
    }

    /// The lock that the agent takes next, and what it asked for.
    async fn lock(&mut self) -> (Vec<String>, Lock) {
        let (asked, open) = soon("a lock is taken", self.locks.recv()).await.unwrap();
        (asked, Lock(pipe::Receiver::from_owned_fd(open.into()).unwrap()))
    }

    async fn prepare_for_sleep(&self, start: bool) {
        let manager = self.connection.object_server().interface::<_, Manager>(PATH).await.unwrap();
        Manager::prepare_for_sleep(manager.signal_emitter(), start).await.unwrap();
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

/// logind's end of a lock.
struct Lock(pipe::Receiver);

impl Lock {
    async fn released(&mut self) {
        let read = soon("the lock is released", self.0.read(&mut [0])).await;
        assert_eq!(read.unwrap(), 0);
    }

    fn is_held(&self) -> bool {
        self.0.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A host that has joined the directory at this port.
pub(crate) fn enrolled(port: u16) -> tempfile::TempDir {
    let folder = root("BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\n");
    let certificate = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert.der().to_vec();
    let mut identity = Identity {
        settings: AgentSettings {
            server: format!("https://127.0.0.1:{port}").parse().unwrap(),
            tenant: "f3531ec6-6330-4f8e-8d39-7a671fbac605".parse().unwrap(),
            device: "00000000-6330-4f8e-8d39-7a671fbac605".parse().unwrap(),
            admin_group: None,
            proxy: None,
        },
        key: DeviceKey::generate().unwrap(),
        certificate: CertificateDer::from(certificate.clone()),
        authority: Some(CertificateDer::from(certificate)),
    };
    let root = Root::at(folder.path().to_owned());
    identity.save(&root).unwrap();
    identity.certificate = certificate_for(&fs::read_to_string(root.device_key()).unwrap());
    identity.save(&root).unwrap();
    folder
}

/// A certificate for the key in a file.
fn certificate_for(pem: &str) -> CertificateDer<'static> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = PrivateKeyDer::Pkcs8(STANDARD.decode(base64).unwrap().into());
    let key = rcgen::KeyPair::from_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256).unwrap();
    rcgen::CertificateParams::default().self_signed(&key).unwrap().der().clone()
}

/// The root half of this root, which answers only if the test does.
fn root_half(root: &Path) -> UnixListener {
    fs::create_dir_all(root.join("run/lapwing")).unwrap();
    UnixListener::bind(root.join("run/lapwing/priv.sock")).unwrap()
}

/// Answers every question with a journal in which nothing is written yet.
async fn play_root_half(socket: UnixListener) {
    let journal = Journal {
        current: None,
        candidates: Vec::new(),
        replaced: Vec::new(),
        unanswered: 0,
        field: Field::Unmanaged,
        own: None,
        not_normal: None,
        possible_clone: None,
        closed: None,
    };
    let mut answer = json!({ "parameters": journal }).to_string().into_bytes();
    answer.push(0);
    loop {
        let (mut caller, _) = socket.accept().await.unwrap();
        while caller.read_u8().await.unwrap() != 0 {}
        caller.write_all(&answer).await.unwrap();
    }
}

#[tokio::test]
async fn sleep_waits_until_all_is_forgotten_and_an_attempt_follows_it() {
    // It accepts connections and says nothing.
    let directory = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = enrolled(directory.local_addr().unwrap().port());
    tokio::spawn(play_root_half(root_half(root.path())));
    let mut bus = Bus::start(root.path()).await;
    let _agent = Agent::start_in(root);

    let (asked, mut lock) = bus.lock().await;
    assert_eq!((asked[0].as_str(), asked[1].as_str(), asked[3].as_str()), ("sleep", "lapwingd", "delay"));
    let (mut attempt, _) = soon("an attempt is made", directory.accept()).await.unwrap();
    assert!(lock.is_held());
    bus.prepare_for_sleep(true).await;
    lock.released().await;
    // What was under way has been cut off, and not waited for.
    soon("the attempt ends", attempt.read_to_end(&mut Vec::new())).await.unwrap();

    bus.prepare_for_sleep(false).await;
    let (_, lock) = bus.lock().await;
    soon("the next attempt is made", directory.accept()).await.unwrap();
    assert!(lock.is_held());
}

#[tokio::test]
async fn sleep_waits_for_a_verb_that_may_bring_clear_text() {
    let root = root("BackupDirectory = 1\n");
    let root_half = root_half(root.path());
    let mut bus = Bus::start(root.path()).await;
    let agent = Agent::start_in(root);
    let (verb, _) = soon("the root half is asked", root_half.accept()).await.unwrap();
    let (_, mut lock) = bus.lock().await;
    bus.prepare_for_sleep(true).await;
    // From the moment it knows, it begins nothing for half a minute.
    let knows = || {
        agent.call("org.lapwing.Agent.GetStatus")["parameters"]["status"]["next_cycle_seconds"].as_u64()
            <= Some(30)
    };
    soon("the agent knows", async {
        while !knows() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(lock.is_held());
    // The root half hangs up.
    drop(verb);
    lock.released().await;
}

#[tokio::test]
async fn a_bus_that_comes_late_or_anew_is_found() {
    let agent = Agent::start("");
    for _ in 0..2 {
        let mut bus = Bus::start(agent.root.path()).await;
        let (_, mut lock) = bus.lock().await;
        bus.prepare_for_sleep(true).await;
        lock.released().await;
    }
}
