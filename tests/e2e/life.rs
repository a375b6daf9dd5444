//! The life of a host's password, without faults.

use crate::support::{settled, status};

#[test]
fn a_password_is_stored_set_rotated_and_kept_in_the_history() {
    let scene = settled();
    let first = scene.password().unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let passwords = scene.passwords().unwrap();
    let second = &passwords[0].password;
    assert_ne!(*second, first);
    assert_eq!(passwords[1].password, first);
    scene.must_open(second).unwrap();
    scene.must_not_open(&first).unwrap();
    let status = status(&scene).unwrap();
    assert_eq!((status.state.as_str(), status.last_event), ("idle", Some(10020)));
    assert!(status.version.is_some());
}

#[test]
fn any_varlink_client_may_look_and_only_the_authorised_may_rotate() {
    let scene = settled();
    let socket = "/run/lapwing/agent.sock";
    let as_nobody = |method: &str| {
        scene
            .host
            .command("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(["varlinkctl", "call", "--json=short", socket, method, "{}"])
            .output()
            .unwrap()
    };
    let seen = as_nobody("org.lapwing.Agent.GetStatus");
    assert!(String::from_utf8_lossy(&seen.stdout).contains("\"state\":\"idle\""), "{seen:?}");
    let refused = as_nobody("org.lapwing.Agent.ResetPassword");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("NotAuthorized"), "{refused:?}");

    let described = scene.host.run(&["varlinkctl", "introspect", socket, "org.lapwing.Agent"]).unwrap();
    assert!(described.contains("method ResetPassword()"), "{described}");
    let rotated = scene
        .host
        .run(&["varlinkctl", "call", "--json=short", socket, "org.lapwing.Agent.ResetPassword", "{}"])
        .unwrap();
    assert!(rotated.contains("\"result\":\"rotated\""), "{rotated}");
}

#[test]
fn a_policy_that_is_switched_off_manages_nothing_and_says_so() {
    let scene = settled();
    let before = scene.password().unwrap();
    scene.set_policy("BackupDirectory = 0\n").unwrap();
    let outcome = scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
    assert!(String::from_utf8_lossy(&outcome.stdout).contains("disabled"), "{outcome:?}");
    assert_eq!(scene.password().unwrap(), before);
    scene.must_open(&before).unwrap();
}
