//! Looks at what changed, and publishes it. The only task that asks the database for the board.
//!
//! A look is one short read-only transaction with one snapshot: how far every agent's log is committed, how machines
//! stand, and, for those whose agent's mark moved since the look before, what is derived from their facts. Sync moves the
//! mark in the transaction that writes the facts, so that nothing is missed, however late it is. What moves no mark
//! (a quarantined event that was released, a stop that ages out of the last 24 hours) shows when everything is read anew,
//! every [`ANEW_EVERY`], and after a look that failed.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::time::UtcMicros;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HEARTBEAT_EVERY, Hub, Topics};
use crate::machines::board::jobs::{self, Running};
use crate::machines::board::picture::{Days, Job, JobBase, Picture};
use crate::machines::board::store::{self, Head, Touched, Wanted};

/// It is looked at least so often, whatever is notified or not.
pub const POLL: Duration = Duration::from_secs(2);
/// Everything is read anew so often, and after master data changed at most so often.
const ANEW_EVERY: Duration = Duration::from_secs(60);
const ANEW_AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// Looks are so far apart, and a little further with many streams: the same changes in fewer, larger frames.
const LOOK_PAUSE: Duration = Duration::from_millis(25);
const LOOK_PAUSE_PER_STREAM: Duration = Duration::from_micros(150);
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// Other pages are told at most so often to look again; of agents, which are heard of all the time, more rarely.
const TOPICS_EVERY: Duration = Duration::from_secs(1);
const AGENTS_EVERY: Duration = Duration::from_secs(5);
/// What a job's figures start from is read for so many machines in one look, and again after so long.
const JOB_BASES_A_LOOK: usize = 10;
const JOB_BASE_KEPT: TimeDelta = TimeDelta::minutes(15);
const STOPS_OF: TimeDelta = TimeDelta::hours(24);
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
    read_anew_at: Option<Instant>,
    /// Master data changed since.
    outdated: bool,
    last_look: Instant,
    failing: bool,
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
            read_anew_at: None,
            outdated: false,
            last_look: Instant::now() - POLL,
            failing: false,
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
                self.hub.counters.looked(self.last_look.elapsed(), anew);
                let topics = self.due_topics();
                self.hub.publish(self.picture.rows(), topics);
                let streams = u32::try_from(self.hub.streams()).unwrap_or(u32::MAX);
                LOOK_PAUSE + LOOK_PAUSE_PER_STREAM * streams
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
        let anew = self
            .read_anew_at
            .is_none_or(|read| read.elapsed() >= ANEW_EVERY || (self.outdated && read.elapsed() >= ANEW_AT_MOST_EVERY));
        let mut stale = if anew || self.outdated {
            let places = store::places(&mut transaction).await?;
            let unread = self.picture.places(places, &mut self.days);
            if anew { self.picture.machines.keys().copied().collect() } else { unread }
        } else {
            Vec::new()
        };
        let since = if anew { Vec::new() } else { self.moved(&heads) };
        let mut touched =
            if since.is_empty() { Touched::default() } else { store::touched(&mut transaction, &since).await? };
        self.pending.stops |= !touched.stops.is_empty();
        touched.stops.extend(&stale);
        touched.jobs.extend(&stale);
        touched.shifts.extend(self.picture.agents_of(&stale));
        stale.extend(self.picture.machines_of(&since.iter().map(|head| head.agent_id).collect::<Vec<_>>()));
        stale.extend(self.picture.roll_over(&mut self.days));
        stale.extend(&touched.jobs);
        for seen in self.picture.machines.values_mut() {
            seen.stands(live.remove(&seen.place.id));
        }
        self.read_stops(&mut transaction, &touched.stops, now).await?;
        self.read_jobs(&mut transaction, &touched.jobs).await?;
        self.read_job_bases(&mut transaction, now).await?;
        self.read_counts(&mut transaction, stale).await?;
        self.read_operators(&mut transaction, &touched.shifts, now).await?;
        transaction.commit().await?;
        self.pending.agents |= heads.iter().any(|head| self.heads.get(&head.agent_id) != Some(head));
        self.heads = heads.into_iter().map(|head| (head.agent_id, head)).collect();
        if anew {
            self.pending.master_data |= revisions != self.revisions;
            self.revisions = revisions;
            self.read_anew_at = Some(Instant::now());
            self.outdated = false;
        }
        Ok(anew)
    }

    /// The marks from which agents moved on.
    fn moved(&self, heads: &[Head]) -> Vec<Head> {
        let from = |head: &Head| match self.heads.get(&head.agent_id) {
            Some(before) if before.epoch == head.epoch && before.mark == head.mark => None,
            Some(before) if before.epoch == head.epoch && before.mark < head.mark => Some(before.clone()),
            // A new log, or an agent that was never seen.
            _ => Some(Head { mark: 0, ..head.clone() }),
        };
        heads.iter().filter_map(from).collect()
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
        let mut counts = store::unexplained_stops(connection, machines, now - STOPS_OF).await?;
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

    /// Reads the bases that are missing or old, a bounded number.
    async fn read_job_bases(&mut self, connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
        let is_due = |base: &Option<JobBase>| base.as_ref().is_none_or(|base| now - base.read_at >= JOB_BASE_KEPT);
        let due =
            self.picture.machines.values_mut().filter(|seen| seen.job.as_ref().is_some_and(|it| is_due(&it.base)));
        for seen in due.take(JOB_BASES_A_LOOK) {
            let Some(job) = &seen.job else { continue };
            let (machine, from) = (seen.place.id, job.current.first_start);
            let (day, begins) = self.days.span(&seen.place.time_zone, UtcMicros(from.timestamp_micros()));
            let begins = DateTime::from_timestamp_micros(begins.0).unwrap_or(from);
            let good_before = store::good_before(connection, machine, (day, begins), from).await?;
            // From its latest change on, how it stands says the rest.
            let until = seen.live.as_ref().map_or(now, |live| live.state_since).max(from);
            let us = store::running_us(connection, machine, from, until).await?;
            seen.base_read(JobBase { good_before, running: Running::read(us, until), read_at: now });
        }
        Ok(())
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
