//! `edge-agent buffer`: what waits in the log, also while the agent runs, and in copies and damaged files.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand, ValueEnum};
use protocol::id::Seq;
use protocol::time::UtcMicros;

use crate::buffer::reader::{Contents, LogReader, StoredEvent, kind_name, origin_kind_name};
use crate::configuration::{AgentSection, Configuration};

#[derive(Debug, Args)]
pub struct BufferArguments {
    #[command(subcommand)]
    command: BufferCommand,
}

#[derive(Debug, Subcommand)]
enum BufferCommand {
    /// Show where the log stands and what it holds.
    Inspect {
        #[command(flatten)]
        log: LogArguments,
        /// Print one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Print events that central has not acknowledged, oldest first. The log keeps them.
    Export {
        #[command(flatten)]
        log: LogArguments,
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
        /// First event: a sequence number, or a time such as 2026-03-01T06:00:00Z.
        #[arg(long, value_name = "SEQUENCE|TIME")]
        from: Option<Bound>,
        /// Last event: a sequence number, or a time.
        #[arg(long, value_name = "SEQUENCE|TIME")]
        to: Option<Bound>,
    },
}

#[derive(Debug, Args)]
struct LogArguments {
    /// Data directory, or a log file: a copy, or one that was set aside.
    #[arg(value_name = "PATH", conflicts_with = "config")]
    path: Option<PathBuf>,
    /// Configuration file whose data directory to look into.
    #[arg(short = 'c', long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object per line.
    Json,
    /// With a header; the body is JSON in its column.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Seq(u64),
    At(UtcMicros),
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Bound, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Bound::Seq(seq));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Ok(Bound::At(UtcMicros(at.timestamp_micros()))),
            Err(_) => Err("expected a sequence number such as 1200, or a time such as 2026-03-01T06:00:00Z".to_owned()),
        }
    }
}

/// Exit code 0; 1 when the log cannot be opened; 2 when part of it could not be read.
#[must_use]
pub fn run(arguments: BufferArguments) -> ExitCode {
    let done = match arguments.command {
        BufferCommand::Inspect { log, json } => inspect(&log, json, io::stdout().lock()),
        BufferCommand::Export { log, format, from, to } => export(&log, format, from, to, io::stdout().lock()),
    };
    match done {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            say(&problems);
            ExitCode::from(2)
        }
        // The reader of a pipe has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&[format!("{error:#}")]);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is the command line")]
fn say(lines: &[String]) {
    for line in lines {
        eprintln!("edge-agent: {line}");
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

impl LogArguments {
    fn open(&self) -> anyhow::Result<LogReader> {
        let path = match (&self.path, &self.config) {
            (Some(path), _) => path.clone(),
            (None, Some(file)) => process::configuration::read::<Configuration>(file)?.agent.data_dir,
            (None, None) => AgentSection::default().data_dir,
        };
        LogReader::open(&path).with_context(|| {
            format!("cannot read a log at {}: expected an agent's data directory or a log file", path.display())
        })
    }
}

fn inspect(log: &LogArguments, json: bool, mut out: impl Write) -> anyhow::Result<Vec<String>> {
    let contents = log.open()?.contents();
    if json {
        serde_json::to_writer_pretty(&mut out, &contents)?;
        writeln!(out)?;
        return Ok(Vec::new());
    }
    describe(&contents, &mut out)?;
    Ok(contents.problems)
}

fn describe(contents: &Contents, out: &mut impl Write) -> io::Result<()> {
    let bytes = format!("{} bytes, {} in the write-ahead log", contents.file_bytes, contents.write_ahead_bytes);
    writeln!(out, "log           {} ({bytes})", contents.file.display())?;
    if let Some(marks) = &contents.marks {
        writeln!(out, "epoch         {}", marks.epoch)?;
        writeln!(out, "acknowledged  {} (chain hash {})", marks.acknowledged, marks.hash)?;
        writeln!(out, "started       {} times, in {} boots", marks.starts, marks.boot)?;
        writeln!(out, "dropped       {} events, ever", marks.dropped_events)?;
    }
    if let Some(newest) = contents.newest {
        writeln!(out, "newest        {newest}")?;
    }
    let total: u64 = contents.events.values().sum();
    writeln!(out, "waiting       {total} events")?;
    if let (Some(oldest), Some(newest)) = (contents.oldest_at, contents.newest_at) {
        writeln!(out, "              {} to {}", rfc3339(oldest), rfc3339(newest))?;
    }
    for (kind, count) in &contents.events {
        writeln!(out, "              {count:>10} {kind}")?;
    }
    writeln!(out, "origins       {}", contents.origins.len())?;
    for origin in &contents.origins {
        writeln!(out, "              {:>10} {} {}", origin.id.0, origin_kind_name(origin.kind), origin.name)?;
    }
    writeln!(out, "receipts      {}", contents.receipts.values().sum::<u64>())?;
    for (source, count) in &contents.receipts {
        writeln!(out, "              {count:>10} {source}")?;
    }
    writeln!(out, "states        {}", contents.states.len())?;
    for (key, bytes) in &contents.states {
        writeln!(out, "              {bytes:>10} bytes {key}")?;
    }
    match contents.master_data_revision {
        Some(revision) => writeln!(out, "master data   revision {revision}"),
        None => writeln!(out, "master data   none"),
    }
}

fn export(
    log: &LogArguments,
    format: Format,
    from: Option<Bound>,
    to: Option<Bound>,
    out: impl Write,
) -> anyhow::Result<Vec<String>> {
    let reader = log.open()?;
    let mut writer = ExportWriter::new(format, BufWriter::new(out))?;
    let first = if let Some(Bound::Seq(seq)) = from { Seq(seq) } else { Seq::NONE };
    let last = if let Some(Bound::Seq(seq)) = to { Seq(seq) } else { Seq(u64::MAX >> 1) };
    let within = |at: UtcMicros| {
        !matches!(from, Some(Bound::At(from)) if at < from) && !matches!(to, Some(Bound::At(to)) if at > to)
    };
    let mut failed = None;
    // Times need not be in order: every event is looked at.
    let problems = reader.each(first, last, |event| {
        if within(event.raw.at) {
            failed = writer.write(&event).err();
        }
        failed.is_none()
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    writer.finish()?;
    Ok(problems)
}

enum ExportWriter<W: Write> {
    Json(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> ExportWriter<W> {
    fn new(format: Format, out: W) -> anyhow::Result<ExportWriter<W>> {
        Ok(match format {
            Format::Json => ExportWriter::Json(out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(["seq", "at", "clock", "origin", "kind", "body"])?;
                ExportWriter::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, event: &StoredEvent) -> anyhow::Result<()> {
        let at = rfc3339(event.raw.at);
        let clock = serde_json::to_value(event.raw.clock)?;
        let origin = event.origin.as_ref().map_or_else(|| event.raw.origin.0.to_string(), |it| it.name.to_string());
        let kind = kind_name(event.raw.kind);
        match self {
            ExportWriter::Json(out) => {
                let line = serde_json::json!({
                    "seq": event.seq,
                    "at": at,
                    "clock": clock,
                    "boot": event.raw.monotonic.boot,
                    "monotonic_us": event.raw.monotonic.us,
                    "origin": origin,
                    "kind": kind,
                    "body": event.body(),
                });
                writeln!(out, "{line}").map_err(anyhow::Error::from)
            }
            ExportWriter::Csv(writer) => {
                let clock = clock.as_str().unwrap_or_default();
                let (seq, body) = (event.seq.to_string(), event.body().to_string());
                writer.write_record([&*seq, &*at, clock, &*origin, &*kind, &*body]).map_err(csv_error)
            }
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            ExportWriter::Json(mut out) => out.flush().map_err(anyhow::Error::from),
            ExportWriter::Csv(mut writer) => writer.flush().map_err(anyhow::Error::from),
        }
    }
}

/// As the I/O error that it is, where it is one: a closed pipe is recognised by it.
fn csv_error(error: csv::Error) -> anyhow::Error {
    if !error.is_io_error() {
        return error.into();
    }
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => anyhow::anyhow!("{other:?}"),
    }
}

fn rfc3339(at: UtcMicros) -> String {
    match DateTime::<Utc>::from_timestamp_micros(at.0) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Micros, true),
        None => format!("{} us", at.0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use process::clock::{Clock, ManualClock};
    use protocol::event::{EventKind, MachineState, StateChange};
    use protocol::id::Name;
    use protocol::time::{ClockQuality, Monotonic};

    use super::*;
    use crate::buffer::configuration::BufferSection;
    use crate::buffer::{Append, Buffer, Opening, PendingEvent};
    use crate::reading::OriginName;
    use crate::status::StatusBoard;

    /// A log of three states at 06:00:00, 06:00:01 and 06:00:02, still open.
    async fn log(data_dir: &std::path::Path) -> Buffer {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let status = StatusBoard::new(clock.clone()).subject("buffer", "buffer");
        let section = BufferSection::default();
        let opening = Opening { data_dir, section: &section, clock, boot_id: None, instance_id: 1, status };
        let (buffer, _) = Buffer::open(opening).unwrap();
        let states = [MachineState::Running, MachineState::Stopped, MachineState::Running];
        let events = states.into_iter().enumerate().map(|(at, state)| PendingEvent {
            origin: OriginName::machine(Name::new("press-1").unwrap()),
            at: UtcMicros(1_772_344_800_000_000 + at as i64 * 1_000_000),
            clock: ClockQuality::Synchronized,
            monotonic: Monotonic { boot: 1, us: at as u64 },
            kind: EventKind::State(StateChange { state, source_code: None, reason: Some("a, \"b\"".to_owned()) }),
        });
        buffer.append(Append { events: events.collect(), ..Append::default() }).await.unwrap();
        buffer
    }

    fn exported(dir: &std::path::Path, format: Format, from: Option<&str>, to: Option<&str>) -> String {
        let arguments = LogArguments { path: Some(dir.to_owned()), config: None };
        let bound = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let mut out = Vec::new();
        assert!(export(&arguments, format, bound(from), bound(to), &mut out).unwrap().is_empty());
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn events_are_exported_as_json_lines_and_csv_while_the_log_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let _buffer = log(dir.path()).await;
        let lines = exported(dir.path(), Format::Json, None, None);
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(
            first,
            serde_json::json!({
                "seq": 1, "at": "2026-03-01T06:00:00.000000Z", "clock": "synchronized", "boot": 1, "monotonic_us": 0,
                "origin": "press-1", "kind": "state",
                "body": {"state": "running", "source_code": null, "reason": "a, \"b\""},
            })
        );
        let text = exported(dir.path(), Format::Csv, None, None);
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        let body: serde_json::Value = serde_json::from_str(&rows[1][5]).unwrap();
        assert_eq!((&rows[1][0], &rows[1][4], &body["state"]), ("2", "state", &serde_json::json!("stopped")));
    }

    #[tokio::test]
    async fn an_export_is_bounded_by_sequence_or_time() {
        let dir = tempfile::tempdir().unwrap();
        let _buffer = log(dir.path()).await;
        let seqs = |from, to| -> Vec<u64> {
            let lines = exported(dir.path(), Format::Json, from, to);
            let parse = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap();
            lines.lines().map(parse).collect()
        };
        assert_eq!(seqs(Some("2"), None), [2, 3]);
        assert_eq!(seqs(None, Some("2")), [1, 2]);
        assert_eq!(seqs(Some("2026-03-01T06:00:01Z"), None), [2, 3]);
        assert_eq!(seqs(None, Some("2026-03-01T07:00:00+01:00")), [1]);
        assert!("yesterday".parse::<Bound>().unwrap_err().contains("expected a sequence number"));
    }

    #[tokio::test]
    async fn inspect_tells_in_words_and_in_json() {
        let dir = tempfile::tempdir().unwrap();
        let _buffer = log(dir.path()).await;
        let arguments = LogArguments { path: Some(dir.path().to_owned()), config: None };
        let mut text = Vec::new();
        assert!(inspect(&arguments, false, &mut text).unwrap().is_empty());
        let text = String::from_utf8(text).unwrap();
        for expected in ["waiting       3 events", "3 state", "1 machine press-1", "2026-03-01T06:00:02.000000Z"] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let mut json = Vec::new();
        inspect(&arguments, true, &mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!((&json["newest"], &json["events"]["state"]), (&serde_json::json!(3), &serde_json::json!(3)));
    }
}
