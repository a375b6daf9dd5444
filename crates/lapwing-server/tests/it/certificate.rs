//! A device's certificate is renewed in time, and comes to its end as it is written down.

use std::{
    io::{Read as _, Write as _},
    sync::OnceLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::{
    json,
    register::{CSR_SUBJECT, CertificateRequest, RenewalAnswer, RenewalRequest},
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};
use serde_json::Value;
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::{
    device::{Device, key},
    harness::{Answer, ClientIdentity, Request, Server},
    wake::{beat, connect, connect_as, must_end},
};

const REQUIRED: &str = "error_certificate_renewal_required";
const ENDED: &str = "error_certificate_ended";

/// Keys beside the one of all devices: making one takes most of a second.
pub(crate) fn other_key(number: usize) -> &'static KeyPair {
    static KEYS: [OnceLock<KeyPair>; 2] = [const { OnceLock::new() }; 2];
    KEYS[number].get_or_init(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap())
}

fn identity_of(certificate: &[u8], key: &KeyPair) -> ClientIdentity {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    (CertificateDer::from(certificate.to_vec()), key.into())
}

fn subject(certificate: &[u8]) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
    parsed.subject().to_string()
}

pub(crate) fn renewal_body(key: &KeyPair, subject: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    let data = STANDARD.encode(params.serialize_request(key).unwrap().der());
    let certificate_request = CertificateRequest { kind: "pkcs10".to_owned(), data };
    serde_json::to_vec(&RenewalRequest { certificate_request }).unwrap()
}

fn post(server: &Server, rest: &str, identity: &ClientIdentity, body: &[u8]) -> Answer {
    let path = server.admin_path(rest);
    let identity = Some((identity.0.clone(), identity.1.clone_key()));
    server.send(&Request { method: "POST", path: &path, body, identity, ..Request::default() })
}

fn ask(server: &Server, identity: &ClientIdentity, key: &KeyPair) -> Answer {
    post(server, "manage/certificate", identity, &renewal_body(key, CSR_SUBJECT))
}

/// The next certificate, with its key.
fn renew(server: &Server, identity: &ClientIdentity, key: &KeyPair) -> ClientIdentity {
    let answer = ask(server, identity, key);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let answer: RenewalAnswer = json::parse(&answer.body).unwrap();
    identity_of(&STANDARD.decode(answer.certificate.raw_body).unwrap(), key)
}

/// Uses the certificate for something else than its renewal: the status, and the code of a refusal.
fn use_it(server: &Server, identity: &ClientIdentity) -> (u16, String) {
    let body = br#"{"time":"2026-05-06T07:08:09Z","traces":[]}"#;
    let answer = post(server, "manage/traces", identity, body);
    let code = match answer.status {
        204 => String::new(),
        _ => answer.json()["error"]["code"].as_str().unwrap().to_owned(),
    };
    (answer.status, code)
}

fn works(server: &Server, identity: &ClientIdentity) -> bool {
    use_it(server, identity) == (204, String::new())
}

fn audited(server: &Server, activity: &str) -> Vec<Value> {
    let audit = server.get(&server.admin_path("audit"), &server.admin_token()).json();
    let entries = audit["value"].as_array().unwrap().iter();
    entries.filter(|entry| entry["activity"] == activity).cloned().collect()
}

/// A device at a server that is then started anew, so many days later.
fn later(days: u64) -> (Server, Device) {
    let server = Server::start();
    let device = Device::join(&server, "host");
    (ahead(server, days), device)
}

fn ahead(server: Server, days: u64) -> Server {
    let (status, folder): (_, TempDir) = server.stop();
    assert!(status.success());
    Server::open_ahead(folder, days)
}

#[test]
fn the_old_certificate_is_good_until_the_new_one_is_first_used() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let old = device.identity();
    let new = renew(&server, &old, other_key(0));
    assert_eq!(subject(&new.0), subject(&old.0));
    assert!(works(&server, &old), "the answer may have been lost");
    // Asked again, with the same key and with another: what counts is the last one.
    let again = renew(&server, &old, other_key(0));
    assert_ne!(new.0, again.0);
    let other = renew(&server, &old, other_key(1));
    assert_eq!(use_it(&server, &new).1, REQUIRED);
    assert!(works(&server, &old) && works(&server, &other));
    assert_eq!(use_it(&server, &old), (401, REQUIRED.to_owned()));
    assert!(works(&server, &other));
    let answer = device.ask_token(&server, &device.token_request(&device.nonce(&server), true));
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(audited(&server, "Renew device certificate").len(), 3);
    assert_eq!(audited(&server, "Replace device certificate").len(), 1);
}

#[test]
fn a_connection_that_waits_ends_when_its_certificate_is_replaced() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let mut waiting = connect(&server, &device);
    let new = renew(&server, &device.identity(), other_key(0));
    let mut next = connect_as(&server, &new);
    must_end(&mut waiting);
    beat(&mut next);
    assert_eq!(audited(&server, "Replace device certificate").len(), 1);
}

#[test]
fn a_host_that_was_restored_renews_by_itself_with_the_certificate_that_was_replaced() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let old = device.identity();
    assert!(works(&server, &renew(&server, &old, other_key(0))));
    assert_eq!(use_it(&server, &old).1, REQUIRED);
    assert!(works(&server, &renew(&server, &old, other_key(1))));
    let renewals = audited(&server, "Renew device certificate");
    let unusual: Vec<_> = renewals.iter().filter(|entry| entry["detail"] != "").collect();
    assert_eq!(unusual.len(), 1);
    assert_eq!(unusual[0]["detail"], "by a certificate that is not the device's newest");
}

#[test]
fn what_is_no_request_for_a_certificate_changes_nothing() {
    let server = Server::start();
    let (device, other) = (Device::join(&server, "host"), Device::join(&server, "other"));
    let old = device.identity();
    let mut spoilt = renewal_body(other_key(0), CSR_SUBJECT);
    let at = spoilt.len() - 20;
    spoilt[at] = if spoilt[at] == b'A' { b'B' } else { b'A' };
    let small = renewal_body(&KeyPair::generate().unwrap(), CSR_SUBJECT);
    let subject = renewal_body(other_key(0), "host");
    // The key of the device itself: nothing would be renewed.
    let same = renewal_body(key(), CSR_SUBJECT);
    for body in [&b"{}"[..], b"", &spoilt, &small, &subject, &same] {
        let answer = post(&server, "manage/certificate", &old, body);
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&answer.body));
    }
    let path = server.admin_path("manage/certificate");
    let body = renewal_body(other_key(0), CSR_SUBJECT);
    let nobody = Request { method: "POST", path: &path, body: &body, ..Request::default() };
    assert_eq!(server.send(&nobody).status, 401);
    let bearer = Request { bearer: Some(&device.token), ..nobody };
    assert_eq!(server.send(&bearer).status, 401, "a token renews nothing");
    crate::wake::patch(&server, &other, false);
    assert_eq!(ask(&server, &other.identity(), other_key(0)).status, 403);
    assert!(works(&server, &old));
}

#[test]
fn a_certificate_that_has_ended_renews_itself_and_nothing_else() {
    let (server, device) = later(366 + 200);
    let old = device.identity();
    assert_eq!(use_it(&server, &old), (401, REQUIRED.to_owned()));
    let path = format!("/EnrollmentServer/device/{}?api-version=1.0", device.id);
    let leave = Request { method: "DELETE", path: &path, identity: Some(old), ..Request::default() };
    assert_eq!(server.send(&leave).status, 401);
    let new = renew(&server, &device.identity(), other_key(0));
    assert!(works(&server, &new));
    assert_eq!(audited(&server, "Renew device certificate")[0]["detail"], "by a certificate that has ended");
    // What was replaced and has ended is what an old disk looks like.
    assert_eq!(use_it(&server, &device.identity()), (401, ENDED.to_owned()));
    assert_eq!(ask(&server, &device.identity(), other_key(1)).json()["error"]["code"], ENDED);
    assert_eq!(audited(&server, "Renew device certificate").len(), 2, "a refusal is an entry too");
}

#[test]
fn a_certificate_that_ended_a_year_ago_is_good_for_nothing() {
    let (server, device) = later(365 + 366);
    assert_eq!(use_it(&server, &device.identity()), (401, ENDED.to_owned()));
    let answer = ask(&server, &device.identity(), other_key(0));
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (401, Some(ENDED)));
}

#[test]
fn years_of_renewals_leave_a_device_where_it_was() {
    let (mut server, device) = later(250);
    let mut identity = device.identity();
    for year in 1..=3_usize {
        assert!(works(&server, &identity));
        identity = renew(&server, &identity, other_key(year % 2));
        assert!(works(&server, &identity));
        server = ahead(server, 250 * (year as u64 + 1));
    }
    assert!(works(&server, &identity));
    let path = server.admin_path("devices");
    let devices = server.get(&path, &server.admin_token()).json();
    assert_eq!(devices["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_connection_that_waits_is_not_opened_by_a_certificate_that_has_ended() {
    let (server, device) = later(400);
    let mut stream = server.device_stream(Some(&device.identity()));
    let path = server.admin_path("wake");
    let head = "Connection: Upgrade\r\nUpgrade: lapwing-wake-1";
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 401");
}
