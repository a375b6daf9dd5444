//! How long a device's certificate is good for what. docs/protocol.md, "The device's certificate".

use core::time::Duration;

use crate::types::FileTime;

const DAY: Duration = Duration::from_secs(86_400);

/// How long a certificate of a device lasts, unless its authority ends before.
pub const CERTIFICATE_LIFE: Duration = DAY.saturating_mul(365);
/// How long after its end a certificate may still be renewed by itself: a host that was away for a year and a half comes
/// back without anybody's help.
pub const RENEWAL_GRACE: Duration = DAY.saturating_mul(365);

/// From when to when a certificate is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateLife {
    /// Not before.
    pub begins: FileTime,
    /// Not after.
    pub ends: FileTime,
}

/// How a certificate's life stands to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeState {
    /// It has not begun: a clock is wrong.
    NotYet,
    /// It is in force.
    InForce,
    /// It has ended, and is good for nothing but its renewal.
    Renewable,
    /// It ended longer than [`RENEWAL_GRACE`] ago, and is good for nothing.
    Over,
}

impl CertificateLife {
    /// How it stands at `now`.
    #[must_use]
    pub fn at(&self, now: FileTime) -> LifeState {
        if now < self.begins {
            LifeState::NotYet
        } else if now <= self.ends {
            LifeState::InForce
        } else if now <= self.ends.saturating_add(RENEWAL_GRACE) {
            LifeState::Renewable
        } else {
            LifeState::Over
        }
    }

    /// From when on its device asks for the next one: after two thirds of its life, and up to a twelfth later, so that
    /// hosts that were enrolled on one day do not come back on one. `spread` is any number that the certificate has by
    /// itself, for the moment must be the same after each restart.
    #[must_use]
    pub fn renewal_due(&self, spread: u8) -> FileTime {
        let life = self.ends.saturating_since(self.begins);
        let later = life / 12 * u32::from(spread) / u32::from(u8::MAX);
        self.begins.saturating_add(life / 3 * 2 + later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> FileTime {
        FileTime::from_unix(Duration::from_secs(1_800_000_000) + DAY * number).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_life_has_four_parts_and_each_limit_belongs_to_the_better_one() {
        let life = CertificateLife { begins: day(10), ends: day(375) };
        let table = [
            (day(9), LifeState::NotYet),
            (day(10), LifeState::InForce),
            (day(375), LifeState::InForce),
            (day(375).saturating_add(SECOND), LifeState::Renewable),
            (day(740), LifeState::Renewable),
            (day(740).saturating_add(SECOND), LifeState::Over),
        ];
        for (now, state) in table {
            assert_eq!(life.at(now), state, "{now}");
        }
    }

    #[test]
    fn a_renewal_is_due_after_two_thirds_and_before_three_quarters() {
        let life = CertificateLife { begins: day(0), ends: day(360) };
        assert_eq!((life.renewal_due(0), life.renewal_due(u8::MAX)), (day(240), day(270)));
        let dues: Vec<_> = (0..=u8::MAX).map(|spread| life.renewal_due(spread)).collect();
        assert!(dues.is_sorted() && dues[128] > day(254) && dues[128] < day(256));
    }

    #[test]
    fn a_life_that_ends_before_it_begins_is_due_at_once() {
        let life = CertificateLife { begins: day(9), ends: day(8) };
        assert_eq!((life.renewal_due(7), life.at(day(9))), (day(9), LifeState::Renewable));
    }
}
