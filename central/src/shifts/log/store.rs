//! SQL about the shift log.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::web::page::Place;
use crate::web::span::Span;

/// Whose log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    /// Entries at this machine, and at the stations of its agent that belong to no one machine.
    pub machine: Option<(i32, i32)>,
    /// Words of the type `shift_log_entry`; all when none.
    pub entry: Option<&'f str>,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LogRow {
    pub at: DateTime<Utc>,
    pub agent_id: i32,
    pub epoch: i32,
    pub seq: i64,
    pub clock: String,
    pub plant: String,
    pub agent: String,
    pub machine: Option<String>,
    pub machine_id: Option<i32>,
    pub station: Option<String>,
    pub entry: String,
    pub operator: Option<String>,
    pub operator_name: Option<String>,
    pub note: Option<String>,
}

/// Newest first, strictly after `after` in that order.
pub async fn entries(
    pool: &PgPool,
    filter: Filter<'_>,
    span: Span,
    after: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    sqlx::query_as(
        "SELECT l.at, l.agent_id, l.epoch, l.seq, l.clock::text AS clock, p.name AS plant, a.name AS agent,
                m.name AS machine, l.machine_id, s.name AS station, l.entry::text AS entry, l.operator,
                o.name AS operator_name, l.note
         FROM shift_log l JOIN plants p ON p.id = l.plant_id JOIN agents a ON a.id = l.agent_id
         LEFT JOIN machines m ON m.id = l.machine_id LEFT JOIN stations s ON s.id = l.station_id
         LEFT JOIN operators o ON o.plant_id = l.plant_id AND o.number = l.operator
         WHERE ($1::int[] IS NULL OR l.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR l.machine_id = $3 OR (l.machine_id IS NULL AND l.agent_id = $4))
           AND ($5::text IS NULL OR l.entry::text = $5) AND l.at >= $6 AND l.at < $7
           AND ($8::timestamptz IS NULL OR (l.at <= $8 AND (l.at, l.agent_id, l.epoch, l.seq) < ($8, $9, $10, $11)))
         ORDER BY l.at DESC, l.agent_id DESC, l.epoch DESC, l.seq DESC LIMIT $12",
    )
    .bind(filter.plants)
    .bind(filter.plant)
    .bind(filter.machine.map(|machine| machine.0))
    .bind(filter.machine.map(|machine| machine.1))
    .bind(filter.entry)
    .bind(span.from)
    .bind(span.to)
    .bind(after.map(|place| place.at))
    .bind(after.map(|place| place.keys[0]))
    .bind(after.map(|place| place.keys[1]))
    .bind(after.map(|place| place.keys[2]))
    .bind(limit)
    .fetch_all(pool)
    .await
}
