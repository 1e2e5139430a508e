//! A log that fills: what gives way, what never does, and how it is told.

use super::*;
use protocol::event::{Gap, GapCause};

/// Full at 4 MiB, of which an empty log takes next to nothing.
fn small() -> BufferSection {
    BufferSection { bytes_max: 4 * 1024 * 1024, ..BufferSection::default() }
}

fn measurements(from: u64, count: u64) -> Append {
    let events = (from..from + count).map(|n| measurement("temperature", n * 1_000)).collect();
    Append { events, ..Append::default() }
}

async fn fill(buffer: &Buffer) -> u64 {
    for n in 0..100 {
        buffer.append(measurements(n * 500, 500)).await.unwrap();
        let position = buffer.position().await.unwrap();
        if position.dropped_events > 0 && n > 50 {
            return position.dropped_events;
        }
    }
    panic!("100 times 500 measurements of 200 bytes fit into {}", buffer.position().await.unwrap().bytes);
}

#[tokio::test]
async fn measurements_give_way_and_a_gap_says_how_many() {
    let bench = Bench::with(small());
    let (buffer, _) = bench.open();
    fill(&buffer).await;
    let position = buffer.position().await.unwrap();
    assert!(position.bytes < position.bytes_max, "{position:?}");
    bench.until_health(Health::Degraded).await;

    bench.clock.advance_us(6 * 60 * 1_000_000);
    buffer.append(counts([1])).await.unwrap();
    let dropped = buffer.position().await.unwrap().dropped_events;
    let gaps = gaps(&buffer).await;
    assert_eq!(gaps.iter().map(|gap| gap.lost.unwrap()).sum::<u64>(), dropped);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].cause, gaps[0].subject.as_str()), (GapCause::BufferFull, "telemetry"));
    assert!(gaps[0].from < gaps[0].to);
}

async fn gaps(buffer: &Buffer) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut after = Seq::NONE;
    loop {
        let run = buffer.read(after, 20_000, 1 << 30).await.unwrap();
        if run.events.is_empty() {
            return gaps;
        }
        after = Seq(run.first.0 + run.events.len() as u64 - 1);
        gaps.extend(run.events.iter().filter_map(|event| match event.decode_kind().unwrap() {
            EventKind::Gap(gap) => Some(gap),
            _ => None,
        }));
    }
}

#[tokio::test]
async fn a_loss_that_was_not_told_yet_is_told_by_the_next_process() {
    let bench = Bench::with(small());
    let (buffer, _) = bench.open();
    fill(&buffer).await;
    assert_eq!(gaps(&buffer).await, []);
    let dropped = buffer.position().await.unwrap().dropped_events;
    buffer.close().await;
    let (buffer, _) = bench.open();
    buffer.append(counts([1])).await.unwrap();
    let told = gaps(&buffer).await;
    assert_eq!(told.iter().map(|gap| gap.lost.unwrap()).sum::<u64>(), dropped);
}

#[tokio::test]
async fn counts_are_stored_beyond_the_limit_and_the_status_says_so() {
    let bench = Bench::with(BufferSection { bytes_max: 256 * 1024, ..BufferSection::default() });
    let (buffer, _) = bench.open();
    for n in 0..20 {
        assert_eq!(buffer.append(counts(0..1_000)).await.unwrap(), Some(Seq((n + 1) * 1_000)));
    }
    let condition = bench.until_health(Health::Down).await;
    assert!(condition.reason.contains("counts and entries are still stored"), "{}", condition.reason);
    assert_eq!(buffer.position().await.unwrap().dropped_events, 0);
}

#[tokio::test]
async fn old_measurements_leave_their_places_but_what_may_have_been_sent_stays() {
    let bench = Bench::with(BufferSection { bytes_max: 64 * 1024 * 1024, ..BufferSection::default() });
    let (buffer, _) = bench.open();
    for n in 0..30 {
        buffer.append(measurements(n * 1_000, 1_000)).await.unwrap();
        buffer.append(counts([1])).await.unwrap();
    }
    let before = buffer.position().await.unwrap();
    assert_eq!(before.dropped_events, 0);
    buffer.close().await;

    // The same log under a lower limit: it is nearly full, and gives way from where it may.
    let bench =
        Bench { section: BufferSection { bytes_max: before.bytes + 100_000, ..bench.section.clone() }, ..bench };
    let (buffer, _) = bench.open();
    let mut position = buffer.position().await.unwrap();
    for _ in 0..2_000 {
        position = buffer.position().await.unwrap();
        if position.bytes < before.bytes * 9 / 10 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(position.bytes < before.bytes, "space returns: {position:?}");
    let offered = buffer.read(Seq::NONE, 20_000, 1 << 30).await.unwrap();
    assert_eq!(offered.events.len(), 20_000);
    assert!(offered.events.iter().all(|event| event.decode_kind().unwrap() != EventKind::Dropped));
    let rest = buffer.read(Seq(20_000), 20_000, 1 << 30).await.unwrap();
    // What was read stays as it is from then on.
    let position = buffer.position().await.unwrap();
    assert!(position.dropped_events > 0);
    assert_eq!(position.backlog_events + position.dropped_events, position.newest.0);
    assert_eq!(Seq(20_000 + rest.events.len() as u64), position.newest, "no holes");
    let count_of = |kind: fn(&EventKind) -> bool| {
        rest.events.iter().filter(|event| kind(&event.decode_kind().unwrap())).count() as u64
    };
    assert_eq!(count_of(|kind| *kind == EventKind::Dropped), position.dropped_events);
    assert!(count_of(|kind| matches!(kind, EventKind::Count(_))) >= 10, "counts stay");
}

#[tokio::test]
async fn measurements_that_waited_too_long_are_dropped() {
    let bench = Bench::with(BufferSection { telemetry_days_max: 1, ..BufferSection::default() });
    let (buffer, _) = bench.open();
    for n in 0..30 {
        buffer.append(measurements(n * 1_000, 1_000)).await.unwrap();
    }
    buffer.close().await;
    bench.clock.advance_us(2 * 86_400 * 1_000_000);
    let (buffer, _) = bench.open();
    for _ in 0..2_000 {
        if buffer.position().await.unwrap().dropped_events == 10_000 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", buffer.position().await.unwrap());
}

#[tokio::test]
async fn space_goes_back_to_the_file_system_after_a_backlog() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    let mut hash = ChainHash::START;
    for n in 0..60 {
        buffer.append(measurements(n * 1_000, 1_000)).await.unwrap();
    }
    let full = buffer.position().await.unwrap().bytes;
    let mut after = Seq::NONE;
    while after < Seq(60_000) {
        let run = buffer.read(after, 20_000, 1 << 30).await.unwrap();
        hash = hash.after(&run.events);
        after = Seq(run.first.0 + run.events.len() as u64 - 1);
        buffer.acknowledge(after, hash).await.unwrap();
    }
    for _ in 0..2_000 {
        buffer.meddle(|log| log.checkpoint().unwrap()).await;
        let size = std::fs::metadata(bench.file()).unwrap().len();
        // A reserve of free pages stays.
        if size < full * 3 / 4 {
            assert_eq!(buffer.append(counts([1])).await.unwrap(), Some(Seq(60_001)));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} of {full} bytes are still taken", std::fs::metadata(bench.file()).unwrap().len());
}
