//! `/machines/{machine}/jobs`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Reported, Stint, add_reported, store};
use crate::auth::Principal;
use crate::machines::overview::Pieces;
use crate::machines::subject;
use crate::production;
use crate::production::history::store::EntryRow;
use crate::web::Reads;
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{MONTH, Span, span};

/// Stints of one answer.
const STINTS_MAX: usize = 500;
/// Reports of pieces that one answer takes in.
const REPORTS_MAX: i64 = 20_000;
/// Counts are summed up from the begin of a stint on, when it began no longer before the span than this.
const SUMMED_BEFORE: Duration = Duration::days(31);

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(machine_jobs)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct JobParameters {
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct JobList {
    /// Central's clock.
    at: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Newest first: stretches of work on one order that overlap the span, whole.
    jobs: Vec<Stint>,
    /// There were more than 500: ask again with `to` set to this.
    next: Option<DateTime<Utc>>,
}

/// Which jobs a machine worked on, and what it made in each.
#[utoipa::path(
    get, operation_id = "machine_jobs", path = "/machines/{machine}/jobs", tag = "work_orders",
    params(("machine" = i32, Path), JobParameters), responses((status = OK, body = JobList), Problems)
)]
async fn machine_jobs(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(parameters): Parameters<JobParameters>,
) -> Result<Json<JobList>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let at = reads.now();
    let span = span(parameters.from, parameters.to, at, MONTH)?;
    let mut jobs = store::overlapping(&reads.pool, subject.id, span).await?;
    let surplus = jobs.len().saturating_sub(STINTS_MAX);
    let next = surplus.checked_sub(1).and_then(|last| jobs.get(last + 1)).map(|oldest| oldest.began_at);
    jobs.drain(..surplus);
    count(&reads, subject.id, span, &mut jobs).await?;
    jobs.reverse();
    Ok(Json(JobList { at, from: span.from, to: span.to, jobs, next }))
}

/// Sums up the pieces of stints, which are in order of time.
async fn count(reads: &Reads, machine: i32, span: Span, jobs: &mut [Stint]) -> Result<(), Problem> {
    let summed: Vec<usize> =
        (0..jobs.len()).filter(|index| span.from - jobs[*index].began_at <= SUMMED_BEFORE).collect();
    let (Some(first), Some(last)) = (summed.first(), summed.last()) else { return Ok(()) };
    // A stint that goes on is counted up to now, and a little beyond: an agent's clock may be ahead.
    let end = jobs[*last].ended_at.unwrap_or(reads.now() + Duration::hours(1));
    let counted = Span { from: jobs[*first].began_at, to: end.max(span.to) };
    let mut edges: Vec<DateTime<Utc>> =
        summed.iter().flat_map(|index| [jobs[*index].began_at, jobs[*index].ended_at.unwrap_or(end)]).collect();
    edges.sort_unstable();
    edges.dedup();
    let pieces = production::history::store::pieces(&reads.pool, machine, &edges, false).await?;
    for index in summed {
        let bucket = edges.binary_search(&jobs[index].began_at).ok();
        let empty = jobs[index].ended_at == Some(jobs[index].began_at);
        let found = bucket.filter(|_| !empty).and_then(|bucket| pieces.get(bucket)).copied();
        jobs[index].pieces = Some(found.unwrap_or_default());
    }
    let reports = production::history::store::piece_entries(&reads.pool, machine, counted, None, REPORTS_MAX).await?;
    let reports: Vec<Reported> = reports.iter().map(reported).collect();
    add_reported(jobs, &reports);
    Ok(())
}

fn reported(row: &EntryRow) -> Reported {
    let sign = if row.takes_back { -1 } else { 1 };
    let moved = if row.counted_as_good { row.scrap + row.rework } else { 0 };
    let pieces = Pieces { good: sign * (row.good - moved), scrap: sign * row.scrap, rework: sign * row.rework };
    Reported { at: row.at, work_order: row.work_order.clone(), pieces }
}
