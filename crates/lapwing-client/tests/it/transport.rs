use std::time::Duration;

use hyper::Method;
use lapwing_client::transport::{
    Answer, CertificateDigest, Connection, Dialer, HttpsUrl, Limits, Request, Stage, TransportError, Trust,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peer::{Certified, Tls, answer, read_request, serve_plain};

/// Long enough that only a peer that hangs for ever runs into it, except in the tests about that.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(20), answer: Duration::from_secs(20), answer_len: 4096 };
const IMPATIENT: Limits =
    Limits { connect: Duration::from_millis(200), answer: Duration::from_millis(200), answer_len: 4096 };

async fn connect(trust: Trust, url: &HttpsUrl, limits: Limits) -> Result<Connection, TransportError> {
    Dialer::new(trust, None, limits).unwrap().connect(url).await
}

async fn call(connection: &mut Connection, url: &HttpsUrl) -> Result<Answer, TransportError> {
    let request = Request { method: Method::GET, url, bearer: None, headers: &[], content: None };
    connection.call(request).await
}

/// What a call ends with, at a peer that does `script`.
async fn outcome<F>(
    script: impl FnOnce(Tls) -> F + Send + 'static,
    limits: Limits,
) -> Result<Answer, TransportError>
where
    F: Future<Output = ()> + Send,
{
    let certified = Certified::new();
    let (url, peer) = certified.serve(script).await;
    let mut connection = connect(certified.trust(), &url, limits).await.unwrap();
    let outcome = call(&mut connection, &url).await;
    drop(connection);
    peer.await.unwrap();
    outcome
}

/// A peer that reads the request, sends `bytes` and ends the connection.
async fn outcome_of_bytes(bytes: Vec<u8>) -> Result<Answer, TransportError> {
    let script = async move |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        // The client may turn away in the middle of it.
        drop(stream.write_all(&bytes).await);
        drop(stream.shutdown().await);
    };
    outcome(script, LIMITS).await
}

#[tokio::test]
async fn an_answer_is_read_whole_with_its_status_and_the_wait_it_asks_for() {
    let script = async |mut stream: Tls| {
        let request = read_request(&mut stream).await.unwrap();
        assert!(request.head.starts_with("GET / HTTP/1.1\r\nhost: 127.0.0.1:"), "{}", request.head);
        answer(&mut stream, "429 Slow", "retry-after: 7\r\n", "later").await;
    };
    let answer = outcome(script, LIMITS).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.retry_after), (429, Some(Duration::from_secs(7))));
    assert_eq!(answer.body.expose_secret(), b"later");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let script = async |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        answer(&mut stream, "307 Elsewhere", "location: /elsewhere\r\n", "").await;
        assert!(read_request(&mut stream).await.is_none(), "a second request");
    };
    assert_eq!(outcome(script, LIMITS).await.unwrap().status.as_u16(), 307);
}

#[tokio::test]
async fn calls_share_their_connection() {
    let certified = Certified::new();
    let script = async |mut stream: Tls| {
        for body in ["one", "two"] {
            read_request(&mut stream).await.unwrap();
            answer(&mut stream, "200 OK", "", body).await;
        }
    };
    let (url, peer) = certified.serve(script).await;
    let mut connection = connect(certified.trust(), &url, LIMITS).await.unwrap();
    for body in ["one", "two"] {
        assert_eq!(call(&mut connection, &url).await.unwrap().body.expose_secret(), body.as_bytes());
    }
    peer.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_ends_the_connection_before_the_request_has_not_seen_it() {
    let certified = Certified::new();
    let (url, peer) = certified.serve(async |mut stream: Tls| stream.shutdown().await.unwrap()).await;
    let mut connection = connect(certified.trust(), &url, LIMITS).await.unwrap();
    peer.await.unwrap().unwrap();
    let error = call(&mut connection, &url).await.unwrap_err();
    assert!(matches!(error, TransportError::Closed { sent: false, .. }), "{error:?}");
    // Nor is a connection that has ended ever used again.
    assert!(!call(&mut connection, &url).await.unwrap_err().sent());
}

#[tokio::test]
async fn a_peer_that_ends_the_connection_after_the_request_may_have_acted() {
    let error = outcome_of_bytes(Vec::new()).await.unwrap_err();
    assert!(matches!(error, TransportError::Closed { sent: true, .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    for bytes in [
        b"\0\x01\x02\xff garbage\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n".to_vec(),
        [b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(200), b"\r\n".to_vec()].concat(),
        [b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'a'; 1 << 20]].concat(),
    ] {
        let start = String::from_utf8_lossy(&bytes[..16]).into_owned();
        let error = outcome_of_bytes(bytes).await.unwrap_err();
        assert!(matches!(error, TransportError::Closed { sent: true, .. }), "{start:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let of_len = |len: usize| {
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            chunks(len),
            b"0\r\n\r\n".to_vec(),
        ]
        .concat()
    };
    let most = outcome_of_bytes(of_len(LIMITS.answer_len)).await.unwrap();
    assert_eq!(most.body.expose_secret().len(), LIMITS.answer_len);
    let error = outcome_of_bytes(of_len(LIMITS.answer_len + 1)).await.unwrap_err();
    assert!(matches!(error, TransportError::AnswerTooLong { limit: 4096, .. }), "{error:?}");
    assert!(error.sent());
}

fn chunks(len: usize) -> Vec<u8> {
    vec![b'a'; len]
        .chunks(1000)
        .flat_map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat())
        .collect()
}

#[tokio::test]
async fn a_peer_that_never_answers_runs_into_the_deadline() {
    let never = async |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        assert!(read_request(&mut stream).await.is_none());
    };
    let half = async |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        assert!(read_request(&mut stream).await.is_none());
    };
    for error in [outcome(never, IMPATIENT).await, outcome(half, IMPATIENT).await] {
        let error = error.unwrap_err();
        assert!(
            matches!(error, TransportError::TimedOut { stage: Stage::Answering, sent: true, .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next_one() {
    let certified = Certified::new();
    let (go, gone) = tokio::sync::oneshot::channel();
    let script = async move |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        gone.await.unwrap();
        // The client has turned away, so that this may fail.
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await);
        drop(stream.flush().await);
    };
    let (url, peer) = certified.serve(script).await;
    let mut connection = connect(certified.trust(), &url, IMPATIENT).await.unwrap();
    assert!(call(&mut connection, &url).await.unwrap_err().sent());
    go.send(()).unwrap();
    peer.await.unwrap().unwrap();
    let error = call(&mut connection, &url).await.unwrap_err();
    assert!(matches!(error, TransportError::Closed { sent: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_peer_that_never_agrees_on_tls_runs_into_the_deadline() {
    let (url, peer) = serve_plain(async |mut stream| stream.read_to_end(&mut Vec::new()).await).await;
    let error = connect(Certified::new().trust(), &url, IMPATIENT).await.unwrap_err();
    assert!(
        matches!(error, TransportError::TimedOut { stage: Stage::Securing, sent: false, .. }),
        "{error:?}"
    );
    peer.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_without_tls_is_told_apart_from_an_untrusted_one() {
    let (url, peer) = serve_plain(async |mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    })
    .await;
    let error = connect(Certified::new().trust(), &url, LIMITS).await.unwrap_err();
    assert!(matches!(error, TransportError::Tls { .. }), "{error:?}");
    drop(peer.await.unwrap());
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_an_unknown_name() {
    let (url, peer) = serve_plain(async |_| ()).await;
    peer.abort();
    assert!(peer.await.unwrap_err().is_cancelled());
    let error = connect(Certified::new().trust(), &url, LIMITS).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error:?}");
    // A label longer than DNS allows: no resolver asks anybody for it.
    let url = format!("https://{}.invalid/", "a".repeat(64)).parse().unwrap();
    let error = connect(Certified::new().trust(), &url, LIMITS).await.unwrap_err();
    assert!(matches!(error, TransportError::NameNotResolved { .. }), "{error:?}");
}

#[tokio::test]
async fn only_the_right_certificate_is_trusted() {
    let right = Certified::new();
    let pinned = |certified: &Certified| Trust::Pinned(CertificateDigest::of(&certified.authority));
    let other_name = Certified::issue(|leaf| {
        leaf.subject_alt_names = vec![rcgen::SanType::DnsName("laps.example".try_into().unwrap())];
    });
    let over = Certified::issue(|leaf| leaf.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let another = Certified::new();
    for (certified, trust, why) in [
        (&right, another.trust(), "another authority"),
        (&right, pinned(&another), "another authority pinned"),
        (&right, Trust::System, "the host does not know the authority"),
        (&other_name, other_name.trust(), "another name"),
        (&other_name, pinned(&other_name), "another name, authority pinned"),
        (&over, over.trust(), "over"),
        (&over, pinned(&over), "over, authority pinned"),
    ] {
        let (url, peer) = certified.serve(async |_| ()).await;
        let error = connect(trust, &url, LIMITS).await.expect_err(why);
        assert!(matches!(error, TransportError::NotTrusted { .. }), "{why}: {error:?}");
        assert!(!error.sent());
        peer.await.unwrap();
    }
    for trust in [right.trust(), pinned(&right)] {
        let (url, peer) = right.serve(async |_| ()).await;
        let connection = connect(trust, &url, LIMITS).await.unwrap();
        assert!(connection.peer_chain().contains(&right.authority));
        peer.await.unwrap().unwrap();
    }
}
