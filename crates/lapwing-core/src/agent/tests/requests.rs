//! Requests and their answers.

use super::*;

#[test]
fn every_request_is_answered_exactly_once() {
    let mut world = World::settled();
    world.fates.extend([Fate::AnswerLost, Fate::Refused]);
    for id in 0..5 {
        let request = if id % 2 == 0 { Request::ResetPassword } else { Request::ProcessPolicy };
        world.input(Input::Request(RequestId(id), request));
    }
    let mut ids: Vec<_> = world.answers.iter().map(|(id, _)| id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
}

#[test]
fn a_rotation_that_was_asked_for_comes_about_once_the_cause_of_its_failure_is_gone() {
    let mut world = World::settled();
    world.reachable = false;
    waits_for_the_directory(world);
}

/// A rotation asked for now is put off, and comes about when the directory is back.
fn waits_for_the_directory(mut world: World) {
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert_eq!(world.answers[0].1.result, AnswerResult::Waiting);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn too_many_requests_are_refused_and_not_forgotten() {
    let mut machine = World::new().machine;
    let now = World::new().now;
    let all = u64::try_from(REQUESTS_MAX).unwrap() + 2;
    // The first cycle has started and can be joined by rotations only until the journal has been read; these ask for
    // something that a cycle under way cannot answer.
    machine.handle(now, Input::Timer);
    machine.handle(now, Input::Outcome(Outcome::Journal(Ok(World::new().journal))));
    for id in 0..all {
        machine.handle(now, Input::Request(RequestId(id), Request::ProcessPolicy));
    }
    let refused = core::iter::from_fn(|| machine.poll_action())
        .filter(
            |action| matches!(action, Action::Answer(_, answer) if answer.result == AnswerResult::Refused),
        )
        .count();
    assert_eq!(refused, 2);
}

#[test]
fn a_rotation_that_joined_a_cycle_under_way_outlives_that_cycles_failure() {
    let mut world = World::settled();
    world.reachable = false;
    world.machine.handle(world.now, Input::PolicyChanged);
    waits_for_the_directory(world);
}

#[test]
fn a_directory_that_is_away_while_nothing_is_due_is_nobodys_task() {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.answers[0].1.result, AnswerResult::Waiting);
    assert_eq!(world.machine.report().activity, Activity::Waiting);
    // Nor is it asked as often as if something were due.
    world.done.clear();
    world.pass(DAY);
    assert!(world.done.len() < 48, "asked {} times", world.done.len());
}
