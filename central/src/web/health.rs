//! `/health/live`: the process answers. `/health/ready`: it can take in and show facts; if not, why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::Reads;
use crate::database::{migrate, store};

const DATABASE_WITHIN: Duration = Duration::from_secs(3);

/// What readiness depends on.
#[derive(Debug, Clone)]
pub struct Readiness {
    pub reads: Reads,
    /// Whether the agents' port takes connections; none in a process that has no such port.
    pub agents_port: Option<Arc<AtomicBool>>,
}

#[derive(Debug, Serialize)]
struct Report {
    status: &'static str,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// Why not, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Check {
    fn of(name: &'static str, problem: Option<String>) -> Check {
        Check { name, ok: problem.is_none(), reason: problem }
    }
}

pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/health/live", get(async || Json(Report { status: "live", checks: Vec::new() })))
        .route("/health/ready", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let mut checks = match tokio::time::timeout(DATABASE_WITHIN, database(&readiness.reads)).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(error)) => vec![Check::of("database", Some(format!("the database does not answer: {error}")))],
        Err(_) => vec![Check::of("database", Some("the database does not answer in 3 s".to_owned()))],
    };
    if let Some(open) = &readiness.agents_port {
        let closed = !open.load(Ordering::Relaxed);
        checks.push(Check::of("agents_port", closed.then(|| "the port for agents is not open".to_owned())));
    }
    let ok = checks.iter().all(|check| check.ok);
    let (code, status) = if ok { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (code, Json(Report { status, checks })).into_response()
}

async fn database(reads: &Reads) -> Result<Vec<Check>, sqlx::Error> {
    let schema = migrate::state(&reads.pool).await?;
    let outdated = schema.require_current().err().map(|error| error.to_string());
    let mut checks = vec![Check::of("database", None)];
    if outdated.is_none() {
        let ahead = store::partitions_ahead(&reads.pool, reads.now()).await?;
        let missing = (!ahead).then(|| {
            "the partitions of the coming week do not exist: see the log for why apply_retention() failed".to_owned()
        });
        checks.push(Check::of("partitions", missing));
    }
    checks.push(Check::of("migrations", outdated));
    Ok(checks)
}
