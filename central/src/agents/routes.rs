//! `/agents`: who was let in and how each of them is doing.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::overview::{Agent, store};
use crate::auth::{Permission, Principal};
use crate::web::Reads;
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems, Segments};

const AGENTS_DEFAULT: i64 = 200;
const AGENTS_MAX: i64 = 1_000;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Name of a plant; all that one may see when absent.
    plant: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AgentList {
    at: DateTime<Utc>,
    agents: Vec<Agent>,
    next: Option<String>,
}

/// Agents by plant and name.
#[utoipa::path(get, operation_id = "list_agents", path = "/agents", tag = "agents", params(ListParameters), responses((status = OK, body = AgentList), Problems))]
async fn list(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<AgentList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, AGENTS_DEFAULT, AGENTS_MAX)?;
    let after = match &parameters.cursor {
        Some(cursor) => Some(place(cursor).ok_or_else(page::no_cursor)?),
        None => None,
    };
    let at = reads.now();
    let filter =
        store::Filter { plants: principal.plants.ids(), plant: parameters.plant.as_deref(), uuid: None, after };
    let mut agents = store::agents(&reads.pool, filter, limit + 1, at).await?;
    let next = page::next(&mut agents, limit, |last| format!("{}/{}/{}", last.plant, last.name, last.uuid));
    Ok(Json(AgentList { at, agents, next }))
}

fn place(cursor: &str) -> Option<(&str, &str, uuid::Uuid)> {
    let (plant, rest) = cursor.split_once('/')?;
    let (name, uuid) = rest.split_once('/')?;
    Some((plant, name, uuid.parse().ok()?))
}

/// One agent.
#[utoipa::path(get, operation_id = "agent", path = "/agents/{agent}", tag = "agents", params(("agent" = uuid::Uuid, Path)), responses((status = OK, body = Agent), Problems))]
async fn one(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
) -> Result<Json<Agent>, Problem> {
    principal.may(Permission::Read)?;
    let filter = store::Filter { plants: principal.plants.ids(), uuid: Some(uuid), ..store::Filter::default() };
    let found = store::agents(&reads.pool, filter, 1, reads.now()).await?;
    found.into_iter().next().map(Json).ok_or_else(|| Problem::not_found("there is no such agent"))
}
