//! When a change is due.

use super::*;

#[test]
fn the_first_cycle_sets_a_password() {
    let mut world = World::new();
    world.run();
    assert_eq!(world.done, ["prepare", "store", "commit"]);
    assert_eq!((world.in_force(), world.held), (Some(version(1)), Some(version(1))));
    let codes: Vec<_> = world.events.iter().map(|event| event.id().code()).collect();
    assert_eq!(codes, [10003, 10052, 10010, 10015, 30000, 10030, 10029, 30001, 10020, 10004]);
    let reported = world.machine.report().current.expect("a password in force");
    assert_eq!((reported.version, Some(reported.expiry)), (version(1), world.held_expiry));
}

#[test]
fn an_expiry_that_comes_between_two_attempts_at_a_directory_that_was_away_is_met_when_it_comes() {
    let mut world = World::settled();
    world.pass(30 * DAY - 90 * MINUTE);
    world.reachable = false;
    world.pass(80 * MINUTE);
    world.reachable = true;
    world.pass(11 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn the_first_change_waits_for_the_grace_that_the_policy_gives_and_a_person_does_not() {
    let mut world = World::new();
    world.verdict = Verdict::Managed(Plan { activation_grace: 30 * MINUTE, ..plan() });
    world.run();
    world.pass(29 * MINUTE);
    assert_eq!(world.in_force(), None);
    world.pass(2 * MINUTE);
    assert_eq!(world.in_force(), Some(version(1)));

    let mut world = World::new();
    world.verdict = Verdict::Managed(Plan { activation_grace: 30 * MINUTE, ..plan() });
    world.run();
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert_eq!(world.in_force(), Some(version(1)));
}

#[test]
fn a_password_that_is_not_due_stays() {
    let mut world = World::settled();
    world.pass(29 * DAY);
    assert_eq!(world.done, [""; 0]);
    assert!(world.raised(EventId::NoUpdateNeeded));
}

#[test]
fn an_expired_password_is_changed_at_its_expiry_and_not_an_hour_later() {
    let mut world = World::settled();
    world.pass(30 * DAY - MINUTE);
    assert_eq!(world.in_force(), Some(version(1)));
    world.pass(2 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn an_expiry_that_passed_while_the_directory_was_away_is_met_within_a_minute_of_its_return() {
    let mut world = World::settled();
    world.reachable = false;
    world.pass(90 * DAY);
    assert_eq!(world.in_force(), Some(version(1)));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_directory_that_stays_away_is_reported_once_and_asked_on() {
    let mut world = World::settled();
    world.reachable = false;
    world.pass(31 * DAY);
    let said = |world: &World| {
        world.events.iter().filter(|event| event.id() == EventId::WaitingForDirectory).count()
    };
    let (asked, reported) = (world.done.len(), said(&world));
    world.pass(30 * MINUTE);
    assert!(world.done.len() > asked + 30, "asked {} times", world.done.len() - asked);
    assert_eq!(said(&world), reported);
}

#[test]
fn an_expiry_moved_beyond_the_policy_is_not_obeyed() {
    let mut world = World::settled();
    world.held_expiry = Some(world.now.wall.saturating_add(400 * DAY));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn an_expiry_moved_to_now_by_an_administrator_is_obeyed_in_the_next_cycle() {
    let mut world = World::settled();
    world.held_expiry = Some(world.now.wall);
    world.pass(61 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_lowest_age_that_the_server_announces_is_used_in_the_same_cycle() {
    let mut world = World::new();
    world.age_days_min = Some(1);
    let mut reads = Vec::new();
    world.machine.handle(world.now, Input::Timer);
    while let Some(action) = world.machine.poll_action() {
        if let Action::ReadPolicy { age_days_min } = action {
            reads.push(age_days_min);
        }
        if let Some(outcome) = world.perform(action) {
            world.machine.handle(world.now, Input::Outcome(outcome));
        }
    }
    assert_eq!(reads, [None, Some(1)]);
    assert_eq!(world.in_force(), Some(version(1)));
}

#[test]
fn nothing_is_done_while_the_policy_is_off() {
    for verdict in [Verdict::Unconfigured, Verdict::Disabled] {
        let mut world = World::new();
        world.verdict = verdict;
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        world.pass(5 * DAY);
        assert_eq!(world.done, [""; 0]);
        assert_eq!(world.answers[0].1.result, AnswerResult::Disabled);
    }
}

#[test]
fn an_expiry_moved_by_an_administrator_that_passes_while_the_directory_is_away_is_met_within_a_minute_of_its_return()
 {
    let mut world = World::settled();
    world.held_expiry = Some(world.now.wall.saturating_add(DAY));
    world.pass(2 * 60 * MINUTE);
    world.reachable = false;
    world.pass(3 * DAY);
    assert_eq!(world.in_force(), Some(version(1)));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_policy_that_shortens_the_age_while_the_directory_is_away_is_met_within_a_minute_of_its_return() {
    let mut world = World::settled();
    world.reachable = false;
    world.verdict = Verdict::Managed(Plan { age: PasswordAgeDays::parse(7).unwrap(), ..plan() });
    world.pass(DAY);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn no_expiry_is_waited_for_once_the_policy_is_off() {
    let mut world = World::settled();
    assert_eq!(world.machine.poll_timeout().unwrap().wall, world.held_expiry);
    world.verdict = Verdict::Disabled;
    world.input(Input::PolicyChanged);
    assert_eq!(world.machine.poll_timeout().unwrap().wall, None);
}

#[test]
fn an_expiry_that_has_come_is_not_waited_for_once_more_while_it_is_dealt_with() {
    let mut world = World::settled();
    world.advance(31 * DAY);
    world.machine.handle(world.now, Input::Timer);
    let deadline = world.machine.poll_timeout();
    assert_eq!(deadline, None);
}

/// A world with a grace period of an hour, whose account has just been used.
fn used() -> World {
    used_under(PostAuthenticationActions::Reset)
}

/// The same where that follows.
pub(super) fn used_under(actions: PostAuthenticationActions) -> World {
    used_under_policy(PostAuthentication { actions, delay: 60 * MINUTE, by_failure: false, on_time: false })
}

/// The same where all that follows.
pub(super) fn used_under_policy(after: PostAuthentication) -> World {
    let mut world = World::settled();
    world.verdict = Verdict::Managed(Plan { post_authentication: Some(after), ..plan() });
    world.input(Input::PolicyChanged);
    let mut world = world.forget_the_past();
    world.input(seen(Use::Authenticated, "somebody"));
    assert_eq!(world.machine.report().activity, Activity::Idle);
    assert!(!world.raised(EventId::PostAuthScheduled));
    world.input(seen(Use::Authenticated, "lapadmin"));
    assert!(world.raised(EventId::PostAuthScheduled));
    world
}

#[test]
fn a_password_that_was_used_is_changed_when_the_grace_period_is_over() {
    let mut world = used();
    world.pass(30 * MINUTE);
    world.input(seen(Use::Authenticated, "lapadmin"));
    world.pass(29 * MINUTE);
    assert_eq!(world.in_force(), Some(version(1)));
    world.events.clear();
    world.pass(2 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
    let codes: Vec<_> = world.events.iter().map(|event| event.id().code()).collect();
    assert_eq!(codes[..3], [10042, 10003, 10051]);
    assert_eq!(codes[codes.len() - 2..], [10044, 10004]);
    world.pass(DAY);
    assert_eq!(world.in_force(), Some(version(2)), "once");
}

#[test]
fn a_grace_period_that_ended_while_the_host_was_off_or_away_is_followed_within_a_minute() {
    // Away, with nothing due when it was last looked for.
    let mut world = used();
    world.reachable = false;
    world.pass(90 * MINUTE);
    assert!(world.raised(EventId::PostAuthResetFailed));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));

    // Off, as long as the wall clock says.
    let mut world = used();
    let memory = world.memory.clone();
    assert!(memory.used.is_some());
    world.advance(50 * MINUTE);
    world.now.boot = BootTime(MINUTE);
    let boot = BootId(Guid::from_bytes([0xb1; 16]));
    world.machine = Machine::new(world.now, boot, 9, memory, world.ledger.clone());
    world.run();
    assert!(world.raised(EventId::PostAuthResumed));
    assert_eq!(world.in_force(), Some(version(1)));
    world.pass(11 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn a_rotation_for_another_reason_ends_the_grace_period_and_a_policy_without_one_forgets_the_use() {
    let mut world = used();
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert!(world.raised(EventId::PostAuthResetUnneeded));
    world.pass(DAY);
    assert_eq!(world.in_force(), Some(version(2)));

    let mut world = used();
    world.verdict = Verdict::Managed(plan());
    world.input(Input::PolicyChanged);
    world.pass(DAY);
    assert_eq!(world.in_force(), Some(version(1)));
}
