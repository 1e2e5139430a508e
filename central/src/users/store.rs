//! SQL about users.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool};

use super::{Change, NewUser, User, UserError};
use crate::auth::audit::{Actor, Entry, record};
use crate::auth::{Plants, Role, store as sessions};

/// Taken by who makes the first user or takes an administrator away, so that two of them see each other.
const ADMINISTRATORS_LOCK: i64 = 0x6365_6e74_7261_6c80;

#[derive(Debug, sqlx::FromRow)]
struct UserRow {
    id: i32,
    name: String,
    display_name: String,
    #[sqlx(try_from = "String")]
    role: Role,
    plants: Option<Vec<i32>>,
    enabled: bool,
    password_changed_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    sessions: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> User {
        User {
            id: row.id,
            name: row.name,
            display_name: row.display_name,
            role: row.role,
            all_plants: row.plants.is_none(),
            plants: row.plants.unwrap_or_default(),
            enabled: row.enabled,
            password_changed_at: row.password_changed_at,
            last_login_at: row.last_login_at,
            created_at: row.created_at,
            sessions: row.sessions,
        }
    }
}

/// Which users are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only users who see nothing but these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub id: Option<i32>,
    pub name: Option<&'f str>,
    /// Only those after this one, by name.
    pub after: Option<&'f str>,
}

/// By name, at most `limit`.
pub async fn users(
    pool: &PgPool,
    filter: Filter<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<User>, sqlx::Error> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "SELECT u.id, u.name, u.display_name, u.role, u.plants, u.enabled, u.password_changed_at, u.last_login_at,
                u.created_at,
                (SELECT count(*) FROM sessions s
                 WHERE s.user_id = u.id AND s.expires_at > $5 AND s.last_seen_at > $6) AS sessions
         FROM users u
         WHERE ($1::int[] IS NULL OR u.plants <@ $1) AND ($2::int IS NULL OR u.id = $2)
           AND ($3::text IS NULL OR u.name = $3) AND ($4::text IS NULL OR u.name COLLATE \"C\" > $4)
         ORDER BY u.name COLLATE \"C\" LIMIT $7",
    )
    .bind(filter.plants)
    .bind(filter.id)
    .bind(filter.name)
    .bind(filter.after)
    .bind(now)
    .bind(now - sessions::IDLE_AFTER)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// What they are called on the pages; none where there is no such user.
pub async fn display_name(pool: &PgPool, id: i32) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT display_name FROM users WHERE id = $1").bind(id).fetch_optional(pool).await
}

/// Whether there is any user.
pub async fn any(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(pool).await
}

/// What logging in is decided by.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credentials {
    pub id: i32,
    pub password_hash: String,
    pub enabled: bool,
}

pub async fn credentials(pool: &PgPool, name: &str) -> Result<Option<Credentials>, sqlx::Error> {
    sqlx::query_as("SELECT id, password_hash, enabled FROM users WHERE name = $1").bind(name).fetch_optional(pool).await
}

/// Makes a user; the id.
pub async fn create(pool: &PgPool, now: DateTime<Utc>, actor: &Actor<'_>, user: &NewUser) -> Result<i32, UserError> {
    let mut transaction = pool.begin().await?;
    let id = insert(&mut transaction, now, actor, user).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Makes the first user and ends all setup codes; none if there is a user already.
pub async fn create_first(
    pool: &PgPool,
    now: DateTime<Utc>,
    actor: &Actor<'_>,
    user: &NewUser,
) -> Result<Option<i32>, UserError> {
    let mut transaction = pool.begin().await?;
    lock_administrators(&mut transaction).await?;
    let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(&mut *transaction).await?;
    if any {
        return Ok(None);
    }
    let id = insert(&mut transaction, now, actor, user).await?;
    transaction.commit().await?;
    Ok(Some(id))
}

async fn lock_administrators(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ADMINISTRATORS_LOCK).execute(connection).await?;
    Ok(())
}

async fn insert(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    actor: &Actor<'_>,
    user: &NewUser,
) -> Result<i32, UserError> {
    let id: Option<i32> = sqlx::query_scalar(
        "INSERT INTO users (name, display_name, password_hash, role, plants, password_changed_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING RETURNING id",
    )
    .bind(&user.name)
    .bind(&user.display_name)
    .bind(&user.password_hash)
    .bind(user.role.as_str())
    .bind(user.plants.ids())
    .bind(now)
    .fetch_optional(&mut *connection)
    .await?;
    let id = id.ok_or(UserError::NameTaken)?;
    sessions::forget_setup_codes(connection).await?;
    let detail = json!({
        "name": user.name, "display_name": user.display_name, "role": user.role, "plants": user.plants.ids(),
    });
    record(connection, now, actor, &entry("user.create", id, detail)).await?;
    Ok(id)
}

#[derive(Debug, sqlx::FromRow)]
struct Before {
    display_name: String,
    #[sqlx(try_from = "String")]
    role: Role,
    plants: Option<Vec<i32>>,
    enabled: bool,
}

/// Changes a user. Whoever calls it forgets what it remembers of them: [`crate::auth::Access::forget_user`].
pub async fn change(
    pool: &PgPool,
    now: DateTime<Utc>,
    actor: &Actor<'_>,
    id: i32,
    change: &Change,
) -> Result<(), UserError> {
    let mut transaction = pool.begin().await?;
    lock_administrators(&mut transaction).await?;
    let before: Option<Before> =
        sqlx::query_as("SELECT display_name, role, plants, enabled FROM users WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let before = before.ok_or(UserError::NotFound)?;
    let had_one = an_administrator_remains(&mut transaction).await?;
    sqlx::query(
        "UPDATE users SET display_name = coalesce($2, display_name), role = coalesce($3, role),
                plants = CASE WHEN $4 THEN $5 ELSE plants END, enabled = coalesce($6, enabled),
                password_hash = coalesce($7, password_hash),
                password_changed_at = CASE WHEN $7 IS NULL THEN password_changed_at ELSE $8 END
         WHERE id = $1",
    )
    .bind(id)
    .bind(&change.display_name)
    .bind(change.role.map(Role::as_str))
    .bind(change.plants.is_some())
    .bind(change.plants.as_ref().and_then(Plants::ids))
    .bind(change.enabled)
    .bind(&change.password_hash)
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    if had_one && !an_administrator_remains(&mut transaction).await? {
        return Err(UserError::LastAdministrator);
    }
    let mut detail = difference(&before, change);
    if change.enabled == Some(false) || change.password_hash.is_some() {
        let ended = sessions::end_sessions(&mut transaction, id).await?;
        detail.insert("sessions_ended".to_owned(), json!(ended));
    }
    record(&mut transaction, now, actor, &entry("user.change", id, Value::Object(detail))).await?;
    transaction.commit().await?;
    Ok(())
}

/// Ends all sessions of a user.
pub async fn end_sessions(pool: &PgPool, now: DateTime<Utc>, actor: &Actor<'_>, id: i32) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let ended = sessions::end_sessions(&mut transaction, id).await?;
    record(&mut transaction, now, actor, &entry("user.end_sessions", id, json!({ "sessions_ended": ended }))).await?;
    transaction.commit().await?;
    Ok(ended)
}

async fn an_administrator_remains(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE role = 'administrator' AND enabled AND plants IS NULL)")
        .fetch_one(connection)
        .await
}

/// What changes, as `{"role": ["operator", "manager"]}`. A password is only said to change.
fn difference(before: &Before, change: &Change) -> Map<String, Value> {
    let plants = change.plants.as_ref().map(|plants| json!(plants.ids()));
    let pairs = [
        ("display_name", json!(before.display_name), change.display_name.as_ref().map(|it| json!(it))),
        ("role", json!(before.role), change.role.map(|it| json!(it))),
        ("plants", json!(before.plants), plants),
        ("enabled", json!(before.enabled), change.enabled.map(|it| json!(it))),
    ];
    let mut detail: Map<String, Value> = pairs
        .into_iter()
        .filter_map(|(key, old, new)| new.filter(|new| *new != old).map(|new| (key.to_owned(), json!([old, new]))))
        .collect();
    if change.password_hash.is_some() {
        detail.insert("password".to_owned(), json!("changed"));
    }
    detail
}

fn entry(action: &'static str, id: i32, detail: Value) -> Entry<'static> {
    Entry { action, subject_kind: "user", subject_id: id.to_string(), plant_id: None, detail }
}
