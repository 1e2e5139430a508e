//! The command line. The only place in central that prints.

mod agent;
mod doctor;
mod machine;
mod migrate;
mod resolve;
mod serve;
mod table;
mod token;
mod user;
mod work;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use process::lifecycle::StopSignals;
use process::logging;

use crate::configuration::Configuration;
use crate::database::Database;
use crate::database::embedded::Purpose;

#[derive(Debug, Parser)]
#[command(
    name = "central",
    version,
    about = "Takes in what edge agents capture, exactly once, and shows it.",
    after_help = "Exit status: 0 success, 1 failure, 2 wrong usage. `doctor` says its own.\n\
                  Configuration: --config, CENTRAL_CONFIG, /etc/central/central.toml, or none at all; environment \
                  variables named in config/central.toml win over it. RUST_LOG sets what is logged."
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Configuration file [default: /etc/central/central.toml, if it exists]
    #[arg(long, global = true, env = "CENTRAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How the log on standard error is written
    #[arg(long, global = true, env = "CENTRAL_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: the agents' port and the web port
    Serve(serve::Serve),
    /// Work on queues in a process of its own (`serve` does it by itself, unless told not to)
    Worker(worker::Worker),
    /// Bring the database schema up to date (`serve` does it by itself)
    Migrate(migrate::Migrate),
    /// Examine the database and what arrives in it, and say what to do
    Doctor(doctor::Doctor),
    /// Let agents in, list them, lock them out
    Agent(agent::AgentCommand),
    /// Say who reports a machine
    Machine(machine::MachineCommand),
    /// Let people log in, list them, lock them out
    User(user::UserCommand),
    /// Make tokens for programs, list them, revoke them
    Token(token::TokenCommand),
    /// Release events that were set aside
    Quarantine(machine::QuarantineCommand),
    /// Show queues and what was given up, replay it or discard it
    Work(work::WorkCommand),
}

#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let format = match arguments.global.log_format {
        LogFormat::Text => logging::Format::Text,
        LogFormat::Json => logging::Format::Json,
    };
    let filter = match arguments.command {
        Command::Serve(_) | Command::Worker(_) => "info,sqlx=warn",
        _ => "warn",
    };
    logging::start(format, filter);
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::load(arguments.global.config.as_deref(), |name| std::env::var(name).ok())?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve(command) => command.run(&configuration).await,
            Command::Worker(command) => command.run(&configuration).await,
            Command::Work(command) => command.run(&configuration).await,
            Command::Migrate(command) => command.run(&configuration).await,
            Command::Agent(command) => command.run(&configuration).await,
            Command::Machine(command) => command.run(&configuration).await,
            Command::Quarantine(command) => command.run(&configuration).await,
            Command::User(command) => command.run(&configuration).await,
            Command::Token(command) => command.run(&configuration).await,
            Command::Doctor(command) => Ok(command.run(&configuration).await),
        }
    });
    // A read from the terminal, or a look-up of a name, that hangs must not hold up the end.
    runtime.shutdown_background();
    done
}

/// What a command does on the database. SIGTERM and Ctrl-C interrupt it: what is not committed is undone, and a private
/// PostgreSQL that this command started is stopped in order, unless a second signal says not to wait.
async fn on_database<T>(
    configuration: &Configuration,
    work: impl AsyncFnOnce(&Database) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let StopSignals { stop, at_once } = StopSignals::listen();
    let database = Database::open(configuration, Purpose::Command, &stop).await?;
    let done = tokio::select! {
        done = work(&database) => done,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted: what was not finished is undone")),
    };
    tokio::select! {
        () = database.close() => {}
        () = at_once.cancelled() => {}
    }
    done
}

#[expect(clippy::print_stdout, reason = "a command line prints")]
fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a command line prints")]
fn complain(error: &anyhow::Error) {
    eprintln!("central: {error:#}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
