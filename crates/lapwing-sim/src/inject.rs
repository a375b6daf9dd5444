//! Faults, as they strike and as they heal.

use core::time::Duration;

use lapwing_core::{
    agent::{DirectoryFault, Input, Request, RequestId},
    log_on::{Seen, Use},
};

use crate::{
    device::{ACCOUNTS, Device, Policy, Power, Snapshot, account_name},
    directory::Record,
    disk::{File, Fuse},
    event::Event,
    faults::Fault,
    time::{DAY, HOUR, MINUTE, SECOND, Time, micros},
    world::{Trouble, World},
};

/// How long a refusal may keep the machine from trying again after it has ended.
const AFTER_REFUSALS: Duration = Duration::from_secs(3700);
/// How long one who still waits for an answer that was lost may take, and then again.
const AFTER_LOSSES: Duration = Duration::from_secs(150);
/// How long a fault from outside may go unnoticed: until the next cycle of the schedule has run.
const AFTER_OUTSIDE: Duration = Duration::from_secs(3600 + 120);

impl World {
    pub(crate) fn plan_host_fault(&mut self, index: usize) {
        self.plan(Event::HostFault { device: index });
    }

    pub(crate) fn plan_directory_fault(&mut self) {
        self.plan(Event::DirectoryFault);
    }

    fn plan(&mut self, event: Event) {
        if self.scenario.faults.is_empty() {
            return;
        }
        let wait = self.chance.between(SECOND, 2 * self.scenario.fault_every);
        let at = self.now.after(wait);
        if at < Time(0).after(self.scenario.span) {
            self.push(at, event);
        }
    }

    fn drawn(&mut self, from: &[Fault]) -> Option<Fault> {
        let fault = from[self.chance.index(from.len())];
        // Drawn in any case, so that leaving one out does not shift the others.
        self.scenario.faults.contains(&fault).then_some(fault)
    }

    pub(crate) fn host_fault(&mut self, index: usize) {
        let Some(fault) = self.drawn(&[
            Fault::AgentKilled,
            Fault::AgentKilled,
            Fault::RootHalfKilled,
            Fault::RootHalfKilled,
            Fault::PowerCutInVerb,
            Fault::PowerCutInVerb,
            Fault::PowerCut,
            Fault::Suspend,
            Fault::CableOut,
            Fault::DiskFull,
            Fault::FileLocked,
            Fault::ClockJump,
            Fault::PolicyFlip,
            Fault::Reset,
            Fault::Reset,
            Fault::Reset,
            Fault::LogOn,
            Fault::LogOn,
            Fault::Tampering,
            Fault::HostRestored,
            Fault::Clone,
        ]) else {
            return;
        };
        if self.devices[index].is_retired {
            return;
        }
        *self.stats.faults.entry(fault).or_default() += 1;
        self.trace(Some(index), &fault);
        let span = self.chance.spread(SECOND, 3 * DAY);
        let heal = Event::Heal { device: index, fault };
        match fault {
            Fault::AgentKilled => {
                // Most often while it is at work.
                if self.chance.happens(700) {
                    self.ask(index, Request::ResetPassword);
                }
                let wait = self.chance.spread(Duration::from_millis(10), MINUTE);
                self.push(self.now.after(wait), Event::Kill { device: index });
            }
            Fault::RootHalfKilled | Fault::PowerCutInVerb => {
                let step = u32::try_from(self.chance.below(10)).unwrap_or(0);
                self.devices[index].doom = Some((step, fault == Fault::PowerCutInVerb));
                // So that there is a verb to die in.
                if self.chance.happens(500) {
                    self.ask(index, Request::ResetPassword);
                }
            }
            Fault::PowerCut => {
                if self.devices[index].power != Power::Off {
                    self.cut_power(index);
                }
            }
            Fault::Suspend => self.suspend(index),
            Fault::CableOut => {
                self.devices[index].cable = false;
                self.push(self.now.after(span), heal);
            }
            Fault::DiskFull => {
                // Some file systems reserve a part for root.
                let is_reserved = self.scenario.kind.is_managed() && self.odds.happens(500);
                let device = &mut self.devices[index];
                (device.is_full, device.disks.is_full) = (true, !is_reserved);
                self.push(self.now.after(span), heal);
            }
            Fault::FileLocked => {
                self.devices[index].disks.is_locked = true;
                self.push(self.now.after(span.min(HOUR)), heal);
            }
            Fault::ClockJump => {
                let far = self.chance.spread(SECOND, 400 * DAY);
                let offset = i64::try_from(micros(far)).unwrap_or(i64::MAX);
                let offset = if self.chance.happens(500) { offset } else { -offset };
                self.set_clock(index, offset);
                self.push(self.now.after(span), heal);
            }
            Fault::PolicyFlip => {
                let policy = Policy {
                    is_managed: self.chance.happens(600),
                    account: self.chance.index(ACCOUNTS.len()),
                    age_days: [1, 7, 30, 365][self.chance.index(4)],
                    reset_delay: self.scenario.reset_delay,
                };
                // Whether the use is still of the account that the policy names shows only from the machine.
                self.devices[index].watch.reset_at = None;
                self.devices[index].policy = policy;
                self.input(index, Input::PolicyChanged);
                self.push(self.now.after(span), heal);
            }
            Fault::Reset => {
                let request =
                    if self.chance.happens(700) { Request::ResetPassword } else { Request::ProcessPolicy };
                self.ask(index, request);
            }
            Fault::LogOn => self.log_on(index),
            Fault::Tampering => self.tamper(index),
            Fault::HostRestored => self.restore_host(index),
            Fault::Clone => self.clone_host(index),
            Fault::ReplicaDown
            | Fault::Refusals
            | Fault::Messages
            | Fault::RecordRestored
            | Fault::Action
            | Fault::SetUpAnew => {}
        }
    }

    pub(crate) fn directory_fault(&mut self) {
        let Some(fault) = self.drawn(&[
            Fault::ReplicaDown,
            Fault::Refusals,
            Fault::Messages,
            Fault::Messages,
            Fault::Messages,
            Fault::RecordRestored,
        ]) else {
            return;
        };
        *self.stats.faults.entry(fault).or_default() += 1;
        self.trace(None, &fault);
        let span = self.chance.spread(10 * SECOND, 2 * DAY);
        match fault {
            Fault::ReplicaDown => {
                let replica = self.chance.index(self.directory.is_up.len());
                self.directory.is_up[replica] = false;
                self.push(self.now.after(span), Event::HealDirectory { replica: Some(replica) });
            }
            Fault::Refusals if self.directory.trouble.is_none() => {
                let fault = [
                    DirectoryFault::Refused,
                    DirectoryFault::AuthenticationFailed,
                    DirectoryFault::Throttled,
                    DirectoryFault::Malformed,
                ][self.chance.index(4)];
                let retry_after =
                    (fault == DirectoryFault::Throttled).then(|| self.chance.between(SECOND, 30 * MINUTE));
                self.directory.trouble = Some(Trouble::Refusing { fault, retry_after });
                self.push(self.now.after(span), Event::HealDirectory { replica: None });
            }
            Fault::Messages if self.directory.trouble.is_none() => {
                self.directory.trouble = Some(Trouble::Messages);
                self.push(self.now.after(span), Event::HealDirectory { replica: None });
                // So that there is something to lose.
                for index in 0..self.devices.len() {
                    if self.chance.happens(500) {
                        self.ask(index, Request::ResetPassword);
                    }
                    if self.scenario.faults.contains(&Fault::AgentKilled) && self.chance.happens(500) {
                        let wait = self.chance.between(SECOND, 2 * MINUTE);
                        self.push(self.now.after(wait), Event::Kill { device: index });
                    }
                    if self.odds.happens(500) {
                        self.press(index);
                    }
                }
            }
            Fault::RecordRestored => self.restore_record(),
            _ => {}
        }
    }

    /// Checks no bound in time for so long.
    pub(crate) fn allow(&mut self, index: usize, span: Duration) {
        let until = self.now.after(span);
        let watch = &mut self.devices[index].watch;
        watch.allow_until = watch.allow_until.max(until);
    }

    /// Something has happened that Lapwing did not do and cannot prevent.
    fn outside_fault(&mut self, index: usize, unhealed_for: Duration) {
        let until = self.now.after(unhealed_for);
        let watch = &mut self.devices[index].watch;
        watch.outside = true;
        watch.outside_until = watch.outside_until.max(until);
        self.allow(index, AFTER_OUTSIDE);
    }

    fn ask(&mut self, index: usize, request: Request) {
        if self.devices[index].power != Power::On {
            return;
        }
        self.requests += 1;
        let (id, now) = (self.requests, self.now);
        let Some(agent) = &mut self.devices[index].agent else { return };
        agent.asked.insert(id, (now, request == Request::ResetPassword));
        self.input(index, Input::Request(RequestId(id), request));
    }

    pub(crate) fn kill_agent(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if device.power == Power::On {
            device.end_agent();
            self.start_after(index, 2 * SECOND);
        }
    }

    fn suspend(&mut self, index: usize) {
        if self.devices[index].power != Power::On {
            return;
        }
        // The host waits with sleeping until the agent has wiped what it holds.
        self.input(index, Input::Suspending);
        if self.devices[index].power != Power::On {
            return;
        }
        self.devices[index].power = Power::Suspended;
        let span = self.chance.spread(MINUTE, 90 * DAY);
        let left = Time(0).after(self.scenario.span).since(self.now);
        self.push(self.now.after(span.min(left)), Event::Wake { device: index });
    }

    fn set_clock(&mut self, index: usize, offset: i64) {
        self.devices[index].wall_offset = offset;
        // Across a reboot the grace period is counted by this clock.
        self.devices[index].watch.reset_at = None;
        // Times in the journal are compared with this clock for three hours.
        self.outside_fault(index, 4 * HOUR);
        if self.devices[index].power == Power::On {
            self.input(index, Input::Timer);
        }
    }

    /// Somebody logs on with the password in force, and `lapwingd` is told.
    fn log_on(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let name = account_name(device.policy.account);
        let journal = device.disks.journal.read().as_ref();
        let current = journal.and_then(|journal| journal.current.as_ref());
        let is_used = device.policy.is_managed && current.is_some_and(|current| current.account == name);
        let is_told = device.power == Power::On && device.agent.is_some();
        if is_told && is_used && !device.is_full && device.watch.reset_at.is_none() {
            device.watch.reset_at = Some(self.now.after(device.policy.reset_delay));
        }
        if is_told {
            let text = String::new;
            let seen = Seen {
                how: Use::Authenticated,
                account: name,
                service: text(),
                terminal: text(),
                remote_host: text(),
            };
            self.input(index, Input::Seen(seen));
        }
    }

    fn tamper(&mut self, index: usize) {
        self.secrets += 1;
        let secret = self.secrets;
        let device = &mut self.devices[index];
        let mut accounts = device.disks.accounts.read().clone();
        let account = &mut accounts[self.chance.index(ACCOUNTS.len())];
        match self.chance.below(4) {
            0 => account.field = 0,
            1 => {
                account.name = "renamed".parse().expect("a name that is valid");
            }
            _ => account.field = secret,
        }
        replace(&mut device.disks.accounts, accounts);
        let span = self.chance.spread(MINUTE, DAY);
        self.push(self.now.after(span), Event::Heal { device: index, fault: Fault::Tampering });
        self.outside_fault(index, Duration::ZERO);
        if self.devices[index].power == Power::On && self.chance.happens(500) {
            self.input(index, Input::AccountChanged);
        }
    }

    fn restore_host(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let Some(snapshot) = device.snapshot.take() else {
            device.snapshot = Some(Box::new(Snapshot::of(device)));
            return;
        };
        self.set_back(index, *snapshot);
    }

    /// The host comes back in another state of its disks.
    pub(crate) fn set_back(&mut self, index: usize, state: Snapshot) {
        if self.devices[index].power != Power::Off {
            self.cut_power(index);
        }
        let device = &mut self.devices[index];
        let Snapshot { disks, memory, ledger, promises } = state;
        device.disks.journal = disks.journal;
        device.disks.accounts = disks.accounts;
        device.memory = memory;
        device.ledger = ledger;
        device.promises = promises;
        device.watch.reset_at = None;
        // What it had sent and forgotten may still land.
        self.outside_fault(index, 3 * HOUR);
    }

    fn restore_record(&mut self) {
        let record = self.chance.index(self.records.len());
        let now = self.now;
        let old = self.records[record].backup.take();
        let mut held = match old {
            Some((backup, queue)) => {
                self.records[record].queue = queue;
                backup
            }
            None if self.chance.happens(300) => crate::directory::Held::default(),
            None => {
                let Record { queue, .. } = &self.records[record];
                self.records[record].backup = Some((self.records[record].newest().clone(), queue.clone()));
                return;
            }
        };
        // Restored with authority: it wins against whatever was written since. ntdsutil adds as much.
        held.stamp = (self.records[record].newest().stamp.0 + 100_000, now, 0);
        for replica in &mut self.records[record].replicas {
            *replica = held.clone();
        }
        for index in 0..self.devices.len() {
            if self.devices[index].record == record {
                // What it has answered just now may be on its way back.
                self.outside_fault(index, 2 * MINUTE);
            }
        }
        // The server has started again, and whoever comes back is called.
        self.wake_up(record);
    }

    fn clone_host(&mut self, index: usize) {
        let original = &mut self.devices[index];
        if original.was_cloned {
            return;
        }
        original.was_cloned = true;
        let mut clone = Device::new(original.record, original.policy);
        clone.disks = original.disks.clone();
        clone.memory = original.memory.clone();
        clone.ledger = original.ledger.clone();
        clone.promises = original.promises.clone();
        clone.was_cloned = true;
        self.devices.push(clone);
        let device = self.devices.len() - 1;
        self.push(self.now, Event::Boot { device });
        let span = self.chance.spread(HOUR, 3 * DAY);
        self.push(self.now.after(span), Event::Heal { device, fault: Fault::Clone });
    }

    pub(crate) fn heal(&mut self, index: usize, fault: Fault) {
        let device = &mut self.devices[index];
        match fault {
            Fault::CableOut => {
                device.cable = true;
                if device.power == Power::On {
                    self.input(index, Input::NetworkChanged);
                    self.reconnected(index);
                }
            }
            Fault::DiskFull => (device.is_full, device.disks.is_full) = (false, false),
            Fault::FileLocked => device.disks.is_locked = false,
            Fault::ClockJump => self.set_clock(index, 0),
            Fault::PolicyFlip => {
                device.policy = Policy::of(&self.scenario);
                device.watch.reset_at = None;
                if device.power == Power::On {
                    self.input(index, Input::PolicyChanged);
                }
            }
            Fault::Tampering => {
                let mut accounts = device.disks.accounts.read().clone();
                for (at, line) in accounts.iter_mut().enumerate() {
                    line.name = account_name(at);
                }
                replace(&mut device.disks.accounts, accounts);
                self.outside_fault(index, Duration::ZERO);
            }
            Fault::Clone => {
                device.end_agent();
                device.power = Power::Off;
                device.is_retired = true;
            }
            Fault::AgentKilled
            | Fault::RootHalfKilled
            | Fault::PowerCutInVerb
            | Fault::PowerCut
            | Fault::Suspend
            | Fault::ReplicaDown
            | Fault::Refusals
            | Fault::Messages
            | Fault::Reset
            | Fault::LogOn
            | Fault::HostRestored
            | Fault::RecordRestored
            | Fault::Action
            | Fault::SetUpAnew => {}
        }
    }

    pub(crate) fn heal_directory(&mut self, replica: Option<usize>) {
        if let Some(replica) = replica {
            self.directory.is_up[replica] = true;
            return (0..self.devices.len()).for_each(|index| self.reconnected(index));
        }
        let allowed = match self.directory.trouble.take() {
            Some(Trouble::Refusing { .. }) => AFTER_REFUSALS,
            Some(Trouble::Messages) | None => AFTER_LOSSES,
        };
        for index in 0..self.devices.len() {
            self.allow(index, allowed);
            self.reconnected(index);
        }
    }

    /// The faults are over.
    pub(crate) fn heal_all(&mut self) {
        self.is_healed = true;
        self.directory.is_up.fill(true);
        self.heal_directory(None);
        for index in 0..self.devices.len() {
            let is_clone = index >= self.scenario.hosts;
            if is_clone {
                self.heal(index, Fault::Clone);
                continue;
            }
            self.devices[index].doom = None;
            self.devices[index].agent_doom = None;
            self.devices[index].full_in = None;
            for fault in [Fault::DiskFull, Fault::FileLocked, Fault::CableOut, Fault::Tampering] {
                self.heal(index, fault);
            }
            if self.devices[index].wall_offset != 0 {
                self.heal(index, Fault::ClockJump);
            }
            self.heal(index, Fault::PolicyFlip);
            match self.devices[index].power {
                Power::Off => self.push(self.now.after(SECOND), Event::Boot { device: index }),
                Power::Suspended => self.push(self.now, Event::Wake { device: index }),
                Power::On => {}
            }
        }
    }
}

fn replace<T>(file: &mut File<T>, content: T) {
    file.replace(content, &mut Fuse::default()).expect("a fuse that never blows");
}
