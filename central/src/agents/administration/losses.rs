//! What an agent lost, what central refused of it, and what was set aside until a person releases it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Administration, existing, store};
use crate::auth::{Permission, Principal};
use crate::plants;
use crate::sync::facts::Quarantine;
use crate::sync::quarantine::{self, Selection};
use crate::web::page;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

const ITEMS_DEFAULT: i64 = 100;
const ITEMS_MAX: i64 = 1_000;

pub(super) fn router(administration: Arc<Administration>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(gaps))
        .routes(routes!(rejected_frames))
        .routes(routes!(quarantined_events))
        .routes(routes!(release))
        .with_state(administration)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageParameters {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Loss that was recorded.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct RecordedGap {
    pub at: DateTime<Utc>,
    pub machine: Option<String>,
    pub epoch: i32,
    pub seq: i64,
    pub cause: String,
    /// What was lost: a class of events, a source.
    pub subject: String,
    /// Events lost, where that is known.
    pub lost: Option<i64>,
    pub gap_from: DateTime<Utc>,
    pub gap_to: DateTime<Utc>,
    pub text: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GapList {
    gaps: Vec<RecordedGap>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Gaps of an agent, newest first.
#[utoipa::path(get, operation_id = "list_gaps", path = "/agents/{agent}/gaps", tag = "agents", params(("agent" = uuid::Uuid, Path), PageParameters), responses((status = OK, body = GapList), Problems))]
async fn gaps(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Json<GapList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, ITEMS_DEFAULT, ITEMS_MAX)?;
    let before =
        parameters.cursor.as_deref().map(|cursor| gap_place(cursor).ok_or_else(page::no_cursor)).transpose()?;
    let agent = existing(&administration, &principal, uuid).await?;
    let mut connection = administration.reads.pool.acquire().await?;
    let mut gaps = store::gaps(&mut connection, agent.id, before, limit + 1).await?;
    let next =
        page::next(&mut gaps, limit, |last| format!("{}/{}/{}", last.at.timestamp_micros(), last.epoch, last.seq));
    Ok(Json(GapList { gaps, next }))
}

fn gap_place(cursor: &str) -> Option<(DateTime<Utc>, i32, i64)> {
    let mut parts = cursor.splitn(3, '/');
    let at: i64 = parts.next()?.parse().ok()?;
    // What PostgreSQL and this calendar can both hold.
    let at = (-60_000_000_000_000_000..250_000_000_000_000_000).contains(&at).then_some(at)?;
    Some((DateTime::from_timestamp_micros(at)?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A body that could not be decoded. The agent keeps its data.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct RejectedFrame {
    pub id: i64,
    pub error: String,
    pub frame_bytes: i32,
    pub received_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RejectedFrameList {
    /// Newest first; only the newest few of each agent are kept.
    rejected_frames: Vec<RejectedFrame>,
}

/// Bodies of an agent that could not be decoded, newest first.
#[utoipa::path(get, operation_id = "list_rejected_frames", path = "/agents/{agent}/rejected-frames", tag = "agents", params(("agent" = uuid::Uuid, Path)), responses((status = OK, body = RejectedFrameList), Problems))]
async fn rejected_frames(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
) -> Result<Json<RejectedFrameList>, Problem> {
    principal.may(Permission::Read)?;
    let agent = existing(&administration, &principal, uuid).await?;
    let mut connection = administration.reads.pool.acquire().await?;
    Ok(Json(RejectedFrameList { rejected_frames: store::rejected_frames(&mut connection, agent.id).await? }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct QuarantineParameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
    /// Why it was set aside: future, beyond_retention, out_of_range, …
    #[param(max_length = 64)]
    reason: Option<String>,
    /// Only of this agent.
    agent: Option<uuid::Uuid>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// An event that is committed and is no fact yet.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct QuarantinedEvent {
    pub id: i64,
    pub plant: String,
    pub agent: String,
    pub agent_uuid: uuid::Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub reason: String,
    pub detail: String,
    /// When it happened, as the agent's clock said: microseconds since 1970. A wrong clock may say anything.
    pub at_us: i64,
    /// `machine`, `station`, `agent` or `unnamed`.
    pub origin_kind: String,
    pub origin: String,
    pub received_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct QuarantinedEventList {
    quarantined_events: Vec<QuarantinedEvent>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Events that wait for a person, oldest first.
#[utoipa::path(get, operation_id = "list_quarantined_events", path = "/quarantined-events", tag = "agents", params(QuarantineParameters), responses((status = OK, body = QuarantinedEventList), Problems))]
async fn quarantined_events(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Parameters(parameters): Parameters<QuarantineParameters>,
) -> Result<Json<QuarantinedEventList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, ITEMS_DEFAULT, ITEMS_MAX)?;
    let after: Option<i64> = parameters.cursor.as_deref().map(str::parse).transpose().map_err(|_| page::no_cursor())?;
    let filter = store::Held {
        plants: principal.plants.ids(),
        plant: parameters.plant.as_deref(),
        reason: parameters.reason.as_deref(),
        agent: parameters.agent,
        after: after.unwrap_or(0),
    };
    let mut connection = administration.reads.pool.acquire().await?;
    let mut quarantined_events = store::quarantined_events(&mut connection, &filter, limit + 1).await?;
    let next = page::next(&mut quarantined_events, limit, |last| last.id.to_string());
    Ok(Json(QuarantinedEventList { quarantined_events, next }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// Name of a plant.
    #[schema(max_length = 64)]
    plant: String,
    /// Only events held for this reason.
    #[schema(max_length = 64)]
    reason: Option<String>,
    /// Only events of this machine or station.
    #[schema(max_length = 64)]
    origin: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Released {
    /// Events that are facts from here on.
    facts: u64,
    /// Events that stay, because their reason still holds.
    held: u64,
}

/// Makes facts of quarantined events whose reason no longer holds; the rest stays.
#[utoipa::path(post, operation_id = "release_quarantined_events", path = "/quarantined-events/release", tag = "agents", request_body = Release, responses((status = OK, body = Released), Problems))]
async fn release(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Content(wanted): Content<Release>,
) -> Result<Json<Released>, Problem> {
    principal.may(Permission::ManageAgents)?;
    let known = Quarantine::ALL.map(Quarantine::as_str);
    if let Some(reason) = wanted.reason.as_deref().filter(|reason| !known.contains(reason)) {
        return Err(Problem::bad_request(format!("reason: {reason:?} is none: expected one of {}", known.join(", "))));
    }
    let mut connection = administration.pool.acquire().await?;
    let plant = plants::named(&mut connection, &principal, &wanted.plant).await?;
    let selection = Selection { plant_id: plant.id, reason: wanted.reason, origin: wanted.origin };
    let (clock, tolerance) = (&administration.reads.clock, administration.future_tolerance);
    let done = quarantine::release(&administration.pool, clock, tolerance, &selection, &principal.actor()).await?;
    Ok(Json(Released { facts: done.facts, held: done.held }))
}
