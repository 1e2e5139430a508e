//! SQL that writes what was said of stops at central.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Correction, Saying};
use crate::downtime::stops::Entry;
use crate::downtime::stops::store::Candidate;

/// Any number will do: with a machine's it names the lock that corrections of its stops take.
const LOCK: i32 = 1_010;

/// Corrections of one machine's stops wait for each other until their transactions end.
pub async fn lock(connection: &mut PgConnection, machine: i32) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(LOCK).bind(machine).execute(connection).await?;
    Ok(())
}

/// The row with this key, at whatever machine.
pub async fn with_key(connection: &mut PgConnection, entry: Uuid) -> sqlx::Result<Option<Entry>> {
    sqlx::query_as(
        "SELECT e.at, e.machine_id, e.agent_id, e.epoch, e.seq, e.stop, e.change::text AS change, e.began_at, e.lasted_us,
                NULL::text AS state, NULL::text AS detected_by, e.micro, e.reason, NULL::text AS reason_title,
                NULL::boolean AS planned, e.note, e.split_from, e.new_stop, e.operator, NULL::text AS operator_name,
                e.entry, e.entered_by, NULL::text AS entered_by_name, e.why
         FROM downtime_entries e WHERE e.entry = $1",
    )
    .bind(entry)
    .fetch_optional(connection)
    .await
}

/// The stop that a number is, or was split off from, step by step.
pub async fn roots(connection: &mut PgConnection, machine: i32, agent: i32, stop: i64) -> sqlx::Result<Vec<Candidate>> {
    sqlx::query_as(
        "WITH RECURSIVE above(stop) AS (
            SELECT $3::bigint
            UNION
            SELECT e.stop FROM above a JOIN downtime_entries e
            ON e.machine_id = $1 AND e.agent_id = $2 AND e.new_stop = a.stop AND e.change = 'split'
         )
         SELECT now() AS began_at, $1 AS machine_id, $2 AS agent_id, stop FROM above",
    )
    .bind(machine)
    .bind(agent)
    .bind(stop)
    .fetch_all(connection)
    .await
}

/// Whether the plant's master data has this reason for stops, and it may still be given.
pub async fn reason_exists(connection: &mut PgConnection, plant: i32, code: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM reasons WHERE plant_id = $1 AND code = $2 AND applies_to = 'downtime' AND active)",
    )
    .bind(plant)
    .bind(code)
    .fetch_one(connection)
    .await
}

/// What a row says besides the correction itself.
#[derive(Debug, Clone, Copy)]
pub struct Head<'h> {
    pub at: DateTime<Utc>,
    pub plant_day: NaiveDate,
    pub plant_id: i32,
    pub machine_id: i32,
    pub agent_id: i32,
    /// When the whole stop began.
    pub root_began_at: DateTime<Utc>,
    pub entered_by: &'h str,
}

/// Adds the row; answers the number of the stop that a split made.
pub async fn add(connection: &mut PgConnection, head: Head<'_>, correction: &Correction) -> sqlx::Result<Option<i64>> {
    let (change, reason, why, note, from) = match &correction.saying {
        Saying::Reason { code, why } => ("reason", Some(code), why.as_ref(), None, None),
        Saying::Note { text } => ("note", None, None, Some(text), None),
        Saying::Split { from } => ("split", None, None, None, Some(from)),
    };
    sqlx::query_scalar(
        "INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, clock, stop, change, began_at, reason,
                                       why, note, split_from, new_stop, entry, entered_by)
         VALUES ($1, $2, $3, $4, $5, 'synchronized', $6, $7::downtime_change, $8, $9, $10, $11, $12,
                 CASE WHEN $7 = 'split' THEN nextval('central_stops') END, $13, $14)
         RETURNING new_stop",
    )
    .bind(head.at)
    .bind(head.plant_day)
    .bind(head.plant_id)
    .bind(head.machine_id)
    .bind(head.agent_id)
    .bind(correction.stop)
    .bind(change)
    .bind(head.root_began_at)
    .bind(reason)
    .bind(why)
    .bind(note)
    .bind(from)
    .bind(correction.entry)
    .bind(head.entered_by)
    .fetch_one(connection)
    .await
}

/// Tells every central, as the transaction commits, to look at stops again.
pub async fn notify(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify('changes', 'stops')").execute(connection).await?;
    Ok(())
}

/// Makes agents ask what was said of their stops, once this transaction commits.
pub async fn tell_agents(connection: &mut PgConnection, agents: &[i32]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO agent_corrections (agent_id, revision)
         SELECT DISTINCT a, gen_random_uuid() FROM unnest($1::int[]) a ORDER BY a
         ON CONFLICT (agent_id) DO UPDATE SET revision = excluded.revision",
    )
    .bind(agents)
    .execute(connection)
    .await?;
    Ok(())
}

/// What an agent that knows everything holds; all zeros when nothing was ever said.
pub async fn revision(connection: &mut PgConnection, agent: i32) -> sqlx::Result<Uuid> {
    let revision = sqlx::query_scalar("SELECT revision FROM agent_corrections WHERE agent_id = $1")
        .bind(agent)
        .fetch_optional(connection)
        .await?;
    Ok(revision.unwrap_or_default())
}

/// A stop that was detected, and where.
#[derive(Debug, sqlx::FromRow)]
pub struct Corrected {
    #[sqlx(flatten)]
    pub stop: Candidate,
    pub machine: String,
}

/// An agent's stops, of machines that are its own, that go on or ended at `since` or later and of which something was said
/// at central, newest first.
pub async fn corrected_since(
    connection: &mut PgConnection,
    agent: i32,
    since: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<Corrected>> {
    sqlx::query_as(
        "WITH mine AS (SELECT id, name FROM machines WHERE agent_id = $1),
         shown AS (
            SELECT e.machine_id, m.name AS machine, e.stop, coalesce(e.began_at, e.at) AS began_at
            FROM mine m JOIN downtime_entries e ON e.machine_id = m.id
            WHERE e.at >= $2 AND e.agent_id = $1 AND e.change = 'ended' AND e.micro IS NOT TRUE
            UNION
            SELECT o.machine_id, m.name, o.stop, o.began_at FROM mine m JOIN open_stops o ON o.machine_id = m.id
            WHERE o.agent_id = $1
         )
         SELECT s.began_at, s.machine_id, $1 AS agent_id, s.stop, s.machine FROM shown s
         WHERE EXISTS (SELECT FROM downtime_entries x WHERE x.agent_id = $1 AND x.machine_id = s.machine_id
                       AND x.began_at = s.began_at AND x.entry IS NOT NULL)
         ORDER BY s.began_at DESC, s.machine_id, s.stop LIMIT $3",
    )
    .bind(agent)
    .bind(since)
    .bind(limit)
    .fetch_all(connection)
    .await
}
