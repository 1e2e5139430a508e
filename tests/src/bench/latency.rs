//! From a machine's change to its committed row, beyond the polling interval.

use std::time::{Duration, Instant};

use super::devices::{Device, sections};
use super::{Bound, Figure, percentile};
use crate::harness::{Site, wait};

const SAMPLES: usize = 200;
const INTERVAL_MS: u32 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(2);

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let site = Site::start_durable().await?;
    let device = Device::still().await?;
    let text = format!("[uplink]\n{}", sections("press-1", device.address, INTERVAL_MS, 0));
    let mut agent = site.enrol("bench", &text).await?;
    agent.resume()?;
    let pieces = || site.truth.pieces("press-1");
    let heard = "SELECT count(*) FROM machine_live WHERE last_reading_at IS NOT NULL";
    wait::until_equal("the machine to be heard", 1, || site.truth.number(heard)).await?;
    let mut beyond_ms = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES {
        // At changing places between two polls.
        tokio::time::sleep(Duration::from_millis(50 + (sample as u64 * 37) % u64::from(INTERVAL_MS))).await;
        let base = pieces().await?;
        device.count_one();
        let made = Instant::now();
        while pieces().await? == base {
            anyhow::ensure!(made.elapsed() < wait::PATIENCE, "a piece did not arrive: {}", agent.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        beyond_ms.push(made.elapsed().as_secs_f64() * 1_000.0 - f64::from(INTERVAL_MS));
    }
    let (middle, p99) = (percentile(&mut beyond_ms, 0.5), percentile(&mut beyond_ms, 0.99));
    Ok(vec![Figure {
        what: format!("machine change to committed row, beyond the polling interval of {INTERVAL_MS} ms: p99"),
        found: p99,
        unit: "ms",
        bound: Bound::AtMost { must: 300.0, aim: 100.0 },
        detail: format!("{SAMPLES} pieces, median {middle:.1} ms (negative: the poll came early)"),
    }])
}
