//! What a world is made of: a seed decides everything, and what it decides can be narrowed down.

use core::time::Duration;
use std::collections::BTreeSet;

use lapwing_core::mutant::Mutant;

use crate::{
    chance::Chance,
    check::Invariant,
    directory::Kind,
    faults::Fault,
    time::{DAY, HOUR},
};

/// A world to run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What chance is drawn from.
    pub seed: u64,
    /// The directory that all hosts store in.
    pub kind: Kind,
    /// How many hosts there are.
    pub hosts: usize,
    /// For how long faults happen; afterwards everything heals and must agree.
    pub span: Duration,
    /// Which faults happen.
    pub faults: BTreeSet<Fault>,
    /// The age at which passwords are replaced, in days.
    pub age_days: u16,
    /// How long after a use of the account its password is changed.
    pub reset_delay: Duration,
    /// How often each host and the directory meet one, on average.
    pub fault_every: Duration,
    /// A deliberate bug.
    pub bug: Option<Bug>,
    /// Prints what happens to this host.
    pub trace: Option<usize>,
}

/// A deliberate bug: in the core, or in what this crate has in the place of files and directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// One of the core.
    Core(Mutant),
    /// The journal is replaced without a sync.
    JournalNotSynced,
    /// `current` and `candidates` are written in two files, one after the other.
    JournalInTwoFiles,
    /// The directory's history loses its newest entry where it should lose its oldest.
    HistoryFromTheWrongEnd,
    /// The ledger of actions is believed as it is found, though its writer may have died before the sync.
    LedgerNotSynced,
    /// The server takes an action for accepted once it has sent it.
    SentIsAccepted,
    /// The server lets an action expire that the device has accepted.
    AcceptedExpires,
    /// The server believes a failure that is told after the end.
    LateFailureBelieved,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Core(Mutant::SetBeforeStore),
        Self::Core(Mutant::AcknowledgementForgotten),
        Self::Core(Mutant::SendsNotCounted),
        Self::HistoryFromTheWrongEnd,
        Self::Core(Mutant::MismatchIsRefusal),
        Self::Core(Mutant::CandidateDropped),
        Self::Core(Mutant::ElsewhereDropped),
        Self::Core(Mutant::BehindBelieved),
        Self::JournalNotSynced,
        Self::JournalInTwoFiles,
        Self::Core(Mutant::ExpiryByBootClock),
        Self::Core(Mutant::ExpiryForgotten),
        Self::Core(Mutant::UseForgotten),
        Self::Core(Mutant::UnreachableIsRefusal),
        Self::Core(Mutant::RetryGivesUp),
        Self::Core(Mutant::ClearTextKept),
        Self::Core(Mutant::ClearTextSleeps),
        Self::Core(Mutant::JoinsAfterStore),
        Self::Core(Mutant::RequestForgotten),
        Self::Core(Mutant::ActionNotSaved),
        Self::Core(Mutant::ActionTwice),
        Self::Core(Mutant::ActionUnbound),
        Self::Core(Mutant::ActionJoinsResend),
        Self::Core(Mutant::ActionNotRepeated),
        Self::LedgerNotSynced,
        Self::SentIsAccepted,
        Self::AcceptedExpires,
        Self::LateFailureBelieved,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core(Mutant::SetBeforeStore) => "set-before-store",
            Self::Core(Mutant::AcknowledgementForgotten) => "acknowledgement-forgotten",
            Self::Core(Mutant::MismatchIsRefusal) => "mismatch-is-refusal",
            Self::Core(Mutant::CandidateDropped) => "candidate-dropped",
            Self::Core(Mutant::ElsewhereDropped) => "elsewhere-dropped",
            Self::Core(Mutant::BehindBelieved) => "behind-believed",
            Self::Core(Mutant::SendsNotCounted) => "sends-not-counted",
            Self::Core(Mutant::ExpiryByBootClock) => "expiry-by-boot-clock",
            Self::Core(Mutant::ExpiryForgotten) => "expiry-forgotten",
            Self::Core(Mutant::UseForgotten) => "use-forgotten",
            Self::Core(Mutant::UnreachableIsRefusal) => "unreachable-is-refusal",
            Self::Core(Mutant::RetryGivesUp) => "retry-gives-up",
            Self::Core(Mutant::ClearTextKept) => "clear-text-kept",
            Self::Core(Mutant::ClearTextSleeps) => "clear-text-sleeps",
            Self::Core(Mutant::JoinsAfterStore) => "joins-after-store",
            Self::Core(Mutant::RequestForgotten) => "request-forgotten",
            Self::Core(Mutant::ActionNotSaved) => "action-not-saved",
            Self::Core(Mutant::ActionTwice) => "action-twice",
            Self::Core(Mutant::ActionUnbound) => "action-unbound",
            Self::Core(Mutant::ActionJoinsResend) => "action-joins-resend",
            Self::Core(Mutant::ActionNotRepeated) => "action-not-repeated",
            Self::JournalNotSynced => "journal-not-synced",
            Self::JournalInTwoFiles => "journal-in-two-files",
            Self::HistoryFromTheWrongEnd => "history-from-the-wrong-end",
            Self::LedgerNotSynced => "ledger-not-synced",
            Self::SentIsAccepted => "sent-is-accepted",
            Self::AcceptedExpires => "accepted-expires",
            Self::LateFailureBelieved => "late-failure-believed",
        }
    }

    /// The invariant that it breaks.
    #[must_use]
    pub const fn breaks(self) -> Invariant {
        match self {
            Self::Core(Mutant::SetBeforeStore | Mutant::AcknowledgementForgotten)
            | Self::JournalNotSynced => Invariant::Acknowledged,
            Self::Core(Mutant::SendsNotCounted) | Self::HistoryFromTheWrongEnd => Invariant::Held,
            Self::Core(
                Mutant::MismatchIsRefusal
                | Mutant::CandidateDropped
                | Mutant::ElsewhereDropped
                | Mutant::BehindBelieved
                | Mutant::RetryGivesUp,
            )
            | Self::JournalInTwoFiles => Invariant::Agreed,
            Self::Core(
                Mutant::ExpiryByBootClock
                | Mutant::ExpiryForgotten
                | Mutant::UseForgotten
                | Mutant::UnreachableIsRefusal,
            ) => Invariant::Prompt,
            Self::Core(Mutant::ClearTextKept | Mutant::ClearTextSleeps) => Invariant::Secret,
            Self::Core(
                Mutant::JoinsAfterStore
                | Mutant::RequestForgotten
                | Mutant::ActionNotSaved
                | Mutant::ActionTwice
                | Mutant::ActionUnbound
                | Mutant::ActionJoinsResend
                | Mutant::ActionNotRepeated,
            )
            | Self::LedgerNotSynced
            | Self::SentIsAccepted
            | Self::AcceptedExpires
            | Self::LateFailureBelieved => Invariant::Answered,
        }
    }

    pub(crate) const fn core(self) -> Option<Mutant> {
        match self {
            Self::Core(mutant) => Some(mutant),
            Self::JournalNotSynced
            | Self::JournalInTwoFiles
            | Self::HistoryFromTheWrongEnd
            | Self::LedgerNotSynced
            | Self::SentIsAccepted
            | Self::AcceptedExpires
            | Self::LateFailureBelieved => None,
        }
    }
}

impl Scenario {
    /// The world of this seed under the default faults: its kind, size and length are drawn too.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x5eed);
        // Every seed has a kind of its own, and each kind its turn. Of the first six every other turn of one directory in
        // clear text goes to one that tells less.
        let turn = usize::try_from(seed).unwrap_or(0);
        let kind = match (Kind::ALL[turn % 6], turn / 6 % 4) {
            (Kind::AdClear, 1) => Kind::AdProbed,
            (Kind::AdClear, 3) => Kind::AdExpiry,
            (kind, _) => kind,
        };
        let mut scenario = Self {
            seed,
            kind,
            hosts: 1 + chance.index(4),
            span: chance.between(5 * DAY, 60 * DAY),
            // A part of them, so that rare meetings are not drowned by frequent ones.
            faults: Fault::ALL
                .into_iter()
                .filter(|fault| !Fault::MANAGEMENT.contains(fault) && chance.happens(600))
                .collect(),
            age_days: [1, 1, 2, 7, 30][chance.index(5)],
            reset_delay: [HOUR, 4 * HOUR, DAY][chance.index(3)],
            fault_every: chance.spread(HOUR, 4 * DAY),
            bug: None,
            trace: None,
        };
        if kind.is_managed() {
            // Drawn last, so that all else of the seed is what it was before there was device management.
            scenario.faults.extend(Fault::MANAGEMENT.into_iter().filter(|_| chance.happens(800)));
        }
        scenario
    }

    /// A fleet in which nothing goes wrong.
    #[must_use]
    pub fn quiet(seed: u64, kind: Kind, hosts: usize, span: Duration) -> Self {
        Self {
            seed,
            kind,
            hosts,
            span,
            faults: BTreeSet::new(),
            age_days: 30,
            reset_delay: DAY,
            fault_every: DAY,
            bug: None,
            trace: None,
        }
    }

    /// What shows this world again.
    #[must_use]
    pub fn command(&self) -> String {
        let default = Self::of_seed(self.seed);
        let mut command = format!("cargo xtask sim replay {}", self.seed);
        if let Some(bug) = self.bug {
            command += &format!(" --bug {}", bug.name());
        }
        if self.kind != default.kind {
            command += &format!(" --kind {}", self.kind.name());
        }
        if self.hosts != default.hosts {
            command += &format!(" --hosts {}", self.hosts);
        }
        if self.span != default.span {
            command += &format!(" --seconds {}", self.span.as_secs());
        }
        for fault in self.faults.difference(&default.faults) {
            command += &format!(" --with {}", fault.name());
        }
        for fault in default.faults.difference(&self.faults) {
            command += &format!(" --without {}", fault.name());
        }
        command
    }
}
