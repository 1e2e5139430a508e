//! The log as its users see it, on real files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use process::clock::{Clock, ManualClock};
use protocol::batch::{Condition, Health, OriginKind};
use protocol::correction::Corrections;
use protocol::event::{Count, CountBasis, MeasuredValue, Measurement, PieceQuality};
use protocol::id::OriginId;

use super::configuration::BufferSection;
use super::log::Log;
use super::thread::Meddling;
use super::*;
use crate::status::StatusBoard;

mod faults;
mod full;
mod killed;
mod model;
mod reader;

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn count(delta: i64) -> PendingEvent {
    PendingEvent {
        origin: OriginName::machine(name("press-1")),
        at: UtcMicros(1_700_000_000_000_000 + delta),
        clock: ClockQuality::Synchronized,
        monotonic: Monotonic { boot: 1, us: 1_000 },
        kind: EventKind::Count(Count {
            signal: name("good"),
            quality: PieceQuality::Good,
            delta,
            raw: Some(delta),
            basis: CountBasis::Increase,
        }),
    }
}

pub(super) fn counts(deltas: impl IntoIterator<Item = i64>) -> Append {
    Append { events: deltas.into_iter().map(count).collect(), ..Append::default() }
}

pub(super) fn measurement(signal: &str, us: u64) -> PendingEvent {
    PendingEvent {
        origin: OriginName::machine(name("press-1")),
        at: UtcMicros(1_700_000_000_000_000 + us.cast_signed()),
        clock: ClockQuality::Synchronized,
        monotonic: Monotonic { boot: 1, us },
        kind: EventKind::Measurement(Measurement {
            signal: name(signal),
            value: MeasuredValue::Text("x".repeat(200)),
            unit: None,
        }),
    }
}

/// A log with all that belongs to it.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) clock: ManualClock,
    pub(super) board: StatusBoard,
    pub(super) section: BufferSection,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(BufferSection::default())
    }

    pub(super) fn with(section: BufferSection) -> Bench {
        let clock = ManualClock::at(UtcMicros(1_700_000_000_000_000));
        let board = StatusBoard::new(Arc::new(clock.clone()));
        Bench { dir: tempfile::tempdir().unwrap(), clock, board, section }
    }

    pub(super) fn file(&self) -> std::path::PathBuf {
        log_file(self.dir.path())
    }

    pub(super) fn try_open_at(&self, data_dir: &Path, boot_id: &str) -> Result<(Buffer, Opened), OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let status = self.board.subject("buffer", "buffer");
        let boot_id = Some(boot_id.to_owned());
        Buffer::open(Opening { data_dir, section: &self.section, clock, boot_id, instance_id: 7, status })
    }

    pub(super) fn open(&self) -> (Buffer, Opened) {
        self.try_open_at(self.dir.path(), "boot-a").unwrap()
    }

    pub(super) fn condition(&self) -> Condition {
        let snapshot = self.board.snapshot();
        snapshot.into_iter().find(|entry| entry.condition.subject == "buffer").unwrap().condition
    }

    pub(super) async fn until_health(&self, health: Health) -> Condition {
        for _ in 0..2_000 {
            if self.condition().health == health {
                return self.condition();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the buffer never became {health:?}: {:?}", self.condition());
    }
}

impl Buffer {
    pub(super) async fn meddle(&self, what: impl FnOnce(&mut Log) + Send + 'static) {
        let (done, waiting) = oneshot::channel();
        let meddling = Meddling(Box::new(move |log| {
            what(log);
            let _ = done.send(());
        }));
        self.send(&self.other_places, Command::Meddle(meddling)).await.unwrap();
        waiting.await.unwrap();
    }
}

pub(super) async fn kinds(buffer: &Buffer) -> Vec<EventKind> {
    let run = buffer.read(Seq::NONE, 20_000, 1 << 30).await.unwrap();
    run.events.iter().map(|event| event.decode_kind().unwrap()).collect()
}

#[tokio::test]
async fn events_are_numbered_without_holes_also_after_everything_was_acknowledged() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    assert_eq!(buffer.append(counts(1..=3)).await.unwrap(), Some(Seq(3)));
    assert_eq!(buffer.append(Append::default()).await.unwrap(), None);
    let run = buffer.read(Seq::NONE, 100, 1 << 20).await.unwrap();
    assert_eq!((run.first, run.events.len()), (Seq(1), 3));
    let hash = ChainHash::START.after(&run.events);
    buffer.acknowledge(Seq(3), hash).await.unwrap();
    buffer.close().await;

    let (buffer, _) = bench.open();
    let position = buffer.position().await.unwrap();
    assert_eq!((position.acknowledged, position.hash, position.newest), (Seq(3), hash, Seq(3)));
    assert_eq!((position.backlog_events, position.oldest_at), (0, None));
    assert_eq!(buffer.append(counts([4])).await.unwrap(), Some(Seq(4)));
    let run = buffer.read(Seq::NONE, 100, 1 << 20).await.unwrap();
    assert_eq!((run.first, run.events.len()), (Seq(4), 1));
    assert_eq!(run.events[0].decode_kind().unwrap(), count(4).kind);
    assert_eq!(*run.origins, [Origin { id: OriginId(1), kind: OriginKind::Machine, name: name("press-1") }]);
}

#[tokio::test]
async fn the_disk_is_synced_at_every_commit_and_the_file_stays_lean() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    // Forgetting does not wait for the disk; whatever is committed after it does.
    buffer.append(counts([1, 2])).await.unwrap();
    buffer.acknowledge(Seq(1), ChainHash([1; 16])).await.unwrap();
    let (sender, found) = oneshot::channel();
    buffer
        .meddle(|log| {
            log.delete_acknowledged().unwrap();
            let number = |sql: &str| log.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            let mode: String = log.connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            let numbers = ["synchronous", "auto_vacuum", "mmap_size", "temp_store", "page_size", "journal_size_limit"]
                .map(|pragma| number(&format!("PRAGMA {pragma}")));
            sender.send((mode, numbers)).unwrap();
        })
        .await;
    // synchronous 2 is FULL, auto_vacuum 2 is INCREMENTAL, temp_store 2 is MEMORY.
    assert_eq!(found.await.unwrap(), ("wal".to_owned(), [2, 2, 0, 2, 4096, 8 * 1024 * 1024]));
}

#[tokio::test]
async fn starts_and_boots_are_counted_also_in_a_copy() {
    let bench = Bench::new();
    let (buffer, first) = bench.open();
    assert_eq!((first.instance.starts, first.instance.id, first.boot), (1, 7, 1));
    buffer.append(counts([1])).await.unwrap();
    buffer.close().await;
    let (buffer, second) = bench.open();
    assert_eq!((second.instance.starts, second.boot), (2, 1), "the same boot");
    buffer.close().await;

    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(bench.file(), log_file(copy.path())).unwrap();
    let (original, third) = bench.try_open_at(bench.dir.path(), "boot-b").unwrap();
    assert_eq!((third.instance.starts, third.boot), (3, 2), "another boot");
    let (copied, of_copy) = bench.try_open_at(copy.path(), "boot-c").unwrap();
    assert_eq!((of_copy.instance.starts, of_copy.boot), (3, 2), "as many starts as the original, in another process");
    assert_eq!(kinds(&original).await, kinds(&copied).await);
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_log() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    let error = bench.try_open_at(bench.dir.path(), "boot-a").unwrap_err().to_string();
    assert!(error.contains(&format!("is in use by process {}", std::process::id())), "{error}");
    assert!(error.contains("must not share a data directory"), "{error}");
    buffer.close().await;
    bench.open();
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_left_alone() {
    let bench = Bench::new();
    bench.open().0.close().await;
    let connection = rusqlite::Connection::open(bench.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = std::fs::read(bench.file()).unwrap();
    let error = bench.try_open_at(bench.dir.path(), "boot-a").unwrap_err().to_string();
    assert!(error.contains("newer edge-agent (layout 99"), "{error}");
    assert!(std::fs::read(bench.file()).unwrap() == before, "left as it was");
}

#[tokio::test]
async fn states_and_receipts_are_committed_with_events_and_only_recent_receipts_are_kept() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    let receipt = |key: u32| Receipt {
        source: name("line"),
        key,
        serial: u64::from(key),
        digest: [u8::try_from(key % 251).unwrap(); 16],
    };
    let append = |from: u32, to: u32| Append {
        events: vec![count(1)],
        states: vec![("press-1/good".to_owned(), from.to_be_bytes().to_vec())],
        receipts: (from..to).map(receipt).collect(),
    };
    buffer.append(append(0, 100)).await.unwrap();
    buffer.append(append(100, 12_000)).await.unwrap();
    buffer.append(append(12_000, 12_001)).await.unwrap();
    buffer.close().await;
    let (buffer, _) = bench.open();
    assert_eq!(buffer.states().await.unwrap()["press-1/good"], 12_000_u32.to_be_bytes());
    let receipts = buffer.receipts(name("line")).await.unwrap();
    assert_eq!(receipts.last(), Some(&receipt(12_000)));
    assert!((8_192..=9_300).contains(&receipts.len()), "{}", receipts.len());
    assert!(receipts.windows(2).all(|pair| pair[0].key < pair[1].key));
    assert_eq!(buffer.receipts(name("other")).await.unwrap(), []);
    buffer.forget_receipts(name("line")).await.unwrap();
    assert_eq!(buffer.receipts(name("line")).await.unwrap(), []);
}

#[tokio::test]
async fn an_acknowledgement_never_goes_back_nor_beyond_the_end() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts(1..=10)).await.unwrap();
    let hash = ChainHash([1; 16]);
    buffer.acknowledge(Seq(5), hash).await.unwrap();
    buffer.acknowledge(Seq(5), hash).await.unwrap();
    for (through, hash) in [(Seq(4), hash), (Seq(11), hash), (Seq(5), ChainHash([2; 16]))] {
        let refused = buffer.acknowledge(through, hash).await;
        assert!(matches!(refused, Err(BufferError::NotAcknowledgeable { .. })), "{through} {refused:?}");
    }
    assert_eq!(buffer.position().await.unwrap().backlog_events, 5);
    buffer.begin_epoch(Epoch(3)).await.unwrap();
    assert!(matches!(buffer.begin_epoch(Epoch(2)).await, Err(BufferError::EpochBehind { .. })));
    assert_eq!(buffer.position().await.unwrap().epoch, Epoch(3));
}

#[tokio::test]
async fn only_wrong_times_of_one_boot_are_corrected() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    let event =
        |clock, boot| PendingEvent { at: UtcMicros(50), clock, monotonic: Monotonic { boot, us: 1 }, ..count(1) };
    let mut events = vec![event(ClockQuality::Wrong, 1), event(ClockQuality::Unverified, 2)];
    events.extend((0..5_000).map(|_| event(ClockQuality::Wrong, 2)));
    buffer.append(Append { events, ..Append::default() }).await.unwrap();
    assert_eq!(buffer.restamp(2, 1_000).await.unwrap(), 5_000);
    assert_eq!(buffer.restamp(2, 1_000).await.unwrap(), 0);
    let run = buffer.read(Seq::NONE, 20_000, 1 << 30).await.unwrap();
    assert_eq!((run.events[0].at, run.events[0].clock), (UtcMicros(50), ClockQuality::Wrong));
    assert_eq!((run.events[1].at, run.events[1].clock), (UtcMicros(50), ClockQuality::Unverified));
    assert!(run.events[2..].iter().all(|e| (e.at, e.clock) == (UtcMicros(1_050), ClockQuality::Restamped)));
}

#[tokio::test]
async fn master_data_is_kept_with_its_revision() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    assert_eq!(buffer.master_data().await.unwrap(), (0, None));
    let master_data = MasterData { time_zone: "Europe/Berlin".to_owned(), ..MasterData::default() };
    buffer.set_master_data(12, master_data.clone()).await.unwrap();
    buffer.close().await;
    let (buffer, _) = bench.open();
    assert_eq!(buffer.master_data().await.unwrap(), (12, Some(master_data)));
}

#[tokio::test]
async fn corrections_are_kept_with_their_revision_and_those_that_cannot_be_read_are_asked_for_again() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    assert_eq!(buffer.corrections().await.unwrap(), Corrections::default());
    let corrections = Corrections { revision: uuid::Uuid::from_u128(7), stops: Vec::new() };
    buffer.set_corrections(&corrections).await.unwrap();
    buffer.close().await;
    let (buffer, _) = bench.open();
    assert_eq!(buffer.corrections().await.unwrap(), corrections);
    let states = vec![("corrections".to_owned(), b"of a later form".to_vec())];
    buffer.append(Append { states, ..Append::default() }).await.unwrap();
    assert_eq!(buffer.corrections().await.unwrap().revision, uuid::Uuid::nil());
}

#[tokio::test]
async fn appends_that_wait_are_committed_together_and_answered_each() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    let appends = (0..200).map(|n| {
        let buffer = buffer.clone();
        tokio::spawn(async move { buffer.append(counts([n, n])).await.unwrap().unwrap() })
    });
    let mut last = Vec::new();
    for append in appends.collect::<Vec<_>>() {
        last.push(append.await.unwrap().0);
    }
    last.sort_unstable();
    assert_eq!(last, (1..=200).map(|n| n * 2).collect::<Vec<_>>());
    let run = buffer.read(Seq::NONE, 1_000, 1 << 20).await.unwrap();
    assert!(run.events.chunks(2).all(|pair| pair[0] == pair[1]), "appends are not mixed");
    assert_eq!(*buffer.appended().borrow(), Seq(400));
}

#[tokio::test]
async fn a_read_is_bounded_but_gives_at_least_one_event() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts(1..=10)).await.unwrap();
    assert_eq!(buffer.read(Seq(2), 3, 1 << 20).await.unwrap().events.len(), 3);
    let run = buffer.read(Seq(2), 10, 1).await.unwrap();
    assert_eq!((run.first, run.events.len()), (Seq(3), 1));
    let run = buffer.read(Seq(10), 10, 1).await.unwrap();
    assert_eq!((run.first, run.events.len()), (Seq(11), 0));
}

#[tokio::test]
async fn another_agent_begins_anew_with_what_waits_and_with_every_state() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    let agent = |number| protocol::id::AgentId(uuid::Uuid::from_u128(number));
    let append = |from: i64, to: i64| Append {
        events: (from..=to).map(count).collect(),
        states: vec![("press-1/good".to_owned(), vec![1])],
        ..Append::default()
    };
    buffer.append(append(1, 10)).await.unwrap();
    assert!(!buffer.belong_to(agent(1)).await.unwrap(), "nobody's before");
    let sent = buffer.read(Seq::NONE, 4, 1 << 20).await.unwrap().events;
    buffer.acknowledge(Seq(4), ChainHash::START.after(&sent)).await.unwrap();
    buffer.begin_epoch(Epoch(3)).await.unwrap();
    assert!(!buffer.belong_to(agent(1)).await.unwrap());
    let waiting = buffer.read(Seq(4), 20_000, 1 << 20).await.unwrap().events;

    assert!(buffer.belong_to(agent(2)).await.unwrap());
    buffer.append(append(11, 11)).await.unwrap();
    buffer.close().await;
    let (buffer, _) = bench.open();
    assert!(!buffer.belong_to(agent(2)).await.unwrap());
    let position = buffer.position().await.unwrap();
    assert_eq!((position.epoch, position.acknowledged, position.newest), (Epoch(1), Seq::NONE, Seq(7)));
    assert_eq!(position.hash, ChainHash::START);
    let run = buffer.read(Seq::NONE, 20_000, 1 << 20).await.unwrap();
    assert_eq!((run.first, &run.events[..6]), (Seq(1), &waiting[..]));
    assert_eq!(buffer.states().await.unwrap()["press-1/good"], [1]);
}
