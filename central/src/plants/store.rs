//! SQL about plants.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::routes;
use crate::auth::audit::{Actor, Entry, record};
use crate::master_data::list::Filter;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Plant {
    pub id: i32,
    pub name: String,
    pub time_zone: String,
}

pub async fn plants(pool: &PgPool) -> Result<Vec<Plant>, sqlx::Error> {
    sqlx::query_as("SELECT id, name, time_zone FROM plants ORDER BY name").fetch_all(pool).await
}

/// Makes the plant unless it exists, with its row in the audit log; returns it as it is.
pub async fn ensure(
    connection: &mut PgConnection,
    name: &str,
    time_zone: &str,
    (at, by): (DateTime<Utc>, &Actor<'_>),
) -> Result<Plant, sqlx::Error> {
    let made: Option<i32> = sqlx::query_scalar(
        "INSERT INTO plants (name, time_zone) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id",
    )
    .bind(name)
    .bind(time_zone)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(id) = made {
        let after = list(&mut *connection, Filter::one(None, id)).await?.pop();
        let entry = Entry {
            action: "plant.create",
            subject_kind: "plant",
            subject_id: format!("{name}/{name}"),
            plant_id: Some(id),
            detail: json!({ "before": null, "after": after }),
        };
        record(connection, at, by, &entry).await?;
    }
    sqlx::query_as("SELECT id, name, time_zone FROM plants WHERE name = $1").bind(name).fetch_one(connection).await
}

/// The plant of this name, among `plants`; among all when none.
pub async fn named(
    connection: &mut PgConnection,
    plants: Option<&[i32]>,
    name: &str,
) -> Result<Option<Plant>, sqlx::Error> {
    sqlx::query_as("SELECT id, name, time_zone FROM plants WHERE name = $1 AND ($2::int[] IS NULL OR id = ANY ($2))")
        .bind(name)
        .bind(plants)
        .fetch_optional(connection)
        .await
}

pub async fn name_of(connection: &mut PgConnection, plant: i32) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM plants WHERE id = $1").bind(plant).fetch_one(connection).await
}

/// What every badge hash of the plant is salted with.
pub async fn badge_salt(connection: &mut PgConnection, plant: i32) -> Result<Vec<u8>, sqlx::Error> {
    sqlx::query_scalar("SELECT badge_salt FROM plants WHERE id = $1").bind(plant).fetch_one(connection).await
}

/// By name.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> Result<Vec<routes::Plant>, sqlx::Error> {
    let rows = sqlx::query_as(
        "SELECT id, name, title, time_zone, version FROM plants
         WHERE ($1::int[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR name = $2) AND ($3::int IS NULL OR id = $3)
           AND ($4::text IS NULL OR strpos(lower(name || ' ' || title), lower($4)) > 0)
           AND ($5::text IS NULL OR (name, '') > ($5, $6))
         ORDER BY name LIMIT $7",
    );
    filter.bind(rows).fetch_all(connection).await
}

pub async fn insert(connection: &mut PgConnection, new: &routes::NewPlant) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("INSERT INTO plants (name, title, time_zone) VALUES ($1, $2, $3) RETURNING id")
        .bind(&new.name)
        .bind(&new.title)
        .bind(&new.time_zone)
        .fetch_one(connection)
        .await
}

/// False when it is of another version by now.
pub async fn update(connection: &mut PgConnection, id: i32, change: &routes::PlantChange) -> Result<bool, sqlx::Error> {
    sqlx::query("UPDATE plants SET title = $3, time_zone = $4 WHERE id = $1 AND version = $2")
        .bind(id)
        .bind(change.version)
        .bind(&change.title)
        .bind(&change.time_zone)
        .execute(connection)
        .await
        .map(|done| done.rows_affected() == 1)
}

/// Whether the database server knows the time zone too.
pub async fn knows_time_zone(connection: &mut PgConnection, zone: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)")
        .bind(zone)
        .fetch_one(connection)
        .await
}
