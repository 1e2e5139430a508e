//! Many open dashboards while machines change: what telling all of them costs central, and whether every browser is told
//! every change.
//!
//! Machines change evenly through the second, each once a second, and are asked at different moments. Central looks at
//! what changed a few times a second and tells it in one frame: so changes are counted in pieces, of which each change
//! makes a thousand, and not in frames.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::devices::{Device, PIECES_PER_SECOND, sections};
use super::live::{add_standing_machines, ask};
use super::usage::Usage;
use super::{BenchSettings, Bound, Figure, percentile};
use crate::harness::{Site, wait};

const BOARD_MACHINES: usize = 200;
const BROWSERS: usize = 500;
/// Each makes its pieces at once, a second after the last ones.
const CHANGING_MACHINES: usize = 50;
/// About; no two machines are asked in step.
const INTERVAL_MS: u32 = 75;
const SETTLE: Duration = Duration::from_secs(10);
const PIECES: &str = "SELECT coalesce(sum(delta), 0)::bigint FROM production_logs";

pub(super) async fn measure(settings: &BenchSettings) -> anyhow::Result<Vec<Figure>> {
    let site = Site::start_durable().await?;
    let mut text = String::from("[uplink]\n");
    let mut devices = Vec::new();
    for number in 0..CHANGING_MACHINES {
        let device = Device::start().await?;
        let interval_ms = INTERVAL_MS + u32::try_from(number)?;
        text.push_str(&sections(&format!("machine-{number}"), device.address, interval_ms, 0));
        devices.push(device);
        tokio::time::sleep(Duration::from_millis(1_000 / CHANGING_MACHINES as u64)).await;
    }
    let mut agent = site.enrol("bench", &text).await?;
    agent.resume()?;
    add_standing_machines(&site, CHANGING_MACHINES, BOARD_MACHINES).await?;
    let mut streams = JoinSet::new();
    let mut browsers = Vec::with_capacity(BROWSERS);
    for _ in 0..BROWSERS {
        let browser = Arc::<Browser>::default();
        let stream = ask(&site, "/api/v1/live", "1.0").await?;
        browsers.push(browser.clone());
        streams.spawn(async move { browser.follow(stream).await });
    }
    tokio::time::sleep(SETTLE).await;

    let process = site.central.process_id().context("central runs")?;
    let (before, began) = (Usage::of(process)?, Instant::now());
    let (made_before, seen_before) = (site.truth.number(PIECES).await?, browsers.iter().map(seen).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_secs(settings.seconds)).await;
    let (after, seconds) = (Usage::of(process)?, began.elapsed().as_secs_f64());
    let made = site.truth.number(PIECES).await? - made_before;
    let told: Vec<Seen> = browsers.iter().zip(seen_before).map(|(browser, before)| seen(browser) - before).collect();
    if let Some(ended) = streams.try_join_next() {
        ended??;
    }
    let changes = made as f64 / PIECES_PER_SECOND as f64 / seconds;
    anyhow::ensure!(changes >= 0.9 * CHANGING_MACHINES as f64, "only {changes:.1} machines a second changed");
    // Nothing more is made; then everybody must have been told everything.
    agent.kill();
    everybody_knows_everything(&site, &browsers).await?;

    let mut changes_told: Vec<f64> =
        told.iter().map(|it| it.pieces as f64 / PIECES_PER_SECOND as f64 / seconds).collect();
    let mut frames: Vec<f64> = told.iter().map(|it| it.frames as f64 / seconds).collect();
    let megabytes = told.iter().map(|it| it.bytes).sum::<u64>() as f64 / 1e6 / seconds;
    let detail = format!(
        "over {} s: {changes:.1} changes a second, of which every browser was told every one ({:.1} to {:.1} a second, in {:.1} \
         frames); {megabytes:.1} MB sent a second",
        settings.seconds,
        percentile(&mut changes_told, 0.0),
        percentile(&mut changes_told, 1.0),
        percentile(&mut frames, 0.5),
    );
    let what = |of: &str| format!("{BROWSERS} open dashboards receiving {CHANGING_MACHINES} changes a second: {of}");
    Ok(vec![
        Figure {
            what: what("central's processor"),
            found: after.cpu_percent_since(&before),
            unit: "% of a core",
            bound: Bound::AtMost { must: 50.0, aim: 15.0 },
            detail: detail.clone(),
        },
        Figure {
            what: what("central's memory at its peak"),
            found: after.peak_megabytes(),
            unit: "MB",
            bound: Bound::AtMost { must: 150.0, aim: 80.0 },
            detail: format!("since it was started; {:.1} MB at the end. {detail}", after.resident_megabytes()),
        },
    ])
}

/// Waits until each has been told of as many pieces as there are in the database, and fails where a frame was left out.
async fn everybody_knows_everything(site: &Site, browsers: &[Arc<Browser>]) -> anyhow::Result<()> {
    wait::until("every browser to be told every change", async || {
        let made = site.truth.number(PIECES).await?;
        let behind = browsers.iter().filter(|browser| browser.pieces.load(Ordering::Relaxed) != made).count();
        if behind == 0 {
            Ok(Some(()))
        } else {
            Err(anyhow::anyhow!("{behind} of {BROWSERS} do not know all {made} pieces"))
        }
    })
    .await?;
    let left_out: u64 = browsers.iter().map(|browser| browser.left_out.load(Ordering::Relaxed)).sum();
    anyhow::ensure!(left_out == 0, "{left_out} frames were left out");
    Ok(())
}

/// What one browser has been told so far.
#[derive(Debug, Default)]
struct Browser {
    pieces: AtomicI64,
    frames: AtomicU64,
    bytes: AtomicU64,
    /// Numbers of frames that were passed over.
    left_out: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    pieces: i64,
    frames: u64,
    bytes: u64,
}

impl std::ops::Sub for Seen {
    type Output = Seen;

    fn sub(self, before: Seen) -> Seen {
        let Seen { pieces, frames, bytes } = before;
        Seen { pieces: self.pieces - pieces, frames: self.frames - frames, bytes: self.bytes - bytes }
    }
}

fn seen(browser: &Arc<Browser>) -> Seen {
    Seen {
        pieces: browser.pieces.load(Ordering::Relaxed),
        frames: browser.frames.load(Ordering::Relaxed),
        bytes: browser.bytes.load(Ordering::Relaxed),
    }
}

impl Browser {
    /// Reads the stream as it comes. It does not end.
    async fn follow(&self, mut stream: BufReader<TcpStream>) -> anyhow::Result<()> {
        let mut good: HashMap<i64, i64> = HashMap::with_capacity(BOARD_MACHINES);
        let (mut line, mut number) = (Vec::with_capacity(16 * 1024), None);
        loop {
            line.clear();
            let read = stream.read_until(b'\n', &mut line).await?;
            anyhow::ensure!(read > 0, "a stream ended");
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
            let text = std::str::from_utf8(&line)?.trim_end();
            if let Some(id) = text.strip_prefix("id: ") {
                let found = id.rsplit('-').next().and_then(|number| u64::from_str_radix(number, 16).ok());
                let found = found.with_context(|| format!("an id ends with a number: {id}"))?;
                // A heartbeat repeats the number of the newest frame.
                let before = number.replace(found).unwrap_or(found);
                self.left_out.fetch_add(found.saturating_sub(before + 1), Ordering::Relaxed);
            } else if let Some(data) = text.strip_prefix("data: ") {
                let more: i64 = good_pieces(data).map(|(machine, now)| added(&mut good, machine, now)).sum();
                self.pieces.fetch_add(more, Ordering::Relaxed);
                self.frames.fetch_add(u64::from(more > 0), Ordering::Relaxed);
            }
        }
    }
}

/// Pieces since a machine was told of last. Counts begin anew at midnight.
fn added(good: &mut HashMap<i64, i64>, machine: i64, now: i64) -> i64 {
    let before = good.insert(machine, now).unwrap_or(0);
    if now >= before { now - before } else { now }
}

/// Machines of a frame with their good pieces of today. Reads no more than that: 500 browsers share this machine with
/// what is measured.
fn good_pieces(data: &str) -> impl Iterator<Item = (i64, i64)> {
    let number = |text: &str| text[..text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len())].parse().ok();
    data.split("{\"id\":")
        .skip(1)
        .filter_map(move |machine| Some((number(machine)?, number(machine.split_once("\"good\":")?.1)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_machine_and_not_of_its_job() {
        let data =
            r#"{"at":"x","machines":[{"id":7,"name":"a","good":12,"job":{"good":5}},{"id":8,"good":0,"job":null}]}"#;
        assert_eq!(good_pieces(data).collect::<Vec<_>>(), [(7, 12), (8, 0)]);
        assert_eq!(good_pieces(r#"{"at":"x"}"#).count(), 0);
    }

    #[test]
    fn what_is_added_survives_midnight() {
        let mut good = HashMap::new();
        assert_eq!([5, 7, 7, 2].map(|now| added(&mut good, 1, now)), [5, 2, 0, 2]);
    }
}
