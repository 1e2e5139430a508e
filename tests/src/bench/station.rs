//! The agent of the polling figure with its station in use: people who log on by badge, each of whom costs the memory-hard
//! hash of one badge for a moment.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::devices::Device;
use super::polling::{DEVICES, polling};
use super::usage::Usage;
use super::{Bound, Figure};
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
    wait::until("the station to know its operator", async || {
        let (_, view) = ask(agent.station, "view", None).await?;
        Ok((view["ready_for_operators"] == true).then_some(()))
    })
    .await?;
    let process = agent.process_id().context("the agent runs")?;
    tokio::time::sleep(SETTLE).await;
    let before = Usage::of(process)?;
    for number in 1..=LOG_ONS {
        let id = |of: &str| format!("00000000-0000-4000-8000-{of}{number:08}");
        entered(agent.station, "log-on", json!({ "id": id("0001"), "badge": "badge-17" })).await?;
        entered(agent.station, "log-off", json!({ "id": id("0002"), "operator": "17" })).await?;
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

async fn entered(station: SocketAddr, what: &str, body: Value) -> anyhow::Result<()> {
    let (status, answer) = ask(station, what, Some(body)).await?;
    ensure!(status == 200, "{what} was answered {status}: {answer}");
    Ok(())
}

/// What the station's page asks.
async fn ask(station: SocketAddr, what: &str, body: Option<Value>) -> anyhow::Result<(u16, Value)> {
    let url = format!("http://{station}/api/station/{what}");
    let asked = tokio::task::spawn_blocking(move || -> anyhow::Result<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(20)))
            .http_status_as_error(false)
            .build()
            .into();
        let answered = match body {
            Some(body) => agent.post(&url).send_json(body),
            None => agent.get(&url).call(),
        };
        let mut answer = answered.with_context(|| format!("cannot ask {url}"))?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    });
    let (status, text) = asked.await??;
    Ok((status, serde_json::from_str(&text).with_context(|| text.clone())?))
}
