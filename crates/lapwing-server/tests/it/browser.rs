//! A real browser walks every page of the console, with and without scripts, narrow and wide, light and dark.

use std::path::PathBuf;

use lapwing_proto::register::Condition;

use crate::{
    device::{Device, enrolment_token, version},
    harness::{Request, Server, run, set_up},
    python::{self, to_pem},
};

/// As `cargo xtask setup` makes it.
const PACKAGES: &str = "axe-playwright-python==0.1.8,playwright==1.65.2";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/console/walk.py");

/// A rotation that failed once and came about with the second attempt.
fn tell_trace(server: &Server, device: &Device, id: &str) {
    let step = |name: &str, after: u64, took: u64| serde_json::json!({"name": name, "afterMicros": after, "tookMicros": took});
    let path = ["journal", "policy", "connect", "state", "prepare", "store", "commit"];
    let steps: Vec<_> = (0..).zip(path).map(|(index, name)| step(name, index * 30_000, 28_400)).collect();
    let failure = serde_json::json!({
        "event": 30016, "hresult": 0x8007_2EFD_u32,
        "nextStep": "nothing: the rotation waits until the network returns",
    });
    let upload = serde_json::json!({
        "time": "2026-01-02T03:05:07.0000000Z",
        "traces": [{
            "id": id, "causes": ["schedule"], "reasons": 1, "actions": [], "version": version().to_string(),
            "leftOut": 0, "end": "rotated",
            "attempts": [
                {"began": "2026-01-02T03:04:05.0000000Z", "failure": failure, "steps": steps[..3]},
                {"began": "2026-01-02T03:05:05.0000000Z", "failure": null, "steps": steps},
            ],
        }],
    });
    let answer = server.send(&Request {
        method: "POST",
        path: &server.admin_path("manage/traces"),
        body: upload.to_string().as_bytes(),
        identity: Some(device.identity()),
        ..Request::default()
    });
    assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
}

/// The policy in effect, as a host tells it.
fn tell_policy(server: &Server, device: &Device) {
    let setting = |name: &str, value: &str, origin: &str, remarks: &[&str]| serde_json::json!({ "name": name, "value": value, "origin": origin, "remarks": remarks });
    let report = serde_json::json!({
        "source": "CSP",
        "settings": [
            setting("BackupDirectory", "1", "CSP BackupDirectory", &[]),
            setting("PasswordAgeDays", "7", "CSP PasswordAgeDays", &["CSP PasswordAgeDays: 3: raised to 7"]),
            setting("PasswordLength", "14", "default", &["/etc/lapwing/policy.toml:4: 20: ignored"]),
        ],
        "remarks": ["Local: its 1 values are ignored, for another root wins whole"],
    });
    let answer = server.send(&Request {
        method: "POST",
        path: &server.admin_path("manage/policy"),
        body: report.to_string().as_bytes(),
        identity: Some(device.identity()),
        ..Request::default()
    });
    assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
}

/// A server with a name: browsers keep no passkeys for addresses.
fn start() -> Server {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let path = folder.path().join("server.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let address = "url = \"https://127.0.0.1:0\"";
    assert!(text.contains(address));
    let named = format!("url = \"https://localhost:0\"\ndevice_{address}");
    std::fs::write(&path, text.replace(address, &named)).unwrap();
    Server::open(folder, None)
}

#[test]
fn a_browser_walks_every_page_and_nothing_is_amiss() {
    let server = start();
    let devices: Vec<Device> = ["web-01", "web-02", "db-with-a-rather-long-name-01.example", "empty"]
        .map(|name| Device::join(&server, name))
        .into();
    let passwords = ["xK7-mPq2;Lr9wZ&t", "an older one"];
    for (device, password) in devices.iter().zip([passwords[1], "two", "three"]) {
        device.store_and_check(&server, &device.seal(password, version(), Condition::Any, None));
    }
    devices[0].store_and_check(&server, &devices[0].seal(passwords[0], version(), Condition::Any, None));
    let trace = version().to_string();
    tell_trace(&server, &devices[0], &trace);
    tell_policy(&server, &devices[0]);
    let link = run(&["operator", "link", "admin"], server.folder.path());
    assert!(link.status.success(), "{}", String::from_utf8_lossy(&link.stderr));
    let link = String::from_utf8(link.stdout).unwrap().trim().replace("https://localhost:0", &server.url);
    let authority = server.folder.path().join("authority.pem");
    std::fs::write(&authority, to_pem(&server.authority)).unwrap();
    let given = serde_json::json!({
        "url": server.url,
        "authority": authority,
        "link": link,
        "devices": devices.iter().map(|device| device.id.to_string()).collect::<Vec<_>>(),
        "passwords": passwords,
        "enrolment_token": *enrolment_token(&server, 1).expose_secret(),
        "trace": trace,
        "pictures": std::env::var_os("LAPWING_PICTURES").map(PathBuf::from),
    });
    let seen = python::run(PACKAGES, SCRIPT, &[], &given);
    assert!(seen["pages"].as_u64().unwrap() > 100, "{seen}");
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(!passwords.iter().any(|password| log.contains(password)), "{log}");
}
