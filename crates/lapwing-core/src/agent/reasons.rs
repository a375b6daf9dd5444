//! Why the password has to be changed: a pure function of what the cycle has found.

use super::{cycle::Facts, exchange::Memory, plan::Reason, resolve::Held};
use crate::types::{Uid, WallTime};

/// What the reasons depend on, beside the facts.
#[derive(Debug)]
pub(super) struct Circumstances<'a> {
    pub(super) now: WallTime,
    pub(super) held: Held,
    /// The expiry that the directory holds, which an administrator may have moved.
    pub(super) directory_expiry: Option<WallTime>,
    pub(super) memory: &'a Memory,
    pub(super) rotation_owed: bool,
    pub(super) drifted: bool,
    /// Whether a foreign version was met within the last day already, so that only a due password is changed.
    pub(super) conflict: bool,
}

/// Every reason, in the order of the catalogue; empty if the password may stay.
pub(super) fn reasons(facts: &Facts, seen: &Circumstances<'_>) -> Vec<Reason> {
    let aim = &facts.aim;
    let current = aim
        .journal
        .current
        .as_ref()
        .filter(|current| current.is_for(&facts.session.directory, &facts.session.record));
    let expiry = seen.directory_expiry.or_else(|| current.map(|current| current.expiry));
    let beyond_policy = aim.plan.expiry_protected
        && expiry.is_some_and(|expiry| expiry > seen.now.saturating_add(aim.plan.age()));
    let account_changed = current.is_some_and(|current| match &aim.plan.account {
        Some(name) => current.account != *name,
        None => current.uid != Uid(0),
    });
    let source_changed =
        seen.memory.policy_source.as_deref().is_some_and(|before| aim.source != Some(before));
    [
        (expiry.is_some_and(|expiry| expiry <= seen.now), Reason::Expired),
        (beyond_policy, Reason::ExpiryBeyondPolicy),
        (source_changed, Reason::PolicySourceChanged),
        (account_changed, Reason::AccountChanged),
        (current.is_none(), Reason::NotInJournal),
        (matches!(seen.held, Held::Replaced(_)), Reason::DirectoryRestored),
        (
            matches!(seen.held, Held::Foreign(_)) && current.is_some() && !seen.conflict,
            Reason::VersionUnknown,
        ),
        (matches!(seen.held, Held::Vanished), Reason::DirectoryEmpty),
        (seen.drifted, Reason::AccountDrifted),
        (seen.rotation_owed, Reason::AdministratorRequest),
    ]
    .into_iter()
    .filter_map(|(applies, reason)| applies.then_some(reason))
    .collect()
}
