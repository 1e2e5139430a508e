//! Central's agents' port, served for a test, and agents that speak to it over real TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use central::agents::enrolment::Invitation;
use central::auth::audit::{Actor, ActorKind};
use central::plants;
use central::sync::server::Server;
use central::sync::{Settings, maintenance};
use central::web::metrics::Exposes;
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use process::clock::{Clock, ManualClock};
use process::key::{KeyAndCertificate, fingerprint, provider};
use protocol::batch::{AgentStatus, Batch, LiveMachine, Origin, OriginKind};
use protocol::chain::ChainHash;
use protocol::enrolment::{EnrolmentReply, EnrolmentRequest, KeyFingerprint};
use protocol::event::{
    Count, CountBasis, DowntimeEntry, EventKind, MachineState, PieceQuality, RawEvent, StopDetection,
};
use protocol::id::{AgentId, Epoch, Instance, Name, OriginId, Seq, StopId};
use protocol::reply::{Reply, Verdict};
use protocol::time::{ClockQuality, Monotonic, UtcMicros};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sqlx::PgPool;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// Who decides.
pub(crate) const TEST: Actor<'_> = Actor { kind: ActorKind::Command, name: "test", address: None };
pub(crate) const PRESS: OriginId = OriginId(1);
pub(crate) const SELF: OriginId = OriginId(2);
pub(crate) const SECOND: i64 = 1_000_000;

/// 2026-11-20T10:00:00Z, when these tests take place.
pub(crate) fn start_of_tests() -> UtcMicros {
    UtcMicros(1_795_168_800 * SECOND)
}

pub(crate) struct Central {
    pub(crate) pool: PgPool,
    pub(crate) clock: ManualClock,
    pub(crate) address: SocketAddr,
    pub(crate) key: KeyFingerprint,
    pub(crate) metrics: Arc<dyn Exposes>,
    stopping: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Central {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Central {
    pub(crate) async fn start(pool: PgPool) -> Central {
        Central::start_with(pool, |_| {}).await
    }

    pub(crate) async fn start_with(pool: PgPool, change: impl FnOnce(&mut Settings)) -> Central {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(start_of_tests());
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), folder.path().join("central-key.pem"));
        change(&mut settings);
        let server = Server::bind(pool.clone(), Arc::new(clock.clone()), settings).await.unwrap();
        let (address, key, metrics) = (server.local_addr().unwrap(), server.key(), server.metrics());
        let stopping = CancellationToken::new();
        tokio::spawn(maintenance::notify(pool.clone(), server.committer(), stopping.clone()));
        tokio::spawn(server.run(stopping.clone()));
        Central { pool, clock, address, key, metrics, stopping, _folder: folder }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.clock.wall().0).unwrap()
    }

    pub(crate) async fn invite(&self, agent: &str, secret: [u8; 10]) {
        let mut connection = self.pool.acquire().await.unwrap();
        let plant = plants::store::ensure(&mut connection, "main", "UTC", (self.now(), &TEST)).await.unwrap();
        let invitation = Invitation {
            plant,
            agent: Name::new(agent).unwrap(),
            address: self.address.to_string(),
            secret,
            created_at: self.now(),
            expires_at: self.now() + Duration::from_secs(3600),
        };
        central::agents::store::invite(&mut connection, &invitation, &TEST).await.unwrap();
    }

    /// An enrolled agent with a log of its own and one machine, `press-NAME`.
    pub(crate) async fn agent(&self, name: &str) -> Agent {
        let secret: [u8; 10] = rand::random();
        self.invite(name, secret).await;
        let key = new_key();
        let mut line = Line::open(self.address, self.key, &key).await;
        let (status, body) = line.enrol(&secret).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        let enrolled: EnrolmentReply = serde_json::from_slice(&body).unwrap();
        Agent {
            address: self.address,
            central: self.key,
            key,
            line,
            id: enrolled.agent,
            machine: Name::new(&format!("press-{name}")).unwrap(),
            epoch: Epoch(1),
            instance: Instance { starts: 1, id: rand::random() },
            log: Log::default(),
            now: start_of_tests(),
            revision: 0,
        }
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn pieces(&self) -> i64 {
        self.count("SELECT coalesce(sum(delta), 0)::bigint FROM production_logs").await
    }

    /// Every fact of an agent once, and the summary equal to the facts.
    pub(crate) async fn assert_exact(&self) {
        let twice = "SELECT count(*) FROM (SELECT agent_id, epoch, seq FROM production_logs GROUP BY 1, 2, 3 HAVING count(*) > 1) t";
        assert_eq!(self.count(twice).await, 0, "rows are double");
        let differing = "SELECT count(*) FROM
             (SELECT plant_id, machine_id, plant_day, coalesce(sum(delta) FILTER (WHERE quality = 'good'), 0) AS good
              FROM production_logs GROUP BY 1, 2, 3) f
             FULL JOIN daily_production_summary s USING (plant_id, machine_id, plant_day)
             WHERE f.good IS DISTINCT FROM s.good";
        assert_eq!(self.count(differing).await, 0, "the daily summary is not the sum of the facts");
        let differing = "SELECT count(*) FROM daily_production_summary s
             FULL JOIN recent_production r USING (plant_id, machine_id, plant_day)
             WHERE plant_day > current_date - 90 AND (s.good, s.scrap, s.rework) IS DISTINCT FROM (r.good, r.scrap, r.rework)";
        assert_eq!(self.count(differing).await, 0, "recent production is not the daily summary");
    }
}

pub(crate) fn new_key() -> KeyAndCertificate {
    let folder = tempfile::tempdir().unwrap();
    KeyAndCertificate::read_or_make(&folder.path().join("key.pem"), "agent").unwrap()
}

/// An agent's log: events from 1 on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(pub(crate) Vec<RawEvent>);

impl Log {
    pub(crate) fn hash(&self, seq: u64) -> ChainHash {
        ChainHash::START.after(&self.0[..usize::try_from(seq).unwrap()])
    }

    pub(crate) fn newest(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn push_at(&mut self, at: UtcMicros, origin: OriginId, kind: &EventKind) {
        let monotonic = Monotonic { boot: 1, us: self.newest() * 1000 };
        self.0.push(RawEvent::new(at, ClockQuality::Synchronized, monotonic, origin, kind));
    }
}

pub(crate) fn count(delta: i64) -> EventKind {
    EventKind::Count(Count {
        signal: Name::new("good").unwrap(),
        quality: PieceQuality::Good,
        delta,
        raw: Some(delta),
        basis: CountBasis::Increase,
    })
}

pub(crate) fn began(stop: u64) -> EventKind {
    let (state, detected_by) = (MachineState::Stopped, StopDetection::State);
    EventKind::Downtime(DowntimeEntry::Began { stop: StopId(stop), state, detected_by })
}

pub(crate) fn ended(stop: u64, began_at: UtcMicros, lasted_us: i64, micro: bool) -> EventKind {
    let (state, detected_by) = (MachineState::Stopped, StopDetection::State);
    EventKind::Downtime(DowntimeEntry::Ended { stop: StopId(stop), began_at, lasted_us, state, detected_by, micro })
}

pub(crate) struct Agent {
    address: SocketAddr,
    central: KeyFingerprint,
    pub(crate) key: KeyAndCertificate,
    pub(crate) line: Line,
    pub(crate) id: AgentId,
    pub(crate) machine: Name,
    pub(crate) epoch: Epoch,
    pub(crate) instance: Instance,
    pub(crate) log: Log,
    pub(crate) now: UtcMicros,
    pub(crate) revision: u64,
}

impl Agent {
    /// The same database on another disk, run by a process of its own.
    pub(crate) async fn copy(&self, instance: Instance) -> Agent {
        Agent {
            line: Line::open(self.address, self.central, &self.key).await,
            key: self.key.clone(),
            machine: self.machine.clone(),
            log: self.log.clone(),
            instance,
            ..*self
        }
    }

    /// Points it to another central process.
    pub(crate) fn address(&mut self, central: &Central) {
        (self.address, self.central) = (central.address, central.key);
    }

    pub(crate) async fn reconnect(&mut self) {
        self.line = Line::open(self.address, self.central, &self.key).await;
    }

    /// Counts `events` times one piece, a second apart.
    pub(crate) fn produce(&mut self, events: usize) {
        for _ in 0..events {
            self.now = self.now.plus_us(1000);
            self.log.push_at(self.now, PRESS, &count(1));
        }
    }

    pub(crate) fn push(&mut self, kind: &EventKind) {
        self.now = self.now.plus_us(1000);
        self.log.push_at(self.now, PRESS, kind);
    }

    /// Events `first` to `last` as a batch; an empty one when `last` is before `first`.
    pub(crate) fn batch(&self, first: u64, last: u64) -> Batch {
        let range = usize::try_from(first - 1).unwrap()..usize::try_from(last.max(first - 1)).unwrap();
        Batch {
            agent: self.id,
            epoch: self.epoch,
            instance: self.instance,
            first_seq: Seq(first),
            previous: self.log.hash(first - 1),
            newest_seq: Seq(self.log.newest()),
            sent_at: self.now,
            master_data_revision: self.revision,
            origins: vec![
                Origin { id: PRESS, kind: OriginKind::Machine, name: self.machine.clone() },
                Origin { id: SELF, kind: OriginKind::Agent, name: Name::new("agent").unwrap() },
            ],
            live: vec![LiveMachine {
                origin: PRESS,
                state: MachineState::Running,
                state_since: self.now,
                good: i64::try_from(self.log.newest()).unwrap(),
                scrap: 0,
                rework: 0,
                last_reading_at: Some(self.now),
            }],
            status: Some(status("pc-1")),
            events: self.log.0[range].to_vec(),
        }
    }

    pub(crate) async fn send(&mut self, batch: &Batch) -> (StatusCode, Result<Reply, String>) {
        let frame = protocol::codec::encode(batch).unwrap();
        let (status, body) = self.line.post("/agent/v1/sync", frame.into()).await;
        let reply = protocol::codec::decode(&body).map_err(|_| String::from_utf8_lossy(&body).into_owned());
        (status, reply)
    }

    /// Sends events and takes central at its word.
    pub(crate) async fn sync(&mut self, first: u64, last: u64) -> Reply {
        let batch = self.batch(first, last);
        let (status, reply) = self.send(&batch).await;
        let reply = reply.unwrap_or_else(|text| panic!("{status}: {text}"));
        if status == StatusCode::OK {
            let at = reply.acknowledged.0.min(self.log.newest());
            assert_eq!(reply.hash, self.log.hash(at), "central's hash at {at}");
        }
        reply
    }

    /// Sends events that central is expected to take.
    pub(crate) async fn accept(&mut self, first: u64, last: u64) {
        let reply = self.sync(first, last).await;
        assert_eq!(reply.verdict, Verdict::Accepted);
        assert!(reply.acknowledged.0 >= last, "{reply:?}");
    }
}

pub(crate) fn status(host: &str) -> AgentStatus {
    AgentStatus {
        version: "0.1.0".into(),
        host: host.into(),
        started_at: start_of_tests(),
        backlog_events: 3,
        backlog_oldest_at: None,
        buffer_bytes: 4096,
        buffer_bytes_max: 1 << 30,
        poison_messages: 0,
        dropped_events: 0,
        conditions: vec![],
    }
}

/// A connection to the agents' port.
pub(crate) struct Line {
    requests: SendRequest<Full<Bytes>>,
}

impl Line {
    pub(crate) async fn open(address: SocketAddr, central: KeyFingerprint, key: &KeyAndCertificate) -> Line {
        Line::try_open(address, central, Some(key)).await.unwrap()
    }

    pub(crate) async fn try_open(
        address: SocketAddr,
        central: KeyFingerprint,
        key: Option<&KeyAndCertificate>,
    ) -> anyhow::Result<Line> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(central)));
        let configuration = match key {
            Some(key) => builder.with_client_auth_cert(vec![key.certificate.clone()], key.key.clone_key())?,
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("central")?;
        let stream = TlsConnector::from(Arc::new(configuration)).connect(name, stream).await?;
        let (requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Line { requests })
    }

    pub(crate) async fn try_post(&mut self, path: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let response = self.ask(path, body).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    pub(crate) async fn ask(&mut self, path: &str, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        self.requests.ready().await?;
        let request = Request::post(path).header("host", "central").body(Full::new(body))?;
        Ok(self.requests.send_request(request).await?)
    }

    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> (StatusCode, Bytes) {
        self.try_post(path, body).await.unwrap()
    }

    pub(crate) async fn enrol(&mut self, secret: &[u8; 10]) -> (StatusCode, Bytes) {
        let request = EnrolmentRequest {
            secret: data_encoding::HEXLOWER.encode(secret),
            host: "pc-1".into(),
            version: "0.1.0".into(),
        };
        self.post("/agent/v1/enrol", serde_json::to_vec(&request).unwrap().into()).await
    }
}

#[derive(Debug)]
struct Pinned(KeyFingerprint);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        assert_eq!(fingerprint(end_entity).unwrap(), self.0);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        unreachable!("TLS 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
