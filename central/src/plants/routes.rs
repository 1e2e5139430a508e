//! `/plants`: the list, one plant, a new one, another title or time zone.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store;
use crate::auth::{Permission, Plants, Principal};
use crate::master_data::list::{Filter, Parameters as ListParameters};
use crate::master_data::text::{self, Faults};
use crate::master_data::{Editing, change};
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, replace)).with_state(editing)
}

#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Plant {
    pub id: i32,
    pub name: String,
    pub title: String,
    /// IANA name. Days and weeks of the plant are counted in it.
    pub time_zone: String,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlant {
    /// The same in configuration files, on the wire and in addresses; it stays.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]*$")]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 200)]
    pub title: String,
    /// IANA name such as Europe/Berlin.
    #[schema(min_length = 1, max_length = 64)]
    pub time_zone: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlantChange {
    /// The version that this was made from.
    pub version: i32,
    #[schema(max_length = 200)]
    pub title: String,
    /// IANA name such as Europe/Berlin. Facts keep the day that they were given.
    #[schema(min_length = 1, max_length = 64)]
    pub time_zone: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PlantList {
    at: DateTime<Utc>,
    plants: Vec<Plant>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Plants by name.
#[utoipa::path(get, operation_id = "list_plants", path = "/plants", tag = "plants", params(ListParameters), responses((status = OK, body = PlantList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<PlantList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut plants = store::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut plants, |plant| (&plant.name, ""));
    Ok(Json(PlantList { at: editing.reads.now(), plants, next }))
}

/// One plant.
#[utoipa::path(get, operation_id = "plant", path = "/plants/{plant}", tag = "plants", params(("plant" = i32, Path)), responses((status = OK, body = Plant), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<Plant>, Problem> {
    principal.may(Permission::Read)?;
    existing(&mut *editing.reads.pool.acquire().await?, &principal, id).await.map(Json)
}

/// Makes a plant. Only administrators of all plants may.
#[utoipa::path(post, operation_id = "create_plant", path = "/plants", tag = "plants", request_body = NewPlant, responses((status = CREATED, body = Plant), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewPlant>,
) -> Result<(StatusCode, Json<Plant>), Problem> {
    principal.may(Permission::ManageAgents)?;
    if principal.plants != Plants::All {
        return Err(Problem::new(StatusCode::FORBIDDEN, "only an administrator of all plants makes a plant"));
    }
    let mut faults = Faults::default();
    faults.check("name", text::name(&new.name));
    faults.check("title", text::title(&new.title));
    faults.check("time_zone", super::time_zone(&new.time_zone).map(drop));
    change::refuse_faults(faults.0)?;
    let mut transaction = editing.pool.begin().await?;
    known_to_the_server(&mut transaction, &new.time_zone).await?;
    let id = store::insert(&mut transaction, &new).await.map_err(|error| {
        if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) {
            return Problem::conflict(format!("there is a plant {:?} already", new.name));
        }
        error.into()
    })?;
    let plant = existing(&mut transaction, &principal, id).await?;
    let detail = serde_json::json!({ "before": null, "after": plant });
    let by = (editing.reads.now(), &principal);
    change::record(&mut transaction, by, ("plant", "create"), (&plant.name, &plant.name), detail).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(plant)))
}

/// Replaces a plant's title and time zone.
#[utoipa::path(put, operation_id = "replace_plant", path = "/plants/{plant}", tag = "plants", params(("plant" = i32, Path)), request_body = PlantChange, responses((status = OK, body = Plant), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<PlantChange>,
) -> Result<Json<Plant>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let mut faults = Faults::default();
    faults.check("title", text::title(&wanted.title));
    faults.check("time_zone", super::time_zone(&wanted.time_zone).map(drop));
    change::refuse_faults(faults.0)?;
    let mut transaction = editing.pool.begin().await?;
    let before = existing(&mut transaction, &principal, id).await?;
    known_to_the_server(&mut transaction, &wanted.time_zone).await?;
    if !store::update(&mut transaction, id, &wanted).await? {
        return Err(change::outdated("plant", wanted.version));
    }
    let plant = existing(&mut transaction, &principal, id).await?;
    let detail = serde_json::json!({ "before": before, "after": plant });
    let by = (editing.reads.now(), &principal);
    change::record(&mut transaction, by, ("plant", "replace"), (&plant.name, &plant.name), detail).await?;
    transaction.commit().await?;
    Ok(Json(plant))
}

async fn known_to_the_server(connection: &mut sqlx::PgConnection, zone: &str) -> Result<(), Problem> {
    if store::knows_time_zone(connection, zone).await? {
        return Ok(());
    }
    Err(Problem::bad_request(format!("time_zone: the database server does not know {zone:?}")))
}

async fn existing(connection: &mut sqlx::PgConnection, principal: &Principal, id: i32) -> Result<Plant, Problem> {
    let found = store::list(connection, Filter::one(principal.plants.ids(), id)).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such plant"))
}
