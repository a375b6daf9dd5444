//! The network that changes, and the host that sleeps and wakes.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A rotation that was asked for waits for a directory that has been away for long.
fn waiting_for_long() -> World {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(10 * MINUTE);
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    let wait = world.machine.poll_timeout().unwrap().boot.saturating_since(world.now.boot);
    assert!(wait > 30 * SECOND, "it would have tried again by itself in {wait:?}");
    world
}

#[test]
fn a_network_that_changes_brings_the_next_attempt_forward() {
    let mut world = waiting_for_long();
    world.reachable = true;
    world.input(Input::NetworkChanged);
    assert_eq!(world.in_force(), Some(version(1)));
    world.pass(3 * SECOND);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_network_that_changes_during_an_attempt_that_fails_brings_the_next_one_forward() {
    let mut world = waiting_for_long();
    world.tell_in = Some((2, Input::NetworkChanged));
    world.input(Input::Request(RequestId(3), Request::ProcessPolicy));
    assert!(world.tell_in.is_none());
    world.reachable = true;
    world.pass(3 * SECOND);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_network_that_changes_while_nothing_waits_for_it_is_nobodys_task() {
    let mut world = World::settled();
    let before = world.machine.poll_timeout();
    world.input(Input::NetworkChanged);
    world.input(Input::Woke);
    assert_eq!(world.machine.poll_timeout(), before);
    assert!(world.events.is_empty());
}

#[test]
fn a_network_that_never_rests_hammers_no_directory_that_refuses() {
    let mut world = World::settled();
    world.fates.extend([Fate::Refused; 100]);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    for _ in 0..600 {
        world.input(Input::NetworkChanged);
        world.pass(SECOND);
    }
    let sends = world.done.iter().filter(|done| **done == "store").count();
    assert!((9..=11).contains(&sends), "{sends} sends in ten minutes");
}

#[test]
fn a_directory_that_asks_to_wait_is_asked_again_no_earlier_for_another_network() {
    let mut world = World::settled();
    world.retry_after = Some(Duration::from_secs(5 * 3600));
    world.fates.push_back(Fate::Refused);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(4 * 60 * MINUTE);
    world.input(Input::NetworkChanged);
    world.pass(50 * MINUTE);
    assert_eq!(world.done, ["prepare", "store"]);
}

#[test]
fn nothing_is_held_while_the_host_sleeps_and_the_change_is_finished_soon_after_it_wakes() {
    let mut slept = 0;
    for at in 0..10 {
        let mut world = World::settled();
        world.tell_in = Some((at, Input::Suspending));
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        slept += usize::from(world.tell_in.take().is_none());
        assert!(!world.holds, "told during action {at}");
        let done = world.done.clone();
        world.pass(10 * SECOND);
        assert_eq!(world.done, done, "told during action {at}");
        world.advance(8 * 60 * MINUTE);
        world.wake();
        world.pass(2 * SECOND);
        assert_ne!(world.in_force(), Some(version(1)), "told during action {at}");
        assert_eq!(world.in_force(), world.held, "told during action {at}");
        assert_eq!(world.answers.len(), 1, "told during action {at}");
    }
    assert_eq!(slept, 7);
}

#[test]
fn clear_text_that_is_wiped_before_it_was_sent_is_no_unanswered_send() {
    let mut slept = 0;
    for at in 0..10 {
        let mut world = World::settled();
        (world.guarantees, world.sealed) = (Guarantees::None, false);
        world.tell_in = Some((at, Input::Suspending));
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        slept += usize::from(world.tell_in.take().is_none());
        assert!(!world.holds, "told during action {at}");
        assert_eq!(world.journal.unanswered, 0, "told during action {at}");
        world.wake();
        world.pass(2 * SECOND);
        assert_eq!(world.in_force(), world.held, "told during action {at}");
        assert_ne!(world.in_force(), Some(version(1)), "told during action {at}");
    }
    assert_eq!(slept, 7);
}

#[test]
fn a_host_that_stays_awake_without_saying_so_goes_on_within_a_minute() {
    let mut world = World::settled();
    world.input(Input::Suspending);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.input(Input::PolicyChanged);
    assert!(world.events.is_empty(), "{:?}", world.events);
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn clear_text_that_may_have_landed_is_not_kept_over_sleep_and_another_is_drawn_after_it() {
    // While it waits to be sent again, and while its send is under way.
    for at in [None, Some(5)] {
        let mut world = World::settled();
        world.sealed = false;
        world.fates.push_back(Fate::RequestLost);
        world.tell_in = at.map(|at| (at, Input::Suspending));
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        if at.is_none() {
            assert!(world.holds);
            world.input(Input::Suspending);
        }
        assert!(world.tell_in.is_none() && !world.holds);
        world.wake();
        world.pass(3 * SECOND);
        assert_eq!(world.done, ["prepare", "store", "prepare", "store", "commit"]);
        assert_eq!((world.in_force(), world.held), (Some(version(3)), Some(version(3))));
    }
}
