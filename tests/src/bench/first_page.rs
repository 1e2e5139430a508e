//! The dashboard's first page in a real browser: see `tests/browser/figures/first-page.js`, which this starts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::devices::{Device, sections};
use super::{Bound, Figure, percentile};
use crate::harness::agent::Agent;
use crate::harness::{Site, wait};

const MACHINES: usize = 21;
const LINES: usize = 3;
const RUNS: usize = 15;
const USER: &str = "bench";
/// Chromium loads the page a few seconds each time.
const PATIENCE: Duration = Duration::from_secs(300);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/figures/first-page.js");
const PLAYWRIGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../node_modules/@playwright/test");

/// One look at the page.
#[derive(Debug, Deserialize)]
struct Load {
    number_ms: f64,
    first_paint_ms: f64,
    bytes: f64,
    requests: u32,
}

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    ensure!(Path::new(&chromium).exists(), "there is no {chromium}: install Chromium, or name yours in CHROMIUM");
    ensure!(Path::new(PLAYWRIGHT).exists(), "Playwright is not installed: run `make pages`");

    let plant = plant().await?;
    let site = &plant.site;
    let arguments = ["user", "add", USER, "--role", "manager", "--generate", "--json"];
    let added = site.central.run(&arguments).await?.json()?;
    let password = added["password"].as_str().context("a made password is printed")?;
    let loads = look(site, &chromium, password).await?;

    let mut bytes: Vec<f64> = loads.iter().map(|load| load.bytes).collect();
    let mut number_ms: Vec<f64> = loads.iter().map(|load| load.number_ms).collect();
    let mut paint_ms: Vec<f64> = loads.iter().map(|load| load.first_paint_ms).collect();
    let requests = loads.iter().map(|load| load.requests).max().unwrap_or_default();
    let first_page = format!("first page of the dashboard, {MACHINES} machines, nothing cached");
    let fastest = percentile(&mut number_ms, 0.0);
    let slowest = percentile(&mut number_ms, 1.0);
    let paint = percentile(&mut paint_ms, 0.5);
    Ok(vec![
        Figure {
            what: format!("{first_page}: over the wire"),
            found: percentile(&mut bytes, 0.5) / 1e3,
            unit: "kB",
            bound: Bound::AtMost { must: 400.0, aim: 200.0 },
            detail: format!("{requests} requests, headers and fonts included"),
        },
        Figure {
            what: format!("{first_page}, processor slowed four times: time to the first number"),
            found: percentile(&mut number_ms, 0.5) / 1e3,
            unit: "s",
            bound: Bound::AtMost { must: 2.0, aim: 1.0 },
            detail: format!(
                "median of {} looks, {:.2} to {:.2} s; first paint {:.2} s",
                loads.len(),
                fastest / 1e3,
                slowest / 1e3,
                paint / 1e3
            ),
        },
    ])
}

/// Machines that work, in a few lines. In the order in which things are to end.
struct Plant {
    _agent: Agent,
    _devices: Vec<Device>,
    site: Site,
}

async fn plant() -> anyhow::Result<Plant> {
    let site = Site::start_durable().await?;
    let mut text = String::from("[uplink]\n");
    let mut devices = Vec::new();
    for number in 0..MACHINES {
        let device = Device::start().await?;
        text.push_str(&sections(&format!("machine-{number}"), device.address, 1_000, 0));
        devices.push(device);
    }
    let mut agent = site.enrol("bench", &text).await?;
    agent.resume()?;
    let counting = "SELECT count(*) FROM machine_live WHERE good > 0";
    wait::until_equal("every machine to count", i64::try_from(MACHINES)?, || site.truth.number(counting)).await?;
    let lines = format!(
        "INSERT INTO lines (plant_id, name, title)
         SELECT id, 'line-' || n, 'Line ' || n FROM plants, generate_series(0, {LINES} - 1) n;
         UPDATE machines m SET line_id = l.id FROM lines l WHERE l.name = 'line-' || (m.id % {LINES})"
    );
    site.truth.execute(&lines).await?;
    Ok(Plant { _agent: agent, _devices: devices, site })
}

async fn look(site: &Site, chromium: &str, password: &str) -> anyhow::Result<Vec<Load>> {
    let running = tokio::process::Command::new("node")
        .arg(SCRIPT)
        .env("ADDRESS", format!("http://{}", site.central.web))
        .env("NAME", USER)
        .env("PASSWORD", password)
        .env("RUNS", RUNS.to_string())
        .env("CHROMIUM", chromium)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start `node`: install Node.js 20.19 or newer")?;
    let ran =
        tokio::time::timeout(PATIENCE, running.wait_with_output()).await.context("the browser takes too long")??;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr).trim());
    let loads: Vec<Load> = serde_json::from_slice(&ran.stdout).context("the browser's answer")?;
    ensure!(loads.len() == RUNS, "{} looks instead of {RUNS}", loads.len());
    Ok(loads)
}
