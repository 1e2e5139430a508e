use std::process::ExitCode;

use crate::configuration::Configuration;
use crate::database::migrate;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Several at once wait for each other. A migration that is interrupted is rolled back; the next \
                        run goes on from there."
)]
pub(super) struct Migrate {
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        let migrated = super::on_database(configuration, async |database| migrate::migrate(database).await).await?;
        if self.json {
            super::say(serde_json::to_string_pretty(&migrated)?);
        } else {
            super::say(format_args!(
                "{} of {} migrations were new. PGMQ {}. Facts are {}.",
                migrated.migrations_after - migrated.migrations_before,
                migrated.migrations_after,
                migrated.pgmq_version,
                match migrated.definition {
                    crate::database::capabilities::Definition::Timescaledb => "TimescaleDB hypertables",
                    crate::database::capabilities::Definition::Native => "native partitions",
                }
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
