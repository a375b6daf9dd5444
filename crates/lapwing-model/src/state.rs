//! One state of the world, and which states are the same.
//!
//! Two states count as one when nothing that can still happen tells them apart. So the following is left out:
//!
//! - The machine's timers, back-off, jitter and report. Cycles start here whenever they like, by a request, so what only
//!   decides when one starts excludes nothing. What a machine between two cycles carries otherwise is
//!   [`Carried`], and stands in here whole. One within a cycle is told apart by what it
//!   carried into it and by everything it was told since, for it is a function of these.
//! - Instants. Time passes only in the leaps of [`Step::Pass`](crate::Step), which are longer than the wait that they are
//!   to outlast, and by a second with each password drawn; of an age it matters only which waits it has outlasted.
//!   Versions are numbered as drawn, so they order what is prepared.
//! - The names of runs and whether one has begun (a verb of an earlier run is refused, and does nothing), to whom the
//!   password in force was sent, expiries (nothing comes near one) and commit times (the budget is not modelled).
//! - The count of unanswered sends where it decides nothing: everywhere but at Entra ID.

use core::{
    hash::{Hash, Hasher},
    time::Duration,
};
use std::collections::hash_map::DefaultHasher;

use lapwing_core::{
    agent::{Carried, Machine, Memory},
    root_half::{Journal, REPLICATION_MAX},
    types::{Age, FileTime, Now, Replica, WallTime},
};

use crate::{
    directory::{Directory, Message},
    host::Disk,
    kind::Kind,
    names::{number, server},
    verb::Verb,
};

/// What happens next is up to somebody else than the machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The host has lost power: `lapwingd-priv recover` runs before `lapwingd` starts.
    Booting,
    /// Between two cycles.
    Idle,
    /// A server is about to be connected to: one of these.
    Connecting(Vec<usize>),
    /// The root half is about to perform this.
    Verb(Verb),
    /// A store is about to leave the host.
    Sending(Message),
}

/// What the model remembers to judge by; the protocol does not know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Witness {
    /// Versions that some server has held, one bit each.
    pub(crate) landed: u64,
    /// Versions that a durable journal has called recorded.
    pub(crate) recorded: u64,
    /// Sends without an answer since the last commit.
    pub(crate) unanswered: u8,
    /// Copies that a network has made of one message, since the last commit.
    pub(crate) duplicates: u8,
    /// Something that only an outside fault explains was seen, or asked for.
    pub(crate) alarm: bool,
}

/// One state of the world.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) kind: Kind,
    pub(crate) now: Now,
    pub(crate) disk: Disk,
    /// `memory.json`.
    pub(crate) memory: Memory,
    pub(crate) machine: Machine,
    /// What the machine has been told in this cycle, and what it carried into it.
    pub(crate) told: u64,
    /// The server that this cycle talks to.
    pub(crate) server: usize,
    /// The version whose clear text the shell holds.
    pub(crate) in_hand: Option<u8>,
    pub(crate) phase: Phase,
    pub(crate) directory: Directory,
    /// What may arrive at any time; each may do so as often as it likes.
    pub(crate) under_way: Vec<Message>,
    pub(crate) drawn: u8,
    pub(crate) witness: Witness,
}

impl State {
    pub(crate) fn tell(&mut self, what: impl Hash) {
        self.told = digest((self.told, what));
    }

    /// Starts telling the machine things: what it carries into the cycle comes first.
    pub(crate) fn begin_to_tell(&mut self, rotate: bool) {
        let mut hasher = DefaultHasher::new();
        self.hash_carried(rotate, &mut hasher);
        self.told = hasher.finish();
    }

    pub(crate) fn journal(&self) -> &Journal<u8> {
        &self.disk.journal.visible
    }

    pub(crate) fn hash_journal(&self, journal: &Journal<u8>, hasher: &mut impl Hasher) {
        let by = |by: &Option<Replica>| by.as_ref().map(server);
        journal.current.as_ref().map(|current| (current.hash, by(&current.acknowledged_by))).hash(hasher);
        for entry in &journal.candidates {
            let mut sends: Vec<_> =
                entry.sends.iter().map(|(to, at)| (server(to), self.is_recent_send(*at))).collect();
            sends.sort_unstable();
            let outlived = journal.current.as_ref().is_some_and(|current| entry.prepared < current.prepared);
            (entry.hash, sends, by(&entry.acknowledged_by), outlived).hash(hasher);
        }
        (journal.candidates.len(), journal.recorded.map(number)).hash(hasher);
        journal.replaced.iter().for_each(|version| number(*version).hash(hasher));
        journal.replaced.len().hash(hasher);
        if self.kind.is_entra() {
            (journal.unanswered, journal.send_open).hash(hasher);
        }
    }

    pub(crate) fn digest_journal(&self, journal: &Journal<u8>) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_journal(journal, &mut hasher);
        hasher.finish()
    }

    fn is_recent_send(&self, at: FileTime) -> bool {
        self.now.wall.saturating_since(WallTime(at)) < REPLICATION_MAX
    }

    /// Waits that a memory's ages decide about.
    fn hash_memory(&self, memory: &Memory, hasher: &mut impl Hasher) {
        let Memory {
            last_foreign,
            last_rotation: _,
            // Nobody tampers with these accounts.
            heals: _,
            field_note: _,
            // No policy of these hosts asks for either.
            ending: _,
            failures: _,
            policy_source,
            age_days_min,
            drift_healed,
            last_send,
            activated,
            used,
            behind,
            behind_of,
        } = memory;
        (
            last_foreign.is_some(),
            policy_source,
            age_days_min,
            drift_healed,
            activated.is_some(),
            used.is_some(),
        )
            .hash(hasher);
        if self.kind.is_entra() {
            last_send.map(|age| self.waits_outlasted(age)).hash(hasher);
        }
        let mut behind: Vec<_> =
            behind.iter().map(|(replica, age)| (server(replica), self.is_recent(age))).collect();
        behind.sort_unstable();
        // Of whom nobody is behind does not matter.
        (!behind.is_empty()).then_some(behind_of.map(number)).hash(hasher);
        behind.hash(hasher);
    }

    /// Whether the machine is between two cycles, and if so, what it carries into one that begins now. A request to
    /// rotate does no more than owe a rotation.
    fn hash_carried(&self, rotate: bool, hasher: &mut impl Hasher) -> bool {
        let Some(carried) = self.machine.carried() else { return false };
        // Nobody manages these hosts.
        let Carried {
            memory,
            ledger: _,
            is_unsaved: _,
            begun: _,
            rotation_owed,
            foreign_met,
            last_sent,
            kept: _,
        } = carried;
        self.hash_memory(memory, hasher);
        let last_sent =
            last_sent.map(|(version, expected)| (number(version), crate::agent::expected(expected)));
        (rotation_owed || rotate, foreign_met, last_sent, self.kept()).hash(hasher);
        true
    }

    pub(crate) fn is_recent(&self, age: &Age) -> bool {
        age.at(self.now.boot) < REPLICATION_MAX
    }

    /// Of the waits for a directory without guarantees: ten minutes, an hour.
    pub(crate) fn waits_outlasted(&self, age: Age) -> usize {
        let age = age.at(self.now.boot);
        [600, 3600].into_iter().filter(|wait| age >= Duration::from_secs(*wait)).count()
    }

    pub(crate) fn kept(&self) -> Option<u8> {
        let (version, until) = self.machine.carried()?.kept?;
        (until > self.now.boot).then_some(number(version))
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.hash_journal(&self.disk.journal.visible, hasher);
        self.hash_journal(&self.disk.journal.durable, hasher);
        (self.disk.account.visible, self.disk.account.durable, self.in_hand, self.drawn).hash(hasher);
        self.hash_memory(&self.memory, hasher);
        if !self.hash_carried(false, hasher) {
            (self.told, self.server).hash(hasher);
        }
        (&self.phase, &self.directory, &self.under_way, &self.witness).hash(hasher);
    }
}

// The checker compares states only when it replays a path.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        digest(self) == digest(other)
    }
}

pub(crate) fn digest(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
