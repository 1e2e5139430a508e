//! An agent that polls 50 Modbus TCP devices with 20 changing registers each second, one of them a 32-bit counter, stores
//! everything, and cannot reach central.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;

use super::devices::{Device, SilentDevice, sections};
use super::{BenchSettings, Bound, Figure, Usage};
use crate::harness::Site;
use crate::harness::agent::Agent;

pub(super) const DEVICES: usize = 50;
/// Beside the counter.
const VALUES: u16 = 19;
/// Connections are made and memory has settled.
const WARM_UP: Duration = Duration::from_secs(10);

pub(super) async fn measure(settings: &BenchSettings) -> anyhow::Result<Vec<Figure>> {
    let (usage, cpu_percent, missed) = poll(settings, false).await?;
    let (_, _, missed_beside_silent) = poll(settings, true).await?;
    let what = |detail: &str| format!("agent polling {DEVICES} devices x 20 registers each second: {detail}");
    let polls = settings.seconds * DEVICES as u64;
    Ok(vec![
        Figure {
            what: what("resident memory"),
            found: usage.resident_megabytes(),
            unit: "MB",
            bound: Bound::AtMost { must: 20.0, aim: 12.0 },
            detail: format!(
                "after {} s; {:.1} MB of it the pages of the program's own file; central unreachable, everything durable",
                settings.seconds,
                usage.file_megabytes()
            ),
        },
        Figure {
            what: what("processor"),
            found: cpu_percent,
            unit: "% of a core",
            bound: Bound::AtMost { must: 2.5, aim: 0.8 },
            detail: format!("over {} s; {missed} of {polls} polls missed", settings.seconds),
        },
        Figure {
            what: what("polls missed by 49 while one accepts and never answers"),
            found: missed_beside_silent as f64,
            unit: "polls",
            bound: Bound::AtMost { must: 0.0, aim: 0.0 },
            detail: format!("of {}", settings.seconds * (DEVICES as u64 - 1)),
        },
    ])
}

/// Polls for a while; answers the agent's usage at the end, its share of a core, and the polls that did not come.
async fn poll(settings: &BenchSettings, one_is_silent: bool) -> anyhow::Result<(Usage, f64, u64)> {
    let mut devices = Vec::new();
    for _ in 0..DEVICES - usize::from(one_is_silent) {
        devices.push(Device::start().await?);
    }
    let silent = if one_is_silent { Some(SilentDevice::start().await?) } else { None };
    let addresses = devices.iter().map(|device| device.address).chain(silent.as_ref().map(|it| it.address));
    let mut agent = enrolled_and_alone(&polling(addresses)).await?;
    agent.resume()?;
    tokio::time::sleep(WARM_UP).await;
    let process = agent.process_id().context("the agent runs")?;
    let before = Usage::of(process).with_context(|| agent.log())?;
    let stored_before = newest(&agent).await?;
    let polled_before: Vec<u64> = devices.iter().map(Device::polls).collect();
    tokio::time::sleep(Duration::from_secs(settings.seconds)).await;
    let after = Usage::of(process).with_context(|| agent.log())?;
    let stored = newest(&agent).await? - stored_before;
    let expected = devices.len() as u64 * (settings.seconds - 1) * (u64::from(VALUES) + 1);
    anyhow::ensure!(stored >= expected, "{stored} events were stored, where {expected} values changed");
    // One poll each may just be on its way.
    let missed = devices
        .iter()
        .zip(polled_before)
        .map(|(device, before)| (settings.seconds - 1).saturating_sub(device.polls() - before))
        .sum();
    Ok((after, after.cpu_percent_since(&before), missed))
}

/// Sections that let an agent poll these devices.
pub(super) fn polling(addresses: impl Iterator<Item = SocketAddr>) -> String {
    let each = |(number, address)| sections(&format!("device-{number}"), address, 1_000, VALUES);
    std::iter::once("[uplink]\n".to_owned()).chain(addresses.enumerate().map(each)).collect()
}

/// The newest event in the agent's log.
async fn newest(agent: &Agent) -> anyhow::Result<u64> {
    agent.status().await?["log"]["newest"].as_u64().context("the status says how far the log is")
}

/// An agent whose central existed just long enough to enrol it.
async fn enrolled_and_alone(sections: &str) -> anyhow::Result<Agent> {
    let site = Site::start().await?;
    site.enrol("bench", sections).await
}
