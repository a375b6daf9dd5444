//! What the machine wants to know again after a restart.

use crate::types::{AccountName, Age, BootId, Now, PasswordVersion, Replica, Uid, WallTime};

/// What the machine wants to know again after a restart. It is no second truth: each field only delays or explains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// When a version that was never ours was last replaced, or met again within a day of that.
    pub last_foreign: Option<WallTime>,
    /// When the last change was finished.
    pub last_rotation: Option<WallTime>,
    /// The policy root that decided then, by its event name.
    pub policy_source: Option<String>,
    /// The lowest age in days that the server announced last.
    pub age_days_min: Option<u16>,
    /// Whether drift was healed and the rotation that has to follow it has not come about yet.
    pub drift_healed: bool,
    /// When a directory that neither compares nor tells was last sent something that it has not answered.
    pub last_send: Option<Age>,
    /// When a policy was first seen that manages an account here, until the first rotation.
    pub activated: Option<Age>,
    /// The managed account was used since the last rotation.
    pub used: Option<Used>,
    /// When a replica was first seen to be behind this host.
    pub behind: Vec<(Replica, Age)>,
    /// The version in force that these had not heard of.
    pub behind_of: Option<PasswordVersion>,
}

/// A use of the managed account that its password has not been changed after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The account.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
    /// When it was used first.
    pub since: Age,
}

impl Memory {
    /// Goes on counting its ages in the boot of now.
    pub(super) fn resumed(mut self, now: Now, boot_id: BootId) -> Self {
        let behind = self.behind.iter_mut().map(|(_, age)| age);
        let used = self.used.as_mut().map(|used| &mut used.since);
        for age in self.last_send.iter_mut().chain(&mut self.activated).chain(used).chain(behind) {
            *age = age.resumed(now, boot_id);
        }
        self
    }
}
