//! What a notice says, in each of its forms. Pure. Text that came from machines and operators is inert in all of them.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::NoticeKind;
use crate::alerts::rules::IncidentKind;

/// A notice to one recipient.
#[derive(Debug, Clone)]
pub struct Letter {
    pub delivery: Uuid,
    /// The delivery that told the same recipient of the beginning.
    pub opening: Option<Uuid>,
    pub notice: NoticeKind,
    pub address: String,
    pub secret: Option<String>,
    pub channel_works: bool,
    pub plant: String,
    /// IANA name: people read their plant's time.
    pub time_zone: String,
    /// None of a test.
    pub about: Option<About>,
}

/// The incident it is about.
#[derive(Debug, Clone)]
pub struct About {
    pub incident: i64,
    pub kind: IncidentKind,
    pub line: Option<String>,
    pub title: String,
    pub detail: String,
    pub machine: Option<String>,
    pub agent: Option<String>,
    pub began_at: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub occurrences: i64,
}

impl Letter {
    #[must_use]
    pub fn subject(&self) -> String {
        let Some(about) = &self.about else { return format!("[{}] Test of this channel", self.plant) };
        let what = what(about.kind);
        let text = match self.notice {
            NoticeKind::Resolved => format!("[{}] Over: {}: {what}", self.plant, about.title),
            NoticeKind::Opened | NoticeKind::Test => format!("[{}] {}: {what}", self.plant, about.title),
        };
        one_line(&text)
    }

    /// What is known, as pairs of a name and a value.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let Some(about) = &self.about else {
            return vec![
                ("Plant", self.plant.clone()),
                ("Purpose", "a test of this channel: nothing happened".to_owned()),
            ];
        };
        let mut lines = vec![("What", what(about.kind).to_owned()), ("Where", about.title.clone())];
        lines.push(("Plant", self.plant.clone()));
        lines.extend(about.line.clone().map(|line| ("Line", line)));
        lines.extend(about.machine.clone().map(|machine| ("Machine", machine)));
        lines.extend(about.agent.clone().map(|agent| ("Agent", agent)));
        if !about.detail.is_empty() {
            lines.push(("Detail", about.detail.clone()));
        }
        if about.kind == IncidentKind::Gap && about.occurrences > 1 {
            lines.push(("Gaps", about.occurrences.to_string()));
        }
        lines.push(("Since", self.local(about.began_at)));
        if let Some(resolved_at) = about.resolved_at {
            lines.push(("Over", self.local(resolved_at)));
            lines.push(("Lasted", duration(resolved_at - about.began_at)));
        }
        lines.push(("Incident", about.incident.to_string()));
        lines
    }

    #[must_use]
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.lines() {
            let _ = writeln!(text, "{name}: {}", one_line(&value));
        }
        text
    }

    #[must_use]
    pub fn html(&self) -> String {
        let mut rows = String::new();
        for (name, value) in self.lines() {
            let _ = write!(
                rows,
                "<tr><th align=\"left\" style=\"padding-right:1em\">{name}</th><td>{}</td></tr>",
                escaped(&one_line(&value))
            );
        }
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\
             <body><p><strong>{subject}</strong></p><table>{rows}</table></body></html>",
            subject = escaped(&self.subject())
        )
    }

    /// The body of a webhook.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "delivery": self.delivery,
            "notice": self.notice,
            "plant": self.plant,
            "incident": self.about.as_ref().map(|about| json!({
                "id": about.incident, "kind": about.kind, "line": about.line, "title": about.title,
                "detail": about.detail, "machine": about.machine, "agent": about.agent, "began_at": about.began_at,
                "opened_at": about.opened_at, "resolved_at": about.resolved_at, "occurrences": about.occurrences,
            })),
        })
    }

    fn local(&self, at: DateTime<Utc>) -> String {
        match self.time_zone.parse::<chrono_tz::Tz>() {
            Ok(zone) => at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string(),
            Err(_) => at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        }
    }
}

fn what(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::MachineDown => "the machine is down",
        IncidentKind::AgentSilent => "the agent is silent",
        IncidentKind::Gap => "data was lost",
        IncidentKind::Divergence => "two histories under one name; a person has to decide",
        IncidentKind::CallForHelp => "somebody is called for",
    }
}

/// Without line breaks and other control characters, and bounded.
fn one_line(text: &str) -> String {
    let shown: String = text.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect();
    shown.trim().to_owned()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn duration(lasted: TimeDelta) -> String {
    let seconds = lasted.num_seconds().max(0);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hours} h {minutes:02} min {seconds:02} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(title: &str, detail: &str) -> Letter {
        let at = |s: i64| DateTime::from_timestamp(1_773_000_000 + s, 0).unwrap();
        Letter {
            delivery: Uuid::nil(),
            opening: None,
            notice: NoticeKind::Resolved,
            address: "shift@plant.example".into(),
            secret: None,
            channel_works: true,
            plant: "north".into(),
            time_zone: "Europe/Vienna".into(),
            about: Some(About {
                incident: 7,
                kind: IncidentKind::MachineDown,
                line: Some("filling".into()),
                title: title.into(),
                detail: detail.into(),
                machine: Some("filler".into()),
                agent: Some("hall-1".into()),
                began_at: at(0),
                opened_at: at(900),
                resolved_at: Some(at(3_725)),
                occurrences: 1,
            }),
        }
    }

    #[test]
    fn a_notice_reads_as_a_person_would_say_it() {
        let letter = letter("Filler 1", "stopped");
        assert_eq!(letter.subject(), "[north] Over: Filler 1: the machine is down");
        assert_eq!(
            letter.plain(),
            "What: the machine is down\nWhere: Filler 1\nPlant: north\nLine: filling\nMachine: filler\nAgent: hall-1\n\
             Detail: stopped\nSince: 2026-03-08 21:00:00 CET\nOver: 2026-03-08 22:02:05 CET\nLasted: 1 h 02 min 05 s\n\
             Incident: 7\n"
        );
    }

    #[test]
    fn hostile_text_is_inert() {
        let letter = letter("<img src=x onerror=alert(1)>\r\nBcc: all@plant.example", "\u{1b}[31m'\"&");
        assert!(!letter.subject().contains(['\r', '\n']));
        assert!(letter.plain().lines().all(|line| !line.starts_with("Bcc")));
        assert!(!letter.plain().contains('\u{1b}'));
        let html = letter.html();
        assert!(!html.contains("<img") && html.contains("&lt;img") && html.contains("&#39;&quot;&amp;"), "{html}");
    }
}
