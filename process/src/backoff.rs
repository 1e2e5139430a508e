//! Growing pauses between tries, with full jitter, so that a plant's agents do not come back all at once.

use std::time::Duration;

/// Doubles its ceiling at every failure. The caller brings the randomness.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, failures: 0 }
    }

    /// The pause after one more failure: between half of the present ceiling and all of it, by `jitter` in 0..1.
    pub fn failed(&mut self, jitter: f64) -> Duration {
        let ceiling = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_anew_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
        let pauses: Vec<u64> = (0..6).map(|_| backoff.failed(1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        backoff.succeeded();
        assert_eq!(backoff.failed(0.0), Duration::from_millis(500));
    }
}
