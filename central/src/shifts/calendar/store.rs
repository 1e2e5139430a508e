//! `shifts`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Shift;
use super::routes::CalendarShift;

/// Which shifts are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'f> {
    pub plants: Option<&'f [i32]>,
    pub plant: Option<&'f str>,
    /// Only those that end after this.
    pub from: DateTime<Utc>,
    /// Only those that start before this.
    pub to: DateTime<Utc>,
    /// Only those after this one, by start, plant and name.
    pub after: Option<(DateTime<Utc>, &'f str, &'f str)>,
}

/// By start, plant and name, at most `limit`.
pub async fn list(connection: &mut PgConnection, filter: &Filter<'_>, limit: i64) -> sqlx::Result<Vec<CalendarShift>> {
    sqlx::query_as(
        "SELECT p.name AS plant, s.name, s.starts_at, s.ends_at FROM shifts s JOIN plants p ON p.id = s.plant_id
         WHERE ($1::int[] IS NULL OR s.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND s.ends_at > $3 AND s.starts_at < $4
           AND ($5::timestamptz IS NULL OR (s.starts_at, p.name, s.name) > ($5, $6, $7))
         ORDER BY s.starts_at, p.name, s.name LIMIT $8",
    )
    .bind(filter.plants)
    .bind(filter.plant)
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.after.map(|(at, _, _)| at))
    .bind(filter.after.map(|(_, plant, _)| plant))
    .bind(filter.after.map(|(_, _, name)| name))
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Serializes changes of one plant's calendar until the transaction ends.
pub async fn lock(connection: &mut PgConnection, plant_id: i32) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('central shift calendar'), $1)")
        .bind(plant_id)
        .execute(connection)
        .await
        .map(drop)
}

/// The first shift of the plant that runs between these moments.
pub async fn first_between(
    connection: &mut PgConnection,
    plant_id: i32,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> sqlx::Result<Option<(String, DateTime<Utc>)>> {
    sqlx::query_as(
        "SELECT name, starts_at FROM shifts WHERE plant_id = $1 AND ends_at > $2 AND starts_at < $3
         ORDER BY starts_at LIMIT 1",
    )
    .bind(plant_id)
    .bind(from)
    .bind(to)
    .fetch_optional(connection)
    .await
}

/// In one statement.
pub async fn insert(connection: &mut PgConnection, plant_id: i32, shifts: &[Shift]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO shifts (plant_id, name, starts_at, ends_at)
         SELECT $1, * FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[])",
    )
    .bind(plant_id)
    .bind(shifts.iter().map(|shift| shift.name.as_str()).collect::<Vec<_>>())
    .bind(shifts.iter().map(|shift| shift.starts_at).collect::<Vec<_>>())
    .bind(shifts.iter().map(|shift| shift.ends_at).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
}

/// Deletes the plant's shifts that start at or after `from` and before `to`; returns how many.
pub async fn delete(
    connection: &mut PgConnection,
    plant_id: i32,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
) -> sqlx::Result<u64> {
    sqlx::query(
        "DELETE FROM shifts WHERE plant_id = $1 AND starts_at >= $2 AND ($3::timestamptz IS NULL OR starts_at < $3)",
    )
    .bind(plant_id)
    .bind(from)
    .bind(to)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
}
