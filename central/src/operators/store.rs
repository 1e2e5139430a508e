//! `operators`.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::routes::Operator;
use super::secrets;
use crate::master_data::change::{Resource, refused};
use crate::master_data::import::{Imported, Written};
use crate::master_data::list::Filter;
use crate::master_data::text::{self, Faults};
use crate::web::problem::Problem;

/// By plant and number.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Vec<Operator>> {
    let rows = sqlx::query_as(
        "SELECT t.id, p.name AS plant, t.number, t.name, t.badge_hash IS NOT NULL AS has_badge,
                t.pin_hash IS NOT NULL AS has_pin, t.active, t.version
         FROM operators t JOIN plants p ON p.id = t.plant_id
         WHERE ($1::int[] IS NULL OR t.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR t.id = $3)
           AND ($4::text IS NULL OR strpos(lower(t.number || ' ' || t.name), lower($4)) > 0)
           AND ($8::bool IS NULL OR t.active = $8) AND ($5::text IS NULL OR (p.name, t.number) > ($5, $6))
         ORDER BY p.name, t.number LIMIT $7",
    );
    filter.bind(rows).bind(filter.active).fetch_all(connection).await
}

/// An operator to be, hashes made.
#[derive(Debug)]
pub struct Hashed {
    pub plant: String,
    pub number: String,
    pub name: String,
    pub badge_hash: Option<String>,
    pub pin_hash: Option<String>,
    pub active: bool,
}

/// A replacement, hashes made: the outer none leaves what is there, the inner one removes it.
#[derive(Debug)]
pub struct HashedChange {
    pub version: i32,
    pub name: String,
    pub badge_hash: Option<Option<String>>,
    pub pin_hash: Option<Option<String>>,
    pub active: bool,
}

/// What is wrong with an operator to be, before anything of it is hashed.
#[must_use]
pub fn faults(number: &str, name: &str, badge: Option<&str>, pin: Option<&str>) -> Faults {
    let mut faults = Faults::default();
    faults.check("number", text::code(number));
    faults.check("name", text::code_of(name, text::TITLE_CHARACTERS_MAX));
    faults.check("badge", badge.map_or(Ok(()), secrets::badge));
    faults.check("pin", pin.map_or(Ok(()), |pin| secrets::pin(pin, number)));
    faults
}

/// Operators, as [`Resource`].
#[derive(Debug)]
pub struct Operators;

impl Resource for Operators {
    const WORD: &'static str = "operator";
    type Record = Operator;
    type New = Hashed;
    type Change = HashedChange;

    fn plant(new: &Hashed) -> &str {
        &new.plant
    }

    fn label(record: &Operator) -> (&str, &str) {
        (&record.plant, &record.number)
    }

    fn faults_of_new(_: &Hashed) -> Faults {
        Faults::default()
    }

    fn faults_of_change(_: &HashedChange) -> Faults {
        Faults::default()
    }

    fn version(change: &HashedChange) -> i32 {
        change.version
    }

    async fn find(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Option<Operator>> {
        Ok(list(connection, filter).await?.into_iter().next())
    }

    async fn insert(connection: &mut PgConnection, plant_id: i32, new: &Hashed) -> Result<i32, Problem> {
        sqlx::query_scalar(
            "INSERT INTO operators (plant_id, number, name, badge_hash, pin_hash, active)
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(plant_id)
        .bind(&new.number)
        .bind(&new.name)
        .bind(&new.badge_hash)
        .bind(&new.pin_hash)
        .bind(new.active)
        .fetch_one(connection)
        .await
        .map_err(|error| badge_taken(&error).unwrap_or_else(|| refused(error, Self::WORD, &new.number)))
    }

    async fn update(connection: &mut PgConnection, id: i32, change: &HashedChange) -> Result<bool, Problem> {
        let done = sqlx::query(
            "UPDATE operators SET name = $3, active = $4, badge_hash = CASE WHEN $5 THEN $6 ELSE badge_hash END,
                    pin_hash = CASE WHEN $7 THEN $8 ELSE pin_hash END
             WHERE id = $1 AND version = $2",
        )
        .bind(id)
        .bind(change.version)
        .bind(&change.name)
        .bind(change.active)
        .bind(change.badge_hash.is_some())
        .bind(change.badge_hash.as_ref().and_then(Option::as_ref))
        .bind(change.pin_hash.is_some())
        .bind(change.pin_hash.as_ref().and_then(Option::as_ref))
        .execute(connection)
        .await
        .map_err(|error| badge_taken(&error).unwrap_or_else(|| error.into()))?;
        Ok(done.rows_affected() == 1)
    }

    async fn referrers(connection: &mut PgConnection, id: i32) -> sqlx::Result<Vec<String>> {
        let entered: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM shift_log e WHERE e.plant_id = t.plant_id AND e.operator = t.number)
                 OR EXISTS (SELECT FROM job_log e WHERE e.plant_id = t.plant_id AND e.operator = t.number)
                 OR EXISTS (SELECT FROM piece_entries e WHERE e.plant_id = t.plant_id AND e.operator = t.number)
                 OR EXISTS (SELECT FROM downtime_entries e WHERE e.plant_id = t.plant_id AND e.operator = t.number)
             FROM operators t WHERE t.id = $1",
        )
        .bind(id)
        .fetch_one(connection)
        .await?;
        Ok(entered.then(|| "what this operator has entered".to_owned()).into_iter().collect())
    }

    async fn delete(connection: &mut PgConnection, id: i32) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM operators WHERE id = $1").bind(id).execute(connection).await.map(drop)
    }
}

fn badge_taken(error: &sqlx::Error) -> Option<Problem> {
    let constraint = error.as_database_error()?.constraint()?;
    (constraint == "operators_badge")
        .then(|| Problem::conflict("badge: it is another operator's; take it from that one first"))
}

/// Creates the operators, or brings those that are there to what is given, in one statement. A hash that is none leaves the
/// one that is there.
pub async fn import(connection: &mut PgConnection, plant_id: i32, operators: &[Hashed]) -> Result<Imported, Problem> {
    let written: Vec<Written> = sqlx::query_as(
        "INSERT INTO operators AS t (plant_id, number, name, badge_hash, pin_hash, active)
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bool[])
         ON CONFLICT (plant_id, number) DO UPDATE
         SET name = excluded.name, badge_hash = coalesce(excluded.badge_hash, t.badge_hash),
             pin_hash = coalesce(excluded.pin_hash, t.pin_hash), active = excluded.active
         WHERE (t.name, t.badge_hash, t.pin_hash, t.active) IS DISTINCT FROM
               (excluded.name, coalesce(excluded.badge_hash, t.badge_hash), coalesce(excluded.pin_hash, t.pin_hash),
                excluded.active)
         RETURNING xmax = 0 AS created",
    )
    .bind(plant_id)
    .bind(operators.iter().map(|it| it.number.as_str()).collect::<Vec<_>>())
    .bind(operators.iter().map(|it| it.name.as_str()).collect::<Vec<_>>())
    .bind(operators.iter().map(|it| it.badge_hash.as_deref()).collect::<Vec<_>>())
    .bind(operators.iter().map(|it| it.pin_hash.as_deref()).collect::<Vec<_>>())
    .bind(operators.iter().map(|it| it.active).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(|error| badge_taken(&error).unwrap_or_else(|| error.into()))?;
    Ok(Imported::of(operators.len(), &written))
}

/// Which of these badges are other operators', by their numbers.
pub async fn badge_holders(
    connection: &mut PgConnection,
    plant_id: i32,
    hashes: &[&str],
) -> sqlx::Result<HashMap<String, String>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT badge_hash, number FROM operators WHERE plant_id = $1 AND badge_hash = ANY ($2)")
            .bind(plant_id)
            .bind(hashes)
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().collect())
}
