//! What the directory holds and what stands in the account, where it is not what the journal says.

use super::*;

#[test]
fn a_restored_directory_is_given_a_new_password_at_once() {
    let mut world = World::settled();
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.held = Some(version(1));
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert!(world.raised(EventId::DirectoryRestored));
    assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))));
}

#[test]
fn a_second_foreign_version_within_a_day_is_a_conflict_and_not_answered_by_a_rotation() {
    let mut world = World::settled();
    world.held = Some(version(99));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
    assert!(!world.raised(EventId::Conflict));
    world.held = Some(version(98));
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert!(world.raised(EventId::Conflict));
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(98))));
    // The directory's password does not open this host, and whoever looks is told so until it does again.
    let report = world.machine.report();
    assert_eq!(report.activity, Activity::Failing);
    assert!(report.next_step.is_some_and(|next| next.contains("lapwing generalize")));
    world.input(Input::Request(RequestId(3), Request::ResetPassword));
    assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))));
    assert_eq!(world.machine.report().activity, Activity::Idle);
}

#[test]
fn a_foreign_version_is_told_with_when_and_from_where_it_came_as_far_as_the_directory_tells() {
    let at = WallTime("2026-01-02T03:04:05Z".parse::<FileTime>().unwrap());
    for (written, told) in [
        (None, "at a time that the directory does not tell"),
        (Some(Written { at, from: None }), "2026-01-02T03:04:05.0000000Z"),
        (
            Some(Written { at, from: Some("192.0.2.9".to_owned()) }),
            "2026-01-02T03:04:05.0000000Z from 192.0.2.9",
        ),
    ] {
        let mut world = World::settled();
        world.written = written;
        for number in [99, 98] {
            world.held = Some(version(number));
            world.input(Input::Request(RequestId(u64::from(number)), Request::ProcessPolicy));
        }
        let tells: Vec<_> = world
            .events
            .iter()
            .filter_map(|event| match event {
                Event::VersionNeverOurs { written, .. } | Event::Conflict { written, .. } => Some(written),
                _ => None,
            })
            .collect();
        // The second is a foreign version and a conflict.
        assert_eq!(tells, [told; 3]);
    }
}

#[test]
fn an_emptied_record_is_filled_again() {
    let mut world = World::settled();
    (world.held, world.held_expiry) = (None, None);
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn drift_waits_for_the_directory_and_is_followed_by_a_rotation() {
    let mut world = World::settled();
    world.journal.field = Field::Drifted;
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.done, ["connect failed"]);
    world.reachable = true;
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert_eq!(world.done[1..], ["reinstate", "prepare", "store", "commit"]);
}

#[test]
fn an_emptied_field_is_refilled_without_the_directory() {
    let mut world = World::settled();
    world.journal.field = Field::Emptied;
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.done, ["reinstate", "connect failed"]);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_foreign_version_that_outlives_a_lost_send_is_no_second_one() {
    let mut world = World::settled();
    world.held = Some(version(99));
    world.fates.push_back(Fate::RequestLost);
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(99))));
    world.pass(MINUTE);
    assert!(!world.raised(EventId::Conflict));
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn drift_found_while_the_directory_is_away_is_healed_within_a_minute_of_its_return() {
    let mut world = World::settled();
    world.journal.field = Field::Drifted;
    world.reachable = false;
    world.pass(DAY);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}
