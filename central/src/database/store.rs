//! SQL about the server and the schema as a whole.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgNotification};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, Row as _};

use super::capabilities::{Capabilities, Extension, FactTables};

/// Any numbers that nothing else in the database uses.
const MIGRATION_LOCK: i64 = 0x6365_6e74_7261_6c00;
const MAINTENANCE_LOCK: i64 = MIGRATION_LOCK + 1;
/// A listener that heard nothing for so long asks whether anybody is there.
const SILENT_FOR: Duration = Duration::from_secs(30);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Connects, asks, disconnects.
pub async fn ping(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query("SELECT 1").execute(&mut connection).await?;
    connection.close().await
}

/// The next notification; none when the connection was closed. While nothing is said it is asked now and then whether
/// anybody is at the other end: a server that vanished without a word is noticed by nothing else.
pub async fn next_notification(listener: &mut PgListener) -> Result<Option<PgNotification>, sqlx::Error> {
    loop {
        if let Ok(heard) = tokio::time::timeout(SILENT_FOR, listener.try_recv()).await {
            return heard;
        }
        let asked = sqlx::query("SELECT 1").execute(&mut *listener);
        tokio::time::timeout(ANSWERS_WITHIN, asked)
            .await
            .map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
    }
}

/// A connection of its own to where `pool` connects to.
pub async fn connect_like(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    pool.connect_options().connect().await
}

/// Makes central's database in a cluster that has none yet. `maintenance` connects to another one.
pub async fn ensure_database(maintenance: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = maintenance.connect().await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'central')")
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        sqlx::query("CREATE DATABASE central").execute(&mut connection).await?;
    }
    connection.close().await
}

/// Waits for its turn; the lock ends with the session.
pub async fn lock_migrations(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut mentioned = false;
    loop {
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if locked {
            return Ok(());
        }
        if !mentioned {
            tracing::info!("another central migrates the database: waiting for it");
            mentioned = true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Version and checksum of every migration that was applied; none where the table does not exist.
pub async fn applied_migrations(connection: &mut PgConnection) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass('central_migrations') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT version, checksum FROM central_migrations WHERE success ORDER BY version")
        .fetch_all(connection)
        .await
}

pub async fn create_queues(connection: &mut PgConnection, queues: &[&str]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT pgmq.create(wanted) FROM unnest($1::text[]) wanted
         WHERE wanted NOT IN (SELECT queue_name FROM pgmq.list_queues())",
    )
    .bind(queues)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes pg_cron, which only the database that `cron.database_name` names may have.
pub async fn create_pg_cron(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_cron").execute(connection).await?;
    Ok(())
}

pub async fn create_timescaledb(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("CREATE EXTENSION IF NOT EXISTS timescaledb").execute(connection).await?;
    Ok(())
}

/// Only where nothing uses it.
pub async fn drop_timescaledb(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DROP EXTENSION timescaledb").execute(connection).await?;
    Ok(())
}

pub async fn run_script(connection: &mut PgConnection, script: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(script).execute(connection).await?;
    Ok(())
}

/// Partitions ahead of need, months past retention dropped.
pub async fn apply_retention(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT apply_retention()").fetch_one(connection).await
}

pub async fn fact_tables(connection: &mut PgConnection) -> Result<FactTables, sqlx::Error> {
    let found: Option<(bool, bool)> = sqlx::query_as(
        "SELECT relkind = 'p', to_regclass('_timescaledb_catalog.hypertable') IS NOT NULL
         FROM pg_class WHERE oid = to_regclass('production_logs')",
    )
    .fetch_optional(&mut *connection)
    .await?;
    match found {
        None => Ok(FactTables::Absent),
        Some((true, _)) => Ok(FactTables::Partitioned),
        Some((false, false)) => Ok(FactTables::Plain),
        Some((false, true)) => {
            // The catalog and not its views, which need the library that may be missing.
            let is_hypertable: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM _timescaledb_catalog.hypertable
                                WHERE schema_name = current_schema AND table_name = 'production_logs')",
            )
            .fetch_one(connection)
            .await?;
            Ok(if is_hypertable { FactTables::Hypertables } else { FactTables::Plain })
        }
    }
}

pub async fn capabilities(connection: &mut PgConnection) -> Result<Capabilities, sqlx::Error> {
    let server = sqlx::query(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
                current_setting('shared_preload_libraries') AS preloaded,
                current_setting('timescaledb.license', true) AS license",
    )
    .fetch_one(&mut *connection)
    .await?;
    let preloaded: String = server.try_get("preloaded")?;
    let preloaded: Vec<&str> = preloaded.split(',').map(|library| library.trim().trim_matches('"')).collect();
    let extensions: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT name::text, default_version, installed_version FROM pg_available_extensions
         WHERE name IN ('timescaledb', 'pg_cron', 'pg_trgm', 'pg_search', 'pg_textsearch', 'pgmq')",
    )
    .fetch_all(&mut *connection)
    .await?;
    let extension = |name: &str| {
        let found = extensions.iter().find(|(known, _, _)| known == name);
        Extension {
            available: found.and_then(|(_, available, _)| available.clone()),
            installed: found.and_then(|(_, _, installed)| installed.clone()),
            preloaded: preloaded.contains(&name),
        }
    };
    Ok(Capabilities {
        version: server.try_get("version")?,
        version_number: server.try_get("number")?,
        timescaledb: extension("timescaledb"),
        timescaledb_license: server.try_get::<Option<String>, _>("license")?.filter(|license| !license.is_empty()),
        pg_cron: extension("pg_cron"),
        pg_trgm: extension("pg_trgm"),
        pg_search: extension("pg_search"),
        pg_textsearch: extension("pg_textsearch"),
        pgmq: extension("pgmq"),
        facts: fact_tables(connection).await?,
    })
}

/// Whether the facts of a week from now have a partition. Hypertables make theirs by themselves.
pub async fn partitions_ahead(pool: &PgPool, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT relkind <> 'p' OR to_regclass('production_logs'
                    || to_char(($1 + interval '7 days') AT TIME ZONE 'UTC', '\"_y\"YYYY\"m\"MM')) IS NOT NULL
         FROM pg_class WHERE oid = to_regclass('production_logs')",
    )
    .bind(now)
    .fetch_optional(pool)
    .await
    .map(|ahead| ahead.unwrap_or(false))
}

#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
pub struct Queue {
    pub name: String,
    pub messages: i64,
    pub oldest_s: Option<i32>,
}

/// Every queue and what waits in it.
pub async fn queues(connection: &mut PgConnection) -> Result<Vec<Queue>, sqlx::Error> {
    sqlx::query_as(
        "SELECT queue_name AS name, queue_length AS messages, oldest_msg_age_sec AS oldest_s
         FROM pgmq.metrics_all() ORDER BY queue_name",
    )
    .fetch_all(connection)
    .await
}

/// Events that wait for a person.
pub async fn quarantined_events(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM quarantined_events WHERE released_at IS NULL").fetch_one(connection).await
}

/// Settings of the server and this session that decide whether data is safe, and what the clocks say.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Settings {
    pub fsync: String,
    pub full_page_writes: String,
    pub synchronous_commit: String,
    pub autovacuum: String,
    pub data_checksums: String,
    pub server_encoding: String,
    pub isolation: String,
    pub read_only: bool,
    pub statement_timeout_ms: i64,
    pub max_connections: i64,
    pub max_locks_per_transaction: i64,
    pub shared_buffers_bytes: i64,
    pub max_wal_size_bytes: i64,
    pub now: DateTime<Utc>,
    pub database_bytes: i64,
}

pub async fn settings(connection: &mut PgConnection) -> Result<Settings, sqlx::Error> {
    sqlx::query_as(
        "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
                current_setting('synchronous_commit') AS synchronous_commit, current_setting('autovacuum') AS autovacuum,
                current_setting('data_checksums') AS data_checksums,
                current_setting('server_encoding') AS server_encoding,
                current_setting('default_transaction_isolation') AS isolation,
                pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS read_only,
                (SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout') AS statement_timeout_ms,
                current_setting('max_connections')::bigint AS max_connections,
                current_setting('max_locks_per_transaction')::bigint AS max_locks_per_transaction,
                pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers_bytes,
                pg_size_bytes(current_setting('max_wal_size')) AS max_wal_size_bytes,
                clock_timestamp() AS now, pg_database_size(current_database()) AS database_bytes",
    )
    .fetch_one(connection)
    .await
}

/// Reasons for quarantine and how many events wait for each.
pub async fn quarantine_reasons(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT reason, count(*) FROM quarantined_events WHERE released_at IS NULL GROUP BY reason ORDER BY reason",
    )
    .fetch_all(connection)
    .await
}

/// Plants whose time zone the server does not know.
pub async fn plants_without_time_zone(connection: &mut PgConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT name, time_zone FROM plants p
         WHERE NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = p.time_zone) ORDER BY name",
    )
    .fetch_all(connection)
    .await
}

/// Version of PGMQ that its crate installed here; none where it is an extension or not installed.
pub async fn pgmq_sql_version(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('pgmq.__pgmq_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar(
        "SELECT version FROM pgmq.__pgmq_migrations ORDER BY string_to_array(version, '.')::int[] DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await
}

/// Whether this session is the one that maintains; until it ends.
pub async fn lock_maintenance(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(MAINTENANCE_LOCK).fetch_one(connection).await
}

/// A window of a continuous aggregate, and the noted repairs that refreshing it settles.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Refresh {
    pub aggregate: String,
    pub from_at: DateTime<Utc>,
    pub to_at: DateTime<Utc>,
    pub repairs: Vec<i64>,
}

pub async fn refreshes_due(connection: &mut PgConnection) -> Result<Vec<Refresh>, sqlx::Error> {
    sqlx::query_as("SELECT aggregate::text, from_at, to_at, repairs FROM aggregate_refreshes_due() ORDER BY from_at")
        .fetch_all(connection)
        .await
}

/// Refreshes first and settles then: cut short in between, it is refreshed once more.
pub async fn refresh(connection: &mut PgConnection, due: &Refresh) -> Result<(), sqlx::Error> {
    sqlx::query("CALL refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz)")
        .bind(&due.aggregate)
        .bind(due.from_at)
        .bind(due.to_at)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM aggregate_repairs WHERE id = ANY ($1)").bind(&due.repairs).execute(connection).await?;
    Ok(())
}
