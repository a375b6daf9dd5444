//! What `lapwingd`'s shell does with the machine's actions.

use core::time::Duration;

use lapwing_core::{
    agent::{Action, AnswerResult, Input, Ledger, Outcome, Reason, RootHalfFailure},
    event::{Event as Raised, EventId},
    management::Because,
    sessions::UseEnded,
};

use crate::{
    check::Invariant,
    device::{Agent, Device},
    disk::Fuse,
    event::Event,
    time::Time,
    verbs::Verb,
    world::World,
};

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
        self.call_home_if_due(index);
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

    pub(crate) fn agent(&mut self, index: usize) -> Option<&mut Agent> {
        self.devices[index].agent.as_deref_mut()
    }

    pub(crate) fn later(&mut self, index: usize, wait: Duration, outcome: Outcome) {
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

    fn perform(&mut self, index: usize, action: Action) {
        // The whole ledger would hide all else.
        if !matches!(action, Action::Raise(_) | Action::Keep(_)) {
            self.trace(Some(index), &action);
        }
        match action {
            Action::ReadJournal { begin } => self.verb(index, Verb::State { begin }),
            Action::ReadPolicy { .. } => {
                let read = self.devices[index].read_policy();
                self.later(index, Duration::from_millis(1), Outcome::Policy(read));
            }
            Action::Connect { prefer, avoid, .. } => {
                let wait = self.latency();
                let incarnation = self.devices[index].incarnation;
                let hints = Box::new((prefer, avoid));
                self.push(self.now.after(wait), Event::Connect { device: index, incarnation, hints });
            }
            Action::ReadState { known, settled: _ } => {
                let wait = self.latency();
                let incarnation = self.devices[index].incarnation;
                self.push(self.now.after(wait), Event::Ask { device: index, incarnation, known });
            }
            Action::FetchGroupKey(_) => self.fetch_group_key(index),
            Action::Prepare { record, expiry, encrypt_to, .. } => {
                let account = self.devices[index].policy.account;
                self.verb(index, Verb::Prepare { account, record, expiry, encrypt_to });
            }
            Action::FetchSeal(version) => self.verb(index, Verb::FetchSeal(version)),
            Action::CountSend { version, to } => self.verb(index, Verb::CountSend { version, to }),
            Action::UncountSend(version) => self.verb(index, Verb::Uncount(version)),
            Action::Commit { version, receipt, by } => {
                self.verb(index, Verb::Commit { version, receipt, by })
            }
            Action::Reinstate(version) => self.verb(index, Verb::Reinstate(version)),
            // No policy in this world asks for an account of Lapwing's own.
            Action::EnsureAccount { .. } => {
                self.later(index, Duration::from_millis(5), Outcome::Ensured(Err(unplayed())));
            }
            Action::DropAccount => {
                self.later(index, Duration::from_millis(5), Outcome::Dropped(Err(unplayed())));
            }
            // The sessions of a host are no part of this world, and no policy in it asks for their end.
            Action::EndUse { .. } => {
                let ended = Outcome::UseEnded(Ok(UseEnded::default()));
                self.later(index, Duration::from_millis(5), ended);
            }
            Action::Store(store) => self.send(index, &store),
            Action::Forget => {
                if let Some(agent) = self.agent(index) {
                    agent.material = None;
                }
            }
            Action::Disconnect => {}
            Action::Raise(event) => self.on_event(index, &event),
            Action::Remember(memory) => {
                let device = &mut self.devices[index];
                if !device.is_full {
                    device.memory.replace(memory, &mut Fuse::default()).expect("a fuse that never blows");
                }
            }
            Action::Keep(ledger) => self.keep(index, ledger),
            Action::Acknowledge(id, acceptance) => self.on_acknowledge(index, id, acceptance),
            Action::CallHome => self.want_session(index, Because::News),
            Action::KeepTraces(_) => {}
            Action::Answer(id, answer) => self.on_answer(index, id.0, answer.result),
        }
    }

    /// Writes the ledger, and may die at it.
    fn keep(&mut self, index: usize, ledger: Ledger) {
        self.becomes_full(index);
        let device = &mut self.devices[index];
        let kept = if device.is_full {
            let said = device.promises.on_said(&ledger, &mut self.done);
            self.note_actions(index, said);
            Err("the disk is full".to_owned())
        } else {
            let doom = device.agent_doom.take();
            let mut fuse = Fuse(doom.map(|(step, _)| step));
            match (device.ledger.replace(ledger, &mut fuse), doom) {
                (Err(_), Some((_, true))) => return self.cut_power(index),
                (Err(_), _) => return self.kill_agent(index),
                (Ok(()), doom) => {
                    device.agent_doom = fuse.0.zip(doom.map(|(_, with_power)| with_power));
                }
            }
            Ok(())
        };
        if kept.is_ok() {
            self.on_ledger(index);
        }
        let now = self.devices[index].now(self.now);
        if let Some(agent) = self.agent(index) {
            agent.machine.handle(now, Input::Kept(kept));
        }
    }

    /// The ledger that is on disk now is the truth.
    pub(crate) fn on_ledger(&mut self, index: usize) {
        let Device { promises, ledger, .. } = &mut self.devices[index];
        let kept = promises.on_kept(ledger.read(), &mut self.done);
        self.note_actions(index, kept);
    }

    fn on_event(&mut self, index: usize, raised: &Raised) {
        if let Raised::UpdateNeeded { mask, .. } = raised
            && *mask == Reason::ManagementRequest.bit()
        {
            self.check_wanted(index);
        }
        let event = raised.id();
        self.stats.cycles += u64::from(event == EventId::ProcessingStarted);
        let Device { watch, was_cloned, .. } = &self.devices[index];
        if event == EventId::DirectoryRestored && !watch.outside && !was_cloned {
            let what = "a directory that is only behind is taken for one that was restored".to_owned();
            self.report(index, Invariant::Agreed, what);
        }
    }

    /// Invariant 6: nothing rotates for actions that have been satisfied.
    fn check_wanted(&mut self, index: usize) {
        let Device { agent: Some(agent), promises, .. } = &self.devices[index] else { return };
        if promises.are_met(agent.machine.ledger().open().map(|action| &action.id)) {
            let what = "the password is changed again for actions that have been satisfied".to_owned();
            self.report(index, Invariant::Answered, what);
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
}

/// No policy asks for this, so that a machine which does it all the same gets nowhere and is found by that.
fn unplayed() -> RootHalfFailure {
    RootHalfFailure { fault: None, message: "not in this world".to_owned(), next_step: String::new() }
}
