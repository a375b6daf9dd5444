//! A host with a kernel, a clock and firmware of its own, which QEMU plays: asleep over the end of a grace period.

use std::time::Duration;

use xtask::lab::{Kind, Lab, Login, Machine};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::Scene;

/// The shortest grace period.
const POLICY: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n\
    PostAuthenticationResetDelayMinutes = 1\nPostAuthenticationActions = ";
/// Everything takes many times as long as in a host of the lab.
const SLOWLY: Duration = Duration::from_secs(120);
/// However long it slept, an overdue rotation starts within a minute.
const A_MINUTE: Duration = Duration::from_secs(60);
/// The UUID in a machine's firmware.
const FIRMWARE: &str = "6f0e1c7e-5a0b-4f0e-9c0a-3f8a1d2b4c5d";

const LOGGED_ON: u32 = 10041;
const CHANGED: u32 = 10044;

/// When the journal has the first entry of this boot with that field, in seconds since 1970.
fn moment(machine: &mut Machine, field: &str) -> f64 {
    let search =
        format!("journalctl --quiet --boot --output=short-unix {field} | head -n 1 | cut -d ' ' -f 1");
    machine.run(&search, SLOWLY).unwrap().parse().unwrap()
}

/// A machine whose agent has that policy, and the password of record.
fn settled(actions: u8) -> (Scene, Machine, String) {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let mut scene = Scene::settled_on(Kind::Machine, Lab::new().unwrap(), &programs).unwrap();
    scene.set_policy(&format!("{POLICY}{actions}\n")).unwrap();
    let password = scene.password().unwrap();
    // The same disk, and where it was there was no firmware to tell.
    let machine = Machine::boot(&mut scene.host, FIRMWARE).unwrap();
    (scene, machine, password)
}

#[test]
fn a_machine_that_sleeps_over_the_deadline_has_another_password_within_a_minute_of_waking() {
    // systemd.journal-fields(7), sd-messages(3).
    const SLEEP_BEGUN: &str = "MESSAGE_ID=6bbd95ee977941e497c48be27c254128";
    const SLEEP_ENDED: &str = "MESSAGE_ID=8811e6df2a8e40f58a94cea26f8ebf14";
    let (scene, mut machine, before) = settled(1);
    assert_eq!(machine.ssh(ACCOUNT, &before, "true").unwrap(), Login::Accepted(String::new()));
    machine.wait_until_told(LOGGED_ON, SLOWLY).unwrap();
    assert_eq!(scene.password().unwrap(), before);
    // It is woken one second after the end of the grace period.
    let logged_on = moment(&mut machine, &format!("EVENT_ID={LOGGED_ON}"));
    let deadline = logged_on + 60.0;
    machine
        .run(&format!("rtcwake --mode no --time {:.0} >/dev/null; systemctl suspend", deadline.ceil() + 1.0), SLOWLY)
        .unwrap();
    machine.wait_until_told(CHANGED, A_MINUTE + SLOWLY).unwrap();
    let [begun, ended] = [SLEEP_BEGUN, SLEEP_ENDED].map(|message| moment(&mut machine, message));
    let changed = moment(&mut machine, &format!("EVENT_ID={CHANGED}"));
    assert!(begun < deadline && deadline < ended, "{logged_on} {begun} {ended}");
    assert!(changed < ended + A_MINUTE.as_secs_f64(), "{ended} {changed}");
    let after = scene.password().unwrap();
    assert_ne!(after, before);
    assert_eq!(machine.ssh(ACCOUNT, &before, "true").unwrap(), Login::Refused);
    assert_eq!(machine.ssh(ACCOUNT, &after, "true").unwrap(), Login::Accepted(String::new()));
}
