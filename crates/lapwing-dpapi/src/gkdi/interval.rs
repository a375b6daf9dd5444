//! The ten hours for which a group key is current. [MS-GKDI] 3.1.4.1.

use lapwing_core::types::FileTime;

/// Ten hours in ticks of 100 ns. [MS-GKDI] 2.2.
pub(crate) const PERIOD_TICKS: u64 = 360_000_000_000;
/// Periods in an L1 interval, and L1 intervals in an L0 interval.
const FAN_OUT: u64 = 32;
/// The last index of L1 and of L2.
pub(crate) const LAST: i32 = 31;

/// Ten hours, named by an index at each level of the tree of keys: 426 days and 16 hours, 13 days and 8 hours, 10 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    l0: i32,
    l1: i32,
    l2: i32,
}

/// Why three numbers name no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("({l0}, {l1}, {l2}) is no interval: none is below 0, the last two are at most 31")]
pub struct IntervalError {
    l0: i32,
    l1: i32,
    l2: i32,
}

impl Interval {
    /// The interval of these indexes.
    ///
    /// # Errors
    /// [`IntervalError`] if one is below zero, or one of the last two above 31.
    pub fn new(l0: i32, l1: i32, l2: i32) -> Result<Self, IntervalError> {
        let is_one = l0 >= 0 && [l1, l2].iter().all(|index| (0..=LAST).contains(index));
        if is_one { Ok(Self { l0, l1, l2 }) } else { Err(IntervalError { l0, l1, l2 }) }
    }

    /// The interval in which a time lies.
    #[must_use]
    pub fn at(time: FileTime) -> Self {
        let period = time.ticks() / PERIOD_TICKS;
        // A FILETIME ends with the year 9999, in which L0 is 7189.
        let index = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        Self {
            l0: index(period / (FAN_OUT * FAN_OUT)),
            l1: index(period / FAN_OUT % FAN_OUT),
            l2: index(period % FAN_OUT),
        }
    }

    /// When it begins: the end of the year 9999 if it begins after that.
    #[must_use]
    pub fn start(self) -> FileTime {
        time_of(self.period())
    }

    /// When it is over, and the next begins.
    #[must_use]
    pub fn end(self) -> FileTime {
        time_of(self.period().saturating_add(1))
    }

    /// The three indexes, from the coarsest on.
    #[must_use]
    pub const fn indexes(self) -> [i32; 3] {
        [self.l0, self.l1, self.l2]
    }

    /// The last interval that has the same L0 index.
    #[must_use]
    pub const fn last_of_l0(self) -> Self {
        Self { l1: LAST, l2: LAST, ..self }
    }

    fn period(self) -> u64 {
        // None is below zero.
        self.indexes().iter().fold(0, |sum, index| sum * FAN_OUT + u64::from(index.unsigned_abs()))
    }
}

fn time_of(period: u64) -> FileTime {
    FileTime::from_ticks(period.saturating_mul(PERIOD_TICKS)).unwrap_or(FileTime::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_have_their_intervals() {
        let at = |time: &str| Interval::at(time.parse().unwrap()).indexes();
        assert_eq!(at("2026-11-22T01:30:00Z"), [364, 18, 15]);
        assert_eq!(at("1601-01-01T00:00:00Z"), [0, 0, 0]);
        assert_eq!(at("1601-01-01T10:00:00Z"), [0, 0, 1]);
        assert_eq!(at("1601-01-14T07:59:59.9999999Z"), [0, 0, 31]);
        assert_eq!(at("1601-01-14T08:00:00Z"), [0, 1, 0]);
        assert_eq!(at("9999-12-31T23:59:59.9999999Z")[0], 7189);
    }

    #[test]
    fn indexes_have_their_bounds() {
        for (l0, l1, l2) in [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 32, 0), (0, 0, 32)] {
            assert_eq!(Interval::new(l0, l1, l2), Err(IntervalError { l0, l1, l2 }));
        }
        let last = Interval::new(i32::MAX, 31, 31).unwrap();
        assert_eq!((last.start(), last.end()), (FileTime::MAX, FileTime::MAX));
        assert_eq!(Interval::new(7, 0, 0).unwrap().last_of_l0().indexes(), [7, 31, 31]);
    }

    proptest! {
        #[test]
        fn a_time_lies_between_the_start_and_the_end_of_its_interval(ticks in 0..=FileTime::MAX.ticks()) {
            let time = FileTime::from_ticks(ticks).unwrap();
            let interval = Interval::at(time);
            prop_assert!(interval.start() <= time);
            prop_assert!(time < interval.end() || interval.end() == FileTime::MAX);
            prop_assert_eq!(Interval::at(interval.start()), interval);
        }

        #[test]
        fn the_order_is_that_of_time(a in 0..7189_i32, b in 0..7189_i32, c in 0..32_i32, d in 0..32_i32, e in 0..32_i32) {
            let (left, right) = (Interval::new(a, c, d).unwrap(), Interval::new(b, d, e).unwrap());
            prop_assert_eq!(left.cmp(&right), left.start().cmp(&right.start()));
        }
    }
}
