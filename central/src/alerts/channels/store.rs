//! `alert_channels`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row as _};

use super::{Channel, ChannelKind};

#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    pub id: Option<i32>,
    /// Only later ones.
    pub after: Option<i32>,
}

pub async fn channels(connection: impl PgExecutor<'_>, filter: Filter<'_>, limit: i64) -> sqlx::Result<Vec<Channel>> {
    let rows = sqlx::query(
        "SELECT c.id, p.name AS plant, l.name AS line, c.kind, c.title, c.address, c.enabled, c.created_at, c.created_by
         FROM alert_channels c JOIN plants p ON p.id = c.plant_id LEFT JOIN lines l ON l.id = c.line_id
         WHERE c.removed_at IS NULL AND ($1::int[] IS NULL OR c.plant_id = ANY ($1))
           AND ($2::text IS NULL OR p.name = $2) AND ($3::int IS NULL OR c.id = $3) AND ($4::int IS NULL OR c.id > $4)
         ORDER BY c.id LIMIT $5",
    )
    .bind(filter.plants)
    .bind(filter.plant)
    .bind(filter.id)
    .bind(filter.after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let kind: &str = row.try_get("kind")?;
            Ok(Channel {
                id: row.try_get("id")?,
                plant: row.try_get("plant")?,
                line: row.try_get("line")?,
                kind: ChannelKind::named(kind).ok_or_else(|| sqlx::Error::Decode("no kind of channel".into()))?,
                title: row.try_get("title")?,
                address: row.try_get("address")?,
                enabled: row.try_get("enabled")?,
                created_at: row.try_get("created_at")?,
                created_by: row.try_get("created_by")?,
            })
        })
        .collect()
}

/// A channel to be made.
#[derive(Debug)]
pub struct New<'n> {
    pub plant: i32,
    pub line: Option<i32>,
    pub kind: ChannelKind,
    pub title: &'n str,
    pub address: &'n str,
    pub secret: Option<&'n str>,
    pub at: DateTime<Utc>,
    pub by: &'n str,
}

pub async fn add(connection: &mut PgConnection, new: &New<'_>) -> sqlx::Result<i32> {
    sqlx::query_scalar(
        "INSERT INTO alert_channels (plant_id, line_id, kind, title, address, secret, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
    )
    .bind(new.plant)
    .bind(new.line)
    .bind(new.kind.as_str())
    .bind(new.title)
    .bind(new.address)
    .bind(new.secret)
    .bind(new.at)
    .bind(new.by)
    .fetch_one(connection)
    .await
}

/// What may be changed of a channel that [`way`] found. Its address may not: another address is another channel.
pub async fn change(connection: &mut PgConnection, id: i32, title: &str, enabled: bool) -> sqlx::Result<()> {
    sqlx::query("UPDATE alert_channels SET title = $2, enabled = $3 WHERE id = $1")
        .bind(id)
        .bind(title)
        .bind(enabled)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes a channel that [`way`] found.
pub async fn remove(connection: &mut PgConnection, id: i32, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("UPDATE alert_channels SET removed_at = $2 WHERE id = $1")
        .bind(id)
        .bind(at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Plant and kind of a channel that can be used. Nobody else changes it until the transaction ends.
pub async fn way(
    connection: &mut PgConnection,
    plants: Option<&[i32]>,
    id: i32,
) -> sqlx::Result<Option<(i32, ChannelKind)>> {
    let found: Option<(i32, String)> = sqlx::query_as(
        "SELECT plant_id, kind FROM alert_channels
         WHERE id = $1 AND removed_at IS NULL AND ($2::int[] IS NULL OR plant_id = ANY ($2)) FOR NO KEY UPDATE",
    )
    .bind(id)
    .bind(plants)
    .fetch_optional(connection)
    .await?;
    Ok(found.and_then(|(plant, kind)| Some((plant, ChannelKind::named(&kind)?))))
}
