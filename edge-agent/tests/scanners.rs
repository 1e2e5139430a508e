//! Scanners over real sockets and a real pseudo-terminal: what they send becomes scans, and they hear "stored" only after
//! the commit.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use edge_agent::capture::{CaptureSender, Submission};
use edge_agent::reading::Item;
use edge_agent::sources::scanner::configuration::ScannerSection;
use edge_agent::sources::{SourceContext, scanner};
use edge_agent::status::StatusBoard;
use process::clock::{Clock, SystemClock};
use protocol::batch::Health;
use protocol::event::{EventKind, Scan};
use protocol::id::Name;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

struct Bench {
    submissions: mpsc::Receiver<Submission>,
    board: StatusBoard,
    stopping: CancellationToken,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

fn start(section: &str) -> Bench {
    let section: ScannerSection = toml::from_str(section).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(1));
    let board = StatusBoard::new(clock.clone());
    let (capture, submissions) = CaptureSender::channel();
    let stopping = CancellationToken::new();
    let status = board.subject(&section.name, "scanner");
    let context = SourceContext { capture, status, clock, stopping: stopping.clone() };
    let to = scanner::Destination { station: Name::new("packing").unwrap(), desk: None };
    let running = tokio::spawn(scanner::run(section, to, context));
    Bench { submissions, board, stopping, running }
}

impl Bench {
    /// The next scan, with the way to say that it is stored.
    async fn scan(&mut self) -> (Scan, tokio::sync::oneshot::Sender<edge_agent::capture::Stored>) {
        let wait = tokio::time::timeout(Duration::from_secs(20), self.submissions.recv());
        let submission = wait.await.expect("a scan in time").expect("a running scanner");
        let [Item::Occurrence(occurrence)] = &submission.items[..] else { panic!("one scan: {submission:?}") };
        let EventKind::Scan(scan) = &occurrence.kind else { panic!("a scan: {occurrence:?}") };
        (scan.clone(), submission.stored)
    }

    async fn stored_code(&mut self) -> String {
        let (scan, stored) = self.scan().await;
        stored.send(None).unwrap();
        String::from_utf8(scan.raw).unwrap()
    }

    async fn wait_for(&self, health: Health) {
        for _ in 0..2_000 {
            if self.board.snapshot().iter().any(|subject| subject.condition.health == health) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {health:?}: {:?}", self.board.snapshot());
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_listening_scanner_hears_stored_only_after_the_commit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut bench = start(&format!(
        "name = 'tunnel'\nconnection = {{ type = 'tcp_connect', address = '{address}' }}\nstored_reply = \"\\u0006\"\n"
    ));
    let (mut device, _) = listener.accept().await.unwrap();
    device.write_all(b"]C10109521234543213\r").await.unwrap();
    let (scan, stored) = bench.scan().await;
    assert_eq!(scan.elements[0].value, "09521234543213");
    let early = tokio::time::timeout(Duration::from_millis(200), device.read_u8()).await;
    assert!(early.is_err(), "told before it was stored");
    stored.send(None).unwrap();
    assert_eq!(device.read_u8().await.unwrap(), 6);
    bench.stop().await;
}

#[tokio::test]
async fn a_code_in_hand_is_stored_and_answered_before_the_scanner_is_let_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut bench = start(&format!(
        "name = 'tunnel'\nconnection = {{ type = 'tcp_connect', address = '{address}' }}\nstored_reply = \"\\u0006\"\n"
    ));
    let (mut device, _) = listener.accept().await.unwrap();
    device.write_all(b"last\r").await.unwrap();
    let (_, stored) = bench.scan().await;
    bench.stopping.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    stored.send(None).expect("the scanner waits for it");
    assert_eq!(device.read_u8().await.unwrap(), 6);
    bench.stop().await;
}

#[tokio::test]
async fn a_scanner_that_comes_back_is_read_again_and_a_torn_code_ends_with_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut bench =
        start(&format!("name = 'tunnel'\nconnection = {{ type = 'tcp_connect', address = '{address}' }}\n"));
    let (mut device, _) = listener.accept().await.unwrap();
    device.write_all(b"one\rtw").await.unwrap();
    drop(device);
    assert_eq!(bench.stored_code().await, "one");
    assert_eq!(bench.stored_code().await, "tw");
    bench.wait_for(Health::Down).await;
    let (mut device, _) = listener.accept().await.unwrap();
    device.write_all(b"three\r").await.unwrap();
    assert_eq!(bench.stored_code().await, "three");
    bench.stop().await;
}

#[tokio::test]
async fn a_scanner_may_connect_to_the_agent_and_silence_ends_a_code() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut bench = start(&format!(
        "name = 'gate'\nconnection = {{ type = 'tcp_listen', listen = '127.0.0.1:{port}' }}\nsuffix = ''\nreread_ms = 60000\n"
    ));
    bench.wait_for(Health::Degraded).await;
    let mut device = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    device.write_all(b"label").await.unwrap();
    assert_eq!(bench.stored_code().await, "label");
    device.write_all(b"label").await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    device.write_all(b"other").await.unwrap();
    assert_eq!(bench.stored_code().await, "other", "the same label again is the same label");
    bench.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_serial_scanner_is_read_and_a_missing_port_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("scanner");
    let mut bench =
        start(&format!("name = 'bench'\nconnection = {{ type = 'serial', port = '{}' }}\n", port.display()));
    bench.wait_for(Health::Down).await;
    let (mut device, slave) = tokio_serial::SerialStream::pair().unwrap();
    std::os::unix::fs::symlink(tokio_serial::SerialPort::name(&slave).unwrap(), &port).unwrap();
    bench.wait_for(Health::Good).await;
    device.write_all(b"SERIAL-1\r\nSERIAL-2\r\n").await.unwrap();
    assert_eq!(bench.stored_code().await, "SERIAL-1");
    assert_eq!(bench.stored_code().await, "SERIAL-2");
    bench.stop().await;
}

#[test]
fn a_wrong_section_is_told_what_is_wrong() {
    use edge_agent::configuration::Configuration;
    let wrong = "[[scanner]]\nname = 'a'\nconnection = { type = 'tcp_connect', address = 'nowhere' }\nsilence_ms = 1\n";
    let error = process::configuration::parse::<Configuration>(wrong, "edge.toml").unwrap_err().to_string();
    assert_eq!(
        error,
        "edge.toml:4:1: scanner[0].silence_ms: 1 found, expected 10 to 10000\n\
         edge.toml:3:38: scanner[0].connection.address: \"nowhere\" found, expected HOST:PORT, such as \"192.0.2.7:2001\""
    );
}
