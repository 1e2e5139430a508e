//! `/audit`: who changed what.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, AuditEntry};
use crate::auth::{Access, Permission, Principal};
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems};

const ENTRIES_DEFAULT: i64 = 100;
const ENTRIES_MAX: i64 = 1_000;

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Inclusive.
    from: Option<DateTime<Utc>>,
    /// Exclusive.
    to: Option<DateTime<Utc>>,
    /// Name of the user, token or account.
    actor: Option<String>,
    /// Such as `user.create`.
    action: Option<String>,
    subject_kind: Option<String>,
    subject_id: Option<String>,
    /// Name of a plant.
    plant: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AuditList {
    entries: Vec<AuditEntry>,
    next: Option<String>,
}

/// Who changed what, newest first. Rows about no plant in particular are for those who see all plants.
#[utoipa::path(
    get, operation_id = "list_audit", path = "/audit", tag = "audit", params(ListParameters),
    responses((status = OK, body = AuditList), Problems)
)]
async fn list(
    access: Access,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<AuditList>, Problem> {
    principal.may(Permission::ManageUsers)?;
    let limit = page::limit(parameters.limit, ENTRIES_DEFAULT, ENTRIES_MAX)?;
    let before: Option<i64> =
        parameters.cursor.as_deref().map(str::parse).transpose().map_err(|_| page::no_cursor())?;
    let filter = store::Filter {
        plants: principal.plants.ids(),
        plant: parameters.plant.as_deref(),
        actor: parameters.actor.as_deref(),
        action: parameters.action.as_deref(),
        subject_kind: parameters.subject_kind.as_deref(),
        subject_id: parameters.subject_id.as_deref(),
        from: page::moment("from", parameters.from)?,
        to: page::moment("to", parameters.to)?,
        before,
    };
    let mut entries = store::entries(access.reader(), &filter, limit + 1).await?;
    let next = page::next(&mut entries, limit, |last| last.id.to_string());
    Ok(Json(AuditList { entries, next }))
}
