//! A directory that announces nothing of ours, as Entra ID does: clear text inside TLS, no comparison, no read-back.

use std::fs;

use xtask::programs::ACCOUNT;

use xtask::scene::Scene;

use crate::support::{settled, status};

/// Lets the server be what Entra ID is, and root allow clear text to it.
fn without_extension(scene: &mut Scene, fail_point: Option<&str>) {
    scene.kill_server().unwrap();
    let config = scene.data().join("server.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("extension = true\n", "extension = false\n")).unwrap();
    assert!(fs::read_to_string(&config).unwrap().contains("extension = false\n"));
    let managed = scene.host.run(&["cat", "/etc/lapwing/managed.toml"]).unwrap();
    if !managed.contains("entra:") {
        let quoted = |name: &str| {
            let line = managed.lines().find(|line| line.starts_with(name)).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        let tenant = quoted("id = ").replace("lapwing:", "");
        let table = format!(
            "\n[[directory]]\nid = \"entra:{tenant}\"\nrecord = \"{}\"\nclear_text = true\n",
            quoted("record = ")
        );
        scene.host.write("/etc/lapwing/managed.toml", 0o644, (managed + &table).as_bytes()).unwrap();
    }
    scene.start_server(fail_point).unwrap();
}

#[test]
fn a_password_is_stored_set_and_rotated_without_our_extension() {
    let mut scene = settled();
    let sealed = scene.password().unwrap();
    without_extension(&mut scene, None);
    // The journal's password belongs to another kind of directory, so the next cycle rotates.
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    let first = scene.password().unwrap();
    assert_ne!(first, sealed);
    scene.must_open(&first).unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let passwords = scene.passwords().unwrap();
    assert!(passwords.iter().all(|password| password.account == ACCOUNT));
    assert_eq!(passwords[1].password, first);
    scene.must_open(&passwords[0].password).unwrap();
    scene.must_not_open(&first).unwrap();
}

#[test]
fn after_an_unanswered_send_nothing_more_is_sent_and_the_password_in_force_stays_readable() {
    let mut scene = settled();
    without_extension(&mut scene, None);
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    let in_force = scene.password().unwrap();
    without_extension(&mut scene, Some("store-before-answer"));
    let asked = scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
    assert!(!asked.status.success(), "{asked:?}");
    scene.wait_for_server_death().unwrap();
    scene.start_server(None).unwrap();
    // Asked again it holds back, for the answer that was lost may have been a yes; and it says so.
    let asked = scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(said.contains("\"waiting\""), "{said}");
    assert_eq!(status(&scene).unwrap().unanswered, 1);
    let passwords = scene.passwords().unwrap();
    assert_ne!(passwords[0].password, in_force);
    assert_eq!(passwords[1].password, in_force);
    scene.must_open(&in_force).unwrap();
}
