//! A clock: points in time, and shares of what is left until one.

use std::time::{Duration, Instant};

/// A point in time that a stage must not outlive. One clock per stage, not one timeout per read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(timeout: Duration) -> Deadline {
        Deadline::since(Instant::now(), timeout)
    }

    pub fn now() -> Deadline {
        Deadline(Instant::now())
    }

    /// `timeout` after `start`; a sum past the end of the clock means "in a year".
    pub fn since(start: Instant, timeout: Duration) -> Deadline {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        Deadline(start.checked_add(timeout.min(YEAR)).unwrap_or(start))
    }

    /// What is left; zero when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The same in whole seconds, for a sentence.
    pub fn seconds_left(self) -> u64 {
        self.left().as_secs_f64().round() as u64
    }

    pub fn passed(self) -> bool {
        self.left().is_zero()
    }

    /// The same clock after it has been stopped for a while.
    pub fn later(self, by: Duration) -> Deadline {
        Deadline::since(self.0, by)
    }

    /// The end of an equal share of what is left, for the first of `parts` that still want a turn.
    pub fn share(self, parts: usize) -> Deadline {
        Deadline::after(self.left() / u32::try_from(parts.max(1)).unwrap_or(u32::MAX))
    }
}

/// `n` seconds. Under the `test-hooks` feature SMTPS_BRIDGE_TEST_SPEED divides every clock of the program.
pub fn seconds(n: u64) -> Duration {
    millis(n.saturating_mul(1000))
}

/// `n` milliseconds, scaled like `seconds`.
pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n) / speed()
}

#[cfg(feature = "test-hooks")]
fn speed() -> u32 {
    std::env::var("SMTPS_BRIDGE_TEST_SPEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

#[cfg(not(feature = "test-hooks"))]
fn speed() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_an_equal_part_of_what_is_left() {
        let hour = Deadline::after(Duration::from_secs(3600));
        let third = hour.share(3).left().as_secs();
        assert!((1195..=1200).contains(&third), "{third}");
        assert!(hour.share(1).left() > Duration::from_secs(3590));
        assert!(hour.share(0) >= hour.share(2));
    }

    #[test]
    fn a_deadline_in_the_past_has_nothing_left() {
        let past = Deadline::now();
        assert!(past.passed());
        assert_eq!(past.share(2).left(), Duration::ZERO);
    }

    #[test]
    fn an_endless_timeout_does_not_overflow() {
        assert!(!Deadline::after(Duration::MAX).passed());
    }
}
