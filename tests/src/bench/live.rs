//! The live board: from a machine's change to the browser, and the answer of the API.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::devices::{Device, sections};
use super::{Bound, Figure, percentile};
use crate::harness::{Site, wait};

const SAMPLES: usize = 200;
const INTERVAL_MS: u32 = 100;
const BOARD_MACHINES: usize = 200;
const BOARD_ANSWERS: usize = 1_000;

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    Ok(vec![change_to_event().await?, board_of_many().await?])
}

/// An open connection to the web port, asking with the site's token.
pub(super) async fn ask(site: &Site, path: &str, version: &str) -> anyhow::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(site.central.web).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request(site, path, version)?.as_bytes()).await?;
    Ok(BufReader::new(stream))
}

fn request(site: &Site, path: &str, version: &str) -> anyhow::Result<String> {
    let token = site.central.token().context("the site has a token")?;
    Ok(format!("GET {path} HTTP/{version}\r\nHost: central\r\nAuthorization: Bearer {token}\r\n\r\n"))
}

/// The JSON of the next event that has some, with its name.
async fn event(lines: &mut BufReader<TcpStream>) -> anyhow::Result<(String, Value)> {
    let mut name = String::new();
    loop {
        let mut line = String::new();
        let read =
            tokio::time::timeout(wait::PATIENCE, lines.read_line(&mut line)).await.context("no event came")??;
        anyhow::ensure!(read > 0, "the stream ended");
        match line.trim_end().split_once(": ") {
            Some(("event", text)) => text.clone_into(&mut name),
            Some(("data", data)) if !name.is_empty() => return Ok((name, serde_json::from_str(data)?)),
            _ => {}
        }
    }
}

async fn change_to_event() -> anyhow::Result<Figure> {
    let site = Site::start_durable().await?;
    let device = Device::still().await?;
    let text = format!("[uplink]\n{}", sections("press-1", device.address, INTERVAL_MS, 0));
    let mut agent = site.enrol("bench", &text).await?;
    agent.resume()?;
    let heard = "SELECT count(*) FROM machine_live WHERE last_reading_at IS NOT NULL";
    wait::until_equal("the machine to be heard", 1, || site.truth.number(heard)).await?;
    // As HTTP/1.0 the body is the stream of events itself.
    let mut events = ask(&site, "/api/v1/live", "1.0").await?;
    let good = |data: &Value| data["machines"].as_array()?.iter().find(|it| it["name"] == "press-1")?["good"].as_i64();
    let mut known = loop {
        let (_, data) = event(&mut events).await?;
        if let Some(good) = good(&data) {
            break good;
        }
    };
    let mut beyond_ms = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES {
        // At changing places between two polls.
        tokio::time::sleep(Duration::from_millis(50 + (sample as u64 * 37) % u64::from(INTERVAL_MS))).await;
        device.count_one();
        let made = Instant::now();
        loop {
            let (_, data) = event(&mut events).await?;
            if let Some(found) = good(&data).filter(|found| *found != known) {
                known = found;
                break;
            }
        }
        beyond_ms.push(made.elapsed().as_secs_f64() * 1_000.0 - f64::from(INTERVAL_MS));
    }
    let (middle, p99) = (percentile(&mut beyond_ms, 0.5), percentile(&mut beyond_ms, 0.99));
    Ok(Figure {
        what: format!("machine change to server-sent event, beyond the polling interval of {INTERVAL_MS} ms: p99"),
        found: p99,
        unit: "ms",
        bound: Bound::AtMost { must: 500.0, aim: 150.0 },
        detail: format!("{SAMPLES} pieces, median {middle:.1} ms (negative: the poll came early)"),
    })
}

/// The board of many machines that stand still, asked for again and again.
async fn board_of_many() -> anyhow::Result<Figure> {
    let site = Site::start_durable().await?;
    let device = Device::start().await?;
    let text = format!("[uplink]\n{}", sections("press-1", device.address, 1_000, 0));
    let mut agent = site.enrol("bench", &text).await?;
    agent.resume()?;
    add_standing_machines(&site, 1, BOARD_MACHINES).await?;
    board_answers(&site).await
}

/// Waits for those of the site's agent, and adds as many as make a board of `all`.
pub(super) async fn add_standing_machines(site: &Site, of_agent: usize, all: usize) -> anyhow::Result<()> {
    let machines = "SELECT count(*) FROM machine_live";
    wait::until_equal("every machine to be heard", i64::try_from(of_agent)?, || site.truth.number(machines)).await?;
    let standing = format!(
        "INSERT INTO machines (plant_id, name, title, agent_id)
         SELECT plant_id, 'standing-' || n, 'Standing machine ' || n, id FROM agents, generate_series(1, {}) n;
         INSERT INTO machine_live (machine_id, plant_id, agent_id, state, state_since, good, scrap, rework, reported_at)
         SELECT id, plant_id, agent_id, 'idle', now(), 0, 0, 0, now() FROM machines WHERE name LIKE 'standing-%'",
        all - of_agent
    );
    site.truth.execute(&standing).await?;
    wait::until_equal("every machine to be on the board", all, async || {
        Ok(site.central.api("/api/v1/board").await?["machines"].as_array().map_or(0, Vec::len))
    })
    .await
}

/// One connection that asks again and again.
async fn board_answers(site: &Site) -> anyhow::Result<Figure> {
    let mut connection = ask(site, "/api/v1/board", "1.1").await?;
    let next = request(site, "/api/v1/board", "1.1")?;
    let size = answer(&mut connection).await?;
    let mut took_ms = Vec::with_capacity(BOARD_ANSWERS);
    for _ in 0..BOARD_ANSWERS {
        let asked = Instant::now();
        connection.get_mut().write_all(next.as_bytes()).await?;
        answer(&mut connection).await?;
        took_ms.push(asked.elapsed().as_secs_f64() * 1_000.0);
    }
    let (middle, p95) = (percentile(&mut took_ms, 0.5), percentile(&mut took_ms, 0.95));
    Ok(Figure {
        what: format!("live board of {BOARD_MACHINES} machines, answer of the API: p95"),
        found: p95,
        unit: "ms",
        bound: Bound::AtMost { must: 20.0, aim: 3.0 },
        detail: format!("{BOARD_ANSWERS} answers of {} kB, median {middle:.2} ms", size / 1_000),
    })
}

/// Reads one answer to its end; how long its body was.
async fn answer(connection: &mut BufReader<TcpStream>) -> anyhow::Result<usize> {
    let mut length = None;
    loop {
        let mut line = String::new();
        anyhow::ensure!(connection.read_line(&mut line).await? > 0, "the connection was closed");
        let line = line.trim_end().to_ascii_lowercase();
        anyhow::ensure!(!line.starts_with("http/") || line.contains(" 200 "), "{line}");
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = Some(text.parse::<usize>()?);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0_u8; length.context("an answer has a length")?];
    connection.read_exact(&mut body).await?;
    Ok(body.len())
}
