//! The one connection of a process that listens to `changes`.

use std::sync::Arc;
use std::time::Duration;

use process::backoff::Backoff;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::{Hub, Topics};
use crate::database::store::next_notification;

const CHANNEL: &str = "changes";
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(10);

/// Connects again with growing pauses, and lets everything be read anew after it: what was said meanwhile was not heard.
pub async fn run(hub: Arc<Hub>, pool: PgPool, stopping: CancellationToken) -> anyhow::Result<()> {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_LONGEST);
    loop {
        let lost = tokio::select! {
            // First: the pool that closes with it is no loss.
            biased;
            () = stopping.cancelled() => return Ok(()),
            lost = listen(&hub, &pool, &mut backoff) => lost,
        };
        hub.counters.listening(false);
        let reason = lost.err().map_or_else(|| "the connection was closed".to_owned(), |error| error.to_string());
        tracing::warn!(reason, "not listening to changes: the board is looked after by polling until it is again");
        tokio::select! {
            () = tokio::time::sleep(backoff.failed(rand::random())) => {}
            () = stopping.cancelled() => return Ok(()),
        }
    }
}

/// Listens until the connection is lost.
async fn listen(hub: &Hub, pool: &PgPool, backoff: &mut Backoff) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    backoff.succeeded();
    hub.counters.listening(true);
    hub.signal.read_anew();
    while let Some(notification) = next_notification(&mut listener).await? {
        hub.signal.look(Topics::of_words(notification.payload()));
    }
    Ok(())
}
