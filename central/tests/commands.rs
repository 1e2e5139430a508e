//! What central's commands do to real data, and what they tell a person who has never seen them before.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

#[expect(dead_code, reason = "each test program uses what it needs")]
#[path = "sync/agent.rs"]
mod agent;
mod support;

use central::database::Database;
use process::clock::{Clock as _, SystemClock};
use protocol::id::{Epoch, Instance, Seq};
use protocol::reply::Verdict;
use protocol::time::UtcMicros;

use crate::agent::{Agent, Central, PRESS, SECOND, count};
use crate::support::Program;
use crate::support::cluster::Server;

/// A served central on a database of its own, and the program to be run on the same database.
struct Plant {
    central: Central,
    program: Program,
    database: Database,
}

impl Plant {
    async fn start() -> Plant {
        let database = support::database().await;
        let central = Central::start(database.pool.clone()).await;
        // The commands go by this computer's clock.
        let now = SystemClock::new(0).wall();
        central.clock.advance_us(now.since(central.clock().wall()));
        Plant { central, program: Program::new(false), database }
    }

    async fn agent(&self, name: &str) -> Agent {
        let mut agent = self.central.agent(name).await;
        agent.now = self.central.clock().wall().plus_us(-3600 * SECOND);
        agent
    }

    /// Standard output of a command that succeeds.
    async fn told(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stdout}{stderr}");
        stdout
    }

    /// Standard error of a command that does not.
    async fn refused(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(arguments).await;
        assert_ne!(code, 0, "{arguments:?}: {stdout}{stderr}");
        stderr
    }

    async fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let name: String =
            sqlx::query_scalar("SELECT current_database()").fetch_one(&self.database.pool).await.unwrap();
        let mut command = self.program.command(arguments);
        command.env("CENTRAL_DATABASE_URL", support::cluster::url(&name));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap_or(-1))
    }

    /// What commands left in the audit log, oldest first.
    async fn audited(&self) -> Vec<String> {
        let sql = "SELECT actor_kind || ' ' || action || ' ' || subject_id FROM audit_log
                   WHERE plant_id = (SELECT id FROM plants) AND actor LIKE 'cli:%' ORDER BY id";
        sqlx::query_scalar(sql).fetch_all(&self.database.pool).await.unwrap()
    }

    /// As if a backup from before the agents' first batches had been restored.
    async fn forget_what_was_synced(&self) {
        let forget = "UPDATE sync_ledger SET mark = 0, hash = decode(repeat('00', 16), 'hex'), instance_starts = 0,
                             instance_id = 0;
                      TRUNCATE sync_digests, production_logs, agent_status;";
        sqlx::raw_sql(forget).execute(&self.database.pool).await.unwrap();
        // With TimescaleDB it is a view over the facts.
        if Server::asked_for() == Server::Stock {
            sqlx::raw_sql("TRUNCATE daily_production_summary").execute(&self.database.pool).await.unwrap();
        }
    }
}

async fn goes_on(agent: &mut Agent, first: u64, last: u64) {
    let reply = agent.sync(first, first - 1).await;
    assert_eq!((&reply.verdict, reply.acknowledged), (&Verdict::NewEpoch, Seq(first - 1)), "{reply:?}");
    agent.epoch = reply.epoch;
    agent.accept(first, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_is_shown_with_a_warning_and_the_accepted_process_goes_on() {
    let plant = Plant::start().await;
    let none = plant.refused(&["agent", "resolve", "line-1"]).await;
    assert!(none.contains("there is no agent line-1"), "{none}");
    let mut agent = plant.agent("line-1").await;
    agent.produce(20);
    agent.accept(1, 10).await;
    let none = plant.refused(&["agent", "resolve", "line-1"]).await;
    assert!(none.contains("there is nothing to resolve"), "{none}");
    let mut restored = agent.copy(Instance { starts: 5, id: 0xabc }).await;
    agent.accept(11, 20).await;
    restored.log.0.truncate(12);
    restored.sync(11, 12).await;

    let told = plant.told(&["agent", "resolve", "line-1"]).await;
    for expected in [
        "main/line-1 has two histories since ",
        "the agent's log ends at 12, central has committed up to 20: restored from an old copy.",
        "Events up to 20 are committed and stay so. 1 batches were refused.",
        "5/0000000000000abc  on pc-1 (127.0.0.1), started 5 times, newest event 12",
        "its events are what is committed",
        "accept it: central agent resolve line-1 --plant main --accept 5/0000000000000abc",
        "would be counted a second time",
        "move agent.db, agent.db-wal and agent.db-shm away",
        "docs/operations.md",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
    let wrong = plant.refused(&["agent", "resolve", "line-1", "--accept", "6/0000000000000abc"]).await;
    assert!(wrong.contains("no process 6/0000000000000abc is known"), "{wrong}");

    let done = plant.told(&["agent", "resolve", "line-1", "--accept", "5/0000000000000abc"]).await;
    assert!(done.starts_with("main/line-1 goes on with 5/0000000000000abc in epoch 2, after event 12"), "{done}");
    assert!(done.contains("Every other process stays refused: stop it"), "{done}");
    assert_eq!(plant.audited().await, ["command agent.resolve main/line-1"]);
    restored.push(&count(3));
    goes_on(&mut restored, 13, 13).await;
    assert_eq!(plant.central.pieces().await, 23);
    let shown = plant.told(&["agent", "resolve", "line-1"]).await;
    assert!(shown.contains("Resolved ") && shown.contains("; accepted"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_accepts_every_agent_after_central_was_restored_but_those_that_run_twice() {
    let plant = Plant::start().await;
    let mut agents = Vec::new();
    for name in ["line-1", "line-2", "line-3", "line-4"] {
        let mut agent = plant.agent(name).await;
        agent.produce(10);
        agent.accept(1, 6).await;
        agents.push(agent);
    }
    plant.forget_what_was_synced().await;
    // The fourth one's computer is switched off.
    for agent in &mut agents[..3] {
        assert!(matches!(agent.sync(7, 8).await.verdict, Verdict::Diverged { .. }));
    }
    let mut clone = agents[2].copy(Instance { starts: 1, id: 0x99 }).await;
    clone.sync(7, 8).await;
    let list = plant.told(&["agent", "list"]).await;
    assert_eq!(list.matches("diverged").count(), 3, "{list}");
    let (doctor, _, _) = plant.run(&["doctor"]).await;
    assert!(doctor.contains("central agent resolve --central-restored"), "{doctor}");

    let (told, left, code) = plant.run(&["agent", "resolve", "--central-restored"]).await;
    assert_eq!(code, 1, "{told}{left}");
    for name in ["line-1", "line-2"] {
        assert!(told.contains(&format!("main/{name} goes on with ")), "{told}");
    }
    assert!(told.contains("Events 1 to 6, 6 of them, are not in the backup"), "{told}");
    assert!(told.contains("2 agents go on.") && told.contains("run this again in a minute"), "{told}");
    assert!(left.contains("main/line-3: several processes claim its log: central agent resolve line-3"), "{left}");
    for agent in &mut agents[..2] {
        goes_on(agent, 7, 10).await;
    }
    assert_eq!(agents[0].epoch, Epoch(2));

    let shown = plant.told(&["agent", "resolve", "line-3"]).await;
    assert!(shown.contains("main/line-3 is ahead of central since "), "{shown}");
    let instance = format!("1/{:016x}", agents[2].instance.id);
    let done = plant.told(&["agent", "resolve", "line-3", "--accept", &instance, "--json"]).await;
    let done: serde_json::Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["lost_seqs"], serde_json::json!([1, 6]));
    goes_on(&mut agents[2], 7, 10).await;

    agents[3].sync(7, 10).await;
    let told = plant.told(&["agent", "resolve", "--central-restored", "--plant", "main", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["accepted"][0]["agent"], &told["left"]), (&"line-4".into(), &serde_json::json!([])));
    goes_on(&mut agents[3], 7, 10).await;
    assert_eq!(plant.central.pieces().await, 16);
    let lost = "SELECT sum(lost)::bigint FROM gaps WHERE cause = 'central_restored'";
    assert_eq!(plant.central.count(lost).await, 24);
    let nothing = plant.told(&["agent", "resolve", "--central-restored"]).await;
    assert!(nothing.contains("0 agents go on."), "{nothing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transferred_machine_brings_the_facts_that_were_held() {
    let plant = Plant::start().await;
    let mut owner = plant.agent("line-1").await;
    owner.produce(2);
    owner.accept(1, 2).await;
    let mut other = plant.agent("line-2").await;
    other.machine = owner.machine.clone();
    other.produce(3);
    other.accept(1, 3).await;
    let (doctor, _, _) = plant.run(&["doctor"]).await;
    assert!(doctor.contains("central machine transfer"), "{doctor}");

    let transfer = ["machine", "transfer", "press-line-1", "--plant", "main", "--to"];
    let mistyped = plant.refused(&["machine", "transfer", "press-line-2", "--plant", "main", "--to", "line-2"]).await;
    assert!(mistyped.contains("has no machine press-line-2; did you mean press-line-1?"), "{mistyped}");
    let unknown = plant.refused(&[&transfer[..], &["line-3"]].concat()).await;
    assert!(unknown.contains("there is no agent line-3"), "{unknown}");

    let told = plant.told(&[&transfer[..], &["line-2"]].concat()).await;
    assert!(told.starts_with("line-2 reports main/press-line-1 from here on."), "{told}");
    assert!(told.contains("3 events became facts, none stays in quarantine."), "{told}");
    assert!(told.contains("take it out of that agent's configuration"), "{told}");
    assert_eq!(plant.central.pieces().await, 5);
    for verb in ["disable", "disable", "enable"] {
        plant.told(&["agent", verb, "line-1"]).await;
    }
    assert_eq!(
        plant.audited().await,
        [
            "command machine.transfer main/press-line-1",
            "command quarantine.release main",
            "command agent.disable main/line-1",
            "command agent.enable main/line-1",
        ]
    );
    plant.central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_makes_facts_of_what_is_right_by_now_and_says_what_stays() {
    let plant = Plant::start().await;
    let nothing = plant.refused(&["quarantine", "release", "--plant", "main"]).await;
    assert!(nothing.contains("there is no plant main"), "{nothing}");
    let mut agent = plant.agent("line-1").await;
    let nothing = plant.told(&["quarantine", "release", "--plant", "main"]).await;
    assert!(nothing.contains("No event of plant main that was asked for is in quarantine."), "{nothing}");

    // Central's clock was an hour behind when the first came; the second is from a clock that is wrong.
    plant.central.clock.advance_us(-3600 * SECOND);
    agent.now = plant.central.clock().wall();
    let soon = agent.now.plus_us(1800 * SECOND);
    agent.log.push_at(soon, PRESS, &count(5));
    agent.log.push_at(UtcMicros(4_070_908_800 * SECOND), PRESS, &count(7));
    agent.accept(1, 2).await;
    assert_eq!(plant.central.pieces().await, 0);

    let mistyped = plant.refused(&["quarantine", "release", "--plant", "main", "--reason", "futur"]).await;
    assert!(mistyped.contains("expected one of future, beyond_retention"), "{mistyped}");
    let other = plant.told(&["quarantine", "release", "--plant", "main", "--reason", "no_machine"]).await;
    assert!(other.contains("No event of plant main"), "{other}");
    let told = plant.told(&["quarantine", "release", "--plant", "main", "--reason", "future"]).await;
    assert!(told.contains("1 events became facts, 1 stay in quarantine, because their reason still holds"), "{told}");
    assert_eq!(plant.central.pieces().await, 5);
    plant.central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commands_change_is_in_the_audit_log_without_secrets() {
    let plant = Plant::start().await;
    let mut secrets = Vec::new();
    let json = async |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&plant.told(&[arguments, &["--json"]].concat()).await).unwrap()
    };
    let mut secret = |answer: serde_json::Value, key: &str| secrets.push(answer[key].as_str().unwrap().to_owned());
    secret(json(&["user", "setup-code"]).await, "code");
    secret(json(&["agent", "invite", "hall-1", "--plant", "main", "--time-zone", "UTC"]).await, "code");
    secret(json(&["agent", "invite", "hall-2"]).await, "code");
    secret(json(&["user", "add", "anna", "--role", "administrator", "--generate"]).await, "password");
    secret(json(&["user", "add", "otto", "--role", "operator", "--plant", "main", "--generate"]).await, "password");
    secret(json(&["user", "password", "otto", "--generate"]).await, "password");
    plant.told(&["user", "disable", "otto"]).await;
    plant.told(&["user", "enable", "otto"]).await;
    secret(json(&["token", "add", "erp", "--scope", "read"]).await, "secret");
    plant.told(&["token", "revoke", "erp"]).await;
    plant.refused(&["token", "revoke", "erp"]).await;
    plant.refused(&["user", "add", "anna", "--role", "operator", "--generate"]).await;
    // What only looks leaves nothing.
    for command in [["user", "list"], ["agent", "list"], ["token", "list"], ["work", "list"]] {
        plant.told(&command).await;
    }
    let rows: Vec<(String, String, String, String)> =
        sqlx::query_as("SELECT action, actor_kind, actor, l::text FROM audit_log l ORDER BY id")
            .fetch_all(&plant.database.pool)
            .await
            .unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(
        actions,
        [
            "setup_code.create",
            "plant.create",
            "invitation.create",
            "invitation.create",
            "user.create",
            "user.create",
            "user.change",
            "user.change",
            "user.change",
            "token.create",
            "token.revoke",
        ]
    );
    for (action, kind, actor, row) in &rows {
        assert!(kind == "command" && actor.len() > 4 && actor.starts_with("cli:"), "{action} by {kind} {actor}");
        assert!(!secrets.iter().any(|secret| row.contains(secret.as_str())), "{row}");
    }
}
