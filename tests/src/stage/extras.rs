//! Who comes on stage only in some scenes: further agents, in any plant, and receivers of webhooks. All end with the stage.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use edge_agent::identity::Identity;
use edge_agent::uplink::link::{Address, Deadlines, Expected, Link};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::direction::{Answering, ExtraAgent};
use crate::harness::agent::Agent;
use crate::harness::receivers::WebhookReceiver;
use crate::harness::{Site, wait};

#[derive(Debug)]
pub(super) struct Extras {
    /// By what the director calls them: agents of different plants may have the same name.
    agents: BTreeMap<String, Agent>,
    receivers: Vec<WebhookReceiver>,
    recordings: TempDir,
}

impl Extras {
    pub(super) fn none_yet() -> anyhow::Result<Extras> {
        let recordings = tempfile::Builder::new().prefix("black-box-recordings-").tempdir()?;
        Ok(Extras { agents: BTreeMap::new(), receivers: Vec::new(), recordings })
    }

    /// Enrols an agent, which does not run yet.
    pub(super) async fn enrol(&mut self, site: &Site, called: String, agent: ExtraAgent) -> anyhow::Result<()> {
        let plant = (agent.plant.as_str(), agent.time_zone.as_str());
        let enrolled = site.enrol_into(plant, &agent.name, &agent.sections).await?;
        self.agents.insert(called, enrolled);
        Ok(())
    }

    /// What `edge-agent run` would be on a copy of the disk.
    pub(super) fn copy(&mut self, of: &str, called: String) -> anyhow::Result<()> {
        let copy = self.agent(of)?.cloned()?;
        self.agents.insert(called, copy);
        Ok(())
    }

    pub(super) fn run(&mut self, called: &str) -> anyhow::Result<()> {
        self.agent(called)?.resume()
    }

    pub(super) fn stop(&mut self, called: &str) -> anyhow::Result<()> {
        anyhow::ensure!(self.agent(called)?.stop(), "{called} did not stop: {}", self.agent(called)?.log());
        Ok(())
    }

    /// Replays rows of `at,machine,signal,value`: until central has them all, or, unless `sync`, until they are stored.
    pub(super) async fn replay(&mut self, called: &str, rows: &str, sync: bool) -> anyhow::Result<()> {
        let file = self.recordings.path().join("readings.csv");
        std::fs::write(&file, format!("at,machine,signal,value\n{rows}"))?;
        let file = file.display().to_string();
        let agent = self.agent(called)?;
        let arguments: &[&str] = if sync { &[&file] } else { &[&file, "--no-sync"] };
        agent.resume_as("replay", arguments)?;
        let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
        anyhow::ensure!(ended == Some(0), "the replay ended with {ended:?}: {}", agent.log());
        Ok(())
    }

    /// Sends bytes to central under an agent's own key, as a damaged or a newer agent would.
    pub(super) async fn send(&mut self, called: &str, frame: Vec<u8>) -> anyhow::Result<Value> {
        let identity = Identity::read(self.agent(called)?.data_dir())?.context("the agent is not enrolled")?;
        let deadlines = Deadlines { connect: Duration::from_secs(5), response: Duration::from_secs(20) };
        let expected = Expected::Key(identity.central_key);
        let mut link = Link::new(Address::parse(&identity.address)?, &identity.key()?, expected, deadlines)?;
        let (path, kind) = ("/agent/v1/sync", "application/octet-stream");
        let answer = link.post_within(deadlines.response, path, kind, Bytes::from(frame)).await?;
        Ok(json!({ "status": answer.status.as_u16(), "body": String::from_utf8_lossy(&answer.body) }))
    }

    /// Where a receiver listens that answers with these statuses in turn, then always with the last.
    pub(super) async fn receive(&mut self, Answering { statuses }: Answering) -> anyhow::Result<String> {
        let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
        let statuses: Vec<&str> = statuses.iter().map(String::as_str).collect();
        let receiver = WebhookReceiver::start("whatever it is signed with", &statuses).await?;
        let url = receiver.url();
        self.receivers.push(receiver);
        Ok(url)
    }

    pub(super) fn stop_all(&mut self) {
        for agent in self.agents.values_mut() {
            if agent.ended().is_none() {
                agent.stop();
            }
        }
    }

    fn agent(&mut self, called: &str) -> anyhow::Result<&mut Agent> {
        self.agents.get_mut(called).with_context(|| format!("no agent is called {called}"))
    }
}
