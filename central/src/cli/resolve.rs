//! `central agent resolve`: two histories under one name, or a central that was restored, and a person's decision.

use anyhow::bail;
use chrono::{DateTime, Utc};
use protocol::id::{Instance, Name};
use protocol::reply::DivergenceReason;

use super::agent::{Which, now};
use crate::agents::divergence::words::{advice, instance, resolved_text, spell_instance};
use crate::agents::divergence::{self, Choice, Claimant, Divergence, Resolved};
use crate::auth::Principal;
use crate::database::Database;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What was committed stays committed, whatever is decided. The accepted process goes on in a new \
                        epoch from where its log leaves what is committed; the others stay refused, and their first \
                        refused batches are kept. A decision can be made again."
)]
pub(super) struct Resolve {
    /// The agent's name, or its uuid
    #[arg(required_unless_present = "central_restored", conflicts_with = "central_restored")]
    agent: Option<String>,
    /// Its plant; may be left out while the name is unique
    #[arg(long)]
    plant: Option<Name>,
    /// The process that goes on, as shown without this option
    #[arg(long, value_name = "INSTANCE", value_parser = instance, conflicts_with = "central_restored")]
    accept: Option<Instance>,
    /// Accept every agent that is refused only because central was restored from an older backup
    #[arg(long)]
    central_restored: bool,
    #[arg(long)]
    json: bool,
}

impl Resolve {
    pub(super) async fn run(self, database: &Database) -> anyhow::Result<()> {
        let Some(agent) = &self.agent else { return self.run_central_restored(database).await };
        let agent = Which::new(agent.clone(), self.plant.clone()).find(database).await?;
        let known = divergence::store::list(&database.pool).await?;
        let Some(found) = known.into_iter().find(|divergence| divergence.agent_id == agent.id) else {
            bail!("{}/{} has one history only: there is nothing to resolve", agent.plant, agent.name)
        };
        let Some(accepted) = self.accept else {
            super::say(if self.json { divergence_json(&found).to_string() } else { divergence_text(&found) });
            return Ok(());
        };
        let (at, who) = (now(), Principal::of_account());
        let choice = Choice { accepted, again: true };
        let resolved = divergence::store::resolve(&database.pool, agent.id, choice, (at, &who.actor())).await?;
        super::say(match self.json {
            true => resolved_json(&found, accepted, resolved).to_string(),
            false => resolved_text(&found, accepted, resolved),
        });
        Ok(())
    }

    async fn run_central_restored(&self, database: &Database) -> anyhow::Result<()> {
        let in_plant = |it: &Divergence| self.plant.as_deref().is_none_or(|plant| plant == it.plant_name);
        let known = divergence::store::list(&database.pool).await?;
        let (mut accepted, mut left) = (Vec::new(), Vec::new());
        let who = Principal::of_account();
        for found in known.into_iter().filter(|it| it.is_only_central_restored() && in_plant(it)) {
            let Some(living) = found.only_living() else {
                left.push((found, "several processes claim its log".to_owned()));
                continue;
            };
            let instance = living.instance;
            let choice = Choice { accepted: instance, again: false };
            let done = divergence::store::resolve(&database.pool, found.agent_id, choice, (now(), &who.actor())).await;
            match done {
                Ok(resolved) => accepted.push((found, instance, resolved)),
                Err(error) => left.push((found, error.to_string())),
            }
        }
        if self.json {
            super::say(serde_json::json!({
                "accepted": accepted.iter().map(|(of, instance, done)| resolved_json(of, *instance, *done)).collect::<Vec<_>>(),
                "left": left.iter().map(|(of, why)| {
                    serde_json::json!({ "plant": of.plant_name, "agent": of.agent_name, "why": why })
                }).collect::<Vec<_>>(),
            }));
        } else {
            for (of, instance, done) in &accepted {
                super::say(resolved_text(of, *instance, *done));
            }
            super::say(format_args!(
                "{} agents go on. An agent shows here once it has asked after the restore: run this again in a minute, and \
                 when computers are switched on that were off. `central agent list` shows who is still diverged.",
                accepted.len()
            ));
        }
        if left.is_empty() {
            return Ok(());
        }
        let left: Vec<String> = left
            .iter()
            .map(|(of, why)| {
                format!(
                    "{}/{}: {why}: central agent resolve {} --plant {}",
                    of.plant_name, of.agent_name, of.agent_name, of.plant_name
                )
            })
            .collect();
        bail!("decide by hand on\n  {}", left.join("\n  "))
    }
}

fn resolved_json(of: &Divergence, accepted: Instance, resolved: Resolved) -> serde_json::Value {
    serde_json::json!({
        "plant": of.plant_name, "agent": of.agent_name, "accepted": spell_instance(accepted),
        "epoch": resolved.epoch.0, "after_seq": resolved.after.0,
        "lost_seqs": resolved.lost.map(|(first, last)| [first.0, last.0]),
    })
}

fn divergence_json(divergence: &Divergence) -> serde_json::Value {
    let claimant = |it: &Claimant| {
        serde_json::json!({
            "instance": spell_instance(it.instance), "host": it.host, "peer_address": it.peer_address,
            "listened_to": it.listened_to, "newest_seq": it.newest_seq, "first_seen_at": it.first_seen_at,
            "last_seen_at": it.last_seen_at, "accepted": it.accepted,
        })
    };
    serde_json::json!({
        "plant": divergence.plant_name, "agent": divergence.agent_name, "reason": divergence.reason,
        "text": divergence.text, "fork_seq": divergence.fork_seq, "committed_seq": divergence.mark,
        "refused_batches": divergence.refused_batches, "first_seen_at": divergence.first_seen_at,
        "last_seen_at": divergence.last_seen_at, "resolved_at": divergence.resolved_at,
        "resolved_by": divergence.resolved_by,
        "instances": divergence.instances.iter().map(claimant).collect::<Vec<_>>(),
    })
}

fn divergence_text(divergence: &Divergence) -> String {
    let name = format!("{}/{}", divergence.plant_name, divergence.agent_name);
    let what = match divergence.reason {
        DivergenceReason::ClaimedByAgent => "is ahead of central",
        _ => "has two histories",
    };
    let mut text = format!(
        "{name} {what} since {}: {}.\nEvents up to {} are committed and stay so. {} batches were refused.\n",
        moment(divergence.first_seen_at),
        divergence.text,
        divergence.mark,
        divergence.refused_batches
    );
    if let (Some(at), Some(by)) = (divergence.resolved_at, &divergence.resolved_by) {
        text.push_str(&format!("Resolved {} by {by}.\n", moment(at)));
    }
    for it in &divergence.instances {
        text.push_str(&claimant_text(divergence, it));
    }
    text.push('\n');
    text.push_str(advice(divergence.reason));
    text
}

fn claimant_text(divergence: &Divergence, it: &Claimant) -> String {
    let mut notes = String::new();
    if it.listened_to {
        notes.push_str("; its events are what is committed");
    }
    if it.accepted {
        notes.push_str("; accepted");
    }
    let instance = spell_instance(it.instance);
    format!(
        "\n  {instance}  on {} ({}), started {} times, newest event {}, last seen {}{notes}\n    accept it: central agent \
         resolve {} --plant {} --accept {instance}\n",
        it.host.as_deref().unwrap_or("an unknown computer"),
        it.peer_address.as_deref().unwrap_or("-"),
        it.instance.starts,
        it.newest_seq,
        moment(it.last_seen_at),
        divergence.agent_name,
        divergence.plant_name,
    )
}

fn moment(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}
