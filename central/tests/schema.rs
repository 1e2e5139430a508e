//! Migrations against a real server.

mod support;

use central::database::capabilities::Definition;
use central::database::migrate::{self, SchemaState};
use central::doctor::{self, Level};
use sqlx::Row as _;
use support::cluster::Server;

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let database = support::open(&support::cluster::empty_database().await).await;
    assert!(matches!(migrate::state(&database.pool).await.unwrap(), SchemaState::Behind { applied: 0, .. }));
    let first = migrate::migrate(&database).await.unwrap();
    let definition = match Server::asked_for() {
        Server::Stock => Definition::Native,
        Server::TimescaleDb => Definition::Timescaledb,
    };
    assert_eq!((first.migrations_before, first.definition), (0, definition));
    assert_eq!(migrate::state(&database.pool).await.unwrap(), SchemaState::Current);
    let again = migrate::migrate(&database).await.unwrap();
    assert_eq!(again.migrations_before, again.migrations_after);
    let queues: Vec<String> = sqlx::query_scalar("SELECT queue_name FROM pgmq.list_queues() ORDER BY 1")
        .fetch_all(&database.pool)
        .await
        .unwrap();
    assert_eq!(queues, ["background_jobs", "dlq", "email_notifications", "report_generation"]);
    database.close().await;
}

#[tokio::test]
async fn several_may_migrate_at_once() {
    let url = support::cluster::empty_database().await;
    let (a, b, c) = tokio::join!(support::open(&url), support::open(&url), support::open(&url));
    let (x, y, z) = tokio::join!(migrate::migrate(&a), migrate::migrate(&b), migrate::migrate(&c));
    let mut before = [x.unwrap().migrations_before, y.unwrap().migrations_before, z.unwrap().migrations_before];
    before.sort_unstable();
    assert_eq!(before[0], 0);
    assert_eq!(before[1], before[2], "the second and the third found everything done");
    assert_ne!(before[1], 0);
    for database in [a, b, c] {
        database.close().await;
    }
}

#[tokio::test]
async fn an_interrupted_run_goes_on_where_it_stopped() {
    let database = support::open(&support::cluster::empty_database().await).await;
    migrate::migrate(&database).await.unwrap();
    // As if the process had been killed after the last migration but one, before the scripts of sql/ ran.
    let other = support::open(&support::cluster::empty_database().await).await;
    for migration in sqlx::migrate!("../migrations").iter() {
        if migration.version > 2 {
            break;
        }
        sqlx::raw_sql(migration.sql.clone()).execute(&other.pool).await.unwrap();
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS central_migrations (version bigint PRIMARY KEY, description text NOT NULL,
                 installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
                 execution_time bigint NOT NULL)",
        )
        .execute(&other.pool)
        .await
        .unwrap();
        sqlx::query("INSERT INTO central_migrations VALUES ($1, '', now(), true, $2, 0)")
            .bind(migration.version)
            .bind(&*migration.checksum)
            .execute(&other.pool)
            .await
            .unwrap();
    }
    let migrated = migrate::migrate(&other).await.unwrap();
    assert_eq!(migrated.migrations_before, 2);
    assert_eq!(migrate::state(&other.pool).await.unwrap(), SchemaState::Current);
    other.close().await;
    database.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_sentence() {
    let database = support::database().await;
    sqlx::query("INSERT INTO central_migrations VALUES (9999, 'the future', now(), true, '', 0)")
        .execute(&database.pool)
        .await
        .unwrap();
    let error = migrate::migrate(&database).await.unwrap_err().to_string();
    assert!(error.contains("migrated by a newer central (migration 9999)"), "{error}");
    database.close().await;
}

#[tokio::test]
async fn the_doctor_sees_what_is_wrong_and_changes_nothing() {
    let database = support::database().await;
    let now = sqlx::query("SELECT now() AS now").fetch_one(&database.pool).await.unwrap().get("now");
    let report = doctor::judge(&doctor::examine(&database, 10, now).await.unwrap());
    // The tests' server runs without fsync.
    let found: Vec<&str> = report.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert!(found.contains(&"fsync is off"), "{found:?}");
    assert_eq!(report.level, Level::Problem);

    sqlx::raw_sql(
        "INSERT INTO plants (name, time_zone) VALUES ('north', 'Mars/Base');
         INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
             SELECT gen_random_uuid(), id, 'hall-1', sha256('key') FROM plants;
         INSERT INTO quarantined_events (plant_id, agent_id, epoch, seq, reason, detail, at_us, clock, monotonic_boot,
                 monotonic_us, origin_kind, origin_name, kind, body, received_at)
             SELECT plant_id, id, 1, 1, 'future', '', 0, 0, 0, 0, 'machine', 'press', 1, '', now() FROM agents;
         SELECT pgmq.send('dlq', '{}');
         DROP TABLE production_logs CASCADE;",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let report = doctor::judge(&doctor::examine(&database, 10, now).await.unwrap());
    assert!(matches!(report.schema, SchemaState::Behind { .. }), "facts are gone");
    database.close().await;
}

#[tokio::test]
async fn the_doctor_names_quarantine_queues_plants_and_agents() {
    let database = support::database().await;
    sqlx::raw_sql(
        "INSERT INTO plants (name, time_zone) VALUES ('north', 'Mars/Base');
         INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
             SELECT gen_random_uuid(), id, 'hall-1', sha256('key') FROM plants;
         INSERT INTO quarantined_events (plant_id, agent_id, epoch, seq, reason, detail, at_us, clock, monotonic_boot,
                 monotonic_us, origin_kind, origin_name, kind, body, received_at)
             SELECT plant_id, id, 1, 1, 'future', '', 0, 0, 0, 0, 'machine', 'press', 1, '', now() FROM agents;
         SELECT pgmq.send('dlq', '{}');",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let now = sqlx::query("SELECT now() AS now").fetch_one(&database.pool).await.unwrap().get("now");
    let report = doctor::judge(&doctor::examine(&database, 10, now).await.unwrap());
    let found: Vec<&str> = report.findings.iter().map(|finding| finding.text.as_str()).collect();
    for expected in [
        "1 events are committed but are no facts: future",
        "1 messages failed for good and lie in dlq",
        "plant north has the time zone \"Mars/Base\", which the server does not know",
        "north/hall-1 is enrolled and has never synced",
    ] {
        assert!(found.contains(&expected), "{expected}: {found:?}");
    }
    database.close().await;
}
