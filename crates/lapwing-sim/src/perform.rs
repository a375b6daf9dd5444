//! What `lapwingd`'s shell, the root half and the network do with the machine's actions.

use core::time::Duration;

use lapwing_core::{
    agent::{
        Action, AnswerResult, Committed, DirectoryFailure, DirectoryFault, DirectoryState, Input, Outcome,
        Prepared, Receipt, RootHalfFailure, Session, Store, StoreOutcome,
    },
    event::{EventId, Hresult},
    fault::Fault,
    root_half::{Entry, RootHalf},
    types::{DirectoryId, Guid, PasswordVersion, RecordId, Replica, RunId, TenantId, WallTime},
};

use crate::{
    check::Invariant,
    device::{Agent, Device, Material, account_name},
    directory::{Answered, Kind, Secret, Sent, Stored},
    disk::Fuse,
    root_half::{Error, SimHost},
    scenario::Bug,
    time::{HOUR, MINUTE, SECOND, Time},
    world::{Event, Trouble, World},
};

/// How long a connection that nobody answers is waited for.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A verb for the root half.
#[derive(Debug)]
pub(crate) enum Verb {
    State { begin: bool },
    Prepare { account: usize, record: RecordId, expiry: WallTime },
    FetchSeal(PasswordVersion),
    CountSend { version: PasswordVersion, to: Option<Replica> },
    Uncount(PasswordVersion),
    Commit { version: PasswordVersion, receipt: Option<Receipt>, by: Option<Replica> },
    Reinstate(PasswordVersion),
}

/// A store on its way to a replica.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) device: usize,
    pub(crate) incarnation: u32,
    /// Names the send, so that its sender knows what is answered.
    pub(crate) send: u64,
    pub(crate) replica: usize,
    pub(crate) sent: Sent,
    /// Whether the answer finds its way back.
    pub(crate) is_answered: bool,
}

fn replica_name(index: usize) -> Replica {
    format!("dc{index}.corp.example").parse().expect("a DNS name")
}

pub(crate) fn directory_id(kind: Kind) -> DirectoryId {
    let tenant = TenantId(Guid::from_bytes([7; 16]));
    match kind {
        Kind::Ours => DirectoryId::LapwingServer(tenant),
        Kind::Entra => DirectoryId::EntraId(tenant),
        Kind::AdClear | Kind::AdHistory | Kind::AdTwo | Kind::AdTwoClear => {
            DirectoryId::ActiveDirectory("corp.example".to_owned())
        }
    }
}

fn failure(kind: DirectoryFault, retry_after: Option<Duration>) -> DirectoryFailure {
    DirectoryFailure {
        kind,
        server: String::new(),
        hresult: Hresult::CANNOT_CONNECT,
        message: String::new(),
        next_step: String::new(),
        retry_after,
        answer: None,
    }
}

impl World {
    /// Lets the machine take something in, and does what it decides.
    pub(crate) fn input(&mut self, index: usize, input: Input) {
        let now = self.devices[index].now(self.now);
        let Some(agent) = &mut self.devices[index].agent else { return };
        agent.machine.handle(now, input);
        while let Some(action) =
            self.devices[index].agent.as_mut().and_then(|agent| agent.machine.poll_action())
        {
            self.perform(index, action);
        }
        self.set_timer(index);
    }

    fn set_timer(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let Some(agent) = &device.agent else { return };
        let Some(deadline) = agent.machine.poll_timeout() else { return };
        let boot = device.booted.after(deadline.boot.0);
        let wall = deadline.wall.map(|wall| Time::of_wall(wall, device.wall_offset));
        let at = wall.map_or(boot, |wall| wall.min(boot)).max(self.now);
        if device.timer.is_none_or(|timer| at < timer) {
            device.timer = Some(at);
            let incarnation = device.incarnation;
            self.push(at, Event::Timer { device: index, incarnation });
        }
    }

    fn agent(&mut self, index: usize) -> Option<&mut Agent> {
        self.devices[index].agent.as_deref_mut()
    }

    fn later(&mut self, index: usize, wait: Duration, outcome: Outcome) {
        let incarnation = self.devices[index].incarnation;
        let event = Event::Outcome { device: index, incarnation, outcome: Box::new(outcome) };
        self.push(self.now.after(wait), event);
    }

    fn verb(&mut self, index: usize, verb: Verb) {
        let wait = self.chance.between(Duration::from_millis(20), Duration::from_millis(80));
        let device = &self.devices[index];
        let Some(agent) = &device.agent else { return };
        let event = Event::Verb {
            device: index,
            incarnation: device.incarnation,
            boots: device.boots,
            run: agent.run,
            verb: Box::new(verb),
        };
        self.push(self.now.after(wait), event);
    }

    fn latency(&mut self) -> Duration {
        let most = match self.directory.trouble {
            Some(Trouble::Messages) => Duration::from_secs(8),
            Some(Trouble::Refusing { .. }) | None => Duration::from_millis(80),
        };
        self.chance.between(Duration::from_millis(2), most)
    }

    fn perform(&mut self, index: usize, action: Action) {
        if !matches!(action, Action::Raise(_)) {
            self.trace(Some(index), &action);
        }
        match action {
            Action::ReadJournal { begin } => self.verb(index, Verb::State { begin }),
            Action::ReadPolicy { .. } => {
                let read = self.devices[index].read_policy();
                self.later(index, Duration::from_millis(1), Outcome::Policy(read));
            }
            Action::Connect { prefer, avoid } => {
                let wait = self.latency();
                let incarnation = self.devices[index].incarnation;
                let hints = Box::new((prefer, avoid));
                self.push(self.now.after(wait), Event::Connect { device: index, incarnation, hints });
            }
            Action::ReadState => {
                let wait = self.latency();
                let incarnation = self.devices[index].incarnation;
                self.push(self.now.after(wait), Event::Ask { device: index, incarnation });
            }
            Action::Prepare { record, expiry, .. } => {
                let account = self.devices[index].policy.account;
                self.verb(index, Verb::Prepare { account, record, expiry });
            }
            Action::FetchSeal(version) => self.verb(index, Verb::FetchSeal(version)),
            Action::CountSend { version, to } => self.verb(index, Verb::CountSend { version, to }),
            Action::UncountSend(version) => self.verb(index, Verb::Uncount(version)),
            Action::Commit { version, receipt, by } => {
                self.verb(index, Verb::Commit { version, receipt, by })
            }
            Action::Reinstate(version) => self.verb(index, Verb::Reinstate(version)),
            Action::Store(store) => self.send(index, &store),
            Action::Forget => {
                if let Some(agent) = self.agent(index) {
                    agent.material = None;
                }
            }
            Action::Disconnect => {}
            Action::Raise(event) => self.on_event(index, event.id()),
            Action::Remember(memory) => {
                let device = &mut self.devices[index];
                if !device.disks.is_full {
                    device.memory.replace(memory, &mut Fuse::default()).expect("a fuse that never blows");
                }
            }
            Action::Answer(id, answer) => self.on_answer(index, id.0, answer.result),
        }
    }

    fn on_event(&mut self, index: usize, event: EventId) {
        self.stats.cycles += u64::from(event == EventId::ProcessingStarted);
        let Device { watch, was_cloned, .. } = &self.devices[index];
        if event == EventId::DirectoryRestored && !watch.outside && !was_cloned {
            let what = "a directory that is only behind is taken for one that was restored".to_owned();
            self.report(index, Invariant::Agreed, what);
        }
    }

    /// Invariant 6: one answer each, and nobody could read a password that a rotation reports before it was asked for.
    fn on_answer(&mut self, index: usize, id: u64, result: AnswerResult) {
        let device = &mut self.devices[index];
        let current = device
            .disks
            .journal
            .read()
            .as_ref()
            .and_then(|journal| journal.current.as_ref())
            .map(|current| current.version);
        let Some(agent) = &mut device.agent else { return };
        let Some((asked_at, is_reset)) = agent.asked.remove(&id) else {
            return self.report(index, Invariant::Answered, "a request is answered twice".to_owned());
        };
        let landed = &self.records[device.record].landed;
        let landed_at = current.and_then(|version| landed.get(&version.0.to_bytes()));
        if is_reset && result == AnswerResult::Rotated && landed_at.is_some_and(|at| *at < asked_at) {
            let what = "a rotation is reported whose password could be read before it was asked for";
            self.report(index, Invariant::Answered, what.to_owned());
        }
    }

    // ── The root half ──────────────────────────────────────────────────────────────────────────

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
        if self.scenario.bug != Some(Bug::JournalNotSynced) {
            device.disks.journal.sync();
        }
        let Some(journal) = device.disks.journal.read().clone() else {
            return Some(Err(Error::Refused(Fault::JournalDamaged)));
        };
        let doom = device.doom.take();
        let before = journal.current.as_ref().map(|current| current.version);
        let host = SimHost {
            disks: &mut device.disks,
            fuse: Fuse(doom.map(|(step, _)| step)),
            landed: &self.records[device.record].landed,
            signs: self.scenario.kind == Kind::Ours,
            bug: self.scenario.bug,
            wrongly_set: None,
        };
        let mut half = RootHalf { journal, host };
        let result = work(&mut half, &drawn);
        let rotated = half.journal.current.as_ref().map(|current| current.version) != before;
        self.stats.rotations += u64::from(rotated && result.is_ok());
        if let Some(version) = half.host.wrongly_set {
            let what = format!("the account was given {version} before its acknowledgement was on disk");
            self.report(index, Invariant::Acknowledged, what);
        }
        match (&result, doom) {
            (Err(Error::Crashed), Some((_, with_power))) => {
                self.stats.crashes_in_verbs += 1;
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

    // ── The directory ──────────────────────────────────────────────────────────────────────────

    /// Whether a request gets through to the replica and is not refused there.
    #[expect(clippy::result_large_err, reason = "the machine takes it as it is")]
    fn reaches(&self, index: usize, replica: usize) -> Result<(), DirectoryFailure> {
        let unreachable = || failure(DirectoryFault::Unreachable, None);
        if !self.devices[index].cable || !self.directory.is_up[replica] {
            return Err(unreachable());
        }
        match self.directory.trouble {
            Some(Trouble::Refusing { fault, retry_after }) => Err(failure(fault, retry_after)),
            Some(Trouble::Messages) | None => Ok(()),
        }
    }

    pub(crate) fn on_connect(&mut self, index: usize, prefer: Option<&Replica>, avoid: &[Replica]) {
        let replicas = 0..self.scenario.kind.replicas();
        let start = self.chance.index(replicas.end);
        let preferred = replicas.clone().filter(|at| prefer == Some(&replica_name(*at)));
        let others = replicas.clone().map(|at| (at + start) % replicas.end);
        let is_lossy = self.directory.trouble == Some(Trouble::Messages);
        let fails = is_lossy && self.chance.happens(300);
        let found = preferred
            // One that does not answer in time is passed over.
            .filter(|_| !fails)
            .chain(others.filter(|at| !avoid.contains(&replica_name(*at))))
            .find(|at| self.devices[index].cable && self.directory.is_up[*at]);
        let Some(replica) = found else {
            let outcome = Outcome::Connected(Err(failure(DirectoryFault::Unreachable, None)));
            return self.later(index, CONNECT_MAX, outcome);
        };
        if let Err(failure) = self.reaches(index, replica) {
            return self.later(index, SECOND, Outcome::Connected(Err(failure)));
        }
        let kind = self.scenario.kind;
        let session = Session {
            directory: directory_id(kind),
            record: RecordId(self.devices[index].record.to_string()),
            endpoint: String::new(),
            guarantees: kind.guarantees(),
            replica: (kind.replicas() > 1).then(|| replica_name(replica)),
            age_days_min: None,
        };
        if let Some(agent) = self.agent(index) {
            agent.replica = replica;
        }
        let wait = self.latency();
        self.later(index, wait, Outcome::Connected(Ok(session)));
    }

    pub(crate) fn on_ask(&mut self, index: usize) {
        let Some(replica) = self.agent(index).map(|agent| agent.replica) else { return };
        if let Err(failure) = self.reaches(index, replica) {
            let wait = if failure.kind == DirectoryFault::Unreachable { CONNECT_MAX } else { SECOND };
            return self.later(index, wait, Outcome::State(Err(failure)));
        }
        let held = &self.records[self.devices[index].record].replicas[replica];
        let current = held.current();
        let state = DirectoryState {
            version: current.map(|stored| stored.version),
            expiry: current.map(|stored| stored.expiry),
            receipt: current.map(|stored| receipt(stored.version)),
            time: Some(self.now.wall(0)),
        };
        let wait = self.latency();
        self.later(index, wait, Outcome::State(Ok(state)));
    }

    /// Sends a store: it may be lost, come late or twice, and so may its answer.
    fn send(&mut self, index: usize, store: &Store) {
        let now = self.now;
        self.devices[index].watch.last_attempt = Some(now);
        let incarnation = self.devices[index].incarnation;
        let Some(agent) = self.agent(index) else { return };
        let replica = agent.replica;
        let material = agent.material.filter(|material| material.version == store.version);
        let not_sent = |kind| Outcome::Stored(StoreOutcome::NotSent(failure(kind, None)));
        let Some(material) = material else {
            return self.later(index, SECOND, not_sent(DirectoryFault::NothingToSend));
        };
        match self.reaches(index, replica) {
            Err(failure) if failure.kind == DirectoryFault::Unreachable => {
                return self.later(index, CONNECT_MAX, not_sent(DirectoryFault::Unreachable));
            }
            Err(failure) => {
                return self.later(index, SECOND, Outcome::Stored(StoreOutcome::Refused(failure)));
            }
            Ok(()) => {}
        }
        self.stats.sends += 1;
        self.sends += 1;
        let send = self.sends;
        if let Some(agent) = self.agent(index) {
            agent.sending = Some(send);
        }
        let stored = Stored { version: store.version, secret: material.secret, expiry: store.expiry };
        let sent = Sent { stored, expected: store.expected, in_force: store.in_force };
        let mut message = Message { device: index, incarnation, send, replica, sent, is_answered: true };
        let wait = self.latency();
        self.push(now.after(ANSWER_MAX), Event::GiveUp { device: index, incarnation, send });
        if self.directory.trouble == Some(Trouble::Messages) {
            match self.chance.below(10) {
                0..3 => return,
                3..6 => message.is_answered = false,
                6..8 => {
                    let late = self.lateness();
                    return self.push(now.after(late), Event::Deliver(Box::new(message)));
                }
                8 if self.scenario.kind.compares() => {
                    let late = self.lateness();
                    self.push(now.after(late), Event::Deliver(Box::new(message.clone())));
                }
                _ => {}
            }
        }
        self.push(now.after(wait), Event::Deliver(Box::new(message)));
    }

    /// How late a message may come: what is sent to Entra ID is there or lost before anything else is sent.
    fn lateness(&mut self) -> Duration {
        let most = if self.scenario.kind.compares() { 2 * HOUR } else { 9 * MINUTE };
        if self.chance.happens(500) {
            // About when it is sent again.
            return self.chance.between(ANSWER_MAX, 3 * MINUTE);
        }
        self.chance.spread(SECOND, most)
    }

    pub(crate) fn on_deliver(&mut self, message: &Message) {
        if !self.directory.is_up[message.replica] {
            return;
        }
        let kind = self.scenario.kind;
        let record = self.devices[message.device].record;
        let answered =
            self.records[record].store(kind, message.replica, self.now, &message.sent, self.scenario.bug);
        if answered == Answered::Stored {
            self.replicate_soon(record, message.replica);
        }
        let is_awaited = self.devices[message.device].incarnation == message.incarnation
            && self.agent(message.device).is_some_and(|agent| agent.sending == Some(message.send));
        if !is_awaited || !message.is_answered || !self.devices[message.device].cable {
            return;
        }
        if let Some(agent) = self.agent(message.device) {
            agent.sending = None;
        }
        let outcome = match answered {
            Answered::Stored => StoreOutcome::Acknowledged(Some(receipt(message.sent.stored.version))),
            Answered::OtherVersion => StoreOutcome::VersionMismatch(DirectoryState {
                version: None,
                expiry: None,
                receipt: None,
                time: None,
            }),
        };
        let wait = self.latency();
        self.later(message.device, wait, Outcome::Stored(outcome));
    }

    pub(crate) fn on_give_up(&mut self, index: usize, send: u64) {
        let Some(agent) = self.agent(index).filter(|agent| agent.sending == Some(send)) else { return };
        agent.sending = None;
        self.stats.unanswered += 1;
        let lost = failure(DirectoryFault::Unreachable, None);
        self.input(index, Input::Outcome(Outcome::Stored(StoreOutcome::Unanswered(lost))));
    }

    pub(crate) fn replicate_soon(&mut self, record: usize, from: usize) {
        for to in (0..self.scenario.kind.replicas()).filter(|to| *to != from) {
            let wait = self.chance.spread(SECOND, 2 * HOUR);
            self.push(self.now.after(wait), Event::Replicate { record, from, to });
        }
    }
}

/// What a verb may draw, and what it is told of the world.
pub(crate) struct Drawn {
    version: PasswordVersion,
    secret: Secret,
    now: WallTime,
    kind: Kind,
}

fn receipt(version: PasswordVersion) -> Receipt {
    Receipt(version.0.to_bytes().to_vec())
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
        Verb::Prepare { account, record, expiry } => {
            let entry = prepare(half, drawn, account, record, expiry)?;
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
