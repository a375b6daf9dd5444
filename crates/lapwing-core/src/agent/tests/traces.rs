//! What became of each rotation, for people.

use super::*;
use crate::types::ActionId;

impl World {
    fn last(&self) -> &Trace {
        self.traces.traces.back().unwrap()
    }
}

fn names(attempt: &Attempt) -> Vec<StepName> {
    attempt.steps.iter().map(|step| step.name).collect()
}

const PATH: [StepName; 7] = [
    StepName::Journal,
    StepName::Policy,
    StepName::Connect,
    StepName::State,
    StepName::Prepare,
    StepName::Store,
    StepName::Commit,
];

#[test]
fn a_rotation_leaves_one_trace_and_a_quiet_cycle_none() {
    let mut world = World::new();
    world.run();
    let trace = world.last().clone();
    assert_eq!((world.traces.traces.len(), trace.end), (1, Some(TraceEnd::Rotated)));
    assert_eq!((trace.version, trace.reasons.as_slice()), (Some(version(1)), &[Reason::NotInJournal][..]));
    assert_eq!(names(&trace.attempts[0]), PATH);
    assert!(trace.attempts[0].steps.iter().all(|step| step.took.is_some()));
    world.pass(2 * DAY);
    assert_eq!(world.traces.traces.len(), 1);
}

#[test]
fn a_rotation_keeps_its_name_through_all_of_its_attempts_and_a_restart() {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Ordered(ActionId(Guid::from_bytes([1; 16]))));
    let name = world.last().id;
    world.pass(10 * MINUTE);
    world.restart();
    world.pass(10 * MINUTE);
    let failure = world.last().attempts[0].failure.clone().unwrap();
    assert_eq!((failure.event, failure.next_step.as_str()), (EventId::WaitingForDirectory, "wait"));
    assert_eq!((world.last().attempts.len(), world.last().end), (ATTEMPTS_MAX, None));
    assert!(world.last().left_out > 10);
    world.reachable = true;
    world.pass(MINUTE);
    let trace = world.last();
    assert_eq!((trace.id, trace.end, trace.version), (name, Some(TraceEnd::Rotated), world.in_force()));
    assert_eq!(names(trace.attempts.last().unwrap()).len(), PATH.len() + 1);
    assert_eq!(trace.attempts[0].steps.last().unwrap().name, StepName::Connect);
    assert_eq!(trace.causes, [Cause::Schedule, Cause::Management].into());
}

#[test]
fn a_change_whose_answer_was_lost_is_one_rotation() {
    let mut world = World::settled();
    world.fates.push_back(Fate::AnswerLost);
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.verdict = Verdict::Managed(plan());
    world.pass(MINUTE);
    // What was asked for has come about with the first attempt's password, and once more with a fresh one.
    let trace = world.last();
    assert_eq!((trace.end, trace.version), (Some(TraceEnd::Rotated), world.in_force()));
    assert_eq!(
        trace.attempts[0].failure.as_ref().map(|failure| failure.event),
        Some(EventId::SendUnanswered)
    );
    assert_eq!(world.traces.traces.len(), 2);
}

#[test]
fn a_trace_names_the_actions_that_its_password_satisfies() {
    let mut world = World::settled();
    let actions = [1, 2].map(|number| ActionId(Guid::from_bytes([number; 16])));
    world.reachable = false;
    for action in actions {
        world.input(Input::Ordered(action));
    }
    assert_eq!(world.last().actions, actions);
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!((world.last().actions.as_slice(), world.last().end), (&actions[..], Some(TraceEnd::Rotated)));
    assert!(names(world.last().attempts.last().unwrap()).contains(&StepName::Bind));
}

#[test]
fn what_policy_switches_off_meanwhile_ends_unneeded_and_an_action_in_vain_says_why() {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    world.verdict = Verdict::Disabled;
    world.pass(MINUTE);
    assert_eq!(world.last().end, Some(TraceEnd::NotNeeded));
    world.input(Input::Ordered(ActionId(Guid::from_bytes([1; 16]))));
    let failure = world.last().attempts[0].failure.as_ref().unwrap();
    assert_eq!((failure.hresult, world.last().end), (Hresult::SERVICE_DISABLED, None));
}

#[test]
fn what_the_server_has_is_told_no_more_until_it_changes_and_no_more_than_so_many_are_kept() {
    let mut world = World::settled();
    world.reachable = false;
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    let told: Vec<_> = world.machine.traces().traces.iter().cloned().collect();
    world.input(Input::TracesTold(told.clone()));
    assert!(world.traces.traces.iter().all(|trace| trace.is_told));
    world.reachable = true;
    world.pass(MINUTE);
    assert!(!world.last().is_told);
    // A late word about what is no longer so.
    world.input(Input::TracesTold(told));
    assert!(!world.last().is_told);
    for id in 0..u64::try_from(TRACES_MAX).unwrap() + 3 {
        world.input(Input::Request(RequestId(id + 2), Request::ResetPassword));
    }
    assert_eq!(world.traces.traces.len(), TRACES_MAX);
}
