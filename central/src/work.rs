//! What works on queues: the workers with their handlers, and the watch that opens and resolves incidents. Part of
//! `central serve`, or a process of its own; any number of either may run on one database.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use process::clock::{Clock, SystemClock};
use process::lifecycle::Lifecycle;
use tokio::net::TcpListener;

use crate::alerts;
use crate::configuration::Configuration;
use crate::database::embedded::Purpose;
use crate::database::{Database, migrate};
use crate::queue::{self, handlers::Handlers};
use crate::web::health::Readiness;
use crate::web::metrics::{Exposes, Metrics};
use crate::web::{self, Reads};

/// Starts workers and watch as tasks of `lifecycle`; returns what they count.
pub fn start(
    configuration: &Configuration,
    database: &Database,
    lifecycle: &Lifecycle,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Exposes>> {
    let pool = queue::start::pool(&database.pool);
    let handlers = Arc::new(Handlers::new(&configuration.mail, clock.clone())?);
    let counters = queue::start::start(lifecycle, &pool, &handlers, clock, &configuration.worker);
    lifecycle.spawn("watch for incidents", alerts::watch::run(pool, clock.clone(), lifecycle.stopping()));
    Ok(counters)
}

/// `central worker`: runs until the process is asked to stop.
pub async fn run(configuration: &Configuration) -> anyhow::Result<ExitCode> {
    let (lifecycle, supervisor) = Lifecycle::start();
    // The private PostgreSQL belongs to `serve`.
    let database = Database::open(configuration, Purpose::Guest, &lifecycle.stopping()).await?;
    let ended = supervisor.run(start_alone(configuration, &database, &lifecycle)).await;
    database.close().await;
    ended
}

async fn start_alone(configuration: &Configuration, database: &Database, lifecycle: &Lifecycle) -> anyhow::Result<()> {
    migrate::state(&database.pool).await?.require_current()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let counters = start(configuration, database, lifecycle, &clock)?;
    if let Some(listen) = configuration.worker.listen {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on worker.listen {listen}"))?;
        let reads = Reads { pool: database.reader.clone(), clock };
        let router = web::health::router(Readiness { reads: reads.clone(), agents_port: None })
            .merge(web::metrics::router(Metrics { reads, sources: Arc::new(vec![counters]) }));
        tracing::info!(address = %listener.local_addr()?, "health and metrics");
        let settings = web::server::Settings { connections_max: 64, tls: None };
        lifecycle.spawn("health and metrics", web::server::serve(listener, settings, router, lifecycle.stopping()));
    }
    tracing::info!(database = database.place, "the worker works");
    Ok(())
}
