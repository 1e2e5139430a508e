//! `/machines/{machine}/scans`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::overview::store;
use crate::auth::Principal;
use crate::events::fact::Element;
use crate::machines::subject;
use crate::web::Reads;
use crate::web::page::{self, Place};
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{SpanPage, SpanParameters};

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(machine_scans)).with_state(reads)
}

/// A code that was read.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReadCode {
    at: DateTime<Utc>,
    clock: String,
    /// The scanner.
    source: String,
    text: String,
    /// What the scanner sent, in base 64.
    raw: String,
    symbology: Option<String>,
    /// GS1 elements, in order.
    elements: Vec<Element>,
    /// Why it is no GS1 code although it claims to be, or which rule it breaks.
    problem: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ScanList {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Newest first.
    scans: Vec<ReadCode>,
    next: Option<String>,
}

/// Codes that were read at a machine, newest first.
#[utoipa::path(
    get, operation_id = "machine_scans", path = "/machines/{machine}/scans", tag = "scans",
    params(("machine" = i32, Path), SpanParameters), responses((status = OK, body = ScanList), Problems)
)]
async fn machine_scans(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(parameters): Parameters<SpanParameters>,
) -> Result<Json<ScanList>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let SpanPage { span, after, limit } = parameters.page(reads.now())?;
    let mut rows = store::scans(&reads.pool, subject.id, span, after, limit + 1).await?;
    let place = |row: &store::ScanRow| Place { at: row.at, keys: [row.agent_id.into(), row.epoch.into(), row.seq] };
    let next = page::next(&mut rows, limit, |last| place(last).to_string());
    let scans = rows.into_iter().map(|row| ReadCode {
        at: row.at,
        clock: row.clock,
        source: row.source,
        text: row.text,
        raw: BASE64.encode(&row.raw),
        symbology: row.symbology,
        elements: row.elements.0,
        problem: row.problem,
    });
    Ok(Json(ScanList { from: span.from, to: span.to, scans: scans.collect(), next }))
}
