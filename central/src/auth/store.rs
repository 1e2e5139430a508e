//! SQL about sessions and the setup of the first administrator.

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, PgPool};

use super::secret::SecretHash;
use super::{Credential, Plants, Principal, Role};

/// A session that nobody used for so long is none.
pub const IDLE_AFTER: Duration = Duration::hours(12);
/// However much it was used.
pub const EXPIRES_AFTER: Duration = Duration::days(7);
const SESSIONS_OF_A_USER_MAX: i64 = 50;

#[derive(Debug, sqlx::FromRow)]
struct SessionRow {
    user_id: i32,
    name: String,
    #[sqlx(try_from = "String")]
    role: Role,
    plants: Option<Vec<i32>>,
    last_seen_at: DateTime<Utc>,
}

/// Whose session it is, and when they were last seen. Nobody's when it ended, or its user is disabled.
pub async fn principal(
    pool: &PgPool,
    hash: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<(Principal, DateTime<Utc>)>, sqlx::Error> {
    let row: Option<SessionRow> = sqlx::query_as(
        "SELECT s.user_id, u.name, u.role, u.plants, s.last_seen_at
         FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_seen_at > $3 AND u.enabled",
    )
    .bind(&hash.0[..])
    .bind(now)
    .bind(now - IDLE_AFTER)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| {
        let principal = Principal {
            name: row.name.into(),
            role: row.role,
            plants: Plants::from(row.plants),
            credential: Credential::Session { user_id: row.user_id, hash },
            address: None,
        };
        (principal, row.last_seen_at)
    }))
}

pub async fn seen(pool: &PgPool, hash: SecretHash, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1 AND last_seen_at < $2")
        .bind(&hash.0[..])
        .bind(now)
        .execute(pool)
        .await?;
    Ok(())
}

/// A session to be.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'s> {
    pub user_id: i32,
    /// The one that the password was compared with.
    pub password_hash: &'s str,
    pub hash: SecretHash,
    pub address: &'s str,
}

/// Begins a session, and clears away those that are over. Not if the user was disabled or got another password since
/// they were asked for it: their row is locked against that.
pub async fn begin_session(
    connection: &mut PgConnection,
    session: &NewSession<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let may = sqlx::query("UPDATE users SET last_login_at = $3 WHERE id = $1 AND password_hash = $2 AND enabled")
        .bind(session.user_id)
        .bind(session.password_hash)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if may.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "DELETE FROM sessions WHERE expires_at <= $2 OR last_seen_at <= $3 OR token_hash IN (
             SELECT token_hash FROM sessions WHERE user_id = $1 ORDER BY last_seen_at DESC OFFSET $4)",
    )
    .bind(session.user_id)
    .bind(now)
    .bind(now - IDLE_AFTER)
    .bind(SESSIONS_OF_A_USER_MAX - 1)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at, expires_at, address)
         VALUES ($1, $2, $3, $3, $4, $5)",
    )
    .bind(&session.hash.0[..])
    .bind(session.user_id)
    .bind(now)
    .bind(now + EXPIRES_AFTER)
    .bind(session.address)
    .execute(connection)
    .await?;
    Ok(true)
}

/// Ends one session; its user, if it was one.
pub async fn end_session(connection: &mut PgConnection, hash: SecretHash) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar("DELETE FROM sessions WHERE token_hash = $1 RETURNING user_id")
        .bind(&hash.0[..])
        .fetch_optional(connection)
        .await
}

/// Ends all sessions of a user; how many.
pub async fn end_sessions(connection: &mut PgConnection, user_id: i32) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user_id).execute(connection).await?;
    Ok(ended.rows_affected())
}

/// Keeps a setup code, and clears away those that are over.
pub async fn keep_setup_code(
    connection: &mut PgConnection,
    hash: SecretHash,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM setup_codes WHERE expires_at <= $1").bind(now).execute(&mut *connection).await?;
    sqlx::query("INSERT INTO setup_codes (code_hash, expires_at) VALUES ($1, $2)")
        .bind(&hash.0[..])
        .bind(expires_at)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn is_setup_code(
    connection: &mut PgConnection,
    hash: SecretHash,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM setup_codes WHERE code_hash = $1 AND expires_at > $2)")
        .bind(&hash.0[..])
        .bind(now)
        .fetch_one(connection)
        .await
}

pub async fn forget_setup_codes(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM setup_codes").execute(connection).await?;
    Ok(())
}
