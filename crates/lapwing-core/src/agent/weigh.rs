//! What the directory holds, what that means, and whether the password has to be changed.

use core::time::Duration;

use super::{
    change::ROUNDS_MAX,
    cycle::{Aim, Candidate, Committing, Cycle, Facts, Step, Stored},
    events,
    exchange::{Action, AnswerResult, Known},
    failure::Failure,
    journal::{Entry, Field},
    machine::Machine,
    outcome::{DirectoryState, Guarantees, Session, Written},
    own::AfterDrop,
    plan::Reason,
    reasons::{Circumstances, due_at, reasons},
    resolve::Held,
};
use crate::{
    event::{Event, EventId},
    mutant::{self, Mutant},
    root_half::REPLICATION_MAX,
    types::{Age, Now, WallTime},
};

/// A foreign version met again within this time is a conflict between writers, not a restored host.
const CONFLICT_WINDOW: Duration = Duration::from_secs(86_400);
/// A directory clock further off than this is reported: tokens and expiries suffer.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

impl Machine {
    pub(super) fn on_state(&mut self, now: Now, mut cycle: Box<Cycle>, facts: Facts, state: DirectoryState) {
        if let Some(theirs) = state.time {
            let apart = theirs.saturating_since(now.wall).max(now.wall.saturating_since(theirs));
            if apart > CLOCK_SKEW_MAX {
                self.raise(&mut cycle, events::clocks_disagree(now.wall, theirs));
            }
        }
        self.weigh_state(now, cycle, facts, state);
    }

    pub(super) fn weigh_state(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        facts: Facts,
        state: DirectoryState,
    ) {
        let held = facts.held(state.version);
        if self.is_behind(now, &facts, held) {
            return self.turn_elsewhere(now, cycle, facts);
        }
        match held {
            Held::Candidate(version) => {
                if let Some(candidate) = facts.aim.journal.candidate(version) {
                    let committing = Committing::earlier(candidate);
                    self.raise(&mut cycle, Event::CandidateResolved { version });
                    return self.commit(cycle, committing, state.receipt, facts.session.replica);
                }
            }
            Held::Replaced(version) => self.raise(
                &mut cycle,
                Event::DirectoryRestored { directory: facts.session.directory.clone(), version },
            ),
            Held::Foreign(version) => self.raise(
                &mut cycle,
                events::never_ours(&facts.session.directory, Some(version), state.written.as_ref()),
            ),
            Held::Unreadable if facts.aim.journal.current.is_some() => self.raise(
                &mut cycle,
                events::never_ours(&facts.session.directory, None, state.written.as_ref()),
            ),
            Held::Current(_) | Held::Unreadable | Held::Nothing | Held::Vanished => {}
        }
        match (facts.aim.journal.field, &facts.aim.journal.current, held) {
            // Only a directory that confirms the version in force shows that putting its hash back is right; with
            // any other version the rotation that follows sets the account anyway.
            (Field::Drifted, Some(_), Held::Current(version)) if !self.is_contested(now) => {
                self.go(
                    cycle,
                    Step::Reinstating(facts, held, Stored::of(&state)),
                    Action::Reinstate(version),
                );
            }
            (
                Field::Drifted
                | Field::Unmanaged
                | Field::Current
                | Field::Locked
                | Field::Candidate
                | Field::Emptied
                | Field::Missing,
                _,
                _,
            ) => self.weigh(now, cycle, facts, held, Stored::of(&state)),
        }
    }

    /// Decides whether the password has to be changed.
    pub(super) fn weigh(
        &mut self,
        now: Now,
        mut cycle: Box<Cycle>,
        facts: Facts,
        held: Held,
        stored: Stored,
    ) {
        let directory_expiry = stored.expiry;
        if let Some(failure) = facts.session.unfit.clone() {
            // Only now: what had landed before the policy became so was to be committed first.
            return self.on_unreachable(now, cycle, &facts.aim, *failure);
        }
        let conflict = self.note_foreign(now, &mut cycle, &facts, held, stored.written.as_ref());
        let reasons = reasons(
            &facts.aim,
            &Circumstances {
                now: now.wall,
                current: facts.current(),
                held,
                principal: facts.session.principal.as_ref(),
                directory_expiry,
                memory: &self.memory,
                rotation_owed: self.rotation_owed,
                action_owed: self.is_action_owed(),
                reset_is_due: self.is_reset_due(now),
                conflict,
            },
        );
        if reasons.is_empty() {
            let in_force = facts.aim.journal.current.as_ref().map(|current| current.uid);
            if facts.aim.plan.own.is_none() && self.has_former_account(in_force) {
                return self.drop_account(cycle, AfterDrop::NotDue);
            }
            let current = facts.aim.journal.current.as_ref();
            self.timers.expiry =
                due_at(current, held, directory_expiry).filter(|_| !mutant::is(Mutant::ExpiryForgotten));
            self.raise(&mut cycle, Event::NoUpdateNeeded);
            return self.succeed(
                now,
                cycle,
                EventId::NoUpdateNeeded,
                AnswerResult::NotDue,
                "no change was due",
            );
        }
        self.trace_reasons(&reasons);
        if let Some(wait) = self.activation_wait(now, &facts.aim, &reasons) {
            return self.put_off(now, cycle, wait);
        }
        self.raise(&mut cycle, events::due(&reasons));
        match facts.session.guarantees {
            Guarantees::ComparesAndTells | Guarantees::EachReplica => {}
            Guarantees::None => {
                let unanswered = facts.aim.journal.unanswered;
                if let Some(wait) = self.send_is_held(now, unanswered) {
                    return self.fail_undecided(now, cycle, Failure::held(wait, unanswered));
                }
            }
        }
        self.prepare(now, cycle, facts, held);
    }

    /// Whether this replica only has not heard yet of what another one has acknowledged. One that still has not after
    /// [`REPLICATION_MAX`] is believed: the other was lost before it could tell.
    fn is_behind(&mut self, now: Now, facts: &Facts, held: Held) -> bool {
        let (Some(here), Some(current)) = (&facts.session.replica, &facts.aim.journal.current) else {
            return false;
        };
        let is_older = match held {
            Held::Replaced(_) | Held::Unreadable | Held::Vanished => true,
            // One that outlived a commit has landed here without knowing of that: which of the two the replicas will
            // agree on shows when they have told one another.
            Held::Candidate(version) => facts
                .aim
                .journal
                .candidate(version)
                .is_some_and(|candidate| candidate.prepared < current.prepared),
            Held::Current(_) | Held::Foreign(_) | Held::Nothing => false,
        };
        let told_by_another = current.acknowledged_by.as_ref().is_some_and(|by| by != here);
        if !is_older || !told_by_another || mutant::is(Mutant::BehindBelieved) {
            return false;
        }
        if let Some((_, age)) = self.memory.behind.iter().find(|(replica, _)| replica == here) {
            return age.at(now.boot) < REPLICATION_MAX;
        }
        self.memory.behind.push((here.clone(), Age::new(now, self.boot_id)));
        self.remember();
        true
    }

    /// Asks another replica in the place of one that is behind.
    fn turn_elsewhere(&mut self, now: Now, mut cycle: Box<Cycle>, facts: Facts) {
        if let Some(replica) = &facts.session.replica {
            self.raise(&mut cycle, Event::ReplicaBehind { replica: replica.to_string() });
        }
        cycle.rounds += 1;
        if cycle.rounds > ROUNDS_MAX {
            return self.fail_undecided(now, cycle, Failure::contended());
        }
        self.connect(now, cycle, facts.aim);
    }

    /// How long the first rotation is still to be put off, if nothing but the policy asks for it.
    fn activation_wait(&mut self, now: Now, aim: &Aim, reasons: &[Reason]) -> Option<Duration> {
        if aim.journal.current.is_some() || reasons != [Reason::NotInJournal] {
            return None;
        }
        let grace = aim.plan.activation_grace;
        let activated = match self.memory.activated {
            Some(activated) => activated,
            None if grace.is_zero() => return None,
            None => {
                let activated = Age::new(now, self.boot_id);
                self.memory.activated = Some(activated);
                self.remember();
                activated
            }
        };
        Some(grace.saturating_sub(activated.at(now.boot))).filter(|wait| !wait.is_zero())
    }

    /// Ends the cycle for now: the policy gives whoever sets this host up some time.
    fn put_off(&mut self, now: Now, mut cycle: Box<Cycle>, wait: Duration) {
        self.raise(&mut cycle, Event::NoUpdateNeeded);
        let message = format!(
            "the first change waits for {} minutes more, as ActivationGraceMinutes says",
            wait.as_secs().div_ceil(60)
        );
        self.succeed(now, cycle, EventId::NoUpdateNeeded, AnswerResult::NotDue, &message);
        self.retry_at(now.boot.saturating_add(wait));
    }

    /// Tells whether a version that was never ours stands there within a day of the last one that we replaced: then two
    /// writers fight over one record, and rotating at once would only feed the fight. One that we have not replaced yet,
    /// because the send was lost, is no second one.
    fn note_foreign(
        &mut self,
        now: Now,
        cycle: &mut Cycle,
        facts: &Facts,
        held: Held,
        written: Option<&Written>,
    ) -> bool {
        self.foreign_met = false;
        self.in_conflict = false;
        let version = match held {
            Held::Foreign(version) => Some(version),
            Held::Unreadable => None,
            Held::Candidate(_) | Held::Current(_) | Held::Replaced(_) | Held::Nothing | Held::Vanished => {
                return false;
            }
        };
        if facts.aim.journal.current.is_none() {
            return false;
        }
        let replaced = self.memory.last_foreign;
        let conflict = replaced.is_some_and(|then| now.wall.saturating_since(then) < CONFLICT_WINDOW);
        self.foreign_met = !conflict;
        self.in_conflict = conflict;
        if conflict {
            self.memory.last_foreign = Some(now.wall);
            self.remember();
            self.raise(cycle, events::conflict(&facts.session.directory, version, written));
        }
        conflict
    }

    /// The very bytes of a candidate that has not landed, if they exist and are still wanted; else one more candidate.
    fn prepare(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts, held: Held) {
        if self.is_falling_asleep() {
            return self.fail(now, cycle, Failure::falling_asleep());
        }
        let plan = &facts.aim.plan;
        let nothing_landed = matches!(held, Held::Current(_) | Held::Nothing);
        let usable = |candidate: &&Entry| {
            // What cannot be read may be another one each time.
            let is_as_sent =
                held != Held::Unreadable && self.last_sent == Some((candidate.version, held.expected()));
            // One that landed and was replaced by another writer has been readable: it is not sent again.
            (nothing_landed || is_as_sent)
                && self.would_satisfy(candidate)
                && candidate.is_for(&facts.session.directory, &facts.session.record)
                // What was made for somebody else, or in clear text, is not what the policy wants any more.
                && candidate.encrypted_to.as_ref().map(|to| &to.principal) == facts.session.principal.as_ref()
                && plan.is_for(&candidate.account, candidate.uid)
                && candidate.expiry > now.wall.saturating_add(plan.age() / 2)
                && candidate.expiry <= now.wall.saturating_add(plan.age())
        };
        let again = match facts.session.guarantees {
            Guarantees::ComparesAndTells | Guarantees::EachReplica => {
                facts.aim.journal.unfinished().rfind(usable)
            }
            Guarantees::None => None,
        };
        let kept = self.kept.take().filter(|(_, until)| *until > now.boot);
        let (candidate, action) = match (again, kept) {
            (Some(candidate), Some((kept, until))) if kept.version == candidate.version => {
                self.kept = Some((kept.clone(), until));
                return self.send(now, cycle, facts, held, kept);
            }
            (Some(candidate), _) if candidate.sealed => {
                (Candidate::Again, Action::FetchSeal(candidate.version))
            }
            (Some(_) | None, _) => match facts.session.principal.clone() {
                Some(principal) => {
                    let action = Action::FetchGroupKey(principal);
                    return self.go(cycle, Step::FetchingKey(facts, held), action);
                }
                None => return self.prepare_new(now, cycle, facts, held),
            },
        };
        self.go(cycle, Step::Preparing(facts, held, candidate), action);
    }

    /// One more candidate, for there is what it takes to encrypt it.
    pub(super) fn prepare_new(&mut self, now: Now, cycle: Box<Cycle>, facts: Facts, held: Held) {
        // The host may have begun to fall asleep while the key was asked for.
        if self.is_falling_asleep() {
            return self.fail(now, cycle, Failure::falling_asleep());
        }
        if let Some(failure) = self.cannot_bind() {
            return self.fail(now, cycle, failure);
        }
        let plan = facts.aim.plan.clone();
        let Session { directory, record, principal: encrypt_to, .. } = facts.session.clone();
        let expiry = match facts.session.guarantees {
            Guarantees::EachReplica => distinct(now.wall, plan.age(), &facts.known()),
            Guarantees::ComparesAndTells | Guarantees::None => now.wall.saturating_add(plan.age()),
        };
        let action = Action::Prepare { plan, directory, record, expiry, encrypt_to };
        self.go(cycle, Step::Preparing(facts, held, Candidate::New), action);
    }
}

/// An expiry at the age wanted, or a little earlier, that is three seconds from each of `known`: a directory that keeps no
/// versions stores one up to two seconds earlier, and one password is told from the other by that.
fn distinct(now: WallTime, age: Duration, known: &[Known]) -> WallTime {
    const APART: Duration = Duration::from_secs(3);
    let wanted = now.saturating_add(age);
    let is_free = |expiry: &WallTime| {
        known.iter().all(|other| {
            let apart = other.expiry.saturating_since(*expiry).max(expiry.saturating_since(other.expiry));
            apart >= APART
        })
    };
    // Each of them is near two of these at most.
    core::iter::successors(Some(age), |age| Some(age.saturating_sub(APART)))
        .take(2 * known.len() + 1)
        .map(|age| now.saturating_add(age))
        .find(is_free)
        .unwrap_or(wanted)
}
