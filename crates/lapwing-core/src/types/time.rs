//! The two clocks. Wall time decides expiry and may jump; boot time measures delays and counts suspend. No function
//! converts one into the other.

use core::time::Duration;

use super::{FileTime, Guid};

/// An instant of the wall clock, which may jump either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(pub FileTime);

impl WallTime {
    /// This instant moved forward.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_since(earlier.0)
    }
}

/// Time since this boot, suspend included; it never jumps and starts anew at each boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(pub Duration);

impl BootTime {
    /// This instant moved forward.
    #[must_use]
    pub const fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What the wall clock shows.
    pub wall: WallTime,
    /// How long this boot has lasted.
    pub boot: BootTime,
}

/// Names one boot of the host: Linux' `/proc/sys/kernel/random/boot_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(pub Guid);

/// How long ago something was, across restarts and reboots: within a boot by the boot clock, from one boot to the next
/// by the wall clock. A wall clock that was set back makes it younger, and never older than it is by more than the jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// What earlier boots have counted.
    pub carried: Duration,
    /// The boot that counts now.
    pub boot_id: BootId,
    /// When that began to count, by both clocks.
    pub since: Now,
}

impl Age {
    /// Of something that happens now.
    #[must_use]
    pub const fn new(now: Now, boot_id: BootId) -> Self {
        Self { carried: Duration::ZERO, boot_id, since: now }
    }

    /// Goes on counting in the boot of now.
    #[must_use]
    pub fn resumed(self, now: Now, boot_id: BootId) -> Self {
        if self.boot_id == boot_id {
            return self;
        }
        let between = now.wall.saturating_since(self.since.wall);
        Self { carried: self.carried.saturating_add(between), boot_id, since: now }
    }

    /// How long ago it was, in the boot that counts.
    #[must_use]
    pub const fn at(self, now: BootTime) -> Duration {
        self.carried.saturating_add(now.saturating_since(self.since.boot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(wall: u64, boot: u64) -> Now {
        let time = FileTime::from_unix(Duration::from_secs(1_800_000_000 + wall)).unwrap();
        Now { wall: WallTime(time), boot: BootTime(Duration::from_secs(boot)) }
    }

    #[test]
    fn an_age_counts_by_the_boot_clock_and_between_boots_by_the_wall_clock() {
        let [first, second] = [1, 2].map(|number| BootId(Guid::from_bytes([number; 16])));
        let age = Age::new(now(1000, 50), first);
        assert_eq!(age.resumed(now(0, 60), first).at(BootTime(Duration::from_secs(60))).as_secs(), 10);
        let rebooted = age.resumed(now(1300, 5), second);
        assert_eq!(rebooted.at(BootTime(Duration::from_secs(25))).as_secs(), 320);
        let set_back = age.resumed(now(0, 5), second);
        assert_eq!(set_back.at(BootTime(Duration::from_secs(25))).as_secs(), 20);
    }
}
