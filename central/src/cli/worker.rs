use std::process::ExitCode;

use crate::configuration::Configuration;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Any number of workers may run on one database, beside `central serve` or without it; the schema must \
                  be up to date. SIGTERM and Ctrl-C let running jobs finish for ten seconds and give the others back."
)]
pub(super) struct Worker {}

impl Worker {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        crate::work::run(configuration).await
    }
}
