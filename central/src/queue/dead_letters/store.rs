//! `pgmq.q_dlq`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row as _};

use super::{DeadLetter, DeadLetterDetail};
use crate::queue::store::AttemptError;

/// Which dead letters. One without a plant is shown to those who may see all plants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    pub plants: Option<&'f [i32]>,
    /// Name of a plant.
    pub plant: Option<&'f str>,
    pub id: Option<i64>,
    pub queue: Option<&'f str>,
    /// Only older ones.
    pub before: Option<i64>,
}

/// Newest first.
pub async fn list(pool: &PgPool, filter: Filter<'_>, limit: i64) -> sqlx::Result<Vec<DeadLetterDetail>> {
    let rows = sqlx::query(
        "SELECT d.msg_id, d.enqueued_at, d.message ->> 'queue' AS queue, d.message -> 'message' ->> 'kind' AS kind,
                p.name AS plant,
                CASE WHEN jsonb_typeof(d.message -> 'attempts') = 'number'
                     THEN (d.message ->> 'attempts')::int END AS attempts,
                d.message ->> 'enqueued_at' AS sent_at, d.message -> 'message' AS message,
                d.message -> 'errors' AS errors
         FROM pgmq.q_dlq d LEFT JOIN plants p ON to_jsonb(p.id) = d.message -> 'message' -> 'plant_id'
         WHERE ($1::int[] IS NULL OR d.message -> 'message' -> 'plant_id' IN (SELECT to_jsonb(unnest($1::int[]))))
           AND ($2::bigint IS NULL OR d.msg_id = $2) AND ($3::text IS NULL OR d.message ->> 'queue' = $3)
           AND ($4::bigint IS NULL OR d.msg_id < $4) AND ($6::text IS NULL OR p.name = $6)
         ORDER BY d.msg_id DESC LIMIT $5",
    )
    .bind(filter.plants)
    .bind(filter.id)
    .bind(filter.queue)
    .bind(filter.before)
    .bind(limit)
    .bind(filter.plant)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let sent_at: Option<String> = row.try_get("sent_at")?;
            let errors: Option<Json<Value>> = row.try_get("errors")?;
            // What another program put there is shown as far as it can be read.
            let errors: Vec<AttemptError> =
                errors.and_then(|errors| serde_json::from_value(errors.0).ok()).unwrap_or_default();
            let message: Option<Json<Value>> = row.try_get("message")?;
            Ok(DeadLetterDetail {
                letter: DeadLetter {
                    id: row.try_get("msg_id")?,
                    queue: row.try_get("queue")?,
                    kind: row.try_get("kind")?,
                    plant: row.try_get("plant")?,
                    attempts: row.try_get("attempts")?,
                    sent_at: sent_at.and_then(|at| at.parse::<DateTime<Utc>>().ok()),
                    died_at: row.try_get("enqueued_at")?,
                    error: errors.last().map(|error| error.chain.join(": ")),
                },
                message: message.map_or(Value::Null, |message| message.0),
                errors,
            })
        })
        .collect()
}

/// A dead letter that was taken off, to be decided on.
#[derive(Debug)]
pub struct Taken {
    pub queue: Option<String>,
    /// None where the message names no plant that exists.
    pub plant_id: Option<i32>,
    pub message: Value,
}

/// Moves a dead letter to the archive; none when it is not there, or another plant's.
pub async fn take(connection: &mut PgConnection, plants: Option<&[i32]>, id: i64) -> sqlx::Result<Option<Taken>> {
    let row = sqlx::query(
        "WITH taken AS (
             DELETE FROM pgmq.q_dlq d
             WHERE d.msg_id = $1
               AND ($2::int[] IS NULL OR d.message -> 'message' -> 'plant_id' IN (SELECT to_jsonb(unnest($2::int[]))))
             RETURNING msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers)
         INSERT INTO pgmq.a_dlq (msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers)
         SELECT msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers FROM taken
         RETURNING message ->> 'queue' AS queue, message -> 'message' AS message,
                   (SELECT p.id FROM plants p WHERE to_jsonb(p.id) = message -> 'message' -> 'plant_id') AS plant_id",
    )
    .bind(id)
    .bind(plants)
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let message: Option<Json<Value>> = row.try_get("message")?;
        Ok(Taken {
            queue: row.try_get("queue")?,
            plant_id: row.try_get("plant_id")?,
            message: message.map_or(Value::Null, |message| message.0),
        })
    })
    .transpose()
}
