use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;

use crate::auth::Principal;
use crate::configuration::Configuration;
use crate::database::{Database, migrate};
use crate::queue::dead_letters::store::{Filter, list};
use crate::queue::dead_letters::{self, Verdict};
use crate::queue::store;

/// As many as one command shows.
const LETTERS_MAX: i64 = 1_000;

#[derive(Debug, clap::Args)]
pub(super) struct WorkCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every queue with its depth
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show what was given up, or one of it with the history of its errors
    DeadLetters {
        id: Option<i64>,
        #[arg(long)]
        json: bool,
    },
    /// Put a dead letter back on its queue
    Replay { id: i64 },
    /// Let a dead letter be
    Discard { id: i64 },
}

impl WorkCommand {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        super::on_database(configuration, async |database| self.run_on(database).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn run_on(self, database: &Database) -> anyhow::Result<()> {
        migrate::state(&database.pool).await?.require_current()?;
        match self.command {
            Command::List { json } => queues(database, json).await,
            Command::DeadLetters { id, json } => letters(database, id, json).await,
            Command::Replay { id } => decide(database, id, Verdict::Replay).await,
            Command::Discard { id } => decide(database, id, Verdict::Discard).await,
        }
    }
}

async fn queues(database: &Database, json: bool) -> anyhow::Result<()> {
    let queues = store::depths(&database.reader, super::agent::now()).await?;
    if json {
        super::say(serde_json::to_string_pretty(&queues)?);
        return Ok(());
    }
    super::say(format_args!(
        "{:<20} {:>9} {:>9} {:>9} {:>14}  oldest",
        "queue", "messages", "in flight", "retrying", "done in 5 min"
    ));
    for queue in queues {
        let oldest =
            queue.oldest_at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string());
        let finished = queue.finished_5_min.map_or_else(|| "-".to_owned(), |finished| finished.to_string());
        super::say(format_args!(
            "{:<20} {:>9} {:>9} {:>9} {finished:>14}  {oldest}",
            queue.name, queue.messages, queue.in_flight, queue.retrying
        ));
    }
    Ok(())
}

async fn letters(database: &Database, id: Option<i64>, json: bool) -> anyhow::Result<()> {
    let found = list(&database.reader, Filter { id, ..Filter::default() }, LETTERS_MAX).await?;
    if json {
        super::say(serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    match (id, found.as_slice()) {
        (Some(id), []) => bail!("there is no dead letter {id}"),
        (None, []) => super::say("Nothing was given up."),
        (Some(_), [letter, ..]) => {
            super::say(format_args!("message: {}", printable(&letter.message.to_string())));
            for error in &letter.errors {
                super::say(format_args!(
                    "attempt {} at {}: {}",
                    error.attempt,
                    error.at.format("%Y-%m-%d %H:%M:%S UTC"),
                    printable(&error.chain.join(": "))
                ));
            }
        }
        (None, letters) => {
            for detail in letters {
                let letter = &detail.letter;
                super::say(format_args!(
                    "{:>6}  {}  {:<20} {:<20} {:>3} attempts  {}",
                    letter.id,
                    letter.died_at.format("%Y-%m-%d %H:%M:%S UTC"),
                    letter.queue.as_deref().map_or_else(|| "-".to_owned(), printable),
                    letter.kind.as_deref().map_or_else(|| "-".to_owned(), printable),
                    letter.attempts.unwrap_or(0),
                    letter.error.as_deref().map_or_else(|| "-".to_owned(), printable),
                ));
            }
        }
    }
    Ok(())
}

/// Text of others, inert on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

async fn decide(database: &Database, id: i64, verdict: Verdict) -> anyhow::Result<()> {
    let who = Principal::of_account();
    if !dead_letters::decide(&database.pool, None, id, verdict, (super::agent::now(), &who.actor())).await? {
        bail!("there is no dead letter {id}");
    }
    super::say(match verdict {
        Verdict::Replay => format!("{id} is back on its queue."),
        Verdict::Discard => format!("{id} is discarded."),
    });
    Ok(())
}
