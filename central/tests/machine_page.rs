//! What one machine's page asks for, against rows of its own.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use central::auth::tokens::{self, NewToken};
use central::auth::{Access, Permission, Plants, Principal};
use central::database::Database;
use central::web::span::Span;
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// 2026-03-29T12:00:00Z: in Berlin the day on which the clock jumped from 2 to 3.
const NOW_US: i64 = 1_774_785_600_000_000;

const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Berlin'), ('south', 'UTC');
    INSERT INTO lines (plant_id, name) SELECT id, 'A' FROM plants WHERE name = 'north';
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
        SELECT gen_random_uuid(), id, 'pc', sha256(name::bytea) FROM plants;
    INSERT INTO machines (plant_id, name, agent_id, line_id)
        SELECT p.id, m, a.id, l.id FROM plants p JOIN agents a ON a.plant_id = p.id
        LEFT JOIN lines l ON l.plant_id = p.id, unnest('{press,filler}'::text[]) m;
    INSERT INTO machine_live (machine_id, plant_id, agent_id, state, state_since, good, scrap, rework, last_reading_at,
            reported_at)
        SELECT id, plant_id, agent_id, 'running', '2026-03-29T09:30:00Z', 0, 0, 0, '2026-03-29T11:59:59Z',
            '2026-03-29T11:59:59Z' FROM machines WHERE name = 'press';
    INSERT INTO machine_live SELECT id, plant_id, agent_id, 'stopped', '2026-03-29T06:00:00Z', 0, 0, 0,
            '2026-03-29T08:00:00Z', '2026-03-29T08:00:00Z' FROM machines WHERE name = 'filler';
    SELECT prepare_facts('{2026-03-01,2026-02-01}');
    INSERT INTO products VALUES (1, 'P1', 'Cap', 60000), (1, 'P2', 'Lid', NULL);
    INSERT INTO work_orders (plant_id, code, product, quantity) VALUES (1, 'WO-1', 'P1', 500), (1, 'WO-2', 'P2', NULL);
    INSERT INTO reasons VALUES (1, 'jam', 'Jam', 'downtime', false), (1, 'break', 'Break', 'downtime', true),
        (1, 'burr', 'Burr', 'pieces', false), (2, 'south', 'South', 'downtime', false);
    INSERT INTO operators (plant_id, number, name) VALUES (1, '7', 'Ada');

    CREATE FUNCTION t(text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT ('2026-03-29T' || $1 || 'Z')::timestamptz $$;
    INSERT INTO machine_states SELECT at, '2026-03-29', 1, m.id, m.agent_id, 1, n, 'synchronized', s::machine_state, c, NULL
        FROM machines m, (VALUES
            (t('05:00:00') - interval '20 days', 1, 'running', NULL), (t('09:00:00'), 2, 'stopped', '17'),
            (t('09:20:00'), 3, 'stopped', '17'), (t('09:30:00'), 4, 'running', NULL)) v(at, n, s, c)
        WHERE m.name = 'press' AND m.plant_id = 1;
    INSERT INTO production_logs SELECT at, '2026-03-29', 1, m.id, m.agent_id, 1, 10, 'synchronized', 'parts', q::piece_quality,
            d, NULL, b::count_basis
        FROM machines m, (VALUES
            (t('00:30:00'), 'good', 40, 'increase'), (t('01:30:00'), 'good', 30, 'increase'),
            (t('08:10:00'), 'good', 20, 'increase'), (t('08:50:00'), 'scrap', 2, 'increase'),
            (t('09:40:00'), 'good', 15, 'increase'), (t('11:00:00'), 'good', -1, 'entry'),
            (t('11:00:00'), 'scrap', 1, 'entry')) v(at, q, d, b)
        WHERE m.name = 'press' AND m.plant_id = 1;
    SELECT roll_up_production('{1}', ARRAY[id], '{2026-03-29}', '{104}', '{3}', '{0}') FROM machines
        WHERE name = 'press' AND plant_id = 1;
    INSERT INTO piece_entries SELECT t('11:00:00'), '2026-03-29', 1, id, agent_id, 1, 11, 'synchronized',
            '00000000-0000-4000-8000-000000000001', 0, 1, 0, true, false, 'burr', 'WO-1', '7'
        FROM machines WHERE name = 'press' AND plant_id = 1;
    INSERT INTO job_log SELECT at, '2026-03-29', 1, m.id, NULL, m.agent_id, 1, 20, 'synchronized', a::job_action, w, '7'
        FROM machines m, (VALUES (t('08:00:00'), 'start', 'WO-1'), (t('09:35:00'), 'switch', 'WO-2')) v(at, a, w)
        WHERE m.name = 'press' AND m.plant_id = 1;
    INSERT INTO scans SELECT t('08:01:00'), '2026-03-29', 1, id, NULL, agent_id, 1, n, 'synchronized', 'gun',
            '\\x4131', 'A1', 'C1', '[]', NULL FROM machines, generate_series(30, 32) n WHERE name = 'press' AND plant_id = 1;
    INSERT INTO stations (plant_id, name, agent_id) VALUES (1, 'desk', 1);
    INSERT INTO shift_log SELECT at, '2026-03-29', 1, NULL, 1, 1, 1, n, 'synchronized', e::shift_log_entry, '7', x
        FROM (VALUES (t('04:00:00'), 40, 'operator_on', NULL), (t('11:50:00'), 41, 'note', 'mind the belt')) v(at, n, e, x);

    INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change, began_at,
            lasted_us, state, detected_by, micro, reason, operator)
        SELECT at, '2026-03-29', 1, m.id, m.agent_id, 1, n, 'synchronized', stop, c::downtime_change, b, l, st::machine_state,
            CASE WHEN st IS NOT NULL THEN 'state'::stop_detection END, mi, r, o
        FROM machines m, (VALUES
            ('press', t('07:00:00'), 50, 1, 'began', NULL::timestamptz, NULL::bigint, 'stopped', NULL::boolean, NULL, NULL),
            ('press', t('07:00:20'), 51, 1, 'ended', t('07:00:00'), 20000000, 'stopped', true, NULL, NULL),
            ('press', t('09:00:00'), 52, 2, 'began', NULL, NULL, 'stopped', NULL, NULL, NULL),
            ('press', t('09:30:00'), 53, 2, 'ended', t('09:00:00'), 1800000000, 'stopped', false, NULL, NULL),
            ('press', t('09:31:00'), 54, 2, 'reason', NULL, NULL, NULL, NULL, 'jam', '7'),
            ('filler', t('06:00:00'), 55, 1, 'began', NULL, NULL, 'stopped', NULL, NULL, NULL)
        ) v(name, at, n, stop, c, b, l, st, mi, r, o)
        WHERE m.name = v.name AND m.plant_id = 1;
    INSERT INTO open_stops SELECT id, agent_id, 1, 1, t('06:00:00'), 'stopped', 'state' FROM machines
        WHERE name = 'filler' AND plant_id = 1;
";

struct Api {
    router: Router,
    database: Database,
    press: i64,
    filler: i64,
    access: Access,
    token: String,
}

impl Api {
    async fn start() -> Api {
        let database = support::database().await;
        sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
        let clock = Arc::new(ManualClock::at(UtcMicros(NOW_US)));
        let stands = support::api(&database, clock);
        let access = stands.access.clone();
        let router = support::router(stands);
        let id = async |name: &str| -> i64 {
            let sql = "SELECT id::bigint FROM machines WHERE name = $1 AND plant_id = 1";
            sqlx::query_scalar(sql).bind(name).fetch_one(&database.pool).await.unwrap()
        };
        let (press, filler) = (id("press").await, id("filler").await);
        let mut api = Api { router, database, press, filler, access, token: String::new() };
        api.become_somebody("lead", &[Permission::Read, Permission::ExplainStops], Plants::All).await;
        api
    }

    /// Asks with a token of that name from now on.
    async fn become_somebody(&mut self, name: &str, scopes: &[Permission], plants: Plants) {
        let token = NewToken { name: name.to_owned(), scopes: scopes.to_vec(), plants, expires_at: None };
        let by = Principal::command("test");
        let made = tokens::store::create(self.access.pool(), self.access.now(), &by.actor(), &token).await.unwrap();
        self.token = format!("Bearer {}", made.1.text());
    }

    async fn ask(&self, path: &str) -> (StatusCode, Value) {
        self.answer(Request::builder().uri(format!("/api/v1{path}")).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder().method("POST").uri(format!("/api/v1/machines/{}/stops/{path}", self.press));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.answer(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn posted(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, StatusCode::OK, "{path} {body}: {answer}");
        answer
    }

    /// The detail of a refusal.
    async fn refused(&self, path: &str, body: &Value, expected: StatusCode) -> String {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, expected, "{path} {body}: {answer}");
        answer["detail"].as_str().unwrap().to_owned()
    }

    async fn answer(&self, mut request: Request<Body>) -> (StatusCode, Value) {
        request.headers_mut().insert(header::AUTHORIZATION, self.token.parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn of_press(&self, path: &str) -> Value {
        self.get(&format!("/machines/{}/{path}", self.press)).await
    }
}

/// Some members of every item.
fn pick(items: &Value, keys: &[&str]) -> Vec<Vec<Value>> {
    let pick = |item: &Value| keys.iter().map(|key| item[*key].clone()).collect();
    items.as_array().unwrap().iter().map(pick).collect()
}

#[tokio::test]
async fn the_timeline_begins_with_the_state_before_and_ends_with_the_evidence() {
    let api = Api::start().await;
    let found = api.of_press("timeline?from=2026-03-29T08:00:00Z&to=2026-03-29T18:00:00Z").await;
    assert_eq!(
        pick(&found["segments"], &["from", "to", "state", "source_code"]),
        [
            [json!("2026-03-29T08:00:00Z"), json!("2026-03-29T09:00:00Z"), json!("running"), Value::Null],
            [json!("2026-03-29T09:00:00Z"), json!("2026-03-29T09:30:00Z"), json!("stopped"), json!("17")],
            [json!("2026-03-29T09:30:00Z"), json!("2026-03-29T12:00:00Z"), json!("running"), Value::Null],
        ]
    );
    assert_eq!((&found["to"], &found["next"]), (&json!("2026-03-29T12:00:00Z"), &Value::Null));
    // After its last row: the row that is still true is found at the moment that the agent names.
    let found = api.of_press("timeline?from=2026-03-29T10:00:00Z").await;
    assert_eq!(found["segments"].as_array().unwrap().len(), 1);
    // The agent of this one is silent since 8, and its state has no row.
    let path = format!("/machines/{}/timeline?from=2026-03-29T07:00:00Z&to=2026-03-29T09:00:00Z", api.filler);
    let found = api.get(&path).await;
    assert_eq!(
        pick(&found["segments"], &["to", "state"]),
        [[json!("2026-03-29T08:00:00Z"), json!("stopped")], [json!("2026-03-29T09:00:00Z"), json!("no_data")],]
    );
    assert_eq!(found["evidence_end"], "2026-03-29T08:00:00Z");
    api.database.close().await;
}

#[tokio::test]
async fn production_is_counted_in_the_plants_hours_with_targets_where_they_are_known() {
    let api = Api::start().await;
    let day = api.of_press("production?from=2026-03-28T23:00:00Z&to=2026-03-29T22:00:00Z&bucket=day").await;
    assert_eq!(day["buckets"].as_array().unwrap().len(), 1);
    assert_eq!(day["buckets"][0]["pieces"], json!({ "good": 104, "scrap": 3, "rework": 0 }));
    let hours = api.of_press("production?from=2026-03-28T23:00:00Z&to=2026-03-29T22:00:00Z").await;
    assert_eq!((hours["buckets"].as_array().unwrap().len(), &hours["time_zone"]), (23, &json!("Europe/Berlin")));
    // 8:00 to 9:00 UTC: it ran for an hour on a job with a cycle of a minute.
    let hour = &hours["buckets"][9];
    assert_eq!(hour["from"], "2026-03-29T08:00:00Z");
    assert_eq!((&hour["target"], &hour["running_us"]), (&json!(60.0), &json!(3_600_000_000_u64)));
    assert_eq!(hour["pieces"], json!({ "good": 20, "scrap": 2, "rework": 0 }));
    // Then it stood for half an hour and ran for 5 minutes, and for 25 on a job whose cycle nobody knows.
    let hour = &hours["buckets"][10];
    assert_eq!((&hour["target"], &hour["running_us"]), (&json!(5.0), &json!(1_800_000_000_u64)));
    assert_eq!(hour["targeted_us"], 300_000_000);
    assert_eq!(hours["buckets"][11]["target"], Value::Null);
    // What is to come is unknown.
    assert_eq!((&hours["buckets"][14]["running_us"], &hours["buckets"][14]["target"]), (&Value::Null, &Value::Null));
    let quarters = api.of_press("production?from=2026-03-29T08:00:00Z&to=2026-03-29T09:00:00Z&bucket=15min").await;
    let good: Vec<i64> =
        quarters["buckets"].as_array().unwrap().iter().map(|it| it["pieces"]["good"].as_i64().unwrap()).collect();
    assert_eq!(good, [20, 0, 0, 0]);
    let path = format!("/machines/{}/production?from=2026-03-01T00:00:00Z&to=2026-03-29T00:00:00Z", api.press);
    assert_eq!(api.ask(&path).await.0, StatusCode::BAD_REQUEST);
    api.database.close().await;
}

#[tokio::test]
async fn stops_are_reconstructed_paged_and_filtered() {
    let api = Api::start().await;
    let keys = ["stop", "began_at", "ended_at", "lasted_us", "micro", "unexplained"];
    let found = api.of_press("stops?micro=true").await;
    assert_eq!(
        pick(&found["stops"], &keys),
        [
            [
                json!(2),
                json!("2026-03-29T09:00:00Z"),
                json!("2026-03-29T09:30:00Z"),
                json!(1_800_000_000),
                json!(false),
                json!(false)
            ],
            [
                json!(1),
                json!("2026-03-29T07:00:00Z"),
                json!("2026-03-29T07:00:20Z"),
                json!(20_000_000),
                json!(true),
                json!(false)
            ],
        ]
    );
    assert_eq!(
        found["stops"][0]["reason"],
        json!({
            "code": "jam", "title": "Jam", "planned": false, "why": null, "at": "2026-03-29T09:31:00Z", "operator": "7",
            "operator_name": "Ada", "entered_by": null, "entered_by_name": null,
        })
    );
    assert_eq!(found["stops"][0].get("history"), None);
    assert_eq!(api.of_press("stops").await["stops"].as_array().unwrap().len(), 1);
    // One that went on as the span began belongs to it.
    let found = api.of_press("stops?from=2026-03-29T09:10:00Z&to=2026-03-29T10:00:00Z&history=true").await;
    assert_eq!(found["stops"][0]["history"].as_array().unwrap().len(), 3);
    let found = api.of_press("stops?from=2026-03-29T09:30:00Z&to=2026-03-29T10:00:00Z").await;
    assert_eq!(found["stops"], json!([]));
    // Page by page.
    let first = api.of_press("stops?micro=true&limit=1").await;
    let second = api.of_press(&format!("stops?micro=true&limit=1&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((&first["stops"][0]["stop"], &second["stops"][0]["stop"]), (&json!(2), &json!(1)));
    assert_eq!((second["stops"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
    // Across machines: the filler's goes on, as far as there is evidence.
    let found = api.get("/stops?unexplained=true&plant=north&line=A").await;
    assert_eq!(
        pick(&found["stops"], &["machine", "ended_at", "lasted_us"]),
        [[json!("filler"), Value::Null, json!(7_200_000_000_u64)]]
    );
    let later = api.get("/stops?from=2026-03-29T11:00:00Z").await;
    assert_eq!(pick(&later["stops"], &["machine"]), [[json!("filler")]]);
    assert_eq!(api.get("/stops?plant=south").await["stops"], json!([]));
    api.database.close().await;
}

#[tokio::test]
async fn jobs_have_their_pieces_and_reports_count_for_the_order_they_name() {
    let api = Api::start().await;
    let found = api.of_press("jobs").await;
    assert_eq!(
        pick(&found["jobs"], &["work_order", "began_at", "ended_at", "ended_by", "pieces"]),
        [
            [
                json!("WO-2"),
                json!("2026-03-29T09:35:00Z"),
                Value::Null,
                Value::Null,
                json!({ "good": 15, "scrap": 0, "rework": 0 })
            ],
            [
                json!("WO-1"),
                json!("2026-03-29T08:00:00Z"),
                json!("2026-03-29T09:35:00Z"),
                json!("switch"),
                json!({ "good": 19, "scrap": 3, "rework": 0 })
            ],
        ]
    );
    assert_eq!(found["jobs"][1]["product_title"], "Cap");
    let found = api.of_press("piece-entries").await;
    assert_eq!(
        (&found["entries"][0]["reason_title"], &found["entries"][0]["operator_name"]),
        (&json!("Burr"), &json!("Ada"))
    );
    api.database.close().await;
}

#[tokio::test]
async fn scans_and_the_shift_log_come_in_pages() {
    let api = Api::start().await;
    let first = api.of_press("scans?limit=2").await;
    let second = api.of_press(&format!("scans?limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((first["scans"].as_array().unwrap().len(), second["scans"].as_array().unwrap().len()), (2, 1));
    assert_eq!(first["scans"][0]["raw"], "QTE=");
    let log = api.of_press("shift-log").await;
    assert_eq!(
        pick(&log["entries"], &["entry", "station", "operator_name"]),
        [[json!("note"), json!("desk"), json!("Ada")], [json!("operator_on"), json!("desk"), json!("Ada")],]
    );
    assert_eq!(api.get("/shift-log?entry=note&plant=north").await["entries"][0]["note"], "mind the belt");
    assert_eq!(api.get("/shift-log?plant=south").await["entries"], json!([]));
    let events = api.of_press("events?kind=piece_entry").await;
    assert_eq!((&events["events"][0]["scrap"], &events["events"][0]["seq"]), (&json!(1), &json!(11)));
    api.database.close().await;
}

#[tokio::test]
async fn a_page_of_no_machine_or_of_another_plants_machine_is_not_there() {
    let mut api = Api::start().await;
    for page in ["timeline", "production", "stops", "jobs", "scans", "shift-log", "piece-entries"] {
        assert_eq!(api.ask(&format!("/machines/999/{page}")).await.0, StatusCode::NOT_FOUND, "{page}");
        assert_eq!(api.ask(&format!("/machines/press/{page}")).await.0, StatusCode::BAD_REQUEST, "{page}");
        assert_eq!(api.ask(&format!("/machines/1/{page}?from=x")).await.0, StatusCode::BAD_REQUEST, "{page}");
        assert_eq!(api.ask(&format!("/machines/1/{page}?colour=red")).await.0, StatusCode::BAD_REQUEST, "{page}");
    }
    api.become_somebody("south", &[Permission::Read, Permission::ExplainStops], Plants::Only(vec![2].into())).await;
    for page in ["timeline", "production", "stops", "jobs", "scans", "shift-log", "piece-entries"] {
        assert_eq!(api.ask(&format!("/machines/{}/{page}", api.press)).await.0, StatusCode::NOT_FOUND, "{page}");
    }
    assert_eq!(api.get("/stops?unexplained=true").await["stops"], json!([]));
    assert_eq!(api.get("/stops?plant=north").await["stops"], json!([]));
    assert_eq!(api.get("/shift-log").await["entries"], json!([]));
    api.refused("1/2/reason", &json!({ "id": id(1), "reason": "jam" }), StatusCode::NOT_FOUND).await;
    api.database.close().await;
}

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

#[tokio::test]
async fn a_reason_is_corrected_by_another_row_that_says_who_and_why() {
    let api = Api::start().await;
    let why = api.refused("1/2/reason", &json!({ "id": id(1), "reason": "break" }), StatusCode::BAD_REQUEST).await;
    assert!(why.contains("`why`"), "{why}");
    let body = json!({ "id": id(1), "reason": "break", "why": "it was noon", "began_at": "2026-03-29T09:00:00Z" });
    let answer = api.posted("1/2/reason", &body).await;
    assert_eq!((&answer["already"], &answer["new_stop"]), (&json!(false), &Value::Null));
    let stop = &answer["stops"][0];
    assert_eq!(
        stop["reason"],
        json!({
            "code": "break", "title": "Break", "planned": true, "why": "it was noon", "at": "2026-03-29T12:00:00Z",
            "operator": null, "operator_name": null, "entered_by": "lead", "entered_by_name": null,
        })
    );
    let changes: Vec<Vec<Value>> = pick(&stop["history"], &["change", "reason", "entered_by", "seq"]);
    assert_eq!(
        changes[2..],
        [
            [json!("reason"), json!("jam"), Value::Null, json!(54)],
            [json!("reason"), json!("break"), json!("lead"), Value::Null],
        ]
    );
    // Sent again: stored once, answered alike. With other content the key is refused.
    let again = api.posted("1/2/reason", &body).await;
    assert_eq!((&again["already"], &again["stops"]), (&json!(true), &answer["stops"]));
    let other = json!({ "id": id(1), "reason": "jam", "why": "no" });
    assert!(api.refused("1/2/reason", &other, StatusCode::CONFLICT).await.contains("`id`"));
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM downtime_entries WHERE seq IS NULL AND epoch IS NULL")
        .fetch_one(&api.database.pool)
        .await
        .unwrap();
    assert_eq!(rows, 1);
    let audited: Vec<(String, String, Value)> =
        sqlx::query_as("SELECT actor, subject_id, detail FROM audit_log WHERE action = 'stop.reason'")
            .fetch_all(&api.database.pool)
            .await
            .unwrap();
    assert_eq!(audited.len(), 1);
    assert_eq!((audited[0].0.as_str(), audited[0].1.clone()), ("lead", format!("{}/1/2", api.press)));
    assert_eq!((&audited[0].2["reason"], &audited[0].2["replaces"]), (&json!("break"), &json!("jam")));
    // A person is called by the name to be shown, as long as it is certain who of that name it was.
    let lina = "INSERT INTO users (name, display_name, password_hash, role, password_changed_at, created_at)
                    VALUES ('lina', 'Lina Lang', 'x', 'shift_lead', now(), now());
                UPDATE downtime_entries SET entered_by = 'lina' WHERE entry IS NOT NULL";
    sqlx::raw_sql(lina).execute(&api.database.pool).await.unwrap();
    let stops = api.of_press("stops?history=true").await;
    let reason = &stops["stops"][0]["reason"];
    assert_eq!((&reason["entered_by"], &reason["entered_by_name"]), (&json!("lina"), &json!("Lina Lang")));
    assert_eq!(stops["stops"][0]["history"][3]["entered_by_name"], "Lina Lang");
    sqlx::raw_sql("UPDATE api_tokens SET name = 'lina'").execute(&api.database.pool).await.unwrap();
    let stops = api.of_press("stops").await;
    assert_eq!(stops["stops"][0]["reason"]["entered_by_name"], Value::Null);
    // Among the machine's events it stands as said at central.
    let events = api.of_press("events?kind=downtime").await;
    let newest = &events["events"][0];
    assert_eq!(
        (&newest["recorded_by"], &newest["seq"], &newest["why"]),
        (&json!("central"), &Value::Null, &json!("it was noon"))
    );
    api.database.close().await;
}

#[tokio::test]
async fn a_split_makes_two_stops_that_are_explained_each_for_itself() {
    let api = Api::start().await;
    let body = json!({ "id": id(1), "from": "2026-03-29T09:10:00Z" });
    let answer = api.posted("1/2/split", &body).await;
    assert_eq!(answer["new_stop"], -1);
    assert_eq!(
        pick(&answer["stops"], &["stop", "root", "began_at", "ended_at", "lasted_us", "unexplained"]),
        [
            [
                json!(2),
                json!(2),
                json!("2026-03-29T09:00:00Z"),
                json!("2026-03-29T09:10:00Z"),
                json!(600_000_000),
                json!(false)
            ],
            [
                json!(-1),
                json!(2),
                json!("2026-03-29T09:10:00Z"),
                json!("2026-03-29T09:30:00Z"),
                json!(1_200_000_000),
                json!(true)
            ],
        ]
    );
    assert_eq!(pick(&api.of_press("stops?unexplained=true").await["stops"], &["stop"]), [[json!(-1)]]);
    // The part is split and explained like any stop.
    let answer = api.posted("1/-1/split", &json!({ "id": id(2), "from": "2026-03-29T09:20:00Z" })).await;
    assert_eq!(answer["new_stop"], -2);
    api.posted("1/-2/reason", &json!({ "id": id(3), "reason": "jam" })).await;
    let answer = api.posted("1/-1/note", &json!({ "id": id(4), "note": "<b>mind</b> the belt" })).await;
    assert_eq!(
        pick(&answer["stops"], &["stop", "unexplained"]),
        [[json!(2), json!(false)], [json!(-1), json!(true)], [json!(-2), json!(false)],]
    );
    assert_eq!(answer["stops"][1]["notes"][0]["text"], "<b>mind</b> the belt");
    assert_eq!(api.posted("1/2/split", &body).await["stops"].as_array().unwrap().len(), 3, "sent again");
    for from in ["2026-03-29T09:20:00Z", "2026-03-29T09:30:00Z", "2020-01-01T00:00:00Z"] {
        let body = json!({ "id": id(9), "from": from });
        assert!(api.refused("1/-1/split", &body, StatusCode::BAD_REQUEST).await.contains("within"), "{from}");
    }
    api.database.close().await;
}

#[tokio::test]
async fn as_many_stops_are_unexplained_on_the_board_as_in_the_list() {
    let api = Api::start().await;
    // The agent began a new log: its second stop has the number of one that was explained. And one began before the span.
    let again =
        "INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change,
            began_at, lasted_us, state, detected_by, micro)
        SELECT at, '2026-03-29', 1, m.id, m.agent_id, e, n, 'synchronized', stop, c::downtime_change, b, l, 'stopped',
            'state', mi
        FROM machines m, (VALUES
            (t('10:00:00'), 2, 1, 2, 'began', NULL::timestamptz, NULL::bigint, NULL::boolean),
            (t('10:05:00'), 2, 2, 2, 'ended', t('10:00:00'), 300000000, false),
            (t('11:00:00'), 2, 3, 3, 'began', NULL, NULL, NULL),
            (t('11:20:00'), 2, 4, 3, 'ended', t('11:00:00'), 1200000000, false),
            (t('04:00:00') - interval '1 day', 1, 45, 9, 'began', NULL, NULL, NULL),
            (t('05:00:00'), 1, 46, 9, 'ended', t('04:00:00') - interval '1 day', 90000000000, false)
        ) v(at, e, n, stop, c, b, l, mi)
        WHERE m.name = 'press' AND m.plant_id = 1";
    sqlx::raw_sql(again).execute(&api.database.pool).await.unwrap();
    api.posted("1/3/split", &json!({ "id": id(1), "from": "2026-03-29T11:10:00Z" })).await;
    let now = api.access.now();
    let span = Span { from: now - chrono::TimeDelta::hours(24), to: now + chrono::TimeDelta::hours(1) };
    let machines = [api.press, api.filler].map(|id| i32::try_from(id).unwrap());
    let mut connection = api.database.pool.acquire().await.unwrap();
    let board = central::downtime::stops::unexplained(&mut connection, &machines, span).await.unwrap();
    drop(connection);
    let listed = api.get(&format!("/stops?unexplained=true&from={}&to={}", stamp(span.from), stamp(span.to))).await;
    for (machine, expected) in machines.into_iter().zip([4, 1]) {
        let of_machine =
            listed["stops"].as_array().unwrap().iter().filter(|stop| stop["machine_id"] == machine).count();
        assert_eq!((of_machine, board.get(&machine)), (expected, Some(&(expected as i64))), "{listed:#}");
    }
    api.database.close().await;
}

fn stamp(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[tokio::test]
async fn what_may_not_be_said_of_a_stop_is_refused() {
    let mut api = Api::start().await;
    for (path, body, expected) in [
        ("1/2/reason", json!({ "id": id(1), "reason": "south", "why": "x" }), StatusCode::BAD_REQUEST),
        ("1/2/reason", json!({ "id": id(1), "reason": "burr", "why": "x" }), StatusCode::BAD_REQUEST),
        ("1/2/reason", json!({ "id": id(1), "reason": "", "why": "x" }), StatusCode::BAD_REQUEST),
        ("1/2/reason", json!({ "id": id(1), "reason": "j\u{0}", "why": "x" }), StatusCode::BAD_REQUEST),
        ("1/2/reason", json!({ "id": "1", "reason": "jam" }), StatusCode::BAD_REQUEST),
        ("1/2/reason", json!({ "id": id(1), "reason": "jam", "colour": 1 }), StatusCode::BAD_REQUEST),
        ("1/2/note", json!({ "id": id(1), "note": "x".repeat(2001) }), StatusCode::BAD_REQUEST),
        ("1/9/reason", json!({ "id": id(1), "reason": "jam" }), StatusCode::NOT_FOUND),
        ("2/2/reason", json!({ "id": id(1), "reason": "jam" }), StatusCode::NOT_FOUND),
        ("1/2/note", json!({ "id": id(1), "note": "x", "began_at": "2026-03-29T09:00:01Z" }), StatusCode::NOT_FOUND),
        ("1/x/note", json!({ "id": id(1), "note": "x" }), StatusCode::BAD_REQUEST),
    ] {
        api.refused(path, &body, expected).await;
    }
    let retire = "UPDATE reasons SET active = false WHERE plant_id = 1 AND code = 'break'";
    sqlx::raw_sql(retire).execute(&api.database.pool).await.unwrap();
    let body = json!({ "id": id(1), "reason": "break", "why": "x" });
    assert!(api.refused("1/2/reason", &body, StatusCode::BAD_REQUEST).await.contains("active"));
    let open = Api { press: api.filler, ..api };
    let body = json!({ "id": id(1), "from": "2026-03-29T06:30:00Z" });
    assert!(open.refused("1/1/split", &body, StatusCode::CONFLICT).await.contains("not over"));
    api = open;
    api.become_somebody("reader", &[Permission::Read], Plants::All).await;
    api.refused("1/1/note", &json!({ "id": id(1), "note": "x" }), StatusCode::FORBIDDEN).await;
    api.database.close().await;
}

#[tokio::test]
async fn the_same_entry_sent_many_times_at_once_is_stored_once() {
    let api = Api::start().await;
    let body = json!({ "id": id(7), "from": "2026-03-29T09:10:00Z" });
    let send = || api.posted("1/2/split", &body);
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    let answers = [a, b, c, d];
    assert_eq!(answers.iter().filter(|answer| answer["already"] == false).count(), 1);
    assert!(answers.iter().all(|answer| answer["stops"] == answers[0]["stops"] && answer["new_stop"] == -1));
    api.database.close().await;
}
