use std::process::ExitCode;

use crate::configuration::Configuration;
use crate::database::Database;
use crate::database::embedded::Purpose;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Any number of workers may run on one database, beside `central serve` or without it; the schema must \
                  be up to date. SIGTERM and Ctrl-C let running jobs finish for ten seconds and give the others back."
)]
pub(super) struct Worker {}

impl Worker {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        let stop = super::stop_on_signal();
        // The private PostgreSQL belongs to `serve`: a worker is its guest.
        let purpose = if configuration.database.url.is_some() { Purpose::Serve } else { Purpose::Command };
        let database = Database::open(configuration, purpose, &stop).await?;
        crate::work::run(configuration, database).await
    }
}
