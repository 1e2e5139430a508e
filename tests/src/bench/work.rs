//! Jobs that do nothing through a worker process, against bare `pgmq.read` and `pgmq.archive` in batches of the same
//! size, on the same database.

use std::time::{Duration, Instant};

use super::{Bound, Figure};
use crate::harness::postgres::Cluster;
use crate::harness::truth::Truth;
use crate::harness::wait;
use crate::harness::worker::Worker;

const JOBS: i64 = 200_000;
/// The largest that a worker takes.
const BATCH: i32 = 256;
const LEFT: &str = "SELECT count(*) FROM pgmq.q_background_jobs";

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let cluster = Cluster::start_durable().await?;
    let truth = Truth::of(cluster.pool()?);
    fill(&truth).await?;
    let bare = JOBS as f64 / empty_bare(&truth).await?;
    fill(&truth).await?;
    let mut worker = Worker::new(cluster.url(), "")?;
    worker.resume()?;
    let patience = Duration::from_secs(600);
    // Processes start once: what was done when it is first looked at is not counted.
    let before = wait::within(patience, "the first jobs to be done", async || {
        Ok(Some(truth.number(LEFT).await?).filter(|left| *left < JOBS))
    })
    .await?;
    let began = Instant::now();
    wait::within(patience, "all jobs to be done", async || {
        Ok(Some(truth.number(LEFT).await?).filter(|left| *left == 0))
    })
    .await?;
    let rate = before as f64 / began.elapsed().as_secs_f64();
    let done = truth.number("SELECT count(*) FROM pgmq.a_background_jobs").await?;
    anyhow::ensure!(done == JOBS, "{done} of {JOBS} jobs are in the archive");
    anyhow::ensure!(before > JOBS / 2, "only {before} of {JOBS} jobs were left at the first look: do more");
    anyhow::ensure!(worker.stop(), "the worker did not stop: {}", worker.log());
    Ok(vec![Figure {
        what: "PGMQ worker with an empty handler, against bare pgmq.read and pgmq.archive in batches".to_owned(),
        found: rate / bare,
        unit: "x",
        bound: Bound::AtLeast { must: 0.5, aim: 0.9 },
        detail: format!("{rate:.0} jobs/s against {bare:.0} messages/s, {JOBS} of each, batches of {BATCH}"),
    }])
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

/// As a client would that does nothing else; answers the seconds.
async fn empty_bare(truth: &Truth) -> anyhow::Result<f64> {
    let mut connection = truth.pool.acquire().await?;
    let began = Instant::now();
    loop {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT msg_id FROM pgmq.read('background_jobs', 60, $1)")
            .bind(BATCH)
            .fetch_all(&mut *connection)
            .await?;
        if ids.is_empty() {
            return Ok(began.elapsed().as_secs_f64());
        }
        sqlx::query("SELECT pgmq.archive('background_jobs', $1)").bind(ids).execute(&mut *connection).await?;
    }
}
