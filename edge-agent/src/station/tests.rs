//! The station as a browser meets it: real sockets on a real log, killed and started again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use process::clock::Clock as _;
use protocol::correction::{CorrectedStop, Corrections, GivenReason, SaidAtCentral};
use protocol::event::{DowntimeEntry, EventKind, JobAction, ShiftLogEntry};
use protocol::id::{Name, Seq};
use protocol::master_data::{MachineSettings, MasterData, Product, Reason, WorkOrder};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::configuration::StationSection;
use super::credentials::tests::operator;
use super::{Read, ScanSender, Surroundings};
use crate::capture::tests::{Agent, sections};
use crate::clock::ClockTrust;
use crate::reading::{Item, Nature, Reading};
use crate::sources::scanner::decode;
use crate::status::report::{CentralReport, UplinkState};

const MACHINES: &str = "[[machine]]\nname = \"press\"\nmicrostop_below_ms = 1000\n[machine.signal.c]\nrole = \"counter\"\n\
                        [machine.signal.s]\nrole = \"state\"\nmap = { r = \"running\", s = \"stopped\" }\n\
                        [[machine]]\nname = \"packer\"\n";

struct World {
    agent: Agent,
    central: watch::Sender<CentralReport>,
    scanning: ScanSender,
    trust: ClockTrust,
    stopping: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    address: String,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn master_data() -> MasterData {
    let reason = |code: &str, applies_to: &str| Reason {
        code: code.to_owned(),
        title: format!("Title of {code}"),
        applies_to: applies_to.to_owned(),
        planned: false,
    };
    MasterData {
        time_zone: "Europe/Vienna".to_owned(),
        machines: vec![MachineSettings { name: name("press"), title: "Press 1".to_owned(), microstop_below_ms: None }],
        products: vec![Product { code: "P".to_owned(), title: "Bracket".to_owned(), ideal_cycle_ms: None }],
        work_orders: vec![WorkOrder {
            code: "WO-1".to_owned(),
            product: "P".to_owned(),
            machine: Some(name("press")),
            quantity: Some(100),
            due_at: None,
        }],
        reasons: vec![reason("jam", "downtime"), reason("scratch", "scrap")],
        operators: vec![operator("17", "Anna"), operator("18", "Ben")],
        shifts: Vec::new(),
    }
}

impl World {
    async fn new(data_dir: &Path) -> World {
        let world = World::open(data_dir).await;
        world.agent.buffer.set_master_data(1, master_data()).await.unwrap();
        world.until(|view| view["ready_for_operators"] == true).await;
        world
    }

    async fn open(data_dir: &Path) -> World {
        let agent = Agent::start_with(data_dir, sections(MACHINES));
        let (central, viewed) = watch::channel(CentralReport::starting("central:8443"));
        let trust = ClockTrust::default();
        let surroundings = Surroundings {
            section: StationSection { listen: ([127, 0, 0, 1], 0).into(), ..StationSection::default() },
            station: name("hall-1"),
            plant: name("north"),
            buffer: agent.buffer.clone(),
            clock: Arc::new(agent.clock.clone()),
            trust: trust.clone(),
            live: agent.live.clone(),
            machines: agent.machines.subscribe(),
            board: agent.board.clone(),
            central: viewed,
        };
        let stopping = CancellationToken::new();
        let status = agent.board.subject("station", "station");
        let (scanning, scans) = ScanSender::channel();
        let serving = tokio::spawn(super::serve(surroundings, agent.capture.clone(), scans, status, stopping.clone()));
        let address = loop {
            let condition = agent.board.condition("station").unwrap();
            match condition.reason.strip_prefix("http://") {
                Some(address) => break address.trim_end_matches('/').to_owned(),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let world = World { agent, central, scanning, trust, stopping, serving, address };
        world.until(|view| view["machines"].as_array().unwrap().len() == 2).await;
        world
    }

    /// As when the power goes.
    async fn kill(self) {
        self.serving.abort();
        let _ = self.serving.await;
        self.agent.kill().await;
    }

    async fn send(&self, request: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())))
    }

    async fn view(&self) -> Value {
        let (status, view) =
            self.send("GET /api/station/view HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        assert_eq!(status, 200, "{view}");
        view
    }

    async fn until(&self, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2_000 {
            let view = self.view().await;
            if holds(&view) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 20 s: {}", self.view().await);
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(&request(&format!("POST /api/station/{path}"), "content-type: application/json", &body.to_string()))
            .await
    }

    /// As a page that is open.
    async fn watch(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(b"GET /api/station/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        BufReader::new(stream)
    }

    async fn entered(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, &body).await;
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    /// Read by a scanner of the agent, and stored.
    async fn read_code(&self, code: &str) {
        let scan = decode::scan(&name("gun"), code.as_bytes(), decode::Gs1Reading::Auto, None);
        let read = Read { scan, machine: Some(name("press")), taken: self.agent.clock.now() };
        tokio::time::timeout(Duration::from_secs(20), self.scanning.take(read)).await.unwrap().unwrap();
    }

    async fn log_on(&self, number: &str) {
        self.entered("log-on", json!({ "id": id(), "badge": format!("badge-{number}") })).await;
    }

    async fn read(&self, signal: &str, value: crate::reading::Value) {
        self.agent.clock.advance_us(5_000_000);
        let taken = self.agent.clock.now();
        let reading = Reading {
            machine: name("press"),
            signal: name(signal),
            value,
            taken,
            source_at: None,
            nature: Nature::Live,
        };
        self.agent.capture.store(vec![Item::Reading(reading)], None).await.unwrap();
    }

    async fn count(&self, shown: i64) {
        self.read("c", crate::reading::Value::Integer(shown)).await;
    }

    async fn state(&self, word: &str) {
        self.read("s", crate::reading::Value::Text(word.to_owned())).await;
    }

    /// Central acknowledges everything.
    async fn acknowledge_all(&self) {
        let position = self.agent.buffer.position().await.unwrap();
        let run = self.agent.buffer.read(position.acknowledged, 10_000, 1 << 24).await.unwrap();
        self.agent.buffer.acknowledge(position.newest, position.hash.after(&run.events)).await.unwrap();
        let answered_at = Some(self.agent.clock.wall());
        self.central
            .send_modify(|central| (central.state, central.answered_at) = (UplinkState::Connected, answered_at));
    }
}

fn id() -> Uuid {
    Uuid::new_v4()
}

fn request(line: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

#[tokio::test]
async fn a_shift_is_entered_without_network_and_is_all_there_after_the_power_was_gone() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    world.log_on("17").await;
    world.entered("log-on", json!({ "id": id(), "number": "18", "pin": "pin-18" })).await;
    let scan = json!({ "id": id(), "raw": base64("WO-1\r"), "operator": "17", "machine": "press" });
    let scanned = world.entered("scan", scan.clone()).await;
    let started =
        json!({ "is": "work_order", "work_order": "WO-1", "job": "started", "machine": "press", "planned_for": null });
    assert_eq!(scanned["meaning"], started);
    for shown in [100, 110] {
        world.count(shown).await;
    }
    for word in ["r", "s", "r"] {
        world.state(word).await;
    }
    let stop = world.view().await["machines"][0]["stops"][0].clone();
    assert_eq!((&stop["stop"], &stop["reason"]), (&json!("1"), &Value::Null));
    let of_stop = json!({ "operator": "17", "machine": "press", "stop": "1" });
    let with = |more: Value| {
        let mut body = of_stop.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    world.entered("stop/reason", with(json!({ "id": id(), "reason": "jam" }))).await;
    world.entered("stop/note", with(json!({ "id": id(), "note": "<b>belt</b>" }))).await;
    let began = chrono::DateTime::parse_from_rfc3339(stop["began_at"].as_str().unwrap()).unwrap();
    let middle = (began + chrono::TimeDelta::seconds(2)).to_rfc3339();
    world.entered("stop/split", with(json!({ "id": id(), "from": middle }))).await;
    let report = json!({ "id": id(), "operator": "17", "machine": "press", "good": 0, "scrap": 3, "rework": 1, "reason": "scratch" });
    world.entered("pieces", report.clone()).await;
    let mistake =
        json!({ "id": id(), "operator": "17", "machine": "press", "good": 5, "scrap": 0, "rework": 0, "reason": null });
    world.entered("pieces", mistake.clone()).await;
    world.entered("pieces/undo", json!({ "id": mistake["id"], "operator": "18" })).await;
    world.entered("shift-note", json!({ "id": id(), "operator": "17", "machine": null, "note": "all well" })).await;
    world.entered("help", json!({ "id": id(), "operator": null, "machine": "packer", "active": true })).await;
    world.entered("log-off", json!({ "id": id(), "operator": "18" })).await;

    let before = world.view().await;
    let press = &before["machines"][0];
    assert_eq!(
        (&press["title"], &press["counts_itself"], &press["state"]),
        (&json!("Press 1"), &json!(true), &json!("running"))
    );
    let pieces = &press["pieces"];
    assert_eq!([&pieces["good"], &pieces["scrap"], &pieces["rework"]], [&json!(6), &json!(3), &json!(1)]);
    let job = &press["job"];
    assert_eq!([&job["good"], &job["quantity"], &job["product_title"]], [&json!(6), &json!(100), &json!("Bracket")]);
    let stops: Vec<_> =
        press["stops"].as_array().unwrap().iter().map(|it| (it["stop"].clone(), it["reason"].clone())).collect();
    assert_eq!(stops, [(json!("2"), Value::Null), (json!("1"), json!("jam"))]);
    assert_eq!(before["operators"].as_array().unwrap().len(), 1);
    assert!(before["machines"][1]["help_called_at"].is_string());
    let entries = before["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 11);
    assert!(entries.iter().all(|it| it["at_central"] == false));
    assert_eq!((&before["central"]["reachable"], &before["central"]["last_sync_at"]), (&json!(false), &Value::Null));
    let kinds = world.agent.kinds().await;
    world.kill().await;

    let world = World::open(dir.path()).await;
    let after = world.view().await;
    for part in
        ["station", "plant", "operators", "machines", "entries", "work_orders", "reasons", "ready_for_operators"]
    {
        assert_eq!(after[part], before[part], "{part}");
    }
    assert_eq!(world.agent.kinds().await, kinds);
    assert_eq!(world.entered("scan", scan).await["already"], true);
    assert_eq!(world.entered("pieces", report).await["already"], true);
    assert_eq!(world.agent.kinds().await, kinds, "sent again, nothing is stored again");

    assert_eq!(after["central"]["waiting_events"], json!(kinds.len()));
    world.acknowledge_all().await;
    let synced = world.until(|view| view["central"]["waiting_events"] == 0).await;
    assert!(synced["entries"].as_array().unwrap().iter().all(|it| it["at_central"] == true), "{synced}");
    assert_eq!(synced["central"]["reachable"], true);
    world.entered("log-off", json!({ "id": id(), "operator": "17" })).await;
    let entries = world.view().await["entries"].clone();
    assert_eq!((&entries[0]["at_central"], &entries[1]["at_central"]), (&json!(false), &json!(true)));
    world.kill().await;
}

#[tokio::test]
async fn the_log_holds_what_was_entered_in_order_with_the_machines() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    world.log_on("17").await;
    world.count(1).await;
    world
        .entered(
            "job",
            json!({ "id": id(), "operator": "17", "machine": "press", "action": "start", "work_order": "WO-1" }),
        )
        .await;
    world.count(3).await;
    let kinds = world.agent.kinds().await;
    assert!(
        matches!(&kinds[0], EventKind::ShiftLog(ShiftLogEntry::OperatorOn { operator }) if operator == "17"),
        "{kinds:?}"
    );
    assert!(matches!(&kinds[1], EventKind::Count(_)), "{kinds:?}");
    assert!(matches!(&kinds[2], EventKind::Job(it) if it.action == JobAction::Start), "{kinds:?}");
    assert!(matches!(&kinds[3], EventKind::Count(it) if it.delta == 2), "{kinds:?}");
    let run = world.agent.buffer.read(Seq::NONE, 10, 1 << 20).await.unwrap();
    let origin = |at: usize| run.origins.iter().find(|it| it.id == run.events[at].origin).unwrap().name.to_string();
    assert_eq!((origin(0).as_str(), origin(2).as_str()), ("hall-1", "press"));
    assert!(!kinds.iter().any(|kind| matches!(kind, EventKind::Downtime(DowntimeEntry::Split { .. }))));
    world.kill().await;
}

#[tokio::test]
async fn the_same_entry_sent_twenty_times_at_once_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(World::new(dir.path()).await);
    world.log_on("17").await;
    let report = json!({ "id": id(), "operator": "17", "machine": "packer", "good": 7, "scrap": 0, "rework": 0, "reason": null });
    let senders: Vec<_> = (0..20)
        .map(|_| {
            let (world, report) = (Arc::clone(&world), report.clone());
            tokio::spawn(async move { world.entered("pieces", report).await["already"] == true })
        })
        .collect();
    let mut already = 0;
    for sender in senders {
        already += usize::from(sender.await.unwrap());
    }
    assert_eq!(already, 19);
    assert_eq!(world.view().await["machines"][1]["pieces"]["good"], 7);
    Arc::into_inner(world).unwrap().kill().await;
}

#[tokio::test]
async fn guessing_a_pin_gets_slower_and_a_restart_does_not_help() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let pin = |pin: &str| json!({ "id": id(), "number": "17", "pin": pin });
    for _ in 0..4 {
        let (status, answer) = world.post("log-on", &pin("0000")).await;
        assert_eq!((status, &answer["code"]), (403, &json!("wrong_pin")));
    }
    let (status, answer) = world.post("log-on", &pin("0000")).await;
    assert_eq!((status, &answer["code"]), (429, &json!("locked")));
    assert!(answer["retry_at"].is_string());
    assert_eq!(world.post("log-on", &pin("pin-17")).await.0, 429, "even the right one waits");
    world.kill().await;
    let world = World::open(dir.path()).await;
    assert_eq!(world.post("log-on", &pin("pin-17")).await.0, 429);
    world.log_on("17").await;
    world.entered("log-off", json!({ "id": id(), "operator": "17" })).await;
    assert_eq!(world.post("log-on", &pin("pin-17")).await.0, 200, "the badge cleared it");
    world.kill().await;
}

#[tokio::test]
async fn a_badge_logs_on_wherever_it_is_scanned_and_its_bytes_are_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let scan = |raw: &str| json!({ "id": id(), "raw": base64(raw), "operator": null, "machine": null });
    let scanned = world.entered("scan", scan("]C0badge-18")).await;
    let anna = |change: &str| json!({ "is": "operator", "number": "18", "name": "Ben", "change": change });
    assert_eq!(scanned["meaning"], anna("logged_on"));
    let again = world.entered("scan", scan("badge-18")).await;
    assert_eq!((&again["meaning"], &again["already"]), (&anna("already_on"), &json!(true)));
    let code = world.entered("scan", scan("4006381333931")).await;
    assert_eq!(code["meaning"], json!({ "is": "code", "text": "4006381333931", "problem": null }));
    let run = world.agent.buffer.read(Seq::NONE, 100, 1 << 20).await.unwrap();
    let kept = format!("{:?}", world.agent.buffer.states().await.unwrap());
    assert!(
        run.events.iter().all(|event| !event.body.windows(8).any(|it| it == b"badge-18")) && !kept.contains("badge-18")
    );
    assert_eq!(run.events.len(), 2);
    world.kill().await;
}

#[tokio::test]
async fn what_a_scanner_of_the_agent_reads_is_taken_like_a_scan_on_the_page_and_kept_for_pages_to_come() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    for code in ["WO-1", "badge-18", "WO-1", "4006381333931"] {
        world.read_code(code).await;
    }
    let view = world.view().await;
    assert_eq!(
        (&view["operators"][0]["name"], &view["machines"][0]["job"]["work_order"]),
        (&json!("Ben"), &json!("WO-1"))
    );
    let told: Vec<_> = view["from_scanners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["code"].clone(), it["outcome"]["stored"]["meaning"]["is"].clone()))
        .collect();
    assert_eq!(
        told,
        [("WO-1", "work_order"), ("", "operator"), ("WO-1", "work_order"), ("4006381333931", "code")]
            .map(|(code, is)| (if code.is_empty() { Value::Null } else { json!(code) }, json!(is)))
    );
    let run = world.agent.buffer.read(Seq::NONE, 100, 1 << 20).await.unwrap();
    let kept = format!("{:?}", world.agent.buffer.states().await.unwrap());
    assert!(run.events.iter().all(|event| !event.body.windows(8).any(|it| it == b"badge-18")));
    assert!(!kept.contains("badge-18"));
    let kinds = world.agent.kinds().await;
    let scans = kinds.iter().filter(|kind| matches!(kind, EventKind::Scan(it) if it.source.as_str() == "gun")).count();
    assert_eq!((scans, kinds.len()), (3, 5), "{kinds:?}");
    world.kill().await;

    let world = World::open(dir.path()).await;
    assert_eq!(world.view().await["from_scanners"], view["from_scanners"], "after the power was gone");
    world.kill().await;
}

#[tokio::test]
async fn nonsense_is_refused_in_words_and_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    world.log_on("17").await;
    let before = world.agent.kinds().await;
    let json = "content-type: application/json";
    let post = |path: &str, body: &str| request(&format!("POST /api/station/{path}"), json, body);
    let some = id();
    let pieces =
        format!(r#"{{"id":"{some}","operator":"17","machine":"press","good":1,"scrap":0,"rework":0,"reason":null}}"#);
    let table: Vec<(u16, String)> = vec![
        (415, request("POST /api/station/pieces", "content-type: text/plain", &pieces)),
        (415, request("POST /api/station/pieces", "x-nothing: 1", &pieces)),
        (400, post("pieces", "")),
        (400, post("pieces", "[]")),
        (400, post("pieces", &pieces.replace("\"good\":1", "\"good\":-1"))),
        (400, post("pieces", &pieces.replace("\"good\":1", "\"good\":1e9"))),
        (400, post("pieces", &pieces.replace("\"good\":1", "\"good\":1,\"more\":2"))),
        (400, post("pieces", &pieces.replace(&some.to_string(), "7"))),
        (400, post("pieces", &pieces.replace("press", "../press"))),
        (404, post("pieces", &pieces.replace("press", "lathe"))),
        (403, post("pieces", &pieces.replace("\"17\"", "\"18\""))),
        (404, post("pieces", &pieces.replace("null", "\"jam\""))),
        (409, post("pieces/undo", &format!(r#"{{"id":"{some}","operator":"17"}}"#))),
        (
            413,
            post(
                "shift-note",
                &format!(r#"{{"id":"{some}","operator":"17","machine":null,"note":"{}"}}"#, "x".repeat(20_000)),
            ),
        ),
        (
            400,
            post(
                "shift-note",
                &format!(r#"{{"id":"{some}","operator":"17","machine":null,"note":"{}"}}"#, "x".repeat(2_000)),
            ),
        ),
        (
            400,
            post(
                "stop/split",
                &format!(r#"{{"id":"{some}","operator":"17","machine":"press","stop":"1","from":"yesterday"}}"#),
            ),
        ),
        (
            404,
            post(
                "stop/reason",
                &format!(
                    r#"{{"id":"{some}","operator":"17","machine":"press","stop":"18446744073709551616","reason":"jam"}}"#
                ),
            ),
        ),
        (
            404,
            post(
                "job",
                &format!(
                    r#"{{"id":"{some}","operator":"17","machine":"press","action":"start","work_order":"' OR 1=1"}}"#
                ),
            ),
        ),
        (
            400,
            post(
                "job",
                &format!(r#"{{"id":"{some}","operator":"17","machine":"press","action":"burn","work_order":"WO-1"}}"#),
            ),
        ),
        (400, post("scan", &format!(r#"{{"id":"{some}","raw":"","operator":null,"machine":null}}"#))),
        (400, post("scan", &format!(r#"{{"id":"{some}","raw":"%%%","operator":null,"machine":null}}"#))),
        (
            400,
            post(
                "scan",
                &format!(r#"{{"id":"{some}","raw":"{}","operator":null,"machine":null}}"#, "AAAA".repeat(2_000)),
            ),
        ),
        (400, post("log-on", &format!(r#"{{"id":"{some}"}}"#))),
        (400, post("log-on", &format!(r#"{{"id":"{some}","number":"17"}}"#))),
        (403, post("log-on", &format!(r#"{{"id":"{some}","badge":"{}"}}"#, "b".repeat(5_000)))),
        (404, post("log-on", &format!(r#"{{"id":"{some}","number":"99","pin":"1"}}"#))),
        (403, post("log-off", &format!(r#"{{"id":"{some}","operator":"18"}}"#))),
        (405, request("GET /api/station/pieces", "x-nothing: 1", "")),
        (405, post("view", "{}")),
        (404, post("nothing", "{}")),
        (421, post("pieces", &pieces).replace("host: localhost", "host: evil.example")),
        (421, "GET /api/station/view HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost: rebound.evil.example:8081\r\nconnection: close\r\n\r\n".to_owned()),
        (403, post("pieces", &pieces).replace("host: localhost", "host: localhost\r\norigin: http://evil.example")),
        (403, post("pieces", &pieces).replace("host: localhost", "host: localhost\r\nsec-fetch-site: cross-site")),
    ];
    for (expected, request) in table {
        let (status, answer) = world.send(&request).await;
        assert_eq!(status, expected, "{request}\n{answer}");
        assert!(
            answer["detail"].as_str().is_some_and(|it| !it.is_empty()) && answer["code"].is_string(),
            "{request}\n{answer}"
        );
    }
    assert_eq!(world.agent.kinds().await, before);
    let own = post("pieces", &pieces)
        .replace("host: localhost", "host: localhost:1\r\norigin: http://localhost:1\r\nsec-fetch-site: same-origin");
    assert_eq!(world.send(&own).await.0, 200);
    let other_kind = format!(r#"{{"id":"{some}","operator":"17","machine":null,"note":"n"}}"#);
    assert_eq!(world.send(&post("shift-note", &other_kind)).await.0, 400, "an id is of one entry");
    world.kill().await;
}

/// The next event of a stream, with its data.
async fn event(stream: &mut BufReader<TcpStream>) -> (String, Value) {
    let (mut kind, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_line(&mut line)).await.unwrap().unwrap();
        assert!(read > 0, "the stream ended");
        if let Some(name) = line.strip_prefix("event: ") {
            name.trim().clone_into(&mut kind);
        } else if let Some(data) = line.strip_prefix("data: ") {
            return (kind, serde_json::from_str(data).unwrap());
        }
    }
}

#[tokio::test]
async fn pages_are_told_of_changes_again_once_the_log_answers_after_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let mut page = world.watch().await;
    assert_eq!(event(&mut page).await.0, "view");
    let file = rusqlite::Connection::open(crate::buffer::log_file(dir.path())).unwrap();
    file.execute_batch("ALTER TABLE events RENAME TO away").unwrap();
    // Something to look at, so that whoever composes views meets the fault.
    world.central.send_modify(|central| central.exchanges += 1);
    let (status, _) =
        world.send("GET /api/station/view HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!(status, 503, "the log cannot be asked");
    tokio::time::sleep(Duration::from_secs(1)).await;
    file.execute_batch("ALTER TABLE away RENAME TO events").unwrap();
    let mut page = world.watch().await;
    assert_eq!(event(&mut page).await.0, "view");
    world.log_on("17").await;
    while event(&mut page).await.1["operators"][0]["name"] != "Anna" {}
    world.kill().await;
}

/// Threads that look up names may all hang, when the network does not answer.
#[test]
fn somebody_can_log_on_while_every_look_up_of_a_name_hangs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(dir.path()).await;
        let (answers, hangs) = std::sync::mpsc::channel::<()>();
        let hangs = Arc::new(std::sync::Mutex::new(hangs));
        for _ in 0..2 {
            let hangs = Arc::clone(&hangs);
            tokio::task::spawn_blocking(move || hangs.lock().unwrap().recv());
        }
        let by_pin = json!({ "id": id(), "number": "18", "pin": "pin-18" });
        let logged_on = async {
            world.log_on("17").await;
            world.entered("log-on", by_pin).await;
        };
        let logged_on = tokio::time::timeout(Duration::from_secs(20), logged_on).await;
        drop(answers);
        logged_on.expect("a badge and a PIN are checked all the same");
        world.kill().await;
    });
}

#[tokio::test]
async fn what_was_entered_before_the_clock_was_right_is_shown_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let right = world.agent.clock.wall();
    world.agent.clock.set_wall(protocol::time::UtcMicros(0));
    world.log_on("17").await;
    let report = json!({ "id": id(), "operator": "17", "machine": "packer", "good": 7, "scrap": 0, "rework": 0, "reason": null });
    world.entered("pieces", report.clone()).await;
    world.agent.clock.advance_us(60_000_000);
    let now = world.agent.clock.now();
    world.trust.observe(now, now, right.plus_us(60_000_000));
    let view = world.view().await;
    assert_eq!(view["entries"].as_array().unwrap().len(), 2, "{view}");
    let moment = |text: &Value| chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
    let left = moment(&view["entries"][0]["undo_until"]) - moment(&view["at"]);
    assert!((238..=241).contains(&left.num_seconds()), "{left}");
    world.agent.clock.advance_us(300_000_000);
    assert_eq!(world.view().await["entries"][0]["undo_until"], Value::Null);
    world.kill().await;
}

#[tokio::test]
async fn every_open_page_sees_what_changes_and_there_are_not_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let watch = || world.watch();
    let mut pages = Vec::new();
    for _ in 0..16 {
        let mut page = watch().await;
        assert_eq!(event(&mut page).await.0, "view");
        pages.push(page);
    }
    let refused = world.send("GET /api/station/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!((refused.0, &refused.1["code"]), (503, &json!("not_allowed")));
    world.log_on("17").await;
    for page in [0, 15] {
        while event(&mut pages[page]).await.1["operators"][0]["name"] != "Anna" {}
    }
    while event(&mut pages[3]).await.0 != "heartbeat" {}
    pages.pop();
    let mut page = watch().await;
    for _ in 0..200 {
        let mut status = String::new();
        page.read_line(&mut status).await.unwrap();
        if status.contains("200") {
            break;
        }
        assert!(status.contains("503"), "{status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        page = watch().await;
    }
    assert_eq!(event(&mut page).await.0, "view", "a place that was left is free");
    world.stopping.cancel();
    world.serving.await.unwrap().unwrap();
    world.agent.stop().await;
}

#[tokio::test]
async fn the_page_is_served_beside_its_api() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let (status, page) = world.send("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await;
    // A program that was built without its page says so.
    assert!(status == 200 || (status == 503 && page.to_string().contains("make pages")), "{status} {page}");
    world.kill().await;
}

#[tokio::test]
async fn what_was_said_of_a_stop_at_central_is_shown_at_once_and_after_a_restart_and_holds_against_a_later_entry() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.log_on("17").await;
    world.state("r").await;
    world.state("s").await;
    world.state("r").await;
    let view = world.until(|view| !view["machines"][0]["stops"][0]["ended_at"].is_null()).await;
    let stop = view["machines"][0]["stops"][0].clone();
    assert_eq!((&stop["corrected"], &stop["split_at_central"]), (&Value::Null, &Value::Null));
    let explains = json!({ "id": id(), "operator": "17", "machine": "press", "stop": stop["stop"], "reason": "jam" });
    world.entered("stop/reason", explains).await;
    world.until(|view| view["machines"][0]["stops"][0]["reason"] == "jam").await;

    let recent = world.agent.live.snapshot().into_iter().find(|it| it.machine == name("press")).unwrap().recent_stops;
    let began_at = recent[0].began_at;
    let said = SaidAtCentral { by: "Eve".to_owned(), at: began_at };
    let reason = GivenReason {
        code: "break".to_owned(),
        title: "Break".to_owned(),
        why: Some("seen".to_owned()),
        said: said.clone(),
    };
    let number = i64::try_from(recent[0].stop.0).unwrap();
    let told = |stop, began_at, reason, split| CorrectedStop { machine: name("press"), stop, began_at, reason, split };
    let corrections = Corrections {
        revision: id(),
        stops: vec![
            told(-4, began_at.plus_us(2_000_000), None, Some(said)),
            told(number, began_at, Some(reason), None),
        ],
    };
    world.agent.buffer.set_corrections(&corrections).await.unwrap();
    let shown = |view: &Value| {
        let stops = &view["machines"][0]["stops"];
        let corrected = &stops[1]["corrected"];
        stops[0]["stop"] == "-4"
            && stops[0]["split_at_central"]["by"] == "Eve"
            && stops[0]["began_at"] == stops[1]["ended_at"]
            && stops[0]["ended_at"] == stop["ended_at"]
            && (&stops[1]["reason"], &corrected["by"], &corrected["said_here"])
                == (&json!("break"), &json!("Eve"), &json!("jam"))
    };
    world.until(shown).await;

    world.kill().await;
    let world = World::open(folder.path()).await;
    world.until(shown).await;
    // What is entered anew is stored, and does not hold.
    let explains = json!({ "id": id(), "operator": "17", "machine": "press", "stop": stop["stop"], "reason": "jam" });
    world.entered("stop/reason", explains).await;
    world.until(shown).await;
    // Of a part that central made nothing can be said here.
    let explains = json!({ "id": id(), "operator": "17", "machine": "press", "stop": "-4", "reason": "jam" });
    let (status, refusal) = world.post("stop/reason", &explains).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("not_allowed")), "{refusal}");
    world.kill().await;
}
