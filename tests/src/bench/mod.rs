//! The figures of `make bench`. Ratios are taken in one run on one machine, so that they mean the same everywhere.
//!
//! A figure has a limit that must hold and an aim. Meant for a release build on an otherwise idle machine.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;

mod capture;
mod connected;
mod devices;
mod latency;
mod live;
mod polling;
mod throughput;
mod work;

/// Measures the product on this machine and says whether it holds what it promises.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench", version)]
pub struct BenchSettings {
    /// Which figures: throughput, capture, polling, latency, live, connected, work; all of them when none is named
    pub figures: Vec<String>,
    /// How long polling and open dashboards are watched
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 60)]
    pub seconds: u64,
    /// Events per agent that throughput drains
    #[arg(long, env = "BENCH_EVENTS", default_value_t = 200_000)]
    pub events: u64,
    /// Agents that are connected to the idle central
    #[arg(long, env = "BENCH_AGENTS", default_value_t = 200)]
    pub agents: usize,
}

/// A measured number, what it must be and what is aimed at.
#[derive(Debug, Clone)]
pub struct Figure {
    pub what: String,
    pub found: f64,
    pub unit: &'static str,
    pub bound: Bound,
    /// How it came about, for whoever wonders.
    pub detail: String,
}

#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtLeast { must: f64, aim: f64 },
    AtMost { must: f64, aim: f64 },
}

impl Figure {
    #[must_use]
    pub fn holds(&self) -> bool {
        match self.bound {
            Bound::AtLeast { must, .. } => self.found >= must,
            Bound::AtMost { must, .. } => self.found <= must,
        }
    }

    fn reaches_its_aim(&self) -> bool {
        match self.bound {
            Bound::AtLeast { aim, .. } => self.found >= aim,
            Bound::AtMost { aim, .. } => self.found <= aim,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, must, aim) = match self.bound {
            Bound::AtLeast { must, aim } => (">=", must, aim),
            Bound::AtMost { must, aim } => ("<=", must, aim),
        };
        let verdict = match (self.holds(), self.reaches_its_aim()) {
            (false, _) => "MISSED",
            (true, false) => "holds",
            (true, true) => "holds, and reaches the aim",
        };
        let Figure { what, found, unit, detail, .. } = self;
        write!(f, "{what}\n    {found:.2} {unit} (must {sign} {must}, aim {sign} {aim}): {verdict}\n    {detail}")
    }
}

/// Prints every figure as it is found. Fails when a limit is missed or cannot be measured.
pub async fn run(settings: BenchSettings) -> ExitCode {
    let wanted = |name: &str| settings.figures.is_empty() || settings.figures.iter().any(|it| it == name);
    let mut missed = 0_u32;
    for name in ["throughput", "capture", "polling", "latency", "live", "connected", "work"] {
        if !wanted(name) {
            continue;
        }
        let figures = match name {
            "throughput" => throughput::measure(&settings).await,
            "capture" => capture::measure().await,
            "polling" => polling::measure(&settings).await,
            "latency" => latency::measure().await,
            "live" => live::measure(&settings).await,
            "connected" => connected::measure(&settings).await,
            _ => work::measure().await,
        };
        match figures {
            Ok(figures) => {
                for figure in figures {
                    missed += u32::from(!figure.holds());
                    crate::demo::say(&figure.to_string());
                }
            }
            Err(error) => {
                missed += 1;
                crate::demo::say(&format!("{name}: could not be measured: {error:#}"));
            }
        }
    }
    crate::demo::say(&if missed == 0 { "every limit holds".to_owned() } else { format!("{missed} limits missed") });
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a process has used so far, from `/proc`.
#[derive(Debug, Clone, Copy)]
struct Usage {
    resident_bytes: f64,
    cpu: Duration,
    at: Instant,
}

/// Kernel ticks of `/proc/PID/stat` a second, the same on every Linux that Rust knows.
const TICKS_PER_SECOND: f64 = 100.0;

impl Usage {
    fn of(process: u32) -> anyhow::Result<Usage> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("the process is gone")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kibibytes: f64 = resident.trim().trim_end_matches(" kB").parse()?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The second field is a name in parentheses that may hold spaces; user and system time are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit(')').next().context("stat")?.split_whitespace().collect();
        let ticks = |index: usize| -> anyhow::Result<f64> { Ok(fields.get(index).context("stat")?.parse()?) };
        let cpu = Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND);
        Ok(Usage { resident_bytes: kibibytes * 1024.0, cpu, at: Instant::now() })
    }

    /// Percent of one core since `earlier`.
    fn cpu_percent_since(&self, earlier: &Usage) -> f64 {
        100.0 * (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64()
    }

    fn resident_megabytes(&self) -> f64 {
        self.resident_bytes / 1e6
    }
}

/// The value that `share` of the sorted samples do not exceed.
fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
    let index = ((samples.len() as f64 * share).ceil() as usize).clamp(1, samples.len()) - 1;
    samples[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_of_a_hundred_is_the_second_largest() {
        let mut samples: Vec<f64> = (1..=100).map(f64::from).rev().collect();
        assert!((percentile(&mut samples, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((percentile(&mut [7.0], 0.99) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_process_uses_memory() {
        assert!(Usage::of(std::process::id()).unwrap().resident_megabytes() > 0.5);
    }
}
