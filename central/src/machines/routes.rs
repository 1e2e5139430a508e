//! `/machines`: the list, and one machine.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::overview::{Machine, store};
use crate::auth::{Permission, Principal};
use crate::web::Reads;
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems, Segments};

const MACHINES_DEFAULT: i64 = 500;
const MACHINES_MAX: i64 = 1_000;

/// A machine is named by its number, or by plant and name.
pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one_by_id)).routes(routes!(one_by_name)).with_state(reads)
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
struct MachineList {
    /// Central's clock: what ages count from.
    at: DateTime<Utc>,
    machines: Vec<Machine>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Machines by plant and name.
#[utoipa::path(get, operation_id = "list_machines", path = "/machines", tag = "machines", params(ListParameters), responses((status = OK, body = MachineList), Problems))]
async fn list(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<MachineList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, MACHINES_DEFAULT, MACHINES_MAX)?;
    let after = match &parameters.cursor {
        Some(cursor) => Some(cursor.split_once('/').ok_or_else(page::no_cursor)?),
        None => None,
    };
    let filter = store::Filter {
        plants: principal.plants.ids(),
        plant: parameters.plant.as_deref(),
        after,
        ..store::Filter::default()
    };
    let at = reads.now();
    let mut machines = store::machines(&reads.pool, filter, limit + 1, at).await?;
    let next = page::next(&mut machines, limit, |last| format!("{}/{}", last.plant, last.name));
    Ok(Json(MachineList { at, machines, next }))
}

/// One machine, by its number.
#[utoipa::path(get, operation_id = "machine_by_id", path = "/machines/{machine}", tag = "machines", params(("machine" = i32, Path)), responses((status = OK, body = Machine), Problems))]
async fn one_by_id(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<Machine>, Problem> {
    Ok(Json(find(&reads, &principal, store::Filter { id: Some(id), ..store::Filter::default() }).await?))
}

/// One machine, by plant and name.
// In the path `machine` is the plant: one word for one place in the path is what the router asks for.
#[utoipa::path(
    get, operation_id = "machine_by_name", path = "/machines/{machine}/{name}", tag = "machines",
    params(("machine" = String, Path, description = "Name of the plant"), ("name" = String, Path)),
    responses((status = OK, body = Machine), Problems)
)]
async fn one_by_name(
    State(reads): State<Reads>,
    principal: Principal,
    Segments((plant, name)): Segments<(String, String)>,
) -> Result<Json<Machine>, Problem> {
    Ok(Json(find(&reads, &principal, named(&plant, &name)).await?))
}

/// By plant and name.
pub fn named<'n>(plant: &'n str, name: &'n str) -> store::Filter<'n> {
    store::Filter { plant: Some(plant), name: Some(name), ..store::Filter::default() }
}

/// The machine, if it is in a plant of the principal's; or the answer that there is none.
pub async fn find(reads: &Reads, principal: &Principal, filter: store::Filter<'_>) -> Result<Machine, Problem> {
    principal.may(Permission::Read)?;
    let filter = store::Filter { plants: principal.plants.ids(), ..filter };
    let found = store::machines(&reads.pool, filter, 1, reads.now()).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such machine"))
}
