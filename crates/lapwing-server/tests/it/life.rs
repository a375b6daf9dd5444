//! The whole life of a device, and what may go wrong in it.

use std::{os::unix::net::UnixDatagram, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::register::{CSR_SUBJECT, Condition, EnrolmentToken, LapwingUpload, SealedUpload};

use crate::{
    device::{Device, account, discover, enrolment_token, join_body, version},
    harness::{Request, Server, run, set_up},
};

/// The passwords that an administrator sees, newest first.
pub(crate) fn passwords(server: &Server, device: &Device) -> Vec<String> {
    let path = format!("/v1.0/directory/deviceLocalCredentials/{}?$select=credentials", device.id);
    let answer = server.get(&path, &server.admin_token());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let decode = |entry: &serde_json::Value| {
        String::from_utf8(STANDARD.decode(entry["passwordBase64"].as_str().unwrap()).unwrap()).unwrap()
    };
    answer.json()["credentials"].as_array().unwrap().iter().map(decode).collect()
}

#[test]
fn a_device_joins_stores_is_read_rotates_and_leaves() {
    let server = Server::start();
    let device = Device::join(&server, "host-1");
    assert_eq!(device.state(&server).version, None);

    let first = device.seal("first password", version(), Condition::Absent, None);
    device.store_and_check(&server, &first);
    assert_eq!(passwords(&server, &device), ["first password"]);

    let second =
        device.seal("second password", version(), Condition::Holds(first.version), Some(first.version));
    device.store_and_check(&server, &second);
    assert_eq!(passwords(&server, &device), ["second password", "first password"]);
    let state = device.state(&server);
    assert_eq!((state.version, state.account), (Some(second.version), Some(account())));
    device.check_receipt(&second, state.expiry.unwrap(), &state.receipt.unwrap());

    let path = format!("/EnrollmentServer/device/{}?api-version=1.0", device.id);
    let leave =
        Request { method: "DELETE", path: &path, identity: Some(device.identity()), ..Request::default() };
    assert_eq!(server.send(&leave).status, 200);
    let third = device.seal("third", version(), Condition::Any, None);
    let answer = device.store(&server, &third);
    assert_eq!((answer.status, answer.json()["subcode"].as_str()), (400, Some("error_missing_device")));
    assert_eq!(passwords(&server, &device), ["second password", "first password"], "they stay readable");
}

#[test]
fn a_lost_answer_is_found_again_by_repeating_or_asking() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let upload = device.seal("pass", version(), Condition::Absent, None);
    device.store_and_check(&server, &upload);
    device.store_and_check(&server, &upload);
    assert_eq!(passwords(&server, &device).len(), 1, "a repeat makes no new entry");
    let state = device.state(&server);
    device.check_receipt(&upload, state.expiry.unwrap(), &state.receipt.unwrap());
}

#[test]
fn a_store_on_another_version_than_the_one_held_changes_nothing() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let first = device.seal("one", version(), Condition::Absent, None);
    device.store_and_check(&server, &first);
    for condition in [Condition::Absent, Condition::Holds(version())] {
        let answer = device.store(&server, &device.seal("two", version(), condition, None));
        assert_eq!(answer.status, 409);
        let body = answer.json();
        assert_eq!(body["subcode"], "error_version_mismatch");
        assert_eq!(body["Lapwing"]["Version"], first.version.to_string());
    }
    assert_eq!(passwords(&server, &device), ["one"]);
}

#[test]
fn of_many_stores_at_once_exactly_one_wins() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let uploads: Vec<SealedUpload> =
        (0..8).map(|n| device.seal(&format!("p{n}"), version(), Condition::Absent, None)).collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let (server, device) = (&server, &device);
        let send = |upload| scope.spawn(move || device.store(server, upload).status);
        let sent: Vec<_> = uploads.iter().map(send).collect();
        sent.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    let winner = statuses.iter().position(|status| *status == 200).unwrap();
    assert_eq!(device.state(&server).version, Some(uploads[winner].version));
}

#[test]
fn the_password_in_force_stays_readable_however_many_follow() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let in_force = device.seal("in force", version(), Condition::Any, None);
    device.store_and_check(&server, &in_force);
    for n in 0..6 {
        let next =
            device.seal(&format!("never committed {n}"), version(), Condition::Any, Some(in_force.version));
        device.store_and_check(&server, &next);
    }
    assert!(passwords(&server, &device).contains(&"in force".to_owned()));
    let last = device.state(&server).version;
    device.store_and_check(&server, &device.seal("after", version(), Condition::Any, last));
    assert_eq!(passwords(&server, &device).len(), 3, "what is older than the one in force may go");
}

#[test]
fn an_upload_in_windows_form_needs_no_extension_and_takes_a_certificate() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    for n in 0..5 {
        let body = format!(r#"{{"accountname":"lapadmin","NEWPASSWORD":"windows {n}","Flags":0x1F}}"#);
        // The query of a real Windows device.
        let id = "{f3531ec6-6330-4f8e-8d39-7a671fbac605}";
        let path = format!("{}&client-request-id={id}&return-client-request-id={id}", device.upload_path());
        let answer = server.send(&Request {
            method: "POST",
            path: &path,
            body: body.as_bytes(),
            identity: Some(device.identity()),
            ..Request::default()
        });
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]));
    }
    assert_eq!(passwords(&server, &device), ["windows 4", "windows 3", "windows 2"]);
}

#[test]
fn a_certificate_counts_only_where_devices_are_asked_for_one() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let path = format!("/EnrollmentServer/device/{}?api-version=1.0", device.id);
    let leave =
        || Request { method: "DELETE", path: &path, identity: Some(device.identity()), ..Request::default() };
    assert_eq!(server.send_to_everybodys(&leave()).status, 401);
    assert_eq!(server.send(&leave()).status, 200);
}

#[test]
fn discovery_names_the_devices_listener_where_a_certificate_is_needed() {
    let server = Server::start();
    let discovery = discover(&server);
    let management = discovery.lapwing_service.unwrap().management.unwrap();
    let tenant = &server.admin.tenant;
    assert_eq!(management.endpoint, format!("{}/lapwing/v1/{tenant}/manage", server.device_url));
    assert_eq!(management.wake_up, format!("{}/lapwing/v1/{tenant}/wake", server.device_url));
    let join = discovery.device_join_service.join_endpoint;
    assert_eq!(join, format!("{}/EnrollmentServer/device/", server.device_url));
    let upload = discovery.device_management_service.device_management_endpoint;
    assert_eq!(upload, format!("{}/manage/{tenant}/", server.url), "a firewall may know this port alone");
    assert_ne!(server.url, server.device_url);
}

#[test]
fn a_seal_for_another_version_is_refused() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let upload = device.seal("pass", version(), Condition::Any, None);
    let answer = device.store(&server, &SealedUpload { version: version(), ..upload });
    assert_eq!((answer.status, answer.json()["subcode"].as_str()), (400, Some("error_seal_invalid")));
}

#[test]
fn a_device_stores_for_no_other_and_a_disabled_one_not_at_all() {
    let server = Server::start();
    let (one, other) = (Device::join(&server, "one"), Device::join(&server, "other"));
    let upload = one.seal("pass", version(), Condition::Any, None);
    let body = LapwingUpload { account: &account(), members: &upload }.to_json();
    assert_eq!(server.post(&one.upload_path(), Some(&other.token), &body).status, 403);
    assert_eq!(server.post(&one.upload_path(), None, &body).status, 401);
    assert_eq!(server.post(&one.upload_path(), Some(&server.admin_token()), &body).status, 401);

    let path = server.admin_path(&format!("devices/{}", one.id));
    let patch = Request {
        method: "PATCH",
        path: &path,
        bearer: Some(&server.admin_token()),
        body: br#"{"enabled":false}"#,
        ..Request::default()
    };
    assert_eq!(server.send(&patch).status, 200);
    let answer = one.store(&server, &upload);
    assert_eq!(
        (answer.status, answer.json()["subcode"].as_str()),
        (403, Some("error_authorization_request_denied"))
    );
}

#[test]
fn an_enrolment_token_counts_its_uses_and_a_foreign_subject_is_refused() {
    let server = Server::start();
    let token: EnrolmentToken = enrolment_token(&server, 1);
    let join = |bearer: Option<&str>, subject: &str| {
        server
            .post("/EnrollmentServer/device/?api-version=2.0", bearer, &join_body(None, "h", subject))
            .status
    };
    assert_eq!(join(Some(&token.bearer()), "someone else"), 400);
    assert_eq!(join(None, CSR_SUBJECT), 401);
    assert_eq!(join(Some(&token.bearer()), CSR_SUBJECT), 200);
    assert_eq!(join(Some(&token.bearer()), CSR_SUBJECT), 401, "it is used up");
}

#[test]
fn a_token_request_is_good_once_and_only_as_signed() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let request = device.token_request(&device.nonce(&server), false);
    assert_eq!(device.ask_token(&server, &request).status, 200, "a certificate as one text is read too");
    let again = device.ask_token(&server, &request);
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    let fresh = device.token_request(&device.nonce(&server), true);
    let (signed, _) = fresh.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(342));
    assert_eq!(device.ask_token(&server, &forged).status, 400);
    assert_eq!(device.ask_token(&server, &device.token_request("made-up", true)).status, 400);
}

#[test]
fn stores_beyond_the_rate_are_put_off() {
    let server = Server::start_with("device_burst = 2\ndevice_per_hour = 60");
    let device = Device::join(&server, "host");
    let upload = device.seal("pass", version(), Condition::Any, None);
    assert_eq!(device.store(&server, &upload).status, 200);
    assert_eq!(device.store(&server, &upload).status, 200);
    let answer = device.store(&server, &upload);
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[test]
fn what_was_stored_survives_a_restart_and_a_new_key_encryption_key() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let upload = device.seal("kept", version(), Condition::Any, None);
    device.store_and_check(&server, &upload);
    let busy = run(&["rekey"], server.folder.path());
    assert_eq!(busy.status.code(), Some(1), "a running server keeps its key");
    let (status, folder) = server.stop();
    assert!(status.success());
    let old = std::fs::read_to_string(folder.path().join("kek.toml")).unwrap();
    assert!(run(&["rekey"], folder.path()).status.success());
    assert_ne!(std::fs::read_to_string(folder.path().join("kek.toml")).unwrap(), old);
    set_up(folder.path());
    let server = Server::open(folder, None);
    let device = device.renewed(&server);
    assert_eq!(passwords(&server, &device), ["kept"]);
    device.store_and_check(&server, &upload);
}

#[test]
fn the_service_manager_is_told_of_start_and_end() {
    let (_, folder) = Server::start().stop();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let told = || {
        let mut buffer = [0; 64];
        let len = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).trim_end().to_owned()
    };
    let server = Server::open_with(folder, &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(told(), "READY=1");
    let (status, _folder) = server.stop();
    assert!(status.success());
    assert_eq!(told(), "STOPPING=1");
}
