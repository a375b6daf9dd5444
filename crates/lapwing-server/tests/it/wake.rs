//! The wake-up connection, as a device keeps it.

use std::io::{ErrorKind, Read as _, Write as _};

use crate::{
    device::Device,
    harness::{ClientIdentity, Request, Server, Stream},
};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: lapwing-wake-1";

/// Asks for the connection; the status and what it came to.
fn ask(server: &Server, identity: Option<&ClientIdentity>, headers: &str) -> (u16, Stream) {
    let mut stream = server.device_stream(identity);
    let path = server.admin_path("wake");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 101 {
        assert!(head.to_lowercase().contains("\r\nupgrade: lapwing-wake-1\r\n"), "{head}");
    }
    (status, stream)
}

pub(crate) fn connect(server: &Server, device: &Device) -> Stream {
    connect_as(server, &device.identity())
}

pub(crate) fn connect_as(server: &Server, identity: &ClientIdentity) -> Stream {
    let (status, stream) = ask(server, Some(identity), UPGRADE);
    assert_eq!(status, 101);
    stream
}

pub(crate) fn beat(stream: &mut Stream) {
    stream.write_all(b"h").unwrap();
    let mut echo = [0];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"h");
}

/// Waits until the device is asked to call home.
pub(crate) fn called(stream: &mut Stream) {
    let mut call = [0];
    stream.read_exact(&mut call).unwrap();
    assert_eq!(&call, b"W");
}

/// Waits until the server ends the connection.
pub(crate) fn must_end(stream: &mut Stream) {
    let ended = stream.read(&mut [0]);
    match ended {
        Ok(0) => {}
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {}
        other => panic!("the connection lives on: {other:?}"),
    }
}

pub(crate) fn patch(server: &Server, device: &Device, enabled: bool) {
    let path = server.admin_path(&format!("devices/{}", device.id));
    let body = format!(r#"{{"enabled":{enabled}}}"#);
    let token = server.admin_token();
    let request = Request {
        method: "PATCH",
        path: &path,
        bearer: Some(&token),
        body: body.as_bytes(),
        ..Request::default()
    };
    assert_eq!(server.send(&request).status, 200);
}

#[test]
fn a_heartbeat_is_answered_and_a_newer_connection_ends_the_older() {
    let server = Server::start();
    let (device, other) = (Device::join(&server, "one"), Device::join(&server, "other"));
    let mut older = connect(&server, &device);
    let mut others = connect(&server, &other);
    beat(&mut older);
    let mut newer = connect(&server, &device);
    must_end(&mut older);
    beat(&mut newer);
    beat(&mut others);
}

#[test]
fn whoever_says_anything_but_a_heartbeat_is_hung_up_on() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let mut stream = connect(&server, &device);
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    must_end(&mut stream);
}

#[test]
fn a_device_that_is_disabled_deleted_or_leaves_is_cut_off_at_once_and_not_let_in_again() {
    let server = Server::start();
    let [disabled, deleted, left] = ["disabled", "deleted", "left"].map(|name| Device::join(&server, name));
    let again = |device: &Device| ask(&server, Some(&device.identity()), UPGRADE).0;

    let mut stream = connect(&server, &disabled);
    patch(&server, &disabled, false);
    must_end(&mut stream);
    assert_eq!(again(&disabled), 403);
    patch(&server, &disabled, true);
    beat(&mut connect(&server, &disabled));

    let mut stream = connect(&server, &deleted);
    let path = server.admin_path(&format!("devices/{}", deleted.id));
    let token = server.admin_token();
    let delete = Request { method: "DELETE", path: &path, bearer: Some(&token), ..Request::default() };
    assert_eq!(server.send(&delete).status, 204);
    must_end(&mut stream);
    assert_eq!(again(&deleted), 400);

    let mut stream = connect(&server, &left);
    let path = format!("/EnrollmentServer/device/{}?api-version=1.0", left.id);
    let leave =
        Request { method: "DELETE", path: &path, identity: Some(left.identity()), ..Request::default() };
    assert_eq!(server.send(&leave).status, 200);
    must_end(&mut stream);
    assert_eq!(again(&left), 400);
}

#[test]
fn only_a_certificate_and_the_right_upgrade_open_it() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let identity = device.identity();
    assert_eq!(ask(&server, None, UPGRADE).0, 401);
    let bearer = format!("{UPGRADE}\r\nAuthorization: Bearer {}", device.token);
    assert_eq!(ask(&server, None, &bearer).0, 401, "a token is not enough");
    for headers in ["Accept: */*", "Connection: Upgrade\r\nUpgrade: websocket", "Upgrade: lapwing-wake-1"] {
        assert_eq!(ask(&server, Some(&identity), headers).0, 400, "{headers}");
    }
}

#[test]
fn a_stopping_server_ends_every_connection_at_once() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let mut stream = connect(&server, &device);
    beat(&mut stream);
    let (status, _folder) = server.stop();
    assert!(status.success());
    must_end(&mut stream);
}

#[test]
fn a_click_wakes_the_device_and_one_that_comes_later_too() {
    let server = Server::start();
    let [present, absent] = ["present", "absent"].map(|name| Device::join(&server, name));
    let operator = server.token_with_roles(&["DeviceManagementManagedDevices.PrivilegedOperations.All"]);
    let click = |device: &Device| {
        let path = format!("/beta/deviceManagement/managedDevices/{}/rotateLocalAdminPassword", device.id);
        assert_eq!(server.post(&path, Some(&operator), b"").status, 204);
    };
    let mut stream = connect(&server, &present);
    beat(&mut stream);
    click(&present);
    called(&mut stream);
    click(&absent);
    called(&mut connect(&server, &absent));
}
