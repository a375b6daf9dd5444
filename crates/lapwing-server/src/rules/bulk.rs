//! Bulk rotations: for the day on which every password has to change.
//!
//! A bulk rotation is for the devices that it selected when it was made. Canaries are asked first, the others once all
//! canaries are done or an operator says so, so many a minute, until it is paused, cancelled, or stops by itself because
//! too many fail. All of it follows from what the database holds: which devices were asked when, and how that ended.

mod counts;

use core::{fmt, str::FromStr, time::Duration};

use lapwing_core::types::FileTime;

pub(crate) use self::counts::{BulkStanding, Counts};
use super::policy_assignment::{Group, GroupError, Member};

/// The most devices that can be asked in a minute.
pub(crate) const PER_MINUTE_MAX: u32 = 6000;
/// The most devices that are asked at once.
pub(crate) const BATCH_MAX: u32 = PER_MINUTE_MAX / 60;
/// A share of failures says something only after so many have ended.
pub(crate) const ENDED_MIN: u64 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Which devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    Of(Group),
}

impl Selection {
    pub(crate) fn contains(&self, member: &Member) -> bool {
        match self {
            Self::All => true,
            Self::Of(group) => group.contains(member),
        }
    }
}

impl FromStr for Selection {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::Of) }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Of(group) => group.fmt(f),
        }
    }
}

/// How many devices are asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Canaries {
    Number(u32),
    Percent(u32),
}

impl Canaries {
    /// Their number among so many devices; a share is rounded up.
    pub(crate) fn among(self, devices: u32) -> u32 {
        match self {
            Self::Number(number) => number.min(devices),
            Self::Percent(percent) => {
                let share = (u64::from(devices) * u64::from(percent)).div_ceil(100);
                u32::try_from(share).unwrap_or(devices).min(devices)
            }
        }
    }
}

/// The longest reason, in characters.
pub(crate) const REASON_CHARS_MAX: usize = 200;

/// Why it is done, in one line for the audit log; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason(String);

impl Reason {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = BulkError;

    fn from_str(text: &str) -> Result<Self, BulkError> {
        let text = text.trim();
        let is_line = text.chars().count() <= REASON_CHARS_MAX && !text.contains(|c: char| c.is_control());
        is_line.then(|| Self(text.to_owned())).ok_or(BulkError::Reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the parameters of a bulk rotation have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BulkError {
    #[error("canaries are a number, or a percentage up to `100%`")]
    Canaries,
    #[error("the rate is 1 to {PER_MINUTE_MAX} devices a minute")]
    Rate,
    #[error("the share of failures to stop at is 1 to 100 per cent")]
    StopAt,
    #[error("a reason is one line of at most {REASON_CHARS_MAX} characters")]
    Reason,
}

impl FromStr for Canaries {
    type Err = BulkError;

    fn from_str(text: &str) -> Result<Self, BulkError> {
        let number = |text: &str| text.parse::<u32>().map_err(|_| BulkError::Canaries);
        match text.strip_suffix('%') {
            None => number(text).map(Self::Number),
            Some(percent) => match number(percent)? {
                percent @ 0..=100 => Ok(Self::Percent(percent)),
                _ => Err(BulkError::Canaries),
            },
        }
    }
}

/// How fast and how carefully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Devices a minute.
    pub(crate) per_minute: u32,
    /// The share of failures to stop at, in per cent.
    pub(crate) stop_at: u32,
}

impl Pace {
    pub(crate) fn parse(per_minute: u32, stop_at: u32) -> Result<Self, BulkError> {
        if !(1..=PER_MINUTE_MAX).contains(&per_minute) {
            return Err(BulkError::Rate);
        }
        if !(1..=100).contains(&stop_at) {
            return Err(BulkError::StopAt);
        }
        Ok(Self { per_minute, stop_at })
    }

    /// How many are asked at once: a second's worth.
    const fn batch(self) -> u32 {
        self.per_minute.div_ceil(60)
    }

    /// How many may be asked now, or after how long one may.
    pub(crate) fn due(self, asked: &Asked, now: FileTime) -> Result<u32, Duration> {
        let spacing = MINUTE.saturating_mul(self.batch()) / self.per_minute.max(1);
        let earliest = asked.last.map_or(now, |last| last.saturating_add(spacing));
        let wait = earliest.saturating_since(now);
        // A clock that was set back must not stop it for longer.
        if !wait.is_zero() && wait <= MINUTE.saturating_mul(2) {
            return Err(wait);
        }
        match self.per_minute.saturating_sub(asked.in_last_minute) {
            0 => Err(spacing),
            left => Ok(self.batch().min(left)),
        }
    }
}

/// Who was asked lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) last: Option<FileTime>,
    /// How many in the minute before now.
    pub(crate) in_last_minute: u32,
}

impl Asked {
    /// The start of the minute before `now`.
    pub(crate) fn minute_before(now: FileTime) -> FileTime {
        FileTime::from_unix(now.since_unix().saturating_sub(MINUTE)).unwrap_or(now)
    }
}

/// What was decided about a bulk rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BulkState {
    Running,
    /// By an operator.
    Paused,
    /// By itself: too many failed.
    Stopped,
    /// By an operator, for good.
    Cancelled,
    /// Every device has ended.
    Finished,
}

impl BulkState {
    pub(crate) const ALL: [Self; 5] =
        [Self::Running, Self::Paused, Self::Stopped, Self::Cancelled, Self::Finished];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }
}

/// What an operator can say to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Pause,
    Resume,
    Cancel,
}

/// The word makes no sense in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bulk rotation that is {} cannot be {}", .0.as_str(), match .1 { Word::Pause => "paused", Word::Resume => "resumed", Word::Cancel => "cancelled" })]
pub(crate) struct WordError(pub(crate) BulkState, pub(crate) Word);

impl Word {
    /// The state after it.
    pub(crate) const fn said_to(self, state: BulkState) -> Result<BulkState, WordError> {
        match (self, state) {
            (Self::Pause, BulkState::Running) => Ok(BulkState::Paused),
            // Also while it runs: canaries that never answer are passed by.
            (Self::Resume, BulkState::Running | BulkState::Paused | BulkState::Stopped) => {
                Ok(BulkState::Running)
            }
            (Self::Cancel, BulkState::Running | BulkState::Paused | BulkState::Stopped) => {
                Ok(BulkState::Cancelled)
            }
            (Self::Pause | Self::Resume | Self::Cancel, _) => Err(WordError(state, self)),
        }
    }
}

/// A bulk rotation, as far as it decides what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: BulkState,
    /// Whether an operator has sent the others after the canaries.
    pub(crate) past_canaries: bool,
    /// All devices, and the canaries among them.
    pub(crate) all: Counts,
    pub(crate) canaries: Counts,
    /// What had ended and failed when an operator resumed it: only what comes later counts for stopping.
    pub(crate) ended_before: u64,
    pub(crate) failures_before: u64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask canaries, as many as are due.
    AskCanaries,
    /// Ask any, as many as are due.
    Ask,
    /// Wait: for canaries, for devices, or for an operator.
    Wait,
    /// Stop: too many fail.
    Stop,
    /// It is over.
    Finish,
}

impl Progress {
    /// Whether only canaries may be asked.
    pub(crate) const fn holds_for_canaries(&self) -> bool {
        !self.past_canaries && self.canaries.total() > 0 && !self.canaries.are_done()
    }

    fn fails(&self, stop_at: u32) -> bool {
        let ended = self.all.ended().saturating_sub(self.ended_before);
        let failures = self.all.failures().saturating_sub(self.failures_before);
        ended >= ENDED_MIN && failures.saturating_mul(100) >= ended.saturating_mul(u64::from(stop_at))
    }

    pub(crate) fn step(&self, stop_at: u32) -> Step {
        match self.state {
            BulkState::Cancelled | BulkState::Finished => Step::Wait,
            BulkState::Running | BulkState::Paused | BulkState::Stopped if self.all.is_over() => Step::Finish,
            BulkState::Paused | BulkState::Stopped => Step::Wait,
            BulkState::Running if self.all.waiting == 0 => Step::Wait,
            BulkState::Running if self.fails(stop_at) => Step::Stop,
            BulkState::Running if !self.holds_for_canaries() => Step::Ask,
            BulkState::Running if self.canaries.waiting > 0 => Step::AskCanaries,
            BulkState::Running => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests;
