//! `products`.

use sqlx::PgConnection;

use super::routes::{NewProduct, Product, ProductChange};
use crate::master_data::change::{Resource, refused};
use crate::master_data::import::{Imported, Written};
use crate::master_data::list::Filter;
use crate::master_data::text::{self, Faults};
use crate::web::problem::Problem;

/// As fast as anything is counted, and as slow as a day.
const CYCLE_MS_MAX: i64 = 86_400_000;

/// By plant and code.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Vec<Product>> {
    let rows = sqlx::query_as(
        "SELECT t.id, p.name AS plant, t.code, t.title, t.ideal_cycle_ms, t.active, t.version
         FROM products t JOIN plants p ON p.id = t.plant_id
         WHERE ($1::int[] IS NULL OR t.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR t.id = $3)
           AND ($4::text IS NULL OR strpos(lower(t.code || ' ' || t.title), lower($4)) > 0)
           AND ($8::bool IS NULL OR t.active = $8) AND ($5::text IS NULL OR (p.name, t.code) > ($5, $6))
         ORDER BY p.name, t.code LIMIT $7",
    );
    filter.bind(rows).bind(filter.active).fetch_all(connection).await
}

/// Products, as [`Resource`].
#[derive(Debug)]
pub struct Products;

impl Resource for Products {
    const WORD: &'static str = "product";
    type Record = Product;
    type New = NewProduct;
    type Change = ProductChange;

    fn plant(new: &NewProduct) -> &str {
        &new.plant
    }

    fn label(record: &Product) -> (&str, &str) {
        (&record.plant, &record.code)
    }

    fn faults_of_new(new: &NewProduct) -> Faults {
        let mut faults = Faults::default();
        faults.check("code", text::code(&new.code));
        faults.check("title", text::title(&new.title));
        faults.check("ideal_cycle_ms", text::within(new.ideal_cycle_ms, 1, CYCLE_MS_MAX));
        faults
    }

    fn faults_of_change(change: &ProductChange) -> Faults {
        let mut faults = Faults::default();
        faults.check("title", text::title(&change.title));
        faults.check("ideal_cycle_ms", text::within(change.ideal_cycle_ms, 1, CYCLE_MS_MAX));
        faults
    }

    fn version(change: &ProductChange) -> i32 {
        change.version
    }

    async fn find(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Option<Product>> {
        Ok(list(connection, filter).await?.into_iter().next())
    }

    async fn insert(connection: &mut PgConnection, plant_id: i32, new: &NewProduct) -> Result<i32, Problem> {
        sqlx::query_scalar(
            "INSERT INTO products (plant_id, code, title, ideal_cycle_ms, active) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(plant_id)
        .bind(&new.code)
        .bind(&new.title)
        .bind(new.ideal_cycle_ms)
        .bind(new.active)
        .fetch_one(connection)
        .await
        .map_err(|error| refused(error, Self::WORD, &new.code))
    }

    async fn update(connection: &mut PgConnection, id: i32, change: &ProductChange) -> Result<bool, Problem> {
        let done = sqlx::query(
            "UPDATE products SET title = $3, ideal_cycle_ms = $4, active = $5 WHERE id = $1 AND version = $2",
        )
        .bind(id)
        .bind(change.version)
        .bind(&change.title)
        .bind(change.ideal_cycle_ms)
        .bind(change.active)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn referrers(connection: &mut PgConnection, id: i32) -> sqlx::Result<Vec<String>> {
        let (orders, first): (i64, Option<String>) = sqlx::query_as(
            "SELECT count(*), min(o.code) FROM work_orders o JOIN products t ON t.plant_id = o.plant_id AND t.code = o.product
             WHERE t.id = $1",
        )
        .bind(id)
        .fetch_one(connection)
        .await?;
        Ok(first.map(|first| format!("{orders} work orders, such as {first:?}")).into_iter().collect())
    }

    async fn delete(connection: &mut PgConnection, id: i32) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM products WHERE id = $1").bind(id).execute(connection).await.map(drop)
    }
}

/// Creates the products, or brings those that are there to what is given, in one statement.
pub async fn import(connection: &mut PgConnection, plant_id: i32, products: &[NewProduct]) -> sqlx::Result<Imported> {
    let written: Vec<Written> = sqlx::query_as(
        "INSERT INTO products AS t (plant_id, code, title, ideal_cycle_ms, active)
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bool[])
         ON CONFLICT (plant_id, code) DO UPDATE
         SET title = excluded.title, ideal_cycle_ms = excluded.ideal_cycle_ms, active = excluded.active
         WHERE (t.title, t.ideal_cycle_ms, t.active) IS DISTINCT FROM
               (excluded.title, excluded.ideal_cycle_ms, excluded.active)
         RETURNING xmax = 0 AS created",
    )
    .bind(plant_id)
    .bind(products.iter().map(|it| it.code.as_str()).collect::<Vec<_>>())
    .bind(products.iter().map(|it| it.title.as_str()).collect::<Vec<_>>())
    .bind(products.iter().map(|it| it.ideal_cycle_ms).collect::<Vec<_>>())
    .bind(products.iter().map(|it| it.active).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(Imported::of(products.len(), &written))
}
