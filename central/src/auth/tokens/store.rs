//! SQL about API tokens.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgPool;

use super::{NewToken, Token, TokenError, least_role};
use crate::auth::audit::{Actor, Entry, record};
use crate::auth::secret::{SecretHash, TokenText};
use crate::auth::{Credential, Permission, Plants, Principal};

#[derive(Debug, sqlx::FromRow)]
struct TokenRow {
    id: i32,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    plants: Option<Vec<i32>>,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    revoked_by: Option<String>,
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Token {
        Token {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            scopes: scopes(&row.scopes),
            all_plants: row.plants.is_none(),
            plants: row.plants.unwrap_or_default(),
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by,
        }
    }
}

/// A scope that only a newer central knows allows nothing here.
fn scopes(words: &[String]) -> Vec<Permission> {
    words.iter().filter_map(|word| word.parse().ok()).collect()
}

/// Whose token it is, and when it was last used. Nobody's when it expired or was revoked.
pub async fn principal(
    pool: &PgPool,
    hash: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<(Principal, Option<DateTime<Utc>>)>, sqlx::Error> {
    let row: Option<TokenRow> = sqlx::query_as(
        "SELECT * FROM api_tokens
         WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(&hash.0[..])
    .bind(now)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| {
        let scopes = scopes(&row.scopes);
        let principal = Principal {
            name: row.name.into(),
            role: least_role(&scopes),
            plants: Plants::from(row.plants),
            credential: Credential::Token { token_id: row.id, hash, scopes: scopes.into() },
            address: None,
        };
        (principal, row.last_used_at)
    }))
}

pub async fn used(pool: &PgPool, hash: SecretHash, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE api_tokens SET last_used_at = $2 WHERE secret_hash = $1")
        .bind(&hash.0[..])
        .bind(now)
        .execute(pool)
        .await?;
    Ok(())
}

/// Which tokens are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only tokens for nothing but these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub id: Option<i32>,
    /// A token of this name that is not revoked.
    pub name: Option<&'f str>,
    /// Only those made before this one.
    pub before: Option<i32>,
}

/// Newest first, at most `limit`.
pub async fn tokens(pool: &PgPool, filter: Filter<'_>, limit: i64) -> Result<Vec<Token>, sqlx::Error> {
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT * FROM api_tokens
         WHERE ($1::int[] IS NULL OR plants <@ $1) AND ($2::int IS NULL OR id = $2)
           AND ($3::text IS NULL OR name = $3 AND revoked_at IS NULL) AND ($4::int IS NULL OR id < $4)
         ORDER BY id DESC LIMIT $5",
    )
    .bind(filter.plants)
    .bind(filter.id)
    .bind(filter.name)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Token::from).collect())
}

/// Makes a token; its id, and the text that is shown this once.
pub async fn create(
    pool: &PgPool,
    now: DateTime<Utc>,
    actor: &Actor<'_>,
    token: &NewToken,
) -> Result<(i32, TokenText), TokenError> {
    let text = TokenText::random();
    let words: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let mut transaction = pool.begin().await?;
    let id: Option<i32> = sqlx::query_scalar(
        "INSERT INTO api_tokens (name, prefix, secret_hash, scopes, plants, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING id",
    )
    .bind(&token.name)
    .bind(&text.prefix)
    .bind(&text.secret.hash().0[..])
    .bind(&words)
    .bind(token.plants.ids())
    .bind(actor.name)
    .bind(now)
    .bind(token.expires_at)
    .fetch_optional(&mut *transaction)
    .await?;
    let id = id.ok_or(TokenError::NameTaken)?;
    let detail = json!({
        "name": token.name, "prefix": text.prefix, "scopes": words, "plants": token.plants.ids(),
        "expires_at": token.expires_at,
    });
    record(&mut transaction, now, actor, &entry("token.create", id, detail)).await?;
    transaction.commit().await?;
    Ok((id, text))
}

/// Ends a token. Whoever calls it forgets what it remembers of it: [`crate::auth::Access::forget_token`].
pub async fn revoke(pool: &PgPool, now: DateTime<Utc>, actor: &Actor<'_>, id: i32) -> Result<(), TokenError> {
    let mut transaction = pool.begin().await?;
    let name: Option<String> = sqlx::query_scalar(
        "UPDATE api_tokens SET revoked_at = $2, revoked_by = $3 WHERE id = $1 AND revoked_at IS NULL RETURNING name",
    )
    .bind(id)
    .bind(now)
    .bind(actor.name)
    .fetch_optional(&mut *transaction)
    .await?;
    let name = name.ok_or(TokenError::NotFound)?;
    record(&mut transaction, now, actor, &entry("token.revoke", id, json!({ "name": name }))).await?;
    transaction.commit().await?;
    Ok(())
}

fn entry(action: &'static str, id: i32, detail: serde_json::Value) -> Entry<'static> {
    Entry { action, subject_kind: "token", subject_id: id.to_string(), plant_id: None, detail }
}
