//! What changes around the agent is noticed without anybody asking.

use std::time::Duration;

use crate::support::{settled, status};

/// So many failures in a row that the next attempt is about half a minute away.
const FAILURES: usize = 5;

/// A cycle and a busy machine, and nothing to wait for.
const AT_ONCE: Duration = Duration::from_secs(20);

const POLICY: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n";

#[test]
fn a_cable_that_is_back_is_noticed_long_before_the_next_attempt_is_due() {
    let scene = settled();
    let before = scene.password().unwrap();
    scene.host.cut_link().unwrap();
    for _ in 0..FAILURES {
        let asked = scene.host.command("lapwing").arg("reset-password").output().unwrap();
        assert!(!asked.status.success(), "{asked:?}");
    }
    let waiting = status(&scene).unwrap();
    assert!(waiting.next_cycle_seconds > 20, "{waiting:?}");
    scene.host.restore_link().unwrap();
    // By itself it would not even have begun by then.
    let limit = Duration::from_secs(waiting.next_cycle_seconds);
    scene
        .host
        .wait_until("the rotation that was asked for", limit, |_| {
            Ok(status(&scene)?.version != waiting.version)
        })
        .unwrap();
    scene.must_open(&scene.password().unwrap()).unwrap();
    scene.must_not_open(&before).unwrap();
}

#[test]
fn an_edited_policy_is_processed_at_once() {
    let scene = settled();
    let cycles = || scene.host.told(10054).unwrap();
    assert_eq!(cycles(), 0);
    let becomes = |state: &str| {
        let what = format!("the agent is {state}");
        scene.host.wait_until(&what, AT_ONCE, |_| Ok(status(&scene)?.state == state)).unwrap();
    };
    scene.set_policy("BackupDirectory = 0\n").unwrap();
    becomes("disabled");
    assert!(cycles() > 0);
    // As an editor does it.
    scene.host.write("/etc/lapwing/policy.toml~", 0o644, POLICY.as_bytes()).unwrap();
    scene.host.run(&["mv", "/etc/lapwing/policy.toml~", "/etc/lapwing/policy.toml"]).unwrap();
    becomes("idle");
    scene.host.run(&["rm", "/etc/lapwing/policy.toml"]).unwrap();
    becomes("disabled");
    assert!(cycles() > 2);
}
