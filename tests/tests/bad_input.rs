//! What is wrong out there has a clear outcome in the log, in the agent's status and in central's API, holds up nobody
//! else, and loses nothing that was said to be stored.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use black_box::harness::agent::Agent;
use black_box::harness::mosquitto::Mosquitto;
use black_box::harness::program::free_port;
use black_box::harness::{Site, wait};
use black_box::plant::broker::BrokerConnection;
use black_box::plant::configuration::{Addresses, sections};
use black_box::plant::{Plant, PlantSettings};

async fn presses(state: &Path, held: bool, broker: Option<u16>) -> anyhow::Result<Plant> {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    Plant::start(PlantSettings {
        state_dir: state.to_owned(),
        seed: 9,
        speed: 10.0,
        stretch: 1,
        held,
        modbus: [free, free],
        broker: broker.map(|port| ("127.0.0.1".into(), port)),
    })
    .await
}

fn listening_to(plant: &Plant, broker: Option<u16>) -> String {
    sections(&Addresses {
        press_1: plant.modbus[0],
        press_2: plant.modbus[1],
        broker: broker.map(|port| ("127.0.0.1", port)),
        client_id: "line-1",
        interval_ms: 100,
        microstop_below_ms: None,
    })
}

async fn heard(site: &Site, machine: &str) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT count(*) FROM machine_live l JOIN machines m ON m.id = l.machine_id
         WHERE m.name = '{machine}' AND l.last_reading_at IS NOT NULL"
    );
    wait::until_equal(&format!("{machine} to be heard"), 1, || site.truth.number(&sql)).await
}

async fn every_piece(site: &Site, plant: &Plant, machine: &str) -> anyhow::Result<()> {
    let made = i64::try_from(plant.truth()[machine].made)?;
    assert!(made > 0, "{machine} made nothing");
    wait::until_equal(&format!("every piece of {machine}"), made, || site.truth.pieces(machine)).await
}

/// The API's text about agents, once it says `word`.
async fn api_says(site: &Site, word: &str) -> anyhow::Result<String> {
    wait::until(&format!("the API to say {word:?}"), async || {
        let agents = site.central.get("/api/v1/agents").await?;
        if agents.contains(word) { Ok(Some(agents)) } else { Err(anyhow::anyhow!(agents)) }
    })
    .await
}

/// Runs a replay of these rows to its end.
async fn replay(site: &Site, agent: &mut Agent, rows: &str) -> anyhow::Result<()> {
    let file = site.folder.path().join(format!("{}.csv", agent.name));
    std::fs::write(&file, format!("at,machine,signal,value\n{rows}"))?;
    agent.resume_as("replay", &[&file.display().to_string()])?;
    let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
    anyhow::ensure!(ended == Some(0), "{ended:?}: {}", agent.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_plc_is_told_and_holds_up_nobody() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let state = tempfile::tempdir()?;
    let plant = presses(state.path(), true, None).await?;
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let text = listening_to(&plant, None).replace(&plant.modbus[1].to_string(), &nobody.to_string());
    let mut agent = site.enrol("line-1", &text).await?;
    agent.resume()?;
    heard(&site, "press-1").await?;
    plant.work();
    let found = wait::until("the status to say that press-2 is down", async || {
        let status = agent.status().await?;
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        Ok(conditions.into_iter().find(|it| {
            it["subject"].as_str().is_some_and(|subject| subject.contains("press-2")) && it["health"] == "down"
        }))
    })
    .await?;
    assert!(!found["reason"].as_str().unwrap_or_default().is_empty(), "{found}");
    api_says(&site, "press-2-plc").await?;
    assert!(agent.log().contains("press-2-plc"), "{}", agent.log());
    wait::until_equal("press-1 to go on", true, async || Ok(site.truth.pieces("press-1").await? > 50)).await?;
    plant.hold();
    every_piece(&site, &plant, "press-1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_understood_is_set_aside_and_stops_nothing() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let broker = Mosquitto::start().await?;
    let state = tempfile::tempdir()?;
    let plant = presses(state.path(), true, Some(broker.port)).await?;
    let mut agent = site.enrol("line-1", &listening_to(&plant, Some(broker.port))).await?;
    agent.resume()?;
    heard(&site, "oven-1").await?;
    let (stranger, _incoming) = BrokerConnection::open("stranger", "127.0.0.1", broker.port, None);
    for payload in [&b"{not json"[..], b"", b"{\"total\": \"many\"}", b"{\"state\": \"running\"}", &[0xff; 300]] {
        stranger.publish("plant/oven-1/total", payload).await;
    }
    stranger.publish("plant/packer-1/delta", b"{\"id\": \"x\", \"pieces\": 1.5, \"state\": 7}").await;
    stranger.publish("plant/oven-1/unknown", b"{\"total\": 1000000}").await;
    stranger.publish("spBv1.0/plant/DDATA/gateway-1/mixer-1", b"\xff\xff\xff\xff").await;
    plant.work();
    wait::until("the API to count them", async || {
        let agents = site.central.api("/api/v1/agents").await?;
        let poison = agents["agents"][0]["poison_messages"]
            .as_i64()
            .or_else(|| agents["agents"][0]["status"]["poison_messages"].as_i64());
        if poison.is_some_and(|count| count >= 6) { Ok(Some(())) } else { Err(anyhow::anyhow!("{agents}")) }
    })
    .await?;
    wait::until_equal("the oven to go on", true, async || Ok(site.truth.pieces("oven-1").await? > 20)).await?;
    plant.hold();
    wait::until("the machines to tell what they made", async || {
        Ok(plant.truth().values().all(|it| it.made == it.told).then_some(()))
    })
    .await?;
    for machine in ["oven-1", "packer-1", "mixer-1", "press-1"] {
        every_piece(&site, &plant, machine).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_central_with_another_key_is_told_nothing() -> anyhow::Result<()> {
    let mut site = Site::start().await?;
    let state = tempfile::tempdir()?;
    let plant = presses(state.path(), true, None).await?;
    let mut agent = site.enrol("line-1", &listening_to(&plant, None)).await?;
    agent.resume()?;
    heard(&site, "press-1").await?;
    site.central.kill();
    let data = site.folder.path().join("data");
    let kept = site.folder.path().join("kept");
    std::fs::rename(&data, &kept)?;
    site.central.resume().await?;
    let mark = site.truth.mark("line-1").await?;
    plant.work();
    wait::until("the agent to say that this is not its central", async || {
        let status = agent.status().await?;
        let text = status.to_string();
        let said = status["central"]["state"] != "connected" && text.contains("key");
        if said { Ok(Some(())) } else { Err(anyhow::anyhow!(text)) }
    })
    .await?;
    assert!(agent.log().contains("key"), "{}", agent.log());
    wait::until_equal("press-1 to work", true, async || Ok(plant.truth()["press-1"].made > 0)).await?;
    assert_eq!(site.truth.mark("line-1").await?, mark, "a stranger was told something");
    plant.hold();
    site.central.kill();
    std::fs::remove_dir_all(&data)?;
    std::fs::rename(&kept, &data)?;
    site.central.resume().await?;
    every_piece(&site, &plant, "press-1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_disabled_keeps_everything_until_it_is_enabled_again() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let state = tempfile::tempdir()?;
    let plant = presses(state.path(), true, None).await?;
    let mut agent = site.enrol("line-1", &listening_to(&plant, None)).await?;
    agent.resume()?;
    heard(&site, "press-1").await?;
    site.central.run(&["agent", "disable", "line-1"]).await?.success()?;
    wait::until("the agent to be refused", async || {
        let status = agent.status().await?;
        let refused = status["central"]["state"] == "refused";
        if refused { Ok(Some(())) } else { Err(anyhow::anyhow!("{}", status["central"])) }
    })
    .await?;
    let mark = site.truth.mark("line-1").await?;
    plant.work();
    wait::until_equal("a backlog", true, async || {
        Ok(agent.status().await?["log"]["backlog_events"].as_u64().unwrap_or(0) > 20)
    })
    .await?;
    plant.hold();
    assert_eq!(site.truth.mark("line-1").await?, mark, "a disabled agent was listened to");
    assert!(agent.log().contains("disabled"), "{}", agent.log());
    site.central.run(&["agent", "enable", "line-1"]).await?.success()?;
    every_piece(&site, &plant, "press-1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_claims_to_come_from_the_future_is_quarantined_and_the_rest_arrives() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let machine = black_box::harness::recording::MACHINE;
    let mut agent = site.enrol("line-1", machine).await?;
    let rows = "2026-01-05T10:00:00Z,filler-1,count,5\n\
                2026-01-05T10:00:02Z,filler-1,count,6\n\
                2099-01-05T10:00:04Z,filler-1,count,100\n";
    replay(&site, &mut agent, rows).await?;
    wait::until_equal("the pieces of the present", 11, || site.truth.pieces("filler-1")).await?;
    let future = "SELECT count(*) FROM quarantined_events WHERE reason = 'future'";
    assert!(site.truth.number(future).await? >= 1, "the future is kept apart");
    let latest = "SELECT count(*) FROM production_logs WHERE at > '2098-01-01'";
    assert_eq!(site.truth.number(latest).await?, 0);
    assert_eq!(site.truth.missing("line-1").await?, 0);
    api_says(&site, "quarantine").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_another_agent_is_not_taken_over() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let machine = black_box::harness::recording::MACHINE;
    let rows = "2026-01-05T10:00:00Z,filler-1,count,5\n2026-01-05T10:00:02Z,filler-1,count,6\n";
    let mut owner = site.enrol("line-1", machine).await?;
    replay(&site, &mut owner, rows).await?;
    wait::until_equal("the owner's pieces", 11, || site.truth.pieces("filler-1")).await?;
    let mut other = site.enrol("line-2", machine).await?;
    replay(&site, &mut other, rows).await?;
    let quarantined = "SELECT count(*) FROM quarantined_events WHERE reason = 'machine_of_another_agent'";
    wait::until_equal("the other's to be kept apart", true, async || Ok(site.truth.number(quarantined).await? >= 2))
        .await?;
    assert_eq!(site.truth.pieces("filler-1").await?, 11);
    assert_eq!(site.truth.missing("line-2").await?, 0, "kept, not lost");
    Ok(())
}

/// A folder on a small disk of its own; needs root.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> anyhow::Result<Option<SmallDisk>> {
        let folder = tempfile::tempdir()?;
        let options = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output()?;
        if !mounted.status.success() {
            #[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
            {
                eprintln!("skipped: cannot mount a small disk: {}", String::from_utf8_lossy(&mounted.stderr).trim());
            }
            return Ok(None);
        }
        Ok(Some(SmallDisk(folder)))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_loses_nothing_and_heals() -> anyhow::Result<()> {
    let Some(disk) = SmallDisk::mount(24)? else { return Ok(()) };
    let mut site = Site::start().await?;
    let state = tempfile::tempdir()?;
    let plant = presses(state.path(), true, None).await?;
    let text = listening_to(&plant, None);
    let mut agent = Agent::new("line-1", &text)?;
    agent.set_data_dir(&disk.0.path().join("agent"), &text)?;
    site.enrol_as_it_is(&agent).await?;
    agent.resume()?;
    heard(&site, "press-1").await?;
    site.central.kill();
    let ballast = disk.0.path().join("ballast");
    // Until not one byte fits any more.
    let _ = Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", ballast.display())).arg("bs=4k").output()?;
    plant.work();
    wait::until("the status to say that the disk is full", async || {
        let status = agent.status().await?;
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let told = conditions.iter().any(|it| {
            it["kind"] == "buffer"
                && it["health"] != "good"
                && it["reason"].as_str().is_some_and(|it| it.contains("full"))
        });
        if told { Ok(Some(())) } else { Err(anyhow::anyhow!("{}", status["conditions"])) }
    })
    .await?;
    assert!(agent.log().contains("full"), "{}", agent.log());
    std::fs::remove_file(&ballast)?;
    plant.hold();
    site.central.resume().await?;
    every_piece(&site, &plant, "press-1").await?;
    assert_eq!(site.truth.doubled().await?, 0);
    drop(agent);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_refused_while_running_and_a_right_one_taken() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let state = tempfile::tempdir()?;
    let plant = presses(state.path(), false, None).await?;
    let text = listening_to(&plant, None);
    let mut agent = site.enrol("line-1", &text).await?;
    agent.resume()?;
    heard(&site, "press-1").await?;
    agent.configure(&text.replace("interval_ms", "interval_msec"))?;
    agent.signal("HUP");
    wait::until("the refusal in the log", async || Ok(agent.log().contains("interval_msec").then_some(()))).await?;
    let before = site.truth.pieces("press-1").await?;
    wait::until_equal("the machine to go on", true, async || Ok(site.truth.pieces("press-1").await? > before + 20))
        .await?;
    let without_press_2 = text.replace("press-2", "press-3");
    agent.configure(&without_press_2)?;
    agent.signal("HUP");
    heard(&site, "press-3").await
}
