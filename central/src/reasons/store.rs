//! `reasons`.

use sqlx::PgConnection;

use super::routes::{NewReason, Reason, ReasonChange};
use crate::master_data::change::{Resource, refused};
use crate::master_data::list::Filter;
use crate::master_data::text::{self, Faults};
use crate::web::problem::Problem;

/// By plant and code.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Vec<Reason>> {
    let rows = sqlx::query_as(
        "SELECT t.id, p.name AS plant, t.code, t.title, t.applies_to, t.planned, t.active, t.version
         FROM reasons t JOIN plants p ON p.id = t.plant_id
         WHERE ($1::int[] IS NULL OR t.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR t.id = $3)
           AND ($4::text IS NULL OR strpos(lower(t.code || ' ' || t.title), lower($4)) > 0)
           AND ($8::bool IS NULL OR t.active = $8) AND ($5::text IS NULL OR (p.name, t.code) > ($5, $6))
         ORDER BY p.name, t.code LIMIT $7",
    );
    filter.bind(rows).bind(filter.active).fetch_all(connection).await
}

/// Reasons, as [`Resource`].
#[derive(Debug)]
pub struct Reasons;

impl Resource for Reasons {
    const WORD: &'static str = "reason";
    type Record = Reason;
    type New = NewReason;
    type Change = ReasonChange;

    fn plant(new: &NewReason) -> &str {
        &new.plant
    }

    fn label(record: &Reason) -> (&str, &str) {
        (&record.plant, &record.code)
    }

    fn faults_of_new(new: &NewReason) -> Faults {
        let mut faults = Faults::default();
        faults.check("code", text::code(&new.code));
        faults.check("title", text::title(&new.title));
        faults
    }

    fn faults_of_change(change: &ReasonChange) -> Faults {
        let mut faults = Faults::default();
        faults.check("title", text::title(&change.title));
        faults
    }

    fn version(change: &ReasonChange) -> i32 {
        change.version
    }

    async fn find(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Option<Reason>> {
        Ok(list(connection, filter).await?.into_iter().next())
    }

    async fn insert(connection: &mut PgConnection, plant_id: i32, new: &NewReason) -> Result<i32, Problem> {
        sqlx::query_scalar(
            "INSERT INTO reasons (plant_id, code, title, applies_to, planned, active) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(plant_id)
        .bind(&new.code)
        .bind(&new.title)
        .bind(new.applies_to)
        .bind(new.planned)
        .bind(new.active)
        .fetch_one(connection)
        .await
        .map_err(|error| refused(error, Self::WORD, &new.code))
    }

    async fn update(connection: &mut PgConnection, id: i32, change: &ReasonChange) -> Result<bool, Problem> {
        let done = sqlx::query(
            "UPDATE reasons SET title = $3, applies_to = $4, planned = $5, active = $6 WHERE id = $1 AND version = $2",
        )
        .bind(id)
        .bind(change.version)
        .bind(&change.title)
        .bind(change.applies_to)
        .bind(change.planned)
        .bind(change.active)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn referrers(connection: &mut PgConnection, id: i32) -> sqlx::Result<Vec<String>> {
        let (stops, pieces): (bool, bool) = sqlx::query_as(
            "SELECT EXISTS (SELECT FROM downtime_entries e WHERE e.plant_id = t.plant_id AND e.reason = t.code),
                    EXISTS (SELECT FROM piece_entries e WHERE e.plant_id = t.plant_id AND e.reason = t.code)
             FROM reasons t WHERE t.id = $1",
        )
        .bind(id)
        .fetch_one(connection)
        .await?;
        let words = [(stops, "stops that it was given"), (pieces, "pieces that it was given")];
        Ok(words.into_iter().filter(|(found, _)| *found).map(|(_, word)| word.to_owned()).collect())
    }

    async fn delete(connection: &mut PgConnection, id: i32) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM reasons WHERE id = $1").bind(id).execute(connection).await.map(drop)
    }
}
