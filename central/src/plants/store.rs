//! SQL about plants.

use sqlx::PgPool;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Plant {
    pub id: i32,
    pub name: String,
    pub time_zone: String,
}

pub async fn plants(pool: &PgPool) -> Result<Vec<Plant>, sqlx::Error> {
    sqlx::query_as("SELECT id, name, time_zone FROM plants ORDER BY name").fetch_all(pool).await
}

/// Makes the plant unless it exists; returns it as it is.
pub async fn ensure(pool: &PgPool, name: &str, time_zone: &str) -> Result<Plant, sqlx::Error> {
    sqlx::query("INSERT INTO plants (name, time_zone) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(time_zone)
        .execute(pool)
        .await?;
    sqlx::query_as("SELECT id, name, time_zone FROM plants WHERE name = $1").bind(name).fetch_one(pool).await
}
