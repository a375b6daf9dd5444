//! FILETIME: the tick in which Windows, the directories and the `msLAPS-*` attributes count.

use core::{fmt, str::FromStr, time::Duration};

/// 100-nanosecond ticks since 1601-01-01T00:00:00Z. [MS-DTYP] 2.3.3.
///
/// Printed as RFC 3339 in UTC with seven fractional digits, as Microsoft Graph prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(u64);

const TICKS_PER_SECOND: u64 = 10_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Ticks between 1601-01-01 and 1970-01-01: 134,774 days.
const UNIX_EPOCH_TICKS: u64 = 134_774 * SECONDS_PER_DAY * TICKS_PER_SECOND;
/// 9999-12-31T23:59:59.9999999Z, the last instant that RFC 3339 can print.
const TICKS_MAX: u64 = 3_067_671 * SECONDS_PER_DAY * TICKS_PER_SECOND - 1;

/// Why a value is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileTimeError {
    /// The instant lies before 1601 or after 9999.
    #[error("the time lies outside the years 1601 to 9999")]
    OutOfRange,
    /// The text is not RFC 3339 in UTC.
    #[error("{0:?} is not a time: expected the form 2026-05-06T07:08:09.1234567Z")]
    Malformed(String),
}

impl FileTime {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(UNIX_EPOCH_TICKS);
    /// The end of the year 9999.
    pub const MAX: Self = Self(TICKS_MAX);

    /// From ticks of 100 ns since 1601, at most the end of the year 9999.
    ///
    /// # Errors
    /// [`FileTimeError::OutOfRange`] beyond that.
    pub const fn from_ticks(ticks: u64) -> Result<Self, FileTimeError> {
        if ticks <= TICKS_MAX { Ok(Self(ticks)) } else { Err(FileTimeError::OutOfRange) }
    }

    /// Ticks of 100 ns since 1601.
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// From the time since 1970-01-01T00:00:00Z; a fraction below 100 ns is cut off.
    ///
    /// # Errors
    /// [`FileTimeError::OutOfRange`] after the year 9999.
    pub fn from_unix(since_1970: Duration) -> Result<Self, FileTimeError> {
        u64::try_from(since_1970.as_nanos() / 100)
            .ok()
            .and_then(|ticks| ticks.checked_add(UNIX_EPOCH_TICKS))
            .map_or(Err(FileTimeError::OutOfRange), Self::from_ticks)
    }

    /// The time since 1970-01-01T00:00:00Z; zero for an instant before it.
    #[must_use]
    pub const fn since_unix(self) -> Duration {
        let ticks = self.0.saturating_sub(UNIX_EPOCH_TICKS);
        Duration::from_secs(ticks / TICKS_PER_SECOND)
            .saturating_add(Duration::from_nanos(ticks % TICKS_PER_SECOND * 100))
    }

    /// This instant moved forward, at most to the end of the year 9999.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let ticks = u64::try_from(by.as_nanos() / 100).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ticks).min(TICKS_MAX))
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        let ticks = self.0.saturating_sub(earlier.0);
        Duration::from_secs(ticks / TICKS_PER_SECOND)
            .saturating_add(Duration::from_nanos(ticks % TICKS_PER_SECOND * 100))
    }
}

impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / TICKS_PER_SECOND;
        let (year, month, day) = civil_from_days(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:07}Z",
            self.0 % TICKS_PER_SECOND
        )
    }
}

impl fmt::Debug for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileTime({self})")
    }
}

impl FromStr for FileTime {
    type Err = FileTimeError;

    /// Reads RFC 3339 in UTC (`Z`), with up to nine fractional digits, those after the seventh cut off.
    fn from_str(text: &str) -> Result<Self, FileTimeError> {
        parse(text).ok_or_else(|| FileTimeError::Malformed(text.chars().take(40).collect()))
    }
}

fn parse(text: &str) -> Option<FileTime> {
    let (date, time) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-');
    let year = digits(date.next()?, 4)?;
    let month = digits(date.next()?, 2)?;
    let day = digits(date.next()?, 2)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':');
    let hour = digits(time.next()?, 2)?;
    let minute = digits(time.next()?, 2)?;
    let second = digits(time.next()?, 2)?;
    if hour > 23 || minute > 59 || second > 59 || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanos = fraction
        .bytes()
        .chain(core::iter::repeat(b'0'))
        .take(9)
        .try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))?;
    let days = days_from_civil(year, month, day)?;
    let seconds = days.checked_mul(SECONDS_PER_DAY)? + hour * 3600 + minute * 60 + second;
    FileTime::from_ticks(seconds.checked_mul(TICKS_PER_SECOND)? + nanos / 100).ok()
}

fn digits(text: &str, len: usize) -> Option<u64> {
    (text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

const DAYS_PER_400_YEARS: u64 = 146_097;

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1601-01-01, the first day of a 400-year cycle, to the start of `year`.
const fn days_to_year(year: u64) -> u64 {
    let years = year - 1601;
    years * 365 + years / 4 - years / 100 + years / 400
}

fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let valid = (1601..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day);
    valid.then(|| days_to_year(year) + (1..month).map(|month| days_in(year, month)).sum::<u64>() + day - 1)
}

/// Year, month and day of a day counted from 1601-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let mut year = 1601 + days * 400 / DAYS_PER_400_YEARS;
    while days_to_year(year) > days {
        year -= 1;
    }
    while days_to_year(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_to_year(year);
    let mut month = 1;
    while rest >= days_in(year, month) {
        rest -= days_in(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_instants_print_and_parse() {
        let table = [
            (0, "1601-01-01T00:00:00.0000000Z"),
            (116_444_736_000_000_000, "1970-01-01T00:00:00.0000000Z"),
            // The `t` of the specification's sample: 0x1dd1e7a00000000 ticks.
            (0x1dd_1e7a_0000_0000, "2026-07-28T10:15:22.5826304Z"),
            (TICKS_MAX, "9999-12-31T23:59:59.9999999Z"),
        ];
        for (ticks, text) in table {
            let time = FileTime::from_ticks(ticks).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse::<FileTime>().unwrap(), time);
        }
        assert_eq!(FileTime::from_ticks(TICKS_MAX + 1), Err(FileTimeError::OutOfRange));
    }

    #[test]
    fn the_unix_epoch_is_where_windows_says() {
        let epoch = FileTime::from_unix(Duration::ZERO).unwrap();
        assert_eq!(epoch.ticks(), 116_444_736_000_000_000);
        assert_eq!(
            epoch.saturating_add(Duration::from_millis(1500)).since_unix(),
            Duration::from_millis(1500)
        );
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-1-01T00:00:00Z",
            "1600-12-31T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+01:00",
            "2026-13-01T00:00:00Z",
        ] {
            assert!(text.parse::<FileTime>().is_err(), "{text}");
        }
        assert_eq!(
            "2024-02-29T00:00:00Z".parse::<FileTime>().unwrap().to_string(),
            "2024-02-29T00:00:00.0000000Z"
        );
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_is_the_identity(ticks in 0..=TICKS_MAX) {
            let time = FileTime::from_ticks(ticks).unwrap();
            prop_assert_eq!(time.to_string().parse::<FileTime>().unwrap(), time);
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            drop(text.parse::<FileTime>());
        }
    }
}
