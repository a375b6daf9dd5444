//! Directories: what each kind does with a password that reaches it.

use std::collections::BTreeMap;

use lapwing_core::{
    agent::{Expected, Guarantees, Known, Told},
    types::{PasswordVersion, Sid, WallTime},
};

use crate::{scenario::Bug, server::Queue, time::Time};

/// A kind of directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `lapwing-server`: compares, tells, answers a repeat alike, keeps every entry from the one in force on.
    Ours,
    /// Entra ID: takes whatever comes, and keeps three entries.
    Entra,
    /// Active Directory in clear text: compares; only the current password is there.
    AdClear,
    /// Active Directory with encryption: compares; ciphertext with a history.
    AdHistory,
    /// The same with two domain controllers, each of which compares for itself and tells the other later.
    AdTwo,
    /// Two domain controllers in clear text, without a history.
    AdTwoClear,
    /// Active Directory in clear text, where the host may write versions and not read them.
    AdProbed,
    /// Active Directory in clear text, where there is no place for versions and the expiry stands for one.
    AdExpiry,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ours,
        Self::Entra,
        Self::AdClear,
        Self::AdHistory,
        Self::AdTwo,
        Self::AdTwoClear,
        Self::AdProbed,
        Self::AdExpiry,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Entra => "entra",
            Self::AdClear => "ad-clear",
            Self::AdHistory => "ad-history",
            Self::AdTwo => "ad-two",
            Self::AdTwoClear => "ad-two-clear",
            Self::AdProbed => "ad-probed",
            Self::AdExpiry => "ad-expiry",
        }
    }

    pub(crate) const fn replicas(self) -> usize {
        match self {
            Self::AdTwo | Self::AdTwoClear => 2,
            Self::Ours | Self::Entra | Self::AdClear | Self::AdHistory | Self::AdProbed | Self::AdExpiry => 1,
        }
    }

    pub(crate) const fn guarantees(self) -> Guarantees {
        match self {
            Self::Ours => Guarantees::ComparesAndTells,
            Self::Entra => Guarantees::None,
            Self::AdClear
            | Self::AdHistory
            | Self::AdTwo
            | Self::AdTwoClear
            | Self::AdProbed
            | Self::AdExpiry => Guarantees::EachReplica,
        }
    }

    /// Whether it is given ciphertext, which the root half keeps.
    pub(crate) const fn is_sealed(self) -> bool {
        match self {
            Self::Ours | Self::AdHistory | Self::AdTwo => true,
            Self::Entra | Self::AdClear | Self::AdTwoClear | Self::AdProbed | Self::AdExpiry => false,
        }
    }

    /// Whom Active Directory has passwords encrypted to.
    pub(crate) fn decryptor(self) -> Option<Sid> {
        matches!(self, Self::AdHistory | Self::AdTwo).then(Sid::local_system)
    }

    /// Whether device management is there too: the server's own, or one beside Entra ID.
    pub(crate) const fn is_managed(self) -> bool {
        match self {
            Self::Ours | Self::Entra => true,
            Self::AdClear
            | Self::AdHistory
            | Self::AdTwo
            | Self::AdTwoClear
            | Self::AdProbed
            | Self::AdExpiry => false,
        }
    }

    /// What it tells of the version that it holds.
    pub(crate) const fn tells(self) -> Tells {
        match self {
            Self::Ours | Self::Entra | Self::AdClear | Self::AdHistory | Self::AdTwo | Self::AdTwoClear => {
                Tells::Version
            }
            Self::AdProbed => Tells::Probed,
            Self::AdExpiry => Tells::Expiry,
        }
    }

    pub(crate) const fn compares(self) -> bool {
        !matches!(self, Self::Entra)
    }

    /// The most entries, the current one included. The server keeps what is in force beyond that.
    const fn depth(self) -> usize {
        match self {
            Self::Ours | Self::AdHistory | Self::AdTwo => 4,
            Self::Entra => 3,
            Self::AdClear | Self::AdTwoClear | Self::AdProbed | Self::AdExpiry => 1,
        }
    }
}

/// What a directory tells of the version that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Which it is.
    Version,
    /// Whether it is one of those it is asked for.
    Probed,
    /// The expiry alone, which anybody may move.
    Expiry,
}

/// A password, by number; 0 is the empty one.
pub(crate) type Secret = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) version: PasswordVersion,
    pub(crate) secret: Secret,
    pub(crate) expiry: WallTime,
}

/// What one replica holds for one host, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) entries: Vec<Stored>,
    /// How often it was written, when last, and where. Of two, the one that was written more often wins, then the later
    /// one. [MS-DRSR] §5.11, `AttributeStamp`.
    pub(crate) stamp: (u64, Time, usize),
}

impl Held {
    pub(crate) fn current(&self) -> Option<&Stored> {
        self.entries.first()
    }

    /// What is told of the current version to whoever knows these.
    pub(crate) fn told(&self, kind: Kind, known: &[Known]) -> Told {
        let Some(current) = self.current() else {
            return match kind.tells() {
                Tells::Version | Tells::Expiry => Told::Version(None),
                Tells::Probed => Told::NoneKnown,
            };
        };
        let is_known = |other: &&Known| match kind.tells() {
            Tells::Version | Tells::Probed => other.version == current.version,
            Tells::Expiry => other.expiry == current.expiry,
        };
        let found = known.iter().find(is_known).map(|other| other.version);
        match (kind.tells(), found) {
            (Tells::Version, _) => Told::Version(Some(current.version)),
            (Tells::Probed | Tells::Expiry, Some(version)) => Told::Version(Some(version)),
            (Tells::Probed, None) => Told::NoneKnown,
            (Tells::Expiry, None) => Told::Nothing,
        }
    }

    pub(crate) fn holds(&self, secret: Secret) -> bool {
        self.entries.iter().any(|entry| entry.secret == secret)
    }
}

/// A host's record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) replicas: Vec<Held>,
    /// Every version that ever landed, and when first.
    pub(crate) landed: BTreeMap<[u8; 16], Time>,
    /// What device management is to ask the host for.
    pub(crate) queue: Queue,
    /// What an administrator may restore.
    pub(crate) backup: Option<(Held, Queue)>,
}

/// What a store carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) stored: Stored,
    pub(crate) expected: Expected,
    /// The expiry that was read before, for a directory that compares that.
    pub(crate) read_expiry: Option<WallTime>,
    pub(crate) in_force: Option<PasswordVersion>,
}

/// How a replica answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    Stored,
    OtherVersion,
}

impl Record {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { replicas: vec![Held::default(); kind.replicas()], ..Self::default() }
    }

    /// The replica whose content will be everywhere in the end.
    pub(crate) fn newest(&self) -> &Held {
        static NONE: Held = Held { entries: Vec::new(), stamp: (0, Time(0), 0) };
        self.replicas.iter().max_by_key(|held| held.stamp).unwrap_or(&NONE)
    }

    pub(crate) fn store(
        &mut self,
        kind: Kind,
        at: usize,
        now: Time,
        sent: &Sent,
        bug: Option<Bug>,
    ) -> Answered {
        let held = &mut self.replicas[at];
        let current = held.current().map(|entry| entry.version);
        if kind == Kind::Ours && current == Some(sent.stored.version) {
            return Answered::Stored;
        }
        let is_as_read = held.current().map(|entry| entry.expiry) == sent.read_expiry;
        let is_as_expected = match (kind.tells(), sent.expected) {
            (Tells::Expiry, _) | (_, Expected::AsRead) => is_as_read,
            (Tells::Version | Tells::Probed, Expected::Version(version)) => current == Some(version),
            (Tells::Version | Tells::Probed, Expected::Nothing) => current.is_none(),
        };
        if kind.compares() && !is_as_expected {
            return Answered::OtherVersion;
        }
        held.entries.insert(0, sent.stored);
        held.stamp = (held.stamp.0 + 1, now, at);
        let in_force = match kind {
            Kind::Ours => sent.in_force,
            Kind::Entra
            | Kind::AdClear
            | Kind::AdHistory
            | Kind::AdTwo
            | Kind::AdTwoClear
            | Kind::AdProbed
            | Kind::AdExpiry => None,
        };
        let needed = held.entries.iter().position(|entry| Some(entry.version) == in_force);
        let depth = kind.depth().max(needed.map_or(0, |at| at + 1));
        if bug == Some(Bug::HistoryFromTheWrongEnd) && held.entries.len() > 2 {
            held.entries.remove(1);
        }
        held.entries.truncate(depth);
        self.landed.entry(sent.stored.version.0.to_bytes()).or_insert(now);
        Answered::Stored
    }

    /// What one replica tells another. Returns whether that changed anything.
    pub(crate) fn replicate(&mut self, from: usize, to: usize) -> bool {
        if self.replicas[from].stamp <= self.replicas[to].stamp {
            return false;
        }
        self.replicas[to] = self.replicas[from].clone();
        true
    }
}
