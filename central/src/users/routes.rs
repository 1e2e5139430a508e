//! `/users`: who may log in.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Change, NewUser, User, check_display_name, check_name, store};
use crate::auth::{Access, Permission, Plants, Principal, Role};
use crate::plants;
use crate::web::page;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

const USERS_DEFAULT: i64 = 200;
const USERS_MAX: i64 = 1_000;

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, change)).routes(routes!(end_sessions))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UserList {
    at: DateTime<Utc>,
    users: Vec<User>,
    next: Option<String>,
}

/// Users by name.
#[utoipa::path(get, operation_id = "list_users", path = "/users", tag = "users", params(ListParameters), responses((status = OK, body = UserList), Problems))]
async fn list(
    access: Access,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<UserList>, Problem> {
    principal.may(Permission::ManageUsers)?;
    let limit = page::limit(parameters.limit, USERS_DEFAULT, USERS_MAX)?;
    let filter = store::Filter {
        plants: principal.plants.ids(),
        after: parameters.cursor.as_deref(),
        ..store::Filter::default()
    };
    let at = access.now();
    let mut users = store::users(access.reader(), filter, limit + 1, at).await?;
    let next = page::next(&mut users, limit, |last| last.name.clone());
    Ok(Json(UserList { at, users, next }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateUser {
    #[schema(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")]
    name: String,
    #[serde(default)]
    #[schema(max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    display_name: String,
    #[schema(min_length = 10, max_length = 256)]
    password: String,
    role: Role,
    /// All plants, also those to come; `plants` is empty then.
    #[serde(default)]
    all_plants: bool,
    /// Ids of plants.
    #[serde(default)]
    #[schema(max_items = 1000)]
    plants: Vec<i32>,
}

/// Let somebody log in.
#[utoipa::path(
    post, operation_id = "create_user", path = "/users", tag = "users", request_body = CreateUser,
    responses((status = CREATED, body = User), Problems)
)]
async fn create(
    access: Access,
    principal: Principal,
    Content(asked): Content<CreateUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    principal.may(Permission::ManageUsers)?;
    check_name(&asked.name)?;
    check_display_name(&asked.display_name)?;
    let plants = granted_plants(&access, &principal, asked.all_plants, &asked.plants).await?;
    let user = NewUser {
        password_hash: access.hash_password(asked.password, &asked.name).await?,
        name: asked.name,
        display_name: asked.display_name,
        role: asked.role,
        plants,
    };
    let id = store::create(access.pool(), access.now(), &principal.actor(), &user).await?;
    Ok((StatusCode::CREATED, Json(find(&access, &principal, id).await?)))
}

/// One user.
#[utoipa::path(get, operation_id = "user", path = "/users/{user}", tag = "users", params(("user" = i32, Path)), responses((status = OK, body = User), Problems))]
async fn one(access: Access, principal: Principal, Segments(id): Segments<i32>) -> Result<Json<User>, Problem> {
    principal.may(Permission::ManageUsers)?;
    Ok(Json(find(&access, &principal, id).await?))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    #[schema(max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    display_name: Option<String>,
    role: Option<Role>,
    /// All plants, also those to come. With `plants`, which is empty where this is true.
    all_plants: Option<bool>,
    /// Ids of plants, in place of those before.
    #[schema(max_items = 1000)]
    plants: Option<Vec<i32>>,
    /// A disabled user's sessions end.
    enabled: Option<bool>,
    /// A new password, which ends the user's sessions.
    #[schema(min_length = 10, max_length = 256)]
    password: Option<String>,
}

/// Change a user; what is absent stays.
#[utoipa::path(
    patch, operation_id = "change_user", path = "/users/{user}", tag = "users", params(("user" = i32, Path)),
    request_body = ChangeUser, responses((status = OK, body = User), Problems)
)]
async fn change(
    access: Access,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(asked): Content<ChangeUser>,
) -> Result<Json<User>, Problem> {
    principal.may(Permission::ManageUsers)?;
    let user = find(&access, &principal, id).await?;
    if let Some(text) = &asked.display_name {
        check_display_name(text)?;
    }
    let plants = match (asked.all_plants, asked.plants) {
        (None, None) => None,
        (all, plants) => {
            let plants = plants.unwrap_or_default();
            Some(granted_plants(&access, &principal, all.unwrap_or(false), &plants).await?)
        }
    };
    let password_hash = match asked.password {
        Some(password) => Some(access.hash_password(password, &user.name).await?),
        None => None,
    };
    let change =
        Change { display_name: asked.display_name, role: asked.role, plants, enabled: asked.enabled, password_hash };
    store::change(access.pool(), access.now(), &principal.actor(), id, &change).await?;
    access.forget_user(id);
    Ok(Json(find(&access, &principal, id).await?))
}

/// End all sessions of a user.
#[utoipa::path(
    delete, operation_id = "end_user_sessions", path = "/users/{user}/sessions", tag = "users",
    params(("user" = i32, Path)), responses((status = NO_CONTENT), Problems)
)]
async fn end_sessions(
    access: Access,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    principal.may(Permission::ManageUsers)?;
    find(&access, &principal, id).await?;
    store::end_sessions(access.pool(), access.now(), &principal.actor(), id).await?;
    access.forget_user(id);
    Ok(StatusCode::NO_CONTENT)
}

async fn find(access: &Access, principal: &Principal, id: i32) -> Result<User, Problem> {
    let filter = store::Filter { plants: principal.plants.ids(), id: Some(id), ..store::Filter::default() };
    let found = store::users(access.pool(), filter, 1, access.now()).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such user"))
}

/// The plants that are to be given to somebody: those that exist and the giver has.
pub(crate) async fn granted_plants(
    access: &Access,
    principal: &Principal,
    all: bool,
    ids: &[i32],
) -> Result<Plants, Problem> {
    if all {
        if !ids.is_empty() {
            return Err(Problem::bad_request("`plants` is empty where `all_plants` is true"));
        }
        if principal.plants != Plants::All {
            return Err(Problem::new(StatusCode::FORBIDDEN, "you do not see all plants, so you cannot give all"));
        }
        return Ok(Plants::All);
    }
    let known = plants::store::plants(access.reader()).await?;
    let missing = ids.iter().find(|id| !principal.plants.contain(**id) || !known.iter().any(|plant| plant.id == **id));
    if let Some(missing) = missing {
        return Err(Problem::bad_request(format!("there is no plant {missing}")));
    }
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    Ok(Plants::Only(Arc::from(ids)))
}
