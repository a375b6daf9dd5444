//! Nothing is changed in a boot that is not a normal one, and all goes on with the next that is.

use serde::Deserialize;
use xtask::lab::{Host, Login};
use xtask::scene::Scene;

use crate::support::{close_account, settled, sh, status};

const NOT_NORMAL: u32 = 30060;

/// Speaks as `lapwingd` does to the root half, which no unit starts in such a boot. Arguments: requests.
const ASK: &str = r#"use Socket;
for my $request (@ARGV) {
    socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0) or die $!;
    if (!fork) { open STDIN, "<&", $theirs; close $ours; exec "/usr/libexec/lapwing/lapwingd-priv", "serve" or die $!; }
    close $theirs;
    syswrite $ours, "$request\0";
    local $/ = "\0";
    my $answer = <$ours>;
    chop $answer;
    print "$answer\n";
    wait;
}"#;

const RUN: &str = "11111111-1111-4111-8111-111111111111";

#[derive(Debug, Deserialize)]
struct Refusal {
    parameters: Parameters,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    fault: String,
    message: String,
    next_step: String,
}

/// What the root half says to one who wants to prepare a change, to put a hash back, and to close the account.
fn refusals(host: &Host, version: &str) -> Vec<Parameters> {
    let begin = format!(r#"{{"method":"org.lapwing.Priv.Begin","parameters":{{"run":"{RUN}"}}}}"#);
    let prepare = format!(
        r#"{{"method":"org.lapwing.Priv.Prepare","parameters":{{"run":"{RUN}","account":"lapadmin","directory":"lapwing:{RUN}",
        "record":"r","expiry":"2030-01-01T00:00:00Z","rules":{{"PasswordComplexity":4,"PasswordLength":14,"PassphraseLength":6}}}}}}"#
    );
    let reinstate = format!(
        r#"{{"method":"org.lapwing.Priv.Reinstate","parameters":{{"run":"{RUN}","version":"{version}"}}}}"#
    );
    let uid = sh(host, "id -u lapadmin");
    let close = format!(
        r#"{{"method":"org.lapwing.Priv.EndUse","parameters":{{"run":"{RUN}","account":"lapadmin","uid":{},"step":"close"}}}}"#,
        uid.trim()
    );
    let answers = host.run(&["perl", "-e", ASK, &begin, &prepare, &reinstate, &close]).unwrap();
    let mut answers = answers.lines();
    let begun = answers.next().unwrap();
    assert!(begun.contains("not_normal"), "{begun}");
    answers
        .map(|answer| {
            serde_json::from_str::<Refusal>(answer).unwrap_or_else(|_| panic!("{answer}")).parameters
        })
        .collect()
}

fn field(host: &Host) -> String {
    host.run(&["sh", "-euc", "grep ^lapadmin: /etc/shadow"]).unwrap()
}

/// The next boot is as the ones before, and the password can be changed.
fn boots_normally_and_rotates(scene: &mut Scene) {
    scene.host.power_cycle().unwrap();
    scene.must_open(&scene.password().unwrap()).unwrap();
    let before = status(scene).unwrap().version;
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    assert_ne!(status(scene).unwrap().version, before);
    scene.must_open(&scene.password().unwrap()).unwrap();
}

#[test]
fn a_boot_for_repair_changes_nothing() {
    let mut scene = settled();
    sh(&scene.host, "sed -i '1i may_close = true' /etc/lapwing/managed.toml");
    let (version, before) = (status(&scene).unwrap().version.unwrap(), field(&scene.host));
    // As an administrator goes down to it; the lab has no console for its shell.
    let service =
        "[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nStandardInput=null\nStandardOutput=null\n";
    scene.host.write("/etc/systemd/system/rescue.service.d/lab.conf", 0o644, service.as_bytes()).unwrap();
    scene.host.run(&["systemctl", "daemon-reload"]).unwrap();
    scene.host.run(&["systemctl", "isolate", "rescue.target"]).unwrap();
    for refusal in refusals(&scene.host, &version) {
        assert!(refusal.message.contains("rescue.service runs"), "{refusal:?}");
    }
    for (argument, says) in [
        ("systemd.unit=rescue.target", "rescue"),
        ("systemd.unit=emergency.target", "emergency"),
        ("1", "rescue"),
    ] {
        scene.host.power_off().unwrap();
        scene.host.power_on_with(&[argument]).unwrap();
        let agent = scene.host.command("systemctl").args(["is-active", "lapwingd.service"]).output().unwrap();
        assert!(!agent.status.success(), "{argument}");
        // Whoever repairs this host gives the account a password, or none.
        scene.host.run(&["passwd", "-q", "-d", "lapadmin"]).unwrap();
        let emptied = field(&scene.host);
        for refusal in refusals(&scene.host, &version) {
            assert_eq!(refusal.fault, "not_normal_boot");
            assert!(refusal.message.contains(says), "{refusal:?}");
            assert!(refusal.next_step.contains("next normal boot"), "{refusal:?}");
        }
        scene.host.run(&["/usr/libexec/lapwing/lapwingd-priv", "recover"]).unwrap();
        assert_eq!(field(&scene.host), emptied);
    }
    assert_ne!(field(&scene.host), before);
    boots_normally_and_rotates(&mut scene);
}

#[test]
fn what_would_be_lost_with_the_boot_is_not_changed() {
    let mut scene = settled();
    let version = status(&scene).unwrap().version;
    scene
        .host
        .run(&[
            "sh",
            "-euc",
            "mkdir -p /run/o/up /run/o/work
            mount -t overlay -o lowerdir=/etc,upperdir=/run/o/up,workdir=/run/o/work overlay /etc",
        ])
        .unwrap();
    let refused = scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(said.contains("overlay on tmpfs") && said.contains("30060"), "{said}");
    assert_eq!(status(&scene).unwrap().version, version);
    assert_eq!(scene.host.told(NOT_NORMAL).unwrap(), 1);
    boots_normally_and_rotates(&mut scene);
}

#[test]
fn an_image_that_is_mended_from_outside_is_not_changed() {
    let mut scene = settled();
    sh(&scene.host, "sed -i '1i may_close = true' /etc/lapwing/managed.toml");
    let (version, before) = (status(&scene).unwrap().version.unwrap(), field(&scene.host));
    scene.host.power_off().unwrap();
    for refusal in refusals(&scene.host, &version) {
        assert_eq!(refusal.fault, "not_normal_boot");
        assert!(refusal.next_step.contains("if an image is being made"), "{refusal:?}");
    }
    assert_eq!(field(&scene.host), before);
    scene.host.power_on().unwrap();
    boots_normally_and_rotates(&mut scene);
}

#[test]
fn a_container_is_changed_only_where_root_allows_that() {
    let scene = settled();
    let allow = |value: bool| {
        let script =
            format!("sed -i 's/^allow_container = .*/allow_container = {value}/' /etc/lapwing/managed.toml");
        scene.host.run(&["sh", "-euc", &script]).unwrap();
    };
    let version = status(&scene).unwrap().version;
    allow(false);
    let refused = scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(said.contains("container (lab)") && said.contains("allow_container = true"), "{said}");
    assert_eq!(status(&scene).unwrap().version, version);
    allow(true);
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    assert_ne!(status(&scene).unwrap().version, version);
}

#[test]
fn a_copy_does_not_use_the_identity_that_it_was_copied_with_and_gets_its_own() {
    let mut scene = settled();
    let original = status(&scene).unwrap().record;
    // That nobody may log on with the account is copied too, and ends with the copy's first password.
    close_account(&scene);
    scene.host.power_off().unwrap();
    // What the first boot of a copy draws.
    scene.host.write("/etc/machine-id", 0o444, b"0123456789abcdef0123456789abcdef\n").unwrap();
    scene.host.power_on().unwrap();
    let refused = scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(said.contains("30061") && said.contains("lapwing generalize"), "{said}");
    let done = scene.host.run(&["lapwing", "generalize", "--json"]).unwrap();
    assert!(done.contains("lapwingd.service") && done.contains("/var/lib/lapwing-priv/journal"), "{done}");
    // Nor does a log-on start the agent again, which would draw what is to be each copy's own.
    assert!(matches!(scene.log_on("wrong").unwrap(), Login::Refused));
    let is_active = scene.host.command("systemctl").args(["is-active", "lapwingd.service"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&is_active.stdout), "inactive\n");
    scene.enrol().unwrap();
    scene.start_agent().unwrap();
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    assert_ne!(status(&scene).unwrap().record, original);
    // The directory has two of that name now, so that it is looked at here.
    let fields = sh(&scene.host, "grep ^lapadmin: /etc/shadow | cut -d: -f2,8");
    assert!(!fields.starts_with('!') && fields.ends_with(":\n"), "still closed");
}
