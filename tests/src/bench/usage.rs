//! What processes use of the machine, from `/proc`.

use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Kernel ticks of `/proc/PID/stat` a second, the same on every Linux that Rust knows.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    resident_bytes: f64,
    file_bytes: f64,
    peak_bytes: f64,
    cpu: Duration,
    at: Instant,
}

impl Usage {
    pub(super) fn of(process: u32) -> anyhow::Result<Usage> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("the process is gone")?;
        let bytes = |field: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).with_context(|| field.to_owned())?;
            Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
        };
        let (resident_bytes, file_bytes, peak_bytes) = (bytes("VmRSS:")?, bytes("RssFile:")?, bytes("VmHWM:")?);
        Ok(Usage { resident_bytes, file_bytes, peak_bytes, cpu: Times::of(process)?.own, at: Instant::now() })
    }

    /// Percent of one core since `earlier`.
    pub(super) fn cpu_percent_since(&self, earlier: &Usage) -> f64 {
        100.0 * (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64()
    }

    /// Of processor, since it was started.
    pub(super) fn cpu_seconds(&self) -> f64 {
        self.cpu.as_secs_f64()
    }

    pub(super) fn resident_megabytes(&self) -> f64 {
        self.resident_bytes / 1e6
    }

    /// Of what is resident, pages of the program and its libraries: the system takes them back when it needs room.
    pub(super) fn file_megabytes(&self) -> f64 {
        self.file_bytes / 1e6
    }

    /// The most that was ever resident.
    pub(super) fn peak_megabytes(&self) -> f64 {
        self.peak_bytes / 1e6
    }
}

/// Seconds of processor that a process and its children have used, those that ended among them.
pub(super) fn family_seconds(process: u32) -> anyhow::Result<f64> {
    let parent = Times::of(process)?;
    let others = std::fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that ends meanwhile is counted with its parent the next time.
    let children = others.filter_map(|other| Times::of(other).ok()).filter(|times| times.parent == process);
    Ok((parent.own + parent.of_the_dead + children.map(|times| times.own).sum::<Duration>()).as_secs_f64())
}

struct Times {
    parent: u32,
    own: Duration,
    /// Of children that ended and were waited for.
    of_the_dead: Duration,
}

impl Times {
    fn of(process: u32) -> anyhow::Result<Times> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("the process is gone")?;
        // The second field is a name in parentheses that may hold spaces; here the third has index 0.
        let fields: Vec<&str> = stat.rsplit(')').next().context("stat")?.split_whitespace().collect();
        let field = |index: usize| fields.get(index).copied().context("stat");
        let time = |index: usize| -> anyhow::Result<Duration> {
            let ticks = field(index)?.parse::<f64>()? + field(index + 1)?.parse::<f64>()?;
            Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
        };
        Ok(Times { parent: field(1)?.parse()?, own: time(11)?, of_the_dead: time(13)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_never_less_than_its_peak() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_megabytes() > 0.5);
        assert!(usage.peak_megabytes() >= usage.resident_megabytes());
    }

    #[test]
    fn a_family_uses_at_least_as_much_as_its_parent() {
        let own = Times::of(std::process::id()).unwrap().own.as_secs_f64();
        assert!(family_seconds(std::process::id()).unwrap() >= own);
    }
}
