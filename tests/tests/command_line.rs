//! What a person types, and what they are told.

use std::process::Command;

use black_box::harness::agent::Agent;
use black_box::harness::program::Ran;
use black_box::harness::{Site, binaries};

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<Ran> {
    // A configuration of the machine that runs the tests must not be taken for one.
    Ran::of(Command::new(binaries::built(program)?).args(arguments).env_remove("EDGE_AGENT_CONFIG"))
}

const AGENT_SUBCOMMANDS: [&str; 7] = ["run", "check", "probe", "enroll", "replay", "buffer", "status"];
const CENTRAL_SUBCOMMANDS: [&str; 4] = ["serve", "migrate", "doctor", "agent"];

#[test]
fn every_subcommand_explains_itself() -> anyhow::Result<()> {
    for (program, subcommands) in [("edge-agent", &AGENT_SUBCOMMANDS[..]), ("central", &CENTRAL_SUBCOMMANDS[..])] {
        let overview = run(program, &["--help"])?.success()?;
        for subcommand in subcommands {
            assert!(overview.contains(subcommand), "{program} --help does not name {subcommand}");
            let help = run(program, &[subcommand, "--help"])?.success()?;
            assert!(help.contains("Usage:"), "{program} {subcommand} --help: {help}");
        }
        assert!(run(program, &["--version"])?.success()?.starts_with(program));
    }
    Ok(())
}

#[test]
fn wrong_usage_ends_with_2_and_a_hint() -> anyhow::Result<()> {
    for program in ["edge-agent", "central"] {
        for arguments in [&["no-such-thing"][..], &[]] {
            let ran = run(program, arguments)?;
            assert_eq!(ran.code, Some(2), "{program} {arguments:?}");
            assert!(ran.stderr.contains("Usage:"), "{program} {arguments:?}: {}", ran.stderr);
        }
    }
    assert!(run("edge-agent", &["enrol"])?.stderr.contains("enroll"), "the nearest subcommand is named");
    Ok(())
}

#[tokio::test]
async fn an_agent_that_is_not_enrolled_does_not_run_and_says_how_to_enrol() -> anyhow::Result<()> {
    let agent = Agent::new("line-1", "")?;
    let ran = agent.run("run", &[]).await?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("edge-agent enroll"), "{}", ran.stderr);
    Ok(())
}

#[tokio::test]
async fn a_wrong_configuration_is_named_with_file_line_and_the_nearest_key() -> anyhow::Result<()> {
    let agent = Agent::new("line-1", "[[machine]]\nname = \"press-1\"\nmicrostop_bellow_ms = 5\n")?;
    let line = agent.configuration()?.lines().position(|line| line.starts_with("microstop")).unwrap_or(0) + 1;
    let ran = agent.run("check", &[]).await?;
    assert_eq!(ran.code, Some(1));
    let text = format!("{}{}", ran.stdout, ran.stderr);
    let place = format!("{}:{line}:", agent.config_file().display());
    assert!(text.contains(&place), "{text}");
    assert!(text.contains("did you mean `microstop_below_ms`"), "{text}");
    let json = agent.run("check", &["--json"]).await?;
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(json["ok"], false);
    Ok(())
}

#[tokio::test]
async fn a_right_configuration_passes_and_a_missing_file_is_named() -> anyhow::Result<()> {
    let agent = Agent::new("line-1", black_box::harness::recording::MACHINE)?;
    agent.run("check", &[]).await?.success()?;
    std::fs::remove_file(agent.config_file())?;
    let ran = agent.run("check", &[]).await?;
    assert_eq!(ran.code, Some(1));
    let text = format!("{}{}", ran.stdout, ran.stderr);
    assert!(text.contains(&agent.config_file().display().to_string()), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_mistyped_code_is_told_from_one_that_was_used() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let agent = Agent::new("line-1", "")?;
    let mistyped = agent.run("enroll", &["AAAAA-BBBBB"]).await?;
    assert_eq!(mistyped.code, Some(1));
    assert!(mistyped.stderr.contains("mistyped"), "{}", mistyped.stderr);
    let code = site.invite("line-1").await?;
    agent.run("enroll", &[&code]).await?.success()?;
    let again = agent.run("enroll", &[&code]).await?;
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("enrolled already"), "{}", again.stderr);
    let other = Agent::new("line-2", "")?;
    let used = other.run("enroll", &[&code]).await?;
    assert_eq!(used.code, Some(1));
    assert!(used.stderr.contains("used") || used.stderr.contains("good once"), "{}", used.stderr);
    Ok(())
}

#[tokio::test]
async fn status_of_an_agent_that_does_not_run_says_so() -> anyhow::Result<()> {
    let agent = Agent::new("line-1", "")?;
    let ran = agent.run("status", &[]).await?;
    assert_ne!(ran.code, Some(0));
    assert!(!ran.stderr.is_empty() || !ran.stdout.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn central_tells_what_it_knows_of_its_agents_and_its_database() -> anyhow::Result<()> {
    let site = Site::start().await?;
    let _agent = site.enrol("line-1", "").await?;
    let list = site.central.run(&["agent", "list", "--json"]).await?.json()?;
    assert!(list.to_string().contains("line-1"), "{list}");
    let doctor = site.central.run(&["doctor"]).await?;
    assert!(doctor.stdout.contains("PostgreSQL"), "{doctor:?}");
    site.central.run(&["migrate"]).await?.success()?;
    let unknown = site.central.run(&["agent", "disable", "line-9"]).await?;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("line-9"), "{}", unknown.stderr);
    Ok(())
}

#[test]
fn central_names_a_wrong_variable() -> anyhow::Result<()> {
    let mut command = Command::new(binaries::built("central")?);
    let ran = Ran::of(command.arg("serve").env("CENTRAL_WEB_LISTEN", "8080"))?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("CENTRAL_WEB_LISTEN"), "{}", ran.stderr);
    Ok(())
}
