//! What happens in a world, and the queue of it.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use lapwing_core::{
    agent::{Known, Outcome},
    types::{Replica, RunId},
};

use crate::{
    faults::Fault,
    network::Message,
    session::{Request, Turn},
    time::Time,
    verbs::Verb,
};

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    Boot { device: usize },
    Start { device: usize, incarnation: u32 },
    Timer { device: usize, incarnation: u32 },
    Verb { device: usize, incarnation: u32, boots: u64, run: RunId, verb: Box<Verb> },
    Outcome { device: usize, incarnation: u32, outcome: Box<Outcome> },
    Connect { device: usize, incarnation: u32, hints: Box<(Option<Replica>, Vec<Replica>)> },
    Ask { device: usize, incarnation: u32, known: Vec<Known> },
    GiveUp { device: usize, incarnation: u32, send: u64 },
    Deliver(Box<Message>),
    Replicate { record: usize, from: usize, to: usize },
    Session { device: usize, incarnation: u32, turn: Turn },
    Manage(Box<Request>),
    Press { device: usize },
    Wake { device: usize },
    Kill { device: usize },
    HostFault { device: usize },
    DirectoryFault,
    Heal { device: usize, fault: Fault },
    HealDirectory { replica: Option<usize> },
    HealAll,
    End,
}

impl Event {
    /// The host that it happens to, if it is one.
    pub(crate) fn host(&self) -> Option<usize> {
        match self {
            Self::Boot { device }
            | Self::Wake { device }
            | Self::Kill { device }
            | Self::HostFault { device }
            | Self::Press { device }
            | Self::Heal { device, .. } => Some(*device),
            Self::Manage(request) => Some(request.device),
            Self::Deliver(message) => Some(message.device),
            Self::Replicate { record, .. } => Some(*record),
            _ => self.needs_awake(),
        }
    }

    /// The host that has to be awake for this.
    pub(crate) fn needs_awake(&self) -> Option<usize> {
        match self {
            Self::Start { device, .. }
            | Self::Timer { device, .. }
            | Self::Verb { device, .. }
            | Self::Outcome { device, .. }
            | Self::Connect { device, .. }
            | Self::Ask { device, .. }
            | Self::GiveUp { device, .. }
            | Self::Session { device, .. } => Some(*device),
            Self::Boot { .. }
            | Self::Deliver(_)
            | Self::Replicate { .. }
            | Self::Manage(_)
            | Self::Press { .. }
            | Self::Wake { .. }
            | Self::Kill { .. }
            | Self::HostFault { .. }
            | Self::DirectoryFault
            | Self::Heal { .. }
            | Self::HealDirectory { .. }
            | Self::HealAll
            | Self::End => None,
        }
    }
}

/// What happens next, by time; of one instant, in the order in which it was planned.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: BinaryHeap<Reverse<Scheduled>>,
    planned: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: Time, event: Event) {
        self.planned += 1;
        self.waiting.push(Reverse(Scheduled { at, sequence: self.planned, event }));
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, Event)> {
        self.waiting.pop().map(|Reverse(Scheduled { at, event, .. })| (at, event))
    }
}

#[derive(Debug)]
struct Scheduled {
    at: Time,
    sequence: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
