//! The machine: queue, timers and the path of one cycle.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use super::{
    backoff::{Backoff, Jitter, Patience},
    cycle::{Cycle, Step},
    exchange::{Action, Answer, AnswerResult, Input, Memory, Prepared, Request, RequestId},
    failure::Failure,
    journal::Entry,
    plan::Cause,
};
use crate::{
    event::{Event, EventId},
    mutant::{self, Mutant},
    types::{AccountName, Age, BootId, BootTime, Now, PasswordVersion, WallTime},
};

/// The time between two cycles, in seconds; Windows' is hard-coded to the same.
pub const CYCLE_SECONDS: u64 = 3600;
/// The most requests that wait at a time; one more is refused.
pub const REQUESTS_MAX: usize = 64;
/// A directory that neither compares nor tells is sent nothing for this long after an unanswered send.
const HOLD_AFTER_UNANSWERED: Duration = Duration::from_secs(600);
/// How long a password in clear text is kept for the same bytes to be sent again.
pub(super) const CLEAR_TEXT_KEPT_MAX: Duration = Duration::from_secs(600);
/// From this many unanswered sends in a row on, such a directory is sent at most one an hour.
pub(super) const UNANSWERED_MANY: u32 = 3;
/// The wait then.
const HOLD_AFTER_MANY: Duration = Duration::from_secs(3600);

/// The agent's decisions.
#[derive(Debug, Clone)]
pub struct Machine {
    jitter: Jitter,
    backoff: Backoff,
    pub(super) boot_id: BootId,
    pub(super) memory: Memory,
    /// Whether the root half knows this run.
    pub(super) begun: bool,
    cycle: Option<Box<Cycle>>,
    causes: BTreeSet<Cause>,
    waiting: VecDeque<(RequestId, Request)>,
    /// A rotation that was asked for and has not come about yet.
    pub(super) rotation_owed: bool,
    /// A version that was never ours has been met, and no change has been finished since.
    pub(super) foreign_met: bool,
    /// What was sent last in this run, and the version that it expected to replace.
    pub(super) last_sent: Option<(PasswordVersion, Option<PasswordVersion>)>,
    /// A password in clear text that may still land, and until when the shell keeps it.
    pub(super) kept: Option<(Prepared, BootTime)>,
    /// The grace period that the policy gives after a use of the account, as last read; none before that.
    pub(super) reset_delay: Option<Option<Duration>>,
    /// Whether the use is one that an earlier run was told of.
    pub(super) use_resumed: bool,
    /// A use that came before the journal was known.
    pub(super) used_early: Option<(Now, AccountName)>,
    pub(super) timers: Timers,
    /// The network has changed since the cycle under way began.
    pub(super) network_changed: bool,
    last_failure: Option<EventId>,
    pub(super) report: Report,
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone)]
pub(super) struct Timers {
    /// The next cycle of the schedule.
    cycle: BootTime,
    /// The next attempt after one that failed.
    pub(super) retry: Option<BootTime>,
    /// The soonest that a change of the network may bring it forward to.
    pub(super) soonest: BootTime,
    /// Until when nothing is begun, because the host is about to sleep.
    pub(super) asleep: Option<BootTime>,
    /// When the password in force expires.
    pub(super) expiry: Option<WallTime>,
    /// Whether the retry is what the expiry waits for: it has come already, or somebody asked to wait.
    expiry_waits: bool,
    /// The same of the end of the grace period.
    reset_waits: bool,
}

/// When the machine wants to be called with [`Input::Timer`]: at the earlier of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// By the boot clock.
    pub boot: BootTime,
    /// By the wall clock, if an expiry is waited for.
    pub wall: Option<WallTime>,
}

/// What the agent knows of itself, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is doing.
    pub activity: Activity,
    /// What that means now.
    pub summary: String,
    /// What to do about it, where there is something to do.
    pub next_step: Option<String>,
    /// The password in force, as last seen in the journal.
    pub current: Option<Entry>,
    /// Candidates in the journal, as last seen.
    pub candidates: usize,
    /// Sends in a row without an answer, as last seen.
    pub unanswered: u32,
    /// When the last change was finished.
    pub last_rotation: Option<WallTime>,
    /// When the last cycle ended.
    pub last_cycle: Option<WallTime>,
    /// The event that the last cycle ended with.
    pub last_event: Option<EventId>,
}

/// What a machine between two cycles carries into the next one. Two that carry the same do the same from there on when
/// they are told the same: what is not in here decides only when something happens, or what people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried<'a> {
    /// What it would know again after a restart.
    pub memory: &'a Memory,
    /// Whether the root half knows this run.
    pub begun: bool,
    /// Whether a rotation was asked for and has not come about yet.
    pub rotation_owed: bool,
    /// Whether a version that was never ours has been met, and no change has been finished since.
    pub foreign_met: bool,
    /// What was sent last in this run, and the version that it expected to replace.
    pub last_sent: Option<(PasswordVersion, Option<PasswordVersion>)>,
    /// A password in clear text that may still land, and until when the shell keeps it.
    pub kept: Option<(PasswordVersion, BootTime)>,
}

/// What the agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nothing is configured.
    Disabled,
    /// All is well.
    Idle,
    /// A cycle runs.
    Working,
    /// An attempt failed and heals by itself.
    Waiting,
    /// An attempt failed and somebody has to act.
    Failing,
}

impl Machine {
    /// A machine that starts its first cycle at once.
    #[must_use]
    pub fn new(now: Now, boot_id: BootId, seed: u64, mut memory: Memory) -> Self {
        let others = memory.behind.iter_mut().map(|(_, age)| age);
        let others = others.chain(memory.used.as_mut().map(|used| &mut used.since));
        for age in memory.last_send.iter_mut().chain(&mut memory.activated).chain(others) {
            *age = age.resumed(now, boot_id);
        }
        Self {
            boot_id,
            jitter: Jitter::new(seed),
            backoff: Backoff::default(),
            begun: false,
            cycle: None,
            causes: BTreeSet::from([Cause::Schedule]),
            waiting: VecDeque::new(),
            rotation_owed: false,
            foreign_met: false,
            last_sent: None,
            kept: None,
            reset_delay: None,
            use_resumed: memory.used.is_some(),
            used_early: None,
            timers: Timers {
                cycle: now.boot,
                retry: None,
                soonest: now.boot,
                asleep: None,
                expiry: None,
                expiry_waits: false,
                reset_waits: false,
            },
            network_changed: false,
            last_failure: None,
            report: Report {
                activity: Activity::Idle,
                summary: "starting".to_owned(),
                next_step: None,
                current: None,
                candidates: 0,
                unanswered: 0,
                last_rotation: memory.last_rotation,
                last_cycle: None,
                last_event: None,
            },
            memory,
            actions: VecDeque::new(),
        }
    }

    /// Takes in what has happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.stay_awake(now);
        match input {
            Input::Timer => self.forget_if_due(now),
            Input::Request(id, request) => self.take_request(id, request),
            Input::PolicyChanged => {
                self.causes.insert(Cause::PolicyChange);
            }
            Input::AccountChanged => {
                self.causes.insert(Cause::AccountChange);
            }
            Input::Authenticated(account) => self.on_authenticated(now, account),
            Input::NetworkChanged => self.on_network_changed(now),
            Input::Suspending => self.on_suspending(now),
            Input::Woke => self.on_woke(now),
            Input::Outcome(outcome) => self.advance(now, outcome),
        }
        self.start_if_due(now);
    }

    /// The next thing to do, if there is one.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Self::handle`] with [`Input::Timer`]. Not while a cycle runs, which waits for its outcomes alone: a
    /// deadline that has passed would call for ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if let Some(end_of_sleep) = self.end_of_sleep() {
            return Some(end_of_sleep);
        }
        if self.is_working() {
            return None;
        }
        let kept = self.kept.as_ref().map(|(_, until)| *until);
        let others = kept.into_iter().chain(self.next_reset());
        let boot = self.timers.retry.into_iter().chain(others).fold(self.timers.cycle, BootTime::min);
        let wall = self.next_expiry().filter(|_| !mutant::is(Mutant::ExpiryByBootClock));
        Some(Deadline { boot, wall })
    }

    /// The expiry that a cycle has to begin at.
    fn next_expiry(&self) -> Option<WallTime> {
        self.timers.expiry.filter(|_| self.timers.retry.is_none() || !self.timers.expiry_waits)
    }

    /// What goes into the next cycle; none while one runs. For whoever explores machines and must tell which differ.
    #[must_use]
    pub fn carried(&self) -> Option<Carried<'_>> {
        // Taken apart, so that whoever adds a member has to say here what it is.
        let Self {
            memory,
            begun,
            rotation_owed,
            foreign_met,
            last_sent,
            kept,
            // Of one cycle, or about to begin one.
            cycle,
            causes: _,
            waiting: _,
            actions: _,
            boot_id: _,
            // When, and what people are told.
            jitter: _,
            backoff: _,
            timers: _,
            last_failure: _,
            reset_delay: _,
            use_resumed: _,
            used_early: _,
            report: _,
            network_changed: _,
        } = self;
        cycle.is_none().then(|| Carried {
            memory,
            begun: *begun,
            rotation_owed: *rotation_owed,
            foreign_met: *foreign_met,
            last_sent: *last_sent,
            kept: kept.as_ref().map(|(prepared, until)| (prepared.version, *until)),
        })
    }

    /// Whether the end of the grace period has to wait for the next attempt.
    pub(super) const fn reset_waits(&self) -> bool {
        self.timers.retry.is_some() && self.timers.reset_waits
    }

    /// Writes an event that belongs to no cycle.
    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Raise(event));
    }

    /// What to tell people.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = self.report.clone();
        if self.is_working() {
            report.activity = Activity::Working;
        }
        report
    }

    fn take_request(&mut self, id: RequestId, request: Request) {
        match &mut self.cycle {
            Some(cycle) if cycle.step.can_join(request) => {
                cycle.requests.push(id);
                self.rotation_owed |= request == Request::ResetPassword;
            }
            Some(_) | None if self.waiting.len() < REQUESTS_MAX => self.waiting.push_back((id, request)),
            Some(_) | None => self.actions.push_back(Action::Answer(
                id,
                Answer {
                    result: AnswerResult::Refused,
                    message: format!("{REQUESTS_MAX} requests are waiting already"),
                    next_step: Some("ask again when they are answered".to_owned()),
                    event: None,
                },
            )),
        }
    }

    fn start_if_due(&mut self, now: Now) {
        if self.is_working() || self.is_falling_asleep() {
            return;
        }
        if self.timers.cycle <= now.boot {
            self.causes.insert(Cause::Schedule);
        }
        if self.next_expiry().is_some_and(|expiry| expiry <= now.wall) {
            self.causes.insert(Cause::Schedule);
        }
        if self.next_reset().is_some_and(|at| at <= now.boot) {
            self.causes.insert(Cause::PostAuthentication);
        }
        if self.timers.retry.is_some_and(|retry| retry <= now.boot) {
            self.causes.insert(Cause::Retry);
        }
        if !self.waiting.is_empty() {
            self.causes.insert(Cause::Administrator);
        }
        if !self.causes.is_empty() {
            self.start(now);
        }
    }

    fn start(&mut self, now: Now) {
        let causes = core::mem::take(&mut self.causes);
        let waiting = core::mem::take(&mut self.waiting);
        let asked = waiting.iter().any(|(_, request)| *request == Request::ResetPassword);
        self.rotation_owed |= asked;
        let only_retry = causes.iter().eq([&Cause::Retry]);
        self.timers.retry = None;
        self.network_changed = false;
        let period = self.jitter.shorten(Duration::from_secs(CYCLE_SECONDS));
        self.timers.cycle = now.boot.saturating_add(period);
        let waiting = if mutant::is(Mutant::RequestForgotten) { VecDeque::new() } else { waiting };
        let mut cycle = Box::new(Cycle {
            causes,
            requests: waiting.into_iter().map(|(id, _)| id).collect(),
            rounds: 0,
            held_events: only_retry.then(Vec::new),
            step: Step::ReadingJournal,
        });
        self.announce_due_reset(&mut cycle);
        self.raise(&mut cycle, Event::ProcessingStarted);
        let announced = [
            (cycle.causes.contains(&Cause::Schedule), Event::CycleBySchedule),
            (cycle.causes.contains(&Cause::Administrator) && !asked, Event::CycleByAdministrator),
            (cycle.causes.contains(&Cause::PolicyChange), Event::CycleByPolicyChange),
            (asked, Event::ResetRequested),
            (cycle.causes.contains(&Cause::PostAuthentication), Event::PostAuthRequested),
        ];
        for (_, event) in announced.into_iter().filter(|(applies, _)| *applies) {
            self.raise(&mut cycle, event);
        }
        self.read_journal(cycle);
    }

    pub(super) fn read_journal(&mut self, cycle: Box<Cycle>) {
        let begin = !self.begun;
        self.go(cycle, Step::ReadingJournal, Action::ReadJournal { begin });
    }

    /// Waits for the outcome of `action` in `step`.
    pub(super) fn go(&mut self, mut cycle: Box<Cycle>, step: Step, action: Action) {
        cycle.step = step;
        self.cycle = Some(cycle);
        self.actions.push_back(action);
    }

    pub(super) const fn is_working(&self) -> bool {
        self.cycle.is_some()
    }

    pub(super) fn take_cycle(&mut self) -> Option<Box<Cycle>> {
        self.cycle.take()
    }

    /// Writes an event now, or holds it back while a mere retry may turn out to repeat what has been said.
    pub(super) fn raise(&mut self, cycle: &mut Cycle, event: Event) {
        match &mut cycle.held_events {
            Some(held) => held.push(event),
            None => self.actions.push_back(Action::Raise(event)),
        }
    }

    /// Writes what was held back: this retry has got further than the last attempt.
    pub(super) fn speak_up(&mut self, cycle: &mut Cycle) {
        let held = cycle.held_events.take().unwrap_or_default();
        self.actions.extend(held.into_iter().map(Action::Raise));
    }

    /// Runs a cycle then, whatever the schedule says.
    pub(super) const fn retry_at(&mut self, at: BootTime) {
        (self.timers.retry, self.timers.soonest) = (Some(at), at);
    }

    pub(super) fn remember(&mut self) {
        self.actions.push_back(Action::Remember(self.memory.clone()));
    }

    /// Notes, durably, that a directory without guarantees is sent something now.
    pub(super) fn note_send(&mut self, now: Now) {
        self.memory.last_send = Some(Age::new(now, self.boot_id));
        self.remember();
    }

    /// How long such a directory is still to be left alone after its `unanswered`-th send in a row had no answer.
    pub(super) fn send_is_held(&self, now: Now, unanswered: u32) -> Option<Duration> {
        let wait = match unanswered {
            0 => return None,
            UNANSWERED_MANY.. => HOLD_AFTER_MANY,
            _ => HOLD_AFTER_UNANSWERED,
        };
        let left = wait.saturating_sub(self.memory.last_send?.at(now.boot));
        Some(left).filter(|left| !left.is_zero())
    }

    /// Wipes clear text that has been kept for as long as it may be.
    fn forget_if_due(&mut self, now: Now) {
        if self.cycle.is_none() && self.kept.as_ref().is_some_and(|(_, until)| *until <= now.boot) {
            self.forget();
        }
    }

    /// Wipes it now. A cycle that is about to send it then has nothing to send, and is tried again.
    pub(super) fn forget(&mut self) {
        self.kept = None;
        if !mutant::is(Mutant::ClearTextSleeps) {
            self.actions.push_back(Action::Forget);
        }
    }

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
        self.note_failed_reset(now, &mut cycle, self.backoff.failures(), failure.hresult);
        if self.last_failure == Some(failure.event) {
            // What a mere retry held back has all been said before.
            cycle.held_events = cycle.held_events.map(|_| Vec::new());
        }
        let not_before = failure.not_before.unwrap_or_default();
        let wait = self.backoff.next(failure.patience, &mut self.jitter).max(not_before);
        let retry = now.boot.saturating_add(wait);
        self.timers.retry = Some(retry).filter(|_| !self.gives_up());
        self.timers.soonest = now.boot.saturating_add(failure.patience.first().max(not_before));
        self.timers.expiry_waits =
            failure.not_before.is_some() || self.timers.expiry.is_some_and(|expiry| expiry <= now.wall);
        self.timers.reset_waits = failure.not_before.is_some() || self.is_reset_due(now);
        if failure.not_before.is_some() {
            // Whoever asked to wait means the schedule too; only a person may ask earlier.
            self.timers.cycle = self.timers.cycle.max(retry);
        }
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

    /// Whether nothing is tried again before the schedule: never, but for [`Mutant::RetryGivesUp`].
    fn gives_up(&self) -> bool {
        mutant::is(Mutant::RetryGivesUp) && self.backoff.failures() > 5
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
