//! The worker of one queue: one loop that owns everything it holds, so that there is nothing to lock.
//!
//! What is finished and what is taken next share a transaction: under load a commit is shared by a whole batch. Several
//! workers, in one process or many, take from the same queue without waiting for each other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use chrono::DateTime;
use process::backoff::Backoff;
use process::clock::Clock;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::attempt::{Attempt, Failure, Handle, Lease, Outcome};
use super::metrics::{Counters, Event};
use super::policy::{Decision, RetryPolicy, decide, next_batch};
use super::store::{self, AttemptError, Message};
use super::{Job, Queue};

/// So long what is finished may wait for more to be archived with it.
const ARCHIVE_WITHIN: Duration = Duration::from_millis(20);

/// How long the database is told what a worker that stops leaves behind.
const SAY_WITHIN: Duration = Duration::from_secs(3);

/// How a queue is worked on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Jobs at one time.
    pub concurrency: usize,
    /// Messages in one batch, when jobs are quick.
    pub batch_max: usize,
    /// For so long nobody else sees a message that was taken; extended at a third of it.
    pub lease: Duration,
    /// How often it is looked without being told to.
    pub poll: Duration,
    pub policy: RetryPolicy,
    pub attempt_within: Duration,
    /// How long running jobs have when the process stops; then they are given back.
    pub stop_within: Duration,
}

impl Settings {
    #[must_use]
    pub fn of(queue: Queue, concurrency: usize) -> Settings {
        Settings {
            concurrency,
            batch_max: 256,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(2),
            policy: queue.retry_policy(),
            attempt_within: queue.attempt_within(),
            stop_within: Duration::from_secs(10),
        }
    }
}

/// Chance, in 0..1.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    pub fn new(draw: impl Fn() -> f64 + Send + Sync + 'static) -> Jitter {
        Jitter(Arc::new(draw))
    }

    #[must_use]
    pub fn draw(&self) -> f64 {
        (self.0)()
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}

#[derive(Debug)]
pub struct Worker<H> {
    pub queue: Queue,
    pub settings: Settings,
    pub pool: PgPool,
    pub handler: Arc<H>,
    pub clock: Arc<dyn Clock>,
    pub jitter: Jitter,
    pub counters: Arc<Counters>,
    /// Changes when there may be something new.
    pub wake: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Running {
    lease: Lease,
    began: Instant,
    task: AbortHandle,
}

/// Everything this worker has taken and not handed back.
#[derive(Debug)]
struct Held {
    waiting: VecDeque<Message>,
    tasks: JoinSet<Result<Outcome, Failure>>,
    running: HashMap<Id, Running>,
    done: Vec<Lease>,
    done_since: Option<Instant>,
    batch: usize,
    batch_since: Instant,
    batch_was_full: bool,
    /// The queue may hold something that can be taken.
    look: bool,
    poll_at: Instant,
    extend_at: Instant,
    /// Everything held is ours at least until then.
    leased_until: Instant,
    /// After a failure of the database.
    not_before: Instant,
}

impl Held {
    fn nothing(settings: &Settings) -> Held {
        let now = Instant::now();
        Held {
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            done: Vec::new(),
            done_since: None,
            batch: settings.concurrency,
            batch_since: now,
            batch_was_full: false,
            look: true,
            poll_at: now + settings.poll,
            extend_at: now + settings.lease / 3,
            leased_until: now + settings.lease,
            not_before: now,
        }
    }

    fn leases(&self) -> Vec<Lease> {
        let waiting = self.waiting.iter().map(Message::lease);
        waiting.chain(self.running.values().map(|running| running.lease)).chain(self.done.iter().copied()).collect()
    }

    fn archive_at(&self) -> Option<Instant> {
        let since = self.done_since?;
        let idle = self.waiting.is_empty() && self.running.is_empty();
        Some(if idle { since } else { since + ARCHIVE_WITHIN })
    }

    /// The next moment at which something is due by itself.
    fn due_at(&self) -> Instant {
        let archive_at = self.archive_at().map(|at| at.max(self.not_before));
        archive_at.into_iter().chain([self.poll_at, self.extend_at]).min().unwrap_or(self.poll_at)
    }
}

impl<H: Handle> Worker<H> {
    /// Works until `stopping`; then finishes what runs, or gives it back.
    pub async fn run(mut self, stopping: CancellationToken) -> anyhow::Result<()> {
        let mut held = Held::nothing(&self.settings);
        tokio::select! {
            () = self.work(&mut held, &stopping) => {}
            // A database that is away is not waited for: whatever is lost with it is seen again when its lease has ended.
            () = later_than(&stopping, SAY_WITHIN) => {}
        }
        self.wind_down(held).await;
        Ok(())
    }

    async fn work(&mut self, held: &mut Held, stopping: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        while !stopping.is_cancelled() {
            self.begin(held).await;
            if let Some(most) = self.exchange_due(held) {
                match self.exchange(held, most).await {
                    Ok(()) => {
                        backoff.succeeded();
                        continue;
                    }
                    Err(error) => {
                        held.not_before = Instant::now() + backoff.failed(self.jitter.draw());
                        held.poll_at = held.not_before;
                        self.log_away(&error);
                    }
                }
            }
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                () = sleep_until(held.due_at()) => self.beat(held).await,
                Ok(()) = self.wake.changed() => held.look = true,
                Some(ended) = held.tasks.join_next_with_id(), if !held.running.is_empty() => {
                    self.ended(held, ended).await;
                    while let Some(ended) = held.tasks.try_join_next_with_id() {
                        self.ended(held, ended).await;
                    }
                }
            }
        }
    }

    fn log_away(&self, error: &sqlx::Error) {
        let queue = self.queue.as_str();
        if crate::database::may_pass(error) {
            tracing::warn!(queue, %error, "no work while the database is away");
        } else {
            tracing::error!(queue, error = error as &dyn std::error::Error, "a queue cannot be read");
        }
    }

    /// Starts what waits, as far as there is room.
    async fn begin(&self, held: &mut Held) {
        while held.running.len() < self.settings.concurrency {
            let Some(message) = held.waiting.pop_front() else { return };
            let lease = message.lease();
            let refused = if self.settings.policy.allows(attempt_number(lease)) {
                Job::of(message.message.as_deref()).map_err(Failure::fail)
            } else {
                let text = "the attempts before ended without a word: their process died, or lost its database";
                Err(Failure::Fail(anyhow!(text)))
            };
            let job = match refused {
                Ok(job) => job,
                Err(failure) => {
                    self.settle(held, lease, Err(failure)).await;
                    continue;
                }
            };
            let (handler, within) = (self.handler.clone(), self.settings.attempt_within);
            let attempt = Attempt { queue: self.queue, lease, pool: self.pool.clone() };
            let task = held.tasks.spawn(async move {
                timeout(within, handler.handle(job, attempt)).await.unwrap_or_else(|_| {
                    Err(Failure::retry(anyhow!("the attempt did not end within {} s", within.as_secs())))
                })
            });
            held.running.insert(task.id(), Running { lease, began: Instant::now(), task });
        }
    }

    /// Whether to go to the database, and for how many messages.
    fn exchange_due(&self, held: &mut Held) -> Option<usize> {
        let now = Instant::now();
        if now < held.not_before {
            return None;
        }
        let room = self.settings.concurrency.saturating_sub(held.running.len());
        if held.look && held.waiting.is_empty() && room > 0 {
            if held.batch_was_full {
                let bounds = self.settings.concurrency..=self.settings.batch_max.max(self.settings.concurrency);
                held.batch = next_batch(held.batch, now - held.batch_since, &bounds);
            }
            return Some(if held.batch > self.settings.concurrency { held.batch } else { room });
        }
        held.archive_at().is_some_and(|at| at <= now).then_some(0)
    }

    /// Archives what is done and takes up to `most` messages, in one transaction.
    async fn exchange(&self, held: &mut Held, most: usize) -> sqlx::Result<()> {
        let (queue, lease) = (self.queue, self.settings.lease);
        let (archived, taken) = match (held.done.is_empty(), most) {
            (true, _) => (0, store::take(&mut *self.pool.acquire().await?, queue, lease, most).await?),
            (false, 0) => (store::archive(&mut *self.pool.acquire().await?, queue, &held.done).await?, Vec::new()),
            (false, _) => {
                let mut transaction = self.pool.begin().await?;
                let archived = store::archive(&mut transaction, queue, &held.done).await?;
                let taken = store::take(&mut transaction, queue, lease, most).await?;
                transaction.commit().await?;
                (archived, taken)
            }
        };
        self.counters.add(queue, Event::Done, archived);
        self.counters.add(queue, Event::Lost, (held.done.len() as u64).saturating_sub(archived));
        held.done.clear();
        held.done_since = None;
        if most > 0 {
            held.look = taken.len() == most;
            held.batch_was_full = held.look && most == held.batch;
            held.batch_since = Instant::now();
            held.poll_at = held.batch_since + self.settings.poll.mul_f64(0.75 + self.jitter.draw() / 2.0);
            held.waiting.extend(taken);
        }
        Ok(())
    }

    /// What is due by the clock.
    async fn beat(&self, held: &mut Held) {
        let now = Instant::now();
        if now >= held.poll_at {
            held.look = true;
            held.poll_at = now + self.settings.poll;
        }
        if now >= held.extend_at {
            let leases = held.leases();
            held.extend_at = now + self.settings.lease / 3;
            if leases.is_empty() {
                held.leased_until = now + self.settings.lease;
                return;
            }
            match store::extend(&self.pool, self.queue, &leases, self.settings.lease).await {
                Ok(still) => {
                    held.leased_until = now + self.settings.lease;
                    self.let_go(held, &still.into_iter().collect());
                }
                // Cut off from the database for so long that others have these jobs: work on them ends here.
                Err(_) if Instant::now() >= held.leased_until => self.let_go(held, &HashSet::new()),
                Err(error) => {
                    held.extend_at = now + self.settings.lease / 10;
                    tracing::debug!(%error, "leases were not extended; it is tried again");
                }
            }
        }
    }

    /// Ends whatever is not held any more: somebody else has it.
    fn let_go(&self, held: &mut Held, still: &HashSet<i64>) {
        let before = held.waiting.len() + held.running.len();
        held.waiting.retain(|message| still.contains(&message.msg_id));
        held.running.retain(|_, running| {
            let keep = still.contains(&running.lease.id);
            if !keep {
                running.task.abort();
            }
            keep
        });
        let lost = before - held.waiting.len() - held.running.len();
        if lost > 0 {
            tracing::warn!(queue = self.queue.as_str(), jobs = lost, "leases were lost: others have these jobs");
            self.counters.add(self.queue, Event::Lost, lost as u64);
        }
    }

    async fn ended(&self, held: &mut Held, ended: Result<(Id, Result<Outcome, Failure>), JoinError>) {
        let (id, result) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Err(Failure::retry(anyhow!(panicked(error))))),
        };
        // Not among them: it was aborted.
        let Some(running) = held.running.remove(&id) else { return };
        self.counters.took(self.queue, running.began.elapsed());
        self.settle(held, running.lease, result).await;
    }

    /// Does with a message what follows from its attempt. Where the database does not answer, the lease will end and the
    /// message be seen again.
    async fn settle(&self, held: &mut Held, lease: Lease, ended: Result<Outcome, Failure>) {
        let queue = self.queue;
        let attempt = attempt_number(lease);
        let decision = decide(&self.settings.policy, attempt, &ended, self.jitter.draw());
        let error = ended.as_ref().err().map(|failure| AttemptError {
            attempt: lease.reads,
            at: DateTime::from_timestamp_micros(self.clock.wall().0).unwrap_or_default(),
            chain: failure.chain(),
        });
        let (event, settled) = match (decision, &error) {
            (Decision::Archive, _) => {
                held.done.push(lease);
                held.done_since.get_or_insert_with(Instant::now);
                return;
            }
            (Decision::RetryIn(pause), Some(error)) => {
                let (queue, pause_s, chain) = (queue.as_str(), pause.as_secs(), error.chain.join(": "));
                tracing::warn!(queue, id = lease.id, attempt, pause_s, error = chain, "a job is tried again");
                (Event::Retried, store::retry(&self.pool, self.queue, lease, pause, error).await)
            }
            (Decision::DeadLetter, Some(error)) => {
                let (queue, chain) = (queue.as_str(), error.chain.join(": "));
                tracing::error!(queue, id = lease.id, attempt, error = chain, "a job is given up: it is a dead letter");
                (Event::Dead, store::bury(&self.pool, self.queue, lease, error).await)
            }
            (_, None) => (Event::Done, Ok(true)),
            (_, Some(_)) => (Event::Lost, Ok(true)),
        };
        match settled {
            Ok(true) => self.counters.add(queue, event, 1),
            Ok(false) => self.counters.add(queue, Event::Lost, 1),
            Err(error) => {
                tracing::warn!(%error, id = lease.id, "the end of an attempt was not noted: the job is seen again")
            }
        }
    }

    async fn wind_down(&self, mut held: Held) {
        let waiting: Vec<Lease> = held.waiting.drain(..).map(|message| message.lease()).collect();
        let finish = async {
            self.give_back(&waiting).await;
            while let Some(ended) = held.tasks.join_next_with_id().await {
                self.ended(&mut held, ended).await;
            }
        };
        let _ = timeout(self.settings.stop_within, finish).await;
        let unfinished: Vec<Lease> = held.running.drain().map(|(_, running)| running.lease).collect();
        held.tasks.shutdown().await;
        let hand_over = async {
            self.give_back(&unfinished).await;
            if !held.done.is_empty()
                && let Err(error) = self.exchange(&mut held, 0).await
            {
                tracing::warn!(%error, jobs = held.done.len(), "finished jobs were not archived: they run once more");
            }
        };
        if timeout(SAY_WITHIN, hand_over).await.is_err() {
            tracing::warn!("the database does not answer while a worker stops: its leases will end");
        }
    }

    async fn give_back(&self, leases: &[Lease]) {
        match store::give_back(&self.pool, self.queue, leases).await {
            Ok(()) => self.counters.add(self.queue, Event::GivenBack, leases.len() as u64),
            Err(error) => {
                tracing::warn!(%error, jobs = leases.len(), "jobs were not given back: their leases will end")
            }
        }
    }
}

/// So much later than it was asked to stop.
async fn later_than(stopping: &CancellationToken, pause: Duration) {
    stopping.cancelled().await;
    tokio::time::sleep(pause).await;
}

fn attempt_number(lease: Lease) -> u32 {
    u32::try_from(lease.reads).unwrap_or(1)
}

fn panicked(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "the attempt was cancelled".to_owned() };
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("the handler panicked: {}", text.unwrap_or_else(|| "without a text".to_owned()))
}
