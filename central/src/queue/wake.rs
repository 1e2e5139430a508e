//! One connection of a process listens and wakes the workers of all queues. A notification is a hint: what is missed
//! while the connection is away is found by polling.

use std::time::Duration;

use process::backoff::Backoff;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::store::CHANNEL;
use super::worker::Jitter;
use crate::database::store::next_notification;

/// Raises `wake` at every notification, and whenever some may have been missed.
pub async fn listen(
    pool: PgPool,
    wake: watch::Sender<u64>,
    jitter: Jitter,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    loop {
        let ended = tokio::select! {
            ended = until_lost(&pool, &wake, &mut backoff) => ended,
            () = stopping.cancelled() => return Ok(()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "nobody wakes the workers for now: they poll");
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.failed(jitter.draw())) => {}
            () = stopping.cancelled() => return Ok(()),
        }
    }
}

async fn until_lost(pool: &PgPool, wake: &watch::Sender<u64>, backoff: &mut Backoff) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    backoff.succeeded();
    wake.send_modify(|times| *times += 1);
    while next_notification(&mut listener).await?.is_some() {
        wake.send_modify(|times| *times += 1);
    }
    Ok(())
}
