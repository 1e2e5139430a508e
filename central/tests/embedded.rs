//! The private PostgreSQL, through the built program.

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::{Program, is_root, mode, signal};

fn made_run_and_stopped(program: &Program) {
    let (said, complained, code) = program.run(&["migrate"]);
    assert_eq!(code, 0, "{complained}");
    assert!(said.contains("Facts are native partitions"), "{said}");
    assert_eq!(program.postmaster(), None, "it must not outlive the command that started it");
    assert_eq!(mode(&program.cluster()), 0o700);

    let serving = program.serve();
    let postmaster = program.postmaster().expect("it runs");
    assert_eq!(serving.get("/health/live").0, 200);
    // A command beside the running server is its guest.
    let (said, complained, code) = program.run(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{complained}"));
    assert_eq!((code, &report["definition"]), (0, &"native".into()), "{said}");
    assert_eq!(program.postmaster(), Some(postmaster));
    assert_eq!(serving.stop(), 0);
    assert_eq!(program.postmaster(), None);
}

#[test]
fn a_private_database_is_made_run_and_stopped_with_central() {
    made_run_and_stopped(&Program::new(false));
}

#[test]
fn an_ordinary_user_has_one_too() {
    if !is_root() {
        eprintln!("not root: the test above ran as an ordinary user");
        return;
    }
    made_run_and_stopped(&Program::new(true));
}

#[test]
fn after_a_killed_central_the_next_one_runs_exactly_one_postgresql() {
    let program = Program::new(false);
    let (code, invited) = {
        let serving = program.serve();
        let first = program.postmaster().unwrap();
        let (said, complained, code) =
            program.run(&["agent", "invite", "hall-1", "--plant", "north", "--time-zone", "Europe/Berlin", "--json"]);
        assert_eq!(code, 0, "{complained}");
        serving.kill();
        assert_eq!(program.postmaster(), Some(first), "it outlives a killed central");
        let serving = program.serve();
        let second = program.postmaster().unwrap();
        assert_ne!(first, second);
        assert!(!central::database::embedded::postmaster::is_postmaster(first, &program.cluster()));
        (serving.stop(), said)
    };
    assert_eq!(code, 0);
    // What was committed before the kill is there.
    let (_, complained, code) = program.run(&["agent", "invite", "hall-1", "--json"]);
    assert_eq!(code, 0, "{complained}");
    assert!(invited.contains("\"plant\":\"north\""), "{invited}");
}

/// Asks once, and waits.
fn ends(program: &Program, child: &mut Child, when: &str) {
    signal(i32::try_from(child.id()).expect("a number of a process"), "TERM");
    let deadline = Instant::now() + support::DEADLINE;
    while child.try_wait().expect("it is our child").is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("the signal {when} was lost");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(program.postmaster(), None, "{when}");
}

#[test]
fn a_signal_at_any_moment_of_the_start_ends_it_and_its_postgresql() {
    let program = Program::new(false);
    for _ in 0..4 {
        ends(&program, &mut program.serve().child, "at the line that says it serves");
    }
    for pause_ms in [5, 20, 60, 150, 300, 500, 800, 1_200] {
        let mut command = program.command(&["serve"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause_ms));
        ends(&program, &mut child, &format!("{pause_ms} ms after the start"));
    }
}

#[test]
fn an_interrupted_command_stops_the_postgresql_it_started() {
    let program = Program::new(false);
    assert_eq!(program.run(&["migrate"]).2, 0);
    // Its standard input never ends, so that it waits for the password.
    let mut adding = program.command(&["user", "add", "mara", "--role", "manager", "--password-stdin"]);
    let mut adding = adding.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Apart: waiting for a child closes what it is asked by.
    let open = adding.stdin.take();
    let deadline = Instant::now() + support::DEADLINE;
    while program.postmaster().is_none() {
        assert!(Instant::now() < deadline, "it did not start one");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_secs(1));
    signal(i32::try_from(adding.id()).unwrap(), "INT");
    let code = adding.wait().unwrap().code();
    let mut complained = String::new();
    adding.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
    drop(open);
    assert_eq!((code, complained.as_str()), (Some(1), "central: interrupted: what was not finished is undone\n"));
    assert_eq!(program.postmaster(), None);
}

#[test]
fn a_postgresql_that_dies_is_started_again_and_the_pool_comes_back() {
    let program = Program::new(false);
    let mut serving = program.serve();
    assert_eq!(serving.get("/api/v1/machines").0, 401);
    let (made, complained, _) = program.run(&["token", "add", "test", "--scope", "read", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made).expect(&complained);
    serving.token = made["secret"].as_str().map(str::to_owned);
    let (status, body) = serving.get("/api/v1/machines");
    assert_eq!(status, 200, "{body}");
    let first = program.postmaster().unwrap();
    signal(first, "KILL");
    serving.wait_for("/api/v1/machines", 200);
    let deadline = Instant::now() + support::DEADLINE;
    while program.postmaster().is_none_or(|pid| pid == first) {
        assert!(Instant::now() < deadline, "it was not started again");
        std::thread::sleep(Duration::from_millis(50));
    }
    serving.wait_for("/api/v1/machines", 200);
    assert_eq!(serving.stop(), 0);
}

#[test]
fn a_cluster_of_another_version_is_left_alone_with_a_sentence() {
    let program = Program::new(false);
    assert_eq!(program.run(&["migrate"]).2, 0);
    std::fs::write(program.cluster().join("PG_VERSION"), "12\n").unwrap();
    let (_, complained, code) = program.run(&["serve"]);
    assert_eq!(code, 1);
    assert!(complained.contains("was made by PostgreSQL 12"), "{complained}");
    assert!(complained.contains("apt install postgresql-12"), "{complained}");
}

#[test]
fn an_unfinished_initdb_is_begun_again() {
    let program = Program::new(false);
    std::fs::create_dir_all(program.data_dir.join("postgresql/data.new/base")).unwrap();
    let (_, complained, code) = program.run(&["migrate"]);
    assert_eq!(code, 0, "{complained}");
}

#[test]
fn a_stale_pid_file_that_names_another_process_does_not_prevent_the_start() {
    let program = Program::new(false);
    assert_eq!(program.run(&["migrate"]).2, 0);
    let file = program.cluster().join("postmaster.pid");
    let text = format!("{}\n{}\n1\n5432\n\n\n\nready\n", std::process::id(), program.cluster().display());
    std::fs::write(&file, text).unwrap();
    let (_, complained, code) = program.run(&["migrate"]);
    assert_eq!(code, 0, "{complained}");
}

#[test]
fn a_data_directory_with_a_long_path_gets_its_socket_elsewhere() {
    let mut program = Program::new(false);
    program.data_dir = program.folder.path().join("x".repeat(110));
    let (_, complained, code) = program.run(&["migrate"]);
    assert_eq!(code, 0, "{complained}");
}

#[test]
fn timescaledb_is_used_where_it_is_preloaded() {
    let program = Program::new(false);
    let file = program.folder.path().join("central.toml");
    std::fs::write(&file, "[database]\npreload = [\"timescaledb\"]\n").unwrap();
    let file = file.to_str().unwrap();
    let (said, complained, code) = program.run(&["migrate", "--config", file]);
    if complained.contains("could not access file") {
        eprintln!("TimescaleDB is not installed on this computer: nothing to test");
        return;
    }
    assert_eq!(code, 0, "{complained}");
    assert!(said.contains("Facts are TimescaleDB hypertables"), "{said}");
    let (said, complained, _) = program.run(&["doctor", "--json", "--config", file]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{complained}"));
    assert_eq!(report["definition"], "timescaledb");
    assert_eq!(report["schema"]["state"], "current");
}

#[test]
fn pg_cron_keeps_the_schedule_where_it_is_preloaded() {
    let program = Program::new(false);
    let file = program.folder.path().join("central.toml");
    std::fs::write(&file, "[database]\npreload = [\"pg_cron\"]\n").unwrap();
    let file = file.to_str().unwrap();
    for _ in 0..2 {
        let (_, complained, code) = program.run(&["migrate", "--config", file]);
        if complained.contains("could not access file") {
            eprintln!("skipped: pg_cron is not installed on this computer");
            return;
        }
        assert_eq!(code, 0, "{complained}");
    }
    let (said, complained, _) = program.run(&["doctor", "--config", file]);
    let line = said.lines().find(|line| line.starts_with("pg_cron")).unwrap_or_else(|| panic!("{said}{complained}"));
    assert!(line.contains("in this database, preloaded"), "{line}");
}

#[test]
fn a_worker_never_keeps_the_private_database_from_its_owner() {
    let program = Program::new(false);
    assert_eq!(program.run(&["migrate"]).2, 0);
    let mut worker = program.command(&["worker"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(program.postmaster(), None, "it waits for who owns it");
    let serving = program.serve();
    assert_eq!(serving.get("/health/live").0, 200);
    assert!(worker.try_wait().unwrap().is_none());
    assert_eq!(serving.stop(), 0);
    signal(i32::try_from(worker.id()).unwrap(), "TERM");
    let deadline = Instant::now() + support::DEADLINE;
    while worker.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the worker does not stop");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hangup_while_it_starts_does_not_end_it() {
    let program = Program::new(false);
    let mut command = program.command(&["serve", "--log-format", "json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It makes its database, which takes longer than this.
    while !program.data_dir.join("postgresql.lock").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(i32::try_from(child.id()).unwrap(), "HUP");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<String> =
        lines.by_ref().map(Result::unwrap).take_while(|line| !line.contains("central serves")).collect();
    assert!(said.iter().any(|line| line.contains("asked to read the configuration again")), "{said:?}");
    std::thread::spawn(move || lines.for_each(drop));
    ends(&program, &mut child, "after all of that");
}
