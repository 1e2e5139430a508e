//! One connection and one request at a time on it. The only place that does Modbus I/O.
//!
//! A late answer is never taken for the next one. Over TCP a request that fails in any way but an exception closes the
//! connection, and with it whatever was still on its way; a frame with another transaction number is skipped. On a serial
//! line there is no such number: after a failure the line is drained for a whole timeout and until it is silent before
//! anything is sent, what came between requests is thrown away, and unit, function, length and checksum must agree.
//!
//! A connection that the other side closed while it was idle (many PLCs do after a minute) is made anew and the request
//! sent again at once; neither reading twice nor writing the same value twice does harm.

use std::io;
use std::ops::Range;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_serial::SerialPortBuilderExt as _;

use super::configuration::{ModbusSection, Parity, Transport};
use super::frame::{Answer, FRAME_BYTES_MAX, InvalidReply, Parsed, Request, Write, put_mbap, put_rtu};

/// Noise that is listened to before a request is given up.
const NOISE_BYTES_MAX: usize = 1_024;
/// Behind a serial converter the line speed is not known; this is 3.5 characters at 9600 bits per second, rounded up.
const CONVERTER_GAP: Duration = Duration::from_millis(5);
/// A converter that gave nothing at all this often may be a half-open connection.
const UNANSWERED_MAX: u32 = 2;
const BAUD_DEFAULT: u32 = 19_200;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Tcp { address: String },
    RtuOverTcp { address: String },
    Serial { port: String, baud: u32, parity: Parity, stop_bits: u8, data_bits: u8 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub timeout: Duration,
    pub connect_timeout: Duration,
    pub pause_after_connect: Duration,
    pub pause_between_requests: Duration,
}

/// Why there are no values.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("cannot connect to {place}: {cause}")]
    Connect { place: String, cause: io::Error },
    #[error("the connection was closed by the other side ({0})")]
    Closed(io::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("exception {0} ({name})", name = super::frame::exception_name(*.0))]
    Exception(u8),
    #[error(transparent)]
    Invalid(#[from] InvalidReply),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

pub struct Link {
    endpoint: Endpoint,
    timing: Timing,
    /// Silence that parts two RTU frames.
    gap: Duration,
    /// Time one byte takes on the serial line.
    per_byte: Duration,
    stream: Option<Box<dyn Stream>>,
    /// Unit, function and what follows of the request, and the frame made from it.
    body: Vec<u8>,
    frame: Vec<u8>,
    buffer: Vec<u8>,
    /// How much of `buffer` the last answer took.
    consumed: usize,
    transaction: u16,
    /// Nothing is sent before.
    quiet_until: Instant,
    /// Everything that comes before belongs to a request that was given up.
    drain_until: Option<Instant>,
    unanswered: u32,
    connects: u64,
}

impl Endpoint {
    #[must_use]
    pub fn of(section: &ModbusSection) -> Endpoint {
        match section.transport {
            Transport::Tcp => Endpoint::Tcp { address: section.host_and_port() },
            Transport::RtuOverTcp => Endpoint::RtuOverTcp { address: section.host_and_port() },
            Transport::Rtu => {
                let parity = section.parity.unwrap_or_default();
                Endpoint::Serial {
                    port: section.port.clone().unwrap_or_default(),
                    baud: section.baud.unwrap_or(BAUD_DEFAULT),
                    parity,
                    // The standard fills the place of a missing parity bit with a second stop bit; devices seldom do.
                    stop_bits: section.stop_bits.unwrap_or(1),
                    data_bits: section.data_bits.unwrap_or(8),
                }
            }
        }
    }

    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Endpoint::Tcp { address } | Endpoint::RtuOverTcp { address } => address,
            Endpoint::Serial { port, .. } => port,
        }
    }

    fn is_rtu(&self) -> bool {
        !matches!(self, Endpoint::Tcp { .. })
    }
}

impl Timing {
    #[must_use]
    pub fn of(section: &ModbusSection) -> Timing {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Timing {
            timeout: ms(section.timeout_ms),
            connect_timeout: ms(section.connect_timeout_ms),
            pause_after_connect: ms(section.pause_after_connect_ms),
            pause_between_requests: ms(section.pause_between_requests_ms),
        }
    }
}

impl Link {
    /// Connects with the first request.
    #[must_use]
    pub fn new(endpoint: Endpoint, timing: Timing) -> Link {
        // A character is 11 bits; above 19200 bits per second the gap is 1.75 ms whatever the speed (V1.02, 2.5.1.1).
        let (gap, per_byte) = match &endpoint {
            Endpoint::Serial { baud, .. } => {
                let per_byte = Duration::from_secs(11) / (*baud).max(1);
                (if *baud > 19_200 { Duration::from_micros(1_750) } else { per_byte * 7 / 2 }, per_byte)
            }
            Endpoint::RtuOverTcp { .. } => (CONVERTER_GAP, Duration::ZERO),
            Endpoint::Tcp { .. } => (Duration::ZERO, Duration::ZERO),
        };
        Link {
            endpoint,
            timing,
            gap,
            per_byte,
            stream: None,
            body: Vec::new(),
            frame: Vec::new(),
            buffer: Vec::with_capacity(2 * FRAME_BYTES_MAX),
            consumed: 0,
            transaction: 0,
            quiet_until: Instant::now(),
            drain_until: None,
            unanswered: 0,
            connects: 0,
        }
    }

    /// How often the connection was made.
    #[must_use]
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// The bytes of the answer that [`read`](Link::read) found.
    #[must_use]
    pub fn data(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Asks, and returns where in the buffer the answer's data is: exactly as many bytes as the request is for.
    pub async fn read(&mut self, request: Request) -> Result<Range<usize>, RequestError> {
        self.body.clear();
        request.put(&mut self.body);
        self.ask(request.answer()).await
    }

    /// Writes; the device has confirmed exactly that when this returns without an error.
    pub async fn write(&mut self, write: Write<'_>) -> Result<(), RequestError> {
        self.body.clear();
        write.put(&mut self.body);
        self.ask(write.answer()).await.map(drop)
    }

    async fn ask(&mut self, wanted: Answer) -> Result<Range<usize>, RequestError> {
        let was_connected = self.stream.is_some();
        match self.attempt(wanted).await {
            Err(RequestError::Closed(_)) if was_connected => self.attempt(wanted).await,
            outcome => outcome,
        }
    }

    async fn attempt(&mut self, wanted: Answer) -> Result<Range<usize>, RequestError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let outcome = self.exchange(&mut stream, wanted).await;
        self.quiet_until = Instant::now() + self.timing.pause_between_requests.max(self.gap);
        let keep = match &outcome {
            Ok(_) | Err(RequestError::Exception(_)) => {
                self.unanswered = 0;
                true
            }
            Err(RequestError::Timeout(_) | RequestError::Invalid(_)) if self.endpoint.is_rtu() => {
                self.drain_until = Some(Instant::now() + self.timing.timeout);
                self.unanswered = if self.buffer.is_empty() { self.unanswered + 1 } else { 0 };
                matches!(self.endpoint, Endpoint::Serial { .. }) || self.unanswered < UNANSWERED_MAX
            }
            Err(_) => false,
        };
        if keep {
            self.stream = Some(stream);
        } else {
            self.unanswered = 0;
        }
        outcome
    }

    async fn connect(&mut self) -> Result<Box<dyn Stream>, RequestError> {
        let place = self.endpoint.place().to_owned();
        let stream = self.open().await.map_err(|cause| RequestError::Connect { place, cause })?;
        self.buffer.clear();
        self.consumed = 0;
        self.connects += 1;
        self.quiet_until = Instant::now() + self.timing.pause_after_connect;
        Ok(stream)
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match &self.endpoint {
            Endpoint::Tcp { address } | Endpoint::RtuOverTcp { address } => {
                let limit = self.timing.connect_timeout;
                let stream = timeout(limit, TcpStream::connect(address.as_str())).await.map_err(|_| {
                    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} ms", limit.as_millis()))
                })??;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Endpoint::Serial { port, baud, parity, stop_bits, data_bits } => {
                let parity = match parity {
                    Parity::None => tokio_serial::Parity::None,
                    Parity::Even => tokio_serial::Parity::Even,
                    Parity::Odd => tokio_serial::Parity::Odd,
                };
                let stop_bits = if *stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One };
                let data_bits =
                    if *data_bits == 7 { tokio_serial::DataBits::Seven } else { tokio_serial::DataBits::Eight };
                let builder = tokio_serial::new(port, *baud).parity(parity).stop_bits(stop_bits).data_bits(data_bits);
                Ok(Box::new(builder.open_native_async()?))
            }
        }
    }

    async fn exchange(&mut self, stream: &mut Box<dyn Stream>, wanted: Answer) -> Result<Range<usize>, RequestError> {
        if self.endpoint.is_rtu() {
            self.settle(stream).await?;
        } else {
            self.buffer.drain(..self.consumed.min(self.buffer.len()));
            if self.quiet_until > Instant::now() {
                sleep_until(self.quiet_until).await;
            }
        }
        self.consumed = 0;
        self.transaction = self.transaction.wrapping_add(1);
        self.frame.clear();
        if self.endpoint.is_rtu() {
            put_rtu(&mut self.frame, &self.body);
        } else {
            put_mbap(&mut self.frame, self.transaction, &self.body);
        }
        let bytes = self.frame.len() + wanted.rtu_bytes();
        let on_the_line = self.per_byte * u32::try_from(bytes).unwrap_or(u32::MAX);
        let deadline = Instant::now() + self.timing.timeout + on_the_line;
        let sent = timeout_at(deadline, stream.write_all(&self.frame)).await;
        sent.map_err(|_| RequestError::Timeout(self.timing.timeout))?.map_err(RequestError::Closed)?;
        loop {
            if let Some(data) = self.parse(wanted)? {
                return Ok(data);
            }
            match timeout_at(deadline, stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err(RequestError::Closed(io::ErrorKind::UnexpectedEof.into())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(RequestError::Closed(error)),
                Err(_) if self.endpoint.is_rtu() && !self.buffer.is_empty() => {
                    return Err(InvalidReply::Garbage { bytes: self.buffer.len() }.into());
                }
                Err(_) => return Err(RequestError::Timeout(self.timing.timeout)),
            }
        }
    }

    fn parse(&mut self, wanted: Answer) -> Result<Option<Range<usize>>, RequestError> {
        loop {
            let parsed = if self.endpoint.is_rtu() {
                wanted.parse_rtu(&self.buffer)?
            } else {
                wanted.parse_mbap(&self.buffer, self.transaction)?
            };
            match parsed {
                Parsed::Data { data, end } => {
                    self.consumed = end;
                    return Ok(Some(data));
                }
                Parsed::Exception { code, end } => {
                    self.consumed = end;
                    return Err(RequestError::Exception(code));
                }
                Parsed::Stale(end) => {
                    self.buffer.drain(..end);
                }
                Parsed::Incomplete if self.buffer.len() > NOISE_BYTES_MAX => {
                    return Err(InvalidReply::Garbage { bytes: self.buffer.len() }.into());
                }
                Parsed::Incomplete => return Ok(None),
            }
        }
    }

    /// Throws away what comes until the line is silent, and after a failure for a whole timeout at least.
    async fn settle(&mut self, stream: &mut Box<dyn Stream>) -> Result<(), RequestError> {
        let now = Instant::now();
        let drained = self.drain_until.unwrap_or(now);
        let give_up = drained.max(now) + self.timing.timeout * 2;
        let mut silent_from = now;
        loop {
            self.buffer.clear();
            let until = drained.max(silent_from + self.gap).max(self.quiet_until);
            match timeout_at(until, stream.read_buf(&mut self.buffer)).await {
                Err(_) => break,
                Ok(Ok(0)) => return Err(RequestError::Closed(io::ErrorKind::UnexpectedEof.into())),
                Ok(Err(error)) => return Err(RequestError::Closed(error)),
                Ok(Ok(_)) => silent_from = Instant::now(),
            }
            if silent_from > give_up {
                return Err(InvalidReply::Garbage { bytes: self.buffer.len() }.into());
            }
        }
        self.drain_until = None;
        Ok(())
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("endpoint", &self.endpoint).field("connected", &self.stream.is_some()).finish()
    }
}
