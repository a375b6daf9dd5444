//! How often one address or device may ask.

use core::time::Duration;
use std::collections::BTreeMap;

/// How many keys are remembered; beyond it, strangers share one bucket.
pub(crate) const KEYS_MAX: usize = 65_536;

/// A token bucket per key. Time is monotonic and an argument.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    burst: u32,
    /// Time in which one token comes back.
    refill: Duration,
    /// When each bucket will be full again: one number holds the whole state.
    full_at: BTreeMap<K, Duration>,
    strangers_full_at: Duration,
}

impl<K: Ord> Buckets<K> {
    pub(crate) const fn new(burst: u32, refill: Duration) -> Self {
        Self { burst, refill, full_at: BTreeMap::new(), strangers_full_at: Duration::ZERO }
    }

    /// Takes one token, or says how long to wait for the next.
    pub(crate) fn take(&mut self, key: K, now: Duration) -> Result<(), Duration> {
        if self.full_at.len() >= KEYS_MAX && !self.full_at.contains_key(&key) {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let is_stranger = self.full_at.len() >= KEYS_MAX && !self.full_at.contains_key(&key);
        let full_at =
            if is_stranger { &mut self.strangers_full_at } else { self.full_at.entry(key).or_default() };
        let after = (*full_at).max(now).saturating_add(self.refill);
        let allowed_until = now.saturating_add(self.refill.saturating_mul(self.burst));
        if after > allowed_until {
            return Err(after.saturating_sub(allowed_until));
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_one_token_a_second() {
        let mut buckets = Buckets::new(3, SECOND);
        let now = SECOND * 100;
        for _ in 0..3 {
            assert_eq!(buckets.take("a", now), Ok(()));
        }
        assert_eq!(buckets.take("a", now), Err(SECOND));
        assert_eq!(buckets.take("b", now), Ok(()), "another key has its own bucket");
        assert_eq!(buckets.take("a", now + SECOND), Ok(()));
        assert!(buckets.take("a", now + SECOND).is_err());
    }

    #[test]
    fn memory_stays_bounded_and_strangers_share_a_bucket() {
        let mut buckets = Buckets::new(2, SECOND);
        for key in 0..KEYS_MAX {
            assert_eq!(buckets.take(key, SECOND), Ok(()));
        }
        assert_eq!(buckets.take(KEYS_MAX + 1, SECOND), Ok(()));
        assert_eq!(buckets.take(KEYS_MAX + 2, SECOND), Ok(()));
        assert!(buckets.take(KEYS_MAX + 3, SECOND).is_err());
        assert_eq!(buckets.full_at.len(), KEYS_MAX);
        assert_eq!(buckets.take(KEYS_MAX + 3, SECOND * 100), Ok(()), "full buckets are forgotten");
        assert_eq!(buckets.full_at.len(), 1);
    }
}
