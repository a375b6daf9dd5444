//! The root half's verbs, run to their end or to the step at which they die.

use core::time::Duration;

use lapwing_core::{
    agent::{Committed, Outcome, Prepared, Receipt, RootHalfFailure},
    fault::Fault,
    root_half::{Entry, RootHalf},
    types::{EncryptedTo, Guid, PasswordVersion, RecordId, Replica, RunId, Sid, WallTime},
};

use crate::{
    check::{Invariant, PROMPT_MAX},
    device::{Material, account_name},
    directory::{Kind, Secret},
    disk::Fuse,
    network::{directory_id, receipt},
    root_half::{Error, SimHost},
    world::World,
};

/// A verb for the root half.
#[derive(Debug)]
pub(crate) enum Verb {
    State { begin: bool },
    Prepare { account: usize, record: RecordId, expiry: WallTime, encrypt_to: Option<Sid> },
    FetchSeal(PasswordVersion),
    CountSend { version: PasswordVersion, to: Option<Replica> },
    Uncount(PasswordVersion),
    Commit { version: PasswordVersion, receipt: Option<Receipt>, by: Option<Replica> },
    Reinstate(PasswordVersion),
}

impl World {
    /// Runs a verb to its end, or to the step at which it dies. A verb outlives the `lapwingd` that asked.
    pub(crate) fn run_verb(&mut self, index: usize, incarnation: u32, run: RunId, verb: Verb) {
        let shape = Shape::of(&verb);
        let Some(ended) = self.with_root_half(index, |half, drawn| answer_verb(half, drawn, run, verb))
        else {
            return;
        };
        if self.devices[index].incarnation != incarnation {
            return;
        }
        let outcome = match ended {
            Ok((outcome, material)) => {
                let now = self.now;
                if let (Some(agent), Some((version, secret, is_sealed))) = (self.agent(index), material) {
                    agent.material = Some(Material { version, secret, is_sealed, since: now });
                }
                outcome
            }
            Err(Error::Crashed) => shape.failed(None),
            Err(Error::Refused(fault)) => shape.failed(Some(fault)),
        };
        self.later(index, Duration::from_millis(5), outcome);
    }

    /// At boot, before log-ons are open.
    pub(crate) fn recover(&mut self, index: usize) {
        let recovered = self.with_root_half(index, |half, drawn| {
            half.recover_commit(drawn.now)?;
            half.recover_field()
        });
        let journal = self.devices[index].disks.journal.read();
        let is_left = journal.as_ref().is_some_and(|journal| journal.recorded.is_some());
        if matches!(recovered, Some(Ok(_))) && is_left {
            let what = "what was recorded is not in force when log-ons open".to_owned();
            self.report(index, Invariant::Agreed, what);
        }
    }

    /// Does `work` with the root half of a host. None if the host lost its power inside.
    fn with_root_half<T>(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut RootHalf<SimHost<'_>>, &Drawn) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        self.secrets += 1;
        let drawn = Drawn {
            version: PasswordVersion(Guid::from_random_bytes(self.chance.bytes())),
            secret: self.secrets,
            now: self.devices[index].now(self.now).wall,
            kind: self.scenario.kind,
        };
        let device = &mut self.devices[index];
        let doom = device.doom.take();
        let host = SimHost {
            disks: &mut device.disks,
            fuse: Fuse(doom.map(|(step, _)| step)),
            landed: &self.records[device.record].landed,
            signs: self.scenario.kind == Kind::Ours,
            bug: self.scenario.bug,
            wrongly_set: None,
        };
        let mut half = match RootHalf::open(host) {
            Ok(half) => half,
            Err(error) => return Some(Err(error)),
        };
        let before = half.journal.current.as_ref().map(|current| current.version);
        let result = work(&mut half, &drawn);
        let newest = half.journal.candidates.last().map(|candidate| candidate.version);
        let rotated = half.journal.current.as_ref().map(|current| current.version) != before;
        self.stats.rotations += u64::from(rotated && result.is_ok());
        if let Some(version) = half.host.wrongly_set {
            let what = format!("the account was given {version} before its acknowledgement was on disk");
            self.report(index, Invariant::Acknowledged, what);
        }
        let device = &mut self.devices[index];
        let journal = device.disks.journal.read().as_ref();
        if let Some(journal) = journal {
            let held = journal.current.iter().chain(&journal.candidates).map(|entry| entry.version);
            let known: Vec<_> = held.chain(journal.replaced.iter().copied()).collect();
            device.promises.on_journal(|version| known.contains(&version));
        }
        let on_disk = journal.and_then(|journal| journal.current.as_ref());
        let in_force = on_disk.map(|current| current.version);
        if newest == Some(drawn.version) {
            device.promises.on_prepared(drawn.version);
        }
        if let Some(version) = in_force.filter(|_| in_force != before) {
            device.watch.reset_at = None;
            device.promises.on_in_force(version);
        }
        match (&result, doom) {
            (Err(Error::Crashed), Some((_, with_power))) => {
                self.stats.crashes_in_verbs += 1;
                // What was begun in time has to be begun again.
                self.allow(index, PROMPT_MAX);
                if with_power {
                    self.cut_power(index);
                    return None;
                }
            }
            // A verb too short to die in leaves its doom to the next.
            (Ok(_) | Err(_), doom) => self.devices[index].doom = doom,
        }
        Some(result)
    }
}

/// What a verb may draw, and what it is told of the world.
pub(crate) struct Drawn {
    version: PasswordVersion,
    secret: Secret,
    now: WallTime,
    kind: Kind,
}

/// What a verb left for the shell to store: version, password, and whether it is sealed.
type Left = Option<(PasswordVersion, Secret, bool)>;

fn answer_verb(
    half: &mut RootHalf<SimHost<'_>>,
    drawn: &Drawn,
    run: RunId,
    verb: Verb,
) -> Result<(Outcome, Left), Error> {
    if !matches!(verb, Verb::State { begin: true }) {
        half.journal.check_run(run)?;
    }
    let outcome = match verb {
        Verb::State { begin } => {
            if begin {
                half.begin(run)?;
            }
            Outcome::Journal(Ok(half.state()?))
        }
        Verb::Prepare { account, record, expiry, encrypt_to } => {
            let entry = prepare(half, drawn, account, record, expiry, encrypt_to)?;
            return Ok(prepared(&entry, drawn));
        }
        Verb::FetchSeal(version) => {
            let entry = half.journal.candidate(version)?.clone();
            return Ok(prepared(&entry, drawn));
        }
        Verb::CountSend { version, to } => Outcome::Counted(Ok(half.count_send(version, to, drawn.now)?)),
        Verb::Uncount(version) => Outcome::Counted(Ok(half.answered(version)?)),
        Verb::Commit { version, receipt: shown, by } => {
            let entry = half.commit(version, by, drawn.now, |host, entry| {
                if host.signs && shown != Some(receipt(entry.version)) {
                    return Err(Error::Refused(Fault::ReceiptInvalid));
                }
                Ok(())
            })?;
            committed(entry)
        }
        Verb::Reinstate(version) => committed(half.reinstate(version)?),
    };
    Ok((outcome, None))
}

fn prepare(
    half: &mut RootHalf<SimHost<'_>>,
    drawn: &Drawn,
    account: usize,
    record: RecordId,
    expiry: WallTime,
    encrypt_to: Option<Sid>,
) -> Result<Entry<Secret>, Error> {
    half.journal.check_nothing_recorded()?;
    let name = account_name(account);
    let line = half.host.disks.accounts.read().iter().find(|line| line.name == name).cloned();
    let line = line.ok_or(Error::Refused(Fault::AccountMissing))?;
    let entry = Entry {
        version: drawn.version,
        account: line.name,
        uid: line.uid,
        hash: drawn.secret,
        directory: directory_id(drawn.kind),
        record,
        expiry: expiry.0,
        prepared: drawn.now.0,
        sealed: drawn.kind.is_sealed().then(Vec::new),
        encrypted_to: encrypt_to.map(|principal| EncryptedTo { principal, updated: drawn.now.0 }),
        sends: Vec::new(),
        acknowledged_by: None,
    };
    half.prepare(entry.clone())?;
    Ok(entry)
}

fn prepared(entry: &Entry<Secret>, drawn: &Drawn) -> (Outcome, Left) {
    let is_sealed = drawn.kind.is_sealed();
    let prepared = Prepared {
        version: entry.version,
        account: entry.account.clone(),
        uid: entry.uid,
        expiry: WallTime(entry.expiry),
        sealed: is_sealed,
        warning: None,
    };
    (Outcome::Prepared(Ok(prepared)), Some((entry.version, entry.hash, is_sealed)))
}

fn committed(entry: Entry<Secret>) -> Outcome {
    Outcome::Committed(Ok(Committed { version: entry.version, account: entry.account, uid: entry.uid }))
}

/// The outcome that a verb ends in.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Journal,
    Prepared,
    Counted,
    Committed,
}

impl Shape {
    const fn of(verb: &Verb) -> Self {
        match verb {
            Verb::State { .. } => Self::Journal,
            Verb::Prepare { .. } | Verb::FetchSeal(_) => Self::Prepared,
            Verb::CountSend { .. } | Verb::Uncount(_) => Self::Counted,
            Verb::Commit { .. } | Verb::Reinstate(_) => Self::Committed,
        }
    }

    const fn failed(self, fault: Option<Fault>) -> Outcome {
        let failure = RootHalfFailure { fault, message: String::new(), next_step: String::new() };
        match self {
            Self::Journal => Outcome::Journal(Err(failure)),
            Self::Prepared => Outcome::Prepared(Err(failure)),
            Self::Counted => Outcome::Counted(Err(failure)),
            Self::Committed => Outcome::Committed(Err(failure)),
        }
    }
}
