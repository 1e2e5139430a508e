//! RTU on a pseudo-terminal.

use tokio_serial::{SerialPort as _, SerialStream};

use super::simulator::Simulator;
use super::{Running, section};
use crate::reading::Value;
use crate::sources::modbus::frame::Kind;
use protocol::batch::Health;

#[tokio::test]
async fn units_on_a_serial_line_are_read_and_a_silent_one_is_set_aside() {
    let (line, port) = SerialStream::pair().unwrap();
    let name = port.name().unwrap();
    // The pair's own handle locks the port; this one only keeps the terminal alive until the agent has opened it.
    let alive = std::fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
    drop(port);
    let simulator = Simulator::default();
    simulator.set(1, Kind::Holding, 0, &[7]);
    simulator.set(3, Kind::Input, 10, &[0x0001, 0x0000]);
    simulator.silence(2, true);
    let service = simulator.clone();
    let server = tokio::spawn(tokio_modbus::server::rtu::Server::new(line).serve_forever(service));
    let mut running = Running::start(section(&format!(
        r#"
        [[modbus]]
        name = "bus"
        transport = "rtu"
        port = "{name}"
        baud = 115200
        parity = "none"
        timeout_ms = 200
        interval_ms = 50
        [[modbus.device]]
        name = "one"
        unit = 1
        machine = "m"
        register = [{{ signal = "one", kind = "holding", address = 0, type = "u16" }}]
        [[modbus.device]]
        name = "two"
        unit = 2
        machine = "m"
        register = [{{ signal = "two", kind = "holding", address = 0, type = "u16" }}]
        [[modbus.device]]
        name = "three"
        unit = 3
        machine = "m"
        register = [{{ signal = "three", kind = "input", address = 10, type = "u32" }}]
        "#
    )));
    running.until("one", &Value::Integer(7)).await;
    running.until("three", &Value::Integer(65_536)).await;
    let reason = running.until_health("bus/two", Health::Down).await;
    assert!(reason.contains("unit 2") && reason.contains("no answer within 200 ms"), "{reason}");
    assert_eq!(running.status("bus/one").condition.health, Health::Good);
    simulator.set(1, Kind::Holding, 0, &[8]);
    running.until("one", &Value::Integer(8)).await;
    simulator.set(2, Kind::Holding, 0, &[9]);
    simulator.silence(2, false);
    running.until("two", &Value::Integer(9)).await;
    assert_eq!(running.until_health("bus/two", Health::Good).await, "answers");
    running.stop().await;
    server.abort();
    drop(alive);
}
