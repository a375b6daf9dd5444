//! The world's chance: one stream of numbers that its seed stands for.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::time::micros;

#[derive(Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Below `bound`; 0 for a bound of 0. The bias at these bounds is of no account.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.number() % bound }
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(0))).unwrap_or(0)
    }

    /// True `per_mille` times of a thousand.
    pub(crate) fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = micros(most).saturating_sub(micros(least));
        least.saturating_add(Duration::from_micros(self.below(span.saturating_add(1))))
    }

    /// A span that is short as often as it is long, by orders of magnitude.
    pub(crate) fn spread(&mut self, least: Duration, most: Duration) -> Duration {
        let (mut low, high) = (micros(least).max(1), micros(most));
        while low < high && self.below(2) == 0 {
            low = low.saturating_mul(2);
        }
        let low = low.min(high);
        Duration::from_micros(low.saturating_add(self.below(low)).min(high))
    }

    pub(crate) fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
