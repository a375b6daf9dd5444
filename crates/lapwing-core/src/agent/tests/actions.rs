//! What device management asks for.

use super::*;
use crate::types::Age;

fn action(number: u8) -> ActionId {
    ActionId(Guid::from_bytes([number; 16]))
}

impl World {
    fn order(&mut self, number: u8) {
        self.input(Input::Ordered(action(number)));
    }

    fn status(&self, number: u8) -> ActionStatus {
        self.machine.ledger().find(action(number)).unwrap().status(self.now.boot)
    }

    fn prepares(&self) -> usize {
        self.done.iter().filter(|done| **done == "prepare").count()
    }
}

#[test]
fn an_action_is_saved_then_acknowledged_then_satisfied_by_one_rotation() {
    let mut world = World::settled();
    world.order(1);
    assert_eq!(world.acknowledged, [(action(1), Acceptance::Open)]);
    assert_eq!(world.done, ["prepare", "store", "commit"]);
    assert_eq!(world.status(1), ActionStatus::Satisfied(version(2)));
    assert_eq!(world.ledger, *world.machine.ledger());
    assert!(world.raised(EventId::MdmRequested) && world.raised(EventId::ActionSatisfied));
    assert_eq!(world.calls_home, 1);
    // It comes again, for its answer was lost.
    world.order(1);
    world.restart();
    world.order(1);
    assert_eq!(world.acknowledged[1..], [(action(1), Acceptance::Satisfied); 2]);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn an_action_that_cannot_be_saved_is_as_if_it_had_never_come() {
    let mut world = World::settled();
    world.disk_is_full = true;
    world.order(1);
    assert_eq!(world.acknowledged, [(action(1), Acceptance::NotSaved)]);
    assert_eq!(world.machine.ledger(), &Ledger::default());
    assert_eq!(world.in_force(), Some(version(1)));
    world.disk_is_full = false;
    world.order(1);
    assert_eq!(world.status(1), ActionStatus::Satisfied(version(2)));
}

#[test]
fn nothing_is_sent_before_it_is_saved_which_actions_it_satisfies() {
    let mut world = World::settled();
    world.reachable = false;
    world.order(1);
    (world.reachable, world.disk_is_full) = (true, true);
    world.pass(MINUTE);
    assert!(!world.done.contains(&"store"), "{:?}", world.done);
    assert_eq!(world.status(1), ActionStatus::Pending);
    world.disk_is_full = false;
    world.pass(MINUTE);
    let ActionStatus::Satisfied(by) = world.status(1) else { panic!("{:?}", world.status(1)) };
    assert_eq!((Some(by), world.held), (world.in_force(), Some(by)));
}

#[test]
fn while_it_cannot_be_saved_which_actions_it_satisfies_no_password_pushes_out_one_that_may_land() {
    let mut world = World::settled();
    world.fates.push_back(Fate::RequestLost);
    world.order(1);
    world.reachable = false;
    world.order(2);
    (world.reachable, world.disk_is_full) = (true, true);
    world.pass(20 * MINUTE);
    // The first one was sent, the second never.
    assert_eq!(world.prepares(), 2);
    for _ in 0..10 {
        world.restart();
        world.pass(MINUTE);
    }
    assert_eq!(world.prepares(), 2);
    world.disk_is_full = false;
    world.pass(MINUTE);
    assert_eq!(world.status(2), ActionStatus::Satisfied(world.in_force().unwrap()));
}

#[test]
fn what_could_not_be_saved_when_it_happened_is_saved_later() {
    let mut world = World::settled();
    world.order(1);
    let told = world.status(1);
    world.disk_is_full = true;
    world.input(Input::Confirmed(action(1), told));
    assert_ne!(world.ledger, *world.machine.ledger());
    world.disk_is_full = false;
    world.pass(2 * MINUTE * 60);
    assert_eq!(world.ledger, *world.machine.ledger());
}

#[test]
fn actions_that_came_before_one_store_share_its_password() {
    let mut world = World::settled();
    world.reachable = false;
    (1..=3).for_each(|number| world.order(number));
    world.reachable = true;
    world.pass(MINUTE);
    for number in 1..=3 {
        assert_eq!(world.status(number), ActionStatus::Satisfied(version(2)));
    }
    assert_eq!(world.prepares(), 1);
}

#[test]
fn an_action_is_not_satisfied_by_a_password_that_may_have_been_read_before_it_came() {
    // The first one's password may have landed when the second one comes.
    for fate in [Fate::RequestLost, Fate::AnswerLost] {
        let mut world = World::settled();
        world.fates.push_back(fate);
        world.order(1);
        world.order(2);
        world.pass(MINUTE);
        let (first, second) = (world.status(1), world.status(2));
        assert_eq!(second, ActionStatus::Satisfied(world.in_force().unwrap()));
        assert_ne!(second, ActionStatus::Satisfied(version(2)));
        assert_eq!(
            first,
            if fate == Fate::AnswerLost { ActionStatus::Satisfied(version(2)) } else { second }
        );
    }
}

#[test]
fn an_action_that_comes_while_a_password_is_prepared_or_sent_is_served_by_it_or_by_the_next() {
    for outcomes in 0..8 {
        let mut world = World::settled();
        world.tell_in = Some((outcomes, Input::Ordered(action(2))));
        world.order(1);
        // The last outcomes may never come: then it comes later.
        world.order(2);
        assert_eq!(world.status(1), ActionStatus::Satisfied(version(2)));
        // Journal, policy, connection, state, preparation: the sixth outcome is the store's.
        let by = if outcomes < 5 { 2 } else { 3 };
        assert_eq!(world.status(2), ActionStatus::Satisfied(version(by)), "after {outcomes} outcomes");
        assert_eq!(world.in_force(), Some(version(by)));
    }
}

#[test]
fn a_crash_between_any_two_actions_neither_loses_an_action_nor_rotates_twice_for_it() {
    let mut crashes = 0;
    for at in 0..40 {
        for fate in [Fate::Arrives, Fate::AnswerLost] {
            let mut world = World::settled();
            world.fates.push_back(fate);
            world.crash_in = Some(at);
            world.order(1);
            crashes += usize::from(world.crash_in.take().is_none());
            // The server repeats it until it is acknowledged.
            world.order(1);
            world.pass(2 * MINUTE);
            assert_eq!(world.status(1), ActionStatus::Satisfied(world.in_force().unwrap()), "{at}");
            assert!(world.acknowledged.iter().all(|(id, _)| *id == action(1)));
            let stores = world.done.iter().filter(|done| **done == "store").count();
            assert!(stores <= 2, "{at}: {:?}", world.done);
            // What was drawn and never sent is no rotation.
            assert!(world.journal.replaced == [version(1)], "{at}: {:?}", world.journal.replaced);
        }
    }
    assert!(crashes > 15, "only {crashes} crashes happened");
}

#[test]
fn an_action_is_pending_while_its_cause_may_go_away_and_then_failed_and_satisfied_all_the_same() {
    let mut world = World::settled();
    world.reachable = false;
    world.order(1);
    assert_eq!(world.machine.reset_status(world.now.boot), Hresult::PENDING);
    world.pass(PENDING_MAX - MINUTE);
    assert_eq!((world.status(1), world.calls_home), (ActionStatus::Pending, 0));
    // A restart in between changes nothing.
    world.restart();
    world.pass(2 * MINUTE);
    assert_eq!(world.machine.reset_status(world.now.boot), Hresult::CANNOT_CONNECT);
    assert_eq!(world.calls_home, 1);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.machine.reset_status(world.now.boot), Hresult::SUCCESS);
    assert_eq!(world.calls_home, 2);
}

#[test]
fn an_action_that_policy_or_directory_refuses_fails_at_once_and_is_tried_on() {
    let mut world = World::settled();
    world.verdict = Verdict::Disabled;
    world.order(1);
    assert_eq!(world.machine.reset_status(world.now.boot), Hresult::SERVICE_DISABLED);
    assert_eq!(world.calls_home, 1);
    world.verdict = Verdict::Managed(plan());
    world.fates.push_back(Fate::Refused);
    world.pass(2 * MINUTE * 60);
    assert!(world.raised(EventId::ActionFailed));
    assert_eq!(world.status(1), ActionStatus::Satisfied(version(2)));
}

#[test]
fn what_the_server_has_confirmed_is_told_no_more_until_it_changes() {
    let mut world = World::settled();
    world.verdict = Verdict::Disabled;
    world.order(1);
    let is_untold = |world: &World| world.machine.ledger().find(action(1)).unwrap().is_untold(world.now.boot);
    assert!(is_untold(&world));
    let told = world.status(1);
    world.input(Input::Confirmed(action(1), told));
    assert!(!is_untold(&world));
    world.verdict = Verdict::Managed(plan());
    world.pass(2 * MINUTE * 60);
    assert!(is_untold(&world));
    // A late confirmation of what is no longer so confirms nothing.
    world.input(Input::Confirmed(action(1), told));
    assert!(is_untold(&world));
}

#[test]
fn a_server_that_asks_again_has_forgotten_what_it_confirmed_and_is_told_again() {
    let mut world = World::settled();
    world.order(1);
    let is_untold = |world: &World| world.machine.ledger().find(action(1)).unwrap().is_untold(world.now.boot);
    let told = world.status(1);
    world.input(Input::Confirmed(action(1), told));
    assert!(!is_untold(&world));
    // Its database was restored.
    world.order(1);
    assert_eq!(world.acknowledged.last(), Some(&(action(1), Acceptance::Satisfied)));
    assert!(is_untold(&world));
    world.input(Input::Confirmed(action(1), told));
    assert!(!is_untold(&world));
}

#[test]
fn the_ledger_refuses_one_too_many_and_forgets_the_oldest_that_are_satisfied() {
    let mut world = World::settled();
    world.reachable = false;
    let all = u8::try_from(OPEN_MAX).unwrap() + 1;
    (1..=all).for_each(|number| world.order(number));
    assert_eq!(world.acknowledged.last(), Some(&(action(all), Acceptance::Full)));
    assert_eq!(world.machine.ledger().open().count(), OPEN_MAX);
}

#[test]
fn of_the_satisfied_actions_the_oldest_that_the_server_knows_of_is_forgotten_first() {
    let mut ledger = Ledger::default();
    let id = |number: usize| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        ActionId(Guid::from_bytes(bytes))
    };
    for number in 0..=SATISFIED_MAX {
        ledger.add(id(number), Age::new(World::new().now, BOOT));
        let satisfied = ledger.actions.back_mut().unwrap();
        satisfied.satisfied_by = Some(version(1));
        satisfied.confirmed = (number == 7).then_some(ActionStatus::Satisfied(version(1)));
    }
    // The newest of these pushed out the only one confirmed.
    ledger.add(id(1000), Age::new(World::new().now, BOOT));
    assert_eq!(ledger.actions.len(), SATISFIED_MAX + 1);
    assert!(ledger.find(id(7)).is_none() && ledger.find(id(0)).is_some());
    ledger.actions.back_mut().unwrap().satisfied_by = Some(version(1));
    ledger.add(id(1001), Age::new(World::new().now, BOOT));
    assert!(ledger.find(id(0)).is_none() && ledger.find(id(1)).is_some());
}

#[test]
fn the_protocols_table_of_causes_is_what_the_machine_does() {
    let table = include_str!("../../../../../docs/protocol.md");
    let faults = [
        Fault::AccountNotListed,
        Fault::DirectoryNotListed,
        Fault::ManagedFile,
        Fault::AccountMissing,
        Fault::AccountUnsuitable,
        Fault::AccountNotOurs,
        Fault::BudgetSpent,
        Fault::FileLocked,
        Fault::NotWritable,
        Fault::NoSpace,
        Fault::AgeingTooShort,
        Fault::NoAcceptablePassword,
        Fault::HashRefused,
        Fault::ReceiptInvalid,
        Fault::JournalDamaged,
        Fault::Internal,
    ];
    for fault in faults {
        let mut world = World::settled();
        world.commit_fault = Some(fault);
        world.order(1);
        let failure = world.machine.ledger().find(action(1)).unwrap().failure.unwrap();
        let hresult = format!("`{}`", failure.hresult);
        let (event, at_once) =
            (failure.event.code().to_string(), if failure.is_definite { "yes" } else { "no" });
        let is_row = |line: &str| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            matches!(cells[..], [_, _, codes, events, when, _, _]
                if codes.contains(&hresult) && events == event && when == at_once)
        };
        assert!(table.lines().any(is_row), "{fault:?}: {hresult} {event} {at_once}");
    }
}
