//! One unbiased draw.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::GenerateError;

/// How many numbers are drawn for one item. Each is of use with a chance of at least one half, so that a sound source
/// reaches the limit with a chance of 2^-128 at most.
const DRAWS_MAX: usize = 128;

/// Draws one of at most 65,536 items, each with the same chance.
///
/// Takes the lowest bits that can number all items, and draws anew while they number none. A remainder (`%`) would
/// prefer the first items whenever their count does not divide the range of the draw.
pub(super) fn choose<'a, T>(items: &'a [T], rng: &mut impl CryptoRng) -> Result<&'a T, GenerateError> {
    debug_assert!(items.len() <= 1 << u16::BITS, "a draw has 16 bits");
    let mask = items.len().next_power_of_two() - 1;
    let mut drawn = Zeroizing::new([0; 2]);
    for _ in 0..DRAWS_MAX {
        rng.fill_bytes(&mut *drawn);
        if let Some(item) = items.get(usize::from(u16::from_le_bytes(*drawn)) & mask) {
            return Ok(item);
        }
    }
    Err(GenerateError::RandomSourceStuck)
}
