//! How long a session of the console lasts, and how fresh its second factor is.

use core::time::Duration;

use lapwing_core::types::FileTime;

/// Without a request.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// In all.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(12 * 3600);
/// From the password to the second factor.
const HALF_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a second factor counts as fresh.
const FRESH_MAX: Duration = Duration::from_secs(5 * 60);
/// Requests within it need not be written down one by one.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// The times of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: FileTime,
    pub(crate) last_seen: FileTime,
    /// None while only the password was given.
    pub(crate) second_factor: Option<FileTime>,
}

/// What a session is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Ended,
    /// The password was right; the second factor is to come.
    Half,
    Full {
        fresh: bool,
    },
}

impl Times {
    pub(crate) fn stage(&self, now: FileTime) -> Stage {
        let age = now.saturating_since(self.created);
        if age > AGE_MAX || now.saturating_since(self.last_seen) > IDLE_MAX {
            return Stage::Ended;
        }
        match self.second_factor {
            None if age > HALF_MAX => Stage::Ended,
            None => Stage::Half,
            // A clock set back makes nothing fresh.
            Some(at) => Stage::Full { fresh: at <= now && now.saturating_since(at) <= FRESH_MAX },
        }
    }

    /// Whether this request is to be written down as the last one.
    pub(crate) fn is_to_be_touched(&self, now: FileTime) -> bool {
        now.saturating_since(self.last_seen) >= TOUCH_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    fn times(second_factor: bool) -> (FileTime, Times) {
        let at: FileTime = "2026-05-06T07:08:09Z".parse().unwrap();
        (at, Times { created: at, last_seen: at, second_factor: second_factor.then_some(at) })
    }

    #[test]
    fn a_session_ends_by_idleness_and_by_age() {
        let (at, times) = times(true);
        assert_eq!(times.stage(at.saturating_add(MINUTE * 15)), Stage::Full { fresh: false });
        assert_eq!(times.stage(at.saturating_add(MINUTE * 15 + SECOND)), Stage::Ended);
        let late = at.saturating_add(AGE_MAX);
        let busy = Times { last_seen: late, ..times };
        assert_eq!(busy.stage(late), Stage::Full { fresh: false });
        assert_eq!(busy.stage(late.saturating_add(SECOND)), Stage::Ended);
    }

    #[test]
    fn a_second_factor_is_fresh_for_five_minutes() {
        let (at, times) = times(true);
        assert_eq!(times.stage(at.saturating_add(MINUTE * 5)), Stage::Full { fresh: true });
        assert_eq!(times.stage(at.saturating_add(MINUTE * 5 + SECOND)), Stage::Full { fresh: false });
        let ahead = Times { second_factor: Some(at.saturating_add(SECOND)), ..times };
        assert_eq!(ahead.stage(at), Stage::Full { fresh: false });
    }

    #[test]
    fn a_password_alone_is_good_for_five_minutes_on_the_way_to_the_second_factor() {
        let (at, times) = times(false);
        assert_eq!(times.stage(at.saturating_add(MINUTE * 5)), Stage::Half);
        assert_eq!(times.stage(at.saturating_add(MINUTE * 5 + SECOND)), Stage::Ended);
    }
}
