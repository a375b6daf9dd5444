//! Two hosts with one identity are told apart by the instances that they send, and one that is started anew is not taken for two.

use lapwing_core::types::{Guid, InstanceId, PasswordVersion};
use lapwing_proto::register::{Condition, SealedUpload};
use serde_json::Value;

use crate::{
    device::{Device, version},
    harness::{Request, Server},
};

/// Stores as this instance over whatever is held, and gives the version now held.
fn store(server: &Server, device: &Device, instance: u8) -> PasswordVersion {
    let held = device.state(server).version;
    let condition = held.map_or(Condition::Absent, Condition::Holds);
    let upload = device.seal("password", version(), condition, held);
    let instance = Some(InstanceId(Guid::from_bytes([instance; 16])));
    let upload = SealedUpload { instance, ..upload };
    device.store_and_check(server, &upload);
    upload.version
}

/// What an administrator is told of the device being shared.
fn shared(server: &Server) -> Value {
    let answer = server.get(&server.admin_path("devices"), &server.admin_token());
    answer.json()["value"][0]["sharedIdentity"].clone()
}

/// How often the audit log tells of it.
fn audited(server: &Server) -> usize {
    let answer = server.get(&server.admin_path("audit?limit=100"), &server.admin_token());
    String::from_utf8(answer.body).unwrap().matches("Find device identity shared by two hosts").count()
}

#[test]
fn an_instance_that_returns_marks_the_device_until_an_operator_has_looked() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    // Stores, is started anew, stores again.
    for instance in [1, 1, 2, 3] {
        store(&server, &device, instance);
        assert_eq!((shared(&server), audited(&server)), (Value::Null, 0));
    }
    store(&server, &device, 2);
    let hosts = shared(&server)["hosts"].as_array().unwrap().clone();
    assert_eq!((hosts.len(), audited(&server)), (2, 1), "{hosts:?}");
    assert_eq!(hosts[0]["address"], "127.0.0.1");
    store(&server, &device, 3);
    assert_eq!(audited(&server), 2);
    let path = server.admin_path(&format!("devices/{}", device.id));
    let token = server.admin_token();
    let enable = Request {
        method: "PATCH",
        path: &path,
        bearer: Some(&token),
        body: br#"{"enabled":true}"#,
        ..Request::default()
    };
    assert_eq!(server.send(&enable).status, 200);
    assert_eq!(shared(&server), Value::Null);
    // Whoever goes on alone is not marked again.
    store(&server, &device, 3);
    assert_eq!((shared(&server), audited(&server)), (Value::Null, 2));
}

#[test]
fn a_repeat_that_comes_late_and_a_store_that_is_refused_say_nothing_of_a_second_host() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let of = |number: u8, upload: SealedUpload| SealedUpload {
        instance: Some(InstanceId(Guid::from_bytes([number; 16]))),
        ..upload
    };
    let first = of(1, device.seal("one", version(), Condition::Absent, None));
    device.store_and_check(&server, &first);
    store(&server, &device, 2);
    // The first run's send once more, and one of it that had never arrived.
    for late in [first.clone(), of(1, device.seal("two", version(), Condition::Holds(first.version), None))] {
        assert_eq!(device.store(&server, &late).status, 409);
    }
    assert_eq!((shared(&server), audited(&server)), (Value::Null, 0));
}

#[test]
fn a_device_is_told_when_and_from_where_what_it_does_not_know_was_stored() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let before = device.state(&server);
    assert_eq!((before.stored, before.stored_from), (None, None));
    store(&server, &device, 1);
    let state = device.state(&server);
    assert!(state.stored.is_some_and(|stored| stored <= state.time));
    assert_eq!(state.stored_from, Some([127, 0, 0, 1].into()));
}
