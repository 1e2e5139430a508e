//! A process killed at any moment: every answered append is there, and only whole ones.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command as Process, Stdio};

use super::*;

const FOLDER: &str = "EDGE_AGENT_TEST_LOG";
const EVENTS_PER_APPEND: i64 = 7;

/// The process that is killed: this test program again, at this test alone.
#[tokio::test]
#[ignore = "run by the test below, in a process of its own"]
async fn child_appends_until_it_is_killed() {
    let dir = std::env::var_os(FOLDER).expect("a folder from the parent");
    let bench = Bench::new();
    let (buffer, _) = bench.try_open_at(Path::new(&dir), "boot-a").unwrap();
    loop {
        let append = Append { states: vec![("produced".to_owned(), vec![1; 50])], ..counts(0..EVENTS_PER_APPEND) };
        let last = buffer.append(append).await.unwrap().unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "stored {last}").unwrap();
        out.flush().unwrap();
        if last.0 % 21 == 0 {
            buffer.acknowledge(Seq(last.0 - 7), ChainHash([9; 16])).await.unwrap();
        }
    }
}

#[test]
fn what_was_answered_survives_a_kill_at_any_moment() {
    let bench = Bench::new();
    let mut seen = 0;
    for round in 0..12_u64 {
        let mut child = Process::new(std::env::current_exe().unwrap())
            .args(["--exact", "buffer::tests::killed::child_appends_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, bench.dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut answered = 0;
        // Not at an answer but somewhere after it: while the next append is on its way.
        for line in out.lines().map_while(Result::ok) {
            let Some(seq) = line.split("stored ").nth(1) else { continue };
            answered += 1;
            seen = seq.parse::<u64>().unwrap();
            if answered == 3 + round * 5 {
                std::thread::sleep(Duration::from_micros(round * 137 % 900));
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(answered > 0, "the child never stored anything");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (buffer, opened) = bench.open();
            let position = buffer.position().await.unwrap();
            assert!(position.newest.0 >= seen, "event {seen} was answered, the log ends at {}", position.newest);
            assert_eq!(position.newest.0 % EVENTS_PER_APPEND.unsigned_abs(), 0, "half an append");
            assert_eq!(opened.instance.starts, u32::try_from(round).unwrap() * 2 + 2);
            let run = buffer.read(Seq::NONE, 20_000, 1 << 30).await.unwrap();
            assert_eq!(run.first.0 + run.events.len() as u64 - 1, position.newest.0);
            buffer.close().await;
        });
    }
}
