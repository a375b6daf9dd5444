//! A host's certificate over the years: the clocks of the host's programs and of the server are moved together.

use std::time::Duration;

use serde_json::Value;
use xtask::scene::Scene;

use crate::fault::clock::{environment, set};
use crate::support::{ONE_CYCLE, settled};

/// Past two thirds and three quarters of a year, past its end, and past the year after that.
const OLD: &str = "+300d";
const ENDED: &str = "+500d";
const OVER: &str = "+800d";

const CERTIFICATE: &str = "/var/lib/lapwing/device.crt";

fn read(scene: &Scene, path: &str) -> String {
    scene.host.run(&["cat", path]).unwrap()
}

fn told(scene: &Scene) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&scene.host.run(&["lapwing", "status", "--json"])?)?)
}

/// Moves the server's clock, and then that of the host's programs.
fn travel(scene: &mut Scene, shift: &'static str) {
    scene.move_clock(&environment(shift)).unwrap();
    set(scene, shift, None);
}

fn wait_for(scene: &Scene, what: &str, limit: Duration, is_so: impl Fn(&Value) -> bool) {
    scene.host.wait_until(what, limit, |_| Ok(told(scene).is_ok_and(|status| is_so(&status)))).unwrap();
}

/// Waits until the host has another certificate than `before`, which is in force and good for all that a host does.
fn must_be_renewed(scene: &Scene, before: &str) {
    wait_for(scene, "a certificate in force", ONE_CYCLE, |status| {
        // And a cycle has ended well with it.
        status["certificate"]["state"] == "in_force"
            && status["wake_up"]["state"] == "connected"
            && status["state"] == "idle"
            && !status["last_cycle"].is_null()
    });
    assert_ne!(read(scene, CERTIFICATE), before);
    scene.host.run(&["test", "!", "-e", "/var/lib/lapwing/renewal.key"]).unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    scene.must_open(&scene.password().unwrap()).unwrap();
}

#[test]
fn a_certificate_that_is_old_and_one_that_has_ended_are_renewed_by_themselves() {
    for shift in [OLD, ENDED] {
        let mut scene = settled();
        let before = read(&scene, CERTIFICATE);
        travel(&mut scene, shift);
        must_be_renewed(&scene, &before);
        let journal = scene.host.run(&["journalctl", "--quiet", "--output=cat", "EVENT_ID=30030"]).unwrap();
        assert_eq!(journal.lines().count(), 1, "{journal}");
    }
}

#[test]
fn an_agent_that_is_killed_in_a_renewal_begins_it_again_with_the_same_key() {
    for point in ["agent.before_renewal", "agent.after_renewal"] {
        let mut scene = settled();
        let before = read(&scene, CERTIFICATE);
        scene.move_clock(&environment(OLD)).unwrap();
        set(&scene, OLD, Some(point));
        let restarts = "systemctl show --property NRestarts --value lapwingd.service | grep -vx 0";
        let has_died = |host: &xtask::lab::Host| {
            Ok(host.command("sh").args(["-c", restarts]).output()?.status.success())
        };
        scene.host.wait_until("the fail point", ONE_CYCLE, has_died).unwrap();
        assert_eq!(read(&scene, CERTIFICATE), before);
        let key = read(&scene, "/var/lib/lapwing/renewal.key");
        set(&scene, OLD, None);
        must_be_renewed(&scene, &before);
        assert_eq!(read(&scene, "/var/lib/lapwing/device.key"), key, "{point}");
    }
}

#[test]
fn a_host_that_was_away_for_too_long_says_so_and_keeps_its_password() {
    let mut scene = settled();
    let password = scene.password().unwrap();
    travel(&mut scene, OVER);
    wait_for(&scene, "the end", ONE_CYCLE, |status| status["certificate"]["state"] == "over");
    let status = told(&scene).unwrap();
    assert!(status["certificate"]["next_step"].as_str().unwrap().contains("lapwing enrol"), "{status}");
    let search = ["journalctl", "--quiet", "--output=cat", "EVENT_ID=30032"];
    scene.host.wait_until("the event", ONE_CYCLE, |host| Ok(!host.run(&search)?.is_empty())).unwrap();
    // What the directory holds is what opens the account.
    assert_eq!(scene.password().unwrap(), password);
    scene.must_open(&password).unwrap();
}
