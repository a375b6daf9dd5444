//! The way of one rotation, from the click or the trigger to the new password, in three lanes: what server and device know
//! of it, by one clock.

use core::time::Duration;

use lapwing_core::{
    event::Hresult,
    management::{ActionState, QueuedAction},
    types::FileTime,
};
use lapwing_proto::trace::{AttemptInfo, FailureInfo, StepInfo, TraceInfo};

/// Where a step belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Push,
    Policy,
    Password,
}

impl Lane {
    pub(crate) const ALL: [Self; 3] = [Self::Push, Self::Policy, Self::Password];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Policy => "policy processing",
            Self::Password => "password update",
        }
    }

    /// That of a step of the device.
    fn of(step: &str) -> Self {
        match step {
            "journal" | "policy" | "connect" | "state" => Self::Policy,
            _ => Self::Password,
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) lane: Lane,
    pub(crate) name: &'static str,
    /// By the server's clock.
    pub(crate) at: FileTime,
    /// None for what takes no time, or goes on.
    pub(crate) took: Option<Duration>,
    /// Which attempt of the device, from 1; none for steps of the server.
    pub(crate) attempt: Option<u32>,
    pub(crate) failure: Option<Failed>,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) event: Option<u16>,
    pub(crate) hresult: Hresult,
    pub(crate) next_step: Option<String>,
}

/// An action, as the flow needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pressed {
    pub(crate) action: QueuedAction,
    pub(crate) sent: Option<FileTime>,
    pub(crate) accepted: Option<FileTime>,
}

/// What the device tells, and how far its clock was ahead, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) trace: &'a TraceInfo,
    pub(crate) ahead: i64,
}

/// All steps, in the order of time; those of one instant in the order of the lanes.
pub(crate) fn flow(pressed: &[Pressed], told: Option<Told<'_>>) -> Vec<Passed> {
    let mut steps = Vec::new();
    for pressed in pressed {
        push(pressed, &mut steps);
    }
    if let Some(told) = told {
        for (index, attempt) in (1_u32..).zip(&told.trace.attempts) {
            // Of those left out, all came after the first.
            let left_out = if index > 1 { told.trace.left_out } else { 0 };
            device(attempt, index.saturating_add(left_out), told.ahead, &mut steps);
        }
    }
    steps.sort_by_key(|step| (step.at, step.lane));
    steps
}

fn push(pressed: &Pressed, steps: &mut Vec<Passed>) {
    let Pressed { action, sent, accepted } = pressed;
    let mut add = |name, at, failure| {
        steps.push(Passed { lane: Lane::Push, name, at, took: None, attempt: None, failure });
    };
    add("asked for", action.requested, None);
    if let Some(sent) = sent {
        add("sent in a session", *sent, None);
    }
    if let Some(accepted) = accepted {
        add("accepted by the device", *accepted, None);
    }
    match action.state {
        ActionState::Pending | ActionState::Accepted => {}
        ActionState::Done { version: Some(_) } => add("done", action.since, None),
        ActionState::Done { version: None } => add("done, stored elsewhere", action.since, None),
        ActionState::Failing { hresult, event } => {
            add("failing", action.since, Some(Failed { event, hresult, next_step: None }));
        }
        ActionState::Refused { status } => {
            let hresult = Hresult::from_win32(status);
            add(
                "refused by the device",
                action.since,
                Some(Failed { event: None, hresult, next_step: None }),
            );
        }
        ActionState::Cancelled => add("cancelled", action.since, None),
        ActionState::Expired => add("expired", action.since, None),
    }
}

fn device(attempt: &AttemptInfo, number: u32, ahead: i64, steps: &mut Vec<Passed>) {
    let Ok(began) = attempt.began.parse::<FileTime>() else { return };
    let began = set_back(began, ahead);
    let count = attempt.steps.len();
    for (index, StepInfo { name, after_micros, took_micros }) in attempt.steps.iter().enumerate() {
        let failure = attempt.failure.as_ref().filter(|_| index + 1 == count);
        steps.push(Passed {
            lane: Lane::of(name),
            name: described(name),
            at: began.saturating_add(Duration::from_micros(*after_micros)),
            took: took_micros.map(Duration::from_micros),
            attempt: Some(number),
            failure: failure.map(|FailureInfo { event, hresult, next_step }| Failed {
                event: Some(*event),
                hresult: Hresult(*hresult),
                next_step: Some(next_step.clone()),
            }),
        });
    }
}

/// A time of the device by our clock.
fn set_back(time: FileTime, ahead: i64) -> FileTime {
    let ticks = time.ticks().saturating_add_signed(ahead.saturating_neg());
    FileTime::from_ticks(ticks).unwrap_or(time)
}

/// A step in words. What is not known here was refused when it was told.
fn described(step: &str) -> &'static str {
    match step {
        "journal" => "read the journal",
        "policy" => "read the policy",
        "connect" => "found the directory",
        "state" => "read what it holds",
        "reinstate" => "put the hash back",
        "prepare" => "drew and sealed a password",
        "bind" => "saved what it satisfies",
        "count" => "counted the send",
        "store" => "stored it in the directory",
        "commit" => "set and read back the account",
        _ => "did something",
    }
}

#[cfg(test)]
mod tests {
    use lapwing_core::{
        management::ACTION_LIFE,
        types::{ActionId, Guid, PasswordVersion},
    };

    use super::*;

    const SECOND: u64 = 10_000_000;

    fn at(seconds: u64) -> FileTime {
        FileTime::from_unix(Duration::from_secs(1_800_000_000 + seconds)).unwrap()
    }

    fn trace(failure: Option<FailureInfo>) -> TraceInfo {
        let steps = ["journal", "policy", "store"];
        let step = |(index, name): (usize, &&str)| StepInfo {
            name: (*name).to_owned(),
            after_micros: index as u64 * 1_000_000,
            took_micros: Some(500_000),
        };
        TraceInfo {
            id: String::new(),
            causes: Vec::new(),
            reasons: 0,
            actions: Vec::new(),
            version: None,
            attempts: vec![AttemptInfo {
                // An hour ahead.
                began: at(3600 + 12).to_string(),
                steps: steps.iter().enumerate().map(step).collect(),
                failure,
            }],
            left_out: 0,
            end: None,
        }
    }

    #[test]
    fn steps_of_both_ends_stand_in_the_order_of_one_clock() {
        let mut action = QueuedAction::new(ActionId(Guid::from_bytes([1; 16])), at(10), ACTION_LIFE);
        action.on_report(at(20), Hresult::SUCCESS, Some(PasswordVersion(Guid::from_bytes([2; 16]))), None);
        let pressed = Pressed { action, sent: Some(at(11)), accepted: Some(at(11)) };
        let trace = trace(None);
        let told = Told { trace: &trace, ahead: i64::try_from(3600 * SECOND).unwrap() };
        let steps = flow(&[pressed], Some(told));
        let seen: Vec<_> = steps.iter().map(|step| (step.lane, step.name, step.at)).collect();
        assert_eq!(
            seen,
            [
                (Lane::Push, "asked for", at(10)),
                (Lane::Push, "sent in a session", at(11)),
                (Lane::Push, "accepted by the device", at(11)),
                (Lane::Policy, "read the journal", at(12)),
                (Lane::Policy, "read the policy", at(13)),
                (Lane::Password, "stored it in the directory", at(14)),
                (Lane::Push, "done", at(20)),
            ]
        );
        assert!(steps.iter().all(|step| step.failure.is_none()));
    }

    #[test]
    fn a_failed_attempt_names_the_step_the_event_and_what_to_do() {
        let failure = FailureInfo { event: 30003, hresult: 0x8007_2EE2, next_step: "wait".to_owned() };
        let trace = trace(Some(failure));
        let steps = flow(&[], Some(Told { trace: &trace, ahead: 0 }));
        let failed: Vec<_> = steps.iter().filter(|step| step.failure.is_some()).collect();
        assert_eq!((failed.len(), failed[0].name), (1, "stored it in the directory"));
        let failure = failed[0].failure.as_ref().unwrap();
        assert_eq!((failure.event, failure.next_step.as_deref()), (Some(30003), Some("wait")));
    }
}
