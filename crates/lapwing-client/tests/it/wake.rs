//! The wake-up connection at peers of every kind.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_client::{
    CallError,
    cloud::{Pulse, WakeUps, WakeUpsEnded},
    identity::{Identity, Root},
    transport::{HttpsUrl, Limits},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    peer::{Certified, Tls, answer, close, read_request},
    store::identity_with,
};

const AGREED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: lapwing-wake-1\r\n\r\n";
/// Faster than any real one, so that nobody waits for it.
const QUICK: Pulse = Pulse { interval: Duration::from_millis(50), answer: Duration::from_secs(20) };

/// A device whose certificate is for its key.
pub(crate) fn device(certified: &Certified, url: &HttpsUrl) -> Identity {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path().to_owned());
    identity_with(certified.authority.clone(), url.clone()).save(&root).unwrap();
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let pem = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    };
    std::fs::write(root.device_key(), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    std::fs::write(root.device_certificate(), pem("CERTIFICATE", certificate.der())).unwrap();
    Identity::load(&root).unwrap()
}

/// What a device finds at a peer that does `script` after it has read the request.
async fn opened<F>(script: impl FnOnce(Tls) -> F + Send + 'static, pulse: Pulse) -> Result<WakeUps, CallError>
where
    F: Future<Output = ()> + Send,
{
    let certified = Certified::new();
    let (url, _) = certified
        .serve(async move |mut stream: Tls| {
            let request = read_request(&mut stream).await.unwrap();
            assert!(request.head.starts_with("GET / HTTP/1.1\r\n"), "{}", request.head);
            for header in ["connection: Upgrade", "upgrade: lapwing-wake-1"] {
                assert!(request.head.contains(header), "{}", request.head);
            }
            script(stream).await;
        })
        .await;
    WakeUps::open(&device(&certified, &url), &url, Limits::default(), pulse).await
}

async fn hear(stream: &mut Tls) -> u8 {
    stream.read_u8().await.unwrap()
}

async fn say(stream: &mut Tls, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

#[tokio::test]
async fn a_wake_up_is_told_whether_it_comes_with_the_answer_or_after_heartbeats() {
    let script = async |mut stream: Tls| {
        say(&mut stream, &[AGREED, b"W"].concat()).await;
        for _ in 0..3 {
            assert_eq!(hear(&mut stream).await, b'h');
            say(&mut stream, b"h").await;
        }
        say(&mut stream, b"W").await;
        close(stream).await;
    };
    let mut opened = opened(script, QUICK).await.unwrap();
    opened.next().await.unwrap();
    opened.next().await.unwrap();
    assert!(matches!(opened.next().await, Err(WakeUpsEnded::Closed)));
}

#[tokio::test]
async fn a_peer_that_leaves_a_heartbeat_unanswered_is_given_up() {
    let script = async |mut stream: Tls| {
        say(&mut stream, AGREED).await;
        drop(stream.read_to_end(&mut Vec::new()).await);
    };
    let deaf = Pulse { interval: Duration::from_millis(10), answer: Duration::from_millis(100) };
    let mut opened = opened(script, deaf).await.unwrap();
    let ended = opened.next().await;
    assert!(matches!(ended, Err(WakeUpsEnded::Silent(limit)) if limit == deaf.answer), "{ended:?}");
}

#[tokio::test]
async fn a_probe_asks_at_once_and_waits_no_longer_than_it_says() {
    let script = async |mut stream: Tls| {
        say(&mut stream, AGREED).await;
        assert_eq!(hear(&mut stream).await, b'h');
        say(&mut stream, b"hW").await;
        drop(stream.read_to_end(&mut Vec::new()).await);
    };
    // A heartbeat of its own would come far too late.
    let mut opened = opened(script, Pulse::default()).await.unwrap();
    opened.probe(Duration::from_secs(20));
    opened.next().await.unwrap();
    let limit = Duration::from_millis(100);
    opened.probe(limit);
    let ended = opened.next().await;
    assert!(matches!(ended, Err(WakeUpsEnded::Silent(waited)) if waited == limit), "{ended:?}");
}

#[tokio::test]
async fn what_the_protocol_does_not_have_ends_it() {
    let script = async |mut stream: Tls| {
        say(&mut stream, &[AGREED, b"hX"].concat()).await;
        drop(stream.read_to_end(&mut Vec::new()).await);
    };
    let certified = opened(script, QUICK).await;
    let ended = certified.unwrap().next().await;
    assert!(matches!(ended, Err(WakeUpsEnded::Malformed)), "{ended:?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_what_the_server_says() {
    let script = async |mut stream: Tls| {
        let body = r#"{"error":{"code":"Authorization_RequestDenied","message":"It is disabled."}}"#;
        answer(&mut stream, "403 Forbidden", "", body).await;
        close(stream).await;
    };
    let Err(CallError::Refused(refusal)) = opened(script, QUICK).await else { panic!("it is open") };
    assert_eq!((refusal.status, refusal.code.as_str()), (403, "Authorization_RequestDenied"));
}

#[tokio::test]
async fn an_answer_that_is_not_even_http_is_no_connection() {
    let script = async |mut stream: Tls| {
        say(&mut stream, b"hello\r\n\r\n").await;
        close(stream).await;
    };
    assert!(matches!(opened(script, QUICK).await, Err(CallError::Transport(_))));
}
