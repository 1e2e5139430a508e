//! The SQL of queues. PGMQ's functions where they do; its tables, whose layout it documents, where a statement must name
//! the count of reads under which a message is held.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::Queue;
use super::attempt::Lease;

/// Errors of earlier attempts that a message carries along.
const ERRORS_KEPT: i32 = 20;

/// What workers listen to.
pub const CHANNEL: &str = "work";

/// A message that was taken.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Message {
    pub msg_id: i64,
    pub read_ct: i32,
    pub message: Option<Json<Value>>,
}

impl Message {
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease { id: self.msg_id, reads: self.read_ct }
    }
}

/// Statements that name a queue's tables are the same but for their names, which are constants of this program.
fn of(queue: Queue, statement: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(statement.replace("{queue}", queue.as_str()))
}

fn keys(leases: &[Lease]) -> (Vec<i64>, Vec<i32>) {
    leases.iter().map(|lease| (lease.id, lease.reads)).unzip()
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs().max(1)).unwrap_or(i32::MAX)
}

pub async fn send(connection: &mut PgConnection, queue: Queue, messages: &[Value]) -> sqlx::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT pgmq.send_batch($1, $2::jsonb[])")
        .bind(queue.as_str())
        .bind(messages)
        .execute(connection)
        .await?;
    Ok(())
}

/// Wakes workers when the transaction commits; several in one transaction are one.
pub async fn notify(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
    Ok(())
}

/// Tells open pages to look at work again.
pub async fn notify_pages(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify('changes', 'work')").execute(connection).await?;
    Ok(())
}

/// Takes up to `most` messages, oldest first. Those that others are taking are passed over.
pub async fn take(
    connection: &mut PgConnection,
    queue: Queue,
    lease: Duration,
    most: usize,
) -> sqlx::Result<Vec<Message>> {
    let mut taken: Vec<Message> = sqlx::query_as("SELECT msg_id, read_ct, message FROM pgmq.read($1, $2, $3)")
        .bind(queue.as_str())
        .bind(seconds(lease))
        .bind(i32::try_from(most).unwrap_or(i32::MAX))
        .fetch_all(connection)
        .await?;
    taken.sort_unstable_by_key(|message| message.msg_id);
    Ok(taken)
}

/// `pgmq.archive`, of those that are still held under these leases; how many were.
pub async fn archive(connection: &mut PgConnection, queue: Queue, leases: &[Lease]) -> sqlx::Result<u64> {
    if leases.is_empty() {
        return Ok(0);
    }
    let (ids, reads) = keys(leases);
    let statement = of(
        queue,
        "WITH archived AS (
             DELETE FROM pgmq.q_{queue} q USING unnest($1::bigint[], $2::int[]) held(id, reads)
             WHERE q.msg_id = held.id AND q.read_ct = held.reads
             RETURNING q.msg_id, q.vt, q.read_ct, q.enqueued_at, q.last_read_at, q.message, q.headers)
         INSERT INTO pgmq.a_{queue} (msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers)
         SELECT msg_id, vt, read_ct, enqueued_at, last_read_at, message, headers FROM archived",
    );
    Ok(sqlx::query(statement).bind(ids).bind(reads).execute(connection).await?.rows_affected())
}

/// Extends leases from now on; returns the messages that are still held.
pub async fn extend(pool: &PgPool, queue: Queue, leases: &[Lease], lease: Duration) -> sqlx::Result<Vec<i64>> {
    let (ids, reads) = keys(leases);
    let statement = of(
        queue,
        "UPDATE pgmq.q_{queue} q SET vt = clock_timestamp() + make_interval(secs => $3)
         FROM unnest($1::bigint[], $2::int[]) held(id, reads)
         WHERE q.msg_id = held.id AND q.read_ct = held.reads RETURNING q.msg_id",
    );
    sqlx::query_scalar(statement).bind(ids).bind(reads).bind(f64::from(seconds(lease))).fetch_all(pool).await
}

/// Gives messages back as if they had not been taken: somebody else may have them at once.
pub async fn give_back(pool: &PgPool, queue: Queue, leases: &[Lease]) -> sqlx::Result<()> {
    if leases.is_empty() {
        return Ok(());
    }
    let (ids, reads) = keys(leases);
    let statement = of(
        queue,
        "UPDATE pgmq.q_{queue} q SET vt = clock_timestamp(), read_ct = q.read_ct - 1
         FROM unnest($1::bigint[], $2::int[]) held(id, reads)
         WHERE q.msg_id = held.id AND q.read_ct = held.reads",
    );
    sqlx::query(statement).bind(ids).bind(reads).execute(pool).await?;
    Ok(())
}

/// How an attempt failed, as it is kept with the message.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct AttemptError {
    /// Number of the attempt, from 1.
    pub attempt: i32,
    pub at: DateTime<Utc>,
    /// The error, then what it came from.
    pub chain: Vec<String>,
}

/// Lets a message be seen again after a pause, and keeps why. False when the lease was lost.
pub async fn retry(
    pool: &PgPool,
    queue: Queue,
    lease: Lease,
    pause: Duration,
    error: &AttemptError,
) -> sqlx::Result<bool> {
    let statement = of(
        queue,
        "UPDATE pgmq.q_{queue} SET vt = clock_timestamp() + make_interval(secs => $3),
             headers = jsonb_set(coalesce(headers, '{}'), '{errors}', (
                 SELECT jsonb_agg(error ORDER BY place) FROM (
                     SELECT error, place FROM jsonb_array_elements(
                         coalesce(headers -> 'errors', '[]') || jsonb_build_array($4::jsonb))
                         WITH ORDINALITY kept(error, place)
                     ORDER BY place DESC LIMIT $5) newest))
         WHERE msg_id = $1 AND read_ct = $2",
    );
    let changed = sqlx::query(statement)
        .bind(lease.id)
        .bind(lease.reads)
        .bind(pause.as_secs_f64())
        .bind(Json(error))
        .bind(ERRORS_KEPT)
        .execute(pool)
        .await?;
    Ok(changed.rows_affected() == 1)
}

/// Moves a message to `dlq` with everything that is known of it: one statement, so that it is in exactly one place.
/// False when the lease was lost.
pub async fn bury(pool: &PgPool, queue: Queue, lease: Lease, error: &AttemptError) -> sqlx::Result<bool> {
    let statement = of(
        queue,
        "WITH dead AS (
             DELETE FROM pgmq.q_{queue} WHERE msg_id = $1 AND read_ct = $2
             RETURNING msg_id, read_ct, enqueued_at, message, headers)
         SELECT pgmq.send('dlq', jsonb_build_object(
                    'queue', $3::text, 'msg_id', msg_id, 'attempts', read_ct, 'enqueued_at', enqueued_at,
                    'message', message, 'errors', coalesce(headers -> 'errors', '[]') || jsonb_build_array($4::jsonb))),
                pg_notify('changes', 'work')
         FROM dead",
    );
    let buried = sqlx::query(statement)
        .bind(lease.id)
        .bind(lease.reads)
        .bind(queue.as_str())
        .bind(Json(error))
        .fetch_optional(pool)
        .await?;
    Ok(buried.is_some())
}

/// Forgets what was done or discarded long ago, a piece at a time; how much.
pub async fn prune_archive(pool: &PgPool, queue: &str, before: DateTime<Utc>) -> sqlx::Result<u64> {
    debug_assert!(crate::database::migrate::QUEUES.contains(&queue));
    let statement = format!(
        "DELETE FROM pgmq.a_{queue} WHERE msg_id = ANY (ARRAY(
             SELECT msg_id FROM pgmq.a_{queue} WHERE archived_at < $1 ORDER BY archived_at LIMIT 10000))"
    );
    Ok(sqlx::query(AssertSqlSafe(statement)).bind(before).execute(pool).await?.rows_affected())
}

/// A queue as the page shows it.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct QueueDepth {
    pub name: String,
    /// Messages in it, whether or not somebody works on them.
    pub messages: i64,
    /// Of these, taken by a worker: waiting there or being worked on.
    pub in_flight: i64,
    /// Of these, waiting for their next attempt.
    pub retrying: i64,
    /// When the oldest of them was sent.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Messages that were finished in the last five minutes; none of `dlq`.
    pub finished_5_min: Option<i64>,
}

/// Every queue, `dlq` last.
pub async fn depths(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<QueueDepth>> {
    let each = crate::database::migrate::QUEUES.map(|queue| {
        // Taken: not visible, and read since it became so. A retry waits with its last read before the present pause.
        let finished = if queue == "dlq" {
            "NULL::bigint".to_owned()
        } else {
            format!("(SELECT count(*) FROM pgmq.a_{queue} WHERE archived_at > $1::timestamptz - interval '5 minutes')")
        };
        format!(
            "SELECT '{queue}'::text AS name, count(*) AS messages,
                    count(*) FILTER (WHERE vt > clock_timestamp() AND NOT coalesce(headers ? 'errors'
                        AND (headers -> 'errors' -> -1 ->> 'attempt')::int = read_ct, false)) AS in_flight,
                    count(*) FILTER (WHERE vt > clock_timestamp() AND coalesce(headers ? 'errors'
                        AND (headers -> 'errors' -> -1 ->> 'attempt')::int = read_ct, false)) AS retrying,
                    min(enqueued_at) AS oldest_at, {finished} AS finished_5_min
             FROM pgmq.q_{queue}"
        )
    });
    sqlx::query_as(AssertSqlSafe(each.join(" UNION ALL "))).bind(now).fetch_all(pool).await
}
