//! The port of the page: bound again and again while it is taken, with a bound number of connections.

use std::future::Future as _;
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
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use crate::status::{Subject, endpoint};

/// A browser keeps up to six connections; the next one waits.
const CONNECTIONS_MAX: usize = 128;
/// A browser that lost its power or its network says nothing, and would keep its places for ever: a connection on which
/// nothing goes either way for so long is closed. An open page hears something every 5 s.
const IDLE: Duration = Duration::from_secs(60);
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
    let listener = Limited { tcp, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)), idle: IDLE };
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
    idle: Duration,
}

impl Listener for Limited {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.tcp).await;
        // Entries are small and answered at once.
        let _ = stream.set_nodelay(true);
        (Placed { stream, idle: Idle::after(self.idle), _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection and its place.
struct Placed {
    stream: TcpStream,
    idle: Idle,
    _place: Option<OwnedSemaphorePermit>,
}

/// Ends a connection on which nothing happens.
struct Idle {
    after: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    fn after(after: Duration) -> Idle {
        Idle { after, timer: Box::pin(tokio::time::sleep(after)) }
    }

    /// What came of an attempt to read or write; an error where none has come of any for too long.
    fn watch<T>(&mut self, attempt: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.timer.as_mut().reset(Instant::now() + self.after);
            return attempt;
        }
        self.timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.idle.watch(attempt, context)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.idle.watch(attempt, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_browser_that_went_without_a_word_gives_its_place_back_and_one_that_listens_keeps_it() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let ticks = async || {
            let (page, stream) = tokio::sync::mpsc::channel(1);
            tokio::spawn(async move {
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    let _ = page.send(Bytes::from_static(b"tick ")).await;
                }
            });
            Body::new(crate::station::live::Stream(stream))
        };
        let router = Router::new().route("/", get(async || "hello")).route("/live", get(ticks));
        let listener = Limited { tcp, places: Arc::new(Semaphore::new(2)), idle: Duration::from_secs(4) };
        let serving = tokio::spawn(async { axum::serve(listener, router).await });

        let ask = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
            answer
        };
        // As a browser does: it asks for something, and keeps the connection for later.
        let mut gone = TcpStream::connect(address).await.unwrap();
        gone.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let silent = TcpStream::connect(address).await.unwrap();
        assert!(ask("/").await.ends_with("hello"), "both places were taken");
        assert_eq!(ask("/live").await.matches("tick").count(), 10, "whoever is told something stays");
        drop((gone, silent));
        serving.abort();
    }
}
