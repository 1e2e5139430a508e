//! Old messages of the archives are forgotten, once an hour. Safe to be done by several processes.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use process::clock::Clock;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{ARCHIVE_KEPT, store};
use crate::database::migrate::QUEUES;

const EVERY: Duration = Duration::from_secs(3_600);

pub async fn run(pool: PgPool, clock: Arc<dyn Clock>, stopping: CancellationToken) -> anyhow::Result<()> {
    let mut beat = interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => return Ok(()),
        }
        let before = DateTime::from_timestamp_micros(clock.wall().0).unwrap_or_default() - ARCHIVE_KEPT;
        for queue in QUEUES {
            loop {
                match store::prune_archive(&pool, queue, before).await {
                    Ok(0) => break,
                    Ok(_) if stopping.is_cancelled() => return Ok(()),
                    Ok(forgotten) => tracing::debug!(queue, forgotten, "old messages forgotten"),
                    Err(error) => {
                        tracing::warn!(queue, %error, "old messages were not forgotten; it is tried again in an hour");
                        break;
                    }
                }
            }
        }
    }
}
