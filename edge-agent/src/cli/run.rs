//! `edge-agent run`

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use process::logging;

use super::{ConfigurationFile, block_on};

/// Capture and sync until stopped
#[derive(Debug, Args)]
#[command(
    after_help = "The configuration is read again on SIGHUP and whenever its file changes; a wrong one is refused and \
    told, and the agent goes on with the one it has.\n\n\
    Examples:\n  \
        edge-agent run\n  \
        edge-agent run --config line-1.toml\n  \
        RUST_LOG=debug edge-agent run --log-format json\n\n\
    Exit codes:\n  \
        0  stopped because it was asked to\n  \
        1  could not start, or a part of it failed"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// How log lines look, on standard error
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Arguments {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let format = match self.log_format {
            LogFormat::Text => logging::Format::Text,
            LogFormat::Json => logging::Format::Json,
        };
        logging::start(format, "info");
        block_on(crate::run::run(self.configuration.file))
    }
}
