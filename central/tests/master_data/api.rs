//! The web port on a database of its own, asked as somebody.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use central::auth::tokens::{self, NewToken};
use central::auth::{Access, Permission, Plants, Principal, Role};
use central::database::Database;
use http_body_util::BodyExt as _;
use process::clock::ManualClock;
use protocol::time::UtcMicros;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support;

/// 2026-03-10T23:30:00Z: a Tuesday, already the 11th in Berlin.
pub const NOW_US: i64 = 1_773_185_400_000_000;

const ROWS: &str = "
    INSERT INTO plants (name, time_zone) VALUES ('north', 'Europe/Berlin'), ('south', 'UTC');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint, enrolled_at)
        SELECT '00000000-0000-4000-8000-000000000001', id, 'hall-1', sha256('key'), '2026-01-01Z' FROM plants
        WHERE name = 'north';
    INSERT INTO sync_ledger (agent_id, mark) SELECT id, 7 FROM agents;
    INSERT INTO machines (plant_id, name, title, agent_id) SELECT plant_id, 'press', 'Press 1', id FROM agents;
    INSERT INTO machines (plant_id, name, agent_id) SELECT plant_id, 'filler', id FROM agents;
    SELECT prepare_facts('{2026-03-01}');
";

pub struct Api {
    router: Router,
    pub database: Database,
    access: Access,
    /// Who asks.
    token: String,
    /// Tokens made so far: each has a name of its own.
    asked: u32,
}

impl Api {
    /// Plants north (1) with an agent and two machines, and south (2); an administrator of both asks.
    pub async fn start() -> Api {
        let database = support::database().await;
        sqlx::raw_sql(ROWS).execute(&database.pool).await.unwrap();
        let clock = Arc::new(ManualClock::at(UtcMicros(NOW_US)));
        let stands = support::api(&database, clock);
        let access = stands.access.clone();
        let router = support::router(stands);
        let mut api = Api { router, database, access, token: String::new(), asked: 0 };
        api.asked_by(Role::Administrator, Plants::All).await;
        api
    }

    /// The same database, asked by a program that may what this role may.
    pub async fn asked_by(&mut self, role: Role, plants: Plants) {
        let asked = self.asked + 1;
        let scopes: Vec<Permission> = Permission::ALL.into_iter().filter(|scope| scope.role() <= role).collect();
        let token = NewToken { name: format!("{}-{asked}", role.as_str()), scopes, plants, expires_at: None };
        let actor = Principal::command("test");
        self.asked = asked;
        let made = tokens::store::create(self.access.pool(), self.access.now(), &actor.actor(), &token).await.unwrap();
        self.token = format!("Bearer {}", made.1.text());
    }

    pub async fn send(&self, method: &str, path: &str, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, &self.token)
            .body(body.into())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{method} {path}");
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, "application/json", Body::empty()).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub async fn status_of(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.send(method, path, "application/json", body.to_string()).await;
        (status.as_u16(), body)
    }

    pub async fn created(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.status_of("POST", path, body).await;
        assert_eq!(status, 201, "{path} {body}: {answer}");
        answer
    }

    pub async fn replaced(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.status_of("PUT", path, body).await;
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    /// The detail of a problem.
    pub async fn refused(&self, method: &str, path: &str, body: &Value, expected: u16) -> String {
        let (status, answer) = self.status_of(method, path, body).await;
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
        answer["detail"].as_str().unwrap_or_default().to_owned()
    }

    pub async fn deleted(&self, path: &str) {
        let (status, answer) = self.status_of("DELETE", path, &json!(null)).await;
        assert_eq!(status, 204, "{path}: {answer}");
    }

    pub async fn import(&self, path: &str, body: impl Into<Body>) -> (u16, Value) {
        let (status, answer) = self.send("POST", path, "text/csv; charset=utf-8", body).await;
        (status.as_u16(), answer)
    }

    pub async fn revision(&self, plant: &str) -> i64 {
        sqlx::query_scalar("SELECT master_data_revision FROM plants WHERE name = $1")
            .bind(plant)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    pub async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.database.pool).await.unwrap();
    }
}
