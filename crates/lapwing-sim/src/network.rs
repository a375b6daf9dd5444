//! What goes between a host and its directory: refused, slow, lost, late, doubled.

use core::time::Duration;

use lapwing_core::{
    agent::{
        DirectoryFailure, DirectoryFault, DirectoryState, Input, Known, Outcome, Receipt, Session, Store,
        StoreOutcome, Told,
    },
    event::Hresult,
    types::{DirectoryId, Guid, PasswordVersion, RecordId, Replica, TenantId},
};

use crate::{
    directory::{Answered, Kind, Sent, Stored, Tells},
    event::Event,
    time::{HOUR, MINUTE, SECOND},
    world::{Trouble, World},
};

/// How long a connection that nobody answers is waited for.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an answer is waited for.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(30);

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
        Kind::AdClear
        | Kind::AdHistory
        | Kind::AdTwo
        | Kind::AdTwoClear
        | Kind::AdProbed
        | Kind::AdExpiry => DirectoryId::ActiveDirectory("corp.example".to_owned()),
    }
}

pub(crate) fn receipt(version: PasswordVersion) -> Receipt {
    Receipt(version.0.to_bytes().to_vec())
}

fn failure(kind: DirectoryFault, retry_after: Option<Duration>) -> DirectoryFailure {
    DirectoryFailure { retry_after, ..DirectoryFailure::new(kind, "", Hresult::CANNOT_CONNECT, "", "") }
}

impl World {
    pub(crate) fn latency(&mut self) -> Duration {
        let most = match self.directory.trouble {
            Some(Trouble::Messages) => Duration::from_secs(8),
            Some(Trouble::Refusing { .. }) | None => Duration::from_millis(80),
        };
        self.chance.between(Duration::from_millis(2), most)
    }

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
            keeps_versions: kind.tells() != Tells::Expiry,
            principal: kind.decryptor(),
            unfit: None,
            is_controller: false,
        };
        if let Some(agent) = self.agent(index) {
            agent.replica = replica;
        }
        let wait = self.latency();
        self.later(index, wait, Outcome::Connected(Ok(session)));
    }

    /// The key comes from the controller that is connected to.
    pub(crate) fn fetch_group_key(&mut self, index: usize) {
        let Some(replica) = self.agent(index).map(|agent| agent.replica) else { return };
        let fetched = self.reaches(index, replica);
        let is_silent = fetched.as_ref().is_err_and(|failure| failure.kind == DirectoryFault::Unreachable);
        let wait = if is_silent { CONNECT_MAX } else { self.latency() };
        self.later(index, wait, Outcome::GroupKey(fetched));
    }

    pub(crate) fn on_ask(&mut self, index: usize, known: &[Known]) {
        let Some(replica) = self.agent(index).map(|agent| agent.replica) else { return };
        if let Err(failure) = self.reaches(index, replica) {
            let wait = if failure.kind == DirectoryFault::Unreachable { CONNECT_MAX } else { SECOND };
            return self.later(index, wait, Outcome::State(Err(failure)));
        }
        let held = &self.records[self.devices[index].record].replicas[replica];
        let current = held.current();
        let state = DirectoryState {
            version: held.told(self.scenario.kind, known),
            expiry: current.map(|stored| stored.expiry),
            receipt: current.map(|stored| receipt(stored.version)),
            time: Some(self.now.wall(0)),
            written: None,
        };
        let read = current.map(|stored| stored.expiry);
        if let Some(agent) = self.agent(index) {
            agent.read_expiry = read;
        }
        let wait = self.latency();
        self.later(index, wait, Outcome::State(Ok(state)));
    }

    /// Sends a store: it may be lost, come late or twice, and so may its answer.
    pub(crate) fn send(&mut self, index: usize, store: &Store) {
        let now = self.now;
        self.devices[index].watch.last_attempt = Some(now);
        let incarnation = self.devices[index].incarnation;
        let Some(agent) = self.agent(index) else { return };
        let replica = agent.replica;
        let read_expiry = agent.read_expiry;
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
        self.devices[index].promises.on_send(store.version);
        self.stats.sends += 1;
        self.sends += 1;
        let send = self.sends;
        if let Some(agent) = self.agent(index) {
            agent.sending = Some(send);
        }
        let stored = Stored { version: store.version, secret: material.secret, expiry: store.expiry };
        let sent = Sent { stored, expected: store.expected, read_expiry, in_force: store.in_force };
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
                version: Told::Version(None),
                expiry: None,
                receipt: None,
                time: None,
                written: None,
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
