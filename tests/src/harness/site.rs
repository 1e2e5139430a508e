//! PostgreSQL, central and the wire to it: what every scenario begins with.

use std::net::SocketAddr;

use anyhow::Context as _;
use tempfile::TempDir;

use super::agent::Agent;
use super::central::{Central, CentralSettings};
use super::fault_proxy::FaultProxy;
use super::postgres::Cluster;
use super::program::free_port;
use super::truth::Truth;

/// The plant that agents of a site are enrolled into.
pub const PLANT: &str = "test-plant";

#[derive(Debug)]
pub struct Site {
    // In the order in which things are to end.
    pub central: Central,
    pub cluster: Cluster,
    /// Between agents and central.
    pub wire: FaultProxy,
    pub truth: Truth,
    pub folder: TempDir,
}

impl Site {
    /// Everything running and ready.
    pub async fn start() -> anyhow::Result<Site> {
        Site::around(Cluster::start().await?).await
    }

    /// The same on a database that commits as durably as in production: for figures.
    pub async fn start_durable() -> anyhow::Result<Site> {
        Site::around(Cluster::start_durable().await?).await
    }

    async fn around(cluster: Cluster) -> anyhow::Result<Site> {
        let folder = tempfile::Builder::new().prefix("black-box-central-").tempdir()?;
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let agents = loopback(free_port()?);
        let wire = FaultProxy::start(agents).await?;
        let mut central = Central::new(CentralSettings {
            data_dir: folder.path().join("data"),
            database_url: cluster.url(),
            agents,
            web: loopback(free_port()?),
            public_address: wire.address.to_string(),
            log: folder.path().join("central.log"),
        })?;
        central.resume().await?;
        central.make_token().await?;
        let truth = Truth::of(cluster.pool()?);
        Ok(Site { central, cluster, wire, truth, folder })
    }

    /// A second central process on the same database, with the same key and ports of its own.
    pub fn second_central(&self) -> anyhow::Result<Central> {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut second = Central::new(CentralSettings {
            data_dir: self.folder.path().join("data"),
            database_url: self.cluster.url(),
            agents: loopback(free_port()?),
            web: loopback(free_port()?),
            public_address: self.wire.address.to_string(),
            log: self.folder.path().join("central-2.log"),
        })?;
        second.token.clone_from(&self.central.token);
        Ok(second)
    }

    /// A code that enrols an agent of this name.
    pub async fn invite(&self, name: &str) -> anyhow::Result<String> {
        self.invite_into(PLANT, "Europe/Vienna", name).await
    }

    /// The same in a plant that is made if there is none of this name.
    pub async fn invite_into(&self, plant: &str, time_zone: &str, name: &str) -> anyhow::Result<String> {
        let arguments = ["agent", "invite", name, "--plant", plant, "--time-zone", time_zone, "--json"];
        let invited = self.central.run(&arguments).await?.json()?;
        Ok(invited["code"].as_str().context("an invitation has a code")?.to_owned())
    }

    /// A configured and enrolled agent that is not running yet.
    pub async fn enrol(&self, name: &str, sections: &str) -> anyhow::Result<Agent> {
        let agent = Agent::new(name, sections)?;
        self.enrol_as_it_is(&agent).await?;
        Ok(agent)
    }

    pub async fn enrol_as_it_is(&self, agent: &Agent) -> anyhow::Result<()> {
        enrol_with(agent, &self.invite(&agent.name).await?).await
    }

    /// A configured and enrolled agent of another plant, which is made if there is none of this name.
    pub async fn enrol_into(
        &self,
        (plant, time_zone): (&str, &str),
        name: &str,
        sections: &str,
    ) -> anyhow::Result<Agent> {
        let agent = Agent::new(name, sections)?;
        enrol_with(&agent, &self.invite_into(plant, time_zone, name).await?).await?;
        Ok(agent)
    }
}

async fn enrol_with(agent: &Agent, code: &str) -> anyhow::Result<()> {
    agent.run("enroll", &[code]).await?.success().context("edge-agent enroll").map(drop)
}
