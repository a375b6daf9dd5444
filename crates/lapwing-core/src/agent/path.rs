//! The path of one cycle, step by step.

use super::{
    backoff::Patience,
    cycle::{Aim, Committing, Cycle, Facts, Step},
    events,
    exchange::{Action, Answer, AnswerResult},
    failure::Failure,
    journal::{Field, Journal},
    machine::Machine,
    outcome::{DirectoryState, Guarantees, Outcome, Session, Told},
    own::AfterDrop,
    plan::{Plan, PolicyRead, Target, Verdict},
    report::Activity,
    trace::TraceFailure,
};
use crate::{
    event::{Event, EventId, Hresult},
    fault::Fault,
    hindrance::Hindrance,
    root_half::REPLICATION_MAX,
    types::Now,
};

impl Machine {
    /// Takes the one outcome that the cycle's step waits for.
    pub(super) fn advance(&mut self, now: Now, outcome: Outcome) {
        let Some(mut cycle) = self.take_cycle() else { return };
        let step = core::mem::replace(&mut cycle.step, Step::ReadingJournal);
        match (step, outcome) {
            (Step::Looking, Outcome::Journal(found)) => self.on_look(now, found.ok().as_ref()),
            (Step::ReadingJournal, Outcome::Journal(Ok(journal))) => self.on_journal(now, cycle, journal),
            (Step::ReadingJournal, Outcome::Journal(Err(failure))) => {
                self.on_root_half_failed(now, cycle, None, failure)
            }
            (Step::Refilling(journal), Outcome::Committed(Ok(healed))) => {
                self.raise(&mut cycle, Event::EmptyFieldClosed { account: healed.account });
                self.note_heal(now);
                match journal.possible_clone.clone() {
                    None => self.read_policy(cycle, journal),
                    Some(why) => self.stand_by_as_copy(now, cycle, *why),
                }
            }
            (Step::ReadingPolicy(journal), Outcome::Policy(read)) => {
                self.on_policy(now, cycle, journal, read)
            }
            (Step::Ensuring(at), Outcome::Ensured(Ok(ensured))) => {
                let (aim, session) = *at;
                self.on_ensured(now, cycle, aim, session, ensured);
            }
            (Step::Ensuring(at), Outcome::Ensured(Err(failure))) => {
                self.on_not_ensured(now, cycle, &at.0, failure);
            }
            (Step::Dropping(after), Outcome::Dropped(dropped)) => {
                self.on_dropped(now, cycle, after, dropped);
            }
            (Step::Connecting(aim), Outcome::Connected(Ok(session))) => {
                self.on_connected(now, cycle, aim, session)
            }
            (Step::Connecting(aim), Outcome::Connected(Err(failure))) => {
                self.on_unreachable(now, cycle, &aim, failure);
            }
            (Step::RereadingPolicy(journal, session), Outcome::Policy(read)) => {
                self.on_policy_again(now, cycle, journal, session, read);
            }
            (Step::ReadingState(facts), Outcome::State(Ok(state))) => self.on_state(now, cycle, facts, state),
            (Step::ReadingState(facts), Outcome::State(Err(failure))) => {
                self.on_unreachable(now, cycle, &facts.aim, failure);
            }
            (Step::Reinstating(facts, held, stored), Outcome::Committed(Ok(healed))) => {
                self.raise(&mut cycle, Event::DriftHealed { account: healed.account });
                self.note_heal(now);
                self.weigh(now, cycle, facts, held, stored);
            }
            (Step::FetchingKey(facts, held), Outcome::GroupKey(Ok(()))) => {
                self.prepare_new(now, cycle, facts, held);
            }
            (Step::FetchingKey(facts, _), Outcome::GroupKey(Err(failure))) => {
                self.on_send_failed(now, cycle, &facts, failure);
            }
            (Step::Preparing(facts, held, candidate), Outcome::Prepared(Ok(prepared))) => {
                self.on_prepared(now, cycle, facts, held, candidate, prepared);
            }
            (Step::Counting(facts, held, prepared), Outcome::Counted(Ok(unanswered))) => {
                self.store(cycle, facts, held, prepared, unanswered);
            }
            (Step::Storing(facts, prepared, unanswered), Outcome::Stored(stored)) => {
                self.on_stored(now, cycle, facts, prepared, unanswered, stored);
            }
            // Whether or not the count could be taken back, the failure is what the cycle ends with: a count too
            // high only makes us more careful.
            (Step::Uncounting(facts, failure), Outcome::Counted(_)) => {
                self.on_send_failed(now, cycle, &facts, *failure);
            }
            (Step::Committing(committing), Outcome::Committed(Ok(committed))) => {
                self.on_committed(now, cycle, committing, &committed);
            }
            (Step::Committing(committing), Outcome::Committed(Err(failure))) => {
                self.raise(&mut cycle, events::update_failed(&committing, &failure));
                self.note_rename_failed(&mut cycle, &committing.account, committing.uid, &failure);
                self.on_root_half_failed(now, cycle, Some(&committing.account), failure);
            }
            (Step::Preparing(facts, ..), Outcome::Prepared(Err(failure))) => {
                self.on_root_half_failed(now, cycle, facts.aim.plan.account.as_ref(), failure);
            }
            (Step::Refilling(_) | Step::Reinstating(..), Outcome::Committed(Err(failure)))
            | (Step::Counting(..), Outcome::Counted(Err(failure))) => {
                self.on_root_half_failed(now, cycle, None, failure);
            }
            // Only a shell that loses count comes here; the cycle starts over from the journal, which is the truth.
            (_, _) => self.read_journal(cycle),
        }
    }

    fn on_journal(&mut self, now: Now, mut cycle: Box<Cycle>, journal: Journal) {
        let is_first = !core::mem::replace(&mut self.begun, true);
        self.report.current.clone_from(&journal.current);
        self.report.candidates = journal.candidates.len();
        self.report.unanswered = journal.unanswered;
        self.closed = journal.closed.as_deref().cloned();
        self.own = journal.own.as_deref().map(|own| (own.account.clone(), own.uid));
        if is_first {
            self.recall_use();
        }
        if let (None, Some(current)) = (self.timers.expiry, &journal.current) {
            // As long as the directory tells no other.
            self.timers.expiry = Some(current.expiry);
        }
        if journal.unanswered > 0 && self.memory.last_send.is_none() {
            // What was remembered is lost: the longest wait counts from now.
            self.note_send(now);
        }
        self.settle_actions(&mut cycle, &journal);
        self.note_field(now, &journal);
        let in_force = journal.current.as_ref().map(|current| current.version);
        if self.memory.behind_of != in_force {
            // What was behind of another password may have heard of that since, and says nothing of this one.
            self.memory.behind.clear();
            self.memory.behind_of = in_force;
        }
        if let Some(recorded) = journal.recorded() {
            let committing = Committing::earlier(recorded);
            self.raise(&mut cycle, Event::CandidateResolved { version: committing.version });
            return self.commit(cycle, committing, None, None);
        }
        if journal.possible_clone.is_none() {
            self.possible_clone = None;
        }
        if let Some(why) = journal.not_normal {
            self.note_boot(&why);
            return self.stand_by(now, cycle, (EventId::BootNotNormal, Fault::NotNormalBoot), *why);
        }
        let possible_clone = journal.possible_clone.clone();
        match (journal.field, &journal.current) {
            // Also on a possible copy: whoever's it is, nobody logs on without a password.
            (Field::Emptied, Some(current)) => {
                let version = current.version;
                self.raise(&mut cycle, events::drift_found(current, "emptied"));
                self.go(cycle, Step::Refilling(journal), Action::Reinstate(version));
            }
            (
                Field::Emptied
                | Field::Unmanaged
                | Field::Current
                | Field::Locked
                | Field::Candidate
                | Field::Drifted
                | Field::Missing,
                _,
            ) => match possible_clone {
                None => self.read_policy(cycle, journal),
                Some(why) => self.stand_by_as_copy(now, cycle, *why),
            },
        }
    }

    /// Nothing is changed in this boot, whatever is due; that is told once.
    fn note_boot(&mut self, why: &Hindrance) {
        if self.not_normal_told.as_ref() != Some(why) {
            self.not_normal_told = Some(why.clone());
            let Hindrance { message: reason, next_step } = why.clone();
            self.tell(Event::BootNotNormal { reason, next_step });
        }
    }

    /// The host that this one may be a copy of may be running: were the password changed here, the directory would hold one
    /// that opens nothing there. No directory is even asked, for the identity is the other's.
    fn note_copy(&mut self, why: &Hindrance) {
        if self.possible_clone.as_ref() != Some(why) {
            self.possible_clone = Some(why.clone());
            let Hindrance { message: reason, next_step } = why.clone();
            self.tell(Event::PossibleClone { reason, next_step });
        }
    }

    /// Ends a cycle in which nothing may be changed.
    fn stand_by(&mut self, now: Now, cycle: Box<Cycle>, (event, fault): (EventId, Fault), why: Hindrance) {
        let Hindrance { message, next_step } = why;
        let (hresult, patience) = (fault.into(), Patience::Refused);
        self.fail(now, cycle, Failure { event, hresult, patience, not_before: None, message, next_step });
    }

    fn stand_by_as_copy(&mut self, now: Now, cycle: Box<Cycle>, why: Hindrance) {
        self.note_copy(&why);
        self.stand_by(now, cycle, (EventId::PossibleClone, Fault::PossibleClone), why);
    }

    fn read_policy(&mut self, cycle: Box<Cycle>, journal: Journal) {
        let age_days_min = self.memory.age_days_min;
        self.go(cycle, Step::ReadingPolicy(journal), Action::ReadPolicy { age_days_min });
    }

    fn on_policy(&mut self, now: Now, cycle: Box<Cycle>, journal: Journal, read: PolicyRead) {
        if let Some((cycle, plan, source)) = self.plan_of(now, cycle, read) {
            self.ensure_account(now, cycle, Aim { journal, plan, source }, None);
        }
    }

    /// Ends the cycle unless the policy has work for it.
    fn plan_of(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        read: PolicyRead,
    ) -> Option<(Box<Cycle>, Plan, Option<&'static str>)> {
        for event in read.events {
            self.raise(&mut cycle, event);
        }
        let source = read.source.map(crate::policy::PolicyRoot::event_name);
        match &read.verdict {
            Verdict::Managed(plan) => self.note_post_authentication(now, &mut cycle, Some(plan)),
            Verdict::Unconfigured | Verdict::Disabled => self.note_post_authentication(now, &mut cycle, None),
            // What it wants may be known again later.
            Verdict::Unsupported { .. } => {}
        }
        match read.verdict {
            Verdict::Managed(plan) => {
                let is_ad = plan.target.is_active_directory();
                self.raise(&mut cycle, if is_ad { Event::TargetIsAd } else { Event::TargetIsEntra });
                return Some((cycle, plan, source));
            }
            Verdict::Unconfigured => {
                self.raise(&mut cycle, Event::NoAccountConfigured);
                self.finish_disabled(
                    now,
                    cycle,
                    EventId::NoAccountConfigured,
                    "no policy manages an account on this host",
                );
            }
            Verdict::Disabled => {
                self.raise(&mut cycle, Event::PolicyDisabled);
                if self.has_former_account(None) {
                    self.drop_account(cycle, AfterDrop::Disabled);
                } else {
                    self.finish_switched_off(now, cycle);
                }
            }
            Verdict::Unsupported { message, next_step } => self.fail(
                now,
                cycle,
                Failure {
                    event: EventId::ProcessingFailed,
                    hresult: Hresult::INVALID_DATA,
                    patience: Patience::Refused,
                    not_before: None,
                    message,
                    next_step,
                },
            ),
        }
        None
    }

    /// Ends a cycle on a policy that says so.
    pub(super) fn finish_switched_off(&mut self, now: Now, cycle: Box<Cycle>) {
        let message = "policy says that nothing is managed";
        self.finish_disabled(now, cycle, EventId::PolicyDisabled, message);
    }

    fn finish_disabled(&mut self, now: Now, mut cycle: Box<Cycle>, event: EventId, message: &str) {
        self.rotation_owed = false;
        self.note_failed_actions(now, &mut cycle, Hresult::SERVICE_DISABLED, event, true);
        let next_step =
            "set BackupDirectory in /etc/lapwing/policy.toml; `lapwing get-policy` shows what is seen";
        if self.is_action_owed() {
            let hresult = Hresult::SERVICE_DISABLED;
            self.trace_failure(TraceFailure { event, hresult, next_step: next_step.to_owned() }, true);
        }
        self.timers.expiry = None;
        self.raise(&mut cycle, Event::ProcessingSucceeded);
        self.finish(
            now,
            cycle,
            Activity::Disabled,
            event,
            Answer {
                result: AnswerResult::Disabled,
                message: message.to_owned(),
                next_step: Some(next_step.to_owned()),
                event: Some(event.code().into()),
            },
        );
    }

    pub(super) fn connect(&mut self, now: Now, cycle: Box<Cycle>, aim: Aim) {
        let prefer = aim.journal.current.as_ref().and_then(|current| current.acknowledged_by.clone());
        let avoid = self
            .memory
            .behind
            .iter()
            .filter(|(_, age)| age.at(now.boot) < REPLICATION_MAX)
            .map(|(replica, _)| replica.clone())
            .collect();
        let Plan { target, encryption, dsrm, .. } = aim.plan.clone();
        self.go(cycle, Step::Connecting(aim), Action::Connect { target, encryption, dsrm, prefer, avoid });
    }

    fn on_connected(&mut self, now: Now, mut cycle: Box<Cycle>, aim: Aim, session: Session) {
        self.speak_up(&mut cycle);
        self.tell_of_controller(&mut cycle, aim.plan.target, &session);
        if session.age_days_min == self.memory.age_days_min {
            return self.ask_state(now, cycle, Facts { aim, session });
        }
        self.memory.age_days_min = session.age_days_min;
        self.remember();
        let read = Action::ReadPolicy { age_days_min: session.age_days_min };
        self.go(cycle, Step::RereadingPolicy(aim.journal, session), read);
    }

    /// What Windows tells of the domain controller in use.
    fn tell_of_controller(&mut self, cycle: &mut Cycle, target: Target, session: &Session) {
        let Some(replica) = session.replica.as_ref().filter(|_| target.is_active_directory()) else { return };
        self.raise(cycle, Event::DomainControllerFound { dc: replica.to_string() });
        // Legacy Microsoft LAPS never had one.
        let lacks_version = target == Target::ActiveDirectory && !session.keeps_versions;
        if lacks_version && !core::mem::replace(&mut self.version_lack_told, true) {
            self.raise(cycle, Event::AdSchemaLacksVersion);
        }
    }

    fn on_policy_again(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        journal: Journal,
        session: Session,
        read: PolicyRead,
    ) {
        if let Some((cycle, plan, source)) = self.plan_of(now, cycle, read) {
            self.ensure_account(now, cycle, Aim { journal, plan, source }, Some(session));
        }
    }

    pub(super) fn ask_state(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts) {
        match facts.session.guarantees {
            Guarantees::ComparesAndTells | Guarantees::EachReplica => {
                let (known, settled) = (facts.known(), facts.aim.journal.candidates.is_empty());
                self.go(cycle, Step::ReadingState(facts), Action::ReadState { known, settled });
            }
            Guarantees::None => {
                let state = DirectoryState {
                    // Nothing can be asked, so the journal's own version stands for what is there.
                    version: Told::Version(facts.aim.journal.current.as_ref().map(|current| current.version)),
                    expiry: None,
                    receipt: None,
                    time: None,
                    written: None,
                };
                self.weigh_state(now, cycle, facts, state);
            }
        }
    }
}
