//! `[worker]`.

use std::net::SocketAddr;

use process::configuration::{KeyPath, Problems};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSection {
    /// Whether `central serve` works on queues, too. `central worker` does in any case.
    pub enabled: bool,
    /// Jobs of one queue at one time.
    pub concurrency: usize,
    /// How long jobs of a worker that died stay with it, before others get them.
    pub lease_s: u64,
    /// `central worker` only: health and metrics. Absent: none.
    pub listen: Option<SocketAddr>,
}

impl Default for WorkerSection {
    fn default() -> WorkerSection {
        WorkerSection { enabled: true, concurrency: 4, lease_s: 60, listen: None }
    }
}

impl WorkerSection {
    pub fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if !(1..=64).contains(&self.concurrency) {
            problems.add(at.key("concurrency"), format!("{} is out of range: expected 1 to 64", self.concurrency));
        }
        if !(3..=3_600).contains(&self.lease_s) {
            problems.add(at.key("lease_s"), format!("{} is out of range: expected 3 to 3600", self.lease_s));
        }
    }
}
