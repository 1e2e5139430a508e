//! Capture on a real log.

use std::path::Path;

use process::clock::ManualClock;
use process::configuration::{Checked, Problems, parse};
use protocol::event::{DowntimeEntry, EventKind};
use protocol::time::UtcMicros;
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::*;
use crate::buffer::Opening;
use crate::buffer::configuration::BufferSection;
use crate::reading::{Nature, Value};
use crate::status::StatusBoard;

#[derive(Debug, Deserialize)]
struct Machines {
    machine: Vec<MachineSection>,
}

impl Checked for Machines {
    fn check(&self, _: &mut Problems) {}
}

const MACHINES: &str = "[[machine]]\nname = \"m\"\n[machine.signal.c]\nrole = \"counter\"\nrollover = 65536\n\
                        [machine.signal.s]\nrole = \"state\"\nmap = { r = \"running\", s = \"stopped\" }\ndebounce_ms = 200\n";

/// An agent's log and capture, without sources and without central.
pub(crate) struct Agent {
    pub(crate) buffer: Buffer,
    pub(crate) clock: ManualClock,
    pub(crate) live: LiveView,
    pub(crate) board: StatusBoard,
    pub(crate) machines: watch::Sender<Arc<[MachineSection]>>,
    pub(crate) capture: CaptureSender,
    running: JoinHandle<Result<(), BufferError>>,
}

pub(crate) fn sections(text: &str) -> Arc<[MachineSection]> {
    parse::<Machines>(text, "test").unwrap().machine.into()
}

impl Agent {
    fn start(data_dir: &Path) -> Agent {
        Agent::start_with(data_dir, sections(MACHINES))
    }

    pub(crate) fn start_with(data_dir: &Path, machines: Arc<[MachineSection]>) -> Agent {
        let clock = ManualClock::at(UtcMicros(1_800_000_000_000_000));
        let board = StatusBoard::new(Arc::new(clock.clone()));
        let opening = Opening {
            data_dir,
            section: &BufferSection::default(),
            clock: Arc::new(clock.clone()),
            boot_id: Some("boot".to_owned()),
            instance_id: 1,
            status: board.subject("buffer", "buffer"),
        };
        let (buffer, _) = Buffer::open(opening).unwrap();
        let (capture, receiver) = CaptureSender::channel();
        let (machines, followed) = watch::channel(machines);
        let live = LiveView::default();
        let surroundings = Surroundings {
            buffer: buffer.clone(),
            clock: Arc::new(clock.clone()),
            trust: ClockTrust::default(),
            status: board.subject("capture", "capture"),
            live: live.clone(),
            machines: followed,
        };
        let running = tokio::spawn(run(receiver, surroundings));
        Agent { buffer, clock, live, board, machines, capture, running }
    }

    fn reading(&self, signal: &str, value: Value) -> Item {
        Item::Reading(Reading {
            machine: Name::new("m").unwrap(),
            signal: Name::new(signal).unwrap(),
            value,
            taken: self.clock.now(),
            source_at: None,
            nature: Nature::Live,
        })
    }

    async fn store(&self, signal: &str, value: Value) {
        self.capture.store(vec![self.reading(signal, value)], None).await.unwrap();
    }

    pub(crate) async fn kinds(&self) -> Vec<EventKind> {
        let run = self.buffer.read(Seq::NONE, 100_000, 1 << 26).await.unwrap();
        run.events.iter().map(|event| event.decode_kind().unwrap()).collect()
    }

    pub(crate) async fn pieces(&self) -> i64 {
        let kinds = self.kinds().await;
        kinds.iter().map(|kind| if let EventKind::Count(count) = kind { count.delta } else { 0 }).sum()
    }

    pub(crate) async fn stop(self) {
        drop(self.capture);
        self.running.await.unwrap().unwrap();
        self.buffer.close().await;
    }

    /// As a kill does: nothing is finished, what was not committed is gone.
    pub(crate) async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
        self.buffer.close().await;
    }
}

#[tokio::test]
async fn what_is_answered_is_in_the_log_and_a_restart_goes_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    agent.store("c", Value::Integer(65_530)).await;
    agent.store("c", Value::Integer(65_535)).await;
    assert_eq!(agent.pieces().await, 5);
    agent.kill().await;

    let agent = Agent::start(dir.path());
    agent.store("c", Value::Integer(4)).await;
    assert_eq!(agent.pieces().await, 10);
    assert_eq!(agent.live.snapshot()[0].good, 10);
    agent.stop().await;
}

#[tokio::test]
async fn submissions_keep_their_order_and_all_are_stored_when_capture_ends() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let mut answers = Vec::new();
    for shown in 0..3_000 {
        answers.push(agent.capture.queue(vec![agent.reading("c", Value::Integer(shown))], None).await.unwrap());
    }
    for answer in answers {
        answer.await.unwrap();
    }
    let shown: Vec<i64> = agent
        .kinds()
        .await
        .iter()
        .filter_map(|kind| if let EventKind::Count(count) = kind { count.raw } else { None })
        .collect();
    assert_eq!(shown, (0..3_000).collect::<Vec<_>>());
    let last = agent.capture.queue(vec![agent.reading("c", Value::Integer(3_007))], None).await.unwrap();
    let buffer = agent.buffer.clone();
    drop(agent.capture);
    agent.running.await.unwrap().unwrap();
    last.await.unwrap();
    assert_eq!(buffer.states().await.unwrap().len(), 1);
    buffer.close().await;
}

#[tokio::test]
async fn receipts_and_positions_are_stored_with_their_readings() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let receipt = Receipt { source: Name::new("broker").unwrap(), key: 7, serial: 1, digest: [3; 16] };
    agent.capture.store(vec![agent.reading("c", Value::Integer(1))], Some(receipt.clone())).await.unwrap();
    for position in [b"1".to_vec(), b"2".to_vec()] {
        let items = vec![agent.reading("c", Value::Integer(2))];
        agent.capture.queue_with_position(items, "replay/x".to_owned(), position).await.unwrap().await.unwrap();
    }
    agent.kill().await;
    let agent = Agent::start(dir.path());
    assert_eq!(agent.buffer.receipts(receipt.source.clone()).await.unwrap(), [receipt]);
    assert_eq!(agent.buffer.states().await.unwrap()["replay/x"], b"2");
    agent.stop().await;
}

#[tokio::test]
async fn time_alone_makes_a_debounced_state_true() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    agent.store("s", Value::Text("s".to_owned())).await;
    assert!(agent.kinds().await.is_empty());
    agent.clock.advance_us(200_000);
    let mut appended = agent.buffer.appended();
    tokio::time::timeout(Duration::from_secs(20), appended.wait_for(|newest| newest.0 >= 2)).await.unwrap().unwrap();
    let kinds = agent.kinds().await;
    assert!(matches!(kinds[1], EventKind::Downtime(DowntimeEntry::Began { .. })), "{kinds:?}");
    agent.stop().await;
}

#[tokio::test]
async fn a_new_configuration_keeps_what_is_known_also_of_a_machine_that_was_away() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    agent.store("c", Value::Integer(10)).await;
    agent.machines.send_replace(sections("[[machine]]\nname = \"other\"\n"));
    let wait = async || {
        while agent.live.snapshot()[0].machine.as_str() != "other" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait()).await.unwrap();
    agent.store("c", Value::Integer(12)).await;
    assert_eq!(agent.pieces().await, 0, "nobody knows this machine");
    let with_other_limit = MACHINES.replace("rollover = 65536", "rollover = 65536\nplausible_per_second_max = 100");
    agent.machines.send_replace(sections(&with_other_limit));
    let wait = async || {
        while agent.live.snapshot()[0].machine.as_str() != "m" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait()).await.unwrap();
    agent.store("c", Value::Integer(15)).await;
    assert_eq!(agent.pieces().await, 5);
    let snapshot = agent.board.snapshot();
    let capture = snapshot.iter().find(|entry| entry.condition.subject == "capture").unwrap();
    assert_eq!(capture.counters["unknown_signals"], 1);
    agent.stop().await;
}
