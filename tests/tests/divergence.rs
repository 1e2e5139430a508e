//! One agent's name, two histories: a cloned disk, a restored backup, of an agent or of central. Neither is believed
//! blindly, nothing of either is lost, and a person's command ends it.

use anyhow::Context as _;
use black_box::harness::agent::Agent;
use black_box::harness::{Site, wait};
use black_box::plant::configuration::{Addresses, sections};
use black_box::plant::{Plant, PlantSettings};

struct Presses {
    plant: Plant,
    _state: tempfile::TempDir,
}

impl Presses {
    async fn start() -> anyhow::Result<Presses> {
        let state = tempfile::tempdir()?;
        let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let plant = Plant::start(PlantSettings {
            state_dir: state.path().to_owned(),
            seed: 5,
            speed: 20.0,
            stretch: 1,
            held: false,
            modbus: [free, free],
            broker: None,
        })
        .await?;
        Ok(Presses { plant, _state: state })
    }

    fn sections(&self) -> String {
        sections(&Addresses {
            press_1: self.plant.modbus[0],
            press_2: self.plant.modbus[1],
            broker: None,
            client_id: "line-1",
            interval_ms: 100,
            microstop_below_ms: None,
        })
    }
}

async fn mark_passes(site: &Site, mark: i64) -> anyhow::Result<()> {
    wait::until_equal(&format!("central to pass {mark}"), true, async || Ok(site.truth.mark("line-1").await? > mark))
        .await
}

async fn open_divergences(site: &Site) -> anyhow::Result<i64> {
    site.truth.number("SELECT count(*) FROM divergences WHERE resolved_at IS NULL").await
}

/// What everybody must be able to see.
async fn is_refused_and_visible(site: &Site, agents: &[&Agent]) -> anyhow::Result<()> {
    wait::until_equal("the divergence to be recorded", 1, || open_divergences(site)).await?;
    let alarms = "SELECT count(*) FROM alarms WHERE code LIKE '%diverg%' AND active";
    wait::until_equal("an alarm", true, async || Ok(site.truth.number(alarms).await? > 0)).await?;
    wait::until("the agents' own status to say it", async || {
        for agent in agents {
            if agent.status().await?["central"]["state"] == "diverged" {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
    .await?;
    let api = site.central.api("/api/v1/agents").await?;
    assert!(api.to_string().contains("diverg"), "the API says it: {api}");
    assert!(site.central.log().contains("diverg"), "the log says it");
    Ok(())
}

/// Facts are kept as they were, and none is there twice.
async fn nothing_is_lost_or_doubled(site: &Site, facts_before: i64) -> anyhow::Result<()> {
    assert!(site.truth.number("SELECT count(*) FROM production_logs").await? >= facts_before);
    assert_eq!(site.truth.doubled().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_runs_twice_is_refused_until_a_person_decides() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let presses = Presses::start().await?;
    let mut first = site.enrol("line-1", &presses.sections()).await?;
    first.resume()?;
    mark_passes(&site, 20).await?;
    assert!(first.stop());
    let mut second = first.cloned()?;
    first.resume()?;
    mark_passes(&site, site.truth.mark("line-1").await?).await?;
    let facts = site.truth.number("SELECT count(*) FROM production_logs").await?;
    second.resume()?;
    is_refused_and_visible(&site, &[&first, &second]).await?;
    nothing_is_lost_or_doubled(&site, facts).await?;
    let listed = site.central.run(&["agent", "resolve", "line-1"]).await?.success()?;
    for agent in [&first, &second] {
        let process = agent.status().await?["log"]["process"].as_str().context("it says who it is")?.to_owned();
        assert!(listed.contains(&process), "{process} is not in {listed}");
    }

    // The person stops the copy and keeps the first.
    second.kill();
    resolve_for(&site, true).await?;
    assert_eq!(open_divergences(&site).await?, 0);
    let rows = "SELECT count(*) FROM production_logs";
    let facts = site.truth.number(rows).await?;
    wait::until_equal("facts to arrive again", true, async || Ok(site.truth.number(rows).await? > facts + 5)).await?;
    nothing_is_lost_or_doubled(&site, facts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_restored_from_an_old_copy_is_refused_until_a_person_decides() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let presses = Presses::start().await?;
    let mut agent = site.enrol("line-1", &presses.sections()).await?;
    agent.resume()?;
    mark_passes(&site, 10).await?;
    assert!(agent.stop());
    let backup = agent.back_up()?;
    let mark = site.truth.mark("line-1").await?;
    agent.resume()?;
    mark_passes(&site, mark + 20).await?;
    agent.kill();
    agent.restore(&backup)?;
    let facts = site.truth.number("SELECT count(*) FROM production_logs").await?;
    agent.resume()?;
    is_refused_and_visible(&site, &[&agent]).await?;
    nothing_is_lost_or_doubled(&site, facts).await?;

    resolve_for(&site, false).await?;
    let rows = "SELECT count(*) FROM production_logs";
    wait::until_equal("facts to arrive again", true, async || Ok(site.truth.number(rows).await? > facts + 5)).await?;
    assert_eq!(open_divergences(&site).await?, 0);
    nothing_is_lost_or_doubled(&site, facts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_central_that_was_restored_from_an_old_backup_says_so_and_one_command_goes_on() -> anyhow::Result<()> {
    let mut site = Site::start().await?;
    let presses = Presses::start().await?;
    let mut agent = site.enrol("line-1", &presses.sections()).await?;
    agent.resume()?;
    mark_passes(&site, 20).await?;
    assert!(site.central.stop());
    site.cluster.back_up().await?;
    let mark = site.truth.mark("line-1").await?;
    site.central.resume().await?;
    mark_passes(&site, mark + 20).await?;
    assert!(site.central.stop());
    let lost = site.truth.mark("line-1").await? - mark;
    site.cluster.restore().await?;
    assert_eq!(site.truth.mark("line-1").await?, mark);
    let facts = site.truth.number("SELECT count(*) FROM production_logs").await?;
    site.central.resume().await?;
    is_refused_and_visible(&site, &[&agent]).await?;
    agent.until_health("central", "down").await?;
    let list = site.central.run(&["agent", "list"]).await?.success()?;
    assert!(list.contains("diverged"), "{list}");
    let doctor = site.central.run(&["doctor"]).await?;
    assert!(doctor.stdout.contains("central agent resolve --central-restored"), "{doctor:?}");
    let told = site.central.run(&["agent", "resolve", "line-1"]).await?.success()?;
    assert!(told.contains("is ahead of central") && told.contains("--central-restored"), "{told}");

    let done = site.central.run(&["agent", "resolve", "--central-restored"]).await?.success()?;
    assert!(done.contains("line-1 goes on") && done.contains("1 agents go on"), "{done}");
    let rows = "SELECT count(*) FROM production_logs";
    wait::until_equal("facts to arrive again", true, async || Ok(site.truth.number(rows).await? > facts + 5)).await?;
    assert_eq!(open_divergences(&site).await?, 0);
    assert_eq!(site.truth.number("SELECT lost FROM gaps WHERE cause = 'central_restored'").await?, lost);
    let api = site.central.api("/api/v1/agents").await?;
    assert!(api.to_string().contains(&format!("\"lost\":{lost}")), "{api}");
    nothing_is_lost_or_doubled(&site, facts).await?;
    let nothing = site.central.run(&["agent", "resolve", "--central-restored"]).await?.success()?;
    assert!(nothing.contains("0 agents go on"), "{nothing}");
    Ok(())
}

/// The commands of a person who asks what happened, and then decides for the process whose events are the facts, or for
/// the other one.
async fn resolve_for(site: &Site, listened_to: bool) -> anyhow::Result<()> {
    let told = site.central.run(&["agent", "resolve", "line-1", "--json"]).await?.json()?;
    let instances = told["instances"].as_array().cloned().unwrap_or_default();
    let accepted = instances
        .iter()
        .find(|it| it["listened_to"] == listened_to)
        .and_then(|it| it["instance"].as_str())
        .with_context(|| format!("no process to accept: {told}"))?;
    site.central.run(&["agent", "resolve", "line-1", "--accept", accepted]).await?.success().map(drop)
}
