//! `/reasons`: list, one, create, replace, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, Reasons};
use crate::auth::Principal;
use crate::master_data::import;
use crate::master_data::list::ActiveParameters;
use crate::master_data::{Editing, change};
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, replace, delete)).with_state(editing)
}

/// What a reason explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AppliesTo {
    /// A stop.
    Downtime,
    /// Scrap and rework.
    Pieces,
}

#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Reason {
    pub id: i32,
    pub plant: String,
    pub code: String,
    pub title: String,
    pub applies_to: AppliesTo,
    /// A planned stop: it is no downtime of the machine.
    pub planned: bool,
    pub active: bool,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReason {
    /// Name of the plant.
    #[schema(max_length = 64)]
    pub plant: String,
    /// Facts name it; it stays.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"
    )]
    pub code: String,
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
    pub applies_to: AppliesTo,
    #[serde(default)]
    pub planned: bool,
    #[serde(default = "import::yes")]
    pub active: bool,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonChange {
    /// The version that this was made from.
    pub version: i32,
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
    pub applies_to: AppliesTo,
    pub planned: bool,
    pub active: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReasonList {
    at: DateTime<Utc>,
    reasons: Vec<Reason>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Reasons by plant and code.
#[utoipa::path(get, operation_id = "list_reasons", path = "/reasons", tag = "reasons", params(ActiveParameters), responses((status = OK, body = ReasonList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ActiveParameters>,
) -> Result<Json<ReasonList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut reasons = store::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut reasons, |it| (&it.plant, &it.code));
    Ok(Json(ReasonList { at: editing.reads.now(), reasons, next }))
}

/// One reason.
#[utoipa::path(get, operation_id = "reason", path = "/reasons/{reason}", tag = "reasons", params(("reason" = i32, Path)), responses((status = OK, body = Reason), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<Reason>, Problem> {
    change::find::<Reasons>(&editing, &principal, id).await
}

/// Makes a reason.
#[utoipa::path(post, operation_id = "create_reason", path = "/reasons", tag = "reasons", request_body = NewReason, responses((status = CREATED, body = Reason), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewReason>,
) -> Result<(StatusCode, Json<Reason>), Problem> {
    change::create::<Reasons>(&editing, &principal, &new).await
}

/// Replaces all of a reason but its code.
#[utoipa::path(put, operation_id = "replace_reason", path = "/reasons/{reason}", tag = "reasons", params(("reason" = i32, Path)), request_body = ReasonChange, responses((status = OK, body = Reason), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<ReasonChange>,
) -> Result<Json<Reason>, Problem> {
    change::replace::<Reasons>(&editing, &principal, id, &wanted).await
}

/// Deletes a reason that nobody has given yet; others are retired by `active`.
#[utoipa::path(delete, operation_id = "delete_reason", path = "/reasons/{reason}", tag = "reasons", params(("reason" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn delete(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    change::delete::<Reasons>(&editing, &principal, id).await
}
