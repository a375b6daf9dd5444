use core::time::Duration;

use super::*;
use crate::{
    event::Hresult,
    types::{ActionId, BootTime, FileTime, Guid, PasswordVersion},
};

fn at(seconds: u64) -> FileTime {
    FileTime::from_unix(Duration::from_secs(1_800_000_000 + seconds)).unwrap()
}

fn boot(seconds: u64) -> BootTime {
    BootTime(Duration::from_secs(seconds))
}

fn action() -> QueuedAction {
    QueuedAction::new(ActionId(Guid::from_bytes([1; 16])), at(0), ACTION_LIFE)
}

const VERSION: Option<PasswordVersion> = Some(PasswordVersion(Guid::from_bytes([2; 16])));
const DONE: ActionState = ActionState::Done { version: VERSION };
const FAILING: ActionState = ActionState::Failing { hresult: Hresult::TIMEOUT, event: Some(30016) };

#[test]
fn an_action_goes_from_pending_by_accepted_to_done() {
    let mut action = action();
    assert!(action.is_to_be_sent(at(1)));
    action.on_status(at(1), 202);
    assert_eq!((action.state, action.since), (ActionState::Accepted, at(1)));
    // Until its end is known the device is asked again, for it may have been set up anew.
    assert!(action.is_to_be_sent(at(2)) && !action.is_over());
    action.on_report(at(3), Hresult::SUCCESS, VERSION, None);
    assert_eq!((action.state, action.since), (DONE, at(3)));
    assert!(!action.is_to_be_sent(at(4)) && action.is_over());
}

#[test]
fn whatever_comes_twice_or_late_changes_nothing_that_is_done() {
    let mut action = action();
    action.on_report(at(1), Hresult::SUCCESS, VERSION, None);
    let done = action;
    action.on_status(at(2), 202);
    action.on_status(at(2), 405);
    action.on_report(at(3), Hresult::TIMEOUT, None, Some(30016));
    action.on_report(at(3), Hresult::SUCCESS, None, None);
    assert_eq!(action.cancel(at(4)), Err(NotCancelled));
    assert!(!action.expire(at(5).saturating_add(ACTION_LIFE)));
    assert_eq!(action, done);
}

#[test]
fn a_failing_action_is_done_in_the_end_and_never_only_accepted_again() {
    let mut action = action();
    action.on_status(at(1), 202);
    action.on_report(at(2), Hresult::TIMEOUT, None, Some(30016));
    assert_eq!(action.state, FAILING);
    // The device that failed may have been set up anew since, and know nothing of it.
    assert!(action.is_to_be_sent(at(2)));
    action.on_report(at(3), Hresult::PENDING, None, None);
    action.on_status(at(3), 202);
    assert_eq!((action.state, action.since), (FAILING, at(2)));
    action.on_report(at(4), Hresult::SUCCESS, VERSION, None);
    assert_eq!(action.state, DONE);
}

#[test]
fn only_what_no_device_has_accepted_expires_or_is_cancelled() {
    let late = at(1).saturating_add(ACTION_LIFE);
    let mut waiting = action();
    assert!(!waiting.expire(at(9)));
    assert!(!waiting.is_to_be_sent(late));
    assert!(waiting.expire(late));
    assert_eq!(waiting.state, ActionState::Expired);
    let mut accepted = action();
    accepted.on_status(at(1), 200);
    assert!(!accepted.expire(late));
    assert_eq!(accepted.cancel(at(2)), Err(NotCancelled));
    let mut cancelled = action();
    assert_eq!(cancelled.cancel(at(2)), Ok(()));
    assert!(!cancelled.is_to_be_sent(at(3)));
}

#[test]
fn what_is_put_off_is_asked_for_when_it_is_due_and_lives_from_then_on() {
    let due = at(7200);
    let mut action = QueuedAction::due(ActionId(Guid::from_bytes([1; 16])), at(0), due, ACTION_LIFE);
    assert!(!action.is_to_be_sent(at(0)) && !action.is_to_be_sent(at(7199)));
    assert!(action.is_to_be_sent(due));
    assert!(!action.expire(at(7199).saturating_add(ACTION_LIFE)));
    assert!(action.is_to_be_sent(at(7199).saturating_add(ACTION_LIFE)));
    assert!(action.expire(due.saturating_add(ACTION_LIFE)));
    let mut cancelled = QueuedAction::due(action.id, at(0), due, ACTION_LIFE);
    assert_eq!(cancelled.cancel(at(1)), Ok(()));
    assert!(!cancelled.is_to_be_sent(due));
}

#[test]
fn what_the_device_had_accepted_when_it_was_cancelled_shows_as_that() {
    let mut action = action();
    action.cancel(at(2)).unwrap();
    action.on_status(at(3), 202);
    assert_eq!(action.state, ActionState::Accepted);
    let mut action = self::action();
    action.cancel(at(2)).unwrap();
    action.on_report(at(3), Hresult::SUCCESS, VERSION, None);
    assert_eq!(action.state, DONE);
}

#[test]
fn a_device_without_the_node_refuses_and_one_that_is_full_is_asked_again() {
    for status in [420, 500, 503] {
        let mut action = action();
        action.on_status(at(1), status);
        assert!(action.is_to_be_sent(at(2)), "{status}");
    }
    for status in [404, 405, 406] {
        for reported in [None, Some(Hresult::PENDING), Some(Hresult::TIMEOUT)] {
            let mut action = action();
            reported.into_iter().for_each(|hresult| action.on_report(at(1), hresult, None, None));
            action.on_status(at(1), status);
            assert_eq!(action.state, ActionState::Refused { status });
        }
    }
}

#[test]
fn a_session_is_started_at_boot_and_every_eight_hours() {
    let mut contact = Contact::new(boot(5), 7);
    assert_eq!(contact.poll_start(boot(5)), Some(Because::Schedule));
    assert_eq!((contact.poll_start(boot(6)), contact.poll_timeout()), (None, None));
    contact.ended(boot(10), true);
    let next = contact.poll_timeout().unwrap();
    assert!(next > boot(6 * 3600) && next <= boot(10 + CONTACT_SECONDS), "{next:?}");
    assert_eq!(contact.poll_start(boot(100)), None);
    assert_eq!(contact.poll_start(next), Some(Because::Schedule));
}

#[test]
fn a_call_during_a_session_causes_another_one() {
    let mut contact = Contact::new(boot(0), 7);
    contact.poll_start(boot(0)).unwrap();
    contact.want(boot(1), Because::News);
    contact.want(boot(1), Because::WakeUp);
    assert_eq!(contact.poll_start(boot(1)), None);
    contact.ended(boot(2), true);
    assert_eq!(contact.poll_start(boot(2)), Some(Because::WakeUp));
    contact.ended(boot(3), true);
    assert_eq!(contact.poll_start(boot(3)), None);
}

#[test]
fn a_session_that_failed_is_repeated_soon_while_something_is_to_be_told_and_for_ever() {
    let mut contact = Contact::new(boot(0), 7);
    contact.want(boot(0), Because::News);
    let mut now = boot(0);
    for _ in 0..100 {
        let due = contact.poll_timeout().unwrap();
        assert!(due.saturating_since(now) <= Duration::from_secs(50));
        now = now.max(due);
        assert_eq!(contact.poll_start(now), Some(Because::News));
        contact.ended(now, false);
    }
    // The server calls, so it can be reached.
    contact.want(now, Because::WakeUp);
    assert_eq!(contact.poll_start(now), Some(Because::WakeUp));
}

#[test]
fn a_server_that_is_away_is_not_hammered_when_only_the_schedule_asks() {
    let mut contact = Contact::new(boot(0), 7);
    let (mut now, mut sessions) = (boot(0), 0);
    while now < boot(86_400) {
        now = contact.poll_timeout().unwrap().max(now);
        contact.poll_start(now).unwrap();
        contact.ended(now, false);
        sessions += 1;
    }
    assert!((90..140).contains(&sessions), "{sessions}");
    contact.network_changed(now);
    assert!(contact.poll_timeout().unwrap() <= now.saturating_add(Duration::from_secs(2)));
}
