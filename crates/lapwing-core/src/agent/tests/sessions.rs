//! What follows the change of a password that was used.

use super::{due::used_under, *};

const SECOND: Duration = Duration::from_secs(1);

fn used() -> World {
    used_under(PostAuthenticationActions::ResetLogOffAndTerminate)
}

#[test]
fn only_what_proves_something_is_a_use() {
    for (how, event, is_use) in [
        (Use::Authenticated, Some(EventId::LoggedOn), true),
        (Use::Otherwise, Some(EventId::LoggedOnOtherwise), true),
        (Use::Failed, Some(EventId::LogOnFailed), false),
        (Use::ChangeRefused, Some(EventId::PasswordChangeBlocked), false),
        (Use::Impersonated, None, false),
    ] {
        let mut world = used();
        world.input(Input::Request(RequestId(1), Request::ResetPassword));
        let mut world = world.forget_the_past();
        assert!(world.memory.used.is_none());
        world.input(seen(how, "lapadmin"));
        assert_eq!(world.memory.used.is_some(), is_use, "{how:?}");
        assert_eq!(world.events.first().map(Event::id), event);
    }
}

#[test]
fn the_password_is_protected_while_policy_manages_it_whatever_goes_on() {
    let mut world = World::new();
    assert!(!world.machine.protects_password());
    world.run();
    assert!(world.machine.protects_password());
    world.verdict = Verdict::Disabled;
    world.input(Input::PolicyChanged);
    assert!(!world.machine.protects_password());
    // A cycle that is under way says nothing else yet.
    world.machine.handle(world.now, Input::PolicyChanged);
    assert_eq!(world.machine.report().activity, Activity::Working);
    assert!(!world.machine.protects_password());
    world.verdict = Verdict::Managed(plan());
    world.run();
    assert!(world.machine.protects_password());
}

/// A session, warned or ended.
fn session() -> EndedSession {
    EndedSession {
        id: "7".to_owned(),
        terminal: "pts/0".to_owned(),
        remote_host: "192.0.2.7".to_owned(),
        errno: None,
    }
}

fn codes(world: &mut World) -> Vec<u16> {
    core::mem::take(&mut world.events).iter().map(|event| event.id().code()).collect()
}

#[test]
fn sessions_are_warned_then_ended_and_processes_after_them() {
    let mut world = used();
    world.use_ended = UseEnded {
        sessions: vec![session()],
        processes: vec![EndedProcess { pid: 7, path: "/bin/sh".to_owned(), errno: None }],
    };
    world.pass(60 * MINUTE + SECOND);
    assert_eq!(world.in_force(), Some(version(2)));
    assert_eq!(world.done.last(), Some(&"warn"), "after the password has been changed");
    let all = codes(&mut world);
    assert_eq!(all[all.len() - 6..], [10044, 10004, 10073, 10077, 10078, 10080][..]);
    world.done.clear();
    world.pass(MINUTE);
    assert_eq!((world.done.len(), codes(&mut world).len()), (0, 0), "sessions have two minutes");
    world.pass(MINUTE);
    assert_eq!(world.done, ["log off", "end processes"]);
    assert_eq!(codes(&mut world), [10081, 10082, 10087, 10088, 10074]);
    world.done.clear();
    world.pass(DAY);
    assert!(!world.done.contains(&"log off"), "once: {:?}", world.done);
}

#[test]
fn nobody_is_waited_for_where_there_is_no_session_and_a_failure_is_not_repeated() {
    let mut world = used();
    world.use_ended.processes = vec![EndedProcess { pid: 7, path: String::new(), errno: Some(1) }];
    world.pass(60 * MINUTE + SECOND);
    let all = codes(&mut world);
    assert_eq!(all[all.len() - 5..], [10073, 10077, 10087, 10089, 10075][..]);
    world.done.clear();
    world.pass(DAY);
    assert!(!world.done.contains(&"end processes"));
}

#[test]
fn what_was_begun_goes_on_after_a_crash() {
    let mut world = used();
    world.use_ended.sessions = vec![session()];
    world.pass(60 * MINUTE + SECOND);
    let (memory, ledger) = (world.memory.clone(), world.ledger.clone());
    assert!(memory.ending.is_some());
    world.done.clear();
    world.advance(MINUTE);
    world.machine = Machine::new(world.now, BOOT, 9, memory, ledger);
    world.run();
    assert!(!world.done.contains(&"log off"));
    world.pass(MINUTE);
    assert_eq!(world.done[world.done.len() - 2..], ["log off", "end processes"]);
}

#[test]
fn sessions_of_a_password_that_was_changed_early_end_with_the_grace_period() {
    let mut world = used();
    world.use_ended.sessions = vec![session()];
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(59 * MINUTE);
    assert!(!world.done.contains(&"warn"));
    world.pass(2 * MINUTE);
    assert_eq!((world.done.last(), world.in_force()), (Some(&"warn"), Some(version(2))));
    // The account belongs to nobody any more.
    world.verdict = Verdict::Disabled;
    world.input(Input::PolicyChanged);
    world.pass(DAY);
    assert!(!world.done.contains(&"log off"));
}

#[test]
fn a_reboot_is_asked_for_at_once_and_once() {
    let mut world = used_under(PostAuthenticationActions::ResetAndReboot);
    world.pass(DAY);
    assert_eq!(world.done.iter().filter(|done| **done == "reboot").count(), 1);
    assert!(world.raised(EventId::PostAuthActionsSucceeded) && !world.done.contains(&"warn"));
}
