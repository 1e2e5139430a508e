//! A central for tests: a real TLS server that keeps the rule of exactly once, and misbehaves on order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use process::key::{KeyAndCertificate, provider};
use protocol::batch::Batch;
use protocol::chain::ChainHash;
use protocol::codec;
use protocol::correction::{CORRECTIONS_PATH, CORRECTIONS_REVISION, Corrections};
use protocol::event::RawEvent;
use protocol::id::{Epoch, Seq};
use protocol::reply::{DivergenceReason, Reply, Verdict};
use protocol::time::UtcMicros;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What happens to the next request instead of an orderly answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request is read and nothing ever comes back.
    Silence,
    /// Everything is committed, and the connection ends before the answer.
    CommitAndClose,
    /// Everything is committed, and half of the answer is sent.
    CommitAndCutBody,
    /// Everything is committed, and the answer comes long after the deadline.
    CommitAndAnswerLate,
    /// The connection ends and nothing is committed.
    Close,
    Busy,
    TooLarge,
    Nonsense,
    /// Other content at the mark.
    Diverged,
    /// Central's clock says this.
    At(UtcMicros),
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) facts: Vec<RawEvent>,
    pub(crate) hash: Option<ChainHash>,
    pub(crate) epoch: u32,
    /// Everything that was received, without its events.
    pub(crate) batches: Vec<Batch>,
    pub(crate) enrolments: Vec<serde_json::Value>,
    pub(crate) faults: VecDeque<Fault>,
    /// What was said here of the agent's stops; none of a central that does not know of it.
    pub(crate) corrections: Option<Corrections>,
    /// How often it was asked for.
    pub(crate) corrections_asked: usize,
    /// TCP connections that are accepted and then ignored.
    pub(crate) ignored_connections: usize,
}

pub(crate) struct FakeCentral {
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) key: KeyAndCertificate,
    pub(crate) address: String,
    accepting: JoinHandle<()>,
}

impl Drop for FakeCentral {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl FakeCentral {
    pub(crate) async fn start(faults: &[Fault]) -> FakeCentral {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyAndCertificate::read_or_make(&folder.path().join("key.pem"), "central").unwrap();
        let configuration = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(Arc::new(AnyKey))
            .with_single_cert(vec![key.certificate.clone()], key.key.clone_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ledger = Ledger { epoch: 1, faults: faults.iter().copied().collect(), ..Ledger::default() };
        let ledger = Arc::new(Mutex::new(ledger));
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&ledger)));
        FakeCentral { ledger, key, address, accepting }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.ledger.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, ledger: Arc<Mutex<Ledger>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        connections.spawn(serve(tcp, acceptor.clone(), Arc::clone(&ledger)));
    }
}

async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, ledger: Arc<Mutex<Ledger>>) {
    let ignored = {
        let mut ledger = ledger.lock().unwrap();
        let ignored = ledger.ignored_connections > 0;
        ledger.ignored_connections = ledger.ignored_connections.saturating_sub(1);
        ignored
    };
    if ignored {
        return std::future::pending().await;
    }
    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
    while let Some((path, body)) = read_request(&mut stream).await {
        let fault = ledger.lock().unwrap().faults.pop_front();
        if fault == Some(Fault::Close) {
            return;
        }
        let (status, body) = answer(&ledger, &path, &body, fault);
        match fault {
            Some(Fault::Silence) => return std::future::pending().await,
            Some(Fault::CommitAndClose) => return,
            Some(Fault::CommitAndAnswerLate) => tokio::time::sleep(Duration::from_secs(2)).await,
            _ => {}
        }
        let corrections = ledger.lock().unwrap().corrections.as_ref().map(|it| it.revision);
        let announced = corrections.map_or(String::new(), |it| format!("{CORRECTIONS_REVISION}: {it}\r\n"));
        let head = format!("HTTP/1.1 {status}\r\n{announced}content-length: {}\r\nretry-after: 0\r\n\r\n", body.len());
        let cut = fault == Some(Fault::CommitAndCutBody);
        let body = if cut { &body[..body.len() / 2] } else { &body[..] };
        if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(body).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
        if cut {
            return;
        }
    }
}

fn answer(ledger: &Mutex<Ledger>, path: &str, body: &[u8], fault: Option<Fault>) -> (&'static str, Vec<u8>) {
    match fault {
        Some(Fault::Busy) => return ("503 Service Unavailable", Vec::new()),
        Some(Fault::TooLarge) => return ("413 Payload Too Large", Vec::new()),
        Some(Fault::Nonsense) => return ("200 OK", b"<html>a captive portal</html>".to_vec()),
        _ => {}
    }
    let mut ledger = ledger.lock().unwrap();
    if path == "/agent/v1/enrol" {
        ledger.enrolments.push(serde_json::from_slice(body).unwrap());
        let reply = serde_json::json!({
            "agent": "00000000-0000-0000-0000-000000000007", "name": "line-1", "plant": "north"
        });
        return ("200 OK", reply.to_string().into_bytes());
    }
    if path == CORRECTIONS_PATH {
        ledger.corrections_asked += 1;
        return ("200 OK", serde_json::to_vec(&ledger.corrections).unwrap());
    }
    assert_eq!(path, "/agent/v1/sync");
    if fault == Some(Fault::Silence) {
        return ("200 OK", Vec::new());
    }
    let reply = ledger.take(codec::decode(body).unwrap(), fault);
    let status = if matches!(reply.verdict, Verdict::Diverged { .. }) { "409 Conflict" } else { "200 OK" };
    (status, codec::encode(&reply).unwrap())
}

impl Ledger {
    fn take(&mut self, mut batch: Batch, fault: Option<Fault>) -> Reply {
        let events = std::mem::take(&mut batch.events);
        let first = usize::try_from(batch.first_seq.0).unwrap();
        let mark = self.facts.len();
        let verdict = if fault == Some(Fault::Diverged) {
            Verdict::Diverged { reason: DivergenceReason::Content, text: "other content at event 1".into() }
        } else if batch.epoch.0 < self.epoch {
            Verdict::NewEpoch
        } else if first > mark + 1 {
            Verdict::Gap
        } else {
            for event in events.iter().skip(mark + 1 - first) {
                self.hash = Some(self.hash.unwrap_or(ChainHash::START).next(event));
                self.facts.push(event.clone());
            }
            Verdict::Accepted
        };
        self.batches.push(batch);
        let server_time = match fault {
            Some(Fault::At(time)) => time,
            _ => process::clock::Clock::wall(&process::clock::SystemClock::new(0)),
        };
        Reply {
            verdict,
            epoch: Epoch(self.epoch),
            acknowledged: Seq(self.facts.len() as u64),
            hash: self.hash.unwrap_or(ChainHash::START),
            server_time,
            pause_ms: 0,
            master_data_revision: 3,
            master_data: Some(protocol::master_data::MasterData::default()),
        }
    }
}

async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head.split(' ').nth(1).unwrap().to_owned(), body))
}

/// Central looks at keys itself; here any key will do, as long as it is proven.
#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        unreachable!("TLS 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
