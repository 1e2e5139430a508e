//! Days and weeks, late data and retention, with and without TimescaleDB.

use chrono::{DateTime, Utc};
use protocol::time::UtcMicros;
use sqlx::{PgPool, Row as _};

use crate::agent::{Central, PRESS, SECOND, began, count, ended};
use crate::support::cluster::{Server, database_on};

fn at(text: &str) -> UtcMicros {
    UtcMicros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
async fn timescaledb() -> Option<PgPool> {
    if !Server::TimescaleDb.is_installed() {
        println!("skipped: TimescaleDB is not installed on this computer");
        return None;
    }
    Some(database_on(Server::TimescaleDb).await.pool)
}

/// What central's upkeep does for the database.
async fn refresh(pool: &PgPool) {
    let mut connection = pool.acquire().await.unwrap();
    let due = sqlx::query("SELECT aggregate::text, from_at, to_at, repairs FROM aggregate_refreshes_due()")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    for row in due {
        sqlx::query("CALL refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz)")
            .bind(row.get::<String, _>(0))
            .bind(row.get::<DateTime<Utc>, _>(1))
            .bind(row.get::<DateTime<Utc>, _>(2))
            .execute(&mut *connection)
            .await
            .unwrap();
        sqlx::query("DELETE FROM aggregate_repairs WHERE id = ANY ($1)")
            .bind(row.get::<Vec<i64>, _>(3))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

async fn days_weeks_and_late_data(pool: PgPool) {
    let central = Central::start(pool).await;
    let mut agent = central.agent("a").await;
    sqlx::query("UPDATE plants SET time_zone = 'Europe/Berlin'").execute(&central.pool).await.unwrap();
    // A recording from 2020, a stop over the plant's midnight at the turn of a week, and today.
    agent.log.push_at(at("2020-09-29T09:15:13Z"), PRESS, &count(17));
    agent.log.push_at(at("2026-11-15T22:30:00Z"), PRESS, &began(1));
    let began_at = at("2026-11-15T22:30:00Z");
    agent.log.push_at(at("2026-11-15T23:30:00Z"), PRESS, &ended(1, began_at, 3600 * SECOND, false));
    agent.log.push_at(at("2026-11-15T23:40:00Z"), PRESS, &began(2));
    agent.produce(5);
    agent.accept(1, agent.log.newest()).await;
    central.assert_exact().await;
    refresh(&central.pool).await;
    central.assert_exact().await;

    let weeks = sqlx::query_as::<_, (String, i64, i64, i64, i64)>(
        "SELECT plant_week::text, stops, ended_stops, microstops, lasted_us / 1000000 FROM weekly_downtime_summary ORDER BY 1",
    );
    let weeks = weeks.fetch_all(&central.pool).await.unwrap();
    let expected = [("2026-11-09".to_owned(), 1, 0, 0, 1800), ("2026-11-16".to_owned(), 1, 1, 0, 1800)];
    assert_eq!(weeks, expected);
    assert_eq!(central.count("SELECT stop FROM open_stops").await, 2, "the second stop goes on");

    // Found in a drawer: days that were taken in long ago.
    let late = agent.log.newest() + 1;
    agent.log.push_at(at("2020-09-29T10:00:00Z"), PRESS, &count(3));
    agent.log.push_at(at("2026-11-10T10:00:00Z"), PRESS, &count(4));
    agent.accept(late, late + 1).await;
    refresh(&central.pool).await;
    central.assert_exact().await;
    assert_eq!(central.count("SELECT count(*) FROM aggregate_repairs").await, 0);
    let day = "SELECT good FROM daily_production_summary WHERE plant_day = '2020-09-29'";
    assert_eq!(central.count(day).await, 20);
}

async fn months_beyond_retention(pool: PgPool) {
    let central = Central::start(pool).await;
    let mut agent = central.agent("a").await;
    agent.log.push_at(at("2020-09-29T09:15:13Z"), PRESS, &count(17));
    agent.produce(2);
    agent.accept(1, 3).await;
    refresh(&central.pool).await;
    let retention = "SELECT apply_retention()::bigint";
    assert_eq!(central.count(retention).await, 0, "what came today is kept, however old it is");
    let days_pass = "UPDATE fact_months SET last_received_at = now() - interval '91 days'";
    sqlx::query(days_pass).execute(&central.pool).await.unwrap();
    assert_eq!(central.count(retention).await, 1);
    assert_eq!(central.pieces().await, 2);
    let summary = "SELECT sum(good)::bigint FROM daily_production_summary";
    assert_eq!(central.count(summary).await, 19, "the summary stays");

    // Another process that has prepared nothing.
    let central = Central::start(central.pool.clone()).await;
    agent.address(&central);
    agent.reconnect().await;
    agent.log.push_at(at("2020-09-30T09:15:13Z"), PRESS, &count(1));
    agent.accept(4, 4).await;
    let reason = "SELECT count(*) FROM quarantined_events WHERE reason = 'beyond_retention'";
    assert_eq!(central.count(reason).await, 1);
    assert_eq!(central.count(summary).await, 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_weeks_and_late_data_are_exact_on_stock_postgresql() {
    days_weeks_and_late_data(database_on(Server::Stock).await.pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_weeks_and_late_data_are_exact_with_timescaledb() {
    if let Some(pool) = timescaledb().await {
        days_weeks_and_late_data(pool).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn months_beyond_retention_are_dropped_and_their_summaries_final_on_stock_postgresql() {
    months_beyond_retention(database_on(Server::Stock).await.pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn months_beyond_retention_are_dropped_and_their_summaries_final_with_timescaledb() {
    if let Some(pool) = timescaledb().await {
        months_beyond_retention(pool).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_older_than_a_week_may_be_compressed_when_late_ones_arrive() {
    let Some(pool) = timescaledb().await else { return };
    let central = Central::start(pool).await;
    let mut agent = central.agent("a").await;
    agent.log.push_at(at("2026-10-01T09:00:00Z"), PRESS, &count(2));
    agent.accept(1, 1).await;
    refresh(&central.pool).await;
    let compress = "SELECT count(compress_chunk(c)) FROM show_chunks('production_logs') c";
    assert_eq!(central.count(compress).await, 1);
    agent.log.push_at(at("2026-10-01T09:30:00Z"), PRESS, &count(3));
    agent.accept(2, 2).await;
    refresh(&central.pool).await;
    assert_eq!(central.pieces().await, 5);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_has_facts_already_gets_its_recent_days() {
    let Some(pool) = timescaledb().await else { return };
    let central = Central::start(pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(5);
    agent.accept(1, 5).await;
    sqlx::query("DROP TABLE recent_production").execute(&central.pool).await.unwrap();
    let script = include_str!("../../../sql/timescaledb/0002_summaries.sql");
    for _ in 0..2 {
        sqlx::raw_sql(script).execute(&central.pool).await.unwrap();
        central.assert_exact().await;
    }
    agent.produce(2);
    agent.accept(6, 7).await;
    central.assert_exact().await;
    assert_eq!(central.count("SELECT sum(good)::bigint FROM recent_production").await, 7);
}
