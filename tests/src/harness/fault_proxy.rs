//! The wire between two programs, with faults on demand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the wire does. A change acts on open connections at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Connections end, and new ones end as soon as they are made.
    Cut,
    /// Connections stay open and nothing passes, in either direction.
    HalfOpen,
    /// Every piece of data waits so long.
    Delay(Duration),
    /// At most so many bytes a second, each way.
    Throttle(u64),
    /// Requests pass. A connection ends before the first byte of any answer that follows at least `request_bytes` of
    /// request passes: the server has done it, the client does not know.
    CutBeforeAnswer {
        request_bytes: u64,
    },
}

#[derive(Debug)]
pub struct FaultProxy {
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
    target: watch::Sender<SocketAddr>,
    /// Counts the times that all connections were ended.
    cuts: watch::Sender<u64>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    answers_cut: AtomicU64,
}

impl FaultProxy {
    /// Listens on a free port and passes everything on to `target`.
    pub async fn start(target: SocketAddr) -> anyhow::Result<FaultProxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let fault = watch::Sender::new(Fault::None);
        let target = watch::Sender::new(target);
        let cuts = watch::Sender::new(0);
        let counters = Arc::<Counters>::default();
        let (heard, cut, counted) = (fault.subscribe(), cuts.subscribe(), counters.clone());
        let aimed = target.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                let target = *aimed.borrow();
                tokio::spawn(connection(client, target, heard.clone(), cut.clone(), counted.clone()));
            }
        });
        Ok(FaultProxy { address, fault, target, cuts, counters, task })
    }

    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
        if fault == Fault::Cut {
            self.cut_once();
        }
    }

    /// Ends every open connection and passes new ones on to `target`.
    pub fn aim(&self, target: SocketAddr) {
        self.target.send_replace(target);
        self.cut_once();
    }

    /// Ends every open connection; new ones are as before.
    pub fn cut_once(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections that were ever made to it.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::Relaxed)
    }

    /// Answers that [`Fault::CutBeforeAnswer`] held back.
    #[must_use]
    pub fn answers_cut(&self) -> u64 {
        self.counters.answers_cut.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Connections end with the sender of faults.
        self.task.abort();
    }
}

async fn connection(
    client: TcpStream,
    target: SocketAddr,
    fault: watch::Receiver<Fault>,
    mut cuts: watch::Receiver<u64>,
    counters: Arc<Counters>,
) {
    cuts.mark_unchanged();
    if *fault.borrow() == Fault::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requested = AtomicU64::new(0);
    let (ask, answer) = (fault.clone(), fault);
    tokio::select! {
        () = pass(&mut from_client, &mut to_server, ask, |bytes| {
            requested.fetch_add(bytes, Ordering::Relaxed);
            true
        }) => {}
        () = pass(&mut from_server, &mut to_client, answer.clone(), |_| {
            let passed = requested.swap(0, Ordering::Relaxed);
            match *answer.borrow() {
                Fault::CutBeforeAnswer { request_bytes } if passed >= request_bytes => {
                    counters.answers_cut.fetch_add(1, Ordering::Relaxed);
                    false
                }
                _ => true,
            }
        }) => {}
        // Also when the proxy is gone.
        _ = cuts.changed() => {}
    }
}

async fn pass(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    mut allowed: impl FnMut(u64) -> bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        while *fault.borrow_and_update() == Fault::HalfOpen {
            if fault.changed().await.is_err() {
                return;
            }
        }
        let limit = match *fault.borrow() {
            Fault::Throttle(bytes_per_second) => {
                (usize::try_from(bytes_per_second).unwrap_or(1) / 20).clamp(1, 16 * 1024)
            }
            _ => buffer.len(),
        };
        let read = tokio::select! {
            read = from.read(&mut buffer[..limit]) => read,
            changed = fault.changed() => if changed.is_ok() { continue } else { return },
        };
        let Ok(read @ 1..) = read else { return };
        let fault_now = *fault.borrow();
        match fault_now {
            Fault::Delay(pause) => tokio::time::sleep(pause).await,
            Fault::Throttle(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            Fault::HalfOpen => {
                // What was read as the wire went dead stays on it until it lives again.
                while *fault.borrow_and_update() == Fault::HalfOpen {
                    if fault.changed().await.is_err() {
                        return;
                    }
                }
            }
            Fault::None | Fault::Cut | Fault::CutBeforeAnswer { .. } => {}
        }
        if !allowed(read as u64) || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn answer_to(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(request).await?;
        let mut answer = vec![0; request.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_wire_without_fault_passes_everything() {
        let proxy = FaultProxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(answer_to(&mut stream, b"hello").await.unwrap(), b"hello");
        proxy.set(Fault::Throttle(1_000));
        assert_eq!(answer_to(&mut stream, &[7; 200]).await.unwrap(), [7; 200]);
    }

    #[tokio::test]
    async fn a_cut_ends_what_is_open_and_what_is_new_until_it_is_over() {
        let proxy = FaultProxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        answer_to(&mut stream, b"hello").await.unwrap();
        proxy.set(Fault::Cut);
        assert!(answer_to(&mut stream, b"hello").await.is_err());
        let mut second = TcpStream::connect(proxy.address).await.unwrap();
        assert!(answer_to(&mut second, b"hello").await.is_err());
        proxy.set(Fault::None);
        let mut third = TcpStream::connect(proxy.address).await.unwrap();
        answer_to(&mut third, b"hello").await.unwrap();
        proxy.cut_once();
        assert!(answer_to(&mut third, b"hello").await.is_err());
    }

    #[tokio::test]
    async fn an_answer_is_cut_after_its_request_has_passed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap()).await.unwrap();
        proxy.set(Fault::CutBeforeAnswer { request_bytes: 5 });
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut request = [0; 5];
        server.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, b"hello");
        server.write_all(b"world").await.unwrap();
        assert!(client.read_exact(&mut request).await.is_err());
        assert_eq!(proxy.answers_cut(), 1);
    }

    #[tokio::test]
    async fn a_half_open_wire_passes_what_it_held_when_it_lives_again() {
        let proxy = FaultProxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        answer_to(&mut stream, b"hello").await.unwrap();
        proxy.set(Fault::HalfOpen);
        stream.write_all(b"later").await.unwrap();
        let mut answer = [0; 5];
        let early = tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut answer)).await;
        assert!(early.is_err());
        proxy.set(Fault::None);
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"later");
    }
}
