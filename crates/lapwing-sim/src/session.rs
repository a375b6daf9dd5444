//! A device's sessions with device management, over a network that loses, repeats, delays and cuts their messages.

use core::time::Duration;

use lapwing_core::{
    agent::{Acceptance, Input},
    management::{Because, Contact},
    types::{ActionId, BootTime},
};

use crate::{
    device::Power,
    event::Event,
    network::ANSWER_MAX,
    server::{Package, Reply},
    time::{HOUR, SECOND, Time},
    world::{Trouble, World},
};

/// How often a message is sent before its session is given up.
const TRIES_MAX: u32 = 3;

/// What `lapwingd` knows of its sessions.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) contact: Contact,
    /// When the next timer fires that is in the queue.
    timer: Option<Time>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Closed,
    /// Waits for the answer to what was sent so many times.
    Sent(Package, u32),
    /// Waits until the machine has answered for what was ordered.
    Ordered {
        awaited: Vec<ActionId>,
        statuses: Vec<(ActionId, u16)>,
    },
}

impl Caller {
    pub(crate) const fn new(now: BootTime, seed: u64) -> Self {
        Self { contact: Contact::new(now, seed), timer: None, step: Step::Closed }
    }
}

/// What happens to a device's sessions.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The time for one may have come.
    Due,
    /// The server calls.
    WakeUp,
    /// The answer to this message is there; none is one that cannot be read, or a refusal.
    Reply(u64, Option<Box<Reply>>),
    /// This message, sent so many times, has been waited for long enough.
    GiveUp(u64, u32),
}

/// A message on its way to the server.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) device: usize,
    incarnation: u32,
    package: Package,
    /// After how many rows the server dies that answers it.
    dies_after: Option<usize>,
    fate: Fate,
}

/// What becomes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Cut,
    Lost,
}

impl World {
    /// Starts the session that is due, or waits for it.
    pub(crate) fn call_home_if_due(&mut self, index: usize) {
        let now = self.devices[index].now(self.now).boot;
        let device = &mut self.devices[index];
        if device.power != Power::On {
            return;
        }
        let Some(caller) = device.agent.as_mut().and_then(|agent| agent.caller.as_mut()) else { return };
        if caller.contact.poll_start(now).is_some() {
            self.stats.sessions += 1;
            return self.open_message(index, true, Vec::new());
        }
        let Some(due) = caller.contact.poll_timeout() else { return };
        let at = device.booted.after(due.0).max(self.now);
        if caller.timer.is_none_or(|timer| at < timer) {
            caller.timer = Some(at);
            self.turn_later(index, at, Turn::Due);
        }
    }

    pub(crate) fn on_turn(&mut self, index: usize, turn: Turn) {
        match turn {
            Turn::Due => {
                if let Some(caller) = self.caller(index) {
                    caller.timer = None;
                }
                self.call_home_if_due(index);
            }
            Turn::WakeUp => self.want_session(index, Because::WakeUp),
            Turn::Reply(number, reply) => self.on_reply(index, number, reply.map(|reply| *reply)),
            Turn::GiveUp(number, tries) => self.on_message_unanswered(index, number, tries),
        }
    }

    fn turn_later(&mut self, index: usize, at: Time, turn: Turn) {
        let incarnation = self.devices[index].incarnation;
        self.push(at, Event::Session { device: index, incarnation, turn });
    }

    pub(crate) fn want_session(&mut self, index: usize, because: Because) {
        let now = self.devices[index].now(self.now).boot;
        if let Some(caller) = self.caller(index) {
            caller.contact.want(now, because);
        }
        self.call_home_if_due(index);
    }

    fn caller(&mut self, index: usize) -> Option<&mut Caller> {
        self.agent(index)?.caller.as_mut()
    }

    fn open_message(&mut self, index: usize, is_first: bool, statuses: Vec<(ActionId, u16)>) {
        let now = self.devices[index].now(self.now).boot;
        self.packages += 1;
        let number = self.packages;
        let Some(agent) = self.agent(index) else { return };
        let untold = agent.machine.ledger().actions.iter().filter(|action| action.is_untold(now));
        let reports = untold.map(|action| (action.id, action.status(now))).collect();
        if let Some(caller) = &mut agent.caller {
            caller.step = Step::Sent(Package { number, is_first, reports, statuses }, 0);
        }
        self.send_message(index);
    }

    /// Sends the message that waits for its answer, for the first time or again.
    fn send_message(&mut self, index: usize) {
        let incarnation = self.devices[index].incarnation;
        let Some(Caller { step: Step::Sent(package, tries), .. }) = self.caller(index) else { return };
        *tries += 1;
        let (package, tries) = (package.clone(), *tries);
        self.turn_later(index, self.now.after(ANSWER_MAX), Turn::GiveUp(package.number, tries));
        if !self.devices[index].cable {
            return;
        }
        let mut request =
            Request { device: index, incarnation, package, dies_after: None, fate: Fate::Arrives };
        let wait = self.management_latency();
        if self.directory.trouble == Some(Trouble::Messages) {
            match self.odds.below(10) {
                0..2 => return,
                2..4 => request.fate = Fate::Lost,
                4 => request.fate = Fate::Cut,
                5 => {
                    let rows = request.package.reports.len() + request.package.statuses.len();
                    request.dies_after = Some(self.odds.index(rows + 1));
                    request.fate = Fate::Lost;
                }
                6 => {
                    let late = self.odds.spread(SECOND, 2 * HOUR);
                    return self.push(self.now.after(late), Event::Manage(Box::new(request)));
                }
                7 => {
                    let late = self.odds.spread(SECOND, 2 * HOUR);
                    self.push(self.now.after(late), Event::Manage(Box::new(request.clone())));
                }
                _ => {}
            }
        }
        self.push(self.now.after(wait), Event::Manage(Box::new(request)));
    }

    fn management_latency(&mut self) -> Duration {
        let most = if self.directory.trouble == Some(Trouble::Messages) { 8000 } else { 80 };
        self.odds.between(Duration::from_millis(2), Duration::from_millis(most))
    }

    /// A device's message reaches the server.
    pub(crate) fn on_message(&mut self, request: &Request) {
        let Request { device: index, incarnation, package, dies_after, fate } = request;
        if !self.directory.is_up[0] {
            return;
        }
        let record = &mut self.records[self.devices[*index].record];
        let answered = match self.directory.trouble {
            Some(Trouble::Refusing { .. }) => Ok(None),
            Some(Trouble::Messages) | None => {
                let now = self.now.wall(0).0;
                record.queue.answer(now, package, *dies_after, self.scenario.bug, &self.done)
            }
        };
        let reply = match answered {
            Ok(reply) => reply.filter(|_| *fate != Fate::Cut),
            Err(what) => return self.note_actions(*index, Err(what)),
        };
        if *fate != Fate::Lost && self.devices[*index].cable {
            let wait = self.management_latency();
            let turn = Turn::Reply(package.number, reply.map(Box::new));
            let event = Event::Session { device: *index, incarnation: *incarnation, turn };
            self.push(self.now.after(wait), event);
        }
    }

    fn on_reply(&mut self, index: usize, number: u64, reply: Option<Reply>) {
        let Some(caller) = self.caller(index) else { return };
        let Step::Sent(package, _) = &caller.step else { return };
        if package.number != number {
            return;
        }
        let Some(Reply { confirmed, orders }) = reply else { return self.end_session(index, false) };
        let told: Vec<_> = package.reports.iter().copied().filter(|(id, _)| confirmed.contains(id)).collect();
        caller.step = Step::Ordered { awaited: orders.clone(), statuses: Vec::new() };
        for (id, status) in told {
            self.input(index, Input::Confirmed(id, status));
        }
        if orders.is_empty() {
            return self.end_session(index, true);
        }
        for id in orders {
            self.input(index, Input::Ordered(id));
        }
    }

    fn on_message_unanswered(&mut self, index: usize, number: u64, tries: u32) {
        let Some(Caller { step: Step::Sent(package, sent), .. }) = self.caller(index) else { return };
        if package.number != number || *sent != tries {
            return;
        }
        if tries < TRIES_MAX { self.send_message(index) } else { self.end_session(index, false) }
    }

    fn end_session(&mut self, index: usize, is_complete: bool) {
        let now = self.devices[index].now(self.now).boot;
        if let Some(caller) = self.caller(index) {
            caller.step = Step::Closed;
            caller.contact.ended(now, is_complete);
        }
        self.call_home_if_due(index);
    }

    /// The machine answers for an action: what it has accepted is on disk, and stays there.
    pub(crate) fn on_acknowledge(&mut self, index: usize, id: ActionId, acceptance: Acceptance) {
        let status = match acceptance {
            Acceptance::Open => 202,
            Acceptance::Satisfied => 200,
            Acceptance::Full => 420,
            Acceptance::NotSaved => 500,
        };
        if matches!(acceptance, Acceptance::Open | Acceptance::Satisfied) {
            let ledger = &self.devices[index].ledger;
            if !ledger.is_durable() || ledger.read().find(id).is_none() {
                let what = format!("action {id} is accepted and not on disk");
                return self.note_actions(index, Err(what));
            }
        }
        let Some(Caller { step: Step::Ordered { awaited, statuses }, .. }) = self.caller(index) else {
            return;
        };
        let Some(at) = awaited.iter().position(|awaited| *awaited == id) else { return };
        awaited.remove(at);
        statuses.push((id, status));
        if awaited.is_empty() {
            let statuses = core::mem::take(statuses);
            self.open_message(index, false, statuses);
        }
    }

    /// The server calls every device with this record that is connected.
    pub(crate) fn wake_up(&mut self, record: usize) {
        for index in 0..self.devices.len() {
            if self.devices[index].record == record {
                self.wake_up_device(index);
            }
        }
    }

    fn wake_up_device(&mut self, index: usize) {
        let device = &self.devices[index];
        let is_connected = device.power == Power::On && device.cable && self.directory.is_up[0];
        let is_waiting = || self.records[device.record].queue.is_waiting(self.now.wall(0).0);
        if !is_connected || !is_waiting() {
            return;
        }
        if self.directory.trouble == Some(Trouble::Messages) && self.odds.happens(400) {
            return;
        }
        let wait = self.management_latency();
        self.turn_later(index, self.now.after(wait), Turn::WakeUp);
    }

    /// The device can reach the server again: it is called if something waits for it.
    pub(crate) fn reconnected(&mut self, index: usize) {
        let now = self.devices[index].now(self.now).boot;
        let Some(caller) = self.caller(index) else { return };
        caller.contact.network_changed(now);
        self.wake_up_device(index);
        self.call_home_if_due(index);
    }
}
