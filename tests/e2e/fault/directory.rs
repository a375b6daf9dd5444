//! The directory is away, refuses, or answers nonsense, late or not at all; `peer.py` plays it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use xtask::lab::OUTSIDE;
use xtask::scene::PORT;

use super::{Complaint, ONE_CYCLE, Settled};
use crate::support::status;

/// Where the real server is while something stands before it.
const REAL_PORT: u16 = PORT + 1;

#[test]
fn a_server_that_is_away_is_waited_for() {
    let mut settled = Settled::new();
    settled.scene.kill_server().unwrap();
    settled.complains(Complaint { event: 30016, next_step: "check that the server runs" });
    settled.scene.start_server(None).unwrap();
    settled.heals(ONE_CYCLE);
}

#[test]
fn a_cable_that_is_out_is_waited_for() {
    let settled = Settled::new();
    settled.scene.host.cut_link().unwrap();
    settled.answers(Complaint { event: 30016, next_step: "check that" });
    assert_eq!(status(&settled.scene).unwrap().version, settled.version);
    // Nobody can log on before the agent may have noticed that it is back.
    settled.scene.host.restore_link().unwrap();
    settled.heals(ONE_CYCLE);
}

#[test]
fn a_disabled_device_rotates_nothing_until_it_is_enabled() {
    let settled = Settled::new();
    let device = status(&settled.scene).unwrap().record.unwrap();
    settled.scene.administrator(&["server", "device", "disable", &device]).unwrap();
    settled.complains(Complaint { event: 10026, next_step: "enabled" });
    settled.scene.administrator(&["server", "device", "enable", &device]).unwrap();
    settled.heals(ONE_CYCLE);
}

#[test]
fn a_directory_that_refuses_everything_stops_the_rotation_until_it_is_itself_again() {
    overcomes(&[
        ("every 403", Complaint { event: 10026, next_step: "whether the device is enabled" }),
        ("every 429 3", Complaint { event: 30022, next_step: "wait as long as the server asks" }),
        ("every 500", Complaint { event: 30016, next_step: "look into the server's log" }),
    ]);
}

#[test]
fn a_directory_that_makes_no_sense_stops_the_rotation_until_it_is_itself_again() {
    overcomes(&[
        ("every noise", Complaint { event: 30016, next_step: "check the server's log" }),
        ("every nonsense", Complaint { event: 10025, next_step: "check" }),
        ("every silent", Complaint { event: 30016, next_step: "check the server's log" }),
        ("every slow", Complaint { event: 30016, next_step: "check the server's log" }),
    ]);
}

#[test]
fn a_store_that_is_refused_or_not_clearly_answered_comes_about_later() {
    overcomes(&[
        ("store 403", Complaint { event: 10028, next_step: "whether the device is enabled" }),
        ("store 429 3", Complaint { event: 30022, next_step: "wait as long as the server asks" }),
        ("store 500", Complaint { event: 30003, next_step: "look into the server's log" }),
        ("store noise", Complaint { event: 30003, next_step: "check the server's log" }),
        ("store nonsense", Complaint { event: 30003, next_step: "check that the server's version" }),
        ("store silent", Complaint { event: 30003, next_step: "check the server's log" }),
    ]);
}

#[test]
fn a_store_whose_answer_is_lost_is_found_in_the_directory_and_finished() {
    let settled = Settled::new();
    let (mut front, settled) = Front::before(settled);
    front.order("store lost");
    settled.answers(Complaint { event: 30003, next_step: "check the server's log" });
    front.order("every true");
    let settled = settled.heals(ONE_CYCLE);
    // That it landed was noticed, not papered over by one more password.
    let resolved =
        settled.scene.host.run(&["journalctl", "--quiet", "--output=cat", "EVENT_ID=30004"]).unwrap();
    assert!(!resolved.is_empty());
}

/// One fault after the other, each until it is overcome.
fn overcomes(faults: &[(&str, Complaint)]) {
    let (mut front, mut settled) = Front::before(Settled::new());
    for (order, complaint) in faults {
        front.order(order);
        settled.complains(*complaint);
        front.order("every true");
        settled = settled.heals(ONE_CYCLE);
    }
}

/// What stands before the server, with an authority of its own.
struct Front {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Front {
    /// Moves the server aside and has the device and the administrator trust the front, which hands everything on.
    fn before(mut settled: Settled) -> (Self, Settled) {
        let scene = &mut settled.scene;
        scene.kill_server().unwrap();
        scene.start_server_with(REAL_PORT, &[]).unwrap();
        let authority = scene.lab.folder().join(".front.pem");
        let mut command = scene.lab.command("/usr/bin/python3").unwrap();
        command.args(["-c", include_str!("../peer.py"), &OUTSIDE.to_string()]);
        command.args([PORT.to_string(), REAL_PORT.to_string()]).arg(&authority);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut digest = String::new();
        answers.read_line(&mut digest).unwrap();
        scene.host.copy_in(&authority, "/var/lib/lapwing/authority.crt", 0o600).unwrap();
        scene.host.run(&["chown", "lapwing:lapwing", "/var/lib/lapwing/authority.crt"]).unwrap();
        let profile = scene.data().join("admin.toml");
        let text = fs::read_to_string(&profile).unwrap();
        let of_authority = |line: &&str| line.starts_with("authority");
        let old = text.lines().find(of_authority).unwrap();
        fs::write(&profile, text.replace(old, &format!("authority = \"{}\"", digest.trim()))).unwrap();
        (Self { process, orders, answers }, settled)
    }

    /// See `peer.py`.
    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "ok\n", "after {order}");
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // A failure here would hide that of the test; the lab ends it too.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
