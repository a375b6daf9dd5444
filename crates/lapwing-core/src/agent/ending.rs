//! How a cycle ends, and who is told.

use super::{
    backoff::Patience,
    cycle::Cycle,
    exchange::{Action, Answer, AnswerResult},
    failure::Failure,
    machine::Machine,
    report::Activity,
    trace::TraceFailure,
};
use crate::{
    event::{Event, EventId},
    mutant::{self, Mutant},
    types::Now,
};

impl Machine {
    pub(super) fn succeed(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        event: EventId,
        result: AnswerResult,
        message: &str,
    ) {
        self.raise(&mut cycle, Event::ProcessingSucceeded);
        let answer =
            Answer { result, message: message.to_owned(), next_step: None, event: Some(event.code().into()) };
        self.finish(now, cycle, Activity::Idle, event, answer);
    }

    /// Ends the cycle and plans the next attempt: nothing ends silently.
    pub(super) fn fail(&mut self, now: Now, mut cycle: Box<Cycle>, failure: Failure) {
        self.raise(&mut cycle, Event::ProcessingFailed { hr: failure.hresult });
        let is_definite = failure.patience == Patience::Refused;
        self.note_failed_actions(now, &mut cycle, failure.hresult, failure.event, is_definite);
        self.note_failed_reset(now, &mut cycle, self.backoff.failures(), failure.hresult);
        if self.last_failure == Some(failure.event) {
            // What a mere retry held back has all been said before.
            cycle.held_events = cycle.held_events.map(|_| Vec::new());
        }
        let Failure { event, hresult, ref next_step, patience, .. } = failure;
        let why = TraceFailure { event, hresult, next_step: next_step.clone() };
        self.trace_failure(why, patience != Patience::NothingDue);
        self.plan_next(now, &failure);
        let (activity, result) = match failure.patience {
            Patience::Refused => (Activity::Failing, AnswerResult::Refused),
            Patience::Unreachable | Patience::NothingDue | Patience::Unanswered | Patience::Local => {
                (Activity::Waiting, AnswerResult::Waiting)
            }
        };
        self.last_failure = Some(failure.event);
        if self.network_changed {
            self.on_network_changed(now);
        }
        self.end(
            now,
            cycle,
            activity,
            failure.event,
            Answer {
                result,
                message: failure.message,
                next_step: Some(failure.next_step),
                event: Some(failure.event.code().into()),
            },
        );
    }

    /// Ends a cycle that did all there was to do.
    pub(super) fn finish(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        activity: Activity,
        event: EventId,
        answer: Answer,
    ) {
        self.trace_idle();
        self.backoff.reset();
        self.last_failure = None;
        self.end(now, cycle, activity, event, answer);
    }

    fn end(&mut self, now: Now, mut cycle: Box<Cycle>, activity: Activity, event: EventId, answer: Answer) {
        self.speak_up(&mut cycle);
        self.report.activity = activity;
        self.report.summary.clone_from(&answer.message);
        self.report.next_step.clone_from(&answer.next_step);
        self.report.last_cycle = Some(now.wall);
        self.report.last_event = Some(event);
        if self.kept.is_none() && !mutant::is(Mutant::ClearTextKept) {
            self.actions.push_back(Action::Forget);
        }
        self.actions.push_back(Action::Disconnect);
        self.actions.extend(cycle.requests.into_iter().map(|id| Action::Answer(id, answer.clone())));
    }
}
