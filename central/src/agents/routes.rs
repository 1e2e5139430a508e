//! `/agents`: who was let in and how each of them is doing.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::overview::{Agent, store};
use crate::web::Reads;
use crate::web::page::{self, cut};
use crate::web::problem::{Parameters, Problem, Segments};

const AGENTS_DEFAULT: i64 = 200;
const AGENTS_MAX: i64 = 1_000;

pub fn router(reads: Reads) -> Router {
    Router::new().route("/agents", get(list)).route("/agents/{agent}", get(one)).with_state(reads)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    plant: Option<String>,
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct AgentList {
    at: DateTime<Utc>,
    agents: Vec<Agent>,
    next: Option<String>,
}

async fn list(
    State(reads): State<Reads>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<AgentList>, Problem> {
    let limit = page::limit(parameters.limit, AGENTS_DEFAULT, AGENTS_MAX)?;
    let after = match &parameters.cursor {
        Some(cursor) => Some(place(cursor).ok_or_else(page::no_cursor)?),
        None => None,
    };
    let at = reads.now();
    let mut agents = store::agents(&reads.pool, parameters.plant.as_deref(), None, after, limit + 1, at).await?;
    let more = cut(&mut agents, limit);
    let next = agents.last().filter(|_| more).map(|last| format!("{}/{}/{}", last.plant, last.name, last.uuid));
    Ok(Json(AgentList { at, agents, next }))
}

fn place(cursor: &str) -> Option<(&str, &str, uuid::Uuid)> {
    let (plant, rest) = cursor.split_once('/')?;
    let (name, uuid) = rest.split_once('/')?;
    Some((plant, name, uuid.parse().ok()?))
}

async fn one(State(reads): State<Reads>, Segments(uuid): Segments<uuid::Uuid>) -> Result<Json<Agent>, Problem> {
    let found = store::agents(&reads.pool, None, Some(uuid), None, 1, reads.now()).await?;
    found.into_iter().next().map(Json).ok_or_else(|| Problem::not_found("there is no such agent"))
}
