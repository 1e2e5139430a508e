//! Modbus TCP devices whose registers change with every second, and which count how often they are asked.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_modbus::prelude::{ExceptionCode, Request, Response};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};

/// What a device that works makes, all at once, as its second ends.
pub(super) const PIECES_PER_SECOND: u64 = 1_000;

/// One device. Dropping it switches it off.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) address: SocketAddr,
    polls: Arc<AtomicU64>,
    counter: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

struct Registers {
    polls: Arc<AtomicU64>,
    counter: Arc<AtomicU64>,
    /// None for a device that stands still.
    since: Option<Instant>,
}

impl Service for Registers {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Request<'static>) -> Self::Future {
        let Request::ReadHoldingRegisters(address, count) = request else {
            return ready(Err(ExceptionCode::IllegalFunction));
        };
        self.polls.fetch_add(1, Ordering::Relaxed);
        let second = self.since.map_or(0, |since| since.elapsed().as_secs());
        // Registers 0 and 1 are the counter, high word first; it grows with time and by hand.
        let counter = PIECES_PER_SECOND * second + self.counter.load(Ordering::Relaxed);
        let value = |register: u16| match register {
            0 => (counter >> 16) as u16,
            1 => counter as u16,
            other => ((second + 1) * (u64::from(other) + 7) % 10_007) as u16,
        };
        ready(Ok(Response::ReadHoldingRegisters((address..address.saturating_add(count)).map(value).collect())))
    }
}

impl Device {
    /// A device that works.
    pub(super) async fn start() -> anyhow::Result<Device> {
        Device::serve(Some(Instant::now())).await
    }

    /// A device that changes only by hand.
    pub(super) async fn still() -> anyhow::Result<Device> {
        Device::serve(None).await
    }

    async fn serve(since: Option<Instant>) -> anyhow::Result<Device> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (polls, counter) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (counts, moves) = (polls.clone(), counter.clone());
        let task = tokio::spawn(async move {
            let connected = |stream, peer: SocketAddr| {
                let registers = || Registers { polls: counts.clone(), counter: moves.clone(), since };
                let accepted = accept_tcp_connection(stream, peer, |_| Ok(Some(registers())));
                async move { accepted }
            };
            let _ = Server::new(listener).serve(&connected, |_| {}).await;
        });
        Ok(Device { address, polls, counter, task })
    }

    pub(super) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// A piece is made.
    pub(super) fn count_one(&self) {
        self.counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A device that takes connections and never answers. Dropping it ends them.
#[derive(Debug)]
pub(super) struct SilentDevice {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl SilentDevice {
    pub(super) async fn start() -> anyhow::Result<SilentDevice> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                kept.push(stream);
            }
        });
        Ok(SilentDevice { address, task })
    }
}

impl Drop for SilentDevice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sections that let an agent read a device: a counter and `values` further registers.
pub(super) fn sections(name: &str, address: SocketAddr, interval_ms: u32, values: u16) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "\n[[machine]]\nname = \"{name}\"\n\n[machine.signal.count]\nrole = \"counter\"\nrollover = 4294967296\n"
    );
    for value in 0..values {
        let _ = write!(text, "\n[machine.signal.value-{value}]\nrole = \"measurement\"\n");
    }
    let _ = write!(
        text,
        "\n[[modbus]]\nname = \"{name}-plc\"\ntransport = \"tcp\"\naddress = \"{address}\"\ninterval_ms = {interval_ms}\n\n\
         [[modbus.device]]\nname = \"{name}\"\nmachine = \"{name}\"\nkind = \"holding\"\ntype = \"u16\"\n\n\
         [[modbus.device.register]]\nsignal = \"count\"\naddress = 0\ntype = \"u32\"\n"
    );
    for value in 0..values {
        let _ = write!(text, "\n[[modbus.device.register]]\nsignal = \"value-{value}\"\naddress = {}\n", value + 2);
    }
    text
}
