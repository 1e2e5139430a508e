//! A damaged file is set aside, and what it still tells becomes a new log.
//!
//! **Exactly once.** A sequence number that central may have seen must not come back with other content unnoticed. What is
//! read from the damaged file keeps its number and its bytes; a number whose event cannot be read keeps its place, empty
//! ([`EventKind::Dropped`](protocol::event::EventKind)), so that the numbers after it still mean the same. If central had
//! not yet seen the lost ones, all goes on by itself. If it had, or if the end or even the marks of the file are
//! unreadable, the chain hash at central's mark is another one or the log ends before it: central refuses the log as a
//! second history, keeps both, and a person decides (`central agent resolve`). The agent goes on capturing meanwhile.
//!
//! **A crash in the middle** leaves either the damaged file in place, and all is done again, or the finished new one
//! beside an empty place, which [`finish`] fills.

use std::path::{Path, PathBuf};

use process::clock::Moment;
use protocol::batch::Origin;
use protocol::event::{EventKind, Gap, GapCause, RawEvent};
use protocol::id::{Name, OriginId, Seq};
use protocol::time::{ClockQuality, UtcMicros};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};

use super::log::{Log, Mark, Prepared, PreparedEvent, begin, event_of, origin_of, put_event, unsigned};
use super::policy::{Loss, agent};
use super::schema;

/// Events copied per transaction.
const CHUNK: usize = 10_000;
/// Damaged files kept. A disk that damages file after file must not be filled with them.
const SET_ASIDE_MAX: usize = 8;

/// The marks of the damaged file, where they could be read.
#[derive(Debug, Clone)]
struct Marks {
    epoch: u32,
    acknowledged: u64,
    hash: [u8; 16],
    starts: u32,
    boot: u32,
    boot_id: Option<String>,
    dropped: u64,
}

/// Sets a damaged file aside. `known` is where the log stood, when it was this process that used it.
pub(super) fn rescue(file: &Path, known: Option<Mark>, now: Moment) -> Result<PathBuf, RescueError> {
    if count_set_aside(file)? >= SET_ASIDE_MAX {
        return Err(RescueError::TooMany { directory: file.parent().unwrap_or(file).to_owned() });
    }
    let fresh = beside(file, "rescue");
    remove_log(&fresh)?;
    let lost = build(file, &fresh, known, now)?;
    let aside = free_name(file, now.wall);
    tracing::error!(file = %file.display(), aside = %aside.display(), lost, "the log is damaged: setting it aside");
    move_log(file, &aside)?;
    finish(file)?;
    Ok(aside)
}

#[derive(Debug, thiserror::Error)]
pub enum RescueError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(
        "{SET_ASIDE_MAX} damaged logs lie in {directory} already: check the disk, then move the files agent.db.corrupt-* away",
        directory = directory.display()
    )]
    TooMany { directory: PathBuf },
}

/// Puts a finished new log in the place of one that was set aside.
pub(super) fn finish(file: &Path) -> std::io::Result<()> {
    let fresh = beside(file, "rescue");
    if file.exists() || !fresh.exists() {
        return Ok(());
    }
    // A write-ahead log of the old file must never meet the new one.
    let stale = beside_sqlite(file, "-wal");
    if stale.exists() {
        std::fs::rename(&stale, beside(file, "corrupt-wal"))?;
    }
    remove_if_there(&beside_sqlite(file, "-shm"))?;
    std::fs::rename(&fresh, file)?;
    sync_directory(file)
}

/// Writes what can be read of `damaged` into a new file; answers how many events could not be.
fn build(damaged: &Path, fresh: &Path, known: Option<Mark>, now: Moment) -> Result<u64, RescueError> {
    let mut new = schema::connect(fresh)?;
    if let Err(found) = schema::prepare(&mut new)? {
        unreachable!("a new file of layout {found}");
    }
    let old = open_damaged(damaged);
    let marks = old.as_ref().and_then(|old| read_marks(old).ok()).or(known.map(Marks::known));
    let origins = old.as_ref().and_then(|old| read_origins(old).ok());
    let mut lost = 0;
    let mut from = None;
    if let Some(marks) = &marks {
        put_marks(&new, marks)?;
        if let (Some(old), Some(origins)) = (&old, &origins) {
            put_origins(&new, origins)?;
            copy_states(old, &new);
        }
        let filler = filler_origin(&new, origins.as_deref().unwrap_or_default())?;
        let readable = if origins.is_some() { old.as_ref() } else { None };
        (lost, from) = copy_events(readable, &new, marks.acknowledged, known.map(|known| known.newest), filler, now)?;
    }
    let mut log = Log::load(new)?;
    let told = tell(marks.is_some(), lost, from, now);
    log.append(&[&told], Loss::default(), None)?;
    log.checkpoint()?;
    Ok(lost)
}

fn tell(marks_known: bool, lost: u64, from: Option<UtcMicros>, now: Moment) -> Prepared {
    let text = if marks_known {
        format!(
            "the log's file was damaged; {lost} events in it could not be read; it is set aside in the data directory"
        )
    } else {
        "the log's file was damaged beyond reading; it is set aside in the data directory".to_owned()
    };
    #[expect(clippy::expect_used, reason = "a constant name")]
    let subject = Name::new("log").expect("a name");
    let lost = marks_known.then_some(lost);
    let gap = Gap { cause: GapCause::BufferCorrupt, subject, lost, from: from.unwrap_or(now.wall), to: now.wall, text };
    let event = PreparedEvent::of_the_agent(EventKind::Gap(gap), now);
    Prepared { events: vec![event], states: Vec::new(), receipts: Vec::new() }
}

/// The damaged file as it lies: nothing of it is written, its write-ahead log is not folded in.
fn open_damaged(file: &Path) -> Option<Connection> {
    let old = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
    old.execute_batch("PRAGMA query_only = 1; PRAGMA cache_size = -512; PRAGMA mmap_size = 0;").ok()?;
    Some(old)
}

impl Marks {
    fn known(mark: Mark) -> Marks {
        Marks {
            epoch: mark.epoch.0,
            acknowledged: mark.acknowledged.0,
            hash: mark.hash.0,
            starts: mark.starts,
            boot: mark.boot,
            boot_id: None,
            dropped: mark.dropped,
        }
    }
}

fn read_marks(old: &Connection) -> rusqlite::Result<Marks> {
    old.query_row("SELECT epoch, acknowledged, hash, starts, boot, boot_id, dropped FROM meta", [], |row| {
        Ok(Marks {
            epoch: row.get(0)?,
            acknowledged: unsigned(row, 1)?,
            hash: row.get(2)?,
            starts: row.get(3)?,
            boot: row.get(4)?,
            boot_id: row.get(5)?,
            dropped: unsigned(row, 6)?,
        })
    })
}

fn put_marks(new: &Connection, marks: &Marks) -> rusqlite::Result<()> {
    new.execute(
        "UPDATE meta SET epoch = ?1, acknowledged = ?2, hash = ?3, starts = ?4, boot = ?5, boot_id = ?6, dropped = ?7",
        params![
            marks.epoch,
            marks.acknowledged.cast_signed(),
            marks.hash,
            marks.starts,
            marks.boot,
            marks.boot_id,
            marks.dropped.cast_signed()
        ],
    )?;
    Ok(())
}

fn read_origins(old: &Connection) -> rusqlite::Result<Vec<Origin>> {
    // NOT INDEXED: the index on names may be the damaged part.
    old.prepare("SELECT id, kind, name FROM origins NOT INDEXED ORDER BY id")?.query_map([], origin_of)?.collect()
}

fn put_origins(new: &Connection, origins: &[Origin]) -> rusqlite::Result<()> {
    origins.iter().try_for_each(|origin| super::log::put_origin(new, origin))
}

/// The origin of places whose event is lost.
fn filler_origin(new: &Connection, origins: &[Origin]) -> rusqlite::Result<OriginId> {
    let agent = agent();
    if let Some(origin) = origins.iter().find(|origin| origin.kind == agent.kind && origin.name == agent.name) {
        return Ok(origin.id);
    }
    let id = OriginId(u16::try_from(origins.len() + 1).unwrap_or(u16::MAX));
    super::log::put_origin(new, &Origin { id, kind: agent.kind, name: agent.name })?;
    Ok(id)
}

/// Signal states, receipts and master data: each row that can be read.
fn copy_states(old: &Connection, new: &Connection) {
    let tables = [
        ("SELECT key, state FROM states", "INSERT OR REPLACE INTO states VALUES (?1, ?2)", 2),
        (
            "SELECT source, key, serial, digest, place FROM receipts",
            "INSERT OR REPLACE INTO receipts VALUES (?1, ?2, ?3, ?4, ?5)",
            5,
        ),
        ("SELECT one, revision, json FROM master_data", "INSERT OR REPLACE INTO master_data VALUES (?1, ?2, ?3)", 3),
    ];
    for (select, insert, columns) in tables {
        if let Err(error) = copy_rows(old, new, select, insert, columns) {
            tracing::warn!(error = &error as &dyn std::error::Error, select, "not all of the damaged log can be read");
        }
    }
}

fn copy_rows(old: &Connection, new: &Connection, select: &str, insert: &str, columns: usize) -> rusqlite::Result<()> {
    let transaction = begin(new)?;
    let copied = (|| {
        let mut select = old.prepare(select)?;
        let mut rows = select.query([])?;
        let mut insert = transaction.prepare(insert)?;
        while let Some(row) = rows.next()? {
            let values =
                (0..columns).map(|column| row.get(column)).collect::<Result<Vec<rusqlite::types::Value>, _>>()?;
            insert.execute(rusqlite::params_from_iter(values))?;
        }
        Ok(())
    })();
    transaction.commit()?;
    copied
}

/// Copies events after `acknowledged`; a place that cannot be read is filled. Answers how many were, and the time before
/// the first.
fn copy_events(
    old: Option<&Connection>,
    new: &Connection,
    acknowledged: u64,
    known_newest: Option<Seq>,
    filler: OriginId,
    now: Moment,
) -> rusqlite::Result<(u64, Option<UtcMicros>)> {
    let found_newest = old.and_then(|old| newest_readable(old, acknowledged));
    // Rows beyond what this process knows to be committed were never answered, nor shown to anybody.
    let newest = known_newest.map_or(found_newest.unwrap_or(acknowledged), |known| known.0);
    let mut lost = 0;
    let mut first_lost = None;
    let mut before = RawEvent {
        at: now.wall,
        clock: ClockQuality::Unverified,
        monotonic: now.monotonic,
        origin: filler,
        kind: EventKind::Dropped.tag(),
        body: Vec::new(),
    };
    let mut next = acknowledged + 1;
    while next <= newest {
        let transaction = begin(new)?;
        for (seq, event) in readable_run(old, next, newest) {
            // An event is lost where no row has its number.
            while next <= seq {
                let place =
                    RawEvent { origin: filler, kind: EventKind::Dropped.tag(), body: Vec::new(), ..before.clone() };
                match &event {
                    Some(event) if next == seq => {
                        put_event(&transaction, next, event)?;
                        before = event.clone();
                    }
                    _ => {
                        put_event(&transaction, next, &place)?;
                        lost += 1;
                        first_lost.get_or_insert(before.at);
                    }
                }
                next += 1;
            }
        }
        transaction.commit()?;
    }
    Ok((lost, first_lost))
}

/// The next stretch of events from `next` on, each with its number; the last one is `None` when it closes a stretch that
/// cannot be read.
fn readable_run(old: Option<&Connection>, next: u64, newest: u64) -> Vec<(u64, Option<RawEvent>)> {
    let Some(old) = old else { return vec![(newest, None)] };
    let mut run = Vec::new();
    let whole = (|| -> rusqlite::Result<()> {
        let mut select = old.prepare_cached(
            "SELECT seq, at, clock, boot, monotonic_us, origin, kind, version, body FROM events
             WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = select.query(params![next.cast_signed(), newest.cast_signed(), CHUNK as i64])?;
        while let Some(row) = rows.next()? {
            // A body that does not decode was damaged where SQLite cannot see it.
            match event_of(row) {
                Ok((seq, event)) if event.decode_kind().is_ok() => run.push((seq.0, Some(event))),
                Ok((seq, _)) => run.push((seq.0, None)),
                Err(_) => run.push((unsigned(row, 0)?, None)),
            }
        }
        Ok(())
    })();
    let reached = run.last().map_or(next, |(seq, _)| seq + 1);
    if reached > newest {
        return run;
    }
    if whole.is_err() {
        run.push((next_readable(old, reached, newest) - 1, None));
    } else if run.len() < CHUNK {
        run.push((newest, None));
    }
    run
}

/// The first number above `unreadable` whose row can be read; `newest + 1` when there is none.
pub(super) fn next_readable(old: &Connection, unreadable: u64, newest: u64) -> u64 {
    let readable = |seq: u64| {
        let found = old
            .prepare_cached("SELECT body FROM events WHERE seq = ?1")
            .and_then(|mut select| select.query_row([seq.cast_signed()], |row| row.get::<_, Vec<u8>>(0)));
        found.is_ok()
    };
    let (mut low, mut step) = (unreadable, 1);
    let mut high = loop {
        let candidate = unreadable + step;
        if candidate > newest {
            break newest + 1;
        }
        if readable(candidate) {
            break candidate;
        }
        low = candidate;
        step *= 2;
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if middle <= newest && readable(middle) { high = middle } else { low = middle }
    }
    high
}

pub(super) fn newest_readable(old: &Connection, acknowledged: u64) -> Option<u64> {
    let last = |sql: &str| old.query_row(sql, [acknowledged.cast_signed()], |row| unsigned(row, 0)).ok();
    if let Some(last) = last("SELECT seq FROM events WHERE seq > ?1 ORDER BY seq DESC LIMIT 1") {
        return Some(last);
    }
    // The end cannot be read: as far as one gets from the front.
    let mut select = old.prepare("SELECT seq FROM events WHERE seq > ?1 ORDER BY seq").ok()?;
    let mut rows = select.query([acknowledged.cast_signed()]).ok()?;
    let mut newest = None;
    while let Ok(Some(row)) = rows.next() {
        newest = unsigned(row, 0).ok().or(newest);
    }
    newest
}

/// `agent.db` → `agent.db.<what>`.
fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// SQLite's companions of a file.
fn beside_sqlite(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn free_name(file: &Path, now: UtcMicros) -> PathBuf {
    let time = chrono::DateTime::from_timestamp_micros(now.0).unwrap_or_default().format("%Y%m%dT%H%M%SZ");
    let names = std::iter::once(format!("corrupt-{time}")).chain((2..).map(|n| format!("corrupt-{time}-{n}")));
    names.map(|name| beside(file, &name)).find(|path| !path.exists()).unwrap_or_else(|| beside(file, "corrupt"))
}

fn count_set_aside(file: &Path) -> std::io::Result<usize> {
    let prefix = beside(file, "corrupt-");
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let mut count = 0;
    for entry in std::fs::read_dir(file.parent().unwrap_or(Path::new(".")))? {
        let name = entry?.file_name();
        let name = name.as_encoded_bytes();
        count += usize::from(name.starts_with(prefix) && !name.ends_with(b"-wal"));
    }
    Ok(count)
}

/// The file first: once it is gone from its place, [`finish`] knows that the new one is complete.
fn move_log(file: &Path, to: &Path) -> std::io::Result<()> {
    if file.exists() {
        std::fs::rename(file, to)?;
    }
    let wal = beside_sqlite(file, "-wal");
    if wal.exists() {
        std::fs::rename(wal, beside_sqlite(to, "-wal"))?;
    }
    remove_if_there(&beside_sqlite(file, "-shm"))
}

fn remove_log(file: &Path) -> std::io::Result<()> {
    for path in [file.to_owned(), beside_sqlite(file, "-wal"), beside_sqlite(file, "-shm")] {
        remove_if_there(&path)?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_directory(file: &Path) -> std::io::Result<()> {
    // Windows has no such thing; its renames are journaled.
    if cfg!(unix)
        && let Some(directory) = file.parent()
    {
        std::fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}
