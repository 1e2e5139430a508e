//! Every device map in `config/`, read from a simulated device whose registers are written here by hand, word by word, as
//! its manual lays them out.

use std::collections::HashSet;
use std::path::PathBuf;

use protocol::event::MachineState;

use super::Running;
use super::simulator::Simulator;
use crate::configuration::Configuration;
use crate::reading::Value;
use crate::sources::modbus::configuration::Transport;
use crate::sources::modbus::frame::Kind;

type Words<'w> = &'w [(u16, &'w [u16])];

fn number(number: f64) -> Value {
    Value::Number(number)
}

fn f32_number(number: f32) -> Value {
    Value::Number(f64::from(number))
}

fn load(file: &str) -> Configuration {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config").join(file);
    process::configuration::read::<Configuration>(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// Reads the example once from a device with these registers (all others are 0) and compares every signal of it.
async fn gives(file: &str, kind: Kind, words: Words<'_>, expected: &[(&str, Value)]) {
    let loaded = load(file);
    let mut section = loaded.modbus.into_iter().next().unwrap();
    let unit = section.devices[0].unit;
    let simulator = Simulator::default();
    for (address, words) in words {
        simulator.set(unit, kind, *address, words);
    }
    for point in section.devices[0].points(&section) {
        let extent = point.extent;
        simulator.fill(unit, extent.kind, extent.address.saturating_sub(8), extent.address + extent.width + 8);
    }
    if let Some(max) = section.devices[0].max_registers {
        simulator.limit(max);
    }
    let served = match section.transport {
        Transport::Tcp => simulator.serve_tcp().await,
        Transport::Rtu | Transport::RtuOverTcp => {
            section.transport = Transport::RtuOverTcp;
            simulator.serve_rtu_over_tcp().await
        }
    };
    section.address = Some(served.address.to_string());

    let declared: HashSet<String> =
        loaded.machines.iter().flat_map(|machine| machine.signals.keys().map(ToString::to_string)).collect();
    let fed: HashSet<String> = expected.iter().map(|(signal, _)| (*signal).to_owned()).collect();
    assert_eq!(declared, fed, "the signals of {file} and the ones this test knows");
    let mut running = Running::start(section);
    while !fed.iter().all(|signal| running.latest.contains_key(signal)) {
        running.next().await;
    }
    for (signal, value) in expected {
        assert_eq!(running.latest.get(*signal), Some(value), "{signal} of {file}");
    }
    running.stop().await;
}

#[tokio::test]
async fn eastron_sdm630_gives_its_values() {
    let words: Words<'_> = &[
        (0x0000, &[0x4366, 0x8000, 0x4367, 0x4000, 0x4365, 0xC000, 0x4128, 0x0000]),
        (0x000C, &[0x4516, 0xF800]),
        (0x0034, &[0x45E2, 0x7400]),
        (0x003E, &[0x3F73, 0x3333]),
        (0x0046, &[0x4248, 0x0000, 0x449A, 0x5000, 0x4144, 0x0000]),
        (0x0156, &[0x449B, 0xD800]),
    ];
    let expected = [
        ("voltage_l1", number(230.5)),
        ("voltage_l2", number(231.25)),
        ("voltage_l3", number(229.75)),
        ("current_l1", number(10.5)),
        ("power_l1", number(2415.5)),
        ("power_total", number(7246.5)),
        ("power_factor", f32_number(0.95)),
        ("frequency", number(50.0)),
        ("energy_import", number(1234.5)),
        ("energy_export", number(12.25)),
        ("energy_total", number(1246.75)),
    ];
    gives("modbus-sdm630.toml", Kind::Input, words, &expected).await;
}

#[tokio::test]
async fn schneider_iem3155_gives_its_values() {
    let words: Words<'_> = &[
        (0x0BB7, &[0x4128, 0x0000]),
        (0x0BD3, &[0x4366, 0x8000]),
        (0x0BF3, &[0x45E2, 0x7400]),
        (0x0C25, &[0x4247, 0xEB85]),
        // 4 294 967 297 Wh and -1 Wh.
        (0x0C83, &[0x0000, 0x0001, 0x0000, 0x0001, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        (45_117, &[0x4144, 0x0000]),
    ];
    let expected = [
        ("current_l1", number(10.5)),
        ("voltage_l1", number(230.5)),
        ("power_total", number(7246.5)),
        ("frequency", f32_number(49.98)),
        ("energy_import", Value::Integer(4_294_967_297)),
        ("energy_export", Value::Integer(-1)),
        ("pulses", number(12.25)),
    ];
    gives("modbus-iem3155.toml", Kind::Holding, words, &expected).await;
}

#[tokio::test]
async fn wago_879_gives_its_values() {
    let words: Words<'_> = &[
        (0x5002, &[0x4366, 0x8000, 0x4367, 0x4000, 0x4365, 0xC000, 0x4248, 0x0000]),
        (0x500C, &[0x4128, 0x0000]),
        (0x5012, &[0x4144, 0x0000]),
        (0x502A, &[0x3F73, 0x3333]),
        (0x600C, &[0x449A, 0x5000]),
        (0x6018, &[0x449B, 0xD800]),
    ];
    let expected = [
        ("voltage_l1", number(230.5)),
        ("voltage_l2", number(231.25)),
        ("voltage_l3", number(229.75)),
        ("frequency", number(50.0)),
        ("current_l1", number(10.5)),
        ("power_total", number(12.25)),
        ("power_factor", f32_number(0.95)),
        ("energy_import", number(1234.5)),
        ("energy_export", number(1246.75)),
    ];
    gives("modbus-wago-879.toml", Kind::Holding, words, &expected).await;
}

#[tokio::test]
async fn siemens_pac2200_gives_its_values() {
    let words: Words<'_> = &[
        (1, &[0x4366, 0x8000, 0x4367, 0x4000, 0x4365, 0xC000]),
        (13, &[0x4128, 0x0000]),
        (25, &[0x4516, 0xF800]),
        (65, &[0x45E2, 0x7400]),
        (69, &[0x3F73, 0x3333]),
        (801, &[0x419D, 0x6F34, 0x5600, 0x0000]),
        (809, &[0x4045, 0x0000, 0x0000, 0x0000]),
    ];
    let expected = [
        ("voltage_l1", number(230.5)),
        ("voltage_l2", number(231.25)),
        ("voltage_l3", number(229.75)),
        ("current_l1", number(10.5)),
        ("power_l1", number(2415.5)),
        ("power_total", number(7246.5)),
        ("power_factor", f32_number(0.95)),
        ("energy_import", number(123_456_789.5)),
        ("energy_export", number(42.0)),
    ];
    gives("modbus-pac2200.toml", Kind::Input, words, &expected).await;
}

#[tokio::test]
async fn carlo_gavazzi_em340_gives_its_values() {
    let words: Words<'_> = &[
        (0x00, &[0x0901, 0x0000]),
        (0x0C, &[0x2904, 0x0000]),
        (0x12, &[0xFFFF, 0xFFFF]),
        (0x28, &[0x5678, 0x0001]),
        (0x31, &[0xFC4A]),
        (0x33, &[0x01F4]),
        (0x34, &[0x86A1, 0x0001]),
        (0x4E, &[0x0007, 0x0000]),
    ];
    let expected = [
        ("voltage_l1", number(230.5)),
        ("current_l1", number(10.5)),
        ("power_l1", number(-0.1)),
        ("power_total", number(8767.2)),
        ("power_factor", number(-0.95)),
        ("frequency", number(50.0)),
        ("energy_import", number(10_000.1)),
        ("energy_export", number(0.7)),
    ];
    gives("modbus-em340.toml", Kind::Input, words, &expected).await;
}

#[tokio::test]
async fn abb_b_gives_its_values_and_no_sentinels() {
    let words: Words<'_> = &[
        (0x5000, &[0x0000, 0x0000, 0x0001, 0xE240, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        (0x5B00, &[0x0000, 0x0901]),
        (0x5B0C, &[0xFFFF, 0xFFFF]),
        (0x5B14, &[0xFFFF, 0xFF9C]),
        (0x5B2C, &[0x1386]),
        (0x5B3A, &[0x7FFF]),
    ];
    let expected = [
        ("energy_import", number(1234.56)),
        ("energy_export", Value::Unavailable),
        ("voltage_l1", number(230.5)),
        ("current_l1", Value::Unavailable),
        ("power_total", number(-1.0)),
        ("frequency", number(49.98)),
        ("power_factor", Value::Unavailable),
    ];
    gives("modbus-abb-b.toml", Kind::Holding, words, &expected).await;
}

#[tokio::test]
async fn schneider_altivar_gives_its_values_eight_registers_at_a_time() {
    let words: Words<'_> = &[
        (3201, &[0x0237, 0xFE0C, 0x0000, 0x0019, 0xFFFB, 0x0010, 0x0F9A, 0x0000, 0x0055]),
        (3231, &[0x2328]),
        (7121, &[0x0010]),
    ];
    let expected = [
        ("fault", Value::Bool(false)),
        ("output_frequency", number(-50.0)),
        ("motor_current", number(2.5)),
        ("torque", Value::Integer(-5)),
        ("running", Value::Bool(true)),
        ("mains_voltage", number(399.4)),
        ("motor_thermal", Value::Integer(85)),
        ("run_hours", Value::Integer(9_000)),
        ("last_fault", Value::Integer(16)),
    ];
    gives("modbus-altivar.toml", Kind::Holding, words, &expected).await;
}

#[tokio::test]
async fn a_logo_counter_over_two_words_gives_its_values() {
    let words: Words<'_> = &[(0, &[0x0001, 0x0002, 0x0003, 0xFFFF])];
    let expected = [
        ("good_count", Value::Integer(65_538)),
        ("running", Value::Bool(true)),
        ("jam", Value::Bool(true)),
        ("scrap_count", Value::Integer(65_535)),
    ];
    gives("modbus-logo.toml", Kind::Holding, words, &expected).await;
}

#[tokio::test]
async fn a_beckhoff_counter_terminal_gives_its_values() {
    let words: Words<'_> = &[(0x3000, &[0x967F, 0x0098, 0x0040])];
    let expected = [("strokes", Value::Integer(9_999_999)), ("counter_error", Value::Bool(true))];
    gives("modbus-beckhoff-counter.toml", Kind::Holding, words, &expected).await;
}

#[tokio::test]
async fn an_andon_lamp_shows_the_state_of_its_machine() {
    let loaded = load("modbus-andon-lamp.toml");
    let mut section = loaded.modbus.into_iter().next().unwrap();
    let simulator = Simulator::default();
    simulator.set(1, Kind::Discrete, 0, &[1]);
    simulator.set(1, Kind::Coil, 0, &[9, 9, 9]);
    let served = simulator.serve_tcp().await;
    section.address = Some(served.address.to_string());
    let mut running = Running::start(section);
    running.until("running", &Value::Bool(true)).await;
    assert_eq!(simulator.writes(), [], "nothing is known of the machine");
    for (state, lamps) in [
        (MachineState::Running, [0, 0, 1]),
        (MachineState::Stopped, [1, 0, 0]),
        (MachineState::Idle, [0, 1, 0]),
        (MachineState::NoData, [0, 0, 0]),
    ] {
        running.machine_is("press", state);
        let lamp = |address| simulator.get(1, Kind::Coil, address);
        let are_so = |_: &Running| [lamp(0), lamp(1), lamp(2)] == lamps.map(Some);
        running.until_so(&format!("{state:?} shows {lamps:?}"), are_so).await;
    }
    running.stop().await;
}

#[test]
fn every_modbus_example_is_tested_here() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("modbus-") {
            assert!(include_str!("examples.rs").contains(&format!("\"{name}\"")), "{name} has no test");
        }
    }
}
