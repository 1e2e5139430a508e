//! `/tokens`: what programs ask with.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NewToken, Token, store};
use crate::auth::{Access, Credential, Permission, Principal};
use crate::users::check_name;
use crate::users::routes::granted_plants;
use crate::web::page;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

const TOKENS_DEFAULT: i64 = 200;
const TOKENS_MAX: i64 = 1_000;

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
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
struct TokenList {
    at: DateTime<Utc>,
    tokens: Vec<Token>,
    next: Option<String>,
}

/// Tokens, newest first, also revoked ones.
#[utoipa::path(get, operation_id = "list_tokens", path = "/tokens", tag = "tokens", params(ListParameters), responses((status = OK, body = TokenList), Problems))]
async fn list(
    access: Access,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<TokenList>, Problem> {
    principal.may(Permission::ManageUsers)?;
    let limit = page::limit(parameters.limit, TOKENS_DEFAULT, TOKENS_MAX)?;
    let before: Option<i32> =
        parameters.cursor.as_deref().map(str::parse).transpose().map_err(|_| page::no_cursor())?;
    let filter = store::Filter { plants: principal.plants.ids(), before, ..store::Filter::default() };
    let mut tokens = store::tokens(access.reader(), filter, limit + 1).await?;
    let next = page::next(&mut tokens, limit, |last| last.id.to_string());
    Ok(Json(TokenList { at: access.now(), tokens, next }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    #[schema(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")]
    name: String,
    #[schema(min_items = 1, max_items = 20)]
    scopes: Vec<Permission>,
    /// All plants, also those to come; `plants` is empty then.
    #[serde(default)]
    all_plants: bool,
    /// Ids of plants.
    #[serde(default)]
    #[schema(max_items = 1000)]
    plants: Vec<i32>,
    /// Never when absent.
    expires_at: Option<DateTime<Utc>>,
}

/// A token, and its text.
#[derive(Serialize, utoipa::ToSchema)]
struct CreatedToken {
    token: Token,
    /// What is sent as `Authorization: Bearer`. It is not shown again.
    secret: String,
}

/// Make a token. Only people do; what it may is at most what its maker may.
#[utoipa::path(
    post, operation_id = "create_token", path = "/tokens", tag = "tokens", request_body = CreateToken,
    responses((status = CREATED, body = CreatedToken), Problems)
)]
async fn create(
    access: Access,
    principal: Principal,
    Content(asked): Content<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    principal.may(Permission::ManageUsers)?;
    if matches!(principal.credential, Credential::Token { .. }) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a token makes no tokens: log in, or use `central token add`"));
    }
    check_name(&asked.name)?;
    let scopes: Vec<Permission> =
        Permission::ALL.into_iter().filter(|permission| asked.scopes.contains(permission)).collect();
    if scopes.is_empty() {
        return Err(Problem::bad_request("a token has at least one scope"));
    }
    for scope in &scopes {
        principal.may(*scope)?;
    }
    let now = access.now();
    let expires_at = page::moment("expires_at", asked.expires_at)?;
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::bad_request("expires_at is past"));
    }
    let plants = granted_plants(&access, &principal, asked.all_plants, &asked.plants).await?;
    let token = NewToken { name: asked.name, scopes, plants, expires_at };
    let (id, text) = store::create(access.pool(), now, &principal.actor(), &token).await?;
    let token = find(&access, &principal, id).await?;
    Ok((StatusCode::CREATED, Json(CreatedToken { token, secret: text.text() })))
}

/// End a token, at once.
#[utoipa::path(
    delete, operation_id = "revoke_token", path = "/tokens/{token}", tag = "tokens", params(("token" = i32, Path)),
    responses((status = NO_CONTENT), Problems)
)]
async fn revoke(access: Access, principal: Principal, Segments(id): Segments<i32>) -> Result<StatusCode, Problem> {
    principal.may(Permission::ManageUsers)?;
    find(&access, &principal, id).await?;
    store::revoke(access.pool(), access.now(), &principal.actor(), id).await?;
    access.forget_token(id);
    Ok(StatusCode::NO_CONTENT)
}

async fn find(access: &Access, principal: &Principal, id: i32) -> Result<Token, Problem> {
    let filter = store::Filter { plants: principal.plants.ids(), id: Some(id), ..store::Filter::default() };
    let found = store::tokens(access.pool(), filter, 1).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such token"))
}
