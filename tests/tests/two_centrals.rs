//! Two central processes on one database: whichever an agent reaches, exactly once holds.

use std::time::Duration;

use black_box::harness::recording;
use black_box::harness::seeds::{random, seeds};
use black_box::harness::{Site, wait};
use rand::RngExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_thrown_from_one_central_to_the_other_arrives_whole() -> anyhow::Result<()> {
    let Some(recording) = recording::filling_line() else { return Ok(()) };
    for seed in seeds(2) {
        let mut random = random(seed);
        let site = Site::start().await?;
        let mut second = site.second_central()?;
        second.resume().await?;
        let mut agent = site.enrol("line-1", recording::MACHINE).await?;
        agent.resume_as("replay", &[&recording.file.display().to_string(), "--speed", "4000"])?;
        for round in 0..12 {
            tokio::time::sleep(Duration::from_millis(random.random_range(50..500))).await;
            site.wire.aim(if round % 2 == 0 { second.agents } else { site.central.agents });
        }
        let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
        assert_eq!(ended, Some(0), "seed {seed}: {}", agent.log());
        assert_eq!(site.truth.pieces(&recording.machine).await?, recording.pieces, "seed {seed}");
        assert_eq!(site.truth.stops(&recording.machine).await?, recording.stops, "seed {seed}");
        assert_eq!(site.truth.doubled().await?, 0, "seed {seed}");
        assert_eq!(site.truth.missing("line-1").await?, 0, "seed {seed}");
        assert_eq!(site.truth.out_of_order(&recording.machine).await?, 0, "seed {seed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_serve_at_once_and_one_that_dies_leaves_nothing_undone() -> anyhow::Result<()> {
    let Some(recording) = recording::filling_line() else { return Ok(()) };
    let mut site = Site::start().await?;
    let mut second = site.second_central()?;
    second.resume().await?;
    let mut agents = Vec::new();
    for (name, address) in [("line-1", None), ("line-2", Some(second.agents)), ("line-3", Some(second.agents))] {
        // Machines belong to one agent each: every agent has a filler of its own.
        let filler = format!("filler-{name}");
        let csv = std::fs::read_to_string(&recording.file)?.replace(&recording.machine, &filler);
        let file = site.folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, csv)?;
        let uplink = address.map_or_else(String::new, |address| {
            format!("[uplink]\nheartbeat_ms = 500\nretry_max_ms = 500\naddress = \"{address}\"\n")
        });
        let machine = recording::MACHINE.replace(&recording.machine, &filler);
        let mut agent = site.enrol(name, &format!("{uplink}{machine}")).await?;
        agent.resume_as("replay", &[&file.display().to_string(), "--speed", "4000"])?;
        agents.push((agent, filler));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.central.kill();
    site.wire.aim(second.agents);
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.central.resume().await?;
    for (agent, filler) in &mut agents {
        let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
        assert_eq!(ended, Some(0), "{}", agent.log());
        assert_eq!(site.truth.pieces(filler).await?, recording.pieces, "{filler}");
        assert_eq!(site.truth.stops(filler).await?, recording.stops, "{filler}");
        assert_eq!(site.truth.missing(&agent.name).await?, 0, "{filler}");
    }
    assert_eq!(site.truth.doubled().await?, 0);
    Ok(())
}
