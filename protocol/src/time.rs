//! Moments, and how far they can be trusted.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtcMicros(pub i64);

impl UtcMicros {
    /// `self - earlier` in microseconds; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: UtcMicros) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    #[must_use]
    pub fn plus_us(self, us: i64) -> UtcMicros {
        UtcMicros(self.0.saturating_add(us))
    }
}

/// A moment on the monotonic clock of one boot of one computer. Differences are true durations whatever the wall
/// clock does; two boots cannot be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
pub struct Monotonic {
    /// Counts the boots this agent's database has seen.
    pub boot: u32,
    pub us: u64,
}

/// How sure the clock was that gave an event its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// The agent's clock, within tolerance of central's when they last spoke in this boot.
    Synchronized,
    /// The agent's clock, not compared with central's in this boot.
    Unverified,
    /// The agent's clock, known to be wrong (a PC that boots in 1970) and not yet corrected.
    Wrong,
    /// Corrected afterwards from the monotonic clock, once the agent knew the time.
    Restamped,
    /// Given by the machine, its gateway or a recording.
    Source,
}
