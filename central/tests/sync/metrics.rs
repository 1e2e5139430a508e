//! What sync says of itself on the web port.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use central::agents::administration::Administration;
use central::api::Api;
use central::auth::Access;
use central::auth::access::Outside;
use central::live::Hub;
use central::web::Reads;
use hyper::StatusCode;
use protocol::enrolment::KeyFingerprint;
use protocol::id::Instance;
use protocol::reply::Verdict;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::agent::{Central, Line, new_key};
use crate::support::database;

/// `/metrics` as a scraper gets it.
async fn scrape(central: &Central) -> String {
    let (pool, clock) = (central.pool.clone(), central.clock());
    let reads = Reads { pool: pool.clone(), clock: clock.clone() };
    let api = Api {
        access: Access::new(pool.clone(), pool.clone(), clock.clone(), Outside::default()),
        hub: Hub::new(clock, 0),
        administration: Arc::new(Administration {
            reads: reads.clone(),
            pool,
            central: KeyFingerprint([0; 32]),
            address: "central:7443".to_owned(),
            future_tolerance: Duration::ZERO,
        }),
        reads,
    };
    let ready = Arc::new(AtomicBool::new(true));
    let router = central::serve::router(api, ready, vec![central.metrics.clone()]);
    let settings = central::web::server::Settings { connections_max: 10, tls: None };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stopping = CancellationToken::new();
    let served = tokio::spawn(central::web::server::serve(listener, settings, router, stopping.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: central\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    stopping.cancel();
    served.await.unwrap().unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text
}

/// The samples of sync by name and labels. Every family has its two lines of description before it.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let (mut described, mut samples) = (String::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            described = help.split(' ').next().unwrap().to_owned();
            assert!(help.ends_with('.'), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!((name, kind == "counter"), (described.as_str(), name.ends_with("_total")), "{line}");
        } else if line.starts_with("central_sync_") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next(), Some(described.as_str()), "{line}");
            samples.insert(name.to_owned(), value.parse().unwrap());
        }
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_follow_what_agents_do() {
    let central =
        Central::start_with(database().await.pool, |settings| settings.batch_bytes_max = 64 * 1024 * 1024).await;
    let before = samples(&scrape(&central).await);
    assert_eq!(before["central_sync_batches_total{outcome=\"accepted\"}"], 0.0);
    assert_eq!(before["central_sync_connections"], 0.0);

    let mut agent = central.agent("a").await;
    agent.produce(30);
    agent.accept(1, 20).await;
    agent.accept(1, 20).await;
    agent.accept(11, 30).await;
    let (status, _) = agent.line.post("/agent/v1/sync", b"no batch".as_slice().into()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let mut copy = agent.copy(Instance { starts: 1, id: 99 }).await;
    assert!(matches!(copy.sync(31, 30).await.verdict, Verdict::Diverged { .. }));
    let mut stranger = Line::open(central.address, central.key, &new_key()).await;
    assert_eq!(stranger.enrol(&[7; 10]).await.0, StatusCode::FORBIDDEN);

    let text = scrape(&central).await;
    let found = samples(&text);
    for (name, expected) in [
        ("central_sync_batches_total{outcome=\"accepted\"}", 3.0),
        ("central_sync_batches_total{outcome=\"new_epoch\"}", 0.0),
        ("central_sync_batches_total{outcome=\"diverged\"}", 1.0),
        ("central_sync_batches_total{outcome=\"again\"}", 0.0),
        ("central_sync_batches_total{outcome=\"rejected\"}", 1.0),
        ("central_sync_batches_total{outcome=\"failed\"}", 0.0),
        ("central_sync_events_committed_total", 30.0),
        ("central_sync_groups_committed_total", 4.0),
        ("central_sync_group_failures_total", 0.0),
        ("central_sync_waiting_batches", 0.0),
        ("central_sync_batch_memory_bytes", 0.0),
        ("central_sync_batch_memory_limit_bytes", 64.0 * 1024.0 * 1024.0),
        ("central_sync_connections", 3.0),
        ("central_sync_connections_limit", 4096.0),
        ("central_sync_enrolments_total{outcome=\"enrolled\"}", 1.0),
        ("central_sync_enrolments_total{outcome=\"refused\"}", 1.0),
    ] {
        assert_eq!(found.get(name), Some(&expected), "{name} in\n{text}");
    }
    assert!(found["central_sync_group_seconds_total"] > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_come_to_nothing_and_agents_that_are_told_to_come_back_are_counted() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(1);
    // A ledger that cannot be locked: the transaction is refused as one that may pass.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '55P03'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON sync_ledger FOR EACH ROW EXECUTE FUNCTION refuse();",
    )
    .execute(&central.pool)
    .await
    .unwrap();
    let batch = agent.batch(1, 1);
    assert_eq!(agent.send(&batch).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let found = samples(&scrape(&central).await);
    assert_eq!(found["central_sync_batches_total{outcome=\"again\"}"], 1.0);
    assert_eq!(found["central_sync_group_failures_total"], 6.0);
    assert_eq!(found["central_sync_events_committed_total"], 0.0);
}
