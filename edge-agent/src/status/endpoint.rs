//! The local page: `/health/live`, `/health/ready`, `/metrics`, `/status`. Read-only.
//!
//! A port that is taken does not keep the agent from working: the board says so, and it is tried again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use process::clock::Clock;
use protocol::batch::Health;
use protocol::time::UtcMicros;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::report::{ClockReport, LogReport, Report};
use super::{StatusBoard, Subject, metrics};
use crate::buffer::Buffer;
use crate::clock::ClockTrust;
use crate::identity::Identity;
use crate::signals::LiveView;
use crate::uplink::View;

/// Pause before a taken port is tried again.
const RETRY: Duration = Duration::from_secs(15);
/// A log that does not answer within this is not ready.
const LOG_ANSWER: Duration = Duration::from_secs(2);

/// What the page tells of.
#[derive(Debug, Clone)]
pub struct Served {
    pub identity: Arc<Identity>,
    pub started_at: UtcMicros,
    pub clock: Arc<dyn Clock>,
    pub trust: ClockTrust,
    pub board: StatusBoard,
    pub buffer: Buffer,
    pub live: LiveView,
    pub central: View,
}

/// Serves until stopped.
pub async fn serve(listen: SocketAddr, served: Served, status: Subject, stopping: CancellationToken) {
    let listener = tokio::select! {
        () = stopping.cancelled() => return,
        listener = bind(listen, &status, "the status", "[status] listen") => listener,
    };
    if let Ok(address) = listener.local_addr() {
        status.set(Health::Good, format!("http://{address}/status"));
    }
    let serving = axum::serve(listener, router(served)).with_graceful_shutdown(stopping.cancelled_owned());
    if let Err(error) = serving.await {
        status.set(Health::Down, format!("the local page ended: {error}"));
    }
}

/// Binds a page's port, however long another program has it.
pub(crate) async fn bind(listen: SocketAddr, status: &Subject, page: &str, setting: &str) -> TcpListener {
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => return listener,
            Err(error) => {
                let reason = format!("cannot serve {page} on {listen}: {error}; set {setting} to a free port");
                status.set(Health::Degraded, reason);
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn router(served: Served) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "alive\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics_page))
        .route("/status", get(status_page))
        .with_state(served)
}

/// Ready means that what is captured is stored: the log answers.
async fn ready(State(served): State<Served>) -> Response {
    match served.log().await {
        Some(_) => "ready\n".into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the log does not answer\n").into_response(),
    }
}

async fn status_page(State(served): State<Served>) -> Json<Report> {
    Json(served.report().await)
}

async fn metrics_page(State(served): State<Served>) -> Response {
    let text = metrics::text(&served.report().await);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

impl Served {
    async fn log(&self) -> Option<LogReport> {
        let position = tokio::time::timeout(LOG_ANSWER, self.buffer.position()).await.ok()?.ok()?;
        Some(LogReport {
            process: position.instance.to_string(),
            epoch: position.epoch.0,
            acknowledged: position.acknowledged.0,
            newest: position.newest.0,
            backlog_events: position.backlog_events,
            oldest_at: position.oldest_at,
            bytes: position.bytes,
            bytes_max: position.bytes_max,
            dropped_events: position.dropped_events,
        })
    }

    async fn report(&self) -> Report {
        let now = self.clock.now();
        let log = self.log().await;
        let central = self.central.borrow().clone();
        Report {
            agent: self.identity.agent,
            name: self.identity.name.clone(),
            plant: self.identity.plant.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            now: now.wall,
            central,
            log,
            clock: ClockReport { offset_us: self.trust.offset_us(now), quality: self.trust.judge(now).1 },
            machines: self.live.snapshot().into_iter().map(Into::into).collect(),
            conditions: self.board.snapshot().into_iter().map(Into::into).collect(),
        }
    }
}
