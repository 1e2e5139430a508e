//! Looks at what changed, and publishes it. The only task that asks the database for the board.
//!
//! A look is one short read-only transaction with one snapshot: how far every agent's log is committed, how machines
//! stand, and, for those whose agent's mark moved since the look before, what is derived from their facts. Sync moves the
//! mark in the transaction that writes the facts, so that nothing is missed, however late it is; what people say of stops
//! at central moves no mark and is compared for the last minutes. What neither shows (a quarantined event that was
//! released, a stop that ages out of the last 24 hours) shows when a machine is read again, which is every
//! [`AGAIN_EVERY`], a few machines in each look. After a look that failed everything is read anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use protocol::event::MachineState;
use protocol::time::UtcMicros;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HEARTBEAT_EVERY, Hub, Topics};
use crate::downtime::stops;
use crate::machines::board::jobs::{self, Running};
use crate::machines::board::picture::{Days, Job, JobBase, Picture};
use crate::machines::board::store::{self, BaseWanted, EVENTS_FOLLOWED_MAX, Head, Touched, Wanted};
use crate::web::span::Span;

/// It is looked at least so often, whatever is notified or not.
pub const POLL: Duration = Duration::from_secs(2);
/// What is derived from facts is read again this often whatever happens, a few machines in a look.
const AGAIN_EVERY: TimeDelta = TimeDelta::seconds(60);
/// After master data changed everything is read anew at most so often.
const ANEW_AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// Looks are so far apart, and a little further with many streams: the same changes in fewer, larger frames.
const LOOK_PAUSE: Duration = Duration::from_millis(25);
const LOOK_PAUSE_PER_STREAM: Duration = Duration::from_micros(150);
/// After a look that took long it waits so many times as long, up to a bound: a server that takes in a backlog has better
/// things to do than to answer the same questions again and again.
const LOOK_PAUSE_TIMES: u32 = 4;
const LOOK_PAUSE_LONGEST: Duration = Duration::from_millis(400);
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// Other pages are told at most so often to look again; of agents, which are heard of all the time, more rarely.
const TOPICS_EVERY: Duration = Duration::from_secs(1);
const AGENTS_EVERY: Duration = Duration::from_secs(5);
/// What a job's figures start from is read again after so long.
const JOB_BASE_KEPT: TimeDelta = TimeDelta::minutes(30);
/// How far back what people said of stops is compared: more than centrals' clocks differ.
const SAID_AT_CENTRAL: TimeDelta = TimeDelta::minutes(5);
const BASES_FAILED_PAUSE: Duration = Duration::from_secs(60);
const STOPS_OF: TimeDelta = TimeDelta::hours(24);

/// What was asked about running orders, and what was read.
type Bases = Vec<(BaseWanted, JobBase)>;
const SHIFT_AT_MOST: TimeDelta = TimeDelta::hours(24);

/// What the listener says to the one who looks.
#[derive(Debug, Default)]
pub struct Signal {
    wake: Notify,
    anew: AtomicBool,
    topics: Mutex<Topics>,
}

impl Signal {
    /// Something changed.
    pub fn look(&self, topics: Topics) {
        let mut noted = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = noted.and(topics);
        drop(noted);
        self.wake.notify_one();
    }

    /// Nobody knows what was missed.
    pub fn read_anew(&self) {
        self.anew.store(true, Ordering::Relaxed);
        self.look(Topics { agents: true, work: true, master_data: true, stops: true });
    }

    fn take_topics(&self) -> Topics {
        std::mem::take(&mut *self.topics.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks until the process stops, then ends every stream.
pub async fn run(hub: Arc<Hub>, pool: PgPool, stopping: CancellationToken) -> anyhow::Result<()> {
    let mut refresher = Refresher::new(hub.clone(), pool.clone());
    let mut beat = tokio::time::interval(HEARTBEAT_EVERY);
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = hub.signal.wake.notified() => tokio::time::sleep_until(next).await,
            () = tokio::time::sleep_until(refresher.next_poll()) => {}
            _ = beat.tick() => { hub.beat(); continue }
            () = stopping.cancelled() => break,
        }
        next = Instant::now() + refresher.turn().await;
    }
    hub.close();
    if let Some(reading) = refresher.bases {
        reading.abort();
    }
    pool.close().await;
    Ok(())
}

#[derive(Debug)]
struct Refresher {
    hub: Arc<Hub>,
    pool: PgPool,
    picture: Picture,
    days: Days,
    heads: HashMap<i32, Head>,
    revisions: BTreeMap<i32, i64>,
    said: HashMap<i32, (i64, DateTime<Utc>)>,
    read_anew_at: Option<Instant>,
    /// Master data changed since.
    outdated: bool,
    last_look: Instant,
    failing: bool,
    bases: Option<JoinHandle<sqlx::Result<Bases>>>,
    bases_not_before: Instant,
    pending: Topics,
    told_at: Option<Instant>,
    told_agents_at: Option<Instant>,
}

impl Refresher {
    fn new(hub: Arc<Hub>, pool: PgPool) -> Refresher {
        Refresher {
            hub,
            pool,
            picture: Picture::default(),
            days: Days::new(),
            heads: HashMap::new(),
            revisions: BTreeMap::new(),
            said: HashMap::new(),
            read_anew_at: None,
            outdated: false,
            last_look: Instant::now() - POLL,
            failing: false,
            bases: None,
            bases_not_before: Instant::now(),
            pending: Topics::default(),
            told_at: None,
            told_agents_at: None,
        }
    }

    /// When to look without being told.
    fn next_poll(&self) -> Instant {
        let poll = self.last_look + POLL;
        let anew = self.read_anew_at.filter(|_| self.outdated && !self.failing).map(|read| read + ANEW_AT_MOST_EVERY);
        anew.map_or(poll, |anew| anew.min(poll))
    }

    /// One look; answers how long to wait until the next may follow.
    async fn turn(&mut self) -> Duration {
        self.last_look = Instant::now();
        let told = self.hub.signal.take_topics();
        self.pending = self.pending.and(told);
        self.outdated |= told.master_data;
        if self.hub.signal.anew.swap(false, Ordering::Relaxed) {
            self.read_anew_at = None;
        }
        match self.look().await {
            Ok(anew) => {
                self.failing = false;
                let took = self.last_look.elapsed();
                self.hub.counters.looked(took, anew);
                self.job_bases().await;
                let topics = self.due_topics();
                self.hub.publish(self.picture.rows(), topics);
                let streams = u32::try_from(self.hub.streams()).unwrap_or(u32::MAX);
                let pause = LOOK_PAUSE + LOOK_PAUSE_PER_STREAM * streams;
                pause.max((took * LOOK_PAUSE_TIMES).min(LOOK_PAUSE_LONGEST))
            }
            Err(error) => {
                // Half of a look may be in the picture.
                self.read_anew_at = None;
                self.hub.counters.look_failed();
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "the board stays as it was: the database was not read; it is tried again");
                }
                FAILED_PAUSE
            }
        }
    }

    /// Reads what changed into the picture; answers whether that was everything.
    async fn look(&mut self) -> sqlx::Result<bool> {
        let now = self.hub.now();
        self.days.set(UtcMicros(now.timestamp_micros()));
        let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let revisions = store::revisions(&mut transaction).await?;
        let heads = store::heads(&mut transaction).await?;
        let mut live = store::live(&mut transaction).await?;
        let is_known = live.keys().all(|machine| self.picture.machines.contains_key(machine));
        self.outdated |= revisions != self.revisions || !is_known;
        let anew = self.read_anew_at.is_none_or(|read| self.outdated && read.elapsed() >= ANEW_AT_MOST_EVERY);
        if anew || self.outdated {
            self.picture.places(store::places(&mut transaction).await?, &mut self.days);
        }
        let (since, far) = if anew { Default::default() } else { self.moved(&heads) };
        let unread = if anew {
            self.picture.machines.keys().copied().collect()
        } else {
            [self.picture.unread(now - AGAIN_EVERY), self.picture.machines_of(&far)].concat()
        };
        let mut touched =
            if since.is_empty() { Touched::default() } else { store::touched(&mut transaction, &since).await? };
        let said = store::said_at_central(&mut transaction, now - SAID_AT_CENTRAL).await?;
        touched.stops.extend(said.iter().filter(|(at, what)| self.said.get(at) != Some(what)).map(|(at, _)| *at));
        // Where everything is read nobody looks whose stops they were.
        let moved = heads.iter().any(|head| self.heads.get(&head.agent_id) != Some(head));
        self.pending.stops |= !touched.stops.is_empty() || !far.is_empty() || (anew && moved);
        touched.stops.extend(&unread);
        touched.jobs.extend(&unread);
        touched.shifts.extend(self.picture.agents_of(&unread));
        let mut stale = unread.clone();
        stale.extend(self.picture.machines_of(&since.iter().map(|head| head.agent_id).collect::<Vec<_>>()));
        stale.extend(self.picture.roll_over(&mut self.days));
        stale.extend(&touched.jobs);
        for seen in self.picture.machines.values_mut() {
            seen.stands(live.remove(&seen.place.id));
        }
        self.read_stops(&mut transaction, &touched.stops, now).await?;
        self.read_jobs(&mut transaction, &touched.jobs).await?;
        self.read_counts(&mut transaction, stale).await?;
        self.read_operators(&mut transaction, &touched.shifts, now).await?;
        transaction.commit().await?;
        for machine in unread {
            if let Some(seen) = self.picture.machines.get_mut(&machine) {
                seen.read_at = Some(now);
            }
        }
        self.pending.agents |= moved;
        self.said = said;
        self.heads = heads.into_iter().map(|head| (head.agent_id, head)).collect();
        if anew {
            self.pending.master_data |= revisions != self.revisions;
            self.revisions = revisions;
            self.read_anew_at = Some(Instant::now());
            self.outdated = false;
        }
        Ok(anew)
    }

    /// The marks from which agents moved on, and the agents that went too far to be followed.
    fn moved(&self, heads: &[Head]) -> (Vec<Head>, Vec<i32>) {
        let (mut since, mut far) = (Vec::new(), Vec::new());
        for head in heads {
            // None for an agent that was never seen, or went on in a new log.
            let before = self.heads.get(&head.agent_id).filter(|before| before.epoch == head.epoch);
            match before.map(|before| (before, head.mark - before.mark)) {
                Some((_, 0)) => {}
                Some((before, 1..=EVENTS_FOLLOWED_MAX)) => since.push(before.clone()),
                _ => far.push(head.agent_id),
            }
        }
        (since, far)
    }

    async fn read_stops(
        &mut self,
        connection: &mut PgConnection,
        machines: &[i32],
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        if machines.is_empty() {
            return Ok(());
        }
        // An agent's clock may be a little ahead.
        let span = Span { from: now - STOPS_OF, to: now + TimeDelta::hours(1) };
        let mut counts = stops::unexplained(connection, machines, span).await?;
        let mut open = store::open_stops(connection, machines).await?;
        for machine in machines {
            if let Some(seen) = self.picture.machines.get_mut(machine) {
                seen.unexplained_stops = counts.remove(machine).unwrap_or(0);
                seen.open_stop = open.remove(machine);
            }
        }
        Ok(())
    }

    async fn read_jobs(&mut self, connection: &mut PgConnection, machines: &[i32]) -> sqlx::Result<()> {
        if machines.is_empty() {
            return Ok(());
        }
        let entries = store::job_entries(connection, machines).await?;
        let current: HashMap<i32, _> =
            entries.iter().filter_map(|(machine, entries)| Some((*machine, jobs::current(entries)?))).collect();
        let of_plant = |(machine, job)| Some((self.picture.machines.get(machine)?.place.plant_id, job));
        let wanted: Vec<_> = current.iter().filter_map(of_plant).collect();
        let orders = store::orders(connection, &wanted).await?;
        for machine in machines {
            let Some(seen) = self.picture.machines.get_mut(machine) else { continue };
            let job = current.get(machine).map(|current| {
                let order = orders.get(&(seen.place.plant_id, current.work_order.clone()));
                let first = UtcMicros(current.first_start.timestamp_micros());
                Job {
                    current: current.clone(),
                    product: order.map(|order| order.product.clone()),
                    product_title: order.map(|order| order.product_title.clone()),
                    quantity: order.and_then(|order| order.quantity),
                    ideal_cycle_ms: order.and_then(|order| order.ideal_cycle_ms),
                    first_day: self.days.day_of(&seen.place.time_zone, first),
                    base: None,
                }
            });
            seen.works_on(job);
        }
        Ok(())
    }

    /// Takes over the bases that were read, and lets those be read that are missing or old: of the orders of one day.
    async fn job_bases(&mut self) {
        if self.bases.as_ref().is_some_and(|reading| !reading.is_finished()) || Instant::now() < self.bases_not_before {
            return;
        }
        if let Some(read) = self.bases.take() {
            match read.await {
                Ok(Ok(bases)) => {
                    for (wanted, base) in bases {
                        if let Some(seen) = self.picture.machines.get_mut(&wanted.machine_id) {
                            seen.base_read(wanted.first_start, base);
                        }
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "what jobs start from was not read; it is tried again in a minute");
                    self.bases_not_before = Instant::now() + BASES_FAILED_PAUSE;
                    return;
                }
                Err(_) => {}
            }
        }
        let now = self.hub.now();
        let mut due: BTreeMap<_, Vec<BaseWanted>> = BTreeMap::new();
        for seen in self.picture.machines.values() {
            let Some(job) = &seen.job else { continue };
            if job.base.as_ref().is_some_and(|base| now - base.read_at < JOB_BASE_KEPT) {
                continue;
            }
            let first_start = job.current.first_start;
            let day = self.days.span(&seen.place.time_zone, UtcMicros(first_start.timestamp_micros()));
            let (was_running, until) = match &seen.live {
                // From its latest change on, how it stands says the rest.
                Some(live) => (live.state == MachineState::Running, live.state_since.max(first_start)),
                None => (false, now),
            };
            due.entry(day).or_default().push(BaseWanted { machine_id: seen.place.id, first_start, was_running, until });
        }
        if let Some(((day, begins), wanted)) = due.pop_last() {
            let begins = DateTime::from_timestamp_micros(begins.0).unwrap_or_default();
            let (hub, pool) = (self.hub.clone(), self.pool.clone());
            self.bases = Some(tokio::spawn(async move {
                let read = read_bases(&pool, wanted, (day, begins), now).await;
                hub.signal.look(Topics::default());
                read
            }));
        }
    }

    async fn read_counts(&mut self, connection: &mut PgConnection, mut machines: Vec<i32>) -> sqlx::Result<()> {
        machines.sort_unstable();
        machines.dedup();
        let wanted = machines.iter().filter_map(|machine| {
            let seen = self.picture.machines.get(machine)?;
            let job_day = seen.job.as_ref().map_or(seen.day, |job| job.first_day);
            Some(Wanted { machine_id: *machine, plant_id: seen.place.plant_id, today: seen.day, job_day })
        });
        let wanted: Vec<Wanted> = wanted.collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let counts = store::counts(connection, &wanted).await?;
        for Wanted { machine_id, .. } in wanted {
            if let Some(seen) = self.picture.machines.get_mut(&machine_id) {
                seen.counts = counts.get(&machine_id).copied().unwrap_or_default();
            }
        }
        Ok(())
    }

    async fn read_operators(
        &mut self,
        connection: &mut PgConnection,
        agents: &[i32],
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        if agents.is_empty() {
            return Ok(());
        }
        let on = store::operators(connection, agents, now - SHIFT_AT_MOST).await?;
        for seen in self.picture.machines.values_mut().filter(|seen| agents.contains(&seen.place.agent_id)) {
            let (machine, agent) = (seen.place.id, seen.place.agent_id);
            let here = on.iter().filter(|it| it.agent_id == agent && it.machine_id.is_none_or(|at| at == machine));
            seen.operators = here.map(|it| it.name.clone()).collect();
            seen.operators.dedup();
        }
        Ok(())
    }

    /// What other pages are told in this turn; the rest waits for a later one.
    fn due_topics(&mut self) -> Topics {
        let is_due = |told: Option<Instant>, every| told.is_none_or(|told| told.elapsed() >= every);
        let mut topics = Topics::default();
        let agents_due = self.pending.agents && is_due(self.told_agents_at, AGENTS_EVERY);
        let others = Topics { agents: false, ..self.pending };
        if others != Topics::default() && is_due(self.told_at, TOPICS_EVERY) {
            topics = others;
            self.pending = Topics { agents: self.pending.agents, ..Topics::default() };
            self.told_at = Some(Instant::now());
        }
        if agents_due {
            topics.agents = true;
            self.pending.agents = false;
            self.told_agents_at = Some(Instant::now());
        }
        topics
    }
}

async fn read_bases(
    pool: &PgPool,
    wanted: Vec<BaseWanted>,
    day: (NaiveDate, DateTime<Utc>),
    now: DateTime<Utc>,
) -> sqlx::Result<Bases> {
    let mut connection = pool.acquire().await?;
    let good = store::good_before(&mut connection, &wanted, day).await?;
    let us = store::running_us(&mut connection, &wanted).await?;
    let base = |wanted: BaseWanted| {
        let mut running = Running::read(us.get(&wanted.machine_id).copied().unwrap_or(0), wanted.until);
        running.follow(wanted.was_running, wanted.until);
        let good_before = good.get(&wanted.machine_id).copied().unwrap_or(0);
        (wanted, JobBase { good_before, running, read_at: now })
    };
    Ok(wanted.into_iter().map(base).collect())
}
