//! Sends without an answer or with a refusal, and crashes.

use super::*;

#[test]
fn a_lost_answer_ends_in_the_version_that_the_directory_holds() {
    for fate in [Fate::AnswerLost, Fate::RequestLost] {
        let mut world = World::settled();
        world.fates.push_back(fate);
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        assert_eq!(world.in_force(), Some(version(1)));
        assert!(world.raised(EventId::SendUnanswered));
        world.pass(MINUTE);
        assert_eq!(world.in_force(), world.held);
        assert_ne!(world.in_force(), Some(version(1)));
    }
}

#[test]
fn a_request_that_did_not_arrive_is_repeated_with_the_very_same_bytes() {
    let mut world = World::settled();
    world.fates.push_back(Fate::RequestLost);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(MINUTE);
    assert_eq!(world.done, ["prepare", "store", "fetch", "store", "commit"]);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn clear_text_that_may_not_have_landed_is_sent_again_and_kept_for_ten_minutes_at_most() {
    let mut world = World::settled();
    world.sealed = false;
    world.fates.extend([Fate::RequestLost; 3]);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    let forgotten = world.forgotten;
    world.pass(MINUTE);
    assert_eq!(world.done, ["prepare", "store", "store", "store", "store", "commit"]);
    assert_eq!((world.in_force(), world.forgotten), (Some(version(2)), forgotten + 1));

    let mut world = world.forget_the_past();
    world.fates.push_back(Fate::RequestLost);
    world.input(Input::Request(RequestId(2), Request::ResetPassword));
    world.reachable = false;
    let forgotten = world.forgotten;
    world.pass(9 * MINUTE);
    assert_eq!(world.forgotten, forgotten);
    world.pass(2 * MINUTE);
    assert!(world.forgotten > forgotten);
    world.reachable = true;
    world.pass(MINUTE);
    assert!(world.done.ends_with(&["prepare", "store", "commit"]), "{:?}", world.done);
}

#[test]
fn a_crash_between_any_two_actions_leaves_both_sides_with_one_password() {
    let mut crashes = 0;
    for at in 0..40 {
        for fate in [Fate::Arrives, Fate::AnswerLost, Fate::RequestLost] {
            let mut world = World::settled();
            world.fates.push_back(fate);
            world.crash_in = Some(at);
            world.input(Input::Request(RequestId(1), Request::ResetPassword));
            crashes += usize::from(world.crash_in.is_none());
            world.pass(2 * MINUTE);
            assert_eq!(world.in_force(), world.held, "crash before action {at}");
            assert_eq!(world.journal.field, Field::Current);
        }
    }
    assert!(crashes > 30, "only {crashes} crashes happened");
}

#[test]
fn a_recorded_change_is_committed_before_anything_else_even_without_the_directory() {
    let mut world = World::settled();
    world.commit_fault = Some(Fault::FileLocked);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert!(world.raised(EventId::AccountUpdateFailed));
    world.reachable = false;
    world.verdict = Verdict::Disabled;
    world.commit_fault = None;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_directory_without_guarantees_is_left_alone_after_an_unanswered_send() {
    let mut world = World::new();
    world.guarantees = Guarantees::None;
    world.fates.extend([Fate::RequestLost; 3]);
    world.run();
    assert_eq!(world.done, ["prepare", "count", "store"]);
    world.pass(9 * MINUTE);
    assert_eq!(world.done.len(), 3, "{:?}", world.done);
    world.pass(2 * MINUTE);
    assert_eq!(world.done.len(), 6, "{:?}", world.done);
    world.pass(11 * MINUTE);
    assert_eq!((world.done.len(), world.journal.unanswered), (9, 3));
    // The third in a row: at most one an hour from now on.
    world.pass(50 * MINUTE);
    assert_eq!(world.done.len(), 9);
    world.pass(20 * MINUTE);
    assert_eq!(world.journal.unanswered, 0);
    assert_eq!(world.in_force(), world.held);
}

#[test]
fn a_refused_send_is_not_counted_as_unanswered() {
    let mut world = World::new();
    world.guarantees = Guarantees::None;
    world.fates.push_back(Fate::Refused);
    world.run();
    assert_eq!(world.done, ["prepare", "count", "store", "uncount"]);
    assert!(world.raised(EventId::EntraUpdateFailed));
    world.pass(2 * MINUTE);
    assert_eq!(world.in_force(), world.held);
}

#[test]
fn a_directory_that_asks_to_wait_is_asked_again_no_earlier_by_the_schedule() {
    let mut world = World::settled();
    world.retry_after = Some(Duration::from_secs(5 * 3600));
    world.fates.push_back(Fate::Refused);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    let sends = |world: &World| world.done.iter().filter(|done| **done == "store").count();
    world.pass(Duration::from_secs(5 * 3600) - MINUTE);
    assert_eq!(sends(&world), 1);
    world.pass(2 * MINUTE);
    assert_eq!((sends(&world), world.in_force()), (2, world.held));
}

#[test]
fn a_change_that_could_not_be_sent_is_tried_again_within_a_minute_of_the_directorys_return() {
    let mut world = World::settled();
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.reachable = false;
    world.pass(DAY);
    // Restored meanwhile, and gone again just before the send.
    (world.held, world.reachable) = (Some(version(1)), true);
    world.fates.push_back(Fate::NotSent);
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
    world.pass(MINUTE);
    assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))));
}
