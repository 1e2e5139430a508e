//! `edge-agent check`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::ConfigurationFile;
use crate::configuration::Configuration;

/// Prove a configuration file without running it
#[derive(Debug, Args)]
#[command(
    after_help = "Prints every problem with file, line and column, what was found and what was expected. Connects to \
    nothing.\n\n\
    Examples:\n  \
        edge-agent check\n  \
        edge-agent check --config line-1.toml --json\n\n\
    Exit codes:\n  \
        0  the file is right\n  \
        1  it is not, or cannot be read"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// Print the result as JSON: {\"ok\", \"file\", \"problems\": [...], \"summary\"}
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let file = self.configuration.file.display();
        let found = self.configuration.read();
        let code = if found.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        match (found, self.json) {
            (Ok(configuration), false) => println!("{file} is right: {}", summary(&configuration)),
            (Ok(configuration), true) => {
                let summary = summary(&configuration);
                println!("{}", json!({ "ok": true, "file": file.to_string(), "problems": [], "summary": summary }));
            }
            (Err(error), false) => println!("{error}"),
            (Err(error), true) => {
                let text = error.to_string();
                let problems: Vec<&str> = text.lines().collect();
                println!("{}", json!({ "ok": false, "file": file.to_string(), "problems": problems }));
            }
        }
        Ok(code)
    }
}

fn summary(configuration: &Configuration) -> String {
    let signals: usize = configuration.machines.iter().map(|machine| machine.signals.len()).sum();
    let counted = [
        (configuration.machines.len(), "machine"),
        (signals, "signal"),
        (configuration.modbus.len(), "Modbus source"),
        (configuration.mqtt.len(), "MQTT source"),
        (configuration.scanner.len(), "scanner"),
    ];
    let words: Vec<String> =
        counted.iter().map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" })).collect();
    words.join(", ")
}
