//! Connections through HTTP proxies: scripted ones that misbehave, and a real one that cuts what is idle.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use hyper::Method;
use lapwing_client::{
    cloud::{Pulse, WakeUps},
    identity::{AgentSettings, Identity},
    transport::{Connection, Dialer, HttpsUrl, Limits, Proxy, ProxyCredentials, Request, TransportError},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    peer::{Certified, Tls, answer, close, read_request},
    wake::device,
};

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(20), answer: Duration::from_secs(20), answer_len: 4096 };
const SHORT: Limits = Limits { connect: Duration::from_millis(300), ..LIMITS };

/// A proxy that is asked once, and answers as it is told; if with a success, it then carries. Returns what it was asked.
async fn proxy(reply: Vec<u8>) -> (Proxy, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let asked = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let peer = head.split(' ').nth(1).unwrap();
        let mut peer = TcpStream::connect(peer).await.unwrap();
        // The client may turn away in the middle of it.
        drop(client.write_all(&reply).await);
        drop(copy_bidirectional(&mut client, &mut peer).await);
        head
    });
    (proxy, asked)
}

async fn connected(
    reply: &[u8],
    limits: Limits,
) -> Result<(Connection, HttpsUrl, JoinHandle<String>), TransportError> {
    let certified = Certified::new();
    let (url, _) = certified
        .serve(async |mut stream: Tls| {
            read_request(&mut stream).await.unwrap();
            answer(&mut stream, "200 OK", "", "through").await;
            close(stream).await;
        })
        .await;
    let (proxy, asked) = proxy(reply.to_vec()).await;
    let dialer = Dialer::new(certified.trust(), None, limits).unwrap().through(Some(proxy));
    Ok((dialer.connect(&url).await?, url, asked))
}

#[tokio::test]
async fn a_call_goes_through_the_proxy_which_learns_host_and_port_alone() {
    let (mut connection, url, asked) =
        connected(b"HTTP/1.1 200 Connection established\r\nproxy-agent: x\r\n\r\n", LIMITS).await.unwrap();
    let request = Request { method: Method::GET, url: &url, bearer: None, headers: &[], content: None };
    assert_eq!(connection.call(request).await.unwrap().body.expose_secret(), b"through");
    drop(connection);
    let peer = format!("127.0.0.1:{}", url.port());
    assert_eq!(asked.await.unwrap(), format!("CONNECT {peer} HTTP/1.1\r\nHost: {peer}\r\n\r\n"));
}

#[tokio::test]
async fn a_proxy_that_refuses_says_why_and_nothing_was_sent() {
    for (status, next_step) in [(403, "CONNECT"), (407, "user and password")] {
        let reply = format!("HTTP/1.0 {status} No\r\n\r\n");
        let error = connected(reply.as_bytes(), LIMITS).await.err().unwrap();
        assert!(
            matches!(error, TransportError::ProxyRefused { status: told, .. } if told == status),
            "{error:?}"
        );
        assert!(error.next_step().contains(next_step) && !error.sent());
    }
}

#[tokio::test]
async fn what_is_no_answer_of_a_proxy_is_no_way() {
    let endless = vec![b'a'; 20_000];
    for reply in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"\r\n\r\n", &endless] {
        let error = connected(reply, LIMITS).await.err().unwrap();
        assert!(matches!(error, TransportError::Unreachable { .. }), "{error:?}");
    }
    let error = connected(b"HTTP/1.1 200", SHORT).await.err().unwrap();
    assert!(matches!(error, TransportError::TimedOut { .. }), "{error:?}");
}

/// A real proxy that cuts connections which were idle for 60 seconds; it ends with this value.
struct TinyProxy {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl TinyProxy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the proxy is started here alone, with an empty environment"
    )]
    async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It takes no port 0: one that was free a moment ago.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let path = folder.path().join("tinyproxy.conf");
        let settings =
            format!("Port {}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n{more}", address.port());
        std::fs::write(&path, settings).unwrap();
        let process = Command::new("tinyproxy")
            .args(["-d", "-c"])
            .arg(&path)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin")
            .stdout(Stdio::null())
            .spawn()
            .expect("tinyproxy is missing: run `cargo xtask setup`");
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        Self { process, address, _folder: folder }
    }
}

impl Drop for TinyProxy {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_user_is_told_one_and_hosts_that_are_excepted_are_reached_without_it() {
    let tiny = TinyProxy::start("BasicAuth somebody needle\n").await;
    let proxy: Proxy = format!("http://{}", tiny.address).parse().unwrap();
    let told = |text: &str| Some(ProxyCredentials::parse(text).unwrap());
    let certified = Certified::new();
    for (proxy, passes) in [
        (proxy.clone(), false),
        (proxy.clone().with_credentials(told("somebody:wrong")), false),
        (proxy.clone().with_credentials(told("somebody:needle")), true),
        (proxy.clone().except(["127.0.0.1"]), true),
        (proxy.except(["laps.example"]), false),
    ] {
        let (url, served) = certified
            .serve(async |mut stream: Tls| {
                read_request(&mut stream).await.unwrap();
                answer(&mut stream, "200 OK", "", "through").await;
                close(stream).await;
            })
            .await;
        let dialer = Dialer::new(certified.trust(), None, LIMITS).unwrap().through(Some(proxy.clone()));
        match dialer.connect(&url).await {
            Ok(mut connection) => {
                let request =
                    Request { method: Method::GET, url: &url, bearer: None, headers: &[], content: None };
                assert_eq!(connection.call(request).await.unwrap().body.expose_secret(), b"through");
                assert!(passes, "{proxy:?}");
                drop(connection);
                served.await.unwrap().unwrap();
            }
            Err(error) => {
                let is_asked_for = matches!(error, TransportError::ProxyRefused { status: 401 | 407, .. });
                assert!(is_asked_for && !passes, "{proxy:?}: {error:?}");
                assert!(!format!("{error:?} {error} {proxy:?}").contains("needle"));
            }
        }
    }
}

/// The bytes that come before the other end hangs up.
async fn cut(proxy: SocketAddr, peer: u16) -> Vec<u8> {
    let mut idle = TcpStream::connect(proxy).await.unwrap();
    idle.write_all(format!("CONNECT 127.0.0.1:{peer} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    let mut said = Vec::new();
    idle.read_to_end(&mut said).await.unwrap();
    said
}

#[tokio::test]
async fn heartbeats_keep_the_wake_up_connection_open_through_a_proxy_that_cuts_idle_ones() {
    let proxy = TinyProxy::start("").await;
    let certified = Certified::new();
    let (url, served) = certified
        .serve(async |mut stream: Tls| {
            read_request(&mut stream).await.unwrap();
            let agreed =
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: lapwing-wake-1\r\n\r\n";
            stream.write_all(agreed.as_bytes()).await.unwrap();
            for _ in 0..2 {
                assert_eq!(stream.read_u8().await.unwrap(), b'h');
                stream.write_all(b"h").await.unwrap();
            }
            stream.write_all(b"W").await.unwrap();
            close(stream).await;
        })
        .await;
    let identity = device(&certified, &url);
    let through = Some(format!("http://{}", proxy.address).parse().unwrap());
    let settings = AgentSettings { proxy: through, ..identity.settings.clone() };
    let identity = Identity { settings, ..identity };
    // Whatever accepts will do for one that says nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let idle = tokio::spawn(cut(proxy.address, silent.local_addr().unwrap().port()));

    let mut open = WakeUps::open(&identity, &url, LIMITS, Pulse::default()).await.unwrap();
    // After two heartbeats, which are longer apart than the proxy's patience.
    open.next().await.unwrap();
    assert!(idle.is_finished(), "the proxy cuts nothing");
    let said = idle.await.unwrap();
    assert!(said.starts_with(b"HTTP/1.0 200") || said.starts_with(b"HTTP/1.1 200"), "{said:?}");
    drop(open);
    served.await.unwrap().unwrap();
}
