//! The agents' port: TLS 1.3, HTTP/1.1, one key at each end.
//!
//! A client must present a certificate; any self-signed one will do, since it only carries a key. The handshake proves
//! that the client holds it. Whether the key is let in is asked of the database on every request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use process::clock::Clock;
use process::key::{KeyAndCertificate, fingerprint, provider};
use protocol::enrolment::KeyFingerprint;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use sqlx::PgPool;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agents::store as agents;
use crate::sync::Settings;
use crate::sync::group::Committer;
use crate::sync::metrics::{Counters, Metrics};
use crate::sync::queue::Queue;
use crate::sync::request::{Peer, Requests};
use crate::web::metrics::Exposes;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A known agent may be silent for so long between two requests; a head that trickles in has no longer either.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
const STRANGER_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections of keys that are not enrolled, at one time.
const STRANGERS_MAX: usize = 64;
/// Heads of requests are a few lines.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Requests in progress have so long once the process stops.
const GRACE: Duration = Duration::from_secs(10);

/// The agents' port, bound but not served yet.
pub struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
    key: KeyFingerprint,
    queue: Arc<Queue>,
    requests: Arc<Requests>,
    committer: Arc<Committer>,
    settings: Settings,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads central's key (or makes it) and binds the port.
    pub async fn bind(pool: PgPool, clock: Arc<dyn Clock>, settings: Settings) -> anyhow::Result<Server> {
        let key = KeyAndCertificate::read_or_make(&settings.key_file, "central")?;
        let tls = TlsAcceptor::from(Arc::new(tls_configuration(&key)?));
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen for agents on {}", settings.listen))?;
        let queue = Arc::new(Queue::default());
        let committer = Arc::new(Committer::new(pool.clone(), clock.clone(), settings.future_tolerance));
        let counters = committer.counters.clone();
        let requests = Requests::new(pool, clock, queue.clone(), counters, settings.batch_bytes_max);
        Ok(Server { listener, tls, key: key.fingerprint, queue, requests: Arc::new(requests), committer, settings })
    }

    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What enrolment codes name and agents pin.
    #[must_use]
    pub fn key(&self) -> KeyFingerprint {
        self.key
    }

    /// What `central` rings NOTIFY for.
    #[must_use]
    pub fn committer(&self) -> Arc<Committer> {
        self.committer.clone()
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> Arc<dyn Exposes> {
        Arc::new(Metrics {
            counters: self.committer.counters.clone(),
            requests: self.requests.clone(),
            connections_max: self.settings.connections_max,
        })
    }

    /// Serves agents until the process stops; what was taken in by then is committed and answered.
    pub async fn run(self, stopping: CancellationToken) -> anyhow::Result<()> {
        let workers_stop = CancellationToken::new();
        let workers = TaskTracker::new();
        for _ in 0..self.settings.groups_at_once {
            let (queue, committer, stop) = (self.queue.clone(), self.committer.clone(), workers_stop.clone());
            workers.spawn(async move { queue.work(&committer, stop).await });
        }
        workers.close();
        let connections = TaskTracker::new();
        let free = Arc::new(Semaphore::new(self.settings.connections_max));
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            let place = tokio::select! {
                place = free.clone().acquire_owned() => place?,
                () = stopping.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone at once.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let connection = Connection {
                tls: self.tls.clone(),
                requests: self.requests.clone(),
                counters: self.committer.counters.clone(),
                strangers: strangers.clone(),
                stopping: stopping.clone(),
            };
            connections.spawn(async move {
                if let Err(error) = connection.serve(stream, address).await {
                    tracing::debug!(%address, error = format!("{error:#}"), "a connection ended");
                }
                drop(place);
            });
        }
        connections.close();
        if timeout(GRACE, connections.wait()).await.is_err() {
            tracing::warn!(left = connections.len(), "agents' connections did not end in time");
        }
        workers_stop.cancel();
        workers.wait().await;
        Ok(())
    }
}

struct Connection {
    tls: TlsAcceptor,
    requests: Arc<Requests>,
    counters: Arc<Counters>,
    strangers: Arc<Semaphore>,
    stopping: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream, address: SocketAddr) -> anyhow::Result<()> {
        let _open = self.counters.connection();
        stream.set_nodelay(true)?;
        let stream =
            timeout(HANDSHAKE_TIMEOUT, self.tls.accept(stream)).await.context("the handshake took too long")??;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let key = fingerprint(certificate.context("no certificate")?)?;
        let peer = Peer { key, address: address.ip().to_string(), connection: self.requests.connected() };
        // Whoever is not enrolled gets little: a few connections together, and not for long.
        let known = matches!(agents::by_key(&self.requests.pool, key).await, Ok(Some(_)));
        let _place = match known {
            true => None,
            false => Some(self.strangers.try_acquire().context("too many connections of keys that are not enrolled")?),
        };
        let service = service_fn(|request| {
            let (requests, peer) = (self.requests.clone(), peer.clone());
            async move { Ok::<_, std::convert::Infallible>(requests.answer(&peer, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(if known { IDLE_TIMEOUT } else { STRANGER_TIMEOUT })
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = self.stopping.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        Ok(connection.await?)
    }
}

fn tls_configuration(key: &KeyAndCertificate) -> anyhow::Result<ServerConfig> {
    let verifier = Arc::new(AnyKey { provider: provider() });
    let mut configuration = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![key.certificate.clone()], key.key.clone_key())?;
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets would keep a client's certificate in memory; connections are long, handshakes are rare.
    configuration.send_tls13_tickets = 0;
    Ok(configuration)
}

/// Takes every certificate whose key the client proves to hold. Who it is, is decided by the key alone.
#[derive(Debug)]
struct AnyKey {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        fingerprint(end_entity).map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
