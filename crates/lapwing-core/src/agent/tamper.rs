//! What somebody else has done to the managed account: noticed, told of once, and healed so many times a day.
//! docs/tampering.md.
//!
//! INVARIANT: an emptied field is closed each time, however often that was done before.

use std::collections::BTreeSet;

use super::{
    cycle::{Cycle, Step},
    daily, events,
    exchange::Action,
    journal::{Field, Journal},
    machine::Machine,
    memory::FieldNote,
    plan::Cause,
};
use crate::{event::Event, types::Now};

/// DEVIATION(16): healed, where Windows refuses; and only so often.
///
/// How often within a day the account is healed, and its password changed for that. Beyond, somebody else manages the
/// account too, and each healing would only be the next one's cause.
pub const HEALS_MAX: usize = 6;

impl Machine {
    /// Asks the root half alone, and says nothing: the files are changed for other accounts too, and by every rotation.
    pub(super) fn look(&mut self) {
        self.look_owed = false;
        let cycle = Cycle {
            causes: BTreeSet::new(),
            requests: Vec::new(),
            rounds: 0,
            held_events: None,
            step: Step::Looking,
        };
        self.go(Box::new(cycle), Step::Looking, Action::ReadJournal { begin: false });
    }

    /// Has a cycle begin if there is work for one, or if the root half fails, which a cycle tells of.
    pub(super) fn on_look(&mut self, now: Now, found: Option<&Journal>) {
        let is_work = found.is_none_or(|journal| {
            let is_news = self.note_field(now, journal);
            match journal.field {
                Field::Emptied => true,
                // What is known already is healed by the next attempt, if one is planned.
                Field::Drifted => !self.is_contested(now) && (is_news || self.timers.retry.is_none()),
                Field::Unmanaged | Field::Current | Field::Locked | Field::Candidate | Field::Missing => {
                    let is_wrong = journal.own.as_ref().is_some_and(|own| !own.wrong.is_empty());
                    is_wrong && !self.is_contested(now) && (is_news || self.timers.retry.is_none())
                }
            }
        });
        if is_work {
            self.causes.insert(Cause::AccountChange);
        }
    }

    /// Tells of what is wrong with the field, unless that has been told; whether it has not.
    pub(super) fn note_field(&mut self, now: Now, journal: &Journal) -> bool {
        let is_contested = self.is_contested(now);
        let is_own_wrong = journal.own.as_ref().is_some_and(|own| !own.wrong.is_empty());
        let note = match journal.field {
            _ if is_own_wrong && is_contested => Some(FieldNote::Contested),
            Field::Missing => Some(FieldNote::Missing),
            Field::Locked => Some(FieldNote::Locked),
            Field::Drifted | Field::Emptied if is_contested => Some(FieldNote::Contested),
            Field::Drifted => Some(FieldNote::Drifted),
            // It is healed again and again, so that it is rarely seen as it was left.
            Field::Unmanaged | Field::Current | Field::Candidate | Field::Emptied => {
                self.memory.field_note.filter(|note| *note == FieldNote::Contested && is_contested)
            }
        };
        let is_news = note != self.memory.field_note;
        if is_news {
            self.memory.field_note = note;
            self.remember();
        }
        if let (true, Some(note), Some(current)) = (is_news, note, &journal.current) {
            let account = current.account.clone();
            self.tell(match note {
                FieldNote::Drifted => events::drift_found(current, "changed"),
                FieldNote::Missing => events::drift_found(current, "account missing"),
                FieldNote::Locked => Event::AccountLocked { account },
                FieldNote::Contested => Event::AccountContested {
                    account,
                    count: i64::try_from(HEALS_MAX).unwrap_or(i64::MAX),
                    until: daily::until(&self.memory.heals, now).0,
                    next_step: CONTESTED_NEXT_STEP.to_owned(),
                },
            });
        }
        is_news
    }

    /// The hash in force stands in the field again.
    pub(super) fn note_heal(&mut self, now: Now) {
        if !self.is_contested(now) {
            daily::note(&mut self.memory.heals, now, self.boot_id);
            self.memory.drift_healed = true;
            self.memory.field_note = None;
        }
        self.remember();
    }

    /// What of the account's other attributes somebody had changed is as it must be again. That needs no new password, and
    /// counts like the healing of one.
    pub(super) fn note_repair(&mut self, now: Now) {
        daily::note(&mut self.memory.heals, now, self.boot_id);
        self.remember();
    }

    /// Whether it has been healed so often within a day that it is left for now.
    pub(super) fn is_contested(&self, now: Now) -> bool {
        daily::count(&self.memory.heals, now) >= HEALS_MAX
    }
}

/// What to do about an account that somebody else manages too.
pub(super) const CONTESTED_NEXT_STEP: &str = "find what changes this account, for example a configuration manager, and have it leave the account alone; then run `lapwing reset-password`";
