//! Notices on their way to a receiver, on a real PostgreSQL and through real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use central::alerts::deliveries::webhook::{self, ByWebhook};
use central::alerts::deliveries::{NoticeKind, announce, deliver};
use central::alerts::incidents::store::{Call, open_call, resolve_call};
use central::database::Database;
use central::queue::attempt::{Attempt, Failure, Outcome};
use central::queue::job::{Job, Notice};
use central::queue::{Queue, store};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use support::outage::Way;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

const QUEUE: Queue = Queue::BackgroundJobs;

/// What a receiver was told, and what it answers next.
#[derive(Default)]
struct Receiver {
    notices: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<u16>>,
}

/// A plant with a press, and a webhook that is told of it.
struct Told {
    database: Database,
    receiver: Arc<Receiver>,
    _server: AbortOnDropHandle<anyhow::Result<()>>,
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_773_230_405, 0).unwrap()
}

impl Told {
    /// `on_notice` happens before a notice is answered.
    async fn start(answers: &[u16], on_notice: impl Fn() + Send + Sync + 'static) -> Told {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = support::database().await;
        let receiver = Arc::new(Receiver { answers: Mutex::new(answers.to_vec().into()), ..Receiver::default() });
        let (heard, on_notice) = (receiver.clone(), Arc::new(on_notice));
        let hook = post(async move |body: axum::Json<Value>| {
            heard.notices.lock().unwrap().push(body["notice"].as_str().unwrap().to_owned());
            on_notice();
            StatusCode::from_u16(heard.answers.lock().unwrap().pop_front().unwrap_or(200)).unwrap()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let settings = central::web::server::Settings { connections_max: 8, tls: None };
        let router = Router::new().route("/hook", hook);
        let serving = central::web::server::serve(listener, settings, router, CancellationToken::new());
        sqlx::raw_sql(
            "INSERT INTO plants (name) VALUES ('north');
             INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
                 SELECT gen_random_uuid(), id, 'hall', sha256('hall') FROM plants;
             INSERT INTO machines (plant_id, name, agent_id) SELECT plant_id, 'press', id FROM agents;
             INSERT INTO alert_channels (plant_id, kind, address, secret, created_at, created_by)
                 SELECT id, 'webhook', '', 'whispered', now(), 'test' FROM plants",
        )
        .execute(&database.pool)
        .await
        .unwrap();
        sqlx::query("UPDATE alert_channels SET address = $1").bind(address).execute(&database.pool).await.unwrap();
        Told { database, receiver, _server: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.unwrap()
    }

    /// Somebody calls at the press, or does not any more.
    async fn call(&self, active: bool) {
        let (machine, agent): (i32, i32) =
            sqlx::query_as("SELECT id, agent_id FROM machines").fetch_one(&self.database.pool).await.unwrap();
        let text = "help".to_owned();
        let call = Call { agent_id: agent, machine_id: Some(machine), station_id: None, at: now(), text, active };
        let mut transaction = self.database.pool.begin().await.unwrap();
        let (kind, changed) = if active {
            (NoticeKind::Opened, open_call(&mut transaction, &call, now()).await.unwrap())
        } else {
            (NoticeKind::Resolved, resolve_call(&mut transaction, &call, now()).await.unwrap())
        };
        assert_eq!(changed.len(), 1);
        announce(&mut transaction, kind, &changed, now()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// The only job that waits, as a worker has it whose database is `pool`.
    async fn take(&self, pool: &PgPool) -> (Attempt, Notice) {
        let mut connection = self.database.pool.acquire().await.unwrap();
        let mut taken = store::take(&mut connection, QUEUE, Duration::from_secs(60), 10).await.unwrap();
        assert_eq!(taken.len(), 1, "{taken:?}");
        let message = taken.remove(0);
        let Job::CallWebhook(notice) = Job::of(message.message.as_deref()).unwrap() else { panic!("another job") };
        (Attempt { queue: QUEUE, lease: message.lease(), pool: pool.clone() }, notice)
    }

    async fn deliver(&self, attempt: &Attempt, notice: &Notice) -> Result<Outcome, Failure> {
        let client = webhook::client().unwrap();
        deliver(&ByWebhook { client: &client, at: now() }, attempt, notice, now).await
    }

    fn notices(&self) -> Vec<String> {
        self.receiver.notices.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_it_is_over_is_told_after_it_was_told_that_it_began() {
    let told = Told::start(&[503], || ()).await;
    told.call(true).await;
    let (attempt, notice) = told.take(&told.database.pool).await;
    assert!(matches!(told.deliver(&attempt, &notice).await, Err(Failure::Retry { .. })));
    // The receiver is away, and the beginning waits for its next attempt: then it is over.
    told.call(false).await;
    assert_eq!(told.number("SELECT count(*) FROM pgmq.q_background_jobs WHERE read_ct = 0").await, 0);
    assert_eq!(told.number("SELECT count(*) FROM alert_deliveries").await, 2);
    assert!(matches!(told.deliver(&attempt, &notice).await, Ok(Outcome::Finished)));
    let (attempt, notice) = told.take(&told.database.pool).await;
    assert!(matches!(told.deliver(&attempt, &notice).await, Ok(Outcome::Finished)));
    assert_eq!(told.notices(), ["opened", "opened", "resolved"]);
    assert_eq!(told.number("SELECT count(*) FROM pgmq.q_background_jobs").await, 0);
    assert_eq!(told.number("SELECT count(*) FROM alert_deliveries WHERE state = 'sent'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_it_is_over_is_told_too_when_its_beginning_was_given_up() {
    let told = Told::start(&[410], || ()).await;
    told.call(true).await;
    let (attempt, notice) = told.take(&told.database.pool).await;
    told.call(false).await;
    assert!(matches!(told.deliver(&attempt, &notice).await, Err(Failure::Fail(_))));
    assert_eq!(told.number("SELECT count(*) FROM pgmq.q_background_jobs WHERE read_ct = 0").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_while_it_gets_over_is_told_to_be_over_once() {
    let told = Told::start(&[], || ()).await;
    told.call(true).await;
    let (attempt, notice) = told.take(&told.database.pool).await;
    let (delivered, ()) = tokio::join!(told.deliver(&attempt, &notice), told.call(false));
    assert!(matches!(delivered, Ok(Outcome::Finished)));
    let (attempt, notice) = told.take(&told.database.pool).await;
    assert!(matches!(told.deliver(&attempt, &notice).await, Ok(Outcome::Finished)));
    assert_eq!(told.notices(), ["opened", "resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_out_while_the_database_was_away_does_not_go_out_again() {
    let way: Arc<std::sync::OnceLock<Way>> = Arc::default();
    let cut = way.clone();
    let told = Told::start(&[], move || cut.get().unwrap().refuse()).await;
    way.set(Way::to(&told.database).await).unwrap();
    told.call(true).await;
    let quick = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
    let pool = quick.connect(&way.get().unwrap().url).await.unwrap();
    let (attempt, notice) = told.take(&pool).await;
    let back = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        way.get().unwrap().work();
    };
    let (delivered, ()) = tokio::join!(told.deliver(&attempt, &notice), back);
    assert!(matches!(delivered, Ok(Outcome::Finished)), "{delivered:?}");
    assert_eq!(told.notices(), ["opened"]);
    assert_eq!(told.number("SELECT count(*) FROM alert_deliveries WHERE state = 'sent'").await, 1);
    assert_eq!(told.number("SELECT count(*) FROM alert_delivery_attempts").await, 1);
}
