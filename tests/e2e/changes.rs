//! What changes around the agent is noticed without anybody asking.

use std::time::Duration;

use crate::support::{settled, status};

/// So many failures in a row that the next attempt is about half a minute away.
const FAILURES: usize = 5;

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
