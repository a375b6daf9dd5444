//! The button, from a click to an account that has a new password: wake-up, session, queue, rotation, and the way of it.

use std::time::Duration;

use serde_json::Value;
use xtask::scene::{DEVICE, Scene};

use crate::support::{ONE_CYCLE, settled, status};

fn json(scene: &Scene, arguments: &[&str]) -> Value {
    let text = scene.administrator(&[arguments, &["--json"]].concat()).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn newest_action(scene: &Scene) -> Value {
    json(scene, &["server", "actions", DEVICE])[0].clone()
}

fn wait_until_done(scene: &Scene, limit: Duration) {
    scene
        .host
        .wait_until("the action's end", limit, |_| Ok(newest_action(scene)["state"] == "done"))
        .unwrap();
}

#[test]
fn a_click_wakes_the_host_which_rotates_at_once_and_every_step_can_be_seen() {
    let scene = settled();
    scene.wait_until_connected().unwrap();
    let before = scene.password().unwrap();
    scene.administrator(&["server", "rotate", DEVICE, "--wait", "60"]).unwrap();
    let after = scene.password().unwrap();
    scene.must_open(&after).unwrap();
    scene.must_not_open(&before).unwrap();

    let action = newest_action(&scene);
    assert_eq!(action["version"].as_str(), status(&scene).unwrap().version.as_deref());
    let name = action["id"].as_str().unwrap();
    let told = |_: &_| Ok(json(&scene, &["server", "trace", name])["end"] == "rotated");
    scene.host.wait_until("the device's trace", ONE_CYCLE, told).unwrap();
    let flow = json(&scene, &["server", "trace", name]);
    let lanes: Vec<_> = flow["steps"].as_array().unwrap().iter().map(|step| step["lane"].clone()).collect();
    for lane in ["push", "policy processing", "password update"] {
        assert!(lanes.iter().any(|found| found == lane), "{flow}");
    }
    // The host knows its part by the same name.
    let own = scene.host.run(&["lapwing", "trace", name]).unwrap();
    assert!(own.contains("Causes    management") && own.contains("commit"), "{own}");
}

#[test]
fn a_click_for_a_host_that_is_away_waits_and_is_satisfied_at_the_next_contact() {
    let scene = settled();
    scene.wait_until_connected().unwrap();
    let before = scene.password().unwrap();
    scene.host.cut_link().unwrap();
    scene.administrator(&["server", "rotate", DEVICE, "--no-wait"]).unwrap();
    scene.administrator(&["server", "rotate", DEVICE, "--no-wait"]).unwrap();
    assert_eq!(newest_action(&scene)["state"], "pending");
    scene.host.restore_link().unwrap();
    wait_until_done(&scene, 2 * ONE_CYCLE);
    scene.must_open(&scene.password().unwrap()).unwrap();
    scene.must_not_open(&before).unwrap();
    // Both clicks came before one store, and share its password.
    let actions = json(&scene, &["server", "actions", DEVICE]);
    assert_eq!(actions[0]["version"], actions[1]["version"]);
    assert_eq!(scene.passwords().unwrap().len(), 2);
}

#[test]
fn a_server_and_an_agent_that_are_killed_lose_no_action_and_rotate_once_for_it() {
    let mut scene = settled();
    scene.wait_until_connected().unwrap();
    scene.administrator(&["server", "rotate", DEVICE, "--no-wait"]).unwrap();
    scene.kill_server().unwrap();
    scene.kill_agent().unwrap();
    scene.start_server(None).unwrap();
    wait_until_done(&scene, 2 * ONE_CYCLE);
    scene.must_open(&scene.password().unwrap()).unwrap();
    assert_eq!(scene.passwords().unwrap().len(), 2, "one rotation for one click");
}
