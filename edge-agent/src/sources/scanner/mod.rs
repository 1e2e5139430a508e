//! Barcode scanners: serial, TCP in either direction, and keyboards on Linux.
//!
//! Bytes → [`frame`] → [`decode`] (with [`gs1`]) → [`crate::station`], where it does what it would do scanned on the page → a
//! `Scan` event, with its raw bytes, unless it is a badge. Without a station, or where the scanner is not for operators, it
//! is stored as it is. The scanner is told "stored" only after the commit.
//!
//! An unplugged scanner is looked for again with growing pauses; a device that comes back is grabbed anew.

use std::io;
use std::pin::pin;
use std::time::Duration;

use process::backoff::Backoff;
use process::clock::Moment;
use protocol::batch::{Health, OriginKind};
use protocol::event::{EventKind, Scan};
use protocol::id::Name;
use protocol::time::Monotonic;
use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_serial::SerialPortBuilderExt as _;

use self::configuration::{Connection, Parity, ScannerSection};
use self::frame::{Frame, Framer};
use super::SourceContext;
use crate::capture::Stopping;
use crate::reading::{Item, Occurrence, OriginName};
use crate::station::{Gone, Read, ScanSender};

pub mod configuration;
pub mod decode;
pub mod frame;
pub mod gs1;
pub mod keyboard;

#[cfg(target_os = "linux")]
mod evdev;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A TCP scanner that lost power says nothing: the system asks after this time, and gives up after three more.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A station that takes no more scans mostly means that the agent stops.
const GONE: Duration = Duration::from_secs(2);

/// Where scans go.
#[derive(Debug, Clone)]
pub struct Destination {
    /// What scans belong to where the section names no machine.
    pub station: Name,
    /// The station's desk, where there is one.
    pub desk: Option<ScanSender>,
}

/// Reads one scanner until the agent stops. A code that was read is stored first: nobody scans it again.
pub async fn run(section: ScannerSection, to: Destination, context: SourceContext) -> anyhow::Result<()> {
    let in_hand = Mutex::new(());
    let mut reading = pin!(read_for_ever(&section, &to, &context, &in_hand));
    tokio::select! {
        () = context.stopping.cancelled() => {}
        stopped = &mut reading => {
            let _: Result<(), Stopping> = stopped;
            return Ok(());
        }
    }
    tokio::select! {
        _ = &mut reading => {}
        _ = in_hand.lock() => {}
    }
    Ok(())
}

/// `in_hand` is held while a code is.
async fn read_for_ever(
    section: &ScannerSection,
    to: &Destination,
    context: &SourceContext,
    in_hand: &Mutex<()>,
) -> Result<(), Stopping> {
    let mut reader = Reader::new(section, to, context, in_hand);
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    let mut random = rand::make_rng::<rand::rngs::SmallRng>();
    let mut listener = None;
    loop {
        match session(section, &mut reader, &mut listener, &mut backoff).await {
            Ok(()) => context.status.set(Health::Down, "the scanner ended the connection"),
            Err(Ended::Stopping) => return Err(Stopping),
            Err(Ended::Io(doing, error)) => context.status.set(Health::Down, format!("{doing}: {error}")),
        }
        context.status.count("reconnects", 1);
        tokio::time::sleep(backoff.failed(random.random())).await;
    }
}

enum Ended {
    Stopping,
    Io(String, io::Error),
}

impl From<Stopping> for Ended {
    fn from(_: Stopping) -> Ended {
        Ended::Stopping
    }
}

/// One connection, until it ends.
async fn session(
    section: &ScannerSection,
    reader: &mut Reader<'_>,
    listener: &mut Option<TcpListener>,
    backoff: &mut Backoff,
) -> Result<(), Ended> {
    let failed = |doing: String| move |error: io::Error| Ended::Io(doing, error);
    match &section.connection {
        Connection::Serial { port, baud, parity, data_bits, stop_bits } => {
            let stream = open_serial(port, *baud, *parity, *data_bits, *stop_bits)
                .map_err(failed(format!("cannot open serial port {port}")))?;
            reader.connected(backoff, &format!("reading {port}"));
            reader.read(stream).await
        }
        Connection::TcpConnect { address } => {
            let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(failed(format!("cannot connect to {address}")))?;
            keep_alive(&stream).map_err(failed(format!("cannot set keepalive to {address}")))?;
            reader.connected(backoff, &format!("connected to {address}"));
            reader.read(stream).await
        }
        Connection::TcpListen { listen } => {
            if listener.is_none() {
                *listener =
                    Some(TcpListener::bind(listen).await.map_err(failed(format!("cannot listen on {listen}")))?);
            }
            let Some(listening) = listener else { return Ok(()) };
            reader.context.status.set(Health::Degraded, format!("waiting for the scanner to connect to {listen}"));
            let (stream, peer) = listening.accept().await.map_err(failed(format!("cannot accept on {listen}")))?;
            keep_alive(&stream).map_err(failed(format!("cannot set keepalive to {peer}")))?;
            reader.connected(backoff, &format!("{peer} is connected"));
            reader.read(stream).await
        }
        #[cfg(target_os = "linux")]
        Connection::Evdev { device, layout } => {
            let keys = evdev::Keys::grab(device).map_err(failed(format!("cannot take {}", device.display())))?;
            reader.connected(backoff, &format!("reading {}", device.display()));
            reader.read_keys(keys, *layout).await
        }
        #[cfg(not(target_os = "linux"))]
        Connection::Evdev { .. } => Err(Ended::Io(
            "keyboard scanners are read on Linux only: use serial mode".into(),
            io::ErrorKind::Unsupported.into(),
        )),
    }
}

fn open_serial(
    port: &str,
    baud: u32,
    parity: Parity,
    data_bits: u8,
    stop_bits: u8,
) -> io::Result<tokio_serial::SerialStream> {
    let parity = match parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let data_bits = if data_bits == 7 { tokio_serial::DataBits::Seven } else { tokio_serial::DataBits::Eight };
    let stop_bits = if stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One };
    let builder = tokio_serial::new(port, baud).parity(parity).data_bits(data_bits).stop_bits(stop_bits);
    Ok(builder.open_native_async()?)
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(Duration::from_secs(5));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// What stays the same over a scanner's connections.
struct Reader<'r> {
    section: &'r ScannerSection,
    context: &'r SourceContext,
    origin: OriginName,
    desk: Option<&'r ScanSender>,
    last: Option<(Vec<u8>, Monotonic)>,
    in_hand: &'r Mutex<()>,
}

impl<'r> Reader<'r> {
    fn new(
        section: &'r ScannerSection,
        to: &'r Destination,
        context: &'r SourceContext,
        in_hand: &'r Mutex<()>,
    ) -> Reader<'r> {
        let origin = match &section.machine {
            Some(machine) => OriginName::machine(machine.clone()),
            None => OriginName { kind: OriginKind::Station, name: to.station.clone() },
        };
        let desk = to.desk.as_ref().filter(|_| section.for_operators);
        Reader { section, context, origin, desk, last: None, in_hand }
    }

    fn connected(&self, backoff: &mut Backoff, how: &str) {
        backoff.succeeded();
        self.context.status.set(Health::Good, how);
    }

    fn framer(&self) -> Framer {
        Framer::new(self.section.prefix.as_bytes(), self.section.suffix.as_bytes())
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.section.silence_ms)
    }

    async fn read(&mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Ended> {
        let mut framer = self.framer();
        let mut bytes = [0; 512];
        loop {
            let reading = stream.read(&mut bytes);
            let frames = if framer.is_empty() {
                match reading.await {
                    Ok(0) => return Ok(()),
                    read => framer.push(&bytes[..read.map_err(|error| Ended::Io("cannot read".into(), error))?]),
                }
            } else {
                match timeout(self.silence(), reading).await {
                    Err(_) => framer.silence().into_iter().collect(),
                    Ok(Ok(0)) => return self.store_all(framer.silence()).await,
                    Ok(read) => framer.push(&bytes[..read.map_err(|error| Ended::Io("cannot read".into(), error))?]),
                }
            };
            let _in_hand = self.in_hand.lock().await;
            for frame in frames {
                if self.store(frame).await?
                    && let Some(reply) = &self.section.stored_reply
                {
                    let written = stream.write_all(reply.as_bytes()).await;
                    written.map_err(|error| Ended::Io("cannot reply".into(), error))?;
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    async fn read_keys(&mut self, mut keys: evdev::Keys, layout: configuration::Layout) -> Result<(), Ended> {
        let mut framer = self.framer();
        let mut keyboard = keyboard::Keyboard::new(layout);
        loop {
            let next = if framer.is_empty() {
                Some(keys.next().await)
            } else {
                timeout(self.silence(), keys.next()).await.ok()
            };
            let frames = match next {
                None => framer.silence().into_iter().collect(),
                Some(key) => {
                    let (key, down) = key.map_err(|error| Ended::Io("cannot read keys".into(), error))?;
                    let typed = keyboard.key(key, down);
                    typed.map_or_else(Vec::new, |character| framer.push(character.encode_utf8(&mut [0; 4]).as_bytes()))
                }
            };
            self.store_all(frames).await?;
        }
    }

    async fn store_all(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Ended> {
        let _in_hand = self.in_hand.lock().await;
        for frame in frames {
            self.store(frame).await?;
        }
        Ok(())
    }

    /// True once the code is durable, or was already.
    async fn store(&mut self, frame: Frame) -> Result<bool, Stopping> {
        let Frame::Code(raw) = frame else {
            self.context.status.count("overlong_codes", 1);
            tracing::warn!(
                scanner = self.context.status.name(),
                "more bytes without an end than any code holds: wrong suffix?"
            );
            return Ok(false);
        };
        let taken = self.context.clock.now();
        if self.is_reread(&raw, taken.monotonic) {
            self.context.status.count("rereads", 1);
            return Ok(true);
        }
        let section = self.section;
        let scan = decode::scan(&section.name, &raw, section.gs1, section.group_separator.as_deref());
        self.context.status.count("scans", 1);
        self.context.status.count("gs1_problems", u64::from(scan.problem.is_some()));
        match self.desk {
            Some(desk) => self.hand_over(desk, scan, taken).await?,
            None => self.store_as_it_is(scan, taken).await?,
        }
        self.last = Some((raw, taken.monotonic));
        Ok(true)
    }

    async fn hand_over(&self, desk: &ScanSender, scan: Scan, taken: Moment) -> Result<(), Stopping> {
        let read = Read { scan: scan.clone(), machine: self.section.machine.clone(), taken };
        let Err(Gone) = desk.take(read).await else { return Ok(()) };
        tokio::time::sleep(GONE).await;
        tracing::error!(scanner = self.context.status.name(), "the station is gone: a code is stored as it is");
        self.store_as_it_is(scan, taken).await
    }

    async fn store_as_it_is(&self, scan: Scan, taken: Moment) -> Result<(), Stopping> {
        let occurrence =
            Occurrence { origin: self.origin.clone(), taken, source_at: None, kind: EventKind::Scan(scan) };
        self.context.capture.store(vec![Item::Occurrence(occurrence)], None).await
    }

    fn is_reread(&self, raw: &[u8], now: Monotonic) -> bool {
        let within = self.section.reread_ms.saturating_mul(1_000);
        self.last.as_ref().is_some_and(|(last, at)| {
            within > 0 && last == raw && at.boot == now.boot && now.us.saturating_sub(at.us) < within
        })
    }
}
