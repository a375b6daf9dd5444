//! What somebody else does to the account.

use super::*;
use crate::hindrance::Hindrance;

const HOUR: Duration = Duration::from_secs(3600);

impl World {
    /// Somebody changes the account's files, and the agent hears of it.
    fn tampered(&mut self, field: Field) {
        self.journal.field = field;
        self.input(Input::AccountChanged);
    }

    fn count(&self, id: EventId) -> usize {
        self.events.iter().filter(|event| event.id() == id).count()
    }
}

#[test]
fn a_changed_password_is_told_put_back_and_replaced_at_once() {
    let mut world = World::settled();
    world.tampered(Field::Drifted);
    assert_eq!(world.done, ["reinstate", "prepare", "store", "commit"]);
    assert_eq!([EventId::DriftFound, EventId::DriftHealed].map(|id| world.count(id)), [1, 1]);
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn a_change_of_other_accounts_and_our_own_are_looked_at_and_no_more() {
    let mut world = World::settled();
    let planned = world.machine.poll_timeout();
    for field in [Field::Current, Field::Candidate] {
        world.tampered(field);
        assert!(world.events.is_empty() && world.done.is_empty(), "{:?}", world.events);
        assert_eq!(world.machine.poll_timeout(), planned);
    }
}

#[test]
fn a_look_takes_no_attempt_away_that_is_waiting() {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    let planned = world.machine.poll_timeout();
    world.tampered(Field::Current);
    assert_eq!(world.machine.poll_timeout(), planned);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn what_comes_during_a_look_is_served_after_it() {
    let mut world = World::settled();
    world.tell_in = Some((0, Input::Request(RequestId(1), Request::ResetPassword)));
    world.tampered(Field::Current);
    assert_eq!(world.in_force(), Some(version(2)));
    assert_eq!(world.answers.len(), 1);
}

#[test]
fn an_account_file_that_changes_during_a_cycle_is_looked_at_after_it() {
    let mut world = World::settled();
    world.tell_in = Some((3, Input::AccountChanged));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.count(EventId::ProcessingStarted), 1);
    world.tell_in = Some((0, Input::AccountChanged));
    world.journal.field = Field::Drifted;
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn without_the_directory_a_change_is_told_once_and_healed_when_it_is_back() {
    let mut world = World::settled();
    world.reachable = false;
    for _ in 0..3 {
        world.tampered(Field::Drifted);
    }
    assert_eq!((world.count(EventId::DriftFound), world.done.len()), (1, 1));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

#[test]
fn an_emptied_field_is_closed_at_once_and_every_time_without_the_directory() {
    let mut world = World::settled();
    world.reachable = false;
    for round in 1..=HEALS_MAX + 3 {
        world.tampered(Field::Emptied);
        assert_eq!(world.journal.field, Field::Current);
        assert_eq!(world.count(EventId::EmptyFieldClosed), round);
    }
    assert_eq!(world.count(EventId::AccountContested), 1);
    assert_eq!(world.in_force(), Some(version(1)));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn whoever_keeps_changing_the_password_is_left_alone_after_six_times_and_only_told_of() {
    let mut world = World::settled();
    for _ in 0..HEALS_MAX {
        world.tampered(Field::Drifted);
    }
    assert_eq!(world.count(EventId::AccountUpdated), HEALS_MAX);
    assert!(!world.raised(EventId::AccountContested));
    for _ in 0..10 {
        world.tampered(Field::Drifted);
    }
    assert_eq!(
        [EventId::AccountUpdated, EventId::AccountContested].map(|id| world.count(id)),
        [HEALS_MAX, 1]
    );
    assert_eq!(world.machine.report().activity, Activity::Failing);
    world.pass(DAY - 2 * HOUR);
    assert_eq!(world.count(EventId::AccountUpdated), HEALS_MAX);
    // Once a day has passed, the next cycle heals it.
    world.pass(3 * HOUR);
    assert_eq!((world.count(EventId::AccountUpdated), world.journal.field), (HEALS_MAX + 1, Field::Current));
    assert_eq!(world.machine.report().activity, Activity::Idle);
}

#[test]
fn the_limit_outlives_a_restart() {
    let mut world = World::settled();
    for _ in 0..=HEALS_MAX {
        world.tampered(Field::Drifted);
    }
    let ledger = world.ledger.clone();
    world.machine = Machine::new(world.now, BOOT, 9, world.memory.clone(), ledger);
    world.run();
    world.tampered(Field::Drifted);
    assert_eq!(
        [EventId::AccountUpdated, EventId::AccountContested].map(|id| world.count(id)),
        [HEALS_MAX, 1]
    );
}

#[test]
fn a_contested_account_is_given_its_password_when_that_is_due_or_asked_for() {
    let mut world = World::settled();
    for _ in 0..=HEALS_MAX {
        world.tampered(Field::Drifted);
    }
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert_eq!((world.count(EventId::AccountUpdated), world.journal.field), (HEALS_MAX + 1, Field::Current));
    assert_eq!(world.machine.report().activity, Activity::Idle);
}

#[test]
fn a_lock_is_told_once_and_left() {
    let mut world = World::settled();
    for _ in 0..3 {
        world.tampered(Field::Locked);
    }
    world.pass(2 * HOUR);
    assert_eq!((world.count(EventId::AccountLocked), world.in_force()), (1, Some(version(1))));
    assert!(!world.raised(EventId::DriftFound));
    world.tampered(Field::Current);
    world.tampered(Field::Locked);
    assert_eq!(world.count(EventId::AccountLocked), 2);
}

#[test]
fn an_account_that_is_gone_is_told_once() {
    let mut world = World::settled();
    for _ in 0..3 {
        world.tampered(Field::Missing);
    }
    assert_eq!((world.count(EventId::DriftFound), world.done.len()), (1, 0));
}

#[test]
fn a_boot_that_is_not_normal_changes_nothing_and_is_told_once() {
    let mut world = World::settled();
    let why = Hindrance { message: "rescue.service runs".to_owned(), next_step: "nothing".to_owned() };
    world.journal.not_normal = Some(Box::new(why.clone()));
    world.tampered(Field::Emptied);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(40 * DAY);
    assert_eq!((world.done.len(), world.in_force()), (0, Some(version(1))));
    assert_eq!(world.count(EventId::BootNotNormal), 1);
    let answer = &world.answers[0].1;
    assert_eq!((answer.result, &answer.message), (AnswerResult::Refused, &why.message));
    assert_eq!(answer.event, Some(30060));
    assert_eq!(world.machine.report().next_step, Some(why.next_step));
    // The next boot is a normal one.
    world.journal.not_normal = None;
    world.restart();
    assert_eq!((world.in_force(), world.journal.field), (Some(version(2)), Field::Current));
}

#[test]
fn what_was_recorded_is_finished_in_a_boot_that_is_not_normal() {
    let mut world = World::settled();
    world.commit_fault = Some(Fault::FileLocked);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.commit_fault = None;
    world.journal.not_normal = Some(Box::new(Hindrance {
        message: "rescue.service runs".to_owned(),
        next_step: "nothing".to_owned(),
    }));
    world.pass(MINUTE);
    assert_eq!((world.in_force(), world.held), (Some(version(2)), Some(version(2))));
}

fn possible_clone() -> Hindrance {
    Hindrance { message: "another machine".to_owned(), next_step: "lapwing adopt".to_owned() }
}

#[test]
fn a_possible_copy_asks_no_directory_and_is_told_once_until_root_adopts_it() {
    let mut world = World::settled();
    world.journal.possible_clone = Some(Box::new(possible_clone()));
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(40 * DAY);
    assert_eq!((world.done.len(), world.in_force()), (0, Some(version(1))));
    assert_eq!(world.count(EventId::PossibleClone), 1);
    let answer = &world.answers[0].1;
    assert_eq!((answer.result, answer.event), (AnswerResult::Refused, Some(30061)));
    let report = world.machine.report();
    assert_eq!((report.activity, report.next_step), (Activity::Failing, Some("lapwing adopt".to_owned())));
    assert!(world.machine.is_possible_clone());
    // Root says that this is the one host.
    world.journal.possible_clone = None;
    world.input(Input::Request(RequestId(2), Request::ProcessPolicy));
    assert_eq!((world.in_force(), world.machine.is_possible_clone()), (Some(version(2)), false));
}

#[test]
fn an_emptied_field_of_a_possible_copy_is_closed_and_nothing_else_is_done() {
    let mut world = World::settled();
    world.journal.possible_clone = Some(Box::new(possible_clone()));
    world.tampered(Field::Emptied);
    assert_eq!((world.journal.field, world.in_force()), (Field::Current, Some(version(1))));
    assert!(world.raised(EventId::EmptyFieldClosed) && world.raised(EventId::PossibleClone));
}
