//! `/machines/{machine}/scans`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::overview::store;
use crate::auth::Principal;
use crate::events::fact::Element;
use crate::machines::subject;
use crate::web::Reads;
use crate::web::page::{self, Place};
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{MONTH, span};

const SCANS_DEFAULT: i64 = 100;
const SCANS_MAX: i64 = 1_000;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(machine_scans)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ScanParameters {
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
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
    params(("machine" = i32, Path), ScanParameters), responses((status = OK, body = ScanList), Problems)
)]
async fn machine_scans(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(parameters): Parameters<ScanParameters>,
) -> Result<Json<ScanList>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let limit = page::limit(parameters.limit, SCANS_DEFAULT, SCANS_MAX)?;
    let span = span(parameters.from, parameters.to, reads.now(), MONTH)?;
    let after = page::place(parameters.cursor.as_deref())?;
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
