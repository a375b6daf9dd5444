//! What the world does with the machine's actions: its root half and its directory.

use super::*;

impl World {
    pub(super) fn failure(&self, kind: DirectoryFault) -> DirectoryFailure {
        let hresult = Hresult::CANNOT_CONNECT;
        let failure = DirectoryFailure::new(kind, "laps.example", hresult, "the directory failed", "wait");
        DirectoryFailure { retry_after: self.retry_after, ..failure }
    }

    pub(super) fn entry(&self, version: PasswordVersion, expiry: WallTime) -> Entry {
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

    pub(super) fn prepared(&self, version: PasswordVersion, expiry: WallTime) -> Outcome {
        let entry = self.journal.candidate(version).cloned();
        let Entry { account, uid, sealed, .. } = entry.unwrap_or_else(|| self.entry(version, expiry));
        Outcome::Prepared(Ok(Prepared { version, account, uid, expiry, sealed, warning: None }))
    }

    pub(super) fn state(&self) -> DirectoryState {
        DirectoryState {
            version: Told::Version(self.held),
            expiry: self.held_expiry,
            receipt: None,
            time: Some(self.now.wall),
            written: self.written.clone(),
        }
    }

    pub(super) fn told(&self, known: &[Known]) -> Told {
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

    pub(super) fn commit(&mut self, version: PasswordVersion) -> Outcome {
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
            self.journal.closed = None;
            self.journal.replaced.extend(before.map(|before| before.version));
            self.journal.candidates.clear();
        }
        self.journal.unanswered = 0;
        self.journal.field = Field::Current;
        let Entry { version, account, uid, .. } = self.journal.current.clone().unwrap();
        Outcome::Committed(Ok(Committed { version, account, uid }))
    }

    pub(super) fn perform(&mut self, action: Action) -> Option<Outcome> {
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
            Action::Prepare { plan, expiry, .. } => {
                self.done.push("prepare");
                self.hold();
                self.drawn += 1;
                let mut entry = self.entry(version(self.drawn), expiry);
                if let Some(uid) = plan.own.and_then(|own| own.uid) {
                    entry.uid = uid;
                    entry.account = self.next_name.clone().unwrap_or(entry.account);
                }
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
            Action::EnsureAccount { name, enabled } => {
                self.done.push("ensure");
                Some(Outcome::Ensured(self.ensure(&name, enabled)))
            }
            Action::DropAccount => {
                self.done.push("drop");
                Some(Outcome::Dropped(match self.own_fault {
                    Some(fault) => Err(own_failure(fault)),
                    None => {
                        let former = self.journal.own.take().map(|own| (own.account, own.uid));
                        Ok(Dropped { former })
                    }
                }))
            }
            Action::EndUse { step: EndStep::Close, .. } if self.close_fault.is_some() => {
                self.done.push("close");
                Some(Outcome::UseEnded(Err(RootHalfFailure {
                    fault: self.close_fault,
                    message: "no".to_owned(),
                    next_step: "do".to_owned(),
                })))
            }
            Action::EndUse { step, account, uid } => {
                let UseEnded { sessions, processes } = self.use_ended.clone();
                match step {
                    EndStep::Close => self.journal.closed = Some(Box::new(ClosedAccount { account, uid })),
                    EndStep::Open => self.journal.closed = None,
                    EndStep::Warn | EndStep::LogOff | EndStep::EndProcesses | EndStep::Reboot => {}
                }
                let (done, ended) = match step {
                    EndStep::Warn => ("warn", UseEnded { sessions, ..UseEnded::default() }),
                    EndStep::LogOff => ("log off", UseEnded { sessions, ..UseEnded::default() }),
                    EndStep::EndProcesses => ("end processes", UseEnded { processes, ..UseEnded::default() }),
                    EndStep::Reboot => ("reboot", UseEnded::default()),
                    EndStep::Close => ("close", UseEnded::default()),
                    EndStep::Open => ("open", UseEnded::default()),
                };
                self.done.push(done);
                Some(Outcome::UseEnded(Ok(ended)))
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

    pub(super) fn hold(&mut self) {
        assert!(!self.asleep, "something to store was made for a sleeping host to keep");
        self.holds = true;
    }

    pub(super) fn store(&mut self, store: &Store) -> StoreOutcome {
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
