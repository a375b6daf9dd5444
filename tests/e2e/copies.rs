//! A host that is put back to an earlier state, in part or whole, and a host that is copied, before the server: which is
//! which is told, and the password that the directory tells opens the host that it is of.

use serde::Deserialize;
use xtask::lab::{Copied, Host};
use xtask::programs::ACCOUNT;
use xtask::scene::{Scene, Status};

use crate::support::{ONE_CYCLE, opens, process, settled, sh, status};

const NEVER_OURS: u32 = 30006;
const CONFLICT: u32 = 30007;
const HEALED: u32 = 30009;
const POSSIBLE_CLONE: u32 = 30061;

/// What the programs of a host keep.
const STATE: &str = "/var/lib/lapwing /var/lib/lapwing-priv";

fn status_of(host: &Host) -> Status {
    serde_json::from_str(&host.run(&["lapwing", "status", "--json"]).unwrap()).unwrap()
}

/// Rotates, restores what was kept before that, and waits until the password has been changed once more for it.
fn heals_after(scene: &mut Scene, keep: &str, restore: impl FnOnce(&mut Scene)) {
    sh(&scene.host, keep);
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let before = scene.password().unwrap();
    restore(scene);
    scene
        .host
        .wait_until("another password is in force", ONE_CYCLE, |_| {
            Ok(scene.password()? != before && status(scene).is_ok_and(|status| status.state == "idle"))
        })
        .unwrap();
    scene.must_open(&scene.password().unwrap()).unwrap();
    scene.must_not_open(&before).unwrap();
}

#[test]
fn an_account_file_that_is_restored_alone_is_healed_and_the_password_changed() {
    let mut scene = settled();
    heals_after(&mut scene, "cp -a /etc/shadow /root/shadow", |scene| {
        sh(&scene.host, "cp -a /root/shadow /etc/shadow.restored; mv /etc/shadow.restored /etc/shadow");
    });
    assert_eq!((scene.host.told(HEALED).unwrap(), scene.host.told(NEVER_OURS).unwrap()), (1, 0));
}

#[test]
fn state_that_is_restored_alone_is_noticed_by_the_version_and_the_password_changed() {
    let mut scene = settled();
    let keep = format!(
        "systemctl stop lapwingd.service; tar -cf /root/state.tar {STATE}; systemctl start lapwingd.service"
    );
    heals_after(&mut scene, &keep, |scene| {
        let restore = format!(
            "systemctl stop lapwingd.service; rm -rf {STATE}; tar -C / -xf /root/state.tar; systemctl start lapwingd.service"
        );
        sh(&scene.host, &restore);
    });
    assert_eq!((scene.host.told(NEVER_OURS).unwrap(), scene.host.told(CONFLICT).unwrap()), (1, 0));
}

#[test]
fn a_host_that_is_restored_whole_is_no_copy_and_rotates_at_once() {
    let mut scene = settled();
    scene.host.take_snapshot().unwrap();
    heals_after(&mut scene, "true", |scene| scene.host.roll_back().unwrap());
    let told = [NEVER_OURS, CONFLICT, POSSIBLE_CLONE].map(|event| scene.host.told(event).unwrap());
    assert_eq!(told, [1, 0, 0]);
}

#[test]
fn a_copy_on_another_machine_changes_nothing_until_root_says_that_it_is_the_host() {
    let mut scene = settled();
    let (before, record) = (scene.password().unwrap(), status(&scene).unwrap().record);
    let copy = scene.lab.copy(&mut scene.host, "copy", Copied::Files).unwrap();
    copy.wait_until_told(POSSIBLE_CLONE, ONE_CYCLE).unwrap();
    assert!(!process(&copy));
    let told = status_of(&copy);
    assert_eq!((told.state.as_str(), told.last_event), ("failing", Some(POSSIBLE_CLONE)), "{told:?}");
    assert!(told.next_step.unwrap().contains("lapwing adopt"));
    let doctor = copy.command("lapwing").arg("doctor").output().unwrap();
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("lapwing adopt"), "{doctor:?}");
    // Nothing has come of it for the original.
    assert_eq!(scene.password().unwrap(), before);
    scene.must_open(&before).unwrap();
    assert!(process(&scene.host));
    assert_eq!(scene.host.told(POSSIBLE_CLONE).unwrap(), 0);

    // The machine was replaced: the original is gone.
    scene.host.power_off().unwrap();
    assert!(copy.run(&["lapwing", "adopt"]).unwrap().contains("one host"), "{:?}", status_of(&copy));
    copy.run(&["lapwing", "reset-password"]).unwrap();
    assert_eq!(status_of(&copy).record, record);
    let after = scene.password().unwrap();
    assert_ne!(after, before);
    assert!(opens(&copy, &after) && !opens(&copy, &before));
    assert_eq!(copy.told(CONFLICT).unwrap(), 0);
}

#[test]
fn a_copy_that_is_generalised_becomes_a_host_of_its_own() {
    let mut scene = settled();
    let record = status(&scene).unwrap().record.unwrap();
    let copy = scene.lab.copy(&mut scene.host, "copy", Copied::Files).unwrap();
    copy.wait_until_told(POSSIBLE_CLONE, ONE_CYCLE).unwrap();
    copy.run(&["lapwing", "generalize"]).unwrap();
    enrol(&scene, &copy);
    let own = status_of(&copy).record.unwrap();
    assert_ne!(own, record);
    let (first, second) = (password_of(&scene, &record), password_of(&scene, &own));
    assert_ne!(first, second);
    scene.must_open(&first).unwrap();
    assert!(opens(&copy, &second) && !opens(&copy, &first));
}

#[test]
fn two_hosts_with_one_identity_are_told_apart_and_reported() {
    let mut scene = settled();
    let record = status(&scene).unwrap().record.unwrap();
    // The same disk in every respect, and no firmware to tell: only what they do tells them apart.
    let twin = scene.lab.copy(&mut scene.host, "twin", Copied::Blocks).unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    // Each takes the record from the other once, as a restored host would.
    assert!(process(&twin));
    assert_eq!(twin.told(NEVER_OURS).unwrap(), 1);
    let of_twin = scene.password().unwrap();
    assert!(opens(&twin, &of_twin));
    assert!(process(&scene.host));
    assert_eq!(scene.host.told(NEVER_OURS).unwrap(), 1);
    let password = scene.password().unwrap();
    scene.must_open(&password).unwrap();
    // And no more: the second time within a day it is a conflict.
    assert!(process(&twin));
    assert_eq!((twin.told(CONFLICT).unwrap(), scene.password().unwrap()), (1, password.clone()));
    assert_eq!((twin.told(POSSIBLE_CLONE).unwrap(), scene.host.told(POSSIBLE_CLONE).unwrap()), (0, 0));
    let told = status_of(&twin);
    assert_eq!(told.state, "failing");
    assert!(told.next_step.is_some_and(|next| next.contains("lapwing generalize")));
    scene.must_open(&password).unwrap();
    // What opens the other is not lost: the directory keeps it.
    assert!(opens(&twin, &of_twin));
    assert!(scene.passwords().unwrap().iter().any(|kept| kept.password == of_twin));
    // Each side tells where the other is.
    let told = |host: &Host| {
        let search =
            ["journalctl", "--quiet", "--output=json", "SYSLOG_IDENTIFIER=lapwingd", "EVENT_ID=30006"];
        host.run(&search).unwrap()
    };
    assert!(told(&twin).contains(&format!("from {}", scene.host.address())), "{}", told(&twin));
    assert!(told(&scene.host).contains(&format!("from {}", twin.address())), "{}", told(&scene.host));
    let devices = || -> Vec<Device> {
        serde_json::from_str(&scene.administrator(&["server", "device", "list", "--json"]).unwrap()).unwrap()
    };
    let hosts = devices().remove(0).shared_identity.expect("the device is marked").hosts;
    let addresses: Vec<_> = hosts.into_iter().map(|host| host.address).collect();
    assert_eq!(addresses, [scene.host.address().to_string(), twin.address().to_string()]);
    let list = scene.administrator(&["server", "device", "list"]).unwrap();
    assert!(list.contains(&format!("{} at ", twin.address())), "{list}");
    let audit = scene.administrator(&["server", "audit", "list", "--json"]).unwrap();
    assert_eq!(audit.matches("Find device identity shared by two hosts").count(), 1, "{audit}");

    twin.run(&["lapwing", "generalize", "--force"]).unwrap();
    enrol(&scene, &twin);
    let own = status_of(&twin).record.unwrap();
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    scene.must_open(&password_of(&scene, &record)).unwrap();
    assert!(opens(&twin, &password_of(&scene, &own)));
    // An operator who has looked takes the mark away, and each host alone never comes by one again.
    scene.administrator(&["server", "device", "enable", &record]).unwrap();
    for host in [&scene.host, &twin] {
        host.run(&["systemctl", "restart", "lapwingd.service"]).unwrap();
        host.run(&["lapwing", "reset-password"]).unwrap();
    }
    assert!(devices().iter().all(|device| device.shared_identity.is_none()));
}

/// What `lapwing server device list --json` prints, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    shared_identity: Option<Shared>,
}

#[derive(Deserialize)]
struct Shared {
    hosts: Vec<Sharing>,
}

#[derive(Deserialize)]
struct Sharing {
    address: String,
}

/// Has a generalised host join anew.
fn enrol(scene: &Scene, host: &Host) {
    let token = scene.administrator(&["server", "enrolment-token", "create", "--uses", "1"]).unwrap();
    host.feed(&["lapwing", "enrol", "--account", ACCOUNT], token.as_bytes()).unwrap();
    xtask::programs::switch_on(host).unwrap();
    assert!(process(host), "{:?}", status_of(host));
}

/// The password of one of several devices that have the same name.
fn password_of(scene: &Scene, record: &str) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Credential {
        password: String,
    }
    let read = ["get-aad-password", record, "--include-passwords", "--as-plain-text", "--json"];
    let text = scene.administrator(&read).unwrap();
    let found: Vec<Credential> = serde_json::from_str(&text).unwrap();
    found.into_iter().next().unwrap().password
}
