//! Recordings replayed into a real log.

use std::sync::Arc;

use process::configuration;
use protocol::event::{DowntimeEntry, EventKind};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::capture::tests::{Agent, sections};
use crate::configuration::Configuration;

const MACHINES: &str = "[[machine]]\nname = \"m\"\n[machine.signal.c]\nrole = \"delta\"\n\
                        [machine.signal.s]\nrole = \"state\"\nmap = { r = \"running\", s = \"stopped\" }\n";

/// A recording of the shared data, where it lies beside the project.
fn recording(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let candidates = [root.join("../shared/data"), root.join("../../shared/data")];
    let found = candidates.into_iter().map(|data| data.join(name)).find(|file| file.exists());
    if found.is_none() {
        println!("skipped: ../shared/data/{name} is not here");
    }
    found
}

fn example(name: &str) -> Vec<MachineSection> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
    configuration::read::<Configuration>(&file).unwrap().machines
}

fn context(agent: &Agent) -> SourceContext {
    SourceContext {
        capture: agent.capture.clone(),
        status: agent.board.subject("replay", "replay"),
        clock: Arc::new(agent.clock.clone()),
        stopping: CancellationToken::new(),
    }
}

fn replay(file: &Path, machines: &[MachineSection]) -> Replay {
    Replay { file: file.to_owned(), speed: None, strict: false, machines: machines.to_vec() }
}

async fn run_on(agent: &Agent, replay: Replay) -> Result<Summary, ReplayError> {
    let states = agent.buffer.states().await.unwrap();
    let progress = watch::Sender::new(Progress::default());
    run(replay, &context(agent), &states, &agent.live, &progress).await
}

async fn run_in(data_dir: &Path, replay: Replay) -> (Result<Summary, ReplayError>, Vec<EventKind>) {
    let agent = Agent::start_with(data_dir, replay.machines.clone().into());
    let summary = run_on(&agent, replay).await;
    let kinds = agent.kinds().await;
    agent.stop().await;
    (summary, kinds)
}

fn pieces(kinds: &[EventKind]) -> i64 {
    kinds.iter().map(|kind| if let EventKind::Count(count) = kind { count.delta } else { 0 }).sum()
}

fn stops(kinds: &[EventKind]) -> (usize, Vec<i64>) {
    let (mut began, mut lasted) = (0, Vec::new());
    for kind in kinds {
        match kind {
            EventKind::Downtime(DowntimeEntry::Began { .. }) => began += 1,
            EventKind::Downtime(DowntimeEntry::Ended { lasted_us, .. }) => lasted.push(*lasted_us),
            _ => {}
        }
    }
    (began, lasted)
}

#[tokio::test]
async fn the_filling_line_arrives_with_every_piece_and_every_stop() {
    let Some(file) = recording("filling-line/readings.csv") else { return };
    let dir = tempfile::tempdir().unwrap();
    let machines = example("filling-line.toml");
    let (summary, kinds) = run_in(dir.path(), replay(&file, &machines)).await;
    let summary = summary.unwrap();
    assert!(summary.complete);
    assert_eq!((summary.rows, summary.readings, summary.refused), (8_878, 8_878, 0));
    let totals = summary.machines[&Name::new("filler-1").unwrap()];
    assert_eq!(totals, Totals { good: 140_453, scrap: 0, rework: 0, stops: 16 });

    assert_eq!(pieces(&kinds), 140_453);
    let (began, lasted) = stops(&kinds);
    assert_eq!((began, lasted.len()), (16, 16));
    assert_eq!(lasted.iter().sum::<i64>(), 3_496_504_000);
    assert_eq!((lasted.iter().min(), lasted.iter().max()), (Some(&1_012_000), Some(&658_459_000)));

    let (again, same) = run_in(dir.path(), replay(&file, &machines)).await;
    let again = again.unwrap();
    assert_eq!((again.rows, again.rows_before, again.machines), (8_878, 8_878, summary.machines));
    assert_eq!(same, kinds, "replaying it again does nothing");
}

#[tokio::test]
async fn a_replay_that_is_killed_and_started_again_loses_nothing_and_doubles_nothing() {
    let Some(file) = recording("filling-line/readings.csv") else { return };
    let dir = tempfile::tempdir().unwrap();
    let machines = example("filling-line.toml");
    let (_, whole) = run_in(tempfile::tempdir().unwrap().path(), replay(&file, &machines)).await;
    let mut kills = 0;
    let summary = loop {
        let agent = Agent::start_with(dir.path(), machines.clone().into());
        let states = agent.buffer.states().await.unwrap();
        let context = context(&agent);
        let progress = watch::Sender::new(Progress::default());
        let mut seen = progress.subscribe();
        let (replay, live) = (replay(&file, &machines), agent.live.clone());
        let running = tokio::spawn(async move { run(replay, &context, &states, &live, &progress).await });
        // Killed as soon as so many rows of this run were submitted, whatever is stored of them by then.
        let until = (kills + 1) * 977;
        if seen.wait_for(|progress| progress.rows >= until).await.is_ok() && kills < 8 {
            running.abort();
            agent.kill().await;
            kills += 1;
            continue;
        }
        let summary = running.await.unwrap().unwrap();
        assert_eq!(agent.kinds().await, whole);
        agent.stop().await;
        break summary;
    };
    assert!(kills >= 5, "{kills}");
    assert_eq!(summary.machines[&Name::new("filler-1").unwrap()].good, 140_453);
    assert_eq!(summary.readings, 8_878);
}

#[tokio::test]
async fn the_week_of_the_cnc_machine_is_understood_code_by_code() {
    let Some(file) = recording("cnc-week/readings.csv") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (summary, kinds) = run_in(dir.path(), replay(&file, &example("cnc-week.toml"))).await;
    assert_eq!(summary.unwrap().readings, 7_202);
    let unknown = kinds.iter().filter(
        |kind| matches!(kind, EventKind::State(change) if change.state == protocol::event::MachineState::NoData),
    );
    assert_eq!(unknown.count(), 0);
    let (began, lasted) = stops(&kinds);
    assert!(began > 3_000 && began - lasted.len() <= 1, "{began} {}", lasted.len());
}

#[tokio::test]
async fn rows_that_cannot_be_understood_are_named_and_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.csv");
    let rows = "at,machine,signal,value\n\
                2026-01-01T00:00:00Z,m,c,5\n\
                yesterday,m,c,5\n\
                2026-01-01T00:00:01Z,n,c,5\n\
                2026-01-01T00:00:02Z,m,cc,5\n\
                2026-01-01T00:00:03Z,m\n\
                2026-01-01T01:00:04+01:00,m,c,2\n";
    std::fs::write(&file, rows).unwrap();
    let machines = sections(MACHINES);
    let (summary, kinds) = run_in(&dir.path().join("data"), replay(&file, &machines)).await;
    let summary = summary.unwrap();
    assert_eq!((summary.rows, summary.readings, summary.refused, pieces(&kinds)), (6, 2, 4, 7));
    let told: Vec<_> = summary.refused_rows.iter().map(|row| (row.line, row.row, row.problem.as_str())).collect();
    assert_eq!(
        told,
        [
            (3, 2, "`at` is \"yesterday\": expected a time such as 2026-01-31T06:00:00.250Z"),
            (4, 3, "no [[machine]] is called \"n\""),
            (5, 4, "no signal of machine m is called \"cc\"; did you mean \"c\"?"),
            (6, 5, "2 fields: expected 4: at,machine,signal,value"),
        ]
    );
}

#[tokio::test]
async fn a_strict_replay_ends_before_the_first_bad_row_and_goes_on_once_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.csv");
    let good = "at,machine,signal,value\n2026-01-01T00:00:00Z,m,c,5\n";
    std::fs::write(&file, format!("{good}oops,m,c,3\n2026-01-01T00:00:02Z,m,c,1\n")).unwrap();
    let data = dir.path().join("data");
    let strict = Replay { strict: true, ..replay(&file, &sections(MACHINES)) };
    let (summary, kinds) = run_in(&data, strict.clone()).await;
    let summary = summary.unwrap();
    assert_eq!((summary.complete, summary.rows, pieces(&kinds)), (false, 1, 5));
    std::fs::write(&file, format!("{good}2026-01-01T00:00:01Z,m,c,3\n2026-01-01T00:00:02Z,m,c,1\n")).unwrap();
    let (summary, kinds) = run_in(&data, strict).await;
    assert_eq!((summary.unwrap().complete, pieces(&kinds)), (true, 9));
}

#[tokio::test]
async fn rows_added_at_the_end_are_replayed_and_changed_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (file, data) = (dir.path().join("r.csv"), dir.path().join("data"));
    let first = "at,machine,signal,value\n2026-01-01T00:00:00Z,m,c,5\n";
    std::fs::write(&file, format!("{first}2026-01-01T00:00:01Z,m,c,3\n")).unwrap();
    let replay = replay(&file, &sections(MACHINES));
    run_in(&data, replay.clone()).await.0.unwrap();
    std::fs::write(&file, format!("{first}2026-01-01T00:00:01Z,m,c,3\n2026-01-01T00:00:02Z,m,c,1\n")).unwrap();
    let (summary, kinds) = run_in(&data, replay.clone()).await;
    assert_eq!((summary.unwrap().rows_before, pieces(&kinds)), (2, 9));
    for changed in [format!("{first}2026-01-01T00:00:01Z,m,c,4\n2026-01-01T00:00:02Z,m,c,1\n"), first.to_owned()] {
        std::fs::write(&file, changed).unwrap();
        let (summary, kinds) = run_in(&data, replay.clone()).await;
        assert!(matches!(summary, Err(ReplayError::Changed { rows: 3, .. })), "{summary:?}");
        assert_eq!(pieces(&kinds), 9);
    }
}

#[tokio::test]
async fn a_file_that_is_no_recording_is_told_by_its_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.csv");
    std::fs::write(&file, "time;value\n1;2\n").unwrap();
    let (summary, _) = run_in(&dir.path().join("data"), replay(&file, &sections(MACHINES))).await;
    let text = summary.unwrap_err().to_string();
    assert!(text.ends_with("the first line is \"time;value\": expected the columns at,machine,signal,value"), "{text}");
    let (summary, _) = run_in(&dir.path().join("data"), replay(&dir.path().join("none"), &sections(MACHINES))).await;
    assert!(summary.unwrap_err().to_string().starts_with("cannot read the recording"));
}

#[tokio::test]
async fn speed_spaces_rows_as_they_were_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.csv");
    let rows = "at,machine,signal,value\n2026-01-01T00:00:00Z,m,c,5\n2026-01-01T00:01:00Z,m,c,3\n";
    std::fs::write(&file, rows).unwrap();
    let fast = Replay { speed: Some(600.0), ..replay(&file, &sections(MACHINES)) };
    let began = Instant::now();
    let (summary, kinds) = run_in(&dir.path().join("data"), fast).await;
    assert!(summary.unwrap().complete);
    assert_eq!(pieces(&kinds), 8);
    assert!(began.elapsed() >= Duration::from_millis(100));
}
