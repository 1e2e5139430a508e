//! One connection to a broker: bytes to packets and back. It decides nothing.
//!
//! rumqttc's codecs are used without its event loop. That one ends the connection at a packet over the limit, which the
//! broker then sends again, for ever; and it acknowledges through a queue that outlives the connection. Here the task that
//! reads is the task that acknowledges, and a PUBLISH over the limit is skipped to its end and reported by its topic.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use self::packets::{Accepted, Connect, Incoming, Outgoing, Publish};
use super::configuration::{MqttSection, Version};

pub(crate) mod packets;
mod tls;

/// Enough of a PUBLISH to read its topic and packet identifier.
const HEAD_BYTES: usize = 2 + 65_535 + 2;
const READ_BYTES: usize = 16 * 1024;

/// Why a connection ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("cannot connect: {0}")]
    Unreachable(String),
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error("the broker refused the connection: {0}")]
    Refused(String),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(#[from] std::io::Error),
    #[error("the broker sent a malformed {0}")]
    Malformed(&'static str),
    #[error("a packet could not be read or written: {0}")]
    Codec(String),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    version: Version,
    packet_bytes_max: usize,
    input: BytesMut,
    output: BytesMut,
    /// Bytes of an oversized packet that are still to come.
    skip: usize,
}

impl Connection {
    /// Connects, through TLS where configured, and waits for the broker's answer.
    pub(crate) async fn open(section: &MqttSection, connect: Connect) -> Result<(Connection, Accepted), WireError> {
        let timeout = Duration::from_millis(section.connect_timeout_ms.into());
        let opening = async {
            let stream = dial(section).await?;
            let mut connection = Connection {
                stream,
                version: section.version,
                packet_bytes_max: usize::try_from(section.packet_bytes_max).unwrap_or(usize::MAX),
                input: BytesMut::new(),
                output: BytesMut::new(),
                skip: 0,
            };
            connection.send(Outgoing::Connect(Box::new(connect)))?;
            connection.flush().await?;
            let (_, _, frame) = connection.next_frame().await?;
            let accepted = packets::accepted(section.version, frame)?;
            Ok((connection, accepted))
        };
        tokio::time::timeout(timeout, opening).await.map_err(|_| WireError::Silent(timeout))?
    }

    /// Puts a packet behind those that wait to leave.
    pub(crate) fn send(&mut self, packet: Outgoing) -> Result<(), WireError> {
        packets::write(self.version, packet, &mut self.output)
    }

    /// Lets everything leave. Cancelled, it goes on where it was.
    pub(crate) async fn flush(&mut self) -> Result<(), WireError> {
        while self.output.has_remaining() {
            if self.stream.write_buf(&mut self.output).await? == 0 {
                return Err(WireError::Closed);
            }
        }
        self.stream.flush().await?;
        Ok(())
    }

    /// The next packet. Cancelled, nothing is lost.
    pub(crate) async fn receive(&mut self) -> Result<Incoming, WireError> {
        loop {
            self.skip_oversized();
            if self.skip == 0 {
                if let Some(oversized) = self.oversized()? {
                    return Ok(oversized);
                }
                if let Some((first, head, frame)) = self.whole_frame()? {
                    return self.understand(first, head, frame);
                }
            }
            self.read_more().await?;
        }
    }

    fn understand(&self, first: u8, head: usize, mut frame: BytesMut) -> Result<Incoming, WireError> {
        if first >> 4 != packets::PUBLISH {
            return packets::other(self.version, frame);
        }
        let packet_bytes = frame.len();
        frame.advance(head);
        let body = frame.freeze();
        match packets::publish(self.version, first & 0x0f, body.clone(), true) {
            Ok(publish) => Ok(Incoming::Publish(publish)),
            // The broker would send it again, for ever.
            Err(_) => packets::publish(self.version, first & 0x0f, body, false)
                .map(|publish| Incoming::Unreadable { publish, packet_bytes }),
        }
    }

    async fn next_frame(&mut self) -> Result<(u8, usize, BytesMut), WireError> {
        loop {
            if let Some(frame) = self.whole_frame()? {
                return Ok(frame);
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<(), WireError> {
        self.input.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(WireError::Closed),
            _ => Ok(()),
        }
    }

    /// First byte, length of the fixed header, length of the whole packet; none while the header is not complete.
    fn header(&self) -> Result<Option<(u8, usize, usize)>, WireError> {
        let Some((first, rest)) = self.input.split_first() else { return Ok(None) };
        match packets::variable_length(rest) {
            Some((remaining, length_bytes)) => Ok(Some((*first, 1 + length_bytes, 1 + length_bytes + remaining))),
            None if rest.len() >= 4 => Err(WireError::Malformed("packet length")),
            None => Ok(None),
        }
    }

    fn whole_frame(&mut self) -> Result<Option<(u8, usize, BytesMut)>, WireError> {
        match self.header()? {
            Some((first, head, whole)) if self.input.len() >= whole => {
                Ok(Some((first, head, self.input.split_to(whole))))
            }
            _ => Ok(None),
        }
    }

    /// A packet over the limit, as soon as its head is here; the rest of it is skipped from then on.
    fn oversized(&mut self) -> Result<Option<Incoming>, WireError> {
        let Some((first, head, whole)) = self.header()? else { return Ok(None) };
        if whole <= self.packet_bytes_max || self.input.len() < whole.min(head + HEAD_BYTES) {
            return Ok(None);
        }
        if first >> 4 != packets::PUBLISH {
            return Err(WireError::Malformed("packet: it is larger than any but PUBLISH may be"));
        }
        let start = self.input[head..whole.min(head + HEAD_BYTES)].to_vec();
        let publish: Publish = packets::publish(self.version, first & 0x0f, start.into(), false)?;
        self.skip = whole;
        self.skip_oversized();
        Ok(Some(Incoming::Oversized { publish, packet_bytes: whole }))
    }

    fn skip_oversized(&mut self) {
        let here = self.skip.min(self.input.len());
        self.input.advance(here);
        self.skip -= here;
    }
}

async fn dial(section: &MqttSection) -> Result<Box<dyn Stream>, WireError> {
    let unreachable = |error: std::io::Error| WireError::Unreachable(error.to_string());
    let stream = TcpStream::connect((section.host.as_str(), section.port())).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    match &section.tls {
        None => Ok(Box::new(stream)),
        Some(tls) => {
            let stream = tls::connect(tls, &section.host, stream).await;
            Ok(Box::new(stream.map_err(|error| WireError::Unreachable(format!("{error:#}")))?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(peer_bytes: usize, packet_bytes_max: usize) -> (Connection, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(peer_bytes);
        let connection = Connection {
            stream: Box::new(near),
            version: Version::V311,
            packet_bytes_max,
            input: BytesMut::new(),
            output: BytesMut::new(),
            skip: 0,
        };
        (connection, far)
    }

    fn publish_bytes(topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
        use rumqttc_v4::mqttbytes::{QoS, v4};
        let mut publish = v4::Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = packet_id;
        let mut bytes = BytesMut::new();
        v4::Packet::Publish(publish).write(&mut bytes, usize::MAX).unwrap();
        bytes.to_vec()
    }

    #[tokio::test]
    async fn an_oversized_packet_is_named_and_the_next_one_read() {
        for size in [200, 70_000, 300_000] {
            let (mut connection, mut far) = connection(777, 128);
            let sending = tokio::spawn(async move {
                far.write_all(&publish_bytes("big", 7, &vec![b'x'; size])).await.unwrap();
                far.write_all(&publish_bytes("small", 8, b"1")).await.unwrap();
                far
            });
            let Incoming::Oversized { publish, packet_bytes } = connection.receive().await.unwrap() else { panic!() };
            assert_eq!((&publish.topic[..], publish.packet_id), (&b"big"[..], Some(7)));
            assert!(packet_bytes > size);
            let Incoming::Publish(next) = connection.receive().await.unwrap() else { panic!() };
            assert_eq!((&next.topic[..], &next.payload[..], next.packet_id), (&b"small"[..], &b"1"[..], Some(8)));
            drop(sending.await.unwrap());
            assert!(matches!(connection.receive().await, Err(WireError::Closed)));
        }
    }

    #[tokio::test]
    async fn a_malformed_packet_is_named_and_the_next_one_read() {
        let (mut connection, mut far) = connection(1024, 1024);
        connection.version = Version::V5;
        // Topic "a", identifier 9, properties that claim to be longer than the packet.
        far.write_all(&[0x32, 6, 0, 1, b'a', 0, 9, 100, 0x32, 6, 0, 1, b'b', 0, 10, 0]).await.unwrap();
        let Incoming::Unreadable { publish, packet_bytes: 8 } = connection.receive().await.unwrap() else { panic!() };
        assert_eq!((&publish.topic[..], publish.packet_id), (&b"a"[..], Some(9)));
        let Incoming::Publish(next) = connection.receive().await.unwrap() else { panic!() };
        assert_eq!((&next.topic[..], next.packet_id), (&b"b"[..], Some(10)));
    }

    #[tokio::test]
    async fn a_packet_in_single_bytes_is_read_as_one() {
        let (mut connection, mut far) = connection(1, 1024);
        tokio::spawn(async move { far.write_all(&publish_bytes("a/b", 300, b"payload")).await.unwrap() });
        let Incoming::Publish(found) = connection.receive().await.unwrap() else { panic!() };
        assert_eq!((&found.topic[..], &found.payload[..]), (&b"a/b"[..], &b"payload"[..]));
        assert_eq!((found.packet_id, found.again, found.retained), (Some(300), false, false));
    }
}
