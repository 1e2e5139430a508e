//! Machines that count while everything around them fails: central's sum is what the machines counted.

use std::net::SocketAddr;
use std::time::Duration;

use black_box::harness::agent::Agent;
use black_box::harness::fault_proxy::FaultProxy;
use black_box::harness::faults::{KILLS, Mishap, WIRE, befall, befall_wire};
use black_box::harness::mosquitto::Mosquitto;
use black_box::harness::seeds::{random, seeds};
use black_box::harness::{Site, wait};
use black_box::plant::configuration::{Addresses, sections};
use black_box::plant::{Plant, PlantSettings};
use rand::RngExt as _;

const MISHAPS: usize = 10;

/// The plant, its broker and the wires from the agent to each.
struct Floor {
    plant: Plant,
    _broker: Mosquitto,
    to_broker: FaultProxy,
    to_press_1: FaultProxy,
    _state: tempfile::TempDir,
}

impl Floor {
    /// Machines that stand still and answer.
    async fn start(seed: u64) -> anyhow::Result<Floor> {
        let broker = Mosquitto::start().await?;
        let state = tempfile::tempdir()?;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let plant = Plant::start(PlantSettings {
            state_dir: state.path().to_owned(),
            seed,
            speed: 20.0,
            stretch: 1,
            held: true,
            modbus: [free, free],
            broker: Some(("127.0.0.1".into(), broker.port)),
        })
        .await?;
        let to_broker = FaultProxy::start(SocketAddr::from(([127, 0, 0, 1], broker.port))).await?;
        let to_press_1 = FaultProxy::start(plant.modbus[0]).await?;
        Ok(Floor { plant, _broker: broker, to_broker, to_press_1, _state: state })
    }

    fn sections(&self) -> String {
        sections(&Addresses {
            press_1: self.to_press_1.address,
            press_2: self.plant.modbus[1],
            broker: Some(("127.0.0.1", self.to_broker.address.port())),
            client_id: "line-1",
            interval_ms: 100,
            microstop_below_ms: None,
        })
    }
}

/// Every counter has its base, and the broker keeps a session. The machine that tells deltas says nothing while it stands
/// still, and needs no base.
async fn everybody_is_heard(site: &Site) -> anyhow::Result<()> {
    let sql = "SELECT count(*) FROM machine_live l JOIN machines m ON m.id = l.machine_id
               WHERE l.last_reading_at IS NOT NULL AND m.name <> 'packer-1'";
    wait::until_equal("every counter to be heard", 4, || site.truth.number(sql)).await
}

async fn everything_arrived(site: &Site, floor: &Floor) -> anyhow::Result<()> {
    wait::until("the machines to tell what they made", async || {
        let truth = floor.plant.truth();
        if truth.values().all(|it| it.made == it.told) { Ok(Some(())) } else { Err(anyhow::anyhow!("{truth:?}")) }
    })
    .await?;
    for (machine, truth) in floor.plant.truth() {
        let made = i64::try_from(truth.made)?;
        assert!(made > 0, "{machine} made nothing, so that nothing is proven");
        wait::until_equal(&format!("every piece of {machine}"), made, || site.truth.pieces(machine)).await?;
    }
    assert_eq!(site.truth.doubled().await?, 0, "sequences that became facts twice");
    assert_eq!(site.truth.missing("line-1").await?, 0, "sequences that became no fact");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_live_machines_count_arrives_and_a_rollover_is_no_loss() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let floor = Floor::start(1).await?;
    let mut agent = site.enrol("line-1", &floor.sections()).await?;
    agent.resume()?;
    everybody_is_heard(&site).await?;
    floor.plant.work();
    let rolled_over = "SELECT count(*) FROM production_logs WHERE basis = 'rollover'";
    wait::until_equal("the 16-bit counter to roll over", true, async || Ok(site.truth.number(rolled_over).await? > 0))
        .await?;
    wait::until_equal("the Sparkplug machine to count", true, async || Ok(site.truth.pieces("mixer-1").await? > 20))
        .await?;
    floor.plant.hold();
    everything_arrived(&site, &floor).await?;
    assert!(agent.stop(), "the agent stops when asked: {}", agent.log());
    assert!(site.truth.stops("press-1").await? <= i64::try_from(floor.plant.truth().len() * 1_000)?);
    Ok(())
}

async fn count_through(seed: u64) -> anyhow::Result<()> {
    let mut random = random(seed);
    let mut site = Site::start().await?;
    let floor = Floor::start(seed).await?;
    let mut agent = site.enrol("line-1", &floor.sections()).await?;
    agent.resume()?;
    everybody_is_heard(&site).await?;
    floor.plant.work();
    let mut happened = Vec::new();
    for _ in 0..MISHAPS {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..700))).await;
        if random.random_bool(0.5) {
            let mishap = WIRE[random.random_range(0..WIRE.len())];
            let wire = if random.random_bool(0.7) { &floor.to_broker } else { &floor.to_press_1 };
            befall_wire(wire, mishap, Duration::from_millis(random.random_range(0..500)), &mut random).await;
            happened.push(mishap);
        } else {
            let everything: Vec<Mishap> = KILLS.into_iter().chain(WIRE).collect();
            happened.push(befall(&mut site, &mut agent, &everything, &mut random, Agent::resume).await?);
        }
    }
    floor.plant.hold();
    everything_arrived(&site, &floor)
        .await
        .map_err(|error| error.context(format!("seed {seed}: {happened:?}\n{}", agent.log())))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_piece_is_lost_or_doubled_whatever_fails_around_live_machines() -> anyhow::Result<()> {
    for seed in seeds(4) {
        count_through(seed).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_while_central_was_away_arrives_when_it_is_back() -> anyhow::Result<()> {
    let mut site = Site::start().await?;
    let floor = Floor::start(3).await?;
    let mut agent = site.enrol("line-1", &floor.sections()).await?;
    agent.resume()?;
    everybody_is_heard(&site).await?;
    site.central.kill();
    site.cluster.kill();
    floor.plant.work();
    wait::until_equal("a backlog", true, async || {
        let status = agent.status().await?;
        Ok(status["log"]["backlog_events"].as_u64().unwrap_or(0) > 100)
    })
    .await?;
    floor.plant.hold();
    // What central does not know yet must survive the agent's own end.
    agent.kill();
    agent.resume()?;
    site.cluster.resume().await?;
    site.central.resume().await?;
    everything_arrived(&site, &floor).await
}
