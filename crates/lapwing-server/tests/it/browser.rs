//! A real browser walks every page of the console, with and without scripts, narrow and wide, light and dark.

use std::path::PathBuf;

use lapwing_proto::register::Condition;

use crate::{
    device::{Device, enrolment_token, version},
    harness::{Server, run},
    python::{self, to_pem},
};

/// As `cargo xtask setup` makes it.
const PACKAGES: &str = "axe-playwright-python==0.1.8,playwright==1.65.2";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/console/walk.py");

#[test]
fn a_browser_walks_every_page_and_nothing_is_amiss() {
    let server = Server::start();
    let devices: Vec<Device> = ["web-01", "web-02", "db-with-a-rather-long-name-01.example", "empty"]
        .map(|name| Device::join(&server, name))
        .into();
    let passwords = ["xK7-mPq2;Lr9wZ&t", "an older one"];
    for (device, password) in devices.iter().zip([passwords[1], "two", "three"]) {
        device.store_and_check(&server, &device.seal(password, version(), Condition::Any, None));
    }
    devices[0].store_and_check(&server, &devices[0].seal(passwords[0], version(), Condition::Any, None));
    let link = run(&["operator", "link", "admin"], server.folder.path());
    assert!(link.status.success(), "{}", String::from_utf8_lossy(&link.stderr));
    let link = String::from_utf8(link.stdout).unwrap().trim().replace("https://127.0.0.1:0", &server.url);
    let authority = server.folder.path().join("authority.pem");
    std::fs::write(&authority, to_pem(&server.authority)).unwrap();
    let given = serde_json::json!({
        "url": server.url,
        "authority": authority,
        "link": link,
        "devices": devices.iter().map(|device| device.id.to_string()).collect::<Vec<_>>(),
        "passwords": passwords,
        "enrolment_token": *enrolment_token(&server, 1).expose_secret(),
        "pictures": std::env::var_os("LAPWING_PICTURES").map(PathBuf::from),
    });
    let seen = python::run(PACKAGES, SCRIPT, &[], &given);
    assert!(seen["pages"].as_u64().unwrap() > 100, "{seen}");
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(!passwords.iter().any(|password| log.contains(password)), "{log}");
}
