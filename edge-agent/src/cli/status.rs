//! `edge-agent status`

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use protocol::batch::Health;
use tokio::net::TcpStream;

use super::{ConfigurationFile, ago, block_on};
use crate::status::configuration::DEFAULT_LISTEN;
use crate::status::report::{Report, UplinkState};

const ANSWER: Duration = Duration::from_secs(5);
const REPORT_BYTES_MAX: usize = 4 * 1024 * 1024;
const UNREACHABLE: u8 = 2;

/// Ask the running agent how it is doing
#[derive(Debug, Args)]
#[command(after_help = "Asks the address in [status] listen of the configuration.\n\n\
    Examples:\n  \
        edge-agent status\n  \
        edge-agent status --json | jq .central.state\n  \
        edge-agent status --address 127.0.0.1:9464\n\n\
    Exit codes:\n  \
        0  everything is well\n  \
        1  a part of it is degraded or down\n  \
        2  no agent answers")]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// Ask this address, whatever the configuration says
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,
    /// Print the agent's own JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let address = self.address.unwrap_or_else(|| self.configured_address());
        let body = match block_on(ask(address)) {
            Ok(body) => body,
            Err(error) => {
                eprintln!("edge-agent: no agent answers on {address}: {error:#}");
                return Ok(ExitCode::from(UNREACHABLE));
            }
        };
        let report: Report = serde_json::from_slice(&body)
            .with_context(|| format!("what answers on {address} is not an agent of this version"))?;
        if self.json {
            println!("{}", String::from_utf8_lossy(&body));
        } else {
            print!("{}", text(&report));
        }
        Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Without a readable configuration the agent may run all the same, where it does by default.
    fn configured_address(&self) -> SocketAddr {
        self.configuration.read().map_or(DEFAULT_LISTEN, |configuration| configuration.status.listen)
    }
}

async fn ask(address: SocketAddr) -> anyhow::Result<Bytes> {
    tokio::time::timeout(ANSWER, get_status(address)).await.context("it does not answer")?
}

async fn get_status(address: SocketAddr) -> anyhow::Result<Bytes> {
    let tcp = TcpStream::connect(address).await?;
    let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::get("/status").header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let answer = requests.send_request(request).await?;
    if !answer.status().is_success() {
        bail!("it answers {}", answer.status());
    }
    let body = Limited::new(answer.into_body(), REPORT_BYTES_MAX).collect().await.map_err(anyhow::Error::from_boxed)?;
    Ok(body.to_bytes())
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} of plant {}, version {}, up {}",
        report.name,
        report.plant,
        report.version,
        ago(report.started_at.0)
    );
    let _ = writeln!(out, "central   {}", central(report));
    if let Some(log) = report.log.as_ref().filter(|_| report.central.state == UplinkState::Diverged) {
        let _ = writeln!(out, "process   {}: what central calls this one", log.process);
    }
    if let Some(log) = &report.log {
        let oldest = log.oldest_at.map_or(String::new(), |at| format!(", oldest {} ago", ago(at.0)));
        let percent = log.bytes * 100 / log.bytes_max.max(1);
        let dropped = if log.dropped_events > 0 { format!(", {} dropped", log.dropped_events) } else { String::new() };
        let _ = writeln!(out, "log       {} events waiting{oldest}; {percent} % full{dropped}", log.backlog_events);
    } else {
        let _ = writeln!(out, "log       does not answer");
    }
    let _ = match report.clock.offset_us {
        Some(offset_us) => writeln!(out, "clock     {} ms from central's", offset_us.abs() / 1_000),
        None => writeln!(out, "clock     not yet compared with central's"),
    };
    if let Some(station) = report.conditions.iter().find(|it| it.subject == "station" && it.health == Health::Good) {
        let _ = writeln!(out, "station   {}", station.reason);
    }
    if !report.machines.is_empty() {
        let _ = writeln!(out, "\n{:<24} {:<12} {:>12} {:>8}  last reading", "machine", "state", "good", "scrap");
    }
    for machine in &report.machines {
        let last = machine.last_reading_at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", ago(at.0)));
        let (name, state) = (machine.name.as_str(), machine.state.as_str());
        let _ = writeln!(out, "{name:<24} {state:<12} {:>12} {:>8}  {last}", machine.good, machine.scrap);
    }
    let _ = writeln!(out, "\n{:<32} {:<14} {:<9} {:>7}  reason", "part", "kind", "health", "since");
    for it in &report.conditions {
        let (health, since) = (word(it.health), ago(it.since.0));
        let _ = writeln!(out, "{:<32} {:<14} {health:<9} {since:>7}  {}", it.subject, it.kind, it.reason);
    }
    out
}

fn central(report: &Report) -> String {
    let central = &report.central;
    let state = match central.state {
        UplinkState::Starting => "no answer yet",
        UplinkState::Connected => "connected",
        UplinkState::Offline => "not reachable: events wait here",
        UplinkState::Refused => "refuses this agent: events wait here",
        UplinkState::Diverged => {
            "diverged: another process says it is this agent, and a person has to decide at central"
        }
    };
    let answered = central.answered_at.map_or(String::new(), |at| format!(", answered {} ago", ago(at.0)));
    format!("{} {state}{answered}", central.address)
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Starting => "starting",
        Health::Good => "good",
        Health::Degraded => "degraded",
        Health::Down => "down",
    }
}
