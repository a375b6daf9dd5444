//! True time, which no host of a world knows.

use core::time::Duration;

use lapwing_core::types::{FileTime, WallTime};

/// Microseconds since the world began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Time(pub(crate) u64);

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// What a right wall clock shows when the world begins: 2026-01-01.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

impl Time {
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// What a wall clock shows that is `offset` microseconds ahead.
    pub(crate) fn wall(self, offset: i64) -> WallTime {
        let since_1970 = micros(EPOCH).saturating_add(self.0).saturating_add_signed(offset);
        WallTime(FileTime::from_unix(Duration::from_micros(since_1970)).unwrap_or(FileTime::UNIX_EPOCH))
    }

    /// When such a clock shows `wall`.
    pub(crate) fn of_wall(wall: WallTime, offset: i64) -> Self {
        let since_1970 = micros(wall.0.since_unix());
        // A deadline between two microseconds has come at the second of them.
        let rounded = since_1970.saturating_add(1);
        Self(rounded.saturating_sub(micros(EPOCH)).saturating_add_signed(offset.saturating_neg()))
    }
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
