//! The report as Prometheus text: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::batch::Health;

use super::report::{Report, UplinkState};

pub(super) fn text(report: &Report) -> String {
    let mut page = Page::default();
    page.one("info", "gauge", "What runs here.", &[("version", &report.version), ("agent", &report.name)], 1.0);
    page.one("started_seconds", "gauge", "When the agent started, since 1970.", &[], seconds(report.started_at.0));
    let connected = if report.central.state == UplinkState::Connected { 1.0 } else { 0.0 };
    page.one("central_connected", "gauge", "1 while central answers and accepts.", &[], connected);
    page.one("central_exchanges_total", "counter", "Answers from central.", &[], number(report.central.exchanges));
    page.one("central_failures_total", "counter", "Attempts that failed.", &[], number(report.central.failures));
    let acknowledged = number(report.central.events_acknowledged);
    page.one("events_acknowledged_total", "counter", "Events acknowledged since the start.", &[], acknowledged);
    if let Some(round_trip_us) = report.central.round_trip_us {
        page.one("central_round_trip_seconds", "gauge", "Of the last exchange.", &[], number(round_trip_us) / 1e6);
    }
    if let Some(offset_us) = report.clock.offset_us {
        page.one("clock_offset_seconds", "gauge", "Central's clock less this computer's.", &[], seconds(offset_us));
    }
    if let Some(log) = &report.log {
        page.one("log_backlog_events", "gauge", "Events not yet acknowledged.", &[], number(log.backlog_events));
        page.one("log_newest_sequence", "gauge", "Sequence of the newest event.", &[], number(log.newest));
        page.one("log_bytes", "gauge", "Size of the log.", &[], number(log.bytes));
        page.one("log_bytes_max", "gauge", "Size at which the log is full.", &[], number(log.bytes_max));
        page.one("log_dropped_events_total", "counter", "Events dropped, ever.", &[], number(log.dropped_events));
        let oldest = log.oldest_at.map_or(0.0, |at| seconds(report.now.since(at)).max(0.0));
        page.one("log_oldest_age_seconds", "gauge", "Age of the oldest event not yet acknowledged.", &[], oldest);
    }
    conditions(&mut page, report);
    page.0
}

fn conditions(page: &mut Page, report: &Report) {
    page.family("condition", "gauge", "1 good, 0.5 starting or degraded, 0 down.");
    for it in &report.conditions {
        let value = match it.health {
            Health::Good => 1.0,
            Health::Starting | Health::Degraded => 0.5,
            Health::Down => 0.0,
        };
        page.sample("condition", &[("subject", &it.subject), ("kind", &it.kind)], value);
    }
    let mut counters: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for it in &report.conditions {
        for (counter, value) in &it.counters {
            counters.entry(counter).or_default().push((&it.subject, *value));
        }
    }
    for (counter, samples) in counters {
        let name = format!("{counter}_total");
        page.family(&name, "counter", "Counted by the subject since the start.");
        for (subject, value) in samples {
            page.sample(&name, &[("subject", subject)], number(value));
        }
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP edge_agent_{name} {help}\n# TYPE edge_agent_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "edge_agent_{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.family(name, kind, help);
        self.sample(name, labels, value);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "the format has floating-point numbers only")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "the format has floating-point numbers only")]
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}
