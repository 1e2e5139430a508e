//! `/lines`: list, one, create, replace, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, Lines};
use crate::auth::Principal;
use crate::master_data::list::Parameters as ListParameters;
use crate::master_data::{Editing, change};
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, replace, delete)).with_state(editing)
}

#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Line {
    pub id: i32,
    pub plant: String,
    pub name: String,
    pub title: String,
    /// Machines that stand in it.
    pub machines: i64,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// Name of the plant.
    #[schema(max_length = 64)]
    pub plant: String,
    /// Configuration may name it; it stays.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]*$")]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineChange {
    /// The version that this was made from.
    pub version: i32,
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LineList {
    at: DateTime<Utc>,
    lines: Vec<Line>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Lines by plant and name.
#[utoipa::path(get, operation_id = "list_lines", path = "/lines", tag = "lines", params(ListParameters), responses((status = OK, body = LineList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<LineList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut lines = store::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut lines, |it| (&it.plant, &it.name));
    Ok(Json(LineList { at: editing.reads.now(), lines, next }))
}

/// One line.
#[utoipa::path(get, operation_id = "line", path = "/lines/{line}", tag = "lines", params(("line" = i32, Path)), responses((status = OK, body = Line), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<Line>, Problem> {
    change::find::<Lines>(&editing, &principal, id).await
}

/// Makes a line.
#[utoipa::path(post, operation_id = "create_line", path = "/lines", tag = "lines", request_body = NewLine, responses((status = CREATED, body = Line), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewLine>,
) -> Result<(StatusCode, Json<Line>), Problem> {
    change::create::<Lines>(&editing, &principal, &new).await
}

/// Replaces a line's title.
#[utoipa::path(put, operation_id = "replace_line", path = "/lines/{line}", tag = "lines", params(("line" = i32, Path)), request_body = LineChange, responses((status = OK, body = Line), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<LineChange>,
) -> Result<Json<Line>, Problem> {
    change::replace::<Lines>(&editing, &principal, id, &wanted).await
}

/// Deletes a line in which no machine stands.
#[utoipa::path(delete, operation_id = "delete_line", path = "/lines/{line}", tag = "lines", params(("line" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn delete(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    change::delete::<Lines>(&editing, &principal, id).await
}
