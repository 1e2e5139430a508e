//! Every operation of the OpenAPI document that changes something leaves a row in the audit log that says who, and no
//! secret. An operation that is added has to be walked here too.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use central::auth::{Principal, setup};
use central::database::Database;
use chrono::DateTime;
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// 2026-03-10T23:30:00Z.
const NOW_US: i64 = 1_773_185_400_000_000;
const PASSWORD: &str = "a long secret of hers";
const ANOTHER: &str = "another secret of hers";
const PIN: &str = "480913775120";
const BADGE: &str = "badge-secret-77";
const HOOK: &str = "https://hooks.example/T0/hook-secret";
const HALL: &str = "/agents/00000000-0000-4000-8000-000000000001";

/// A plant with two agents of which one has two histories, a machine with a stop, an event that was set aside, and two
/// jobs that were given up.
const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'UTC');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at)
        SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, 1, 'hall-' || n, sha256(n::text::bytea), '2026-01-01Z'
        FROM generate_series(1, 2) n;
    INSERT INTO sync_ledger (agent_id, mark, instance_starts, instance_id, epoch)
        SELECT id, 7, 3, 12648430, 2 FROM agents;
    INSERT INTO divergences (agent_id, epoch, reason, fork_seq, mark, text, first_seen_at, last_seen_at)
        VALUES (1, 2, 'copied', 5, 7, 'two processes', '2026-03-10T22:00:00Z', '2026-03-10T23:00:00Z');
    UPDATE sync_ledger SET divergence_id = (SELECT max(id) FROM divergences) WHERE agent_id = 1;
    INSERT INTO divergence_instances (divergence_id, starts, id, host, listened_to, newest_seq, first_seen_at, last_seen_at)
        SELECT max(id), 3, 12648430, 'pc-7', true, 9, '2026-03-10T22:00:00Z', '2026-03-10T23:00:00Z' FROM divergences;
    INSERT INTO machines (plant_id, name, agent_id) VALUES (1, 'press', 1);
    SELECT prepare_facts('{2026-03-01}');
    INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change, began_at,
            lasted_us, state, detected_by, micro)
        VALUES ('2026-03-10T09:00:00Z', '2026-03-10', 1, 1, 1, 1, 1, 'synchronized', 1, 'began', NULL, NULL, 'stopped',
                'state', NULL),
               ('2026-03-10T09:30:00Z', '2026-03-10', 1, 1, 1, 1, 2, 'synchronized', 1, 'ended', '2026-03-10T09:00:00Z',
                1800000000, 'stopped', 'state', false);
    INSERT INTO quarantined_events (plant_id, agent_id, epoch, seq, reason, detail, at_us, clock, monotonic_boot,
            monotonic_us, origin_kind, origin_name, kind, body, received_at)
        VALUES (1, 1, 1, 3, 'future', 'a clock', 9000000000000000, 0, 1, 1, 'machine', 'press', 0, '',
                '2026-03-10T12:00:00Z');
    SELECT pgmq.send('dlq', '{\"queue\": \"background_jobs\", \"attempts\": 3, \"message\": {\"kind\": \"x\", \"plant_id\": 1}}')
        FROM generate_series(1, 2);";

struct Walk {
    router: Router,
    database: Database,
    document: Value,
    cookie: String,
    walked: BTreeSet<String>,
    /// What must not be in the log.
    secrets: Vec<String>,
}

impl Walk {
    async fn start() -> Walk {
        let database = support::database().await;
        sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
        let router = support::router(support::api(&database, Arc::new(ManualClock::at(UtcMicros(NOW_US)))));
        let secrets = [PASSWORD, ANOTHER, PIN, BADGE, "hook-secret"].map(str::to_owned).to_vec();
        let document = Value::Null;
        let mut walk = Walk { router, database, document, cookie: String::new(), walked: BTreeSet::new(), secrets };
        walk.document = walk.ask("GET", "/openapi.json", &Value::Null).await.1;
        walk
    }

    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (kind, text) = match body {
            Value::Null => (None, String::new()),
            Value::String(csv) => (Some("text/csv"), csv.clone()),
            json => (Some("application/json"), json.to_string()),
        };
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request = request.header("host", "central:8080").header("sec-fetch-site", "same-origin");
        request = request.header("cookie", &self.cookie);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(text)).unwrap()).await.unwrap();
        if let Some(cookie) = answer.headers().get(header::SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn newest(&self) -> i64 {
        let sql = "SELECT coalesce(max(id), 0) FROM audit_log";
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.unwrap()
    }

    /// What the operation answers, which has to succeed and to be in the log.
    async fn does(&mut self, operation: &str, path: &str, body: Value) -> Value {
        let method = self.method(operation, path);
        let before = self.newest().await;
        let (status, answer) = self.ask(&method, path, &body).await;
        assert!((200..300).contains(&status), "{operation} {path} {body}: {status} {answer}");
        let rows: Vec<(String, String, Option<String>)> =
            sqlx::query_as("SELECT actor_kind, actor, address FROM audit_log WHERE id > $1")
                .bind(before)
                .fetch_all(&self.database.pool)
                .await
                .unwrap();
        assert!(!rows.is_empty(), "{operation} is not in the audit log");
        for (kind, actor, address) in rows {
            assert_eq!((kind.as_str(), actor.as_str()), ("user", "anna"), "{operation}");
            assert!(address.is_some(), "{operation}");
        }
        self.walked.insert(operation.to_owned());
        answer
    }

    /// The method of the operation, at whose path this is.
    fn method(&self, operation: &str, path: &str) -> String {
        let segments = path.split('?').next().unwrap().split('/');
        for (template, methods) in self.document["paths"].as_object().unwrap() {
            let described = methods.as_object().unwrap().iter().find(|(_, it)| it["operationId"] == operation);
            let Some((method, _)) = described else { continue };
            let same = template.split('/').zip(segments.clone()).all(|(it, here)| it.starts_with('{') || it == here);
            assert!(same && template.split('/').count() == segments.count(), "{operation} is at {template}");
            return method.to_uppercase();
        }
        panic!("there is no operation {operation}");
    }

    /// Creates a record and answers its path.
    async fn creates(&mut self, operation: &str, path: &str, body: Value) -> String {
        let made = self.does(operation, path, body).await;
        format!("{path}/{}", made["id"])
    }

    /// Creates, replaces and deletes a record of master data.
    async fn edits(&mut self, word: &str, path: &str, new: Value, change: Value) {
        let at = self.creates(&format!("create_{word}"), path, new).await;
        self.does(&format!("replace_{word}"), &at, change).await;
        self.does(&format!("delete_{word}"), &at, Value::Null).await;
    }

    async fn sets_up(&mut self) {
        let by = Principal::of_account();
        let now = DateTime::from_timestamp_micros(NOW_US).unwrap();
        let code = setup::new_code(&self.database.pool, now, &by.actor()).await.unwrap().unwrap();
        self.secrets.push(code.clone());
        let wanted = json!({ "code": code, "name": "anna", "display_name": "Anna Huber", "password": PASSWORD });
        self.does("set_up", "/setup", wanted).await;
        self.does("change_password", "/session/password", json!({ "current": PASSWORD, "new": ANOTHER })).await;
        self.does("log_out", "/session", Value::Null).await;
        self.does("log_in", "/session", json!({ "name": "anna", "password": ANOTHER })).await;
    }

    async fn edits_master_data(&mut self) {
        let plant = self.creates("create_plant", "/plants", json!({ "name": "south", "time_zone": "UTC" })).await;
        let change = json!({ "version": 1, "title": "South", "time_zone": "UTC" });
        self.does("replace_plant", &plant, change).await;
        let new = json!({ "plant": "north", "name": "A" });
        self.edits("line", "/lines", new, json!({ "version": 1, "title": "Line A" })).await;
        let new = json!({ "plant": "north", "number": "17", "name": "Otto", "pin": PIN, "badge": BADGE });
        let change = json!({ "version": 1, "name": "Otto", "active": true, "pin": PIN, "badge": BADGE });
        self.edits("operator", "/operators", new, change).await;
        let new = json!({ "plant": "north", "code": "P" });
        self.edits("product", "/products", new, json!({ "version": 1, "title": "Lid", "active": true })).await;
        let new = json!({ "plant": "north", "code": "R", "applies_to": "downtime" });
        let change =
            json!({ "version": 1, "title": "Jam", "applies_to": "downtime", "planned": false, "active": true });
        self.edits("reason", "/reasons", new, change).await;
        let csv = format!("number,name,active,pin,badge\n18,Ida,true,{PIN},{BADGE}\n");
        self.does("import_operators", "/operators/import?plant=north", json!(csv)).await;
        self.does("import_products", "/products/import?plant=north", json!("code,title\nP1,Lid\n")).await;
        self.does("import_work_orders", "/work-orders/import?plant=north", json!("code,product\nW1,P1\n")).await;
        let new = json!({ "plant": "north", "code": "W2", "product": "P1" });
        let change = json!({ "version": 1, "product": "P1", "active": true, "quantity": 5 });
        self.edits("work_order", "/work-orders", new, change).await;
        let settings = json!({ "version": 1, "title": "Press 1" });
        self.does("replace_machine_settings", "/machine-settings/1", settings).await;
        let early = json!({ "name": "Early", "days": ["monday"], "starts": "06:00", "ends": "14:00" });
        let shifts = json!({ "plant": "north", "first_monday": "2026-03-16", "weeks": 1, "pattern": [early] });
        self.does("create_shifts", "/shifts", shifts).await;
        self.does("delete_shifts", "/shifts?plant=north&from=2026-03-11T00:00:00Z", Value::Null).await;
    }

    async fn sets_alerts(&mut self) {
        let rules = |threshold_s: u32| {
            let rule = json!({ "kind": "machine_down", "enabled": true, "threshold_s": threshold_s });
            json!({ "plant": "north", "rules": [rule] })
        };
        self.does("set_alert_rules", "/alerts/rules", rules(300)).await;
        self.does("set_alert_rules", "/alerts/rules", rules(600)).await;
        let hook = json!({ "plant": "north", "kind": "webhook", "address": HOOK });
        let added = self.does("add_alert_channel", "/alerts/channels", hook).await;
        self.secrets.push(added["secret"].as_str().unwrap().to_owned());
        let at = format!("/alerts/channels/{}", added["channel"]["id"]);
        self.does("change_alert_channel", &at, json!({ "title": "Andon", "enabled": true })).await;
        self.does("test_alert_channel", &format!("{at}/test"), Value::Null).await;
        self.does("remove_alert_channel", &at, Value::Null).await;
    }

    async fn explains_a_stop(&mut self) {
        let jam = json!({ "plant": "north", "code": "jam", "applies_to": "downtime" });
        self.does("create_reason", "/reasons", jam).await;
        let at = |what: &str| format!("/machines/1/stops/1/1/{what}");
        let id = |n: u128| uuid::Uuid::from_u128(n);
        self.does("give_stop_reason", &at("reason"), json!({ "id": id(1), "reason": "jam" })).await;
        self.does("leave_stop_note", &at("note"), json!({ "id": id(2), "note": "cleaned" })).await;
        let from = "2026-03-10T09:10:00Z";
        self.does("split_stop", &at("split"), json!({ "id": id(3), "from": from })).await;
    }

    async fn manages_agents_and_work(&mut self) {
        let invited = self.does("invite_agent", "/agents/invitations", json!({ "plant": "north", "agent": "x" })).await;
        self.secrets.push(invited["code"].as_str().unwrap().to_owned());
        let at = format!("/agents/invitations/{}", invited["invitation"]["id"]);
        self.does("revoke_invitation", &at, Value::Null).await;
        self.does("disable_agent", &format!("{HALL}/disable"), Value::Null).await;
        self.does("enable_agent", &format!("{HALL}/enable"), Value::Null).await;
        let accept = json!({ "accept": "3/0000000000c0ffee" });
        self.does("resolve_divergence", &format!("{HALL}/divergence/resolve"), accept).await;
        self.does("release_quarantined_events", "/quarantined-events/release", json!({ "plant": "north" })).await;
        let to = json!({ "agent": "00000000-0000-4000-8000-000000000002" });
        self.does("transfer_machine", "/machine-settings/1/transfer", to).await;
        self.does("replay_dead_letter", "/work/dead-letters/1/replay", Value::Null).await;
        self.does("discard_dead_letter", "/work/dead-letters/2/discard", Value::Null).await;
    }

    async fn manages_users_and_tokens(&mut self) {
        let new = json!({ "name": "otto", "password": PASSWORD, "role": "manager", "plants": [1] });
        let user = self.creates("create_user", "/users", new).await;
        self.does("change_user", &user, json!({ "role": "operator", "password": ANOTHER })).await;
        self.does("end_user_sessions", &format!("{user}/sessions"), Value::Null).await;
        let new = json!({ "name": "erp", "scopes": ["read"], "all_plants": true });
        let made = self.does("create_token", "/tokens", new).await;
        self.secrets.push(made["secret"].as_str().unwrap().to_owned());
        self.does("revoke_token", &format!("/tokens/{}", made["token"]["id"]), Value::Null).await;
    }

    fn mutating(&self) -> BTreeSet<String> {
        let paths = self.document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|methods| methods.as_object().unwrap());
        let mutating = operations.filter(|(method, _)| *method != "get");
        mutating.map(|(_, it)| it["operationId"].as_str().unwrap().to_owned()).collect()
    }

    async fn detail(&self, action: &str) -> Vec<Value> {
        let sql = "SELECT detail FROM audit_log WHERE action = $1 ORDER BY id";
        sqlx::query_scalar(sql).bind(action).fetch_all(&self.database.pool).await.unwrap()
    }
}

#[tokio::test]
async fn every_operation_that_changes_something_says_who_did_it_and_no_secret() {
    let mut walk = Walk::start().await;
    walk.sets_up().await;
    walk.edits_master_data().await;
    walk.sets_alerts().await;
    walk.explains_a_stop().await;
    walk.manages_agents_and_work().await;
    walk.manages_users_and_tokens().await;
    assert_eq!(walk.walked, walk.mutating(), "every operation is walked");

    let log: Vec<String> =
        sqlx::query_scalar("SELECT l::text FROM audit_log l").fetch_all(&walk.database.pool).await.unwrap();
    for secret in &walk.secrets {
        let told: Vec<_> = log.iter().filter(|row| row.contains(secret.as_str())).collect();
        assert!(told.is_empty(), "{secret} is in {told:?}");
    }
    walk.database.close().await;
}

#[tokio::test]
async fn alert_rules_and_channels_are_logged_with_what_they_were_before() {
    let mut walk = Walk::start().await;
    walk.sets_up().await;
    walk.sets_alerts().await;
    let thresholds =
        |detail: &Value| [&detail["before"], &detail["after"]].map(|it| it["machine_down"]["threshold_s"].clone());
    let rules = walk.detail("alert_rules.replace").await;
    let found: Vec<_> = rules.iter().map(thresholds).collect();
    assert_eq!(found, [[Value::Null, json!(300)], [json!(300), json!(600)]]);
    let changed = &walk.detail("alert_channel.replace").await[0];
    assert_eq!((&changed["before"]["title"], &changed["after"]["title"]), (&json!(""), &json!("Andon")));
    let removed = &walk.detail("alert_channel.delete").await[0];
    assert_eq!((&removed["before"]["address"], &removed["after"]), (&json!("https://hooks.example"), &Value::Null));
    walk.database.close().await;
}
