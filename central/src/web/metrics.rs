//! `/metrics`, in the Prometheus text format 0.0.4. Whoever counts something implements [`Exposes`].
//!
//! What the process itself counted is always answered; what the database knows is left out, and `central_database_up` is
//! 0, while the database does not answer.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::Instant;

use super::Reads;
use crate::agents;
use crate::database::store::{self, Queue};

/// Answers before a scraper gives up.
const DATABASE_WITHIN: Duration = Duration::from_secs(5);
/// An agent that was not heard of for so long is counted as silent.
pub const SILENT_AFTER_S: f64 = 300.0;

/// Somebody who counts.
pub trait Exposes: fmt::Debug + Send + Sync {
    fn expose(&self, to: &mut Exposition);
}

/// Text of the exposition format in the making.
#[derive(Debug, Default)]
pub struct Exposition(String);

#[derive(Debug, Clone, Copy)]
pub enum Type {
    Counter,
    Gauge,
}

impl Exposition {
    /// Opens a family; its samples follow.
    pub fn family(&mut self, name: &str, kind: Type, help: &str) {
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A family of one sample.
    pub fn single(&mut self, name: &str, kind: Type, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// Requests of the web port by route, method and status: as many series as there are routes.
#[derive(Debug, Default)]
pub struct Requests(Mutex<BTreeMap<Series, Answered>>);

/// Route, method, status.
type Series = (String, &'static str, u16);

#[derive(Debug, Clone, Copy, Default)]
struct Answered {
    requests: u64,
    seconds: f64,
}

impl Requests {
    fn count(&self, route: String, method: &'static str, status: u16, took: Duration) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = counted.entry((route, method, status)).or_default();
        answered.requests += 1;
        answered.seconds += took.as_secs_f64();
    }
}

impl Exposes for Requests {
    fn expose(&self, to: &mut Exposition) {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        to.family("central_http_requests_total", Type::Counter, "Requests answered on the web port.");
        for ((route, method, status), answered) in &counted {
            let labels = [("route", route.as_str()), ("method", method), ("status", &status.to_string())];
            to.sample("central_http_requests_total", &labels, answered.requests);
        }
        to.family("central_http_request_seconds_total", Type::Counter, "Time spent on them.");
        for ((route, method, status), answered) in &counted {
            let labels = [("route", route.as_str()), ("method", method), ("status", &status.to_string())];
            to.sample("central_http_request_seconds_total", &labels, answered.seconds);
        }
    }
}

/// Middleware: counts what passes. Routes, not addresses, so that a scanner makes no new series.
pub async fn count(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    };
    let response = next.run(request).await;
    requests.count(route, method, response.status().as_u16(), began.elapsed());
    response
}

/// What `/metrics` asks.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub reads: Reads,
    pub sources: Arc<Vec<Arc<dyn Exposes>>>,
}

pub fn router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(answer)).with_state(metrics)
}

async fn answer(State(metrics): State<Metrics>) -> Response {
    let mut text = Exposition::default();
    text.family("central_build_info", Type::Gauge, "Always 1; the version is a label.");
    text.sample("central_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    if let Some(bytes) = resident_bytes() {
        text.single("process_resident_memory_bytes", Type::Gauge, "Resident memory of central.", bytes);
    }
    for source in metrics.sources.iter() {
        source.expose(&mut text);
    }
    let from_database = tokio::time::timeout(DATABASE_WITHIN, read(&metrics.reads)).await;
    let up = match from_database {
        Ok(Ok(found)) => {
            found.expose(&mut text);
            1
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "metrics without the database");
            0
        }
        Err(_) => 0,
    };
    text.single("central_database_up", Type::Gauge, "Whether the database answered.", up);
    let mut response = text.into_text().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[derive(Debug)]
struct FromDatabase {
    agents: Vec<agents::overview::store::Gauges>,
    quarantined: i64,
    queues: Vec<Queue>,
}

async fn read(reads: &Reads) -> Result<FromDatabase, sqlx::Error> {
    let mut connection = reads.pool.acquire().await?;
    Ok(FromDatabase {
        agents: agents::overview::store::gauges(&mut connection, reads.now()).await?,
        quarantined: store::quarantined_events(&mut connection).await?,
        queues: store::queues(&mut connection).await?,
    })
}

impl Exposes for FromDatabase {
    fn expose(&self, to: &mut Exposition) {
        let enabled = self.agents.iter().filter(|agent| agent.enabled);
        let silent = enabled.clone().filter(|agent| agent.silent_s.is_none_or(|s| s > SILENT_AFTER_S)).count();
        let diverged = self.agents.iter().filter(|agent| agent.divergence.is_some()).count();
        to.single("central_agents", Type::Gauge, "Enrolled agents that are enabled.", enabled.clone().count());
        to.single("central_agents_silent", Type::Gauge, "Of these, not heard of for five minutes.", silent);
        to.single(
            "central_agents_diverged",
            Type::Gauge,
            "Agents that are refused until a person decides between histories.",
            diverged,
        );
        to.family("central_agent_silent_seconds", Type::Gauge, "Time since an agent's last sync.");
        for (agent, silent_s) in enabled.clone().filter_map(|agent| Some((agent, agent.silent_s?))) {
            to.sample("central_agent_silent_seconds", &agent.labels(), silent_s);
        }
        to.family("central_agent_backlog_events", Type::Gauge, "Events an agent holds that are not acknowledged.");
        for (agent, backlog) in enabled.clone().filter_map(|agent| Some((agent, agent.backlog_events?))) {
            to.sample("central_agent_backlog_events", &agent.labels(), backlog);
        }
        to.family("central_agent_clock_offset_seconds", Type::Gauge, "An agent's clock minus central's.");
        for (agent, offset_s) in enabled.filter_map(|agent| Some((agent, agent.clock_offset_s?))) {
            to.sample("central_agent_clock_offset_seconds", &agent.labels(), offset_s);
        }
        let help = "Events that are committed but are no facts: a person releases them.";
        to.single("central_quarantined_events", Type::Gauge, help, self.quarantined);
        to.family("central_queue_messages", Type::Gauge, "Messages in a queue.");
        for queue in &self.queues {
            to.sample("central_queue_messages", &[("queue", &queue.name)], queue.messages);
        }
        to.family("central_queue_oldest_seconds", Type::Gauge, "Age of the oldest message in a queue.");
        for queue in &self.queues {
            to.sample("central_queue_oldest_seconds", &[("queue", &queue.name)], queue.oldest_s.unwrap_or(0));
        }
    }
}

/// From `/proc/self/statm`, in pages of 4 KiB; none where there is no such file.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Exposition::default();
        text.family("x", Type::Gauge, "Help.");
        text.sample("x", &[("a", "q\"\\\n"), ("b", "2")], 1.5);
        text.sample("x", &[], 2);
        assert_eq!(text.into_text(), "# HELP x Help.\n# TYPE x gauge\nx{a=\"q\\\"\\\\\\n\",b=\"2\"} 1.5\nx 2\n");
    }
}
