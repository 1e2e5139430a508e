//! SQL about the codes that were read.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::types::Json;

use crate::events::fact::Element;
use crate::web::page::Place;
use crate::web::span::Span;

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct ScanRow {
    pub at: DateTime<Utc>,
    pub agent_id: i32,
    pub epoch: i32,
    pub seq: i64,
    pub clock: String,
    pub source: String,
    pub text: String,
    pub raw: Vec<u8>,
    pub symbology: Option<String>,
    pub elements: Json<Vec<Element>>,
    pub problem: Option<String>,
}

/// Newest first, strictly after `after` in that order.
pub async fn scans(
    pool: &PgPool,
    machine: i32,
    span: Span,
    after: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<ScanRow>> {
    sqlx::query_as(
        "SELECT at, agent_id, epoch, seq, clock::text AS clock, source, text, raw, symbology, elements, problem
         FROM scans
         WHERE machine_id = $1 AND at >= $2 AND at < $3
           AND ($4::timestamptz IS NULL OR (at <= $4 AND (at, agent_id, epoch, seq) < ($4, $5, $6, $7)))
         ORDER BY at DESC, agent_id DESC, epoch DESC, seq DESC LIMIT $8",
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
