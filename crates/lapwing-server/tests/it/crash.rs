//! The program is killed at the worst moments of a store, and a handler panics.

use std::os::unix::process::ExitStatusExt as _;

use lapwing_proto::register::{Condition, LapwingUpload};
use tempfile::TempDir;

use crate::{
    device::{Device, account, version},
    harness::{Request, Server, run, run_with},
    life::passwords,
    reveal::{actions, credentials, rotate_after},
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
    let request = Request {
        method: "POST",
        path: &path,
        bearer: Some(&device.token),
        body: &body,
        ..Request::default()
    };
    assert!(server.try_send(&request).is_err(), "{point}: no answer");
    let (status, folder) = server.wait();
    assert_eq!(status.signal(), Some(9));
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
fn a_crash_while_a_password_is_shown_keeps_the_record_and_the_rotation_or_neither() {
    for (point, kept) in [("store-before-commit", 0), ("store-after-commit", 1)] {
        let server = Server::start();
        let device = Device::join(&server, "host");
        device.store_and_check(&server, &device.seal("shown", version(), Condition::Absent, None));
        rotate_after(&server, 4);
        let (_, folder) = server.stop();
        let server = Server::open(folder, Some(point));
        let (token, path) = (server.admin_token(), credentials(&device));
        let request = Request { method: "GET", path: &path, bearer: Some(&token), ..Request::default() };
        assert!(server.try_send(&request).is_err(), "{point}: nothing is shown");
        let (status, folder) = server.wait();
        assert_eq!(status.signal(), Some(9));
        let server = Server::open(folder, None);
        let audit = server.get(&server.admin_path("audit"), &server.admin_token()).json();
        let count = |activity: &str| {
            audit["value"].as_array().unwrap().iter().filter(|entry| entry["activity"] == activity).count()
        };
        let recorded = count("Recover device local administrator password");
        let asked = count("Rotate local administrator password");
        assert_eq!((recorded, asked, actions(&server, &device).len()), (kept, kept, kept), "{point}");
        // Shown in the end, and asked for once.
        assert_eq!(server.get(&path, &server.admin_token()).status, 200);
        assert_eq!(actions(&server, &device).len(), 1, "{point}");
    }
}

#[test]
fn a_crash_while_the_key_encryption_key_is_replaced_leaves_one_that_opens_everything() {
    let server = Server::start();
    let mut device = Device::join(&server, "host");
    device.store_and_check(&server, &device.seal("kept", version(), Condition::Absent, None));
    let (_, mut folder) = server.stop();
    for (point, is_new) in [("rekey-before-commit", false), ("rekey-before-rename", true)] {
        let key = |folder: &TempDir| std::fs::read_to_string(folder.path().join("kek.toml")).unwrap();
        let before = key(&folder);
        let killed = run_with(&["rekey"], folder.path(), &[("LAPWING_FAILPOINT", point)]);
        assert_eq!(killed.status.signal(), Some(9), "{point}");
        assert_eq!(key(&folder), before, "{point}");
        let server = Server::open(folder, None);
        device = device.renewed(&server);
        assert_eq!(passwords(&server, &device), ["kept"], "{point}");
        (_, folder) = server.stop();
        assert_eq!(key(&folder) != before, is_new, "{point}");
        assert!(run(&["rekey"], folder.path()).status.success(), "{point}: again, to its end");
    }
    let server = Server::open(folder, None);
    assert_eq!(passwords(&server, &device.renewed(&server)), ["kept"]);
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
