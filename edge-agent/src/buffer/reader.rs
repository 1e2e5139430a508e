//! A look at a log that somebody else owns: a running agent, a copy, a file that was set aside. Reads only.
//!
//! Every question is a short read of its own, so that a running agent's write-ahead log is never held up for long. What a
//! damaged file does not tell is left out and named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::batch::{Origin, OriginKind};
use protocol::chain::ChainHash;
use protocol::event::{EventKind, KindTag, RawEvent};
use protocol::id::{OriginId, Seq};
use protocol::time::UtcMicros;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::Serialize;

use super::log::{event_of, origin_of, unsigned};
use super::{log_file, rescue, schema};

/// Events per read.
const CHUNK: u64 = 2_000;

#[derive(Debug)]
pub struct LogReader {
    connection: Connection,
    file: PathBuf,
    origins: Vec<Origin>,
    problems: Vec<String>,
}

/// What a log holds.
#[derive(Debug, Clone, Serialize)]
pub struct Contents {
    pub file: PathBuf,
    pub file_bytes: u64,
    pub write_ahead_bytes: u64,
    pub layout: Option<i32>,
    pub marks: Option<Marks>,
    pub newest: Option<Seq>,
    /// Events waiting for central, by kind; `dropped` are places whose event gave way.
    pub events: BTreeMap<String, u64>,
    pub oldest_at: Option<UtcMicros>,
    pub newest_at: Option<UtcMicros>,
    pub origins: Vec<Origin>,
    /// Receipts kept, by source.
    pub receipts: BTreeMap<String, u64>,
    /// Bytes of state, by key.
    pub states: BTreeMap<String, u64>,
    pub master_data_revision: Option<u64>,
    /// What could not be read.
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Marks {
    pub epoch: u32,
    pub acknowledged: Seq,
    /// Chain hash there, in hexadecimal.
    pub hash: String,
    pub starts: u32,
    pub boot: u32,
    pub dropped_events: u64,
}

/// An event and what is known around it.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    pub seq: Seq,
    pub raw: RawEvent,
    pub origin: Option<Origin>,
}

impl LogReader {
    /// Opens a data directory's log, or any file that is one.
    pub fn open(path: &Path) -> rusqlite::Result<LogReader> {
        let file = if path.is_dir() { log_file(path) } else { path.to_owned() };
        let mut problems = Vec::new();
        let connection = match open_shared(&file) {
            Ok(connection) => connection,
            // A medium that cannot be written has no room for the shared memory of a write-ahead log.
            Err(error) => match open_frozen(&file) {
                Ok(connection) => {
                    problems.push(format!(
                        "read without its write-ahead log, so the newest events may be missing: {error}"
                    ));
                    connection
                }
                Err(_) => return Err(error),
            },
        };
        let mut reader = LogReader { connection, file, origins: Vec::new(), problems };
        reader.origins = reader.tell("origins", |reader| {
            let mut select = reader.connection.prepare("SELECT id, kind, name FROM origins NOT INDEXED ORDER BY id")?;
            select.query_map([], origin_of)?.collect()
        });
        Ok(reader)
    }

    pub fn contents(mut self) -> Contents {
        let (events, oldest_at, newest_at, last) = self.count_events();
        let marks = self.tell("marks", |reader| reader.marks().map(Some));
        let newest = last.max(marks.as_ref().map(|marks| marks.acknowledged));
        Contents {
            file_bytes: size(&self.file, ""),
            write_ahead_bytes: size(&self.file, "-wal"),
            layout: self.tell("layout", |reader| schema::version(&reader.connection).map(Some)),
            newest,
            marks,
            events,
            oldest_at,
            newest_at,
            receipts: self.tell("receipts", |reader| {
                reader.pairs("SELECT source, count(*) FROM receipts GROUP BY source ORDER BY source")
            }),
            states: self.tell("states", |reader| reader.pairs("SELECT key, length(state) FROM states ORDER BY key")),
            master_data_revision: self.tell("master data", |reader| {
                let revision = "SELECT revision FROM master_data";
                reader.connection.query_row(revision, [], |row| unsigned(row, 0)).optional()
            }),
            origins: self.origins,
            problems: self.problems,
            file: self.file,
        }
    }

    /// Hands events of `from ..= to` that are not acknowledged to `take`, oldest first, until it answers `false`. Answers
    /// what could not be read.
    pub fn each(&self, from: Seq, to: Seq, mut take: impl FnMut(StoredEvent) -> bool) -> rusqlite::Result<Vec<String>> {
        let mut problems = Vec::new();
        let newest = rescue::newest_readable(&self.connection, 0).unwrap_or(0).min(to.0);
        // Acknowledged ones are on their way out.
        let acknowledged = self.marks().map_or(Seq::NONE, |marks| marks.acknowledged);
        let mut next = from.max(acknowledged.next()).0;
        while next <= newest {
            let (events, stopped) = self.chunk(next, newest);
            let full = events.len() as u64 == CHUNK;
            for event in events {
                next = event.seq.0 + 1;
                if !take(event) {
                    return Ok(problems);
                }
            }
            match stopped {
                Some(error) => {
                    let after = rescue::next_readable(&self.connection, next, newest);
                    problems.push(format!("events {next} to {} cannot be read: {error}", after - 1));
                    next = after;
                }
                None if full => {}
                None => break,
            }
        }
        Ok(problems)
    }

    fn chunk(&self, from: u64, to: u64) -> (Vec<StoredEvent>, Option<rusqlite::Error>) {
        let mut events = Vec::new();
        let read = (|| -> rusqlite::Result<()> {
            let mut select = self.connection.prepare_cached(
                "SELECT seq, at, clock, boot, monotonic_us, origin, kind, version, body FROM events
                 WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
            )?;
            let mut rows = select.query(params![from.cast_signed(), to.cast_signed(), CHUNK.cast_signed()])?;
            while let Some(row) = rows.next()? {
                let (seq, raw) = event_of(row)?;
                let origin = self.origin(raw.origin);
                events.push(StoredEvent { seq, raw, origin });
            }
            Ok(())
        })();
        (events, read.err())
    }

    fn origin(&self, id: OriginId) -> Option<Origin> {
        self.origins.iter().find(|origin| origin.id == id).cloned()
    }

    fn count_events(&mut self) -> (BTreeMap<String, u64>, Option<UtcMicros>, Option<UtcMicros>, Option<Seq>) {
        let mut kinds = BTreeMap::new();
        let (mut oldest, mut newest, mut last) = (None, None, None);
        let counted = self.each(Seq::NONE, Seq(u64::MAX >> 1), |event| {
            *kinds.entry(kind_name(event.raw.kind)).or_default() += 1;
            oldest.get_or_insert(event.raw.at);
            newest = Some(event.raw.at);
            last = Some(event.seq);
            true
        });
        match counted {
            Ok(problems) => self.problems.extend(problems),
            Err(error) => self.problems.push(format!("events: {error}")),
        }
        (kinds, oldest, newest, last)
    }

    fn marks(&self) -> rusqlite::Result<Marks> {
        self.connection.query_row("SELECT epoch, acknowledged, hash, starts, boot, dropped FROM meta", [], |row| {
            Ok(Marks {
                epoch: row.get(0)?,
                acknowledged: Seq(unsigned(row, 1)?),
                hash: format!("{:?}", ChainHash(row.get(2)?)),
                starts: row.get(3)?,
                boot: row.get(4)?,
                dropped_events: unsigned(row, 5)?,
            })
        })
    }

    fn pairs(&self, sql: &str) -> rusqlite::Result<BTreeMap<String, u64>> {
        self.connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?.collect()
    }

    /// What `ask` answers; nothing, and a problem, when the file does not tell.
    fn tell<T: Default>(&mut self, what: &str, ask: impl FnOnce(&LogReader) -> rusqlite::Result<T>) -> T {
        match ask(self) {
            Ok(answer) => answer,
            Err(error) => {
                self.problems.push(format!("{what}: {error}"));
                T::default()
            }
        }
    }
}

impl StoredEvent {
    /// The body as JSON; bytes in hexadecimal where it is of no known kind.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        let value = match self.raw.decode_kind() {
            Ok(EventKind::Count(it)) => serde_json::to_value(it),
            Ok(EventKind::State(it)) => serde_json::to_value(it),
            Ok(EventKind::Scan(it)) => serde_json::to_value(it),
            Ok(EventKind::Downtime(it)) => serde_json::to_value(it),
            Ok(EventKind::Job(it)) => serde_json::to_value(it),
            Ok(EventKind::ShiftLog(it)) => serde_json::to_value(it),
            Ok(EventKind::Measurement(it)) => serde_json::to_value(it),
            Ok(EventKind::Alarm(it)) => serde_json::to_value(it),
            Ok(EventKind::Gap(it)) => serde_json::to_value(it),
            Ok(EventKind::PieceEntry(it)) => serde_json::to_value(it),
            Ok(EventKind::Dropped) => Ok(serde_json::Value::Null),
            Ok(EventKind::Unknown { .. }) | Err(_) => {
                Ok(serde_json::json!({ "undecoded": data_encoding::HEXLOWER.encode(&self.raw.body) }))
            }
        };
        value.unwrap_or_else(|error| serde_json::json!({ "problem": error.to_string() }))
    }
}

/// The word for a kind of event: `count`, `state`, …; `kind-<number>` for one that this program does not know.
#[must_use]
pub fn kind_name(tag: KindTag) -> String {
    let known = match tag.0 {
        0 => "dropped",
        1 => "count",
        2 => "state",
        3 => "scan",
        4 => "downtime",
        5 => "job",
        6 => "shift_log",
        7 => "measurement",
        8 => "alarm",
        9 => "gap",
        10 => "piece_entry",
        number => return format!("kind-{number}"),
    };
    known.to_owned()
}

/// The word for what an origin is.
#[must_use]
pub fn origin_kind_name(kind: OriginKind) -> &'static str {
    match kind {
        OriginKind::Machine => "machine",
        OriginKind::Station => "station",
        OriginKind::Agent => "agent",
    }
}

fn open_shared(file: &Path) -> rusqlite::Result<Connection> {
    check(Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

fn open_frozen(file: &Path) -> rusqlite::Result<Connection> {
    let path = file.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    check(Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?)
}

/// SQLite opens a file only when it is first asked something.
fn check(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn size(file: &Path, suffix: &str) -> u64 {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
