//! What root does to the account behind PAM is noticed within seconds, and healed.

use std::time::Duration;

use xtask::scene::Scene;

use crate::support::{settled, sh, status, wait_for};

/// Noticing, a cycle, and a busy machine: far from the next hour.
const AT_ONCE: Duration = Duration::from_secs(30);
/// How often a day it is healed.
const HEALS_MAX: usize = 6;

const DRIFT_FOUND: u32 = 30008;
const LOCKED: u32 = 30050;
const EMPTY_FIELD_CLOSED: u32 = 30051;
const CONTESTED: u32 = 30052;
const CYCLE_STARTED: u32 = 10003;

/// How often the agent has told of it.
fn told(scene: &Scene, event: u32) -> usize {
    scene.host.told(event).unwrap()
}

/// The hash of `foreign`, which is nobody's password here.
fn foreign(scene: &Scene) -> String {
    sh(&scene.host, r#"perl -e 'print crypt("foreign", "\$6\$saltsalt\$")'"#)
}

fn field(scene: &Scene) -> String {
    sh(&scene.host, "grep ^lapadmin: /etc/shadow | cut -d: -f2").trim().to_owned()
}

/// Does it, and waits until the account has a new password, which opens it.
fn heals(scene: &Scene, script: &str) {
    let before = status(scene).unwrap().version;
    sh(&scene.host, script);
    wait_for(scene, script, AT_ONCE, || {
        status(scene).is_ok_and(|status| status.version != before && status.state != "working")
    });
    scene.must_open(&scene.password().unwrap()).unwrap();
    scene.must_not_open("foreign").unwrap();
}

#[test]
fn each_way_behind_pam_is_noticed_at_once_and_ends_in_a_new_password() {
    let scene = settled();
    sh(&scene.host, "cp -p /etc/shadow /root/shadow.backup");
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let hash = foreign(&scene);
    let cycles = told(&scene, CYCLE_STARTED);
    let ways = [
        format!("usermod -p '{hash}' lapadmin"),
        format!("echo 'lapadmin:{hash}' | chpasswd -e"),
        "passwd -q -d lapadmin".to_owned(),
        format!("sed -i 's|^lapadmin:[^:]*|lapadmin:{hash}|' /etc/shadow"),
        "cp /root/shadow.backup /etc/shadow".to_owned(),
    ];
    for (healed, way) in ways.iter().enumerate() {
        heals(&scene, way);
        assert_eq!(told(&scene, DRIFT_FOUND), healed + 1, "{way}");
        // Neither what other accounts are given nor our own change sets a cycle off.
        sh(&scene.host, &format!("useradd other{healed} && echo 'other{healed}:{hash}' | chpasswd -e"));
    }
    assert_eq!(told(&scene, CYCLE_STARTED), cycles + ways.len());
    assert_eq!(told(&scene, EMPTY_FIELD_CLOSED), 1);
}

#[test]
fn an_emptied_field_is_closed_with_the_cable_out() {
    let scene = settled();
    let (hash, before) = (field(&scene), status(&scene).unwrap().version);
    scene.host.cut_link().unwrap();
    sh(&scene.host, "passwd -q -d lapadmin");
    assert_eq!(field(&scene), "");
    wait_for(&scene, "the field is closed", AT_ONCE, || field(&scene) == hash);
    wait_for(&scene, "that is told", AT_ONCE, || told(&scene, EMPTY_FIELD_CLOSED) == 1);
    scene.host.restore_link().unwrap();
    wait_for(&scene, "the rotation that follows", AT_ONCE, || {
        status(&scene).is_ok_and(|status| status.version != before && status.state == "idle")
    });
    scene.must_open(&scene.password().unwrap()).unwrap();
}

#[test]
fn a_lock_is_told_once_and_kept() {
    let scene = settled();
    let before = status(&scene).unwrap().version;
    sh(&scene.host, "passwd -q -l lapadmin");
    wait_for(&scene, "the lock is told", AT_ONCE, || told(&scene, LOCKED) == 1);
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    assert_eq!(status(&scene).unwrap().version, before);
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    assert!(field(&scene).starts_with('!'));
    let password = scene.password().unwrap();
    scene.must_not_open(&password).unwrap();
    assert_eq!((told(&scene, LOCKED), told(&scene, DRIFT_FOUND)), (1, 0));
    sh(&scene.host, "passwd -q -u lapadmin");
    scene.must_open(&password).unwrap();
}

#[test]
fn a_fight_over_the_password_ends_after_six_rounds_and_is_told() {
    let scene = settled();
    let hash = foreign(&scene);
    let again = format!("usermod -p '{hash}' lapadmin");
    (0..HEALS_MAX).for_each(|_| heals(&scene, &again));
    assert_eq!(told(&scene, CONTESTED), 0);
    let before = status(&scene).unwrap();
    sh(&scene.host, &again);
    wait_for(&scene, "the fight is told", AT_ONCE, || told(&scene, CONTESTED) == 1);
    let after = status(&scene).unwrap();
    assert_eq!((after.version, after.state.as_str()), (before.version, "failing"));
    assert!(after.next_step.unwrap().contains("configuration manager"));
    assert_eq!(field(&scene), hash);
    // An empty field is no part of any bargain.
    sh(&scene.host, "passwd -q -d lapadmin");
    wait_for(&scene, "the field is closed", AT_ONCE, || told(&scene, EMPTY_FIELD_CLOSED) == 1);
    scene.must_open(&scene.password().unwrap()).unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    // What is told by the account files ends in one more look at them, so the state may be "working" for a moment.
    wait_for(&scene, "the host is at rest", AT_ONCE, || {
        status(&scene).is_ok_and(|status| status.state == "idle")
    });
    assert_eq!(told(&scene, CONTESTED), 1);
    scene.must_open(&scene.password().unwrap()).unwrap();
}
