//! Who somebody is, as far as a security descriptor asks.

use std::collections::BTreeSet;

use lapwing_core::types::Sid;
use lapwing_proto::ad::pac::LogonInfo;

/// Everything that an entry may know somebody by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What counts for them.
    pub(super) granting: BTreeSet<Sid>,
    /// What counts against them alone.
    pub(super) deny_only: BTreeSet<Sid>,
}

impl Token {
    /// Of somebody who has come over the network and proved who they are. [MS-DTYP] 2.4.2.4.
    pub(crate) fn new(info: LogonInfo) -> Self {
        let (granting, deny_only): (Vec<_>, Vec<_>) =
            info.groups.into_iter().partition(lapwing_proto::ad::pac::Membership::grants);
        let everyone = [info.account, Sid::everyone(), Sid::authenticated_users(), Sid::network()];
        Self {
            granting: granting.into_iter().map(|member| member.group).chain(everyone).collect(),
            deny_only: deny_only.into_iter().map(|member| member.group).collect(),
        }
    }
}
