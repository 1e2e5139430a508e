//! What every source and device is doing, since when and why; and the local page that tells.
//!
//! A [`Subject`] is a cheap handle held by the one task that knows its condition. Readers take a snapshot.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use process::clock::Clock;
use protocol::batch::{Condition, Health};

pub mod configuration;
pub mod endpoint;
mod metrics;
pub mod report;

/// Names on the board that are the agent's own parts, and so no source's.
pub const RESERVED_NAMES: [&str; 7] = ["buffer", "capture", "central", "clock", "configuration", "station", "status"];

/// All conditions and counters of this process.
#[derive(Debug, Clone)]
pub struct StatusBoard {
    clock: Arc<dyn Clock>,
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
    /// Grows with every change of a condition.
    revision: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct Entry {
    kind: &'static str,
    condition: Condition,
    counters: BTreeMap<&'static str, u64>,
}

/// One source, or one device of it.
#[derive(Debug, Clone)]
pub struct Subject {
    board: StatusBoard,
    name: String,
    kind: &'static str,
}

/// A subject's condition and counters, copied.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub condition: Condition,
    pub counters: BTreeMap<&'static str, u64>,
}

impl StatusBoard {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> StatusBoard {
        StatusBoard { clock, entries: Arc::default(), revision: Arc::default() }
    }

    /// Registers a subject; `kind` is the source's: `modbus`, `mqtt`, `scanner`, `buffer`, `uplink`.
    #[must_use]
    pub fn subject(&self, name: &str, kind: &'static str) -> Subject {
        let subject = Subject { board: self.clone(), name: name.to_owned(), kind };
        subject.change(|_| {});
        subject
    }

    /// Another number whenever a condition changed. Counters do not count.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Sum of a counter over all subjects.
    #[must_use]
    pub fn total(&self, counter: &str) -> u64 {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.values().filter_map(|entry| entry.counters.get(counter)).sum()
    }

    /// How one subject is doing; none when there is no such subject.
    #[must_use]
    pub fn condition(&self, subject: &str) -> Option<Condition> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(subject).map(|entry| entry.condition.clone())
    }

    #[must_use]
    pub fn snapshot(&self) -> Vec<Snapshot> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .values()
            .map(|entry| Snapshot { condition: entry.condition.clone(), counters: entry.counters.clone() })
            .collect()
    }
}

impl Subject {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A part of this subject: `press-line/press-1`.
    #[must_use]
    pub fn device(&self, name: &str) -> Subject {
        self.board.subject(&format!("{}/{name}", self.name), self.kind)
    }

    /// Says how the subject is doing. The same health and reason again changes nothing, and `since` stays; a change is
    /// logged.
    pub fn set(&self, health: Health, reason: impl Into<String>) {
        let reason = reason.into();
        let now = self.board.clock.wall();
        let changed = self.change(|entry| {
            if entry.condition.health == health && entry.condition.reason == reason {
                return false;
            }
            if entry.condition.health != health {
                entry.condition.since = now;
            }
            entry.condition.health = health;
            entry.condition.reason.clone_from(&reason);
            true
        });
        if changed {
            self.board.revision.fetch_add(1, Ordering::Release);
            match health {
                Health::Good | Health::Starting => tracing::info!(subject = self.name, ?health, reason),
                Health::Degraded | Health::Down => tracing::warn!(subject = self.name, ?health, reason),
            }
        }
    }

    /// Adds to a counter that metrics show as `edge_agent_<counter>_total{subject="…"}`.
    pub fn count(&self, counter: &'static str, add: u64) {
        self.change(|entry| *entry.counters.entry(counter).or_default() += add);
    }

    /// Takes the subject and its devices off the board, when a new configuration no longer has it.
    pub fn remove(&self) {
        let devices = format!("{}/", self.name);
        let mut entries = self.board.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|name, _| *name != self.name && !name.starts_with(&devices));
        self.board.revision.fetch_add(1, Ordering::Release);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> T {
        let now = self.board.clock.wall();
        let mut entries = self.board.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(self.name.clone()).or_insert_with(|| Entry {
            kind: self.kind,
            condition: Condition {
                subject: self.name.clone(),
                kind: self.kind.to_owned(),
                health: Health::Starting,
                reason: String::new(),
                since: now,
            },
            counters: BTreeMap::new(),
        });
        debug_assert_eq!(entry.kind, self.kind, "two kinds of subject called {}", self.name);
        change(entry)
    }
}

#[cfg(test)]
mod tests {
    use process::clock::ManualClock;

    use super::*;

    #[test]
    fn since_is_when_the_health_changed_and_a_repetition_changes_nothing() {
        let clock = ManualClock::default();
        let board = StatusBoard::new(Arc::new(clock.clone()));
        let subject = board.subject("press-line", "modbus");
        clock.advance_us(5);
        subject.set(Health::Down, "refused");
        let revision = board.revision();
        clock.advance_us(5);
        subject.set(Health::Down, "refused");
        assert_eq!(board.revision(), revision);
        subject.set(Health::Down, "no route");
        assert!(board.revision() > revision);
        assert_eq!(board.snapshot()[0].condition.since.0, 5);
    }

    #[test]
    fn a_subject_leaves_with_its_devices_and_with_nobody_elses() {
        let board = StatusBoard::new(Arc::new(ManualClock::default()));
        let line = board.subject("line", "modbus");
        let _device = line.device("press-1");
        let _other = board.subject("line-2", "modbus").device("press-1");
        line.remove();
        let left: Vec<String> = board.snapshot().into_iter().map(|it| it.condition.subject).collect();
        assert_eq!(left, ["line-2", "line-2/press-1"]);
    }

    #[test]
    fn counters_are_summed_over_subjects() {
        let board = StatusBoard::new(Arc::new(ManualClock::default()));
        board.subject("a", "mqtt").count("poison_messages", 2);
        board.subject("b", "mqtt").count("poison_messages", 3);
        assert_eq!(board.total("poison_messages"), 5);
    }
}
