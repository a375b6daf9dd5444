//! One change: prepared, stored, committed.

use super::{
    backoff::Patience,
    cycle::{Candidate, Committing, Cycle, Facts, PreparedNow, Step},
    events,
    exchange::{Action, AnswerResult, Receipt, Store},
    failure::Failure,
    journal::Entry,
    machine::Machine,
    memory::FieldNote,
    outcome::{Committed, DirectoryFailure, Guarantees, Prepared, Session, StoreOutcome},
    plan::Target,
    resolve::Held,
};
use crate::{
    event::{Event, EventId},
    mutant::{self, Mutant},
    types::{Now, PasswordVersion, Replica},
};

/// How often one cycle starts over because the directory held something else than it had just said.
pub(super) const ROUNDS_MAX: u8 = 3;

impl Machine {
    pub(super) fn on_prepared(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        facts: Facts,
        held: Held,
        candidate: Candidate,
        prepared: Prepared,
    ) {
        self.trace_version(prepared.version);
        self.raise(&mut cycle, events::prepared(&prepared));
        if let Some(warning) = &prepared.warning {
            self.raise(&mut cycle, Event::PasswordRuleWarned { text: warning.clone() });
        }
        match candidate {
            Candidate::New => self.bind(now, cycle, facts, held, prepared),
            Candidate::Again => self.send(now, cycle, facts, held, prepared),
        }
    }

    /// Sends what is prepared, noted first where the directory cannot tell later what became of it.
    pub(super) fn send(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts, held: Held, prepared: Prepared) {
        if mutant::is(Mutant::SetBeforeStore) {
            let Prepared { version, account, uid, expiry, .. } = prepared;
            let committing = Committing { version, account, uid, expiry, prepared_now: None };
            return self.commit(cycle, committing, None, None);
        }
        match facts.session.guarantees {
            Guarantees::None if mutant::is(Mutant::SendsNotCounted) => {
                return self.store(cycle, facts, held, prepared, 0);
            }
            Guarantees::ComparesAndTells => return self.store(cycle, facts, held, prepared, 0),
            Guarantees::EachReplica => {}
            Guarantees::None => self.note_send(now),
        }
        let count = Action::CountSend { version: prepared.version, to: facts.session.replica.clone() };
        self.go(cycle, Step::Counting(facts, held, prepared), count);
    }

    /// Sends it; so many sends, this one included, have no answer where they are counted.
    pub(super) fn store(
        &mut self,
        mut cycle: Box<Cycle>,
        facts: Facts,
        held: Held,
        prepared: Prepared,
        unanswered: u32,
    ) {
        if facts.aim.plan.target == Target::Cloud {
            self.raise(&mut cycle, Event::EntraRequestSent { url: facts.session.endpoint.clone() });
        }
        let store = Store {
            version: prepared.version,
            account: prepared.account.clone(),
            uid: prepared.uid,
            expected: held.expected(),
            in_force: facts.aim.journal.current.as_ref().map(|current| current.version),
            in_force_encrypted_to: facts.current().and_then(|current| current.encrypted_to.clone()),
            expiry: prepared.expiry,
        };
        self.last_sent = Some((store.version, store.expected));
        self.go(cycle, Step::Storing(facts, prepared, unanswered), Action::Store(store));
    }

    pub(super) fn on_stored(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        facts: Facts,
        prepared: Prepared,
        unanswered: u32,
        stored: StoreOutcome,
    ) {
        match stored {
            StoreOutcome::Acknowledged(receipt) => {
                self.raise(&mut cycle, events::stored(facts.aim.plan.target));
                self.raise(&mut cycle, events::acknowledged(&facts.session, prepared.version));
                let Prepared { version, account, uid, expiry, .. } = prepared;
                let Session { directory, record, replica, is_controller, .. } = facts.session;
                let (source, wants_own) = (facts.aim.source, facts.aim.plan.own.is_some());
                let prepared_now = Some(PreparedNow { source, directory, record, is_controller, wants_own });
                let committing = Committing { version, account, uid, expiry, prepared_now };
                self.commit(cycle, committing, receipt, replica);
            }
            StoreOutcome::VersionMismatch(_) if mutant::is(Mutant::MismatchIsRefusal) => {
                let failure = Failure { patience: Patience::Refused, ..Failure::contended() };
                self.fail(now, cycle, failure);
            }
            StoreOutcome::VersionMismatch(_) if cycle.rounds < ROUNDS_MAX => {
                // An earlier send of ours may have landed in between: start over from the journal and ask.
                cycle.rounds += 1;
                self.read_journal(cycle);
            }
            StoreOutcome::VersionMismatch(_) => self.fail_undecided(now, cycle, Failure::contended()),
            // The event of its failure says all that Windows does.
            StoreOutcome::Refused(failure) | StoreOutcome::NotSent(failure)
                if facts.aim.plan.target.is_active_directory() =>
            {
                self.uncount(now, cycle, facts, prepared.version, failure);
            }
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
                self.raise(
                    &mut cycle,
                    events::unanswered(&facts.session, prepared.version, unanswered.max(1)),
                );
                match facts.session.guarantees {
                    Guarantees::ComparesAndTells | Guarantees::EachReplica => self.keep(now, prepared),
                    Guarantees::None if mutant::is(Mutant::SendsNotCounted) => {}
                    Guarantees::None => self.note_send(now),
                }
                self.fail_undecided(now, cycle, Failure::unanswered(failure));
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
            Guarantees::ComparesAndTells => self.on_send_failed(now, cycle, &facts, failure),
            Guarantees::EachReplica | Guarantees::None => {
                let action = Action::UncountSend(version);
                self.go(cycle, Step::Uncounting(facts, Box::new(failure)), action);
            }
        }
    }

    pub(super) fn commit(
        &mut self,
        cycle: Box<Cycle>,
        committing: Committing,
        receipt: Option<Receipt>,
        by: Option<Replica>,
    ) {
        let version = committing.version;
        self.go(cycle, Step::Committing(committing), Action::Commit { version, receipt, by });
    }

    pub(super) fn on_committed(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        committing: Committing,
        committed: &Committed,
    ) {
        self.raise(&mut cycle, events::updated(&committing, committed));
        self.settle_committed(&mut cycle, committed.version);
        self.note_rename(&mut cycle, &committed.account, committed.uid);
        if committing.prepared_now.is_some() {
            self.trace_rotated(committed.version);
        } else {
            self.trace_earlier(committed.version);
        }
        if self.closed.as_ref().is_some_and(|closed| closed.uid == committed.uid) {
            self.on_opened();
        }
        self.memory.last_rotation = Some(now.wall);
        self.report.last_rotation = Some(now.wall);
        self.kept = None;
        self.memory.last_send = None;
        self.memory.activated = None;
        self.timers.expiry = Some(committing.expiry);
        self.in_conflict = false;
        if core::mem::take(&mut self.foreign_met) {
            self.memory.last_foreign = Some(now.wall);
        }
        let Some(PreparedNow { source, directory, record, wants_own, .. }) = committing.prepared_now else {
            // That finished an earlier change. Whether this cycle still has something to do shows from the start.
            self.remember();
            cycle.rounds += 1;
            if cycle.rounds > ROUNDS_MAX {
                return self.fail(now, cycle, Failure::contended());
            }
            return self.read_journal(cycle);
        };
        self.end_use(now, &mut cycle);
        self.memory.policy_source = source.map(str::to_owned);
        self.memory.drift_healed = false;
        self.memory.field_note = self.memory.field_note.filter(|note| *note != FieldNote::Contested);
        self.remember();
        self.rotation_owed = false;
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
            encrypted_to: None,
            acknowledged_by: None,
        });
        self.plan_drop(committed.uid, wants_own);
        self.report.candidates = 0;
        self.report.unanswered = 0;
        self.succeed(now, cycle, EventId::AccountUpdated, AnswerResult::Rotated, "the password was changed");
    }
}
