//! What sync counts of itself since the process started, for `/metrics`. Several centrals each count their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::StatusCode;

use crate::sync::request::Requests;
use crate::web::metrics::{Exposes, Exposition, Type};

/// What became of a batch, heartbeats included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is committed, with this request or before.
    Accepted,
    /// Answered with the epoch in which its agent is to go on.
    NewEpoch,
    /// A second history: refused until a person decides.
    Diverged,
    /// The agent was told to come back: central or its database is busy, stopping, or wants the batch sent again.
    Again,
    /// Refused for what it is: not readable, too large, too slow, of an agent that is not let in.
    Rejected,
    /// The database refuses it in a way that nobody foresaw.
    Failed,
}

impl Outcome {
    const ALL: [Outcome; 6] =
        [Outcome::Accepted, Outcome::NewEpoch, Outcome::Diverged, Outcome::Again, Outcome::Rejected, Outcome::Failed];

    /// What a refusal with this status means.
    #[must_use]
    pub fn of_refusal(status: StatusCode) -> Outcome {
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Outcome::Again,
            _ if status.is_server_error() => Outcome::Failed,
            _ => Outcome::Rejected,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::NewEpoch => "new_epoch",
            Outcome::Diverged => "diverged",
            Outcome::Again => "again",
            Outcome::Rejected => "rejected",
            Outcome::Failed => "failed",
        }
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    batches: [AtomicU64; Outcome::ALL.len()],
    events_committed: AtomicU64,
    groups_committed: AtomicU64,
    group_failures: AtomicU64,
    group_us: AtomicU64,
    enrolled: AtomicU64,
    enrolments_refused: AtomicU64,
    connections: AtomicU64,
}

impl Counters {
    pub fn batch(&self, outcome: Outcome) {
        add(&self.batches[outcome as usize], 1);
    }

    /// A group was committed, with so many events that were new.
    pub fn group_committed(&self, events: u64, took: Duration) {
        add(&self.groups_committed, 1);
        add(&self.events_committed, events);
        add(&self.group_us, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// A try came to nothing, whether it is tried again or not.
    pub fn group_failed(&self) {
        add(&self.group_failures, 1);
    }

    pub fn enrolment(&self, enrolled: bool) {
        add(if enrolled { &self.enrolled } else { &self.enrolments_refused }, 1);
    }

    /// Counts a connection for as long as the guard lives.
    #[must_use]
    pub fn connection(self: &Arc<Counters>) -> OpenConnection {
        add(&self.connections, 1);
        OpenConnection(self.clone())
    }
}

#[derive(Debug)]
pub struct OpenConnection(Arc<Counters>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// The agents' port as `/metrics` sees it.
#[derive(Debug)]
pub struct Metrics {
    pub counters: Arc<Counters>,
    pub requests: Arc<Requests>,
    pub connections_max: usize,
}

impl Exposes for Metrics {
    fn expose(&self, to: &mut Exposition) {
        let counters = &self.counters;
        let name = "central_sync_batches_total";
        to.family(name, Type::Counter, "Batches of agents that were answered, heartbeats included, by outcome.");
        for outcome in Outcome::ALL {
            to.sample(name, &[("outcome", outcome.as_str())], get(&counters.batches[outcome as usize]));
        }
        let help = "Events committed, each once.";
        to.single("central_sync_events_committed_total", Type::Counter, help, get(&counters.events_committed));
        let help = "Transactions that committed a group of batches.";
        to.single("central_sync_groups_committed_total", Type::Counter, help, get(&counters.groups_committed));
        let help = "Tries to commit a group that came to nothing; most are tried again.";
        to.single("central_sync_group_failures_total", Type::Counter, help, get(&counters.group_failures));
        let help = "Time spent on the groups that were committed.";
        let seconds = Duration::from_micros(get(&counters.group_us)).as_secs_f64();
        to.single("central_sync_group_seconds_total", Type::Counter, help, seconds);
        let help = "Batches that wait for their transaction.";
        to.single("central_sync_waiting_batches", Type::Gauge, help, self.requests.queue.len());
        let (used, limit) = self.requests.memory_bytes();
        let help = "Memory set aside for batches that are read, wait or are committed.";
        to.single("central_sync_batch_memory_bytes", Type::Gauge, help, used);
        let help = "As much as there is of it; past it agents are told to come back.";
        to.single("central_sync_batch_memory_limit_bytes", Type::Gauge, help, limit);
        let help = "Connections of agents that are open.";
        to.single("central_sync_connections", Type::Gauge, help, get(&counters.connections));
        let help = "As many as may be open; further ones wait.";
        to.single("central_sync_connections_limit", Type::Gauge, help, self.connections_max);
        let name = "central_sync_enrolments_total";
        to.family(name, Type::Counter, "Enrolment codes that were tried, by outcome.");
        to.sample(name, &[("outcome", "enrolled")], get(&counters.enrolled));
        to.sample(name, &[("outcome", "refused")], get(&counters.enrolments_refused));
    }
}
