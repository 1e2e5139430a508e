use std::process::ExitCode;

use crate::configuration::Configuration;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a configured database a private PostgreSQL runs under the data directory, as the user \
                        `postgres` where central runs as root. SIGTERM and Ctrl-C stop everything in order; a second \
                        one does not wait."
)]
pub(super) struct Serve {
    /// Leave the schema alone, and refuse to start if it is behind
    #[arg(long)]
    no_migrate: bool,
}

impl Serve {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        crate::serve::run(configuration, !self.no_migrate).await
    }
}
