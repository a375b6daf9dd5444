//! What becomes of a store, at a peer that answers everything before it as it should.

use std::{sync::Arc, time::Duration};

use lapwing_client::{
    CallError,
    cloud::{Material, Session, Store, StoreOutcome, Unanswered},
    identity::{AgentSettings, DeviceKey, Identity},
    transport::{CertificateDer, HttpsUrl, Limits, TransportError},
};
use lapwing_core::{
    secret::Password,
    types::{AccountName, Guid, PasswordVersion},
};
use lapwing_proto::register::{Condition, SealedUpload};
use tokio::io::AsyncWriteExt as _;

use crate::peer::{Certified, Received, Tls, answer, close, read_request};

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(20), answer: Duration::from_secs(20), answer_len: 65536 };
const TENANT: &str = "f3531ec6-6330-4f8e-8d39-7a671fbac605";
const DEVICE: &str = "0b3c2a10-1111-4222-8333-444455556666";

fn identity(certified: &Certified, server: HttpsUrl) -> Identity {
    identity_with(certified.authority.clone(), server)
}

pub(crate) fn identity_with(authority: CertificateDer<'static>, server: HttpsUrl) -> Identity {
    Identity {
        settings: AgentSettings {
            server,
            tenant: TENANT.parse().unwrap(),
            device: DEVICE.parse().unwrap(),
            admin_group: None,
            proxy: None,
        },
        key: DeviceKey::generate().unwrap(),
        certificate: authority.clone(),
        authority: Some(authority),
    }
}

/// Answers discovery, challenge and token, each with what the session needs to go on.
pub(crate) async fn lead_up(stream: &mut Tls) {
    for step in 0..3 {
        answer_step(stream, step, "").await;
    }
}

/// One answer of the three before a store.
async fn answer_step(stream: &mut Tls, step: usize, headers: &str) {
    let request = read_request(stream).await.unwrap();
    let host = request.head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let body = match step {
        0 => format!(
            r#"{{"AuthenticationService":{{"OAuth2":{{"AuthCodeEndpoint":"https://{host}/a","TokenEndpoint":"https://{host}/{TENANT}/oauth2/token"}}}},
                "DeviceJoinService":{{"JoinEndpoint":"https://{host}/EnrollmentServer/device/","JoinResourceId":"r","ServiceVersion":"2.0"}},
                "DeviceManagementService":{{"DeviceManagementEndpoint":"https://{host}/manage/{TENANT}/","DeviceManagementResourceId":"urn:ms-drs:h","ServiceVersion":"1.0"}}}}"#
        ),
        1 => {
            assert_eq!(request.body, b"grant_type=srv_challenge");
            r#"{"Nonce":"n"}"#.to_owned()
        }
        _ => {
            let form = "windows_api_version=2.2&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&request=";
            assert!(request.body.starts_with(form.as_bytes()));
            r#"{"token_type":"Bearer","expires_in":"3599","access_token":"a.b.c"}"#.to_owned()
        }
    };
    answer(stream, "200 OK", headers, &body).await;
}

fn sealed(version: u8) -> SealedUpload {
    SealedUpload {
        instance: None,
        version: PasswordVersion(Guid::from_bytes([version; 16])),
        condition: Condition::Absent,
        in_force: None,
        expiry: "2026-12-01T00:00:00Z".parse().unwrap(),
        sealed: vec![7; 80],
    }
}

async fn store_once(session: &mut Session, clear: bool) -> StoreOutcome {
    let (account, password) =
        ("lapadmin".parse::<AccountName>().unwrap(), Password::new("hunter\"2".to_owned()));
    let members = sealed(1);
    let material = if clear {
        Material::Clear { password: &password, expiry: None }
    } else {
        Material::Sealed(&members)
    };
    session.store(&Store { account: &account, material }, Guid::from_bytes([9; 16])).await
}

/// The outcome of one store at a peer that does `script` after the device token.
async fn outcome_of<F>(clear: bool, script: impl FnOnce(Tls) -> F + Send + 'static) -> StoreOutcome
where
    F: Future<Output = ()> + Send,
{
    let certified = Certified::new();
    let (url, peer) = certified
        .serve(async move |mut stream: Tls| {
            lead_up(&mut stream).await;
            script(stream).await;
        })
        .await;
    let identity = identity(&certified, url);
    let mut session = Session::open(Arc::new(identity), LIMITS).await.unwrap();
    let outcome = store_once(&mut session, clear).await;
    drop(session);
    peer.await.unwrap().unwrap();
    outcome
}

/// The outcome at a peer that answers the store so. No second request may follow.
async fn outcome_of_answer(
    clear: bool,
    status: &'static str,
    headers: &'static str,
    body: &'static str,
) -> StoreOutcome {
    outcome_of(clear, async move |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        answer(&mut stream, status, headers, body).await;
        assert!(read_request(&mut stream).await.is_none(), "a second request");
    })
    .await
}

#[tokio::test]
async fn a_clear_store_goes_to_the_devices_record_as_windows_sends_it() {
    let (tell, told) = tokio::sync::oneshot::channel::<Received>();
    let outcome = outcome_of(true, async move |mut stream: Tls| {
        tell.send(read_request(&mut stream).await.unwrap()).unwrap();
        answer(&mut stream, "204 No Content", "", "").await;
    })
    .await;
    assert!(matches!(outcome, StoreOutcome::Stored(None)), "{outcome:?}");
    let received = told.await.unwrap();
    let id = "%7B09090909-0909-0909-0909-090909090909%7D";
    let line = format!(
        "POST /manage/{TENANT}/lapsdevicepasswordupdate/{DEVICE}?api-version=1.0&client-request-id={id}&return-client-request-id={id} HTTP/1.1"
    );
    assert_eq!(received.head.lines().next().unwrap(), line);
    assert!(received.head.contains("authorization: Bearer a.b.c\r\n"));
    assert_eq!(received.body, br#"{"AccountName":"lapadmin","NewPassword":"hunter\"2"}"#);
}

#[tokio::test]
async fn a_yes_to_a_sealed_store_counts_only_for_the_version_sent() {
    let receipt = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    assert_eq!(receipt.len(), 88);
    let right = r#"{"Lapwing":{"Version":"01010101-0101-0101-0101-010101010101","Expiry":"2026-12-01T00:00:00.0000000Z","Receipt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}"#;
    let other = r#"{"Lapwing":{"Version":"02010101-0101-0101-0101-010101010101","Expiry":"2026-12-01T00:00:00.0000000Z","Receipt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}"#;
    let outcome = outcome_of_answer(false, "200 OK", "", right).await;
    assert!(matches!(&outcome, StoreOutcome::Stored(Some(held)) if held.receipt == [0; 64]), "{outcome:?}");
    let outcome = outcome_of_answer(false, "200 OK", "", other).await;
    assert!(matches!(outcome, StoreOutcome::Unanswered(Unanswered::OtherVersion(_))), "{outcome:?}");
    for body in ["", "{}", "<html>"] {
        let outcome = outcome_of_answer(false, "200 OK", "", body).await;
        assert!(matches!(outcome, StoreOutcome::Unanswered(Unanswered::Malformed(_))), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_version_that_was_not_expected_is_told() {
    let one = r#"{"code":"conflict","subcode":"error_version_mismatch","message":"m","Lapwing":{"Version":"02020202-0202-0202-0202-020202020202","Expiry":null}}"#;
    let none = r#"{"subcode":"error_version_mismatch","Lapwing":{"Version":null,"Expiry":null}}"#;
    let outcome = outcome_of_answer(false, "409 Conflict", "", one).await;
    let version = PasswordVersion(Guid::from_bytes([2; 16]));
    assert!(
        matches!(outcome, StoreOutcome::VersionMismatch { current: Some(current) } if current == version)
    );
    let outcome = outcome_of_answer(false, "409 Conflict", "", none).await;
    assert!(matches!(outcome, StoreOutcome::VersionMismatch { current: None }));
    // Any other conflict is a plain refusal.
    let outcome = outcome_of_answer(false, "409 Conflict", "", r#"{"code":"x","message":"m"}"#).await;
    assert!(matches!(outcome, StoreOutcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_the_wait_it_asks_for() {
    let off = r#"{"code":"invalid_request","subcode":"error_fail","message":"Local admin password solution is not enabled for this tenant."}"#;
    let StoreOutcome::Refused(refusal) = outcome_of_answer(true, "400 Bad Request", "", off).await else {
        panic!("not refused")
    };
    assert_eq!((refusal.status, refusal.code.as_str()), (400, "error_fail"));
    assert!(refusal.next_step().contains("tenant"));
    let StoreOutcome::Refused(refusal) =
        outcome_of_answer(true, "429 Too Many", "retry-after: 30\r\n", "").await
    else {
        panic!("not refused")
    };
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn an_answer_that_proves_nothing_leaves_the_store_unanswered() {
    for status in
        ["500 Oops", "502 Bad Gateway", "503 Unavailable", "504 Gateway Timeout", "408 Timeout", "302 Found"]
    {
        let outcome = outcome_of_answer(true, status, "", "<html>").await;
        assert!(matches!(outcome, StoreOutcome::Unanswered(Unanswered::Unclear(_))), "{status}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_after_the_store_leaves_it_unanswered() {
    let outcome = outcome_of(true, async |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    let StoreOutcome::Unanswered(Unanswered::Transport(error)) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(error, TransportError::Closed { sent: true, .. }), "{error:?}");
}

/// The outcome at a server that closes each connection; `steps` says what each of them carries.
async fn outcome_of_closing(clear: bool, steps: &'static [&'static str]) -> StoreOutcome {
    const CLOSE: &str = "connection: close\r\n";
    let certified = Certified::new();
    let (url, peer) = certified
        .serve_several(steps.len(), move |at, mut stream: Tls| async move {
            for step in steps[at].split(' ') {
                match step {
                    "discovery" => answer_step(&mut stream, 0, CLOSE).await,
                    "discovery-keep" => answer_step(&mut stream, 0, "").await,
                    "challenge" => answer_step(&mut stream, 1, CLOSE).await,
                    "token" => answer_step(&mut stream, 2, CLOSE).await,
                    _ => {
                        assert!(read_request(&mut stream).await.unwrap().head.starts_with("POST /manage/"));
                        answer(&mut stream, "400 No", "", "").await;
                    }
                }
            }
            close(stream).await;
        })
        .await;
    let mut session = Session::open(Arc::new(identity(&certified, url)), LIMITS).await.unwrap();
    let outcome = store_once(&mut session, clear).await;
    drop(session);
    peer.await.unwrap();
    outcome
}

#[tokio::test]
async fn a_connection_that_ended_before_the_store_is_replaced_by_one_that_answers_first() {
    let steps = &["discovery", "challenge", "token", "discovery-keep store"];
    for clear in [true, false] {
        let outcome = outcome_of_closing(clear, steps).await;
        assert!(matches!(outcome, StoreOutcome::Refused(_)), "{outcome:?}");
    }
}

#[tokio::test]
async fn clear_text_never_goes_over_a_connection_that_has_not_answered() {
    let outcome = outcome_of_closing(true, &["discovery", "challenge", "token", "discovery"]).await;
    let StoreOutcome::NotSent(CallError::Transport(error)) = outcome else { panic!("{outcome:?}") };
    assert!(!error.sent());
    // What is sealed may.
    let outcome = outcome_of_closing(false, &["discovery", "challenge", "token", "discovery", "store"]).await;
    assert!(matches!(outcome, StoreOutcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_is_gone_before_the_store_has_not_been_sent_it() {
    let certified = Certified::new();
    let (url, peer) = certified
        .serve(async move |mut stream: Tls| {
            lead_up(&mut stream).await;
            stream.shutdown().await.unwrap();
        })
        .await;
    let mut session = Session::open(Arc::new(identity(&certified, url)), LIMITS).await.unwrap();
    peer.await.unwrap().unwrap();
    let outcome = store_once(&mut session, true).await;
    assert!(matches!(outcome, StoreOutcome::NotSent(_)), "{outcome:?}");
}
