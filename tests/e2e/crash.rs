//! Each of the three programs is killed at each point of a change, and the directory's password still opens the host.

use std::time::Duration;

use xtask::lab::Login;
use xtask::scene::Scene;

use crate::support::{settled, wait_until_idle};

/// Before the directory has acknowledged anything, or before the journal says that it has: after the restart the two
/// sides agree once the directory answers.
const NOT_RECORDED: [(&str, &str); 11] = [
    ("lapwing-priv@.service", "prepare.before_journal"),
    ("lapwing-priv@.service", "prepare.after_journal"),
    ("lapwing-priv@.service", "journal.inside_write"),
    ("lapwing-priv@.service", "journal.before_rename"),
    ("lapwing-priv@.service", "journal.after_rename"),
    ("lapwingd.service", "agent.before_prepare"),
    ("lapwingd.service", "agent.after_prepare"),
    ("lapwingd.service", "agent.before_store"),
    ("lapwingd.service", "agent.after_store"),
    ("lapwingd.service", "agent.before_commit"),
    ("lapwing-priv@.service", "commit.before_record"),
];

/// After the journal says that the directory has acknowledged: the boot alone finishes the change.
const RECORDED: [(&str, &str); 7] = [
    ("lapwing-priv@.service", "commit.after_record"),
    ("lapwing-priv@.service", "commit.inside_shadow_write"),
    ("lapwing-priv@.service", "commit.before_rename"),
    ("lapwing-priv@.service", "commit.after_rename"),
    ("lapwing-priv@.service", "commit.before_journal"),
    ("lapwing-priv@.service", "commit.after_journal"),
    ("lapwingd.service", "agent.after_commit"),
];

/// In the server: before the record is durable, and after.
const IN_THE_SERVER: [&str; 3] = ["store-before-commit", "store-after-commit", "store-before-answer"];

#[test]
fn a_kill_before_the_acknowledgement_is_recorded_heals_once_the_directory_answers() {
    let mut scene = settled();
    for (unit, point) in NOT_RECORDED {
        die_at(&scene, unit, point);
        scene.host.power_off().unwrap();
        disarm(&scene);
        scene.host.power_on().unwrap();
        wait_until_idle(&scene, point);
        opens(&scene, point);
        // The next point starts without a candidate that this one may have left.
        scene.host.run(&["lapwing", "reset-password"]).unwrap();
        opens(&scene, point);
    }
}

#[test]
fn a_kill_after_the_acknowledgement_is_recorded_heals_at_boot_without_network_and_agent() {
    let mut scene = settled();
    for (unit, point) in RECORDED {
        die_at(&scene, unit, point);
        scene.host.power_off().unwrap();
        disarm(&scene);
        // Only the root half's recovery at boot is left to do it.
        scene.host.run(&["systemctl", "mask", "lapwingd.service"]).unwrap();
        scene.host.cut_link().unwrap();
        scene.host.power_on().unwrap();
        scene.host.restore_link().unwrap();
        opens(&scene, point);
        scene.host.run(&["systemctl", "unmask", "lapwingd.service"]).unwrap();
        scene.host.run(&["systemctl", "start", "lapwingd.service"]).unwrap();
        wait_until_idle(&scene, point);
        opens(&scene, point);
    }
}

#[test]
fn a_server_killed_inside_a_store_leaves_both_sides_with_one_password() {
    let mut scene = settled();
    for point in IN_THE_SERVER {
        scene.kill_server().unwrap();
        scene.start_server(Some(point)).unwrap();
        // The request fails, for its server dies; what becomes of the change is asked afterwards.
        scene.host.command("lapwing").arg("reset-password").output().unwrap();
        scene.wait_for_server_death().unwrap();
        scene.start_server(None).unwrap();
        wait_until_idle(&scene, point);
        opens(&scene, point);
    }
}

/// Once a process of the unit has been killed, nobody goes on: the agent neither retries nor starts anew.
pub(crate) const AND_NOBODY_GOES_ON: &str = r#"ExecStopPost=+/bin/sh -c 'if [ "$SERVICE_RESULT" = signal ]; then touch /run/killed; systemctl kill --signal=KILL lapwingd.service; fi'"#;

/// Arms a unit's fail point, asks for a rotation, and returns once a process of the unit has been killed.
pub(crate) fn die_at(scene: &Scene, unit: &str, point: &str) {
    let drop_in = |unit: &str, name: &str, lines: &str| {
        let path = format!("/etc/systemd/system/{unit}.d/{name}.conf");
        scene.host.write(&path, 0o644, format!("[Service]\n{lines}\n").as_bytes()).unwrap();
    };
    drop_in("lapwingd.service", "stay", "Restart=no");
    drop_in(unit, "fail", &format!("Environment=LAPWING_FAILPOINT={point}\n{AND_NOBODY_GOES_ON}"));
    scene.host.run(&["systemctl", "daemon-reload"]).unwrap();
    if unit == "lapwingd.service" {
        scene.host.run(&["systemctl", "restart", unit]).unwrap();
    }
    // The agent dies, or its request to the root half has no answer and it dies of that: this call fails.
    let asked = scene.host.command("lapwing").arg("reset-password").output().unwrap();
    assert!(!asked.status.success(), "nothing was killed at {point}");
    scene
        .host
        .wait_until(&format!("a process is killed at {point}"), Duration::from_secs(30), |host| {
            Ok(host.run(&["ls", "/run"])?.contains("killed"))
        })
        .unwrap();
}

/// Takes the fail points away, while the host is off.
pub(crate) fn disarm(scene: &Scene) {
    for unit in ["lapwingd.service", "lapwing-priv@.service"] {
        scene.host.run(&["rm", "-rf", &format!("/etc/systemd/system/{unit}.d")]).unwrap();
    }
}

/// The directory's password opens the account.
fn opens(scene: &Scene, point: &str) {
    let password = scene.password().unwrap();
    let login = scene.log_on(&password).unwrap();
    assert!(matches!(login, Login::Accepted(_)), "after a kill at {point}: {login:?}");
}
