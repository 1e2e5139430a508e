//! `[buffer]`: how much the log may hold, and what gives way first.

use process::configuration::{KeyPath, Problems};
use serde::Deserialize;

/// Below this a log could not hold an hour of an ordinary line.
const BYTES_MIN: u64 = 16 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BufferSection {
    /// Size of the log at which telemetry is no longer taken and its status is `down`. Facts and entries are still taken,
    /// for as long as the disk holds them.
    pub bytes_max: u64,
    /// Filled this far, only one measurement per signal is kept for every `thin_to_ms`, and old ones are dropped.
    pub thin_above_percent: u8,
    pub thin_to_ms: u64,
    /// Filled this far, measurements are refused.
    pub refuse_above_percent: u8,
    /// Measurements that waited longer than this are dropped.
    pub telemetry_days_max: u32,
}

impl Default for BufferSection {
    fn default() -> BufferSection {
        BufferSection {
            bytes_max: 1024 * 1024 * 1024,
            thin_above_percent: 80,
            thin_to_ms: 60_000,
            refuse_above_percent: 90,
            telemetry_days_max: 90,
        }
    }
}

impl BufferSection {
    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if self.bytes_max < BYTES_MIN {
            problems
                .add(at.key("bytes_max"), format!("{} is too small: expected at least {BYTES_MIN}", self.bytes_max));
        }
        if !(1..=99).contains(&self.thin_above_percent) {
            let text = format!("{} is no such part: expected 1 to 99", self.thin_above_percent);
            problems.add(at.key("thin_above_percent"), text);
        }
        if self.refuse_above_percent <= self.thin_above_percent || self.refuse_above_percent > 100 {
            let text = format!(
                "{} is out of order: expected more than thin_above_percent ({}) and at most 100",
                self.refuse_above_percent, self.thin_above_percent
            );
            problems.add(at.key("refuse_above_percent"), text);
        }
        if !(1..=86_400_000).contains(&self.thin_to_ms) {
            let text = format!("{} is out of range: expected 1 to 86400000 (a day)", self.thin_to_ms);
            problems.add(at.key("thin_to_ms"), text);
        }
        if self.telemetry_days_max == 0 {
            problems.add(at.key("telemetry_days_max"), "0 would drop every measurement: expected at least 1");
        }
    }
}
