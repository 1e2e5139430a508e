//! `lines`.

use sqlx::PgConnection;

use super::routes::{Line, LineChange, NewLine};
use crate::master_data::change::{Resource, refused};
use crate::master_data::list::Filter;
use crate::master_data::text::{self, Faults};
use crate::web::problem::Problem;

/// By plant and name.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Vec<Line>> {
    let rows = sqlx::query_as(
        "SELECT t.id, p.name AS plant, t.name, t.title, t.version,
                (SELECT count(*) FROM machines m WHERE m.line_id = t.id) AS machines
         FROM lines t JOIN plants p ON p.id = t.plant_id
         WHERE ($1::int[] IS NULL OR t.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR t.id = $3)
           AND ($4::text IS NULL OR strpos(lower(t.name || ' ' || t.title), lower($4)) > 0)
           AND ($5::text IS NULL OR (p.name, t.name) > ($5, $6))
         ORDER BY p.name, t.name LIMIT $7",
    );
    filter.bind(rows).fetch_all(connection).await
}

/// Lines, as [`Resource`].
#[derive(Debug)]
pub struct Lines;

impl Resource for Lines {
    const WORD: &'static str = "line";
    type Record = Line;
    type New = NewLine;
    type Change = LineChange;

    fn plant(new: &NewLine) -> &str {
        &new.plant
    }

    fn label(record: &Line) -> (&str, &str) {
        (&record.plant, &record.name)
    }

    fn faults_of_new(new: &NewLine) -> Faults {
        let mut faults = Faults::default();
        faults.check("name", text::name(&new.name));
        faults.check("title", text::title(&new.title));
        faults
    }

    fn faults_of_change(change: &LineChange) -> Faults {
        let mut faults = Faults::default();
        faults.check("title", text::title(&change.title));
        faults
    }

    fn version(change: &LineChange) -> i32 {
        change.version
    }

    async fn find(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Option<Line>> {
        Ok(list(connection, filter).await?.into_iter().next())
    }

    async fn insert(connection: &mut PgConnection, plant_id: i32, new: &NewLine) -> Result<i32, Problem> {
        sqlx::query_scalar("INSERT INTO lines (plant_id, name, title) VALUES ($1, $2, $3) RETURNING id")
            .bind(plant_id)
            .bind(&new.name)
            .bind(&new.title)
            .fetch_one(connection)
            .await
            .map_err(|error| refused(error, Self::WORD, &new.name))
    }

    async fn update(connection: &mut PgConnection, id: i32, change: &LineChange) -> Result<bool, Problem> {
        let done = sqlx::query("UPDATE lines SET title = $3 WHERE id = $1 AND version = $2")
            .bind(id)
            .bind(change.version)
            .bind(&change.title)
            .execute(connection)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn referrers(connection: &mut PgConnection, id: i32) -> sqlx::Result<Vec<String>> {
        let (machines, first): (i64, Option<String>) =
            sqlx::query_as("SELECT count(*), min(name) FROM machines WHERE line_id = $1")
                .bind(id)
                .fetch_one(connection)
                .await?;
        Ok(first.map(|first| format!("{machines} machines that stand in it, such as {first}")).into_iter().collect())
    }

    async fn delete(connection: &mut PgConnection, id: i32) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM lines WHERE id = $1").bind(id).execute(connection).await.map(drop)
    }
}
