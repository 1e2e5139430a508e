//! The command line. The only place in the agent that prints.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod buffer;

#[derive(Debug, Parser)]
#[command(
    name = "edge-agent",
    version,
    about = "Captures what machines, scanners and people say, and brings it to central exactly once."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show and export what the log holds, also while the agent runs.
    Buffer(buffer::BufferArguments),
}

#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Buffer(arguments) => buffer::run(arguments),
    }
}
