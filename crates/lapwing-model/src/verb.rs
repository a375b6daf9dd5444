//! The root half's verbs: the real ones, on the model's disk.

use lapwing_core::{
    agent::{Committed, Outcome, Prepared, RootHalfFailure},
    root_half::{Entry, RootHalf},
    types::{EncryptedTo, Sid, Uid, WallTime},
};

use crate::{
    host::{Disk, Halt, Process},
    mutant::Mutant,
    names::{AGE, account, record, replica, version},
    state::State,
};

/// A verb that writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Prepare,
    Count(u8, Option<usize>),
    Uncount(u8),
    Commit(u8, Option<usize>),
    Reinstate(u8),
    Recover,
}

/// More steps than any verb has: each replacement of a file is two.
pub(crate) const STEPS_MAX: u8 = 10;

/// A verb that has run, to its end or to where it died.
pub(crate) struct Run {
    pub(crate) disk: Disk,
    pub(crate) outcome: Outcome,
    /// Whether it died, or its answer with it.
    pub(crate) died: bool,
}

impl State {
    /// The root half, as each request's process finds it.
    pub(crate) fn root_half(&self, left: Option<u8>, mutant: Option<Mutant>) -> RootHalf<Process> {
        RootHalf::open(Process { disk: self.disk.clone(), left, died: false, mutant })
            .expect("a journal is there")
    }

    /// Runs a verb that dies after `left` steps, or lives.
    pub(crate) fn run(&self, verb: &Verb, left: Option<u8>, mutant: Option<Mutant>) -> Run {
        let mut half = self.root_half(left, mutant);
        let now = self.now.wall;
        let outcome = match verb {
            Verb::Prepare => {
                let entry = self.entry();
                let prepared = self.prepared(&entry);
                Outcome::Prepared(half.prepare(entry).map(|()| prepared).map_err(failure))
            }
            Verb::Count(of, to) => {
                Outcome::Counted(half.count_send(version(*of), to.map(replica), now).map_err(failure))
            }
            Verb::Uncount(of) => Outcome::Counted(half.answered(version(*of)).map_err(failure)),
            Verb::Commit(of, by) => {
                let by = by.map(replica);
                Outcome::Committed(
                    half.commit(version(*of), by, now, |_, _| Ok(())).map(committed).map_err(failure),
                )
            }
            Verb::Reinstate(of) => {
                Outcome::Committed(half.reinstate(version(*of)).map(committed).map_err(failure))
            }
            Verb::Recover => {
                let done = half.recover_commit(now).and_then(|_| half.recover_field());
                Outcome::Counted(done.map(|_| 0).map_err(failure))
            }
        };
        // It may die after its last step too: then all is done, and nobody is told.
        let outcome = match (half.host.step(), outcome) {
            (Ok(()), outcome) => outcome,
            (Err(_), Outcome::Prepared(_)) => Outcome::Prepared(Err(failure(Halt::Died))),
            (Err(_), Outcome::Committed(_)) => Outcome::Committed(Err(failure(Halt::Died))),
            (Err(_), _) => Outcome::Counted(Err(failure(Halt::Died))),
        };
        Run { disk: half.host.disk, outcome, died: half.host.died }
    }

    fn entry(&self) -> Entry<u8> {
        let number = self.drawn + 1;
        Entry {
            version: version(number),
            account: account(),
            uid: Uid(1000),
            hash: number,
            directory: self.kind.id(),
            record: record(),
            expiry: self.now.wall.saturating_add(AGE).0,
            prepared: self.now.wall.0,
            sealed: self.kind.is_sealed().then(Vec::new),
            encrypted_to: (self.kind.is_ad() && self.kind.is_sealed())
                .then(|| EncryptedTo { principal: Sid::local_system(), updated: self.now.wall.0 }),
            sends: Vec::new(),
            acknowledged_by: None,
        }
    }

    pub(crate) fn prepared(&self, entry: &Entry<u8>) -> Prepared {
        Prepared {
            version: entry.version,
            account: entry.account.clone(),
            uid: entry.uid,
            expiry: WallTime(entry.expiry),
            sealed: entry.sealed.is_some(),
            warning: None,
        }
    }
}

fn committed(entry: Entry<u8>) -> Committed {
    Committed { version: entry.version, account: entry.account, uid: entry.uid }
}

pub(crate) fn failure(halt: Halt) -> RootHalfFailure {
    RootHalfFailure {
        fault: match halt {
            Halt::Died => None,
            Halt::Refused(error) => Some(error.fault()),
        },
        message: String::new(),
        next_step: String::new(),
    }
}
