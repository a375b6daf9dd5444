//! The shell of the real machine: performs what concerns nobody else at once, and stops where others have a say.

use lapwing_core::{
    agent::{
        Action, DirectoryFailure, DirectoryFault, DirectoryState, Expected, Held, Input, Journal, Ledger,
        Machine, Outcome, PolicyRead, RootHalfFailure, Session, StoreOutcome, Told, Verdict,
    },
    event::Hresult,
    types::{RunId, Sid},
};

use crate::{
    directory::{Landing, Message},
    mutant::Mutant,
    names::{BOOT, number, plan, record, replica, server, version},
    state::{Phase, State},
    verb::{Verb, failure},
};

impl State {
    /// `lapwingd` starts, knowing what `memory.json` says.
    pub(crate) fn start_agent(&mut self) {
        self.machine = Machine::new(self.now, BOOT, 7, self.memory.clone(), Ledger::default());
        self.in_hand = None;
        self.phase = Phase::Idle;
        (self.told, self.server) = (0, 0);
    }

    /// Tells the machine something, then performs what it wants until somebody else has a say.
    pub(crate) fn input(&mut self, mutant: Option<Mutant>, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.phase = Phase::Idle;
            self.machine.handle(self.now, input);
            while let Some(action) = self.machine.poll_action() {
                if let Some(outcome) = self.perform(mutant, action) {
                    inputs.push(Input::Outcome(outcome));
                }
            }
        }
        if self.phase == Phase::Idle {
            (self.told, self.server) = (0, 0);
        }
    }

    fn perform(&mut self, mutant: Option<Mutant>, action: Action) -> Option<Outcome> {
        match action {
            Action::ReadJournal { begin } => return Some(self.read_journal(mutant, begin)),
            Action::ReadPolicy { .. } => {
                let verdict = Verdict::Managed(plan());
                return Some(Outcome::Policy(PolicyRead { source: None, verdict, events: Vec::new() }));
            }
            Action::Connect { avoid, .. } => {
                let choices: Vec<_> =
                    (0..self.kind.servers()).filter(|choice| !avoid.contains(&replica(*choice))).collect();
                if choices.is_empty() {
                    self.tell("unreachable");
                    return Some(Outcome::Connected(Err(unreachable())));
                }
                self.phase = Phase::Connecting(choices);
            }
            Action::ReadState { .. } => return Some(self.read_state(mutant)),
            // It comes from the server that is connected to, at once: nothing is lost if it does not come.
            Action::FetchGroupKey(_) => return Some(Outcome::GroupKey(Ok(()))),
            Action::Prepare { .. } => self.phase = Phase::Verb(Verb::Prepare),
            Action::FetchSeal(of) => {
                let half = self.root_half(None, mutant);
                self.disk = half.host.disk;
                let found = half.journal.candidate(of).map(|entry| self.prepared(entry));
                self.tell(found.is_ok());
                return Some(Outcome::Prepared(found.map_err(|error| failure(error.into()))));
            }
            Action::CountSend { version, .. } if mutant == Some(Mutant::SendsNotCounted) => {
                self.tell(number(version));
                return Some(Outcome::Counted(Ok(1)));
            }
            Action::CountSend { version, to } => {
                self.phase = Phase::Verb(Verb::Count(number(version), to.as_ref().map(server)));
            }
            Action::UncountSend(version) => self.phase = Phase::Verb(Verb::Uncount(number(version))),
            Action::Store(store) => {
                let of = number(store.version);
                // The shell can send only what it has: what the journal keeps, or what was drawn in this run.
                self.witness.alarm |= !self.kind.is_sealed() && self.in_hand != Some(of);
                if mutant == Some(Mutant::AccountBeforeStore) {
                    (self.disk.account.visible, self.disk.account.durable) = (of, of);
                }
                // What Entra ID does not look at must not tell two stores apart.
                let compared = !self.kind.is_entra();
                self.phase = Phase::Sending(Message {
                    to: self.server,
                    version: of,
                    expected: expected(store.expected).filter(|_| compared),
                    in_force: store.in_force.map(number).filter(|_| compared),
                });
            }
            Action::Commit { version, receipt: _, by } => {
                self.phase = Phase::Verb(Verb::Commit(number(version), by.as_ref().map(server)));
            }
            Action::Reinstate(version) => {
                self.witness.alarm = true;
                self.phase = Phase::Verb(Verb::Reinstate(number(version)));
            }
            Action::EnsureAccount { .. } | Action::DropAccount | Action::EndUse { .. } => {
                unreachable!("no policy of these hosts asks for it")
            }
            Action::Forget => self.in_hand = None,
            Action::Remember(memory) => self.memory = memory,
            Action::Disconnect | Action::Raise(_) | Action::Answer(..) => {}
            // Nobody manages these hosts; the simulator's are.
            Action::Keep(_) | Action::KeepTraces(_) | Action::Acknowledge(..) | Action::CallHome => {}
        }
        None
    }

    fn read_journal(&mut self, mutant: Option<Mutant>, begin: bool) -> Outcome {
        let mut half = self.root_half(None, mutant);
        if begin {
            half.begin(RunId(lapwing_core::types::Guid::from_bytes([1; 16]))).expect("nothing dies here");
        }
        let mut journal = half.state().expect("nothing dies here");
        self.disk = half.host.disk;
        if let (Some(Mutant::BehindBelieved), Some(current)) = (mutant, &mut journal.current) {
            current.acknowledged_by = None;
        }
        self.tell((self.digest_journal(self.journal()), self.disk.account.visible));
        Outcome::Journal(Ok(journal))
    }

    /// The server that was chosen accepts this host.
    pub(crate) fn connected(&mut self, mutant: Option<Mutant>, server: usize) {
        self.server = server;
        self.tell(server);
        let session = Session {
            directory: self.kind.id(),
            record: record(),
            endpoint: String::new(),
            guarantees: self.kind.guarantees(),
            replica: self.kind.is_ad().then(|| replica(server)),
            age_days_min: None,
            keeps_versions: true,
            principal: (self.kind.is_ad() && self.kind.is_sealed()).then(Sid::local_system),
            unfit: None,
            is_controller: false,
        };
        self.input(mutant, Input::Outcome(Outcome::Connected(Ok(session))));
    }

    fn read_state(&mut self, mutant: Option<Mutant>) -> Outcome {
        let held = self.directory.servers[self.server].current().map(version);
        self.tell(held.map(number));
        let half = self.root_half(None, mutant);
        let journal = half.state().expect("nothing dies here");
        // Nobody moves it.
        let expiry = held.and(journal.current.as_ref()).map(|current| current.expiry);
        let resolved = Held::resolve(&journal, held);
        self.witness.alarm |= self.is_alarming(&journal, resolved);
        if mutant == Some(Mutant::CandidatesDroppedAfterRead) && !matches!(resolved, Held::Candidate(_)) {
            self.disk.journal.visible.candidates.clear();
            self.disk.journal.sync();
        }
        Outcome::State(Ok(DirectoryState {
            version: Told::Version(held),
            expiry,
            receipt: None,
            time: None,
            written: None,
        }))
    }

    /// Whether that says that something outside the protocol has happened, which in this model nothing does.
    fn is_alarming(&self, journal: &Journal, held: Held) -> bool {
        match held {
            Held::Candidate(_) | Held::Current(_) | Held::Nothing => false,
            Held::Foreign(_) | Held::Unreadable => true,
            // From another replica than the one that acknowledged it, that only means that it is behind.
            Held::Replaced(_) | Held::Vanished => journal
                .current
                .as_ref()
                .and_then(|current| current.acknowledged_by.as_ref())
                .is_none_or(|by| server(by) == self.server),
        }
    }

    /// The store has an answer, or none.
    pub(crate) fn stored(&mut self, mutant: Option<Mutant>, message: &Message, landing: Option<Landing>) {
        self.tell(match landing {
            Some(Landing::Held) => "held",
            Some(Landing::Mismatch) => "mismatch",
            None => "unanswered",
        });
        let outcome = match landing {
            Some(Landing::Held) => StoreOutcome::Acknowledged(None),
            Some(Landing::Mismatch) if mutant == Some(Mutant::MismatchIsRefusal) => {
                self.disk.journal.visible.candidates.retain(|entry| entry.hash != message.version);
                self.disk.journal.sync();
                StoreOutcome::Refused(refused())
            }
            Some(Landing::Mismatch) => StoreOutcome::VersionMismatch(DirectoryState {
                version: Told::Version(self.directory.servers[message.to].current().map(version)),
                expiry: None,
                receipt: None,
                time: None,
                written: None,
            }),
            None => StoreOutcome::Unanswered(unreachable()),
        };
        self.input(mutant, Input::Outcome(Outcome::Stored(outcome)));
    }

    /// The directory itself has refused the store.
    pub(crate) fn refused(&mut self, mutant: Option<Mutant>) {
        self.tell("refused");
        self.input(mutant, Input::Outcome(Outcome::Stored(StoreOutcome::Refused(refused()))));
    }

    /// A verb has ended.
    pub(crate) fn verb_ended(&mut self, mutant: Option<Mutant>, outcome: Outcome) {
        let told = |failure: &RootHalfFailure| format!("{:?}", failure.fault);
        match &outcome {
            Outcome::Prepared(Ok(prepared)) => {
                let of = number(prepared.version);
                if !prepared.sealed {
                    self.in_hand = Some(of);
                }
                self.tell(of);
            }
            Outcome::Counted(Ok(count)) => {
                let count = if self.kind.is_entra() { *count } else { 0 };
                self.tell(("counted", count));
            }
            Outcome::Committed(Ok(committed)) => self.tell(number(committed.version)),
            Outcome::Prepared(Err(failure))
            | Outcome::Counted(Err(failure))
            | Outcome::Committed(Err(failure)) => self.tell(told(failure)),
            Outcome::Journal(_)
            | Outcome::Policy(_)
            | Outcome::Connected(_)
            | Outcome::State(_)
            | Outcome::GroupKey(_)
            | Outcome::Stored(_)
            | Outcome::UseEnded(_)
            | Outcome::Ensured(_)
            | Outcome::Dropped(_) => {}
        }
        self.input(mutant, Input::Outcome(outcome));
    }
}

/// Every directory of the model keeps versions that its hosts may read.
pub(crate) fn expected(expected: Expected) -> Option<u8> {
    match expected {
        Expected::Version(version) => Some(number(version)),
        Expected::Nothing => None,
        Expected::AsRead => panic!("versions are readable here"),
    }
}

fn unreachable() -> DirectoryFailure {
    DirectoryFailure::new(DirectoryFault::Unreachable, "", Hresult::CANNOT_CONNECT, "", "")
}

fn refused() -> DirectoryFailure {
    DirectoryFailure { kind: DirectoryFault::Refused, ..unreachable() }
}
