//! The demo: central with its private PostgreSQL, a broker, the simulated plant and one agent, each a process of its own
//! with its log under the data folder. All of them end with the demo, in an order that leaves nothing behind; the next run
//! continues with the same data.
//!
//! The first run also makes what people would have entered ([`master_data`]) and the first minutes of their work
//! ([`first_shift`]), through the APIs that the pages use.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use tokio::time::Instant;

use crate::harness::api::Api;
use crate::harness::binaries;
use crate::harness::central::get;

mod configuration;
mod first_shift;
mod master_data;
mod part;
mod people;
mod screen;

use master_data::{PLANT, TIME_ZONE};
use part::{Part, Parts};

/// Runs central, a broker, a simulated plant and an edge agent on this computer, says where both pages are and who may log
/// in, and shows what central knows.
///
/// Everything is on this computer alone (127.0.0.1) and kept under the data folder: the next run continues with it,
/// removing it starts anew. Ctrl-C stops everything.
#[derive(Debug, Clone, Parser)]
#[command(name = "demo", version)]
pub struct DemoSettings {
    /// Where everything is kept
    #[arg(long, env = "DEMO_DATA_DIR", default_value = "data/demo")]
    pub data_dir: PathBuf,
    /// Port of the dashboard and of central's API
    #[arg(long, env = "DEMO_WEB_PORT", default_value_t = 18_080)]
    pub web_port: u16,
    /// Port of the station page, for the people at the machines
    #[arg(long, env = "DEMO_STATION_PORT", default_value_t = 18_081)]
    pub station_port: u16,
    /// Port on which central listens to agents
    #[arg(long, env = "DEMO_AGENTS_PORT", default_value_t = 17_443)]
    pub agents_port: u16,
    /// Port of the MQTT broker
    #[arg(long, env = "DEMO_MQTT_PORT", default_value_t = 11_883)]
    pub mqtt_port: u16,
    /// Port of the first Modbus machine; the second one has the next
    #[arg(long, env = "DEMO_MODBUS_PORT", default_value_t = 15_021)]
    pub modbus_port: u16,
    /// Port of the agent's own status page
    #[arg(long, env = "DEMO_STATUS_PORT", default_value_t = 19_464)]
    pub status_port: u16,
    /// Ends by itself after so many seconds
    #[arg(long, env = "DEMO_SECONDS")]
    pub seconds: Option<u64>,
}

impl DemoSettings {
    fn ports(&self) -> [(&'static str, u16); 7] {
        [
            ("--web-port", self.web_port),
            ("--station-port", self.station_port),
            ("--agents-port", self.agents_port),
            ("--mqtt-port", self.mqtt_port),
            ("--modbus-port", self.modbus_port),
            ("--modbus-port", self.modbus_port.saturating_add(1)),
            ("--status-port", self.status_port),
        ]
    }
}

/// Everybody on loopback.
fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

const READY_WITHIN: Duration = Duration::from_secs(60);
const FREE_WITHIN: Duration = Duration::from_secs(5);

/// Prints a line for the person before the screen.
#[expect(clippy::print_stdout, reason = "this is the demo's voice")]
pub fn say(line: &str) {
    println!("{line}");
}

pub async fn run(settings: DemoSettings) -> anyhow::Result<()> {
    ports_become_free(&settings).await?;
    std::fs::create_dir_all(&settings.data_dir)
        .with_context(|| format!("cannot make the data folder {}", settings.data_dir.display()))?;
    let data = std::fs::canonicalize(&settings.data_dir)?;
    let mut parts = Parts::default();
    let ended = tokio::select! {
        ended = start_and_show(&settings, &data, &mut parts) => ended,
        () = asked_to_stop(settings.seconds) => Ok(()),
    };
    say("");
    say("stopping");
    parts.stop().await;
    if ended.is_ok() {
        say(&format!("stopped; everything is kept in {}", settings.data_dir.display()));
    }
    ended
}

async fn asked_to_stop(seconds: Option<u64>) {
    let signals = process::lifecycle::StopSignals::listen();
    let hangup = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
            Ok(mut hangup) => drop(hangup.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let time_is_up = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.stop.cancelled() => {}
        () = hangup => {}
        () = time_is_up => {}
    }
}

/// The parts of a demo that was killed a moment ago may still be ending.
async fn ports_become_free(settings: &DemoSettings) -> anyhow::Result<()> {
    let deadline = Instant::now() + FREE_WITHIN;
    for (flag, port) in settings.ports() {
        while let Err(error) = std::net::TcpListener::bind(loopback(port)) {
            if Instant::now() > deadline {
                return Err(error).with_context(|| {
                    format!("port {port} is taken, by another demo or program; choose another one with {flag}")
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

async fn start_and_show(settings: &DemoSettings, data: &Path, parts: &mut Parts) -> anyhow::Result<()> {
    let web = loopback(settings.web_port);
    // Only a clone of the project as root lies where PostgreSQL's own account may not enter.
    let variables = configuration::central_variables(settings, data);
    parts.start(Part::new("central", binaries::built("central")?, data).arguments(&["serve"]).variables(&variables))?;
    parts.start(configuration::broker(settings, data)?)?;
    ready(parts, "central", async || is_ready(&format!("http://{web}/health/ready")).await).await?;
    let mqtt = loopback(settings.mqtt_port);
    ready(parts, "the broker", async || tokio::net::TcpStream::connect(mqtt).await.is_ok()).await?;

    let agent = configuration::agent(settings, data)?;
    enrol_once(&variables, &agent, data).await?;
    let token = people::let_in_once(&variables, data).await?;
    let (central, station) = (Api::of_central(web, &token), Api::of_station(loopback(settings.station_port)));
    let config = agent.display().to_string();
    parts.start(
        Part::new("edge-agent", binaries::built("edge-agent")?, data).arguments(&["run", "--config", &config]),
    )?;
    let status = format!("http://{}/status", loopback(settings.status_port));
    ready(parts, "the agent", async || is_ready(&status).await).await?;
    // Deltas that are published before the agent has a session at the broker would reach nobody.
    let listens = async || {
        let status = status.clone();
        let asked = tokio::task::spawn_blocking(move || get(&status)).await;
        asked.is_ok_and(|status| status.is_ok_and(|status| configuration::agent_listens_to_broker(&status)))
    };
    ready(parts, "the agent to listen to the broker", listens).await?;
    parts.start(configuration::plant(settings, data)?)?;
    let first_look = async {
        master_data::make_once(&central, data).await?;
        first_shift::work_once(&station, data).await
    };
    tokio::try_join!(screen::show(settings, &central, parts), first_look).map(|_| ())
}

async fn is_ready(url: &str) -> bool {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || get(&url).is_ok()).await.unwrap_or(false)
}

/// Waits until `is` it, as long as every part runs.
async fn ready(parts: &mut Parts, what: &str, mut is: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    while !is().await {
        parts.all_run()?;
        ensure!(Instant::now() < deadline, "waited {READY_WITHIN:?} for {what}; logs: {}", parts.folder().display());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Binds the agent to central with a code, as an installer would, unless an earlier run has.
async fn enrol_once(central: &[(&'static str, String)], config: &Path, data: &Path) -> anyhow::Result<()> {
    let marker = data.join("enrolled");
    if marker.exists() {
        return Ok(());
    }
    let arguments = ["agent", "invite", "demo-line", "--plant", PLANT, "--time-zone", TIME_ZONE.name(), "--json"];
    let mut invite = tokio::process::Command::new(binaries::built("central")?);
    let invited = invite.args(arguments).envs(central.iter().map(|(name, value)| (name, value))).output().await?;
    if !invited.status.success() {
        bail!("central agent invite: {}", String::from_utf8_lossy(&invited.stderr));
    }
    let invited: serde_json::Value = serde_json::from_slice(&invited.stdout).context("central agent invite --json")?;
    let code = invited["code"].as_str().context("an invitation has a code")?;
    let mut enroll = tokio::process::Command::new(binaries::built("edge-agent")?);
    let enrolled = enroll.arg("enroll").arg("--config").arg(config).arg(code).output().await?;
    if !enrolled.status.success() {
        bail!("edge-agent enroll: {}", String::from_utf8_lossy(&enrolled.stderr));
    }
    std::fs::write(marker, "Remove the whole folder to start anew, not this file alone.\n")?;
    Ok(())
}
