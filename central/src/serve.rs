//! What `central serve` puts together. It starts: database, schema, listeners, tasks. It stops the other way round: tasks
//! finish what they hold, the pools close, the private PostgreSQL last.

use std::process::ExitCode;

use anyhow::Context as _;
use process::lifecycle::{Lifecycle, Supervisor};
use tokio::net::TcpListener;

use crate::configuration::Configuration;
use crate::database::{Database, migrate};
use crate::web;

/// Runs until the process is asked to stop.
pub async fn run(configuration: &Configuration, database: Database, migrates: bool) -> anyhow::Result<ExitCode> {
    let started = start(configuration, &database, migrates).await;
    let ended = match started {
        Ok(supervisor) => Ok(supervisor.run().await),
        Err(error) => Err(error),
    };
    database.close().await;
    ended
}

async fn start(configuration: &Configuration, database: &Database, migrates: bool) -> anyhow::Result<Supervisor> {
    if migrates {
        migrate::migrate(database).await?;
    } else {
        migrate::state(&database.pool).await?.require_current()?;
    }
    let (lifecycle, supervisor) = Lifecycle::start();
    let listen = configuration.web.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on web.listen {listen}"))?;
    let address = listener.local_addr()?;
    let router = web::router(axum::Router::new(), axum::Router::new());
    lifecycle.spawn("web port", web::server::serve(listener, router, lifecycle.stopping()));
    tracing::info!(%address, database = database.place, "central serves");
    Ok(supervisor)
}
