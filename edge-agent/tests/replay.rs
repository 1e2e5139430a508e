//! `edge-agent replay` as a person or a script runs it: the built program, killed at any moment.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

fn recording(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let candidates = [root.join("../shared/data"), root.join("../../shared/data")];
    let found = candidates.into_iter().map(|data| data.join(name)).find(|file| file.exists());
    if found.is_none() {
        println!("skipped: ../shared/data/{name} is not here");
    }
    found
}

/// An example configuration that keeps its data in `folder`.
fn example(name: &str, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name)).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, text.replace("/var/lib/edge-agent", folder.join("data").to_str().unwrap())).unwrap();
    file
}

fn replay(recording: &Path, configuration: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edge-agent"));
    command.arg("replay").arg(recording).arg("--config").arg(configuration).arg("--json");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_replay_killed_over_and_over_ends_with_every_piece_and_every_stop_once() {
    let Some(file) = recording("filling-line/readings.csv") else { return };
    let folder = tempfile::tempdir().unwrap();
    let configuration = example("filling-line.toml", folder.path());
    for kill_after_ms in [5, 20, 35, 50, 65, 80, 110, 140] {
        let child = replay(&file, &configuration).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(kill_after_ms));
        kill(child);
    }
    let output = replay(&file, &configuration).output().unwrap();
    let result = json(&output);
    assert!(output.status.success(), "{result}");
    assert_eq!(result["recording"]["readings"], 8_878, "{result}");
    let machine = &result["recording"]["machines"]["filler-1"];
    assert_eq!((&machine["good"], &machine["stops"]), (&140_453.into(), &16.into()), "{result}");
    assert_eq!(result["sync"], "not_enrolled");

    let again = json(&replay(&file, &configuration).output().unwrap());
    assert_eq!((&again["events"], &again["recording"]["machines"]), (&0.into(), &result["recording"]["machines"]));
}

#[test]
fn a_replay_is_refused_while_another_process_has_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = example("filling-line.toml", folder.path());
    let file = folder.path().join("slow.csv");
    let rows =
        "at,machine,signal,value\n2026-01-01T00:00:00Z,filler-1,count,5\n2026-01-01T09:00:00Z,filler-1,count,5\n";
    std::fs::write(&file, rows).unwrap();
    let slow = replay(&file, &configuration).args(["--speed", "1"]).spawn().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let mut told = String::new();
    while std::time::Instant::now() < deadline && !told.contains("is in use by") {
        std::thread::sleep(Duration::from_millis(50));
        if !folder.path().join("data").join("agent.db").exists() {
            continue;
        }
        let second = replay(&file, &configuration).args(["--speed", "1"]).spawn().unwrap();
        let output = wait_briefly(second);
        told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(0));
    }
    kill(slow);
    assert!(told.contains("two agents must not share a data directory"), "{told}");
}

/// One that is not refused would wait for hours.
fn wait_briefly(mut child: Child) -> Output {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    child.wait_with_output().unwrap()
}

#[test]
fn refused_rows_have_an_exit_code_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = example("filling-line.toml", folder.path());
    let file = folder.path().join("r.csv");
    std::fs::write(&file, "at,machine,signal,value\n2026-01-01T00:00:00Z,filler-1,count,5\nx,filler-1,count,5\n")
        .unwrap();
    let strict = replay(&file, &configuration).arg("--strict").output().unwrap();
    assert_eq!(strict.status.code(), Some(1));
    let output = replay(&file, &configuration).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(json(&output)["recording"]["refused_rows"][0]["line"], 3);
    let missing = replay(&folder.path().join("none.csv"), &configuration).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot read the recording"));
}
