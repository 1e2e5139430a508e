//! What the demo shows: where the pages are and who may log in, then what central's API says of the machines, redrawn every
//! second on a terminal, appended every ten seconds elsewhere. It fits on 24 lines of 100 columns.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::master_data::{OPERATORS, orders_of};
use super::part::Parts;
use super::people::PEOPLE;
use super::{DemoSettings, say};
use crate::harness::api::Api;

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

/// Shows it until something ends.
pub(super) async fn show(settings: &DemoSettings, central: &Api, parts: &mut Parts) -> anyhow::Result<()> {
    say(&addresses(settings));
    let redraws = std::io::stdout().is_terminal();
    let mut tick = tokio::time::interval(EVERY);
    let mut lines_before = 0;
    let mut shown_machines = 0;
    for round in 0_u32.. {
        tick.tick().await;
        parts.all_run()?;
        let machines = central.get("machines").await;
        let machines =
            machines.and_then(|answer| serde_json::from_value::<Answer>(answer).context("unexpected answer"));
        let (text, count) = match machines {
            Ok(answer) => (table(&answer.machines, &settings.data_dir), answer.machines.len()),
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

/// The pages, and who may log in to them.
fn addresses(settings: &DemoSettings) -> String {
    let mut text =
        format!("\nDashboard  http://localhost:{:<6}  user      password             role\n", settings.web_port);
    for (name, role, _, password) in PEOPLE {
        let _ = writeln!(text, "{:35} {name:<9} {password:<20} {}", "", role.replace('_', " "));
    }
    let _ =
        writeln!(text, "Station    http://localhost:{:<6}  number    PIN   badge          name", settings.station_port);
    for (number, name, pin, badge) in OPERATORS {
        let _ = writeln!(text, "{:35} {number:<9} {pin}  {badge:<14} {name}", "");
    }
    let waiting = orders_of("mixer-1").swap_remove(0);
    let _ =
        writeln!(text, "  A keyboard scanner may read a badge, or the work order {waiting}, which waits at the mixer.");
    text.push_str("Everybody may know these passwords, PINs and badges: they are the demo's alone.\n");
    text
}

fn table(machines: &[Machine], data_dir: &Path) -> String {
    let mut text = format!("{:<12} {:<12} {:>12} {:>10}\n", "machine", "state", "pieces", "data age");
    for machine in machines {
        let state = machine.state.as_deref().unwrap_or("no_data");
        let age = machine.age_s.map_or_else(|| "never".to_owned(), |age_s| format!("{age_s:.1} s"));
        let _ = writeln!(text, "{:<12} {state:<12} {:>12} {age:>10}", machine.name, machine.counts.total.good);
    }
    if machines.is_empty() {
        text.push_str("(no machine has reported yet)\n");
    }
    let _ = writeln!(text, "logs: {}; Ctrl-C stops everything", data_dir.join("log").display());
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn machine(name: &str, state: Option<&str>, age_s: Option<f64>) -> Machine {
        Machine {
            name: name.into(),
            state: state.map(str::to_owned),
            age_s,
            counts: Counts { total: Pieces { good: 65_540 } },
        }
    }

    #[test]
    fn a_machine_is_one_line() {
        let machines = [machine("press-1", Some("running"), Some(0.61)), machine("press-2", None, None)];
        let text = table(&machines, Path::new("data/demo"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "machine      state              pieces   data age");
        assert_eq!(lines[1], "press-1      running             65540      0.6 s");
        assert_eq!(lines[2], "press-2      no_data             65540      never");
    }

    #[test]
    fn addresses_logins_and_five_machines_fit_on_a_small_terminal() {
        let settings = DemoSettings::parse_from(["demo", "--web-port", "65535", "--station-port", "65535"]);
        let machines = [0; 5].map(|_| machine("packer-1", Some("running"), Some(1_000.0)));
        let text = addresses(&settings) + &table(&machines, Path::new("data/demo"));
        for (_, login, ..) in OPERATORS.iter().chain(&[("", "http://localhost:65535", "", "")]) {
            assert!(text.contains(login), "{text}");
        }
        for (name, _, _, password) in PEOPLE {
            assert!(text.contains(name) && text.contains(password), "{text}");
        }
        assert!(text.lines().count() < 24 && text.lines().all(|line| line.len() < 100), "{text}");
    }
}
