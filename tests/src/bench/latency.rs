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
    let device = Device::start().await?;
    let text = format!("[uplink]\n{}", sections("press-1", device.address, INTERVAL_MS, 0));
    let mut agent = site.enrol("bench", &text).await?;
    agent.resume()?;
    let pieces = || site.truth.pieces("press-1");
    wait::until_equal("the machine to count", true, async || Ok(pieces().await? > 0)).await?;
    let mut beyond_ms = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES {
        // The device's own pieces come on the second; between them, at changing places, one is made by hand.
        let base = settled(&site).await?;
        tokio::time::sleep(Duration::from_millis((sample as u64 * 37) % u64::from(INTERVAL_MS))).await;
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

/// Waits for the pieces of a new second to have arrived, so that the next change is the one made by hand.
async fn settled(site: &Site) -> anyhow::Result<i64> {
    let mut last = site.truth.pieces("press-1").await?;
    let mut unchanged_since = Instant::now();
    let mut changed_once = false;
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let found = site.truth.pieces("press-1").await?;
        if found != last {
            (last, unchanged_since, changed_once) = (found, Instant::now(), true);
        }
        if changed_once && unchanged_since.elapsed() > Duration::from_millis(150) {
            return Ok(found);
        }
    }
}
