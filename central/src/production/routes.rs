//! `/machines/{machine}/production` and `/machines/{machine}/piece-entries`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::history::buckets::{Grain, edges};
use super::history::store::EntryRow;
use super::history::{Bucket, expected, store};
use crate::auth::Principal;
use crate::machines::subject;
use crate::machines::timeline::timeline;
use crate::web::Reads;
use crate::web::page::{self, Place};
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{Lengths, MONTH, Span, SpanPage, SpanParameters, span};
use crate::work_orders::jobs;

/// Segments that a target is computed from; past them it stays unknown.
const SEGMENTS_MAX: usize = 100_000;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(machine_production)).routes(routes!(machine_piece_entries)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ProductionParameters {
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent. How long after `from` at most depends on the bucket.
    to: Option<DateTime<Utc>>,
    /// `15min` (2 days at most), `hour` (8 days, the default) or `day` (62 days), counted from the plant's midnight.
    #[param(inline)]
    bucket: Option<Grain>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ProductionAnswer {
    /// Central's clock.
    at: DateTime<Utc>,
    /// Where hours and days are counted.
    time_zone: String,
    /// Whole buckets, side by side: those that overlap what was asked for.
    buckets: Vec<Bucket>,
}

/// What a machine made, by quarter of an hour, hour or day of its plant, and what it could have made.
#[utoipa::path(
    get, operation_id = "machine_production", path = "/machines/{machine}/production", tag = "production",
    params(("machine" = i32, Path), ProductionParameters), responses((status = OK, body = ProductionAnswer), Problems)
)]
async fn machine_production(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(parameters): Parameters<ProductionParameters>,
) -> Result<Json<ProductionAnswer>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let at = reads.now();
    let grain = parameters.bucket.unwrap_or(Grain::Hour);
    let lengths = Lengths { default: MONTH.default, max: grain.longest(), ahead: TimeDelta::zero() };
    let span = span(parameters.from, parameters.to, at, lengths)?;
    let edges = edges(span, grain, &subject.time_zone)
        .ok_or_else(|| Problem::bad_request("from and to lie where the plant's calendar has no days"))?;
    let (Some(from), Some(to)) = (edges.first().copied(), edges.last().copied()) else {
        return Ok(Json(ProductionAnswer { at, time_zone: subject.time_zone, buckets: Vec::new() }));
    };
    let whole = Span { from, to };
    let pieces = match grain {
        Grain::Day => store::days(&reads.pool, &subject, &edges).await?,
        Grain::Hour | Grain::Quarter => store::pieces(&reads.pool, subject.id, &edges, true).await?,
    };
    let stints = jobs::store::overlapping(&reads.pool, subject.id, whole).await?;
    let mut states = timeline(&reads.pool, &subject, whole, at, SEGMENTS_MAX).await?;
    if states.cut {
        states.segments.clear();
    }
    let expected = expected(&edges, &states.segments, &stints);
    let buckets = edges.windows(2).zip(pieces).zip(expected).map(|((edge, pieces), expected)| Bucket {
        from: edge[0],
        to: edge[1],
        pieces,
        running_us: expected.running_us,
        target: expected.target,
        targeted_us: expected.targeted_us,
    });
    Ok(Json(ProductionAnswer { at, time_zone: subject.time_zone, buckets: buckets.collect() }))
}

/// Pieces that a person reported, or took back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReportedPieces {
    at: DateTime<Utc>,
    clock: String,
    /// A report and its taking back carry the same one.
    entry: Uuid,
    good: i64,
    scrap: i64,
    rework: i64,
    /// The machine had counted the scrap and rework as good: they were taken from its good pieces.
    counted_as_good: bool,
    takes_back: bool,
    reason: Option<String>,
    reason_title: Option<String>,
    work_order: Option<String>,
    operator: Option<String>,
    operator_name: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PieceEntryList {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Newest first.
    entries: Vec<ReportedPieces>,
    next: Option<String>,
}

/// Pieces that people reported at a machine, newest first.
#[utoipa::path(
    get, operation_id = "machine_piece_entries", path = "/machines/{machine}/piece-entries", tag = "production",
    params(("machine" = i32, Path), SpanParameters), responses((status = OK, body = PieceEntryList), Problems)
)]
async fn machine_piece_entries(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(parameters): Parameters<SpanParameters>,
) -> Result<Json<PieceEntryList>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let SpanPage { span, after, limit } = parameters.page(reads.now())?;
    let mut rows = store::piece_entries(&reads.pool, subject.id, span, after.as_ref(), limit + 1).await?;
    let next = page::next(&mut rows, limit, |last| place(last).to_string());
    let entries = rows.into_iter().map(ReportedPieces::from).collect();
    Ok(Json(PieceEntryList { from: span.from, to: span.to, entries, next }))
}

fn place(row: &EntryRow) -> Place {
    Place { at: row.at, keys: [row.agent_id.into(), row.epoch.into(), row.seq] }
}

impl From<EntryRow> for ReportedPieces {
    fn from(row: EntryRow) -> ReportedPieces {
        ReportedPieces {
            at: row.at,
            clock: row.clock,
            entry: row.entry,
            good: row.good,
            scrap: row.scrap,
            rework: row.rework,
            counted_as_good: row.counted_as_good,
            takes_back: row.takes_back,
            reason: row.reason,
            reason_title: row.reason_title,
            work_order: row.work_order,
            operator: row.operator,
            operator_name: row.operator_name,
        }
    }
}
