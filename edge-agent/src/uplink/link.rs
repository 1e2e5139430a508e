//! The connection to central: HTTP/1.1 over TLS 1.3, one request at a time, every wait with an end.
//!
//! Central is known by its key, whatever name, date or authority its certificate shows. A request that was not answered
//! in time closes the connection, so that a late answer is never taken for the next one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use process::key::{KeyAndCertificate, provider};
use protocol::enrolment::{EnrolmentCode, KeyFingerprint};
use protocol::limits::FRAME_BYTES_MAX;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// Probes of a silent connection, so that a router in between keeps it, and its loss is noticed between requests.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no address: expected host:port, such as central.example:7443 or [2001:db8::1]:7443")]
pub struct InvalidAddress {
    found: String,
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, InvalidAddress> {
        let invalid = || InvalidAddress { found: text.chars().take(200).collect() };
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bracketed {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            None if !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) => host,
            _ => return Err(invalid()),
        };
        Ok(Address { host: host.to_owned(), port })
    }

    /// What the handshake announces, for proxies that route by it; the certificate is not judged by it.
    fn server_name(&self) -> ServerName<'static> {
        let fallback = || ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        ServerName::try_from(self.host.clone()).unwrap_or_else(|_| fallback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whose key a server must show.
#[derive(Debug, Clone)]
pub enum Expected {
    Key(KeyFingerprint),
    /// During an enrolment, when only the code is known.
    NamedBy(EnrolmentCode),
}

impl Expected {
    fn accepts(&self, found: &KeyFingerprint) -> bool {
        match self {
            Expected::Key(key) => key == found,
            Expected::NamedBy(code) => code.names(found),
        }
    }
}

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Name look-up, connection and handshake together.
    pub connect: Duration,
    /// From the first byte of a request to the last of its answer.
    pub response: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("cannot connect to {address}: {source}")]
    Connect { address: Address, source: std::io::Error },
    #[error("{address} accepted no connection within {} ms", .within.as_millis())]
    ConnectTimeout { address: Address, within: Duration },
    #[error(
        "{address} shows the key {found}, which is not central's: either another server answers there, or central's \
         key was replaced and this agent must be enrolled again"
    )]
    WrongKey { address: Address, found: KeyFingerprint },
    #[error("no secure connection to {address}: {source}")]
    Tls { address: Address, source: std::io::Error },
    #[error("{address} did not answer within {} ms", .within.as_millis())]
    ResponseTimeout { address: Address, within: Duration },
    #[error("the connection to {address} ended before the answer was complete: {source}")]
    Cut { address: Address, source: Box<dyn std::error::Error + Send + Sync> },
}

/// What central answered, whatever it means.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// One peer, and the connection to it while there is one.
pub struct Link {
    address: Address,
    deadlines: Deadlines,
    tls: TlsConnector,
    /// The key the server showed last.
    shown: Arc<Mutex<Option<KeyFingerprint>>>,
    connection: Option<Connection>,
}

struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    pub fn new(
        address: Address,
        own: &KeyAndCertificate,
        expected: Expected,
        deadlines: Deadlines,
    ) -> Result<Link, rustls::Error> {
        let shown = Arc::default();
        let provider = provider();
        let verifier = PinnedKey { expected, shown: Arc::clone(&shown), provider: Arc::clone(&provider) };
        let mut configuration = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key())?;
        // Every connection proves both keys anew; there is one at a time, so nothing is gained by remembering sessions.
        configuration.resumption = Resumption::disabled();
        let tls = TlsConnector::from(Arc::new(configuration));
        Ok(Link { address, deadlines, tls, shown, connection: None })
    }

    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The key that the server has shown; it was accepted if there was an answer.
    #[must_use]
    pub fn shown_key(&self) -> Option<KeyFingerprint> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.requests.is_closed())
    }

    /// Connects where there is no connection. Done before a batch is put together, so that what it says of the present
    /// is not as old as the handshake.
    pub async fn connect(&mut self) -> Result<(), LinkError> {
        if self.is_connected() {
            return Ok(());
        }
        self.connection = None;
        let within = self.deadlines.connect;
        let connection = match tokio::time::timeout(within, self.open()).await {
            Ok(opened) => opened?,
            Err(_) => return Err(LinkError::ConnectTimeout { address: self.address.clone(), within }),
        };
        self.connection = Some(connection);
        Ok(())
    }

    #[must_use]
    pub fn response_deadline(&self) -> Duration {
        self.deadlines.response
    }

    /// Sends one request and waits for all of its answer.
    pub async fn post(&mut self, path: &str, content_type: &'static str, body: Bytes) -> Result<Answer, LinkError> {
        self.post_within(self.deadlines.response, path, content_type, body).await
    }

    /// The same, with a deadline of its own.
    pub async fn post_within(
        &mut self,
        within: Duration,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Answer, LinkError> {
        let within = within.min(self.deadlines.response);
        self.connect().await?;
        let Some(mut connection) = self.connection.take() else {
            return Err(self.cut("the connection is gone"));
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(USER_AGENT, concat!("edge-agent/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, body.len())
            .body(Full::new(body))
            .map_err(|error| self.cut(error))?;
        let answer = match tokio::time::timeout(within, exchange(&mut connection.requests, request)).await {
            Ok(answered) => answered.map_err(|error| self.cut(error))?,
            Err(_) => return Err(LinkError::ResponseTimeout { address: self.address.clone(), within }),
        };
        // Kept only after a whole answer: whatever else happened, the next request gets a connection of its own.
        self.connection = Some(connection);
        Ok(answer)
    }

    fn cut(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LinkError {
        LinkError::Cut { address: self.address.clone(), source: source.into() }
    }

    async fn open(&self) -> Result<Connection, LinkError> {
        let refused = |source| LinkError::Connect { address: self.address.clone(), source };
        let tcp = TcpStream::connect((self.address.host.as_str(), self.address.port)).await.map_err(refused)?;
        tcp.set_nodelay(true).map_err(refused)?;
        keep_alive(&tcp).map_err(refused)?;
        let tls = self.tls.connect(self.address.server_name(), tcp).await.map_err(|source| self.not_secure(source))?;
        let (requests, connection) = handshake(TokioIo::new(tls)).await.map_err(|error| self.cut(error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to central ended");
            }
        });
        Ok(Connection { requests, driver })
    }

    fn not_secure(&self, source: std::io::Error) -> LinkError {
        let wrong_key = source
            .get_ref()
            .and_then(|error| error.downcast_ref::<rustls::Error>())
            .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(_))));
        match self.shown_key() {
            Some(found) if wrong_key => LinkError::WrongKey { address: self.address.clone(), found },
            _ => LinkError::Tls { address: self.address.clone(), source },
        }
    }
}

async fn exchange(
    requests: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    requests.ready().await?;
    let (head, body) = requests.send_request(request).await?.into_parts();
    let body = Limited::new(body, FRAME_BYTES_MAX).collect().await?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

fn keep_alive(tcp: &TcpStream) -> std::io::Result<()> {
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    socket2::SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

/// Accepts one key, and nothing else of a certificate.
#[derive(Debug)]
struct PinnedKey {
    expected: Expected,
    shown: Arc<Mutex<Option<KeyFingerprint>>>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug, thiserror::Error)]
#[error("the server's key is not central's")]
struct NotCentral;

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = process::key::fingerprint(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        if self.expected.accepts(&found) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(NotCentral))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        for good in ["central:7443", "central.plant_1.example:1", "192.0.2.1:65535", "[2001:db8::1]:7443"] {
            assert_eq!(Address::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "central", "central:0", "central:65536", ":7443", "2001:db8::1:7443", "a b:1", "https://c:1"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
