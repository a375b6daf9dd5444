//! What the machine wants to know again after a restart.

use core::time::Duration;

use crate::{
    sessions::EndStep,
    types::{AccountName, Age, BootId, Now, PasswordVersion, Replica, Uid, WallTime},
};

/// What the machine wants to know again after a restart. It is no second truth: each field only delays or explains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// When a version that was never ours was last replaced, or met again within a day of that.
    pub last_foreign: Option<WallTime>,
    /// When what somebody else had done to the account was healed, within the last day.
    pub heals: Vec<Age>,
    /// What has been told of the account's field.
    pub field_note: Option<FieldNote>,
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
    /// When failed log-ons began a grace period, within the last day.
    pub failures: Vec<Age>,
    /// The password was changed after a use, and what policy wants done with the sessions is not done yet.
    pub ending: Option<Ending>,
    /// When a replica was first seen to be behind this host.
    pub behind: Vec<(Replica, Age)>,
    /// The version in force that these had not heard of.
    pub behind_of: Option<PasswordVersion>,
}

/// What is wrong with the account's field, told of once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldNote {
    /// Somebody changed it, and it is being healed.
    Drifted,
    /// The account is gone, or has another uid.
    Missing,
    /// An administrator has locked the account, and the lock is kept.
    Locked,
    /// Somebody keeps changing it, and it is left for now.
    Contested,
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
    /// Whether every attempt at it has failed, so that no session was opened by it.
    pub only_failed: bool,
    /// Whether its sessions were ended, or the host rebooted, before the password could be changed.
    pub ended: bool,
}

/// A use that is being ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The account.
    pub account: AccountName,
    /// Its uid.
    pub uid: Uid,
    /// What is done next.
    pub step: EndStep,
    /// Whether processes are ended after the sessions.
    pub terminates: bool,
    /// Whether the host is rebooted in place of all that.
    pub reboots: bool,
    /// How long after `since`.
    pub wait: Duration,
    /// When the account was used, and later when the step before was done.
    pub since: Age,
    /// Whether a step has failed.
    pub failed: bool,
}

impl Memory {
    /// Goes on counting its ages in the boot of now.
    pub(super) fn resumed(mut self, now: Now, boot_id: BootId) -> Self {
        let behind = self.behind.iter_mut().map(|(_, age)| age);
        let used = self.used.as_mut().map(|used| &mut used.since);
        let ending = self.ending.as_mut().map(|ending| &mut ending.since);
        let ages = self.last_send.iter_mut().chain(&mut self.activated).chain(used).chain(ending);
        for age in ages.chain(behind).chain(&mut self.heals).chain(&mut self.failures) {
            *age = age.resumed(now, boot_id);
        }
        self
    }
}
