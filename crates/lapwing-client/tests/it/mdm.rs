//! Sessions of device management over HTTPS, at a server that says what the test writes.

use std::time::Duration;

use lapwing_client::{
    CallError,
    identity::{AgentSettings, DeviceKey, Identity, Root},
    mdm::{Cause, Channel, Done, Session, Start, Work},
    transport::{CertificateDer, Limits, Stage, TransportError},
};
use lapwing_core::{
    csp::{Reply, Status},
    types::{DeviceId, Guid, TenantId},
};
use lapwing_proto::{
    management::DeviceInfo,
    syncml::{Command, SessionId, decode},
    xml::MESSAGE_LEN_MAX,
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};

use crate::peer::{Certified, Received, Tls, answer, close, read_request};

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(20), answer: Duration::from_secs(20), answer_len: 16 };
const DEVICE: DeviceId = DeviceId(Guid::from_bytes([0xde; 16]));

/// A device whose certificate the server asks for, and the server.
fn device() -> (Identity, Certified) {
    let mut identity = Identity {
        settings: AgentSettings {
            server: "https://laps.example".parse().unwrap(),
            tenant: TenantId(Guid::from_bytes([0x7e; 16])),
            device: DEVICE,
            admin_group: None,
            proxy: None,
        },
        key: DeviceKey::generate().unwrap(),
        certificate: CertificateDer::from(Vec::new()),
        authority: None,
    };
    identity.certificate = certificate_of(&identity);
    let server = Certified::for_client(identity.certificate.clone());
    identity.authority = Some(server.authority.clone());
    (identity, server)
}

/// One that the device has signed itself. Its key shows in its file alone.
fn certificate_of(identity: &Identity) -> CertificateDer<'static> {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path().to_owned());
    identity.save(&root).unwrap();
    let key = PrivateKeyDer::from_pem_file(root.device_key()).unwrap();
    let key = KeyPair::from_der_and_sign_algo(&key, &PKCS_RSA_SHA256).unwrap();
    CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().der().clone()
}

fn start() -> (Session, Vec<u8>) {
    Session::start(Start {
        id: SessionId::number(1),
        server: "https://laps.example/manage".parse().unwrap(),
        device: DeviceInfo {
            device: DEVICE,
            manufacturer: "Contoso".to_owned(),
            model: "Server".to_owned(),
            language: "en-US".to_owned(),
        },
        cause: Cause::ServerInitiated,
        reports: Vec::new(),
    })
}

/// Reads a message and answers it with `body`.
async fn hear_and_say(stream: &mut Tls, body: &str) -> Vec<Command> {
    let Received { head, body: message } = read_request(stream).await.unwrap();
    assert!(head.starts_with("POST /lapwing/manage HTTP/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/vnd.syncml.dm+xml\r\n",
        "accept: application/vnd.syncml.dm+xml\r\n",
        "user-agent: Lapwing/",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{head}");
    }
    let message = decode(&message).unwrap();
    let id = message.header.msg_id;
    let body = format!(
        "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>{id}</MsgID>\
         <Target><LocURI>d</LocURI></Target><Source><LocURI>s</LocURI></Source></SyncHdr><SyncBody>\
         <Status><CmdID>1</CmdID><MsgRef>{id}</MsgRef><CmdRef>0</CmdRef><Data>200</Data></Status>{body}<Final/>\
         </SyncBody></SyncML>"
    );
    answer(stream, "200 OK", "", &body).await;
    message.commands
}

#[tokio::test]
async fn a_session_goes_over_one_connection_to_its_end() {
    let (identity, server) = device();
    let script = async |mut stream: Tls| {
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        assert_eq!(hear_and_say(&mut stream, EXEC).await.len(), 4);
        let answers = hear_and_say(&mut stream, "").await;
        close(stream).await;
        (shown, answers)
    };
    let (url, peer) = server.serve(script).await;
    let mut channel = Channel::new(&identity, url.join("/lapwing/manage").unwrap(), LIMITS).unwrap();
    let (mut session, mut message) = start();
    let mut performed = Vec::new();
    loop {
        let heard = channel.post(message).await.unwrap();
        let received = session.receive(heard.expose_secret()).unwrap();
        let done: Vec<_> =
            received.work.iter().map(|_| Done::Single(Reply::status(Status::ACCEPTED))).collect();
        performed.extend(received.work);
        match session.reply(&done) {
            Some(next) => message = next,
            None => break,
        }
    }
    drop(channel);
    let (shown, answers) = peer.await.unwrap().unwrap();
    assert_eq!(shown, identity.certificate);
    assert!(matches!(&performed[..], [Work::Single(_)]));
    assert!(matches!(&answers[..], [_, Command::Status(status)] if status.code.0 == 202), "{answers:?}");
}

const EXEC: &str = "<Exec><CmdID>2</CmdID><Item><Target>\
                    <LocURI>./Device/Vendor/MSFT/LAPS/Actions/ResetPassword</LocURI></Target></Item></Exec>";

/// What the first message ends with, at a server that answers with `status`, `headers` and `body`.
async fn outcome(status: &'static str, headers: &'static str, body: String) -> Result<usize, CallError> {
    let (identity, server) = device();
    let script = async move |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        answer(&mut stream, status, headers, &body).await;
        assert!(read_request(&mut stream).await.is_none(), "the message came again");
    };
    let (url, peer) = server.serve(script).await;
    let mut channel = Channel::new(&identity, url, LIMITS).unwrap();
    let outcome = channel.post(start().1).await;
    drop(channel);
    peer.await.unwrap().unwrap();
    outcome.map(|body| body.expose_secret().len())
}

#[tokio::test]
async fn a_server_that_is_busy_says_for_how_long() {
    let error = outcome("429 Slow", "retry-after: 7\r\n", String::new()).await.unwrap_err();
    let CallError::Refused(refusal) = error else { panic!("{error:?}") };
    assert_eq!((refusal.status, refusal.retry_after), (429, Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn an_answer_is_at_most_as_long_as_a_message() {
    assert_eq!(outcome("200 OK", "", "x".repeat(MESSAGE_LEN_MAX)).await.unwrap(), MESSAGE_LEN_MAX);
    let error = outcome("200 OK", "", "x".repeat(MESSAGE_LEN_MAX + 1)).await.unwrap_err();
    assert!(matches!(error, CallError::Transport(TransportError::AnswerTooLong { .. })), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_deadline() {
    let (identity, server) = device();
    let script = async |mut stream: Tls| {
        read_request(&mut stream).await.unwrap();
        assert!(read_request(&mut stream).await.is_none());
    };
    let (url, peer) = server.serve(script).await;
    let limits = Limits { answer: Duration::from_millis(200), ..LIMITS };
    let mut channel = Channel::new(&identity, url, limits).unwrap();
    let error = channel.post(start().1).await.unwrap_err();
    let CallError::Transport(error) = error else { panic!("{error:?}") };
    assert!(
        matches!(error, TransportError::TimedOut { stage: Stage::Answering, sent: true, .. }),
        "{error:?}"
    );
    drop(channel);
    peer.await.unwrap().unwrap();
}
