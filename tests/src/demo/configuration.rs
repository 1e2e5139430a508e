//! What each part of the demo is told.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::part::Part;
use super::{DemoSettings, loopback};
use crate::harness::binaries;
use crate::plant::configuration::{Addresses, sections};

/// A stop of the demo's machines lasts half a minute to two.
const MICROSTOP_BELOW_MS: u32 = 10_000;

pub(super) fn central_variables(settings: &DemoSettings, data: &Path) -> Vec<(&'static str, String)> {
    let agents = loopback(settings.agents_port).to_string();
    vec![
        ("CENTRAL_DATA_DIR", data.join("central").display().to_string()),
        ("CENTRAL_AGENTS_LISTEN", agents.clone()),
        ("CENTRAL_AGENTS_PUBLIC_ADDRESS", agents),
        ("CENTRAL_WEB_LISTEN", loopback(settings.web_port).to_string()),
    ]
}

/// A broker that keeps sessions and their queues over restarts, as a plant's own would.
pub(super) fn broker(settings: &DemoSettings, data: &Path) -> anyhow::Result<Part> {
    let folder = data.join("mosquitto");
    std::fs::create_dir_all(&folder)?;
    let as_root = std::process::Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    // As root it would change to an account that cannot write here.
    let user = if as_root { "user root\n" } else { "" };
    let text = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\n{user}persistence true\npersistence_location {}/\n\
         autosave_interval 30\nmax_queued_messages 0\n",
        settings.mqtt_port,
        folder.display(),
    );
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, text)?;
    let binary = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"]
        .into_iter()
        .find(|binary| Path::new(binary).exists())
        .context("there is no mosquitto: apt-get install mosquitto")?;
    Ok(Part::new("mosquitto", binary.into(), data).arguments(&["-c", &file.display().to_string()]))
}

/// Writes the agent's configuration and says where.
pub(super) fn agent(settings: &DemoSettings, data: &Path) -> anyhow::Result<PathBuf> {
    let file = data.join("edge-agent.toml");
    let machines = sections(&Addresses {
        press_1: loopback(settings.modbus_port),
        press_2: loopback(settings.modbus_port.saturating_add(1)),
        broker: Some(("127.0.0.1", settings.mqtt_port)),
        client_id: "demo-line",
        interval_ms: 500,
        microstop_below_ms: Some(MICROSTOP_BELOW_MS),
    });
    let text = format!(
        "# Written by the demo at every start.\n\n[agent]\ndata_dir = \"{}\"\n\n[status]\nlisten = \"{}\"\n\n\
         [station]\nlisten = \"{}\"\n\n\
         [uplink]\nheartbeat_ms = 1000\nretry_max_ms = 2000\n{machines}",
        data.join("edge-agent").display(),
        loopback(settings.status_port),
        loopback(settings.station_port),
    );
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Whether the agent's status says that its source `broker` works.
pub(super) fn agent_listens_to_broker(status: &str) -> bool {
    let Ok(status) = serde_json::from_str::<serde_json::Value>(status) else { return false };
    let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    conditions.iter().any(|it| it["subject"] == "broker" && it["health"] != "starting")
}

pub(super) fn plant(settings: &DemoSettings, data: &Path) -> anyhow::Result<Part> {
    let variables = [
        ("PLANT_STATE_DIR", data.join("plant").display().to_string()),
        (
            "PLANT_MODBUS",
            format!("{},{}", loopback(settings.modbus_port), loopback(settings.modbus_port.saturating_add(1))),
        ),
        ("PLANT_BROKER", loopback(settings.mqtt_port).to_string()),
        // Pieces that people could make, and stops that they could explain.
        ("PLANT_SPEED", "0.25".to_owned()),
        ("PLANT_STRETCH", "10".to_owned()),
    ];
    Ok(Part::new("simulated-plant", binaries::built("simulated-plant")?, data).variables(&variables))
}
