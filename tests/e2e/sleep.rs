//! A log-on, and a machine that sleeps over the end of its grace period: with a kernel and a clock of its own.

use std::time::Duration;

use xtask::lab::{Kind, Lab, Login, Machine};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::Scene;

/// The shortest grace period, and then another password alone.
const POLICY: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n\
    PostAuthenticationResetDelayMinutes = 1\nPostAuthenticationActions = 1\n";
/// Everything takes many times as long as in a host of the lab.
const SLOWLY: Duration = Duration::from_secs(120);
/// However long it slept, an overdue rotation starts within a minute.
const A_MINUTE: Duration = Duration::from_secs(60);
/// How long it sleeps; a minute of it is the grace period's.
const ASLEEP: &str = "rtcwake --mode no --seconds 62 >/dev/null";

/// Whether the agent's first cycle of this boot is over.
const IDLE: &str = "lapwing status --json | tr -d ' ' | grep -q '\"state\":\"idle\"'";
/// Whether the kernel has slept and woken.
const AWAKE: &str = "journalctl --quiet --boot --dmesg --grep 'PM: suspend exit' | grep -q .";

/// Waits until it is so; what the agent said comes with a failure.
fn wait_until(machine: &mut Machine, condition: &str, limit: Duration) {
    machine.wait_until(condition, limit).unwrap_or_else(|error| {
        let journal = machine.run("journalctl --quiet --lines=60 --no-hostname; lapwing status", SLOWLY);
        panic!("{error:#}\n{journal:?}")
    });
}

/// Waits until the agent has told of an event.
fn wait_until_told(machine: &mut Machine, event: u32, limit: Duration) {
    let told = format!(
        "journalctl --sync; journalctl --quiet SYSLOG_IDENTIFIER=lapwingd EVENT_ID={event} | grep -q ."
    );
    wait_until(machine, &told, limit);
}

#[test]
fn a_machine_that_sleeps_over_the_deadline_has_another_password_within_a_minute_of_waking() {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let mut scene = Scene::settled_on(Kind::Machine, Lab::new().unwrap(), &programs).unwrap();
    scene.set_policy(POLICY).unwrap();
    let before = scene.password().unwrap();
    let mut machine = Machine::boot(&mut scene.host).unwrap();
    // The disk is in another machine now, as far as anybody there can tell.
    wait_until(&mut machine, "lapwing status | grep -q 'lapwing adopt'", SLOWLY);
    machine.run("lapwing adopt", SLOWLY).unwrap();
    wait_until(&mut machine, IDLE, SLOWLY);
    assert_eq!(machine.ssh(ACCOUNT, &before, "true").unwrap(), Login::Accepted(String::new()));
    wait_until_told(&mut machine, 10041, SLOWLY);
    assert_eq!(scene.password().unwrap(), before);
    machine.run(ASLEEP, SLOWLY).unwrap();
    machine.run("slept=$(date +%s); systemctl suspend", SLOWLY).unwrap();
    wait_until(&mut machine, AWAKE, SLOWLY);
    let asleep: u64 = machine.run("echo $(($(date +%s) - slept))", SLOWLY).unwrap().parse().unwrap();
    assert!(asleep >= 60, "{asleep} s");
    wait_until_told(&mut machine, 10044, A_MINUTE);
    let after = scene.password().unwrap();
    assert_ne!(after, before);
    assert_eq!(machine.ssh(ACCOUNT, &before, "true").unwrap(), Login::Refused);
    assert_eq!(machine.ssh(ACCOUNT, &after, "true").unwrap(), Login::Accepted(String::new()));
}
