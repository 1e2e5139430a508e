//! What the database needs from time to time: partitions ahead of need, months past retention dropped, continuous
//! aggregates refreshed for the days that became past and for exactly those that late facts touched.
//!
//! Every central process does it; a lock of the session lets one at a time do the work. Each step may be cut short at
//! any point and done again.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::store;

const EVERY: Duration = Duration::from_secs(60);
const RETENTION_EVERY: Duration = Duration::from_secs(3600);

/// Runs until `stop`. A failure is logged and tried again: nothing here is worth stopping ingest for.
pub async fn run(pool: PgPool, stop: CancellationToken) -> anyhow::Result<()> {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut retention_due = Instant::now();
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stop.cancelled() => return Ok(()),
        }
        let retention = Instant::now() >= retention_due;
        let done = tokio::select! {
            done = once(&pool, retention) => done,
            () = stop.cancelled() => return Ok(()),
        };
        match done {
            Ok(true) if retention => retention_due = Instant::now() + RETENTION_EVERY,
            Ok(_) => {}
            Err(error) if super::may_pass(&error) => {
                tracing::warn!(%error, "no maintenance while the database is away")
            }
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "maintenance failed"),
        }
    }
}

/// Whether it was this process's turn.
async fn once(pool: &PgPool, retention: bool) -> Result<bool, sqlx::Error> {
    // Not of the pool: its locks and its time limits are its own.
    let mut connection = store::connect_like(pool).await?;
    let turn = store::lock_maintenance(&mut connection).await?;
    if turn {
        for due in store::refreshes_due(&mut connection).await? {
            let began = Instant::now();
            store::refresh(&mut connection, &due).await?;
            tracing::debug!(aggregate = due.aggregate, took_ms = began.elapsed().as_millis(), "refreshed");
        }
        if retention {
            let dropped = store::apply_retention(&mut connection).await?;
            if dropped > 0 {
                tracing::info!(months = dropped, "facts past retention dropped; their summaries stay");
            }
        }
    }
    sqlx::Connection::close(connection).await?;
    Ok(turn)
}
