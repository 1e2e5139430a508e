//! The agent around a source, as far as a source can tell.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use process::clock::SystemClock;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::broker::{Broker, PATIENCE};
use crate::capture::{CaptureSender, Receipt, Stored, Submission};
use crate::reading::{Item, Reading};
use crate::sources::SourceContext;
use crate::sources::mqtt::configuration::MqttSection;
use crate::sources::mqtt::poison::{PoisonRecord, PoisonStore};
use crate::sources::mqtt::source::Source;
use crate::status::StatusBoard;

/// What outlives a process: the log.
#[derive(Default)]
pub(super) struct Log {
    pub(super) items: Vec<Item>,
    pub(super) receipts: BTreeMap<u32, Receipt>,
}

impl Log {
    pub(super) fn readings(&self) -> Vec<Reading> {
        let reading = |item: &Item| match item {
            Item::Reading(reading) => Some(reading.clone()),
            Item::Occurrence(_) => None,
        };
        self.items.iter().filter_map(reading).collect()
    }

    pub(super) fn values(&self) -> Vec<String> {
        self.readings().iter().map(|reading| format!("{}={:?}", reading.signal, reading.value)).collect()
    }
}

pub(super) struct Agent {
    task: JoinHandle<()>,
    submissions: mpsc::Receiver<Submission>,
    board: StatusBoard,
    stopping: CancellationToken,
    folder: TempDir,
    section: MqttSection,
    pub(super) log: Log,
}

pub(super) fn section(broker: &Broker, toml: &str) -> MqttSection {
    let text =
        format!("name = \"broker\"\nhost = \"127.0.0.1\"\nport = {}\nclient_id = \"agent-1\"\n{toml}", broker.port);
    toml::from_str(&text).unwrap()
}

impl Agent {
    pub(super) fn start(section: MqttSection) -> Agent {
        Agent::start_with(section, Log::default(), tempfile::tempdir().unwrap())
    }

    fn start_with(section: MqttSection, log: Log, folder: TempDir) -> Agent {
        let clock = Arc::new(SystemClock::new(1));
        let board = StatusBoard::new(clock.clone());
        let (capture, submissions) = CaptureSender::channel();
        let stopping = CancellationToken::new();
        let context =
            SourceContext { capture, status: board.subject("broker", "mqtt"), clock, stopping: stopping.clone() };
        let receipts = log.receipts.values().cloned().collect();
        let source = Source::new(section.clone(), context, receipts, folder.path().to_owned());
        let task = tokio::spawn(source.run());
        Agent { task, submissions, board, stopping, folder, section, log }
    }

    /// Ends the process as a power cut does, and starts it again from its log.
    pub(super) async fn kill_and_start(self) -> Agent {
        let section = self.section.clone();
        self.kill_and_start_as(section).await
    }

    pub(super) async fn kill_and_start_as(self, section: MqttSection) -> Agent {
        if !self.task.is_finished() {
            self.task.abort();
            let _ = self.task.await;
        }
        Agent::start_with(section, self.log, self.folder)
    }

    /// The process is gone; its log and its folder are not.
    pub(super) async fn task_is_away(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Stores until the source has had time to answer a message and everything before it.
    pub(super) async fn until_idle(&mut self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Everything the broker still has for the agent has come when a last message has.
    pub(super) async fn kill_connection_and_settle(&mut self, wire: &super::broker::Wire) {
        let lost = self.counter("connections_lost");
        wire.cut();
        self.store_while_waiting("a cut", |agent| agent.counter("connections_lost") > lost).await;
        self.connected().await;
        self.until_idle().await;
        self.store_while_waiting("settled", |_| true).await;
        while let Ok(submission) = self.submissions.try_recv() {
            let _ = self.commit(submission).send(None);
        }
    }

    pub(super) async fn stop_and_keep(mut self) -> Agent {
        self.stopping.cancel();
        tokio::time::timeout(PATIENCE, &mut self.task).await.expect("it stops").unwrap();
        self
    }

    pub(super) async fn stop(self) -> Log {
        self.stopping.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it stops").unwrap();
        self.log
    }

    pub(super) async fn submission(&mut self) -> Submission {
        let submission = tokio::time::timeout(PATIENCE, self.submissions.recv()).await;
        submission.expect("something is submitted").expect("the source runs")
    }

    /// What is committed survives a kill, answered or not.
    pub(super) fn commit(&mut self, submission: Submission) -> tokio::sync::oneshot::Sender<Stored> {
        self.log.items.extend(submission.items);
        if let Some(receipt) = submission.receipt {
            self.log.receipts.insert(receipt.key, receipt);
        }
        submission.stored
    }

    pub(super) async fn store_one(&mut self) {
        let submission = self.submission().await;
        let _ = self.commit(submission).send(None);
    }

    /// Stores everything until there are so many readings.
    pub(super) async fn store_until(&mut self, readings: usize) {
        while self.log.readings().len() < readings {
            self.store_one().await;
        }
    }

    /// Stores whatever comes until the condition holds.
    pub(super) async fn store_while_waiting(&mut self, what: &str, holds: impl Fn(&Agent) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(tokio::time::Instant::now() < deadline, "{what}: {:?}", self.board.snapshot());
            if let Ok(Some(submission)) = tokio::time::timeout(Duration::from_millis(20), self.submissions.recv()).await
            {
                let _ = self.commit(submission).send(None);
            }
        }
    }

    pub(super) async fn connected(&mut self) {
        self.store_while_waiting("connected", |agent| agent.reason("broker").starts_with("connected")).await;
    }

    pub(super) fn reason(&self, subject: &str) -> String {
        let snapshot = self.board.snapshot();
        let found = snapshot.into_iter().find(|it| it.condition.subject == subject);
        found.map(|it| it.condition.reason).unwrap_or_default()
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        let snapshot = self.board.snapshot();
        let broker = snapshot.iter().find(|it| it.condition.subject == "broker");
        broker.and_then(|it| it.counters.get(name)).copied().unwrap_or(0)
    }

    pub(super) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn poison(&self) -> Vec<PoisonRecord> {
        PoisonStore::new(self.data_dir(), &self.section.name).newest(100).unwrap()
    }
}
