//! What became of each rotation, step by step, from its trigger to its end: for people, and without secrets.
//!
//! A rotation keeps its name through all of its attempts. A cycle that finds nothing to do leaves no trace.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use super::{
    backoff::Jitter,
    cycle::Step,
    exchange::Action,
    machine::Machine,
    plan::{Cause, Reason},
};
use crate::{
    event::{EventId, Hresult},
    types::{ActionId, Guid, Now, PasswordVersion, TraceId, WallTime},
};

/// The most rotations that are kept.
pub const TRACES_MAX: usize = 32;
/// The most attempts of one rotation that are kept: the first, and the last ones.
pub const ATTEMPTS_MAX: usize = 4;
/// The most steps of one attempt that are kept: every one, unless the directory keeps changing.
pub const STEPS_MAX: usize = 48;

/// One rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its name.
    pub id: TraceId,
    /// What set it off.
    pub causes: BTreeSet<Cause>,
    /// Why the password has to be changed, as far as that is known.
    pub reasons: Vec<Reason>,
    /// The actions that the password satisfies.
    pub actions: Vec<ActionId>,
    /// The version prepared last.
    pub version: Option<PasswordVersion>,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many more there were between the first and the others.
    pub left_out: u32,
    /// How it ended; none while it goes on.
    pub end: Option<TraceEnd>,
    /// Whether the server has this much of it.
    pub is_told: bool,
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceEnd {
    /// The account has the new password.
    Rotated,
    /// It was no longer needed.
    NotNeeded,
}

/// One cycle that tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub began: WallTime,
    /// What it did, in order.
    pub steps: Vec<TraceStep>,
    /// Why it failed, if it did.
    pub failure: Option<TraceFailure>,
}

/// One step of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceStep {
    /// Which.
    pub name: StepName,
    /// When it began, after the attempt did, by the boot clock.
    pub after: Duration,
    /// How long it took; none while it goes on.
    pub took: Option<Duration>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceFailure {
    /// The event that says so.
    pub event: EventId,
    /// The code that Windows would report.
    pub hresult: Hresult,
    /// What to do about it.
    pub next_step: String,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What an attempt does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum StepName {
            $($(#[$doc])* $name,)+
        }

        impl StepName {
            /// Each, in the order of the path.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in files and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

steps! {
    /// The root half tells its journal.
    Journal = "journal",
    /// The policy sources are read.
    Policy = "policy",
    /// The directory is discovered and told who we are.
    Connect = "connect",
    /// The directory tells what it holds.
    State = "state",
    /// The hash in force goes back into a changed field.
    Reinstate = "reinstate",
    /// The domain gives the key that the password is encrypted with.
    GroupKey = "group key",
    /// The password is drawn, hashed and sealed.
    Prepare = "prepare",
    /// It is saved which actions it satisfies.
    Bind = "bind",
    /// A send is counted, or taken back.
    Count = "count",
    /// The directory is sent the password.
    Store = "store",
    /// The root half records and commits: the account is set and read back.
    Commit = "commit",
}

impl StepName {
    const fn of(step: &Step) -> Self {
        match step {
            Step::Looking | Step::ReadingJournal => Self::Journal,
            Step::Refilling(_) | Step::Reinstating(..) => Self::Reinstate,
            // The account of our own is as the policy wants it, or is not yet.
            Step::ReadingPolicy(_) | Step::RereadingPolicy(..) | Step::Ensuring(_) | Step::Dropping(_) => {
                Self::Policy
            }
            Step::Connecting(_) => Self::Connect,
            Step::ReadingState(_) => Self::State,
            Step::FetchingKey(..) => Self::GroupKey,
            Step::Preparing(..) => Self::Prepare,
            Step::Binding(..) => Self::Bind,
            Step::Counting(..) | Step::Uncounting(..) => Self::Count,
            Step::Storing(..) => Self::Store,
            Step::Committing(_) => Self::Commit,
        }
    }
}

/// The last rotations, oldest first. The last one may go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// The rotations.
    pub traces: VecDeque<Trace>,
}

/// Writes the traces.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    names: Jitter,
    traces: Traces,
    /// The attempt under way, and when it began.
    attempt: Option<(Attempt, Now)>,
    /// What it is for, until a trace has it.
    causes: BTreeSet<Cause>,
    reasons: Vec<Reason>,
    version: Option<PasswordVersion>,
    /// Whether it has finished an earlier attempt's change.
    has_committed: bool,
}

impl Recorder {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            names: Jitter::new(seed ^ 0x7472_6163_6573),
            traces: Traces { traces: VecDeque::new() },
            attempt: None,
            causes: BTreeSet::new(),
            reasons: Vec::new(),
            version: None,
            has_committed: false,
        }
    }

    /// Goes on where an earlier run stopped.
    pub(super) fn resume(&mut self, traces: Traces) {
        self.traces = traces;
    }

    fn begin(&mut self, now: Now, causes: &BTreeSet<Cause>) {
        self.attempt = Some((Attempt { began: now.wall, steps: Vec::new(), failure: None }, now));
        self.causes.clone_from(causes);
        self.reasons.clear();
        self.version = None;
        self.has_committed = false;
    }

    fn enter(&mut self, now: Now, name: StepName) {
        self.leave(now);
        if let Some((attempt, began)) = &mut self.attempt
            && attempt.steps.len() < STEPS_MAX
        {
            let after = now.boot.saturating_since(began.boot);
            attempt.steps.push(TraceStep { name, after, took: None });
        }
    }

    fn leave(&mut self, now: Now) {
        if let Some((attempt, began)) = &mut self.attempt
            && let Some(step) = attempt.steps.last_mut()
        {
            let gone = now.boot.saturating_since(began.boot);
            step.took.get_or_insert(gone.saturating_sub(step.after));
        }
    }

    /// The rotation that goes on, or a new one.
    fn open(&mut self) -> Option<&mut Trace> {
        if self.traces.traces.back().is_none_or(|trace| trace.end.is_some()) {
            if self.traces.traces.len() >= TRACES_MAX {
                self.traces.traces.pop_front();
            }
            self.traces.traces.push_back(Trace {
                id: TraceId(Guid::from_random_bytes(self.names.bytes())),
                causes: BTreeSet::new(),
                reasons: Vec::new(),
                actions: Vec::new(),
                version: None,
                attempts: Vec::new(),
                left_out: 0,
                end: None,
                is_told: false,
            });
        }
        self.traces.traces.back_mut()
    }

    /// Adds the attempt that is over to its rotation.
    fn settle(
        &mut self,
        now: Now,
        failure: Option<TraceFailure>,
        end: Option<TraceEnd>,
        actions: Vec<ActionId>,
    ) {
        self.leave(now);
        let Some((mut attempt, _)) = self.attempt.take() else { return };
        attempt.failure = failure;
        let (causes, reasons) = (core::mem::take(&mut self.causes), core::mem::take(&mut self.reasons));
        let version = self.version.take();
        let Some(trace) = self.open() else { return };
        // The retry is no cause of the rotation.
        let retry = BTreeSet::from([Cause::Retry]);
        trace.causes.extend(causes.difference(&retry));
        if !reasons.is_empty() {
            trace.reasons = reasons;
        }
        trace.version = version.or(trace.version);
        trace.actions = actions;
        trace.attempts.push(attempt);
        if trace.attempts.len() > ATTEMPTS_MAX {
            trace.attempts.remove(1);
            trace.left_out = trace.left_out.saturating_add(1);
        }
        trace.end = end;
        trace.is_told = false;
    }
}

impl Machine {
    /// What became of the last rotations.
    #[must_use]
    pub const fn traces(&self) -> &Traces {
        &self.recorder.traces
    }

    pub(super) fn trace_begin(&mut self, causes: &BTreeSet<Cause>) {
        self.recorder.begin(self.now, causes);
    }

    pub(super) fn trace_step(&mut self, step: &Step) {
        self.recorder.enter(self.now, StepName::of(step));
    }

    pub(super) fn trace_reasons(&mut self, reasons: &[Reason]) {
        self.recorder.reasons = reasons.to_vec();
    }

    pub(super) const fn trace_version(&mut self, version: PasswordVersion) {
        self.recorder.version = Some(version);
    }

    /// The cycle has failed; `is_due` if something waits for its next attempt.
    pub(super) fn trace_failure(&mut self, failure: TraceFailure, is_due: bool) {
        let goes_on = self.recorder.traces.traces.back().is_some_and(|trace| trace.end.is_none());
        if !is_due && !goes_on {
            self.recorder.attempt = None;
            return;
        }
        let actions = self.ledger.open().map(|action| action.id).collect();
        self.recorder.settle(self.now, Some(failure), None, actions);
        self.keep_traces();
    }

    /// The cycle has changed the password.
    pub(super) fn trace_rotated(&mut self, version: PasswordVersion) {
        self.trace_version(version);
        let satisfied = self.ledger.actions.iter().filter(|action| action.satisfied_by == Some(version));
        let actions: Vec<_> = satisfied.map(|action| action.id).collect();
        let is_told_anyway = !actions.is_empty();
        self.recorder.settle(self.now, None, Some(TraceEnd::Rotated), actions);
        self.keep_traces();
        if !is_told_anyway {
            self.actions.push_back(Action::CallHome);
        }
    }

    /// The cycle has finished what an earlier attempt had prepared; whether it has more to do shows from the start.
    pub(super) const fn trace_earlier(&mut self, version: PasswordVersion) {
        self.trace_version(version);
        self.recorder.has_committed = true;
    }

    /// The cycle found nothing more to do.
    pub(super) fn trace_idle(&mut self) {
        let goes_on = self.recorder.traces.traces.back().is_some_and(|trace| trace.end.is_none());
        match (self.recorder.attempt.is_some(), self.recorder.has_committed, self.recorder.version) {
            (true, true, Some(version)) => self.trace_rotated(version),
            (true, ..) if goes_on => {
                self.recorder.settle(self.now, None, Some(TraceEnd::NotNeeded), Vec::new());
                self.keep_traces();
            }
            _ => {}
        }
        self.recorder.attempt = None;
    }

    /// The server has these, as they were when they were sent.
    pub(super) fn on_traces_told(&mut self, told: &[Trace]) {
        for trace in &mut self.recorder.traces.traces {
            trace.is_told |= told.contains(trace);
        }
        self.keep_traces();
    }

    fn keep_traces(&mut self) {
        let traces = self.recorder.traces.clone();
        self.actions.push_back(Action::KeepTraces(traces));
    }
}
