//! SQL about a machine's jobs.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{JobRow, Stint, stints};
use crate::web::span::Span;

/// Entries of one machine in a span that are read at most; a stint has two.
const ROWS_MAX: i64 = 20_000;

/// Stints that overlap the span, by begin, without their pieces.
pub async fn overlapping(pool: &PgPool, machine: i32, span: Span) -> sqlx::Result<Vec<Stint>> {
    // A stint that was on as the span began has its begin before it: the last one there. Pauses and ends between that and
    // the span come along.
    let rows: Vec<JobRow> = sqlx::query_as(
        "SELECT j.at, j.action::text AS action, j.work_order, j.operator, w.product, p.title AS product_title,
                w.quantity, p.ideal_cycle_ms
         FROM job_log j
         LEFT JOIN work_orders w ON w.plant_id = j.plant_id AND w.code = j.work_order
         LEFT JOIN products p ON p.plant_id = j.plant_id AND p.code = w.product
         WHERE j.machine_id = $1 AND j.at < $3
           AND j.at >= coalesce((SELECT max(b.at) FROM job_log b
                                 WHERE b.machine_id = $1 AND b.at <= $2 AND b.action IN ('start', 'switch')), $2)
         ORDER BY j.at, j.agent_id, j.epoch, j.seq LIMIT $4",
    )
    .bind(machine)
    .bind(span.from)
    .bind(span.to)
    .bind(ROWS_MAX)
    .fetch_all(pool)
    .await?;
    let mut stints = stints(rows);
    stints.retain(|stint| stint.ended_at.is_none_or(|ended: DateTime<Utc>| ended > span.from));
    Ok(stints)
}
