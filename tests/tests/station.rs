//! A shift at a station over its HTTP API, with the built agent and central: the wire is cut in the middle, the computer
//! loses power, and all of it arrives once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use black_box::harness::agent::Agent;
use black_box::harness::api::Api;
use black_box::harness::fault_proxy::Fault;
use black_box::harness::site::PLANT;
use black_box::harness::{Site, wait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_modbus::prelude::{ExceptionCode, Request, Response};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};

const RUNNING: u16 = 1;
const STOPPED: u16 = 3;

#[derive(Clone)]
struct Registers(Arc<[AtomicU16; 2]>);

impl Service for Registers {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Request<'static>) -> Self::Future {
        let registers = [0, 1].map(|at| self.0[at].load(Ordering::SeqCst));
        std::future::ready(match request {
            Request::ReadHoldingRegisters(address, count) => registers
                .get(usize::from(address)..usize::from(address) + usize::from(count))
                .map(|registers| Response::ReadHoldingRegisters(registers.to_vec()))
                .ok_or(ExceptionCode::IllegalDataAddress),
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

/// A press behind Modbus TCP that does what the test says: register 0 counts, register 1 is its state.
struct Press {
    address: SocketAddr,
    shows: Arc<[AtomicU16; 2]>,
    serving: JoinHandle<()>,
}

impl Press {
    async fn start() -> anyhow::Result<Press> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shows = Arc::new([AtomicU16::new(100), AtomicU16::new(RUNNING)]);
        let shown = Arc::clone(&shows);
        let serving = tokio::spawn(async move {
            let connected = |stream, peer: SocketAddr| {
                let registers = Registers(Arc::clone(&shown));
                let accepted = accept_tcp_connection(stream, peer, move |_| Ok(Some(registers.clone())));
                async move { accepted }
            };
            let _ = Server::new(listener).serve(&connected, |_| {}).await;
        });
        Ok(Press { address, shows, serving })
    }

    fn makes(&self, pieces: u16) {
        self.shows[0].fetch_add(pieces, Ordering::SeqCst);
    }

    fn is(&self, state: u16) {
        self.shows[1].store(state, Ordering::SeqCst);
    }

    fn sections(&self) -> String {
        format!(
            "[[machine]]\nname = \"press-1\"\nmicrostop_below_ms = 1\n[machine.signal.count]\nrole = \"counter\"\n\
             [machine.signal.state]\nrole = \"state\"\nmap = {{ 1 = \"running\", 3 = \"stopped\" }}\n\
             [[modbus]]\nname = \"plc\"\ntransport = \"tcp\"\naddress = \"{}\"\ninterval_ms = 50\nsilent_pause_max_ms = 1000\n\
             [[modbus.device]]\nname = \"press-1\"\nmachine = \"press-1\"\nkind = \"holding\"\n\
             register = [{{ signal = \"count\", address = 0, type = \"u16\" }}, {{ signal = \"state\", address = 1, type = \"u16\" }}]\n",
            self.address
        )
    }
}

impl Drop for Press {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What people maintain, made as the dashboard makes it.
async fn master_data(site: &Site) -> anyhow::Result<()> {
    for (what, body) in [
        ("products", json!({ "plant": PLANT, "code": "P-1", "title": "Bracket" })),
        ("work-orders", json!({ "plant": PLANT, "code": "WO-1", "product": "P-1", "quantity": 100 })),
        ("work-orders", json!({ "plant": PLANT, "code": "WO-2", "product": "P-1", "quantity": 100 })),
        ("reasons", json!({ "plant": PLANT, "code": "jam", "title": "Jam", "applies_to": "downtime" })),
        ("operators", json!({ "plant": PLANT, "number": "17", "name": "Anna", "badge": "badge-17", "pin": "738154" })),
        ("operators", json!({ "plant": PLANT, "number": "18", "name": "Ben", "badge": "badge-18", "pin": "926418" })),
    ] {
        made(site, what, body).await?;
    }
    Ok(())
}

async fn made(site: &Site, what: &str, body: Value) -> anyhow::Result<Value> {
    let (status, answer) = site.central.send("POST", &format!("/api/v1/{what}"), &body).await?;
    ensure!(status == 201, "{what} {body} was answered {status}: {answer}");
    Ok(answer)
}

/// What a browser does.
struct Page {
    api: Api,
}

impl Page {
    async fn ask(&self, path: &str, body: Option<Value>) -> anyhow::Result<(u16, Value)> {
        let method = if body.is_some() { "POST" } else { "GET" };
        self.api.ask(method, path, body).await
    }

    async fn view(&self) -> anyhow::Result<Value> {
        Ok(self.ask("view", None).await?.1)
    }

    /// Enters it and finds it stored.
    async fn enter(&self, path: &str, mut body: Value) -> anyhow::Result<Value> {
        if body["id"].is_null() {
            body["id"] = json!(new_id());
        }
        let (status, answer) = self.ask(path, Some(body.clone())).await?;
        ensure!(status == 200, "{path} {body} was answered {status}: {answer}");
        Ok(answer)
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        wait::until(what, async || {
            let view = self.view().await?;
            if holds(&view) { Ok(Some(view)) } else { Err(anyhow::anyhow!("{view}")) }
        })
        .await
    }

    async fn scan(&self, code: &str) -> anyhow::Result<Value> {
        let raw = base64(code.as_bytes());
        self.enter("scan", json!({ "id": null, "raw": raw, "operator": "17", "machine": null })).await
    }
}

fn new_id() -> String {
    let random: [u16; 8] = rand::random();
    let [a, b, c, d, e, f, g, h] = random;
    format!("{a:04x}{b:04x}-{c:04x}-{d:04x}-{e:04x}-{f:04x}{g:04x}{h:04x}")
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextet = |chunk: &[u8], at: usize| {
        let bits = chunk.iter().chain([&0, &0]).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let index = (bits >> (18 - 6 * at)) & 63;
        if at <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' }
    };
    bytes.chunks(3).flat_map(|chunk| (0..4).map(move |at| sextet(chunk, at))).collect()
}

fn report(good: u32, scrap: u32) -> Value {
    json!({ "id": new_id(), "operator": "17", "machine": "press-1", "good": good, "scrap": scrap, "rework": 0, "reason": null })
}

async fn station(site: &Site, press: &Press) -> anyhow::Result<(Agent, Page)> {
    station_of(site, &press.sections()).await
}

async fn station_of(site: &Site, sections: &str) -> anyhow::Result<(Agent, Page)> {
    let mut agent = site.enrol("line-1", sections).await?;
    master_data(site).await?;
    agent.resume()?;
    let page = Page { api: Api::of_station(agent.station) };
    page.until("master data and the machine", |view| {
        view["ready_for_operators"] == true && view["machines"][0]["state"] == "running"
    })
    .await?;
    Ok((agent, page))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_with_the_wire_cut_in_the_middle_arrives_whole() -> anyhow::Result<()> {
    let press = Press::start().await?;
    let site = Site::start().await?;
    let (mut agent, page) = station(&site, &press).await?;

    page.enter("log-on", json!({ "badge": "badge-17" })).await?;
    page.scan("WO-1").await?;
    press.makes(10);
    page.until("ten pieces", |view| view["machines"][0]["job"]["good"] == 10).await?;
    page.until("the entries to be at central", |view| {
        view["entries"].as_array().is_some_and(|it| it.len() == 2 && it.iter().all(|entry| entry["at_central"] == true))
    })
    .await?;

    site.wire.set(Fault::Cut);
    page.until("the page to know it", |view| view["central"]["reachable"] == false).await?;
    page.enter("log-on", json!({ "number": "18", "pin": "926418" })).await?;
    press.is(STOPPED);
    let stopped = page
        .until("the stop", |view| {
            view["machines"][0]["stops"][0]["ended_at"].is_null() && view["machines"][0]["stops"][0]["stop"].is_string()
        })
        .await?;
    let stop = stopped["machines"][0]["stops"][0]["stop"].clone();
    let of_stop =
        |more: &str, value: Value| json!({ "operator": "17", "machine": "press-1", "stop": stop, more: value });
    page.enter("stop/reason", of_stop("reason", json!("jam"))).await?;
    page.enter("stop/note", of_stop("note", json!("<script>alert(1)</script>'; DROP TABLE scans; --"))).await?;
    // Long enough to be cut in two.
    tokio::time::sleep(Duration::from_millis(200)).await;
    press.is(RUNNING);
    let over = page.until("its end", |view| view["machines"][0]["stops"][0]["ended_at"].is_string()).await?;
    let began = over["machines"][0]["stops"][0]["began_at"].as_str().context("a begin")?;
    let from = chrono::DateTime::parse_from_rfc3339(began)? + chrono::TimeDelta::milliseconds(50);
    page.enter("stop/split", of_stop("from", json!(from.to_rfc3339()))).await?;
    let scrap = report(0, 2);
    page.enter("pieces", scrap.clone()).await?;
    let mistake = report(500, 0);
    page.enter("pieces", mistake.clone()).await?;
    page.enter("pieces/undo", json!({ "id": mistake["id"], "operator": "18" })).await?;
    page.scan("4006381333931").await?;

    let before = page.view().await?;
    agent.kill();
    agent.resume()?;
    let after = wait::until("the page after the power was gone", async || {
        let view = page.view().await?;
        if view["machines"][0]["state"] == "running" { Ok(Some(view)) } else { Err(anyhow::anyhow!("{view}")) }
    })
    .await?;
    for part in ["operators", "entries", "work_orders", "reasons"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    for part in ["job", "stops", "pieces"] {
        assert_eq!(after["machines"][0][part], before["machines"][0][part], "{part}");
    }
    assert_eq!(after["central"]["reachable"], false);
    assert_eq!(page.enter("pieces", scrap).await?["already"], true);

    page.scan("WO-2").await?;
    press.makes(5);
    page.until("five pieces", |view| view["machines"][0]["job"]["good"] == 5).await?;
    page.enter("job", json!({ "operator": "17", "machine": "press-1", "action": "finish", "work_order": "WO-2" }))
        .await?;
    page.enter("help", json!({ "operator": null, "machine": "press-1", "active": true })).await?;
    page.enter("help", json!({ "operator": "17", "machine": "press-1", "active": false })).await?;
    page.enter("shift-note", json!({ "operator": "17", "machine": null, "note": "belt is worn" })).await?;
    for operator in ["17", "18"] {
        page.enter("log-off", json!({ "operator": operator })).await?;
    }
    site.wire.set(Fault::None);
    page.until("everything to be at central", |view| {
        view["central"]["reachable"] == true
            && view["central"]["waiting_events"] == 0
            && view["entries"].as_array().is_some_and(|it| it.iter().all(|entry| entry["at_central"] == true))
    })
    .await?;
    arrived(&site).await?;
    assert!(agent.stop(), "{}", agent.log());
    Ok(())
}

/// What central's tables must hold of that shift, and no more.
async fn arrived(site: &Site) -> anyhow::Result<()> {
    let rows: [(&str, i64, &str); 12] = [
        ("who was on", 4, "SELECT count(*) FROM shift_log WHERE entry::text IN ('operator_on', 'operator_off')"),
        ("the note", 1, "SELECT count(*) FROM shift_log WHERE note = 'belt is worn' AND operator = '17'"),
        ("the jobs", 3, "SELECT count(*) FROM job_log WHERE machine_id IS NOT NULL AND operator = '17'"),
        ("the switch", 1, "SELECT count(*) FROM job_log WHERE action = 'switch' AND work_order = 'WO-2'"),
        ("the codes", 3, "SELECT count(*) FROM scans"),
        ("no badge among them", 0, "SELECT count(*) FROM scans WHERE text LIKE '%badge%'"),
        ("the reports", 3, "SELECT count(*) FROM piece_entries"),
        ("what was taken back", 1, "SELECT count(*) FROM piece_entries WHERE takes_back AND operator = '18'"),
        ("what was said of the stop", 3, "SELECT count(*) FROM downtime_entries WHERE operator = '17' AND stop = 1"),
        ("the calls for help", 2, "SELECT count(*) FROM alarms WHERE code = 'call_for_help'"),
        ("good pieces", 13, "SELECT sum(delta)::bigint FROM production_logs WHERE quality = 'good'"),
        ("scrap", 2, "SELECT sum(delta)::bigint FROM production_logs WHERE quality = 'scrap'"),
    ];
    for (what, expected, sql) in rows {
        assert_eq!(site.truth.number(sql).await.context(what)?, expected, "{what}");
    }
    let live = "SELECT l.good FROM machine_live l JOIN machines m ON m.id = l.machine_id WHERE m.name = 'press-1'";
    assert_eq!(site.truth.number(live).await?, 13, "the live count holds what people entered");
    let new_stop = "SELECT max(new_stop) FROM downtime_entries WHERE change = 'split'";
    assert_eq!(site.truth.number(new_stop).await?, 2);
    let twice =
        "SELECT count(*) FROM (SELECT 1 FROM piece_entries GROUP BY agent_id, epoch, seq HAVING count(*) > 1) twice";
    assert_eq!(site.truth.number(twice).await?, 0);
    assert_eq!(site.truth.missing("line-1").await?, 0, "sequences that became no fact");
    assert_eq!(site.truth.number("SELECT count(*) FROM quarantined_events").await?, 0, "quarantined");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_maintain_at_central_is_what_the_station_goes_by() -> anyhow::Result<()> {
    let press = Press::start().await?;
    let site = Site::start().await?;
    let (_agent, page) = station(&site, &press).await?;
    let (_, badge) = page.ask("log-on", Some(json!({ "id": new_id(), "badge": "badge-17" }))).await?;
    let (_, pin) = page.ask("log-on", Some(json!({ "id": new_id(), "number": "18", "pin": "926418" }))).await?;
    let on = page.view().await?;
    let names: Vec<&Value> = on["operators"].as_array().into_iter().flatten().map(|it| &it["name"]).collect();
    assert_eq!(names, ["Anna", "Ben"], "{badge} {pin}");
    page.enter("log-off", json!({ "operator": "18" })).await?;

    let operators = site.central.api("/api/v1/operators?q=Ben").await?;
    let (id, version) = (&operators["operators"][0]["id"], &operators["operators"][0]["version"]);
    let left = json!({ "version": version, "name": "Ben", "active": false });
    let (status, answer) = site.central.send("PUT", &format!("/api/v1/operators/{id}"), &left).await?;
    assert_eq!(status, 200, "{answer}");
    made(&site, "work-orders", json!({ "plant": PLANT, "code": "WO-3", "product": "P-1" })).await?;
    page.until("the new order", |view| view["work_orders"].as_array().is_some_and(|it| it.len() == 3)).await?;
    let (status, answer) = page.ask("log-on", Some(json!({ "id": new_id(), "badge": "badge-18" }))).await?;
    assert_eq!((status, &answer["code"]), (403, &json!("unknown_badge")));
    Ok(())
}

/// Number and reason of each part of the only stop, oldest first, as the station shows it and as central does.
async fn told_of_stop(site: &Site, view: &Value, stops: &str) -> anyhow::Result<[Vec<(String, String)>; 2]> {
    let lines = |stops: &Value, reason: fn(&Value) -> &Value| -> Vec<(String, String)> {
        let stops = stops.as_array().into_iter().flatten().rev();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        stops.map(|stop| (text(&stop["stop"]), text(reason(stop)))).collect()
    };
    let central = site.central.api(stops).await?;
    Ok([
        lines(&view["machines"][0]["stops"], |stop| &stop["reason"]),
        lines(&central["stops"], |stop| &stop["reason"]["code"]),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_corrected_at_central_is_what_the_station_shows_also_after_a_restart_without_network()
-> anyhow::Result<()> {
    let press = Press::start().await?;
    let site = Site::start().await?;
    let (mut agent, page) = station(&site, &press).await?;
    for code in ["cleaning", "break"] {
        let reason = json!({ "plant": PLANT, "code": code, "title": code, "applies_to": "downtime" });
        made(&site, "reasons", reason).await?;
    }
    page.enter("log-on", json!({ "badge": "badge-17" })).await?;
    press.is(STOPPED);
    page.until("the stop", |view| view["machines"][0]["stops"][0]["stop"].is_string()).await?;
    // Long enough to be cut in three.
    tokio::time::sleep(Duration::from_millis(300)).await;
    press.is(RUNNING);
    let over = page.until("its end", |view| view["machines"][0]["stops"][0]["ended_at"].is_string()).await?;
    let number = over["machines"][0]["stops"][0]["stop"].clone();
    let explains = json!({ "operator": "17", "machine": "press-1", "stop": number, "reason": "jam" });
    page.enter("stop/reason", explains.clone()).await?;
    let machine = site.truth.number("SELECT id::bigint FROM machines WHERE name = 'press-1'").await?;
    let stops = format!("/api/v1/machines/{machine}/stops");
    let at_central = async |what: &str, holds: fn(&Value) -> bool| {
        wait::until(what, async || {
            let found = site.central.api(&stops).await?;
            if holds(&found["stops"]) { Ok(Some(found["stops"].clone())) } else { Err(anyhow::anyhow!("{found}")) }
        })
        .await
    };
    let found = at_central("the reason at central", |stops| stops[0]["reason"]["code"] == "jam").await?;
    let began = chrono::DateTime::parse_from_rfc3339(found[0]["began_at"].as_str().context("a begin")?)?;
    let after = |ms: i64| json!((began + chrono::TimeDelta::milliseconds(ms)).to_rfc3339());

    let says = async |stop: &Value, what: &str, mut body: Value| {
        body["id"] = json!(new_id());
        let path = format!("{stops}/{}/{}/{what}", found[0]["agent_id"], stop);
        let (status, answer) = site.central.send("POST", &path, &body).await?;
        ensure!(status == 200, "{path} {body} was answered {status}: {answer}");
        anyhow::Ok(answer)
    };
    let stop = &found[0]["stop"];
    let split = says(stop, "split", json!({ "from": after(200) })).await?;
    says(stop, "reason", json!({ "reason": "cleaning", "why": "seen on the camera" })).await?;
    says(&split["new_stop"], "reason", json!({ "reason": "break" })).await?;
    let corrected = |view: &Value| {
        let stop = &view["machines"][0]["stops"][1];
        stop["reason"] == "cleaning" && view["machines"][0]["stops"][0]["reason"] == "break"
    };
    let view = page.until("what was said at central", corrected).await?;
    let holds = at_central("its parts", |stops| stops[1]["reason"]["code"] == "cleaning").await?;
    let shown = &view["machines"][0]["stops"][1]["corrected"];
    let by = &holds[1]["reason"]["entered_by"];
    assert!(by.is_string());
    assert_eq!((&shown["by"], &shown["said_here"]), (by, &json!("jam")), "{shown}");
    assert_eq!(shown["why"], "seen on the camera");
    assert_eq!(&view["machines"][0]["stops"][0]["split_at_central"]["by"], by);

    // What the operator says after it is kept, told at central, and does not hold.
    page.enter("stop/reason", explains).await?;
    let told = at_central("the operator's word", |stops| stops[1]["said_since"]["code"] == "jam").await?;
    assert_eq!(told[1]["reason"]["code"], "cleaning");

    site.wire.set(Fault::Cut);
    page.until("the page to know it", |view| view["central"]["reachable"] == false).await?;
    agent.kill();
    agent.resume()?;
    let again = wait::until("the page after the power was gone", async || {
        let view = page.view().await?;
        if corrected(&view) { Ok(Some(view)) } else { Err(anyhow::anyhow!("{view}")) }
    })
    .await?;
    assert_eq!(again["central"]["reachable"], false);
    assert_eq!(again["machines"][0]["stops"], view["machines"][0]["stops"]);
    // Split once more, here, while central does not hear of it: the two come to say the same.
    let splits = json!({ "operator": "17", "machine": "press-1", "stop": number, "from": after(100) });
    page.enter("stop/split", splits).await?;
    site.wire.set(Fault::None);
    at_central("three parts", |stops| stops.as_array().is_some_and(|it| it.len() == 3)).await?;
    let view = page.view().await?;
    let [here, there] = told_of_stop(&site, &view, &stops).await?;
    assert_eq!(here, there);
    assert_eq!(here.iter().map(|it| it.1.as_str()).collect::<Vec<_>>(), ["cleaning", "null", "break"]);

    // Central is restored from a backup of before anybody said anything.
    site.truth.execute("DELETE FROM downtime_entries WHERE seq IS NULL; DELETE FROM agent_corrections").await?;
    let forgotten = |view: &Value| {
        let stops = view["machines"][0]["stops"].as_array().cloned().unwrap_or_default();
        stops.len() == 2 && stops.iter().all(|stop| stop["corrected"].is_null()) && stops[1]["reason"] == "jam"
    };
    page.until("the station to follow", forgotten).await?;
    assert!(agent.stop(), "{}", agent.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_help_is_an_incident_until_it_is_taken_back() -> anyhow::Result<()> {
    let press = Press::start().await?;
    let site = Site::start().await?;
    let (_agent, page) = station(&site, &press).await?;
    let until = async |what: &str, is: fn(&Value) -> bool| {
        wait::until(what, async || {
            let found = site.central.api("/api/v1/incidents?state=all").await?;
            if is(&found["incidents"]) { Ok(Some(found["incidents"].clone())) } else { Err(anyhow::anyhow!("{found}")) }
        })
        .await
    };
    page.enter("help", json!({ "operator": null, "machine": "press-1", "active": true })).await?;
    let open = until("the incident", |it| it.as_array().is_some_and(|it| it.len() == 1)).await?;
    assert_eq!((&open[0]["kind"], &open[0]["resolved_at"]), (&json!("call_for_help"), &Value::Null), "{open}");
    page.enter("help", json!({ "operator": null, "machine": "press-1", "active": false })).await?;
    let over = until("its end", |it| it[0]["resolved_at"].is_string()).await?;
    assert_eq!((&over[0]["id"], over.as_array().map(Vec::len)), (&open[0]["id"], Some(1)), "{over}");
    Ok(())
}

/// A scanner at a serial port, as far as a program can tell.
struct SerialScanner {
    socat: std::process::Child,
}

impl SerialScanner {
    fn start(port: &std::path::Path) -> anyhow::Result<SerialScanner> {
        let pty = format!("PTY,link={},raw,echo=0", port.display());
        let mut command = std::process::Command::new("socat");
        let socat = command.args(["STDIO", &pty]).stdin(std::process::Stdio::piped()).spawn();
        Ok(SerialScanner { socat: socat.context("cannot run socat: install it")? })
    }

    fn reads(&mut self, code: &str) -> anyhow::Result<()> {
        use std::io::Write as _;
        let stdin = self.socat.stdin.as_mut().context("socat's standard input")?;
        Ok(write!(stdin, "{code}\r").and_then(|()| stdin.flush())?)
    }
}

impl Drop for SerialScanner {
    fn drop(&mut self) {
        let _ = self.socat.kill();
        let _ = self.socat.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scanners_that_the_agent_reads_do_at_the_station_what_the_page_does() -> anyhow::Result<()> {
    let press = Press::start().await?;
    let site = Site::start().await?;
    let folder = tempfile::tempdir()?;
    let port = folder.path().join("scanner");
    let mut serial = SerialScanner::start(&port)?;
    let fixed = TcpListener::bind("127.0.0.1:0").await?;
    let sections = format!(
        "{}[[scanner]]\nname = \"bench\"\nconnection = {{ type = \"serial\", port = \"{}\" }}\n\
         [[scanner]]\nname = \"tunnel\"\nfor_operators = false\nstored_reply = \"\\u0006\"\n\
         connection = {{ type = \"tcp_connect\", address = \"{}\" }}\n",
        press.sections(),
        port.display(),
        fixed.local_addr()?
    );
    let (mut agent, page) = station_of(&site, &sections).await?;
    let (mut tunnel, _) = fixed.accept().await?;
    agent.until_health("bench", "good").await?;
    let told = async |count: usize| {
        let view = page
            .until("the outcome of a scan", |view| view["from_scanners"].as_array().is_some_and(|it| it.len() == count))
            .await?;
        let last = &view["from_scanners"][count - 1];
        anyhow::Ok((last["code"].clone(), last["outcome"]["stored"]["meaning"].clone()))
    };

    serial.reads("WO-1")?;
    let (code, meaning) = told(1).await?;
    assert_eq!((&code, &meaning["job"]), (&json!("WO-1"), &json!("asks_for_operator")));
    serial.reads("badge-17")?;
    let (code, meaning) = told(2).await?;
    assert_eq!((&code, &meaning["name"]), (&Value::Null, &json!("Anna")));
    serial.reads("WO-1")?;
    assert_eq!(told(3).await?.1["job"], json!("started"));
    serial.reads("WO-1")?;
    assert_eq!(told(4).await?.1["job"], json!("already_running"));

    site.wire.set(Fault::Cut);
    page.until("the page to know it", |view| view["central"]["reachable"] == false).await?;
    serial.reads("WO-2")?;
    assert_eq!(told(5).await?.1["job"], json!("switched"));
    tunnel.write_all(b"badge-18\rWO-1\r4006381333931\r").await?;
    for _ in 0..3 {
        assert_eq!(tunnel.read_u8().await?, 6, "stored");
    }
    let before = page.view().await?;
    assert_eq!(before["from_scanners"].as_array().map(Vec::len), Some(5), "the fixed scanner is nothing to people");
    assert_eq!(before["machines"][0]["job"]["work_order"], "WO-2");
    agent.kill();
    agent.resume()?;
    let after = wait::until("the page after the power was gone", async || page.view().await.map(Some)).await?;
    for part in ["from_scanners", "entries", "operators"] {
        assert_eq!(after[part], before[part], "{part}");
    }

    site.wire.set(Fault::None);
    page.until("everything to be at central", |view| {
        view["central"]["reachable"] == true && view["central"]["waiting_events"] == 0
    })
    .await?;
    for (what, expected, sql) in [
        ("the operator's codes", 4, "SELECT count(*) FROM scans WHERE source = 'bench'"),
        ("no badge among them", 0, "SELECT count(*) FROM scans WHERE source = 'bench' AND text LIKE 'badge%'"),
        ("what passed the fixed scanner", 3, "SELECT count(*) FROM scans WHERE source = 'tunnel'"),
        ("the jobs", 2, "SELECT count(*) FROM job_log WHERE operator = '17' AND machine_id IS NOT NULL"),
        ("who was on", 1, "SELECT count(*) FROM shift_log WHERE entry::text = 'operator_on'"),
    ] {
        assert_eq!(site.truth.number(sql).await.context(what)?, expected, "{what}");
    }
    assert_eq!(site.truth.missing("line-1").await?, 0, "sequences that became no fact");
    assert!(agent.stop(), "{}", agent.log());
    Ok(())
}
