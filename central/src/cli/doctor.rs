use std::fmt::Write as _;
use std::process::ExitCode;

use process::clock::{Clock as _, SystemClock};

use crate::configuration::Configuration;
use crate::doctor::{self, Level, Report};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 all is well, 1 somebody should look, 2 somebody must act (or the database cannot \
                        be reached). Nothing is changed; a private PostgreSQL that does not run is started for as long \
                        as it takes."
)]
pub(super) struct Doctor {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) async fn run(self, configuration: &Configuration) -> ExitCode {
        match self.examine(configuration).await {
            Ok(report) => {
                match (self.json, serde_json::to_string_pretty(&report)) {
                    (true, Ok(json)) => super::say(json),
                    _ => super::say(text(&report)),
                }
                ExitCode::from(match report.level {
                    Level::Good => 0,
                    Level::Warning => 1,
                    Level::Problem => 2,
                })
            }
            Err(error) => {
                if self.json {
                    super::say(serde_json::json!({ "level": Level::Problem, "error": format!("{error:#}") }));
                }
                super::complain(&error);
                ExitCode::from(2)
            }
        }
    }

    async fn examine(&self, configuration: &Configuration) -> anyhow::Result<Report> {
        let now = chrono::DateTime::from_timestamp_micros(SystemClock::new(0).wall().0).unwrap_or_default();
        let connections = configuration.database.connections;
        let examined =
            super::on_database(configuration, async |database| doctor::examine(database, connections, now).await)
                .await?;
        Ok(doctor::judge(&examined))
    }
}

fn text(report: &Report) -> String {
    let mut text = format!("database    {}\n", report.database);
    let _ = writeln!(text, "size        {} MB", report.database_bytes / (1024 * 1024));
    for (name, extension) in [
        ("timescaledb", &report.server.timescaledb),
        ("pg_cron", &report.server.pg_cron),
        ("pg_trgm", &report.server.pg_trgm),
        ("pg_search", &report.server.pg_search),
        ("pg_textsearch", &report.server.pg_textsearch),
    ] {
        let state = match (&extension.installed, &extension.available) {
            (Some(version), _) => format!("{version} in this database"),
            (None, Some(version)) => format!("{version} available"),
            (None, None) => "not on the server".to_owned(),
        };
        let _ = writeln!(text, "{name:<13} {state}{}", if extension.preloaded { ", preloaded" } else { "" });
    }
    for queue in &report.queues {
        let _ = writeln!(text, "queue {:<20} {:>8} messages", queue.name, queue.messages);
    }
    text.push('\n');
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    for finding in findings {
        let mark = match finding.level {
            Level::Good => "ok     ",
            Level::Warning => "WARNING",
            Level::Problem => "PROBLEM",
        };
        let _ = writeln!(text, "{mark} {:<12} {}", finding.topic, finding.text);
        if !finding.advice.is_empty() {
            let _ = writeln!(text, "{:20} -> {}", "", finding.advice);
        }
    }
    text.trim_end().to_owned()
}
