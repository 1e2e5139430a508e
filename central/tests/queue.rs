//! Workers on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use central::auth::audit::{Actor, ActorKind};
use central::database::Database;
use central::queue::attempt::{Attempt, Failure, Handle, Outcome};
use central::queue::dead_letters::store::{Filter, list};
use central::queue::dead_letters::{self, Verdict};
use central::queue::job::{Job, Recorded};
use central::queue::metrics::{Counters, Event};
use central::queue::policy::RetryPolicy;
use central::queue::worker::{Jitter, Settings, Worker};
use central::queue::{self, Queue, store};
use process::clock::{Clock, SystemClock};
use process::lifecycle::GRACE;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use support::outage::Way;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const QUEUE: Queue = Queue::BackgroundJobs;

/// Does what a test says, by the number that a job carries.
type Script =
    dyn Fn(i64, Attempt) -> std::pin::Pin<Box<dyn Future<Output = Result<Outcome, Failure>> + Send>> + Send + Sync;

struct Scripted {
    script: Box<Script>,
    /// How often each job was begun.
    begun: Mutex<HashMap<i64, usize>>,
}

impl Handle for Scripted {
    async fn handle(&self, job: Job, attempt: Attempt) -> Result<Outcome, Failure> {
        let Job::AlarmsRaised(recorded) = job else { return Ok(Outcome::Done) };
        *self.begun.lock().unwrap().entry(recorded.first_seq).or_default() += 1;
        (self.script)(recorded.first_seq, attempt).await
    }
}

fn numbered(number: i64) -> Job {
    Job::AlarmsRaised(Recorded {
        plant_id: 1,
        agent_id: 1,
        epoch: 1,
        first_seq: number,
        last_seq: number,
        count: 1,
        reason: None,
    })
}

struct Running {
    handler: Arc<Scripted>,
    counters: Arc<Counters>,
    stopping: CancellationToken,
    wake: watch::Sender<u64>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn stop(self) {
        self.stopping.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn settings() -> Settings {
    Settings {
        lease: Duration::from_secs(3),
        poll: Duration::from_millis(100),
        policy: RetryPolicy { first: Duration::from_millis(50), longest: Duration::from_millis(100), attempts_max: 3 },
        stop_within: Duration::from_millis(300),
        ..Settings::of(QUEUE, 4)
    }
}

fn work<F, R>(database: &Database, settings: Settings, script: F) -> Running
where
    F: Fn(i64, Attempt) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, Failure>> + Send + 'static,
{
    work_on(database.pool.clone(), settings, script)
}

fn work_on<F, R>(pool: PgPool, settings: Settings, script: F) -> Running
where
    F: Fn(i64, Attempt) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Outcome, Failure>> + Send + 'static,
{
    let handler = Arc::new(Scripted {
        script: Box::new(move |number, attempt| Box::pin(script(number, attempt))),
        begun: Mutex::default(),
    });
    let (counters, stopping, (wake, woken)) = (Arc::default(), CancellationToken::new(), watch::channel(0));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let worker = Worker {
        queue: QUEUE,
        settings,
        pool,
        handler: handler.clone(),
        clock,
        jitter: Jitter::new(|| 0.5),
        counters: Arc::clone(&counters),
        wake: woken,
    };
    let task = tokio::spawn(worker.run(stopping.clone()));
    Running { handler, counters, stopping, wake, task }
}

async fn send(database: &Database, numbers: impl IntoIterator<Item = i64>) {
    let jobs: Vec<Job> = numbers.into_iter().map(numbered).collect();
    let mut transaction = database.pool.begin().await.unwrap();
    queue::send_all(&mut transaction, &jobs).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn number(database: &Database, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&database.pool).await.unwrap()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + support::DEADLINE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn by() -> (chrono::DateTime<chrono::Utc>, &'static Actor<'static>) {
    (chrono::DateTime::default(), &Actor { kind: ActorKind::Command, name: "test", address: None })
}

const LEFT: &str = "SELECT count(*) FROM pgmq.q_background_jobs";
const ARCHIVED: &str = "SELECT count(*) FROM pgmq.a_background_jobs";
const DEAD: &str = "SELECT count(*) FROM pgmq.q_dlq";

async fn until_empty(database: &Database) {
    until("the queue to be empty", async || number(database, LEFT).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_share_a_queue_and_every_job_is_done_once() {
    let database = support::database().await;
    sqlx::query("CREATE TABLE effects (number bigint)").execute(&database.pool).await.unwrap();
    send(&database, 0..500).await;
    let effect = async |number: i64, attempt: Attempt| {
        let mut transaction = attempt.pool.begin().await?;
        sqlx::query("INSERT INTO effects VALUES ($1)").bind(number).execute(&mut *transaction).await?;
        let outcome = attempt.finish(&mut transaction).await?;
        transaction.commit().await?;
        Ok(outcome)
    };
    let workers = [0; 3].map(|_| work(&database, settings(), effect));
    until_empty(&database).await;
    let shares: Vec<usize> = workers.iter().map(|worker| worker.handler.begun.lock().unwrap().len()).collect();
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(number(&database, "SELECT count(*) FROM effects").await, 500);
    assert_eq!(number(&database, "SELECT count(DISTINCT number) FROM effects").await, 500);
    assert_eq!(number(&database, ARCHIVED).await, 500);
    assert_eq!(shares.iter().sum::<usize>(), 500, "none was begun twice: {shares:?}");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_longer_than_its_lease_stays_with_its_worker() {
    let database = support::database().await;
    send(&database, [7]).await;
    let release = Arc::new(Notify::new());
    let waits = release.clone();
    let slow = work(&database, settings(), move |_, _| {
        let waits = waits.clone();
        async move {
            waits.notified().await;
            Ok(Outcome::Done)
        }
    });
    until("the job to be begun", async || slow.handler.begun.lock().unwrap().len() == 1).await;
    let other = work(&database, settings(), async |_, _| Ok(Outcome::Done));
    // Two whole leases, by the clock of the database.
    let begun = number(&database, "SELECT extract(epoch FROM clock_timestamp())::bigint").await;
    until("two leases to pass", async || {
        number(&database, "SELECT extract(epoch FROM clock_timestamp())::bigint").await > begun + 7
    })
    .await;
    release.notify_one();
    until_empty(&database).await;
    assert!(other.handler.begun.lock().unwrap().is_empty());
    assert_eq!(slow.handler.begun.lock().unwrap()[&7], 1);
    slow.stop().await;
    other.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_held_is_done_by_another() {
    let database = support::database().await;
    send(&database, 0..20).await;
    let dying = work(&database, settings(), async |_, _| std::future::pending().await);
    until("jobs to be begun", async || dying.handler.begun.lock().unwrap().len() == 4).await;
    // As by SIGKILL: nothing is given back.
    dying.task.abort();
    let heir = work(&database, settings(), async |_, _| Ok(Outcome::Done));
    until_empty(&database).await;
    assert_eq!(heir.handler.begun.lock().unwrap().len(), 20);
    heir.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_lease_writes_nothing() {
    let database = support::database().await;
    sqlx::query("CREATE TABLE effects (number bigint)").execute(&database.pool).await.unwrap();
    send(&database, [1]).await;
    let lost = work(&database, settings(), async |number, attempt: Attempt| {
        let mut transaction = attempt.pool.begin().await?;
        sqlx::query("INSERT INTO effects VALUES ($1)").bind(number).execute(&mut *transaction).await?;
        // Somebody else reads it meanwhile, as after a lease that ended unnoticed.
        sqlx::query("UPDATE pgmq.q_background_jobs SET read_ct = read_ct + 1").execute(&attempt.pool).await?;
        let outcome = attempt.finish(&mut transaction).await?;
        transaction.commit().await?;
        Ok(outcome)
    });
    until("the lease to be missed", async || lost.counters.get(QUEUE, Event::Lost) >= 1).await;
    lost.stopping.cancel();
    lost.task.await.unwrap().unwrap();
    assert_eq!(number(&database, "SELECT count(*) FROM effects").await, 0);
    assert_eq!(number(&database, LEFT).await + number(&database, DEAD).await, 1);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_and_given_up_with_its_history() {
    let database = support::database().await;
    send(&database, [1, 2, 3]).await;
    sqlx::query("SELECT pgmq.send('background_jobs', '{\"kind\": \"make_coffee\", \"plant_id\": 9}')")
        .execute(&database.pool)
        .await
        .unwrap();
    let worker = work(&database, settings(), async |number, _| match number {
        1 => Err(Failure::retry(anyhow!("no route to host").context("the receiver is away"))),
        2 => Err(Failure::fail(anyhow!("it will never work"))),
        _ => panic!("a handler with a bug"),
    });
    until("four dead letters", async || number(&database, DEAD).await == 4).await;
    let begun = worker.handler.begun.lock().unwrap().clone();
    assert_eq!(begun, HashMap::from([(1, 3), (2, 1), (3, 3)]));
    worker.stop().await;
    assert_eq!(number(&database, LEFT).await, 0);

    let letters = list(&database.pool, Filter::default(), 10).await.unwrap();
    let of = |first_seq: i64| letters.iter().find(|letter| letter.message["first_seq"] == first_seq).unwrap();
    assert_eq!(of(1).errors.len(), 3);
    assert_eq!(of(1).errors[0].chain, ["the receiver is away", "no route to host"]);
    assert_eq!(of(1).letter.attempts, Some(3));
    assert_eq!(of(2).letter.error.as_deref(), Some("it will never work"));
    assert_eq!(of(3).letter.error.as_deref(), Some("the handler panicked: a handler with a bug"));
    let poison = letters.iter().find(|letter| letter.letter.kind.as_deref() == Some("make_coffee")).unwrap();
    assert_eq!(poison.letter.attempts, Some(1), "poison is not tried again");
    assert!(poison.letter.error.as_deref().unwrap().contains("unknown variant `make_coffee`"), "{poison:?}");
    assert!(letters.iter().all(|letter| letter.letter.queue.as_deref() == Some("background_jobs")));

    // Those of plant 1 see theirs, and no other.
    let own = Filter { plants: Some(&[1]), ..Filter::default() };
    assert_eq!(list(&database.pool, own, 10).await.unwrap().len(), 3);
    let theirs = dead_letters::decide(&database.pool, Some(&[1]), poison.letter.id, Verdict::Discard, by()).await;
    assert!(!theirs.unwrap());

    let id = of(1).letter.id;
    assert!(dead_letters::decide(&database.pool, None, id, Verdict::Replay, by()).await.unwrap());
    assert!(!dead_letters::decide(&database.pool, None, id, Verdict::Replay, by()).await.unwrap(), "only once");
    assert!(dead_letters::decide(&database.pool, None, of(2).letter.id, Verdict::Discard, by()).await.unwrap());
    assert_eq!(number(&database, DEAD).await, 2);
    let again = work(&database, settings(), async |_, _| Ok(Outcome::Done));
    until_empty(&database).await;
    assert_eq!(again.handler.begun.lock().unwrap().clone(), HashMap::from([(1, 1)]));
    again.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_gives_back_what_it_does_not_finish_without_counting_a_try() {
    let database = support::database().await;
    send(&database, 0..10).await;
    let endless = Settings { poll: Duration::from_secs(60), ..settings() };
    let worker = work(&database, endless, async |_, _| std::future::pending().await);
    until("jobs to be begun", async || worker.handler.begun.lock().unwrap().len() == 4).await;
    worker.stop().await;
    let free = "SELECT count(*) FROM pgmq.q_background_jobs WHERE read_ct = 0 AND vt <= clock_timestamp()";
    assert_eq!(number(&database, free).await, 10);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_worker_again_and_again_is_given_up() {
    let database = support::database().await;
    send(&database, [5]).await;
    sqlx::query("UPDATE pgmq.q_background_jobs SET read_ct = 3").execute(&database.pool).await.unwrap();
    let worker = work(&database, settings(), async |_, _| Ok(Outcome::Done));
    until("a dead letter", async || number(&database, DEAD).await == 1).await;
    assert!(worker.handler.begun.lock().unwrap().is_empty());
    worker.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_wakes_a_worker_that_hardly_polls() {
    let database = support::database().await;
    let rare = Settings { poll: Duration::from_secs(600), ..settings() };
    let worker = work(&database, rare, async |_, _| Ok(Outcome::Done));
    let listening = tokio::spawn(queue::wake::listen(
        database.pool.clone(),
        worker.wake.clone(),
        Jitter::new(|| 0.5),
        worker.stopping.clone(),
    ));
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN \"work\"'";
    until("somebody to listen", async || number(&database, listens).await == 1).await;
    for number in 0..3 {
        send(&database, [number]).await;
        until_empty(&database).await;
    }
    worker.stop().await;
    listening.await.unwrap().unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn depths_tell_what_waits_from_what_runs() {
    let database = support::database().await;
    send(&database, 0..4).await;
    let mut connection = database.pool.acquire().await.unwrap();
    let taken = store::take(&mut connection, QUEUE, Duration::from_secs(60), 2).await.unwrap();
    let error = store::AttemptError { attempt: 1, at: chrono::DateTime::default(), chain: vec!["away".into()] };
    let pause = Duration::from_secs(60);
    assert!(store::retry(&database.pool, QUEUE, taken[0].lease(), pause, &error).await.unwrap());
    let third = store::take(&mut connection, QUEUE, Duration::from_secs(60), 1).await.unwrap();
    assert_eq!(store::archive(&mut connection, QUEUE, &[third[0].lease()]).await.unwrap(), 1);
    let now = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *connection).await.unwrap();
    let depths = store::depths(&database.pool, now).await.unwrap();
    let names: Vec<&str> = depths.iter().map(|depth| depth.name.as_str()).collect();
    assert_eq!(names, ["background_jobs", "email_notifications", "report_generation", "dlq"]);
    let background = &depths[0];
    assert_eq!((background.messages, background.in_flight, background.retrying), (3, 1, 1));
    assert_eq!((background.finished_5_min, depths[3].finished_5_min), (Some(1), None));
    drop(connection);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_survive_a_database_that_cuts_their_connections() {
    let database = support::database().await;
    send(&database, 0..200).await;
    let worker = work(&database, settings(), async |_, _| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(Outcome::Done)
    });
    let other = support::open(&database_url(&database).await).await;
    for _ in 0..5 {
        let _ = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&other.pool)
        .await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    until("the queue to be empty", async || {
        let left: Result<i64, _> = sqlx::query_scalar(LEFT).fetch_one(&other.pool).await;
        left.is_ok_and(|left| left == 0)
    })
    .await;
    worker.stop().await;
    let done: i64 = sqlx::query_scalar(ARCHIVED).fetch_one(&other.pool).await.unwrap();
    assert_eq!(done, 200, "each is archived once, and none is lost");
    other.close().await;
    database.close().await;
}

async fn database_url(database: &Database) -> String {
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&database.pool).await.unwrap();
    support::cluster::url(&name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_does_not_wait_for_a_database_that_is_away() {
    let database = support::database().await;
    let way = Way::to(&database).await;
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(10)).connect(&way.url).await.unwrap();
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let running = work_on(pool, settings(), move |_, _| {
        let gate = opened.clone();
        async move {
            gate.notified().await;
            Err(Failure::retry(anyhow!("it failed")))
        }
    });
    send(&database, 1..=4).await;
    until("all of them to run", async || running.handler.begun.lock().unwrap().len() == 4).await;
    way.refuse();
    gate.notify_waiters();
    tokio::time::timeout(GRACE, running.stop()).await.expect("it stops before the process is cut short");
    assert_eq!(number(&database, LEFT).await, 4, "others find them when their leases have ended");
    database.close().await;
}
