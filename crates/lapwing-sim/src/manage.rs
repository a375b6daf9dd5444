//! Administrators of device management, what they do while all else goes wrong, and how it has to end.

use core::time::Duration;

use lapwing_core::agent::ManagedAction;

use crate::{
    check::Invariant,
    device::{Device, Power, Snapshot},
    event::Event,
    faults::Fault,
    time::{HOUR, MINUTE, SECOND, Time},
    world::World,
};

/// How many at once fill a ledger.
const MANY: u64 = 120;

impl World {
    pub(crate) fn plan_press(&mut self, index: usize) {
        if !Fault::MANAGEMENT.iter().any(|fault| self.scenario.faults.contains(fault)) {
            return;
        }
        let wait = self.odds.between(SECOND, 6 * self.scenario.fault_every);
        let at = self.now.after(wait);
        if at < Time(0).after(self.scenario.span) {
            self.push(at, Event::Press { device: index });
        }
    }

    /// Something happens to a device that only device management brings.
    pub(crate) fn press(&mut self, index: usize) {
        if self.odds.happens(30) && self.strikes(Fault::SetUpAnew) {
            return self.set_up_anew(index);
        }
        if !self.strikes(Fault::Action) || !self.directory.is_up[0] || self.devices[index].is_retired {
            return;
        }
        let doom = u32::try_from(self.odds.below(12)).unwrap_or(0);
        match self.odds.below(10) {
            // Killed while it is at work.
            0..2 if self.scenario.faults.contains(&Fault::AgentKilled) => {
                let wait = self.odds.spread(Duration::from_millis(10), MINUTE);
                self.push(self.now.after(wait), Event::Kill { device: index });
            }
            2..4 if self.scenario.faults.contains(&Fault::AgentKilled) => {
                self.devices[index].agent_doom = Some((doom, false));
            }
            4 if self.scenario.faults.contains(&Fault::PowerCutInVerb) => {
                self.devices[index].agent_doom = Some((doom, true));
            }
            5 if self.scenario.faults.contains(&Fault::PowerCutInVerb) => {
                self.devices[index].doom = Some((doom, true));
            }
            // Nothing can be saved for a while, but for what root saves.
            6 if self.scenario.faults.contains(&Fault::DiskFull) => {
                self.devices[index].full_in = Some(doom / 2);
            }
            _ => {}
        }
        let presses = if self.odds.happens(2) { MANY } else { 1 + self.odds.below(3) };
        let (record, now) = (self.devices[index].record, self.now.wall(0).0);
        for _ in 0..presses {
            let pressed = self.records[record].queue.press(now, &mut self.odds, &self.done);
            self.note_actions(index, pressed);
        }
        self.wake_up(record);
    }

    /// The disk may become full just before the ledger is written.
    pub(crate) fn becomes_full(&mut self, index: usize) {
        let device = &mut self.devices[index];
        match device.full_in.take() {
            Some(0) => {
                device.is_full = true;
                let span = self.odds.between(SECOND, HOUR);
                self.push(self.now.after(span), Event::Heal { device: index, fault: Fault::DiskFull });
            }
            Some(left) => device.full_in = Some(left - 1),
            None => {}
        }
    }

    fn strikes(&mut self, fault: Fault) -> bool {
        let happens = self.scenario.faults.contains(&fault);
        if happens {
            *self.stats.faults.entry(fault).or_default() += 1;
        }
        happens
    }

    fn set_up_anew(&mut self, index: usize) {
        let Device { record, policy, is_retired, .. } = self.devices[index];
        if !is_retired {
            self.set_back(index, Snapshot::of(&Device::new(record, policy)));
        }
    }

    pub(crate) fn note_actions(&mut self, index: usize, found: Result<(), String>) {
        if let Err(what) = found {
            self.report(index, Invariant::Answered, what);
        }
    }

    /// A run of `lapwingd` begins with this ledger.
    pub(crate) fn check_ledger(&mut self, index: usize) {
        self.on_ledger(index);
        let Device { promises, ledger, .. } = &self.devices[index];
        let known = promises.check_known(ledger.read());
        self.note_actions(index, known);
    }

    /// With the faults over, each action has ended, and both sides know how.
    pub(crate) fn check_actions_ended(&mut self) {
        if !self.scenario.kind.is_managed() {
            return;
        }
        let now = self.now.wall(0).0;
        for index in 0..self.scenario.hosts {
            let queue = &mut self.records[self.devices[index].record].queue;
            let expired = queue.expire(now, self.scenario.bug, &self.done);
            let left = queue.0.iter().find(|action| !action.is_over()).copied();
            self.note_actions(index, expired);
            if let Some(action) = left {
                self.note_actions(index, Err(format!("action {} has no end: {:?}", action.id, action.state)));
            }
            if self.devices[index].power == Power::On {
                self.check_ledger(index);
            }
            let untold = self.untold(index);
            self.note_actions(index, untold);
        }
    }

    /// Whether the host still has something to do or to tell.
    fn untold(&self, index: usize) -> Result<(), String> {
        let device = &self.devices[index];
        let Some(agent) = &device.agent else { return Ok(()) };
        let now = device.now(self.now).boot;
        let is_left = |action: &&ManagedAction| action.satisfied_by.is_none() || action.is_untold(now);
        match agent.machine.ledger().actions.iter().find(is_left) {
            Some(action) => Err(format!("action {} is left: {:?}", action.id, action.status(now))),
            None => Ok(()),
        }
    }
}
