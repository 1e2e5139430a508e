//! `incidents`, and what they are concluded from. Opening one that is open already does nothing, whoever does it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Row as _};

use super::Incident;
use crate::alerts::rules::IncidentKind;
use crate::queue::job::Recorded;

/// Any number that nothing else in the database uses.
const WATCH_LOCK: i64 = 0x6365_6e74_7261_6c10;
/// With an agent's number.
const CALLS_LOCK: i32 = 1_009;

/// Since when somebody has watched without a break, if it is our turn to look. The turn ends with the transaction.
///
/// Watching processes have clocks of their own: a look that lies ahead is another's, unless it is so far ahead that a clock
/// was set back.
pub async fn begin_look(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    not_within: Duration,
    break_after: Duration,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let turn: bool =
        sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(WATCH_LOCK).fetch_one(&mut *connection).await?;
    if !turn {
        return Ok(None);
    }
    sqlx::query_scalar(
        "INSERT INTO alert_watch AS w (watching_since, looked_at) VALUES ($1, $1)
         ON CONFLICT (only_row) DO UPDATE
         SET looked_at = $1, watching_since = CASE WHEN w.looked_at < $3 OR w.looked_at > $4 THEN $1
                                                   ELSE w.watching_since END
         WHERE w.looked_at <= $2 OR w.looked_at > $4
         RETURNING watching_since",
    )
    .bind(now)
    .bind(now - not_within)
    .bind(now - break_after)
    .bind(now + break_after)
    .fetch_optional(connection)
    .await
}

/// Stops that last longer than their line allows, as far as there is evidence: up to when their agent last spoke, and
/// only so far as its backlog has arrived. A stop whose end is still on its way is none.
pub async fn open_machines_down(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "INSERT INTO incidents (plant_id, line_id, kind, subject, title, detail, machine_id, agent_id, stop, began_at,
                                opened_at, last_seen_at)
         SELECT s.plant_id, m.line_id, 'machine_down', format('machine/%s/stop/%s/%s', s.machine_id, s.agent_id, s.stop),
                coalesce(nullif(m.title, ''), m.name), s.state::text, s.machine_id, s.agent_id, s.stop, s.began_at, $1, $1
         FROM open_stops s JOIN machines m ON m.id = s.machine_id JOIN agents a ON a.id = s.agent_id AND a.enabled
         JOIN machine_live l ON l.machine_id = s.machine_id JOIN agent_status t ON t.agent_id = s.agent_id
         CROSS JOIN LATERAL alert_rule('machine_down', s.plant_id, m.line_id) r
         WHERE r.enabled AND least($1, l.reported_at, t.backlog_oldest_at) - s.began_at >= make_interval(secs => r.threshold_s)
           AND NOT (s.detected_by = 'state' AND l.state = 'running')
         ORDER BY s.machine_id, s.stop
         ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING
         RETURNING id",
    )
    .bind(now)
    .fetch_all(connection)
    .await
}

/// Agents that were not heard of for too long, counted from `since` at the earliest.
pub async fn open_silent_agents(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "INSERT INTO incidents (plant_id, line_id, kind, subject, title, detail, agent_id, began_at, opened_at, last_seen_at)
         SELECT a.plant_id, a.line_id, 'agent_silent', format('agent/%s', a.id), a.name, coalesce(a.host, ''), a.id,
                a.heard_at, $1, $1
         FROM (SELECT a.id, a.plant_id, a.name, t.host, coalesce(t.last_sync_at, a.enrolled_at) AS heard_at,
                      line_of_agent(a.id) AS line_id
               FROM agents a LEFT JOIN agent_status t ON t.agent_id = a.id WHERE a.enabled) a
         CROSS JOIN LATERAL alert_rule('agent_silent', a.plant_id, a.line_id) r
         WHERE r.enabled AND $1 - greatest(a.heard_at, $2) >= make_interval(secs => r.threshold_s)
         ORDER BY a.id
         ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING
         RETURNING id",
    )
    .bind(now)
    .bind(since)
    .fetch_all(connection)
    .await
}

/// Divergences that nobody has decided on.
pub async fn open_divergences(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "INSERT INTO incidents (plant_id, line_id, kind, subject, title, detail, agent_id, began_at, opened_at, last_seen_at)
         SELECT a.plant_id, a.line_id, 'divergence', format('agent/%s/divergence/%s', a.id, d.id), a.name, d.text, a.id,
                d.first_seen_at, $1, $1
         FROM (SELECT id, plant_id, name, line_of_agent(id) AS line_id FROM agents WHERE enabled) a
         JOIN sync_ledger l ON l.agent_id = a.id JOIN divergences d ON d.id = l.divergence_id
         CROSS JOIN LATERAL alert_rule('divergence', a.plant_id, a.line_id) r
         WHERE r.enabled
         ORDER BY a.id
         ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING
         RETURNING id",
    )
    .bind(now)
    .fetch_all(connection)
    .await
}

/// Opens the incident of an agent's gaps, or prolongs the one that is open; returns it only if it is new.
pub async fn open_gaps(
    connection: &mut PgConnection,
    recorded: &Recorded,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<i64>> {
    // What central itself lost ends right before the batch that told of it.
    let found: Vec<(i64, bool)> = sqlx::query_as(
        "INSERT INTO incidents AS i (plant_id, line_id, kind, subject, title, detail, agent_id, began_at, opened_at,
                                     last_seen_at, occurrences)
         SELECT g.plant_id, g.line_id, 'gap', format('agent/%s/gaps', g.agent_id), g.name, g.text, g.agent_id, g.began_at,
                $5, $5, g.number
         FROM (SELECT a.plant_id, a.id AS agent_id, a.name, line_of_agent(a.id) AS line_id, count(*) AS number,
                      min(g.gap_from) AS began_at,
                      (array_agg(concat_ws(': ', nullif(g.subject, ''), nullif(g.text, '')) ORDER BY g.seq DESC))[1] AS text
               FROM gaps g JOIN agents a ON a.id = g.agent_id
               WHERE g.agent_id = $1 AND g.epoch = $2
                 AND (g.seq BETWEEN $3 AND $4
                      OR (g.cause::text = 'central_restored' AND g.seq < $3 AND g.seq + coalesce(g.lost, 0) >= $3))
               GROUP BY a.id) g
         CROSS JOIN LATERAL alert_rule('gap', g.plant_id, g.line_id) r
         WHERE r.enabled
         ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO UPDATE
         SET last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at),
             occurrences = i.occurrences + excluded.occurrences
         RETURNING id, xmax = 0",
    )
    .bind(recorded.agent_id)
    .bind(recorded.epoch)
    .bind(recorded.first_seq)
    .bind(recorded.last_seq)
    .bind(now)
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().filter_map(|(id, new)| new.then_some(id)).collect())
}

/// The last word of a place on whether somebody should come.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Call {
    pub agent_id: i32,
    pub machine_id: Option<i32>,
    pub station_id: Option<i32>,
    pub at: DateTime<Utc>,
    pub text: String,
    pub active: bool,
}

impl Call {
    fn subject(&self) -> String {
        match (self.machine_id, self.station_id) {
            (Some(machine), _) => format!("machine/{machine}"),
            (None, Some(station)) => format!("station/{station}"),
            (None, None) => format!("agent/{}", self.agent_id),
        }
    }
}

/// One at a time concludes from an agent's calls, until its transaction ends: who read an older last word has written what
/// follows from it before anybody reads a newer one.
pub async fn lock_calls(connection: &mut PgConnection, agent_id: i32) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(CALLS_LOCK).bind(agent_id).execute(connection).await?;
    Ok(())
}

/// The last word of every place that called, or stopped calling, in these events.
pub async fn calls(connection: &mut PgConnection, recorded: &Recorded) -> sqlx::Result<Vec<Call>> {
    sqlx::query_as(
        "SELECT DISTINCT ON (a.machine_id, a.station_id) a.agent_id, a.machine_id, a.station_id, a.at, a.text, a.active
         FROM alarms a
         WHERE a.agent_id = $1 AND a.code = 'call_for_help' AND a.seq IS NOT NULL
           AND EXISTS (SELECT FROM alarms c
                       WHERE c.agent_id = $1 AND c.epoch = $2 AND c.seq BETWEEN $3 AND $4 AND c.code = 'call_for_help'
                         AND c.machine_id IS NOT DISTINCT FROM a.machine_id
                         AND c.station_id IS NOT DISTINCT FROM a.station_id)
         ORDER BY a.machine_id, a.station_id, a.epoch DESC, a.seq DESC",
    )
    .bind(recorded.agent_id)
    .bind(recorded.epoch)
    .bind(recorded.first_seq)
    .bind(recorded.last_seq)
    .fetch_all(connection)
    .await
}

pub async fn open_call(connection: &mut PgConnection, call: &Call, now: DateTime<Utc>) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "INSERT INTO incidents (plant_id, line_id, kind, subject, title, detail, machine_id, station_id, agent_id, began_at,
                                opened_at, last_seen_at)
         SELECT p.plant_id, p.line_id, 'call_for_help', $4, p.title, $6, $2, $3, $1, $5, $7, $7
         FROM (SELECT a.plant_id, CASE WHEN m.id IS NULL THEN line_of_agent(a.id) ELSE m.line_id END AS line_id,
                      coalesce(nullif(m.title, ''), m.name, nullif(s.title, ''), s.name, a.name) AS title
               FROM agents a LEFT JOIN machines m ON m.id = $2 LEFT JOIN stations s ON s.id = $3 WHERE a.id = $1) p
         CROSS JOIN LATERAL alert_rule('call_for_help', p.plant_id, p.line_id) r
         WHERE r.enabled
         ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO NOTHING
         RETURNING id",
    )
    .bind(call.agent_id)
    .bind(call.machine_id)
    .bind(call.station_id)
    .bind(call.subject())
    .bind(call.at)
    .bind(&call.text)
    .bind(now)
    .fetch_all(connection)
    .await
}

pub async fn resolve_call(connection: &mut PgConnection, call: &Call, now: DateTime<Utc>) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "UPDATE incidents SET resolved_at = $2, last_seen_at = $2
         WHERE kind = 'call_for_help' AND subject = $1 AND resolved_at IS NULL RETURNING id",
    )
    .bind(call.subject())
    .bind(now)
    .fetch_all(connection)
    .await
}

/// Resolves what is over: the stop ended, the agent spoke, a person decided, no further gap was recorded. Changed rules
/// resolve nothing.
pub async fn resolve_what_is_over(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    quiet_since: DateTime<Utc>,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "UPDATE incidents i SET resolved_at = $1
         WHERE i.resolved_at IS NULL AND CASE i.kind
             WHEN 'machine_down' THEN NOT EXISTS (
                 SELECT FROM open_stops s JOIN agents a ON a.id = s.agent_id AND a.enabled
                 WHERE s.machine_id = i.machine_id AND s.agent_id = i.agent_id AND s.stop = i.stop)
             WHEN 'agent_silent' THEN EXISTS (
                 SELECT FROM agents a LEFT JOIN agent_status t ON t.agent_id = a.id
                 WHERE a.id = i.agent_id AND (NOT a.enabled OR t.last_sync_at > i.opened_at))
             WHEN 'divergence' THEN NOT EXISTS (
                 SELECT FROM sync_ledger l JOIN agents a ON a.id = l.agent_id AND a.enabled
                 WHERE l.agent_id = i.agent_id
                   AND i.subject = format('agent/%s/divergence/%s', l.agent_id, l.divergence_id))
             WHEN 'gap' THEN i.last_seen_at < $2
             WHEN 'call_for_help' THEN EXISTS (SELECT FROM agents a WHERE a.id = i.agent_id AND NOT a.enabled)
             ELSE false END
         RETURNING id",
    )
    .bind(now)
    .bind(quiet_since)
    .fetch_all(connection)
    .await
}

/// Which incidents.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub kind: Option<IncidentKind>,
    pub open: Option<bool>,
    pub id: Option<i64>,
    /// Only earlier ones.
    pub before: Option<i64>,
}

/// Newest first.
pub async fn incidents(pool: &PgPool, filter: Filter<'_>, limit: i64) -> sqlx::Result<Vec<Incident>> {
    let rows = sqlx::query(
        "SELECT i.id, p.name AS plant, l.name AS line, i.kind, i.title, i.detail, m.name AS machine, i.machine_id,
                a.name AS agent, a.uuid AS agent_uuid, i.began_at, i.opened_at, i.last_seen_at, i.occurrences, i.resolved_at
         FROM incidents i JOIN plants p ON p.id = i.plant_id JOIN agents a ON a.id = i.agent_id
         LEFT JOIN lines l ON l.id = i.line_id LEFT JOIN machines m ON m.id = i.machine_id
         WHERE ($1::int[] IS NULL OR i.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::text IS NULL OR i.kind = $3) AND ($4::bool IS NULL OR (i.resolved_at IS NULL) = $4)
           AND ($5::bigint IS NULL OR i.id = $5) AND ($6::bigint IS NULL OR i.id < $6)
         ORDER BY i.id DESC LIMIT $7",
    )
    .bind(filter.plants)
    .bind(filter.plant)
    .bind(filter.kind.map(IncidentKind::as_str))
    .bind(filter.open)
    .bind(filter.id)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let kind: &str = row.try_get("kind")?;
            Ok(Incident {
                id: row.try_get("id")?,
                plant: row.try_get("plant")?,
                line: row.try_get("line")?,
                kind: IncidentKind::named(kind).ok_or_else(|| sqlx::Error::Decode("no kind of incident".into()))?,
                title: row.try_get("title")?,
                detail: row.try_get("detail")?,
                machine: row.try_get("machine")?,
                machine_id: row.try_get("machine_id")?,
                agent: row.try_get("agent")?,
                agent_uuid: row.try_get("agent_uuid")?,
                began_at: row.try_get("began_at")?,
                opened_at: row.try_get("opened_at")?,
                last_seen_at: row.try_get("last_seen_at")?,
                occurrences: row.try_get("occurrences")?,
                resolved_at: row.try_get("resolved_at")?,
            })
        })
        .collect()
}
