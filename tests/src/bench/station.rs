//! The agent of the polling figure with its station in use: people who log on by badge, each of whom costs the memory-hard
//! hash of one badge for a moment.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::devices::Device;
use super::polling::{DEVICES, polling};
use super::usage::Usage;
use super::{Bound, Figure};
use crate::harness::api::Api;
use crate::harness::site::PLANT;
use crate::harness::{Site, wait};

const LOG_ONS: u64 = 20;
/// What is freed late is freed by then: threads that were started for a hash end after ten seconds.
const SETTLE: Duration = Duration::from_secs(15);

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let site = Site::start_durable().await?;
    let mut devices = Vec::new();
    for _ in 0..DEVICES {
        devices.push(Device::start().await?);
    }
    let mut agent = site.enrol("bench", &polling(devices.iter().map(|device| device.address))).await?;
    // The plant came with the agent.
    let anna = json!({ "plant": PLANT, "number": "17", "name": "Anna", "badge": "badge-17", "pin": "738154" });
    let (status, answer) = site.central.send("POST", "/api/v1/operators", &anna).await?;
    ensure!(status == 201, "the operator was answered {status}: {answer}");
    agent.resume()?;
    let station = Api::of_station(agent.station);
    wait::until("the station to know its operator", async || {
        let view = station.get("view").await?;
        Ok((view["ready_for_operators"] == true).then_some(()))
    })
    .await?;
    let process = agent.process_id().context("the agent runs")?;
    tokio::time::sleep(SETTLE).await;
    let before = Usage::of(process)?;
    for number in 1..=LOG_ONS {
        let id = |of: &str| format!("00000000-0000-4000-8000-{of}{number:08}");
        station.enter("log-on", json!({ "id": id("0001"), "badge": "badge-17" })).await?;
        station.enter("log-off", json!({ "id": id("0002"), "operator": "17" })).await?;
    }
    tokio::time::sleep(SETTLE).await;
    let after = Usage::of(process)?;
    Ok(vec![Figure {
        what: format!("the same agent with central in reach, after {LOG_ONS} log-ons at its station: resident memory"),
        found: after.resident_megabytes(),
        unit: "MB",
        bound: Bound::AtMost { must: 20.0, aim: 12.0 },
        detail: format!(
            "{:.1} MB before; {:.1} MB at its peak, while a badge was hashed",
            before.resident_megabytes(),
            after.peak_megabytes()
        ),
    }])
}
