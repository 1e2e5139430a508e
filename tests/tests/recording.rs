//! Six hours of a real filling line, replayed through an enrolled agent: every piece and every stop arrives once, in
//! order, whatever happens on the way. `SEEDS=n` runs n seeds of each fault scenario, `SEED=n` that one.

use std::time::Duration;

use black_box::harness::agent::Agent;
use black_box::harness::faults::{KILLS, Mishap, WIRE, befall};
use black_box::harness::recording::{self, Recording};
use black_box::harness::seeds::{random, seeds};
use black_box::harness::{Site, wait};
use rand::RngExt as _;

/// Mishaps per seed.
const MISHAPS: usize = 8;
/// Six hours in about five seconds, so that mishaps hit the middle of it.
const SPEED: &str = "4000";

fn replay(agent: &mut Agent, recording: &Recording, speed: Option<&str>) -> anyhow::Result<()> {
    let file = recording.file.display().to_string();
    let mut arguments = vec![file.as_str()];
    arguments.extend(speed.into_iter().flat_map(|speed| ["--speed", speed]));
    agent.resume_as("replay", &arguments)
}

/// Everything there is to say about a recording that has arrived.
async fn verify(site: &Site, recording: &Recording) -> anyhow::Result<()> {
    let machine = &recording.machine;
    wait::until_equal("every piece", recording.pieces, || site.truth.pieces(machine)).await?;
    wait::until_equal("every stop", recording.stops, || site.truth.stops(machine)).await?;
    assert_eq!(site.truth.doubled().await?, 0, "sequences that became facts twice");
    assert_eq!(site.truth.missing("line-1").await?, 0, "sequences that became no fact");
    assert_eq!(site.truth.out_of_order(machine).await?, 0, "counts out of order");
    assert_eq!(site.truth.pieces_in_summary(machine).await?, recording.pieces, "the daily summary");
    assert_eq!(site.truth.number("SELECT count(*) FROM quarantined_events").await?, 0, "quarantined");
    assert_eq!(site.truth.number("SELECT count(*) FROM divergences").await?, 0, "false divergences");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_arrives_whole() -> anyhow::Result<()> {
    let Some(recording) = recording::filling_line() else { return Ok(()) };
    assert_eq!((recording.pieces, recording.stops), (140_453, 16), "the recording itself");
    let site = Site::start().await?;
    let mut agent = site.enrol("line-1", recording::MACHINE).await?;
    replay(&mut agent, &recording, None)?;
    let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
    assert_eq!(ended, Some(0), "{}", agent.log());
    verify(&site, &recording).await?;

    replay(&mut agent, &recording, None)?;
    let again = wait::until("the second replay to end", async || Ok(agent.ended())).await?;
    verify(&site, &recording).await?;
    assert!(again.is_some(), "the same file again adds nothing, and ends");
    Ok(())
}

async fn replay_through(mishaps: &[Mishap], seed: u64, recording: &Recording) -> anyhow::Result<()> {
    let mut random = random(seed);
    let mut site = Site::start().await?;
    let mut agent = site.enrol("line-1", recording::MACHINE).await?;
    let restart = |agent: &mut Agent| replay(agent, recording, Some(SPEED));
    restart(&mut agent)?;
    let mut happened = Vec::new();
    for _ in 0..MISHAPS {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..900))).await;
        happened.push(befall(&mut site, &mut agent, mishaps, &mut random, restart).await?);
    }
    let ended = wait::until("the replay to end", async || Ok(agent.ended().map(|code| (code, agent.log())))).await?;
    assert_eq!(ended.0, Some(0), "seed {seed}, {happened:?}: {}", ended.1);
    verify(&site, recording).await.map_err(|error| error.context(format!("seed {seed}: {happened:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_arrives_whole_whatever_is_killed() -> anyhow::Result<()> {
    let Some(recording) = recording::filling_line() else { return Ok(()) };
    for seed in seeds(4) {
        replay_through(&KILLS, seed, &recording).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_arrives_whole_whatever_the_wire_does() -> anyhow::Result<()> {
    let Some(recording) = recording::filling_line() else { return Ok(()) };
    for seed in seeds(4) {
        replay_through(&WIRE, seed, &recording).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_arrives_whole_when_everything_goes_wrong() -> anyhow::Result<()> {
    let Some(recording) = recording::filling_line() else { return Ok(()) };
    let everything: Vec<Mishap> = KILLS.into_iter().chain(WIRE).collect();
    for seed in seeds(4) {
        replay_through(&everything, 1_000 + seed, &recording).await?;
    }
    Ok(())
}
