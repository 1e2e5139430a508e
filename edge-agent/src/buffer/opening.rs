//! From a data directory to a log that is ready: lock, file, layout, number of starts and boots.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use process::clock::{Clock, Moment};
use protocol::id::{Instance, Seq};
use rusqlite::{Connection, params};

use super::configuration::BufferSection;
use super::fault::Fault;
use super::lock::Lock;
use super::log::{Log, Mark, begin, damaged};
use super::rescue::{self, RescueError};
use super::schema::{self, SCHEMA_VERSION};
use crate::status::Subject;

/// What the log needs to know when it is opened.
#[derive(Debug)]
pub struct Opening<'o> {
    pub data_dir: &'o Path,
    pub section: &'o BufferSection,
    pub clock: Arc<dyn Clock>,
    /// [`system_boot_id`]; without one, every start counts as a boot.
    pub boot_id: Option<String>,
    /// Drawn at random for this start of the process.
    pub instance_id: u64,
    /// Where the log says how it is doing.
    pub status: Subject,
}

/// What opening found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub instance: Instance,
    /// Number of this boot of the computer, for [`process::clock::SystemClock::new`].
    pub boot: u32,
    /// A damaged log was found and moved here; a [`Gap`](protocol::event::Gap) says so in the new one.
    pub set_aside: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use {path}: {source}; the agent needs a data directory that it may write to", path = path.display())]
    DataDirectory { path: PathBuf, source: std::io::Error },
    #[error(
        "{data_dir} is in use by {holder}: two agents must not share a data directory; stop the other one or give this one \
         its own `agent.data_dir`",
        data_dir = data_dir.display()
    )]
    Locked { data_dir: PathBuf, holder: String },
    #[error(
        "{path} was written by a newer edge-agent (layout {found}, this one knows up to {SCHEMA_VERSION}): install that \
         version again",
        path = path.display()
    )]
    Newer { path: PathBuf, found: i32 },
    #[error("cannot open the log {path}: {source}", path = path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("the log is damaged, and cannot be set aside: {0}")]
    Rescue(#[from] RescueError),
    #[error("cannot start the log's thread: {0}")]
    Thread(std::io::Error),
}

impl OpenError {
    /// Whether the file has to be set aside.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, OpenError::Sqlite { source, .. } if Fault::of(source) == Fault::Damaged)
    }
}

/// The log's file in a data directory.
#[must_use]
pub fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("agent.db")
}

/// The system's name for this boot of the computer, where it has one.
#[must_use]
pub fn system_boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

pub(super) struct Ready {
    pub(super) log: Log,
    pub(super) lock: Lock,
    pub(super) opened: Opened,
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Ready, OpenError> {
    let at = |source| OpenError::DataDirectory { path: opening.data_dir.to_owned(), source };
    std::fs::create_dir_all(opening.data_dir).map_err(at)?;
    let lock = Lock::take(opening.data_dir)?;
    let file = log_file(opening.data_dir);
    rescue::finish(&file).map_err(at)?;
    let failed = |source| OpenError::Sqlite { path: file.clone(), source };
    let (connection, set_aside) = match connect_and_check(&file) {
        Err(error) if Fault::of(&error) == Fault::Damaged => {
            let aside = rescue::rescue(&file, None, opening.clock.now())?;
            (connect_and_check(&file).map_err(failed)?, Some(aside))
        }
        other => (other.map_err(failed)?, None),
    };
    let connection = connection.map_err(|found| OpenError::Newer { path: file.clone(), found })?;
    let (starts, boot) = count_start(&connection, opening.boot_id.as_deref()).map_err(failed)?;
    let log = Log::load(connection).map_err(failed)?;
    let instance = Instance { starts, id: opening.instance_id };
    Ok(Ready { log, lock, opened: Opened { instance, boot, set_aside } })
}

/// Opens the file again after a fault, in the same process. Answers the log and what was its newest event before anything
/// was added to it; `known` is where it stood.
pub(super) fn reopen(file: &Path, known: Mark, fault: Fault, now: Moment) -> Result<(Log, Seq), OpenError> {
    let failed = |source| OpenError::Sqlite { path: file.to_owned(), source };
    if fault == Fault::Damaged {
        rescue::rescue(file, Some(known), now)?;
        let connection = connect_and_check(file).map_err(failed)?;
        let connection = connection.map_err(|found| OpenError::Newer { path: file.to_owned(), found })?;
        return Ok((Log::load(connection).map_err(failed)?, known.newest));
    }
    let connection = schema::connect(file).map_err(failed)?;
    let version = schema::version(&connection).map_err(failed)?;
    if version != SCHEMA_VERSION {
        return Err(failed(damaged(format!("layout {version} where {SCHEMA_VERSION} was"))));
    }
    let log = Log::load(connection).map_err(failed)?;
    // After a failed sync nothing in memory is proof of what is on the disk: only what is written and synced anew is.
    log.checkpoint().map_err(failed)?;
    let newest = log.mark.newest;
    Ok((log, newest))
}

fn connect_and_check(file: &Path) -> rusqlite::Result<Result<Connection, i32>> {
    let mut connection = schema::connect(file)?;
    if let Err(found) = schema::prepare(&mut connection)? {
        return Ok(Err(found));
    }
    let finding: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if finding != "ok" {
        return Err(damaged(finding));
    }
    Ok(Ok(connection))
}

/// Counts this start and, if it is the first one in a boot, the boot. Durable when it returns: a copy of the directory
/// taken from here on gives itself away.
fn count_start(connection: &Connection, boot_id: Option<&str>) -> rusqlite::Result<(u32, u32)> {
    let transaction = begin(connection)?;
    let (starts, boot, last): (u32, u32, Option<String>) =
        transaction.query_row("SELECT starts, boot, boot_id FROM meta", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let same_boot = boot > 0 && boot_id.is_some() && boot_id == last.as_deref();
    let boot = if same_boot { boot } else { boot + 1 };
    transaction.execute("UPDATE meta SET starts = ?1, boot = ?2, boot_id = ?3", params![starts + 1, boot, boot_id])?;
    transaction.commit()?;
    Ok((starts + 1, boot))
}
