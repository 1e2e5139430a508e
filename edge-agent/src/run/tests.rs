//! The whole agent in one process, with real files and sockets, against a central of our own.

use protocol::event::EventKind;
use protocol::id::{AgentId, Name};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::identity::NextKey;
use crate::uplink::fake_central::FakeCentral;

struct World {
    folder: tempfile::TempDir,
    central: FakeCentral,
    status_port: u16,
    /// Where the scanner of the configuration listens.
    scanner: TcpListener,
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let central = FakeCentral::start(&[]).await;
        let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = World { folder, central, status_port: free_port().await, scanner };
        world.write("");
        world
    }

    fn enrol(&self) {
        let name = |text| Name::new(text).unwrap();
        let data_dir = self.folder.path();
        let (address, key) = (self.central.address.clone(), self.central.key.fingerprint);
        let agent = AgentId(uuid::Uuid::from_u128(7));
        let next = NextKey::read_or_make(data_dir).unwrap();
        next.becomes(agent, name("line-1"), name("north"), address, key).write(data_dir).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("edge-agent.toml")
    }

    fn write(&self, more: &str) {
        let text = format!(
            "agent.data_dir = {:?}\nstatus.listen = \"127.0.0.1:{}\"\n\
             station.listen = \"127.0.0.1:0\"\n\n\
             [[scanner]]\nname = \"gate\"\nconnection = {{ type = \"tcp_connect\", address = \"{}\" }}\n\n\
             [[modbus]]\nname = \"dead-line\"\ntransport = \"tcp\"\naddress = \"127.0.0.1:1\"\n\
             [[modbus.device]]\nname = \"press-1\"\nunit = 1\n\
             [[modbus.device.register]]\nsignal = \"good\"\nmachine = \"press-1\"\nkind = \"holding\"\naddress = 0\ntype = \"u16\"\n\n\
             [[machine]]\nname = \"press-1\"\n[machine.signal.good]\nrole = \"counter\"\n{more}",
            self.folder.path(),
            self.status_port,
            self.scanner.local_addr().unwrap(),
        );
        std::fs::write(self.file(), text).unwrap();
    }

    fn assemble(&self) -> anyhow::Result<(Agent, Reloading)> {
        Agent::assemble(self.file())
    }

    async fn get(&self, path: &str) -> Option<(u16, String)> {
        use tokio::io::AsyncReadExt as _;
        let mut stream = TcpStream::connect(("127.0.0.1", self.status_port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    async fn condition(&self, subject: &str) -> Option<(String, String)> {
        let report: serde_json::Value = serde_json::from_str(&self.get("/status").await?.1).ok()?;
        let conditions = report["conditions"].as_array()?.clone();
        let it = conditions.into_iter().find(|it| it["subject"] == subject)?;
        Some((it["health"].as_str()?.to_owned(), it["reason"].as_str()?.to_owned()))
    }

    fn scanned(&self) -> Vec<String> {
        self.central.with(|ledger| {
            let kinds = ledger.facts.iter().map(|event| event.decode_kind().unwrap());
            let scans = kinds.filter_map(|kind| match kind {
                EventKind::Scan(scan) => Some(String::from_utf8(scan.raw).unwrap()),
                _ => None,
            });
            scans.collect()
        })
    }
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited 20 s until {what}");
}

#[tokio::test]
async fn an_agent_that_is_not_enrolled_says_how() {
    let world = World::new().await;
    let error = world.assemble().err().unwrap().to_string();
    assert!(error.contains("not enrolled") && error.contains("edge-agent enroll CODE"), "{error}");
}

#[tokio::test]
async fn it_runs_with_what_works_follows_its_configuration_and_stops_with_everything_sent() {
    let world = World::new().await;
    world.enrol();
    let (lifecycle, _supervisor) = Lifecycle::start();
    let (agent, reloading) = world.assemble().unwrap();
    let running = tokio::spawn(agent.live(reloading, lifecycle.clone()));
    let (mut scanner, _) = world.scanner.accept().await.unwrap();
    scanner.write_all(b"4006381333931\r").await.unwrap();
    until("the scan is at central", async || world.scanned() == ["4006381333931"]).await;

    until("the dead PLC is told", async || {
        world.condition("dead-line/press-1").await.is_some_and(|(health, _)| health == "down")
    })
    .await;
    assert_eq!(world.get("/health/live").await.unwrap().0, 200);
    assert_eq!(world.get("/health/ready").await.unwrap().0, 200);
    until("nothing waits", async || {
        world.get("/metrics").await.is_some_and(|(_, text)| text.contains("edge_agent_log_backlog_events 0\n"))
    })
    .await;
    let metrics = world.get("/metrics").await.unwrap().1;
    for line in [
        "edge_agent_central_connected 1\n",
        "edge_agent_log_newest_sequence 1\n",
        "edge_agent_condition{subject=\"dead-line/press-1\",kind=\"modbus\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }

    world.write("\n[[machine]]\nnaem = \"press-2\"\n");
    until("the wrong configuration is told", async || {
        world.condition("configuration").await.is_some_and(|(_, reason)| reason.contains("did you mean `name`?"))
    })
    .await;
    world.write("\n[[machine]]\nname = \"press-2\"\n");
    until("the new machine is there", async || {
        world.get("/status").await.is_some_and(|(_, report)| report.contains("\"press-2\""))
    })
    .await;
    scanner.write_all(b"second\r").await.expect("an unchanged source keeps its connection");
    until("the second scan is at central", async || world.scanned().len() == 2).await;

    scanner.write_all(b"last\r").await.unwrap();
    until("it is captured", async || {
        let log: serde_json::Value = serde_json::from_str(&world.get("/status").await.unwrap().1).unwrap();
        log["log"]["newest"].as_u64() == Some(3)
    })
    .await;
    lifecycle.stop();
    running.await.unwrap().unwrap();
    assert_eq!(world.scanned(), ["4006381333931", "second", "last"]);
}

#[tokio::test]
async fn a_taken_status_port_does_not_keep_it_from_working() {
    let world = World::new().await;
    world.enrol();
    let _taken = TcpListener::bind(("127.0.0.1", world.status_port)).await.unwrap();
    let (agent, reloading) = world.assemble().unwrap();
    let board = agent.board.clone();
    let (lifecycle, _supervisor) = Lifecycle::start();
    let running = tokio::spawn(agent.live(reloading, lifecycle.clone()));
    let (mut scanner, _) = world.scanner.accept().await.unwrap();
    scanner.write_all(b"code\r").await.unwrap();
    until("the scan is at central", async || world.scanned() == ["code"]).await;
    let snapshot = board.snapshot();
    let told = snapshot.iter().find(|it| it.condition.subject == "status").unwrap();
    assert!(told.condition.reason.contains("[status] listen"), "{told:?}");
    lifecycle.stop();
    running.await.unwrap().unwrap();
}
