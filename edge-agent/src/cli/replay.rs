//! `edge-agent replay`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use process::lifecycle::StopSignals;
use process::logging;
use serde_json::json;
use tokio::sync::watch;

use super::{ConfigurationFile, block_on};
use crate::run::replay::{Replayed, Request, Sync, replay};
use crate::sources::replay::{Progress, Summary};

/// Rows were refused, everything else is done.
const REFUSED: u8 = 3;
const REDRAW: Duration = Duration::from_millis(100);

/// Feed recorded readings in with their own timestamps: commissioning, backfill
#[derive(Debug, Args)]
#[command(after_help = "FILE is a CSV file with the columns at,machine,signal,value; `at` is a time such as \
    2026-01-31T06:00:00.250Z, machines and signals are those of the configuration. Ends when everything is stored and, on \
    an enrolled agent, acknowledged by central.\n\n\
    Killed at any moment and run again, it goes on where it was: nothing is lost, nothing comes twice. The agent itself \
    (`edge-agent run`) must not run on the same data directory meanwhile: stop it first (systemctl stop edge-agent).\n\n\
    Examples:\n  \
        edge-agent replay readings.csv --config config/filling-line.toml\n  \
        edge-agent replay readings.csv --speed 60\n  \
        edge-agent replay readings.csv --no-sync --json\n\n\
    Exit codes:\n  \
        0  every row is stored, and acknowledged where it was to be\n  \
        1  could not start, stopped early, or --strict met a row that cannot be understood\n  \
        3  everything but some rows that cannot be understood")]
pub(super) struct Arguments {
    /// The recording
    #[arg(value_name = "FILE")]
    recording: PathBuf,
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// Times real time, such as 1 or 60; without it, as fast as it can be stored
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// End at the first row that cannot be understood
    #[arg(long)]
    strict: bool,
    /// Only store: the next `edge-agent run` sends it
    #[arg(long)]
    no_sync: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.001..=1_000_000.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number from 0.001 to 1000000".to_owned()),
    }
}

impl Arguments {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        logging::start(logging::Format::Text, "warn");
        let configuration = self.configuration.read()?;
        let request =
            Request { recording: self.recording.clone(), speed: self.speed, strict: self.strict, sync: !self.no_sync };
        let replayed = block_on(async {
            let progress = watch::Sender::new(Progress::default());
            let StopSignals { stop, at_once } = StopSignals::listen();
            let bar = tokio::spawn(draw(progress.subscribe()));
            let replayed = tokio::select! {
                replayed = replay(configuration, request, &progress, stop) => replayed,
                () = at_once.cancelled() => Err(anyhow::anyhow!("interrupted: run again, it goes on where it was")),
            };
            drop(progress);
            let _ = bar.await;
            replayed
        })?;
        if self.json {
            println!("{}", as_json(&replayed));
        } else {
            print(&replayed);
        }
        Ok(exit_code(&replayed))
    }
}

/// Draws until the replay is over; nothing where standard error is no terminal.
async fn draw(mut progress: watch::Receiver<Progress>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    while progress.changed().await.is_ok() {
        let Progress { rows, bytes, bytes_total, unsent } = *progress.borrow_and_update();
        bar.set_length(bytes_total);
        bar.set_position(bytes);
        bar.set_message(match unsent {
            None => format!("{rows} rows"),
            Some(unsent) => format!("{rows} rows stored, {unsent} events to send"),
        });
        tokio::time::sleep(REDRAW).await;
    }
    bar.finish_and_clear();
}

fn exit_code(replayed: &Replayed) -> ExitCode {
    let stopped = matches!(replayed.sync, Sync::Stopped { .. });
    if !replayed.summary.complete || stopped {
        ExitCode::FAILURE
    } else if replayed.summary.refused > 0 {
        ExitCode::from(REFUSED)
    } else {
        ExitCode::SUCCESS
    }
}

fn sync_word(sync: Sync) -> &'static str {
    match sync {
        Sync::Complete => "complete",
        Sync::NotAsked => "not_asked",
        Sync::NotEnrolled => "not_enrolled",
        Sync::Stopped { .. } => "stopped",
    }
}

fn as_json(replayed: &Replayed) -> serde_json::Value {
    let unsent = if let Sync::Stopped { unsent } = replayed.sync { Some(unsent) } else { None };
    json!({
        "recording": replayed.summary,
        "events": replayed.events,
        "sync": sync_word(replayed.sync),
        "unsent": unsent,
    })
}

fn print(replayed: &Replayed) {
    let Replayed { summary, events, sync } = replayed;
    let Summary { rows, rows_before, readings, refused, .. } = summary;
    let resumed = if *rows_before > 0 { format!(", {rows_before} of them stored before") } else { String::new() };
    println!("{rows} rows{resumed}: {readings} readings, {refused} refused; {events} events stored now");
    for (machine, totals) in &summary.machines {
        println!(
            "  {machine}: {} good, {} scrap, {} rework, {} stops",
            totals.good, totals.scrap, totals.rework, totals.stops
        );
    }
    for row in &summary.refused_rows {
        println!("  line {} (row {}): {}", row.line, row.row, row.problem);
    }
    match sync {
        Sync::Complete => println!("Central has everything."),
        Sync::NotAsked => println!("Stored only: `edge-agent run` sends it."),
        Sync::NotEnrolled => {
            println!("Stored only, for this agent is not enrolled: `edge-agent enroll CODE`, then `edge-agent run`.");
        }
        Sync::Stopped { unsent } => {
            println!("Stopped with {unsent} events to send: run it again, or `edge-agent run`.");
        }
    }
    if !summary.complete {
        println!("The recording is not finished: run the same command again to go on after row {rows}.");
    }
}
