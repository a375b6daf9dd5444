//! A host with a kernel, a clock and firmware of its own, which QEMU plays: asleep over the end of a grace
//! period, rebooted after one, and started as another machine.

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
/// The grace period.
const GRACE_SECS: f64 = 60.0;
/// The UUIDs in the firmware of two machines.
const FIRMWARE: &str = "6f0e1c7e-5a0b-4f0e-9c0a-3f8a1d2b4c5d";
const OTHER_FIRMWARE: &str = "0d6b7a52-1f3c-4b8e-a1d7-92c4e85f6a30";

const LOGGED_ON: u32 = 10041;
const CHANGED: u32 = 10044;
const ACTIONS_SUCCEEDED: u32 = 10074;
const SESSION_TOLD: u32 = 10078;
const SESSION_NOT_TOLD: u32 = 10079;
const TIME_TO_LOG_OFF: u32 = 10080;
const POSSIBLE_CLONE: u32 = 30061;

/// The beginning of what a session is told.
const WARNING: &str = "Lapwing: The password of this account has been changed";
/// Whether the agent's first cycle of this boot has ended well.
const IDLE: &str = "lapwing status --json | tr -d ' ' | grep -q '\"state\":\"idle\"'";
/// Whether logind will reboot.
const PLANNED: &str = "busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \
    ScheduledShutdown | grep -q reboot";

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

/// Waits until it is so.
fn wait_until(machine: &mut Machine, condition: &str) {
    machine.wait_until(condition, SLOWLY).unwrap();
}

/// Begins a session of the account on a virtual console, as one who sits at it has.
fn sit_at(machine: &mut Machine, console: &str) {
    let begin = format!(
        "systemd-run --quiet --unit={console} --property=PAMName=login --property=User={ACCOUNT} \
        --property=StandardInput=tty --property=TTYPath=/dev/{console} sleep infinity"
    );
    machine.run(&begin, SLOWLY).unwrap();
    wait_until(machine, &format!("loginctl --no-legend list-sessions | grep -q '{ACCOUNT}.*{console}'"));
}

#[test]
fn a_machine_asleep_over_the_deadline_has_another_password_within_a_minute_of_waking_and_warns_consoles() {
    // sd-messages.h.
    const SLEEP_BEGUN: &str = "MESSAGE_ID=6bbd95ee977941e497c48be27c254128";
    const SLEEP_ENDED: &str = "MESSAGE_ID=8811e6df2a8e40f58a94cea26f8ebf14";
    let (scene, mut machine, before) = settled(3);
    let mut console = machine.terminal().unwrap();
    console.log_in(ACCOUNT, &before, SLOWLY).unwrap();
    machine.wait_until_told(LOGGED_ON, SLOWLY).unwrap();
    let deadline = moment(&mut machine, &format!("EVENT_ID={LOGGED_ON}")) + GRACE_SECS;
    sit_at(&mut machine, "tty1");
    sit_at(&mut machine, "tty2");
    machine.run("perl -e 'open(F, q(>), q(/dev/tty2)) && ioctl(F, 0x4b3a, 1) || die'", SLOWLY).unwrap();
    assert_eq!(scene.password().unwrap(), before);

    let alarm = deadline.ceil() + 1.0;
    machine
        .run(&format!("rtcwake --mode no --time {alarm} >/dev/null && systemctl suspend"), SLOWLY)
        .unwrap();
    machine.wait_until_told(CHANGED, A_MINUTE + SLOWLY).unwrap();
    let [begun, ended] = [SLEEP_BEGUN, SLEEP_ENDED].map(|message| moment(&mut machine, message));
    let changed = moment(&mut machine, &format!("EVENT_ID={CHANGED}"));
    assert!(begun < deadline && deadline < ended, "{begun} {deadline} {ended}");
    assert!(changed < ended + A_MINUTE.as_secs_f64(), "{ended} {changed}");
    let after = scene.password().unwrap();
    assert_ne!(after, before);

    console.wait_for(WARNING, SLOWLY).unwrap();
    machine.wait_until_told(TIME_TO_LOG_OFF, SLOWLY).unwrap();
    let told = |event: u32| {
        format!("journalctl --quiet --boot --output=verbose SYSLOG_IDENTIFIER=lapwingd EVENT_ID={event}")
    };
    let told = [SESSION_TOLD, SESSION_NOT_TOLD].map(|event| machine.run(&told(event), SLOWLY).unwrap());
    let is_told = |by: usize, terminal: &str| told[by].contains(&format!("{terminal} ("));
    assert!(is_told(0, "ttyS1") && is_told(0, "tty1") && is_told(1, "tty2"), "{told:?}");
    machine.run(&format!("grep --quiet --text '{WARNING}' /dev/vcs1"), SLOWLY).unwrap();
    assert_eq!(machine.ssh(ACCOUNT, &after, "true").unwrap(), Login::Accepted(String::new()));
}

#[test]
fn a_machine_reboots_once_after_a_use_with_another_password_in_force_and_knows_itself_by_its_firmware() {
    let (scene, mut machine, before) = settled(5);
    let boot = machine.run("cat /proc/sys/kernel/random/boot_id", SLOWLY).unwrap();
    let session = machine.stay(ACCOUNT, &before, "sleep infinity").unwrap();
    machine.wait_until_told(LOGGED_ON, SLOWLY).unwrap();
    assert_eq!(scene.password().unwrap(), before);
    // The directory first, then the account, then everybody is told.
    machine.wait_until_told(CHANGED, A_MINUTE + SLOWLY).unwrap();
    let after = scene.password().unwrap();
    assert_ne!(after, before);
    machine.wait_until_told(ACTIONS_SUCCEEDED, SLOWLY).unwrap();
    wait_until(&mut machine, PLANNED);
    scene
        .host
        .wait_until("the warning on the terminal", SLOWLY, |_| {
            Ok(session.seen()?.contains("policy asks for a reboot"))
        })
        .unwrap();
    machine.wait_until_reset(A_MINUTE + SLOWLY).unwrap();

    machine.boot_again(FIRMWARE).unwrap();
    assert_ne!(machine.run("cat /proc/sys/kernel/random/boot_id", SLOWLY).unwrap(), boot);
    // It is the same machine to itself, and nothing is left to do.
    wait_until(&mut machine, IDLE);
    machine.run(&format!("! {PLANNED}"), SLOWLY).unwrap();
    let is_told = "journalctl --quiet --boot SYSLOG_IDENTIFIER=lapwingd EVENT_ID=10042 EVENT_ID=10047 EVENT_ID=30061 | grep .";
    machine.run(&format!("! {is_told}"), SLOWLY).unwrap();
    assert_eq!(machine.ssh(ACCOUNT, &before, "true").unwrap(), Login::Refused);
    assert_eq!(machine.ssh(ACCOUNT, &after, "true").unwrap(), Login::Accepted(String::new()));
    machine.run("sync", SLOWLY).unwrap();

    // The same disk by other firmware is a copied virtual machine, for all that anybody there can tell.
    machine.boot_again(OTHER_FIRMWARE).unwrap();
    machine.wait_until_told(POSSIBLE_CLONE, SLOWLY).unwrap();
    assert!(machine.run("lapwing status", SLOWLY).unwrap().contains("lapwing adopt"));
    machine.run("! lapwing reset-password", SLOWLY).unwrap();
    assert_eq!(scene.password().unwrap(), after);
}
