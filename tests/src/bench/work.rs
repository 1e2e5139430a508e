//! Jobs that do nothing through a worker process, against bare `pgmq.read` and `pgmq.archive` in batches of the same
//! size, on the same queue of the same database.
//!
//! In turns, the one and the other first: what else runs on the machine slows both. How fast either is says the archive
//! itself, from its first batch to its last, so that the start of a process does not count.

use std::time::Duration;

use super::{Bound, Figure, median};
use crate::harness::postgres::Cluster;
use crate::harness::truth::Truth;
use crate::harness::wait;
use crate::harness::worker::Worker;

/// Of each turn.
const JOBS: i64 = 60_000;
/// Odd. One more comes before them and is not counted.
const ROUNDS: usize = 5;
/// The largest that a worker takes.
const BATCH: i32 = 256;
const PATIENCE: Duration = Duration::from_secs(120);
/// A look at the queue costs the server something, too.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let cluster = Cluster::start_durable().await?;
    let truth = Truth::of(cluster.pool()?);
    let (mut ratios, mut worked, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (through, against) = if round % 2 == 0 {
            let through = by_worker(&cluster, &truth).await?;
            (through, by_hand(&truth).await?)
        } else {
            let against = by_hand(&truth).await?;
            (by_worker(&cluster, &truth).await?, against)
        };
        if round > 0 {
            ratios.push(through / against);
            worked.push(through);
            bare.push(against);
        }
    }
    let found = median(&mut ratios);
    Ok(vec![Figure {
        what: "PGMQ worker with an empty handler, against bare pgmq.read and pgmq.archive in batches".to_owned(),
        found,
        unit: "x",
        bound: Bound::AtLeast { must: 0.5, aim: 0.9 },
        detail: format!(
            "median of {ROUNDS} rounds in turn, {:.2} to {:.2}; {:.0} jobs/s against {:.0} messages/s, {JOBS} of each in a \
             round, batches of {BATCH}",
            ratios[0],
            ratios[ratios.len() - 1],
            median(&mut worked),
            median(&mut bare)
        ),
    }])
}

/// Jobs a second.
async fn by_worker(cluster: &Cluster, truth: &Truth) -> anyhow::Result<f64> {
    fill(truth).await?;
    let mut worker = Worker::new(cluster.url(), "")?;
    worker.resume()?;
    wait::within(PATIENCE, "all jobs to be done", async || {
        tokio::time::sleep(LOOK_EVERY).await;
        Ok((truth.number("SELECT count(*) FROM (SELECT FROM pgmq.q_background_jobs LIMIT 1) q").await? == 0)
            .then_some(()))
    })
    .await?;
    anyhow::ensure!(worker.stop(), "the worker did not stop: {}", worker.log());
    archived_per_second(truth).await
}

/// As a client would that does nothing else.
async fn by_hand(truth: &Truth) -> anyhow::Result<f64> {
    fill(truth).await?;
    let mut connection = truth.pool.acquire().await?;
    loop {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT msg_id FROM pgmq.read('background_jobs', 60, $1)")
            .bind(BATCH)
            .fetch_all(&mut *connection)
            .await?;
        if ids.is_empty() {
            break;
        }
        sqlx::query("SELECT pgmq.archive('background_jobs', $1)").bind(ids).execute(&mut *connection).await?;
    }
    archived_per_second(truth).await
}

/// Empty tables, then the jobs.
async fn fill(truth: &Truth) -> anyhow::Result<()> {
    truth.execute("TRUNCATE pgmq.q_background_jobs, pgmq.a_background_jobs").await?;
    truth
        .execute(&format!(
            "SELECT count(*) FROM (SELECT pgmq.send('background_jobs', '{{\"kind\": \"nothing\"}}')
             FROM generate_series(1, {JOBS}) OFFSET 0) sent"
        ))
        .await?;
    truth.execute("VACUUM ANALYZE pgmq.q_background_jobs").await?;
    truth.execute("CHECKPOINT").await
}

/// How fast the archive grew once it had begun to.
async fn archived_per_second(truth: &Truth) -> anyhow::Result<f64> {
    let (done, after_the_first, seconds): (i64, i64, f64) = sqlx::query_as(
        "WITH archive AS (SELECT archived_at, min(archived_at) OVER () AS first FROM pgmq.a_background_jobs)
         SELECT count(*), count(*) FILTER (WHERE archived_at > first),
                extract(epoch FROM max(archived_at) - min(archived_at))::float8
         FROM archive",
    )
    .fetch_one(&truth.pool)
    .await?;
    anyhow::ensure!(done == JOBS, "{done} of {JOBS} jobs are in the archive");
    Ok(after_the_first as f64 / seconds)
}
