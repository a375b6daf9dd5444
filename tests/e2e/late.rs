//! A password that `lapwingd` sent before it was killed lands in the directory when its next run has looked there already.

use std::process::Stdio;

use xtask::scene::Scene;

use crate::front::Front;
use crate::support::{ONE_CYCLE, settled};

/// The policy of [`Scene::install_agent`], with another age.
const SHORTER: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 10\n";

#[test]
fn a_send_that_lands_after_the_next_run_has_looked_is_found_without_being_asked_for() {
    let mut scene = settled();
    let mut front = Front::before(&mut scene);
    // The next run has the same to send, and something else because the policy is another.
    for policy in [None, Some(SHORTER)] {
        let before = scene.password().unwrap();
        let version = scene.status().unwrap().version;
        send_late_and_die(&scene, &mut front, policy);
        scene
            .host
            .wait_until("the next run has looked into the directory", ONE_CYCLE, |_| {
                let is_content = scene.status().is_ok_and(|s| s.state == "idle" && s.last_event.is_some());
                Ok(front.late() > 1 || is_content)
            })
            .unwrap();
        scene.must_open(&before).unwrap();

        front.order("land");
        assert_ne!(scene.password().unwrap(), before, "nothing has landed late");
        front.order("every true");
        while front.late() > 0 {
            front.order("land");
        }
        agree(&scene, version.as_deref());
        scene.must_not_open(&before).unwrap();
    }
}

#[test]
fn a_send_that_lands_after_the_next_run_has_stored_another_password_changes_nothing() {
    let mut scene = settled();
    let mut front = Front::before(&mut scene);
    let version = scene.status().unwrap().version;
    send_late_and_die(&scene, &mut front, Some(SHORTER));
    front.order("every true");
    agree(&scene, version.as_deref());

    let newest = scene.password().unwrap();
    front.order("land");
    assert_eq!(scene.password().unwrap(), newest);
    scene.must_open(&newest).unwrap();
}

/// Has the agent send a password that stays on its way, and kills it while it waits for the answer; then the policy may be
/// another.
fn send_late_and_die(scene: &Scene, front: &mut Front, policy: Option<&str>) {
    front.order("store late");
    let mut asked = scene.host.command("lapwing");
    let mut asked = asked.arg("reset-password").stderr(Stdio::null()).spawn().unwrap();
    scene.host.wait_until("a password is on its way", ONE_CYCLE, |_| Ok(front.late() == 1)).unwrap();
    policy.map_or(Ok(()), |policy| scene.set_policy(policy)).unwrap();
    assert!(scene.kill_agent().unwrap());
    assert!(!asked.wait().unwrap().success());
}

/// Host and directory come to agree on another version than before, and its password opens the account.
fn agree(scene: &Scene, before: Option<&str>) {
    scene
        .host
        .wait_until("the agent has changed the password", ONE_CYCLE, |_| {
            Ok(scene.status().is_ok_and(|status| {
                status.state == "idle" && status.candidates == 0 && status.version.as_deref() != before
            }))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {:?}", scene.status()));
    scene.must_open(&scene.password().unwrap()).unwrap();
}
