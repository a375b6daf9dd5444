//! What a person sees while a command works: one line a step, with the time it took.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::os;

/// A run of steps, timed from its beginning.
#[derive(Debug)]
pub struct Steps {
    begun: Instant,
}

impl Steps {
    /// Starts the clock.
    #[must_use]
    pub fn begin() -> Self {
        Self { begun: os::now() }
    }

    /// Does `work` and prints `✓ title (0.4 s)`, or `✗ title (0.4 s)` when it fails.
    ///
    /// # Errors
    /// Those of `work`, unchanged.
    pub fn run<T>(&self, title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let begun = os::now();
        let result = work();
        let mark = if result.is_ok() { '✓' } else { '✗' };
        println!("{mark} {title} ({})", seconds(begun.elapsed()));
        result
    }

    /// The time since the beginning, for the closing line.
    #[must_use]
    pub fn elapsed(&self) -> String {
        seconds(self.begun.elapsed())
    }
}

/// A duration as a person reads it: `0.4 s`, `2 min 7 s`.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole / 60 {
        0 => format!("{:.1} s", duration.as_secs_f64()),
        minutes => format!("{minutes} min {} s", whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(seconds(Duration::from_millis(444)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(59_900)), "59.9 s");
        assert_eq!(seconds(Duration::from_secs(127)), "2 min 7 s");
    }
}
