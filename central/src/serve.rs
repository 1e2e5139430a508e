//! What `central serve` puts together. It starts: database, schema, listeners, tasks. It stops the other way round: tasks
//! finish what they hold, the pools close, the private PostgreSQL last.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use process::clock::{Clock, SystemClock};
use process::lifecycle::Lifecycle;
use tokio::net::TcpListener;

use crate::agents::administration::Administration;
use crate::api::Api;
use crate::auth::{Access, Principal, access::Outside};
use crate::configuration::Configuration;
use crate::database::embedded::Purpose;
use crate::database::{Database, maintenance, migrate};
use crate::live::Hub;
use crate::web::Reads;
use crate::web::health::Readiness;
use crate::web::metrics::{Exposes, Metrics, Requests};
use crate::{auth, identity, live, sync, web, work};

/// Runs until the process is asked to stop.
pub async fn run(configuration: &Configuration, migrates: bool) -> anyhow::Result<ExitCode> {
    let (lifecycle, supervisor) = Lifecycle::start();
    let database = Database::open(configuration, Purpose::Serve, &lifecycle.stopping()).await?;
    let ended = supervisor.run(start(configuration, &database, &lifecycle, migrates)).await;
    database.close().await;
    ended
}

async fn start(
    configuration: &Configuration,
    database: &Database,
    lifecycle: &Lifecycle,
    migrates: bool,
) -> anyhow::Result<()> {
    if migrates {
        migrate::migrate(database).await?;
    } else {
        migrate::state(&database.pool).await?.require_current()?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let listen = configuration.web.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on web.listen {listen}"))?;
    let address = listener.local_addr()?;
    let agents_port = Arc::new(AtomicBool::new(false));
    let sync = listen_to_agents(configuration, database, lifecycle, clock.clone(), agents_port.clone()).await?;
    let access = access(configuration, database, clock.clone()).await?;
    let hub = Hub::new(clock.clone(), rand::random());
    follow_changes(database, lifecycle, &hub);
    let reads = Reads { pool: database.reader.clone(), clock: clock.clone() };
    let mut sources = vec![sync];
    if configuration.worker.enabled {
        sources.push(work::start(configuration, database, lifecycle, &clock)?);
    }
    let administration = administration(configuration, database, reads.clone())?;
    let router = router(Api { reads, access, hub, administration }, agents_port, sources);
    let settings = web_settings(configuration, lifecycle)?;
    lifecycle.spawn("web port", web::server::serve(listener, settings, router, lifecycle.stopping()));
    lifecycle.spawn("maintenance", maintenance::run(database.pool.clone(), lifecycle.stopping()));
    tracing::info!(web = %address, database = database.place, "central serves");
    Ok(())
}

fn administration(
    configuration: &Configuration,
    database: &Database,
    reads: Reads,
) -> anyhow::Result<Arc<Administration>> {
    Ok(Arc::new(Administration {
        reads,
        pool: database.pool.clone(),
        central: identity::central_key(&configuration.data.dir)?.fingerprint,
        address: configuration.agents.address_for_agents(&identity::host()),
        future_tolerance: Duration::from_secs(configuration.agents.future_tolerance_s),
    }))
}

/// Who may ask; says in the log how the first administrator comes in.
async fn access(configuration: &Configuration, database: &Database, clock: Arc<dyn Clock>) -> anyhow::Result<Access> {
    let web = &configuration.web;
    let (origin, trusted_proxies) = (web.public_url.clone(), web.trusted_proxies.clone());
    let outside = Outside { secure: web.is_secure(), origin, trusted_proxies };
    let access = Access::new(database.pool.clone(), database.reader.clone(), clock, outside);
    if let Some(code) = auth::setup::new_code(&database.pool, access.now(), &Principal::of_account().actor()).await? {
        tracing::warn!(code, "there is no user yet: make the first administrator on the web page with this setup code");
    }
    Ok(access)
}

fn web_settings(configuration: &Configuration, lifecycle: &Lifecycle) -> anyhow::Result<web::server::Settings> {
    let web = &configuration.web;
    let tls = match (&web.tls_certificate_file, &web.tls_key_file) {
        (Some(certificate), Some(key)) => Some(web::tls::Certificates::read(certificate, key)?),
        _ => None,
    };
    if let Some(tls) = &tls {
        let following = tls.clone().follow(lifecycle.reload(), lifecycle.stopping());
        lifecycle.spawn("certificate of the web port", following);
    }
    if !web.listen.ip().is_loopback() && !web.is_secure() {
        tracing::warn!(
            listen = %web.listen,
            "passwords and sessions cross the network in the clear: set web.tls_certificate_file and web.tls_key_file, \
             or let a proxy do TLS and set web.public_url to its https address"
        );
    }
    Ok(web::server::Settings { connections_max: web.connections_max, tls })
}

/// On three connections of its own: neither ingest nor a slow page holds up the board.
fn follow_changes(database: &Database, lifecycle: &Lifecycle, hub: &Arc<Hub>) {
    let pool = database.apart(3);
    lifecycle.spawn("listening to changes", live::listen::run(hub.clone(), pool.clone(), lifecycle.stopping()));
    lifecycle.spawn("live board", live::refresh::run(hub.clone(), pool, lifecycle.stopping()));
}

async fn listen_to_agents(
    configuration: &Configuration,
    database: &Database,
    lifecycle: &Lifecycle,
    clock: Arc<dyn Clock>,
    open: Arc<AtomicBool>,
) -> anyhow::Result<Arc<dyn Exposes>> {
    // Made here under a lock, before anybody reads it.
    identity::central_key(&configuration.data.dir)?;
    let settings = configuration.agents.sync_settings(identity::key_file(&configuration.data.dir));
    let server = sync::server::Server::bind(database.pool.clone(), clock, settings).await?;
    let (address, key, committer) = (server.local_addr()?, server.key(), server.committer());
    let metrics = server.metrics();
    let stopping = lifecycle.stopping();
    lifecycle.spawn("agents' port", async move {
        open.store(true, Ordering::Relaxed);
        let ended = server.run(stopping).await;
        open.store(false, Ordering::Relaxed);
        ended
    });
    let (pool, stopping) = (database.pool.clone(), lifecycle.stopping());
    lifecycle.spawn("notices of changes", sync::maintenance::notify(pool.clone(), committer, stopping.clone()));
    lifecycle.spawn("pruning of digests", sync::maintenance::prune(pool, stopping));
    tracing::info!(%address, %key, "central listens to agents");
    Ok(metrics)
}

/// Everything the web port answers. `sources` are what counts besides the port itself.
pub fn router(api: Api, agents_port: Arc<AtomicBool>, mut sources: Vec<Arc<dyn Exposes>>) -> Router {
    let requests = Arc::new(Requests::default());
    sources.push(requests.clone());
    sources.push(api.hub.clone());
    let (routes, _) = web::openapi::served(api.routes());
    let own = web::health::router(Readiness { reads: api.reads.clone(), agents_port: Some(agents_port) })
        .merge(web::metrics::router(Metrics { reads: api.reads, sources: Arc::new(sources) }));
    web::router(routes, own, api.access, requests)
}
