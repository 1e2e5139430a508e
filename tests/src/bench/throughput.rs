//! From full agent buffers through TLS into committed rows, against a binary COPY of the same rows into the same tables.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use edge_agent::buffer::configuration::BufferSection;
use edge_agent::buffer::{Append, Buffer, Opening, PendingEvent};
use edge_agent::reading::OriginName;
use edge_agent::status::StatusBoard;
use process::clock::{Clock, SystemClock};
use protocol::event::{Count, CountBasis, EventKind, PieceQuality};
use protocol::id::Name;
use protocol::time::ClockQuality;

use super::{BenchSettings, Bound, Figure};
use crate::harness::agent::Agent;
use crate::harness::{Site, wait};

const AGENTS: usize = 4;
const EVENTS_PER_APPEND: usize = 2_000;

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
    let rows = "SELECT count(*) FROM production_logs";
    let marks = "SELECT coalesce(sum(mark), 0)::bigint FROM sync_ledger";
    let patience = std::time::Duration::from_secs(600);
    // Processes start once and drain for hours: what was committed when it is first looked at is not counted.
    let before = wait::within(patience, "the first events to be committed", async || {
        Ok(Some(site.truth.number(marks).await?).filter(|found| *found > 0))
    })
    .await?;
    let began = Instant::now();
    wait::within(patience, "all events to be committed", async || {
        let found = site.truth.number(marks).await?;
        if found >= all { Ok(Some(())) } else { Err(anyhow::anyhow!("{found} of {all}")) }
    })
    .await?;
    let synced = began.elapsed().as_secs_f64();
    anyhow::ensure!(before < all / 2, "{before} of {all} were committed at the first look: drain more events");
    anyhow::ensure!(site.truth.number(rows).await? == all, "not as many rows as events");
    agents.iter_mut().for_each(Agent::kill);
    let copied = copy_again(&site).await?;
    let (through, bare) = ((all - before) as f64 / synced, all as f64 / copied);
    Ok(vec![Figure {
        what: format!("events from {AGENTS} full agent buffers through TLS into committed rows, against binary COPY"),
        found: through / bare,
        unit: "x",
        bound: Bound::AtLeast { must: 0.5, aim: 0.9 },
        detail: format!(
            "{through:.0} events/s against {bare:.0} rows/s, {all} events, timed after the first {before}; the agents share this machine"
        ),
    }])
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

/// Copies the same rows into the same, emptied tables; answers the seconds of the copy alone.
async fn copy_again(site: &Site) -> anyhow::Result<f64> {
    let file = site.cluster.folder().join("production_logs.bin");
    let file = file.display();
    site.truth.execute(&format!("COPY (SELECT * FROM production_logs) TO '{file}' (FORMAT binary)")).await?;
    site.truth.execute("TRUNCATE production_logs").await?;
    site.truth.execute("CHECKPOINT").await?;
    let began = Instant::now();
    site.truth.execute(&format!("COPY production_logs FROM '{file}' (FORMAT binary)")).await?;
    Ok(began.elapsed().as_secs_f64())
}
