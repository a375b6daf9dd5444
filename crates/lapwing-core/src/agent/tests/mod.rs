//! The machine in a small world of one host and one directory, each able to fail. Here is the world; what happens in it
//! stands in the modules below.

mod actions;
mod due;
mod encrypted;
mod held;
mod host;
mod lost;
mod requests;
mod traces;
mod untold;

use core::time::Duration;
use std::collections::VecDeque;

use super::*;
use crate::{
    event::{Event, EventId, Hresult},
    fault::Fault,
    policy::{DsrmBackup, PassphraseLength, PasswordAgeDays, PasswordComplexity, PasswordLength},
    types::{
        ActionId, BootId, BootTime, DirectoryId, EncryptedTo, FileTime, Guid, Now, PasswordVersion, RecordId,
        Sid, TenantId, Uid, WallTime,
    },
};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
const BOOT: BootId = BootId(Guid::from_bytes([0xb0; 16]));

fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

/// What becomes of the next store.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    AnswerLost,
    RequestLost,
    NotSent,
    Refused,
}

/// What the directory does not tell.
#[derive(Clone, Copy, PartialEq)]
enum Hides {
    Nothing,
    /// Versions: it only says whether it holds one that it is asked for.
    Versions,
    /// There are none: it tells the expiry alone.
    All,
}

struct World {
    machine: Machine,
    now: Now,
    journal: Journal,
    held: Option<PasswordVersion>,
    held_expiry: Option<WallTime>,
    guarantees: Guarantees,
    hides: Hides,
    /// Whether it is one of several.
    replica: bool,
    /// How it refuses.
    refusal: DirectoryFault,
    /// Whether the directory takes ciphertext, which the root half keeps.
    sealed: bool,
    reachable: bool,
    fates: VecDeque<Fate>,
    retry_after: Option<Duration>,
    commit_fault: Option<Fault>,
    verdict: Verdict,
    age_days_min: Option<u16>,
    drawn: u8,
    /// Whether the shell holds something to store.
    holds: bool,
    /// Whether the machine knows that the host is about to sleep.
    asleep: bool,
    done: Vec<&'static str>,
    events: Vec<Event>,
    answers: Vec<(RequestId, Answer)>,
    memory: Memory,
    /// As saved last.
    ledger: Ledger,
    /// Whether the ledger can be saved.
    disk_is_full: bool,
    acknowledged: Vec<(ActionId, Acceptance)>,
    calls_home: usize,
    traces: Traces,
    /// How often the shell was told to wipe what it holds.
    forgotten: usize,
    /// The world dies before it performs the action of this number, counted from now.
    crash_in: Option<usize>,
    /// Whom the policy means.
    principal: Option<Sid>,
    /// Why nothing can be stored as the policy wants it.
    unfit: Option<DirectoryFault>,
    /// Why there is no group key, once.
    keyless: Option<DirectoryFault>,
    /// The machine is told this while the action of this number is under way; of those with an outcome, counted from now.
    tell_in: Option<(usize, Input)>,
}

fn plan() -> Plan {
    Plan {
        target: Target::Cloud,
        encryption: None,
        dsrm: DsrmBackup::Off,
        account: Some("lapadmin".parse().unwrap()),
        age: PasswordAgeDays::parse(30).unwrap(),
        rules: PlanRules {
            complexity: PasswordComplexity::parse(4).unwrap(),
            password_length: PasswordLength::parse(14).unwrap(),
            passphrase_length: PassphraseLength::parse(6).unwrap(),
            word_list: None,
        },
        expiry_protected: true,
        activation_grace: Duration::ZERO,
        reset_delay: None,
    }
}

impl World {
    fn new() -> Self {
        let now = Now {
            wall: WallTime("2026-01-01T00:00:00Z".parse::<FileTime>().unwrap()),
            boot: BootTime(Duration::from_secs(10)),
        };
        Self {
            machine: Machine::new(now, BOOT, 7, Memory::default(), Ledger::default()),
            now,
            journal: Journal {
                current: None,
                candidates: Vec::new(),
                replaced: Vec::new(),
                unanswered: 0,
                field: Field::Unmanaged,
            },
            held: None,
            held_expiry: None,
            guarantees: Guarantees::ComparesAndTells,
            hides: Hides::Nothing,
            replica: false,
            refusal: DirectoryFault::Refused,
            sealed: true,
            reachable: true,
            fates: VecDeque::new(),
            retry_after: None,
            commit_fault: None,
            verdict: Verdict::Managed(plan()),
            age_days_min: None,
            drawn: 0,
            holds: false,
            asleep: false,
            done: Vec::new(),
            events: Vec::new(),
            answers: Vec::new(),
            memory: Memory::default(),
            ledger: Ledger::default(),
            disk_is_full: false,
            acknowledged: Vec::new(),
            calls_home: 0,
            traces: Traces::default(),
            forgotten: 0,
            crash_in: None,
            principal: None,
            unfit: None,
            keyless: None,
            tell_in: None,
        }
    }

    /// A world in which the first password is in force.
    fn settled() -> Self {
        let mut world = Self::new();
        world.run();
        assert_eq!(world.in_force(), Some(version(1)));
        world.forget_the_past()
    }

    fn forget_the_past(mut self) -> Self {
        self.done.clear();
        self.events.clear();
        self.answers.clear();
        self.calls_home = 0;
        self
    }

    fn in_force(&self) -> Option<PasswordVersion> {
        self.journal.current.as_ref().map(|current| current.version)
    }

    fn raised(&self, id: EventId) -> bool {
        self.events.iter().any(|event| event.id() == id)
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        while let Some(action) = self.machine.poll_action() {
            if let Some(left) = &mut self.crash_in {
                if *left == 0 {
                    self.crash_in = None;
                    return self.restart();
                }
                *left -= 1;
            }
            if let Some(outcome) = self.perform(action) {
                self.tell();
                self.machine.handle(self.now, Input::Outcome(outcome));
            }
        }
    }

    /// Something happens while an action is under way.
    fn tell(&mut self) {
        match self.tell_in.take() {
            Some((0, input)) => {
                self.asleep |= matches!(input, Input::Suspending);
                self.machine.handle(self.now, input);
            }
            Some((left, input)) => self.tell_in = Some((left - 1, input)),
            None => {}
        }
    }

    fn wake(&mut self) {
        self.asleep = false;
        self.input(Input::Woke);
    }

    fn run(&mut self) {
        self.input(Input::Timer);
    }

    /// Lets time pass, calling the machine at each of its deadlines.
    fn pass(&mut self, time: Duration) {
        let end = self.now.boot.saturating_add(time);
        loop {
            let deadline = self.machine.poll_timeout().expect("a deadline between two cycles");
            let by_wall = deadline.wall.map_or(Duration::MAX, |wall| wall.saturating_since(self.now.wall));
            let wait = deadline.boot.saturating_since(self.now.boot).min(by_wall);
            let left = end.saturating_since(self.now.boot);
            if wait >= left {
                return self.advance(left);
            }
            self.advance(wait.max(Duration::from_nanos(100)));
            self.run();
        }
    }

    fn advance(&mut self, time: Duration) {
        self.now.wall = self.now.wall.saturating_add(time);
        self.now.boot = self.now.boot.saturating_add(time);
    }

    /// The agent dies and starts again; the journal and the directory stay as they are.
    fn restart(&mut self) {
        self.machine = Machine::new(self.now, BOOT, 8, Memory::default(), self.ledger.clone())
            .with_traces(self.traces.clone());
        self.run();
    }

    fn failure(&self, kind: DirectoryFault) -> DirectoryFailure {
        let hresult = Hresult::CANNOT_CONNECT;
        let failure = DirectoryFailure::new(kind, "laps.example", hresult, "the directory failed", "wait");
        DirectoryFailure { retry_after: self.retry_after, ..failure }
    }

    fn entry(&self, version: PasswordVersion, expiry: WallTime) -> Entry {
        Entry {
            version,
            account: "lapadmin".parse().unwrap(),
            uid: Uid(1001),
            directory: DirectoryId::LapwingServer(TenantId(Guid::from_bytes([7; 16]))),
            record: RecordId("device".to_owned()),
            expiry,
            prepared: self.now.wall,
            recorded: false,
            sealed: self.sealed,
            encrypted_to: self
                .principal
                .clone()
                .map(|principal| EncryptedTo { principal, updated: self.now.wall.0 }),
            acknowledged_by: None,
        }
    }

    fn prepared(&self, version: PasswordVersion, expiry: WallTime) -> Outcome {
        let Entry { account, uid, sealed, .. } = self.entry(version, expiry);
        Outcome::Prepared(Ok(Prepared { version, account, uid, expiry, sealed, warning: None }))
    }

    fn state(&self) -> DirectoryState {
        DirectoryState {
            version: Told::Version(self.held),
            expiry: self.held_expiry,
            receipt: None,
            time: Some(self.now.wall),
        }
    }

    fn told(&self, known: &[Known]) -> Told {
        let find =
            |is_it: &dyn Fn(&Known) -> bool| known.iter().find(|known| is_it(known)).map(|k| k.version);
        match self.hides {
            Hides::Nothing => Told::Version(self.held),
            Hides::Versions => match find(&|known| Some(known.version) == self.held) {
                Some(version) => Told::Version(Some(version)),
                None => Told::NoneKnown,
            },
            Hides::All if self.held.is_none() => Told::Version(None),
            Hides::All => match find(&|known| Some(known.expiry) == self.held_expiry) {
                Some(version) => Told::Version(Some(version)),
                None => Told::Nothing,
            },
        }
    }

    fn commit(&mut self, version: PasswordVersion) -> Outcome {
        let position = self.journal.candidates.iter().position(|candidate| candidate.version == version);
        if let Some(position) = position {
            self.journal.candidates[position].recorded = true;
        }
        if let Some(fault) = self.commit_fault {
            return Outcome::Committed(Err(RootHalfFailure {
                fault: Some(fault),
                message: "no".to_owned(),
                next_step: "do".to_owned(),
            }));
        }
        if let Some(position) = position {
            let candidate = self.journal.candidates.remove(position);
            let before = self.journal.current.replace(Entry { recorded: false, ..candidate });
            self.journal.replaced.extend(before.map(|before| before.version));
            self.journal.candidates.clear();
        }
        self.journal.unanswered = 0;
        self.journal.field = Field::Current;
        let Entry { version, account, uid, .. } = self.journal.current.clone().unwrap();
        Outcome::Committed(Ok(Committed { version, account, uid }))
    }

    fn perform(&mut self, action: Action) -> Option<Outcome> {
        match action {
            Action::ReadJournal { .. } => Some(Outcome::Journal(Ok(self.journal.clone()))),
            Action::ReadPolicy { .. } => Some(Outcome::Policy(PolicyRead {
                source: None,
                verdict: self.verdict.clone(),
                events: Vec::new(),
            })),
            Action::Connect { .. } if !self.reachable => {
                self.done.push("connect failed");
                Some(Outcome::Connected(Err(self.failure(DirectoryFault::Unreachable))))
            }
            Action::Connect { .. } => Some(Outcome::Connected(Ok(Session {
                directory: DirectoryId::LapwingServer(TenantId(Guid::from_bytes([7; 16]))),
                record: RecordId("device".to_owned()),
                endpoint: "https://laps.example/manage".to_owned(),
                guarantees: self.guarantees,
                replica: self.replica.then(|| "dc1.corp.example".parse().unwrap()),
                age_days_min: self.age_days_min,
                keeps_versions: self.hides != Hides::All,
                principal: self.principal.clone(),
                unfit: self.unfit.map(|fault| Box::new(self.failure(fault))),
                is_controller: false,
            }))),
            Action::ReadState { known, .. } => {
                let state = DirectoryState { version: self.told(&known), ..self.state() };
                Some(Outcome::State(Ok(state)))
            }
            Action::FetchGroupKey(_) => {
                self.done.push("group key");
                Some(Outcome::GroupKey(match self.keyless.take() {
                    Some(fault) => Err(self.failure(fault)),
                    None => Ok(()),
                }))
            }
            Action::Prepare { expiry, .. } => {
                self.done.push("prepare");
                self.hold();
                self.drawn += 1;
                let entry = self.entry(version(self.drawn), expiry);
                self.journal.candidates.push(entry);
                Some(self.prepared(version(self.drawn), expiry))
            }
            Action::FetchSeal(version) => {
                self.done.push("fetch");
                self.hold();
                let expiry = self.journal.candidate(version).unwrap().expiry;
                Some(self.prepared(version, expiry))
            }
            Action::CountSend { .. } => {
                self.done.push("count");
                self.journal.unanswered += 1;
                Some(Outcome::Counted(Ok(self.journal.unanswered)))
            }
            Action::UncountSend(_) => {
                self.done.push("uncount");
                self.journal.unanswered -= 1;
                Some(Outcome::Counted(Ok(self.journal.unanswered)))
            }
            Action::Store(store) => Some(Outcome::Stored(self.store(&store))),
            Action::Commit { version, .. } => {
                self.done.push("commit");
                Some(self.commit(version))
            }
            Action::Reinstate(version) => {
                self.done.push("reinstate");
                Some(self.commit(version))
            }
            Action::Forget => {
                self.holds = false;
                self.forgotten += 1;
                None
            }
            Action::Remember(memory) => {
                self.memory = memory;
                None
            }
            Action::Keep(ledger) => {
                let kept = if self.disk_is_full { Err("the disk is full".to_owned()) } else { Ok(()) };
                if kept.is_ok() {
                    self.ledger = ledger;
                }
                self.machine.handle(self.now, Input::Kept(kept));
                None
            }
            Action::Acknowledge(id, acceptance) => {
                self.acknowledged.push((id, acceptance));
                None
            }
            Action::KeepTraces(traces) => {
                self.traces = traces;
                None
            }
            Action::CallHome => {
                self.calls_home += 1;
                None
            }
            Action::Disconnect => None,
            Action::Raise(event) => {
                self.events.push(event);
                None
            }
            Action::Answer(id, answer) => {
                self.answers.push((id, answer));
                None
            }
        }
    }

    fn hold(&mut self) {
        assert!(!self.asleep, "something to store was made for a sleeping host to keep");
        self.holds = true;
    }

    fn store(&mut self, store: &Store) -> StoreOutcome {
        if !self.holds {
            return StoreOutcome::NotSent(self.failure(DirectoryFault::Unreachable));
        }
        assert!(!self.asleep, "something to store has outlived the order to forget");
        self.done.push("store");
        let fate = self.fates.pop_front().unwrap_or(Fate::Arrives);
        match fate {
            Fate::Refused => return StoreOutcome::Refused(self.failure(self.refusal)),
            Fate::NotSent => return StoreOutcome::NotSent(self.failure(DirectoryFault::Unreachable)),
            Fate::RequestLost => return StoreOutcome::Unanswered(self.failure(DirectoryFault::Unreachable)),
            Fate::Arrives | Fate::AnswerLost => {}
        }
        if self.guarantees == Guarantees::ComparesAndTells
            && self.held.map_or(Expected::Nothing, Expected::Version) != store.expected
            && self.held != Some(store.version)
        {
            return StoreOutcome::VersionMismatch(self.state());
        }
        self.held = Some(store.version);
        self.held_expiry = Some(store.expiry);
        match fate {
            Fate::AnswerLost => StoreOutcome::Unanswered(self.failure(DirectoryFault::Unreachable)),
            Fate::Arrives | Fate::RequestLost | Fate::NotSent | Fate::Refused => {
                StoreOutcome::Acknowledged(None)
            }
        }
    }
}
