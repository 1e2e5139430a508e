//! The file's layout and the settings of a connection to it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// `PRAGMA user_version` of the layout below. Raise it with a step in [`prepare`] that brings older files up.
pub(super) const SCHEMA_VERSION: i32 = 1;

/// Small, for agents with tens of machines on a PC that has other work to do.
const PAGE_BYTES: u32 = 4096;
const CACHE_KIBIBYTES: u32 = 512;
/// The write-ahead log is folded into the file at this many pages …
const CHECKPOINT_PAGES: u32 = 1000;
/// … and keeps this size then: room that later commits write over, also when the disk is full.
const WAL_BYTES: u32 = 8 * 1024 * 1024;
/// A reader in another process (`edge-agent buffer`) can hold up a checkpoint, never a commit.
const BUSY: Duration = Duration::from_secs(2);

const LAYOUT: &str = "
-- Events that central has not acknowledged. No holes: a dropped one leaves its place (kind 0, empty body).
CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,  -- microseconds since 1970, UTC
    clock        INTEGER NOT NULL,  -- 0 synchronized, 1 unverified, 2 wrong, 3 restamped, 4 source
    boot         INTEGER NOT NULL,
    monotonic_us INTEGER NOT NULL,
    origin       INTEGER NOT NULL,  -- origins.id
    kind         INTEGER NOT NULL,  -- tag of the wire
    version      INTEGER NOT NULL,  -- wire version that encoded the body
    body         BLOB NOT NULL
) STRICT;

CREATE TABLE origins (
    id   INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,          -- 0 machine, 1 station, 2 agent
    name TEXT NOT NULL,
    UNIQUE (kind, name)
) STRICT;

-- State of signals, committed with the events that led to it.
CREATE TABLE states (key TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- What sources delivered lately, committed with the events of the delivery.
CREATE TABLE receipts (
    source TEXT NOT NULL,
    key    INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    digest BLOB NOT NULL,
    place  INTEGER NOT NULL,        -- grows with every receipt
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    epoch        INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,  -- the newest event is the higher of this and max(events.seq)
    hash         BLOB NOT NULL,     -- chain hash at acknowledged
    starts       INTEGER NOT NULL,
    boot         INTEGER NOT NULL,
    boot_id      TEXT,              -- the system's name of that boot, where it has one
    dropped      INTEGER NOT NULL,  -- events lost by policy, ever
    loss_count   INTEGER NOT NULL,  -- of those, not yet told by a gap
    loss_from    INTEGER NOT NULL,
    loss_to      INTEGER NOT NULL
) STRICT;

CREATE TABLE master_data (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, json BLOB NOT NULL) STRICT;
";

/// Opens the file for writing, with every setting that durability and memory depend on.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        // These take effect on an empty file only, before it becomes a WAL file.
        connection.execute_batch(&format!("PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;"))?;
    }
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA journal_size_limit = {WAL_BYTES};
         PRAGMA cache_size = -{CACHE_KIBIBYTES};
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;"
    ))?;
    connection.set_prepared_statement_cache_capacity(48);
    Ok(connection)
}

/// Brings the file to the current layout. Answers the version found when it is newer than this program.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<Result<(), i32>> {
    let found = version(connection)?;
    if found > SCHEMA_VERSION {
        return Ok(Err(found));
    }
    if found == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(LAYOUT)?;
        transaction.execute("INSERT INTO meta VALUES (1, 1, 0, zeroblob(16), 0, 0, NULL, 0, 0, 0, 0)", [])?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.commit()?;
    }
    Ok(Ok(()))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
