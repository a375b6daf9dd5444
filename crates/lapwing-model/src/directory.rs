//! What a directory holds, what a store does to it, and what is on its way there.

use crate::{kind::Kind, mutant::Mutant};

/// A store under way. Versions are numbered in the order in which they are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Message {
    pub(crate) to: usize,
    pub(crate) version: u8,
    pub(crate) expected: Option<u8>,
    pub(crate) in_force: Option<u8>,
}

/// What a store came to at the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landing {
    Held,
    Mismatch,
}

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Server {
    /// What it holds, oldest first: the last one is current.
    pub(crate) held: Vec<u8>,
    /// How often the attribute was written along the way that led here, which replication compares first.
    /// [MS-DRSR] 5.11 (`AttributeStamp`: `dwVersion`, then `timeChanged`, then `uuidOriginating`).
    writes: u8,
    /// When the current one was written, counted in writes anywhere.
    time: u8,
}

/// All its servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Directory {
    pub(crate) servers: Vec<Server>,
    /// What one server has told the others and they have not heard yet.
    pub(crate) told: Vec<Server>,
}

impl Server {
    pub(crate) fn current(&self) -> Option<u8> {
        self.held.last().copied()
    }

    const fn stamp(&self) -> (u8, u8) {
        (self.writes, self.time)
    }
}

impl Directory {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { servers: vec![Server::default(); kind.servers()], told: Vec::new() }
    }

    /// What arrives changes what is held, or not.
    pub(crate) fn land(&mut self, kind: Kind, mutant: Option<Mutant>, message: &Message) -> Landing {
        let time =
            self.servers.iter().chain(&self.told).map(|server| server.time).max().unwrap_or_default() + 1;
        let server = &mut self.servers[message.to];
        let current = server.current();
        let as_expected = match kind {
            // Its rules/history.rs: a repeat of the newest is answered alike, one of an older entry undoes nothing.
            Kind::LapwingServer if current == Some(message.version) => return Landing::Held,
            Kind::LapwingServer if server.held.contains(&message.version) => return Landing::Mismatch,
            _ => !kind.compares(mutant) || current == message.expected,
        };
        if !as_expected {
            return Landing::Mismatch;
        }
        server.held.push(message.version);
        let len = server.held.len();
        let newest = |count: usize| len.saturating_sub(count);
        let in_force = server.held.iter().position(|held| Some(*held) == message.in_force);
        match kind {
            Kind::AdClearText | Kind::AdReplicasClearText => drop(server.held.drain(..newest(1))),
            // Trimming to the one just replaced never drops the one in force.
            Kind::AdHistory | Kind::AdReplicas => {
                let kept = in_force.filter(|at| *at < newest(2)).map(|at| server.held[at]);
                server.held.drain(..newest(if mutant == Some(Mutant::NoPredecessor) { 1 } else { 2 }));
                server.held.splice(..0, kept);
            }
            Kind::EntraId => drop(server.held.drain(..newest(3))),
            Kind::LapwingServer => drop(server.held.drain(..newest(3).min(in_force.unwrap_or(usize::MAX)))),
        }
        server.writes += u8::from(mutant != Some(Mutant::LaterWriteWins));
        server.time = time;
        self.normalise();
        Landing::Held
    }

    /// The server whose value the others will take.
    pub(crate) fn winner(&self) -> &Server {
        self.servers.iter().max_by_key(|server| server.stamp()).unwrap_or(&self.servers[0])
    }

    /// Whether the winner holds something that another server does not, and has not told it.
    pub(crate) fn has_news(&self) -> bool {
        self.servers.iter().any(|server| server != self.winner()) && !self.told.contains(self.winner())
    }

    /// Every server takes the winner's value.
    pub(crate) fn replicate(&mut self) {
        let winner = self.winner().clone();
        self.servers.fill(winner);
        self.normalise();
    }

    /// The winner tells what it holds now; the others hear of it later.
    pub(crate) fn tell(&mut self) {
        self.told.push(self.winner().clone());
        self.told.sort_unstable();
        self.told.dedup();
    }

    /// The others hear what was told, and take it unless they hold something later.
    pub(crate) fn hear(&mut self, told: usize) {
        let told = self.told.remove(told);
        for server in self.servers.iter_mut().filter(|server| server.stamp() < told.stamp()) {
            server.clone_from(&told);
        }
        self.normalise();
    }

    /// Only the order of stamps matters, and nothing that everybody knows is news.
    fn normalise(&mut self) {
        let Some(oldest) = self.servers.iter().map(Server::stamp).min() else { return };
        self.told.retain(|told| told.stamp() > oldest);
        let all = || self.servers.iter().chain(&self.told);
        let least = all().map(|server| server.writes).min().unwrap_or_default();
        let mut times: Vec<_> = all().map(|server| server.time).collect();
        times.sort_unstable();
        times.dedup();
        for server in self.servers.iter_mut().chain(&mut self.told) {
            server.writes -= least;
            let rank = times.iter().position(|time| *time == server.time).unwrap_or_default();
            server.time = u8::try_from(rank).unwrap_or(u8::MAX);
        }
    }
}
