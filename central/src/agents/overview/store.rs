//! SQL about how agents are doing.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;

use super::{Agent, Backlog, Condition, DecidedDivergence, Divergence, Gaps, Log};

#[derive(Debug, sqlx::FromRow)]
struct AgentRow {
    id: i32,
    uuid: uuid::Uuid,
    plant: String,
    name: String,
    enabled: bool,
    enrolled_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    last_sync_at: Option<DateTime<Utc>>,
    clock_offset_us: Option<i64>,
    version: Option<String>,
    host: Option<String>,
    peer_address: Option<String>,
    started_at: Option<DateTime<Utc>>,
    epoch: Option<i32>,
    mark: Option<i64>,
    newest_seq: Option<i64>,
    backlog_events: Option<i64>,
    backlog_oldest_at: Option<DateTime<Utc>>,
    buffer_bytes: Option<i64>,
    buffer_bytes_max: Option<i64>,
    poison_messages: Option<i64>,
    dropped_events: Option<i64>,
    conditions: Option<Json<serde_json::Value>>,
    gaps: i64,
    gaps_lost: i64,
    gaps_last_at: Option<DateTime<Utc>>,
    quarantined_events: i64,
    rejected_frames: i64,
    divergence: Option<Json<Divergence>>,
    decided_divergence: Option<Json<DecidedDivergence>>,
}

impl AgentRow {
    /// What it said with its last batch, less what was committed with that batch. While a divergence is open, nothing of
    /// what it says is.
    fn backlog(&self) -> Option<Backlog> {
        let said = self.backlog_events?;
        let not_committed = self.newest_seq.zip(self.mark).map(|(newest, mark)| (newest - mark).max(0));
        let events = not_committed.filter(|_| self.divergence.is_none()).map_or(said, |left| said.min(left));
        Some(Backlog {
            events,
            oldest_at: self.backlog_oldest_at.filter(|_| events > 0),
            buffer_bytes: self.buffer_bytes,
            buffer_bytes_max: self.buffer_bytes_max,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "offsets and ages are far below 53 bits")]
    fn into_agent(self, now: DateTime<Utc>) -> Agent {
        let backlog = self.backlog();
        let silent_ms = |at: DateTime<Utc>| now.signed_duration_since(at).num_milliseconds().max(0);
        Agent {
            id: self.id,
            uuid: self.uuid,
            plant: self.plant,
            name: self.name,
            enabled: self.enabled,
            enrolled_at: self.enrolled_at,
            disabled_at: self.disabled_at,
            last_sync_at: self.last_sync_at,
            silent_s: self.last_sync_at.map(|at| silent_ms(at) as f64 / 1000.0),
            clock_offset_ms: self.clock_offset_us.map(|us| us as f64 / 1000.0),
            version: self.version,
            host: self.host,
            peer_address: self.peer_address,
            started_at: self.started_at,
            log: Log { epoch: self.epoch.unwrap_or(1), acknowledged: self.mark.unwrap_or(0), newest: self.newest_seq },
            backlog,
            poison_messages: self.poison_messages.unwrap_or(0),
            dropped_events: self.dropped_events.unwrap_or(0),
            // Written by sync from the same type; an older shape shows as none until the agent speaks again.
            conditions: self
                .conditions
                .and_then(|it| serde_json::from_value::<Vec<protocol::batch::Condition>>(it.0).ok())
                .unwrap_or_default()
                .into_iter()
                .map(Condition::from)
                .collect(),
            gaps: Gaps { count: self.gaps, lost: self.gaps_lost, last_at: self.gaps_last_at },
            quarantined_events: self.quarantined_events,
            rejected_frames: self.rejected_frames,
            divergence: self.divergence.map(|it| it.0),
            decided_divergence: self.decided_divergence.map(|it| it.0),
        }
    }
}

/// Which agents are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only agents of these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub uuid: Option<uuid::Uuid>,
    /// Only those after this one, by plant, name and uuid.
    pub after: Option<(&'f str, &'f str, uuid::Uuid)>,
}

/// By plant and name, at most `limit`.
pub async fn agents(
    pool: &PgPool,
    filter: Filter<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Agent>, sqlx::Error> {
    let rows: Vec<AgentRow> = sqlx::query_as(
        "WITH chosen AS (
            SELECT a.*, p.name AS plant FROM agents a JOIN plants p ON p.id = a.plant_id
            WHERE ($1::text IS NULL OR p.name = $1) AND ($2::uuid IS NULL OR a.uuid = $2)
              AND ($3::text IS NULL OR (p.name, a.name, a.uuid) > ($3, $4, $5))
              AND ($7::int[] IS NULL OR a.plant_id = ANY ($7))
            ORDER BY p.name, a.name, a.uuid LIMIT $6
        ), held AS (
            -- Once for all of them: an agent whose clock was wrong may have a million.
            SELECT agent_id, count(*) AS events FROM quarantined_events
            WHERE released_at IS NULL AND plant_id IN (SELECT plant_id FROM chosen) GROUP BY agent_id
        )
        SELECT c.id, c.uuid, c.plant, c.name, c.enabled, c.enrolled_at, c.disabled_at,
               s.last_sync_at, s.clock_offset_us, s.version, s.host, s.peer_address, s.started_at,
               l.epoch, l.mark, s.newest_seq, s.backlog_events, s.backlog_oldest_at, s.buffer_bytes,
               s.buffer_bytes_max, s.poison_messages, s.dropped_events, s.conditions,
               g.gaps, g.gaps_lost, g.gaps_last_at,
               coalesce(h.events, 0) AS quarantined_events,
               (SELECT count(*) FROM rejected_frames r WHERE r.agent_id = c.id) AS rejected_frames,
               (SELECT jsonb_build_object('id', d.id, 'reason', d.reason, 'text', d.text, 'fork_seq', d.fork_seq,
                           'first_seen_at', d.first_seen_at, 'last_seen_at', d.last_seen_at,
                           'refused_batches', d.refused_batches)
                FROM divergences d WHERE d.id = l.divergence_id) AS divergence,
               (SELECT jsonb_build_object('id', d.id, 'resolved_at', d.resolved_at, 'resolved_by', d.resolved_by,
                           'last_refused_at', d.last_seen_at)
                FROM divergences d
                WHERE d.id = (SELECT max(id) FROM divergences WHERE agent_id = c.id) AND d.resolved_at IS NOT NULL)
                   AS decided_divergence
        FROM chosen c
        LEFT JOIN agent_status s ON s.agent_id = c.id LEFT JOIN sync_ledger l ON l.agent_id = c.id
        LEFT JOIN held h ON h.agent_id = c.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS gaps, coalesce(sum(g.lost), 0)::bigint AS gaps_lost, max(g.at) AS gaps_last_at
            FROM gaps g WHERE g.agent_id = c.id
        ) g
        ORDER BY c.plant, c.name, c.uuid",
    )
    .bind(filter.plant)
    .bind(filter.uuid)
    .bind(filter.after.map(|(plant, _, _)| plant))
    .bind(filter.after.map(|(_, name, _)| name))
    .bind(filter.after.map(|(_, _, uuid)| uuid))
    .bind(limit)
    .bind(filter.plants)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_agent(now)).collect())
}

/// What metrics say of one agent.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Gauges {
    pub plant: String,
    pub agent: String,
    pub enabled: bool,
    /// Why its batches are refused until a person decides: a word of `divergences.reason`.
    pub divergence: Option<String>,
    pub silent_s: Option<f64>,
    pub backlog_events: Option<i64>,
    pub clock_offset_s: Option<f64>,
}

impl Gauges {
    #[must_use]
    pub fn labels(&self) -> [(&str, &str); 2] {
        [("plant", &self.plant), ("agent", &self.agent)]
    }
}

/// Enabled agents, and disabled ones with an open divergence; at most 10,000.
pub async fn gauges(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Gauges>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.name AS plant, a.name AS agent, a.enabled, d.reason AS divergence,
                CASE WHEN s.last_sync_at IS NOT NULL
                     THEN greatest(extract(epoch FROM $1 - s.last_sync_at), 0)::float8 END AS silent_s,
                CASE WHEN d.id IS NULL AND s.newest_seq - l.mark < s.backlog_events
                     THEN greatest(s.newest_seq - l.mark, 0) ELSE s.backlog_events END AS backlog_events,
                s.clock_offset_us / 1e6::float8 AS clock_offset_s
         FROM agents a JOIN plants p ON p.id = a.plant_id
         LEFT JOIN agent_status s ON s.agent_id = a.id LEFT JOIN sync_ledger l ON l.agent_id = a.id
         LEFT JOIN divergences d ON d.id = l.divergence_id
         WHERE a.enabled OR l.divergence_id IS NOT NULL
         ORDER BY p.name, a.name LIMIT 10000",
    )
    .bind(now)
    .fetch_all(connection)
    .await
}
