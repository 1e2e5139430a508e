//! `/setup`: the first administrator of an installation that has no user yet.
//!
//! Whoever reaches the web port may ask whether it is needed; only who can read the server's log or run its commands has
//! the code. A code is good for a day, and all of them end with the first user.

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::PeerOf;
use super::audit::{Actor, ActorKind, Entry, record};
use super::secret::{readable, readable_hash};
use super::session::{SessionInfo, begin, too_many};
use super::{Access, Plants, Role, store};
use crate::users::{self, NewUser};
use crate::web::problem::{Content, Problem, Problems};

const CODE_GOOD_FOR: Duration = Duration::days(1);

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(state, set_up))
}

/// A new code for the setup; none where there is a user already.
pub async fn new_code(pool: &PgPool, now: DateTime<Utc>, by: &Actor<'_>) -> Result<Option<String>, sqlx::Error> {
    if users::store::any(pool).await? {
        return Ok(None);
    }
    let code = readable();
    let mut transaction = pool.begin().await?;
    store::keep_setup_code(&mut transaction, readable_hash(&code), now, now + CODE_GOOD_FOR).await?;
    let entry = Entry {
        action: "setup_code.create",
        subject_kind: "setup_code",
        subject_id: "setup".to_owned(),
        plant_id: None,
        detail: json!({ "expires_at": now + CODE_GOOD_FOR }),
    };
    record(&mut transaction, now, by, &entry).await?;
    transaction.commit().await?;
    Ok(Some(code))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SetupState {
    /// There is no user yet: the first administrator is to be made.
    needed: bool,
}

/// Whether the first administrator is still to be made.
#[utoipa::path(get, operation_id = "setup", path = "/setup", tag = "session", security(()), responses((status = OK, body = SetupState), Problems))]
async fn state(access: Access) -> Result<Json<SetupState>, Problem> {
    Ok(Json(SetupState { needed: !users::store::any(access.reader()).await? }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// From the log of `central serve`, or from `central user setup-code`.
    #[schema(max_length = 64)]
    code: String,
    #[schema(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")]
    name: String,
    #[serde(default)]
    #[schema(max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
    display_name: String,
    #[schema(min_length = 10, max_length = 256)]
    password: String,
}

/// Make the first administrator and log them in.
#[utoipa::path(
    post, operation_id = "set_up", path = "/setup", tag = "session", request_body = SetUp, security(()),
    responses((status = OK, body = SessionInfo), Problems)
)]
async fn set_up(access: Access, PeerOf(address): PeerOf, Content(asked): Content<SetUp>) -> Result<Response, Problem> {
    let done = || Problem::conflict("there are users already; an administrator makes further ones");
    if users::store::any(access.reader()).await? {
        return Err(done());
    }
    let begun = access.throttle().begin(access.monotonic(), "", address);
    begun.map_err(too_many)?;
    users::check_name(&asked.name)?;
    users::check_display_name(&asked.display_name)?;
    let code = readable_hash(&asked.code);
    if !store::is_setup_code(&mut *access.reader().acquire().await?, code, access.now()).await? {
        let detail = "this is not the setup code: see the log of central, or run `central user setup-code` there";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let user = NewUser {
        password_hash: access.hash_password(asked.password, &asked.name).await?,
        name: asked.name,
        display_name: asked.display_name,
        role: Role::Administrator,
        plants: Plants::All,
    };
    let actor = Actor { kind: ActorKind::User, name: &user.name, address: Some(address) };
    let made = users::store::create_first(access.pool(), access.now(), &actor, &user).await?;
    let Some(id) = made else { return Err(done()) };
    access.throttle().succeeded("", address);
    begin(&access, &actor, (id, &user.password_hash), None).await
}
