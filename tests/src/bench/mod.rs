//! The figures of `make bench`. Ratios are taken in one run on one machine, so that they mean the same everywhere.
//!
//! A figure has a limit that must hold and an aim. Meant for a release build on an otherwise idle machine.

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, ValueEnum as _};

mod capture;
mod connected;
mod dashboards;
mod devices;
mod first_page;
mod latency;
mod live;
mod polling;
mod station;
mod throughput;
mod usage;
mod work;

use usage::Usage;

/// Measures the product on this machine and says whether it holds what it promises.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench", version)]
pub struct BenchSettings {
    /// Which figures; all of them when none is named
    #[arg(value_enum)]
    pub figures: Vec<Group>,
    /// How long polling and open dashboards are watched
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 60)]
    pub seconds: u64,
    /// Events per agent that throughput drains, in several rounds
    #[arg(long, env = "BENCH_EVENTS", default_value_t = 600_000)]
    pub events: u64,
    /// Agents that are connected to the idle central
    #[arg(long, env = "BENCH_AGENTS", default_value_t = 200)]
    pub agents: usize,
}

/// Figures that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    Throughput,
    Capture,
    Polling,
    Station,
    Latency,
    Live,
    Dashboards,
    Connected,
    Work,
    FirstPage,
}

impl Group {
    async fn measure(self, settings: &BenchSettings) -> anyhow::Result<Vec<Figure>> {
        match self {
            Group::Throughput => throughput::measure(settings).await,
            Group::Capture => capture::measure().await,
            Group::Polling => polling::measure(settings).await,
            Group::Station => station::measure().await,
            Group::Latency => latency::measure().await,
            Group::Live => live::measure().await,
            Group::Dashboards => dashboards::measure(settings).await,
            Group::Connected => connected::measure(settings).await,
            Group::Work => work::measure().await,
            Group::FirstPage => first_page::measure().await,
        }
    }
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
    let groups = if settings.figures.is_empty() { Group::value_variants() } else { &settings.figures };
    let mut missed = 0_u32;
    for group in groups {
        crate::demo::say(&format!("{group:?}, at a load of {}", load()));
        match group.measure(&settings).await {
            Ok(figures) => {
                for figure in figures {
                    missed += u32::from(!figure.holds());
                    crate::demo::say(&figure.to_string());
                }
            }
            Err(error) => {
                missed += 1;
                crate::demo::say(&format!("could not be measured: {error:#}"));
            }
        }
    }
    crate::demo::say(&if missed == 0 { "every limit holds".to_owned() } else { format!("{missed} limits missed") });
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Programs that wanted a processor during the last minute, this one's earlier figures among them.
fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} on {processors} processors", averages.split(' ').next().unwrap_or("?"))
}

/// The value that `share` of the sorted samples do not exceed.
fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
    let index = ((samples.len() as f64 * share).ceil() as usize).clamp(1, samples.len()) - 1;
    samples[index]
}

/// The middle one of an odd number of samples.
fn median(samples: &mut [f64]) -> f64 {
    percentile(samples, 0.5)
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
    fn the_median_is_the_middle_one() {
        assert!((median(&mut [5.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
