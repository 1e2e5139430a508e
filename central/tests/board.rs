//! What the board reads of a plant, from rows of its own.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use central::database::Database;
use central::machines::board::store;

const ROWS: &str = "
    INSERT INTO plants (name) VALUES ('north');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint) VALUES (gen_random_uuid(), 1, 'pc', sha256('key'));
    INSERT INTO lines (plant_id, name, title) VALUES (1, 'A', 'Filling'), (1, 'B', '');
    INSERT INTO machines (plant_id, name, agent_id, line_id) VALUES (1, 'press', 1, 1), (1, 'filler', 1, 2), (1, 'saw', 1, NULL);
    INSERT INTO reasons (plant_id, code, title, applies_to) VALUES (1, 'jam', 'Jam', 'downtime');
    SELECT prepare_facts('{2026-03-01}');";

async fn with_rows() -> Database {
    let database = support::database().await;
    sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
    database
}

/// An entry about stop 1 of machine 1 at a time of day; of central's without a place in the log.
async fn say(database: &Database, log: Option<(i32, i64)>, at: &str, change: &str, reason: Option<&str>, began: &str) {
    sqlx::query(
        "INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change, reason,
                                       began_at, entry, entered_by)
         VALUES (('2026-03-10T' || $1 || 'Z')::timestamptz, '2026-03-10', 1, 1, 1, $2, $3, 'synchronized', 1,
                 $4::downtime_change, $5, CASE WHEN $2 IS NULL THEN ('2026-03-10T' || $6 || 'Z')::timestamptz END,
                 CASE WHEN $2 IS NULL THEN gen_random_uuid() END, CASE WHEN $2 IS NULL THEN 'lead' END)",
    )
    .bind(at)
    .bind(log.map(|log| log.0))
    .bind(log.map(|log| log.1))
    .bind(change)
    .bind(reason)
    .bind(began)
    .execute(&database.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn an_open_stop_has_the_reasons_of_its_own_log_and_no_other() {
    let database = with_rows().await;
    let reason = async || {
        let mut connection = database.pool.acquire().await.unwrap();
        store::open_stops(&mut connection, &[1]).await.unwrap().remove(&1).unwrap().reason
    };
    // The earlier log had a stop of the same number, and a clock that was ahead.
    say(&database, Some((1, 90)), "07:00", "began", None, "").await;
    say(&database, Some((1, 91)), "11:00", "reason", Some("old"), "").await;
    say(&database, None, "11:10", "reason", Some("old"), "07:00").await;
    say(&database, Some((2, 1)), "10:00", "began", None, "").await;
    let open = "INSERT INTO open_stops VALUES (1, 1, 1, 1, '2026-03-10T10:00:00Z', 'stopped', 'state')";
    sqlx::raw_sql(open).execute(&database.pool).await.unwrap();
    assert_eq!(reason().await, None);
    say(&database, Some((2, 2)), "10:05", "reason", Some("jam"), "").await;
    assert_eq!(reason().await.as_deref(), Some("jam"));
    // After a decision between histories the same log goes on in another epoch.
    say(&database, Some((3, 3)), "10:06", "reason", Some("wear"), "").await;
    assert_eq!(reason().await.as_deref(), Some("wear"));
    say(&database, None, "10:07", "reason", Some("corrected"), "10:00").await;
    assert_eq!(reason().await.as_deref(), Some("corrected"));
    database.close().await;
}

#[tokio::test]
async fn a_line_is_called_by_its_title_and_without_one_by_its_name() {
    let database = with_rows().await;
    let mut places = store::places(&mut database.pool.acquire().await.unwrap()).await.unwrap();
    places.sort_by_key(|place| place.id);
    let lines: Vec<_> = places.iter().map(|it| (it.line.as_deref(), it.line_title.as_deref())).collect();
    assert_eq!(lines, [(Some("A"), Some("Filling")), (Some("B"), Some("B")), (None, None)]);
    database.close().await;
}
