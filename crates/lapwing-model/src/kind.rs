//! The directories, as far as the protocol depends on them.

use lapwing_core::{
    agent::Guarantees,
    types::{DirectoryId, Guid, TenantId},
};

use crate::mutant::Mutant;

/// Which directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One domain controller, passwords in clear text: it compares and keeps no history.
    AdClearText,
    /// One domain controller, encrypted passwords: it compares and keeps predecessors.
    AdHistory,
    /// Two domain controllers with encrypted passwords that replicate late: each compares for itself, and the last
    /// writer wins.
    AdReplicas,
    /// Two domain controllers with passwords in clear text.
    AdReplicasClearText,
    /// Neither compares nor tells; keeps three entries, and what arrives last as current.
    EntraId,
    /// Compares, tells, answers a repeated version alike, and drops no entry from the one in force onward.
    LapwingServer,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AdClearText,
        Self::AdHistory,
        Self::AdReplicas,
        Self::AdReplicasClearText,
        Self::EntraId,
        Self::LapwingServer,
    ];

    pub(crate) const fn servers(self) -> usize {
        match self {
            Self::AdReplicas | Self::AdReplicasClearText => 2,
            Self::AdClearText | Self::AdHistory | Self::EntraId | Self::LapwingServer => 1,
        }
    }

    pub(crate) const fn guarantees(self) -> Guarantees {
        match self {
            Self::AdClearText | Self::AdHistory | Self::AdReplicas | Self::AdReplicasClearText => {
                Guarantees::EachReplica
            }
            Self::EntraId => Guarantees::None,
            Self::LapwingServer => Guarantees::ComparesAndTells,
        }
    }

    pub(crate) const fn is_ad(self) -> bool {
        matches!(self.guarantees(), Guarantees::EachReplica)
    }

    pub(crate) const fn is_entra(self) -> bool {
        matches!(self, Self::EntraId)
    }

    /// Whether what it holds decides about a store.
    pub(crate) fn compares(self, mutant: Option<Mutant>) -> bool {
        !self.is_entra() && mutant != Some(Mutant::StoredWithoutCondition)
    }

    /// Whether the journal keeps what is sent, so that the same bytes can be sent again after a crash.
    pub(crate) const fn is_sealed(self) -> bool {
        matches!(self, Self::AdHistory | Self::AdReplicas | Self::LapwingServer)
    }

    /// Whether it keeps predecessors.
    pub(crate) const fn has_history(self) -> bool {
        !matches!(self, Self::AdClearText | Self::AdReplicasClearText)
    }

    pub(crate) fn id(self) -> DirectoryId {
        let tenant = TenantId(Guid::from_bytes([7; 16]));
        match self {
            Self::AdClearText | Self::AdHistory | Self::AdReplicas | Self::AdReplicasClearText => {
                DirectoryId::ActiveDirectory("corp.example".to_owned())
            }
            Self::EntraId => DirectoryId::EntraId(tenant),
            Self::LapwingServer => DirectoryId::LapwingServer(tenant),
        }
    }
}
