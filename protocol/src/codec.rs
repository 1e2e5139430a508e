//! Bytes. The only place that knows bincode and zstd.
//!
//! A frame is a header of 16 bytes and a body:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 0..4 | magic | `SFM` and a zero |
//! | 4..6 | version | [`crate::version`], little endian |
//! | 6..8 | flags | bit 0: the body is compressed with zstd |
//! | 8..12 | content length | of the body after decompression |
//! | 12..16 | body length | of what follows |
//!
//! The content is bincode, little endian, variable-length integers. Every length is checked before anything is
//! allocated for it.

use bincode::{Decode, Encode};

use crate::batch::Batch;
use crate::limits::{
    COMPRESSION_RATIO_MAX, CONDITIONS_MAX, CONTENT_BYTES_MAX, DECODED_BYTES_MAX, EVENT_BODY_BYTES_MAX,
    EVENTS_PER_BATCH_MAX, FRAME_BYTES_MAX, ORIGINS_MAX,
};
use crate::reply::Reply;
use crate::version::{CURRENT, Version};

pub const HEADER_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"SFM\0";
const FLAG_ZSTD: u16 = 1;
/// Fast, and still about a tenth of the size for counts and states.
const ZSTD_LEVEL: i32 = 1;
/// Below this a frame is not worth compressing.
const COMPRESS_FROM_BYTES: usize = 256;

fn configuration() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<DECODED_BYTES_MAX>()
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("{what}: {found} is more than the {max} that the wire allows")]
    TooLarge { what: &'static str, found: usize, max: usize },
    #[error("cannot encode: {0}")]
    Encoding(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("not a frame of this protocol: it does not begin with SFM")]
    Magic,
    #[error("protocol version {found} is not known here (this build speaks {current})", current = CURRENT.number())]
    Version { found: u16 },
    #[error("unknown flags {found:#06x}")]
    Flags { found: u16 },
    #[error("{what}: {found} is more than the {max} that the wire allows")]
    TooLarge { what: &'static str, found: usize, max: usize },
    #[error("cut short: {found} bytes of {expected}")]
    CutShort { found: usize, expected: usize },
    #[error("{found} bytes too many")]
    Trailing { found: usize },
    #[error("the compressed body cannot be read: {0}")]
    Compression(String),
    #[error("the content cannot be read: {0}")]
    Content(String),
}

/// A frame's header, checked against every limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub version: Version,
    pub compressed: bool,
    pub content_bytes: usize,
    pub body_bytes: usize,
}

impl Header {
    pub fn parse(bytes: &[u8]) -> Result<Header, DecodeError> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(DecodeError::CutShort { found: bytes.len(), expected: HEADER_BYTES });
        };
        if head[0..4] != MAGIC {
            return Err(DecodeError::Magic);
        }
        let number = u16::from_le_bytes([head[4], head[5]]);
        let version = Version::from_number(number).ok_or(DecodeError::Version { found: number })?;
        let flags = u16::from_le_bytes([head[6], head[7]]);
        if flags & !FLAG_ZSTD != 0 {
            return Err(DecodeError::Flags { found: flags });
        }
        let content_bytes = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let body_bytes = u32::from_le_bytes([head[12], head[13], head[14], head[15]]) as usize;
        let header = Header { version, compressed: flags & FLAG_ZSTD != 0, content_bytes, body_bytes };
        at_most("content", content_bytes, CONTENT_BYTES_MAX)?;
        at_most("frame", body_bytes + HEADER_BYTES, FRAME_BYTES_MAX)?;
        if header.compressed {
            at_most("content of a compressed frame", content_bytes, body_bytes.saturating_mul(COMPRESSION_RATIO_MAX))?;
        } else if content_bytes != body_bytes {
            return Err(DecodeError::CutShort { found: body_bytes, expected: content_bytes });
        }
        Ok(header)
    }
}

fn at_most(what: &'static str, found: usize, max: usize) -> Result<(), DecodeError> {
    if found > max { Err(DecodeError::TooLarge { what, found, max }) } else { Ok(()) }
}

/// What travels in a frame of its own.
pub trait Message: Encode + Decode<()> + sealed::Sealed {
    /// Limits that the type alone does not express.
    fn check(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::batch::Batch {}
    impl Sealed for crate::reply::Reply {}
}

impl Message for Batch {
    fn check(&self) -> Result<(), DecodeError> {
        at_most("events in a batch", self.events.len(), EVENTS_PER_BATCH_MAX)?;
        at_most("origins", self.origins.len(), ORIGINS_MAX)?;
        at_most("live machines", self.live.len(), ORIGINS_MAX)?;
        if let Some(status) = &self.status {
            at_most("conditions", status.conditions.len(), CONDITIONS_MAX)?;
        }
        for event in &self.events {
            at_most("body of an event", event.body.len(), EVENT_BODY_BYTES_MAX)?;
        }
        if self.first_seq.0 == 0 || self.first_seq.0.checked_add(self.events.len() as u64).is_none() {
            return Err(DecodeError::Content("sequence numbers begin at 1 and do not overflow".into()));
        }
        Ok(())
    }
}

impl Message for Reply {}

/// A frame that holds `message`.
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, EncodeError> {
    if let Err(error) = message.check() {
        return Err(match error {
            DecodeError::TooLarge { what, found, max } => EncodeError::TooLarge { what, found, max },
            other => EncodeError::Encoding(other.to_string()),
        });
    }
    let content =
        bincode::encode_to_vec(message, configuration()).map_err(|error| EncodeError::Encoding(error.to_string()))?;
    if content.len() > CONTENT_BYTES_MAX {
        return Err(EncodeError::TooLarge { what: "content", found: content.len(), max: CONTENT_BYTES_MAX });
    }
    let content_bytes = content.len();
    let compressed = (content_bytes >= COMPRESS_FROM_BYTES)
        .then(|| zstd::bulk::compress(&content, ZSTD_LEVEL))
        .transpose()
        .map_err(|error| EncodeError::Encoding(error.to_string()))?
        // Incompressible content, and content so repetitive that a receiver would suspect a bomb, travel as they are.
        .filter(|body| body.len() < content_bytes && body.len() * COMPRESSION_RATIO_MAX >= content_bytes);
    let (flags, body) = compressed.map_or((0, content), |body| (FLAG_ZSTD, body));
    if body.len() + HEADER_BYTES > FRAME_BYTES_MAX {
        return Err(EncodeError::TooLarge { what: "frame", found: body.len() + HEADER_BYTES, max: FRAME_BYTES_MAX });
    }
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&CURRENT.number().to_le_bytes());
    frame.extend_from_slice(&flags.to_le_bytes());
    // Both are below FRAME_BYTES_MAX and CONTENT_BYTES_MAX, which fit.
    frame.extend_from_slice(&u32::try_from(content_bytes).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// The message that a whole frame holds.
pub fn decode<M: Message>(frame: &[u8]) -> Result<M, DecodeError> {
    let header = Header::parse(frame)?;
    let body = &frame[HEADER_BYTES..];
    if body.len() < header.body_bytes {
        return Err(DecodeError::CutShort { found: body.len(), expected: header.body_bytes });
    }
    if body.len() > header.body_bytes {
        return Err(DecodeError::Trailing { found: body.len() - header.body_bytes });
    }
    if header.compressed {
        // The capacity bounds what is written, whatever the stream itself claims.
        let content = zstd::bulk::decompress(body, header.content_bytes)
            .map_err(|error| DecodeError::Compression(error.to_string()))?;
        if content.len() != header.content_bytes {
            return Err(DecodeError::CutShort { found: content.len(), expected: header.content_bytes });
        }
        decode_content(&content)
    } else {
        decode_content(body)
    }
}

fn decode_content<M: Message>(content: &[u8]) -> Result<M, DecodeError> {
    let (message, read): (M, usize) = bincode::decode_from_slice(content, configuration())
        .map_err(|error| DecodeError::Content(error.to_string()))?;
    if read < content.len() {
        return Err(DecodeError::Trailing { found: content.len() - read });
    }
    message.check()?;
    Ok(message)
}

/// The body of one event.
pub(crate) fn encode_body<T: Encode>(body: &T) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "bodies are plain values: encoding them into memory cannot fail")]
    bincode::encode_to_vec(body, bincode::config::standard()).expect("an event body encodes")
}

pub(crate) fn decode_body<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    at_most("body of an event", bytes.len(), EVENT_BODY_BYTES_MAX)?;
    let (body, read) =
        bincode::decode_from_slice(bytes, bincode::config::standard().with_limit::<{ 16 * EVENT_BODY_BYTES_MAX }>())
            .map_err(|error| DecodeError::Content(error.to_string()))?;
    if read < bytes.len() {
        return Err(DecodeError::Trailing { found: bytes.len() - read });
    }
    Ok(body)
}
