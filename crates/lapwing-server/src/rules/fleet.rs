//! In which state a device's password is, and how old it is: one definition for what is shown, counted and searched.

use core::{ops::Range, time::Duration};

use lapwing_core::types::FileTime;

/// An expiry closer than this is worth a look.
const SOON: Duration = Duration::from_secs(3 * DAY);
const DAY: u64 = 86_400;

/// The state of a device that is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FleetState {
    Current,
    Expiring,
    Overdue,
    /// No password was stored yet.
    Missing,
    Disabled,
}

impl FleetState {
    pub(crate) const ALL: [Self; 5] =
        [Self::Overdue, Self::Expiring, Self::Missing, Self::Current, Self::Disabled];

    /// Of a device with this expiry, in ticks; 0 is none.
    pub(crate) fn of(enabled: bool, expiry: u64, now: FileTime) -> Self {
        let enabled_ones = [Self::Current, Self::Expiring, Self::Overdue];
        if !enabled {
            return Self::Disabled;
        }
        enabled_ones.into_iter().find(|state| state.expiries(now).contains(&expiry)).unwrap_or(Self::Missing)
    }

    /// Whether a device of this state is enabled.
    pub(crate) const fn is_enabled(self) -> bool {
        !matches!(self, Self::Disabled)
    }

    /// The expiries of this state, in ticks.
    pub(crate) fn expiries(self, now: FileTime) -> Range<u64> {
        let soon = now.saturating_add(SOON).ticks();
        let now = now.ticks();
        match self {
            Self::Missing => 0..1,
            Self::Overdue => 1..now,
            Self::Expiring => now..soon,
            Self::Current => soon..u64::MAX,
            Self::Disabled => 0..u64::MAX,
        }
    }
}

/// The bounds of a chart's bars, in days of age; the last bar is open.
pub(crate) const AGE_BOUNDS: [u64; 6] = [1, 7, 14, 30, 60, 90];

/// The times of storing, in ticks, of each bar: the youngest first.
pub(crate) fn ages(now: FileTime) -> [Range<u64>; AGE_BOUNDS.len() + 1] {
    let bound = |days: u64| {
        let ticks = u64::try_from(Duration::from_secs(days * DAY).as_nanos() / 100).unwrap_or(u64::MAX);
        now.ticks().saturating_sub(ticks).max(1)
    };
    let [a, b, c, d, e, f] = AGE_BOUNDS.map(bound);
    // A time ahead of our clock is young.
    [a..u64::MAX, b..a, c..b, d..c, e..d, f..e, 1..f]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> FileTime {
        "2026-05-06T07:08:09Z".parse().unwrap()
    }

    #[test]
    fn every_expiry_has_one_state() {
        let (at, soon) = (now().ticks(), now().saturating_add(SOON).ticks());
        for (expiry, state) in [
            (0, FleetState::Missing),
            (1, FleetState::Overdue),
            (at - 1, FleetState::Overdue),
            (at, FleetState::Expiring),
            (soon - 1, FleetState::Expiring),
            (soon, FleetState::Current),
        ] {
            assert_eq!(FleetState::of(true, expiry, now()), state, "{expiry}");
            assert_eq!(FleetState::of(false, expiry, now()), FleetState::Disabled);
            let holding = FleetState::ALL
                .into_iter()
                .filter(|state| state.is_enabled() && state.expiries(now()).contains(&expiry));
            assert_eq!(holding.collect::<Vec<_>>(), [state]);
        }
    }

    #[test]
    fn the_bars_of_the_chart_leave_no_age_out() {
        let bars = ages(now());
        assert_eq!(bars[0].end, u64::MAX);
        for pair in bars.windows(2) {
            assert_eq!(pair[0].start, pair[1].end);
        }
        assert_eq!(bars[6].start, 1);
        let yesterday = now().ticks() - 10_000_000 * 86_400;
        assert!(bars[0].contains(&yesterday) && bars[1].contains(&(yesterday - 1)));
    }
}
