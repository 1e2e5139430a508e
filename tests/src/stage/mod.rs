//! A whole plant on one computer that somebody else directs: what the browser tests play on.
//!
//! A stage has PostgreSQL, central, a broker, one agent with its station page, and machines that do what they are told.
//! Scenes of what rarely happens call further agents and receivers of webhooks.
//! It is directed by lines of JSON on standard input, `{"id": 1, "do": "machine", …}`, each answered by a line
//! `{"id": 1, "answer": …}` or `{"id": 1, "error": "…"}` on standard output. The first line it writes is `{"ready": …}`.
//! When standard input ends, everything ends.

mod direction;
mod extras;
mod machines;
mod scanner;

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::harness::agent::Agent;
use crate::harness::fault_proxy::Fault;
use crate::harness::mosquitto::Mosquitto;
use crate::harness::{Site, wait};

use direction::{Directed, Direction};
use extras::Extras;
use machines::Machines;
use scanner::Scanner;

#[derive(Debug)]
pub struct Stage {
    site: Site,
    agent: Agent,
    machines: Machines,
    scanner: Scanner,
    extras: Extras,
    _broker: Mosquitto,
}

impl Stage {
    /// Everything running, every machine heard of.
    pub async fn set() -> anyhow::Result<Stage> {
        let site = Site::start().await?;
        let broker = Mosquitto::start().await?;
        let scanner = Scanner::at_a_free_port()?;
        let mut agent = site.enrol("hall-1", &machines::sections(broker.port, scanner.port)).await?;
        agent.resume()?;
        agent.until_health("broker", "good").await?;
        let machines = Machines::switch_on(broker.port).await;
        let heard = "SELECT count(*) FROM machine_live WHERE last_reading_at IS NOT NULL";
        let expected = i64::try_from(machines::NAMES.len())?;
        wait::until_equal("every machine to be heard", expected, || site.truth.number(heard)).await?;
        Ok(Stage { site, agent, machines, scanner, extras: Extras::none_yet()?, _broker: broker })
    }

    /// Plays until there are no more directions.
    pub async fn play(mut self) -> anyhow::Result<()> {
        let mut lines = lines_of_standard_input();
        tell(&json!({ "ready": self.addresses() }))?;
        while let Some(line) = lines.recv().await {
            let Directed { id, direction } =
                serde_json::from_str(&line).with_context(|| format!("not a direction: {line}"))?;
            let told = match self.follow(direction).await {
                Ok(answer) => json!({ "id": id, "answer": answer }),
                Err(error) => json!({ "id": id, "error": format!("{error:#}") }),
            };
            tell(&told)?;
        }
        self.agent.stop();
        self.site.central.stop();
        Ok(())
    }

    fn addresses(&self) -> Value {
        json!({
            "central": format!("http://{}", self.site.central.web),
            "station": format!("http://{}", self.agent.station),
        })
    }

    async fn follow(&mut self, direction: Direction) -> anyhow::Result<Value> {
        match direction {
            Direction::Machine { name, state, total } => self.machines.show(&name, state, total).await?,
            Direction::Scan { code } => self.scanner.reads(&code).await?,
            Direction::CutNetwork => self.site.wire.set(Fault::Cut),
            Direction::MendNetwork => self.site.wire.set(Fault::None),
            Direction::KillCentral => self.site.central.kill(),
            Direction::ResumeCentral => self.site.central.resume().await?,
            Direction::KillAgent => self.agent.kill(),
            Direction::ResumeAgent => self.agent.resume()?,
            Direction::EnrolExtra { called, agent } => self.extras.enrol(&self.site, called, agent).await?,
            Direction::CopyExtra { called, of } => self.extras.copy(&of, called)?,
            Direction::RunExtra { called } => self.extras.run(&called)?,
            Direction::StopExtra { called } => self.extras.stop(&called)?,
            Direction::ReplayExtra { called, rows, sync } => self.extras.replay(&called, &rows, sync).await?,
            Direction::SendFrame { called, frame } => return self.extras.send(&called, frame).await,
            Direction::ReceiveWebhooks(answering) => return Ok(json!(self.extras.receive(answering).await?)),
            Direction::Central { arguments } => {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                return Ok(json!(self.site.central.run(&arguments).await?.success()?));
            }
            Direction::Rows { sql } => {
                let sql = format!("SELECT coalesce(json_agg(found), '[]') FROM ({sql}) found");
                return Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.site.truth.pool).await?);
            }
            Direction::Log { of } => {
                return Ok(json!(match of {
                    direction::Program::Central => self.site.central.log(),
                    direction::Program::Agent => self.agent.log(),
                }));
            }
        }
        Ok(Value::Null)
    }
}

/// On a thread of its own: reading standard input blocks.
fn lines_of_standard_input() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

fn tell(line: &Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
