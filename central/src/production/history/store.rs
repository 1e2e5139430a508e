//! SQL about what was made when.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use protocol::time::UtcMicros;
use sqlx::PgPool;
use uuid::Uuid;

use crate::fact::{PlantCalendar, date_of};
use crate::machines::overview::Pieces;
use crate::machines::subject::Subject;
use crate::web::span::Span;

/// Pieces between neighbouring `edges` (ascending, at least two): one scan of the rows of the whole stretch.
pub async fn pieces(pool: &PgPool, machine: i32, edges: &[DateTime<Utc>], entries: bool) -> sqlx::Result<Vec<Pieces>> {
    let mut pieces = vec![Pieces::default(); edges.len().saturating_sub(1)];
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(pieces) };
    let rows: Vec<(i32, i64, i64, i64)> = sqlx::query_as(
        "SELECT width_bucket(at, $4::timestamptz[]),
                coalesce(sum(delta) FILTER (WHERE quality = 'good'), 0)::bigint,
                coalesce(sum(delta) FILTER (WHERE quality = 'scrap'), 0)::bigint,
                coalesce(sum(delta) FILTER (WHERE quality = 'rework'), 0)::bigint
         FROM production_logs
         WHERE machine_id = $1 AND at >= $2 AND at < $3 AND ($5 OR basis <> 'entry') GROUP BY 1",
    )
    .bind(machine)
    .bind(first)
    .bind(last)
    .bind(edges)
    .bind(entries)
    .fetch_all(pool)
    .await?;
    for (bucket, good, scrap, rework) in rows {
        let index = usize::try_from(bucket - 1).unwrap_or(usize::MAX);
        if let Some(found) = pieces.get_mut(index) {
            *found = Pieces { good, scrap, rework };
        }
    }
    Ok(pieces)
}

/// Pieces of the plant's days between neighbouring `edges`, from the summary: exact, and kept for ever.
pub async fn days(pool: &PgPool, subject: &Subject, edges: &[DateTime<Utc>]) -> sqlx::Result<Vec<Pieces>> {
    let mut calendar = PlantCalendar::new(&subject.time_zone);
    let begins = edges.split_last().map_or(&[][..], |(_, begins)| begins);
    let days: Vec<NaiveDate> = begins
        .iter()
        .map(|at| calendar.day_of(UtcMicros(at.timestamp_micros())).map_or(NaiveDate::MIN, |day| date_of(day.number)))
        .collect();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
    let rows: Vec<(NaiveDate, i64, i64, i64)> = sqlx::query_as(
        "SELECT plant_day, good, scrap, rework FROM daily_production_summary
         WHERE plant_id = $1 AND machine_id = $2 AND plant_day >= $3 AND plant_day <= $4",
    )
    .bind(subject.plant_id)
    .bind(subject.id)
    .bind(first)
    .bind(last)
    .fetch_all(pool)
    .await?;
    let sums: HashMap<NaiveDate, Pieces> =
        rows.into_iter().map(|(day, good, scrap, rework)| (day, Pieces { good, scrap, rework })).collect();
    Ok(days.iter().map(|day| sums.get(day).copied().unwrap_or_default()).collect())
}

/// A row of `piece_entries`.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct EntryRow {
    pub at: DateTime<Utc>,
    pub agent_id: i32,
    pub epoch: i32,
    pub seq: i64,
    pub clock: String,
    pub entry: Uuid,
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    pub counted_as_good: bool,
    pub takes_back: bool,
    pub reason: Option<String>,
    pub reason_title: Option<String>,
    pub work_order: Option<String>,
    pub operator: Option<String>,
    pub operator_name: Option<String>,
}

/// Newest first, strictly after `after` in that order.
pub async fn piece_entries(
    pool: &PgPool,
    machine: i32,
    span: Span,
    after: Option<&crate::web::page::Place>,
    limit: i64,
) -> sqlx::Result<Vec<EntryRow>> {
    sqlx::query_as(
        "SELECT e.at, e.agent_id, e.epoch, e.seq, e.clock::text AS clock, e.entry, e.good, e.scrap, e.rework,
                e.counted_as_good, e.takes_back, e.reason, r.title AS reason_title, e.work_order, e.operator,
                o.name AS operator_name
         FROM piece_entries e
         LEFT JOIN reasons r ON r.plant_id = e.plant_id AND r.code = e.reason
         LEFT JOIN operators o ON o.plant_id = e.plant_id AND o.number = e.operator
         WHERE e.machine_id = $1 AND e.at >= $2 AND e.at < $3
           AND ($4::timestamptz IS NULL OR (e.at <= $4 AND (e.at, e.agent_id, e.epoch, e.seq) < ($4, $5, $6, $7)))
         ORDER BY e.at DESC, e.agent_id DESC, e.epoch DESC, e.seq DESC LIMIT $8",
    )
    .bind(machine)
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
