//! Every operation of the OpenAPI document against what it must refuse. The operations, their parameters and their bodies
//! are taken from the document, so that a route added later is asked too.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use central::auth::tokens::{self, NewToken};
use central::auth::{Access, Permission, Plants, Principal, Role, password};
use central::database::Database;
use central::users::{self, NewUser};
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const NOW_US: i64 = 1_773_185_400_000_000;
const SESSION_LASTS: Duration = Duration::from_secs(8 * 24 * 3600);

/// One record of every kind in each of two plants.
const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Berlin'), ('south', 'UTC');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at)
        SELECT gen_random_uuid(), id, 'hall', sha256(name::bytea), '2026-01-01Z' FROM plants;
    INSERT INTO sync_ledger (agent_id, mark) SELECT id, 7 FROM agents;
    INSERT INTO lines (plant_id, name) SELECT id, 'line' FROM plants;
    INSERT INTO machines (plant_id, name, agent_id) SELECT plant_id, 'press', id FROM agents;
    INSERT INTO products (plant_id, code, title) SELECT id, 'P', 'Bracket' FROM plants;
    INSERT INTO work_orders (plant_id, code, product, quantity) SELECT id, 'WO', 'P', 100 FROM plants;
    INSERT INTO reasons (plant_id, code, title, applies_to) SELECT id, 'jam', 'Jam', 'downtime' FROM plants;
    INSERT INTO operators (plant_id, number, name) SELECT id, '17', 'Anna' FROM plants;
    INSERT INTO enrolment_invitations (plant_id, agent_name, secret_hash, created_by, created_at, expires_at)
        SELECT id, 'hall-2', sha256(name::bytea), 'x', '2026-03-10Z', '2027-01-01Z' FROM plants;
    INSERT INTO alert_channels (plant_id, kind, title, address, created_at, created_by)
        SELECT id, 'email', '', 'shift@plant.example', '2026-03-10Z', 'x' FROM plants;
    INSERT INTO users (name, display_name, password_hash, role, plants, password_changed_at, created_at)
        SELECT name, '', 'x', 'operator', ARRAY[id], '2026-03-10Z', '2026-03-10Z' FROM plants;
    INSERT INTO api_tokens (name, prefix, secret_hash, scopes, plants, created_by, created_at)
        SELECT 'erp-' || name, name, sha256(name::bytea), '{read}', ARRAY[id], 'x', '2026-03-10Z' FROM plants;
    INSERT INTO incidents (plant_id, kind, subject, title, detail, agent_id, began_at, opened_at, last_seen_at)
        SELECT plant_id, 'agent_silent', 'agent/' || id, name, '', id, '2026-03-10Z', '2026-03-10Z', '2026-03-10Z' FROM agents;
    SELECT pgmq.send('dlq', jsonb_build_object('queue', 'background_jobs', 'attempts', 3,
        'message', jsonb_build_object('kind', 'x', 'plant_id', id))) FROM plants;";

/// One operation of the document.
#[derive(Debug, Clone)]
struct Operation {
    method: Method,
    path: String,
    /// Name, place, and schema.
    parameters: Vec<(String, String, Value)>,
    /// Content type of the body that it takes.
    body: Option<String>,
    public: bool,
}

impl Operation {
    fn writes(&self) -> bool {
        self.method != Method::GET
    }

    /// The path with its names replaced.
    fn filled(&self, value: impl Fn(&str, &Value) -> String) -> String {
        let mut path = self.path.clone();
        for (name, _, schema) in self.parameters.iter().filter(|(_, place, _)| place == "path") {
            path = path.replace(&format!("{{{name}}}"), &value(name, schema));
        }
        path
    }

    /// The path of things that do not exist.
    fn unknown(&self) -> String {
        self.filled(|_, schema| match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("integer"), _) => "2000000000".to_owned(),
            (_, Some("uuid")) => "00000000-0000-4000-8000-00000000ffff".to_owned(),
            _ => "nobody".to_owned(),
        })
    }

    fn has_names(&self) -> bool {
        self.path.contains('{')
    }

    /// It never ends.
    fn streams(&self) -> bool {
        self.path == "/live"
    }
}

struct Site {
    router: Router,
    access: Access,
    clock: ManualClock,
    database: Database,
    document: Value,
}

impl Site {
    async fn start() -> Site {
        let database = support::database().await;
        sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
        let clock = ManualClock::at(UtcMicros(NOW_US));
        let api = support::api(&database, Arc::new(clock.clone()));
        let access = api.access.clone();
        let router = support::router(api);
        let mut site = Site { router, access, clock, database, document: Value::Null };
        site.document = site.ask(&Method::GET, "/openapi.json", &[], "").await.1;
        site
    }

    fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in self.document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                let parameters = described["parameters"].as_array().into_iter().flatten().map(|it| {
                    let text = |key: &str| it[key].as_str().unwrap().to_owned();
                    (text("name"), text("in"), it["schema"].clone())
                });
                let content = described["requestBody"]["content"].as_object();
                operations.push(Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    parameters: parameters.collect(),
                    body: content.and_then(|content| content.keys().next().cloned()),
                    public: described["security"] == json!([{}]) || described["security"] == json!([]),
                });
            }
        }
        assert!(operations.len() > 100, "{}", operations.len());
        operations
    }

    async fn token(&self, name: &str, scopes: &[Permission], plants: Plants) -> String {
        let token = NewToken { name: name.to_owned(), scopes: scopes.to_vec(), plants, expires_at: None };
        let actor = Principal::command("test");
        let made = tokens::store::create(self.access.pool(), self.access.now(), &actor.actor(), &token).await.unwrap();
        format!("Bearer {}", made.1.text())
    }

    async fn for_everything(&self) -> String {
        self.token("all", &Permission::ALL, Plants::All).await
    }

    /// Status and answer, which is problem+json when it is a refusal.
    async fn ask(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
        let mut request =
            Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "central:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(kind.unwrap(), "application/problem+json", "{method} {path}: {status}");
        }
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn as_json(&self, operation: &Operation, path: &str, token: &str, body: &str) -> (StatusCode, Value) {
        let kind = operation.body.as_deref().unwrap_or("application/json");
        let headers = [("authorization", token), ("content-type", kind)];
        self.ask(&operation.method, path, &headers[..if operation.body.is_some() { 2 } else { 1 }], body).await
    }

    /// A body that the document allows, of things that nobody has.
    fn body(&self, operation: &Operation) -> String {
        let methods = &self.document["paths"][&operation.path];
        let content = &methods[operation.method.as_str().to_lowercase()]["requestBody"]["content"];
        match operation.body.as_deref() {
            None => String::new(),
            Some("application/json") => self.example(&content["application/json"]["schema"]).to_string(),
            Some(_) => "code\n".to_owned(),
        }
    }

    /// The same for fields whose texts have a meaning that a schema does not tell.
    fn field(&self, name: &str, schema: &Value) -> Value {
        match name {
            "time_zone" => json!("UTC"),
            "accept" => json!("3/00c0ffee00c0ffee"),
            _ => self.example(schema),
        }
    }

    /// The least that a schema allows.
    fn example(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.example(self.document.pointer(&reference[1..]).unwrap());
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            if let Some(first) = schema[key].as_array().and_then(|all| all.iter().find(|it| it["type"] != "null")) {
                return self.example(first);
            }
        }
        if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
            return word.clone();
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("null");
        match (kind, schema["format"].as_str(), schema["pattern"].as_str()) {
            ("object", ..) => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                required.map(|key| (key.to_owned(), self.field(key, &schema["properties"][key]))).collect()
            }
            ("array", ..) if schema["minItems"].as_u64().unwrap_or(0) > 0 => json!([self.example(&schema["items"])]),
            ("array", ..) => json!([]),
            ("integer" | "number", ..) => schema["minimum"].as_i64().unwrap_or(1).into(),
            ("boolean", ..) => json!(false),
            ("string", Some("date-time"), _) => json!("2026-03-10T12:00:00Z"),
            ("string", Some("date"), _) => json!("2026-03-16"),
            ("string", Some("uuid"), _) => json!("00000000-0000-4000-8000-00000000ffff"),
            ("string", _, Some(pattern)) if pattern.contains(":[0-5]") => json!("06:00"),
            ("string", ..) => json!("nobody-knows"),
            _ => Value::Null,
        }
    }

    /// Every table's rows, but for what is noted of the asking itself.
    async fn contents(&self) -> BTreeMap<String, i64> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname = 'public' AND tablename NOT IN ('sessions', 'api_tokens') OR tablename IN ('q_dlq', 'a_dlq')",
        )
        .fetch_all(&self.database.pool)
        .await
        .unwrap();
        let mut contents = BTreeMap::new();
        for name in names {
            let sql =
                format!("SELECT coalesce(sum(hashtextextended(t::text, 0) % 1000000007), 0)::bigint FROM {name} t");
            let sum = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.database.pool).await.unwrap();
            contents.insert(name, sum);
        }
        contents
    }
}

/// All that went wrong, told at once.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn whoever_may_only_read_changes_nothing() {
    let site = Site::start().await;
    let reader = site.token("reader", &[Permission::Read], Plants::All).await;
    let before = site.contents().await;
    let mut wrong = Vec::new();
    for operation in site.operations().iter().filter(|it| it.writes() && !it.public) {
        let own_session = operation.path.starts_with("/session");
        let body = site.body(operation);
        let (status, answer) = site.as_json(operation, &operation.unknown(), &reader, &body).await;
        let missing = status == StatusCode::BAD_REQUEST && operation.parameters.iter().any(|(_, at, _)| at == "query");
        if status != StatusCode::FORBIDDEN && !missing && !own_session {
            wrong.push(format!("{} {} {body}: {status} {}", operation.method, operation.path, answer["detail"]));
        }
    }
    none(&wrong);
    assert_eq!(site.contents().await, before);
    site.database.close().await;
}

#[tokio::test]
async fn what_nobody_knows_is_not_found() {
    let site = Site::start().await;
    let token = site.for_everything().await;
    let mut wrong = Vec::new();
    for operation in site.operations().iter().filter(|it| it.has_names()) {
        let body = site.body(operation);
        let (status, answer) = site.as_json(operation, &operation.unknown(), &token, &body).await;
        if status != StatusCode::NOT_FOUND {
            wrong.push(format!("{} {} {body}: {status} {}", operation.method, operation.path, answer["detail"]));
        }
    }
    none(&wrong);
    site.database.close().await;
}

#[tokio::test]
async fn what_lies_in_another_plant_is_not_found_and_stays_as_it_is() {
    let site = Site::start().await;
    let north: i32 =
        sqlx::query_scalar("SELECT id FROM plants WHERE name = 'north'").fetch_one(&site.database.pool).await.unwrap();
    let token = site.token("north", &Permission::ALL, Plants::Only(vec![north].into())).await;
    let south = "(SELECT id FROM plants WHERE name = 'south')";
    let mut theirs: BTreeMap<&str, String> = BTreeMap::new();
    for (name, table, key, of_plant) in [
        ("agent", "agents", "uuid", "plant_id ="),
        ("agent_id", "agents", "id", "plant_id ="),
        ("channel", "alert_channels", "id", "plant_id ="),
        ("incident", "incidents", "id", "plant_id ="),
        ("invitation", "enrolment_invitations", "id", "plant_id ="),
        ("letter", "pgmq.q_dlq", "msg_id", "(message #>> '{message,plant_id}')::int ="),
        ("line", "lines", "id", "plant_id ="),
        ("machine", "machines", "id", "plant_id ="),
        ("operator", "operators", "id", "plant_id ="),
        ("plant", "plants", "id", "id ="),
        ("product", "products", "id", "plant_id ="),
        ("reason", "reasons", "id", "plant_id ="),
        ("token", "api_tokens", "id", "plants[1] ="),
        ("user", "users", "id", "plants[1] ="),
        ("work_order", "work_orders", "id", "plant_id ="),
    ] {
        let sql = format!("SELECT {key}::text FROM {table} WHERE {of_plant} {south}");
        let found = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&site.database.pool).await.unwrap();
        theirs.insert(name, found);
    }
    let before = site.contents().await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for operation in site.operations().iter().filter(|it| it.has_names()) {
        let path = operation.filled(|name, schema| match (name, schema["type"].as_str()) {
            ("machine", Some("string")) => "south".to_owned(),
            ("name", _) => "press".to_owned(),
            ("stop", _) => "1".to_owned(),
            _ => theirs[name].clone(),
        });
        let body = site.body(operation);
        let (status, answer) = site.as_json(operation, &path, &token, &body).await;
        asked += 1;
        if status != StatusCode::NOT_FOUND {
            wrong.push(format!("{} {path} {body}: {status} {}", operation.method, answer["detail"]));
        }
    }
    none(&wrong);
    assert!(asked > 45, "{asked}");
    assert_eq!(site.contents().await, before);
    let revoked = "SELECT count(*) FROM api_tokens WHERE revoked_at IS NOT NULL";
    let revoked: i64 = sqlx::query_scalar(revoked).fetch_one(&site.database.pool).await.unwrap();
    assert_eq!(revoked, 0);
    site.database.close().await;
}

#[tokio::test]
async fn what_is_not_as_described_is_a_bad_request() {
    let site = Site::start().await;
    let token = site.for_everything().await;
    let before = site.contents().await;
    let mut wrong = Vec::new();
    for operation in site.operations().iter().filter(|it| !it.streams()) {
        let unknown = operation.unknown();
        let mut asked = vec![(format!("{unknown}?nobody_takes_this=1"), site.body(operation))];
        for (name, place, schema) in &operation.parameters {
            let text = schema["format"].is_null() && schema["enum"].is_null() && schema["$ref"].is_null();
            let takes_any = schema["type"] == "string" && text;
            if let Some(longest) = schema["maxLength"].as_u64().filter(|_| place == "query") {
                let text = "x".repeat(usize::try_from(longest).unwrap() + 1);
                asked.push((format!("{unknown}?{name}={text}"), site.body(operation)));
            }
            if place == "query" && !takes_any {
                asked.push((format!("{unknown}?{name}=nonsense"), site.body(operation)));
            } else if place == "path" && !takes_any {
                let path = operation.filled(|_, _| "nonsense".to_owned());
                asked.push((path, site.body(operation)));
            }
        }
        if operation.body.as_deref() == Some("application/json") {
            for body in ["", "{", "[]", "7", "null", "{\"nobody_takes_this\":1}", "\u{0}"] {
                asked.push((unknown.clone(), body.to_owned()));
            }
        }
        for (path, body) in asked {
            let (status, answer) = site.as_json(operation, &path, &token, &body).await;
            if status != StatusCode::BAD_REQUEST {
                wrong.push(format!("{} {path} {body:?}: {status} {}", operation.method, answer["detail"]));
            }
        }
    }
    none(&wrong);
    assert_eq!(site.contents().await, before);
    site.database.close().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_or_of_another_type_is_named_so() {
    let site = Site::start().await;
    let token = site.for_everything().await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(5 * 1024 * 1024));
    let mut wrong = Vec::new();
    for operation in site.operations() {
        let Some(kind) = &operation.body else { continue };
        let required = operation.parameters.iter().any(|(name, at, _)| at == "query" && name == "plant");
        let path = operation.unknown() + if required { "?plant=north" } else { "" };
        for (kind, body, expected) in [
            (kind.as_str(), large.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
            ("text/plain", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("multipart/form-data; boundary=x", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ] {
            let headers = [("authorization", token.as_str()), ("content-type", kind)];
            let (status, answer) = site.ask(&operation.method, &path, &headers, body).await;
            if status != expected {
                wrong.push(format!("{} {path} {kind}: {status} {}", operation.method, answer["detail"]));
            }
        }
    }
    none(&wrong);
    site.database.close().await;
}

#[tokio::test]
async fn a_session_that_expired_is_nobodys() {
    let site = Site::start().await;
    let hash = tokio::task::spawn_blocking(|| password::hash("correct horse battery").unwrap()).await.unwrap();
    let (name, display_name) = ("anna".to_owned(), "Anna".to_owned());
    let user = NewUser { name, display_name, password_hash: hash, role: Role::Administrator, plants: Plants::All };
    let actor = Principal::command("test");
    users::store::create(&site.database.pool, site.access.now(), &actor.actor(), &user).await.unwrap();
    let request = Request::builder().method(Method::POST).uri("/api/v1/session").header("host", "central:8080");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let body = Body::from(json!({ "name": "anna", "password": "correct horse battery" }).to_string());
    let answer = site.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(site.ask(&Method::GET, "/session", &headers, "").await.0, StatusCode::OK);
    site.clock.advance_us(i64::try_from(SESSION_LASTS.as_micros()).unwrap());
    let mut wrong = Vec::new();
    for operation in site.operations().iter().filter(|it| !it.public) {
        let (status, _) = site.ask(&operation.method, &operation.unknown(), &headers, &site.body(operation)).await;
        if status != StatusCode::UNAUTHORIZED {
            wrong.push(format!("{} {}: {status}", operation.method, operation.path));
        }
    }
    none(&wrong);
    site.database.close().await;
}
