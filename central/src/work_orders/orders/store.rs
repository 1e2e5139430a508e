//! `work_orders`.

use sqlx::PgConnection;

use super::super::routes::{NewWorkOrder, WorkOrder, WorkOrderChange};
use crate::master_data::change::refused;
use crate::master_data::import::{Imported, Written};
use crate::master_data::list::Filter;
use crate::web::problem::Problem;

/// By plant and code.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Vec<WorkOrder>> {
    let rows = sqlx::query_as(
        "SELECT t.id, p.name AS plant, t.code, t.product, r.title AS product_title, m.name AS machine, t.quantity, t.due_at,
                t.active, t.version
         FROM work_orders t JOIN plants p ON p.id = t.plant_id
         JOIN products r ON r.plant_id = t.plant_id AND r.code = t.product LEFT JOIN machines m ON m.id = t.machine_id
         WHERE ($1::int[] IS NULL OR t.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR t.id = $3)
           AND ($4::text IS NULL OR strpos(lower(t.code || ' ' || t.product || ' ' || r.title), lower($4)) > 0)
           AND ($8::bool IS NULL OR t.active = $8) AND ($5::text IS NULL OR (p.name, t.code) > ($5, $6))
         ORDER BY p.name, t.code LIMIT $7",
    );
    filter.bind(rows).bind(filter.active).fetch_all(connection).await
}

pub async fn plant_of(connection: &mut PgConnection, id: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT plant_id FROM work_orders WHERE id = $1").bind(id).fetch_one(connection).await
}

/// Those of these codes that the plant has. They stay until this transaction ends.
pub async fn known_products(connection: &mut PgConnection, plant_id: i32, codes: &[&str]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT code FROM products WHERE plant_id = $1 AND code = ANY ($2) FOR KEY SHARE")
        .bind(plant_id)
        .bind(codes)
        .fetch_all(connection)
        .await
}

/// Those of these names that the plant has.
pub async fn known_machines(connection: &mut PgConnection, plant_id: i32, names: &[&str]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT name FROM machines WHERE plant_id = $1 AND name = ANY ($2)")
        .bind(plant_id)
        .bind(names)
        .fetch_all(connection)
        .await
}

pub async fn insert(connection: &mut PgConnection, plant_id: i32, new: &NewWorkOrder) -> Result<i32, Problem> {
    sqlx::query_scalar(
        "INSERT INTO work_orders (plant_id, code, product, machine_id, quantity, due_at, active)
         VALUES ($1, $2, $3, (SELECT id FROM machines WHERE plant_id = $1 AND name = $4), $5, $6, $7) RETURNING id",
    )
    .bind(plant_id)
    .bind(&new.code)
    .bind(&new.product)
    .bind(&new.machine)
    .bind(new.quantity)
    .bind(new.due_at)
    .bind(new.active)
    .fetch_one(connection)
    .await
    .map_err(|error| refused(error, "work_order", &new.code))
}

/// False when it is of another version by now.
pub async fn update(connection: &mut PgConnection, id: i32, change: &WorkOrderChange) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE work_orders t SET product = $3, quantity = $5, due_at = $6, active = $7,
                machine_id = (SELECT m.id FROM machines m WHERE m.plant_id = t.plant_id AND m.name = $4)
         WHERE t.id = $1 AND t.version = $2",
    )
    .bind(id)
    .bind(change.version)
    .bind(&change.product)
    .bind(&change.machine)
    .bind(change.quantity)
    .bind(change.due_at)
    .bind(change.active)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a fact names it.
pub async fn is_worked_on(connection: &mut PgConnection, id: i32) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM job_log e WHERE e.plant_id = t.plant_id AND e.work_order = t.code)
             OR EXISTS (SELECT FROM piece_entries e WHERE e.plant_id = t.plant_id AND e.work_order = t.code)
         FROM work_orders t WHERE t.id = $1",
    )
    .bind(id)
    .fetch_one(connection)
    .await
}

pub async fn delete(connection: &mut PgConnection, id: i32) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM work_orders WHERE id = $1").bind(id).execute(connection).await.map(drop)
}

/// Creates the orders, or brings those that are there to what is given, in one statement.
pub async fn import(connection: &mut PgConnection, plant_id: i32, orders: &[NewWorkOrder]) -> sqlx::Result<Imported> {
    let written: Vec<Written> = sqlx::query_as(
        "INSERT INTO work_orders AS t (plant_id, code, product, machine_id, quantity, due_at, active)
         SELECT $1, n.code, n.product, m.id, n.quantity, n.due_at, n.active
         FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::bool[])
              AS n(code, product, machine, quantity, due_at, active)
         LEFT JOIN machines m ON m.plant_id = $1 AND m.name = n.machine
         ON CONFLICT (plant_id, code) DO UPDATE
         SET product = excluded.product, machine_id = excluded.machine_id, quantity = excluded.quantity,
             due_at = excluded.due_at, active = excluded.active
         WHERE (t.product, t.machine_id, t.quantity, t.due_at, t.active) IS DISTINCT FROM
               (excluded.product, excluded.machine_id, excluded.quantity, excluded.due_at, excluded.active)
         RETURNING xmax = 0 AS created",
    )
    .bind(plant_id)
    .bind(orders.iter().map(|it| it.code.as_str()).collect::<Vec<_>>())
    .bind(orders.iter().map(|it| it.product.as_str()).collect::<Vec<_>>())
    .bind(orders.iter().map(|it| it.machine.as_deref()).collect::<Vec<_>>())
    .bind(orders.iter().map(|it| it.quantity).collect::<Vec<_>>())
    .bind(orders.iter().map(|it| it.due_at).collect::<Vec<_>>())
    .bind(orders.iter().map(|it| it.active).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(Imported::of(orders.len(), &written))
}
