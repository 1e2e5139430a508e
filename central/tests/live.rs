//! Live updates on a real PostgreSQL, through real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use central::api::Api;
use central::auth::tokens::{self, NewToken};
use central::auth::{Access, Permission, Plants, Principal};
use central::database::Database;
use central::live::{self, Hub};
use process::clock::SystemClock;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use support::outage::Way;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

const ROWS: &str = "
    INSERT INTO plants (name) VALUES ('north'), ('south');
    INSERT INTO agents (uuid, plant_id, name, key_fingerprint)
        SELECT gen_random_uuid(), id, name || '-1', sha256(name::bytea) FROM plants;
    INSERT INTO sync_ledger (agent_id) SELECT id FROM agents;
    INSERT INTO agent_status (agent_id, plant_id, last_sync_at, clock_offset_us, master_data_revision, newest_seq)
        SELECT id, plant_id, now(), 0, 1, 0 FROM agents;
    INSERT INTO machines (plant_id, name, agent_id)
        SELECT a.plant_id, p.name || '-press-' || n, a.id FROM agents a JOIN plants p ON p.id = a.plant_id, generate_series(1, 2) n;
    INSERT INTO machine_live (machine_id, plant_id, agent_id, state, state_since, good, scrap, rework, reported_at)
        SELECT id, plant_id, agent_id, 'running', now(), 0, 0, 0, now() FROM machines;
    INSERT INTO products (plant_id, code, title, ideal_cycle_ms) SELECT id, 'P', 'Part', 1000 FROM plants;
    INSERT INTO work_orders (plant_id, code, product, quantity) SELECT id, 'WO-1', 'P', 500 FROM plants;
    INSERT INTO operators (plant_id, number, name) SELECT id, '7', 'Ada' FROM plants;
";

/// A central's web port and its live updates, on a database that others may share.
struct Central {
    hub: Arc<Hub>,
    access: Access,
    web: SocketAddr,
    /// Of somebody who may see every plant.
    token: String,
    stopping: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Central {
    async fn on(database: &Database, process: u64) -> Central {
        Central::reading(database, database.apart(3), process).await
    }

    /// Whose board is read through `pool`.
    async fn reading(database: &Database, pool: PgPool, process: u64) -> Central {
        let hub = Hub::new(Arc::new(SystemClock::new(0)), process);
        let stopping = CancellationToken::new();
        let api = Api { hub: hub.clone(), ..support::api(database, Arc::new(SystemClock::new(0))) };
        let access = api.access.clone();
        let token = token(&access, &format!("everything-{process}"), Plants::All).await;
        let router = support::router(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = listener.local_addr().unwrap();
        let settings = central::web::server::Settings { connections_max: 2_048, tls: None };
        let (listen, look, serve) = (
            live::listen::run(hub.clone(), pool.clone(), stopping.clone()),
            live::refresh::run(hub.clone(), pool, stopping.clone()),
            central::web::server::serve(listener, settings, router, stopping.clone()),
        );
        let tasks = vec![
            tokio::spawn(async { listen.await.unwrap() }),
            tokio::spawn(async { look.await.unwrap() }),
            tokio::spawn(async { serve.await.unwrap() }),
        ];
        let central = Central { hub, access, web, token, stopping, tasks };
        until("the board is read and changes are heard", async || {
            let (head, _) = central.get("/api/v1/board", "").await;
            head.starts_with("HTTP/1.1 200") && central.hub.counters.is_listening()
        })
        .await;
        central
    }

    async fn get(&self, path: &str, headers: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.web).await.unwrap();
        let token = &self.token;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: central\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        timeout(support::DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    async fn follow(&self, last: Option<&str>) -> Browser {
        Browser::connect(self.web, &self.token, last).await
    }

    /// Everything ends by itself.
    async fn stop(self) {
        self.stopping.cancel();
        for task in self.tasks {
            timeout(support::DEADLINE, task).await.expect("it stops").unwrap();
        }
    }
}

async fn token(access: &Access, name: &str, plants: Plants) -> String {
    let token = NewToken { name: name.to_owned(), scopes: vec![Permission::Read], plants, expires_at: None };
    let actor = Principal::command("test");
    tokens::store::create(access.pool(), access.now(), &actor.actor(), &token).await.unwrap().1.text()
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + support::DEADLINE;
    while !is().await {
        assert!(tokio::time::Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Debug, Clone)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

impl Event {
    fn good(&self, machine: &str) -> Option<i64> {
        self.machine(machine)?["good"].as_i64()
    }

    fn machine(&self, name: &str) -> Option<&Value> {
        self.data["machines"].as_array()?.iter().find(|machine| machine["name"] == name)
    }
}

/// One event from the lines of a stream; none at its end.
async fn read_event(lines: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<Event> {
    let mut event = Event { id: String::new(), name: String::new(), data: Value::Null };
    loop {
        let mut line = String::new();
        if timeout(support::DEADLINE, lines.read_line(&mut line)).await.expect("an event").ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut event.id),
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
            _ if event.name.is_empty() => {}
            _ => return Some(event),
        }
    }
}

struct Browser {
    head: String,
    lines: BufReader<TcpStream>,
}

impl Browser {
    /// As HTTP/1.0, so that the body is the stream itself.
    async fn connect(web: SocketAddr, token: &str, last: Option<&str>) -> Browser {
        let mut stream = TcpStream::connect(web).await.unwrap();
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let request =
            format!("GET /api/v1/live HTTP/1.0\r\nHost: central\r\nAuthorization: Bearer {token}\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(timeout(support::DEADLINE, lines.read_line(&mut head)).await.unwrap().unwrap() > 0, "{head}");
        }
        Browser { head: head.to_lowercase(), lines }
    }

    async fn event(&mut self) -> Event {
        read_event(&mut self.lines).await.expect("the stream goes on")
    }

    /// The next one that is for the board.
    async fn machines(&mut self) -> Event {
        loop {
            let event = self.event().await;
            if ["board", "machines", "removed"].contains(&event.name.as_str()) {
                return event;
            }
        }
    }

    async fn until(&mut self, mut is: impl FnMut(&Event) -> bool) -> Event {
        loop {
            let event = self.event().await;
            if is(&event) {
                return event;
            }
        }
    }
}

async fn execute(database: &Database, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&database.pool).await.unwrap();
}

/// What sync does for a machine's pieces, and what it says after it.
async fn count(database: &Database, machine: &str, good: i64) {
    execute(
        database,
        &format!(
            "BEGIN;
             CREATE TEMPORARY TABLE made ON COMMIT DROP AS
                 SELECT m.plant_id, m.id, m.agent_id, (now() AT TIME ZONE 'UTC')::date AS day,
                        ({good} - coalesce((SELECT sum(delta) FROM production_logs WHERE machine_id = m.id), 0))::bigint AS more
                 FROM machines m WHERE name = '{machine}';
             SELECT prepare_facts(ARRAY[date_trunc('month', now())::date]);
             INSERT INTO production_logs
                 SELECT now(), day, plant_id, id, agent_id, 1, (SELECT mark + 1 FROM sync_ledger l WHERE l.agent_id = made.agent_id),
                        'synchronized', 'good', 'good', more, NULL, 'increase' FROM made;
             SELECT roll_up_production(ARRAY[plant_id], ARRAY[id], ARRAY[day], ARRAY[more], '{{0}}', '{{0}}') FROM made;
             UPDATE sync_ledger SET mark = mark + 1
                 WHERE agent_id = (SELECT agent_id FROM machines WHERE name = '{machine}');
             COMMIT; NOTIFY changes"
        ),
    )
    .await;
}

async fn with_rows() -> Database {
    let database = support::database().await;
    execute(&database, ROWS).await;
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_appears_and_nothing_else_is_told() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut browser = central.follow(None).await;
    assert!(browser.head.contains("content-type: text/event-stream"), "{}", browser.head);
    assert!(browser.head.contains("x-accel-buffering: no"), "{}", browser.head);
    let board = browser.event().await;
    assert_eq!((board.name.as_str(), board.data["machines"].as_array().unwrap().len()), ("board", 4));
    count(&database, "north-press-1", 3).await;
    let told = browser.machines().await;
    assert_eq!(told.name, "machines");
    assert_eq!(told.good("north-press-1"), Some(3));
    assert_eq!(told.data["machines"].as_array().unwrap().len(), 1, "{}", told.data);
    execute(&database, "DELETE FROM machine_live WHERE machine_id = 2; DELETE FROM machines WHERE id = 2").await;
    let removed = browser.machines().await;
    assert_eq!((removed.name.as_str(), &removed.data), ("removed", &json!({ "ids": [2] })));
    execute(&database, "INSERT INTO machines (plant_id, name, agent_id) VALUES (1, 'new', 1)").await;
    let new = browser.machines().await;
    assert_eq!(new.machine("new").unwrap()["state"], Value::Null);
    execute(&database, "NOTIFY changes, 'work nonsense'").await;
    let changed = browser.until(|it| it.name == "changed" && it.data["topics"].to_string().contains("work")).await;
    assert!(!changed.data.to_string().contains("nonsense"));
    central.stop().await;
    assert!(read_event(&mut browser.lines).await.is_none(), "streams end when central stops");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_says_what_runs_what_stands_still_and_who_is_there() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut browser = central.follow(None).await;
    browser.event().await;
    execute(
        &database,
        "BEGIN;
         SELECT prepare_facts(array_agg(DISTINCT date_trunc('month', t)::date))
             FROM unnest(ARRAY[now(), now() - interval '2 hours']) t;
         INSERT INTO job_log SELECT now() - interval '100 seconds', current_date, plant_id, id, NULL, agent_id, 1, 1,
             'synchronized', 'start', 'WO-1', '7' FROM machines WHERE name = 'north-press-1';
         INSERT INTO machine_states SELECT now() - interval '1 hour', current_date, plant_id, id, agent_id, 1, 2,
             'synchronized', 'running', NULL, NULL FROM machines WHERE name = 'north-press-1';
         UPDATE machine_live SET state_since = now() - interval '1 hour', reported_at = now() WHERE machine_id = 1;
         INSERT INTO shift_log SELECT now(), current_date, plant_id, NULL, NULL, agent_id, 1, 3, 'synchronized',
             'operator_on', '7', NULL FROM machines WHERE name = 'north-press-1';
         INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change)
             SELECT now(), current_date, plant_id, id, agent_id, 1, 4, 'synchronized', 9, 'began' FROM machines
             WHERE name = 'north-press-1';
         INSERT INTO open_stops SELECT id, agent_id, 9, plant_id, now(), 'stopped', 'state' FROM machines
             WHERE name = 'north-press-1';
         UPDATE sync_ledger SET mark = 4 WHERE agent_id = 1;
         COMMIT; NOTIFY changes",
    )
    .await;
    let people = browser.until(|it| it.machine("north-press-2").is_some()).await;
    assert_eq!(people.machine("north-press-2").unwrap()["operators"], json!(["Ada"]), "the station's people");
    // What it started from is read apart.
    let is_whole = |it: &Event| it.machine("north-press-1").is_some_and(|it| !it["job"]["expected"].is_null());
    let told = if is_whole(&people) { people } else { browser.until(is_whole).await };
    let machine = told.machine("north-press-1").unwrap();
    let job = &machine["job"];
    assert_eq!(
        (&job["work_order"], &job["product_title"], &job["quantity"]),
        (&json!("WO-1"), &json!("Part"), &json!(500))
    );
    assert_eq!(job["good"], 0);
    let expected = job["expected"].as_f64().unwrap();
    assert!((expected - 100.0).abs() < 0.11, "it ran for 100 seconds at one piece a second: {expected}");
    assert_eq!(machine["unexplained_stops"], 1);
    assert_eq!((&machine["open_stop"]["stop"], &machine["open_stop"]["reason"]), (&json!(9), &Value::Null));
    assert_eq!(machine["operators"], json!(["Ada"]));
    execute(
        &database,
        "BEGIN;
         INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change, reason)
             SELECT now(), current_date, plant_id, id, agent_id, 1, 5, 'synchronized', 9, 'reason', 'jam' FROM machines
             WHERE name = 'north-press-1';
         INSERT INTO job_log SELECT now(), current_date, plant_id, id, NULL, agent_id, 1, 6, 'synchronized', 'finish',
             'WO-1', '7' FROM machines WHERE name = 'north-press-1';
         UPDATE sync_ledger SET mark = 6 WHERE agent_id = 1;
         COMMIT; NOTIFY changes",
    )
    .await;
    let told = browser.until(|it| it.machine("north-press-1").is_some_and(|it| it["job"].is_null())).await;
    let machine = told.machine("north-press-1").unwrap();
    assert_eq!((&machine["unexplained_stops"], &machine["open_stop"]["reason"]), (&json!(0), &json!("jam")));
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_comes_together_with_new_master_data_is_told() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut browser = central.follow(None).await;
    browser.event().await;
    // Not so soon after the first look that master data has to wait.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let is_told = |it: &Event, topic: &str| it.name == "changed" && it.data["topics"].to_string().contains(topic);
    execute(&database, "NOTIFY changes, 'work'").await;
    browser.until(|it| is_told(it, "work")).await;
    execute(
        &database,
        "BEGIN;
         UPDATE plants SET master_data_revision = master_data_revision + 1;
         INSERT INTO downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, change)
             SELECT now(), current_date, plant_id, id, agent_id, 1, 4, 'synchronized', 9, 'began' FROM machines
             WHERE name = 'north-press-1';
         UPDATE sync_ledger SET mark = 4 WHERE agent_id = 1;
         COMMIT",
    )
    .await;
    browser.until(|it| is_told(it, "stops")).await;
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_comes_back_is_told_exactly_what_it_missed() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut steady = central.follow(None).await;
    let mut leaving = central.follow(None).await;
    leaving.event().await;
    count(&database, "north-press-1", 1).await;
    let last = leaving.until(|it| it.good("north-press-1") == Some(1)).await.id;
    drop(leaving);
    let mut missed = Vec::new();
    steady.until(|it| it.id == last).await;
    for good in 2..=5 {
        count(&database, "north-press-1", good).await;
        loop {
            let event = steady.event().await;
            let is_last = event.good("north-press-1") == Some(good);
            if event.name != "heartbeat" {
                missed.push((event.id, event.data));
            }
            if is_last {
                break;
            }
        }
    }
    let mut back = central.follow(Some(&last)).await;
    for expected in missed {
        let event = back.event().await;
        assert_eq!((event.id, event.data), expected);
    }
    for stranger in ["", "nonsense", "2-1-1", "1-1-ffff", "1-9-1"] {
        let mut browser = central.follow(Some(stranger)).await;
        assert_eq!(browser.event().await.name, "board", "{stranger:?}");
    }
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_cut_off_heals_and_what_is_not_notified_is_found() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut browser = central.follow(None).await;
    browser.event().await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()";
    let killed = sqlx::query(cut).fetch_all(&database.pool).await.unwrap().len();
    assert_eq!(killed, 1);
    // As a lost notification: nothing says that this happened.
    execute(&database, "UPDATE machine_live SET state = 'stopped' WHERE machine_id = 1").await;
    let told = browser.until(|it| it.machine("north-press-1").is_some()).await;
    assert_eq!(told.machine("north-press-1").unwrap()["state"], "stopped");
    until("changes are heard again", async || central.hub.counters.is_listening()).await;
    count(&database, "south-press-2", 8).await;
    browser.until(|it| it.good("south-press-2") == Some(8)).await;
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_centrals_on_one_database_both_tell() {
    let database = with_rows().await;
    let (one, other) = (Central::on(&database, 1).await, Central::on(&database, 2).await);
    let (mut at_one, mut at_other) = (one.follow(None).await, other.follow(None).await);
    let last = at_one.event().await.id;
    at_other.event().await;
    count(&database, "north-press-2", 4).await;
    at_one.until(|it| it.good("north-press-2") == Some(4)).await;
    at_other.until(|it| it.good("north-press-2") == Some(4)).await;
    one.stop().await;
    // The browsers of the one that stopped start anew at the other.
    let mut moved = other.follow(Some(&last)).await;
    let board = moved.event().await;
    assert_eq!((board.name.as_str(), board.good("north-press-2")), ("board", Some(4)));
    other.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plants_machines_never_appear() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let south = token(&central.access, "south", Plants::Only(vec![2].into())).await;
    let mut in_the_south = Browser::connect(central.web, &south, None).await;
    let mut everybody = central.follow(None).await;
    everybody.event().await;
    let mut seen = vec![in_the_south.event().await];
    let last = seen[0].id.clone();
    for good in 1..=3 {
        count(&database, "north-press-1", good).await;
        everybody.until(|it| it.good("north-press-1") == Some(good)).await;
    }
    execute(&database, "DELETE FROM machine_live WHERE machine_id = 1; DELETE FROM machines WHERE id = 1").await;
    everybody.until(|it| it.name == "removed").await;
    count(&database, "south-press-1", 5).await;
    while seen.last().unwrap().good("south-press-1") != Some(5) {
        seen.push(in_the_south.event().await);
    }
    assert!(seen[0].machine("south-press-2").is_some());
    assert!(!format!("{seen:?}").contains("north") && seen.iter().all(|it| it.name != "removed"), "{seen:?}");
    let south_only = Plants::Only(vec![2].into());
    let board = String::from_utf8(central.hub.board(&south_only, None, None).unwrap().json.to_vec()).unwrap();
    assert!(board.contains("south-press-1") && !board.contains("north"), "{board}");
    // Where one set of plants was is no place in what another set is told.
    let all = everybody.until(|it| it.good("south-press-1") == Some(5)).await.id;
    assert_eq!(Browser::connect(central.web, &south, Some(&all)).await.event().await.name, "board");
    assert_eq!(central.follow(Some(&last)).await.event().await.name, "board");
    assert!(Browser::connect(central.web, "nobody", None).await.head.contains(" 401 "));
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_is_answered_in_parts_and_not_twice() {
    let database = with_rows().await;
    execute(
        &database,
        "INSERT INTO lines (plant_id, name) VALUES (1, 'L1'); UPDATE machines SET line_id = 1 WHERE id = 1",
    )
    .await;
    let central = Central::on(&database, 1).await;
    let names = |body: &str| -> Vec<String> {
        let board: Value = serde_json::from_str(body).unwrap();
        board["machines"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    let (head, body) = central.get("/api/v1/board?plant=north", "").await;
    assert_eq!(names(&body), ["north-press-1", "north-press-2"]);
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (head, body) = central.get("/api/v1/board?plant=north", &format!("If-None-Match: {tag}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 304") && body.is_empty(), "{head}");
    let (head, _) = central.get("/api/v1/board", &format!("If-None-Match: {tag}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "another part is another answer: {head}");
    assert_eq!(names(&central.get("/api/v1/board?line=L1", "").await.1), ["north-press-1"]);
    assert_eq!(names(&central.get("/api/v1/board?plant=nowhere", "").await.1), Vec::<String>::new());
    assert!(central.get("/api/v1/board?x=1", "").await.0.starts_with("HTTP/1.1 400"));
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_reads_slowly_starts_anew_and_fills_no_memory() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut slow = central.hub.follow(&Plants::All, None).unwrap();
    let mut idle = central.follow(None).await;
    slow.next().await.unwrap().unwrap();
    let Value::Array(rows) = serde_json::from_slice::<Value>(
        &central.hub.board(&Plants::All, None, None).unwrap().json,
    )
    .unwrap()["machines"]
        .take()
    else {
        panic!("a list")
    };
    let mut rows: Vec<central::machines::board::BoardMachine> =
        rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect();
    // 60 MB of frames that neither of the two takes.
    for good in 1..=200 {
        rows[0].good = good;
        rows[0].title = "x".repeat(300_000);
        central.hub.publish(rows.clone(), live::Topics::default());
    }
    let frame = slow.next().await.unwrap().unwrap();
    assert!(frame.starts_with(b"retry:"), "the board, for what was missed is gone");
    assert!(String::from_utf8_lossy(&frame).contains("\"good\":200,"));
    // The other one finds its place too, through what the kernel had taken meanwhile.
    let last = idle.until(|it| it.good("north-press-1") == Some(200)).await;
    assert!(["board", "machines"].contains(&last.name.as_str()));
    drop(slow);
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_a_browser_is_told_so_and_a_central_that_stops_takes_nobody() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let open: Vec<_> = (0..live::STREAMS_MAX).map(|_| central.hub.follow(&Plants::All, None).unwrap()).collect();
    let (head, body) = central.get("/api/v1/live", "").await;
    assert!(head.starts_with("HTTP/1.1 503") && body.contains("follow this central already"), "{head} {body}");
    drop(open);
    central.follow(None).await.event().await;
    let hub = central.hub.clone();
    central.stop().await;
    assert_eq!(hub.follow(&Plants::All, None).unwrap_err(), live::Refused::Stopping);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_takes_nothing_does_not_hold_up_a_central_that_stops() {
    let database = with_rows().await;
    let central = Central::on(&database, 1).await;
    let mut stuck = central.follow(None).await;
    let board = stuck.event().await;
    let mut rows: Vec<central::machines::board::BoardMachine> =
        serde_json::from_value(board.data["machines"].clone()).unwrap();
    // More than the kernels of both sides hold, a little at a time so that it is sent.
    for good in 1..=400 {
        rows[0].good = good;
        rows[0].title = "x".repeat(100_000);
        central.hub.publish(rows.clone(), live::Topics::default());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    central.stop().await;
    drop(stuck);
    database.close().await;
}

/// What is asked right then is never answered.
async fn fall_silent_during_a_look(database: &Database, way: &Way) {
    let mut held = database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE machine_live IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    until("somebody looks", async || {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'machine_live'::regclass";
        sqlx::query_scalar::<_, i64>(waits).fetch_one(&database.pool).await.unwrap() > 0
    })
    .await;
    way.fall_silent();
    held.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_silent_does_not_hold_up_a_central_that_stops() {
    let database = with_rows().await;
    let way = Way::to(&database).await;
    let pool = PgPoolOptions::new().max_connections(3).connect(&way.url).await.unwrap();
    let central = Central::reading(&database, pool, 1).await;
    let mut browser = central.follow(None).await;
    browser.event().await;
    fall_silent_during_a_look(&database, &way).await;
    central.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_goes_on_after_its_database_had_fallen_silent() {
    let database = with_rows().await;
    let way = Way::to(&database).await;
    let pool = PgPoolOptions::new().max_connections(3).acquire_timeout(Duration::from_secs(5));
    let central = Central::reading(&database, pool.connect(&way.url).await.unwrap(), 1).await;
    fall_silent_during_a_look(&database, &way).await;
    way.work();
    count(&database, "north-press-1", 7).await;
    let told = async {
        while !central.get("/api/v1/board", "").await.1.contains("\"good\":7,") {
            tokio::time::sleep(live::refresh::POLL).await;
        }
    };
    timeout(live::refresh::LOOK_WITHIN + support::DEADLINE, told).await.expect("the board goes on");
    central.stop().await;
    database.close().await;
}
