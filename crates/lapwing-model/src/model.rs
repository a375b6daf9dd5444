//! What can happen in a state, and which state that leads to.

use core::time::Duration;

use lapwing_core::agent::{Input, Ledger, Machine, Memory, Request, RequestId};
use stateright::Property;

use crate::{
    directory::{Directory, Message},
    host::{Disk, File},
    kind::Kind,
    mutant::Mutant,
    names::{BOOT, number, start},
    properties,
    state::{Phase, State, Witness},
    verb::{STEPS_MAX, Verb},
};

/// The world around one agent.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// Its directory.
    pub kind: Kind,
    /// The most passwords that are ever drawn.
    pub drawn_max: u8,
    /// The most copies that a network makes of what is sent to Entra ID, which cannot tell them from sends. For the
    /// others there is no bound: everything arrives as often as the checker likes.
    pub duplicates_max: u8,
    /// A mistake made on purpose.
    pub mutant: Option<Mutant>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(private_interfaces, reason = "steps are made by the checker and read by people")]
pub enum Step {
    /// A cycle begins, for whatever reason; `rotate` if a person wants a new password.
    Cycle {
        /// Whether due or not.
        rotate: bool,
    },
    /// That server accepts the host.
    Connect(usize),
    /// The root half performs what it was asked.
    Perform(Verb),
    /// The same, but it dies after so many halves of writes, or its answer is lost after the last one.
    Die(Verb, u8),
    /// The store that leaves the host now meets this.
    Store(Message, Fate),
    /// A store of some time ago arrives now.
    Arrive(Message),
    /// The same, and one more copy of it is on its way.
    ArriveAndRepeat(Message),
    /// The server that holds the latest tells the others, who hear it some time later.
    Tell,
    /// They hear it, in any order.
    Hear(usize),
    /// `lapwingd` dies and starts again.
    AgentDies,
    /// The host loses power; what was renamed and not synced is kept or not.
    PowerCut {
        /// The journal is as written last.
        journal: bool,
        /// The account file is.
        account: bool,
        /// `memory.json` is there.
        memory: bool,
    },
    /// So much time passes.
    Pass(Duration),
}

/// What becomes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and the answer does.
    Answered,
    /// It arrives, and the answer does, and a copy is on its way.
    AnsweredAndRepeated,
    /// It arrives, and the answer does not.
    AnswerLost,
    /// It arrives, the answer does not, and a copy is on its way.
    AnswerLostAndRepeated,
    /// It arrives later, or never.
    Late,
    /// The directory refuses it.
    Refused,
}

impl Model {
    fn verb_steps(&self, verb: &Verb, state: &State, steps: &mut Vec<Step>) {
        if *verb == Verb::Prepare && state.drawn >= self.drawn_max {
            return;
        }
        steps.push(Step::Perform(verb.clone()));
        steps.extend((0..=STEPS_MAX).map(|left| Step::Die(verb.clone(), left)));
    }

    fn idle_steps(&self, state: &State, steps: &mut Vec<Step>) {
        steps.extend([true, false].map(|rotate| Step::Cycle { rotate }));
        // How long is waited depends on the count, and a shorter time changes nothing.
        let (wait, minutes) = if state.journal().unanswered < 3 { (0, 11) } else { (1, 61) };
        let waits = state.memory.last_send.is_some_and(|age| state.waits_outlasted(age) <= wait);
        if self.kind.is_entra() && state.journal().unanswered > 0 && waits {
            steps.push(Step::Pass(Duration::from_secs(minutes * 60)));
        }
        if state.kept().is_some() {
            steps.push(Step::Pass(Duration::from_secs(660)));
        }
        if state.kind.servers() > 1 && state.remembers_replicas() {
            steps.push(Step::Pass(Duration::from_secs(3 * 3600 + 60)));
        }
    }

    fn apply(&self, state: &mut State, step: Step) -> Option<()> {
        let mutant = self.mutant;
        match step {
            Step::Cycle { rotate } => {
                let request = if rotate { Request::ResetPassword } else { Request::ProcessPolicy };
                state.begin_to_tell(rotate);
                state.input(mutant, Input::Request(RequestId(0), request));
            }
            Step::Connect(server) => state.connected(mutant, server),
            Step::Perform(verb) => self.perform(state, &verb, None)?,
            Step::Die(verb, left) => self.perform(state, &verb, Some(left))?,
            Step::Store(message, fate) => self.store(state, message, fate),
            Step::Arrive(message) => {
                if self.kind.is_entra() {
                    let at = state.under_way.iter().position(|other| *other == message)?;
                    state.under_way.remove(at);
                }
                state.directory.land(self.kind, mutant, &message);
            }
            Step::ArriveAndRepeat(message) => {
                state.witness.duplicates += 1;
                state.directory.land(self.kind, mutant, &message);
            }
            Step::Tell => state.directory.tell(),
            Step::Hear(told) => state.directory.hear(told),
            Step::AgentDies => state.start_agent(),
            Step::PowerCut { journal, account, memory } => {
                state.disk.journal.cut(journal);
                state.disk.account.cut(account);
                if !memory {
                    state.memory = Memory::default();
                }
                state.start_agent();
                state.phase = Phase::Booting;
            }
            Step::Pass(time) => {
                state.pass(time);
                if state.kind.is_entra() || state.kind.servers() > 1 {
                    state.under_way.clear();
                    state.directory.replicate();
                }
            }
        }
        Some(())
    }

    pub(crate) fn perform(&self, state: &mut State, verb: &Verb, left: Option<u8>) -> Option<()> {
        let run = state.run(verb, left, self.mutant);
        if left.is_some() && !run.died {
            return None;
        }
        let before = state.journal().current.as_ref().map(|current| current.hash);
        state.disk = run.disk;
        if state.journal().current.as_ref().map(|current| current.hash) != before {
            state.witness.unanswered = 0;
        }
        if *verb == Verb::Prepare {
            state.pass(Duration::from_secs(1));
            let drawn = state.journal().candidates.iter().map(|entry| entry.hash).max();
            state.drawn = state.drawn.max(drawn.unwrap_or_default());
        }
        if *verb == Verb::Recover {
            // Before log-ons are open, what is recorded is in the account, unless recovery itself died.
            state.witness.alarm |= !run.died && state.journal().recorded.is_some();
            state.start_agent();
        } else {
            state.verb_ended(self.mutant, run.outcome);
        }
        Some(())
    }

    pub(crate) fn store(&self, state: &mut State, message: Message, fate: Fate) {
        state.witness.unanswered = state.witness.unanswered.saturating_add(1);
        let stays = match fate {
            Fate::Refused => {
                state.witness.unanswered -= 1;
                return state.refused(self.mutant);
            }
            Fate::Late => true,
            Fate::AnsweredAndRepeated | Fate::AnswerLostAndRepeated => {
                state.witness.duplicates += 1;
                true
            }
            // It costs nothing to let everything arrive again at any time where that is harmless by design.
            Fate::Answered | Fate::AnswerLost => !self.kind.is_entra(),
        };
        if stays && (self.kind.is_entra() || !state.under_way.contains(&message)) {
            state.under_way.push(message);
        }
        let landing = match fate {
            Fate::Late => None,
            _ => Some(state.directory.land(self.kind, self.mutant, &message)),
        };
        let told = landing.filter(|_| matches!(fate, Fate::Answered | Fate::AnsweredAndRepeated));
        if !self.kind.is_entra() {
            // Counted there alone.
            state.witness.unanswered = 0;
        }
        state.stored(self.mutant, &message, told);
    }
}

impl State {
    fn new(kind: Kind) -> Self {
        let now = start();
        Self {
            kind,
            now,
            disk: Disk {
                journal: File::new(lapwing_core::root_half::Journal::default()),
                account: File::new(0),
            },
            memory: Memory::default(),
            machine: Machine::new(now, BOOT, 7, Memory::default(), Ledger::default()),
            told: 0,
            server: 0,
            in_hand: None,
            phase: Phase::Idle,
            directory: Directory::new(kind),
            under_way: Vec::new(),
            drawn: 0,
            witness: Witness::default(),
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.wall = self.now.wall.saturating_add(time);
        self.now.boot = self.now.boot.saturating_add(time);
    }

    fn remembers_replicas(&self) -> bool {
        let sent = |entry: &lapwing_core::root_half::Entry<u8>| !entry.sends.is_empty();
        self.memory.behind.iter().any(|(_, age)| self.is_recent(age))
            || self.journal().candidates.iter().any(sent)
    }

    /// Notes what the properties are judged by, and forgets what can have no effect any more.
    fn observe(&mut self, mutant: Option<Mutant>) {
        for server in &self.directory.servers {
            self.witness.landed |= server.held.iter().fold(0, |bits, held| bits | 1 << held);
        }
        if let Some(recorded) = self.disk.journal.durable.recorded {
            self.witness.recorded |= 1 << number(recorded);
        }
        self.under_way.sort_unstable();
        if self.kind.compares(mutant) {
            self.drop_dead();
        }
    }

    /// A store is dead when the version that it expects is not there and cannot come back: no server holds it as current,
    /// nothing that lands brings it, and nobody can send it again.
    fn drop_dead(&mut self) {
        loop {
            let File { visible, durable } = &self.disk.journal;
            let candidates = || visible.candidates.iter().chain(&durable.candidates).map(|entry| entry.hash);
            let comes = |expected: Option<u8>| {
                let Directory { servers, told } = &self.directory;
                servers.iter().chain(told).any(|server| server.current() == expected)
                    || self.under_way.iter().any(|other| Some(other.version) == expected)
                    || candidates().any(|candidate| Some(candidate) == expected)
                    || matches!(&self.phase, Phase::Sending(sent) if Some(sent.version) == expected)
                    || self.in_hand == expected && expected.is_some()
            };
            let Some(dead) = self.under_way.iter().position(|message| !comes(message.expected)) else {
                return;
            };
            self.under_way.remove(dead);
        }
    }
}

impl stateright::Model for Model {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.kind)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        // Elsewhere arrivals and replication commute with what is about to happen: verbs do not see the directory.
        let mut may_arrive = true;
        match &state.phase {
            Phase::Booting => {
                self.verb_steps(&Verb::Recover, state, steps);
                may_arrive = false;
            }
            Phase::Idle => self.idle_steps(state, steps),
            Phase::Connecting(choices) => steps.extend(choices.iter().copied().map(Step::Connect)),
            Phase::Verb(verb) => {
                self.verb_steps(verb, state, steps);
                may_arrive = false;
            }
            Phase::Sending(message) => {
                let fates = [Fate::Answered, Fate::AnswerLost, Fate::Late];
                steps.extend(fates.map(|fate| Step::Store(*message, fate)));
                // Where it decides nothing how many sends had no answer, one with several servers is left out.
                if self.kind.servers() == 1 {
                    steps.push(Step::Store(*message, Fate::Refused));
                }
                if self.kind.is_entra() && state.witness.duplicates < self.duplicates_max {
                    let fates = [Fate::AnsweredAndRepeated, Fate::AnswerLostAndRepeated];
                    steps.extend(fates.map(|fate| Step::Store(*message, fate)));
                }
            }
        }
        if may_arrive {
            steps.extend(state.under_way.iter().copied().map(Step::Arrive));
            if self.kind.is_entra() && state.witness.duplicates < self.duplicates_max {
                steps.extend(state.under_way.iter().copied().map(Step::ArriveAndRepeat));
            }
            if state.directory.has_news() {
                steps.push(Step::Tell);
            }
            steps.extend((0..state.directory.told.len()).map(Step::Hear));
        }
        if state.phase != Phase::Booting {
            steps.push(Step::AgentDies);
        }
        let choices = |unsure: bool| if unsure { &[true, false][..] } else { &[true] };
        let File { visible, durable } = &state.disk.journal;
        let unsure = state.digest_journal(visible) != state.digest_journal(durable);
        for journal in choices(unsure) {
            for account in choices(state.disk.account.visible != state.disk.account.durable) {
                for memory in choices(state.memory != Memory::default()) {
                    steps.push(Step::PowerCut { journal: *journal, account: *account, memory: *memory });
                }
            }
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.apply(&mut next, step)?;
        next.observe(self.mutant);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
