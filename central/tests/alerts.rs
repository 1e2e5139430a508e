//! Incidents, rules and channels through the API, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use central::alerts::watch::look;
use central::auth::{Plants, Principal, Role};
use central::database::Database;
use central::web::{Reads, Writes};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const NOW_US: i64 = 1_773_230_405_000_000;

/// Two plants; in north a line with a press, and a press that stands in none.
const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Vienna'), ('south', 'Europe/Vienna');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at)
        SELECT gen_random_uuid(), id, 'hall-' || name, sha256(name::bytea), '2026-03-01T00:00:00Z' FROM plants;
    INSERT INTO lines (plant_id, name) SELECT id, 'filling' FROM plants WHERE name = 'north';
    INSERT INTO machines (plant_id, name, agent_id, line_id)
        SELECT a.plant_id, n, a.id, CASE n WHEN 'filler' THEN l.id END
        FROM agents a JOIN plants p ON p.id = a.plant_id AND p.name = 'north' JOIN lines l ON l.plant_id = p.id,
             unnest('{filler,press}'::text[]) n;
";

struct Api {
    router: Router,
    database: Database,
    principal: Principal,
}

fn principal(name: &str, role: Role, plants: Plants) -> Principal {
    Principal { role, plants, ..Principal::command(name) }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(NOW_US).unwrap()
}

impl Api {
    async fn start() -> Api {
        let database = support::database().await;
        let clock = Arc::new(ManualClock::at(UtcMicros(NOW_US)));
        // Behind the door: who asks comes with the request.
        let writes = Writes { reads: Reads { pool: database.reader.clone(), clock }, pool: database.pool.clone() };
        let routes = central::queue::routes::router(writes.clone()).merge(central::alerts::routes::router(writes));
        let router = Router::from(routes);
        let principal = principal("eva", Role::Manager, Plants::All);
        let api = Api { router, database, principal };
        api.execute(ROWS).await;
        api
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.database.pool).await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.extension(self.principal.clone()).header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn look(&self, at: DateTime<Utc>) -> (usize, usize) {
        let found = look(&self.database.pool, at, Duration::ZERO).await.unwrap();
        (found.opened.len(), found.resolved.len())
    }
}

#[tokio::test]
async fn a_stop_is_an_incident_after_its_lines_threshold_and_only_as_far_as_there_is_evidence() {
    let api = Api::start().await;
    api.execute(
        "INSERT INTO agent_status (agent_id, plant_id, last_sync_at, clock_offset_us, master_data_revision, newest_seq)
             SELECT id, plant_id, '2026-03-11T12:00:05Z', 0, 1, 1 FROM agents;
         INSERT INTO machine_live (machine_id, plant_id, agent_id, state, state_since, good, scrap, rework, reported_at)
             SELECT id, plant_id, agent_id, 'stopped', '2026-03-11T11:50:05Z', 0, 0, 0, '2026-03-11T12:00:05Z' FROM machines;
         INSERT INTO open_stops (machine_id, agent_id, stop, plant_id, began_at, state, detected_by)
             SELECT id, agent_id, 7, plant_id, '2026-03-11T11:50:05Z', 'stopped', 'state' FROM machines;",
    )
    .await;
    let rules = json!({ "plant": "north", "line": "filling",
                        "rules": [{ "kind": "machine_down", "enabled": true, "threshold_s": 300 }] });
    assert_eq!(api.ask("PUT", "/alerts/rules", Some(rules)).await.0, StatusCode::OK);
    // Ten minutes: past the line's five, not past the fifteen for all.
    assert_eq!(api.look(now()).await, (1, 0));
    assert_eq!(api.look(now()).await, (0, 0), "once, however often it is looked");
    let list = api.get("/incidents").await;
    let found = &list["incidents"][0];
    assert_eq!(
        (&found["machine"], &found["line"], &found["kind"]),
        (&json!("filler"), &json!("filling"), &json!("machine_down"))
    );
    assert_eq!(found["began_at"], "2026-03-11T11:50:05Z");

    // An hour later, and nobody has heard of the press since: its stop may have ended.
    api.execute("UPDATE alert_rules SET enabled = false WHERE kind = 'agent_silent'").await;
    assert_eq!(api.look(now() + TimeDelta::hours(1)).await, (0, 0));
    // It reports again, but its log from 11:51 on has not arrived.
    api.execute(
        "UPDATE machine_live SET reported_at = '2026-03-11T13:00:00Z';
         UPDATE agent_status SET backlog_oldest_at = '2026-03-11T11:51:00Z'",
    )
    .await;
    assert_eq!(api.look(now() + TimeDelta::hours(1)).await, (0, 0));
    api.execute("UPDATE agent_status SET backlog_oldest_at = NULL; DELETE FROM open_stops WHERE machine_id = (SELECT id FROM machines WHERE name = 'filler')").await;
    assert_eq!(api.look(now() + TimeDelta::hours(1)).await, (1, 1));
    assert_eq!(api.get("/incidents?state=resolved").await["incidents"][0]["machine"], "filler");
    assert_eq!(api.get("/incidents?state=all").await["incidents"].as_array().unwrap().len(), 2);
    let first = api.get("/incidents?state=all&limit=1").await;
    let next = format!("/incidents?state=all&limit=1&cursor={}", first["next"].as_str().unwrap());
    assert_eq!(api.get(&next).await["incidents"][0]["machine"], "filler");
    api.database.close().await;
}

#[tokio::test]
async fn nobody_is_called_silent_for_a_time_in_which_nobody_listened() {
    let api = Api::start().await;
    assert_eq!(api.look(now()).await, (0, 0), "the first look ever");
    let mut at = now();
    let mut opened = 0;
    // Looked at every half minute: after the ten minutes for all, both agents.
    for _ in 0..21 {
        at += TimeDelta::seconds(30);
        opened += api.look(at).await.0;
    }
    assert_eq!(opened, 2);
    api.execute("UPDATE incidents SET resolved_at = now()").await;
    at += TimeDelta::hours(3);
    assert_eq!(api.look(at).await, (0, 0), "central was away itself");
    api.database.close().await;
}

#[tokio::test]
async fn two_processes_whose_clocks_differ_a_little_still_find_who_is_silent() {
    let api = Api::start().await;
    let not_within = Duration::from_millis(2_500);
    let (mut at, mut opened) = (now(), 0);
    // Every five seconds the one whose clock is ahead, and a moment later the other one.
    for _ in 0..(660 / 5) {
        at += TimeDelta::seconds(5);
        for at in [at + TimeDelta::seconds(1), at] {
            opened += look(&api.database.pool, at, not_within).await.unwrap().opened.len();
        }
    }
    assert_eq!(opened, 2);
    // A clock that was set back by far is no reason to stop looking.
    api.execute("UPDATE incidents SET resolved_at = now()").await;
    at -= TimeDelta::hours(1);
    for _ in 0..21 {
        at += TimeDelta::seconds(30);
        opened += look(&api.database.pool, at, not_within).await.unwrap().opened.len();
    }
    assert_eq!(opened, 4);
    api.database.close().await;
}

#[tokio::test]
async fn rules_fall_back_from_line_to_plant_to_all() {
    let api = Api::start().await;
    let of = |sets: &Value, set: usize, kind: &str| {
        let rules = sets["sets"][set]["rules"].as_array().unwrap().clone();
        rules.into_iter().find(|rule| rule["kind"] == kind).unwrap()
    };
    let before = api.get("/alerts/rules?plant=north").await;
    assert_eq!(
        of(&before, 1, "machine_down"),
        json!({ "kind": "machine_down", "enabled": true, "threshold_s": 900, "own": false })
    );
    let plant = json!({ "plant": "north", "rules": [{ "kind": "machine_down", "enabled": true, "threshold_s": 60 },
                                                    { "kind": "gap", "enabled": false, "threshold_s": null }] });
    let (status, after) = api.ask("PUT", "/alerts/rules", Some(plant)).await;
    assert_eq!(status, StatusCode::OK, "{after}");
    assert_eq!(of(&after, 0, "machine_down")["own"], true);
    assert_eq!(
        (&of(&after, 1, "machine_down")["threshold_s"], &of(&after, 1, "machine_down")["own"]),
        (&json!(60), &json!(false))
    );
    assert_eq!(of(&after, 1, "gap")["enabled"], false);
    assert_eq!(of(&api.get("/alerts/rules?plant=south").await, 0, "gap")["enabled"], true, "plants are apart");
    let none = json!({ "plant": "north", "rules": [] });
    assert_eq!(api.ask("PUT", "/alerts/rules", Some(none)).await.1, before);
    for wrong in [
        json!({ "plant": "north", "rules": [{ "kind": "machine_down", "enabled": true, "threshold_s": 1 }] }),
        json!({ "plant": "north", "rules": [{ "kind": "coffee", "enabled": true, "threshold_s": 60 }] }),
        json!({ "plant": "north", "rules": [], "more": 1 }),
    ] {
        assert_eq!(api.ask("PUT", "/alerts/rules", Some(wrong)).await.0, StatusCode::BAD_REQUEST);
    }
    let unknown = json!({ "plant": "north", "line": "nowhere", "rules": [] });
    assert_eq!(api.ask("PUT", "/alerts/rules", Some(unknown)).await.0, StatusCode::NOT_FOUND);
    api.database.close().await;
}

#[tokio::test]
async fn channels_show_their_secret_once_and_stay_in_their_plant() {
    let mut api = Api::start().await;
    let hook = json!({ "plant": "north", "kind": "webhook", "address": "https://10.1.2.3/andon", "title": "Andon" });
    let (status, added) = api.ask("POST", "/alerts/channels", Some(hook)).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    assert_eq!(added["secret"].as_str().unwrap().len(), 43);
    assert_eq!((&added["channel"]["created_by"], &added["channel"]["line"]), (&json!("eva"), &Value::Null));
    let id = added["channel"]["id"].as_i64().unwrap();
    let list = api.get("/alerts/channels").await;
    assert_eq!(list["channels"], json!([added["channel"]]));
    assert!(list["channels"][0].get("secret").is_none());
    for wrong in [
        json!({ "plant": "north", "kind": "webhook", "address": "http://10.1.2.3/" }),
        json!({ "plant": "north", "kind": "webhook", "address": "https://me:pw@host/" }),
        json!({ "plant": "north", "kind": "email", "address": "nobody" }),
        json!({ "plant": "north", "kind": "email", "address": "a@b.test", "title": "two\nlines" }),
    ] {
        let (status, problem) = api.ask("POST", "/alerts/channels", Some(wrong.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {problem}");
    }
    let (status, test) = api.ask("POST", &format!("/alerts/channels/{id}/test"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let log = api.get(&format!("/alerts/deliveries?channel={id}")).await;
    assert_eq!((&log["deliveries"][0]["id"], &log["deliveries"][0]["state"]), (&test["delivery"], &json!("waiting")));
    let queued = "SELECT count(*) FROM pgmq.q_background_jobs WHERE message ->> 'kind' = 'call_webhook'";
    assert_eq!(api.number(queued).await, 1);

    // Somebody of the other plant, and somebody who may only look.
    let south: i32 =
        sqlx::query_scalar("SELECT id FROM plants WHERE name = 'south'").fetch_one(&api.database.pool).await.unwrap();
    api.principal = principal("sam", Role::Manager, Plants::Only([south].into()));
    assert_eq!(api.get("/alerts/channels").await["channels"], json!([]));
    assert_eq!(api.get("/alerts/deliveries").await["deliveries"], json!([]));
    let change = Some(json!({ "title": "mine", "enabled": false }));
    for (method, path, body) in [
        ("PUT", format!("/alerts/channels/{id}"), change.clone()),
        ("DELETE", format!("/alerts/channels/{id}"), None),
        ("POST", format!("/alerts/channels/{id}/test"), None),
        ("GET", "/alerts/rules?plant=north".to_owned(), None),
    ] {
        assert_eq!(api.ask(method, &path, body).await.0, StatusCode::NOT_FOUND, "{method} {path}");
    }
    api.principal = principal("olga", Role::Operator, Plants::All);
    assert_eq!(api.ask("PUT", &format!("/alerts/channels/{id}"), change.clone()).await.0, StatusCode::FORBIDDEN);
    api.principal = principal("eva", Role::Manager, Plants::All);
    assert_eq!(api.ask("PUT", &format!("/alerts/channels/{id}"), change).await.1["enabled"], false);
    assert_eq!(api.ask("DELETE", &format!("/alerts/channels/{id}"), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api.ask("DELETE", &format!("/alerts/channels/{id}"), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.get("/alerts/deliveries").await["deliveries"].as_array().unwrap().len(), 1, "the log stays");
    api.database.close().await;
}

#[tokio::test]
async fn dead_letters_are_shown_and_decided_on() {
    let mut api = Api::start().await;
    api.execute(
        "SELECT pgmq.send('dlq', jsonb_build_object('queue', 'background_jobs', 'msg_id', 5, 'attempts', 3, 'enqueued_at', now(),
             'message', jsonb_build_object('kind', 'nothing', 'plant_id', (SELECT id FROM plants WHERE name = 'north')),
             'errors', '[{\"attempt\": 3, \"at\": \"2026-03-11T12:00:00Z\", \"chain\": [\"it failed\", \"no route\"]}]'::jsonb));
         SELECT pgmq.send('dlq', '{}');",
    )
    .await;
    let list = api.get("/work/dead-letters").await;
    assert_eq!(list["dead_letters"].as_array().unwrap().len(), 2, "foreign ones are shown as far as they can be read");
    assert_eq!(list["dead_letters"][1]["error"], "it failed: no route");
    assert_eq!(list["dead_letters"][1]["plant"], "north");
    let one = api.get("/work/dead-letters/1").await;
    assert_eq!((&one["message"]["kind"], &one["errors"][0]["chain"][1]), (&json!("nothing"), &json!("no route")));
    let queues = api.get("/work/queues").await;
    assert_eq!((&queues["queues"][3]["name"], &queues["queues"][3]["messages"]), (&json!("dlq"), &json!(2)));
    assert_eq!(api.ask("POST", "/work/dead-letters/2/replay", None).await.0, StatusCode::CONFLICT, "from no queue");
    api.principal = principal("olga", Role::Operator, Plants::All);
    assert_eq!(api.ask("POST", "/work/dead-letters/1/replay", None).await.0, StatusCode::FORBIDDEN);
    api.principal = principal("eva", Role::Manager, Plants::All);
    assert_eq!(api.ask("POST", "/work/dead-letters/1/replay", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api.ask("POST", "/work/dead-letters/1/replay", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.number("SELECT count(*) FROM pgmq.q_background_jobs").await, 1);
    assert_eq!(api.ask("POST", "/work/dead-letters/2/discard", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/work/dead-letters").await["dead_letters"], json!([]));
    for nonsense in [
        "/work/dead-letters/x",
        "/work/dead-letters?limit=0",
        "/work/dead-letters?queue=dlq",
        "/work/dead-letters?cursor=x",
    ] {
        assert_eq!(api.ask("GET", nonsense, None).await.0, StatusCode::BAD_REQUEST, "{nonsense}");
    }
    api.database.close().await;
}

#[tokio::test]
async fn gaps_and_calls_are_concluded_from_facts_in_any_order() {
    use central::alerts::incidents::store;
    use central::queue::job::Recorded;
    let api = Api::start().await;
    api.execute(
        "INSERT INTO gaps (at, plant_day, plant_id, agent_id, epoch, seq, clock, cause, subject, lost, gap_from, gap_to, text)
             SELECT '2026-03-11T12:00:00Z', '2026-03-11', plant_id, id, 1, n, 'synchronized', 'buffer_full', 'telemetry', 5,
                    '2026-03-11T11:00:00Z', '2026-03-11T11:30:00Z', 'thinned' FROM agents, generate_series(10, 12) n
             WHERE name = 'hall-north';
         INSERT INTO alarms (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, subject, code, text, active)
             SELECT '2026-03-11T12:00:00Z', '2026-03-11', plant_id, id, agent_id, 1, n, 'synchronized', name, 'call_for_help',
                    'help', n = 20 FROM machines, generate_series(20, 21) n WHERE name = 'press';",
    )
    .await;
    let agent_id: i32 = sqlx::query_scalar("SELECT id FROM agents WHERE name = 'hall-north'")
        .fetch_one(&api.database.pool)
        .await
        .unwrap();
    let recorded =
        |first_seq, last_seq| Recorded { plant_id: 1, agent_id, epoch: 1, first_seq, last_seq, count: 1, reason: None };
    let mut connection = api.database.pool.acquire().await.unwrap();
    assert_eq!(store::open_gaps(&mut connection, &recorded(10, 10), now()).await.unwrap().len(), 1);
    assert_eq!(store::open_gaps(&mut connection, &recorded(11, 12), now()).await.unwrap().len(), 0, "it is prolonged");
    assert_eq!(store::open_gaps(&mut connection, &recorded(13, 20), now()).await.unwrap().len(), 0);
    assert_eq!(api.get("/incidents?kind=gap").await["incidents"][0]["occurrences"], 3);
    // The job about the call runs after the call was taken back: nobody is called for.
    let calls = store::calls(&mut connection, &recorded(20, 20)).await.unwrap();
    assert_eq!(calls.iter().map(|call| call.active).collect::<Vec<_>>(), [false]);
    api.execute("DELETE FROM alarms WHERE seq = 21").await;
    let calls = store::calls(&mut connection, &recorded(20, 20)).await.unwrap();
    assert_eq!(store::open_call(&mut connection, &calls[0], now()).await.unwrap().len(), 1);
    assert_eq!(store::open_call(&mut connection, &calls[0], now()).await.unwrap().len(), 0);
    assert_eq!(store::resolve_call(&mut connection, &calls[0], now()).await.unwrap().len(), 1);
    drop(connection);
    let before = api.look(now() + TimeDelta::minutes(30)).await.1;
    assert_eq!((before, api.look(now() + TimeDelta::minutes(90)).await.1), (0, 1), "an hour without a further gap");
    api.database.close().await;
}

/// Locks that somebody waits for in this database.
const WAITS: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_taken_back_while_it_is_opened_does_not_stay_open() {
    use central::alerts::incidents::alarms_raised;
    use central::queue::attempt::Attempt;
    use central::queue::job::{Job, Recorded};
    use central::queue::{self, Queue};
    let api = Api::start().await;
    let pool = &api.database.pool;
    let alarm = "INSERT INTO alarms (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, subject, code, text, active)
                     SELECT '2026-03-11T12:00:00Z', '2026-03-11', plant_id, id, agent_id, 1, $1, 'synchronized', name,
                            'call_for_help', 'help', $2 FROM machines WHERE name = 'press'";
    let raise = async |seq: i64, active: bool| {
        sqlx::query(alarm).bind(seq).bind(active).execute(pool).await.unwrap();
    };
    let agent_id: i32 =
        sqlx::query_scalar("SELECT agent_id FROM machines WHERE name = 'press'").fetch_one(pool).await.unwrap();
    let recorded =
        |seq| Recorded { plant_id: 1, agent_id, epoch: 1, first_seq: seq, last_seq: seq, count: 1, reason: None };
    let mut connection = pool.acquire().await.unwrap();
    let jobs = [20, 21].map(|seq| Job::AlarmsRaised(recorded(seq)));
    queue::send_all(&mut connection, &jobs).await.unwrap();
    let taken = queue::store::take(&mut connection, Queue::BackgroundJobs, Duration::from_secs(60), 2).await.unwrap();
    drop(connection);
    let begin = |index: usize, seq| {
        let attempt = Attempt { queue: Queue::BackgroundJobs, lease: taken[index].lease(), pool: pool.clone() };
        let recorded = recorded(seq);
        tokio::spawn(async move { alarms_raised(&attempt, &recorded, now()).await.unwrap() })
    };
    let until_waiting = async |waits: i64, or: &dyn Fn() -> bool| {
        let deadline = tokio::time::Instant::now() + support::DEADLINE;
        while api.number(WAITS).await < waits && !or() {
            assert!(tokio::time::Instant::now() < deadline, "nobody waits");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };

    // Somebody calls. Who opens the incident has read that, and then is held up.
    raise(20, true).await;
    let mut held = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE alert_rules IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let opening = begin(0, 20);
    until_waiting(1, &|| false).await;
    // The call is taken back meanwhile, and somebody else concludes what follows from that.
    raise(21, false).await;
    let ending = begin(1, 21);
    until_waiting(2, &|| ending.is_finished()).await;
    held.rollback().await.unwrap();
    opening.await.unwrap();
    ending.await.unwrap();
    assert_eq!(api.number("SELECT count(*) FROM incidents WHERE resolved_at IS NULL").await, 0);
    assert_eq!(api.number("SELECT count(*) FROM incidents").await, 1);
    api.database.close().await;
}
