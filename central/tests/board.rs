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

#[tokio::test]
async fn a_line_is_called_by_its_title_and_without_one_by_its_name() {
    let database = with_rows().await;
    let mut places = store::places(&mut database.pool.acquire().await.unwrap()).await.unwrap();
    places.sort_by_key(|place| place.id);
    let lines: Vec<_> = places.iter().map(|it| (it.line.as_deref(), it.line_title.as_deref())).collect();
    assert_eq!(lines, [(Some("A"), Some("Filling")), (Some("B"), Some("B")), (None, None)]);
    database.close().await;
}
