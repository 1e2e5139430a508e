//! Durable capture through the agent's buffer, against bare SQLite that commits the same rows in batches of the same size.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use edge_agent::buffer::configuration::BufferSection;
use edge_agent::buffer::{Append, Buffer, Opening, PendingEvent};
use edge_agent::reading::OriginName;
use edge_agent::status::StatusBoard;
use process::clock::{Clock, SystemClock};
use protocol::event::{Count, CountBasis, EventKind, PieceQuality};
use protocol::id::Name;
use protocol::time::ClockQuality;

use super::{Bound, Figure, median};

const BATCHES: usize = 400;
const EVENTS_PER_BATCH: usize = 100;
/// Odd: so many tries, each of both, in turn.
const TRIES: usize = 11;

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let (mut ratios, mut captured, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TRIES {
        let folder = tempfile::tempdir_in(durable_folder())?;
        let path = folder.path().to_owned();
        let rows = tokio::task::spawn_blocking(move || through_sqlite(&path.join("bare.db"))).await??;
        let events = through_buffer(&folder.path().join("agent")).await?;
        ratios.push(events / rows);
        captured.push(events);
        bare.push(rows);
    }
    let found = median(&mut ratios);
    Ok(vec![Figure {
        what: format!("durable capture against bare SQLite, {EVENTS_PER_BATCH} events to a commit"),
        found,
        unit: "x",
        bound: Bound::AtLeast { must: 0.7, aim: 0.9 },
        detail: format!(
            "median of {TRIES} tries in turn, {:.2} to {:.2}; {:.0} events/s through the buffer, {:.0} rows/s into SQLite",
            ratios[0],
            ratios[ratios.len() - 1],
            median(&mut captured),
            median(&mut bare)
        ),
    }])
}

/// Beside this program: a real disk, where the folder for temporary files may be memory.
fn durable_folder() -> std::path::PathBuf {
    let beside = std::env::current_exe().ok().and_then(|me| me.parent().map(Path::to_path_buf));
    beside.unwrap_or_else(std::env::temp_dir)
}

fn event(number: usize) -> EventKind {
    EventKind::Count(Count {
        signal: Name::new("count").unwrap_or_else(|_| unreachable!("a name")),
        quality: PieceQuality::Good,
        delta: 1,
        raw: i64::try_from(number).ok(),
        basis: CountBasis::Increase,
    })
}

async fn through_buffer(data_dir: &Path) -> anyhow::Result<f64> {
    std::fs::create_dir_all(data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(1));
    let board = StatusBoard::new(clock.clone());
    let section = BufferSection::default();
    let opening = Opening {
        data_dir,
        section: &section,
        clock: clock.clone(),
        boot_id: None,
        instance_id: 1,
        status: board.subject("buffer", "buffer"),
    };
    let (buffer, _) = Buffer::open(opening).context("the buffer")?;
    let origin = OriginName::machine(Name::new("press-1")?);
    let began = Instant::now();
    for batch in 0..BATCHES {
        let now = clock.now();
        let events = (0..EVENTS_PER_BATCH)
            .map(|number| PendingEvent {
                origin: origin.clone(),
                at: now.wall,
                clock: ClockQuality::Synchronized,
                monotonic: now.monotonic,
                kind: event(batch * EVENTS_PER_BATCH + number),
            })
            .collect();
        let states = vec![("press-1/count".to_owned(), vec![0; 24])];
        buffer.append(Append { events, states, ..Append::default() }).await?;
    }
    let rate = (BATCHES * EVENTS_PER_BATCH) as f64 / began.elapsed().as_secs_f64();
    buffer.close().await;
    Ok(rate)
}

fn through_sqlite(file: &Path) -> anyhow::Result<f64> {
    let mut connection = rusqlite::Connection::open(file)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         CREATE TABLE events (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, clock INTEGER NOT NULL, boot INTEGER NOT NULL,
             monotonic_us INTEGER NOT NULL, origin INTEGER NOT NULL, kind INTEGER NOT NULL, version INTEGER NOT NULL,
             body BLOB NOT NULL) STRICT;
         CREATE TABLE states (key TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    )?;
    let clock = SystemClock::new(1);
    let began = Instant::now();
    for batch in 0..BATCHES {
        let now = clock.now();
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO events VALUES (?1, ?2, 0, 1, ?3, 1, 1, 1, ?4)")?;
            for number in 0..EVENTS_PER_BATCH {
                let seq = batch * EVENTS_PER_BATCH + number;
                let body = event(seq).body();
                insert.execute((i64::try_from(seq)? + 1, now.wall.0, i64::try_from(now.monotonic.us)?, body))?;
            }
            transaction
                .prepare_cached("INSERT OR REPLACE INTO states VALUES (?1, ?2)")?
                .execute(("press-1/count", vec![0_u8; 24]))?;
        }
        transaction.commit()?;
    }
    Ok((BATCHES * EVENTS_PER_BATCH) as f64 / began.elapsed().as_secs_f64())
}
