//! From full agent buffers through TLS into committed rows, against a binary COPY of the same rows into the same tables.
//!
//! In turns: the agents drain a part of their buffers, are held, and what they brought is copied again. What else runs on
//! the machine then slows both, and the median of the rounds is what counts.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use edge_agent::buffer::configuration::BufferSection;
use edge_agent::buffer::{Append, Buffer, Opening, PendingEvent};
use edge_agent::reading::OriginName;
use edge_agent::status::StatusBoard;
use process::clock::{Clock, SystemClock};
use protocol::event::{Count, CountBasis, EventKind, PieceQuality};
use protocol::id::Name;
use protocol::time::ClockQuality;

use super::usage::{self, Usage};
use super::{BenchSettings, Bound, Figure, median};
use crate::harness::agent::Agent;
use crate::harness::{Site, wait};

const AGENTS: usize = 4;
const EVENTS_PER_APPEND: usize = 2_000;
/// Odd. One more comes before them and is not counted: batches grow, processes start once and drain for hours.
const ROUNDS: u64 = 5;
/// A look costs the server something, too.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);
/// Central has committed what held agents had sent when nothing came for so long.
const QUIET: Duration = Duration::from_millis(500);
const MARKS: &str = "SELECT coalesce(sum(mark), 0)::bigint FROM sync_ledger";
const ROWS: &str = "SELECT count(*) FROM production_logs";

/// One turn of both.
struct Round {
    events_per_second: f64,
    rows_per_second: f64,
    /// Microseconds of processor for an event.
    cost_us: Cost,
    copy_cost_us: f64,
}

/// Of each part of the way.
#[derive(Clone, Copy)]
struct Cost {
    agents: f64,
    central: f64,
    postgresql: f64,
}

pub(super) async fn measure(settings: &BenchSettings) -> anyhow::Result<Vec<Figure>> {
    let site = Site::start_durable().await?;
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        let agent = site.enrol(&format!("bench-{number}"), "[uplink]\n").await?;
        fill(agent.data_dir(), &format!("press-{number}"), settings.events).await?;
        agents.push(agent);
    }
    let all = i64::try_from(settings.events * AGENTS as u64)?;
    agents.iter_mut().try_for_each(Agent::resume)?;
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let goal = all * (i64::try_from(round)? + 1) / (i64::try_from(ROUNDS)? + 1);
        let measured = take_turn(&site, &agents, goal).await?;
        rounds.extend((round > 0).then_some(measured));
    }
    Ok(vec![figure(&rounds, all)])
}

fn figure(rounds: &[Round], all: i64) -> Figure {
    let of = |value: fn(&Round) -> f64| median(&mut rounds.iter().map(value).collect::<Vec<f64>>());
    let mut ratios: Vec<f64> = rounds.iter().map(|round| round.events_per_second / round.rows_per_second).collect();
    let found = median(&mut ratios);
    Figure {
        what: format!("events from {AGENTS} full agent buffers through TLS into committed rows, against binary COPY"),
        found,
        unit: "x",
        bound: Bound::AtLeast { must: 0.5, aim: 0.9 },
        detail: format!(
            "median of {ROUNDS} rounds in turn, {:.2} to {:.2}; {:.0} events/s against {:.0} rows/s, {all} events; the agents \
             share this machine. Processor for an event: agents {:.1} µs, central {:.1} µs, PostgreSQL {:.1} µs (bare COPY \
             {:.1} µs)",
            ratios[0],
            ratios[ratios.len() - 1],
            of(|round| round.events_per_second),
            of(|round| round.rows_per_second),
            of(|round| round.cost_us.agents),
            of(|round| round.cost_us.central),
            of(|round| round.cost_us.postgresql),
            of(|round| round.copy_cost_us),
        ),
    }
}

async fn take_turn(site: &Site, agents: &[Agent], goal: i64) -> anyhow::Result<Round> {
    site.truth.execute("CHECKPOINT").await?;
    agents.iter().for_each(|agent| agent.signal("CONT"));
    let (before, cost_before, began) = (site.truth.number(MARKS).await?, cost(site, agents)?, Instant::now());
    let reached = loop {
        let mark = site.truth.number(MARKS).await?;
        if mark >= goal {
            break mark;
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "{mark} of {goal} events were committed");
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let took = began.elapsed().as_secs_f64();
    agents.iter().for_each(|agent| agent.signal("STOP"));
    let committed = settle(site).await?;
    let cost_after = cost(site, agents)?;
    anyhow::ensure!(before < reached, "what was to be drained was already there: drain more events");
    let rows = site.truth.number(ROWS).await?;
    anyhow::ensure!(rows == committed - before, "{rows} rows of {} events", committed - before);
    let each = |of: fn(&Cost) -> f64| 1e6 * (of(&cost_after) - of(&cost_before)) / (committed - before) as f64;
    let (copied, copy_seconds) = copy_again(site).await?;
    Ok(Round {
        events_per_second: (reached - before) as f64 / took,
        rows_per_second: rows as f64 / copied,
        cost_us: Cost {
            agents: each(|cost| cost.agents),
            central: each(|cost| cost.central),
            postgresql: each(|cost| cost.postgresql),
        },
        copy_cost_us: 1e6 * copy_seconds / rows as f64,
    })
}

/// The mark when held agents' last batches are committed.
async fn settle(site: &Site) -> anyhow::Result<i64> {
    let mut mark = site.truth.number(MARKS).await?;
    wait::until("central to commit what it has", async || {
        tokio::time::sleep(QUIET).await;
        let found = site.truth.number(MARKS).await?;
        Ok((std::mem::replace(&mut mark, found) == found).then_some(found))
    })
    .await
}

/// Seconds of processor that each part has used so far.
fn cost(site: &Site, agents: &[Agent]) -> anyhow::Result<Cost> {
    let mut of_agents = 0.0;
    for agent in agents {
        of_agents += Usage::of(agent.process_id().context("the agent runs")?)?.cpu_seconds();
    }
    Ok(Cost {
        agents: of_agents,
        central: Usage::of(site.central.process_id().context("central runs")?)?.cpu_seconds(),
        postgresql: usage::family_seconds(site.cluster.process_id().context("PostgreSQL runs")?)?,
    })
}

/// Appends counts to an agent's log while the agent does not run.
async fn fill(data_dir: &Path, machine: &str, events: u64) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(1));
    let board = StatusBoard::new(clock.clone());
    let section = BufferSection::default();
    let opening = Opening {
        data_dir,
        section: &section,
        clock: clock.clone(),
        boot_id: edge_agent::buffer::system_boot_id(),
        instance_id: 1,
        status: board.subject("buffer", "buffer"),
    };
    let (buffer, _) = Buffer::open(opening).context("the agent's buffer")?;
    let origin = OriginName::machine(Name::new(machine)?);
    let signal = Name::new("count")?;
    let mut appended = 0_i64;
    let events = i64::try_from(events)?;
    while appended < events {
        let now = clock.now();
        let until = events.min(appended + EVENTS_PER_APPEND as i64);
        let batch = (appended..until)
            .map(|number| PendingEvent {
                origin: origin.clone(),
                at: now.wall.plus_us(number - events),
                clock: ClockQuality::Synchronized,
                monotonic: now.monotonic,
                kind: EventKind::Count(Count {
                    signal: signal.clone(),
                    quality: PieceQuality::Good,
                    delta: 1 + number % 3,
                    raw: Some(number),
                    basis: CountBasis::Increase,
                }),
            })
            .collect();
        buffer.append(Append { events: batch, ..Append::default() }).await?;
        appended = until;
    }
    buffer.close().await;
    Ok(())
}

/// Copies the same rows into the same, emptied tables, and empties them again; answers the seconds of the copy alone, and
/// those of processor.
async fn copy_again(site: &Site) -> anyhow::Result<(f64, f64)> {
    let server = site.cluster.process_id().context("PostgreSQL runs")?;
    let file = site.cluster.folder().join("production_logs.bin");
    let file = file.display();
    site.truth.execute(&format!("COPY (SELECT * FROM production_logs) TO '{file}' (FORMAT binary)")).await?;
    site.truth.execute("TRUNCATE production_logs").await?;
    site.truth.execute("CHECKPOINT").await?;
    let (began, before) = (Instant::now(), usage::family_seconds(server)?);
    site.truth.execute(&format!("COPY production_logs FROM '{file}' (FORMAT binary)")).await?;
    let seconds = (began.elapsed().as_secs_f64(), usage::family_seconds(server)? - before);
    site.truth.execute("TRUNCATE production_logs").await?;
    Ok(seconds)
}
