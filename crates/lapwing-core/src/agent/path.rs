//! The path of one cycle, step by step.

use core::time::Duration;

use super::{
    backoff::Patience,
    cycle::{Aim, Committing, Cycle, Facts, PreparedNow, Step},
    events,
    exchange::{
        Action, Answer, AnswerResult, Committed, DirectoryFailure, DirectoryFault, DirectoryState,
        Guarantees, Outcome, Prepared, Receipt, RootHalfFailure, Session, Store, StoreOutcome,
    },
    journal::{Entry, Field, Journal},
    machine::{Activity, Failure, Machine},
    plan::{Plan, PolicyRead, Verdict},
    reasons::{Circumstances, reasons},
    resolve::Held,
};
use crate::{
    event::{Event, EventId, Hresult},
    fault::Fault,
    types::{AccountName, Now, PasswordVersion, WallTime},
};

/// How often one cycle starts over because the directory held something else than it had just said.
const ROUNDS_MAX: u8 = 3;
/// A foreign version met again within this time is a conflict between writers, not a restored host.
const CONFLICT_WINDOW: Duration = Duration::from_secs(86_400);
/// A directory clock further off than this is reported: tokens and expiries suffer.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

impl Machine {
    /// Takes the one outcome that the cycle's step waits for.
    pub(super) fn advance(&mut self, now: Now, outcome: Outcome) {
        let Some(mut cycle) = self.take_cycle() else { return };
        let step = core::mem::replace(&mut cycle.step, Step::ReadingJournal);
        match (step, outcome) {
            (Step::ReadingJournal, Outcome::Journal(Ok(journal))) => self.on_journal(now, cycle, journal),
            (Step::ReadingJournal, Outcome::Journal(Err(failure))) => {
                self.on_root_half_failed(now, cycle, None, failure)
            }
            (Step::Refilling(journal), Outcome::Committed(Ok(healed))) => {
                self.raise(&mut cycle, Event::DriftHealed { account: healed.account });
                self.memory.drift_healed = true;
                self.remember();
                self.read_policy(cycle, journal);
            }
            (Step::ReadingPolicy(journal), Outcome::Policy(read)) => {
                self.on_policy(now, cycle, journal, read)
            }
            (Step::Connecting(aim), Outcome::Connected(Ok(session))) => {
                self.on_connected(now, cycle, aim, session)
            }
            (Step::Connecting(aim), Outcome::Connected(Err(failure))) => {
                self.on_unreachable(now, cycle, &aim.journal, failure);
            }
            (Step::RereadingPolicy(journal, session), Outcome::Policy(read)) => {
                self.on_policy_again(now, cycle, journal, session, read);
            }
            (Step::ReadingState(facts), Outcome::State(Ok(state))) => self.on_state(now, cycle, facts, state),
            (Step::ReadingState(facts), Outcome::State(Err(failure))) => {
                self.on_unreachable(now, cycle, &facts.aim.journal, failure);
            }
            (Step::Reinstating(facts, held, expiry), Outcome::Committed(Ok(healed))) => {
                self.raise(&mut cycle, Event::DriftHealed { account: healed.account });
                self.memory.drift_healed = true;
                self.remember();
                self.weigh(now, cycle, facts, held, expiry);
            }
            (Step::Preparing(facts, held), Outcome::Prepared(Ok(prepared))) => {
                self.on_prepared(cycle, facts, held, prepared);
            }
            (Step::Counting(facts, held, prepared), Outcome::Counted(Ok(_))) => {
                self.store(cycle, facts, held, prepared);
            }
            (Step::Storing(facts, prepared), Outcome::Stored(stored)) => {
                self.on_stored(now, cycle, facts, prepared, stored);
            }
            // Whether or not the count could be taken back, the failure is what the cycle ends with: a count too
            // high only makes us more careful.
            (Step::Uncounting(facts, failure), Outcome::Counted(_)) => {
                self.on_unreachable(now, cycle, &facts.aim.journal, *failure);
            }
            (Step::Committing(committing), Outcome::Committed(Ok(committed))) => {
                self.on_committed(now, cycle, committing, &committed);
            }
            (Step::Committing(committing), Outcome::Committed(Err(failure))) => {
                self.raise(&mut cycle, events::update_failed(&committing, &failure));
                self.on_root_half_failed(now, cycle, Some(&committing.account), failure);
            }
            (Step::Preparing(facts, _), Outcome::Prepared(Err(failure))) => {
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
        self.begun = true;
        self.report.current.clone_from(&journal.current);
        self.report.candidates = journal.candidates.len();
        self.report.unanswered = journal.unanswered;
        if journal.unanswered > 0 && self.timers.hold_sends.is_none() {
            // A restart has forgotten when the last send was; the longest it can ask for counts from now.
            self.hold_sends(now, journal.unanswered);
        }
        if let Some(recorded) = journal.recorded() {
            let committing = Committing::earlier(recorded);
            self.raise(&mut cycle, Event::CandidateResolved { version: committing.version });
            return self.commit(cycle, committing, None);
        }
        match (journal.field, &journal.current) {
            (Field::Emptied, Some(current)) => {
                let version = current.version;
                self.raise(&mut cycle, events::drift_found(current, journal.field));
                self.go(cycle, Step::Refilling(journal), Action::Reinstate(version));
            }
            (
                Field::Emptied
                | Field::Unmanaged
                | Field::Current
                | Field::Candidate
                | Field::Drifted
                | Field::Missing,
                _,
            ) => self.read_policy(cycle, journal),
        }
    }

    fn read_policy(&mut self, cycle: Box<Cycle>, journal: Journal) {
        let age_days_min = self.memory.age_days_min;
        self.go(cycle, Step::ReadingPolicy(journal), Action::ReadPolicy { age_days_min });
    }

    fn on_policy(&mut self, now: Now, cycle: Box<Cycle>, journal: Journal, read: PolicyRead) {
        if let Some((cycle, plan, source)) = self.plan_of(now, cycle, read) {
            self.go(cycle, Step::Connecting(Aim { journal, plan, source }), Action::Connect);
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
        match read.verdict {
            Verdict::Cloud(plan) => {
                self.raise(&mut cycle, Event::TargetIsEntra);
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
                self.finish_disabled(
                    now,
                    cycle,
                    EventId::PolicyDisabled,
                    "policy says that nothing is managed",
                );
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

    fn finish_disabled(&mut self, now: Now, mut cycle: Box<Cycle>, event: EventId, message: &str) {
        self.rotation_owed = false;
        self.raise(&mut cycle, Event::ProcessingSucceeded);
        let next_step =
            "set BackupDirectory in /etc/lapwing/policy.toml; `lapwing get-policy` shows what is seen";
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

    fn on_connected(&mut self, now: Now, mut cycle: Box<Cycle>, aim: Aim, session: Session) {
        self.speak_up(&mut cycle);
        if session.age_days_min == self.memory.age_days_min {
            return self.ask_state(now, cycle, Facts { aim, session });
        }
        self.memory.age_days_min = session.age_days_min;
        self.remember();
        let read = Action::ReadPolicy { age_days_min: session.age_days_min };
        self.go(cycle, Step::RereadingPolicy(aim.journal, session), read);
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
            self.ask_state(now, cycle, Facts { aim: Aim { journal, plan, source }, session });
        }
    }

    fn ask_state(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts) {
        match facts.session.guarantees {
            Guarantees::ComparesAndTells => self.go(cycle, Step::ReadingState(facts), Action::ReadState),
            Guarantees::None => {
                let state = DirectoryState {
                    // Nothing can be asked, so the journal's own version stands for what is there.
                    version: facts.aim.journal.current.as_ref().map(|current| current.version),
                    expiry: None,
                    receipt: None,
                    time: None,
                };
                self.weigh_state(now, cycle, facts, state);
            }
        }
    }

    fn on_state(&mut self, now: Now, mut cycle: Box<Cycle>, facts: Facts, state: DirectoryState) {
        if let Some(theirs) = state.time {
            let apart = theirs.saturating_since(now.wall).max(now.wall.saturating_since(theirs));
            if apart > CLOCK_SKEW_MAX {
                self.raise(&mut cycle, events::clocks_disagree(now.wall, theirs));
            }
        }
        self.weigh_state(now, cycle, facts, state);
    }

    fn weigh_state(&mut self, now: Now, mut cycle: Box<Cycle>, facts: Facts, state: DirectoryState) {
        let held = Held::resolve(&facts.aim.journal, state.version);
        match held {
            Held::Candidate(version) => {
                if let Some(candidate) = facts.aim.journal.candidate(version) {
                    let committing = Committing::earlier(candidate);
                    self.raise(&mut cycle, Event::CandidateResolved { version });
                    return self.commit(cycle, committing, state.receipt);
                }
            }
            Held::Replaced(version) => self.raise(
                &mut cycle,
                Event::DirectoryRestored { directory: facts.session.directory.clone(), version },
            ),
            Held::Foreign(version) => self.raise(
                &mut cycle,
                Event::VersionNeverOurs {
                    directory: facts.session.directory.clone(),
                    version: Some(version),
                },
            ),
            Held::Current(_) | Held::Nothing | Held::Vanished => {}
        }
        match (facts.aim.journal.field, &facts.aim.journal.current, held) {
            // Only a directory that confirms the version in force shows that putting its hash back is right; with
            // any other version the rotation that follows sets the account anyway.
            (Field::Drifted, Some(current), Held::Current(version)) => {
                self.raise(&mut cycle, events::drift_found(current, Field::Drifted));
                self.go(cycle, Step::Reinstating(facts, held, state.expiry), Action::Reinstate(version));
            }
            (
                Field::Drifted
                | Field::Unmanaged
                | Field::Current
                | Field::Candidate
                | Field::Emptied
                | Field::Missing,
                _,
                _,
            ) => self.weigh(now, cycle, facts, held, state.expiry),
        }
    }

    /// Decides whether the password has to be changed.
    fn weigh(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        facts: Facts,
        held: Held,
        directory_expiry: Option<WallTime>,
    ) {
        let conflict = self.note_foreign(now, &mut cycle, &facts, held);
        let reasons = reasons(
            &facts,
            &Circumstances {
                now: now.wall,
                held,
                directory_expiry,
                memory: &self.memory,
                rotation_wanted: cycle.rotation_wanted,
                drifted: self.memory.drift_healed,
                conflict,
            },
        );
        if reasons.is_empty() {
            self.timers.expiry =
                directory_expiry.or_else(|| facts.aim.journal.current.as_ref().map(|current| current.expiry));
            self.raise(&mut cycle, Event::NoUpdateNeeded);
            return self.succeed(
                now,
                cycle,
                EventId::NoUpdateNeeded,
                AnswerResult::NotDue,
                "no change was due",
            );
        }
        self.raise(&mut cycle, events::due(&reasons));
        match facts.session.guarantees {
            Guarantees::ComparesAndTells => {}
            Guarantees::None => {
                if let Some(wait) = self.send_is_held(now) {
                    return self.fail(now, cycle, Failure::held(wait, facts.aim.journal.unanswered));
                }
            }
        }
        self.prepare(now, cycle, facts, held);
    }

    /// Remembers a version that was never ours, and tells whether another was met within a day: then two writers fight
    /// over one record, and rotating at once would only feed the fight.
    fn note_foreign(&mut self, now: Now, cycle: &mut Cycle, facts: &Facts, held: Held) -> bool {
        let Held::Foreign(version) = held else { return false };
        if facts.aim.journal.current.is_none() {
            return false;
        }
        let before = self.memory.last_foreign.replace(now.wall);
        self.remember();
        let conflict = before.is_some_and(|before| now.wall.saturating_since(before) < CONFLICT_WINDOW);
        if conflict {
            self.raise(
                cycle,
                Event::Conflict { directory: facts.session.directory.clone(), version: Some(version) },
            );
        }
        conflict
    }

    /// The very bytes of a candidate that has not landed, if they exist and are still wanted; else one more candidate.
    fn prepare(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts, held: Held) {
        let plan = &facts.aim.plan;
        let usable = |candidate: &&Entry| {
            candidate.sealed
                && candidate.is_for(&facts.session.directory, &facts.session.record)
                && plan.account.as_ref().is_none_or(|name| candidate.account == *name)
                && candidate.expiry > now.wall.saturating_add(plan.age() / 2)
                && candidate.expiry <= now.wall.saturating_add(plan.age())
        };
        let action = match facts.aim.journal.candidates.iter().rfind(usable) {
            Some(candidate) if facts.session.guarantees == Guarantees::ComparesAndTells => {
                Action::FetchSeal(candidate.version)
            }
            Some(_) | None => Action::Prepare {
                plan: plan.clone(),
                directory: facts.session.directory.clone(),
                record: facts.session.record.clone(),
                expiry: now.wall.saturating_add(plan.age()),
            },
        };
        self.go(cycle, Step::Preparing(facts, held), action);
    }

    fn on_prepared(&mut self, mut cycle: Box<Cycle>, facts: Facts, held: Held, prepared: Prepared) {
        self.raise(&mut cycle, events::prepared(&prepared));
        if let Some(warning) = &prepared.warning {
            self.raise(&mut cycle, Event::PasswordRuleWarned { text: warning.clone() });
        }
        match facts.session.guarantees {
            Guarantees::ComparesAndTells => self.store(cycle, facts, held, prepared),
            Guarantees::None => {
                let count = Action::CountSend(prepared.version);
                self.go(cycle, Step::Counting(facts, held, prepared), count);
            }
        }
    }

    fn store(&mut self, mut cycle: Box<Cycle>, facts: Facts, held: Held, prepared: Prepared) {
        self.raise(&mut cycle, Event::EntraRequestSent { url: facts.session.endpoint.clone() });
        let store = Store {
            version: prepared.version,
            account: prepared.account.clone(),
            uid: prepared.uid,
            expected: held.version(),
            in_force: facts.aim.journal.current.as_ref().map(|current| current.version),
            expiry: prepared.expiry,
        };
        self.go(cycle, Step::Storing(facts, prepared), Action::Store(store));
    }

    fn on_stored(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        facts: Facts,
        prepared: Prepared,
        stored: StoreOutcome,
    ) {
        match stored {
            StoreOutcome::Acknowledged(receipt) => {
                self.raise(&mut cycle, Event::EntraUpdated);
                self.raise(&mut cycle, events::acknowledged(&facts.session, prepared.version));
                let Prepared { version, account, uid, expiry, .. } = prepared;
                let Session { directory, record, .. } = facts.session;
                let prepared_now = Some(PreparedNow { source: facts.aim.source, directory, record });
                self.commit(cycle, Committing { version, account, uid, expiry, prepared_now }, receipt);
            }
            StoreOutcome::VersionMismatch(_) if cycle.rounds < ROUNDS_MAX => {
                // An earlier send of ours may have landed in between: start over from the journal and ask.
                cycle.rounds += 1;
                self.read_journal(cycle);
            }
            StoreOutcome::VersionMismatch(_) => self.fail(now, cycle, Failure::contended()),
            StoreOutcome::Refused(failure) => {
                self.raise(&mut cycle, Event::EntraUpdateFailed { hr: failure.hresult });
                if let Some((status, text)) = &failure.answer {
                    self.raise(
                        &mut cycle,
                        Event::EntraAnsweredFailure { http_status: (*status).into(), response: text.clone() },
                    );
                }
                self.uncount(now, cycle, facts, prepared.version, failure);
            }
            StoreOutcome::NotSent(failure) => {
                self.raise(&mut cycle, Event::EntraUpdateFailed { hr: failure.hresult });
                self.uncount(now, cycle, facts, prepared.version, failure);
            }
            StoreOutcome::Unanswered(failure) => {
                let unanswered = facts.aim.journal.unanswered.saturating_add(1);
                self.raise(&mut cycle, events::unanswered(&facts.session, prepared.version, unanswered));
                match facts.session.guarantees {
                    Guarantees::ComparesAndTells => {}
                    Guarantees::None => self.hold_sends(now, unanswered),
                }
                self.fail(now, cycle, Failure::unanswered(failure));
            }
        }
    }

    /// Takes back the count of a send that was answered or never made, where sends are counted.
    fn uncount(
        &mut self,
        now: Now,
        cycle: Box<Cycle>,
        facts: Facts,
        version: PasswordVersion,
        failure: DirectoryFailure,
    ) {
        match facts.session.guarantees {
            Guarantees::ComparesAndTells => self.on_unreachable(now, cycle, &facts.aim.journal, failure),
            Guarantees::None => {
                let action = Action::UncountSend(version);
                self.go(cycle, Step::Uncounting(facts, Box::new(failure)), action);
            }
        }
    }

    fn commit(&mut self, cycle: Box<Cycle>, committing: Committing, receipt: Option<Receipt>) {
        let version = committing.version;
        self.go(cycle, Step::Committing(committing), Action::Commit { version, receipt });
    }

    fn on_committed(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        committing: Committing,
        committed: &Committed,
    ) {
        self.raise(&mut cycle, events::updated(committed));
        self.memory.last_rotation = Some(now.wall);
        self.report.last_rotation = Some(now.wall);
        self.timers.hold_sends = None;
        let Some(PreparedNow { source, directory, record }) = committing.prepared_now else {
            // That finished an earlier change. Whether this cycle still has something to do shows from the start.
            self.remember();
            cycle.rounds += 1;
            if cycle.rounds > ROUNDS_MAX {
                return self.fail(now, cycle, Failure::contended());
            }
            return self.read_journal(cycle);
        };
        self.memory.policy_source = source.map(str::to_owned);
        self.memory.drift_healed = false;
        self.remember();
        self.rotation_owed = false;
        self.timers.expiry = Some(committing.expiry);
        self.report.current = Some(Entry {
            version: committed.version,
            account: committed.account.clone(),
            uid: committed.uid,
            directory,
            record,
            expiry: committing.expiry,
            prepared: now.wall,
            recorded: true,
            sealed: false,
        });
        self.report.candidates = 0;
        self.report.unanswered = 0;
        self.succeed(now, cycle, EventId::AccountUpdated, AnswerResult::Rotated, "the password was changed");
    }

    fn on_unreachable(&mut self, now: Now, cycle: Box<Cycle>, journal: &Journal, failure: DirectoryFailure) {
        let urgent = cycle.rotation_wanted
            || self.memory.drift_healed
            || !journal.candidates.is_empty()
            || journal.current.as_ref().is_none_or(|current| current.expiry <= now.wall);
        let patience = match failure.kind {
            // Nothing is waiting for the directory, so the next cycle of the schedule is soon enough.
            DirectoryFault::Unreachable if !urgent => Patience::Refused,
            DirectoryFault::Unreachable => Patience::Unreachable,
            DirectoryFault::NotEnrolled
            | DirectoryFault::NotTrusted
            | DirectoryFault::DiscoveryFailed
            | DirectoryFault::AuthenticationFailed
            | DirectoryFault::NoRecord
            | DirectoryFault::Throttled
            | DirectoryFault::Refused
            | DirectoryFault::Malformed => Patience::Refused,
        };
        let (mut cycle, mut failure) = (cycle, failure);
        let event = events::directory_failed(
            now.wall,
            journal.current.as_ref().map(|current| &current.directory),
            &failure,
        );
        let id = event.id();
        self.raise(&mut cycle, event);
        let not_before = failure.retry_after.take();
        let DirectoryFailure { hresult, message, next_step, .. } = failure;
        self.fail(now, cycle, Failure { event: id, hresult, patience, not_before, message, next_step });
    }

    fn on_root_half_failed(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        account: Option<&AccountName>,
        failure: RootHalfFailure,
    ) {
        if failure.fault == Some(Fault::StaleRun) {
            // Somebody began another run, or the journal was restored: begin again with the next attempt.
            self.begun = false;
        }
        let patience = match failure.fault {
            None => Patience::Unanswered,
            Some(
                Fault::FileLocked
                | Fault::NotWritable
                | Fault::NoSpace
                | Fault::StaleRun
                | Fault::UnknownVersion
                | Fault::CommitPending
                | Fault::NoDrift
                | Fault::Internal
                | Fault::AccountMissing
                | Fault::NoAcceptablePassword,
            ) => Patience::Local,
            Some(
                Fault::AccountNotListed
                | Fault::DirectoryNotListed
                | Fault::ManagedFile
                | Fault::AccountUnsuitable
                | Fault::BudgetSpent
                | Fault::AgeingTooShort
                | Fault::HashRefused
                | Fault::ReceiptInvalid
                | Fault::JournalDamaged
                | Fault::Malformed
                | Fault::NotAuthorized,
            ) => Patience::Refused,
        };
        let event = events::root_half_failed(account, &failure);
        let id = event.id();
        self.raise(&mut cycle, event);
        let hresult = failure.fault.map_or(Hresult::SERVICE_NOT_ACTIVE, Hresult::from);
        let RootHalfFailure { message, next_step, .. } = failure;
        self.fail(now, cycle, Failure { event: id, hresult, patience, not_before: None, message, next_step });
    }
}
