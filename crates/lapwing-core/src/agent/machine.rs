//! The machine: what it knows, its queue, and how a cycle starts.

use std::collections::{BTreeSet, VecDeque};

use super::{
    actions::Keeping,
    backoff::{Backoff, Jitter},
    cycle::{Cycle, Step},
    exchange::{Action, Answer, AnswerResult, Expected, Input, Request, RequestId},
    journal::ClosedAccount,
    ledger::Ledger,
    memory::Memory,
    outcome::{Outcome, Prepared},
    plan::Cause,
    report::Report,
    timers::Timers,
    trace::{Recorder, Traces},
};
use crate::{
    event::{Event, EventId},
    hindrance::Hindrance,
    mutant::{self, Mutant},
    policy::PostAuthentication,
    types::{AccountName, BootId, BootTime, Now, PasswordVersion, Uid},
};

/// The most requests that wait at a time; one more is refused.
pub const REQUESTS_MAX: usize = 64;
/// The agent's decisions.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) jitter: Jitter,
    pub(super) backoff: Backoff,
    pub(super) boot_id: BootId,
    pub(super) memory: Memory,
    pub(super) ledger: Ledger,
    /// What waits for the ledger to be saved, in the order of saving.
    pub(super) keeping: VecDeque<Keeping>,
    /// Why the ledger on disk is older than this one, or may be.
    pub(super) unsaved: Option<String>,
    /// Up to when actions that became late have been told of.
    pub(super) late_told: BootTime,
    /// That the directory keeps no versions has been told in this run.
    pub(super) version_lack_told: bool,
    /// Whether the root half knows this run.
    pub(super) begun: bool,
    /// What has been told of why nothing is changed in this boot.
    pub(super) not_normal_told: Option<Hindrance>,
    /// Why this host may be a copy, as the journal was read last; it has been told of.
    pub(super) possible_clone: Option<Hindrance>,
    pub(super) cycle: Option<Box<Cycle>>,
    pub(super) causes: BTreeSet<Cause>,
    /// The account's files have changed since they were looked at.
    pub(super) look_owed: bool,
    pub(super) waiting: VecDeque<(RequestId, Request)>,
    /// A rotation that was asked for and has not come about yet.
    pub(super) rotation_owed: bool,
    /// A version that was never ours has been met, and no change has been finished since.
    pub(super) foreign_met: bool,
    /// The directory holds another writer's password, and it is left there until this host's is due.
    pub(super) in_conflict: bool,
    /// What was sent last in this run, and what it expected to replace.
    pub(super) last_sent: Option<(PasswordVersion, Expected)>,
    /// A password in clear text that may still land, and until when the shell keeps it.
    pub(super) kept: Option<(Prepared, BootTime)>,
    /// What the policy wants after a use of the account, if it wanted anything when it was last read.
    pub(super) post_authentication: Option<PostAuthentication>,
    /// The account that Lapwing created, as last seen.
    pub(super) own: Option<(AccountName, Uid)>,
    /// Whether policy wants an account of Lapwing's own and wants it disabled.
    pub(super) own_is_disabled: bool,
    /// The account that is closed until it has another password, as the root half told last.
    pub(super) closed: Option<ClosedAccount>,
    /// Whether a step of ending a use is under way.
    pub(super) is_ending: bool,
    /// Whether the use is one that an earlier run was told of.
    pub(super) use_resumed: bool,
    /// That failed log-ons cause no further change has been told.
    pub(super) failures_told: bool,
    /// A use that came before the journal was known.
    pub(super) used_early: Option<(Now, AccountName)>,
    pub(super) timers: Timers,
    /// The network has changed since the cycle under way began.
    pub(super) network_changed: bool,
    pub(super) last_failure: Option<EventId>,
    pub(super) report: Report,
    pub(super) recorder: Recorder,
    /// When it was last told something.
    pub(super) now: Now,
    pub(super) actions: VecDeque<Action>,
}

impl Machine {
    /// A machine that starts its first cycle at once.
    #[must_use]
    pub fn new(now: Now, boot_id: BootId, seed: u64, memory: Memory, ledger: Ledger) -> Self {
        let memory = memory.resumed(now, boot_id);
        let ledger = ledger.resumed(now, boot_id);
        let is_open = ledger.open().next().is_some();
        Self {
            boot_id,
            jitter: Jitter::new(seed),
            backoff: Backoff::default(),
            begun: false,
            not_normal_told: None,
            possible_clone: None,
            cycle: None,
            causes: BTreeSet::from([Cause::Schedule]),
            look_owed: false,
            waiting: VecDeque::new(),
            rotation_owed: false,
            foreign_met: false,
            in_conflict: false,
            last_sent: None,
            kept: None,
            post_authentication: None,
            own: None,
            own_is_disabled: false,
            closed: None,
            is_ending: false,
            use_resumed: memory.used.is_some(),
            failures_told: false,
            used_early: None,
            timers: Timers::new(now),
            network_changed: false,
            last_failure: None,
            report: Report::new(memory.last_rotation),
            recorder: Recorder::new(seed),
            now,
            memory,
            ledger,
            keeping: VecDeque::new(),
            unsaved: is_open.then(|| "the list of actions has not been saved yet".to_owned()),
            late_told: now.boot,
            version_lack_told: false,
            actions: VecDeque::new(),
        }
    }

    /// With what an earlier run has kept of its rotations.
    #[must_use]
    pub fn with_traces(mut self, traces: Traces) -> Self {
        self.recorder.resume(traces);
        self
    }

    /// Whether this host may be a copy of another, whose identity it must not use then.
    #[must_use]
    pub const fn is_possible_clone(&self) -> bool {
        self.possible_clone.is_some()
    }

    /// Takes in what has happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        self.stay_awake(now);
        self.note_late_actions(now);
        match input {
            Input::Timer => self.forget_if_due(now),
            Input::Request(id, request) => self.take_request(id, request),
            Input::Ordered(id) => self.on_ordered(now, id),
            Input::Confirmed(id, status) => self.on_confirmed(id, status),
            Input::TracesTold(told) => self.on_traces_told(&told),
            Input::Kept(kept) => self.on_kept(now, kept),
            Input::PolicyChanged => {
                self.causes.insert(Cause::PolicyChange);
            }
            Input::AccountChanged => self.look_owed = true,
            Input::Seen(seen) => self.on_seen(now, seen),
            Input::NetworkChanged => self.on_network_changed(now),
            Input::Suspending => self.on_suspending(now),
            Input::Woke => self.on_woke(now),
            Input::Outcome(Outcome::UseEnded(ended)) => self.on_use_ended(now, ended),
            Input::Outcome(outcome) => self.advance(now, outcome),
        }
        self.start_if_due(now);
    }

    /// The next thing to do, if there is one.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Writes an event that belongs to no cycle.
    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Raise(event));
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
        self.end_if_due(now);
        if self.is_ending {
            return;
        }
        self.note_due(now);
        if !self.waiting.is_empty() {
            self.causes.insert(Cause::Administrator);
        }
        if !self.causes.is_empty() {
            self.start(now);
        } else if self.look_owed {
            self.look();
        }
    }

    fn start(&mut self, now: Now) {
        let causes = core::mem::take(&mut self.causes);
        let waiting = core::mem::take(&mut self.waiting);
        let asked = waiting.iter().any(|(_, request)| *request == Request::ResetPassword);
        self.rotation_owed |= asked;
        let only_retry = causes.iter().eq([&Cause::Retry]);
        self.network_changed = false;
        self.look_owed = false;
        self.plan_schedule(now);
        let waiting = if mutant::is(Mutant::RequestForgotten) { VecDeque::new() } else { waiting };
        let mut cycle = Box::new(Cycle {
            causes,
            requests: waiting.into_iter().map(|(id, _)| id).collect(),
            rounds: 0,
            held_events: only_retry.then(Vec::new),
            step: Step::ReadingJournal,
        });
        self.trace_begin(&cycle.causes);
        self.announce_due_reset(&mut cycle);
        self.raise(&mut cycle, Event::ProcessingStarted);
        let announced = [
            (cycle.causes.contains(&Cause::Schedule), Event::CycleBySchedule),
            (cycle.causes.contains(&Cause::Administrator) && !asked, Event::CycleByAdministrator),
            (cycle.causes.contains(&Cause::PolicyChange), Event::CycleByPolicyChange),
            (asked, Event::ResetRequested),
            (cycle.causes.contains(&Cause::Management), Event::MdmRequested),
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
    pub(super) fn go(&mut self, cycle: Box<Cycle>, step: Step, action: Action) {
        self.wait_in(cycle, step);
        self.actions.push_back(action);
    }

    pub(super) fn wait_in(&mut self, mut cycle: Box<Cycle>, step: Step) {
        self.trace_step(&step);
        cycle.step = step;
        self.cycle = Some(cycle);
    }

    pub(super) const fn is_working(&self) -> bool {
        self.cycle.is_some() || self.is_ending
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

    pub(super) fn remember(&mut self) {
        self.actions.push_back(Action::Remember(self.memory.clone()));
    }
}
