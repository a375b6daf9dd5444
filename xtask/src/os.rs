//! The operating system's clock and chance: how long a step took, the pause between two looks at something outside, and
//! the seed of a soak.

use std::hash::{BuildHasher as _, RandomState};
use std::thread;
use std::time::{Duration, Instant};

/// The monotonic clock's reading.
#[must_use]
pub fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    Instant::now()
}

/// Another number each time.
#[must_use]
pub fn seed() -> u64 {
    RandomState::new().hash_one(())
}

/// Waits for `length`; only for [`crate::lab::Host::wait_until`], which asks again after each pause, and for the pauses
/// that a soak's seed draws.
pub(crate) fn pause(length: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a condition inside a host sends no wake-up; the caller re-checks it"
    )]
    thread::sleep(length);
}
