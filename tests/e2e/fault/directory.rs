//! The directory is away, refuses, or answers nonsense, late or not at all; `peer.py` plays it.

use super::{Complaint, ONE_CYCLE, Settled};
use crate::front::Front;
use crate::support::status;

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
    let mut settled = Settled::new();
    let mut front = Front::before(&mut settled.scene);
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
    let mut settled = Settled::new();
    let mut front = Front::before(&mut settled.scene);
    for (order, complaint) in faults {
        front.order(order);
        settled.complains(*complaint);
        front.order("every true");
        settled = settled.heals(ONE_CYCLE);
    }
}
