//! A world: its hosts, its directory, and what happens to them.

use core::time::Duration;
use std::collections::BTreeMap;

use lapwing_core::{
    agent::{DirectoryFault, Input, Machine},
    mutant,
    types::{Guid, RunId},
};

use crate::{
    chance::Chance,
    check::{self, Found, Invariant, Outside, Violation},
    device::{Agent, Device, Policy, Power},
    directory::Record,
    event::{Event, Queue},
    promise::Done,
    scenario::{Bug, Scenario},
    session::Caller,
    stats::Stats,
    time::{DAY, HOUR, MINUTE, SECOND, Time},
};

/// How long a healed world may take to agree: a directory that was refused for an hour is asked again after another.
const SETTLE: Duration = Duration::from_secs(8 * 3600);
/// How many events one instant may have.
const EVENTS_AT_ONCE_MAX: u64 = 100_000;

/// What ails the directory, beside replicas that are down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Every request is refused like this.
    Refusing { fault: DirectoryFault, retry_after: Option<Duration> },
    /// Messages are slow, lost, late or doubled.
    Messages,
}

#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) is_up: Vec<bool>,
    pub(crate) trouble: Option<Trouble>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: Time,
    pub(crate) chance: Chance,
    /// The chance of device management, so that it shifts no other.
    pub(crate) odds: Chance,
    pub(crate) devices: Vec<Device>,
    pub(crate) records: Vec<Record>,
    pub(crate) directory: Directory,
    pub(crate) stats: Stats,
    /// Passwords drawn.
    pub(crate) secrets: u32,
    /// Stores sent.
    pub(crate) sends: u64,
    pub(crate) requests: u64,
    /// Messages of device management.
    pub(crate) packages: u64,
    pub(crate) done: Done,
    queue: Queue,
    events_at_once: u64,
    pub(crate) is_healed: bool,
    violation: Option<Box<Violation>>,
}

/// Runs a world to its end.
///
/// # Errors
/// The first invariant that did not hold.
pub fn run(scenario: &Scenario) -> Result<Stats, Box<Violation>> {
    mutant::plant(scenario.bug.and_then(Bug::core));
    let mut world = World::new(scenario.clone());
    let ended = world.run();
    mutant::plant(None);
    ended.map(|()| world.stats)
}

impl World {
    fn new(scenario: Scenario) -> Self {
        let kind = scenario.kind;
        let mut world = Self {
            now: Time(0),
            chance: Chance::new(scenario.seed),
            odds: Chance::new(!scenario.seed),
            devices: (0..scenario.hosts).map(|record| Device::new(record, Policy::of(&scenario))).collect(),
            records: (0..scenario.hosts).map(|_| Record::new(kind)).collect(),
            directory: Directory { is_up: vec![true; kind.replicas()], trouble: None },
            stats: Stats::default(),
            secrets: 1,
            sends: 0,
            requests: 0,
            packages: 0,
            done: Done::default(),
            queue: Queue::default(),
            events_at_once: 0,
            is_healed: false,
            violation: None,
            scenario,
        };
        for device in 0..world.devices.len() {
            let at = Time(0).after(world.chance.between(Duration::ZERO, HOUR));
            world.push(at, Event::Boot { device });
            world.plan_host_fault(device);
            world.plan_press(device);
        }
        world.plan_directory_fault();
        let end = Time(0).after(world.scenario.span);
        world.push(end, Event::HealAll);
        world
    }

    pub(crate) fn push(&mut self, at: Time, event: Event) {
        self.queue.push(at, event);
    }

    pub(crate) fn report(&mut self, host: usize, invariant: Invariant, what: String) {
        if self.violation.is_none() {
            let at = self.now.since(Time(0));
            let scenario = self.scenario.clone();
            self.violation = Some(Box::new(Violation { scenario, invariant, at, host, what }));
        }
    }

    fn run(&mut self) -> Result<(), Box<Violation>> {
        while let Some((at, event)) = self.queue.pop() {
            self.events_at_once = if at == self.now { self.events_at_once + 1 } else { 0 };
            self.now = at;
            if self.events_at_once > EVENTS_AT_ONCE_MAX {
                self.report(0, Invariant::Bounded, "the world goes round without time passing".to_owned());
            }
            if matches!(event, Event::End) {
                self.check_end();
                if let Some(violation) = self.violation.take() {
                    return Err(violation);
                }
                self.stats.worlds = 1;
                self.stats.actions = self.done.satisfied.len() as u64;
                let hosts = u32::try_from(self.scenario.hosts).unwrap_or(u32::MAX);
                self.stats.device_time = self.now.since(Time(0)).saturating_mul(hosts);
                return Ok(());
            }
            let touched = self.happen(event);
            self.check(touched);
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
        }
        Ok(())
    }

    fn outside(&self) -> Outside {
        Outside {
            kind: self.scenario.kind,
            now: self.now,
            directory_is_well: self.directory.trouble.is_none() && self.directory.is_up.iter().all(|up| *up),
        }
    }

    fn check(&mut self, touched: Touched) {
        match touched {
            Touched::Nothing => {}
            Touched::Host(index) => self.check_host(index),
            Touched::Record(record) => {
                for index in 0..self.devices.len() {
                    if self.devices[index].record == record {
                        self.check_host(index);
                    }
                }
            }
            Touched::Everything => (0..self.devices.len()).for_each(|index| self.check_host(index)),
        }
    }

    fn check_host(&mut self, index: usize) {
        let outside = self.outside();
        let device = &mut self.devices[index];
        let found = check::check(outside, device, &self.records[device.record]);
        self.note(index, found);
    }

    fn check_end(&mut self) {
        let outside = self.outside();
        for index in 0..self.devices.len() {
            let device = &self.devices[index];
            let found = check::check_converged(outside, device, &self.records[device.record]);
            self.note(index, found);
        }
        self.check_actions_ended();
    }

    fn note(&mut self, index: usize, found: Found) {
        if let Err((invariant, what)) = found {
            self.report(index, invariant, what);
        }
    }

    /// Lets one thing happen; tells what may have changed.
    fn happen(&mut self, event: Event) -> Touched {
        if let Some(index) =
            event.needs_awake().filter(|index| self.devices[*index].power == Power::Suspended)
        {
            self.devices[index].frozen.push(event);
            return Touched::Nothing;
        }
        self.trace(event.host(), &event);
        match event {
            Event::Boot { device } => self.boot(device),
            Event::Start { device, incarnation } if self.is_current(device, incarnation) => {
                self.start(device)
            }
            Event::Timer { device, incarnation } if self.is_current(device, incarnation) => {
                let timer = &mut self.devices[device].timer;
                // One that a nearer one overtook is not waited for any more.
                if timer.take_if(|at| *at <= self.now).is_some() {
                    self.input(device, Input::Timer);
                }
                return Touched::Host(device);
            }
            Event::Verb { device, incarnation, boots, run, verb } => {
                if self.devices[device].boots == boots && self.devices[device].power == Power::On {
                    self.run_verb(device, incarnation, run, *verb);
                }
                return Touched::Host(device);
            }
            Event::Outcome { device, incarnation, outcome } if self.is_current(device, incarnation) => {
                self.input(device, Input::Outcome(*outcome));
                return Touched::Host(device);
            }
            Event::Connect { device, incarnation, hints } if self.is_current(device, incarnation) => {
                self.on_connect(device, hints.0.as_ref(), &hints.1);
                return Touched::Nothing;
            }
            Event::Ask { device, incarnation, known } if self.is_current(device, incarnation) => {
                self.on_ask(device, &known);
                return Touched::Nothing;
            }
            Event::GiveUp { device, incarnation, send } if self.is_current(device, incarnation) => {
                self.on_give_up(device, send);
                return Touched::Host(device);
            }
            Event::Deliver(message) => {
                self.on_deliver(&message);
                return Touched::Record(self.devices[message.device].record);
            }
            Event::Replicate { record, from, to } => return self.on_replicate(record, from, to),
            Event::Session { device, incarnation, turn } if self.is_current(device, incarnation) => {
                self.on_turn(device, turn);
                return Touched::Host(device);
            }
            Event::Manage(request) => self.on_message(&request),
            Event::Press { device } => {
                self.press(device);
                self.plan_press(device);
                return Touched::Everything;
            }
            Event::Wake { device } => self.wake(device),
            Event::Kill { device } => {
                self.kill_agent(device);
                return Touched::Host(device);
            }
            Event::HostFault { device } => {
                self.host_fault(device);
                self.plan_host_fault(device);
                return Touched::Everything;
            }
            Event::DirectoryFault => {
                self.directory_fault();
                self.plan_directory_fault();
                return Touched::Everything;
            }
            Event::Heal { device, fault } => {
                self.heal(device, fault);
                return Touched::Everything;
            }
            Event::HealDirectory { replica } => {
                self.heal_directory(replica);
                return Touched::Everything;
            }
            Event::HealAll => {
                self.heal_all();
                self.push(self.now.after(SETTLE), Event::End);
                return Touched::Everything;
            }
            Event::Start { .. }
            | Event::Timer { .. }
            | Event::Outcome { .. }
            | Event::Connect { .. }
            | Event::Ask { .. }
            | Event::GiveUp { .. }
            | Event::Session { .. }
            | Event::End => {}
        }
        Touched::Nothing
    }

    /// Prints what happens, if somebody wants to see it.
    pub(crate) fn trace(&self, host: Option<usize>, what: &dyn core::fmt::Debug) {
        if let Some(traced) = self.scenario.trace
            && host.is_none_or(|host| host == traced)
        {
            eprintln!("{:?} {what:?}", self.now.since(Time(0)));
        }
    }

    fn is_current(&self, index: usize, incarnation: u32) -> bool {
        self.devices[index].incarnation == incarnation && self.devices[index].power == Power::On
    }

    fn boot(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if device.power != Power::Off || device.is_retired {
            return;
        }
        device.boot(self.now);
        self.recover(index);
        if self.devices[index].power == Power::On {
            let wait = self.chance.between(SECOND, 10 * SECOND);
            self.start_after(index, wait);
        }
    }

    /// Has the service manager start `lapwingd`.
    pub(crate) fn start_after(&mut self, index: usize, wait: Duration) {
        let incarnation = self.devices[index].incarnation;
        self.push(self.now.after(wait), Event::Start { device: index, incarnation });
    }

    fn start(&mut self, index: usize) {
        let (run, seed) = (RunId(Guid::from_random_bytes(self.chance.bytes())), self.chance.number());
        let device = &mut self.devices[index];
        if device.agent.is_some() {
            return;
        }
        let now = device.now(self.now);
        if self.scenario.bug != Some(Bug::LedgerNotSynced) {
            device.ledger.sync();
        }
        let (memory, ledger) = (device.memory.read().clone(), device.ledger.read().clone());
        let is_managed = self.scenario.kind.is_managed();
        let caller = is_managed.then(|| Caller::new(now.boot, self.odds.number()));
        let machine = Machine::new(now, device.boot_id(index), seed, memory, ledger);
        device.agent = Some(Box::new(Agent {
            machine,
            run,
            material: None,
            replica: 0,
            read_expiry: None,
            sending: None,
            asked: BTreeMap::new(),
            caller,
        }));
        self.check_ledger(index);
        self.input(index, Input::Timer);
    }

    fn wake(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if device.power != Power::Suspended {
            return;
        }
        device.power = Power::On;
        for event in core::mem::take(&mut device.frozen) {
            self.push(self.now, event);
        }
        self.input(index, Input::Woke);
        self.reconnected(index);
    }

    fn on_replicate(&mut self, record: usize, from: usize, to: usize) -> Touched {
        if !(self.directory.is_up[from] && self.directory.is_up[to]) {
            // They try again until both are there.
            self.push(self.now.after(5 * MINUTE), Event::Replicate { record, from, to });
            return Touched::Nothing;
        }
        self.records[record].replicate(from, to);
        Touched::Record(record)
    }

    /// The host loses its power: what was not synced may be lost with it.
    pub(crate) fn cut_power(&mut self, index: usize) {
        let device = &mut self.devices[index];
        device.end_agent();
        device.power = Power::Off;
        let chance = &mut self.chance;
        let lost = [
            device.disks.journal.lose_power(chance),
            device.disks.accounts.lose_power(chance),
            device.memory.lose_power(chance),
            device.ledger.lose_power(chance),
        ];
        self.stats.writes_lost += lost.iter().map(|lost| u64::from(*lost)).sum::<u64>();
        let wait = self.chance.spread(20 * SECOND, DAY);
        let wait = if self.is_healed { 20 * SECOND } else { wait };
        self.push(self.now.after(wait), Event::Boot { device: index });
    }
}

/// What may have changed.
#[derive(Debug, Clone, Copy)]
enum Touched {
    Nothing,
    Host(usize),
    Record(usize),
    Everything,
}
