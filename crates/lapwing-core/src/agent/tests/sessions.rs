//! What follows the change of a password that was used.

use super::{
    due::{used_under, used_under_policy},
    *,
};

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

/// A world in which a failed log-on has the password changed after an hour too.
fn wary() -> World {
    let actions = PostAuthenticationActions::ResetAndReboot;
    let after = PostAuthentication { actions, delay: 60 * MINUTE, by_failure: true, on_time: true };
    let mut world = used_under_policy(after);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.pass(61 * MINUTE);
    assert_eq!((world.in_force(), world.memory.ending.is_none()), (Some(version(2)), true));
    world.forget_the_past()
}

#[test]
fn a_failed_log_on_has_the_password_changed_where_root_wants_that_and_ends_no_session() {
    let mut world = wary();
    world.input(seen(Use::Failed, "somebody"));
    assert!(world.memory.used.is_none());
    world.input(seen(Use::Failed, "lapadmin"));
    assert!(world.raised(EventId::PostAuthScheduled));
    world.reachable = false;
    world.pass(70 * MINUTE);
    assert!(!world.done.contains(&"close"), "a stranger closes nothing");
    world.reachable = true;
    world.pass(60 * MINUTE);
    assert_eq!(world.in_force(), Some(version(3)));
    assert!(!world.done.contains(&"reboot"));
}

#[test]
fn a_log_on_after_a_failure_has_a_grace_period_of_its_own() {
    let mut world = wary();
    world.input(seen(Use::Failed, "lapadmin"));
    world.pass(30 * MINUTE);
    world.input(seen(Use::Authenticated, "lapadmin"));
    world.input(seen(Use::Failed, "lapadmin"));
    world.pass(59 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
    world.pass(2 * MINUTE);
    assert_eq!((world.in_force(), world.done.last()), (Some(version(3)), Some(&"reboot")));

    // Though the password should have been changed long ago, nobody who comes to help is shut out at once.
    let mut world = wary();
    world.input(seen(Use::Failed, "lapadmin"));
    world.reachable = false;
    world.pass(70 * MINUTE);
    world.input(seen(Use::Authenticated, "lapadmin"));
    world.pass(59 * MINUTE);
    assert!(!world.done.contains(&"close"));
    world.pass(2 * MINUTE);
    assert_eq!(ended(&mut world), ["close", "reboot"]);
}

#[test]
fn a_grace_period_that_a_failure_began_ends_with_the_option() {
    let mut world = wary();
    world.input(seen(Use::Failed, "lapadmin"));
    let after = PostAuthentication {
        actions: PostAuthenticationActions::ResetAndReboot,
        delay: 60 * MINUTE,
        by_failure: false,
        on_time: false,
    };
    world.verdict = Verdict::Managed(Plan { post_authentication: Some(after), ..plan() });
    world.input(Input::PolicyChanged);
    world.pass(2 * 60 * MINUTE);
    assert_eq!(world.in_force(), Some(version(2)));
}

#[test]
fn failures_change_the_password_three_times_a_day_whatever_restarts() {
    let mut world = wary();
    for round in 0..10 {
        world.input(seen(Use::Failed, "lapadmin"));
        world.pass(61 * MINUTE);
        let (memory, boot) = (world.memory.clone(), BootId(Guid::from_bytes([round; 16])));
        world.now.boot = BootTime(SECOND);
        world.machine = Machine::new(world.now, boot, 10, memory, world.ledger.clone());
        world.run();
    }
    assert_eq!(world.in_force(), Some(version(5)));
    assert!(world.raised(EventId::FailuresNoMoreFollowed));
    // What needs it is changed all the same.
    world.input(seen(Use::Authenticated, "lapadmin"));
    world.pass(61 * MINUTE);
    assert_eq!(world.in_force(), Some(version(6)));
    // A day after the first.
    world.pass(13 * 60 * MINUTE);
    world.input(seen(Use::Failed, "lapadmin"));
    world.pass(61 * MINUTE);
    assert_eq!(world.in_force(), Some(version(7)));
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

/// A world with a grace period of an hour, at whose end sessions are ended whether or not the directory can be reached; it cannot.
fn away(actions: PostAuthenticationActions) -> World {
    let mut world = used_under_policy(PostAuthentication {
        actions,
        delay: 60 * MINUTE,
        by_failure: false,
        on_time: true,
    });
    world.use_ended.sessions = vec![session()];
    world.reachable = false;
    world
}

const ALL: PostAuthenticationActions = PostAuthenticationActions::ResetLogOffAndTerminate;

/// What was done to end the use.
fn ended(world: &mut World) -> Vec<&'static str> {
    let done = core::mem::take(&mut world.done);
    let steps = ["close", "warn", "log off", "end processes", "reboot", "open"];
    done.into_iter().filter(|done| steps.contains(done)).collect()
}

#[test]
fn sessions_end_on_time_though_the_directory_is_away_and_the_account_is_closed_before_them() {
    let mut world = away(ALL);
    world.pass(59 * MINUTE);
    assert_eq!(ended(&mut world), [""; 0]);
    world.pass(MINUTE + SECOND);
    assert_eq!(ended(&mut world), ["close", "warn"]);
    assert!(world.raised(EventId::AccountClosed) && world.raised(EventId::PostAuthResetFailed));
    assert!(world.machine.report().summary.contains("nobody can log on"));
    world.pass(2 * MINUTE);
    assert_eq!(ended(&mut world), ["log off", "end processes"]);
    assert!(world.raised(EventId::PostAuthActionsSucceeded));
    world.pass(DAY);
    assert_eq!((ended(&mut world), world.in_force()), (vec![], Some(version(1))), "once");

    world.events.clear();
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!((world.in_force(), &world.journal.closed), (Some(version(2)), &None));
    assert!(world.raised(EventId::AccountOpened) && world.raised(EventId::PostAuthResetDone));
    world.pass(DAY);
    assert_eq!(ended(&mut world), [""; 0], "nothing is left of that use");
    assert!(!world.machine.report().summary.contains("nobody can log on"));
}

#[test]
fn the_host_reboots_once_and_the_account_is_closed_before_and_after() {
    let mut world = away(PostAuthenticationActions::ResetAndReboot);
    world.pass(60 * MINUTE + SECOND);
    assert_eq!(ended(&mut world), ["close", "reboot"]);
    let memory = world.memory.clone();
    world.now.boot = BootTime(SECOND);
    world.machine =
        Machine::new(world.now, BootId(Guid::from_bytes([0xb1; 16])), 9, memory, world.ledger.clone());
    world.run();
    world.pass(DAY);
    assert_eq!((ended(&mut world), world.journal.closed.is_some()), (vec![], true));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!((world.in_force(), &world.journal.closed), (Some(version(2)), &None));
    world.pass(DAY);
    assert_eq!(ended(&mut world), [""; 0]);
}

#[test]
fn no_session_ends_while_others_can_begin() {
    let mut world = away(ALL);
    world.close_fault = Some(Fault::FileLocked);
    world.pass(70 * MINUTE);
    let tried = ended(&mut world);
    assert!(tried.len() > 1 && tried.iter().all(|step| *step == "close"), "{tried:?}");
    assert!(world.raised(EventId::UseNotEnded));
    world.close_fault = None;
    world.pass(60 * MINUTE);
    assert_eq!(ended(&mut world), ["close", "warn", "log off", "end processes"]);
    // Somebody opens it by hand: it is closed again, and its sessions were ended once.
    world.journal.closed = None;
    world.pass(60 * MINUTE);
    assert_eq!(ended(&mut world), ["close"]);

    // The network came back before it could be closed: as without the option.
    let mut world = away(ALL);
    world.close_fault = Some(Fault::FileLocked);
    world.pass(61 * MINUTE);
    world.done.clear();
    world.reachable = true;
    world.pass(10 * MINUTE);
    assert_eq!(
        (ended(&mut world), world.in_force()),
        (vec!["warn", "log off", "end processes"], Some(version(2)))
    );
}

#[test]
fn who_logs_on_after_root_has_opened_it_is_logged_off_too() {
    let mut world = away(ALL);
    world.pass(70 * MINUTE);
    ended(&mut world);
    world.journal.closed = None;
    world.input(seen(Use::Authenticated, "lapadmin"));
    world.pass(60 * MINUTE);
    assert_eq!(ended(&mut world), ["close", "warn", "log off", "end processes"]);
}

/// What is remembered by a run that died when it was about to close the account.
fn about_to_close(world: &World) -> Memory {
    let used = world.memory.used.clone().unwrap();
    let ending = Ending {
        account: used.account.clone(),
        uid: used.uid,
        step: EndStep::Close,
        terminates: true,
        reboots: false,
        wait: Duration::ZERO,
        since: used.since,
        failed: false,
    };
    Memory { ending: Some(ending), ..world.memory.clone() }
}

#[test]
fn what_was_about_to_be_closed_before_a_crash_is_not_if_policy_has_changed() {
    let mut world = away(ALL);
    let memory = about_to_close(&world);
    let after = PostAuthentication { actions: ALL, delay: 60 * MINUTE, by_failure: false, on_time: false };
    world.verdict = Verdict::Managed(Plan { post_authentication: Some(after), ..plan() });
    world.machine = Machine::new(world.now, BOOT, 9, memory, world.ledger.clone());
    world.run();
    world.pass(DAY);
    assert_eq!(ended(&mut world), [""; 0]);
}

#[test]
fn what_was_about_to_be_closed_before_a_crash_is_not_if_the_password_is_another_one() {
    let mut world = away(ALL);
    world.pass(70 * MINUTE);
    ended(&mut world);
    // Root has opened it, so that it was to be closed once more.
    world.journal.closed = None;
    let memory = about_to_close(&world);
    world.reachable = true;
    world.machine = Machine::new(world.now, BOOT, 9, memory, world.ledger.clone());
    world.run();
    world.pass(DAY);
    assert_eq!((ended(&mut world), world.in_force()), (vec![], Some(version(2))));
}

#[test]
fn a_directory_that_does_not_answer_for_the_password_is_away_too() {
    let mut world = away(ALL);
    world.reachable = true;
    world.fates = VecDeque::from([Fate::RequestLost; 64]);
    world.pass(60 * MINUTE + SECOND);
    assert_eq!(ended(&mut world), ["close", "warn"]);
}

#[test]
fn what_closed_the_account_needs_no_memory_to_open_it() {
    let mut world = away(ALL);
    world.pass(70 * MINUTE);
    assert!(world.journal.closed.is_some());
    world.restart();
    world.pass(60 * MINUTE);
    assert_eq!(world.in_force(), Some(version(1)));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!((world.in_force(), &world.journal.closed), (Some(version(2)), &None));
}

#[test]
fn an_account_is_opened_once_policy_does_not_want_it_closed() {
    let open = |verdict: Verdict| {
        let mut world = away(ALL);
        world.pass(70 * MINUTE);
        ended(&mut world);
        world.verdict = verdict;
        world.input(Input::PolicyChanged);
        world.pass(SECOND);
        (ended(&mut world), world.journal.closed.is_some(), world.raised(EventId::AccountOpened))
    };
    let opened = (vec!["open"], false, true);
    assert_eq!(open(Verdict::Disabled), opened);
    assert_eq!(open(Verdict::Managed(plan())), opened);
    let other = Plan { account: Some("other".parse().unwrap()), ..plan() };
    assert_eq!(open(Verdict::Managed(other)), opened);
    let unreadable = Verdict::Unsupported { message: String::new(), next_step: String::new() };
    assert_eq!(open(unreadable), (vec![], true, false));
}

#[test]
fn a_host_that_may_be_a_copy_and_the_built_in_administrator_stay_open() {
    let mut world = away(ALL);
    world.refusal = DirectoryFault::PossibleClone;
    world.fates = VecDeque::from([Fate::Refused; 64]);
    world.reachable = true;
    world.pass(70 * MINUTE);
    assert_eq!(ended(&mut world), [""; 0]);

    let mut world = away(ALL);
    let used = world.memory.used.clone().unwrap();
    let memory = Memory { used: Some(Used { uid: Uid(0), ..used }), ..world.memory.clone() };
    world.machine = Machine::new(world.now, BOOT, 9, memory, world.ledger.clone());
    world.run();
    world.pass(DAY);
    assert_eq!(ended(&mut world), [""; 0]);
}
