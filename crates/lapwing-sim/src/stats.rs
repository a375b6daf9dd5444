//! What happened, counted.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::faults::Fault;

/// Counts of one world, or of many.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Worlds run to their end.
    pub worlds: u64,
    /// True time, times the hosts that lived in it.
    pub device_time: Duration,
    /// Cycles begun.
    pub cycles: u64,
    /// Passwords put into force.
    pub rotations: u64,
    /// Passwords sent.
    pub sends: u64,
    /// Sends whose outcome their sender never learned.
    pub unanswered: u64,
    /// Actions of device management that were satisfied.
    pub actions: u64,
    /// Sessions of device management begun.
    pub sessions: u64,
    /// Crashes inside a verb of the root half.
    pub crashes_in_verbs: u64,
    /// Writes that a loss of power undid.
    pub writes_lost: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<Fault, u64>,
}

impl Stats {
    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.device_time += other.device_time;
        self.cycles += other.cycles;
        self.rotations += other.rotations;
        self.sends += other.sends;
        self.unanswered += other.unanswered;
        self.actions += other.actions;
        self.sessions += other.sessions;
        self.crashes_in_verbs += other.crashes_in_verbs;
        self.writes_lost += other.writes_lost;
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
    }

    /// Device-years.
    #[must_use]
    pub fn device_years(&self) -> f64 {
        self.device_time.as_secs_f64() / (365.25 * 86_400.0)
    }
}
