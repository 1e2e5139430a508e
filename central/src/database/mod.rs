//! The one database: a configured one, or the private one under the data directory.
//!
//! Two pools share the configured number of connections: [`Database::pool`] for what changes something, and
//! [`Database::reader`] for pages and metrics, read-only and with a time limit, so that a slow question never takes a
//! connection away from ingest. Both come back by themselves after PostgreSQL was restarted.

pub mod capabilities;
pub mod embedded;
pub mod maintenance;
pub mod migrate;
pub mod store;

use std::time::Duration;

use anyhow::{Context as _, bail};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::embedded::{Owner, Purpose};
use crate::configuration::{Configuration, DatabaseSection};

/// How long `serve` waits for a configured database that does not answer; a command gives up sooner.
const REACH_WITHIN_SERVE: Duration = Duration::from_secs(300);
const REACH_WITHIN_COMMAND: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);
/// A task that was cut short may keep its connection for ever.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
const IDLE_FOR: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub struct Database {
    pub pool: PgPool,
    pub reader: PgPool,
    /// Where it is, without secrets.
    pub place: String,
    owner: Option<Owner>,
}

impl Database {
    /// Connects, starting the private PostgreSQL first where no database is configured.
    pub async fn open(
        configuration: &Configuration,
        purpose: Purpose,
        stop: &CancellationToken,
    ) -> anyhow::Result<Database> {
        let section = &configuration.database;
        let (options, owner, place) = match &section.url {
            Some(url) => (configured(section)?, None, url.to_string()),
            None => {
                let settings = embedded::Settings {
                    data_dir: configuration.data.dir.clone(),
                    bin_dir: section.bin_dir.clone(),
                    preload: section.preload.clone(),
                };
                let opened = embedded::open(&settings, purpose, stop).await?;
                let place = format!("private, in {}", configuration.data.dir.join("postgresql").display());
                (opened.options, opened.owner, place)
            }
        };
        let options = options.application_name("central").options([("timezone", "UTC")]);
        let reached = reach(&options, purpose, &place, stop).await;
        if let Err(error) = reached {
            stop_owner(owner).await;
            return Err(error);
        }
        let readers = (section.connections / 3).max(2);
        let reading = options.clone().options([("default_transaction_read_only", "on"), ("statement_timeout", "10s")]);
        Ok(Database {
            pool: pool(section.connections - readers, options),
            reader: pool(readers, reading),
            place,
            owner,
        })
    }

    /// A reading pool apart from those, for whoever must not wait for others. Its user closes it.
    #[must_use]
    pub fn apart(&self, connections: u32) -> PgPool {
        // What is asked often and takes a millisecond is not worth compiling.
        pool(connections, (*self.reader.connect_options()).clone().options([("jit", "off")]))
    }

    /// Closes the pools, then stops the private PostgreSQL if this process runs it.
    pub async fn close(self) {
        let closed = async { tokio::join!(self.reader.close(), self.pool.close()) };
        if tokio::time::timeout(CLOSE_WITHIN, closed).await.is_err() {
            tracing::warn!("a task that did not end still holds a connection: not waiting for it");
        }
        stop_owner(self.owner).await;
    }
}

async fn stop_owner(owner: Option<Owner>) {
    if let Some(owner) = owner
        && let Err(error) = owner.stop().await
    {
        tracing::error!("the private PostgreSQL was not stopped: {error:#}");
    }
}

fn configured(section: &DatabaseSection) -> anyhow::Result<PgConnectOptions> {
    let Some(url) = &section.url else { bail!("no database is configured") };
    let mut options = url.options().with_context(|| format!("{url} is not a database URL"))?;
    if let Some(file) = &section.password_file {
        let password = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read database.password_file {}", file.display()))?;
        options = options.password(password.trim_end_matches(['\r', '\n']));
    }
    Ok(options)
}

fn pool(connections: u32, options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(0)
        .acquire_timeout(ACQUIRE_WITHIN)
        .idle_timeout(IDLE_FOR)
        .connect_lazy_with(options)
}

/// Waits until the database answers. Wrong credentials or a missing database do not get better by waiting.
async fn reach(
    options: &PgConnectOptions,
    purpose: Purpose,
    place: &str,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let deadline = Instant::now()
        + match purpose {
            Purpose::Serve | Purpose::Guest => REACH_WITHIN_SERVE,
            Purpose::Command => REACH_WITHIN_COMMAND,
        };
    let mut said = None;
    loop {
        let error = match tokio::time::timeout(ACQUIRE_WITHIN, store::ping(options)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        if !may_pass(&error) || Instant::now() >= deadline {
            return Err(error).with_context(|| format!("cannot use the database ({place})"));
        }
        let text = error.to_string();
        if said.as_ref() != Some(&text) {
            tracing::warn!(database = place, error = text, "the database does not answer: trying again");
            said = Some(text);
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY_PAUSE) => {}
            () = stop.cancelled() => bail!("asked to stop while waiting for the database"),
        }
    }
}

/// Whether waiting may help: the server is not there, is starting or stopping, or is full.
#[must_use]
pub fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "53300")
        }
        _ => false,
    }
}
