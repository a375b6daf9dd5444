//! When a device calls home: at boot, when it is woken, when there is something to tell, and on a schedule.

use core::time::Duration;

use crate::{agent::Jitter, types::BootTime};

/// The time between two sessions of the schedule, in seconds, less up to a fifth; Intune's is the same. "DMClient CSP",
/// Poll.
pub const CONTACT_SECONDS: u64 = 8 * 3600;
/// The wait after a first session that failed; doubled each time up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(2);
/// The longest wait after a session that failed, while something is to be told or was called for.
const RETRY_MAX: Duration = Duration::from_secs(50);
/// The same if only the schedule asks for it.
const IDLE_RETRY_MAX: Duration = Duration::from_mins(15);

/// Why a session is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// The server has called.
    WakeUp,
    /// There is something to tell.
    News,
    /// The schedule, or the start of the agent.
    Schedule,
}

/// Decides when the next session starts. One at a time; what asks for one meanwhile gets another.
#[derive(Debug, Clone)]
pub struct Contact {
    jitter: Jitter,
    is_open: bool,
    /// The most urgent reason for a session that has not been met by one yet.
    wanted: Option<Because>,
    /// Why the session under way was started.
    under_way: Option<Because>,
    next: BootTime,
    failures: u32,
    /// No session before this, for the last one failed.
    not_before: BootTime,
}

impl Contact {
    /// The first session is due at once.
    #[must_use]
    pub const fn new(now: BootTime, seed: u64) -> Self {
        Self {
            jitter: Jitter::new(seed),
            is_open: false,
            wanted: Some(Because::Schedule),
            under_way: None,
            next: now,
            failures: 0,
            not_before: now,
        }
    }

    /// Somebody asks for a session. A call of the server does not wait for the next attempt: it can be reached.
    pub fn want(&mut self, now: BootTime, because: Because) {
        self.wanted = Some(self.wanted.map_or(because, |wanted| wanted.min(because)));
        if because == Because::WakeUp {
            self.not_before = now;
        }
    }

    /// The network is another: the next attempt need not wait.
    pub fn network_changed(&mut self, now: BootTime) {
        self.not_before = self.not_before.min(now.saturating_add(RETRY_MIN));
    }

    /// Whether a session is to be started now, and why.
    pub fn poll_start(&mut self, now: BootTime) -> Option<Because> {
        if self.is_open || now < self.not_before {
            return None;
        }
        if self.next <= now {
            self.wanted.get_or_insert(Because::Schedule);
        }
        let because = self.wanted.take()?;
        self.is_open = true;
        self.under_way = Some(because);
        Some(because)
    }

    /// The session has ended, to its end or not.
    pub fn ended(&mut self, now: BootTime, is_complete: bool) {
        self.is_open = false;
        let because = self.under_way.take();
        let period = self.jitter.shorten(Duration::from_secs(CONTACT_SECONDS));
        self.next = now.saturating_add(period);
        if is_complete {
            self.failures = 0;
            self.not_before = now;
            return;
        }
        if let Some(because) = because {
            self.wanted = Some(self.wanted.map_or(because, |wanted| wanted.min(because)));
        }
        let longest = if self.wanted == Some(Because::Schedule) { IDLE_RETRY_MAX } else { RETRY_MAX };
        let wait = RETRY_MIN.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.saturating_add(self.jitter.shorten(wait));
    }

    /// When to call [`Self::poll_start`]; not while a session is open.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<BootTime> {
        let due = if self.wanted.is_some() { self.not_before } else { self.next.max(self.not_before) };
        (!self.is_open).then_some(due)
    }
}
