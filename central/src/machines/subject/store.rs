//! SQL about which machines a page is about.

use sqlx::PgPool;

use super::Subject;

#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only machines of these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub id: Option<i32>,
    pub plant: Option<&'f str>,
    pub line: Option<&'f str>,
}

/// By id, at most `limit`.
pub async fn subjects(pool: &PgPool, filter: Filter<'_>, limit: i64) -> sqlx::Result<Vec<Subject>> {
    sqlx::query_as(
        "SELECT m.id, m.plant_id, m.agent_id, p.name AS plant, m.name, p.time_zone, l.state, l.state_since,
                l.reported_at, CASE WHEN s.backlog_events > 0 THEN s.backlog_oldest_at END AS backlog_oldest_at
         FROM machines m JOIN plants p ON p.id = m.plant_id
         LEFT JOIN lines n ON n.id = m.line_id
         LEFT JOIN machine_live l ON l.machine_id = m.id LEFT JOIN agent_status s ON s.agent_id = m.agent_id
         WHERE ($1::int[] IS NULL OR m.plant_id = ANY ($1)) AND ($2::int IS NULL OR m.id = $2)
           AND ($3::text IS NULL OR p.name = $3) AND ($4::text IS NULL OR n.name = $4)
         ORDER BY m.id LIMIT $5",
    )
    .bind(filter.plants)
    .bind(filter.id)
    .bind(filter.plant)
    .bind(filter.line)
    .bind(limit)
    .fetch_all(pool)
    .await
}
