//! `[[modbus]]`: one connection, the devices on it, and which of their registers feed which signals.
//!
//! What is said for the connection holds for its devices, what is said for a device for its registers, unless they say
//! otherwise themselves. Checking a register and building its [`Point`] is one function, so that what passed the check is
//! what is read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use process::configuration::{KeyPath, Problems};
use protocol::event::MachineState;
use protocol::id::Name;
use serde::{Deserialize, Deserializer};

use super::decode::{DataType, Decoding, Factor, Order};
use super::frame::Kind;
use super::output::Output;
use super::plan::{Extent, Limits};
use super::register;
use crate::configuration::SignalReference;

const INTERVAL_MS_MIN: u32 = 10;
const INTERVAL_MS_MAX: u32 = 86_400_000;
const TIMEOUT_MS_MAX: u32 = 60_000;
const PAUSE_MS_MAX: u32 = 10_000;
const DEVICES_MAX: usize = 247;
const REGISTERS_MAX: usize = 5_000;
const WRITES_MAX: usize = 64;
/// Of the protocol: an answer holds at most 250 bytes of data.
const READ_REGISTERS_MAX: u16 = 125;
const READ_BITS_MAX: u16 = 2_000;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusSection {
    pub name: Name,
    pub transport: Transport,
    /// `host:port` for `tcp` and `rtu_over_tcp`; without a port, 502.
    pub address: Option<String>,
    /// The serial port for `rtu`: `/dev/serial/by-id/…`, `COM3`.
    pub port: Option<String>,
    pub baud: Option<u32>,
    pub parity: Option<Parity>,
    pub stop_bits: Option<u8>,
    pub data_bits: Option<u8>,
    /// How long a device may take to answer.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u32,
    /// Silence that the device wants after a connection is made.
    #[serde(default)]
    pub pause_after_connect_ms: u32,
    /// Silence that the device wants between an answer and the next request.
    #[serde(default)]
    pub pause_between_requests_ms: u32,
    /// A device that does not answer is asked again after growing pauses, at most this long.
    #[serde(default = "silent_pause_max_ms")]
    pub silent_pause_max_ms: u32,
    /// A measured value that does not change is submitted again after this long.
    #[serde(default = "repeat_ms")]
    pub repeat_ms: u32,
    #[serde(default = "interval_ms")]
    pub interval_ms: u32,
    #[serde(default = "max_registers")]
    pub max_registers: u16,
    #[serde(default = "max_bits")]
    pub max_bits: u16,
    #[serde(default = "max_gap")]
    pub max_gap: u16,
    #[serde(default, rename = "device")]
    pub devices: Vec<DeviceSection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Tcp,
    /// RTU frames on a serial line.
    Rtu,
    /// RTU frames through a TCP connection, as plain serial converters pass them on.
    RtuOverTcp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    None,
    /// What the standard prescribes where nothing else is said.
    #[default]
    Even,
    Odd,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSection {
    pub name: Name,
    /// The device's number on the bus; over TCP the unit identifier, which only gateways look at.
    #[serde(default = "unit")]
    pub unit: u8,
    /// The machine whose signals the registers feed.
    pub machine: Option<Name>,
    pub interval_ms: Option<u32>,
    /// Most registers (bits) that the device gives in one answer.
    pub max_registers: Option<u16>,
    pub max_bits: Option<u16>,
    /// Unused registers that may be read along to save a request.
    pub max_gap: Option<u16>,
    #[serde(default)]
    pub one_request_per_register: bool,
    /// The number that the manual gives to the first register: 0 or 1.
    #[serde(default)]
    pub address_base: u8,
    /// For registers that do not say themselves.
    pub kind: Option<Kind>,
    #[serde(rename = "type")]
    pub data_type: Option<DataType>,
    pub order: Option<Order>,
    /// Shared by all who hold a copy of the section.
    #[serde(default, rename = "register", deserialize_with = "shared")]
    pub registers: Arc<[RegisterSection]>,
    /// All that is ever written to the device.
    #[serde(default, rename = "write")]
    pub writes: Vec<WriteSection>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterSection {
    pub signal: Name,
    pub machine: Option<Name>,
    pub kind: Option<Kind>,
    pub address: u32,
    #[serde(rename = "type")]
    pub data_type: Option<DataType>,
    pub order: Option<Order>,
    /// Which bit of the register, 0 being the least significant.
    pub bit: Option<u8>,
    /// Characters of a string.
    pub length: Option<u16>,
    /// value = raw × scale + offset
    pub scale: Option<Factor>,
    pub offset: Option<Factor>,
    /// Raw values that mean "no value".
    #[serde(default)]
    pub not_available: Vec<SentinelSetting>,
    pub interval_ms: Option<u32>,
}

/// A coil or register that tells people what a machine is doing, like an andon lamp.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteSection {
    pub kind: WriteKind,
    pub address: u32,
    /// The machine whose state is shown.
    pub machine: Option<Name>,
    /// The states during which `on` is written; during all others, `off`.
    pub states: Vec<MachineState>,
    #[serde(default = "on")]
    pub on: u16,
    #[serde(default)]
    pub off: u16,
    /// Functions 15 and 16 for 5 and 6, for devices that know only those.
    #[serde(default)]
    pub multiple: bool,
    /// What stays the same is written again after this long.
    #[serde(default = "write_repeat_ms")]
    pub repeat_ms: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteKind {
    Coil,
    Holding,
}

impl WriteKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WriteKind::Coil => Kind::Coil.name(),
            WriteKind::Holding => Kind::Holding.name(),
        }
    }
}

/// A sentinel as written: `-32768`, `0x7FFF`, `-9999.0`, or a text for what TOML's integers do not hold:
/// `"0xFFFFFFFFFFFFFFFF"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum SentinelSetting {
    Integer(i64),
    Number(f64),
    Text(String),
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[RegisterSection]>, D::Error> {
    Vec::deserialize(deserializer).map(Arc::from)
}

const fn timeout_ms() -> u32 {
    1_000
}
const fn connect_timeout_ms() -> u32 {
    3_000
}
const fn silent_pause_max_ms() -> u32 {
    30_000
}
const fn repeat_ms() -> u32 {
    60_000
}
const fn interval_ms() -> u32 {
    1_000
}
const fn max_registers() -> u16 {
    READ_REGISTERS_MAX
}
const fn max_bits() -> u16 {
    READ_BITS_MAX
}
const fn max_gap() -> u16 {
    8
}
const fn unit() -> u8 {
    1
}
const fn on() -> u16 {
    1
}
const fn write_repeat_ms() -> u32 {
    10_000
}

/// One value to read: where it lies, how it is decoded, whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub machine: Name,
    pub signal: Name,
    pub extent: Extent,
    pub decoding: Decoding,
}

impl ModbusSection {
    /// Where this connection goes, as a person would say it.
    #[must_use]
    pub fn place(&self) -> String {
        match self.transport {
            Transport::Rtu => self.port.clone().unwrap_or_default(),
            Transport::Tcp | Transport::RtuOverTcp => self.host_and_port(),
        }
    }

    /// `host:port`, with the standard's port where none is given.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        with_port(self.address.as_deref().unwrap_or_default())
    }

    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        self.check_transport(at, problems);
        self.check_times(at, problems);
        check_limit(self.max_registers, READ_REGISTERS_MAX, &at.key("max_registers"), problems);
        check_limit(self.max_bits, READ_BITS_MAX, &at.key("max_bits"), problems);
        check_gap(self.max_gap, &at.key("max_gap"), problems);
        if self.devices.is_empty() {
            problems.add(at.clone(), "there is nothing to read: expected at least one [[modbus.device]]");
        }
        if self.devices.len() > DEVICES_MAX {
            let text = format!("{} devices on one connection: expected at most {DEVICES_MAX}", self.devices.len());
            problems.add(at.key("device"), text);
        }
        let (mut names, mut units) = (HashSet::new(), HashMap::new());
        let mut feeds = HashSet::new();
        for (index, device) in self.devices.iter().enumerate() {
            let at = at.key("device").index(index);
            if !names.insert(&device.name) {
                let text = format!("there is another device called {:?} on this connection", &*device.name);
                problems.add(at.key("name"), text);
            }
            if let Some(other) = units.insert(device.unit, &device.name) {
                let text = format!("unit {} is also {other:?}: join the two devices or correct one", device.unit);
                problems.add(at.key("unit"), text);
            }
            device.check(self, &at, problems, &mut feeds);
        }
    }

    fn check_transport(&self, at: &KeyPath, problems: &mut Problems) {
        let serial: [(&str, bool); 5] = [
            ("port", self.port.is_some()),
            ("baud", self.baud.is_some()),
            ("parity", self.parity.is_some()),
            ("stop_bits", self.stop_bits.is_some()),
            ("data_bits", self.data_bits.is_some()),
        ];
        if self.transport != Transport::Rtu {
            for (key, _) in serial.into_iter().filter(|(_, given)| *given) {
                problems.add(at.key(key), "is only for transport = \"rtu\", a serial line");
            }
            match self.address.as_deref() {
                None => {
                    problems.add(at.clone(), "`address` is missing: expected \"host:port\" of the device or gateway")
                }
                Some(address) => {
                    if let Err(text) = check_address(address) {
                        problems.add(at.key("address"), text);
                    }
                }
            }
            return;
        }
        if self.address.is_some() {
            let text = "is only for transport = \"tcp\" and \"rtu_over_tcp\": a serial line has a `port`";
            problems.add(at.key("address"), text);
        }
        if self.port.as_deref().is_none_or(|port| port.trim().is_empty()) {
            let text = "`port` is missing: expected the serial port, like \"/dev/serial/by-id/usb-…\" or \"COM3\"";
            problems.add(at.clone(), text);
        }
        if self.baud.is_some_and(|baud| !(300..=4_000_000).contains(&baud)) {
            problems.add(at.key("baud"), "expected 300 to 4000000 bits per second; usual are 9600 and 19200");
        }
        if self.stop_bits.is_some_and(|bits| !matches!(bits, 1 | 2)) {
            problems.add(at.key("stop_bits"), "expected 1 or 2");
        }
        if self.data_bits.is_some_and(|bits| !matches!(bits, 7 | 8)) {
            problems.add(at.key("data_bits"), "expected 8 (7 is for the old ASCII transmission)");
        }
    }

    fn check_times(&self, at: &KeyPath, problems: &mut Problems) {
        for (key, found, min, max) in [
            ("timeout_ms", self.timeout_ms, 10, TIMEOUT_MS_MAX),
            ("connect_timeout_ms", self.connect_timeout_ms, 10, TIMEOUT_MS_MAX),
            ("pause_after_connect_ms", self.pause_after_connect_ms, 0, PAUSE_MS_MAX),
            ("pause_between_requests_ms", self.pause_between_requests_ms, 0, PAUSE_MS_MAX),
            ("silent_pause_max_ms", self.silent_pause_max_ms, 1_000, 3_600_000),
            ("repeat_ms", self.repeat_ms, 1_000, 3_600_000),
            ("interval_ms", self.interval_ms, INTERVAL_MS_MIN, INTERVAL_MS_MAX),
        ] {
            check_time(found, min, max, &at.key(key), problems);
        }
    }

    pub(crate) fn signals(&self, at: &KeyPath) -> Vec<SignalReference<'_>> {
        let mut references = Vec::new();
        for (index, device) in self.devices.iter().enumerate() {
            let at = at.key("device").index(index);
            for (index, register) in device.registers.iter().enumerate() {
                let at = at.key("register").index(index);
                let (at, machine) = match (&register.machine, &device.machine) {
                    (Some(machine), _) => (at, machine),
                    (None, Some(machine)) => (at.key("signal"), machine),
                    (None, None) => continue,
                };
                references.push(SignalReference { at, machine, signal: &register.signal });
            }
        }
        references
    }

    /// The machines whose states are written here, and where that is said.
    pub(crate) fn shown(&self, at: &KeyPath) -> Vec<(KeyPath, &Name)> {
        let mut shown = Vec::new();
        for (index, device) in self.devices.iter().enumerate() {
            let at = at.key("device").index(index);
            for (index, write) in device.writes.iter().enumerate() {
                match (&write.machine, &device.machine) {
                    (Some(machine), _) => shown.push((at.key("write").index(index).key("machine"), machine)),
                    (None, Some(machine)) => shown.push((at.key("machine"), machine)),
                    (None, None) => {}
                }
            }
        }
        shown
    }

    /// Which machines are polled here, and how often, a pair for each register.
    pub(crate) fn polled(&self) -> impl Iterator<Item = (&Name, u32)> {
        self.devices.iter().flat_map(|device| {
            device.registers.iter().filter_map(|register| {
                let machine = register.machine.as_ref().or(device.machine.as_ref())?;
                Some((machine, register.interval_ms.or(device.interval_ms).unwrap_or(self.interval_ms)))
            })
        })
    }
}

impl DeviceSection {
    /// The limits that hold for this device on its connection.
    #[must_use]
    pub fn limits(&self, connection: &ModbusSection) -> Limits {
        Limits {
            max_registers: self.max_registers.unwrap_or(connection.max_registers),
            max_bits: self.max_bits.unwrap_or(connection.max_bits),
            max_gap: self.max_gap.unwrap_or(connection.max_gap),
            one_request_per_register: self.one_request_per_register,
        }
    }

    /// Every register of this device that is configured without fault.
    #[must_use]
    pub fn points(&self, connection: &ModbusSection) -> Vec<Point> {
        let nowhere = KeyPath::root();
        let mut faults = Problems::default();
        self.registers
            .iter()
            .filter_map(|register| register::point(register, self, connection, &nowhere, &mut faults))
            .collect()
    }

    /// Everything that is written to this device, as far as it is configured without fault.
    pub(super) fn outputs(&self) -> Vec<Output> {
        let nowhere = KeyPath::root();
        let mut faults = Problems::default();
        self.writes.iter().filter_map(|write| Output::new(write, self, &nowhere, &mut faults)).collect()
    }

    fn check<'c>(
        &'c self,
        connection: &ModbusSection,
        at: &KeyPath,
        problems: &mut Problems,
        feeds: &mut HashSet<(&'c Name, &'c Name)>,
    ) {
        let on_bus = connection.transport != Transport::Tcp;
        if on_bus && !(1..=247).contains(&self.unit) {
            let text = format!("{} cannot be asked on a serial bus: expected 1 to 247", self.unit);
            problems.add(at.key("unit"), text);
        }
        if self.address_base > 1 {
            problems.add(at.key("address_base"), "expected 0 or 1: the number the manual gives to the first register");
        }
        if let Some(interval_ms) = self.interval_ms {
            check_time(interval_ms, INTERVAL_MS_MIN, INTERVAL_MS_MAX, &at.key("interval_ms"), problems);
        }
        if let Some(max) = self.max_registers {
            check_limit(max, READ_REGISTERS_MAX, &at.key("max_registers"), problems);
        }
        if let Some(max) = self.max_bits {
            check_limit(max, READ_BITS_MAX, &at.key("max_bits"), problems);
        }
        if let Some(max) = self.max_gap {
            check_gap(max, &at.key("max_gap"), problems);
        }
        if self.registers.is_empty() && self.writes.is_empty() {
            problems.add(at.clone(), "there is nothing to read: expected at least one [[modbus.device.register]]");
        }
        self.check_writes(at, problems);
        if self.registers.len() > REGISTERS_MAX {
            let text = format!("{} registers: expected at most {REGISTERS_MAX} per device", self.registers.len());
            problems.add(at.key("register"), text);
        }
        for (index, register) in self.registers.iter().enumerate() {
            let at = at.key("register").index(index);
            register::point(register, self, connection, &at, problems);
            if let Some(interval_ms) = register.interval_ms {
                check_time(interval_ms, INTERVAL_MS_MIN, INTERVAL_MS_MAX, &at.key("interval_ms"), problems);
            }
            if let Some(machine) = register.machine.as_ref().or(self.machine.as_ref())
                && !feeds.insert((machine, &register.signal))
            {
                let text = format!("{:?} of machine {machine:?} is fed by another register already", &*register.signal);
                problems.add(at.key("signal"), text);
            }
        }
    }

    fn check_writes(&self, at: &KeyPath, problems: &mut Problems) {
        if self.writes.len() > WRITES_MAX {
            let text = format!("{} writes: expected at most {WRITES_MAX} per device", self.writes.len());
            problems.add(at.key("write"), text);
        }
        let mut written = HashSet::new();
        for (index, write) in self.writes.iter().enumerate() {
            let at = at.key("write").index(index);
            Output::new(write, self, &at, problems);
            if !written.insert((write.kind, write.address)) {
                let text = format!("{} {} is written by another entry already", write.kind.name(), write.address);
                problems.add(at.key("address"), text);
            }
        }
    }
}

/// An address with the standard's port where it has none.
#[must_use]
pub fn with_port(address: &str) -> String {
    let bracketed = address.rfind(']').map_or(address, |end| &address[end..]);
    if bracketed.contains(':') { address.to_owned() } else { format!("{address}:502") }
}

fn check_address(address: &str) -> Result<(), String> {
    let whole = with_port(address);
    let expected = "expected \"host:port\", like \"192.168.10.21:502\" or \"[fd00::21]:502\"";
    let Some((host, port)) = whole.rsplit_once(':') else { return Err(format!("{address:?}: {expected}")) };
    if host.is_empty() || host.contains([' ', '/']) || (host.contains(':') && !host.starts_with('[')) {
        return Err(format!("{address:?} is no address: {expected}"));
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err(format!("{port:?} is no port: {expected}")),
    }
}

fn check_time(found_ms: u32, min_ms: u32, max_ms: u32, at: &KeyPath, problems: &mut Problems) {
    if !(min_ms..=max_ms).contains(&found_ms) {
        problems.add(at.clone(), format!("{found_ms} ms: expected {min_ms} to {max_ms}"));
    }
}

fn check_limit(found: u16, max: u16, at: &KeyPath, problems: &mut Problems) {
    if !(1..=max).contains(&found) {
        problems.add(at.clone(), format!("{found}: expected 1 to {max}, which is the protocol's own limit"));
    }
}

fn check_gap(found: u16, at: &KeyPath, problems: &mut Problems) {
    if found >= READ_REGISTERS_MAX {
        problems.add(at.clone(), format!("{found}: expected 0 to {}", READ_REGISTERS_MAX - 1));
    }
}

#[cfg(test)]
mod tests;
