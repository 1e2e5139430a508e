//! The SQL of sync: the ledger and what stands beside it.

use std::collections::{BTreeSet, HashMap};

use protocol::batch::{AgentStatus, OriginKind};
use protocol::chain::ChainHash;
use protocol::event::RawEvent;
use protocol::id::{Epoch, Instance, Name, Seq};
use protocol::master_data::{MachineSettings, MasterData, Operator, Product, Reason, Shift, WorkOrder};
use protocol::reply::DivergenceReason;
use protocol::time::{ClockQuality, UtcMicros};
use sqlx::postgres::PgRow;
use sqlx::types::chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use crate::copy::CopyRows;
use crate::fact::date_of;
use crate::sync::facts::{Quarantine, Source, seq_bits};
use crate::sync::ledger::{KnownDigests, Ledger, Resumption};
use crate::sync::quarantine::Selection;

const COPY_RAW: &str = "COPY raw_events (received_at, plant_id, agent_id, epoch, seq, at_us, clock, monotonic_boot, \
                        monotonic_us, origin_kind, origin_name, kind, body, problem) FROM STDIN (FORMAT binary)";
const COPY_QUARANTINED: &str = "COPY quarantined_events (received_at, plant_id, agent_id, epoch, seq, at_us, clock, \
                                monotonic_boot, monotonic_us, origin_kind, origin_name, kind, body, reason, detail) \
                                FROM STDIN (FORMAT binary)";
/// Longest batch that a row of digests comes from.
const DIGESTS_PER_ROW_MAX: i64 = protocol::limits::EVENTS_PER_BATCH_MAX as i64;

/// Events kept as they came.
#[derive(Debug, Default)]
pub struct RawRows(CopyRows);

impl RawRows {
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn push_raw(
        &mut self,
        source: &Source,
        received_at: UtcMicros,
        seq: Seq,
        event: &RawEvent,
        problem: Option<&str>,
    ) {
        self.0.row(14);
        self.event(source, received_at, seq, event);
        self.0.optional(problem, CopyRows::text);
    }

    pub fn push_quarantined(
        &mut self,
        source: &Source,
        received_at: UtcMicros,
        seq: Seq,
        event: &RawEvent,
        reason: Quarantine,
        detail: &str,
    ) {
        self.0.row(15);
        self.event(source, received_at, seq, event);
        self.0.word(reason.as_str());
        self.0.text(detail);
    }

    fn event(&mut self, source: &Source, received_at: UtcMicros, seq: Seq, event: &RawEvent) {
        let rows = &mut self.0;
        rows.timestamptz(received_at);
        rows.integer(source.plant_id);
        rows.integer(source.agent_id);
        rows.integer(source.epoch);
        rows.bigint(seq_bits(seq));
        rows.bigint(event.at.0);
        rows.smallint(clock_code(event.clock));
        rows.bigint(i64::from(event.monotonic.boot));
        rows.bigint(i64::try_from(event.monotonic.us).unwrap_or(i64::MAX));
        let (kind, name) = source.origins.get(&event.origin).map_or_else(
            || ("unnamed", event.origin.0.to_string()),
            |origin| {
                let kind = match origin.kind {
                    OriginKind::Machine => "machine",
                    OriginKind::Station => "station",
                    OriginKind::Agent => "agent",
                };
                (kind, origin.name.clone())
            },
        );
        rows.word(kind);
        rows.text(&name);
        rows.integer(i32::from(event.kind.0));
        rows.bytea(&event.body);
    }

    pub async fn write_raw(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.0.write(connection, COPY_RAW).await
    }

    pub async fn write_quarantined(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.0.write(connection, COPY_QUARANTINED).await
    }
}

fn clock_code(clock: ClockQuality) -> i16 {
    match clock {
        ClockQuality::Synchronized => 0,
        ClockQuality::Unverified => 1,
        ClockQuality::Wrong => 2,
        ClockQuality::Restamped => 3,
        ClockQuality::Source => 4,
    }
}

pub fn clock_of_code(code: i16) -> ClockQuality {
    match code {
        0 => ClockQuality::Synchronized,
        2 => ClockQuality::Wrong,
        3 => ClockQuality::Restamped,
        4 => ClockQuality::Source,
        _ => ClockQuality::Unverified,
    }
}

/// Locks the ledger rows of these agents, in the order of their ids wherever it is done.
pub async fn lock(connection: &mut PgConnection, agents: &[i32]) -> sqlx::Result<HashMap<i32, (Ledger, Option<i64>)>> {
    let rows = sqlx::query(
        "SELECT agent_id, epoch, mark, hash, instance_starts, instance_id, known_until, divergence_id
         FROM sync_ledger WHERE agent_id = ANY ($1) ORDER BY agent_id FOR UPDATE",
    )
    .bind(agents)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let starts: i64 = row.try_get(4)?;
            let instance = u32::try_from(starts).ok().filter(|starts| *starts > 0);
            let id: i64 = row.try_get(5)?;
            let ledger = Ledger {
                epoch: epoch(row.try_get(1)?),
                mark: seq(row.try_get(2)?),
                hash: chain_hash(row.try_get(3)?)?,
                instance: instance.map(|starts| Instance { starts, id: id.cast_unsigned() }),
                known_until: seq(row.try_get(6)?),
                open_divergence: None,
            };
            Ok((row.try_get(0)?, (ledger, row.try_get(7)?)))
        })
        .collect()
}

pub fn epoch(value: i32) -> Epoch {
    Epoch(u32::try_from(value).unwrap_or(0))
}

pub fn epoch_bits(epoch: Epoch) -> i32 {
    i32::try_from(epoch.0).unwrap_or(i32::MAX)
}

fn seq(value: i64) -> Seq {
    Seq(u64::try_from(value).unwrap_or(0))
}

fn chain_hash(bytes: &[u8]) -> sqlx::Result<ChainHash> {
    let bytes = bytes.try_into().map_err(|_| sqlx::Error::Decode("a chain hash has 16 bytes".into()))?;
    Ok(ChainHash(bytes))
}

/// What is known of an agent beside its ledger, as of after the lock.
#[derive(Debug, Clone)]
pub struct Known {
    pub enabled: bool,
    pub name: String,
    pub plant_id: i32,
    pub time_zone: String,
    pub master_data_revision: u64,
    pub open_divergence: Option<(DivergenceReason, String)>,
    /// See [`protocol::correction::Corrections`].
    pub corrections_revision: Uuid,
}

/// Read after [`lock`], by a statement of its own: one that waited for the lock would see what was before.
pub async fn known(connection: &mut PgConnection, agents: &[i32]) -> sqlx::Result<HashMap<i32, Known>> {
    let rows = sqlx::query(
        "SELECT a.id, a.enabled, a.name, a.plant_id, p.time_zone, p.master_data_revision, d.reason, d.text, c.revision
         FROM agents a JOIN plants p ON p.id = a.plant_id
         JOIN sync_ledger l ON l.agent_id = a.id LEFT JOIN divergences d ON d.id = l.divergence_id
         LEFT JOIN agent_corrections c ON c.agent_id = a.id
         WHERE a.id = ANY ($1)",
    )
    .bind(agents)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let reason: Option<String> = row.try_get(6)?;
            let text: Option<String> = row.try_get(7)?;
            let known = Known {
                enabled: row.try_get(1)?,
                name: row.try_get(2)?,
                plant_id: row.try_get(3)?,
                time_zone: row.try_get(4)?,
                master_data_revision: u64::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0),
                open_divergence: reason.map(|reason| (reason_of(&reason), text.unwrap_or_default())),
                corrections_revision: row.try_get::<Option<Uuid>, _>(8)?.unwrap_or_default(),
            };
            Ok((row.try_get(0)?, known))
        })
        .collect()
}

pub fn reason_word(reason: DivergenceReason) -> &'static str {
    match reason {
        DivergenceReason::Content => "content",
        DivergenceReason::Rewound => "rewound",
        DivergenceReason::Copied => "copied",
        DivergenceReason::ClaimedByAgent => "claimed_by_agent",
    }
}

pub fn reason_of(word: &str) -> DivergenceReason {
    match word {
        "rewound" => DivergenceReason::Rewound,
        "copied" => DivergenceReason::Copied,
        "claimed_by_agent" => DivergenceReason::ClaimedByAgent,
        _ => DivergenceReason::Content,
    }
}

/// Digests of an agent's committed events from `from` to `to`: where epochs overlap, the newest.
pub async fn digests(connection: &mut PgConnection, agent: i32, (from, to): (Seq, Seq)) -> sqlx::Result<KnownDigests> {
    let rows = sqlx::query(
        "SELECT first_seq, digests FROM sync_digests
         WHERE agent_id = $1 AND first_seq > $2 - $4 AND first_seq <= $3 ORDER BY epoch, first_seq",
    )
    .bind(agent)
    .bind(seq_bits(from))
    .bind(seq_bits(to))
    .bind(DIGESTS_PER_ROW_MAX)
    .fetch_all(connection)
    .await?;
    let mut known = KnownDigests::default();
    for row in &rows {
        known.add(seq(row.try_get(0)?), row.try_get(1)?);
    }
    Ok(known)
}

/// How an agent's ledger moves with a batch.
#[derive(Debug)]
pub struct Advance {
    pub agent_id: i32,
    pub epoch: Epoch,
    pub instance: Instance,
    pub resumption: Resumption,
    /// First sequence that is new to the ledger, and the digests from there on.
    pub first_new: Seq,
    pub digests: Vec<u8>,
}

/// Moves the ledger. The rows are locked by this transaction.
pub async fn advance(connection: &mut PgConnection, moves: &[Advance]) -> sqlx::Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE sync_ledger l
         SET mark = t.mark, hash = t.hash, instance_starts = t.starts, instance_id = t.id,
             known_until = t.known_until, updated_at = now()
         FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[])
              t(agent, mark, hash, starts, id, known_until)
         WHERE l.agent_id = t.agent",
    )
    .bind(moves.iter().map(|m| m.agent_id).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| seq_bits(m.resumption.mark)).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| m.resumption.hash.0.to_vec()).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| i64::from(m.instance.starts)).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| m.instance.id.cast_signed()).collect::<Vec<_>>())
    .bind(moves.iter().map(|m| seq_bits(m.resumption.known_until)).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    let committed: Vec<&Advance> = moves.iter().filter(|m| !m.digests.is_empty()).collect();
    if committed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO sync_digests (agent_id, epoch, first_seq, digests)
         SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bytea[])",
    )
    .bind(committed.iter().map(|m| m.agent_id).collect::<Vec<_>>())
    .bind(committed.iter().map(|m| epoch_bits(m.epoch)).collect::<Vec<_>>())
    .bind(committed.iter().map(|m| seq_bits(m.first_new)).collect::<Vec<_>>())
    .bind(committed.iter().map(|m| m.digests.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What an agent said of itself with a batch.
#[derive(Debug)]
pub struct Heard<'b> {
    pub agent_id: i32,
    pub plant_id: i32,
    pub at: UtcMicros,
    pub clock_offset_us: i64,
    pub master_data_revision: u64,
    pub newest_seq: Seq,
    pub peer: String,
    pub status: Option<&'b AgentStatus>,
}

/// Overwrites what agents last said; a batch without a status leaves the last one standing.
pub async fn write_status(connection: &mut PgConnection, heard: &[Heard<'_>]) -> sqlx::Result<()> {
    if heard.is_empty() {
        return Ok(());
    }
    let status = |of: fn(&AgentStatus) -> u64| {
        heard.iter().map(|h| h.status.map(|s| i64::try_from(of(s)).unwrap_or(i64::MAX))).collect::<Vec<_>>()
    };
    let conditions = |h: &Heard<'_>| {
        let status = h.status?;
        Some(serde_json::to_string(&status.conditions).ok()?.replace("\\u0000", "\\ufffd"))
    };
    sqlx::query(
        "INSERT INTO agent_status AS s (agent_id, plant_id, last_sync_at, clock_offset_us, master_data_revision,
             newest_seq, peer_address, version, host, started_at, backlog_events, backlog_oldest_at, buffer_bytes,
             buffer_bytes_max, poison_messages, dropped_events, conditions, status_at)
         SELECT a, p, at, o, r, n, peer, v, h, st, be, bo, bb, bm, pm, de, coalesce(c::jsonb, '[]'),
                CASE WHEN v IS NOT NULL THEN at END
         FROM unnest($1::int[], $2::int[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
                     $8::text[], $9::text[], $10::timestamptz[], $11::bigint[], $12::timestamptz[], $13::bigint[],
                     $14::bigint[], $15::bigint[], $16::bigint[], $17::text[])
              t(a, p, at, o, r, n, peer, v, h, st, be, bo, bb, bm, pm, de, c)
         ON CONFLICT (agent_id) DO UPDATE
         SET last_sync_at = excluded.last_sync_at, clock_offset_us = excluded.clock_offset_us,
             master_data_revision = excluded.master_data_revision, newest_seq = excluded.newest_seq,
             peer_address = excluded.peer_address,
             version = coalesce(excluded.version, s.version), host = coalesce(excluded.host, s.host),
             started_at = coalesce(excluded.started_at, s.started_at),
             backlog_events = coalesce(excluded.backlog_events, s.backlog_events),
             backlog_oldest_at = CASE WHEN excluded.status_at IS NULL THEN s.backlog_oldest_at
                                      ELSE excluded.backlog_oldest_at END,
             buffer_bytes = coalesce(excluded.buffer_bytes, s.buffer_bytes),
             buffer_bytes_max = coalesce(excluded.buffer_bytes_max, s.buffer_bytes_max),
             poison_messages = coalesce(excluded.poison_messages, s.poison_messages),
             dropped_events = coalesce(excluded.dropped_events, s.dropped_events),
             conditions = CASE WHEN excluded.status_at IS NULL THEN s.conditions ELSE excluded.conditions END,
             status_at = coalesce(excluded.status_at, s.status_at)",
    )
    .bind(heard.iter().map(|h| h.agent_id).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| h.plant_id).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| timestamp(h.at)).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| h.clock_offset_us).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| i64::try_from(h.master_data_revision).unwrap_or(i64::MAX)).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| seq_bits(h.newest_seq)).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| h.peer.as_str()).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| h.status.map(|s| clean(&s.version))).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| h.status.map(|s| clean(&s.host))).collect::<Vec<_>>())
    .bind(heard.iter().map(|h| h.status.map(|s| timestamp(s.started_at))).collect::<Vec<_>>())
    .bind(status(|s| s.backlog_events))
    .bind(heard.iter().map(|h| h.status.and_then(|s| s.backlog_oldest_at).map(timestamp)).collect::<Vec<_>>())
    .bind(status(|s| s.buffer_bytes))
    .bind(status(|s| s.buffer_bytes_max))
    .bind(status(|s| s.poison_messages))
    .bind(status(|s| s.dropped_events))
    .bind(heard.iter().map(conditions).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A text that PostgreSQL can hold.
pub fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A moment that PostgreSQL can hold.
pub fn timestamp(at: UtcMicros) -> DateTime<Utc> {
    const YEAR_0: i64 = -62_167_219_200_000_000;
    const YEAR_9999: i64 = 253_402_300_799_000_000;
    DateTime::from_timestamp_micros(at.0.clamp(YEAR_0, YEAR_9999)).unwrap_or_default()
}

/// Makes ready for rows in these months; returns those that are closed.
pub async fn prepare_facts(connection: &mut PgConnection, months: &[NaiveDate]) -> sqlx::Result<BTreeSet<NaiveDate>> {
    let closed: Vec<NaiveDate> =
        sqlx::query_scalar("SELECT prepare_facts($1)").bind(months).fetch_all(connection).await?;
    Ok(closed.into_iter().collect())
}

/// Notes which days of which aggregates these rows changed.
pub async fn touch_aggregates(
    connection: &mut PgConnection,
    touched: &BTreeSet<(&'static str, i32)>,
) -> sqlx::Result<()> {
    if touched.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT facts_touched($1::text[]::name[], $2)")
        .bind(touched.iter().map(|(aggregate, _)| *aggregate).collect::<Vec<_>>())
        .bind(touched.iter().map(|(_, day)| date_of(*day)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts work on a queue, in the transaction that caused it.
pub async fn enqueue(connection: &mut PgConnection, queue: &str, messages: &[serde_json::Value]) -> sqlx::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT pgmq.send_batch($1, $2::jsonb[])").bind(queue).bind(messages).execute(connection).await?;
    Ok(())
}

/// Keeps a body that could not be decoded: the newest few of each agent.
pub async fn keep_rejected(
    pool: &sqlx::PgPool,
    agent: i32,
    error: &str,
    frame: &[u8],
    at: UtcMicros,
) -> sqlx::Result<()> {
    const KEPT: i64 = 8;
    const BYTES: usize = 64 * 1024;
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "INSERT INTO rejected_frames (agent_id, error, frame, frame_bytes, received_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(agent)
    .bind(clean(error))
    .bind(&frame[..frame.len().min(BYTES)])
    .bind(i32::try_from(frame.len()).unwrap_or(i32::MAX))
    .bind(timestamp(at))
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "DELETE FROM rejected_frames WHERE agent_id = $1 AND id <= (
             SELECT id FROM rejected_frames WHERE agent_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)",
    )
    .bind(agent)
    .bind(KEPT)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// Whether an alarm of central's own about this agent was raised in the last hour.
pub async fn alarmed_lately(
    connection: &mut PgConnection,
    agent: i32,
    code: &str,
    now: UtcMicros,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM alarms WHERE agent_id = $1 AND code = $2 AND seq IS NULL AND at > $3 - interval '1 hour'
                        AND plant_id = (SELECT plant_id FROM agents WHERE id = $1))",
    )
    .bind(agent)
    .bind(code)
    .bind(timestamp(now))
    .fetch_one(connection)
    .await
}

/// Everything that agents of a plant are sent.
pub async fn master_data(pool: &sqlx::PgPool, plant: i32) -> sqlx::Result<MasterData> {
    let time_zone =
        sqlx::query_scalar("SELECT time_zone FROM plants WHERE id = $1").bind(plant).fetch_one(pool).await?;
    let machines =
        sqlx::query("SELECT name, title, microstop_below_ms FROM machines WHERE plant_id = $1 ORDER BY name")
            .bind(plant)
            .fetch_all(pool)
            .await?;
    let products = sqlx::query(
        "SELECT code, title, ideal_cycle_ms FROM products t WHERE plant_id = $1 AND (active OR EXISTS (
             SELECT FROM work_orders o WHERE o.plant_id = $1 AND o.product = t.code AND o.active)) ORDER BY code",
    )
    .bind(plant)
    .fetch_all(pool)
    .await?;
    let orders = sqlx::query(
        "SELECT o.code, o.product, m.name, o.quantity, o.due_at FROM work_orders o
         LEFT JOIN machines m ON m.id = o.machine_id WHERE o.plant_id = $1 AND o.active ORDER BY o.code",
    )
    .bind(plant)
    .fetch_all(pool)
    .await?;
    let reasons = sqlx::query(
        "SELECT code, title, applies_to, planned FROM reasons WHERE plant_id = $1 AND active ORDER BY code",
    )
    .bind(plant)
    .fetch_all(pool)
    .await?;
    let operators = sqlx::query(
        "SELECT number, name, badge_hash, pin_hash FROM operators WHERE plant_id = $1 AND active ORDER BY number",
    )
    .bind(plant)
    .fetch_all(pool)
    .await?;
    // What a station can use while it is cut off: from the running shift on, some weeks ahead.
    let shifts = sqlx::query(
        "SELECT name, starts_at, ends_at FROM shifts
         WHERE plant_id = $1 AND ends_at > now() - interval '1 day' AND starts_at < now() + interval '28 days'
         ORDER BY starts_at, name",
    )
    .bind(plant)
    .fetch_all(pool)
    .await?;
    Ok(MasterData {
        time_zone,
        machines: rows(&machines, |row| {
            Ok(MachineSettings {
                name: name(row.try_get(0)?)?,
                title: row.try_get(1)?,
                microstop_below_ms: number(row.try_get(2)?),
            })
        })?,
        products: rows(&products, |row| {
            Ok(Product { code: row.try_get(0)?, title: row.try_get(1)?, ideal_cycle_ms: number(row.try_get(2)?) })
        })?,
        work_orders: rows(&orders, |row| {
            let machine: Option<&str> = row.try_get(2)?;
            let due_at: Option<DateTime<Utc>> = row.try_get(4)?;
            Ok(WorkOrder {
                code: row.try_get(0)?,
                product: row.try_get(1)?,
                machine: machine.map(name).transpose()?,
                quantity: number(row.try_get(3)?),
                due_at: due_at.map(|at| UtcMicros(at.timestamp_micros())),
            })
        })?,
        reasons: rows(&reasons, |row| {
            let (code, title) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Reason { code, title, applies_to: row.try_get(2)?, planned: row.try_get(3)? })
        })?,
        operators: rows(&operators, |row| {
            let (number, name) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Operator { number, name, badge_hash: row.try_get(2)?, pin_hash: row.try_get(3)? })
        })?,
        shifts: rows(&shifts, |row| {
            let (starts, ends): (DateTime<Utc>, DateTime<Utc>) = (row.try_get(1)?, row.try_get(2)?);
            Ok(Shift {
                name: row.try_get(0)?,
                starts_at: UtcMicros(starts.timestamp_micros()),
                ends_at: UtcMicros(ends.timestamp_micros()),
            })
        })?,
    })
}

fn rows<T>(rows: &[PgRow], map: impl Fn(&PgRow) -> sqlx::Result<T>) -> sqlx::Result<Vec<T>> {
    rows.iter().map(map).collect()
}

fn name(text: &str) -> sqlx::Result<Name> {
    Name::new(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn number(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok())
}

/// Tells listeners to look again, and workers if there is work.
pub async fn notify_changes(pool: &sqlx::PgPool, work: bool) -> sqlx::Result<()> {
    let channels = if work { &["changes", crate::queue::store::CHANNEL][..] } else { &["changes"] };
    sqlx::query("SELECT pg_notify(channel, '') FROM unnest($1::text[]) channel").bind(channels).execute(pool).await?;
    Ok(())
}

/// Forgets digests that lie a million events back, but for agents whose divergence is open or still being compared:
/// further than that no agent resends.
pub async fn prune_digests(pool: &sqlx::PgPool) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM sync_digests d USING sync_ledger l
         WHERE l.agent_id = d.agent_id AND l.divergence_id IS NULL AND l.known_until = 0
           AND d.first_seq < l.mark - 1000000",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A quarantined event.
#[derive(Debug, Clone)]
pub struct Held {
    pub id: i64,
    pub plant_id: i32,
    pub time_zone: String,
    pub agent_id: i32,
    pub epoch: i32,
    pub seq: i64,
    pub at_us: i64,
    pub clock: i16,
    pub monotonic_boot: i64,
    pub monotonic_us: i64,
    /// None when its batch did not name its origin.
    pub origin_kind: Option<OriginKind>,
    pub origin_name: String,
    pub kind: i32,
    pub body: Vec<u8>,
}

/// Locks a piece of what is selected and still held.
pub async fn held(
    connection: &mut PgConnection,
    selection: &Selection,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Held>> {
    let held = sqlx::query(
        "SELECT q.id, q.plant_id, p.time_zone, q.agent_id, q.epoch, q.seq, q.at_us, q.clock, q.monotonic_boot,
                q.monotonic_us, q.origin_kind, q.origin_name, q.kind, q.body
         FROM quarantined_events q JOIN plants p ON p.id = q.plant_id
         WHERE q.released_at IS NULL AND q.plant_id = $1 AND q.id > $2 AND ($3::text IS NULL OR q.reason = $3)
           AND ($4::text IS NULL OR q.origin_name = $4)
         ORDER BY q.id LIMIT $5 FOR UPDATE OF q",
    )
    .bind(selection.plant_id)
    .bind(after)
    .bind(selection.reason.as_deref())
    .bind(selection.origin.as_deref())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows(&held, |row| {
        let kind: &str = row.try_get(10)?;
        Ok(Held {
            id: row.try_get(0)?,
            plant_id: row.try_get(1)?,
            time_zone: row.try_get(2)?,
            agent_id: row.try_get(3)?,
            epoch: row.try_get(4)?,
            seq: row.try_get(5)?,
            at_us: row.try_get(6)?,
            clock: row.try_get(7)?,
            monotonic_boot: row.try_get(8)?,
            monotonic_us: row.try_get(9)?,
            origin_kind: match kind {
                "machine" => Some(OriginKind::Machine),
                "station" => Some(OriginKind::Station),
                "agent" => Some(OriginKind::Agent),
                _ => None,
            },
            origin_name: row.try_get(11)?,
            kind: row.try_get(12)?,
            body: row.try_get(13)?,
        })
    })
}

pub async fn mark_released(connection: &mut PgConnection, ids: &[i64], at: UtcMicros) -> sqlx::Result<()> {
    sqlx::query("UPDATE quarantined_events SET released_at = $2 WHERE id = ANY ($1)")
        .bind(ids)
        .bind(timestamp(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// A machine that changed hands.
#[derive(Debug, sqlx::FromRow)]
pub struct Transferred {
    pub plant_id: i32,
    pub plant: String,
    pub machine: String,
    pub from_agent: i32,
    /// Names of agents.
    pub from: String,
    pub to: String,
}

/// Makes another agent of the same plant the owner; none when they are not both of one plant.
pub async fn transfer_machine(
    connection: &mut PgConnection,
    machine: i32,
    agent: i32,
) -> sqlx::Result<Option<Transferred>> {
    sqlx::query_as(
        "UPDATE machines m SET agent_id = a.id
         FROM (SELECT m.id, f.id AS agent, f.name FROM machines m JOIN agents f ON f.id = m.agent_id
               WHERE m.id = $1 FOR UPDATE OF m) b,
              agents a JOIN plants p ON p.id = a.plant_id
         WHERE m.id = b.id AND a.id = $2 AND a.plant_id = m.plant_id
         RETURNING p.id AS plant_id, p.name AS plant, m.name AS machine, b.agent AS from_agent,
                   b.name AS \"from\", a.name AS \"to\"",
    )
    .bind(machine)
    .bind(agent)
    .fetch_optional(connection)
    .await
}
