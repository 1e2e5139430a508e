//! One request of an agent: bounded, decoded, handed to the queue, answered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use process::clock::Clock;
use protocol::batch::Batch;
use protocol::chain::ChainHash;
use protocol::codec::{DecodeError, Header};
use protocol::correction::{CORRECTIONS_PATH, CORRECTIONS_REVISION};
use protocol::enrolment::{EnrolmentRequest, KeyFingerprint};
use protocol::id::Instance;
use protocol::limits::FRAME_BYTES_MAX;
use protocol::reply::Verdict;
use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::agents::enrolment::{Applicant, EnrolmentError, parse_secret};
use crate::agents::store::{self as agents, Identity};
use crate::downtime::correction::told::corrections;
use crate::sync::group::{Answer, Prepared};
use crate::sync::master_data::MasterDataCache;
use crate::sync::metrics::{Counters, Outcome};
use crate::sync::queue::Queue;
use crate::sync::store;

/// An enrolment request is a few short texts.
const ENROLMENT_BYTES_MAX: usize = 4 * 1024;
/// A whole body has so long to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Memory is counted in pieces of this size.
const PERMIT_BYTES: usize = 1024;
/// What decoded events take, against their encoded size.
const DECODED_FACTOR: usize = 4;
/// Larger frames are decoded off the async threads.
const DECODE_INLINE_BYTES: usize = 32 * 1024;
/// Wrong enrolment codes in a minute, of everybody together. A code has 80 random bits.
const WRONG_CODES_PER_MINUTE: u32 = 30;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    pub key: KeyFingerprint,
    pub address: String,
    /// Counts connections in the order in which they were accepted.
    pub connection: u64,
}

/// What requests share.
#[derive(Debug)]
pub struct Requests {
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub queue: Arc<Queue>,
    counters: Arc<Counters>,
    memory: Arc<Semaphore>,
    memory_permits: usize,
    master_data: MasterDataCache,
    suspects: Mutex<HashMap<i32, Suspect>>,
    wrong_codes: Mutex<(Option<Instant>, u32)>,
    newest_connection: AtomicU64,
}

/// A process that looks like an old copy and has been told to ask again.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    instance: Instance,
    connection: u64,
    /// The newest connection when it was told: what comes over a later one was sent later.
    newest_connection: u64,
}

/// An answer that is no frame.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    title: &'static str,
    detail: String,
    retry_after_s: Option<u32>,
}

fn refusal(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal { status, title, detail: detail.into(), retry_after_s: None }
}

fn come_back(detail: &str, after_s: u32) -> Refusal {
    let refusal = refusal(StatusCode::SERVICE_UNAVAILABLE, "Come back later", detail);
    Refusal { retry_after_s: Some(after_s), ..refusal }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Refusal {
        tracing::warn!(%error, "the database is not available: an agent is told to come back");
        come_back("the database is not available", 5)
    }
}

impl Refusal {
    fn into_response(self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({ "title": self.title, "detail": self.detail, "status": self.status.as_u16() });
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after_s) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after_s));
        }
        response
    }
}

impl Requests {
    #[must_use]
    pub fn new(
        pool: PgPool,
        clock: Arc<dyn Clock>,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        batch_bytes_max: usize,
    ) -> Requests {
        let memory_permits = (batch_bytes_max / PERMIT_BYTES).clamp(1, u32::MAX as usize);
        Requests {
            pool,
            clock,
            queue,
            counters,
            memory: Arc::new(Semaphore::new(memory_permits)),
            memory_permits,
            master_data: MasterDataCache::default(),
            suspects: Mutex::default(),
            wrong_codes: Mutex::default(),
            newest_connection: AtomicU64::new(0),
        }
    }

    /// Numbers a connection.
    pub fn connected(&self) -> u64 {
        self.newest_connection.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let answer = match (request.method(), request.uri().path()) {
            (&Method::POST, "/agent/v1/sync") => {
                let answered = Box::pin(self.sync(peer, request)).await;
                let outcome = |refusal: &Refusal| Outcome::of_refusal(refusal.status);
                self.counters.batch(answered.as_ref().map_or_else(outcome, |(outcome, _)| *outcome));
                answered.map(|(_, response)| response)
            }
            (&Method::POST, "/agent/v1/enrol") => Box::pin(self.enrol(peer, request)).await,
            (&Method::POST, CORRECTIONS_PATH) => Box::pin(self.corrections(peer, request)).await,
            (_, "/agent/v1/sync" | "/agent/v1/enrol" | CORRECTIONS_PATH) => {
                Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "expected POST"))
            }
            (_, path) => Err(refusal(StatusCode::NOT_FOUND, "Not found", format!("nothing is at {path}"))),
        };
        answer.unwrap_or_else(Refusal::into_response)
    }

    async fn sync(&self, peer: &Peer, request: Request<Incoming>) -> Result<(Outcome, Response<Full<Bytes>>), Refusal> {
        let identity = self.identity(peer).await?;
        let (frame, mut memory) = self.frame(request).await?;
        let received_at = self.clock.wall();
        let batch = match self.decode(&frame, &mut memory).await {
            Ok(decoded) => decoded,
            Err(Undecoded::NoMemory) => return Err(self.busy()),
            Err(Undecoded::Wrong(error)) => return Err(self.not_decodable(&identity, &frame, &error).await),
        };
        let (batch, chain) = batch;
        if batch.agent != identity.agent {
            let detail = format!(
                "the key of this connection belongs to agent {}, the batch says {}",
                identity.agent, batch.agent
            );
            return Err(refusal(StatusCode::FORBIDDEN, "Not this agent's batch", detail));
        }
        let behind = batch.master_data_revision;
        let instance = batch.instance;
        let alive = self.has_proven(identity.id, instance, peer);
        let id = identity.id;
        let work = Prepared { agent: identity, batch, chain, frame, peer: peer.address.clone(), received_at, alive };
        let answer = self.queue.submit(work, memory).await.map_err(|_| come_back("central is stopping", 2))?;
        match answer {
            Answer::Reply { mut reply, plant_id, corrections_revision } => {
                reply.pause_ms = self.pause_ms();
                if reply.master_data_revision != behind
                    && let Ok(data) = self.master_data.get(&self.pool, plant_id, reply.master_data_revision).await
                {
                    reply.master_data = Some(data.as_ref().clone());
                }
                let outcome = match reply.verdict {
                    Verdict::Accepted | Verdict::Gap => Outcome::Accepted,
                    Verdict::NewEpoch => Outcome::NewEpoch,
                    Verdict::Diverged { .. } => Outcome::Diverged,
                };
                let frame = protocol::codec::encode(reply.as_ref()).or_else(|error| {
                    tracing::error!(%error, "the plant's master data does not fit into a reply: agents go without");
                    reply.master_data = None;
                    protocol::codec::encode(reply.as_ref())
                });
                let frame = frame.map_err(|e| refusal(StatusCode::INTERNAL_SERVER_ERROR, "No reply", e.to_string()))?;
                let mut response = Response::new(Full::new(Bytes::from(frame)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
                // Beside the frame, whose bytes stay as they are: an older agent looks past it.
                if let Ok(revision) = HeaderValue::try_from(corrections_revision.to_string()) {
                    response.headers_mut().insert(CORRECTIONS_REVISION, revision);
                }
                if outcome == Outcome::Diverged {
                    *response.status_mut() = StatusCode::CONFLICT;
                }
                Ok((outcome, response))
            }
            Answer::Forbidden => Err(disabled()),
            Answer::Again { after_s } => Err(come_back("the batch could not be committed", after_s)),
            Answer::Prove => {
                self.suspect(id, instance, peer);
                Err(come_back("this process looks like an old copy of its agent: ask again", 1))
            }
            Answer::Failed => Err(refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The batch cannot be committed",
                "central's log says why; nothing of it was committed",
            )),
        }
    }

    /// What was said at central of the stops of the agent that asks.
    async fn corrections(&self, peer: &Peer, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Refusal> {
        let identity = self.identity(peer).await?;
        // Who asks is in the key; a body is read so that the connection goes on.
        read(request.into_body(), ENROLMENT_BYTES_MAX).await?;
        let now = DateTime::from_timestamp_micros(self.clock.wall().0).unwrap_or_default();
        let told = corrections(&self.pool, identity.id, now).await?;
        let body = serde_json::to_vec(&told)
            .map_err(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, "No reply", error.to_string()))?;
        let mut response = Response::new(Full::new(Bytes::from(body)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    async fn identity(&self, peer: &Peer) -> Result<Identity, Refusal> {
        match agents::by_key(&self.pool, peer.key).await? {
            Some(identity) if identity.enabled => Ok(identity),
            Some(_) => Err(disabled()),
            None => Err(refusal(
                StatusCode::FORBIDDEN,
                "Not enrolled",
                format!("no agent is enrolled with the key {}", peer.key),
            )),
        }
    }

    /// Reads the body, at most as large as a frame may be and with memory set aside for it before.
    async fn frame(&self, request: Request<Incoming>) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let length: usize = announced.unwrap_or(FRAME_BYTES_MAX);
        if length > FRAME_BYTES_MAX {
            return Err(too_large());
        }
        let memory = self.take_memory(length).ok_or_else(|| self.busy())?;
        let body = read(request.into_body(), FRAME_BYTES_MAX).await?;
        Ok((body, memory))
    }

    fn take_memory(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES).min(self.memory_permits)).unwrap_or(u32::MAX);
        self.memory.clone().try_acquire_many_owned(permits).ok()
    }

    /// Memory that batches hold, and as much as there is for them.
    #[must_use]
    pub fn memory_bytes(&self) -> (usize, usize) {
        let used = self.memory_permits.saturating_sub(self.memory.available_permits());
        (used * PERMIT_BYTES, self.memory_permits * PERMIT_BYTES)
    }

    fn busy(&self) -> Refusal {
        tracing::warn!(
            waiting = self.queue.len(),
            "as many batches as memory allows are waiting: an agent is told to come back"
        );
        come_back("central is busy", 3)
    }

    /// The wish to slow down, before it becomes an order.
    fn pause_ms(&self) -> u32 {
        let free = self.memory.available_permits() * 100 / self.memory_permits;
        match free {
            50.. => 0,
            25..50 => 250,
            _ => 1_000,
        }
    }

    async fn decode(
        &self,
        frame: &Bytes,
        memory: &mut OwnedSemaphorePermit,
    ) -> Result<(Batch, Vec<ChainHash>), Undecoded> {
        let header = Header::parse(frame).map_err(Undecoded::Wrong)?;
        let more = self.take_memory(header.content_bytes * DECODED_FACTOR).ok_or(Undecoded::NoMemory)?;
        memory.merge(more);
        if header.content_bytes <= DECODE_INLINE_BYTES {
            return decode_now(frame).map_err(Undecoded::Wrong);
        }
        let frame = frame.clone();
        let decoded = tokio::task::spawn_blocking(move || decode_now(&frame)).await;
        decoded.map_err(|_| Undecoded::NoMemory)?.map_err(Undecoded::Wrong)
    }

    async fn not_decodable(&self, identity: &Identity, frame: &Bytes, error: &DecodeError) -> Refusal {
        tracing::warn!(agent = identity.id, %error, bytes = frame.len(), "a batch cannot be decoded; its agent keeps the data");
        let kept = store::keep_rejected(&self.pool, identity.id, &error.to_string(), frame, self.clock.wall()).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "the batch could not be kept for inspection");
        }
        match error {
            DecodeError::Version { .. } => {
                refusal(StatusCode::UPGRADE_REQUIRED, "Protocol version not known", error.to_string())
            }
            DecodeError::TooLarge { .. } => refusal(StatusCode::PAYLOAD_TOO_LARGE, "Too large", error.to_string()),
            _ => refusal(StatusCode::BAD_REQUEST, "Not a batch", error.to_string()),
        }
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Suspect>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process was told to ask again and this request was sent after that: over the connection on which
    /// it was told (a request follows an answer there), or over one that is newer.
    fn has_proven(&self, agent: i32, instance: Instance, peer: &Peer) -> bool {
        self.suspects().get(&agent).is_some_and(|suspect| {
            suspect.instance == instance
                && (peer.connection == suspect.connection || peer.connection > suspect.newest_connection)
        })
    }

    fn suspect(&self, agent: i32, instance: Instance, peer: &Peer) {
        let newest_connection = self.newest_connection.load(Ordering::SeqCst);
        self.suspects().insert(agent, Suspect { instance, connection: peer.connection, newest_connection });
    }

    async fn enrol(&self, peer: &Peer, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Refusal> {
        let wrong = |detail: String| refusal(StatusCode::FORBIDDEN, "Not let in", detail);
        if self.too_many_wrong_codes() {
            let detail = "too many wrong enrolment codes: wait a minute";
            let refusal = refusal(StatusCode::TOO_MANY_REQUESTS, "Too many requests", detail);
            return Err(Refusal { retry_after_s: Some(60), ..refusal });
        }
        let body = read(request.into_body(), ENROLMENT_BYTES_MAX).await?;
        let request: EnrolmentRequest = serde_json::from_slice(&body)
            .map_err(|error| refusal(StatusCode::BAD_REQUEST, "Not an enrolment request", error.to_string()))?;
        let Some(secret) = parse_secret(&request.secret) else {
            self.count_wrong_code();
            return Err(wrong("the secret is not 20 hexadecimal digits".to_owned()));
        };
        let at = DateTime::from_timestamp_micros(self.clock.wall().0).unwrap_or_default();
        let applicant = Applicant { secret, key: peer.key, new_id: uuid::Uuid::new_v4(), at };
        match agents::enrol(&self.pool, &applicant).await {
            Ok(enrolled) => {
                self.counters.enrolment(true);
                tracing::info!(agent = %enrolled.name, plant = %enrolled.plant, host = request.host, version = request.version, key = %peer.key, "an agent was enrolled");
                let body = serde_json::to_vec(&enrolled)
                    .map_err(|e| refusal(StatusCode::INTERNAL_SERVER_ERROR, "No reply", e.to_string()))?;
                let mut response = Response::new(Full::new(Bytes::from(body)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok(response)
            }
            Err(EnrolmentError::Database(error)) => Err(error.into()),
            Err(error) => {
                self.count_wrong_code();
                tracing::warn!(%error, peer = peer.address, "an enrolment was refused");
                Err(wrong(error.to_string()))
            }
        }
    }

    fn wrong_codes(&self) -> std::sync::MutexGuard<'_, (Option<Instant>, u32)> {
        self.wrong_codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_wrong_code(&self) {
        self.counters.enrolment(false);
        let mut wrong = self.wrong_codes();
        wrong.0.get_or_insert_with(Instant::now);
        wrong.1 += 1;
    }

    fn too_many_wrong_codes(&self) -> bool {
        let mut wrong = self.wrong_codes();
        if wrong.0.is_some_and(|since| since.elapsed() > Duration::from_secs(60)) {
            *wrong = (None, 0);
        }
        wrong.1 >= WRONG_CODES_PER_MINUTE
    }
}

enum Undecoded {
    NoMemory,
    Wrong(DecodeError),
}

fn decode_now(frame: &[u8]) -> Result<(Batch, Vec<ChainHash>), DecodeError> {
    let batch: Batch = protocol::codec::decode(frame)?;
    let mut hash = batch.previous;
    let chain = batch.events.iter().map(|event| {
        hash = hash.next(event);
        hash
    });
    let chain = chain.collect();
    Ok((batch, chain))
}

fn disabled() -> Refusal {
    refusal(StatusCode::FORBIDDEN, "Disabled", "this agent was disabled (central agent enable lets it in again)")
}

fn too_large() -> Refusal {
    let detail = format!("a frame has at most {FRAME_BYTES_MAX} bytes");
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail)
}

async fn read(body: Incoming, bytes_max: usize) -> Result<Bytes, Refusal> {
    let collected = timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await;
    let collected =
        collected.map_err(|_| refusal(StatusCode::REQUEST_TIMEOUT, "Too slow", "the body did not arrive in 60 s"))?;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            too_large()
        } else {
            refusal(StatusCode::BAD_REQUEST, "Cut short", error.to_string())
        }
    })
}
