//! The port of the page: bound again and again while it is taken, with a bound number of connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use protocol::batch::Health;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::status::{Subject, endpoint};

/// A browser keeps up to six connections; the next one waits.
const CONNECTIONS_MAX: usize = 128;
/// Requests that run when the agent stops have so long to end.
const STOP: Duration = Duration::from_secs(2);

/// Serves until stopped.
pub(super) async fn serve(listen: SocketAddr, router: Router, status: Subject, stopping: CancellationToken) {
    let tcp = tokio::select! {
        () = stopping.cancelled() => return,
        tcp = endpoint::bind(listen, &status, "the station's page", "[station] listen") => tcp,
    };
    if let Ok(address) = tcp.local_addr() {
        status.set(Health::Good, format!("http://{address}/"));
    }
    let listener = Limited { tcp, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    let stopped = stopping.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned());
    tokio::select! {
        ended = async { serving.await } => {
            if let Err(error) = ended {
                status.set(Health::Down, format!("the station's page ended: {error}"));
            }
        }
        () = async { stopped.cancelled().await; tokio::time::sleep(STOP).await } => {}
    }
}

struct Limited {
    tcp: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.tcp).await;
        // Entries are small and answered at once.
        let _ = stream.set_nodelay(true);
        (Placed { stream, _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection and its place.
struct Placed {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
