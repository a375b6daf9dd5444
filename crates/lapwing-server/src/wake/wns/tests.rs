//! The push service as it is documented, played over real TLS.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::*;

pub(in crate::wake) const TOKEN: &str = "POST /accesstoken.srf";
pub(in crate::wake) const PUSH: &str = "POST /?token=abc";

/// One answer: which request it is for, the status, further headers, the content.
pub(in crate::wake) type Step = (&'static str, u16, &'static str, &'static str);

/// A service for the names that are certified, whose test's authority is trusted. Returns the requests, whole.
pub(in crate::wake) async fn service(names: &[&str], steps: &[Step]) -> (Wns, JoinHandle<Vec<String>>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut roots = RootCertStore::empty();
    roots.add(authority.self_signed(&authority_key).unwrap().der().clone()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let leaf = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &Issuer::new(authority, authority_key))
        .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let credentials = Credentials {
        package_sid: "ms-app://s-1-15-2-7".to_owned(),
        client_secret: SecretText::new("s&cret".to_owned()),
        package_family_name: "Contoso.Push_8wekyb3d8bbwe".to_owned(),
    };
    let wns = Wns::at(credentials, roots, Some(listener.local_addr().unwrap())).unwrap();
    let steps = steps.to_vec();
    let served = tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut requests = Vec::new();
        for (wanted, status, headers, body) in steps {
            let Ok(mut stream) = acceptor.accept(listener.accept().await.unwrap().0).await else { break };
            let mut request = Vec::new();
            while !is_whole(&request) {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            let request = String::from_utf8(request).unwrap();
            assert!(request.starts_with(wanted), "{request}");
            let answer =
                format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            requests.push(request);
        }
        requests
    });
    (wns, served)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let len = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= len.map_or(0, |len| len.parse().unwrap())
}

pub(in crate::wake) const NAMES: &[&str] = &["login.live.com", "db5p.notify.windows.com"];
pub(in crate::wake) const GIVEN: Step =
    (TOKEN, 200, "", r#"{"token_type":"bearer","access_token":"t0ken","expires_in":86400}"#);

fn channel() -> ChannelUri {
    ChannelUri::parse("https://db5p.notify.windows.com/?token=abc").unwrap()
}

#[tokio::test]
async fn a_device_is_woken_with_a_token_that_serves_for_the_next_one_too() {
    let (wns, served) = service(NAMES, &[GIVEN, (PUSH, 200, "", ""), (PUSH, 200, "", "")]).await;
    assert_eq!(wns.wake(&channel()).await, Delivery::Queued);
    assert_eq!(wns.wake(&channel()).await, Delivery::Queued);
    let requests = served.await.unwrap();
    assert!(requests[0].ends_with(
        "grant_type=client_credentials&client_id=ms-app%3A%2F%2Fs-1-15-2-7&client_secret=s%26cret&scope=notify.windows.com"
    ));
    for header in [
        "authorization: Bearer t0ken\r\n",
        "content-type: application/octet-stream\r\n",
        "x-wns-type: wns/raw\r\n",
        "x-wns-cache-policy: cache\r\n",
        "host: db5p.notify.windows.com\r\n",
    ] {
        assert!(requests[1].contains(header), "{}", requests[1]);
    }
}

#[tokio::test]
async fn a_token_that_is_over_is_replaced_once() {
    let refused = (PUSH, 401, "", "");
    let (wns, _) = service(NAMES, &[GIVEN, refused, GIVEN, (PUSH, 200, "", "")]).await;
    assert_eq!(wns.wake(&channel()).await, Delivery::Queued);
    let (wns, served) = service(NAMES, &[GIVEN, refused, GIVEN, refused]).await;
    assert_eq!(wns.wake(&channel()).await, Delivery::TokenRefused);
    served.await.unwrap();
}

#[tokio::test]
async fn what_the_service_says_of_a_channel_is_told() {
    let table = [
        ((PUSH, 410, "", ""), Delivery::ChannelGone),
        ((PUSH, 404, "", ""), Delivery::ChannelGone),
        ((PUSH, 406, "retry-after: 9\r\n", ""), Delivery::Throttled(Some(Duration::from_secs(9)))),
        ((PUSH, 429, "", ""), Delivery::Throttled(None)),
        ((PUSH, 302, "location: https://127.0.0.1/\r\n", ""), Delivery::Failed),
        ((PUSH, 503, "", ""), Delivery::Unavailable),
    ];
    for (step, delivery) in table {
        let (wns, _) = service(NAMES, &[GIVEN, step]).await;
        assert_eq!(wns.wake(&channel()).await, delivery, "{step:?}");
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for (status, delivery) in [
        (400, Delivery::Failed),
        (401, Delivery::Failed),
        (429, Delivery::Throttled(None)),
        (500, Delivery::Unavailable),
    ] {
        let (wns, served) = service(NAMES, &[(TOKEN, status, "", "{}")]).await;
        assert_eq!(wns.wake(&channel()).await, delivery);
        served.await.unwrap();
    }
}

#[tokio::test]
async fn a_service_that_cannot_prove_its_name_is_told_nothing() {
    let (wns, served) = service(&["login.live.com", "other.example"], &[GIVEN, (PUSH, 200, "", "")]).await;
    assert_eq!(wns.wake(&channel()).await, Delivery::Unavailable);
    assert_eq!(served.await.unwrap().len(), 1);
}

#[test]
fn the_credentials_are_a_file_of_their_owner_alone_that_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wns.toml");
    assert!(Credentials::read(&path).unwrap().is_none());
    let write = |text: &str, mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Credentials::read(&path)
    };
    let whole = "package_sid = 'ms-app://s'\nclient_secret = 'hunter2'\npackage_family_name = 'A_b'\n";
    let read = write(whole, 0o600).unwrap().unwrap();
    assert_eq!(read.package_family_name, "A_b");
    assert!(!format!("{read:?}").contains("hunter2"));
    for mode in [0o640, 0o604] {
        assert!(matches!(write(whole, mode), Err(CredentialsError::Exposed(_))));
    }
    let unquoted = whole.replace('\'', "");
    for text in ["package_sid = 'x'", &format!("{whole}more = 1"), &unquoted] {
        let error = write(text, 0o600).unwrap_err();
        assert!(matches!(error, CredentialsError::Malformed(_)));
        assert!(!format!("{error:?} {error} {}", error.next_step()).contains("hunter2"));
    }
}
