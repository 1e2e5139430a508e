//! The workers of a process: one for each queue, one connection that listens for all of them, and the upkeep. They have a
//! pool of their own, so that slow work takes no connection away from ingest.

use std::sync::Arc;
use std::time::Duration;

use process::clock::Clock;
use process::lifecycle::Lifecycle;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::watch;

use super::attempt::Handle;
use super::configuration::WorkerSection;
use super::metrics::Counters;
use super::worker::{Jitter, Settings, Worker};
use super::{Queue, upkeep, wake};

/// One that listens, and as many as are used at one time by quick jobs.
const CONNECTIONS: u32 = 5;

/// A pool to where `like` connects to, for workers alone. A statement that hangs is ended before its lease is.
#[must_use]
pub fn pool(like: &PgPool) -> PgPool {
    let options = (*like.connect_options()).clone().application_name("central worker");
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(0)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.options([("statement_timeout", "30s")]))
}

/// Starts a worker for every queue.
pub fn start<H: Handle>(
    lifecycle: &Lifecycle,
    pool: &PgPool,
    handler: &Arc<H>,
    clock: &Arc<dyn Clock>,
    section: &WorkerSection,
) -> Arc<Counters> {
    let counters = Arc::new(Counters::default());
    let jitter = Jitter::new(rand::random::<f64>);
    let (waker, wake) = watch::channel(0);
    for queue in Queue::ALL {
        let worker = Worker {
            queue,
            settings: Settings {
                lease: Duration::from_secs(section.lease_s),
                ..Settings::of(queue, section.concurrency)
            },
            pool: pool.clone(),
            handler: handler.clone(),
            clock: clock.clone(),
            jitter: jitter.clone(),
            counters: counters.clone(),
            wake: wake.clone(),
        };
        lifecycle.spawn(queue.as_str(), worker.run(lifecycle.stopping()));
    }
    lifecycle.spawn("listening for work", wake::listen(pool.clone(), waker, jitter, lifecycle.stopping()));
    lifecycle.spawn("archives of queues", upkeep::run(pool.clone(), clock.clone(), lifecycle.stopping()));
    counters
}
