//! The API keeps its word: schemathesis reads central's OpenAPI document and asks every operation for what it describes and
//! for what it rules out. No answer may be a server error, lie outside the document, or take nonsense for sense; what was
//! created is there, and what was deleted is not.
//!
//! What it asks is the same in every run. `SEED=7` asks something else, `EXAMPLES=500` asks more of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use black_box::harness::agent::Agent;
use black_box::harness::program::Ran;
use black_box::harness::site::PLANT;
use black_box::harness::{Site, recording, wait};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

const CHECKS: [&str; 10] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ensure_resource_availability",
    "use_after_free",
];

/// Operations that are not asked, and why.
const LEFT_OUT: [(&str, &str); 4] = [
    ("live", "never ends"),
    ("log_out", "ends what it is asked with"),
    ("revoke_token", "ends what it is asked with"),
    ("set_up", "belongs to an empty central"),
];

/// Of each operation and phase, unless the environment says otherwise.
const EXAMPLES: &str = "10";

/// Of each kind of record, so that some are left when others were deleted.
const RECORDS: usize = 12;

/// The tool, from the variable `SCHEMATHESIS` or where `make` puts it.
fn schemathesis() -> anyhow::Result<PathBuf> {
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/schemathesis");
    let tool = std::env::var_os("SCHEMATHESIS").map_or(installed, PathBuf::from);
    ensure!(tool.exists(), "{} is not there: run `make target/tools/bin/schemathesis` first", tool.display());
    Ok(tool)
}

async fn post(site: &Site, path: &str, body: Value) -> anyhow::Result<Value> {
    let url = format!("http://{}/api/v1{path}", site.central.web);
    let token = format!("Bearer {}", site.central.token().unwrap_or_default());
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.post(&url).header("authorization", token).send_json(&body)?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status().is_success(), "{url} {body}: {} {text}", response.status());
        Ok(serde_json::from_str(&text)?)
    })
    .await?
}

/// An agent that told of pieces, stops, and one thing from the future.
async fn worked(site: &Site, now: DateTime<Utc>) -> anyhow::Result<Agent> {
    let mut agent = site.enrol("line-1", recording::MACHINE).await?;
    let mut rows = "at,machine,signal,value\n".to_owned();
    for minute in 0..110 {
        let at = (now - TimeDelta::minutes(120 - minute)).to_rfc3339();
        let (signal, value) = match minute % 30 {
            10 => ("state", "stopped"),
            0 | 21 => ("state", "running"),
            _ => ("count", "3"),
        };
        writeln!(rows, "{at},filler-1,{signal},{value}")?;
    }
    writeln!(rows, "2099-01-05T10:00:04Z,filler-1,count,100")?;
    let file = site.folder.path().join("work.csv");
    std::fs::write(&file, rows)?;
    agent.resume_as("replay", &[&file.display().to_string()])?;
    let ended = wait::until("the replay to end", async || Ok(agent.ended())).await?;
    ensure!(ended == Some(0), "{ended:?}: {}", agent.log());
    wait::until_equal("what the agent told to be quarantined", true, async || {
        Ok(site.truth.number("SELECT count(*) FROM quarantined_events").await? > 0)
    })
    .await?;
    // No agent of the tests has a scanner.
    let scan = "INSERT INTO scans SELECT now() - interval '1 h', current_date, plant_id, id, NULL, agent_id, 1, 1000000,
                'synchronized', 'gun', '\\x0102', 'text', 'C1', '[{\"ai\": \"01\", \"value\": \"0\"}]', NULL FROM machines";
    site.truth.execute(scan).await?;
    Ok(agent)
}

/// Records of every kind, made through the API.
async fn records(site: &Site, now: DateTime<Utc>) -> anyhow::Result<()> {
    let monday = now.date_naive() + TimeDelta::days(14);
    let monday = monday - TimeDelta::days(i64::from(chrono::Datelike::weekday(&monday).num_days_from_monday()));
    let pattern = json!([{ "name": "early", "days": ["monday", "friday"], "starts": "06:00", "ends": "14:00" }]);
    let shifts = json!({ "plant": PLANT, "first_monday": monday.to_string(), "weeks": 2, "pattern": pattern });
    post(site, "/shifts", shifts).await?;
    for at in 0..RECORDS {
        let code = |word: &str| format!("{word}-{at}");
        let mut made = vec![
            ("/lines", json!({ "plant": PLANT, "name": code("hall"), "title": "Hall" })),
            ("/products", json!({ "plant": PLANT, "code": code("P"), "title": "Bracket", "ideal_cycle_ms": 1500 })),
            ("/work-orders", json!({ "plant": PLANT, "code": code("WO"), "product": code("P"), "quantity": 100 })),
            ("/reasons", json!({ "plant": PLANT, "code": code("jam"), "title": "Jam", "applies_to": "downtime" })),
            ("/operators", json!({ "plant": PLANT, "number": code("4711"), "name": "Anna" })),
            ("/alerts/channels", json!({ "plant": PLANT, "kind": "email", "address": format!("a{at}@example.org") })),
            ("/agents/invitations", json!({ "plant": PLANT, "agent": code("agent") })),
        ];
        if at == 0 {
            made.push(("/plants", json!({ "name": "second", "time_zone": "UTC" })));
        }
        for (path, body) in made {
            post(site, path, body).await?;
        }
    }
    let user = json!({ "name": "anna", "role": "operator", "password": "seven brown horses", "all_plants": true });
    post(site, "/users", user).await.map(drop)
}

/// Names that operations ask for, and some of their values that exist.
async fn existing(site: &Site) -> anyhow::Result<BTreeMap<&'static str, Vec<Value>>> {
    let mut values = BTreeMap::new();
    for (name, path, list, key) in [
        ("path.agent", "/agents", "agents", "uuid"),
        ("path.machine", "/machines", "machines", "id"),
        ("path.line", "/lines", "lines", "id"),
        ("path.product", "/products", "products", "id"),
        ("path.work_order", "/work-orders", "work_orders", "id"),
        ("path.reason", "/reasons", "reasons", "id"),
        ("path.operator", "/operators", "operators", "id"),
        ("path.channel", "/alerts/channels", "channels", "id"),
        ("path.invitation", "/agents/invitations", "invitations", "id"),
        ("path.plant", "/plants", "plants", "id"),
        ("query.plant", "/plants", "plants", "name"),
        ("body.plant", "/plants", "plants", "name"),
        ("body.product", "/products", "products", "code"),
        ("path.user", "/users", "users", "id"),
        ("path.agent_id", "/stops", "stops", "agent_id"),
        ("path.stop", "/stops", "stops", "stop"),
    ] {
        let answer = site.central.api(&format!("/api/v1{path}")).await?;
        let items = answer[list].as_array().with_context(|| format!("{path} has {list}: {answer}"))?;
        let found: Vec<Value> = items.iter().map(|item| item[key].clone()).filter(|it| !it.is_null()).collect();
        ensure!(!found.is_empty(), "{path} lists no {key}: {answer}");
        values.insert(name, found);
    }
    Ok(values)
}

/// The tool's configuration: most of the time it asks for what exists.
fn configuration(existing: &BTreeMap<&str, Vec<Value>>) -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, values) in existing {
        writeln!(text, "[dictionaries.\"{name}\"]\nvalues = {}", json!(values))?;
    }
    writeln!(text, "[parameters]")?;
    for name in existing.keys() {
        writeln!(text, "\"{name}\" = {{ dictionary = \"{name}\", probability = 0.8 }}")?;
    }
    Ok(text)
}

fn command(site: &Site, configuration: &str) -> anyhow::Result<Command> {
    let file = site.folder.path().join("schemathesis.toml");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(schemathesis()?);
    command.current_dir(site.folder.path()).env("PYTHONUTF8", "1").arg("--config-file").arg(&file).arg("run");
    command.arg(format!("http://{}/api/v1/openapi.json", site.central.web));
    command.arg("--header").arg(format!("Authorization: Bearer {}", site.central.token().unwrap_or_default()));
    command.args(["--phases", "examples,coverage,fuzzing,stateful", "--checks", &CHECKS.join(",")]);
    match std::env::var("SEED") {
        Ok(seed) => command.args(["--generation-database", "none", "--seed", &seed]),
        Err(_) => command.arg("--generation-deterministic"),
    };
    let examples = std::env::var("EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    command.args(["--max-examples", &examples, "--continue-on-failure"]);
    command.args(["--request-timeout", "20", "--suppress-health-check", "all", "--no-color"]);
    // Python 3.11 counts the depth of what it parses for all threads in one place, and stumbles over two that parse at once:
    // <https://github.com/python/cpython/issues/106905>.
    command.args(["--workers", "1"]);
    for (operation, _) in LEFT_OUT {
        command.args(["--exclude-operation-id", operation]);
    }
    Ok(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_api_is_one_that_its_document_describes() -> anyhow::Result<()> {
    schemathesis()?;
    let site = Site::start().await?;
    let now_s = site.truth.number("SELECT extract(epoch FROM now())::bigint").await?;
    let now = DateTime::from_timestamp(now_s, 0).context("PostgreSQL knows the time")?;
    let _agent = worked(&site, now).await?;
    records(&site, now).await?;
    let mut command = command(&site, &configuration(&existing(&site).await?)?)?;
    let ran = tokio::task::spawn_blocking(move || Ran::of(&mut command)).await??;
    assert!(ran.code == Some(0), "exit code {:?}\n{}\n{}", ran.code, ran.stdout, ran.stderr);
    let log = site.central.log();
    assert!(!log.contains("panicked"), "central panicked:\n{log}");
    Ok(())
}
