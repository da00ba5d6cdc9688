//! What both threads count: octets, and when the last one went either way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::deadline::Deadline;

/// Application octets only: a flood of session tickets is no activity.
pub struct Activity {
    start: Instant,
    /// Milliseconds after `start` of the last octet either way; the greeting counts.
    last: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl Activity {
    pub fn new() -> Activity {
        Activity { start: Instant::now(), last: AtomicU64::new(0), up: AtomicU64::new(0), down: AtomicU64::new(0) }
    }

    pub fn up(&self, octets: usize) {
        self.add(&self.up, octets);
    }

    pub fn down(&self, octets: usize) {
        self.add(&self.down, octets);
    }

    pub fn counts(&self) -> (u64, u64) {
        (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed))
    }

    /// When `timeout` will have passed without an octet, counted from the latest of start, last octet and `from`.
    pub fn quiet_for(&self, timeout: Duration, from: Option<Instant>) -> Deadline {
        let last = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed));
        Deadline::since(from.map_or(last, |from| from.max(last)), timeout)
    }

    fn add(&self, count: &AtomicU64, octets: usize) {
        count.fetch_add(octets as u64, Ordering::Relaxed);
        self.progress();
    }

    /// Octets have moved, counted here or elsewhere.
    pub fn progress(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}
