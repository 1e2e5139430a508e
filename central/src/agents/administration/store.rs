//! SQL of administering agents.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::invitations::{INVITATIONS_MAX, OpenInvitation};
use super::losses::{QuarantinedEvent, RecordedGap, RejectedFrame};

/// Invitations that can still be used, newest first.
pub async fn open_invitations(
    connection: &mut PgConnection,
    plants: Option<&[i32]>,
    plant: Option<&str>,
    id: Option<i32>,
    at: DateTime<Utc>,
) -> sqlx::Result<Vec<OpenInvitation>> {
    sqlx::query_as(
        "SELECT i.id, p.name AS plant, i.agent_name AS agent, i.created_by,
                nullif(u.display_name, '') AS created_by_name, i.created_at, i.expires_at
         FROM enrolment_invitations i JOIN plants p ON p.id = i.plant_id
         LEFT JOIN users u ON u.name = i.created_by AND NOT EXISTS (SELECT FROM api_tokens t WHERE t.name = u.name)
         WHERE i.used_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > $1
           AND ($2::int[] IS NULL OR i.plant_id = ANY ($2)) AND ($3::text IS NULL OR p.name = $3)
           AND ($4::int IS NULL OR i.id = $4)
         ORDER BY i.id DESC LIMIT $5",
    )
    .bind(at)
    .bind(plants)
    .bind(plant)
    .bind(id)
    .bind(INVITATIONS_MAX)
    .fetch_all(connection)
    .await
}

/// False when it was used in this moment.
pub async fn revoke(connection: &mut PgConnection, id: i32, by: &str, at: DateTime<Utc>) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE enrolment_invitations SET revoked_at = $3, revoked_by = $2, expires_at = least(expires_at, $3)
         WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(by)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Newest first, those before a place.
pub async fn gaps(
    connection: &mut PgConnection,
    agent: i32,
    before: Option<(DateTime<Utc>, i32, i64)>,
    limit: i64,
) -> sqlx::Result<Vec<RecordedGap>> {
    sqlx::query_as(
        "SELECT g.at, m.name AS machine, g.epoch, g.seq, g.cause::text AS cause, g.subject, g.lost, g.gap_from, g.gap_to,
                g.text
         FROM gaps g LEFT JOIN machines m ON m.id = g.machine_id
         WHERE g.agent_id = $1 AND ($2::timestamptz IS NULL OR (g.at, g.epoch, g.seq) < ($2, $3, $4))
         ORDER BY g.at DESC, g.epoch DESC, g.seq DESC LIMIT $5",
    )
    .bind(agent)
    .bind(before.map(|(at, _, _)| at))
    .bind(before.map(|(_, epoch, _)| epoch))
    .bind(before.map(|(_, _, seq)| seq))
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Newest first.
pub async fn rejected_frames(connection: &mut PgConnection, agent: i32) -> sqlx::Result<Vec<RejectedFrame>> {
    sqlx::query_as(
        "SELECT id, error, frame_bytes, received_at FROM rejected_frames WHERE agent_id = $1 ORDER BY id DESC LIMIT 1000",
    )
    .bind(agent)
    .fetch_all(connection)
    .await
}

/// Which events are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Held<'f> {
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub reason: Option<&'f str>,
    pub agent: Option<uuid::Uuid>,
    pub after: i64,
}

/// Those that wait for a person, oldest first.
pub async fn quarantined_events(
    connection: &mut PgConnection,
    filter: &Held<'_>,
    limit: i64,
) -> sqlx::Result<Vec<QuarantinedEvent>> {
    sqlx::query_as(
        "SELECT q.id, p.name AS plant, a.name AS agent, a.uuid AS agent_uuid, q.epoch, q.seq, q.reason, q.detail, q.at_us,
                q.origin_kind, q.origin_name AS origin, q.received_at
         FROM quarantined_events q JOIN plants p ON p.id = q.plant_id JOIN agents a ON a.id = q.agent_id
         WHERE q.released_at IS NULL AND q.id > $1 AND ($2::int[] IS NULL OR q.plant_id = ANY ($2))
           AND ($3::text IS NULL OR p.name = $3) AND ($4::text IS NULL OR q.reason = $4)
           AND ($5::uuid IS NULL OR a.uuid = $5)
         ORDER BY q.id LIMIT $6",
    )
    .bind(filter.after)
    .bind(filter.plants)
    .bind(filter.plant)
    .bind(filter.reason)
    .bind(filter.agent)
    .bind(limit)
    .fetch_all(connection)
    .await
}
