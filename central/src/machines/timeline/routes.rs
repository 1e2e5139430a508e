//! `/machines/{machine}/timeline`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Segment, timeline};
use crate::auth::Principal;
use crate::machines::subject;
use crate::web::Reads;
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{MONTH, span};

const SEGMENTS_MAX: usize = 5_000;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(machine_timeline)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimelineParameters {
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TimelineAnswer {
    /// Central's clock.
    at: DateTime<Utc>,
    from: DateTime<Utc>,
    /// Where the segments end: not after `at`.
    to: DateTime<Utc>,
    /// Up to when facts say what happened; none when nothing was ever reported.
    evidence_end: Option<DateTime<Utc>>,
    /// From `from` to `to` without overlap or hole.
    segments: Vec<Segment>,
    /// There were too many segments: ask again with `from` set to this.
    next: Option<DateTime<Utc>>,
}

/// What a machine was doing, moment by moment.
#[utoipa::path(
    get, operation_id = "machine_timeline", path = "/machines/{machine}/timeline", tag = "machines",
    params(("machine" = i32, Path), TimelineParameters), responses((status = OK, body = TimelineAnswer), Problems)
)]
async fn machine_timeline(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(parameters): Parameters<TimelineParameters>,
) -> Result<Json<TimelineAnswer>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let at = reads.now();
    let span = span(parameters.from, parameters.to, at, MONTH)?;
    let found = timeline(&reads.pool, &subject, span, at, SEGMENTS_MAX).await?;
    Ok(Json(TimelineAnswer {
        at,
        from: span.from,
        to: found.to,
        evidence_end: subject.evidence_end(at),
        segments: found.segments,
        next: found.cut.then_some(found.to),
    }))
}
