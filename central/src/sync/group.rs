//! One transaction for a group of waiting batches.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::NaiveDate;
use process::clock::Clock;
use protocol::batch::Batch;
use protocol::chain::ChainHash;
use protocol::id::Seq;
use protocol::reply::{Reply, Verdict};
use protocol::time::UtcMicros;
use sqlx::{Acquire as _, PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::agents::divergence::store::{self as divergence, RefusedBatch};
use crate::agents::store::Identity;
use crate::alarms;
use crate::fact::PlantCalendar;
use crate::machines::store::{self as machines, Live, OriginKindOrd, PlaceName};
use crate::sync::facts::{Facts, FollowUp, Limits, Origin, Place, Quarantine, Source, seq_bits};
use crate::sync::ledger::{self, Apply, Claim, Decision, KnownDigests, Ledger, Resumption};
use crate::sync::metrics::Counters;
use crate::sync::store::{self, Advance, Heard, Known};

/// A month that was made ready is not asked about again for so long.
const MONTH_PREPARED_FOR: Duration = Duration::from_secs(600);
/// From here on rows are built off the async threads.
const EVENTS_INLINE_MAX: usize = 500;
const TRIES: u32 = 6;

/// A batch that was read, with what was computed from it on the way.
#[derive(Debug)]
pub struct Prepared {
    pub agent: Identity,
    pub batch: Batch,
    pub chain: Vec<ChainHash>,
    pub frame: Bytes,
    pub peer: String,
    pub received_at: UtcMicros,
    /// See [`Claim::alive`].
    pub alive: bool,
}

impl Prepared {
    fn claim(&self) -> Claim<'_> {
        Claim {
            epoch: self.batch.epoch,
            instance: self.batch.instance,
            first_seq: self.batch.first_seq,
            previous: self.batch.previous,
            newest_seq: self.batch.newest_seq,
            chain: &self.chain,
            alive: self.alive,
        }
    }
}

/// What an agent is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Reply {
        reply: Box<Reply>,
        plant_id: i32,
        /// Of what was said at central of the agent's stops.
        corrections_revision: Uuid,
    },
    /// Its key is not, or no longer, let in.
    Forbidden,
    /// Come back in so many seconds; nothing happened.
    Again { after_s: u32 },
    /// Ask again, to show that this process lives.
    Prove,
    /// The database refuses the batch in a way that nobody foresaw; it is in the log.
    Failed,
}

/// What groups share.
#[derive(Debug)]
pub struct Committer {
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub future_tolerance: Duration,
    /// Rung after every commit that changed something people look at.
    pub changed: Notify,
    /// Set by commits that sent work, until workers were told.
    pub work_sent: AtomicBool,
    pub counters: Arc<Counters>,
    prepared_months: Mutex<HashMap<NaiveDate, Instant>>,
}

/// One batch's part of a group.
#[derive(Debug)]
struct Part {
    work: Arc<Prepared>,
    ledger: Ledger,
    known: Known,
    decision: Decision,
}

/// New events of one batch, with what they are about.
#[derive(Debug)]
struct Input {
    work: Arc<Prepared>,
    source: Source,
    events: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Whole,
    EventByEvent,
}

impl Committer {
    #[must_use]
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, future_tolerance: Duration) -> Committer {
        let (changed, counters) = (Notify::new(), Arc::default());
        let (work_sent, prepared_months) = (AtomicBool::new(false), Mutex::default());
        Committer { pool, clock, future_tolerance, changed, work_sent, counters, prepared_months }
    }

    /// Commits a group and says what each agent is told, in order. No agent is in it twice.
    pub async fn commit(&self, works: &[Arc<Prepared>]) -> Vec<Answer> {
        match Box::pin(self.commit_retrying(works, Care::Whole)).await {
            Ok(answers) => return answers,
            Err(error) if is_passing(&error) => return came_to_nothing(works, &error),
            Err(error) if works.len() > 1 => {
                tracing::warn!(%error, batches = works.len(), "a group was refused: its batches are committed one by one");
            }
            Err(_) => {}
        }
        let mut answers = Vec::with_capacity(works.len());
        for work in works {
            answers.push(Box::pin(self.commit_alone(work)).await);
        }
        answers
    }

    async fn commit_alone(&self, work: &Arc<Prepared>) -> Answer {
        let alone = std::slice::from_ref(work);
        let agent = work.agent.id;
        let mut result = self.commit_retrying(alone, Care::Whole).await;
        if let Err(error) = &result
            && !is_passing(error)
        {
            tracing::warn!(%error, agent, first_seq = %work.batch.first_seq, "a batch was refused: its events are committed one by one");
            // What was remembered of partitions may be what is wrong.
            self.months().clear();
            result = self.commit_retrying(alone, Care::EventByEvent).await;
        }
        match result {
            Ok(mut answers) => answers.pop().unwrap_or(Answer::Failed),
            Err(error) if is_passing(&error) => Answer::Again { after_s: 5 },
            Err(error) => {
                tracing::error!(%error, agent, first_seq = %work.batch.first_seq, "a batch cannot be committed");
                Answer::Failed
            }
        }
    }

    async fn commit_retrying(&self, works: &[Arc<Prepared>], care: Care) -> sqlx::Result<Vec<Answer>> {
        let mut pause = Duration::from_millis(20);
        for _ in 1..TRIES {
            match self.commit_counted(works, care).await {
                // Also after a commit whose outcome is not known: if it did happen, the ledger says so.
                Err(error) if is_passing(&error) => tracing::debug!(%error, "a group is tried again"),
                result => return result,
            }
            tokio::time::sleep(pause).await;
            pause *= 3;
        }
        self.commit_counted(works, care).await
    }

    async fn commit_counted(&self, works: &[Arc<Prepared>], care: Care) -> sqlx::Result<Vec<Answer>> {
        let result = self.commit_once(works, care).await;
        if result.is_err() {
            self.counters.group_failed();
        }
        result
    }

    async fn commit_once(&self, works: &[Arc<Prepared>], care: Care) -> sqlx::Result<Vec<Answer>> {
        let began = Instant::now();
        let mut transaction = self.pool.begin().await?;
        let now = self.clock.wall();
        let parts = decide(&mut transaction, works).await?;
        let mut inputs = inputs(&mut transaction, &parts).await?;
        let live = live(&inputs, now);
        let limits = Limits { now, future_us: micros(self.future_tolerance), closed_months: Default::default() };
        let (written, months) = self.write(&mut transaction, &mut inputs, limits, care).await?;
        let divergences = record_refusals(&mut transaction, &parts, now).await?;
        raise_alarms(&mut transaction, &parts, &written, now).await?;
        let messages = messages(&parts, &written, &divergences);
        store::enqueue(&mut transaction, "background_jobs", &messages).await?;
        store::advance(&mut transaction, &parts.iter().flatten().filter_map(advance).collect::<Vec<_>>()).await?;
        machines::write_live(&mut transaction, live).await?;
        let heard: Vec<_> = parts.iter().flatten().filter_map(heard).collect();
        store::write_status(&mut transaction, &heard).await?;
        transaction.commit().await?;
        let prepared_at = Instant::now();
        self.counters.group_committed(parts.iter().flatten().map(Part::new_events).sum(), began.elapsed());
        self.months().extend(months.into_iter().map(|month| (month, prepared_at)));
        if !messages.is_empty() {
            self.work_sent.store(true, Ordering::Relaxed);
        }
        if !heard.is_empty() || !divergences.is_empty() || !messages.is_empty() {
            self.changed.notify_one();
        }
        Ok(parts.iter().map(|part| part.as_ref().map_or(Answer::Forbidden, |part| part.answer(now))).collect())
    }

    /// Writes what is new; returns what follows from it and the months that were made ready.
    async fn write(
        &self,
        connection: &mut PgConnection,
        inputs: &mut Vec<Input>,
        mut limits: Limits,
        care: Care,
    ) -> sqlx::Result<(FollowUps, Vec<NaiveDate>)> {
        if inputs.iter().all(|input| input.events.is_empty()) {
            return Ok((FollowUps::new(), Vec::new()));
        }
        let mut facts = build(inputs, &limits).await?;
        let months = self.months_to_prepare(&facts);
        if !months.is_empty() {
            limits.closed_months = store::prepare_facts(connection, &months).await?;
            if !limits.closed_months.is_empty() {
                facts = build(inputs, &limits).await?;
            }
        }
        let open = months.into_iter().filter(|month| !limits.closed_months.contains(month)).collect();
        if care == Care::EventByEvent {
            return Ok((write_event_by_event(connection, inputs, &limits).await?, open));
        }
        facts.write(connection).await?;
        Ok((facts.follow_ups, open))
    }

    fn months(&self) -> std::sync::MutexGuard<'_, HashMap<NaiveDate, Instant>> {
        self.prepared_months.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn months_to_prepare(&self, facts: &Facts) -> Vec<NaiveDate> {
        let mut prepared = self.months();
        prepared.retain(|_, at| at.elapsed() < MONTH_PREPARED_FOR);
        facts.months().into_iter().filter(|month| !prepared.contains_key(month)).collect()
    }
}

type FollowUps = BTreeMap<(i32, FollowUp), u64>;

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn came_to_nothing(works: &[Arc<Prepared>], error: &sqlx::Error) -> Vec<Answer> {
    tracing::warn!(%error, batches = works.len(), "the database is not available: agents are told to come back");
    works.iter().map(|_| Answer::Again { after_s: 5 }).collect()
}

/// Whether trying the same again may help: nothing is wrong with the data.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Rolled back by contention, resources, the operator, or the system; or still starting up.
            ["40", "53", "55", "57", "58", "08"].iter().any(|class| code.starts_with(class))
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Locks and decides. None for an agent that is not let in.
async fn decide(connection: &mut PgConnection, works: &[Arc<Prepared>]) -> sqlx::Result<Vec<Option<Part>>> {
    let agents: Vec<i32> = works.iter().map(|work| work.agent.id).collect();
    let mut ledgers = store::lock(connection, &agents).await?;
    let mut known = store::known(connection, &agents).await?;
    let mut parts = Vec::with_capacity(works.len());
    for work in works {
        let ledger = ledgers.remove(&work.agent.id).zip(known.remove(&work.agent.id));
        let Some(((mut ledger, _), known)) = ledger.filter(|(_, known)| known.enabled) else {
            parts.push(None);
            continue;
        };
        ledger.open_divergence.clone_from(&known.open_divergence);
        let claim = work.claim();
        let digests = match ledger::digests_needed(&ledger, &claim) {
            Some(range) => store::digests(connection, work.agent.id, range).await?,
            None => KnownDigests::default(),
        };
        let decision = ledger::decide(&ledger, &digests, &claim);
        parts.push(Some(Part { work: work.clone(), ledger, known, decision }));
    }
    Ok(parts)
}

/// What is new in each batch, with the places that its names mean.
async fn inputs(connection: &mut PgConnection, parts: &[Option<Part>]) -> sqlx::Result<Vec<Input>> {
    let applied: Vec<(&Part, &Apply)> = parts
        .iter()
        .flatten()
        .filter_map(|part| match &part.decision {
            Decision::Apply(apply) => Some((part, apply)),
            _ => None,
        })
        .collect();
    let mut wanted = Vec::new();
    for (part, _) in &applied {
        for origin in &part.work.batch.origins {
            if let Some(kind) = OriginKindOrd::of(origin.kind) {
                let name = origin.name.as_str().to_owned();
                wanted.push((PlaceName { kind, plant_id: part.known.plant_id, name }, part.work.agent.id));
            }
        }
    }
    let places = machines::find_or_register(connection, &wanted).await?;
    let input = |(part, apply): &(&Part, &Apply)| {
        let agent = part.work.agent.id;
        let plant_id = part.known.plant_id;
        let origins = part.work.batch.origins.iter().map(|origin| {
            let name = origin.name.as_str().to_owned();
            let kind = OriginKindOrd::of(origin.kind);
            let found = kind.and_then(|kind| places.get(&PlaceName { kind, plant_id, name: name.clone() }));
            let place = match (kind, found) {
                (None, _) => Place::Agent,
                (Some(OriginKindOrd::Machine), Some(place)) if place.agent_id == agent => Place::Machine(place.id),
                (Some(OriginKindOrd::Station), Some(place)) if place.agent_id == agent => Place::Station(place.id),
                (Some(_), _) => Place::Foreign,
            };
            (origin.id, Origin { kind: origin.kind, name, place })
        });
        let source = Source {
            plant_id,
            agent_id: agent,
            epoch: store::epoch_bits(part.ledger.epoch),
            calendar: PlantCalendar::new(&part.known.time_zone),
            origins: origins.collect(),
        };
        Input { work: part.work.clone(), source, events: apply.known..part.work.batch.events.len() }
    };
    Ok(applied.iter().map(input).collect())
}

/// Builds the rows of a group.
async fn build(inputs: &mut Vec<Input>, limits: &Limits) -> sqlx::Result<Facts> {
    let events: usize = inputs.iter().map(|input| input.events.len()).sum();
    if events <= EVENTS_INLINE_MAX {
        return Ok(build_now(inputs, limits));
    }
    let mut moved = std::mem::take(inputs);
    let limits = limits.clone();
    let built = tokio::task::spawn_blocking(move || {
        let facts = build_now(&mut moved, &limits);
        (moved, facts)
    });
    let (returned, facts) = built.await.map_err(|_| sqlx::Error::WorkerCrashed)?;
    *inputs = returned;
    Ok(facts)
}

fn build_now(inputs: &mut [Input], limits: &Limits) -> Facts {
    let mut facts = Facts::default();
    for input in inputs {
        add_range(&mut facts, input, limits, input.events.clone());
    }
    facts
}

fn add_range(facts: &mut Facts, input: &mut Input, limits: &Limits, range: Range<usize>) {
    let first = input.work.batch.first_seq;
    for (index, event) in input.work.batch.events[range.clone()].iter().enumerate() {
        facts.add(&mut input.source, limits, first.plus((range.start + index) as u64), event);
    }
}

/// Halves what the database refuses until single events are left, and sets those aside.
async fn write_event_by_event(
    connection: &mut PgConnection,
    inputs: &mut [Input],
    limits: &Limits,
) -> sqlx::Result<FollowUps> {
    let mut follow_ups = FollowUps::new();
    for input in inputs {
        let mut ranges = vec![input.events.clone()];
        while let Some(range) = ranges.pop() {
            let mut facts = Facts::default();
            add_range(&mut facts, input, limits, range.clone());
            let mut savepoint = connection.begin().await?;
            match facts.write(&mut savepoint).await {
                Ok(()) => savepoint.commit().await?,
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => {
                    savepoint.rollback().await?;
                    if range.len() > 1 {
                        let middle = range.start + range.len() / 2;
                        ranges.extend([middle..range.end, range.start..middle]);
                        continue;
                    }
                    facts = Facts::default();
                    let seq = input.work.batch.first_seq.plus(range.start as u64);
                    let event = &input.work.batch.events[range.start];
                    let reason = Quarantine::RefusedByDatabase;
                    facts.quarantine(&input.source, limits, seq, event, reason, &error.to_string());
                    facts.write(connection).await?;
                }
            }
            for (key, count) in facts.follow_ups {
                *follow_ups.entry(key).or_default() += count;
            }
        }
    }
    Ok(follow_ups)
}

/// How the machines of a group stand. Another agent's machines are not this agent's to speak of.
fn live(inputs: &[Input], now: UtcMicros) -> Vec<Live> {
    let mut seen = HashSet::new();
    let mut live = Vec::new();
    for input in inputs {
        for machine in &input.work.batch.live {
            let Some(Origin { place: Place::Machine(id), .. }) = input.source.origins.get(&machine.origin) else {
                continue;
            };
            if seen.insert(*id) {
                live.push(Live {
                    machine_id: *id,
                    plant_id: input.source.plant_id,
                    agent_id: input.source.agent_id,
                    state: machine.state,
                    state_since: machine.state_since,
                    good: machine.good,
                    scrap: machine.scrap,
                    rework: machine.rework,
                    last_reading_at: machine.last_reading_at,
                    reported_at: now,
                });
            }
        }
    }
    live
}

/// Keeps what was refused; returns the agents whose divergence is new.
async fn record_refusals(
    connection: &mut PgConnection,
    parts: &[Option<Part>],
    now: UtcMicros,
) -> sqlx::Result<HashSet<i32>> {
    let mut opened = HashSet::new();
    for part in parts.iter().flatten() {
        let batch = &part.work.batch;
        let refused = RefusedBatch {
            agent_id: part.work.agent.id,
            epoch: batch.epoch,
            instance: batch.instance,
            host: batch.status.as_ref().map(|status| store::clean(&status.host)),
            peer: part.work.peer.clone(),
            newest_seq: batch.newest_seq,
            first_seq: batch.first_seq,
            last_seq: batch.last_seq(),
            frame: &part.work.frame,
            at: store::timestamp(now),
        };
        match &part.decision {
            Decision::Diverged { reason, fork, text } => {
                divergence::open(connection, &part.ledger, *reason, *fork, text, &refused).await?;
                opened.insert(part.work.agent.id);
                tracing::error!(
                    agent = part.known.name,
                    ?reason,
                    text,
                    "an agent's log has diverged: it is locked until a person decides (central agent resolve)"
                );
            }
            Decision::Refused { .. } => divergence::refuse_again(connection, &refused).await?,
            Decision::Apply(_) | Decision::NewEpoch | Decision::Prove => {}
        }
    }
    Ok(opened)
}

/// Alarms of central's own.
async fn raise_alarms(
    connection: &mut PgConnection,
    parts: &[Option<Part>],
    follow_ups: &FollowUps,
    now: UtcMicros,
) -> sqlx::Result<()> {
    let mut alarms = alarms::store::Rows::default();
    for part in parts.iter().flatten() {
        let agent = (part.work.agent.id, part.known.name.as_str());
        let day = PlantCalendar::new(&part.known.time_zone).day_of(now).map_or(0, |day| day.number);
        if let Decision::Diverged { text, .. } = &part.decision {
            alarms.raise(now, (part.known.plant_id, day), agent, "divergence", text);
        }
        let foreign = FollowUp::EventsQuarantined(Quarantine::MachineOfAnotherAgent);
        if follow_ups.contains_key(&(agent.0, foreign)) {
            let code = Quarantine::MachineOfAnotherAgent.as_str();
            if !store::alarmed_lately(connection, agent.0, code, now).await? {
                let text = "this agent reports a machine that belongs to another one: its events are set aside until \
                            the machine is transferred";
                alarms.raise(now, (part.known.plant_id, day), agent, code, text);
            }
        }
    }
    alarms.write(connection).await
}

/// One message for each agent and kind of work, however many events it is about.
fn messages(parts: &[Option<Part>], follow_ups: &FollowUps, diverged: &HashSet<i32>) -> Vec<serde_json::Value> {
    let mut messages = Vec::new();
    for part in parts.iter().flatten() {
        let agent = part.work.agent.id;
        let seqs = (seq_bits(part.work.batch.first_seq), seq_bits(part.work.batch.last_seq()));
        let mut push = |kind: &str, count: u64, reason: Option<&str>| {
            messages.push(serde_json::json!({
                "kind": kind, "plant_id": part.known.plant_id, "agent_id": agent, "count": count, "reason": reason,
                "epoch": part.ledger.epoch, "first_seq": seqs.0, "last_seq": seqs.1,
            }));
        };
        if diverged.contains(&agent) {
            push("agent_diverged", 1, None);
        }
        for ((_, what), count) in follow_ups.iter().filter(|((of, _), _)| *of == agent) {
            match what {
                FollowUp::GapsRecorded => push("gaps_recorded", *count, None),
                FollowUp::AlarmsRaised => push("alarms_raised", *count, None),
                FollowUp::EventsQuarantined(reason) => push("events_quarantined", *count, Some(reason.as_str())),
            }
        }
    }
    messages
}

/// How the ledger moves; none when it stays as it is.
fn advance(part: &Part) -> Option<Advance> {
    let Decision::Apply(apply) = &part.decision else { return None };
    let resumption = Resumption { mark: apply.mark, hash: apply.hash, known_until: apply.known_until };
    let instance = part.work.batch.instance;
    // The last words of an earlier process agree with the ledger, and are no reason to listen to it again.
    let moved = apply.mark != part.ledger.mark || part.ledger.instance != Some(instance);
    let digests = part.work.chain[apply.below_mark..].iter().flat_map(|hash| hash.digest()).collect();
    let first_new = Seq(part.work.batch.first_seq.0 + apply.below_mark as u64);
    let epoch = part.ledger.epoch;
    moved.then_some(Advance { agent_id: part.work.agent.id, epoch, instance, resumption, first_new, digests })
}

/// What is noted of an agent that was listened to.
fn heard(part: &Part) -> Option<Heard<'_>> {
    let listened = matches!(part.decision, Decision::Apply(_) | Decision::NewEpoch);
    let work = &part.work;
    listened.then(|| Heard {
        agent_id: work.agent.id,
        plant_id: part.known.plant_id,
        at: work.received_at,
        clock_offset_us: work.batch.sent_at.since(work.received_at),
        master_data_revision: work.batch.master_data_revision,
        newest_seq: work.batch.newest_seq,
        peer: work.peer.clone(),
        status: work.batch.status.as_ref(),
    })
}

impl Part {
    /// Events that the ledger did not have.
    fn new_events(&self) -> u64 {
        match &self.decision {
            Decision::Apply(apply) => (self.work.batch.events.len() - apply.below_mark) as u64,
            _ => 0,
        }
    }

    fn answer(&self, now: UtcMicros) -> Answer {
        let (verdict, mark, hash) = match &self.decision {
            Decision::Prove => return Answer::Prove,
            Decision::Apply(apply) => (Verdict::Accepted, apply.mark, apply.hash),
            Decision::NewEpoch => (Verdict::NewEpoch, self.ledger.mark, self.ledger.hash),
            Decision::Diverged { reason, text, .. } | Decision::Refused { reason, text, .. } => {
                let verdict = Verdict::Diverged { reason: *reason, text: text.clone() };
                (verdict, self.ledger.mark, self.ledger.hash)
            }
        };
        let reply = Reply {
            verdict,
            epoch: self.ledger.epoch,
            acknowledged: mark,
            hash,
            server_time: now,
            pause_ms: 0,
            master_data_revision: self.known.master_data_revision,
            master_data: None,
        };
        Answer::Reply {
            reply: Box::new(reply),
            plant_id: self.known.plant_id,
            corrections_revision: self.known.corrections_revision,
        }
    }
}
