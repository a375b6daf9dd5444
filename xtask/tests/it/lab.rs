//! A host boots, takes and refuses log-ons, loses its network and its power, and leaves the machine as it was.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{self, Stdio};
use std::time::Duration;

use xtask::lab::{self, Lab, Login, OUTSIDE};
use xtask::sys;

const USER: &str = "ada";
const PASSWORD: &str = "nine green bottles";

fn host_with_user(lab: &Lab) -> lab::Host {
    let host = lab.boot("device").unwrap();
    host.run(&["useradd", "--create-home", USER]).unwrap();
    host.feed(&["chpasswd"], format!("{USER}:{PASSWORD}").as_bytes()).unwrap();
    host
}

#[test]
fn a_log_on_survives_a_power_cut_and_needs_the_cable_and_the_right_password() {
    let machine = accounts_of_this_machine();
    let lab = Lab::new().unwrap();
    let mut host = host_with_user(&lab);
    let accepted = Login::Accepted(format!("{USER}\n"));

    assert_eq!(host.ssh(USER, PASSWORD, "id --user --name").unwrap(), accepted);
    assert_eq!(host.ssh(USER, "ten green bottles", "true").unwrap(), Login::Refused);

    host.cut_link().unwrap();
    let cut = host.ssh(USER, PASSWORD, "true").unwrap();
    assert!(matches!(cut, Login::Unreachable(_)), "{cut:?}");

    host.power_cycle().unwrap();
    assert_eq!(host.run(&["cat", "/sys/class/net/eth0/carrier"]).unwrap(), "0\n");
    host.restore_link().unwrap();
    assert_eq!(host.ssh(USER, PASSWORD, "id --user --name").unwrap(), accepted);

    assert_eq!(accounts_of_this_machine(), machine);
}

#[test]
fn a_host_that_is_rolled_back_has_the_password_of_its_snapshot() {
    let lab = Lab::new().unwrap();
    let mut host = host_with_user(&lab);
    host.run(&["touch", "/root/before"]).unwrap();
    host.take_snapshot().unwrap();
    host.feed(&["chpasswd"], format!("{USER}:ten green bottles").as_bytes()).unwrap();
    host.run(&["rm", "/root/before"]).unwrap();
    host.run(&["touch", "/root/after"]).unwrap();

    host.roll_back().unwrap();
    assert_eq!(host.ssh(USER, "ten green bottles", "true").unwrap(), Login::Refused);
    assert_eq!(host.ssh(USER, PASSWORD, "true").unwrap(), Login::Accepted(String::new()));
    assert_eq!(host.run(&["ls", "/root"]).unwrap(), "before\n");
}

#[test]
fn a_host_is_healthy_and_cannot_reach_the_clock_or_the_kernel_of_the_machine() {
    let lab = Lab::new().unwrap();
    let host = lab.boot("device").unwrap();

    assert_eq!(host.run(&["systemctl", "is-system-running"]).unwrap(), "running\n");
    assert_eq!(host.run(&["cat", "/etc/hostname", "/proc/1/comm"]).unwrap(), "device\nsystemd\n");
    // Each would change nothing if it worked.
    for forbidden in [
        "date --set \"@$(date +%s)\"",
        "value=$(cat /proc/sys/kernel/pid_max) && echo \"$value\" >/proc/sys/kernel/pid_max",
    ] {
        assert!(host.run(&["sh", "-c", forbidden]).is_err(), "`{forbidden}` worked");
    }
}

#[test]
fn a_host_reaches_a_server_outside_and_a_crashed_service_comes_back() {
    let lab = Lab::new().unwrap();
    let host = lab.boot("device").unwrap();
    let mut server = lab
        .command("sh")
        .unwrap()
        .args(["-c", "echo ready; exec sleep infinity"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    host.run(&["ip", "route", "get", &OUTSIDE.to_string()]).unwrap();
    host.install_unit(
        "beacon.service",
        "[Service]\nType=exec\nExecStart=sleep infinity\nRestart=always\nRestartSec=0\n",
    )
    .unwrap();
    host.run(&["systemctl", "start", "beacon"]).unwrap();
    let pid = || host.run(&["systemctl", "show", "--value", "--property=MainPID", "beacon"]).unwrap();
    let first = pid();

    host.kill(first.trim().parse().unwrap()).unwrap();

    host.wait_until("beacon runs again", Duration::from_secs(10), |_| {
        let now = pid();
        Ok(now != "0\n" && now != first)
    })
    .unwrap();
    drop((host, lab));
    assert!(!server.wait().unwrap().success(), "the server outlived its lab");
}

#[test]
fn nothing_of_a_lab_is_left_when_it_is_dropped() {
    let lab = Lab::new().unwrap();
    let name = lab.name().to_owned();
    let host = lab.boot("device").unwrap();
    assert!(lab::status().unwrap().iter().any(|report| report.lab == name));
    assert!(Path::new(&format!("/run/netns/lapwing.{name}.device")).exists());

    drop((lab, host));

    assert!(!lab::status().unwrap().iter().any(|report| report.lab == name));
    assert!(!fs::read_to_string("/proc/mounts").unwrap().contains(&format!("/labs/{name}/")));
    let groups = ["/sys/fs/cgroup", "-maxdepth", "2", "-name", &format!("lapwing.{name}")];
    assert_eq!(sys::text(sys::command("find").args(groups)).unwrap(), "");
    assert!(!Path::new(&format!("/run/netns/lapwing.{name}")).exists());
    assert!(!Path::new(&format!("/run/netns/lapwing.{name}.device")).exists());
}

#[test]
fn a_lab_made_by_hand_stays_until_its_host_dies_and_the_next_lab_removes_the_rest() {
    let name = format!("by-hand-{}", process::id());
    xtask(&["lab", "up", &name]);
    assert_eq!(xtask(&["lab", "enter", "--lab", &name, "--", "hostname"]), "device\n");
    drop(Lab::new().unwrap());
    let report = |name: &str| lab::status().unwrap().into_iter().find(|report| report.lab == name);
    let kept = report(&name).unwrap();
    let (host, init) = &kept.hosts[0];
    assert_eq!(host, "device");

    sys::run(sys::command("kill").args(["-KILL", &init.unwrap().to_string()])).unwrap();
    // Waits for the host's last process, which holds the lock.
    File::open(kept.folder.join("lock")).unwrap().lock().unwrap();

    drop(Lab::new().unwrap());
    assert!(report(&name).is_none());
}

fn xtask(arguments: &[&str]) -> String {
    let mut command = sys::command(env!("CARGO_BIN_EXE_xtask"));
    for name in ["HOME", "XDG_CACHE_HOME"] {
        command.envs(env::var_os(name).map(|value| (name, value)));
    }
    sys::text(command.args(arguments)).unwrap()
}

/// The two account files and the interfaces of this machine.
fn accounts_of_this_machine() -> (Vec<u8>, Vec<u8>, String) {
    (
        fs::read("/etc/passwd").unwrap(),
        fs::read("/etc/shadow").unwrap(),
        sys::text(sys::command("ip").args(["-oneline", "address"])).unwrap(),
    )
}
