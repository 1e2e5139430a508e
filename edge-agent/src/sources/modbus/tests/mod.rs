//! The source against real sockets and pseudo-terminals.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use process::clock::SystemClock;
use process::configuration::{Checked, KeyPath, Problems, parse};
use protocol::batch::Health;
use protocol::event::MachineState;
use protocol::id::Name;
use protocol::time::UtcMicros;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::configuration::ModbusSection;
use crate::capture::{CaptureSender, Submission};
use crate::reading::{Item, Reading, Value};
use crate::signals::{Live, LiveView};
use crate::sources::SourceContext;
use crate::status::{Snapshot, StatusBoard};

mod examples;
mod faults;
mod outputs;
#[cfg(unix)]
mod serial;
mod simulator;

const PATIENCE: Duration = Duration::from_secs(20);

/// The part of a configuration file that is this source's.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    modbus: Vec<ModbusSection>,
}

impl Checked for File {
    fn check(&self, problems: &mut Problems) {
        for (index, section) in self.modbus.iter().enumerate() {
            section.check(&KeyPath::root().key("modbus").index(index), problems);
        }
    }
}

fn section(text: &str) -> ModbusSection {
    parse::<File>(text, "test.toml").unwrap_or_else(|error| panic!("{error}")).modbus.remove(0)
}

/// A running source, what it submitted, and what it says of itself. Stops when dropped.
struct Running {
    submissions: mpsc::Receiver<Submission>,
    board: StatusBoard,
    stopping: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    latest: HashMap<String, Value>,
    live: LiveView,
}

impl Running {
    fn start(section: ModbusSection) -> Running {
        let clock = Arc::new(SystemClock::new(1));
        let board = StatusBoard::new(clock.clone());
        let (capture, submissions) = CaptureSender::channel();
        let (stopping, live) = (CancellationToken::new(), LiveView::default());
        let status = board.subject(&section.name, "modbus");
        let context = SourceContext { capture, status, clock, stopping: stopping.clone() };
        let task = tokio::spawn(super::run(section, context, live.clone()));
        Running { submissions, board, stopping, task, latest: HashMap::new(), live }
    }

    /// What the signal engine says of a machine from here on.
    fn machine_is(&self, machine: &str, state: MachineState) {
        let (machine, state_since) = (Name::new(machine).unwrap(), UtcMicros(0));
        self.live.update(|live| {
            live.retain(|known| known.machine != machine);
            let (good, scrap, rework, stops, last_reading_at) = (0, 0, 0, 0, None);
            let recent_stops = Arc::default();
            live.push(Live { machine, state, state_since, good, scrap, rework, stops, last_reading_at, recent_stops });
        });
    }

    /// The readings of the next submission.
    async fn next(&mut self) -> Vec<Reading> {
        let submission = timeout(PATIENCE, self.submissions.recv()).await;
        let submission = submission.unwrap_or_else(|_| panic!("nothing came: {:#?}", self.board.snapshot()));
        let submission = submission.expect("a source");
        let _ = submission.stored.send(None);
        let readings = submission.items.into_iter().map(|item| match item {
            Item::Reading(reading) => reading,
            Item::Occurrence(occurrence) => panic!("no occurrence is expected: {occurrence:?}"),
        });
        let readings: Vec<Reading> = readings.collect();
        for reading in &readings {
            self.latest.insert(reading.signal.to_string(), reading.value.clone());
        }
        readings
    }

    /// Reads on until a signal has this value.
    async fn until(&mut self, signal: &str, value: &Value) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.latest.get(signal) != Some(value) {
            assert!(tokio::time::Instant::now() < deadline, "{signal} is {:?}", self.latest.get(signal));
            self.next().await;
        }
    }

    fn status(&self, subject: &str) -> Snapshot {
        self.find(subject).expect("a subject of this name")
    }

    fn find(&self, subject: &str) -> Option<Snapshot> {
        self.board.snapshot().into_iter().find(|entry| entry.condition.subject == subject)
    }

    /// Waits until a subject is so, and returns why. Submissions are answered meanwhile.
    async fn until_health(&mut self, subject: &str, health: Health) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let condition = self.find(subject).map(|entry| entry.condition);
            match condition {
                Some(condition) if condition.health == health => return condition.reason,
                other => assert!(tokio::time::Instant::now() < deadline, "{other:?}"),
            }
            let _ = timeout(Duration::from_millis(20), self.next()).await;
        }
    }

    /// Waits until something is so. Submissions are answered meanwhile.
    async fn until_so(&mut self, what: &str, mut is_so: impl FnMut(&Running) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(tokio::time::Instant::now() < deadline, "never: {what}: {:#?}", self.board.snapshot());
            let _ = timeout(Duration::from_millis(20), self.next()).await;
        }
    }

    async fn stop(self) {
        self.stopping.cancel();
        timeout(PATIENCE, self.task).await.expect("an end").expect("no panic").expect("no failure");
    }
}
