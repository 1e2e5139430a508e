//! The command line. The only place in the agent that prints.
//!
//! One file per subcommand: its arguments, and what it does with them. Results go to standard output, everything else to
//! standard error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the program's voice")]

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use process::clock::{Clock as _, SystemClock};
use process::configuration;

use crate::configuration::Configuration;

pub mod buffer;
mod check;
mod enroll;
pub mod probe;
mod replay;
mod run;
mod status;

#[derive(Debug, Parser)]
#[command(
    name = "edge-agent",
    version,
    about = "Captures what machines, scanners and people say, and brings it to central exactly once.",
    after_help = "First steps:\n  \
        edge-agent check                    prove the configuration file\n  \
        edge-agent enroll CODE              bind this agent to central, with the code central made\n  \
        edge-agent run                      capture and sync until stopped\n  \
        edge-agent status                   ask the running agent how it is doing"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Replay(replay::Arguments),
    Check(check::Arguments),
    Enroll(enroll::Arguments),
    Status(status::Arguments),
    /// Read Modbus registers by hand and show what they may mean
    Probe(probe::ProbeArguments),
    /// Show and export what the log holds, also while the agent runs
    Buffer(buffer::BufferArguments),
}

/// Every subcommand that reads the configuration takes it the same way.
#[derive(Debug, Args)]
struct ConfigurationFile {
    /// Configuration file
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "EDGE_AGENT_CONFIG",
        default_value = "/etc/edge-agent/edge-agent.toml"
    )]
    file: PathBuf,
}

impl ConfigurationFile {
    fn read(&self) -> Result<Configuration, configuration::ConfigurationError> {
        configuration::read(&self.file)
    }
}

#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => arguments.execute(),
        Command::Replay(arguments) => arguments.execute(),
        Command::Check(arguments) => arguments.execute(),
        Command::Enroll(arguments) => arguments.execute(),
        Command::Status(arguments) => arguments.execute(),
        Command::Probe(arguments) => Ok(probe::run(arguments)),
        Command::Buffer(arguments) => Ok(buffer::run(arguments)),
    };
    done.unwrap_or_else(|error| {
        eprintln!("edge-agent: {error:#}");
        ExitCode::FAILURE
    })
}

/// Everything runs on one thread: the agent waits far more than it computes, and SQLite has a thread of its own.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(work);
    // A look-up of a name that hangs must not hold up the end.
    runtime.shutdown_background();
    result
}

/// How long ago, in the largest unit that says something.
fn ago(at_us: i64) -> String {
    let seconds = (SystemClock::new(0).wall().0 - at_us).max(0) / 1_000_000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// Those that do something; a group of subcommands only lists them.
    #[test]
    fn every_subcommand_shows_examples_and_exit_codes() {
        let command = Arguments::command();
        for command in command.get_subcommands().filter(|command| !command.has_subcommands()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{}", command.get_name());
        }
    }
}
