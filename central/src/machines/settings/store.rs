//! What people maintain of `machines`, and the signals that were read of one.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::routes::{MachineSettings, MachineSettingsChange, Signal};
use crate::master_data::list::Filter;

/// By plant and name.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> sqlx::Result<Vec<MachineSettings>> {
    let rows = sqlx::query_as(
        "SELECT t.id, p.name AS plant, t.name, t.title, l.name AS line, t.microstop_below_ms, a.name AS agent,
                a.uuid AS agent_uuid, t.discovered_at, t.version
         FROM machines t JOIN plants p ON p.id = t.plant_id JOIN agents a ON a.id = t.agent_id
         LEFT JOIN lines l ON l.id = t.line_id
         WHERE ($1::int[] IS NULL OR t.plant_id = ANY ($1)) AND ($2::text IS NULL OR p.name = $2)
           AND ($3::int IS NULL OR t.id = $3)
           AND ($4::text IS NULL OR strpos(lower(t.name || ' ' || t.title), lower($4)) > 0)
           AND ($5::text IS NULL OR (p.name, t.name) > ($5, $6))
         ORDER BY p.name, t.name LIMIT $7",
    );
    filter.bind(rows).fetch_all(connection).await
}

/// The number of a line of the machine's plant.
pub async fn line(connection: &mut PgConnection, machine: i32, line: &str) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar(
        "SELECT l.id FROM lines l JOIN machines m ON m.plant_id = l.plant_id WHERE m.id = $1 AND l.name = $2
         FOR KEY SHARE OF l",
    )
    .bind(machine)
    .bind(line)
    .fetch_optional(connection)
    .await
}

/// False when it is of another version by now.
pub async fn update(
    connection: &mut PgConnection,
    id: i32,
    change: &MachineSettingsChange,
    line: Option<i32>,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE machines SET title = $3, line_id = $4, microstop_below_ms = $5 WHERE id = $1 AND version = $2",
    )
    .bind(id)
    .bind(change.version)
    .bind(&change.title)
    .bind(line)
    .bind(change.microstop_below_ms)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The number of an enabled agent of the machine's plant.
pub async fn agent(connection: &mut PgConnection, machine: i32, uuid: uuid::Uuid) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar(
        "SELECT a.id FROM agents a JOIN machines m ON m.plant_id = a.plant_id WHERE m.id = $1 AND a.uuid = $2 AND a.enabled",
    )
    .bind(machine)
    .bind(uuid)
    .fetch_optional(connection)
    .await
}

/// The last of every signal that was read since `from`.
pub async fn signals(connection: &mut PgConnection, machine: i32, from: DateTime<Utc>) -> sqlx::Result<Vec<Signal>> {
    sqlx::query_as(
        "(SELECT DISTINCT ON (signal) signal, 'count' AS kind, quality::text AS quality, at, raw AS counter,
                 NULL::float8 AS number, NULL::text AS text, NULL::boolean AS bool, NULL::text AS unit
          FROM production_logs WHERE machine_id = $1 AND at >= $2 AND basis <> 'entry' ORDER BY signal, at DESC)
         UNION ALL
         (SELECT DISTINCT ON (signal) signal, 'measurement', NULL, at, NULL, number, text, bool, unit
          FROM measurements WHERE machine_id = $1 AND at >= $2 ORDER BY signal, at DESC)
         ORDER BY signal, kind LIMIT 1000",
    )
    .bind(machine)
    .bind(from)
    .fetch_all(connection)
    .await
}
