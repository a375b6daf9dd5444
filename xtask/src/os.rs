//! The operating system's clock: how long a step took, and the pause between two looks at something outside.

use std::thread;
use std::time::{Duration, Instant};

/// The monotonic clock's reading.
#[must_use]
pub fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    Instant::now()
}

/// Waits for `length`; only for [`crate::lab::Host::wait_until`], which asks again after each pause.
pub(crate) fn pause(length: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a condition inside a host sends no wake-up; the caller re-checks it"
    )]
    thread::sleep(length);
}
