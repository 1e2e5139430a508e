//! What follows from how an attempt ended. Pure: time and chance are handed in.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::attempt::{Failure, Outcome};

/// A receiver that asks for more patience than this is asked again anyway.
const ASKED_FOR_MAX: Duration = Duration::from_secs(3_600);

/// How often, and with which pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    pub first: Duration,
    pub longest: Duration,
    pub attempts_max: u32,
}

impl RetryPolicy {
    /// The pause after attempt number `attempt` (from 1): between half of a ceiling that doubles, and all of it, by
    /// `jitter` in 0..1. None after the last attempt.
    #[must_use]
    pub fn pause(&self, attempt: u32, jitter: f64) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(31);
        let ceiling = self.first.saturating_mul(1_u32 << doublings).min(self.longest);
        Some(ceiling.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
    }

    /// Whether a message that was read for the `attempt`th time may be tried at all.
    #[must_use]
    pub fn allows(&self, attempt: u32) -> bool {
        attempt <= self.attempts_max
    }
}

/// What is done with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// To the archive, with others.
    Archive,
    /// Nothing: it went with its effect, or it is somebody else's.
    Leave,
    RetryIn(Duration),
    DeadLetter,
}

/// The table of decisions.
#[must_use]
pub fn decide(policy: &RetryPolicy, attempt: u32, ended: &Result<Outcome, Failure>, jitter: f64) -> Decision {
    match ended {
        Ok(Outcome::Done) => Decision::Archive,
        Ok(Outcome::Finished) | Err(Failure::LostLease) => Decision::Leave,
        Err(Failure::Fail(_)) => Decision::DeadLetter,
        Err(Failure::Retry { after, .. }) => match policy.pause(attempt, jitter) {
            None => Decision::DeadLetter,
            Some(pause) => Decision::RetryIn(pause.max(after.unwrap_or_default().min(ASKED_FOR_MAX))),
        },
    }
}

/// How many messages to take next, after a full batch of `before` took so long. Quick jobs come in large batches, so that
/// a commit is shared by many; slow ones only as they can be worked on, so that other workers find some too.
#[must_use]
pub fn next_batch(before: usize, took: Duration, within: &RangeInclusive<usize>) -> usize {
    const QUICK: Duration = Duration::from_millis(50);
    const SLOW: Duration = Duration::from_millis(200);
    let next = if took <= QUICK {
        before.saturating_mul(2)
    } else if took >= SLOW {
        before / 2
    } else {
        before
    };
    next.clamp(*within.start(), *within.end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policies() -> impl Strategy<Value = RetryPolicy> {
        (1_u64..10_000, 1_u64..10_000_000, 1_u32..60).prop_map(|(first, more, attempts_max)| RetryPolicy {
            first: Duration::from_millis(first),
            longest: Duration::from_millis(first + more),
            attempts_max,
        })
    }

    proptest! {
        #[test]
        fn pauses_grow_stay_within_their_limits_and_end(policy in policies(), jitters in prop::collection::vec(0.0..1.0, 80)) {
            let mut before = Duration::ZERO;
            let mut tried = 0;
            for (attempt, jitter) in (1..).zip(jitters) {
                tried = attempt;
                let (Some(least), Some(most)) = (policy.pause(attempt, 0.0), policy.pause(attempt, 1.0)) else { break };
                let pause = policy.pause(attempt, jitter).unwrap();
                prop_assert!(least <= pause && pause <= most);
                prop_assert!(most <= policy.longest && least >= policy.first.mul_f64(0.5));
                prop_assert!(most >= before, "ceilings never shrink");
                prop_assert!(most == policy.longest || attempt == 1 || most >= before.mul_f64(1.99), "and double");
                before = most;
            }
            prop_assert_eq!(tried, policy.attempts_max, "the last attempt has no pause after it");
            prop_assert!(policy.allows(policy.attempts_max) && !policy.allows(policy.attempts_max + 1));
        }

        #[test]
        fn a_retry_is_never_sooner_than_was_asked_for_and_never_for_ever(
            policy in policies(), attempt in 1_u32..70, asked_s in 0_u64..1_000_000, jitter in 0.0..1.0
        ) {
            let asked = Duration::from_secs(asked_s);
            let ended = Err(Failure::Retry { error: anyhow::anyhow!("later"), after: Some(asked) });
            match decide(&policy, attempt, &ended, jitter) {
                Decision::RetryIn(pause) => {
                    prop_assert!(pause >= asked.min(ASKED_FOR_MAX) && pause <= policy.longest.max(ASKED_FOR_MAX));
                    prop_assert!(attempt < policy.attempts_max);
                }
                Decision::DeadLetter => prop_assert!(attempt >= policy.attempts_max),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn batches_stay_within_their_bounds(before in 0_usize..10_000, took_ms in 0_u64..100_000, least in 1_usize..8) {
            let next = next_batch(before, Duration::from_millis(took_ms), &(least..=256));
            prop_assert!((least..=256).contains(&next));
        }
    }

    #[test]
    fn the_table_of_decisions() {
        let policy = RetryPolicy { first: Duration::from_secs(1), longest: Duration::from_secs(60), attempts_max: 3 };
        let retry = || Err(Failure::Retry { error: anyhow::anyhow!("away"), after: None });
        for (attempt, ended, expected) in [
            (1, Ok(Outcome::Done), Decision::Archive),
            (9, Ok(Outcome::Done), Decision::Archive),
            (1, Ok(Outcome::Finished), Decision::Leave),
            (1, Err(Failure::LostLease), Decision::Leave),
            (1, Err(Failure::Fail(anyhow::anyhow!("no"))), Decision::DeadLetter),
            (1, retry(), Decision::RetryIn(Duration::from_secs(1))),
            (2, retry(), Decision::RetryIn(Duration::from_secs(2))),
            (3, retry(), Decision::DeadLetter),
            (4, retry(), Decision::DeadLetter),
        ] {
            assert_eq!(decide(&policy, attempt, &ended, 1.0), expected, "{attempt} {ended:?}");
        }
    }
}
