//! Looks, every few seconds, for what has become an incident by the passing of time, and for what is over. Every worker
//! process does it; a lock lets one at a time, and a process that finds that another has just looked does not look again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use process::clock::Clock;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::deliveries::{self, NoticeKind};
use super::incidents::store;

const EVERY: Duration = Duration::from_secs(5);
/// After a longer break nobody is called silent for the time in which nobody listened.
const BREAK_AFTER: Duration = Duration::from_secs(60);
/// A gap is over when no further one was recorded for so long.
const GAPS_QUIET: Duration = Duration::from_secs(3_600);

pub async fn run(pool: PgPool, clock: Arc<dyn Clock>, stopping: CancellationToken) -> anyhow::Result<()> {
    let mut beat = interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => return Ok(()),
        }
        let now = DateTime::from_timestamp_micros(clock.wall().0).unwrap_or_default();
        match look(&pool, now, EVERY / 2).await {
            Ok(_) => {}
            Err(error) if crate::database::may_pass(&error) => {
                tracing::debug!(%error, "nobody watches while the database is away");
            }
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "incidents were not looked for"),
        }
    }
}

/// What one look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub opened: Vec<i64>,
    pub resolved: Vec<i64>,
}

/// Looks once, unless somebody did less than `not_within` ago, or does right now. One transaction: an incident and the
/// notices of it come together.
pub async fn look(pool: &PgPool, now: DateTime<Utc>, not_within: Duration) -> sqlx::Result<Found> {
    let mut transaction = pool.begin().await?;
    let Some(since) = store::begin_look(&mut transaction, now, not_within, BREAK_AFTER).await? else {
        // Waited for: dropped, it would hold the turn until the pool gets round to it.
        transaction.rollback().await?;
        return Ok(Found::default());
    };
    let mut found = Found::default();
    found.opened.extend(store::open_machines_down(&mut transaction, now).await?);
    found.opened.extend(store::open_silent_agents(&mut transaction, now, since).await?);
    found.opened.extend(store::open_divergences(&mut transaction, now).await?);
    found.resolved = store::resolve_what_is_over(&mut transaction, now, now - GAPS_QUIET).await?;
    deliveries::announce(&mut transaction, NoticeKind::Opened, &found.opened, now).await?;
    deliveries::announce(&mut transaction, NoticeKind::Resolved, &found.resolved, now).await?;
    transaction.commit().await?;
    Ok(found)
}
