//! How long to wait before the wake-up connection is tried again. docs/protocol.md, "Wake-up".

use core::time::Duration;

/// The least wait.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait at first: all devices of a server that was started anew are back within it, and not in one second.
const CEILING_MIN: Duration = Duration::from_secs(30);
const CEILING_MAX: Duration = Duration::from_secs(300);
/// How many connections in a row may fail before the server is taken to be away for longer.
const FAILURES_FREE: u32 = 4;

/// Counts what failed since the last success.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    doublings: u32,
}

impl Backoff {
    /// The wait after the server was not reached or the connection was lost; `draw` is any number, drawn anew each time.
    #[must_use]
    pub fn after_failure(&mut self, draw: u64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.failures > FAILURES_FREE {
            self.doublings = self.doublings.saturating_add(1);
        }
        self.wait(draw)
    }

    /// The wait after the server said no.
    #[must_use]
    pub fn after_refusal(&mut self, draw: u64) -> Duration {
        self.doublings = self.doublings.saturating_add(1);
        self.wait(draw)
    }

    fn wait(&self, draw: u64) -> Duration {
        let ceiling = CEILING_MIN.saturating_mul(2_u32.saturating_pow(self.doublings)).min(CEILING_MAX);
        let range = u64::try_from((ceiling - WAIT_MIN).as_millis()).unwrap_or(u64::MAX);
        WAIT_MIN + Duration::from_millis(draw % range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The longest of the waits that some draw leads to after so many of one kind.
    fn longest(count: u32, after: fn(&mut Backoff, u64) -> Duration) -> Duration {
        let last = |draw| {
            let mut backoff = Backoff::default();
            for _ in 1..count {
                let _ = after(&mut backoff, 0);
            }
            after(&mut backoff, draw)
        };
        // From 0 past the longest range, so that the last second of each is among them.
        (0..300).map(|second| last(second * 1000 + 999)).max().unwrap()
    }

    #[test]
    fn a_lost_server_is_tried_within_half_a_minute_and_one_that_stays_away_less_often() {
        let ceilings = [1, 4, 5, 6, 7, 8, 100].map(|count| longest(count, Backoff::after_failure));
        assert_eq!(ceilings.map(|wait| wait.as_secs() + 1), [30, 30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn a_refusal_is_not_hammered() {
        let ceilings = [1, 2, 3, 4, 100].map(|count| longest(count, Backoff::after_refusal));
        assert_eq!(ceilings.map(|wait| wait.as_secs() + 1), [60, 120, 240, 300, 300]);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let spread: Vec<Duration> = (0..29_000).map(|draw| Backoff::default().after_failure(draw)).collect();
        assert_eq!((spread[0], spread[28_999]), (SECOND, SECOND * 30 - Duration::from_millis(1)));
    }
}
