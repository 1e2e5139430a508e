//! From a register as the manual and the configuration write it to the [`Point`] that is read, or to what is wrong
//! with it.

use process::configuration::{KeyPath, Problems};

use super::configuration::{DeviceSection, ModbusSection, Point, RegisterSection, SentinelSetting};
use super::decode::{DataType, Decoding, Factor, Order, Sentinel};
use super::frame::Kind;
use super::plan::Extent;

/// Most characters of a string: what one answer holds.
const STRING_CHARACTERS_MAX: u16 = 250;

/// Builds the point of one register; None when something is wrong, which is then told to `problems` under `at`.
pub(super) fn point(
    register: &RegisterSection,
    device: &DeviceSection,
    connection: &ModbusSection,
    at: &KeyPath,
    problems: &mut Problems,
) -> Option<Point> {
    let mut faults = Faults { at, problems, any: false };
    let machine = register.machine.as_ref().or(device.machine.as_ref());
    if machine.is_none() {
        faults.add(None, "no machine is named: set `machine` here or for the device");
    }
    let kind = register.kind.or(device.kind);
    if kind.is_none() {
        faults.add(None, "`kind` is missing: expected \"holding\", \"input\", \"coil\" or \"discrete\"");
    }
    let kind = kind?;
    let data_type = data_type(register, device, kind, &mut faults)?;
    let length = length(register, data_type, &mut faults);
    let bit = bit(register, data_type, kind, &mut faults);
    let order = order(register, device, data_type, &mut faults);
    check_scaling(register, data_type, &mut faults);
    let sentinels = sentinels(register, data_type, &mut faults);
    let width = data_type.registers(length);
    let limits = device.limits(connection);
    if !kind.is_bits() && width > limits.max_registers {
        let text = format!(
            "the value takes {width} registers, but the device gives only {} at a time (max_registers): a value is \
             never put together from two answers",
            limits.max_registers
        );
        faults.add(Some("address"), text);
    }
    let address = address(register, device, width, &mut faults);
    if faults.any {
        return None;
    }
    let interval_ms = register.interval_ms.or(device.interval_ms).unwrap_or(connection.interval_ms);
    let decoding = Decoding::plain(data_type, order)
        .bit(bit)
        .length(length)
        .scaled(register.scale, register.offset)
        .not_available(sentinels);
    Some(Point {
        machine: machine?.clone(),
        signal: register.signal.clone(),
        extent: Extent { kind, address: address?, width, interval_ms },
        decoding,
    })
}

pub(super) struct Faults<'p> {
    pub(super) at: &'p KeyPath,
    pub(super) problems: &'p mut Problems,
    pub(super) any: bool,
}

impl Faults<'_> {
    pub(super) fn add(&mut self, key: Option<&str>, text: impl Into<String>) {
        let at = key.map_or_else(|| self.at.clone(), |key| self.at.key(key));
        self.problems.add(at, text);
        self.any = true;
    }
}

fn data_type(
    register: &RegisterSection,
    device: &DeviceSection,
    kind: Kind,
    faults: &mut Faults<'_>,
) -> Option<DataType> {
    if kind.is_bits() {
        if register.data_type.is_some_and(|data_type| data_type != DataType::Bit) {
            faults.add(Some("type"), "coils and discrete inputs are single bits: leave `type` out");
        }
        return Some(DataType::Bit);
    }
    if register.bit.is_some() && register.data_type.is_none() {
        return Some(DataType::Bit);
    }
    let found = register.data_type.or(device.data_type);
    if found.is_none() {
        faults.add(None, "`type` is missing: expected what the manual says, like \"u16\", \"i32\" or \"f32\"");
    }
    found
}

fn length(register: &RegisterSection, data_type: DataType, faults: &mut Faults<'_>) -> u16 {
    let max = if data_type == DataType::String { STRING_CHARACTERS_MAX } else { STRING_CHARACTERS_MAX / 2 };
    match register.length {
        None if data_type.is_string() => {
            faults.add(None, format!("`length` is missing: expected the string's characters, 1 to {max}"));
            0
        }
        Some(_) if !data_type.is_string() => {
            faults.add(Some("length"), "is only for strings: other types have their own length");
            0
        }
        Some(length) if !(1..=max).contains(&length) => {
            faults.add(Some("length"), format!("{length}: expected 1 to {max} characters"));
            0
        }
        length => length.unwrap_or(0),
    }
}

fn bit(register: &RegisterSection, data_type: DataType, kind: Kind, faults: &mut Faults<'_>) -> u8 {
    match register.bit {
        Some(_) if kind.is_bits() => faults.add(Some("bit"), "a coil or discrete input is a bit already: leave it out"),
        Some(_) if data_type != DataType::Bit => faults.add(Some("bit"), "is only for type = \"bit\""),
        Some(16..) => faults.add(Some("bit"), "expected 0 to 15, 0 being the least significant"),
        None if data_type == DataType::Bit && !kind.is_bits() => {
            faults.add(None, "`bit` is missing: expected which bit of the register, 0 to 15");
        }
        _ => {}
    }
    register.bit.unwrap_or(0)
}

/// A device's order is for its values of several registers; where one register or a string differs it must say so itself.
fn order(register: &RegisterSection, device: &DeviceSection, data_type: DataType, faults: &mut Faults<'_>) -> Order {
    if data_type.is_string() {
        if matches!(register.order, Some(Order::Cdab | Order::Dcba)) {
            faults.add(Some("order"), "strings are \"abcd\", or \"badc\" where the low byte holds the first character");
        }
        return register.order.unwrap_or_default();
    }
    if data_type.registers(0) == 1 {
        if register.order.is_some() {
            faults.add(Some("order"), "means nothing for a value of a single register: leave it out");
        }
        return Order::Abcd;
    }
    register.order.or(device.order).unwrap_or_default()
}

fn check_scaling(register: &RegisterSection, data_type: DataType, faults: &mut Faults<'_>) {
    for (key, factor) in [("scale", register.scale), ("offset", register.offset)] {
        let Some(factor) = factor else { continue };
        if data_type == DataType::Bit || data_type.is_string() {
            faults.add(Some(key), "is only for numbers");
        } else if !factor.number().is_finite() {
            faults.add(Some(key), "expected a finite number");
        } else if key == "scale" && factor.number() == 0.0 {
            faults.add(Some(key), "0 would make every value the same: expected another number");
        }
    }
}

fn sentinels(register: &RegisterSection, data_type: DataType, faults: &mut Faults<'_>) -> Vec<Sentinel> {
    let is_number = data_type.is_integer() || data_type.is_float();
    if !is_number && !register.not_available.is_empty() {
        faults.add(Some("not_available"), "is only for numbers");
        return Vec::new();
    }
    let mut sentinels = Vec::new();
    for setting in &register.not_available {
        let sentinel = if data_type.is_float() { float_sentinel(setting) } else { bit_pattern(setting, data_type) };
        match sentinel {
            Ok(sentinel) => sentinels.push(sentinel),
            Err(text) => faults.add(Some("not_available"), text),
        }
    }
    sentinels
}

fn float_sentinel(setting: &SentinelSetting) -> Result<Sentinel, String> {
    match setting {
        SentinelSetting::Integer(integer) => Ok(Sentinel::Number(Factor::Integer(*integer).number())),
        SentinelSetting::Number(number) if number.is_finite() => Ok(Sentinel::Number(*number)),
        SentinelSetting::Number(_) => Err("what is no finite number is never taken for a value: leave it out".into()),
        SentinelSetting::Text(text) => Err(format!("{text:?}: expected a number, as the type is floating point")),
    }
}

/// A sentinel may be written signed or as the manual's bit pattern: −1 and 0xFFFF are the same 16 bits.
fn bit_pattern(setting: &SentinelSetting, data_type: DataType) -> Result<Sentinel, String> {
    let bits = data_type.bits();
    let found = match setting {
        SentinelSetting::Integer(integer) => Ok(i128::from(*integer)),
        SentinelSetting::Number(number) => Err(number.to_string()),
        SentinelSetting::Text(text) => text
            .strip_prefix("0x")
            .map_or_else(|| text.parse::<i128>(), |hex| i128::from_str_radix(hex, 16))
            .map_err(|_| format!("{text:?}")),
    };
    let range = -(1_i128 << (bits - 1))..(1_i128 << bits);
    match found {
        Ok(value) if range.contains(&value) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two's complement is wanted")]
            let pattern = value as u64 & (u64::MAX >> (64 - bits));
            Ok(Sentinel::Bits(pattern))
        }
        Ok(value) => Err(format!("{value} does not fit into {bits} bits")),
        Err(found) => Err(format!("{found}: expected an integer, or one in quotes like \"0xFFFFFFFFFFFFFFFF\"")),
    }
}

fn address(register: &RegisterSection, device: &DeviceSection, width: u16, faults: &mut Faults<'_>) -> Option<u16> {
    let frame = match frame_address(register.address, device.address_base) {
        Ok(frame) => frame,
        Err(text) => {
            faults.add(Some("address"), text);
            return None;
        }
    };
    if u32::from(frame) + u32::from(width) > 65_536 {
        let last = 65_535 + u32::from(device.address_base.min(1));
        let text = format!("{} and the {} registers after it end beyond {last}", register.address, width - 1);
        faults.add(Some("address"), text);
        return None;
    }
    Some(frame)
}

/// The address in the frame of what a manual that counts from `base` calls `found`.
pub(super) fn frame_address(found: u32, base: u8) -> Result<u16, String> {
    let base = u32::from(base.min(1));
    found.checked_sub(base).and_then(|frame| u16::try_from(frame).ok()).ok_or_else(|| {
        let hint = if found > 65_536 {
            "; a manual's 4xxxxx or 3xxxxx is a number within its kind: set `kind` and leave the first digit out"
        } else {
            "; this device counts from 1 (address_base)"
        };
        format!("{found}: expected {base} to {}{hint}", 65_535 + base)
    })
}
