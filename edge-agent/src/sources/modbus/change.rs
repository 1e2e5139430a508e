//! Which readings are worth submitting. Pure.
//!
//! A value is submitted when it changes, and once more at the next poll, because an implausible counter is believed only
//! when a second reading agrees. After that an unchanged value is repeated: counters and states every [`ALIVE_MS`], so
//! that "nothing was produced" is told from "nobody answered"; measured values every `repeat_ms`. The filter stands here
//! and not behind the capture queue, because a reading that is not submitted costs no queue slot and no wake-up.

use crate::reading::Value;

/// How often a counter or state that stays the same is said to be still so.
pub const ALIVE_MS: u64 = 5_000;

/// What was last submitted of one signal.
#[derive(Debug, Clone, Default)]
pub struct LastSubmitted {
    value: Option<Value>,
    at_ms: u64,
    confirmed: bool,
}

impl LastSubmitted {
    /// Whether `value`, read at `now_ms`, is to be submitted; if so, it counts as submitted.
    pub fn wants(&mut self, value: &Value, now_ms: u64, repeat_ms: u64) -> bool {
        let repeat_ms = match value {
            Value::Bool(_) | Value::Integer(_) => repeat_ms.min(ALIVE_MS),
            Value::Number(_) | Value::Text(_) | Value::Unavailable => repeat_ms,
        };
        let same = self.value.as_ref() == Some(value);
        if same && self.confirmed && now_ms.saturating_sub(self.at_ms) < repeat_ms {
            return false;
        }
        if !same {
            self.value = Some(value.clone());
        }
        self.confirmed = same;
        self.at_ms = now_ms;
        true
    }

    /// The device was silent: what it says next is news, whatever it is.
    pub fn forget(&mut self) {
        *self = LastSubmitted::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(values: &[(u64, Value)]) -> Vec<u64> {
        let mut last = LastSubmitted::default();
        values.iter().filter(|(at, value)| last.wants(value, *at, 60_000)).map(|(at, _)| *at).collect()
    }

    #[test]
    fn a_change_is_submitted_and_confirmed_once() {
        let polls: Vec<(u64, Value)> =
            (0..6).map(|second| (second * 100, Value::Integer(i64::from(second >= 3)))).collect();
        assert_eq!(submitted(&polls), [0, 100, 300, 400]);
    }

    #[test]
    fn an_unchanged_count_stays_alive_and_an_unchanged_measurement_repeats_seldom() {
        let polls = |value: Value| (0..=70).map(|second| (second * 1_000, value.clone())).collect::<Vec<_>>();
        let counts = submitted(&polls(Value::Integer(7)));
        assert!(counts.windows(2).all(|pair| pair[1] - pair[0] <= ALIVE_MS), "{counts:?}");
        assert_eq!(submitted(&polls(Value::Number(7.0))), [0, 1_000, 61_000]);
    }

    #[test]
    fn after_a_silence_everything_is_news() {
        let mut last = LastSubmitted::default();
        assert!(last.wants(&Value::Bool(true), 0, 60_000) && last.wants(&Value::Bool(true), 1, 60_000));
        assert!(!last.wants(&Value::Bool(true), 2, 60_000));
        last.forget();
        assert!(last.wants(&Value::Bool(true), 3, 60_000));
    }
}
