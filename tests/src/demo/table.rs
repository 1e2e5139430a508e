//! What central's API says of the machines: redrawn every second on a terminal, appended every ten seconds elsewhere.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::part::Parts;
use super::{DemoSettings, loopback, say};
use crate::harness::central::get_with;

const EVERY: Duration = Duration::from_secs(1);
/// Of refreshes, where lines cannot be redrawn.
const APPEND_EVERY: u32 = 10;

#[derive(Debug, Deserialize)]
struct Answer {
    machines: Vec<Machine>,
}

#[derive(Debug, Deserialize)]
struct Machine {
    name: String,
    state: Option<String>,
    age_s: Option<f64>,
    counts: Counts,
}

#[derive(Debug, Deserialize)]
struct Counts {
    total: Pieces,
}

#[derive(Debug, Deserialize)]
struct Pieces {
    good: i64,
}

/// Shows the table until something ends.
pub(super) async fn show(settings: &DemoSettings, token: &str, parts: &mut Parts) -> anyhow::Result<()> {
    let url = format!("http://{}/api/v1/machines", loopback(settings.web_port));
    let redraws = std::io::stdout().is_terminal();
    let mut tick = tokio::time::interval(EVERY);
    let mut lines_before = 0;
    let mut shown_machines = 0;
    for round in 0_u32.. {
        tick.tick().await;
        parts.all_run()?;
        let (page, token) = (url.clone(), token.to_owned());
        let answer = tokio::task::spawn_blocking(move || get_with(&page, Some(&token))).await?;
        let machines = answer.and_then(|text| {
            serde_json::from_str::<Answer>(&text).with_context(|| format!("unexpected answer: {text}"))
        });
        let (text, count) = match machines {
            Ok(answer) => (table(&answer.machines, &url, parts), answer.machines.len()),
            Err(error) => (format!("central does not answer: {error:#}\n"), 0),
        };
        // The first machines are shown as they come, whatever the round.
        if redraws || round % APPEND_EVERY == 0 || count > shown_machines {
            let up = if redraws && lines_before > 0 { format!("\x1b[{lines_before}F\x1b[J") } else { String::new() };
            say(&format!("{up}{}", text.trim_end()));
            lines_before = text.lines().count();
        }
        shown_machines = count;
    }
    Ok(())
}

fn table(machines: &[Machine], url: &str, parts: &Parts) -> String {
    let mut text = format!("{:<12} {:<12} {:>12} {:>10}\n", "machine", "state", "pieces", "data age");
    for machine in machines {
        let state = machine.state.as_deref().unwrap_or("no_data");
        let age = machine.age_s.map_or_else(|| "never".to_owned(), |age_s| format!("{age_s:.1} s"));
        let _ = writeln!(text, "{:<12} {state:<12} {:>12} {age:>10}", machine.name, machine.counts.total.good);
    }
    if machines.is_empty() {
        text.push_str("(no machine has reported yet)\n");
    }
    let _ = writeln!(text, "from {url}; logs: {}; Ctrl-C stops everything", parts.folder().display());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_line() {
        let machine = |name: &str, state: Option<&str>, age_s| Machine {
            name: name.into(),
            state: state.map(str::to_owned),
            age_s,
            counts: Counts { total: Pieces { good: 65_540 } },
        };
        let machines = [machine("press-1", Some("running"), Some(0.61)), machine("press-2", None, None)];
        let text = table(&machines, "http://central", &Parts::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "machine      state              pieces   data age");
        assert_eq!(lines[1], "press-1      running             65540      0.6 s");
        assert_eq!(lines[2], "press-2      no_data             65540      never");
    }
}
