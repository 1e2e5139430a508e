//! Modbus requests and answers as bytes. Pure: a [`Request`] reads, a [`Write`] writes, an [`Answer`] is what must come
//! back.
//!
//! Sources: Modbus Application Protocol Specification V1.1b3 (PDU, function codes 1–6, 15 and 16, exceptions), Modbus
//! Messaging on TCP/IP Implementation Guide V1.0b (MBAP header), Modbus over Serial Line V1.02 (RTU frame, CRC-16).
//!
//! An answer is taken only if every field of it agrees with the request: transaction, unit, function and byte count over
//! TCP; unit, function, byte count and checksum on a serial line; address and value (or count) for a write.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;

mod write;

pub use write::{Values, Write};

/// The four tables of a Modbus device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Coil,
    Discrete,
    Input,
    Holding,
}

impl Kind {
    #[must_use]
    pub fn is_bits(self) -> bool {
        matches!(self, Kind::Coil | Kind::Discrete)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Coil => "coil",
            Kind::Discrete => "discrete",
            Kind::Input => "input",
            Kind::Holding => "holding",
        }
    }

    fn function(self) -> u8 {
        match self {
            Kind::Coil => 1,
            Kind::Discrete => 2,
            Kind::Holding => 3,
            Kind::Input => 4,
        }
    }
}

/// A question to one unit; addresses are those of the frame, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub unit: u8,
    pub kind: Kind,
    pub start: u16,
    pub count: u16,
}

/// What a frame says that cannot be an answer to the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReply {
    #[error("the answer is no Modbus TCP (protocol {protocol}, length {length}): is it RTU over TCP?")]
    Header { protocol: u16, length: u16 },
    #[error("unit {found} answered a request to unit {expected}; if the device always answers so, set unit = {found}")]
    Unit { expected: u8, found: u8 },
    #[error("the answer is to function {found}, the request was function {expected}")]
    Function { expected: u8, found: u8 },
    #[error("the answer holds {found} bytes of data, the request was for {expected}")]
    ByteCount { expected: usize, found: usize },
    #[error("{found} was confirmed, the request was to write {expected}")]
    Confirmation { expected: Confirmed, found: Confirmed },
    #[error(
        "{bytes} bytes came that are no answer (noise, a wrong checksum or another unit): check baud rate, parity, wiring"
    )]
    Garbage { bytes: usize },
}

/// What the answer to a write repeats of it: the address of the frame, and the value or how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    pub start: u16,
    pub value: u16,
}

impl fmt::Display for Confirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06X} at frame address {}", self.value, self.start)
    }
}

/// The only answer that is taken for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    unit: u8,
    function: u8,
    body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// A byte count and so many bytes.
    Data(usize),
    Confirmation(Confirmed),
}

/// What a receive buffer holds so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    Incomplete,
    /// A whole frame of this length that answers an earlier request: skip it.
    Stale(usize),
    /// Where in the buffer the data bytes are, and where the frame ends.
    Data {
        data: Range<usize>,
        end: usize,
    },
    Exception {
        code: u8,
        end: usize,
    },
}

pub const MBAP_HEADER_BYTES: usize = 7;
/// Longest frame on either transport.
pub const FRAME_BYTES_MAX: usize = 260;
const EXCEPTION_FLAG: u8 = 0x80;
/// The serial frame that answers a write: unit, function, address, value or count, checksum.
const CONFIRMATION_BYTES: usize = 8;

impl Request {
    /// Appends unit, function and what follows.
    pub fn put(&self, body: &mut Vec<u8>) {
        body.extend([self.unit, self.kind.function()]);
        body.extend(self.start.to_be_bytes());
        body.extend(self.count.to_be_bytes());
    }

    /// Bytes of data that the answer must hold.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        let count = usize::from(self.count);
        if self.kind.is_bits() { count.div_ceil(8) } else { count * 2 }
    }

    #[must_use]
    pub fn answer(&self) -> Answer {
        Answer { unit: self.unit, function: self.kind.function(), body: Body::Data(self.data_bytes()) }
    }
}

/// Appends the TCP frame of a body that [`put`](Request::put) made.
pub fn put_mbap(frame: &mut Vec<u8>, transaction: u16, body: &[u8]) {
    frame.extend(transaction.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend(body);
}

/// Appends the serial frame of a body that [`put`](Request::put) made.
pub fn put_rtu(frame: &mut Vec<u8>, body: &[u8]) {
    frame.extend(body);
    frame.extend(crc(body).to_le_bytes());
}

impl Answer {
    /// Length of the answer on a serial line.
    #[must_use]
    pub fn rtu_bytes(&self) -> usize {
        match self.body {
            Body::Data(bytes) => 5 + bytes,
            Body::Confirmation(_) => CONFIRMATION_BYTES,
        }
    }

    /// Looks for this answer at the beginning of `buffer`.
    pub fn parse_mbap(&self, buffer: &[u8], transaction: u16) -> Result<Parsed, InvalidReply> {
        let Some(header) = buffer.first_chunk::<MBAP_HEADER_BYTES>() else { return Ok(Parsed::Incomplete) };
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let (protocol, length) = (word(2), word(4));
        if protocol != 0 || !(3..=254).contains(&length) {
            return Err(InvalidReply::Header { protocol, length });
        }
        let end = MBAP_HEADER_BYTES - 1 + usize::from(length);
        if buffer.len() < end {
            return Ok(Parsed::Incomplete);
        }
        if word(0) != transaction {
            return Ok(Parsed::Stale(end));
        }
        if header[6] != self.unit {
            return Err(InvalidReply::Unit { expected: self.unit, found: header[6] });
        }
        let expected = self.function;
        let pdu = &buffer[MBAP_HEADER_BYTES..end];
        if pdu[0] == expected | EXCEPTION_FLAG {
            return Ok(Parsed::Exception { code: pdu[1], end });
        }
        if pdu[0] != expected {
            return Err(InvalidReply::Function { expected, found: pdu[0] });
        }
        let expected = match self.body {
            Body::Data(bytes) => bytes,
            Body::Confirmation(expected) => {
                let &[_, start_high, start_low, value_high, value_low] = pdu else {
                    return Err(InvalidReply::ByteCount { expected: CONFIRMATION_BYTES - 4, found: pdu.len() - 1 });
                };
                check(expected, [start_high, start_low, value_high, value_low])?;
                return Ok(Parsed::Data { data: MBAP_HEADER_BYTES + 1..end, end });
            }
        };
        let data = MBAP_HEADER_BYTES + 2..end;
        if usize::from(pdu[1]) != expected || data.len() != expected {
            let found = if data.len() == expected { usize::from(pdu[1]) } else { data.len() };
            return Err(InvalidReply::ByteCount { expected, found });
        }
        Ok(Parsed::Data { data, end })
    }

    /// Looks for this answer anywhere in `buffer`: noise, an adapter's echo of the request or another unit's late answer
    /// may come before it.
    ///
    /// Of a write with function 5 or 6 the echo is the answer, byte for byte: behind an adapter that echoes, only 15 and 16
    /// tell whether the device is there.
    pub fn parse_rtu(&self, buffer: &[u8]) -> Result<Parsed, InvalidReply> {
        let mut wrong = None;
        for (at, frame) in (0..buffer.len()).map(|at| (at, &buffer[at..])) {
            let &[unit, found, count, ..] = frame else { break };
            if unit != self.unit {
                continue;
            }
            if found == self.function | EXCEPTION_FLAG && is_sealed(frame, 5) {
                return Ok(Parsed::Exception { code: count, end: at + 5 });
            }
            if found != self.function {
                continue;
            }
            match self.body_of(frame) {
                Some(Ok(data)) => {
                    return Ok(Parsed::Data { end: at + data.end + 2, data: at + data.start..at + data.end });
                }
                Some(Err(error)) => wrong = wrong.or(Some(error)),
                None => {}
            }
        }
        wrong.map_or(Ok(Parsed::Incomplete), Err)
    }

    /// Where in a serial frame of the right unit and function the data is; None when the frame is none, or not whole.
    fn body_of(&self, frame: &[u8]) -> Option<Result<Range<usize>, InvalidReply>> {
        match self.body {
            Body::Data(expected) => {
                let found = usize::from(*frame.get(2)?);
                is_sealed(frame, 5 + found).then(|| match found == expected {
                    true => Ok(3..3 + found),
                    false => Err(InvalidReply::ByteCount { expected, found }),
                })
            }
            Body::Confirmation(expected) => {
                let found = *frame.get(2..)?.first_chunk::<4>()?;
                is_sealed(frame, CONFIRMATION_BYTES).then(|| check(expected, found).map(|()| 2..6))
            }
        }
    }
}

fn check(expected: Confirmed, [start_high, start_low, value_high, value_low]: [u8; 4]) -> Result<(), InvalidReply> {
    let start = u16::from_be_bytes([start_high, start_low]);
    let found = Confirmed { start, value: u16::from_be_bytes([value_high, value_low]) };
    if found == expected { Ok(()) } else { Err(InvalidReply::Confirmation { expected, found }) }
}

/// Whether the first `length` bytes are all there and end with their checksum.
fn is_sealed(frame: &[u8], length: usize) -> bool {
    frame
        .get(..length)
        .and_then(|frame| frame.split_last_chunk::<2>())
        .is_some_and(|(body, seal)| crc(body).to_le_bytes() == *seal)
}

/// CRC-16 with polynomial 0xA001 (reflected 0x8005), starting at 0xFFFF.
#[must_use]
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 })
    })
}

/// What an exception code says.
#[must_use]
pub fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "illegal function",
        2 => "illegal data address",
        3 => "illegal data value",
        4 => "server device failure",
        5 => "acknowledge",
        6 => "server device busy",
        8 => "memory parity error",
        10 => "gateway path unavailable",
        11 => "gateway target device failed to respond",
        _ => "a code of its own",
    }
}

/// 10: the gateway has no path to the unit. 11: the unit did not answer the gateway.
#[must_use]
pub fn is_gateway_silence(code: u8) -> bool {
    matches!(code, 10 | 11)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const REQUEST: Request = Request { unit: 1, kind: Kind::Holding, start: 0x6B, count: 3 };

    fn sealed(body: &[u8]) -> Vec<u8> {
        [body, &crc(body).to_le_bytes()].concat()
    }

    #[test]
    fn requests_are_those_of_the_standard() {
        // V1.1b3, 6.3: read holding registers 108 to 110.
        let (mut body, mut tcp, mut serial) = (Vec::new(), Vec::new(), Vec::new());
        REQUEST.put(&mut body);
        put_mbap(&mut tcp, 0x1501, &body);
        put_rtu(&mut serial, &body);
        assert_eq!(body, [0x01, 0x03, 0x00, 0x6B, 0x00, 0x03]);
        assert_eq!(tcp, [0x15, 0x01, 0, 0, 0, 6, 1, 3, 0, 0x6B, 0, 3]);
        assert_eq!(serial, [1, 3, 0, 0x6B, 0, 3, 0x74, 0x17]);
    }

    #[test]
    fn the_answer_of_the_standard_is_read() {
        let pdu = [0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64];
        let frame = [&[0, 7, 0, 0, 0, 9, 1][..], &pdu].concat();
        assert_eq!(REQUEST.answer().parse_mbap(&frame, 7), Ok(Parsed::Data { data: 9..15, end: 15 }));
        let frame = sealed(&[&[1][..], &pdu].concat());
        assert_eq!(REQUEST.answer().parse_rtu(&frame), Ok(Parsed::Data { data: 3..9, end: 11 }));
    }

    #[test]
    fn an_answer_to_another_request_is_stale_over_tcp() {
        let frame = [0, 6, 0, 0, 0, 9, 1, 3, 6, 0, 1, 0, 2, 0, 3];
        assert_eq!(REQUEST.answer().parse_mbap(&frame, 7), Ok(Parsed::Stale(15)));
    }

    #[test]
    fn every_field_that_disagrees_is_an_error_of_its_own() {
        let good = [0, 7, 0, 0, 0, 9, 1, 3, 6, 0, 1, 0, 2, 0, 3];
        let with = |at: usize, byte: u8| {
            let mut frame = good;
            frame[at] = byte;
            REQUEST.answer().parse_mbap(&frame, 7)
        };
        assert_eq!(with(2, 1), Err(InvalidReply::Header { protocol: 256, length: 9 }));
        assert_eq!(with(6, 2), Err(InvalidReply::Unit { expected: 1, found: 2 }));
        assert_eq!(with(7, 4), Err(InvalidReply::Function { expected: 3, found: 4 }));
        assert_eq!(with(8, 4), Err(InvalidReply::ByteCount { expected: 6, found: 4 }));
        assert_eq!(with(5, 7), Err(InvalidReply::ByteCount { expected: 6, found: 4 }));
    }

    #[test]
    fn exceptions_are_read_on_both_transports() {
        assert_eq!(
            REQUEST.answer().parse_mbap(&[0, 7, 0, 0, 0, 3, 1, 0x83, 2], 7),
            Ok(Parsed::Exception { code: 2, end: 9 })
        );
        assert_eq!(REQUEST.answer().parse_rtu(&sealed(&[1, 0x83, 11])), Ok(Parsed::Exception { code: 11, end: 5 }));
    }

    #[test]
    fn a_serial_answer_is_found_behind_noise_an_echo_and_another_unit() {
        let answer = sealed(&[1, 3, 6, 0, 1, 0, 2, 0, 3]);
        for before in [vec![0xFF, 0x00, 0x01], sealed(&[1, 3, 0, 0x6B, 0, 3]), sealed(&[2, 3, 6, 9, 9, 9, 9, 9, 9])] {
            let at = before.len();
            let buffer = [&before[..], &answer].concat();
            assert_eq!(REQUEST.answer().parse_rtu(&buffer), Ok(Parsed::Data { data: at + 3..at + 9, end: at + 11 }));
        }
    }

    #[test]
    fn a_serial_answer_of_another_length_is_refused() {
        let answer = sealed(&[1, 3, 4, 0, 1, 0, 2]);
        assert_eq!(REQUEST.answer().parse_rtu(&answer), Err(InvalidReply::ByteCount { expected: 6, found: 4 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic_or_give_data_of_another_length(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), unit in any::<u8>(), count in 1_u16..=125
        ) {
            let request = Request { unit, kind: Kind::Input, start: 0, count };
            let transaction = u16::from_be_bytes([*bytes.first().unwrap_or(&0), *bytes.get(1).unwrap_or(&0)]);
            for parsed in [request.answer().parse_mbap(&bytes, transaction), request.answer().parse_rtu(&bytes)] {
                if let Ok(Parsed::Data { data, end }) = parsed {
                    prop_assert_eq!(data.len(), request.data_bytes());
                    prop_assert!(data.end <= end && end <= bytes.len());
                }
            }
        }

        #[test]
        fn a_damaged_serial_answer_is_never_taken(
            data in proptest::collection::vec(any::<u8>(), 6), bit in 0_usize..88
        ) {
            let mut frame = sealed(&[&[1, 3, 6][..], &data].concat());
            frame[bit / 8] ^= 1 << (bit % 8);
            let is_taken = matches!(REQUEST.answer().parse_rtu(&frame), Ok(Parsed::Data { .. }));
            prop_assert!(!is_taken);
        }
    }
}
