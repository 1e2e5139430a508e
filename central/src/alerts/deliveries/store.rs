//! `alert_deliveries` and their attempts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Row as _};
use uuid::Uuid;

use super::letter::{About, Letter};
use super::{Answer, NoticeKind};
use crate::alerts::channels::ChannelKind;
use crate::alerts::rules::IncidentKind;
use crate::queue::attempt::Lease;

/// A delivery that was made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    pub id: Uuid,
    pub plant_id: i32,
    pub kind: ChannelKind,
    /// Whether it may be sent. The end of an incident waits until its beginning was told, or was given up.
    pub due: bool,
}

/// Makes what is missing of the deliveries of these incidents. The end of one is told to those who were told of its
/// beginning.
pub async fn make(
    connection: &mut PgConnection,
    kind: NoticeKind,
    incidents: &[i64],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<Made>> {
    if kind == NoticeKind::Resolved {
        // Whoever settles one of them meanwhile either is seen here or sees what is made here: see `end_that_waits`.
        sqlx::query(
            "SELECT FROM alert_deliveries WHERE incident_id = ANY ($1) AND notice = 'opened' ORDER BY id FOR SHARE",
        )
        .bind(incidents)
        .execute(&mut *connection)
        .await?;
    }
    let rows: Vec<(Uuid, i32, String, bool)> = sqlx::query_as(
        "WITH made AS (
             INSERT INTO alert_deliveries (plant_id, channel_id, incident_id, notice, created_at)
             SELECT i.plant_id, c.id, i.id, $2, $3
             FROM incidents i JOIN alert_channels c ON c.plant_id = i.plant_id
                  AND (c.line_id IS NULL OR c.line_id = i.line_id) AND c.enabled AND c.removed_at IS NULL
             WHERE i.id = ANY ($1)
               AND ($2 = 'opened' OR EXISTS (SELECT FROM alert_deliveries d WHERE d.incident_id = i.id
                                             AND d.channel_id = c.id AND d.notice = 'opened'))
             ORDER BY i.id, c.id
             ON CONFLICT (incident_id, channel_id, notice) WHERE incident_id IS NOT NULL DO NOTHING
             RETURNING id, plant_id, channel_id, incident_id)
         SELECT made.id, made.plant_id, c.kind, NOT EXISTS (
                    SELECT FROM alert_deliveries o WHERE o.incident_id = made.incident_id AND o.channel_id = made.channel_id
                    AND o.notice = 'opened' AND o.state IN ('waiting', 'sending'))
         FROM made JOIN alert_channels c ON c.id = made.channel_id",
    )
    .bind(incidents)
    .bind(kind.as_str())
    .bind(now)
    .fetch_all(connection)
    .await?;
    let made = |(id, plant_id, kind, due): (Uuid, i32, String, bool)| {
        Ok(Made { id, plant_id, kind: channel_kind(&kind)?, due })
    };
    rows.into_iter().map(made).collect()
}

/// The notice of an incident's end that waited until its beginning was settled: this delivery, in this transaction.
pub async fn end_that_waits(
    connection: &mut PgConnection,
    beginning: Uuid,
) -> sqlx::Result<Option<(Uuid, i32, ChannelKind)>> {
    let row: Option<(Uuid, i32, String)> = sqlx::query_as(
        "SELECT e.id, e.plant_id, c.kind FROM alert_deliveries o
         JOIN alert_deliveries e ON e.incident_id = o.incident_id AND e.channel_id = o.channel_id
              AND e.notice = 'resolved' AND e.state = 'waiting' AND e.claimed_at IS NULL
         JOIN alert_channels c ON c.id = e.channel_id WHERE o.id = $1 AND o.notice = 'opened'",
    )
    .bind(beginning)
    .fetch_optional(connection)
    .await?;
    row.map(|(id, plant_id, kind)| Ok((id, plant_id, channel_kind(&kind)?))).transpose()
}

fn channel_kind(word: &str) -> sqlx::Result<ChannelKind> {
    ChannelKind::named(word).ok_or_else(|| sqlx::Error::Decode("no kind of channel".into()))
}

/// A delivery that is about no incident.
pub async fn make_test(
    connection: &mut PgConnection,
    plant: i32,
    channel: i32,
    now: DateTime<Utc>,
) -> sqlx::Result<Uuid> {
    sqlx::query_scalar(
        "INSERT INTO alert_deliveries (plant_id, channel_id, notice, created_at) VALUES ($1, $2, 'test', $3) RETURNING id",
    )
    .bind(plant)
    .bind(channel)
    .bind(now)
    .fetch_one(connection)
    .await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    Ours,
    /// It is sent, or there is none.
    NothingToSend,
    SomebodyElses,
}

/// Claims a delivery for the holder of this lease.
pub async fn claim(
    pool: &PgPool,
    delivery: Uuid,
    lease: Lease,
    now: DateTime<Utc>,
    expired: DateTime<Utc>,
) -> sqlx::Result<Claim> {
    let claimed = sqlx::query(
        "UPDATE alert_deliveries SET state = 'sending', claimed_at = $2, claimed_by = $3, claim_reads = $4
         WHERE id = $1 AND (state IN ('waiting', 'failed') OR (state = 'sending' AND (
             claimed_at < $5 OR (claimed_by = $3 AND claim_reads <= $4))))",
    )
    .bind(delivery)
    .bind(now)
    .bind(lease.id)
    .bind(lease.reads)
    .bind(expired)
    .execute(pool)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::Ours);
    }
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM alert_deliveries WHERE id = $1")
        .bind(delivery)
        .fetch_optional(pool)
        .await?;
    Ok(if state.as_deref() == Some("sending") { Claim::SomebodyElses } else { Claim::NothingToSend })
}

/// When an attempt began and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    pub at: DateTime<Utc>,
    pub lasted: Duration,
    pub settled_at: DateTime<Utc>,
}

/// Notes what came of an attempt, once however often it is noted.
pub async fn settle(
    connection: &mut PgConnection,
    delivery: Uuid,
    state: &'static str,
    tried: &Tried,
    answer: &Answer,
    error: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO alert_delivery_attempts (delivery_id, at, lasted_ms, status, answer, error)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE NOT EXISTS (SELECT FROM alert_delivery_attempts WHERE delivery_id = $1 AND at = $2)",
    )
    .bind(delivery)
    .bind(tried.at)
    .bind(i64::try_from(tried.lasted.as_millis()).unwrap_or(i64::MAX))
    .bind(answer.status)
    .bind(&answer.text)
    .bind(error)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE alert_deliveries SET state = $2, settled_at = $3
         WHERE id = $1 AND state <> 'sent'",
    )
    .bind(delivery)
    .bind(state)
    .bind(tried.settled_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Everything that a notice says, as of now.
pub async fn letter(pool: &PgPool, delivery: Uuid) -> sqlx::Result<Option<Letter>> {
    let row = sqlx::query(
        "SELECT d.notice, c.id AS channel_id, c.address, c.secret, c.enabled AND c.removed_at IS NULL AS channel_works,
                p.name AS plant, p.time_zone, i.id AS incident_id, i.kind, i.title, i.detail, i.began_at, i.opened_at,
                i.resolved_at, i.occurrences, l.name AS line, m.name AS machine, a.name AS agent,
                (SELECT o.id FROM alert_deliveries o WHERE o.incident_id = d.incident_id AND o.channel_id = d.channel_id
                 AND o.notice = 'opened') AS opening
         FROM alert_deliveries d JOIN alert_channels c ON c.id = d.channel_id JOIN plants p ON p.id = d.plant_id
         LEFT JOIN incidents i ON i.id = d.incident_id LEFT JOIN lines l ON l.id = i.line_id
         LEFT JOIN machines m ON m.id = i.machine_id LEFT JOIN agents a ON a.id = i.agent_id
         WHERE d.id = $1",
    )
    .bind(delivery)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let notice: &str = row.try_get("notice")?;
    let incident: Option<i64> = row.try_get("incident_id")?;
    let about = incident
        .map(|incident| {
            let kind: &str = row.try_get("kind")?;
            Ok::<_, sqlx::Error>(About {
                incident,
                kind: IncidentKind::named(kind).ok_or_else(|| sqlx::Error::Decode("no kind of incident".into()))?,
                line: row.try_get("line")?,
                title: row.try_get("title")?,
                detail: row.try_get("detail")?,
                machine: row.try_get("machine")?,
                agent: row.try_get("agent")?,
                began_at: row.try_get("began_at")?,
                opened_at: row.try_get("opened_at")?,
                resolved_at: row.try_get("resolved_at")?,
                occurrences: row.try_get("occurrences")?,
            })
        })
        .transpose()?;
    Ok(Some(Letter {
        delivery,
        opening: row.try_get("opening")?,
        notice: NoticeKind::named(notice).ok_or_else(|| sqlx::Error::Decode("no kind of notice".into()))?,
        address: row.try_get("address")?,
        secret: row.try_get("secret")?,
        channel_works: row.try_get("channel_works")?,
        plant: row.try_get("plant")?,
        time_zone: row.try_get("time_zone")?,
        about,
    }))
}

/// A delivery in the log, without its attempts.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: Uuid,
    pub plant: String,
    pub channel_id: i32,
    pub channel_kind: String,
    pub address: String,
    pub incident_id: Option<i64>,
    pub incident_kind: Option<String>,
    pub incident_title: Option<String>,
    pub notice: String,
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub delivery: Option<Uuid>,
    pub incident: Option<i64>,
    pub channel: Option<i32>,
    pub before: Option<(DateTime<Utc>, Uuid)>,
}

/// Newest first.
pub async fn deliveries(pool: &PgPool, filter: Filter<'_>, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "SELECT d.id, p.name AS plant, d.channel_id, c.kind AS channel_kind, c.address, d.incident_id,
                i.kind AS incident_kind, i.title AS incident_title, d.notice, d.state, d.created_at, d.settled_at
         FROM alert_deliveries d JOIN alert_channels c ON c.id = d.channel_id JOIN plants p ON p.id = d.plant_id
         LEFT JOIN incidents i ON i.id = d.incident_id
         WHERE ($1::int[] IS NULL OR d.plant_id = ANY ($1)) AND ($2::bigint IS NULL OR d.incident_id = $2)
           AND ($3::int IS NULL OR d.channel_id = $3)
           AND ($4::timestamptz IS NULL OR (d.created_at, d.id) < ($4, $5::uuid))
           AND ($7::text IS NULL OR p.name = $7) AND ($8::uuid IS NULL OR d.id = $8)
         ORDER BY d.created_at DESC, d.id DESC LIMIT $6",
    )
    .bind(filter.plants)
    .bind(filter.incident)
    .bind(filter.channel)
    .bind(filter.before.map(|before| before.0))
    .bind(filter.before.map(|before| before.1))
    .bind(limit)
    .bind(filter.plant)
    .bind(filter.delivery)
    .fetch_all(pool)
    .await
}

/// What the other side answered to one try.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct AttemptRow {
    #[serde(skip)]
    pub delivery_id: Uuid,
    pub at: DateTime<Utc>,
    pub lasted_ms: i64,
    /// HTTP or SMTP status; none when there was no answer.
    pub status: Option<i32>,
    /// The first bytes of the answer.
    pub answer: Option<String>,
    pub error: Option<String>,
}

pub async fn attempts(pool: &PgPool, deliveries: &[Uuid]) -> sqlx::Result<Vec<AttemptRow>> {
    sqlx::query_as(
        "SELECT delivery_id, at, lasted_ms, status, answer, error FROM alert_delivery_attempts
         WHERE delivery_id = ANY ($1) ORDER BY at",
    )
    .bind(deliveries)
    .fetch_all(pool)
    .await
}
