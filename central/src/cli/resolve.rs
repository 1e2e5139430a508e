//! `central agent resolve`: two histories under one name, or a central that was restored, and a person's decision.

use anyhow::bail;
use chrono::{DateTime, Utc};
use protocol::id::{Instance, Name};
use protocol::reply::DivergenceReason;

use super::agent::{Which, now, who};
use crate::agents::divergence::{self, Claimant, Divergence, Resolved};
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
        let resolved = divergence::store::resolve(&database.pool, agent.id, accepted, &who(), now()).await?;
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
        for found in known.into_iter().filter(|it| it.is_only_central_restored() && in_plant(it)) {
            let Some(living) = found.only_living() else {
                left.push((found, "several processes claim its log".to_owned()));
                continue;
            };
            let instance = living.instance;
            match divergence::store::resolve(&database.pool, found.agent_id, instance, &who(), now()).await {
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

fn resolved_text(of: &Divergence, accepted: Instance, resolved: Resolved) -> String {
    let mut text = format!(
        "{}/{} goes on with {} in epoch {}, after event {}, when it asks next (within a minute).",
        of.plant_name,
        of.agent_name,
        spell_instance(accepted),
        resolved.epoch.0,
        resolved.after
    );
    if let Some((first, last)) = resolved.lost {
        text.push_str(&format!(
            " Events {first} to {last}, {} of them, are not in the backup that central was restored from: they are \
             recorded as a gap.",
            last.0 - first.0 + 1
        ));
    }
    if of.instances.iter().any(|it| it.instance != accepted) {
        text.push_str(
            " Every other process stays refused: stop it, and enrol its computer anew if it is to stay. If the accepted \
             one is started again before it has asked, resolve again and accept the one that shows then.",
        );
    }
    text
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

/// What a person should do, and know before.
fn advice(reason: DivergenceReason) -> &'static str {
    match reason {
        DivergenceReason::ClaimedByAgent => {
            "Accept the one that was seen last: it goes on with everything that it still holds. What central no longer has \
             and the agent has forgotten is recorded as a gap. If a newer backup of central's database exists, restore \
             that one before you accept. After a restore every agent may be in this state; one command accepts them all: \
             central agent resolve --central-restored"
        }
        DivergenceReason::Rewound => {
            "An agent's log went back to an older copy: a restored disk, image or snapshot. Its counters stand where they \
             stood in that copy, so pieces that central has already would be counted a second time if it is accepted as \
             it is. Better: on its computer stop edge-agent, move agent.db, agent.db-wal and agent.db-shm away, start \
             edge-agent, wait a minute, show this again, and accept the process that shows last; its counters begin \
             with a baseline. See \"A PC restored from an old image\" in docs/operations.md. The others stay refused, and \
             their first refused batches are kept here."
        }
        DivergenceReason::Content | DivergenceReason::Copied => {
            "Accept the one that watches the machines from here on: its events that are not committed yet become facts \
             too. The others stay refused; what they captured since the fork stays in their own files (`edge-agent \
             buffer export`), and their first refused batches are kept here. If the one that is to go on runs from an \
             older copy of the log, pieces that central has already would be counted a second time: move its agent.db \
             away first, see \"Two histories\" in docs/operations.md."
        }
    }
}

fn moment(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}

fn spell_instance(instance: Instance) -> String {
    format!("{}/{:016x}", instance.starts, instance.id)
}

/// From what [`spell_instance`] wrote.
fn instance(text: &str) -> Result<Instance, String> {
    let parse = || {
        let (starts, id) = text.split_once('/')?;
        Some(Instance { starts: starts.parse().ok()?, id: u64::from_str_radix(id, 16).ok()? })
    };
    parse().ok_or_else(|| {
        format!("{text:?} is no process as `central agent resolve` shows it, such as 3/00c0ffee00c0ffee")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_typed_as_it_is_shown() {
        let shown = Instance { starts: 3, id: 0xc0ffee };
        assert_eq!(instance(&spell_instance(shown)), Ok(shown));
        for wrong in ["", "3", "3/", "x/1", "3/xyz", "3/1/1"] {
            assert!(instance(wrong).is_err(), "{wrong}");
        }
    }
}
