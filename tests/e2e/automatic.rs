//! The account that Lapwing makes and owns whole, on a booted host with its directory: real sshd, sudo and shadow-utils.

use std::time::Duration;

use xtask::lab::{Lab, Login};
use xtask::programs::{self, Build};
use xtask::scene::{Credential, Scene};

use crate::crash::{die_at, disarm};
use crate::support::{processes, sh, status, wait_for, wait_until_idle};

/// Noticing, a cycle, and a busy machine: far from the next hour.
const AT_ONCE: Duration = Duration::from_secs(45);

const FILES: [&str; 4] = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"];

const ENABLED: u32 = 10090;
const DISABLED: u32 = 10091;
const RENAMED: u32 = 10093;
const DELETED: u32 = 10097;
const REFUSED: u32 = 30010;
const CREATED: u32 = 30053;
const REPAIRED: u32 = 30054;

fn policy(lines: &str) -> String {
    format!("BackupDirectory = 1\nPasswordAgeDays = 30\nAutomaticAccountManagementEnabled = 1\n{lines}\n")
}

fn fixed(enabled: u8) -> String {
    policy(&format!(
        "AutomaticAccountManagementNameOrPrefix = \"lwadmin\"\nAutomaticAccountManagementEnableAccount = {enabled}"
    ))
}

fn random() -> String {
    policy(
        "AutomaticAccountManagementNameOrPrefix = \"lw\"\nAutomaticAccountManagementEnableAccount = 1\n\
         AutomaticAccountManagementRandomizeName = 1",
    )
}

fn files(scene: &Scene) -> Vec<String> {
    FILES.iter().map(|file| sh(&scene.host, &format!("cat {file}"))).collect()
}

/// A host on which root lets Lapwing make accounts that begin with `lw`, and whose policy is this one.
fn begun(policy: &str) -> (Scene, Vec<String>) {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let scene = Scene::set(Lab::new().unwrap(), &programs).unwrap();
    scene.install_agent().unwrap();
    scene.enrol().unwrap();
    let managed = sh(&scene.host, "cat /etc/lapwing/managed.toml");
    let managed: String = managed.lines().filter(|line| !line.starts_with("prefixes")).fold(
        "changes_per_day = 100\nprefixes = [\"lw\"]\n".to_owned(),
        |text, line| {
            if line.starts_with("changes_per_day") { text } else { text + line + "\n" }
        },
    );
    scene.host.write("/etc/lapwing/managed.toml", 0o644, managed.as_bytes()).unwrap();
    let before = files(&scene);
    scene.set_policy(policy).unwrap();
    scene.start_agent().unwrap();
    // Idle, or disabled where the policy wants nothing yet.
    wait_for(&scene, "the first cycle ends", AT_ONCE, || {
        status(&scene).is_ok_and(|status| status.state != "working" && status.last_event.is_some())
    });
    (scene, before)
}

fn newest(scene: &Scene) -> Credential {
    scene.passwords().unwrap().remove(0)
}

/// Logs on with what the directory holds.
fn log_on(scene: &Scene, credential: &Credential, command: &str) -> Login {
    scene.host.ssh(&credential.account, &credential.password, command).unwrap()
}

fn must_open(scene: &Scene, after: &str) -> Credential {
    let credential = newest(scene);
    let login = log_on(scene, &credential, "id --user --name");
    assert_eq!(login, Login::Accepted(format!("{}\n", credential.account)), "after {after}");
    credential
}

fn wait_for_told(scene: &Scene, event: u32, times: usize) {
    wait_for(scene, &format!("event {event} is told {times} times"), AT_ONCE, || {
        scene.host.told(event).is_ok_and(|told| told >= times)
    });
}

#[test]
fn it_is_disabled_until_policy_enables_it_and_goes_without_a_trace_when_policy_goes() {
    let (scene, before) = begun(&fixed(0));
    assert_eq!(scene.host.told(CREATED).unwrap(), 1);
    let disabled = newest(&scene);
    assert_eq!(disabled.account, "lwadmin");
    assert_eq!(log_on(&scene, &disabled, "true"), Login::Refused);
    assert!(status(&scene).unwrap().next_step.unwrap().contains("EnableAccount"));
    assert!(sh(&scene.host, "lapwing doctor").contains("lwadmin, disabled by policy"));

    scene.set_policy(&fixed(1)).unwrap();
    wait_for_told(&scene, ENABLED, 1);
    wait_until_idle(&scene, "enabling");
    let enabled = must_open(&scene, "enabling");
    assert_eq!(enabled.password, disabled.password);
    let sudo = format!("echo '{}' | sudo -S id -u", enabled.password.replace('\'', "'\\''"));
    let Login::Accepted(said) = log_on(&scene, &enabled, &sudo) else { panic!("no log-on") };
    assert!(said.ends_with("0\n"), "{said}");

    scene.set_policy(&fixed(0)).unwrap();
    wait_for_told(&scene, DISABLED, 1);
    assert_eq!(log_on(&scene, &enabled, "true"), Login::Refused);

    scene.set_policy("BackupDirectory = 0\n").unwrap();
    wait_for_told(&scene, DELETED, 1);
    assert_eq!(files(&scene), before);
    assert_eq!(scene.host.told(REPAIRED).unwrap(), 0);

    // Somebody is logged on when it goes again.
    scene.set_policy(&fixed(1)).unwrap();
    wait_for_told(&scene, CREATED, 2);
    wait_until_idle(&scene, "it was made again");
    let again = must_open(&scene, "it was made again");
    let uid = sh(&scene.host, "id -u lwadmin").trim().to_owned();
    let run = "setsid nohup sleep 1004 >/dev/null & exec sleep 1005";
    let mut session = scene.host.stay(&again.account, &again.password, run).unwrap();
    wait_for(&scene, "both run", AT_ONCE, || {
        processes(&scene.host, &["--exact", "sleep"]).unwrap().lines().count() == 2
    });
    scene.set_policy("BackupDirectory = 0\n").unwrap();
    wait_for_told(&scene, DELETED, 2);
    assert!(session.has_ended().unwrap());
    assert_eq!(processes(&scene.host, &["--uid", &uid]).unwrap(), "");
    assert_eq!(files(&scene), before);
}

#[test]
fn a_random_name_is_told_to_the_directory_with_its_password_and_the_old_one_is_gone() {
    let (scene, _) = begun(&random());
    let first = must_open(&scene, "the first change");
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let second = must_open(&scene, "the second change");
    assert!(second.account != first.account && second.account.len() == 8, "{}", second.account);
    assert_eq!(log_on(&scene, &first, "true"), Login::Refused);
    assert_eq!(scene.host.told(RENAMED).unwrap(), 1);
    assert!(!files(&scene).iter().any(|file| file.contains(&first.account)));
    let sudo = format!("echo '{}' | sudo -S id -u", second.password.replace('\'', "'\\''"));
    assert!(matches!(log_on(&scene, &second, &sudo), Login::Accepted(said) if said.ends_with("0\n")));
    assert_eq!(sh(&scene.host, "cat /run/lapwing-priv/accounts").trim(), second.account);
}

#[test]
fn of_the_built_in_administrator_the_password_alone_is_managed_and_only_where_root_lists_it() {
    let wanted = "AutomaticAccountManagementTarget = 0\nAutomaticAccountManagementRandomizeName = 1";
    let (scene, before) = begun(&policy(wanted));
    wait_for_told(&scene, REFUSED, 1);
    assert!(status(&scene).unwrap().next_step.unwrap().contains("uids = [0]"));
    assert_eq!(files(&scene), before);

    let managed = "/etc/lapwing/managed.toml";
    sh(&scene.host, &format!("sed -i -e /^uids/d -e '1i uids = [0]' {managed}"));
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    let credential = newest(&scene);
    assert_eq!(credential.account, "root");
    let su = [
        "setsid",
        "--wait",
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "su",
        "-c",
        "id -u",
    ];
    let said = scene.host.feed(&su, format!("{}\n", credential.password).as_bytes()).unwrap();
    assert_eq!(said.trim(), "0");
    // Its name, group and state are as they were; of the line in /etc/shadow the password and its day changed.
    let now = files(&scene);
    assert_eq!((&now[0], &now[2..]), (&before[0], &before[2..]));
    let others = |shadow: &str| {
        let line = shadow.lines().find(|line| line.starts_with("root:")).unwrap().to_owned();
        line.split(':').skip(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(others(&now[1]), others(&before[1]));
}

/// Ends what a log-on has left running, for the host's tools change no account that is in use.
fn end_use(scene: &Scene) {
    sh(&scene.host, "loginctl terminate-user lwadmin || ! loginctl list-users | grep lwadmin");
    wait_for(scene, "the account has no processes", AT_ONCE, || {
        processes(&scene.host, &["-U", "lwadmin"]).is_ok_and(|found| found.is_empty())
    });
}

#[test]
fn what_root_changes_is_noticed_and_put_right() {
    let (scene, _) = begun(&fixed(1));
    let right = files(&scene);
    let ways = [
        "usermod -s /usr/sbin/nologin lwadmin",
        "gpasswd -d lwadmin sudo",
        "usermod -l eve lwadmin",
        "passwd -q -l lwadmin",
        "chage -E 1 lwadmin",
    ];
    for (repaired, way) in ways.iter().enumerate() {
        end_use(&scene);
        sh(&scene.host, way);
        wait_for_told(&scene, REPAIRED, repaired + 1);
        wait_for(&scene, "the files are as they were", AT_ONCE, || files(&scene) == right);
        wait_until_idle(&scene, way);
        must_open(&scene, way);
    }
    let version = status(&scene).unwrap().version;
    end_use(&scene);
    sh(&scene.host, "userdel lwadmin");
    wait_for(&scene, "it has a new password", AT_ONCE, || {
        status(&scene).is_ok_and(|status| status.version != version && status.state == "idle")
    });
    must_open(&scene, "userdel");
}

#[test]
fn a_strangers_account_of_the_wanted_name_is_left_as_it_is() {
    let (scene, _) = begun("BackupDirectory = 0\n");
    sh(&scene.host, "useradd lwadmin");
    let strangers = files(&scene);
    scene.set_policy(&fixed(1)).unwrap();
    wait_for_told(&scene, REFUSED, 1);
    assert_eq!(files(&scene), strangers);
    let status = status(&scene).unwrap();
    assert_eq!(status.state, "failing");
    assert!(status.next_step.unwrap().contains("AutomaticAccountManagementNameOrPrefix"));
    // Once it is out of the way the next attempt goes on.
    sh(&scene.host, "userdel lwadmin");
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    must_open(&scene, "the name is free");
}

#[test]
fn another_account_takes_over_before_it_goes() {
    let (scene, before) = begun(&fixed(1));
    scene
        .set_policy("BackupDirectory = 1\nPasswordAgeDays = 30\nAdministratorAccountName = \"lapadmin\"\n")
        .unwrap();
    wait_for_told(&scene, DELETED, 1);
    scene.must_open(&scene.password().unwrap()).unwrap();
    let after = files(&scene);
    // The password of the other account has changed, and nothing else.
    assert_eq!([0, 2, 3].map(|file| &after[file]), [0, 2, 3].map(|file| &before[file]));
}

#[test]
fn killed_at_each_step_of_a_rename_the_account_of_record_opens_after_the_boot() {
    let (mut scene, _) = begun(&random());
    for point in [
        "commit.after_record",
        "rename.after_shadow",
        "rename.after_passwd",
        "rename.after_group",
        "rename.after_old_line",
        "owned.after_rename",
        "commit.before_journal",
    ] {
        let before = newest(&scene).account;
        die_at(&scene, "lapwing-priv@.service", point);
        scene.host.power_off().unwrap();
        disarm(&scene);
        // Only the root half's recovery at boot is left to do it.
        scene.host.run(&["systemctl", "mask", "lapwingd.service"]).unwrap();
        scene.host.power_on().unwrap();
        let after = must_open(&scene, point);
        assert_ne!(after.account, before, "{point}");
        assert!(!files(&scene).iter().any(|file| file.contains(&before)), "{point}");
        scene.host.run(&["systemctl", "unmask", "lapwingd.service"]).unwrap();
        scene.host.run(&["systemctl", "start", "lapwingd.service"]).unwrap();
        wait_until_idle(&scene, point);
        assert_eq!(must_open(&scene, point).account, after.account, "{point}");
    }
}
