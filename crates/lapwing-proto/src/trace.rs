//! The traces of rotations, as a device keeps them in its file and tells them to its server. docs/protocol.md, "Traces".
//!
//! What is read is bounded, and what is not known here is refused whole: a trace is for people, and half of one misleads.

use core::time::Duration;

use lapwing_core::{
    agent::{
        ATTEMPTS_MAX, Attempt, Cause, Reason, STEPS_MAX, StepName, TRACES_MAX, Trace, TraceEnd, TraceFailure,
        TraceStep,
    },
    event::{EventId, Hresult},
    types::{FileTime, WallTime},
};
use serde::{Deserialize, Serialize};

/// The most actions that one trace names.
pub const ACTIONS_MAX: usize = 64;
/// The longest text, in bytes.
pub const TEXT_LEN_MAX: usize = 1024;

/// `POST traces`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceUpload {
    /// What the device's clock shows, RFC 3339.
    pub time: String,
    /// At most [`TRACES_MAX`].
    pub traces: Vec<TraceInfo>,
}

/// One rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceInfo {
    /// A GUID.
    pub id: String,
    /// What set it off, by name.
    pub causes: Vec<String>,
    /// Why the password has to be changed: the mask of event 10015.
    pub reasons: u32,
    /// The actions that the password satisfies, GUIDs.
    pub actions: Vec<String>,
    /// The version prepared last, a GUID.
    pub version: Option<String>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptInfo>,
    /// How many more there were between the first and the others.
    pub left_out: u32,
    /// `rotated` or `notNeeded`; none while it goes on.
    pub end: Option<EndInfo>,
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndInfo {
    /// The account has the new password.
    Rotated,
    /// It was no longer needed.
    NotNeeded,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptInfo {
    /// When it began by the device's clock, RFC 3339.
    pub began: String,
    /// What it did, in order.
    pub steps: Vec<StepInfo>,
    /// Why it failed, if it did.
    pub failure: Option<FailureInfo>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepInfo {
    /// Its name.
    pub name: String,
    /// When it began, after the attempt did, in microseconds.
    pub after_micros: u64,
    /// How long it took, in microseconds; none while it goes on.
    pub took_micros: Option<u64>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureInfo {
    /// The event's number.
    pub event: u16,
    /// The code that Windows would report.
    pub hresult: u32,
    /// What to do about it.
    pub next_step: String,
}

/// What was found is no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} of a trace is unknown, malformed or too much")]
pub struct TraceError(&'static str);

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl From<&Trace> for TraceInfo {
    fn from(trace: &Trace) -> Self {
        Self {
            id: trace.id.to_string(),
            causes: trace.causes.iter().map(|cause| cause.as_str().to_owned()).collect(),
            reasons: trace.reasons.iter().fold(0, |mask, reason| mask | reason.bit()),
            actions: trace.actions.iter().map(ToString::to_string).collect(),
            version: trace.version.map(|version| version.to_string()),
            attempts: trace.attempts.iter().map(AttemptInfo::from).collect(),
            left_out: trace.left_out,
            end: trace.end.map(|end| match end {
                TraceEnd::Rotated => EndInfo::Rotated,
                TraceEnd::NotNeeded => EndInfo::NotNeeded,
            }),
        }
    }
}

impl From<&Attempt> for AttemptInfo {
    fn from(attempt: &Attempt) -> Self {
        let step = |step: &TraceStep| StepInfo {
            name: step.name.as_str().to_owned(),
            after_micros: micros(step.after),
            took_micros: step.took.map(micros),
        };
        Self {
            began: attempt.began.0.to_string(),
            steps: attempt.steps.iter().map(step).collect(),
            failure: attempt.failure.as_ref().map(|failure| FailureInfo {
                event: failure.event.code(),
                hresult: failure.hresult.0,
                next_step: failure.next_step.chars().take(TEXT_LEN_MAX / 4).collect(),
            }),
        }
    }
}

impl TraceInfo {
    /// The trace that this is.
    ///
    /// # Errors
    /// [`TraceError`] if a part is unknown, malformed or too much.
    pub fn parse(&self) -> Result<Trace, TraceError> {
        if self.attempts.len() > ATTEMPTS_MAX
            || self.actions.len() > ACTIONS_MAX
            || self.causes.len() > Cause::ALL.len()
        {
            return Err(TraceError("length"));
        }
        let cause = |name: &String| {
            Cause::ALL.iter().copied().find(|cause| cause.as_str() == name).ok_or(TraceError("cause"))
        };
        Ok(Trace {
            id: self.id.parse().map_err(|_| TraceError("id"))?,
            causes: self.causes.iter().map(cause).collect::<Result<_, _>>()?,
            reasons: Reason::of_mask(self.reasons).collect(),
            actions: self
                .actions
                .iter()
                .map(|id| id.parse().map_err(|_| TraceError("action")))
                .collect::<Result<_, _>>()?,
            version: self
                .version
                .as_ref()
                .map(|version| version.parse())
                .transpose()
                .map_err(|_| TraceError("version"))?,
            attempts: self.attempts.iter().map(AttemptInfo::parse).collect::<Result<_, _>>()?,
            left_out: self.left_out,
            end: self.end.map(|end| match end {
                EndInfo::Rotated => TraceEnd::Rotated,
                EndInfo::NotNeeded => TraceEnd::NotNeeded,
            }),
            is_told: false,
        })
    }
}

impl AttemptInfo {
    fn parse(&self) -> Result<Attempt, TraceError> {
        if self.steps.len() > STEPS_MAX {
            return Err(TraceError("length"));
        }
        let step = |step: &StepInfo| {
            let name = StepName::ALL.iter().copied().find(|name| name.as_str() == step.name);
            Ok(TraceStep {
                name: name.ok_or(TraceError("step"))?,
                after: Duration::from_micros(step.after_micros),
                took: step.took_micros.map(Duration::from_micros),
            })
        };
        let failure = |failure: &FailureInfo| {
            if failure.next_step.len() > TEXT_LEN_MAX {
                return Err(TraceError("length"));
            }
            Ok(TraceFailure {
                event: EventId::from_code(failure.event).ok_or(TraceError("event"))?,
                hresult: Hresult(failure.hresult),
                next_step: failure.next_step.clone(),
            })
        };
        let began: FileTime = self.began.parse().map_err(|_| TraceError("time"))?;
        Ok(Attempt {
            began: WallTime(began),
            steps: self.steps.iter().map(step).collect::<Result<_, _>>()?,
            failure: self.failure.as_ref().map(failure).transpose()?,
        })
    }
}

impl TraceUpload {
    /// The device's clock and the traces.
    ///
    /// # Errors
    /// [`TraceError`] if a part is unknown, malformed or too much.
    pub fn parse(&self) -> Result<(FileTime, Vec<Trace>), TraceError> {
        if self.traces.len() > TRACES_MAX {
            return Err(TraceError("length"));
        }
        let time = self.time.parse().map_err(|_| TraceError("time"))?;
        Ok((time, self.traces.iter().map(TraceInfo::parse).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::{ActionId, Guid, PasswordVersion, TraceId};

    use super::*;

    pub(super) fn trace() -> Trace {
        let guid = Guid::from_bytes([7; 16]);
        Trace {
            id: TraceId(guid),
            causes: [Cause::Management, Cause::Schedule].into(),
            reasons: vec![Reason::Expired, Reason::ManagementRequest],
            actions: vec![ActionId(guid)],
            version: Some(PasswordVersion(guid)),
            attempts: vec![Attempt {
                began: WallTime("2026-01-02T03:04:05Z".parse().unwrap()),
                steps: StepName::ALL
                    .iter()
                    .map(|name| TraceStep {
                        name: *name,
                        after: Duration::from_millis(3),
                        took: Some(Duration::from_micros(7)),
                    })
                    .collect(),
                failure: Some(TraceFailure {
                    event: EventId::SendUnanswered,
                    hresult: Hresult::TIMEOUT,
                    next_step: "wait".to_owned(),
                }),
            }],
            left_out: 3,
            end: Some(TraceEnd::Rotated),
            is_told: false,
        }
    }

    #[test]
    fn a_trace_is_read_as_it_was_written() {
        let json = serde_json::to_string(&TraceInfo::from(&trace())).unwrap();
        let read: TraceInfo = serde_json::from_str(&json).unwrap();
        assert_eq!(read.parse(), Ok(trace()));
        for reason in Reason::ALL {
            assert_eq!(Reason::of_mask(reason.bit()).collect::<Vec<_>>(), [*reason]);
        }
    }

    #[test]
    fn what_is_unknown_or_too_much_is_refused() {
        let good = TraceInfo::from(&trace());
        let with = |change: &dyn Fn(&mut TraceInfo)| {
            let mut info = good.clone();
            change(&mut info);
            info.parse().map(drop)
        };
        assert_eq!(with(&|_| {}), Ok(()));
        assert_eq!(with(&|info| info.causes.push("moon".to_owned())), Err(TraceError("cause")));
        assert_eq!(
            with(&|info| info.attempts = vec![info.attempts[0].clone(); 5]),
            Err(TraceError("length"))
        );
        assert_eq!(with(&|info| info.actions = vec![info.id.clone(); 65]), Err(TraceError("length")));
        assert_eq!(with(&|info| info.attempts[0].steps[0].name = "x".to_owned()), Err(TraceError("step")));
        assert_eq!(
            with(&|info| info.attempts[0].steps = vec![info.attempts[0].steps[0].clone(); 49]),
            Err(TraceError("length"))
        );
        let long = "x".repeat(TEXT_LEN_MAX + 1);
        assert_eq!(
            with(&|info| info.attempts[0].failure.as_mut().unwrap().next_step.clone_from(&long)),
            Err(TraceError("length"))
        );
        let many =
            TraceUpload { time: "2026-01-02T03:04:05Z".to_owned(), traces: vec![good; TRACES_MAX + 1] };
        assert_eq!(many.parse().map(drop), Err(TraceError("length")));
    }
}
