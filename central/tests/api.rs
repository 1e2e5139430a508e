//! The web port against rows of its own.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use central::agents::overview;
use central::database::Database;
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use support::cluster::Server;
use tower::ServiceExt as _;

/// 2026-03-10T23:30:00Z: already the 11th in Berlin.
const NOW_US: i64 = 1_773_185_400_000_000;

const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Berlin'), ('south', 'UTC');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at)
        SELECT '00000000-0000-4000-8000-000000000001', id, 'hall-1', sha256('key'), '2026-01-01Z' FROM plants
        WHERE name = 'north';
    INSERT INTO sync_ledger (agent_id, mark) SELECT id, 7 FROM agents;
    INSERT INTO agent_status (agent_id, plant_id, last_sync_at, clock_offset_us, master_data_revision, newest_seq,
            version, host, backlog_events, conditions, status_at)
        SELECT id, plant_id, '2026-03-10T23:29:50Z', 1500, 1, 9, '0.1.0', 'pc-7', 2,
            '[{\"subject\": \"plc\", \"kind\": \"modbus\", \"health\": \"down\", \"reason\": \"refused\", \"since\": 5}]',
            now() FROM agents;
    INSERT INTO machines (plant_id, name, title, agent_id) SELECT plant_id, 'press', 'Press 1', id FROM agents;
    INSERT INTO machines (plant_id, name, agent_id) SELECT plant_id, 'filler', id FROM agents;
    INSERT INTO machine_live (machine_id, plant_id, agent_id, state, state_since, good, scrap, rework, last_reading_at,
            reported_at)
        SELECT id, plant_id, agent_id, 'running', '2026-03-10T20:00:00Z', 40, 2, 0, '2026-03-10T23:29:58Z',
            '2026-03-10T23:29:59Z' FROM machines WHERE name = 'press';
    SELECT prepare_facts('{2026-03-01}');
    INSERT INTO production_logs
        SELECT '2026-03-10T12:00:00Z'::timestamptz + n * interval '1 minute', '2026-03-10', plant_id, id, agent_id, 1, n,
            'synchronized', 'parts', 'good', 5, 100 + n * 5, 'increase'
        FROM machines, generate_series(1, 5) n WHERE name = 'press';
    INSERT INTO machine_states
        SELECT '2026-03-10T12:03:00Z', '2026-03-10', plant_id, id, agent_id, 1, 6, 'restamped', 'stopped', '17', NULL
        FROM machines WHERE name = 'press';
    INSERT INTO scans
        SELECT '2026-03-10T12:03:00Z', '2026-03-10', plant_id, id, NULL, agent_id, 1, 7, 'synchronized', 'gun',
            '\\x0102', 'text', 'C1', '[{\"ai\": \"01\", \"value\": \"0\"}]', NULL
        FROM machines WHERE name = 'press';
    INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change, began_at,
            lasted_us)
        SELECT '2026-03-10T12:03:30Z', '2026-03-10', plant_id, id, agent_id, 1, 8, 'synchronized', 1, 'ended',
            '2026-03-10T12:03:00Z', 30000000 FROM machines WHERE name = 'press';
    INSERT INTO measurements SELECT '2026-03-10T12:03:40Z', '2026-03-10', plant_id, id, NULL, agent_id, 1, 9, 'wrong',
            'torque', 1.5, NULL, NULL, 'Nm' FROM machines WHERE name = 'press';
    INSERT INTO gaps SELECT '2026-03-10T12:03:50Z', '2026-03-10', plant_id, id, NULL, agent_id, 1, 10, 'wrong',
            'buffer_full', 'telemetry', 12, '2026-03-10T12:00:00Z', '2026-03-10T12:03:50Z', 'thinned' FROM machines
            WHERE name = 'press';
    INSERT INTO alarms SELECT '2026-03-10T12:03:55Z', '2026-03-10', plant_id, id, NULL, agent_id, NULL, NULL,
            'synchronized', 'hall-1', 'divergence', 'two', true FROM machines WHERE name = 'press';
    INSERT INTO job_log SELECT '2026-03-10T12:03:56Z', '2026-03-10', plant_id, id, NULL, agent_id, 1, 11,
            'synchronized', 'start', 'WO-1', NULL FROM machines WHERE name = 'press';
    INSERT INTO shift_log SELECT '2026-03-10T12:03:57Z', '2026-03-10', plant_id, id, NULL, agent_id, 1, 12,
            'synchronized', 'note', '4711', 'mind the belt' FROM machines WHERE name = 'press';
    INSERT INTO production_logs
        SELECT at::timestamptz, day::date, plant_id, id, agent_id, 1, seq, 'synchronized', 'parts', quality::piece_quality, n, NULL, 'increase'
        FROM machines, (VALUES ('2026-03-09T20:00:00Z', '2026-03-10', 20, 'scrap', 1),
                               ('2026-03-11T05:00:00Z', '2026-03-11', 21, 'good', 3),
                               ('2026-03-11T05:00:00Z', '2026-03-11', 22, 'scrap', 1)) v(at, day, seq, quality, n)
        WHERE name = 'press';
    SELECT roll_up_production(
        array_agg(plant_id), array_agg(machine_id), array_agg(plant_day),
        array_agg(CASE quality WHEN 'good' THEN delta ELSE 0 END), array_agg(CASE quality WHEN 'scrap' THEN delta ELSE 0 END),
        array_agg(CASE quality WHEN 'rework' THEN delta ELSE 0 END)) FROM production_logs;
";

struct Api {
    router: Router,
    database: Database,
    token: String,
}

impl Api {
    async fn with_rows() -> Api {
        let database = support::database().await;
        sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
        Api::on(database).await
    }

    async fn on(database: Database) -> Api {
        let clock = Arc::new(ManualClock::at(UtcMicros(NOW_US)));
        let api = support::api(&database, clock);
        let token = format!("Bearer {}", support::token(&api.access).await);
        let router = support::router(api);
        Api { router, database, token }
    }

    async fn ask(&self, method: &str, path: &str) -> (StatusCode, String, String) {
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, &self.token);
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.ask("GET", path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The detail of a problem.
    async fn refused(&self, path: &str, expected: StatusCode) -> String {
        let (status, kind, body) = self.ask("GET", path).await;
        assert_eq!((status, kind.as_str()), (expected, "application/problem+json"), "{path}: {body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], expected.as_u16());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn machines_say_how_they_stand_and_what_they_counted() {
    let api = Api::with_rows().await;
    let list = api.get("/api/v1/machines").await;
    let names: Vec<&str> = list["machines"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["filler", "press"]);
    let press = api.get("/api/v1/machines/north/press").await;
    assert_eq!(list["machines"][1], press);
    assert_eq!(api.get(&format!("/api/v1/machines/{}", press["id"])).await, press);
    let mut expected = press.clone();
    for (key, value) in [
        ("plant", json!("north")),
        ("agent", json!("hall-1")),
        ("title", json!("Press 1")),
        ("state", json!("running")),
        ("age_s", json!(2.0)),
        ("reported", json!({ "good": 40, "scrap": 2, "rework": 0 })),
        (
            "counts",
            json!({
                "total": { "good": 28, "scrap": 2, "rework": 0 },
                "today": { "good": 3, "scrap": 1, "rework": 0 },
                "plant_day": "2026-03-11",
            }),
        ),
    ] {
        expected[key] = value;
    }
    assert_eq!(press, expected);
    let filler = api.get("/api/v1/machines/north/filler").await;
    assert_eq!((&filler["state"], &filler["age_s"], &filler["reported"]), (&Value::Null, &Value::Null, &Value::Null));
    api.database.close().await;
}

#[tokio::test]
async fn lists_come_in_pages_without_holes() {
    let api = Api::with_rows().await;
    let first = api.get("/api/v1/machines?limit=1").await;
    assert_eq!(first["machines"][0]["name"], "filler");
    let next = first["next"].as_str().unwrap();
    let second = api.get(&format!("/api/v1/machines?limit=1&cursor={next}")).await;
    assert_eq!((&second["machines"][0]["name"], &second["next"]), (&"press".into(), &Value::Null));
    assert_eq!(api.get("/api/v1/machines?plant=south").await["machines"], json!([]));

    let path = "/api/v1/machines/north/press/events?from=2026-03-10T00:00:00Z";
    let all = api.get(path).await;
    let all = all["events"].as_array().unwrap();
    assert_eq!(all.len(), 13);
    for limit in [1, 2, 5, 12] {
        let mut paged: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = api.get(&format!("{path}&limit={limit}{cursor}")).await;
            paged.extend(page["events"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(&paged, all, "pages of {limit}");
    }
    api.database.close().await;
}

#[tokio::test]
async fn events_can_be_followed_to_the_reading_they_came_from() {
    let api = Api::with_rows().await;
    let path = "/api/v1/machines/north/press/events?from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z";
    let list = api.get(path).await;
    let kinds: Vec<&str> = list["events"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    let expected = [
        "count",
        "count",
        "shift_log",
        "job",
        "alarm",
        "gap",
        "measurement",
        "downtime",
        "scan",
        "state",
        "count",
        "count",
        "count",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        list["events"][12],
        json!({
            "at": "2026-03-10T12:01:00Z", "clock": "synchronized", "recorded_by": "agent", "agent": "hall-1",
            "epoch": 1, "seq": 1,
            "kind": "count", "signal": "parts", "quality": "good", "delta": 5, "raw": 105, "basis": "increase",
        })
    );
    assert_eq!(list["events"][4]["seq"], Value::Null, "central itself raised that alarm");
    assert_eq!(list["events"][4]["recorded_by"], "central");
    assert_eq!(list["events"][8]["raw"], "AQI=");
    assert_eq!(list["events"][8]["elements"], json!([{ "ai": "01", "value": "0" }]));
    assert_eq!(list["events"][7]["began_at"], "2026-03-10T12:03:00Z");
    let some = api.get(&format!("{path}&kind=state,scan")).await;
    assert_eq!(some["events"].as_array().unwrap().len(), 2);
    assert_eq!(api.get("/api/v1/machines/north/filler/events").await["events"], json!([]));
    api.database.close().await;
}

#[tokio::test]
async fn agents_say_how_far_they_are_and_what_ails_them() {
    let api = Api::with_rows().await;
    let list = api.get("/api/v1/agents").await;
    let agent = &list["agents"][0];
    assert_eq!(agent["silent_s"], 10.0);
    assert_eq!(agent["clock_offset_ms"], 1.5);
    assert_eq!(agent["log"], json!({ "epoch": 1, "acknowledged": 7, "newest": 9 }));
    assert_eq!(agent["backlog"]["events"], 2);
    assert_eq!(agent["conditions"][0]["health"], "down");
    assert_eq!(agent["gaps"], json!({ "count": 1, "lost": 12, "last_at": "2026-03-10T12:03:50Z" }));
    assert_eq!(agent["divergence"], Value::Null);
    assert_eq!(&api.get("/api/v1/agents/00000000-0000-4000-8000-000000000001").await, agent);
    // What was committed with the batch that said so is no backlog any more, also when the agent is silent after it.
    let all = "UPDATE sync_ledger SET mark = 9; UPDATE agent_status SET backlog_oldest_at = '2026-03-10T23:00:00Z'";
    sqlx::raw_sql(all).execute(&api.database.pool).await.unwrap();
    let agent = &api.get("/api/v1/agents").await["agents"][0];
    assert_eq!((&agent["backlog"]["events"], &agent["backlog"]["oldest_at"]), (&json!(0), &Value::Null));
    api.database.close().await;
}

#[tokio::test]
async fn nonsense_is_answered_with_what_was_expected() {
    let api = Api::with_rows().await;
    for (path, expected) in [
        ("/api/v1/machines?limit=0", "limit is 0: expected 1 to 1000"),
        ("/api/v1/machines?limit=x", "invalid digit"),
        ("/api/v1/machines?order=name", "unknown field `order`"),
        ("/api/v1/machines?cursor=x", "cursor is not one"),
        ("/api/v1/machines/press", "Cannot parse"),
        ("/api/v1/machines/north/press/events?kind=counts", "\"counts\" is no kind of event"),
        ("/api/v1/machines/north/press/events?from=yesterday", "from"),
        ("/api/v1/machines/north/press/events?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "earlier"),
        ("/api/v1/machines/north/press/events?from=2020-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "31 days"),
        ("/api/v1/machines/north/press/events?from=-200000-01-01T00:00:00Z", "1970"),
        ("/api/v1/machines/north/press/events?cursor=AAAA", "cursor is not one"),
        ("/api/v1/agents?limit=1001", "expected 1 to 1000"),
        ("/api/v1/agents?cursor=a/b/c", "cursor is not one"),
        ("/api/v1/agents/hall-1", "UUID"),
    ] {
        let detail = api.refused(path, StatusCode::BAD_REQUEST).await;
        assert!(detail.contains(expected), "{path}: {detail}");
    }
    for path in [
        "/api/v1",
        "/api/v1/nothing",
        "/api/v1/machines/999",
        "/api/v1/machines/north/nothing",
        "/api/v1/machines/%27%3B--/x/events",
        "/api/v1/agents/00000000-0000-4000-8000-00000000ffff",
        "/api/v1/machines/north/press/events/1",
    ] {
        api.refused(path, StatusCode::NOT_FOUND).await;
    }
    api.refused(&format!("/api/v1/machines?plant={}", "x".repeat(5000)), StatusCode::URI_TOO_LONG).await;
    for path in ["/api/v1/machines?plant=%00", "/api/v1/machines/north/%00"] {
        api.refused(path, StatusCode::BAD_REQUEST).await;
    }
    let (status, kind, _) = api.ask("DELETE", "/api/v1/machines").await;
    assert_eq!((status, kind.as_str()), (StatusCode::METHOD_NOT_ALLOWED, "application/problem+json"));
    api.database.close().await;
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let api = Api::on(support::cluster::database_on(Server::Stock).await).await;
    // Partitions are made ahead of the server's time, not of the tests'.
    let (status, _, body) = api.ask("GET", "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("partitions of the coming week"), "{body}");
    sqlx::query("SELECT prepare_facts('{2026-03-01}')").execute(&api.database.pool).await.unwrap();
    assert_eq!(api.get("/health/ready").await["status"], "ready");
    sqlx::query("DELETE FROM central_migrations WHERE version > 1").execute(&api.database.pool).await.unwrap();
    let (status, _, body) = api.ask("GET", "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("central migrate"), "{body}");
    assert_eq!(api.get("/health/live").await["status"], "live");
    api.database.reader.close().await;
    let (status, _, body) = api.ask("GET", "/health/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("database does not answer"), "{body}");
    let detail = api.refused("/api/v1/machines", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(detail.contains("try again"), "{detail}");
    api.database.close().await;
}

#[tokio::test]
async fn metrics_are_answered_with_and_without_a_database() {
    let api = Api::with_rows().await;
    api.get("/api/v1/machines").await;
    let (_, kind, text) = api.ask("GET", "/metrics").await;
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "central_http_requests_total{route=\"/api/v1/machines\",method=\"GET\",status=\"200\"} 1",
        "central_agents 1",
        "central_agent_backlog_events{plant=\"north\",agent=\"hall-1\"} 2",
        "central_agent_silent_seconds{plant=\"north\",agent=\"hall-1\"} 10",
        "central_queue_messages{queue=\"dlq\"} 0",
        "central_database_up 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    api.database.reader.close().await;
    let (status, _, text) = api.ask("GET", "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("central_database_up 0"), "{text}");
    api.database.close().await;
}

#[tokio::test]
async fn what_is_set_aside_is_counted_once_for_all_agents_of_a_list() {
    const AGENTS: i64 = 20;
    const EVENTS: i64 = 400;
    let database = support::database().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO plants (name) VALUES ('north');
         INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
             SELECT gen_random_uuid(), id, 'hall-' || n, sha256(n::text::bytea) FROM plants, generate_series(1, {AGENTS}) n;
         INSERT INTO quarantined_events (plant_id, agent_id, epoch, seq, reason, detail, at_us, clock, monotonic_boot,
                 monotonic_us, origin_kind, origin_name, kind, body, received_at)
             SELECT plant_id, id, 1, n, 'future', '', 0, 0, 0, 0, 'agent', '', 1, '', now()
             FROM agents, generate_series(1, {EVENTS}) n;
         UPDATE quarantined_events SET released_at = now() WHERE seq = 1;
         ANALYZE quarantined_events"
    )))
    .execute(&database.pool)
    .await
    .unwrap();
    let one = PgPoolOptions::new().max_connections(1);
    let pool = one.connect_with((*database.pool.connect_options()).clone()).await.unwrap();
    let read = async || -> i64 {
        sqlx::query("SELECT pg_stat_force_next_flush()").execute(&pool).await.unwrap();
        let read = "SELECT (seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables WHERE relname = 'quarantined_events'";
        sqlx::query_scalar(read).fetch_one(&pool).await.unwrap()
    };
    let before = read().await;
    let filter = overview::store::Filter { plant: Some("north"), ..overview::store::Filter::default() };
    let agents = overview::store::agents(&pool, filter, 100, chrono::DateTime::default()).await.unwrap();
    assert_eq!(agents.iter().map(|agent| agent.quarantined_events).collect::<Vec<_>>(), [EVENTS - 1; AGENTS as usize]);
    let rows = read().await - before;
    assert!(rows <= 2 * AGENTS * EVENTS, "{rows} rows were read for {AGENTS} agents with {EVENTS} each");
    database.close().await;
}
