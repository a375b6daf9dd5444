//! How long to wait after a failed attempt: bounded, with jitter, and never an end.

use core::time::Duration;

/// Why an attempt failed decides how soon the next one is worth making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Something waits for a directory that could not be reached: that it can be must be noticed within a minute
    /// (invariant 4).
    Unreachable,
    /// Nothing waits for the directory that could not be reached, so the schedule is soon enough.
    NothingDue,
    /// An answer was lost: ask again soon, for the two sides may differ.
    Unanswered,
    /// The root half could not do it now: a lock, a full disk, a read-only file system.
    Local,
    /// The directory or the root half refused; only somebody's action changes that.
    Refused,
}

impl Patience {
    /// The wait after a first failure, and the shortest that a change of the network may leave after any.
    pub(super) const fn first(self) -> Duration {
        match self {
            Self::Unreachable | Self::Unanswered => Duration::from_secs(2),
            Self::Local => Duration::from_secs(5),
            Self::NothingDue | Self::Refused => Duration::from_secs(60),
        }
    }

    const fn max(self) -> Duration {
        match self {
            Self::Unreachable | Self::Unanswered | Self::Local => Duration::from_secs(50),
            Self::NothingDue | Self::Refused => Duration::from_secs(3600),
        }
    }
}

/// A source of jitter. It decides only when something happens, never what, so it need not be unpredictable.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// Starts the sequence that `seed` stands for.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, or 0 for a bound of 0. SplitMix64, whose bias at these bounds is of no account.
    const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        if bound == 0 { 0 } else { z % bound }
    }

    /// Sixteen bytes, to name something with.
    pub(super) const fn bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.below(u64::MAX).to_be_bytes(), self.below(u64::MAX).to_be_bytes());
        let mut bytes = [0; 16];
        let (first, last) = bytes.split_at_mut(8);
        first.copy_from_slice(&high);
        last.copy_from_slice(&low);
        bytes
    }

    /// `around` shortened by up to a fifth, so that a fleet does not move in step.
    pub(crate) fn shorten(&mut self, around: Duration) -> Duration {
        let millis = u64::try_from(around.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis - self.below(millis / 5 + 1))
    }
}

/// Counts the failures in a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets the failures: something succeeded.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many there were.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The wait after one more failure: doubled each time up to the patience's bound, then shortened by jitter.
    pub(super) fn next(&mut self, patience: Patience, jitter: &mut Jitter) -> Duration {
        let wait =
            patience.first().saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(patience.max());
        self.failures = self.failures.saturating_add(1);
        jitter.shorten(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_directory_is_asked_at_least_once_a_minute_for_ever() {
        let (mut backoff, mut jitter) = (Backoff::default(), Jitter::new(7));
        let waits: Vec<_> = (0..200).map(|_| backoff.next(Patience::Unreachable, &mut jitter)).collect();
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(60)));
        assert!(waits[0] <= Duration::from_secs(2));
        assert!(waits[10..].iter().all(|wait| *wait >= Duration::from_secs(40)));
    }

    #[test]
    fn a_refusal_is_not_hammered() {
        let (mut backoff, mut jitter) = (Backoff::default(), Jitter::new(7));
        let total: Duration = (0..24).map(|_| backoff.next(Patience::Refused, &mut jitter)).sum();
        assert!(total > Duration::from_secs(12 * 3600), "{total:?}");
    }

    #[test]
    fn a_reset_starts_over() {
        let (mut backoff, mut jitter) = (Backoff::default(), Jitter::new(7));
        for _ in 0..9 {
            backoff.next(Patience::Local, &mut jitter);
        }
        backoff.reset();
        assert!(backoff.next(Patience::Local, &mut jitter) <= Duration::from_secs(5));
    }
}
