//! A central that nothing happens to, with many connected agents.

use std::time::Duration;

use anyhow::Context as _;

use super::{BenchSettings, Bound, Figure, Usage};
use crate::harness::agent::Agent;
use crate::harness::{Site, wait};

/// A few heartbeats of everybody.
const SETTLE: Duration = Duration::from_secs(30);

pub(super) async fn measure(settings: &BenchSettings) -> anyhow::Result<Vec<Figure>> {
    let site = Site::start_durable().await?;
    let mut agents = Vec::new();
    for number in 0..settings.agents {
        agents.push(site.enrol(&format!("bench-{number}"), "[uplink]\n").await?);
    }
    agents.iter_mut().try_for_each(Agent::resume)?;
    let connected = "SELECT count(*) FROM agent_status";
    let expected = i64::try_from(settings.agents)?;
    wait::within(Duration::from_secs(300), "every agent to be heard", async || {
        let found = site.truth.number(connected).await?;
        if found == expected { Ok(Some(())) } else { Err(anyhow::anyhow!("{found} of {expected}")) }
    })
    .await?;
    let process = site.central.process_id().context("central runs")?;
    let before = Usage::of(process)?;
    tokio::time::sleep(SETTLE).await;
    let usage = Usage::of(process)?;
    Ok(vec![Figure {
        what: format!("idle central with {} connected agents: resident memory", settings.agents),
        found: usage.resident_megabytes(),
        unit: "MB",
        bound: Bound::AtMost { must: 100.0, aim: 50.0 },
        detail: format!("{:.2} % of a core", usage.cpu_percent_since(&before)),
    }])
}
