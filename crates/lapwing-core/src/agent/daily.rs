//! What is done only so often within a day, counted by ages, which outlive a restart.

use core::time::Duration;

use crate::types::{Age, BootId, Now, WallTime};

/// The span that is counted in.
const DAY: Duration = Duration::from_hours(24);

/// How often it was done within the last day.
pub(super) fn count(done: &[Age], now: Now) -> usize {
    done.iter().filter(|age| age.at(now.boot) < DAY).count()
}

/// Notes that it is done now, and forgets what counts no longer.
pub(super) fn note(done: &mut Vec<Age>, now: Now, boot_id: BootId) {
    done.retain(|age| age.at(now.boot) < DAY);
    done.push(Age::new(now, boot_id));
}

/// When the oldest that counts will count no longer.
pub(super) fn until(done: &[Age], now: Now) -> WallTime {
    let oldest = done.iter().map(|age| age.at(now.boot)).filter(|age| *age < DAY).max();
    now.wall.saturating_add(DAY.saturating_sub(oldest.unwrap_or_default()))
}
