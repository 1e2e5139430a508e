//! `/machines`: the list, and one machine.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::overview::{Machine, store};
use crate::web::Reads;
use crate::web::page::{self, cut};
use crate::web::problem::{Parameters, Problem, Segments};

const MACHINES_DEFAULT: i64 = 500;
const MACHINES_MAX: i64 = 1_000;

/// A machine is named by its number, or by plant and name.
pub fn router(reads: Reads) -> Router {
    Router::new()
        .route("/machines", get(list))
        .route("/machines/{machine}", get(one_by_id))
        // Here `machine` is the plant: one word for one place in the path is what the router asks for.
        .route("/machines/{machine}/{name}", get(one_by_name))
        .with_state(reads)
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
struct MachineList {
    /// Central's clock: what ages count from.
    at: DateTime<Utc>,
    machines: Vec<Machine>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

async fn list(
    State(reads): State<Reads>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<MachineList>, Problem> {
    let limit = page::limit(parameters.limit, MACHINES_DEFAULT, MACHINES_MAX)?;
    let after = match &parameters.cursor {
        Some(cursor) => Some(cursor.split_once('/').ok_or_else(page::no_cursor)?),
        None => None,
    };
    let filter = store::Filter { plant: parameters.plant.as_deref(), after, ..store::Filter::default() };
    let at = reads.now();
    let mut machines = store::machines(&reads.pool, filter, limit + 1, at).await?;
    let next = cut(&mut machines, limit).then(|| machines.last().map(|last| format!("{}/{}", last.plant, last.name)));
    Ok(Json(MachineList { at, machines, next: next.flatten() }))
}

async fn one_by_id(State(reads): State<Reads>, Segments(id): Segments<i32>) -> Result<Json<Machine>, Problem> {
    Ok(Json(find(&reads, store::Filter { id: Some(id), ..store::Filter::default() }).await?))
}

async fn one_by_name(
    State(reads): State<Reads>,
    Segments((plant, name)): Segments<(String, String)>,
) -> Result<Json<Machine>, Problem> {
    Ok(Json(find(&reads, named(&plant, &name)).await?))
}

/// By plant and name.
pub fn named<'n>(plant: &'n str, name: &'n str) -> store::Filter<'n> {
    store::Filter { plant: Some(plant), name: Some(name), ..store::Filter::default() }
}

/// The machine, or the answer that there is none.
pub async fn find(reads: &Reads, filter: store::Filter<'_>) -> Result<Machine, Problem> {
    let found = store::machines(&reads.pool, filter, 1, reads.now()).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such machine"))
}
