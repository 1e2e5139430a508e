//! What every source and device is doing, since when and why; and the local page that tells.
//!
//! A [`Subject`] is a cheap handle held by the one task that knows its condition. Readers take a snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use process::clock::Clock;
use protocol::batch::{Condition, Health};

pub mod configuration;

/// All conditions and counters of this process.
#[derive(Debug, Clone)]
pub struct StatusBoard {
    clock: Arc<dyn Clock>,
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
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
        StatusBoard { clock, entries: Arc::default() }
    }

    /// Registers a subject; `kind` is the source's: `modbus`, `mqtt`, `scanner`, `buffer`, `uplink`.
    #[must_use]
    pub fn subject(&self, name: &str, kind: &'static str) -> Subject {
        let subject = Subject { board: self.clone(), name: name.to_owned(), kind };
        subject.change(|_| {});
        subject
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

    /// Takes the subject off the board, when a new configuration no longer has it.
    pub fn remove(&self) {
        self.board.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
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
