use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use process::clock::{Clock as _, SystemClock};
use process::configuration::nearest;
use protocol::id::Name;
use sqlx::PgConnection;

use super::resolve::Resolve;
use crate::agents;
use crate::agents::enrolment::{Wanted, invitation};
use crate::agents::overview::{self, Agent};
use crate::auth::Principal;
use crate::auth::audit::Actor;
use crate::configuration::Configuration;
use crate::database::{Database, migrate};
use crate::identity;
use crate::plants::store::Plant;

/// As many as one command looks through.
const AGENTS_MAX: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct AgentCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a code that lets one agent in, once
    Invite(Invite),
    /// Show every agent
    List {
        #[arg(long)]
        json: bool,
    },
    /// Refuse an agent from its next request on; what it captures stays with it
    Disable(Which),
    /// Accept an agent again
    Enable(Which),
    /// Show two histories under one agent's name, and decide which goes on
    Resolve(Resolve),
}

#[derive(Debug, clap::Args)]
struct Invite {
    /// What the agent is to be called
    name: Name,
    /// Its plant; may be left out while there is only one
    #[arg(long)]
    plant: Option<Name>,
    /// Makes the plant, if it does not exist, with this IANA time zone
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// How long the code is good: 30m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = duration)]
    ttl: Duration,
    /// How the agent reaches central [default: agents.public_address, or this computer's name]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Print nothing but the code
    #[arg(long, conflicts_with = "json")]
    code_only: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The agent's name, or its uuid
    agent: String,
    /// Its plant; may be left out while the name is unique
    #[arg(long)]
    plant: Option<Name>,
}

impl AgentCommand {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        super::on_database(configuration, async |database| self.run_on(database, configuration).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn run_on(self, database: &Database, configuration: &Configuration) -> anyhow::Result<()> {
        migrate::state(&database.pool).await?.require_current()?;
        match self.command {
            Command::Invite(invite) => invite.run(database, configuration).await,
            Command::List { json } => list(database, json).await,
            Command::Disable(which) => which.set_enabled(database, false).await,
            Command::Enable(which) => which.set_enabled(database, true).await,
            Command::Resolve(resolve) => resolve.run(database).await,
        }
    }
}

impl Invite {
    async fn run(self, database: &Database, configuration: &Configuration) -> anyhow::Result<()> {
        let (at, who) = (now(), Principal::of_account());
        let mut transaction = database.pool.begin().await?;
        let plant = self.plant(database, &mut transaction, (at, &who.actor())).await?;
        let enrolled = all(database, Some(&plant.name)).await?;
        if enrolled.iter().any(|agent| agent.name == *self.name && agent.enabled) {
            bail!(
                "{}/{} is enrolled already. To replace its computer, disable it first: central agent disable {} \
                 --plant {}",
                plant.name,
                self.name,
                self.name,
                plant.name
            );
        }
        let address = match &self.address {
            Some(address) => address.clone(),
            None => configuration.agents.address_for_agents(&identity::host()),
        };
        let key = identity::central_key(&configuration.data.dir)?;
        let wanted = Wanted {
            plant: plant.clone(),
            agent: self.name.clone(),
            address: address.clone(),
            created_at: at,
            lasts: self.ttl,
        };
        let (invitation, text) = invitation(wanted, key.fingerprint, rand::random());
        let text = text.with_context(|| format!("{address:?} is no address that a code can carry"))?;
        let expires_at = invitation.expires_at;
        agents::store::invite(&mut transaction, &invitation, &who.actor()).await?;
        transaction.commit().await?;
        if self.code_only {
            super::say(text);
        } else if self.json {
            super::say(serde_json::json!({
                "plant": plant.name, "agent": self.name, "code": text, "address": address, "expires_at": expires_at,
            }));
        } else {
            super::say(format_args!(
                "{text}\n\nOn the computer that is to be {}/{}, within {}:\n\n  edge-agent enroll {text}\n\n\
                 It will reach central at {address}. The code is good once.",
                plant.name,
                self.name,
                spell(self.ttl),
            ));
        }
        Ok(())
    }

    async fn plant(
        &self,
        database: &Database,
        connection: &mut PgConnection,
        by: (DateTime<Utc>, &Actor<'_>),
    ) -> anyhow::Result<Plant> {
        let plants = crate::plants::store::plants(&database.reader).await?;
        let names: Vec<&str> = plants.iter().map(|plant| plant.name.as_str()).collect();
        let Some(wanted) = &self.plant else {
            return match plants.as_slice() {
                [only] if self.time_zone.is_none() => Ok(only.clone()),
                [] => bail!("there is no plant yet: add --plant NAME --time-zone Europe/Berlin to make one"),
                _ => bail!("say which plant: --plant {}", names.join(", ")),
            };
        };
        let found = plants.iter().find(|plant| plant.name == **wanted);
        match (found, &self.time_zone) {
            (Some(plant), Some(zone)) if plant.time_zone != *zone => {
                bail!("plant {} exists and has the time zone {}", plant.name, plant.time_zone)
            }
            (Some(plant), _) => Ok(plant.clone()),
            (None, None) => {
                let near = nearest(wanted, names.iter().copied()).map(|near| format!("; did you mean {near}?"));
                bail!("there is no plant {wanted}{}: add --time-zone ZONE to make it", near.unwrap_or_default())
            }
            (None, Some(zone)) => {
                crate::plants::time_zone(zone).map_err(anyhow::Error::msg)?;
                Ok(crate::plants::store::ensure(connection, wanted, zone, by).await?)
            }
        }
    }
}

impl Which {
    pub(super) fn new(agent: String, plant: Option<Name>) -> Which {
        Which { agent, plant }
    }

    pub(super) async fn find(&self, database: &Database) -> anyhow::Result<Agent> {
        let known = all(database, self.plant.as_deref()).await?;
        let named = |agent: &&Agent| agent.name == self.agent || agent.uuid.to_string() == self.agent;
        let mut found: Vec<&Agent> = known.iter().filter(named).collect();
        // Disabled predecessors keep the name that an enabled successor has taken over.
        if found.iter().any(|agent| agent.enabled) {
            found.retain(|agent| agent.enabled);
        }
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] => {
                let near = nearest(&self.agent, known.iter().map(|agent| agent.name.as_str()));
                let near = near.map(|near| format!("; did you mean {near}?"));
                bail!("there is no agent {}{}", self.agent, near.unwrap_or_default())
            }
            several => {
                let list: Vec<String> =
                    several.iter().map(|agent| format!("{} ({}/{})", agent.uuid, agent.plant, agent.name)).collect();
                bail!("several agents are called {}: say --plant, or one of {}", self.agent, list.join(", "))
            }
        }
    }

    async fn set_enabled(&self, database: &Database, enabled: bool) -> anyhow::Result<()> {
        let agent = self.find(database).await?;
        let word = if enabled { "enabled" } else { "disabled" };
        if agent.enabled == enabled {
            super::say(format_args!("{}/{} was {word} already.", agent.plant, agent.name));
            return Ok(());
        }
        let who = Principal::of_account();
        match agents::store::set_enabled(&database.pool, agent.id, enabled, (now(), &who.actor())).await {
            Ok(()) => super::say(format_args!("{}/{} is {word}.", agent.plant, agent.name)),
            Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
                bail!("another enabled agent is called {}/{}: disable that one first", agent.plant, agent.name)
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

async fn all(database: &Database, plant: Option<&str>) -> anyhow::Result<Vec<Agent>> {
    Ok(overview::store::agents(
        &database.reader,
        overview::store::Filter { plant, ..Default::default() },
        AGENTS_MAX,
        now(),
    )
    .await?)
}

async fn list(database: &Database, json: bool) -> anyhow::Result<()> {
    let agents = all(database, None).await?;
    if json {
        super::say(serde_json::to_string_pretty(&agents)?);
        return Ok(());
    }
    let head = ["PLANT", "NAME", "STATE", "LAST SYNC", "BACKLOG", "CLOCK", "VERSION", "HOST"].map(str::to_owned);
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(agents.iter().map(row)).collect();
    super::table::say(&rows);
    Ok(())
}

fn row(agent: &Agent) -> [String; 8] {
    let state = match (&agent.divergence, agent.enabled) {
        (Some(_), _) => "diverged",
        (None, true) => "enabled",
        (None, false) => "disabled",
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        agent.plant.clone(),
        agent.name.clone(),
        state.to_owned(),
        agent.silent_s.map_or_else(|| "never".to_owned(), |s| format!("{} ago", spell(Duration::from_secs_f64(s)))),
        or_none(agent.backlog.as_ref().map(|backlog| backlog.events.to_string())),
        or_none(agent.clock_offset_ms.map(|ms| format!("{:+.1} s", ms / 1000.0))),
        or_none(agent.version.clone()),
        or_none(agent.host.clone()),
    ]
}

/// In the largest unit that says enough.
fn spell(duration: Duration) -> String {
    match duration.as_secs() {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// From `30m`, `1h`, `7d`; a minute to 30 days.
fn duration(text: &str) -> Result<Duration, String> {
    duration_up_to(text, Duration::from_secs(30 * 86_400), "30 days")
}

/// The same, a minute to `longest`, which is `spelt`.
pub(super) fn duration_up_to(text: &str, longest: Duration, spelt: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration such as 30m, 1h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let duration = Duration::from_secs(number.checked_mul(seconds).ok_or_else(wrong)?);
    if (Duration::from_secs(60)..=longest).contains(&duration) {
        Ok(duration)
    } else {
        Err(format!("{text} is out of range: expected one minute to {spelt}"))
    }
}

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(SystemClock::new(0).wall().0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(duration("90m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "h", "1", "1w", "-1h", "59s", "31d", "99999999999999999999d", "1\u{fc}"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
