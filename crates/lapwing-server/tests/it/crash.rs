//! The program is killed at the worst moments of a store, and a handler panics.

use lapwing_proto::register::{Condition, LapwingUpload};

use crate::{
    device::{Device, account, version},
    harness::{Request, Server, run},
    life::passwords,
};

/// A device with one password stored, its server to be restarted with a fail point.
fn crash_at(point: &str) -> (Server, Device, bool) {
    let server = Server::start();
    let device = Device::join(&server, "host");
    device.store_and_check(&server, &device.seal("before", version(), Condition::Absent, None));
    let before = device.state(&server).version.unwrap();
    let (_, folder) = server.stop();
    let server = Server::open(folder, Some(point));
    let device = device.renewed(&server);
    let upload = device.seal("after", version(), Condition::Holds(before), Some(before));
    let body = LapwingUpload { account: &account(), members: &upload };
    let path = device.upload_path();
    let body = body.to_json();
    let request =
        Request { method: "POST", path: &path, bearer: Some(&device.token), body: &body, identity: None };
    assert!(server.try_send(&request).is_err(), "{point}: no answer");
    let (status, folder) = server.wait();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    let server = Server::open(folder, None);
    let device = device.renewed(&server);
    let landed = device.state(&server).version == Some(upload.version);
    // Whatever happened, the very same bytes again end well.
    device.store_and_check(&server, &upload);
    (server, device, landed)
}

#[test]
fn a_crash_before_the_commit_loses_only_what_was_not_answered() {
    let (server, device, landed) = crash_at("store-before-commit");
    assert!(!landed);
    assert_eq!(passwords(&server, &device), ["after", "before"]);
}

#[test]
fn a_crash_after_the_commit_keeps_what_was_not_answered() {
    for point in ["store-after-commit", "store-before-answer"] {
        let (server, device, landed) = crash_at(point);
        assert!(landed, "{point}");
        assert_eq!(passwords(&server, &device), ["after", "before"]);
        let (_, folder) = server.stop();
        assert_eq!(run(&["audit", "verify"], folder.path()).status.code(), Some(0));
    }
}

#[test]
fn a_panic_in_a_handler_is_a_503_and_ends_nothing_else() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let (_, folder) = server.stop();
    let server = Server::open(folder, Some("panic:store-before-answer"));
    let device = device.renewed(&server);
    let upload = device.seal("pass", version(), Condition::Any, None);
    let answer = device.store(&server, &upload);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("server_error")));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(device.state(&server).version, Some(upload.version), "the store itself was done");
}
