//! From the bytes of registers to a [`Value`]. Pure.
//!
//! A register is two bytes, the high one first on the wire (Modbus Application Protocol V1.1b3, 4.2). How a device lays a
//! wider value over several registers is its own affair, hence [`Order`]. Integers stay exact: they never pass through
//! floating point unless the configuration scales them by a fraction, and what does not fit is no value, never another.

use serde::Deserialize;

use crate::reading::Value;

/// What the registers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// A coil, a discrete input, or one bit of a register.
    Bit,
    U8High,
    U8Low,
    I8High,
    I8Low,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    /// Two characters per register.
    String,
    /// One character per register, in its low byte.
    StringLowByte,
}

impl DataType {
    /// How many registers the value takes; `length` is a string's number of characters.
    #[must_use]
    pub fn registers(self, length: u16) -> u16 {
        match self {
            DataType::Bit
            | DataType::U8High
            | DataType::U8Low
            | DataType::I8High
            | DataType::I8Low
            | DataType::U16
            | DataType::I16 => 1,
            DataType::U32 | DataType::I32 | DataType::F32 => 2,
            DataType::U64 | DataType::I64 | DataType::F64 => 4,
            DataType::String => length.div_ceil(2),
            DataType::StringLowByte => length,
        }
    }

    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self, DataType::String | DataType::StringLowByte)
    }

    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, DataType::F32 | DataType::F64)
    }

    #[must_use]
    pub fn is_integer(self) -> bool {
        !(self.is_float() || self.is_string() || self == DataType::Bit)
    }

    /// Bits of the value; 0 for strings.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            DataType::Bit => 1,
            DataType::U8High | DataType::U8Low | DataType::I8High | DataType::I8Low => 8,
            DataType::U16 | DataType::I16 => 16,
            DataType::U32 | DataType::I32 | DataType::F32 => 32,
            DataType::U64 | DataType::I64 | DataType::F64 => 64,
            DataType::String | DataType::StringLowByte => 0,
        }
    }

    fn is_signed(self) -> bool {
        matches!(self, DataType::I8High | DataType::I8Low | DataType::I16 | DataType::I32 | DataType::I64)
    }
}

/// In which order a device sends the bytes of a value that spans registers. The letters are the bytes from the most
/// significant one (A) on; the same for four registers, where whole words or the bytes within each word are turned round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// High word first, high byte first: what the standard suggests.
    #[default]
    Abcd,
    /// Low word first, low byte first.
    Dcba,
    /// High word first, low byte first.
    Badc,
    /// Low word first, high byte first.
    Cdab,
}

impl Order {
    pub const ALL: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Order::Abcd => "abcd",
            Order::Dcba => "dcba",
            Order::Badc => "badc",
            Order::Cdab => "cdab",
        }
    }

    /// The value's bits from up to four registers, as they came.
    fn bits(self, wire: &[u8]) -> u64 {
        let words = wire.as_chunks::<2>().0;
        let word = |bytes: &[u8; 2]| match self {
            Order::Abcd | Order::Cdab => u64::from(u16::from_be_bytes(*bytes)),
            Order::Badc | Order::Dcba => u64::from(u16::from_le_bytes(*bytes)),
        };
        let join = |bits: u64, bytes: &[u8; 2]| (bits << 16) | word(bytes);
        match self {
            Order::Abcd | Order::Badc => words.iter().fold(0, join),
            Order::Cdab | Order::Dcba => words.iter().rev().fold(0, join),
        }
    }
}

/// A number in the configuration: written without a fraction it keeps integers exact.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Factor {
    Integer(i64),
    Number(f64),
}

impl Factor {
    /// The integer that this is, also when it is written `1.0`.
    fn exact(self) -> Option<i64> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
        match self {
            Factor::Integer(integer) => Some(integer),
            #[expect(clippy::cast_possible_truncation, reason = "an integer below 2^53")]
            Factor::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT_MAX => Some(number as i64),
            Factor::Number(_) => None,
        }
    }

    #[must_use]
    pub fn number(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "used where the result is floating point anyway")]
            Factor::Integer(integer) => integer as f64,
            Factor::Number(number) => number,
        }
    }
}

/// `value × scale + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scaling {
    /// Integers all the way.
    Exact {
        scale: i64,
        offset: i64,
    },
    Multiply {
        scale: f64,
        offset: f64,
    },
    /// The scale is one part of a whole number: dividing gives 230.1 where multiplying gives 230.10000000000002.
    Divide {
        divisor: f64,
        offset: f64,
    },
}

impl Scaling {
    fn new(scale: Option<Factor>, offset: Option<Factor>) -> Scaling {
        let (scale, offset) = (scale.unwrap_or(Factor::Integer(1)), offset.unwrap_or(Factor::Integer(0)));
        if let (Some(scale), Some(offset)) = (scale.exact(), offset.exact()) {
            return Scaling::Exact { scale, offset };
        }
        let (scale, offset) = (scale.number(), offset.number());
        let divisor = (1.0 / scale).round();
        #[expect(clippy::float_cmp, reason = "only the very same number will do")]
        if divisor.abs() > 1.0 && 1.0 / divisor == scale {
            return Scaling::Divide { divisor, offset };
        }
        Scaling::Multiply { scale, offset }
    }

    fn number(self, raw: f64) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "the raw value is floating point")]
            Scaling::Exact { scale, offset } => raw * scale as f64 + offset as f64,
            Scaling::Multiply { scale, offset } => raw * scale + offset,
            Scaling::Divide { divisor, offset } => raw / divisor + offset,
        }
    }
}

/// Bit patterns that mean "not available".
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sentinel {
    /// Of the raw value, in its own width.
    Bits(u64),
    /// Of a floating-point value before scaling.
    Number(f64),
}

/// How one value is read out of its registers.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoding {
    data_type: DataType,
    order: Order,
    bit: u8,
    length: u16,
    scaling: Scaling,
    not_available: Box<[Sentinel]>,
}

/// The value is right, but larger than what the agent stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is beyond the range of a signed 64-bit integer")]
pub struct Beyond;

impl Decoding {
    /// A value as it stands: not scaled, no bit picked.
    #[must_use]
    pub fn plain(data_type: DataType, order: Order) -> Decoding {
        let scaling = Scaling::new(None, None);
        Decoding { data_type, order, bit: 0, length: 0, scaling, not_available: Box::default() }
    }

    /// `bit` counts from the least significant one, 0 to 15.
    #[must_use]
    pub fn bit(self, bit: u8) -> Decoding {
        Decoding { bit, ..self }
    }

    #[must_use]
    pub fn length(self, length: u16) -> Decoding {
        Decoding { length, ..self }
    }

    #[must_use]
    pub fn scaled(self, scale: Option<Factor>, offset: Option<Factor>) -> Decoding {
        Decoding { scaling: Scaling::new(scale, offset), ..self }
    }

    pub(super) fn not_available(self, sentinels: Vec<Sentinel>) -> Decoding {
        Decoding { not_available: sentinels.into(), ..self }
    }

    /// How many registers the value takes.
    #[must_use]
    pub fn registers(&self) -> u16 {
        self.data_type.registers(self.length)
    }

    /// Reads the value from exactly its own registers, as they came over the wire.
    pub fn registers_value(&self, wire: &[u8]) -> Result<Value, Beyond> {
        debug_assert_eq!(wire.len(), usize::from(self.registers()) * 2);
        match self.data_type {
            DataType::Bit => Ok(Value::Bool((self.order.bits(wire) >> self.bit) & 1 == 1)),
            DataType::String | DataType::StringLowByte => Ok(Value::Text(self.text(wire))),
            #[expect(clippy::cast_possible_truncation, reason = "two registers are 32 bits")]
            DataType::F32 => Ok(self.float(f64::from(f32::from_bits(self.order.bits(wire) as u32)))),
            DataType::F64 => Ok(self.float(f64::from_bits(self.order.bits(wire)))),
            DataType::U8High | DataType::I8High => self.integer(u64::from(wire[0])),
            DataType::U8Low | DataType::I8Low => self.integer(u64::from(wire[1])),
            DataType::U16 | DataType::I16 | DataType::U32 | DataType::I32 | DataType::U64 | DataType::I64 => {
                self.integer(self.order.bits(wire))
            }
        }
    }

    fn float(&self, raw: f64) -> Value {
        #[expect(clippy::float_cmp, reason = "a sentinel is one exact number")]
        let is_sentinel = |sentinel: &Sentinel| match (*sentinel, self.data_type) {
            #[expect(clippy::cast_possible_truncation, reason = "compared in the width that the device knows")]
            (Sentinel::Number(number), DataType::F32) => f64::from(number as f32) == raw,
            (Sentinel::Number(number), _) => number == raw,
            (Sentinel::Bits(_), _) => false,
        };
        if !raw.is_finite() || self.not_available.iter().any(is_sentinel) {
            return Value::Unavailable;
        }
        let scaled = self.scaling.number(raw);
        if scaled.is_finite() { Value::Number(scaled) } else { Value::Unavailable }
    }

    fn integer(&self, bits: u64) -> Result<Value, Beyond> {
        if self.not_available.contains(&Sentinel::Bits(bits)) {
            return Ok(Value::Unavailable);
        }
        let unused = 64 - self.data_type.bits();
        let raw = if self.data_type.is_signed() {
            i128::from((bits << unused).cast_signed() >> unused)
        } else {
            i128::from(bits)
        };
        match self.scaling {
            Scaling::Exact { scale, offset } => raw
                .checked_mul(i128::from(scale))
                .and_then(|scaled| scaled.checked_add(i128::from(offset)))
                .and_then(|exact| i64::try_from(exact).ok())
                .map(Value::Integer)
                .ok_or(Beyond),
            #[expect(clippy::cast_precision_loss, reason = "scaled by a fraction: floating point is asked for")]
            scaling => Ok(Value::Number(scaling.number(raw as f64))),
        }
    }

    /// Up to the first NUL, without trailing spaces. Devices send ASCII; other bytes are taken for Latin-1.
    fn text(&self, wire: &[u8]) -> String {
        let swapped = matches!(self.order, Order::Badc | Order::Dcba);
        let mut text = String::with_capacity(usize::from(self.length));
        for [high, low] in wire.as_chunks::<2>().0 {
            match (self.data_type, swapped) {
                (DataType::StringLowByte, _) => text.push(char::from(*low)),
                (_, false) => text.extend([char::from(*high), char::from(*low)]),
                (_, true) => text.extend([char::from(*low), char::from(*high)]),
            }
        }
        let end = text.char_indices().nth(usize::from(self.length)).map_or(text.len(), |(at, _)| at);
        text.truncate(text.find('\0').unwrap_or(text.len()).min(end));
        text.truncate(text.trim_end().len());
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

    use super::*;

    fn value(data_type: DataType, order: Order, wire: &[u8]) -> Value {
        Decoding::plain(data_type, order).registers_value(wire).unwrap()
    }

    #[test]
    fn each_order_finds_the_same_32_bit_value() {
        for (order, wire) in [
            (Order::Abcd, [0x12, 0x34, 0x56, 0x78]),
            (Order::Dcba, [0x78, 0x56, 0x34, 0x12]),
            (Order::Badc, [0x34, 0x12, 0x78, 0x56]),
            (Order::Cdab, [0x56, 0x78, 0x12, 0x34]),
        ] {
            assert_eq!(value(DataType::U32, order, &wire), Value::Integer(0x1234_5678), "{order:?}");
        }
    }

    #[test]
    fn each_order_finds_the_same_64_bit_value() {
        for (order, wire) in [
            (Order::Abcd, [1, 2, 3, 4, 5, 6, 7, 8]),
            (Order::Dcba, [8, 7, 6, 5, 4, 3, 2, 1]),
            (Order::Badc, [2, 1, 4, 3, 6, 5, 8, 7]),
            (Order::Cdab, [7, 8, 5, 6, 3, 4, 1, 2]),
        ] {
            assert_eq!(value(DataType::U64, order, &wire), Value::Integer(0x0102_0304_0506_0708), "{order:?}");
        }
    }

    #[test]
    fn signs_are_extended_from_the_width_of_the_type() {
        assert_eq!(value(DataType::I16, Order::Abcd, &[0xFF, 0xFE]), Value::Integer(-2));
        assert_eq!(value(DataType::U16, Order::Abcd, &[0xFF, 0xFE]), Value::Integer(65_534));
        assert_eq!(value(DataType::I8High, Order::Abcd, &[0x80, 0x01]), Value::Integer(-128));
        assert_eq!(value(DataType::U8Low, Order::Abcd, &[0x80, 0xFF]), Value::Integer(255));
        assert_eq!(value(DataType::I64, Order::Abcd, &[0xFF; 8]), Value::Integer(-1));
    }

    #[test]
    fn an_integer_that_does_not_fit_is_no_other_integer() {
        let whole = Decoding::plain(DataType::U64, Order::Abcd);
        assert_eq!(whole.registers_value(&[0xFF; 8]), Err(Beyond));
        assert_eq!(whole.registers_value(&[0x7F, 255, 255, 255, 255, 255, 255, 255]), Ok(Value::Integer(i64::MAX)));
        let tenfold = whole.scaled(Some(Factor::Integer(10)), None);
        assert_eq!(tenfold.registers_value(&[0x7F, 255, 255, 255, 255, 255, 255, 255]), Err(Beyond));
    }

    #[test]
    fn a_tenth_is_the_nearest_number_to_a_tenth() {
        let volts = Decoding::plain(DataType::U16, Order::Abcd).scaled(Some(Factor::Number(0.1)), None);
        assert_eq!(volts.registers_value(&2301_u16.to_be_bytes()), Ok(Value::Number(230.1)));
        let celsius =
            Decoding::plain(DataType::I16, Order::Abcd).scaled(Some(Factor::Number(0.5)), Some(Factor::Integer(-40)));
        assert_eq!(celsius.registers_value(&50_u16.to_be_bytes()), Ok(Value::Number(-15.0)));
    }

    #[test]
    fn what_is_not_a_number_is_unavailable() {
        for float in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(value(DataType::F32, Order::Abcd, &float.to_be_bytes()), Value::Unavailable);
        }
        let with_sentinel = Decoding::plain(DataType::F32, Order::Abcd).not_available(vec![Sentinel::Number(-9999.9)]);
        assert_eq!(with_sentinel.registers_value(&(-9999.9_f32).to_be_bytes()), Ok(Value::Unavailable));
    }

    #[test]
    fn strings_end_at_nul_and_lose_trailing_spaces_only() {
        let text = |data_type, order, length, wire: &[u8]| {
            Decoding::plain(data_type, order).length(length).registers_value(wire).unwrap()
        };
        assert_eq!(text(DataType::String, Order::Abcd, 4, b" A1\0"), Value::Text(" A1".into()));
        assert_eq!(text(DataType::String, Order::Badc, 3, b"BA C"), Value::Text("ABC".into()));
        assert_eq!(text(DataType::StringLowByte, Order::Abcd, 3, b"\0L\0o\0 "), Value::Text("Lo".into()));
        assert_eq!(text(DataType::String, Order::Abcd, 2, &[0xB0, b'C']), Value::Text("°C".into()));
    }

    fn any_order() -> impl Strategy<Value = Order> {
        proptest::sample::select(&Order::ALL[..])
    }

    fn encoded(order: Order, bytes: &[u8]) -> Vec<u8> {
        let mut wire = bytes.to_vec();
        if matches!(order, Order::Dcba | Order::Cdab) {
            wire.reverse();
        }
        if matches!(order, Order::Badc | Order::Cdab) {
            wire.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        wire
    }

    proptest! {
        #[test]
        fn every_integer_comes_back_exactly(integer in any::<i64>(), order in any_order()) {
            let wire = encoded(order, &integer.to_be_bytes());
            prop_assert_eq!(value(DataType::I64, order, &wire), Value::Integer(integer));
        }

        #[test]
        fn exact_scaling_agrees_with_wide_arithmetic(
            raw in any::<u32>(), scale in -1_000_000_i64..1_000_000, offset in any::<i64>(), order in any_order()
        ) {
            let decoding = Decoding::plain(DataType::U32, order)
                .scaled(Some(Factor::Integer(scale)), Some(Factor::Integer(offset)));
            let expected = i64::try_from(i128::from(raw) * i128::from(scale) + i128::from(offset));
            let found = decoding.registers_value(&encoded(order, &raw.to_be_bytes()));
            prop_assert_eq!(found, expected.map(Value::Integer).map_err(|_| Beyond));
        }

        #[test]
        fn every_finite_float_comes_back_exactly(number in any::<f64>(), order in any_order()) {
            let wire = encoded(order, &number.to_be_bytes());
            let expected = if number.is_finite() { Value::Number(number) } else { Value::Unavailable };
            prop_assert_eq!(value(DataType::F64, order, &wire), expected);
        }
    }
}
