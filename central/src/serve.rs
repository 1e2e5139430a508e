//! What `central serve` puts together. It starts: database, schema, listeners, tasks. It stops the other way round: tasks
//! finish what they hold, the pools close, the private PostgreSQL last.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use axum::Router;
use process::clock::{Clock, SystemClock};
use process::lifecycle::{Lifecycle, Supervisor};
use tokio::net::TcpListener;

use crate::configuration::Configuration;
use crate::database::{Database, maintenance, migrate};
use crate::web::Reads;
use crate::web::health::Readiness;
use crate::web::metrics::{Exposes, Metrics, Requests};
use crate::{agents, events, machines, web};

/// Runs until the process is asked to stop.
pub async fn run(configuration: &Configuration, database: Database, migrates: bool) -> anyhow::Result<ExitCode> {
    let ended = match start(configuration, &database, migrates).await {
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
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let (lifecycle, supervisor) = Lifecycle::start();
    let listen = configuration.web.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on web.listen {listen}"))?;
    let address = listener.local_addr()?;
    let reads = Reads { pool: database.reader.clone(), clock };
    let router = router(reads, Arc::new(AtomicBool::new(false)), Vec::new());
    lifecycle.spawn("web port", web::server::serve(listener, router, lifecycle.stopping()));
    lifecycle.spawn("maintenance", maintenance::run(database.pool.clone(), lifecycle.stopping()));
    tracing::info!(web = %address, database = database.place, "central serves");
    Ok(supervisor)
}

/// Everything the web port answers. `sources` are what counts besides the port itself.
#[must_use]
pub fn router(reads: Reads, agents_port: Arc<AtomicBool>, mut sources: Vec<Arc<dyn Exposes>>) -> Router {
    let requests = Arc::new(Requests::default());
    sources.push(requests.clone());
    let api = machines::routes::router(reads.clone())
        .merge(events::routes::router(reads.clone()))
        .merge(agents::routes::router(reads.clone()));
    let own = web::health::router(Readiness { reads: reads.clone(), agents_port })
        .merge(web::metrics::router(Metrics { reads, sources: Arc::new(sources) }));
    web::router(api, own, requests)
}
