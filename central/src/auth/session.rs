//! `/session`: logging in and out, and who one is.
//!
//! A session is a row and a cookie: 256 random bits whose hash the row has. Every log-in makes a new one and ends the one
//! that the browser brought, so that nobody can be given a session that somebody else knows. Log-out deletes the row.

use axum::Json;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{PeerOf, nobody};
use super::audit::{Actor, ActorKind, Entry, record};
use super::secret::Secret;
use super::{Access, Credential, Permission, Principal, Role, password, store};
use crate::plants;
use crate::users;
use crate::web::problem::{Content, Problem, Problems};

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(log_in, show, log_out)).routes(routes!(change_password))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    /// In capital or small letters.
    #[schema(max_length = 64)]
    name: String,
    #[schema(max_length = 256)]
    password: String,
}

/// Who asks, and what they may do and see.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionInfo {
    /// `user` or `token`.
    kind: &'static str,
    name: String,
    display_name: String,
    /// None for a token.
    role: Option<Role>,
    permissions: Vec<Permission>,
    /// Whether plants to come are seen too.
    all_plants: bool,
    plants: Vec<SessionPlant>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SessionPlant {
    id: i32,
    name: String,
    /// IANA name.
    time_zone: String,
}

/// Log in. The answer sets the session's cookie.
#[utoipa::path(
    post, operation_id = "log_in", path = "/session", tag = "session", request_body = LogIn, security(()),
    responses((status = OK, body = SessionInfo), Problems)
)]
async fn log_in(
    access: Access,
    PeerOf(address): PeerOf,
    headers: HeaderMap,
    Content(asked): Content<LogIn>,
) -> Result<Response, Problem> {
    let refused = || Problem::new(StatusCode::UNAUTHORIZED, "name and password do not fit, or the user is disabled");
    let name = asked.name.trim().to_lowercase();
    if name.is_empty() || name.chars().count() > 64 || asked.password.chars().count() > password::CHARACTERS_MAX {
        return Err(refused());
    }
    let begun = access.throttle().begin(access.monotonic(), &name, address);
    begun.map_err(too_many)?;
    let known = users::store::credentials(access.reader(), &name).await?;
    let hash = known.as_ref().map(|user| user.password_hash.clone());
    let fits = access.hashing().verify(asked.password, hash).await?;
    let Some(user) = known else { return Err(refused()) };
    let actor = Actor { kind: ActorKind::User, name: &name, address: Some(address) };
    if !fits || !user.enabled {
        let reason = if fits { "the user is disabled" } else { "wrong password" };
        let entry = entry("session.refuse", user.id, json!({ "reason": reason }));
        record(&mut *access.pool().acquire().await?, access.now(), &actor, &entry).await?;
        return Err(refused());
    }
    access.throttle().succeeded(&name, address);
    begin(&access, &actor, (user.id, &user.password_hash), access.session_secret(&headers)).await
}

/// A new session in place of the one that the browser had, and its cookie. The user's password hash is that which was
/// verified: none begins if it has been changed since.
pub(super) async fn begin(
    access: &Access,
    actor: &Actor<'_>,
    (user_id, password_hash): (i32, &str),
    old: Option<Secret>,
) -> Result<Response, Problem> {
    let (secret, now) = (Secret::random(), access.now());
    let address = actor.address.map(|address| address.to_string()).unwrap_or_default();
    let mut transaction = access.pool().begin().await?;
    let ended = match &old {
        Some(old) => store::end_session(&mut transaction, old.hash()).await?,
        None => None,
    };
    let session = store::NewSession { user_id, password_hash, hash: secret.hash(), address: &address };
    if !store::begin_session(&mut transaction, &session, now).await? {
        return Err(nobody());
    }
    record(&mut transaction, now, actor, &entry("session.begin", user_id, json!({}))).await?;
    transaction.commit().await?;
    if let Some(user) = ended {
        access.forget_user(user);
    }
    // Read where it was written: the principal as every later request sees it.
    let (principal, _) = store::principal(access.pool(), secret.hash(), now).await?.ok_or_else(nobody)?;
    let shown = info(access, &principal).await?;
    Ok(([(SET_COOKIE, access.cookie(&secret))], Json(shown)).into_response())
}

/// Who asks, and what they may do and see.
#[utoipa::path(get, operation_id = "session", path = "/session", tag = "session", responses((status = OK, body = SessionInfo), Problems))]
async fn show(access: Access, principal: Principal) -> Result<Json<SessionInfo>, Problem> {
    Ok(Json(info(&access, &principal).await?))
}

/// Log out: the session ends, whoever else has its cookie.
#[utoipa::path(delete, operation_id = "log_out", path = "/session", tag = "session", responses((status = NO_CONTENT), Problems))]
async fn log_out(access: Access, principal: Principal) -> Result<Response, Problem> {
    let (user_id, hash) = session_of(&principal)?;
    let mut transaction = access.pool().begin().await?;
    store::end_session(&mut transaction, hash).await?;
    record(&mut transaction, access.now(), &principal.actor(), &entry("session.end", user_id, json!({}))).await?;
    transaction.commit().await?;
    access.forget_user(user_id);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, access.no_cookie())]).into_response())
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    #[schema(max_length = 256)]
    current: String,
    #[schema(min_length = 10, max_length = 256)]
    new: String,
}

/// Change one's own password. All sessions end; the answer sets the cookie of a new one.
#[utoipa::path(
    put, operation_id = "change_password", path = "/session/password", tag = "session", request_body = ChangePassword,
    responses((status = OK, body = SessionInfo), Problems)
)]
async fn change_password(
    access: Access,
    principal: Principal,
    PeerOf(address): PeerOf,
    Content(asked): Content<ChangePassword>,
) -> Result<Response, Problem> {
    let (user_id, _) = session_of(&principal)?;
    let begun = access.throttle().begin(access.monotonic(), &principal.name, address);
    begun.map_err(too_many)?;
    let known = users::store::credentials(access.reader(), &principal.name).await?.ok_or_else(nobody)?;
    if asked.current.chars().count() > password::CHARACTERS_MAX
        || !access.hashing().verify(asked.current, Some(known.password_hash)).await?
    {
        return Err(Problem::bad_request("`current` is not your password"));
    }
    access.throttle().succeeded(&principal.name, address);
    let hash = access.hash_password(asked.new, &principal.name).await?;
    let change = users::Change { password_hash: Some(hash.clone()), ..users::Change::default() };
    users::store::change(access.pool(), access.now(), &principal.actor(), user_id, &change).await?;
    access.forget_user(user_id);
    begin(&access, &principal.actor(), (user_id, &hash), None).await
}

fn session_of(principal: &Principal) -> Result<(i32, super::secret::SecretHash), Problem> {
    match &principal.credential {
        Credential::Session { user_id, hash } => Ok((*user_id, *hash)),
        Credential::Token { .. } | Credential::Command => {
            Err(Problem::new(StatusCode::FORBIDDEN, "a token has no session and no password"))
        }
    }
}

async fn info(access: &Access, principal: &Principal) -> Result<SessionInfo, Problem> {
    let display_name = match principal.user_id() {
        Some(id) => users::store::display_name(access.reader(), id).await?.ok_or_else(nobody)?,
        None => String::new(),
    };
    let plants = plants::store::plants(access.reader()).await?;
    Ok(SessionInfo {
        kind: principal.actor().kind.as_str(),
        name: principal.name.to_string(),
        display_name,
        role: principal.user_id().map(|_| principal.role),
        permissions: principal.permissions(),
        all_plants: principal.plants.ids().is_none(),
        plants: plants
            .into_iter()
            .filter(|plant| principal.plants.contain(plant.id))
            .map(|plant| SessionPlant { id: plant.id, name: plant.name, time_zone: plant.time_zone })
            .collect(),
    })
}

fn entry(action: &'static str, user_id: i32, detail: serde_json::Value) -> Entry<'static> {
    Entry { action, subject_kind: "user", subject_id: user_id.to_string(), plant_id: None, detail }
}

pub(super) fn too_many(wait: std::time::Duration) -> Problem {
    let detail = "too many attempts to log in; wait for as long as Retry-After says";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(wait)
}
