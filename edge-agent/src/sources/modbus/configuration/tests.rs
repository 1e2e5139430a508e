use process::configuration::{Checked, parse};

use super::*;

/// The part of a configuration file that is this module's.
#[derive(Debug, serde::Deserialize)]
struct Sources {
    modbus: Vec<ModbusSection>,
}

impl Checked for Sources {
    fn check(&self, problems: &mut Problems) {
        for (index, section) in self.modbus.iter().enumerate() {
            section.check(&KeyPath::root().key("modbus").index(index), problems);
        }
    }
}

const DEVICE: &str = r#"
[[modbus]]
name = "line"
transport = "tcp"
address = "10.0.0.1"

[[modbus.device]]
name = "press"
machine = "press"
kind = "holding"
type = "u16"
"#;

fn with_registers(device: &str, registers: &str) -> String {
    format!("{DEVICE}{device}\nregister = [{registers}]\n")
}

fn problems(text: &str) -> String {
    parse::<Sources>(text, "agent.toml").unwrap_err().to_string()
}

fn points(device: &str, registers: &str) -> Vec<Point> {
    let sources = parse::<Sources>(&with_registers(device, registers), "agent.toml").unwrap();
    sources.modbus[0].devices[0].points(&sources.modbus[0])
}

#[test]
fn a_device_lends_its_registers_what_they_do_not_say() {
    let points = points(
        "order = \"cdab\"\ninterval_ms = 500",
        r#"{ signal = "count", address = 4 }, { signal = "total", address = 10, type = "u32", kind = "input" }"#,
    );
    assert_eq!(points[0].extent, Extent { kind: Kind::Holding, address: 4, width: 1, interval_ms: 500 });
    assert_eq!(points[1].extent, Extent { kind: Kind::Input, address: 10, width: 2, interval_ms: 500 });
    assert_eq!(points[1].decoding, Decoding::plain(DataType::U32, Order::Cdab));
}

#[test]
fn a_manual_that_counts_from_one_is_taken_at_its_word() {
    let points = points("address_base = 1", r#"{ signal = "count", address = 65536 }"#);
    assert_eq!(points[0].extent.address, 65_535);
}

#[test]
fn every_fault_of_a_register_is_told_where_it_is() {
    for (device, register, expected) in [
        ("", r#"{ signal = "a", address = 65536 }"#, "register[0].address: 65536: expected 0 to 65535"),
        ("", r#"{ signal = "a", address = 400101 }"#, "leave the first digit out"),
        ("address_base = 1", r#"{ signal = "a", address = 0 }"#, "address: 0: expected 1 to 65536"),
        ("", r#"{ signal = "a", address = 65535, type = "u32" }"#, "and the 1 registers after it end beyond 65535"),
        ("", r#"{ signal = "a", address = 1, order = "cdab" }"#, "order: means nothing for a value of a single"),
        ("", r#"{ signal = "a", address = 1, type = "string" }"#, "`length` is missing"),
        ("", r#"{ signal = "a", address = 1, length = 4 }"#, "length: is only for strings"),
        ("", r#"{ signal = "a", address = 1, type = "string", length = 251 }"#, "length: 251: expected 1 to 250"),
        ("", r#"{ signal = "a", address = 1, bit = 16 }"#, "bit: expected 0 to 15"),
        ("", r#"{ signal = "a", address = 1, type = "u16", bit = 1 }"#, "bit: is only for type = \"bit\""),
        ("", r#"{ signal = "a", address = 1, kind = "coil", type = "u16" }"#, "single bits: leave `type` out"),
        ("", r#"{ signal = "a", address = 1, scale = 0 }"#, "scale: 0 would make every value the same"),
        ("", r#"{ signal = "a", address = 1, not_available = [65536] }"#, "65536 does not fit into 16 bits"),
        ("", r#"{ signal = "a", address = 1, interval_ms = 5 }"#, "interval_ms: 5 ms: expected 10 to"),
        ("max_registers = 2", r#"{ signal = "a", address = 1, type = "f64" }"#, "takes 4 registers, but the device"),
        ("max_registers = 126", r#"{ signal = "a", address = 1 }"#, "max_registers: 126: expected 1 to 125"),
        ("address_base = 2", r#"{ signal = "a", address = 9 }"#, "address_base: expected 0 or 1"),
        ("", r#"{ signal = "a", address = 1 }, { signal = "a", address = 2 }"#, "is fed by another register"),
    ] {
        let found = problems(&with_registers(device, register));
        assert!(found.contains(expected), "{register}\n  gave: {found}");
        assert!(found.starts_with("agent.toml:"), "{found}");
    }
}

#[test]
fn every_fault_of_a_write_is_told_where_it_is() {
    let register = r#"{ signal = "a", address = 1 }"#;
    for (device, write, expected) in [
        ("", r#"kind = "coil", address = 65536, states = ["stopped"]"#, "write[0].address: 65536: expected 0 to 65535"),
        ("address_base = 1", r#"kind = "coil", address = 0, states = ["stopped"]"#, "address: 0: expected 1 to 65536"),
        ("", r#"kind = "coil", address = 0, states = []"#, "states: expected at least one state"),
        ("", r#"kind = "coil", address = 0"#, "missing field `states`"),
        ("", r#"kind = "input", address = 0, states = ["stopped"]"#, "`coil` or `holding`"),
        ("", r#"kind = "coil", address = 0, states = ["halted"]"#, "unknown variant `halted`"),
        ("", r#"kind = "coil", address = 0, states = ["stopped"], on = 2"#, "on: 2: a coil is 0 or 1"),
        ("", r#"kind = "coil", address = 0, states = ["stopped"], on = 0"#, "on: 0 is also `off`"),
        ("", r#"kind = "holding", address = 0, states = ["stopped"], on = 65536"#, "65536"),
        ("", r#"kind = "coil", address = 0, states = ["stopped"], repeat_ms = 9"#, "repeat_ms: 9 ms: expected 1000 to"),
        (
            "",
            r#"kind = "coil", address = 0, states = ["idle"] }, { kind = "coil", address = 0, states = ["idle"]"#,
            "write[1].address: coil 0 is written by another entry",
        ),
    ] {
        let found = problems(&with_registers(&format!("{device}\nwrite = [{{ {write} }}]"), register));
        assert!(found.contains(expected), "{write}\n  gave: {found}");
    }
    let nobody = "[[modbus]]\nname = 'l'\ntransport = 'tcp'\naddress = 'a'\n[[modbus.device]]\nname = 'lamp'\n\
                  write = [{ kind = 'coil', address = 0, states = ['idle'] }]\n";
    assert!(problems(nobody).contains("no machine is named"), "{}", problems(nobody));
}

#[test]
fn a_device_may_be_only_written() {
    let lamp = DEVICE.to_owned() + r#"write = [{ kind = "coil", address = 3, states = ["stopped", "no_data"] }]"#;
    let sources = parse::<Sources>(&lamp, "agent.toml").unwrap();
    assert_eq!(sources.modbus[0].devices[0].outputs().len(), 1);
    let (at, machine) = sources.modbus[0].shown(&KeyPath::root()).remove(0);
    assert_eq!((at.to_string().as_str(), machine.as_str()), ("device[0].machine", "press"));
}

#[test]
fn sentinels_are_bit_patterns_however_they_are_written() {
    let decoded = |register: &str, wire: &[u8]| points("", register)[0].decoding.registers_value(wire).unwrap();
    let unavailable = crate::reading::Value::Unavailable;
    for register in [
        r#"{ signal = "a", address = 0, type = "i16", not_available = [-32768, 0x7FFF] }"#,
        r#"{ signal = "a", address = 0, type = "i16", not_available = ["0x7fff"] }"#,
    ] {
        assert_eq!(decoded(register, &[0x7F, 0xFF]), unavailable, "{register}");
    }
    for sentinel in ["-1", r#""0xFFFFFFFFFFFFFFFF""#, r#""18446744073709551615""#] {
        let register = format!(r#"{{ signal = "a", address = 0, type = "u64", not_available = [{sentinel}] }}"#);
        assert_eq!(decoded(&register, &[0xFF; 8]), unavailable, "{register}");
    }
}

#[test]
fn a_connection_says_what_its_transport_needs() {
    let section = |text: &str| {
        format!(
            "[[modbus]]\nname = \"line\"\n{text}\n[[modbus.device]]\nname = \"d\"\nmachine = \"m\"\nkind = \"coil\"\n\
             register = [{{ signal = \"a\", address = 0 }}]\n"
        )
    };
    for (text, expected) in [
        ("transport = \"tcp\"", "`address` is missing"),
        ("transport = \"tcp\"\naddress = \"a b:1\"", "is no address"),
        ("transport = \"tcp\"\naddress = \"plc:70000\"", "is no port"),
        ("transport = \"tcp\"\naddress = \"plc\"\nbaud = 9600", "baud: is only for transport = \"rtu\""),
        ("transport = \"rtu\"", "`port` is missing"),
        ("transport = \"rtu\"\nport = \"COM1\"\naddress = \"plc\"", "address: is only for"),
        ("transport = \"rtu\"\nport = \"COM1\"\nstop_bits = 3", "stop_bits: expected 1 or 2"),
        ("transport = \"rtu\"\nport = \"COM1\"\ntimeout_ms = 1", "timeout_ms: 1 ms: expected 10 to 60000"),
        ("transport = \"rtu-over-tcp\"", "did you mean `rtu_over_tcp`?"),
    ] {
        let found = problems(&section(text));
        assert!(found.contains(expected), "{text}\n  gave: {found}");
    }
}

#[test]
fn two_devices_do_not_share_a_name_or_a_unit() {
    let second = "\n[[modbus.device]]\nname = \"press\"\nmachine = \"m\"\nkind = \"coil\"\n\
                  register = [{ signal = \"a\", address = 0 }]\n";
    let found = problems(&(with_registers("", r#"{ signal = "a", address = 1 }"#) + second));
    assert!(found.contains("another device called \"press\""), "{found}");
    assert!(found.contains("unit 1 is also"), "{found}");
}

#[test]
fn an_address_without_a_port_is_given_the_standard_one() {
    for (address, expected) in
        [("plc", "plc:502"), ("plc:1502", "plc:1502"), ("[fd00::1]", "[fd00::1]:502"), ("[fd00::1]:1", "[fd00::1]:1")]
    {
        assert_eq!(with_port(address), expected);
    }
}
