//! The clock and chance.

use std::time::Instant;

use rand_core::UnwrapErr;

/// The monotonic clock's reading.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    Instant::now()
}

/// The operating system's random source.
pub(crate) const fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}
