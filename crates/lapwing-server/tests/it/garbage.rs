//! Whatever is sent gets an answer in the shape of its surface, and never a 500.

use crate::{
    device::Device,
    harness::{Request, Server},
};

#[test]
fn each_surface_answers_errors_in_its_own_shape() {
    let server = Server::start();
    let ask = |method: &str, path: &str| server.send(&Request { method, path, ..Request::default() });
    let drs = ask("GET", "/nowhere/at/all");
    assert_eq!(drs.status, 404);
    for member in ["code", "subcode", "operation", "message", "requestId", "time"] {
        assert!(drs.json()[member].is_string(), "{member}");
    }
    let graph = ask("POST", "/v1.0/directory/deviceLocalCredentials");
    assert_eq!(graph.status, 405);
    assert!(graph.json()["error"]["innerError"]["request-id"].is_string());
    assert_eq!(graph.header("odata-version"), Some("4.0"));
    let token = ask("GET", "/common/oauth2/token");
    assert_eq!(token.status, 405);
    assert!(token.json()["error_codes"].is_array());
    assert_eq!(ask("GET", "/unknown-tenant/Discover").status, 400);
    assert_eq!(ask("GET", "/").status, 200);
}

#[test]
fn malformed_bodies_are_refused_everywhere_and_never_break_the_server() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    let admin = server.admin_token();
    let deep = "[".repeat(10_000);
    let bodies: [&[u8]; 6] = [b"", b"{", b"\xff\xfe\x00", b"null", deep.as_bytes(), br#"{"AccountName":7}"#];
    let places = [
        ("POST", "/EnrollmentServer/device/".to_owned(), Some("AAAA")),
        ("POST", device.upload_path(), Some(device.token.as_str())),
        ("POST", server.tenant_path("oauth2/token"), None),
        ("POST", server.tenant_path("oauth2/v2.0/token"), None),
        ("POST", server.admin_path("enrolmentTokens"), Some(&admin)),
        ("POST", server.admin_path("clients"), Some(&admin)),
    ];
    for (method, path, bearer) in &places {
        for body in bodies {
            let answer = server.send(&Request { method, path, bearer: *bearer, body, ..Request::default() });
            assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.status);
            assert!(answer.json().is_object());
        }
    }
    let long = vec![b'x'; (64 << 10) + 1];
    assert_eq!(server.post(&device.upload_path(), Some(&device.token), &long).status, 413);
    assert_eq!(server.get("/v1.0/devices?$filter=nonsense", &admin).status, 400);
    assert_eq!(server.get("/v1.0/devices?$top=0", &admin).status, 400);
    assert_eq!(server.get("/v1.0/devices", "not.a.token").status, 401);
    assert_eq!(server.get("/v1.0/devices", &device.token).status, 401);
}

#[test]
fn one_address_cannot_take_all() {
    let server = Server::start_with("address_burst = 5\naddress_per_second = 1");
    let statuses: Vec<u16> = (0..7)
        .map(|_| server.send(&Request { method: "GET", path: "/", ..Request::default() }).status)
        .collect();
    assert_eq!(statuses[0], 200);
    assert!(statuses.contains(&429), "{statuses:?}");
}
