use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use process::clock::{Clock, SystemClock};
use process::configuration::nearest;
use protocol::id::Name;

use super::agent::Which;
use crate::auth::Principal;
use crate::configuration::Configuration;
use crate::database::{Database, migrate};
use crate::machines::overview;
use crate::sync;
use crate::sync::quarantine::{self, Released, Selection};

/// As many as one command looks through.
const MACHINES_MAX: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct MachineCommand {
    #[command(subcommand)]
    command: Machine,
}

#[derive(Debug, Subcommand)]
enum Machine {
    /// Let another agent of the plant report a machine; what it reported so far becomes facts
    Transfer {
        machine: Name,
        /// The plant of both
        #[arg(long)]
        plant: Name,
        /// Name or uuid of the agent that reports it from here on
        #[arg(long, value_name = "AGENT")]
        to: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct QuarantineCommand {
    #[command(subcommand)]
    command: Quarantine,
}

#[derive(Debug, Subcommand)]
enum Quarantine {
    /// Make facts of quarantined events whose reason no longer holds; the rest stays
    Release {
        #[arg(long)]
        plant: Name,
        /// Only events held for this reason, as `central doctor` names it
        #[arg(long, value_parser = reason)]
        reason: Option<String>,
        /// Only events of this machine or station
        #[arg(long)]
        origin: Option<Name>,
    },
}

impl MachineCommand {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        let Machine::Transfer { machine, plant, to } = self.command;
        super::on_database(configuration, async |database| {
            transfer(database, configuration, &machine, &plant, to).await
        })
        .await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn transfer(
    database: &Database,
    configuration: &Configuration,
    machine: &str,
    plant: &Name,
    to: String,
) -> anyhow::Result<()> {
    migrate::state(&database.pool).await?.require_current()?;
    let filter = overview::store::Filter { plant: Some(plant), ..overview::store::Filter::default() };
    let known = overview::store::machines(&database.reader, filter, MACHINES_MAX, super::agent::now()).await?;
    let Some(found) = known.iter().find(|it| it.name == machine) else {
        let near = nearest(machine, known.iter().map(|it| it.name.as_str()));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        bail!("plant {plant} has no machine {machine}{near}")
    };
    let agent = Which::new(to, Some(plant.clone())).find(database).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let tolerance = tolerance(configuration);
    let who = Principal::of_account();
    let wanted = (found.id, agent.id);
    let released = quarantine::transfer_machine(&database.pool, &clock, tolerance, wanted, &who.actor()).await?;
    super::say(format_args!(
        "{} reports {plant}/{machine} from here on. Of what it had reported before, {}\nWhat any other agent reports of it \
         from here on is quarantined: take it out of that agent's configuration.",
        agent.name,
        spell(released)
    ));
    Ok(())
}

impl QuarantineCommand {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        let Quarantine::Release { plant, reason, origin } = self.command;
        super::on_database(configuration, async |database| {
            release(database, configuration, &plant, reason, origin).await
        })
        .await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn release(
    database: &Database,
    configuration: &Configuration,
    plant: &str,
    reason: Option<String>,
    origin: Option<Name>,
) -> anyhow::Result<()> {
    migrate::state(&database.pool).await?.require_current()?;
    let plants = crate::plants::store::plants(&database.pool).await?;
    let Some(found) = plants.iter().find(|it| it.name == plant) else {
        let known: Vec<&str> = plants.iter().map(|it| it.name.as_str()).collect();
        bail!("there is no plant {plant}: expected one of {}", known.join(", "))
    };
    let selection = Selection { plant_id: found.id, reason, origin: origin.map(String::from) };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let (who, tolerance) = (Principal::of_account(), tolerance(configuration));
    let released = quarantine::release(&database.pool, &clock, tolerance, &selection, &who.actor()).await?;
    super::say(match released {
        Released { facts: 0, held: 0 } => format!("No event of plant {plant} that was asked for is in quarantine."),
        released => spell(released),
    });
    Ok(())
}

fn spell(released: Released) -> String {
    let Released { facts, held } = released;
    let left = match held {
        0 => "none stays in quarantine".to_owned(),
        held => {
            format!("{held} stay in quarantine, because their reason still holds: central doctor says what can be done")
        }
    };
    format!("{facts} events became facts, {left}.")
}

/// A word of `quarantined_events.reason`.
fn reason(text: &str) -> Result<String, String> {
    let known = sync::facts::Quarantine::ALL.map(sync::facts::Quarantine::as_str);
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no reason: expected one of {}", known.join(", ")))
}

fn tolerance(configuration: &Configuration) -> Duration {
    Duration::from_secs(configuration.agents.future_tolerance_s)
}
