//! A stop that an agent told, corrected through central's API: what was said stays, what counts changes, and nothing of it
//! disturbs the agent's log.

use black_box::harness::{Site, recording, wait};
use serde_json::{Value, json};

const ROWS: &str = "at,machine,signal,value
2026-01-05T10:00:00Z,filler-1,state,running
2026-01-05T10:00:05Z,filler-1,count,5
2026-01-05T10:10:00Z,filler-1,state,stopped
2026-01-05T10:40:00Z,filler-1,state,running
2026-01-05T10:40:10Z,filler-1,count,7
";

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_a_real_agent_is_split_and_explained_at_central() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let mut agent = site.enrol("line-1", recording::MACHINE).await?;
    let file = site.folder.path().join("morning.csv");
    std::fs::write(&file, ROWS)?;
    agent.resume_as("replay", &[&file.display().to_string()])?;
    let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
    anyhow::ensure!(ended == Some(0), "{ended:?}: {}", agent.log());
    site.truth
        .execute(
            "INSERT INTO reasons (plant_id, code, title, applies_to, planned)
             SELECT id, c, c, 'downtime', c = 'break' FROM plants, unnest('{jam,break}'::text[]) c",
        )
        .await?;
    let machine = site.truth.number("SELECT id::bigint FROM machines WHERE name = 'filler-1'").await?;
    let stops = format!("/api/v1/machines/{machine}/stops");
    let span = "from=2026-01-05T09:00:00Z&to=2026-01-05T12:00:00Z";
    let told = site.central.api(&format!("{stops}?{span}")).await?;
    let stop = &told["stops"][0];
    assert_eq!((&stop["began_at"], &stop["lasted_us"]), (&json!("2026-01-05T10:10:00Z"), &json!(1_800_000_000)));
    assert_eq!((&stop["state"], &stop["unexplained"]), (&json!("stopped"), &json!(true)));

    let at = |stop: &Value, what: &str| format!("{stops}/{}/{}/{what}", stop["agent_id"], stop["stop"]);
    let split = json!({ "id": "00000000-0000-4000-8000-000000000001", "from": "2026-01-05T10:20:00Z" });
    let (status, answer) = site.central.send("POST", &at(stop, "split"), &split).await?;
    assert_eq!(status, 200, "{answer}");
    let (again, repeated) = site.central.send("POST", &at(stop, "split"), &split).await?;
    assert_eq!((again, &repeated["already"], &repeated["stops"]), (200, &json!(true), &answer["stops"]));
    for (key, part, reason) in [(2, 0, "jam"), (3, 1, "break")] {
        let id = format!("00000000-0000-4000-8000-00000000000{key}");
        let part = &answer["stops"][part];
        let (status, answer) =
            site.central.send("POST", &at(part, "reason"), &json!({ "id": id, "reason": reason })).await?;
        assert_eq!(status, 200, "{answer}");
    }

    let shown = site.central.api(&format!("{stops}?{span}&history=true")).await?;
    let parts: Vec<(&Value, &Value, &Value)> = shown["stops"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| (&it["stop"], &it["lasted_us"], &it["reason"]["code"]))
        .collect();
    assert_eq!(
        parts,
        [(&json!(-1), &json!(1_200_000_000), &json!("break")), (&json!(1), &json!(600_000_000), &json!("jam")),]
    );
    let audit = site.central.api("/api/v1/audit").await?.to_string();
    assert!(audit.contains("stop.split") && audit.contains("stop.reason"), "{audit}");
    let events = site.central.api(&format!("/api/v1/machines/{machine}/events?kind=downtime")).await?;
    assert_eq!(events["events"][0]["recorded_by"], "central", "{events}");
    // What the agent said is untouched, and its log goes on.
    assert_eq!(site.truth.doubled().await?, 0);
    assert_eq!(site.truth.missing("line-1").await?, 0);
    assert_eq!(site.truth.stops("filler-1").await?, 1);
    Ok(())
}
