//! `edge-agent probe`: reads registers by hand, for the person who stands before the machine with its manual.
//!
//! Exit codes: 0 everything was read; 1 the device refused or answered wrongly, or the configuration is wrong; 2 wrong
//! usage; 3 no connection or no answer.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args};
use process::clock::SystemClock;
use serde_json::json;

use crate::configuration::Configuration;
use crate::reading::Value;
use crate::sources::modbus::configuration::{Parity, with_port};
use crate::sources::modbus::decode::{DataType, Decoding, Order};
use crate::sources::modbus::frame::{Kind, Request, exception_name, is_gateway_silence};
use crate::sources::modbus::link::{Endpoint, Link, RequestError, Timing};
use crate::sources::modbus::survey::{Found, survey};
use crate::status::StatusBoard;

const REFUSED: u8 = 1;
const USAGE: u8 = 2;
const NO_ANSWER: u8 = 3;

/// Reads Modbus registers once and shows every plausible meaning of them side by side.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("where").required(true).args(["tcp", "rtu_over_tcp", "serial", "config"])),
    group(ArgGroup::new("what").args(["coil", "discrete", "input", "holding"])),
    after_help = "Examples:\n  edge-agent probe --tcp 192.168.10.50 --holding 100 --count 4\n  \
                  edge-agent probe --serial /dev/ttyUSB0 --baud 9600 --parity none --unit 3 --input 0 --count 10\n  \
                  edge-agent probe --config agent.toml --source press-line\n\n\
                  Exit codes: 0 read, 1 refused or misconfigured, 2 wrong usage, 3 no connection or no answer."
)]
pub struct ProbeArguments {
    /// Modbus TCP device or gateway; port 502 unless given
    #[arg(long, value_name = "HOST[:PORT]")]
    tcp: Option<String>,
    /// Serial converter that passes RTU frames through TCP
    #[arg(long, value_name = "HOST[:PORT]")]
    rtu_over_tcp: Option<String>,
    /// Serial port with an RTU bus on it
    #[arg(long, value_name = "PORT")]
    serial: Option<String>,
    /// Read everything a source of this configuration is to read
    #[arg(short = 'c', long, value_name = "FILE", conflicts_with = "what")]
    config: Option<PathBuf>,
    /// Which `[[modbus]]` of the configuration; may be left out where there is only one
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,

    #[arg(long, default_value_t = 19_200, requires = "serial")]
    baud: u32,
    #[arg(long, value_enum, default_value = "even", requires = "serial")]
    parity: Parity,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2), requires = "serial")]
    stop_bits: u8,

    /// Number of the device on the bus or behind the gateway
    #[arg(long, default_value_t = 1)]
    unit: u8,
    /// First coil (function 1)
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    coil: Option<u32>,
    /// First discrete input (function 2)
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    discrete: Option<u32>,
    /// First input register (function 4)
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    input: Option<u32>,
    /// First holding register (function 3); addresses may be written 0x0BB7
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    holding: Option<u32>,
    /// How many registers or bits
    #[arg(long, default_value_t = 4)]
    count: u16,
    /// The number that the manual gives to the first register
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=1))]
    address_base: u8,
    /// How long the device may take to answer
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    timeout_ms: u32,
    /// Read again every so many milliseconds until interrupted
    #[arg(long, value_name = "INTERVAL_MS", num_args = 0..=1, default_missing_value = "1000",
          value_parser = clap::value_parser!(u32).range(10..=3_600_000))]
    watch: Option<u32>,
    /// Print JSON, one document per reading
    #[arg(long)]
    json: bool,
}

fn parse_address(text: &str) -> Result<u32, String> {
    text.strip_prefix("0x")
        .map_or_else(|| text.parse(), |hex| u32::from_str_radix(hex, 16))
        .map_err(|_| "expected a number like 100 or 0x0064".to_owned())
}

/// Why nothing, or not everything, was shown.
struct Failure {
    exit: u8,
    text: String,
}

#[must_use]
pub fn run(arguments: &ProbeArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure { exit: REFUSED, text: format!("cannot start: {error}") }),
    };
    let outcome = runtime.block_on(async {
        match &arguments.config {
            Some(file) => probe_configured(arguments, file).await,
            None => probe_by_hand(arguments).await,
        }
    });
    outcome.map_or_else(|failure| fail(&failure), |()| ExitCode::SUCCESS)
}

#[expect(clippy::print_stderr, reason = "a command's error")]
fn fail(failure: &Failure) -> ExitCode {
    eprintln!("error: {}", failure.text);
    ExitCode::from(failure.exit)
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn print(text: &str) {
    println!("{text}");
}

async fn probe_by_hand(arguments: &ProbeArguments) -> Result<(), Failure> {
    let request = arguments.request()?;
    let endpoint = arguments.endpoint();
    let place = endpoint.place().to_owned();
    let mut link = Link::new(endpoint, arguments.timing());
    loop {
        let outcome = match link.read(request).await {
            Ok(range) => Ok(link.data(range)),
            Err(error) => Err(explain(&error, request, &place)),
        };
        let Some(interval_ms) = arguments.watch else {
            print(&arguments.show(request, outcome?));
            return Ok(());
        };
        match outcome {
            Ok(data) => print(&arguments.show(request, data)),
            // Watching goes on: what does not answer may be about to.
            Err(failure) => drop(fail(&failure)),
        }
        tokio::time::sleep(Duration::from_millis(u64::from(interval_ms))).await;
    }
}

impl ProbeArguments {
    fn request(&self) -> Result<Request, Failure> {
        let usage = |text: String| Failure { exit: USAGE, text };
        let kinds = [
            (Kind::Coil, self.coil),
            (Kind::Discrete, self.discrete),
            (Kind::Input, self.input),
            (Kind::Holding, self.holding),
        ];
        let Some((kind, address)) = kinds.into_iter().find_map(|(kind, address)| address.map(|at| (kind, at))) else {
            return Err(usage("say what to read: --holding, --input, --coil or --discrete ADDRESS".to_owned()));
        };
        let max = if kind.is_bits() { 2_000 } else { 125 };
        if !(1..=max).contains(&self.count) {
            return Err(usage(format!("--count {}: expected 1 to {max}", self.count)));
        }
        let start = address
            .checked_sub(u32::from(self.address_base))
            .filter(|start| u64::from(*start) + u64::from(self.count) <= 65_536);
        match start.and_then(|start| u16::try_from(start).ok()) {
            Some(start) => Ok(Request { unit: self.unit, kind, start, count: self.count }),
            None => Err(usage(format!(
                "address {address} with --count {}: expected addresses from {} to {}; leave the first digit of a \
                 manual's 4xxxxx or 3xxxxx out",
                self.count,
                self.address_base,
                65_535 + u32::from(self.address_base)
            ))),
        }
    }

    fn endpoint(&self) -> Endpoint {
        match (&self.tcp, &self.rtu_over_tcp) {
            (Some(address), _) => Endpoint::Tcp { address: with_port(address) },
            (None, Some(address)) => Endpoint::RtuOverTcp { address: with_port(address) },
            (None, None) => Endpoint::Serial {
                port: self.serial.clone().unwrap_or_default(),
                baud: self.baud,
                parity: self.parity,
                stop_bits: self.stop_bits,
                data_bits: 8,
            },
        }
    }

    fn timing(&self) -> Timing {
        Timing {
            timeout: Duration::from_millis(u64::from(self.timeout_ms)),
            connect_timeout: Duration::from_secs(3),
            pause_after_connect: Duration::ZERO,
            pause_between_requests: Duration::ZERO,
        }
    }

    fn show(&self, request: Request, data: &[u8]) -> String {
        let first = u32::from(request.start) + u32::from(self.address_base);
        if request.kind.is_bits() {
            let bits: Vec<bool> =
                (0..usize::from(request.count)).map(|bit| (data[bit / 8] >> (bit % 8)) & 1 == 1).collect();
            return if self.json { bits_json(request, first, &bits) } else { bits_text(first, &bits) };
        }
        let registers = data.as_chunks::<2>().0;
        if self.json { registers_json(request, first, registers) } else { registers_text(first, registers) }
    }
}

fn explain(error: &RequestError, request: Request, place: &str) -> Failure {
    let what = format!("{} {} (frame address), {} of them", request.kind.name(), request.start, request.count);
    match error {
        RequestError::Connect { .. } => Failure { exit: NO_ANSWER, text: error.to_string() },
        RequestError::Timeout(_) | RequestError::Closed(_) => Failure {
            exit: NO_ANSWER,
            text: format!("unit {} at {place}: {error}; check the unit number, baud rate and wiring", request.unit),
        },
        RequestError::Exception(code) if is_gateway_silence(*code) => Failure {
            exit: NO_ANSWER,
            text: format!(
                "the gateway at {place} says exception {code} ({}): unit {} does not answer it",
                exception_name(*code),
                request.unit
            ),
        },
        RequestError::Exception(_) | RequestError::Invalid(_) => {
            Failure { exit: REFUSED, text: format!("unit {} at {place}, {what}: {error}", request.unit) }
        }
    }
}

fn bits_text(first: u32, bits: &[bool]) -> String {
    (first..).zip(bits).map(|(address, bit)| format!("{address:>6}  {}", u8::from(*bit))).collect::<Vec<_>>().join("\n")
}

fn bits_json(request: Request, first: u32, bits: &[bool]) -> String {
    json!({ "unit": request.unit, "kind": request.kind.name(), "address": first, "bits": bits }).to_string()
}

/// The value as a person reads it; what is no number is a dash.
fn text_of(value: &Value) -> String {
    match value {
        Value::Bool(bit) => bit.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(number) if number.abs() >= 1e9 || (number.abs() < 1e-4 && *number != 0.0) => {
            format!("{number:.5e}")
        }
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Unavailable => "–".to_owned(),
    }
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(bit) => json!(bit),
        Value::Integer(integer) => json!(integer),
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Unavailable => serde_json::Value::Null,
    }
}

fn decoded(data_type: DataType, order: Order, registers: &[[u8; 2]]) -> Value {
    let wire = registers.as_flattened();
    match Decoding::plain(data_type, order).registers_value(wire) {
        Ok(Value::Number(number)) if data_type == DataType::F32 => shortest_f32(number),
        Ok(value) => value,
        // Only an unsigned 64-bit value can be too large; the number is shown as close as may be.
        Err(_) => Value::Text("beyond i64".to_owned()),
    }
}

/// The shortest number that is the same 32-bit float: 0.95, not 0.949999988079071.
fn shortest_f32(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it came from 32 bits")]
    let text = (number as f32).to_string();
    Value::Number(text.parse().unwrap_or(number))
}

fn ascii(registers: &[[u8; 2]]) -> String {
    let printable = |byte: &u8| if (0x20..0x7F).contains(byte) { char::from(*byte) } else { '.' };
    registers.as_flattened().iter().map(printable).collect()
}

const WIDE: [(&str, DataType, usize); 6] = [
    ("u32", DataType::U32, 2),
    ("i32", DataType::I32, 2),
    ("f32", DataType::F32, 2),
    ("u64", DataType::U64, 4),
    ("i64", DataType::I64, 4),
    ("f64", DataType::F64, 4),
];

fn registers_text(first: u32, registers: &[[u8; 2]]) -> String {
    let mut lines = vec![format!("{:>7} {:>7} {:>7} {:>7}  {}", "address", "hex", "u16", "i16", "bits 15…0")];
    for (address, register) in (first..).zip(registers) {
        let word = u16::from_be_bytes(*register);
        lines.push(format!("{address:>7}  0x{word:04X} {word:>7} {:>7}  {word:016b}", word.cast_signed()));
    }
    for (name, data_type, width) in WIDE {
        if registers.len() < width {
            continue;
        }
        lines.push(String::new());
        let orders: Vec<String> = Order::ALL.iter().map(|order| format!("{name} {}", order.name())).collect();
        lines.push(format!("{:>7} {}", "address", columns(&orders)));
        for (address, window) in (first..).zip(registers.windows(width)) {
            let values: Vec<String> =
                Order::ALL.iter().map(|order| text_of(&decoded(data_type, *order, window))).collect();
            lines.push(format!("{address:>7} {}", columns(&values)));
        }
    }
    lines.push(String::new());
    lines.push(format!("  ascii \"{}\"", ascii(registers)));
    lines.join("\n")
}

fn columns(cells: &[String]) -> String {
    cells.iter().map(|cell| format!("{cell:>21}")).collect()
}

fn registers_json(request: Request, first: u32, registers: &[[u8; 2]]) -> String {
    let rows: Vec<serde_json::Value> = (0..registers.len())
        .map(|at| {
            let word = u16::from_be_bytes(registers[at]);
            let address = first + u32::try_from(at).unwrap_or(0);
            let mut row = json!({
                "address": address, "hex": format!("0x{word:04X}"), "u16": word, "i16": word.cast_signed(),
            });
            for (name, data_type, width) in WIDE {
                let Some(window) = registers.get(at..at + width) else { continue };
                let orders: serde_json::Map<String, serde_json::Value> = Order::ALL
                    .iter()
                    .map(|order| (order.name().to_owned(), json_of(&decoded(data_type, *order, window))))
                    .collect();
                row[name] = orders.into();
            }
            row
        })
        .collect();
    json!({
        "unit": request.unit, "kind": request.kind.name(), "address": first,
        "registers": rows, "ascii": ascii(registers),
    })
    .to_string()
}

async fn probe_configured(arguments: &ProbeArguments, file: &std::path::Path) -> Result<(), Failure> {
    let wrong = |text: String| Failure { exit: REFUSED, text };
    let configuration: Configuration = process::configuration::read(file).map_err(|error| wrong(error.to_string()))?;
    let names = || configuration.modbus.iter().map(|section| section.name.as_str()).collect::<Vec<_>>().join(", ");
    let section = match (&arguments.source, configuration.modbus.as_slice()) {
        (Some(name), all) => all.iter().find(|section| section.name.as_str() == name).ok_or_else(|| {
            wrong(format!("{} has no [[modbus]] called {name:?}: there is {}", file.display(), names()))
        })?,
        (None, [only]) => only,
        (None, []) => return Err(wrong(format!("{} has no [[modbus]]", file.display()))),
        (None, _) => {
            return Err(Failure { exit: USAGE, text: format!("say which --source: there is {}", names()) });
        }
    };
    let board = StatusBoard::new(Arc::new(SystemClock::new(0)));
    loop {
        let found = survey(section, &board).await;
        print(&if arguments.json { found_json(&found) } else { found_text(&found) });
        let Some(interval_ms) = arguments.watch else {
            let failures = found.iter().filter(|one| one.outcome.is_err()).count();
            return match failures {
                0 => Ok(()),
                all if all == found.len() => Err(Failure { exit: NO_ANSWER, text: "nothing could be read".to_owned() }),
                some => Err(wrong(format!("{some} of {} values could not be read", found.len()))),
            };
        };
        tokio::time::sleep(Duration::from_millis(u64::from(interval_ms))).await;
    }
}

fn found_text(found: &[Found]) -> String {
    let width = |cell: fn(&Found) -> usize| found.iter().map(cell).max().unwrap_or(0);
    let device_width = width(|one| one.device.len());
    let signal_width = width(|one| one.point.machine.len() + 1 + one.point.signal.len());
    let row = |one: &Found| {
        let signal = format!("{}/{}", one.point.machine, one.point.signal);
        let value = one.outcome.as_ref().map_or_else(|error| format!("error: {error}"), text_of);
        let kind = one.point.extent.kind.name();
        format!(
            "{:<device_width$}  unit {:>3}  {kind:<8} {:>5}  {signal:<signal_width$}  {value}",
            one.device, one.unit, one.address
        )
    };
    found.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn found_json(found: &[Found]) -> String {
    let rows: Vec<serde_json::Value> = found
        .iter()
        .map(|one| {
            json!({
                "device": one.device, "unit": one.unit, "machine": one.point.machine.as_str(),
                "signal": one.point.signal.as_str(), "kind": one.point.extent.kind.name(), "address": one.address,
                "value": one.outcome.as_ref().map_or(serde_json::Value::Null, json_of),
                "error": one.outcome.as_ref().err(),
            })
        })
        .collect();
    serde_json::Value::Array(rows).to_string()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        probe: ProbeArguments,
    }

    fn arguments(line: &str) -> Result<ProbeArguments, clap::Error> {
        Line::try_parse_from(line.split_whitespace()).map(|line| line.probe)
    }

    #[test]
    fn a_line_says_where_and_what() {
        let probe = arguments("probe --tcp plc --unit 3 --holding 0x10 --count 2 --address-base 1").unwrap();
        let request = probe.request().map_err(|failure| failure.text).unwrap();
        assert_eq!(request, Request { unit: 3, kind: Kind::Holding, start: 15, count: 2 });
        assert_eq!(probe.endpoint(), Endpoint::Tcp { address: "plc:502".into() });
        assert!(arguments("probe --holding 1").is_err(), "nowhere");
        assert!(arguments("probe --tcp plc --serial /dev/ttyS0 --holding 1").is_err(), "in two places");
        assert!(arguments("probe --tcp plc --holding 1 --coil 2").is_err(), "two things");
    }

    #[test]
    fn addresses_beyond_the_end_are_told() {
        for line in
            ["--holding 400101", "--holding 65535 --count 2", "--holding 0 --address-base 1", "--coil 0 --count 0"]
        {
            let probe = arguments(&format!("probe --tcp plc {line}")).unwrap();
            assert_eq!(probe.request().map_err(|failure| failure.exit).unwrap_err(), USAGE, "{line}");
        }
    }

    #[test]
    fn every_plausible_meaning_stands_side_by_side() {
        let registers = [[0x43, 0x66], [0x80, 0x00]];
        let text = registers_text(100, &registers);
        for expected in ["0x4366", "17254", "-32768", "f32 abcd", "f32 cdab", "230.5", "ascii \"Cf..\""] {
            assert!(text.contains(expected), "{expected} is missing:\n{text}");
        }
        let request = Request { unit: 1, kind: Kind::Holding, start: 100, count: 2 };
        let json: serde_json::Value = serde_json::from_str(&registers_json(request, 100, &registers)).unwrap();
        assert_eq!(json["registers"][0]["f32"]["abcd"], 230.5);
        assert_eq!(json["registers"][0]["u32"]["cdab"], 0x8000_4366_u32);
        assert_eq!(json["registers"][1]["u32"], serde_json::Value::Null);
    }
}
