use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use process::configuration::nearest;
use protocol::id::Name;

use super::agent::now;
use super::table;
use super::user::{find_plants, plant_names};
use crate::auth::tokens::{NewToken, Token, store};
use crate::auth::{Permission, Principal};
use crate::configuration::Configuration;
use crate::database::{Database, migrate};
use crate::plants;
use crate::users::check_name;

/// As many as one command looks through.
const TOKENS_MAX: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it, this once
    Add(Add),
    /// Show every token
    List {
        #[arg(long)]
        json: bool,
    },
    /// End a token, at once
    Revoke { name: String },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What the token is for: small letters, digits, . _ @ -
    name: String,
    /// read, stops:write, master_data:write, work:write, agents:write, users:write; may be repeated
    #[arg(long, required = true, value_parser = scope)]
    scope: Vec<Permission>,
    /// A plant that is seen with it; may be repeated [default: all, also those to come]
    #[arg(long)]
    plant: Vec<Name>,
    /// How long it is good: 30m, 1h, 365d [default: until it is revoked]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    expires: Option<Duration>,
    #[arg(long)]
    json: bool,
}

fn scope(word: &str) -> Result<Permission, String> {
    word.parse().map_err(|_| {
        let known: Vec<&str> = Permission::ALL.iter().map(|scope| scope.as_str()).collect();
        format!("expected one of {}", known.join(", "))
    })
}

fn lifetime(text: &str) -> Result<Duration, String> {
    super::agent::duration_up_to(text, Duration::from_secs(3_650 * 86_400), "10 years")
}

impl TokenCommand {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        super::on_database(configuration, async |database| self.run_on(database).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn run_on(self, database: &Database) -> anyhow::Result<()> {
        migrate::state(&database.pool).await?.require_current()?;
        match self.command {
            Command::Add(add) => add.run(database).await,
            Command::List { json } => list(database, json).await,
            Command::Revoke { name } => revoke(database, &name).await,
        }
    }
}

impl Add {
    async fn run(self, database: &Database) -> anyhow::Result<()> {
        check_name(&self.name)?;
        let token = NewToken {
            scopes: Permission::ALL.into_iter().filter(|scope| self.scope.contains(scope)).collect(),
            plants: find_plants(database, &self.plant).await?,
            expires_at: self.expires.map(|after| now() + after),
            name: self.name,
        };
        let (id, text) = store::create(&database.pool, now(), &Principal::of_account().actor(), &token).await?;
        if self.json {
            super::say(serde_json::json!({
                "id": id, "name": token.name, "scopes": token.scopes, "expires_at": token.expires_at,
                "secret": text.text(),
            }));
            return Ok(());
        }
        super::say(format_args!(
            "{}\n\nSend it as `Authorization: Bearer central_…`. It is not shown again.",
            text.text()
        ));
        Ok(())
    }
}

async fn list(database: &Database, json: bool) -> anyhow::Result<()> {
    let tokens = store::tokens(&database.reader, store::Filter::default(), TOKENS_MAX).await?;
    if json {
        super::say(serde_json::to_string_pretty(&tokens)?);
        return Ok(());
    }
    let known = plants::store::plants(&database.reader).await?;
    let head = ["NAME", "PREFIX", "STATE", "SCOPES", "PLANTS", "LAST USED", "MADE BY"].map(str::to_owned);
    let row = |token: &Token| {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        [
            token.name.clone(),
            token.prefix.clone(),
            state(token),
            scopes.join(" "),
            plant_names(&known, token.all_plants, &token.plants),
            token.last_used_at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
            token.created_by.clone(),
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(tokens.iter().map(row)).collect();
    table::say(&rows);
    Ok(())
}

fn state(token: &Token) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(at)) if at <= now() => "expired".to_owned(),
        (None, Some(at)) => format!("until {}", at.format("%Y-%m-%d")),
        (None, None) => "good".to_owned(),
    }
}

async fn revoke(database: &Database, name: &str) -> anyhow::Result<()> {
    let tokens = store::tokens(&database.reader, store::Filter::default(), TOKENS_MAX).await?;
    let mut good = tokens.iter().filter(|token| token.revoked_at.is_none());
    let Some(token) = good.clone().find(|token| token.name == name) else {
        let near = nearest(name, good.by_ref().map(|token| token.name.as_str()));
        bail!("there is no token {name}{}", near.map(|near| format!("; did you mean {near}?")).unwrap_or_default());
    };
    store::revoke(&database.pool, now(), &Principal::of_account().actor(), token.id).await?;
    super::say(format_args!("The token {name} is revoked."));
    Ok(())
}
