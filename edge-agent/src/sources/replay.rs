//! Recorded readings, fed in with their own timestamps: commissioning and backfill.
//!
//! A recording is a CSV file with the columns `at` (RFC 3339), `machine`, `signal`, `value`. How far it was replayed is
//! stored in the transaction that stores what came of its rows, so that a replay that was killed at any moment and is
//! started again goes on after the last stored row: nothing is lost, nothing comes twice. A replay that was finished and
//! is started again does nothing.
//!
//! A recording is known by its content, wherever it lies: the position is kept under a digest of its header and first
//! row, with a digest of every row up to there. A file that begins the same but was changed in what was replayed already
//! is refused; rows that were added at its end are replayed.
//!
//! A row that cannot be understood is told with its line and what was expected, and left out.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use process::configuration::nearest;
use protocol::batch::Health;
use protocol::id::Name;
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::SourceContext;
use crate::capture::{Stopping, Stored};
use crate::reading::{Item, Nature, Reading, Value};
use crate::signals::configuration::MachineSection;
use crate::signals::{Live, LiveView};

/// Rows that are stored together, at most.
const CHUNK_ROWS: usize = 500;
/// Chunks between the thread that reads the file and the task that submits.
const CHUNKS_AHEAD: usize = 4;
/// Submissions that wait for their commit, so that the log always has the next one at hand.
const SUBMISSIONS_AHEAD: usize = 4;
/// Refused rows that the summary shows; all are counted and logged.
const REFUSED_SHOWN: usize = 20;
const COLUMNS: [&str; 4] = ["at", "machine", "signal", "value"];

/// What to replay, and how.
#[derive(Debug, Clone)]
pub struct Replay {
    pub file: PathBuf,
    /// Times real time; absent: as fast as it can be stored.
    pub speed: Option<f64>,
    /// End at the first row that cannot be understood.
    pub strict: bool,
    pub machines: Vec<MachineSection>,
}

/// How far a replay has got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub rows: u64,
    pub bytes: u64,
    pub bytes_total: u64,
    /// Once every row is stored: events that central has not acknowledged.
    pub unsent: Option<u64>,
}

/// What a recording led to, earlier runs of the same replay included.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// False when it was asked to stop, or stopped at a refused row.
    pub complete: bool,
    pub rows: u64,
    /// Rows that earlier runs had stored.
    pub rows_before: u64,
    pub readings: u64,
    pub refused: u64,
    /// Some of the rows that this run refused.
    pub refused_rows: Vec<RefusedRow>,
    pub machines: BTreeMap<Name, Totals>,
}

/// What happened on one machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    pub stops: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    pub line: u64,
    /// Row of data: 1 is the one after the header.
    pub row: u64,
    /// What was found and what was expected.
    pub problem: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("cannot read the recording {file}: {source}", file = file.display())]
    Unreadable { file: PathBuf, source: csv::Error },
    #[error(
        "{file}: the first line is {found:?}: expected the columns at,machine,signal,value",
        file = file.display()
    )]
    Columns { file: PathBuf, found: String },
    #[error(
        "{file} was replayed up to row {rows} before, with other content: replaying it again would count some of it twice. \
         Put the rows that are new into a file of their own",
        file = file.display()
    )]
    Changed { file: PathBuf, rows: u64 },
    #[error("the stored position {key} of this recording cannot be read: {source}")]
    Position { key: String, source: serde_json::Error },
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// Stored with the rows it covers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Position {
    rows: u64,
    /// [`RowDigest`] of the last of them.
    digest: RowDigest,
    readings: u64,
    refused: u64,
    /// Where the machines stood before the first row.
    before: BTreeMap<Name, Totals>,
}

/// Digest of a row and all rows before it.
type RowDigest = [u8; 16];

#[derive(Debug)]
struct Row {
    /// 1 is the first row of data.
    number: u64,
    digest: RowDigest,
    bytes: u64,
    content: Result<Recorded, RefusedRow>,
}

#[derive(Debug, Clone, PartialEq)]
struct Recorded {
    at: UtcMicros,
    machine: Name,
    signal: Name,
    value: Value,
}

/// Replays a recording until its last row is stored, `stopping` is cancelled, or a strict replay meets a refused row.
/// `states` are those of the log, `live` is the view that capture keeps.
pub async fn run(
    replay: Replay,
    context: &SourceContext,
    states: &HashMap<String, Vec<u8>>,
    live: &LiveView,
    progress: &watch::Sender<Progress>,
) -> Result<Summary, ReplayError> {
    context.status.set(Health::Good, "");
    let file = replay.file.clone();
    let first = tokio::task::spawn_blocking(move || first_row(&file)).await.map_err(|_| Stopping)??;
    let Some(first) = first else {
        return Ok(Summary { complete: true, ..Summary::default() });
    };
    let key = format!("replay/{}", data_encoding::HEXLOWER.encode(&first));
    let position = match states.get(&key) {
        None => Position { before: totals(&live.snapshot()), ..Position::default() },
        Some(stored) => {
            serde_json::from_slice(stored).map_err(|source| ReplayError::Position { key: key.clone(), source })?
        }
    };
    let (chunks, rows) = mpsc::channel(CHUNKS_AHEAD);
    let reader = Reader { known: known_signals(&replay.machines), skip: position.clone(), file: replay.file.clone() };
    let reading = tokio::task::spawn_blocking(move || reader.read(&chunks));
    let mut run = Run {
        replay: &replay,
        context,
        key,
        summary: Summary { rows_before: position.rows, ..Summary::default() },
        position,
        waiting: VecDeque::new(),
        began: None,
    };
    let ended = run.submit_all(rows, progress).await;
    while run.waiting.front().is_some() {
        run.wait_for_oldest().await?;
    }
    // The reader ends when nobody takes its rows.
    reading.await.map_err(|_| Stopping)??;
    run.summary.complete = ended?;
    Ok(run.summary(live))
}

struct Run<'r> {
    replay: &'r Replay,
    context: &'r SourceContext,
    key: String,
    position: Position,
    summary: Summary,
    waiting: VecDeque<oneshot::Receiver<Stored>>,
    /// When the first row was due, and its time in the recording.
    began: Option<(Instant, UtcMicros)>,
}

impl Run<'_> {
    /// Whether the end of the recording was reached.
    async fn submit_all(
        &mut self,
        mut rows: mpsc::Receiver<Vec<Row>>,
        progress: &watch::Sender<Progress>,
    ) -> Result<bool, Stopping> {
        let bytes_total = std::fs::metadata(&self.replay.file).map_or(0, |metadata| metadata.len());
        while let Some(chunk) = rows.recv().await {
            let mut due = Vec::new();
            for row in chunk {
                if self.context.stopping.is_cancelled() {
                    self.submit(&mut due).await?;
                    return Ok(false);
                }
                if let Some(wait) = self.time_until(&row) {
                    self.submit(&mut due).await?;
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.context.stopping.cancelled() => return Ok(false),
                    }
                }
                if !self.take(&row, &mut due) {
                    self.submit(&mut due).await?;
                    return Ok(false);
                }
                progress.send_replace(Progress { rows: row.number, bytes: row.bytes, bytes_total, unsent: None });
            }
            self.submit(&mut due).await?;
        }
        Ok(true)
    }

    /// Counts a row and makes it an item. False when a strict replay ends at it.
    fn take(&mut self, row: &Row, due: &mut Vec<Item>) -> bool {
        match &row.content {
            Ok(recorded) => {
                due.push(Item::Reading(Reading {
                    machine: recorded.machine.clone(),
                    signal: recorded.signal.clone(),
                    value: recorded.value.clone(),
                    taken: self.context.clock.now(),
                    source_at: Some(recorded.at),
                    nature: Nature::Historical,
                }));
                self.position.readings += 1;
            }
            Err(refused) => {
                tracing::warn!(line = refused.line, row = refused.row, problem = refused.problem, "refused");
                self.context.status.count("refused_rows", 1);
                if self.summary.refused_rows.len() < REFUSED_SHOWN {
                    self.summary.refused_rows.push(refused.clone());
                }
                if self.replay.strict {
                    return false;
                }
                self.position.refused += 1;
            }
        }
        self.position.rows = row.number;
        self.position.digest = row.digest;
        true
    }

    async fn submit(&mut self, due: &mut Vec<Item>) -> Result<(), Stopping> {
        while self.waiting.len() >= SUBMISSIONS_AHEAD {
            self.wait_for_oldest().await?;
        }
        #[expect(clippy::expect_used, reason = "plain values with text keys: writing them into memory cannot fail")]
        let position = serde_json::to_vec(&self.position).expect("a position is JSON");
        let items = std::mem::take(due);
        let stored = self.context.capture.queue_with_position(items, self.key.clone(), position).await?;
        self.waiting.push_back(stored);
        Ok(())
    }

    async fn wait_for_oldest(&mut self) -> Result<(), Stopping> {
        match self.waiting.pop_front() {
            Some(stored) => stored.await.map(drop).map_err(|_| Stopping),
            None => Ok(()),
        }
    }

    /// How long until a row is due; none when it is.
    fn time_until(&mut self, row: &Row) -> Option<Duration> {
        let speed = self.replay.speed?;
        let at = row.content.as_ref().ok()?.at;
        let (began, first) = *self.began.get_or_insert((Instant::now(), at));
        #[expect(clippy::cast_precision_loss, reason = "a pause, not a time")]
        let seconds = at.since(first).max(0) as f64 / 1_000_000.0 / speed;
        let due = began.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    fn summary(self, live: &LiveView) -> Summary {
        let mut machines = BTreeMap::new();
        for (name, now) in totals(&live.snapshot()) {
            let before = self.position.before.get(&name).copied().unwrap_or_default();
            let made = Totals {
                good: now.good - before.good,
                scrap: now.scrap - before.scrap,
                rework: now.rework - before.rework,
                stops: now.stops.saturating_sub(before.stops),
            };
            machines.insert(name, made);
        }
        let Position { rows, readings, refused, .. } = self.position;
        Summary { rows, readings, refused, machines, ..self.summary }
    }
}

fn totals(live: &[Live]) -> BTreeMap<Name, Totals> {
    let totals = live.iter().map(|live| {
        let Live { good, scrap, rework, stops, .. } = *live;
        (live.machine.clone(), Totals { good, scrap, rework, stops })
    });
    totals.collect()
}

fn known_signals(machines: &[MachineSection]) -> HashMap<Name, HashSet<Name>> {
    machines.iter().map(|machine| (machine.name.clone(), machine.signals.keys().cloned().collect())).collect()
}

/// Reads the file on a thread of its own.
struct Reader {
    file: PathBuf,
    known: HashMap<Name, HashSet<Name>>,
    skip: Position,
}

impl Reader {
    fn read(self, chunks: &mpsc::Sender<Vec<Row>>) -> Result<(), ReplayError> {
        let unreadable = |source| ReplayError::Unreadable { file: self.file.clone(), source };
        let (mut csv, columns, mut digest) = open(&self.file)?;
        let changed = || ReplayError::Changed { file: self.file.clone(), rows: self.skip.rows };
        let mut record = csv::ByteRecord::new();
        let mut chunk = Vec::with_capacity(CHUNK_ROWS);
        let mut number = 0;
        while csv.read_byte_record(&mut record).map_err(unreadable)? {
            number += 1;
            digest = row_digest(&digest, &record);
            if number <= self.skip.rows {
                if number == self.skip.rows && digest != self.skip.digest {
                    return Err(changed());
                }
                continue;
            }
            let line = record.position().map_or(0, csv::Position::line);
            let content =
                self.understand(&record, columns).map_err(|problem| RefusedRow { line, row: number, problem });
            chunk.push(Row { number, digest, bytes: csv.position().byte(), content });
            if chunk.len() == CHUNK_ROWS && chunks.blocking_send(std::mem::take(&mut chunk)).is_err() {
                return Ok(());
            }
        }
        if number < self.skip.rows {
            return Err(changed());
        }
        if !chunk.is_empty() {
            let _ = chunks.blocking_send(chunk);
        }
        Ok(())
    }

    fn understand(&self, record: &csv::ByteRecord, columns: [usize; 4]) -> Result<Recorded, String> {
        if record.len() != COLUMNS.len() {
            return Err(format!("{} fields: expected 4: at,machine,signal,value", record.len()));
        }
        let field = |column: usize| {
            let bytes = record.get(columns[column]).unwrap_or_default();
            std::str::from_utf8(bytes).map(str::trim).map_err(|_| format!("`{}` is not UTF-8", COLUMNS[column]))
        };
        let (at, machine, signal, value) = (field(0)?, field(1)?, field(2)?, field(3)?);
        let at = DateTime::parse_from_rfc3339(at)
            .map_err(|_| format!("`at` is {at:?}: expected a time such as 2026-01-31T06:00:00.250Z"))?;
        let (machine, signals) =
            self.known.get_key_value(machine).ok_or_else(|| unknown("[[machine]]", machine, self.known.keys()))?;
        let signal = signals
            .get(signal)
            .ok_or_else(|| unknown(&format!("signal of machine {machine}"), signal, signals.iter()))?;
        let at = UtcMicros(at.with_timezone(&Utc).timestamp_micros());
        Ok(Recorded { at, machine: machine.clone(), signal: signal.clone(), value: value_of(value) })
    }
}

fn unknown<'n>(what: &str, found: &str, known: impl Iterator<Item = &'n Name>) -> String {
    match nearest(found, known.map(Name::as_str)) {
        Some(near) => format!("no {what} is called {found:?}; did you mean {near:?}?"),
        None => format!("no {what} is called {found:?}"),
    }
}

/// The simplest value that a text stands for. What is empty is no value.
fn value_of(text: &str) -> Value {
    if text.is_empty() {
        return Value::Unavailable;
    }
    if let Ok(number) = text.parse() {
        return Value::Integer(number);
    }
    match text.parse::<f64>() {
        // `inf` and `nan` are numbers to a parser, and words to everybody else.
        Ok(number) if number.is_finite() => Value::Number(number),
        _ => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            word => Value::Text(word.to_owned()),
        },
    }
}

type Opened = (csv::Reader<std::fs::File>, [usize; 4], RowDigest);

/// The file after its header, where each column is, and the digest of the header.
fn open(file: &Path) -> Result<Opened, ReplayError> {
    let unreadable = |source| ReplayError::Unreadable { file: file.to_owned(), source };
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_path(file).map_err(unreadable)?;
    let header = csv.byte_headers().map_err(unreadable)?.clone();
    let column = |name: &str| header.iter().position(|found| found.trim_ascii() == name.as_bytes());
    let columns = COLUMNS.map(column);
    match columns {
        [Some(at), Some(machine), Some(signal), Some(value)] if header.len() == COLUMNS.len() => {
            Ok((csv, [at, machine, signal, value], row_digest(&RowDigest::default(), &header)))
        }
        _ => {
            let found: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
            Err(ReplayError::Columns { file: file.to_owned(), found: found.join(",") })
        }
    }
}

/// Digest of header and first row; none where there is no row.
fn first_row(file: &Path) -> Result<Option<RowDigest>, ReplayError> {
    let (mut csv, _, digest) = open(file)?;
    let mut record = csv::ByteRecord::new();
    let unreadable = |source| ReplayError::Unreadable { file: file.to_owned(), source };
    let found = csv.read_byte_record(&mut record).map_err(unreadable)?;
    Ok(found.then(|| row_digest(&digest, &record)))
}

fn row_digest(before: &RowDigest, record: &csv::ByteRecord) -> RowDigest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    for field in record {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    let mut digest = RowDigest::default();
    hasher.finalize_xof().fill(&mut digest);
    digest
}

#[cfg(test)]
mod tests;
