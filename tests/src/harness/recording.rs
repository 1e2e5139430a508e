//! The recorded filling line. It lies outside the project and is read from there.

use std::path::{Path, PathBuf};

/// What the recording holds, counted from the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    pub file: PathBuf,
    pub machine: String,
    pub readings: usize,
    pub pieces: i64,
    pub stops: i64,
}

/// The recording, or none, with the reason printed, where it is absent.
#[must_use]
pub fn filling_line() -> Option<Recording> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/filling-line/readings.csv");
    let file = std::env::var_os("FILLING_LINE_RECORDING").map_or(file, PathBuf::from);
    let beside_worktree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/filling-line/readings.csv");
    let Some(file) = [file.clone(), beside_worktree].into_iter().find(|file| file.exists()) else {
        #[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
        {
            eprintln!("skipped: the recording {} is absent (set FILLING_LINE_RECORDING to its path)", file.display());
        }
        return None;
    };
    Some(read(file).expect("a recording with the columns at, machine, signal, value"))
}

fn read(file: PathBuf) -> anyhow::Result<Recording> {
    let mut recording = Recording { file, machine: String::new(), readings: 0, pieces: 0, stops: 0 };
    for row in csv::Reader::from_path(&recording.file)?.deserialize() {
        let (_, machine, signal, value): (String, String, String, String) = row?;
        recording.readings += 1;
        recording.machine = machine;
        match signal.as_str() {
            "count" => recording.pieces += value.parse::<i64>()?,
            "state" => recording.stops += i64::from(value == "stopped"),
            _ => {}
        }
    }
    Ok(recording)
}

/// What an agent must be told of the filling line.
pub const MACHINE: &str = r#"
[[machine]]
name = "filler-1"

[machine.signal.count]
role = "delta"

[machine.signal.state]
role = "state"
map = { running = "running", stopped = "stopped" }
"#;
