//! SQL about the audit log.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use super::{Actor, Entry};

/// Writes a row, in the transaction of the change itself.
pub async fn record(
    connection: &mut PgConnection,
    at: DateTime<Utc>,
    actor: &Actor<'_>,
    entry: &Entry<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_log (at, actor_kind, actor, action, subject_kind, subject_id, plant_id, detail, address)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(at)
    .bind(actor.kind.as_str())
    .bind(actor.name)
    .bind(entry.action)
    .bind(entry.subject_kind)
    .bind(&entry.subject_id)
    .bind(entry.plant_id)
    .bind(&entry.detail)
    .bind(actor.address.map(|address| address.to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

/// A row of the audit log.
#[derive(Debug, Clone, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct AuditEntry {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// `user`, `token` or `command`.
    pub actor_kind: String,
    pub actor: String,
    /// What that person is called, where it is a user with a name to be shown.
    pub actor_name: Option<String>,
    /// Subject and verb: `user.create`.
    pub action: String,
    pub subject_kind: String,
    pub subject_id: String,
    /// Name of the plant, where it concerns one.
    pub plant: Option<String>,
    /// What changed.
    #[schema(value_type = Object)]
    pub detail: Value,
    pub address: Option<String>,
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter<'f> {
    /// Only rows about these plants; none for all, also those about no plant.
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub actor: Option<&'f str>,
    pub action: Option<&'f str>,
    pub subject_kind: Option<&'f str>,
    pub subject_id: Option<&'f str>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// Only those before this one.
    pub before: Option<i64>,
}

/// Newest first, at most `limit`.
pub async fn entries(pool: &PgPool, filter: &Filter<'_>, limit: i64) -> Result<Vec<AuditEntry>, sqlx::Error> {
    sqlx::query_as(
        "SELECT l.id, l.at, l.actor_kind, l.actor, nullif(u.display_name, '') AS actor_name, l.action, l.subject_kind, l.subject_id, p.name AS plant, l.detail,
                l.address
         FROM audit_log l LEFT JOIN plants p ON p.id = l.plant_id
         LEFT JOIN users u ON u.name = l.actor AND l.actor_kind = 'user'
         WHERE ($1::int[] IS NULL OR l.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::text IS NULL OR l.actor = $3) AND ($4::text IS NULL OR l.action = $4)
           AND ($5::text IS NULL OR l.subject_kind = $5) AND ($6::text IS NULL OR l.subject_id = $6)
           AND ($7::timestamptz IS NULL OR l.at >= $7) AND ($8::timestamptz IS NULL OR l.at < $8)
           AND ($9::bigint IS NULL OR l.id < $9)
         ORDER BY l.id DESC LIMIT $10",
    )
    .bind(filter.plants)
    .bind(filter.plant)
    .bind(filter.actor)
    .bind(filter.action)
    .bind(filter.subject_kind)
    .bind(filter.subject_id)
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(pool)
    .await
}
