//! `divergences`, `divergence_instances`, `divergence_frames`.

use chrono::{DateTime, SecondsFormat, Utc};
use protocol::batch::Batch;
use protocol::chain::ChainHash;
use protocol::id::{Epoch, Instance, Seq};
use protocol::reply::DivergenceReason;
use protocol::time::{ClockQuality, UtcMicros};
use sqlx::{PgConnection, PgPool, Row as _};

use crate::agents::divergence::words::spell_instance;
use crate::agents::divergence::{Choice, Claimant, Divergence, ResolveError, Resolved};
use crate::auth::audit::{self, Actor, Entry};
use crate::fact::{Head, PlantCalendar, utc_day};
use crate::gaps;
use crate::sync::facts::{month_of, seq_bits};
use crate::sync::ledger::{self, Ledger, Resumption};
use crate::sync::store::{digests, enqueue, epoch_bits, known, lock, prepare_facts, reason_of, reason_word};

/// Processes listed of one divergence, those that were seen last, and batches kept of each.
const INSTANCES_MAX: i64 = 16;
const FRAMES_PER_INSTANCE_MAX: i64 = 2;

/// A batch that was refused.
#[derive(Debug)]
pub struct RefusedBatch<'b> {
    pub agent_id: i32,
    pub epoch: Epoch,
    pub instance: Instance,
    pub host: Option<String>,
    pub peer: String,
    pub newest_seq: Seq,
    pub first_seq: Seq,
    pub last_seq: Seq,
    pub frame: &'b [u8],
    pub at: DateTime<Utc>,
}

/// Opens a divergence and locks the agent. The ledger row is locked by this transaction.
pub async fn open(
    connection: &mut PgConnection,
    ledger: &Ledger,
    reason: DivergenceReason,
    fork: Option<Seq>,
    text: &str,
    refused: &RefusedBatch<'_>,
) -> sqlx::Result<()> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO divergences (agent_id, epoch, reason, fork_seq, mark, text, first_seen_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING id",
    )
    .bind(refused.agent_id)
    .bind(epoch_bits(ledger.epoch))
    .bind(reason_word(reason))
    .bind(fork.map(seq_bits))
    .bind(seq_bits(ledger.mark))
    .bind(text)
    .bind(refused.at)
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("UPDATE sync_ledger SET divergence_id = $2, updated_at = now() WHERE agent_id = $1")
        .bind(refused.agent_id)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    if let Some(instance) = ledger.instance {
        sqlx::query(
            "INSERT INTO divergence_instances (divergence_id, starts, id, host, peer_address, listened_to, newest_seq,
                                               first_seen_at, last_seen_at)
             SELECT $1, $2, $3, s.host, s.peer_address, true, coalesce(s.newest_seq, $5), coalesce(s.last_sync_at, $6),
                    coalesce(s.last_sync_at, $6)
             FROM (SELECT) one LEFT JOIN agent_status s ON s.agent_id = $4",
        )
        .bind(id)
        .bind(i64::from(instance.starts))
        .bind(instance.id.cast_signed())
        .bind(refused.agent_id)
        .bind(seq_bits(ledger.mark))
        .bind(refused.at)
        .execute(&mut *connection)
        .await?;
    }
    keep(connection, id, refused).await
}

/// Counts and keeps a batch that was refused because of a divergence that is known.
pub async fn refuse_again(connection: &mut PgConnection, refused: &RefusedBatch<'_>) -> sqlx::Result<()> {
    let id: Option<i64> = sqlx::query_scalar(
        "UPDATE divergences SET refused_batches = refused_batches + 1, last_seen_at = $2
         WHERE id = (SELECT max(id) FROM divergences WHERE agent_id = $1) RETURNING id",
    )
    .bind(refused.agent_id)
    .bind(refused.at)
    .fetch_optional(&mut *connection)
    .await?;
    match id {
        Some(id) => keep(connection, id, refused).await,
        None => Ok(()),
    }
}

async fn keep(connection: &mut PgConnection, divergence: i64, refused: &RefusedBatch<'_>) -> sqlx::Result<()> {
    let starts = i64::from(refused.instance.starts);
    let id = refused.instance.id.cast_signed();
    make_room(connection, divergence, refused.instance).await?;
    sqlx::query(
        "INSERT INTO divergence_instances AS i (divergence_id, starts, id, host, peer_address, listened_to, newest_seq,
                                                first_seen_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, false, $6, $7, $7)
         ON CONFLICT (divergence_id, starts, id) DO UPDATE
         SET host = coalesce(excluded.host, i.host), peer_address = excluded.peer_address,
             newest_seq = excluded.newest_seq, last_seen_at = excluded.last_seen_at",
    )
    .bind(divergence)
    .bind(starts)
    .bind(id)
    .bind(refused.host.as_deref())
    .bind(&refused.peer)
    .bind(seq_bits(refused.newest_seq))
    .bind(refused.at)
    .execute(&mut *connection)
    .await?;
    // The first batch says where its log stands; a second one is kept when it brings events that the first did not.
    sqlx::query(
        "INSERT INTO divergence_frames (divergence_id, starts, instance_id, first_seq, last_seq, frame, received_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE (SELECT count(*) < $8 AND coalesce(max(last_seq), -1) < $5
                FROM divergence_frames WHERE divergence_id = $1 AND starts = $2 AND instance_id = $3)",
    )
    .bind(divergence)
    .bind(starts)
    .bind(id)
    .bind(seq_bits(refused.first_seq))
    .bind(seq_bits(refused.last_seq))
    .bind(refused.frame)
    .bind(refused.at)
    .bind(FRAMES_PER_INSTANCE_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

/// Where a new process would be one too many, forgets the one that was silent longest: an agent that is started again and
/// again while a person decides must remain one that can be accepted. What it captured is in its own log.
async fn make_room(connection: &mut PgConnection, divergence: i64, newcomer: Instance) -> sqlx::Result<()> {
    sqlx::query(
        "WITH gone AS (
             DELETE FROM divergence_instances WHERE divergence_id = $1 AND (starts, id) IN (
                 SELECT starts, id FROM divergence_instances WHERE divergence_id = $1 AND NOT listened_to
                   AND (SELECT count(*) FROM divergence_instances WHERE divergence_id = $1) >= $4
                   AND NOT EXISTS (SELECT FROM divergence_instances
                                   WHERE divergence_id = $1 AND starts = $2 AND id = $3)
                 ORDER BY last_seen_at, starts, id LIMIT 1)
             RETURNING starts, id)
         DELETE FROM divergence_frames f USING gone
         WHERE f.divergence_id = $1 AND f.starts = gone.starts AND f.instance_id = gone.id",
    )
    .bind(divergence)
    .bind(i64::from(newcomer.starts))
    .bind(newcomer.id.cast_signed())
    .bind(INSTANCES_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

/// The latest divergence of every agent that ever had one; those that are open first.
pub async fn list(pool: &PgPool) -> sqlx::Result<Vec<Divergence>> {
    latest(pool, None).await
}

/// The latest divergence of one agent.
pub async fn of_agent(pool: &PgPool, agent: i32) -> sqlx::Result<Option<Divergence>> {
    Ok(latest(pool, Some(agent)).await?.into_iter().next())
}

async fn latest(pool: &PgPool, agent: Option<i32>) -> sqlx::Result<Vec<Divergence>> {
    let rows = sqlx::query(
        "SELECT d.id, d.agent_id, a.name, p.name, d.reason, d.text, d.fork_seq, d.mark, d.first_seen_at, d.last_seen_at,
                d.refused_batches, d.resolved_at, d.resolved_by, d.accepted_starts, d.accepted_id
         FROM divergences d JOIN agents a ON a.id = d.agent_id JOIN plants p ON p.id = a.plant_id
         WHERE d.id = (SELECT max(id) FROM divergences WHERE agent_id = d.agent_id)
           AND ($1::int IS NULL OR d.agent_id = $1)
         ORDER BY d.resolved_at IS NOT NULL, d.id",
    )
    .bind(agent)
    .fetch_all(pool)
    .await?;
    let mut divergences = Vec::new();
    for row in rows {
        let accepted = (row.try_get::<Option<i64>, _>(13)?, row.try_get::<Option<i64>, _>(14)?);
        let id = row.try_get(0)?;
        divergences.push(Divergence {
            id,
            agent_id: row.try_get(1)?,
            agent_name: row.try_get(2)?,
            plant_name: row.try_get(3)?,
            reason: reason_of(row.try_get(4)?),
            text: row.try_get(5)?,
            fork_seq: row.try_get(6)?,
            mark: row.try_get(7)?,
            first_seen_at: row.try_get(8)?,
            last_seen_at: row.try_get(9)?,
            refused_batches: row.try_get(10)?,
            resolved_at: row.try_get(11)?,
            resolved_by: row.try_get(12)?,
            instances: claimants(pool, id, accepted).await?,
        });
    }
    Ok(divergences)
}

async fn claimants(
    pool: &PgPool,
    divergence: i64,
    accepted: (Option<i64>, Option<i64>),
) -> sqlx::Result<Vec<Claimant>> {
    let rows = sqlx::query(
        "SELECT starts, id, host, peer_address, listened_to, newest_seq, first_seen_at, last_seen_at
         FROM divergence_instances WHERE divergence_id = $1 ORDER BY first_seen_at, starts, id",
    )
    .bind(divergence)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let (starts, id): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Claimant {
                instance: Instance { starts: u32::try_from(starts).unwrap_or(0), id: id.cast_unsigned() },
                host: row.try_get(2)?,
                peer_address: row.try_get(3)?,
                listened_to: row.try_get(4)?,
                newest_seq: row.try_get(5)?,
                first_seen_at: row.try_get(6)?,
                last_seen_at: row.try_get(7)?,
                accepted: accepted == (Some(starts), Some(id)),
            })
        })
        .collect()
}

/// Accepts one process of an agent's latest divergence. Its next batch is answered with the new epoch. The decision and its
/// row in the audit log are one transaction.
pub async fn resolve(
    pool: &PgPool,
    agent: i32,
    Choice { accepted: instance, again }: Choice,
    (at, by): (DateTime<Utc>, &Actor<'_>),
) -> Result<Resolved, ResolveError> {
    let mut transaction = pool.begin().await?;
    let (ledger, _) =
        lock(&mut transaction, &[agent]).await?.remove(&agent).ok_or(ResolveError::NoDivergence(agent))?;
    let divergence = to_resolve(&mut transaction, agent, again).await?;
    let (resumption, spoken) = resumption(&mut transaction, agent, &ledger, divergence, instance).await?;
    // Above everything that anybody has heard of: a restored central knows fewer epochs than its agents.
    let epoch = Epoch(ledger.epoch.max(spoken).0 + 1);
    sqlx::query(
        "UPDATE sync_ledger SET epoch = $2, mark = $3, hash = $4, instance_starts = $5, instance_id = $6,
                known_until = $7, divergence_id = NULL, updated_at = now() WHERE agent_id = $1",
    )
    .bind(agent)
    .bind(epoch_bits(epoch))
    .bind(seq_bits(resumption.mark))
    .bind(&resumption.hash.0[..])
    .bind(i64::from(instance.starts))
    .bind(instance.id.cast_signed())
    .bind(seq_bits(resumption.known_until))
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE divergences SET resolved_at = $2, resolved_by = $3, accepted_starts = $4, accepted_id = $5 WHERE id = $1",
    )
    .bind(divergence)
    .bind(at)
    .bind(by.name)
    .bind(i64::from(instance.starts))
    .bind(instance.id.cast_signed())
    .execute(&mut *transaction)
    .await?;
    let lost = (resumption.mark > ledger.mark).then_some((ledger.mark.next(), resumption.mark));
    if let Some(lost) = lost {
        record_loss(&mut transaction, agent, &ledger, divergence, lost, at).await?;
    }
    let resolved = Resolved { epoch, after: resumption.mark, lost };
    record_decision(&mut transaction, (at, by), agent, instance, resolved).await?;
    transaction.commit().await?;
    Ok(resolved)
}

/// The latest divergence of an agent, unless somebody has decided on it and this is not to be another decision. The
/// agent's ledger row is locked by this transaction.
async fn to_resolve(connection: &mut PgConnection, agent: i32, again: bool) -> Result<i64, ResolveError> {
    let latest: Option<(i64, Option<DateTime<Utc>>, Option<String>)> = sqlx::query_as(
        "SELECT id, resolved_at, resolved_by FROM divergences WHERE agent_id = $1 ORDER BY id DESC LIMIT 1",
    )
    .bind(agent)
    .fetch_optional(connection)
    .await?;
    match latest.ok_or(ResolveError::NoDivergence(agent))? {
        (_, Some(at), by) if !again => Err(ResolveError::Decided {
            by: by.unwrap_or_else(|| "somebody".to_owned()),
            at: at.to_rfc3339_opts(SecondsFormat::Secs, true),
        }),
        (id, ..) => Ok(id),
    }
}

async fn record_decision(
    connection: &mut PgConnection,
    (at, by): (DateTime<Utc>, &Actor<'_>),
    agent: i32,
    instance: Instance,
    resolved: Resolved,
) -> sqlx::Result<()> {
    let (plant_id, plant, name): (i32, String, String) =
        sqlx::query_as("SELECT p.id, p.name, a.name FROM agents a JOIN plants p ON p.id = a.plant_id WHERE a.id = $1")
            .bind(agent)
            .fetch_one(&mut *connection)
            .await?;
    let detail = serde_json::json!({
        "accepted": spell_instance(instance), "epoch": resolved.epoch.0, "after_seq": resolved.after.0,
        "lost_from_seq": resolved.lost.map(|(first, _)| first.0), "lost_to_seq": resolved.lost.map(|(_, last)| last.0),
    });
    let subject_id = format!("{plant}/{name}");
    let entry = Entry { action: "agent.resolve", subject_kind: "agent", subject_id, plant_id: Some(plant_id), detail };
    audit::record(connection, at, by, &entry).await
}

/// Notes what central had acknowledged and has no more, as a gap of the epoch that it was in.
async fn record_loss(
    connection: &mut PgConnection,
    agent: i32,
    ledger: &Ledger,
    divergence: i64,
    (first, last): (Seq, Seq),
    at: DateTime<Utc>,
) -> Result<(), ResolveError> {
    let known = known(connection, &[agent]).await?.remove(&agent).ok_or(ResolveError::NoDivergence(agent))?;
    // Up to when the agent had been heard of in the backup, and when it was heard of after it.
    let (from, to): (DateTime<Utc>, DateTime<Utc>) = sqlx::query_as(
        "SELECT least(s.last_sync_at, d.first_seen_at), d.first_seen_at
         FROM divergences d LEFT JOIN agent_status s ON s.agent_id = d.agent_id WHERE d.id = $1",
    )
    .bind(divergence)
    .fetch_one(&mut *connection)
    .await?;
    let now = UtcMicros(at.timestamp_micros());
    let head = Head {
        at: now,
        plant_day: PlantCalendar::new(&known.time_zone).day_of(now).map_or(0, |day| day.number),
        plant_id: known.plant_id,
        machine_id: None,
        station_id: None,
        agent_id: agent,
        epoch: epoch_bits(ledger.epoch),
        seq: seq_bits(first),
        clock: ClockQuality::Synchronized,
    };
    let count = last.0 - first.0 + 1;
    let text = format!("central was restored from a backup that does not have events {first} to {last} of this agent");
    let between = (UtcMicros(from.timestamp_micros()), UtcMicros(to.timestamp_micros()));
    let mut gaps = gaps::store::Rows::default();
    gaps.push_central_restored(&head, count, between, &text);
    prepare_facts(connection, &[month_of(utc_day(now))]).await?;
    gaps.write(connection).await?;
    let message = serde_json::json!({
        "kind": "gaps_recorded", "plant_id": known.plant_id, "agent_id": agent, "count": 1, "reason": null,
        "epoch": ledger.epoch, "first_seq": seq_bits(first), "last_seq": seq_bits(last),
    });
    Ok(enqueue(connection, "background_jobs", &[message]).await?)
}

/// Where a process goes on, and the epoch in which it spoke.
async fn resumption(
    connection: &mut PgConnection,
    agent: i32,
    ledger: &Ledger,
    divergence: i64,
    instance: Instance,
) -> Result<(Resumption, Epoch), ResolveError> {
    let listed: Option<bool> = sqlx::query_scalar(
        "SELECT listened_to FROM divergence_instances WHERE divergence_id = $1 AND starts = $2 AND id = $3",
    )
    .bind(divergence)
    .bind(i64::from(instance.starts))
    .bind(instance.id.cast_signed())
    .fetch_optional(&mut *connection)
    .await?;
    let listened_to = listed.ok_or(ResolveError::UnknownInstance { starts: instance.starts, id: instance.id })?;
    let as_it_is = Resumption { mark: ledger.mark, hash: ledger.hash, known_until: ledger.known_until };
    let goes_on = listened_to && ledger.instance == Some(instance);
    let frame: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT frame FROM divergence_frames WHERE divergence_id = $1 AND starts = $2 AND instance_id = $3
         ORDER BY id LIMIT 1",
    )
    .bind(divergence)
    .bind(i64::from(instance.starts))
    .bind(instance.id.cast_signed())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(frame) = frame else {
        return if goes_on { Ok((as_it_is, ledger.epoch)) } else { Err(ResolveError::NothingKept) };
    };
    let batch: Batch = protocol::codec::decode(&frame)?;
    if goes_on && batch.first_seq <= ledger.mark.next() {
        return Ok((as_it_is, batch.epoch));
    }
    let chain = chain(&batch);
    let known = digests(connection, agent, (Seq(batch.first_seq.0 - 1), ledger.mark)).await?;
    Ok((ledger::resume(ledger.mark, &known, batch.first_seq, batch.previous, &chain), batch.epoch))
}

fn chain(batch: &Batch) -> Vec<ChainHash> {
    let mut hash = batch.previous;
    batch
        .events
        .iter()
        .map(|event| {
            hash = hash.next(event);
            hash
        })
        .collect()
}
