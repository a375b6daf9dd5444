//! Why the password has to be changed: a pure function of what the cycle has found.

use super::{cycle::Aim, journal::Entry, memory::Memory, plan::Reason, resolve::Held};
use crate::types::{Sid, WallTime};

/// What the reasons depend on, beside what the cycle aims at.
#[derive(Debug)]
pub(super) struct Circumstances<'a> {
    pub(super) now: WallTime,
    /// The password in force, if it was prepared for this record of this directory.
    pub(super) current: Option<&'a Entry>,
    pub(super) held: Held,
    /// Whom the policy wants the password encrypted to, where it does and the directory has told who that is.
    pub(super) principal: Option<&'a Sid>,
    /// The expiry that the directory holds, which an administrator may have moved.
    pub(super) directory_expiry: Option<WallTime>,
    pub(super) memory: &'a Memory,
    pub(super) rotation_owed: bool,
    /// Whether device management waits for a rotation.
    pub(super) action_owed: bool,
    /// Whether the grace period after a use of the account is over.
    pub(super) reset_is_due: bool,
    /// Whether a foreign version was met within the last day already, so that only a due password is changed.
    pub(super) conflict: bool,
}

/// When the password in force is due. Where it is the one that the directory holds, an administrator may have moved that
/// there; what stands there beside another password says nothing of this one.
pub(super) fn due_at(
    current: Option<&Entry>,
    held: Held,
    directory_expiry: Option<WallTime>,
) -> Option<WallTime> {
    let own = current.map(|current| current.expiry);
    match held {
        Held::Current(_) => directory_expiry.or(own),
        Held::Candidate(_)
        | Held::Replaced(_)
        | Held::Foreign(_)
        | Held::Unreadable
        | Held::Nothing
        | Held::Vanished => own.or(directory_expiry),
    }
}

/// Every reason, in the order of the catalogue; empty if the password may stay.
pub(super) fn reasons(aim: &Aim, seen: &Circumstances<'_>) -> Vec<Reason> {
    let current = seen.current;
    let expiry = due_at(current, seen.held, seen.directory_expiry);
    let beyond_policy = aim.plan.expiry_protected
        && expiry.is_some_and(|expiry| expiry > seen.now.saturating_add(aim.plan.age()));
    // As Windows has it: whoever may expire the password may delete the expiry too.
    let is_expiry_missing = aim.plan.target.is_active_directory()
        && matches!(seen.held, Held::Current(_))
        && seen.directory_expiry.is_none();
    let account_changed = current.is_some_and(|current| !aim.plan.is_for(&current.account, current.uid));
    let encrypted_to = current.and_then(|current| current.encrypted_to.as_ref());
    let not_encrypted = aim.plan.encryption.is_some() && current.is_some() && encrypted_to.is_none();
    let principal_changed = seen
        .principal
        .zip(encrypted_to)
        .is_some_and(|(wanted, encrypted_to)| encrypted_to.principal != *wanted);
    let source_changed =
        seen.memory.policy_source.as_deref().is_some_and(|before| aim.source != Some(before));
    [
        (expiry.is_some_and(|expiry| expiry <= seen.now), Reason::Expired),
        (beyond_policy, Reason::ExpiryBeyondPolicy),
        (is_expiry_missing, Reason::ExpiryMissing),
        (source_changed, Reason::PolicySourceChanged),
        (account_changed, Reason::AccountChanged),
        (current.is_none(), Reason::NotInJournal),
        (matches!(seen.held, Held::Replaced(_)), Reason::DirectoryRestored),
        (
            matches!(seen.held, Held::Foreign(_) | Held::Unreadable) && current.is_some() && !seen.conflict,
            Reason::VersionUnknown,
        ),
        (matches!(seen.held, Held::Vanished), Reason::DirectoryEmpty),
        (seen.memory.drift_healed, Reason::AccountDrifted),
        (seen.rotation_owed, Reason::AdministratorRequest),
        (seen.action_owed, Reason::ManagementRequest),
        (seen.reset_is_due, Reason::Used),
        (aim.journal.unfinished().next().is_some(), Reason::Unfinished),
        (not_encrypted, Reason::NotEncrypted),
        (principal_changed, Reason::PrincipalChanged),
    ]
    .into_iter()
    .filter_map(|(applies, reason)| applies.then_some(reason))
    .collect()
}
