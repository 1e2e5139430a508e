//! The schema brought up to what this build knows.
//!
//! Under one advisory lock, so that several central processes may start at once: the migrations (each in a transaction of
//! its own, so an interrupted run goes on where it stopped), PGMQ from its crate, the queues, then the scripts of `sql/`
//! that fit the server, which are idempotent and run every time.

use anyhow::{Context as _, bail};
use serde::Serialize;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;
use sqlx::{Acquire as _, PgPool};

use super::capabilities::{Capabilities, Definition, FactTables};
use super::{Database, store};

pub const QUEUES: [&str; 4] = ["background_jobs", "email_notifications", "report_generation", "dlq"];

/// Oldest PostgreSQL the schema runs on.
const MAJOR_MIN: i32 = 15;
pub const MIGRATIONS_TABLE: &str = "central_migrations";

struct Script {
    name: &'static str,
    sql: &'static str,
}

macro_rules! scripts {
    ($($name:literal),* $(,)?) => {
        [$(Script { name: $name, sql: include_str!(concat!("../../../sql/", $name)) }),*]
    };
}

const TIMESCALEDB: [Script; 2] = scripts!["timescaledb/0001_hypertables.sql", "timescaledb/0002_summaries.sql"];
const NATIVE: [Script; 2] = scripts!["native/0001_partitions.sql", "native/0002_summaries.sql"];
const PG_CRON: [Script; 1] = scripts!["pg_cron/0001_schedule.sql"];

/// How the schema of a database stands to this build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SchemaState {
    /// Every migration is applied, and the facts are defined.
    Current,
    /// Something is to be done: `central migrate`.
    Behind { applied: usize, known: usize },
    /// A newer build was here.
    Newer { unknown: Vec<i64> },
    /// A migration was changed after it was applied here.
    Altered { versions: Vec<i64> },
}

impl SchemaState {
    /// Says what to do, unless all is well.
    pub fn require_current(&self) -> anyhow::Result<()> {
        match self {
            SchemaState::Current => Ok(()),
            SchemaState::Behind { applied, known } => bail!(
                "the database schema is behind ({applied} of {known} migrations): run `central migrate`, or start \
                 without --no-migrate"
            ),
            other => other.require_not_newer(),
        }
    }

    fn require_not_newer(&self) -> anyhow::Result<()> {
        match self {
            SchemaState::Newer { unknown } => bail!(
                "the database was migrated by a newer central (migration {}), and this one does not know what changed: \
                 run the newer version, or restore a backup from before the upgrade; nothing was changed",
                list(unknown)
            ),
            SchemaState::Altered { versions } => bail!(
                "migration {} was applied here with other content: this is a modified build or another product's \
                 database; nothing was changed",
                list(versions)
            ),
            SchemaState::Current | SchemaState::Behind { .. } => Ok(()),
        }
    }
}

fn list(versions: &[i64]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What [`migrate`] did.
#[derive(Debug, Clone, Serialize)]
pub struct Migrated {
    pub migrations_before: usize,
    pub migrations_after: usize,
    pub pgmq_version: String,
    pub definition: Definition,
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../migrations");
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    // The lock is taken here, around more than the migrations.
    migrator.set_locking(false);
    migrator
}

/// How the schema stands, without changing anything.
pub async fn state(pool: &PgPool) -> Result<SchemaState, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let applied = store::applied_migrations(&mut connection).await?;
    let state = compare(&migrator(), &applied);
    if state == SchemaState::Current {
        let facts = store::fact_tables(&mut connection).await?;
        if !matches!(facts, FactTables::Partitioned | FactTables::Hypertables) {
            return Ok(SchemaState::Behind { applied: applied.len(), known: applied.len() });
        }
    }
    Ok(state)
}

fn compare(migrator: &Migrator, applied: &[(i64, Vec<u8>)]) -> SchemaState {
    let unknown: Vec<i64> =
        applied.iter().map(|(version, _)| *version).filter(|version| !migrator.version_exists(*version)).collect();
    if !unknown.is_empty() {
        return SchemaState::Newer { unknown };
    }
    let altered = migrator.iter().filter(|known| {
        applied.iter().any(|(version, checksum)| *version == known.version && *checksum != *known.checksum)
    });
    let versions: Vec<i64> = altered.map(|known| known.version).collect();
    if !versions.is_empty() {
        return SchemaState::Altered { versions };
    }
    let known = migrator.iter().count();
    if applied.len() < known { SchemaState::Behind { applied: applied.len(), known } } else { SchemaState::Current }
}

/// Brings the schema up to date.
pub async fn migrate(database: &Database) -> anyhow::Result<Migrated> {
    // Not of the pool: a lock of a session must not return to the pool with it.
    let mut lock = store::connect_like(&database.pool).await.context("cannot connect to migrate")?;
    store::lock_migrations(&mut lock).await.context("cannot lock the migrations")?;
    let migrated = migrate_locked(&database.pool, &mut lock).await;
    let _ = sqlx::Connection::close(lock).await;
    migrated
}

async fn migrate_locked(pool: &PgPool, connection: &mut PgConnection) -> anyhow::Result<Migrated> {
    let capabilities = store::capabilities(connection).await?;
    if capabilities.major() < MAJOR_MIN {
        bail!(
            "PostgreSQL {} is older than {MAJOR_MIN}, the oldest that the schema runs on: use a newer server",
            capabilities.version
        );
    }
    let migrator = migrator();
    let applied = store::applied_migrations(connection).await?;
    compare(&migrator, &applied).require_not_newer()?;
    migrator.run_direct(None, &mut *connection, false).await.context("a migration failed and was rolled back")?;
    let known = migrator.iter().count();
    if known > applied.len() {
        tracing::info!(applied = known - applied.len(), "migrations applied");
    }
    let pgmq_version = install_pgmq(pool, connection, &capabilities).await?;
    let definition = define(connection).await?;
    Ok(Migrated { migrations_before: applied.len(), migrations_after: known, pgmq_version, definition })
}

/// PGMQ as plain SQL by its crate. Where somebody installed it as an extension, that one is used: the two do not mix.
async fn install_pgmq(
    pool: &PgPool,
    connection: &mut PgConnection,
    capabilities: &Capabilities,
) -> anyhow::Result<String> {
    let version = match &capabilities.pgmq.installed {
        Some(version) => version.clone(),
        None => {
            let queue = pgmq::PGMQueueExt::new_with_pool(pool.clone()).await;
            queue.install_sql_from_embedded().await.context("cannot install PGMQ")?;
            queue.installed_version().await?.map(|version| version.to_string()).unwrap_or_default()
        }
    };
    store::create_queues(connection, &QUEUES).await.context("cannot make the queues")?;
    Ok(version)
}

async fn define(connection: &mut PgConnection) -> anyhow::Result<Definition> {
    let mut capabilities = store::capabilities(connection).await?;
    if capabilities.definition() == Definition::Timescaledb && capabilities.timescaledb.installed.is_none() {
        // Only once it is in the database does the server say under which licence.
        store::create_timescaledb(connection).await.context("cannot create the extension timescaledb")?;
        capabilities = store::capabilities(connection).await?;
        if capabilities.definition() == Definition::Native {
            tracing::warn!("TimescaleDB lacks its community licence here: facts become native partitions");
            store::drop_timescaledb(connection).await?;
        }
    }
    if capabilities.pg_cron.preloaded && capabilities.pg_cron.installed.is_none() {
        match store::create_pg_cron(connection).await {
            Ok(()) => capabilities = store::capabilities(connection).await?,
            // Another database has it, or the role may not: central keeps the schedule by itself.
            Err(error) => tracing::info!(%error, "pg_cron is on the server and not for this database"),
        }
    }
    let definition = capabilities.definition();
    let scripts: &[Script] = match definition {
        Definition::Timescaledb => &TIMESCALEDB,
        Definition::Native => &NATIVE,
    };
    let scheduled: &[Script] = if capabilities.pg_cron.installed.is_some() { &PG_CRON } else { &[] };
    for script in scripts.iter().chain(scheduled) {
        let mut transaction = connection.begin().await?;
        store::run_script(&mut transaction, script.sql).await.with_context(|| format!("sql/{} failed", script.name))?;
        transaction.commit().await?;
    }
    store::apply_retention(connection).await.context("cannot make the partitions ahead of need")?;
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_of_sql_is_in_its_list() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../sql"));
        let mut files: Vec<String> = Vec::new();
        for folder in std::fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
                let (folder, file) = (folder.file_name(), file.file_name());
                files.push(format!("{}/{}", folder.to_string_lossy(), file.to_string_lossy()));
            }
        }
        files.sort();
        let mut listed: Vec<&str> = [&TIMESCALEDB[..], &NATIVE, &PG_CRON].concat_names();
        listed.sort_unstable();
        assert_eq!(files, listed);
        for scripts in [&TIMESCALEDB[..], &NATIVE, &PG_CRON] {
            assert!(scripts.is_sorted_by_key(|script| script.name));
        }
    }

    trait Names {
        fn concat_names(&self) -> Vec<&'static str>;
    }

    impl Names for [&[Script]; 3] {
        fn concat_names(&self) -> Vec<&'static str> {
            self.iter().flat_map(|scripts| scripts.iter().map(|script| script.name)).collect()
        }
    }

    #[test]
    fn an_older_build_recognises_a_newer_schema() {
        let migrator = migrator();
        let mut applied: Vec<(i64, Vec<u8>)> =
            migrator.iter().map(|known| (known.version, known.checksum.to_vec())).collect();
        assert_eq!(compare(&migrator, &applied), SchemaState::Current);
        assert_eq!(
            compare(&migrator, &applied[1..]),
            SchemaState::Behind { applied: applied.len() - 1, known: applied.len() }
        );
        applied.push((9999, vec![1]));
        let newer = compare(&migrator, &applied);
        assert!(newer.require_current().unwrap_err().to_string().contains("newer central (migration 9999)"));
        applied.pop();
        applied[0].1 = vec![0];
        assert!(matches!(compare(&migrator, &applied), SchemaState::Altered { .. }));
    }
}
