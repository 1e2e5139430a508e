//! What another process sees of a log.

use super::*;
use crate::buffer::reader::{LogReader, StoredEvent};

fn all(reader: &LogReader) -> (Vec<StoredEvent>, Vec<String>) {
    let mut events = Vec::new();
    let problems = reader.each(Seq::NONE, Seq(u64::MAX >> 1), |event| {
        events.push(event);
        true
    });
    (events, problems.unwrap())
}

async fn written(bench: &Bench) -> Buffer {
    let (buffer, _) = bench.open();
    let append = Append {
        states: vec![("press-1/good".to_owned(), vec![0; 12])],
        receipts: vec![Receipt { source: name("line"), key: 1, serial: 1, digest: [1; 16] }],
        ..counts(1..=3_000)
    };
    buffer.append(append).await.unwrap();
    buffer.append(Append { events: vec![measurement("t", 5)], ..Append::default() }).await.unwrap();
    buffer.acknowledge(Seq(1_000), ChainHash([0xAB; 16])).await.unwrap();
    buffer
}

#[tokio::test]
async fn a_running_log_is_read_and_goes_on() {
    let bench = Bench::new();
    let buffer = written(&bench).await;
    let contents = LogReader::open(bench.dir.path()).unwrap().contents();
    assert_eq!(contents.problems, Vec::<String>::new());
    let marks = contents.marks.unwrap();
    assert_eq!((marks.epoch, marks.acknowledged, marks.starts), (1, Seq(1_000), 1));
    assert_eq!(marks.hash, "ab".repeat(16));
    assert_eq!(contents.newest, Some(Seq(3_001)));
    assert_eq!(contents.events, [("count".to_owned(), 2_000), ("measurement".to_owned(), 1)].into());
    assert_eq!(contents.states, [("press-1/good".to_owned(), 12)].into());
    assert_eq!(contents.receipts, [("line".to_owned(), 1)].into());
    assert_eq!(contents.origins.len(), 1);
    let reader = LogReader::open(bench.dir.path()).unwrap();
    assert_eq!(buffer.append(counts([9])).await.unwrap(), Some(Seq(3_002)));
    let (events, problems) = all(&reader);
    assert!(problems.is_empty(), "{problems:?}");
    let last = events.last().unwrap();
    assert_eq!((last.seq, &*last.origin.as_ref().unwrap().name), (Seq(3_002), "press-1"));
    assert_eq!(last.body()["delta"], 9);
}

#[tokio::test]
async fn a_damaged_file_is_read_around_its_damage() {
    let bench = Bench::new();
    written(&bench).await.close().await;
    let pages = std::fs::metadata(bench.file()).unwrap().len() / 4096;
    let copy = bench.dir.path().join("copy.db");
    let mut bytes = std::fs::read(bench.file()).unwrap();
    let from = usize::try_from(pages - 8).unwrap() * 4096;
    bytes[from..from + 4096].fill(0xA5);
    std::fs::write(&copy, bytes).unwrap();

    let reader = LogReader::open(&copy).unwrap();
    let (events, problems) = all(&reader);
    assert!(!problems.is_empty() && problems[0].contains("cannot be read"), "{problems:?}");
    assert!((1_600..2_001).contains(&events.len()), "{} of 2,001", events.len());
    assert_eq!(events.last().unwrap().seq, Seq(3_001));
    assert!(!reader.contents().problems.is_empty());
}

#[tokio::test]
async fn a_file_that_is_no_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(LogReader::open(dir.path()).is_err(), "an empty folder");
    assert!(!log_file(dir.path()).exists(), "nothing is created by looking");
    std::fs::write(log_file(dir.path()), "no database at all, but long enough to be looked at").unwrap();
    assert!(LogReader::open(dir.path()).is_err());
}
