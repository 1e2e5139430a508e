//! The functions that write: 5 and 6 one value, 15 and 16 several.

use super::{Answer, Body, Confirmed};

const COIL_ON: u16 = 0xFF00;

/// What is to be written to one unit; the address is that of the frame, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'v> {
    pub unit: u8,
    pub start: u16,
    pub values: Values<'v>,
}

/// Of several, a frame holds 1968 coils or 123 registers; one that is given more is refused by every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values<'v> {
    Coil(bool),
    Register(u16),
    Coils(&'v [bool]),
    Registers(&'v [u16]),
}

impl Write<'_> {
    /// Appends unit, function and what follows.
    pub fn put(&self, body: &mut Vec<u8>) {
        let Confirmed { start, value } = self.confirmed();
        body.extend([self.unit, self.function()]);
        body.extend(start.to_be_bytes());
        body.extend(value.to_be_bytes());
        match self.values {
            Values::Coil(_) | Values::Register(_) => {}
            Values::Coils(coils) => {
                body.push(count_byte(coils.len().div_ceil(8)));
                let byte = |eight: &[bool]| eight.iter().rev().fold(0, |byte, on| byte << 1 | u8::from(*on));
                body.extend(coils.chunks(8).map(byte));
            }
            Values::Registers(words) => {
                body.push(count_byte(words.len() * 2));
                body.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            }
        }
    }

    #[must_use]
    pub fn answer(&self) -> Answer {
        Answer { unit: self.unit, function: self.function(), body: Body::Confirmation(self.confirmed()) }
    }

    fn function(&self) -> u8 {
        match self.values {
            Values::Coil(_) => 5,
            Values::Register(_) => 6,
            Values::Coils(_) => 15,
            Values::Registers(_) => 16,
        }
    }

    fn confirmed(&self) -> Confirmed {
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let value = match self.values {
            Values::Coil(on) => COIL_ON * u16::from(on),
            Values::Register(word) => word,
            Values::Coils(coils) => count(coils.len()),
            Values::Registers(words) => count(words.len()),
        };
        Confirmed { start: self.start, value }
    }
}

fn count_byte(bytes: usize) -> u8 {
    u8::try_from(bytes).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;
    use crate::sources::modbus::frame::{InvalidReply, Parsed, put_mbap, put_rtu};

    /// V1.1b3: what is written, its request and its answer, each without the unit.
    const STANDARD: [(Write<'_>, &[u8], &[u8]); 4] = [
        // 6.5: coil 173 on.
        (write(0xAC, Values::Coil(true)), &[5, 0x00, 0xAC, 0xFF, 0x00], &[5, 0x00, 0xAC, 0xFF, 0x00]),
        // 6.6: register 2 to 3.
        (write(1, Values::Register(3)), &[6, 0x00, 0x01, 0x00, 0x03], &[6, 0x00, 0x01, 0x00, 0x03]),
        // 6.11: ten coils from 20 on.
        (
            write(0x13, Values::Coils(&[true, false, true, true, false, false, true, true, true, false])),
            &[15, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01],
            &[15, 0x00, 0x13, 0x00, 0x0A],
        ),
        // 6.12: two registers from 2 on.
        (
            write(1, Values::Registers(&[0x000A, 0x0102])),
            &[16, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02],
            &[16, 0x00, 0x01, 0x00, 0x02],
        ),
    ];

    const fn write(start: u16, values: Values<'_>) -> Write<'_> {
        Write { unit: 17, start, values }
    }

    fn tcp(pdu: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        put_mbap(&mut frame, 7, &[&[17], pdu].concat());
        frame
    }

    fn serial(pdu: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        put_rtu(&mut frame, &[&[17], pdu].concat());
        frame
    }

    #[test]
    fn requests_are_those_of_the_standard() {
        for (write, request, _) in STANDARD {
            let mut body = Vec::new();
            write.put(&mut body);
            assert_eq!(body, [&[17], request].concat(), "{write:?}");
        }
    }

    #[test]
    fn the_answers_of_the_standard_are_taken_on_both_transports() {
        for (write, _, answer) in STANDARD {
            let wanted = write.answer();
            assert_eq!(wanted.parse_mbap(&tcp(answer), 7), Ok(Parsed::Data { data: 8..12, end: 12 }), "{write:?}");
            assert_eq!(wanted.parse_mbap(&tcp(answer), 8), Ok(Parsed::Stale(12)), "{write:?}");
            assert_eq!(wanted.parse_rtu(&serial(answer)), Ok(Parsed::Data { data: 2..6, end: 8 }), "{write:?}");
            assert_eq!(serial(answer).len(), wanted.rtu_bytes());
        }
    }

    #[test]
    fn a_confirmation_of_anything_else_is_refused() {
        for (write, _, answer) in STANDARD {
            for at in 1..5 {
                let mut other = answer.to_vec();
                other[at] ^= 0x01;
                let refused = |parsed| matches!(parsed, Err(InvalidReply::Confirmation { .. }));
                assert!(refused(write.answer().parse_mbap(&tcp(&other), 7)), "{write:?} {at}");
                assert!(refused(write.answer().parse_rtu(&serial(&other))), "{write:?} {at}");
            }
            let short = write.answer().parse_mbap(&tcp(&answer[..4]), 7);
            assert_eq!(short, Err(InvalidReply::ByteCount { expected: 4, found: 3 }));
            let long = write.answer().parse_mbap(&tcp(&[answer, &[0]].concat()), 7);
            assert_eq!(long, Err(InvalidReply::ByteCount { expected: 4, found: 5 }));
        }
    }

    #[test]
    fn a_refusal_is_read_on_both_transports() {
        for (write, request, _) in STANDARD {
            let refusal = [request[0] | 0x80, 2];
            assert_eq!(write.answer().parse_mbap(&tcp(&refusal), 7), Ok(Parsed::Exception { code: 2, end: 9 }));
            assert_eq!(write.answer().parse_rtu(&serial(&refusal)), Ok(Parsed::Exception { code: 2, end: 5 }));
        }
    }

    #[test]
    fn the_echo_of_an_adapter_is_not_taken_for_the_confirmation_of_several() {
        for (write, request, answer) in &STANDARD[2..] {
            assert_eq!(write.answer().parse_rtu(&serial(request)), Ok(Parsed::Incomplete));
            let both = [serial(request), serial(answer)].concat();
            let at = serial(request).len();
            let found = Parsed::Data { data: at + 2..at + 6, end: at + 8 };
            assert_eq!(write.answer().parse_rtu(&both), Ok(found));
        }
    }

    proptest! {
        #[test]
        fn every_coil_and_register_is_where_the_standard_puts_it(
            start in any::<u16>(),
            coils in proptest::collection::vec(any::<bool>(), 1..=1_968),
            words in proptest::collection::vec(any::<u16>(), 1..=123),
        ) {
            let (mut as_coils, mut as_words) = (Vec::new(), Vec::new());
            write(start, Values::Coils(&coils)).put(&mut as_coils);
            write(start, Values::Registers(&words)).put(&mut as_words);
            prop_assert_eq!(usize::from(as_coils[6]), as_coils.len() - 7);
            prop_assert_eq!(usize::from(as_words[6]), as_words.len() - 7);
            for (at, on) in coils.iter().enumerate() {
                prop_assert_eq!((as_coils[7 + at / 8] >> (at % 8)) & 1 == 1, *on);
            }
            for (at, word) in words.iter().enumerate() {
                prop_assert_eq!(&as_words[7 + 2 * at..9 + 2 * at], &word.to_be_bytes());
            }
        }

        #[test]
        fn no_bytes_but_the_confirmation_are_taken(
            bytes in proptest::collection::vec(any::<u8>(), 0..40), start in any::<u16>(), word in any::<u16>()
        ) {
            let write = write(start, Values::Register(word));
            let wanted = [&[6], &start.to_be_bytes()[..], &word.to_be_bytes()].concat();
            if let Ok(Parsed::Data { data, .. }) = write.answer().parse_rtu(&bytes) {
                prop_assert_eq!(&bytes[data], &wanted[1..]);
            }
            if let Ok(Parsed::Data { data, .. }) = write.answer().parse_mbap(&bytes, 7) {
                prop_assert_eq!(&bytes[data], &wanted[1..]);
            }
        }

        #[test]
        fn a_damaged_serial_confirmation_is_never_taken(word in any::<u16>(), bit in 0_usize..64) {
            let [high, low] = word.to_be_bytes();
            let mut frame = serial(&[6, 0, 1, high, low]);
            frame[bit / 8] ^= 1 << (bit % 8);
            let is_taken = matches!(write(1, Values::Register(word)).answer().parse_rtu(&frame), Ok(Parsed::Data { .. }));
            prop_assert_eq!(is_taken, false);
        }
    }
}
