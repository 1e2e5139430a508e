//! Who is let in at the web port, and who is not.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use central::api::Api;
use central::auth::{self, Access, Permission, Plants, Principal, Role, password};
use central::database::Database;
use central::users::{self, Change, NewUser, UserError};
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const NOW_US: i64 = 1_773_185_400_000_000;
const PASSWORD: &str = "correct horse battery";
static HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD).unwrap());

const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Berlin'), ('south', 'UTC');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at)
        SELECT gen_random_uuid(), id, 'hall', sha256(name::bytea), '2026-01-01Z' FROM plants;
    INSERT INTO machines (plant_id, name, agent_id) SELECT plant_id, 'press', id FROM agents;";

struct Site {
    router: Router,
    access: Access,
    clock: ManualClock,
    database: Database,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// `name=value` of the cookie that it sets.
    fn cookie(&self) -> String {
        let set = self.headers[header::SET_COOKIE].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}

impl Site {
    async fn start() -> Site {
        let database = support::database().await;
        sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
        let clock = ManualClock::at(UtcMicros(NOW_US));
        let api = support::api(&database, Arc::new(clock.clone()));
        let access = api.access.clone();
        let router = support::router(api);
        Site { router, access, clock, database }
    }

    fn pass(&self, time: Duration) {
        self.clock.advance_us(i64::try_from(time.as_micros()).unwrap());
    }

    async fn user(&self, name: &str, role: Role, plants: Plants) -> i32 {
        let (name, display_name) = (name.to_owned(), name.to_uppercase());
        let user = NewUser { name, display_name, password_hash: HASH.clone(), role, plants };
        let actor = Principal::command("test");
        users::store::create(&self.database.pool, self.access.now(), &actor.actor(), &user).await.unwrap()
    }

    async fn plant(&self, name: &str) -> i32 {
        sqlx::query_scalar("SELECT id FROM plants WHERE name = $1")
            .bind(name)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    async fn only(&self, plant: &str) -> Plants {
        Plants::Only(vec![self.plant(plant).await].into())
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut request =
            Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "central:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
        };
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    async fn log_in_with(&self, name: &str, password: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::POST, "/session", headers, json!({ "name": name, "password": password })).await
    }

    /// The cookie of a new session.
    async fn log_in(&self, name: &str) -> String {
        let answer = self.log_in_with(name, PASSWORD, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.cookie()
    }

    /// As the page asks.
    async fn page(&self, method: Method, path: &str, cookie: &str, body: Value) -> Answer {
        self.ask(method, path, &[("cookie", cookie), ("sec-fetch-site", "same-origin")], body).await
    }

    async fn with_token(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], Value::Null).await
    }

    async fn is_in(&self, cookie: &str) -> bool {
        let answer = self.page(Method::GET, "/session", cookie, Value::Null).await;
        assert!(matches!(answer.status, StatusCode::OK | StatusCode::UNAUTHORIZED), "{}", answer.status);
        answer.status == StatusCode::OK
    }
}

#[tokio::test]
async fn nobody_gets_anything_but_the_description_the_setup_and_the_log_in() {
    let site = Site::start().await;
    let document = site.ask(Method::GET, "/openapi.json", &[], Value::Null).await;
    assert_eq!(document.status, StatusCode::OK);
    let mut asked = 0;
    for (path, methods) in document.body["paths"].as_object().unwrap() {
        let filled = path.replace("{agent}", "00000000-0000-4000-8000-000000000001").replace("{name}", "x");
        let filled: String = filled
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .fold(String::new(), |path, part| if part.is_empty() { path } else { format!("{path}/{part}") });
        for (method, operation) in methods.as_object().unwrap() {
            let public = operation["security"] == json!([{}]) || operation["security"] == json!([]);
            let method: Method = method.to_uppercase().parse().unwrap();
            assert_eq!(public, path == "/setup" || (path == "/session" && method == Method::POST), "{method} {path}");
            for headers in [&[][..], &[("authorization", "Bearer central_x_y")], &[("cookie", "central=x")]] {
                let answer = site.ask(method.clone(), &filled, headers, Value::Null).await;
                assert_eq!(answer.status == StatusCode::UNAUTHORIZED, !public, "{method} {filled}: {}", answer.status);
            }
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked}");
    let answer = site.ask(Method::GET, "/nothing", &[], Value::Null).await;
    assert_eq!(
        (answer.status, &answer.headers[header::WWW_AUTHENTICATE]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
    );
    site.database.close().await;
}

#[tokio::test]
async fn a_session_says_who_one_is_and_ends_with_the_log_out() {
    let site = Site::start().await;
    let north = site.only("north").await;
    site.user("anna", Role::ShiftLead, north).await;
    let answer = site.log_in_with(" Anna ", PASSWORD, &[]).await;
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("central=") && set.contains("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    let shown = site.page(Method::GET, "/session", &answer.cookie(), Value::Null).await;
    assert_eq!(shown.body, answer.body);
    assert_eq!(
        shown.body,
        json!({
            "kind": "user", "name": "anna", "display_name": "ANNA", "role": "shift_lead",
            "permissions": ["read", "stops:write"], "all_plants": false,
            "plants": [{ "id": site.plant("north").await, "name": "north", "time_zone": "Europe/Berlin" }],
        })
    );
    let other = site.log_in("anna").await;
    let out = site.page(Method::DELETE, "/session", &answer.cookie(), Value::Null).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers[header::SET_COOKIE].to_str().unwrap().starts_with("central=; Path=/"));
    assert!(!site.is_in(&answer.cookie()).await, "the cookie that is still known opens nothing");
    assert!(site.is_in(&other).await, "another browser stays");
    site.database.close().await;
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_in_any_case_after_a_week() {
    let site = Site::start().await;
    site.user("anna", Role::Operator, Plants::All).await;
    let idle = site.log_in("anna").await;
    let used = site.log_in("anna").await;
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    site.pass(hours(11));
    assert!(site.is_in(&used).await);
    site.pass(hours(2));
    assert!(!site.is_in(&idle).await);
    let mut alive = 13;
    while site.is_in(&used).await {
        site.pass(hours(11));
        alive += 11;
        assert!(alive < 200, "it never ends");
    }
    assert!((168..=179).contains(&alive), "{alive} h");
    site.log_in("anna").await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&site.database.pool).await.unwrap();
    assert_eq!(rows, 1, "those that are over are cleared away");
    site.database.close().await;
}

#[tokio::test]
async fn a_session_that_somebody_planted_is_not_the_one_that_is_logged_in() {
    let site = Site::start().await;
    site.user("anna", Role::Operator, Plants::All).await;
    site.user("mallory", Role::Operator, Plants::All).await;
    let planted = site.log_in("mallory").await;
    let answer = site.log_in_with("anna", PASSWORD, &[("cookie", &planted), ("sec-fetch-site", "same-origin")]).await;
    assert_ne!(answer.cookie(), planted);
    assert!(!site.is_in(&planted).await);
    let made_up = format!("central={}", auth::secret::Secret::random().text());
    let answer = site.log_in_with("anna", PASSWORD, &[("cookie", &made_up), ("sec-fetch-site", "none")]).await;
    assert_ne!(answer.cookie(), made_up);
    assert!(!site.is_in(&made_up).await);
    site.database.close().await;
}

#[tokio::test]
async fn another_sites_page_changes_nothing_with_a_cookie() {
    let site = Site::start().await;
    site.user("admin", Role::Administrator, Plants::All).await;
    let cookie = site.log_in("admin").await;
    let token = support::token(&site.access).await;
    let bearer = format!("Bearer {token}");
    let user = |n: usize| json!({ "name": format!("user-{n}"), "password": PASSWORD, "role": "operator" });
    for (n, (headers, expected)) in [
        (vec![("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")], StatusCode::CREATED),
        (vec![("cookie", &cookie), ("origin", "http://central:8080")], StatusCode::CREATED),
        (vec![("cookie", &cookie), ("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (vec![("cookie", &cookie), ("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
        (vec![("cookie", &cookie), ("origin", "https://evil.example")], StatusCode::FORBIDDEN),
        (vec![("cookie", &cookie), ("origin", "null")], StatusCode::FORBIDDEN),
        (vec![("cookie", &cookie)], StatusCode::FORBIDDEN),
        (vec![("authorization", &bearer)], StatusCode::CREATED),
        (vec![("authorization", &bearer), ("sec-fetch-site", "cross-site")], StatusCode::CREATED),
        // A wrong token is not made up for by a cookie.
        (vec![("authorization", "Bearer x"), ("cookie", &cookie)], StatusCode::UNAUTHORIZED),
        (vec![("authorization", "Basic eDp5"), ("cookie", &cookie)], StatusCode::UNAUTHORIZED),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = site.ask(Method::POST, "/users", &headers, user(n)).await;
        assert_eq!(answer.status, expected, "{headers:?}: {}", answer.body);
    }
    let answer =
        site.ask(Method::GET, "/users", &[("cookie", &cookie), ("sec-fetch-site", "cross-site")], Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "reading is for the browser to forbid");
    let answer = site.log_in_with("admin", PASSWORD, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "nobody is logged in by another site");
    site.database.close().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_and_tells_nothing_about_who_exists() {
    let site = Site::start().await;
    site.user("anna", Role::Operator, Plants::All).await;
    let wrong = site.log_in_with("anna", "wrong password", &[]).await;
    let nobody = site.log_in_with("nobody", "wrong password", &[]).await;
    assert_eq!((wrong.status, &wrong.body), (StatusCode::UNAUTHORIZED, &nobody.body));
    for name in ["anna", "nobody"] {
        for _ in 1..5 {
            assert_eq!(site.log_in_with(name, "wrong password", &[]).await.status, StatusCode::UNAUTHORIZED);
        }
        for password in ["wrong password", PASSWORD] {
            let answer = site.log_in_with(name, password, &[]).await;
            assert_eq!(
                (answer.status, &answer.headers[header::RETRY_AFTER]),
                (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
            );
        }
    }
    site.pass(Duration::from_secs(1));
    assert_eq!(site.log_in_with("anna", "wrong password", &[]).await.status, StatusCode::UNAUTHORIZED);
    let answer = site.log_in_with("anna", PASSWORD, &[]).await;
    assert_eq!(
        (answer.status, &answer.headers[header::RETRY_AFTER]),
        (StatusCode::TOO_MANY_REQUESTS, &"2".parse().unwrap())
    );
    site.pass(Duration::from_secs(2));
    site.log_in("anna").await;
    for name in ["", &"x".repeat(65), "\u{1b}[2J"] {
        assert_eq!(site.log_in_with(name, PASSWORD, &[]).await.status, StatusCode::UNAUTHORIZED, "{name:?}");
    }
    site.database.close().await;
}

#[tokio::test]
async fn disabling_a_user_or_another_password_ends_their_sessions_at_once() {
    let site = Site::start().await;
    let anna = site.user("anna", Role::Operator, Plants::All).await;
    site.user("admin", Role::Administrator, Plants::All).await;
    let admin = site.log_in("admin").await;
    let path = format!("/users/{anna}");

    let cookie = site.log_in("anna").await;
    assert!(site.is_in(&cookie).await);
    let answer = site.page(Method::PATCH, &path, &admin, json!({ "enabled": false })).await;
    assert_eq!((answer.status, &answer.body["sessions"]), (StatusCode::OK, &json!(0)));
    assert!(!site.is_in(&cookie).await);
    assert_eq!(site.log_in_with("anna", PASSWORD, &[]).await.status, StatusCode::UNAUTHORIZED);
    site.page(Method::PATCH, &path, &admin, json!({ "enabled": true })).await;
    assert!(!site.is_in(&cookie).await, "an ended session does not come back");

    let cookie = site.log_in("anna").await;
    let answer = site.page(Method::PATCH, &path, &admin, json!({ "password": "a new password" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!site.is_in(&cookie).await);
    let first = site.log_in_with("anna", "a new password", &[]).await.cookie();
    let second = site.log_in_with("anna", "a new password", &[]).await.cookie();
    let body = json!({ "current": "not the password", "new": PASSWORD });
    assert_eq!(site.page(Method::PUT, "/session/password", &first, body).await.status, StatusCode::BAD_REQUEST);
    let body = json!({ "current": "a new password", "new": "anna" });
    assert_eq!(site.page(Method::PUT, "/session/password", &first, body).await.status, StatusCode::BAD_REQUEST);
    let body = json!({ "current": "a new password", "new": PASSWORD });
    let answer = site.page(Method::PUT, "/session/password", &first, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!site.is_in(&first).await && !site.is_in(&second).await && site.is_in(&answer.cookie()).await);

    let ended = site.page(Method::DELETE, &format!("{path}/sessions"), &admin, Value::Null).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(!site.is_in(&answer.cookie()).await);
    site.database.close().await;
}

#[tokio::test]
async fn a_role_that_changes_counts_from_the_next_request_on() {
    let site = Site::start().await;
    let anna = site.user("anna", Role::Administrator, Plants::All).await;
    site.user("admin", Role::Administrator, Plants::All).await;
    let (anna_in, admin) = (site.log_in("anna").await, site.log_in("admin").await);
    assert_eq!(site.page(Method::GET, "/users", &anna_in, Value::Null).await.status, StatusCode::OK);
    site.page(Method::PATCH, &format!("/users/{anna}"), &admin, json!({ "role": "operator" })).await;
    assert_eq!(site.page(Method::GET, "/users", &anna_in, Value::Null).await.status, StatusCode::FORBIDDEN);
    site.database.close().await;
}

#[tokio::test]
async fn what_lies_in_another_plant_is_not_there() {
    let site = Site::start().await;
    let (north, south) = (site.only("north").await, site.only("south").await);
    site.user("admin", Role::Administrator, Plants::All).await;
    let bert = site.user("bert", Role::Operator, south.clone()).await;
    let both = Plants::Only(vec![site.plant("north").await, site.plant("south").await].into());
    let carl = site.user("carl", Role::Operator, both).await;
    site.user("anna", Role::Administrator, north).await;
    let anna = site.log_in("anna").await;
    let get = async |path: &str| site.page(Method::GET, path, &anna, Value::Null).await;

    let machines = get("/machines").await;
    assert_eq!(machines.body["machines"].as_array().unwrap().len(), 1);
    let theirs: i32 =
        sqlx::query_scalar("SELECT m.id FROM machines m JOIN plants p ON p.id = plant_id WHERE p.name = 'south'")
            .fetch_one(&site.database.pool)
            .await
            .unwrap();
    let agent: uuid::Uuid =
        sqlx::query_scalar("SELECT a.uuid FROM agents a JOIN plants p ON p.id = plant_id WHERE p.name = 'south'")
            .fetch_one(&site.database.pool)
            .await
            .unwrap();
    for path in [
        format!("/machines/{theirs}"),
        format!("/machines/{theirs}/events"),
        "/machines/south/press".to_owned(),
        "/machines/south/press/events".to_owned(),
        format!("/agents/{agent}"),
        format!("/users/{bert}"),
        format!("/users/{carl}"),
    ] {
        let (found, made_up) = (get(&path).await, get(&path.replace(|c: char| c.is_ascii_digit(), "9")).await);
        assert_eq!(found.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(found.body, made_up.body, "{path}");
    }
    for (method, path) in
        [(Method::PATCH, format!("/users/{bert}")), (Method::DELETE, format!("/users/{carl}/sessions"))]
    {
        let body = if method == Method::PATCH { json!({ "enabled": false }) } else { Value::Null };
        assert_eq!(site.page(method, &path, &anna, body).await.status, StatusCode::NOT_FOUND);
    }
    let users = get("/users").await;
    assert_eq!(users.body["users"].as_array().unwrap().len(), 1, "{}", users.body);
    let south_id = site.plant("south").await;
    for (extra, expected) in [
        (json!({ "plants": [south_id] }), StatusCode::BAD_REQUEST),
        (json!({ "plants": [99] }), StatusCode::BAD_REQUEST),
        (json!({ "all_plants": true }), StatusCode::FORBIDDEN),
        (json!({ "plants": [site.plant("north").await] }), StatusCode::CREATED),
    ] {
        let mut body = json!({ "name": "dora", "password": PASSWORD, "role": "manager" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = site.page(Method::POST, "/users", &anna, body).await;
        assert_eq!(answer.status, expected, "{extra}: {}", answer.body);
    }
    assert_eq!(get("/audit").await.body["entries"], json!([]), "what concerns no plant is for those who see all");
    site.database.close().await;
}

#[tokio::test]
async fn a_token_may_what_its_scopes_say_until_it_expires_or_is_revoked() {
    let site = Site::start().await;
    site.user("admin", Role::Administrator, Plants::All).await;
    let admin = site.log_in("admin").await;
    let make = async |body: Value| site.page(Method::POST, "/tokens", &admin, body).await;
    for scope in Permission::ALL {
        let name = scope.as_str().replace([':', '_'], "-");
        let made = make(json!({ "name": name, "scopes": [scope], "all_plants": true })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let secret = made.body["secret"].as_str().unwrap();
        let shown = site.with_token("/session", secret).await;
        assert_eq!((&shown.body["kind"], &shown.body["role"]), (&json!("token"), &Value::Null));
        assert_eq!(shown.body["permissions"], json!([scope]));
        let allowed = |needed| if scope == needed { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(site.with_token("/machines", secret).await.status, allowed(Permission::Read));
        assert_eq!(site.with_token("/users", secret).await.status, allowed(Permission::ManageUsers));
        let bearer = format!("Bearer {secret}");
        let headers = [("authorization", bearer.as_str())];
        for (method, path, body) in [
            (Method::POST, "/tokens", json!({ "name": "more", "scopes": ["read"], "all_plants": true })),
            (Method::DELETE, "/session", Value::Null),
            (Method::PUT, "/session/password", json!({ "current": "x", "new": PASSWORD })),
        ] {
            let answer = site.ask(method, path, &headers, body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.body);
        }
    }
    for (body, expected) in [
        (json!({ "name": "read", "scopes": ["read"] }), StatusCode::CONFLICT),
        (json!({ "name": "x", "scopes": [] }), StatusCode::BAD_REQUEST),
        (json!({ "name": "x", "scopes": ["everything"] }), StatusCode::BAD_REQUEST),
        (json!({ "name": "X", "scopes": ["read"] }), StatusCode::BAD_REQUEST),
        (json!({ "name": "x", "scopes": ["read"], "expires_at": "2026-01-01T00:00:00Z" }), StatusCode::BAD_REQUEST),
        (json!({ "name": "x", "scopes": ["read"], "expires_at": "+99999-01-01T00:00:00Z" }), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(make(body.clone()).await.status, expected, "{body}");
    }
    let north = site.plant("north").await;
    let made =
        make(json!({ "name": "x", "scopes": ["read"], "plants": [north], "expires_at": "2026-03-11T01:00:00Z" })).await;
    let (id, secret) = (&made.body["token"]["id"], made.body["secret"].as_str().unwrap());
    assert_eq!(site.with_token("/machines", secret).await.body["machines"].as_array().unwrap().len(), 1);
    let listed = site.page(Method::GET, "/tokens?limit=1", &admin, Value::Null).await;
    assert_eq!(listed.body["tokens"][0]["last_used_at"], "2026-03-10T23:30:00Z");
    assert!(!listed.body.to_string().contains(secret) && listed.body["next"].is_string());
    site.pass(Duration::from_secs(5_401));
    assert_eq!(site.with_token("/machines", secret).await.status, StatusCode::UNAUTHORIZED, "it expired");
    let revoke = site.page(Method::DELETE, &format!("/tokens/{id}"), &admin, Value::Null).await;
    assert_eq!(revoke.status, StatusCode::NO_CONTENT);
    assert_eq!(
        site.page(Method::DELETE, &format!("/tokens/{id}"), &admin, Value::Null).await.status,
        StatusCode::NOT_FOUND
    );

    let made = make(json!({ "name": "x", "scopes": ["read"], "all_plants": true })).await;
    let (id, secret) = (&made.body["token"]["id"], made.body["secret"].as_str().unwrap());
    assert_eq!(site.with_token("/machines", secret).await.status, StatusCode::OK, "a revoked one leaves its name");
    site.page(Method::DELETE, &format!("/tokens/{id}"), &admin, Value::Null).await;
    assert_eq!(site.with_token("/machines", secret).await.status, StatusCode::UNAUTHORIZED, "at once");
    site.database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_administrator_of_all_plants_always_remains() {
    let site = Site::start().await;
    let first = site.user("admin", Role::Administrator, Plants::All).await;
    let north = site.only("north").await;
    site.user("of-north", Role::Administrator, north).await;
    let admin = site.log_in("admin").await;
    for body in [
        json!({ "enabled": false }),
        json!({ "role": "manager" }),
        json!({ "plants": [site.plant("north").await] }),
        json!({ "all_plants": false }),
    ] {
        let answer = site.page(Method::PATCH, &format!("/users/{first}"), &admin, body.clone()).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{body}");
        assert!(answer.detail().contains("last enabled administrator"), "{}", answer.detail());
    }
    assert!(site.is_in(&admin).await, "what was refused ended no session");
    // Two who disable each other at once: one of them stays.
    let second = site.user("second", Role::Administrator, Plants::All).await;
    for _ in 0..10 {
        let disable = Change { enabled: Some(false), ..Change::default() };
        let enable = Change { enabled: Some(true), ..Change::default() };
        let (pool, now, actor) = (&site.database.pool, site.access.now(), Principal::command("test"));
        let actor = actor.actor();
        let (a, b) = tokio::join!(
            users::store::change(pool, now, &actor, first, &disable),
            users::store::change(pool, now, &actor, second, &disable)
        );
        let refused = [a, b].into_iter().filter(|it| matches!(it, Err(UserError::LastAdministrator))).count();
        assert_eq!(refused, 1);
        for id in [first, second] {
            users::store::change(pool, now, &actor, id, &enable).await.unwrap();
        }
    }
    site.database.close().await;
}

#[tokio::test]
async fn the_first_administrator_is_made_with_a_code_from_the_server() {
    let site = Site::start().await;
    let state = async || site.ask(Method::GET, "/setup", &[], Value::Null).await.body["needed"].clone();
    assert_eq!(state().await, json!(true));
    let (now, pool) = (site.access.now(), &site.database.pool);
    let server = Principal::command("server");
    let new_code = async |now| auth::setup::new_code(pool, now, &server.actor()).await;
    let old = new_code(now - chrono::Duration::days(2)).await.unwrap().unwrap();
    let codes = [new_code(now).await.unwrap().unwrap(), new_code(now).await.unwrap().unwrap()];
    let set_up = async |code: &str, name: &str| {
        let body = json!({ "code": code, "name": name, "password": PASSWORD });
        site.ask(Method::POST, "/setup", &[], body).await
    };
    assert_eq!(set_up("guess", "boss").await.status, StatusCode::FORBIDDEN);
    assert_eq!(set_up(&old, "boss").await.status, StatusCode::FORBIDDEN);
    assert_eq!(set_up(&codes[0], "Boss").await.status, StatusCode::BAD_REQUEST);
    let answer = set_up(&codes[1].to_uppercase().replace('-', " "), "boss").await;
    assert_eq!((answer.status, &answer.body["role"]), (StatusCode::OK, &json!("administrator")), "{}", answer.body);
    assert!(site.is_in(&answer.cookie()).await);
    assert_eq!(state().await, json!(false));
    assert_eq!(set_up(&codes[0], "other").await.status, StatusCode::CONFLICT);
    assert_eq!(new_code(now).await.unwrap(), None);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM setup_codes").fetch_one(pool).await.unwrap();
    assert_eq!(left, 0);
    site.database.close().await;
}

#[tokio::test]
async fn what_was_changed_is_told_without_secrets_and_stays_told() {
    let site = Site::start().await;
    site.user("admin", Role::Administrator, Plants::All).await;
    site.log_in_with("admin", "not the password", &[]).await;
    let admin = site.log_in("admin").await;
    let body = json!({ "name": "anna", "display_name": "<b>Anna</b>", "password": PASSWORD, "role": "operator" });
    let anna = site.page(Method::POST, "/users", &admin, body).await.body["id"].clone();
    let body = json!({ "role": "manager", "password": "another password" });
    site.page(Method::PATCH, &format!("/users/{anna}"), &admin, body).await;
    let audit = site.page(Method::GET, "/audit", &admin, Value::Null).await;
    let entries = audit.body["entries"].as_array().unwrap();
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user.change", "user.create", "session.begin", "session.refuse", "user.create"]);
    assert_eq!(
        entries[0]["detail"],
        json!({ "role": ["operator", "manager"], "password": "changed", "sessions_ended": 0 })
    );
    assert_eq!(
        (&entries[0]["actor"], &entries[0]["actor_kind"], &entries[0]["address"], &entries[0]["subject_id"]),
        (&json!("admin"), &json!("user"), &json!("127.0.0.1"), &json!(anna.to_string()))
    );
    assert_eq!(entries[4]["actor_kind"], "command");
    let text = audit.body.to_string();
    assert!(!text.contains("argon2") && !text.contains("another password") && !text.contains(&admin), "{text}");

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = site.page(Method::GET, &format!("/audit?limit=2{cursor}"), &admin, Value::Null).await;
        paged.extend(page.body["entries"].as_array().unwrap().clone());
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&paged, entries);
    for (filter, count) in
        [("action=user.create", 2), ("actor=admin", 4), ("subject_kind=user&subject_id=-1", 0), ("plant=north", 0)]
    {
        let page = site.page(Method::GET, &format!("/audit?{filter}"), &admin, Value::Null).await;
        assert_eq!(page.body["entries"].as_array().unwrap().len(), count, "{filter}");
    }
    for statement in ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let error = sqlx::raw_sql(statement).execute(&site.database.pool).await.unwrap_err().to_string();
        assert!(error.contains("never changed or deleted"), "{statement}: {error}");
    }
    site.database.close().await;
}

/// The command line and the web port of the built program.
#[tokio::test(flavor = "multi_thread")]
async fn commands_let_people_and_programs_in() {
    let database = support::database().await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&database.pool).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
    let program = support::Program::new(false);
    let run = |arguments: &[&str], input: &str| {
        use std::io::Write as _;
        let mut command = program.command(arguments);
        command.env("CENTRAL_DATABASE_URL", support::cluster::url(&name)).stdin(std::process::Stdio::piped());
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.success())
    };
    let told = |arguments: &[&str], input: &str| {
        let (stdout, stderr, success) = run(arguments, input);
        assert!(success, "{arguments:?}: {stderr}");
        stdout
    };
    let refused = |arguments: &[&str], input: &str| {
        let (stdout, stderr, success) = run(arguments, input);
        assert!(!success, "{arguments:?}: {stdout}");
        stderr
    };
    assert!(told(&["user", "setup-code"], "").contains("Makes the first administrator"));
    let made = told(&["user", "add", "boss", "--role", "administrator", "--generate", "--json"], "");
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["password"].as_str().unwrap().len(), 23);
    assert!(refused(&["user", "setup-code"], "").contains("there are users already"));
    let add = ["user", "add", "anna", "--role", "shift_lead", "--password-stdin", "--plant"];
    assert!(refused(&[&add[..], &["nort"]].concat(), PASSWORD).contains("no plant nort; did you mean north?"));
    assert!(refused(&[&add[..], &["north"]].concat(), "short\n").contains("at least 10 characters"));
    assert!(refused(&add[..5], "").contains("no terminal"));
    told(&[&add[..], &["north"]].concat(), &format!("{PASSWORD}\n"));
    assert!(refused(&[&add[..], &["north"]].concat(), PASSWORD).contains("another user has that name"));
    let list = told(&["user", "list"], "");
    assert!(list.lines().any(|line| line.starts_with("anna  shift_lead     enabled  north")), "{list}");
    assert!(refused(&["user", "disable", "boss"], "").contains("last enabled administrator"));
    assert!(refused(&["user", "disable", "ana"], "").contains("did you mean anna?"));
    assert_eq!(told(&["user", "disable", "anna"], ""), "anna is disabled.\n");
    assert_eq!(told(&["user", "enable", "anna"], ""), "anna is enabled.\n");
    let changed = told(&["user", "password", "anna", "--generate"], "");
    assert!(changed.contains("their sessions have ended") && changed.contains("Password: "), "{changed}");

    assert!(refused(&["token", "add", "erp", "--scope", "write"], "").contains("expected one of read, stops:write"));
    let made = told(&["token", "add", "erp", "--scope", "read", "--plant", "north", "--expires", "365d", "--json"], "");
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("central_") && made["expires_at"].is_string(), "{made}");
    assert!(told(&["token", "list"], "").contains("read    north   never"));
    assert_eq!(told(&["token", "revoke", "erp"], ""), "The token erp is revoked.\n");
    let list: Value = serde_json::from_str(&told(&["token", "list", "--json"], "")).unwrap();
    assert!(list[0]["revoked_at"].is_string());
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_port_speaks_tls_and_takes_a_renewed_certificate() {
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let folder = support::shared_folder();
    let (certificate_file, key_file) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let key = process::key::KeyAndCertificate::read_or_make(&key_file, "central").unwrap();
    let write = |certificate: &CertificateDer<'_>| {
        let text = data_encoding::BASE64.encode(certificate);
        let text = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        std::fs::write(&certificate_file, text).unwrap();
    };
    write(&key.certificate);
    let certificates = central::web::tls::Certificates::read(&certificate_file, &key_file).unwrap();

    let site = Site::start().await;
    let outside = auth::access::Outside { secure: true, ..auth::access::Outside::default() };
    let pool = site.database.pool.clone();
    let access = Access::new(pool.clone(), pool, Arc::new(site.clock.clone()), outside);
    let router = support::router(Api { access, ..support::api(&site.database, Arc::new(site.clock.clone())) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let settings = central::web::server::Settings { connections_max: 16, tls: Some(certificates.clone()) };
    let served = tokio::spawn(central::web::server::serve(listener, settings, router, stop.clone()));
    let (reload, asked) = tokio::sync::watch::channel(0_u64);
    let followed = tokio::spawn(certificates.follow(asked, stop.clone()));

    // What is answered to a client that trusts this certificate.
    let ask = async |trusted: &CertificateDer<'static>| -> std::io::Result<String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(process::key::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = tokio::net::TcpStream::connect(address).await?;
        let name = ServerName::try_from("central").unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
        stream.write_all(b"GET /api/v1/setup HTTP/1.1\r\nHost: central\r\nConnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    };
    let text = ask(&key.certificate).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("strict-transport-security: max-age="), "{text}");

    // Files that do not fit leave what is in use; a key of its own does not.
    let other_file = folder.path().join("other.pem");
    let other = process::key::KeyAndCertificate::read_or_make(&other_file, "central").unwrap();
    write(&other.certificate);
    reload.send(1).unwrap();
    assert!(ask(&key.certificate).await.is_ok());
    std::fs::copy(&other_file, &key_file).unwrap();
    reload.send(2).unwrap();
    let deadline = std::time::Instant::now() + support::DEADLINE;
    while ask(&other.certificate).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the new certificate is not used");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ask(&key.certificate).await.is_err());
    stop.cancel();
    served.await.unwrap().unwrap();
    followed.await.unwrap().unwrap();
    site.database.close().await;
}
