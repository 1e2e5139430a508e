//! Disks that are full, read-only or failing, and files that are damaged.

use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::buffer::fault::Fault;
use crate::buffer::log::{Mark, Prepared, Uncertain};
use crate::buffer::policy::Loss;
use protocol::event::{Gap, GapCause};

/// Leaves the log no page beyond those it has: the true SQLITE_FULL.
async fn allow_pages(buffer: &Buffer, more: Option<u64>) {
    buffer
        .meddle(move |log| {
            let pages: i64 = log.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
            let most = more.map_or(1 << 30, |more| pages + more.cast_signed());
            log.connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(())).unwrap();
        })
        .await;
}

#[tokio::test]
async fn a_full_disk_answers_nothing_says_so_and_goes_on_by_itself() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts(0..100)).await.unwrap();
    allow_pages(&buffer, Some(1)).await;
    let waiting = tokio::spawn({
        let buffer = buffer.clone();
        async move { buffer.append(counts(0..5_000)).await }
    });
    let condition = bench.until_health(Health::Down).await;
    assert!(condition.reason.starts_with("disk full"), "{}", condition.reason);
    assert!(!waiting.is_finished(), "nothing is said to be stored");
    assert_eq!(buffer.position().await.unwrap().newest, Seq(100), "questions are answered meanwhile");
    assert_eq!(buffer.read(Seq::NONE, 1_000, 1 << 20).await.unwrap().events.len(), 100);
    buffer.acknowledge(Seq(50), ChainHash([1; 16])).await.unwrap();

    allow_pages(&buffer, None).await;
    assert_eq!(waiting.await.unwrap().unwrap(), Some(Seq(5_100)));
    bench.until_health(Health::Good).await;
    let run = buffer.read(Seq(100), 20_000, 1 << 30).await.unwrap();
    assert_eq!(run.events.len(), 5_000);
}

#[tokio::test]
async fn an_acknowledgement_makes_room_on_a_full_disk() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts(0..10_000)).await.unwrap();
    allow_pages(&buffer, Some(0)).await;
    let waiting = tokio::spawn({
        let buffer = buffer.clone();
        async move { buffer.append(counts(0..5_000)).await }
    });
    bench.until_health(Health::Down).await;
    buffer.acknowledge(Seq(10_000), ChainHash([1; 16])).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Some(Seq(15_000)));
    bench.until_health(Health::Good).await;
}

#[tokio::test]
async fn many_waiting_appends_do_not_hold_up_an_acknowledgement() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts(0..10_000)).await.unwrap();
    allow_pages(&buffer, Some(0)).await;
    let waiting: Vec<_> = (0..APPENDS_WAITING_MAX + 50)
        .map(|_| {
            let buffer = buffer.clone();
            tokio::spawn(async move { buffer.append(counts(0..100)).await })
        })
        .collect();
    bench.until_health(Health::Down).await;
    buffer.acknowledge(Seq(10_000), ChainHash([1; 16])).await.unwrap();
    allow_pages(&buffer, None).await;
    for append in waiting {
        append.await.unwrap().unwrap().unwrap();
    }
    let newest = 10_000 + (APPENDS_WAITING_MAX as u64 + 50) * 100;
    assert_eq!(buffer.position().await.unwrap().newest, Seq(newest));
}

#[tokio::test]
async fn a_log_that_may_not_be_written_is_told_and_used_again_once_it_may() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts([1])).await.unwrap();
    buffer.meddle(|log| log.connection.execute_batch("PRAGMA query_only = 1").unwrap()).await;
    // The file is opened anew, which ends it.
    assert_eq!(buffer.append(counts([2])).await.unwrap(), Some(Seq(2)));
    bench.until_health(Health::Good).await;
}

/// An owner without a thread, to be put into a state that only a failing disk brings about.
fn owner(bench: &Bench) -> Owner {
    let clock: Arc<dyn Clock> = Arc::new(bench.clock.clone());
    let status = bench.board.subject("buffer", "buffer");
    let opening = Opening {
        data_dir: bench.dir.path(),
        section: &bench.section,
        clock: clock.clone(),
        boot_id: None,
        instance_id: 1,
        status: status.clone(),
    };
    let Ready { log, lock, opened } = opening::open(&opening).unwrap();
    Owner {
        file: bench.file(),
        log: Some(log),
        _lock: lock,
        instance: opened.instance,
        boot: opened.boot,
        clock,
        policy: Policy::new(bench.section.clone()),
        status,
        commands: mpsc::channel().1,
        appended: watch::channel(Seq::NONE).0,
        work: Work::new(Upkeep::at_start()),
    }
}

fn stored(log: &Log) -> usize {
    log.read(Seq::NONE, 1_000, 1 << 20).unwrap().events.len()
}

#[tokio::test]
async fn after_a_failed_sync_the_file_decides_whether_a_commit_is_in_it() {
    for in_the_file in [true, false] {
        let bench = Bench::new();
        let mut owner = owner(&bench);
        let log = owner.log.as_mut().unwrap();
        log.append(&[&Prepared::new(counts([1]))], Loss::default(), None).unwrap();
        let before: Mark = log.mark;
        if in_the_file {
            log.append(&[&Prepared::new(counts([2, 3]))], Loss::default(), None).unwrap();
            log.mark = before;
        }
        log.uncertain = Some(Uncertain { newest: Seq(3), answers: vec![Some(Seq(3))] });
        let mut answer = owner.waits(counts([2, 3])).await;
        owner.broke(Fault::Disk);
        owner.mend();
        if in_the_file {
            assert_eq!(answer.try_recv().unwrap().unwrap(), Some(Seq(3)), "is in the file, checkpointed");
        } else {
            assert!(answer.try_recv().is_err(), "is not in the file");
            owner.commit();
            assert_eq!(answer.try_recv().unwrap().unwrap(), Some(Seq(3)));
        }
        assert_eq!(stored(owner.log.as_ref().unwrap()), 3, "once");
    }
}

#[tokio::test]
async fn a_log_that_vanished_while_in_use_is_not_begun_again_at_one() {
    let bench = Bench::new();
    let mut owner = owner(&bench);
    let log = owner.log.as_mut().unwrap();
    log.append(&[&Prepared::new(counts(0..10))], Loss::default(), None).unwrap();
    log.acknowledge(Seq(4), ChainHash([4; 16])).unwrap();
    owner.broke(Fault::Disk);
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", bench.file().display())).unwrap();
    }
    owner.mend();
    owner.mend();
    let log = owner.log.as_ref().unwrap();
    assert_eq!((log.mark.acknowledged, log.mark.hash, log.mark.newest), (Seq(4), ChainHash([4; 16]), Seq(11)));
    let run = log.read(Seq::NONE, 100, 1 << 20).unwrap();
    let kinds: Vec<_> = run.events.iter().map(|event| event.decode_kind().unwrap()).collect();
    assert!(kinds[..6].iter().all(|kind| *kind == EventKind::Dropped), "places of what is gone");
    assert!(matches!(&kinds[6], EventKind::Gap(Gap { cause: GapCause::BufferCorrupt, lost: Some(6), .. })));
}

fn overwrite(file: &Path, from: u64, bytes: usize) {
    let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    file.write_all(&vec![0xA5; bytes]).unwrap();
    file.sync_all().unwrap();
}

/// A closed log of 5,000 events with 1,000 acknowledged; the chain hash there is 16 times 1.
async fn filled(bench: &Bench) {
    let (buffer, _) = bench.open();
    let append = Append { states: vec![("k".to_owned(), vec![7])], ..counts(1..=5_000) };
    buffer.append(append).await.unwrap();
    buffer.acknowledge(Seq(1_000), ChainHash([1; 16])).await.unwrap();
    buffer.begin_epoch(Epoch(2)).await.unwrap();
    buffer.close().await;
}

#[tokio::test]
async fn a_damaged_page_costs_its_events_and_nothing_else() {
    let bench = Bench::new();
    filled(&bench).await;
    let pages = std::fs::metadata(bench.file()).unwrap().len() / 4096;
    overwrite(&bench.file(), (pages - 12) * 4096, 4096);

    let (buffer, opened) = bench.open();
    let aside = opened.set_aside.clone().expect("set aside");
    assert!(aside.exists() && aside.to_string_lossy().contains("agent.db.corrupt-2023"), "{}", aside.display());
    assert_eq!(opened.instance.starts, 2, "not a first start");
    let position = buffer.position().await.unwrap();
    assert_eq!((position.epoch, position.acknowledged, position.hash), (Epoch(2), Seq(1_000), ChainHash([1; 16])));
    assert_eq!(position.newest, Seq(5_001), "the old numbers and one for the gap");
    assert_eq!(buffer.states().await.unwrap()["k"], [7]);
    let kinds = kinds(&buffer).await;
    let mut lost = 0;
    for (at, kind) in kinds[..4_000].iter().enumerate() {
        match kind {
            EventKind::Dropped => lost += 1,
            kind => assert_eq!(*kind, count(1_001 + at as i64).kind, "every event under its own number"),
        }
    }
    assert!((1..300).contains(&lost), "{lost} lost");
    let EventKind::Gap(gap) = &kinds[4_000] else { panic!("{:?}", kinds[4_000]) };
    assert_eq!((gap.cause, gap.lost), (GapCause::BufferCorrupt, Some(lost)));
    assert_eq!(buffer.append(counts([1])).await.unwrap(), Some(Seq(5_002)));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_and_capturing_goes_on() {
    let bench = Bench::new();
    filled(&bench).await;
    overwrite(&bench.file(), 0, 64 * 1024);
    let (buffer, opened) = bench.open();
    assert!(opened.set_aside.is_some());
    assert_eq!(opened.instance.starts, 1, "fewer starts than central has seen: it notices");
    let kinds = kinds(&buffer).await;
    assert!(
        matches!(&kinds[..], [EventKind::Gap(Gap { cause: GapCause::BufferCorrupt, lost: None, .. })]),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn damage_found_while_running_is_mended_without_losing_the_place() {
    let bench = Bench::new();
    let (buffer, _) = bench.open();
    buffer.append(counts(1..=5_000)).await.unwrap();
    buffer.meddle(|log| log.checkpoint().unwrap()).await;
    let pages = std::fs::metadata(bench.file()).unwrap().len() / 4096;
    for page in [pages / 3, pages / 2] {
        overwrite(&bench.file(), page * 4096, 4096);
    }
    buffer.meddle(|log| log.connection.execute_batch("PRAGMA shrink_memory").unwrap()).await;
    // Meets the damage; what it asked for is answered with the truth.
    assert!(buffer.read(Seq::NONE, 20_000, 1 << 30).await.is_err());
    for _ in 0..2_000 {
        if let Ok(run) = buffer.read(Seq::NONE, 20_000, 1 << 30).await {
            let position = buffer.position().await.unwrap();
            assert_eq!((position.newest, run.events.len()), (Seq(5_001), 5_001));
            assert!(run.events[0].decode_kind().unwrap() == count(1).kind);
            assert_eq!(run.events[4_999].decode_kind().unwrap(), count(5_000).kind);
            bench.until_health(Health::Good).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", bench.condition());
}

#[tokio::test]
async fn a_crash_between_setting_aside_and_the_new_file_loses_neither() {
    let bench = Bench::new();
    filled(&bench).await;
    // As it lies after such a crash: the new log finished beside, a write-ahead log of the old one left over.
    let beside = format!("{}.rescue", bench.file().display());
    std::fs::rename(bench.file(), &beside).unwrap();
    std::fs::write(format!("{}-wal", bench.file().display()), [1; 100]).unwrap();
    let (buffer, opened) = bench.open();
    assert_eq!(opened.instance.starts, 2);
    assert_eq!(buffer.position().await.unwrap().newest, Seq(5_000));
}

#[tokio::test]
async fn damaged_files_do_not_pile_up_without_end() {
    let bench = Bench::new();
    for round in 0..9 {
        let (buffer, opened) = bench.open();
        assert_eq!(opened.set_aside.is_some(), round > 0);
        buffer.close().await;
        overwrite(&bench.file(), 0, 4096);
    }
    let error = bench.try_open_at(bench.dir.path(), "boot-a").unwrap_err().to_string();
    assert!(error.contains("8 damaged logs lie in"), "{error}");
}
