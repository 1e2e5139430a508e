//! Machines that publish JSON: one its running total, one the pieces since its message before.

use std::sync::Arc;
use std::time::Duration;

use process::clock::{Clock, SystemClock};
use serde_json::json;
use tokio::sync::watch;

use super::broker::BrokerConnection;
use super::floor::{FloorMachine, Phase};
use super::machine::Machine;

const PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// `plant/NAME/total`: `{"at": "2026-11-22T15:00:00.123Z", "state": "running", "total": 1234}`
pub async fn publish_totals(
    machine: Arc<FloorMachine>,
    broker: BrokerConnection,
    phase: watch::Receiver<Phase>,
) -> anyhow::Result<()> {
    let topic = format!("plant/{}/total", machine.name);
    let mut tick = tokio::time::interval(PUBLISH_EVERY);
    loop {
        tick.tick().await;
        let ending = *phase.borrow() == Phase::Ending;
        let seen = machine.now();
        let message = json!({ "at": timestamp(), "state": word(&seen), "total": seen.made });
        broker.publish(&topic, message.to_string().as_bytes()).await;
        machine.told(seen.untold())?;
        if ending {
            return Ok(());
        }
    }
}

/// `plant/NAME/delta`: `{"id": "120-125", "at": "2026-11-22T15:00:00.123Z", "state": "running", "pieces": 5}`, only when
/// there is news. The id is the total before and after, so that a message sent twice can be told.
pub async fn publish_deltas(
    machine: Arc<FloorMachine>,
    broker: BrokerConnection,
    phase: watch::Receiver<Phase>,
) -> anyhow::Result<()> {
    let topic = format!("plant/{}/delta", machine.name);
    let mut tick = tokio::time::interval(PUBLISH_EVERY);
    let mut state_told = None;
    loop {
        tick.tick().await;
        let ending = *phase.borrow() == Phase::Ending;
        let seen = machine.now();
        let pieces = seen.untold();
        if pieces > 0 || state_told != Some(seen.running) {
            let id = format!("{}-{}-{}", seen.told, seen.made, word(&seen));
            let message = json!({ "id": id, "at": timestamp(), "state": word(&seen), "pieces": pieces });
            broker.publish(&topic, message.to_string().as_bytes()).await;
            machine.told(pieces)?;
            state_told = Some(seen.running);
        }
        if ending {
            return Ok(());
        }
    }
}

fn word(machine: &Machine) -> &'static str {
    if machine.running { "running" } else { "stopped" }
}

fn timestamp() -> String {
    let at = chrono::DateTime::from_timestamp_micros(SystemClock::new(0).wall().0).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
