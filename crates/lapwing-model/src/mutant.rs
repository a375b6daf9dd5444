//! Mistakes put into the protocol, or into what it relies on, on purpose. The checker must find each: a model that cannot fail proves nothing.

use crate::kind::Kind;

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The account gets the new hash before the password is stored.
    AccountBeforeStore,
    /// A version mismatch is taken for a refusal, and the candidate dropped.
    MismatchIsRefusal,
    /// Candidates are dropped when the directory shows another version, though a send may be under way.
    CandidatesDroppedAfterRead,
    /// The acknowledgement is not saved before the account is set.
    AcknowledgementOnlyInMemory,
    /// The journal's candidates and its `current` are written one after the other.
    JournalInTwoSteps,
    /// Sends are not counted.
    SendsNotCounted,
    /// A replica that is behind is believed.
    BehindBelieved,
    /// Candidates that were sent to another replica are dropped at the commit.
    SentElsewhereDropped,
    /// A candidate is handed out before its journal is durable.
    PreparedNotSynced,
    /// The account's new hash is not durable when the journal says that it stands there.
    AccountNotSynced,
    /// What an earlier process renamed and did not sync is trusted without a sync.
    JournalNotSyncedOnOpen,
    /// The directory stores whatever arrives, whatever it holds.
    StoredWithoutCondition,
    /// The directory keeps no predecessor.
    NoPredecessor,
    /// Of two servers' values the one written later wins, though the other was written more often. No Active Directory
    /// does so; this shows that the protocol relies on that.
    LaterWriteWins,
}

impl Mutant {
    /// All of them, with a directory that shows the mistake.
    pub const ALL: [(Self, Kind); 14] = [
        (Self::AccountBeforeStore, Kind::LapwingServer),
        (Self::MismatchIsRefusal, Kind::AdHistory),
        (Self::CandidatesDroppedAfterRead, Kind::LapwingServer),
        (Self::AcknowledgementOnlyInMemory, Kind::AdClearText),
        (Self::JournalInTwoSteps, Kind::LapwingServer),
        (Self::SendsNotCounted, Kind::EntraId),
        (Self::BehindBelieved, Kind::AdReplicas),
        (Self::SentElsewhereDropped, Kind::AdReplicasClearText),
        (Self::PreparedNotSynced, Kind::LapwingServer),
        (Self::AccountNotSynced, Kind::LapwingServer),
        (Self::JournalNotSyncedOnOpen, Kind::LapwingServer),
        (Self::StoredWithoutCondition, Kind::AdClearText),
        (Self::NoPredecessor, Kind::AdHistory),
        (Self::LaterWriteWins, Kind::AdReplicas),
    ];
}
