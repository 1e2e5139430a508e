//! `[uplink]`: how the agent speaks with central. Where central is and who it is came with the enrolment.

use process::configuration::{KeyPath, Problems};
use protocol::limits::EVENTS_PER_BATCH_MAX;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UplinkSection {
    /// `host:port` of central's port for agents, where it has moved since the enrolment. Its key stays the same.
    pub address: Option<String>,
    /// Longest silence while nothing happens.
    pub heartbeat_ms: u64,
    /// Most events in one batch. Fewer are sent while central is slow.
    pub batch_events_max: usize,
    pub connect_timeout_ms: u64,
    /// How long central may take to answer a batch.
    pub response_timeout_ms: u64,
    /// Longest pause between attempts while central cannot be reached.
    pub retry_max_ms: u64,
}

impl Default for UplinkSection {
    fn default() -> UplinkSection {
        UplinkSection {
            address: None,
            heartbeat_ms: 10_000,
            batch_events_max: EVENTS_PER_BATCH_MAX,
            connect_timeout_ms: 5_000,
            response_timeout_ms: 30_000,
            retry_max_ms: 30_000,
        }
    }
}

impl UplinkSection {
    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if let Some(address) = &self.address
            && let Err(problem) = super::link::Address::parse(address)
        {
            problems.add(at.key("address"), problem.to_string());
        }
        let batch_events_max = self.batch_events_max as u64;
        for (key, value, least, most) in [
            ("heartbeat_ms", self.heartbeat_ms, 500, 60_000),
            ("batch_events_max", batch_events_max, 1, EVENTS_PER_BATCH_MAX as u64),
            ("connect_timeout_ms", self.connect_timeout_ms, 100, 60_000),
            ("response_timeout_ms", self.response_timeout_ms, 500, 300_000),
            ("retry_max_ms", self.retry_max_ms, 100, 600_000),
        ] {
            if !(least..=most).contains(&value) {
                problems.add(at.key(key), format!("{value} is out of range: expected {least} to {most}"));
            }
        }
    }
}
