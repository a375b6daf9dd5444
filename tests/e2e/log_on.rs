//! Log-ons with the managed account, and what follows them: real sshd, su, PAM and logind.

use std::time::Duration;

use xtask::lab::{Host, Login, Proof};
use xtask::programs::ACCOUNT;
use xtask::scene::Scene;

use crate::support::{key_of_account, processes, settled, sh, told_status};

/// A minute's grace, then sessions and processes end.
const POLICY: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n\
    PostAuthenticationResetDelayMinutes = 1\nPostAuthenticationActions = 11\n";
/// A cycle and a busy machine, and nothing to wait for.
const AT_ONCE: Duration = Duration::from_secs(30);
/// A minute, and the same.
const A_MINUTE: Duration = Duration::from_secs(90);
/// Two minutes, and the same.
const TWO_MINUTES: Duration = Duration::from_secs(150);

fn wait_for(scene: &Scene, event: u32, limit: Duration) {
    scene.host.wait_until_told(event, limit).unwrap();
}

#[test]
fn a_log_on_is_followed_by_another_password_and_the_end_of_its_sessions_though_the_network_was_away() {
    let scene = settled();
    scene.set_policy(POLICY).unwrap();
    wait_for(&scene, 10054, AT_ONCE);
    let before = scene.password().unwrap();
    let mut session =
        scene.host.stay(ACCOUNT, &before, "setsid nohup sleep 1001 >/dev/null & exec sleep 1002").unwrap();
    wait_for(&scene, 30034, AT_ONCE);
    wait_for(&scene, 10041, AT_ONCE);
    // In no session.
    scene.host.run(&["systemd-run", &format!("--uid={ACCOUNT}"), "sleep", "1003"]).unwrap();

    scene.host.cut_link().unwrap();
    wait_for(&scene, 10043, A_MINUTE);
    assert!(!session.has_ended().unwrap());
    scene.host.restore_link().unwrap();
    wait_for(&scene, 10044, A_MINUTE);
    let after = scene.password().unwrap();
    scene.must_not_open(&before).unwrap();
    wait_for(&scene, 10078, AT_ONCE);
    scene
        .host
        .wait_until("the warning on the terminal", AT_ONCE, |_| {
            Ok(session.seen()?.contains("The password of this account has been changed"))
        })
        .unwrap();
    assert!(!session.has_ended().unwrap());
    wait_for(&scene, 10074, TWO_MINUTES);
    assert!(session.has_ended().unwrap());
    assert_eq!(processes(&scene.host, &["--exact", "sleep"]).unwrap(), "");
    for number in [10042, 10073, 10077, 10080, 10081, 10082, 10087, 10088] {
        wait_for(&scene, number, AT_ONCE);
    }
    scene.must_open(&after).unwrap();
}

#[test]
fn sessions_end_on_time_though_the_directory_is_away_and_nobody_logs_on_until_it_is_back() {
    const CLOSED: u32 = 30055;
    const OPENED: u32 = 30056;
    const RESET_FAILED: u32 = 10043;
    let mut scene = settled();
    sh(&scene.host, "chage --expiredate 2999-12-31 lapadmin");
    let expires = |scene: &Scene| sh(&scene.host, "grep ^lapadmin: /etc/shadow | cut -d: -f8");
    let expiry = expires(&scene);
    scene.set_policy(&format!("{POLICY}PostAuthenticationActionsOnTime = true\n")).unwrap();
    wait_for(&scene, 10054, AT_ONCE);
    let doctor = scene.host.command("lapwing").arg("doctor").output().unwrap();
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("may_close = true"), "{doctor:?}");
    let before = scene.password().unwrap();
    let mut session = scene.host.stay(ACCOUNT, &before, "exec sleep 1002").unwrap();
    wait_for(&scene, 10041, AT_ONCE);
    sh(&scene.host, "sed -i '1i may_close = true' /etc/lapwing/managed.toml");
    let key = key_of_account(&scene);
    let by_key = |scene: &Scene| {
        let proof = Proof::Key { file: &key, input: "" };
        scene.host.ssh_by(ACCOUNT, proof, "true").unwrap()
    };
    assert!(matches!(by_key(&scene), Login::Accepted(_)));

    scene.kill_server().unwrap();
    wait_for(&scene, CLOSED, A_MINUTE);
    wait_for(&scene, RESET_FAILED, AT_ONCE);
    scene.must_not_open(&before).unwrap();
    assert!(!matches!(by_key(&scene), Login::Accepted(_)));
    // Not even root becomes it, for nobody's session is to begin.
    assert!(!scene.host.command("su").args([ACCOUNT, "-c", "true"]).output().unwrap().status.success());
    assert!(told_status(&scene.host).contains("nobody can log on with the account"));
    scene
        .host
        .wait_until("the warning on the terminal", AT_ONCE, |_| {
            Ok(session.seen()?.contains("nobody can log on with it"))
        })
        .unwrap();
    wait_for(&scene, 10074, TWO_MINUTES);
    assert!(session.has_ended().unwrap());
    assert_eq!(processes(&scene.host, &["--exact", "sleep"]).unwrap(), "");

    scene.host.power_cycle().unwrap();
    scene.must_not_open(&before).unwrap();
    scene.start_server(None).unwrap();
    wait_for(&scene, OPENED, A_MINUTE);
    wait_for(&scene, 10044, AT_ONCE);
    let after = scene.password().unwrap();
    assert_ne!(after, before);
    scene.must_open(&after).unwrap();
    scene.must_not_open(&before).unwrap();
    assert!(matches!(by_key(&scene), Login::Accepted(_)));
    assert_eq!(expires(&scene), expiry);
}

#[test]
fn a_log_on_is_followed_by_a_reboot_where_policy_wants_one() {
    const PLANNED: [&str; 7] = [
        "busctl",
        "--json=short",
        "get-property",
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "ScheduledShutdown",
    ];
    let scene = settled();
    assert!(!scene.host.run(&PLANNED).unwrap().contains("reboot"));
    scene
        .set_policy(&POLICY.replace("PostAuthenticationActions = 11", "PostAuthenticationActions = 5"))
        .unwrap();
    wait_for(&scene, 10044, A_MINUTE);
    wait_for(&scene, 10074, AT_ONCE);
    let planned = scene.host.run(&PLANNED).unwrap();
    assert!(planned.contains("reboot"), "{planned}");
    scene.host.run(&["shutdown", "-c"]).unwrap();
}

#[test]
fn nobody_changes_the_password_in_the_stack_and_the_module_is_heard_of_whatever_the_agent_does() {
    let scene = settled();
    let password = scene.password().unwrap();
    let change = || {
        let line = format!("{ACCOUNT}:another-Password-7\n");
        scene.host.feed(&["chpasswd"], line.as_bytes()).unwrap_err().to_string()
    };
    let said = change();
    assert!(said.contains("managed by Lapwing") && said.contains("lapwing reset-password"), "{said}");
    wait_for(&scene, 10031, AT_ONCE);
    scene.must_open(&password).unwrap();
    // Other accounts are nobody's business.
    scene.host.run(&["useradd", "other"]).unwrap();
    scene.host.feed(&["chpasswd"], b"other:another-Password-7\n").unwrap();

    // What is sent while the agent is away waits.
    let agent = ["systemctl", "stop", "lapwingd.service"];
    scene.host.run(&agent).unwrap();
    assert!(matches!(scene.log_on("wrong").unwrap(), Login::Refused));
    scene.must_open(&password).unwrap();
    scene.host.run(&["systemctl", "start", "lapwingd.service"]).unwrap();
    wait_for(&scene, 30034, AT_ONCE);
    wait_for(&scene, 30036, AT_ONCE);
}

#[test]
fn a_failed_log_on_changes_the_password_where_root_wants_that_alone() {
    const SCHEDULED: u32 = 10041;
    const FAILED: u32 = 30036;
    let scene = settled();
    let fail = |times: usize| {
        assert!(matches!(scene.log_on("wrong").unwrap(), Login::Refused));
        let told = |host: &Host| Ok(host.told(FAILED)? >= times);
        scene.host.wait_until("a failed log-on is told of", AT_ONCE, told).unwrap();
    };
    // What the first password was tried with is no matter of this.
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    scene.set_policy(POLICY).unwrap();
    wait_for(&scene, 10054, AT_ONCE);
    let planned = scene.host.told(SCHEDULED).unwrap();
    fail(1);
    assert_eq!(scene.host.told(SCHEDULED).unwrap(), planned);
    scene.set_policy(&format!("{POLICY}PostAuthenticationArmedByFailure = true\n")).unwrap();
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    let before = scene.password().unwrap();
    fail(2);
    assert_eq!(scene.host.told(SCHEDULED).unwrap(), planned + 1);
    wait_for(&scene, 10044, A_MINUTE);
    assert_ne!(scene.password().unwrap(), before);
    scene.must_open(&scene.password().unwrap()).unwrap();
}
