//! What goes on beside taking batches in: telling others that something changed, and forgetting old digests.
//! Aggregates and retention are the database's own upkeep and not done here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::sync::group::Committer;
use crate::sync::store;

/// At most so often is it said that something changed.
const NOTIFY_EVERY: Duration = Duration::from_millis(50);
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);

/// Says `changes` on the database's channel whenever facts or live states changed: "look again", with nothing to trust
/// in it; and wakes workers when work was sent. A notifying commit takes a lock that the whole cluster shares, so it is
/// apart from ingest, and throttled.
pub async fn notify(pool: PgPool, committer: Arc<Committer>, stopping: CancellationToken) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = committer.changed.notified() => {}
            () = stopping.cancelled() => return Ok(()),
        }
        let work = committer.work_sent.swap(false, Ordering::Relaxed);
        if let Err(error) = store::notify_changes(&pool, work).await {
            tracing::debug!(%error, "changes were not notified; listeners also look by themselves");
        }
        tokio::select! {
            () = sleep(NOTIFY_EVERY) => {}
            () = stopping.cancelled() => return Ok(()),
        }
    }
}

/// Prunes digests once an hour. Safe to be done by several processes.
pub async fn prune(pool: PgPool, stopping: CancellationToken) -> anyhow::Result<()> {
    let mut beat = interval(PRUNE_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => return Ok(()),
        }
        if let Err(error) = store::prune_digests(&pool).await {
            tracing::warn!(%error, "old digests were not pruned; it is tried again in an hour");
        }
    }
}
