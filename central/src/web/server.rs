//! Connections of the web port: bounded in number, in the time a handshake and a request's head may take, in the time an
//! answer may take, and in the time that the other side may take nothing of it. When the process stops, idle connections
//! close and running requests are answered; who takes nothing is not waited for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::stall::{Stall, Watched};
use super::tls::Certificates;

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A browser that takes nothing of what it is sent for so long is gone, whatever its computer still answers.
const STALLED_FOR: Duration = Duration::from_secs(60);
const STALLED_FOR_WHEN_STOPPING: Duration = Duration::from_secs(3);
/// After a failed `accept`, as when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Whom a request came from: an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections at one time; an open dashboard holds one.
    pub connections_max: usize,
    /// None: without TLS.
    pub tls: Option<Certificates>,
}

pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let connections = TaskTracker::new();
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place?,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (tls, stop) = (settings.tls.clone(), stop.clone());
                let (router, peer) = (router.clone(), PeerAddress(peer.ip()));
                connections.spawn(async move {
                    open(stream, tls, (router, peer), stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the web port cannot take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

async fn open(stream: TcpStream, tls: Option<Certificates>, answers: (Router, PeerAddress), stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return connection(stream, answers, stop).await };
    let handshake = tokio::select! {
        handshake = tokio::time::timeout(HANDSHAKE_WITHIN, tls.acceptor().accept(stream)) => handshake,
        () = stop.cancelled() => return,
    };
    match handshake {
        Ok(Ok(stream)) => connection(stream, answers, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake on the web port failed"),
        Err(_) => tracing::debug!("a TLS handshake on the web port took too long"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    (router, peer): (Router, PeerAddress),
    stop: CancellationToken,
) {
    // Around the router that all connections share: a layer on it would copy every route for each of them.
    let router = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES_MAX);
    let stall = Arc::new(Stall::default());
    let stream = TokioIo::new(Watched::new(stream, stall.clone()));
    let serving = http.serve_connection(stream, TowerToHyperService::new(router));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = stall.lasts(STALLED_FOR) => None,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving => Some(ended),
                () = stall.lasts(STALLED_FOR_WHEN_STOPPING) => None,
            }
        }
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "a web connection ended badly"),
        None => tracing::debug!("a web connection took nothing of its answer for too long"),
    }
}
