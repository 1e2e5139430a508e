//! `/incidents`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Incident, store};
use crate::alerts::rules::IncidentKind;
use crate::auth::{Permission, Principal};
use crate::web::Reads;
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems, Segments};

const INCIDENTS_DEFAULT: i64 = 100;
const INCIDENTS_MAX: i64 = 500;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(incidents)).routes(routes!(incident)).with_state(reads)
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Which {
    Open,
    Resolved,
    All,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct IncidentParameters {
    /// Name of a plant; all that one may see when absent.
    plant: Option<String>,
    kind: Option<IncidentKind>,
    /// Open ones when absent.
    #[param(inline)]
    state: Option<Which>,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct IncidentList {
    at: DateTime<Utc>,
    /// Newest first.
    incidents: Vec<Incident>,
    next: Option<String>,
}

/// What somebody should look at.
#[utoipa::path(get, operation_id = "list_incidents", path = "/incidents", tag = "alerts", params(IncidentParameters), responses((status = OK, body = IncidentList), Problems))]
async fn incidents(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(parameters): Parameters<IncidentParameters>,
) -> Result<Json<IncidentList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, INCIDENTS_DEFAULT, INCIDENTS_MAX)?;
    let filter = store::Filter {
        plants: principal.plants.ids(),
        plant: parameters.plant.as_deref(),
        kind: parameters.kind,
        open: match parameters.state.unwrap_or(Which::Open) {
            Which::Open => Some(true),
            Which::Resolved => Some(false),
            Which::All => None,
        },
        id: None,
        before: parameters.cursor.map(|cursor| cursor.parse().map_err(|_| page::no_cursor())).transpose()?,
    };
    let mut incidents = store::incidents(&reads.pool, filter, limit + 1).await?;
    let next = page::next(&mut incidents, limit, |last| last.id.to_string());
    Ok(Json(IncidentList { at: reads.now(), incidents, next }))
}

/// One incident.
#[utoipa::path(get, operation_id = "incident", path = "/incidents/{incident}", tag = "alerts", params(("incident" = i64, Path)), responses((status = OK, body = Incident), Problems))]
async fn incident(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(id): Segments<i64>,
) -> Result<Json<Incident>, Problem> {
    principal.may(Permission::Read)?;
    let filter = store::Filter { plants: principal.plants.ids(), id: Some(id), ..store::Filter::default() };
    let found = store::incidents(&reads.pool, filter, 1).await?.pop();
    found.map(Json).ok_or_else(|| Problem::not_found("there is no such incident"))
}
