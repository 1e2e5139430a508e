//! Lamps and horns: what is written, when, and what becomes of it when it fails.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use protocol::batch::Health;
use protocol::event::MachineState::{NoData, Running as Runs, Stopped};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::simulator::Simulator;
use super::{Running, section};
use crate::reading::Value;
use crate::sources::modbus::configuration::ModbusSection;
use crate::sources::modbus::frame::Kind;

const REGISTER: &str = r#"register = [{ signal = "n", kind = "holding", address = 100, type = "u16" }]"#;
const NEVER_AGAIN: &str = "repeat_ms = 3600000";

/// One device that shows the state of machine `m`.
fn lamp(transport: &str, address: &str, register: &str, write: &str) -> ModbusSection {
    section(&format!(
        r#"
        [[modbus]]
        name = "line"
        transport = "{transport}"
        address = "{address}"
        timeout_ms = 5000
        interval_ms = 20
        silent_pause_max_ms = 1000
        [[modbus.device]]
        name = "d"
        machine = "m"
        {register}
        [[modbus.device.write]]
        states = ["stopped"]
        {write}
        "#
    ))
}

/// For tests in which something is not answered.
fn impatient(mut section: ModbusSection) -> ModbusSection {
    section.timeout_ms = 500;
    section
}

fn tcp_lamp(address: SocketAddr, write: &str) -> ModbusSection {
    lamp("tcp", &address.to_string(), REGISTER, &format!("kind = \"coil\"\naddress = 7\n{write}"))
}

fn with_a_coil() -> Simulator {
    let simulator = Simulator::default();
    simulator.set(1, Kind::Holding, 100, &[1]);
    simulator.set(1, Kind::Coil, 7, &[0]);
    simulator
}

#[tokio::test]
async fn every_writing_function_follows_the_state_on_every_transport() {
    for (function, kind, write, on) in [
        (5, Kind::Coil, "kind = \"coil\"", 1),
        (6, Kind::Holding, "kind = \"holding\"\non = 0x1234", 0x1234),
        (15, Kind::Coil, "kind = \"coil\"\nmultiple = true", 1),
        (16, Kind::Holding, "kind = \"holding\"\nmultiple = true\non = 0x1234", 0x1234),
    ] {
        for transport in ["tcp", "rtu_over_tcp"] {
            let simulator = with_a_coil();
            simulator.set(1, kind, 7, &[0xBAD]);
            let served =
                if transport == "tcp" { simulator.serve_tcp().await } else { simulator.serve_rtu_over_tcp().await };
            let write = format!("{write}\naddress = 7\n{NEVER_AGAIN}");
            let mut running = Running::start(lamp(transport, &served.address.to_string(), REGISTER, &write));
            let mut expected = Vec::new();
            for (state, value) in [(Runs, 0), (Stopped, on), (NoData, 0), (Stopped, on)] {
                running.machine_is("m", state);
                let is_so = |_: &Running| simulator.get(1, kind, 7) == Some(value);
                running.until_so(&format!("{function} writes {value} over {transport}"), is_so).await;
                expected.push((1, function, 7, value));
            }
            running.until("n", &Value::Integer(1)).await;
            running.stop().await;
            assert_eq!(simulator.writes(), expected, "each change once, and nothing when the agent stops");
        }
    }
}

#[tokio::test]
async fn without_configuration_nothing_is_ever_written() {
    let simulator = with_a_coil();
    let served = simulator.serve_tcp().await;
    let mut section = tcp_lamp(served.address, "");
    section.devices[0].writes.clear();
    let mut running = Running::start(section);
    for (number, state) in [Runs, Stopped, NoData, Stopped, Runs].into_iter().enumerate() {
        running.machine_is("m", state);
        simulator.set(1, Kind::Holding, 100, &[number as u16]);
        running.until("n", &Value::Integer(number as i64)).await;
    }
    let asked = simulator.requests().len();
    running.until_so("polled on", |_| simulator.requests().len() > asked + 30).await;
    running.stop().await;
    assert_eq!(simulator.writes(), []);
}

#[tokio::test]
async fn what_a_module_forgot_is_written_again_after_the_repeat_pause() {
    let simulator = with_a_coil();
    let served = simulator.serve_tcp().await;
    let mut running = Running::start(tcp_lamp(served.address, "repeat_ms = 1000"));
    running.machine_is("m", Stopped);
    running.until_so("on", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    simulator.set(1, Kind::Coil, 7, &[0]);
    running.until_so("on again", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    assert_eq!(running.status("line").counters["reconnects"], 0);
    running.stop().await;
}

/// Passes a connection on until it is cut.
async fn forward(to: SocketAddr) -> (SocketAddr, watch::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, is_cut) = watch::channel(());
    let task = tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let (mut far, mut is_cut) = (TcpStream::connect(to).await.unwrap(), is_cut.clone());
            is_cut.mark_unchanged();
            tokio::spawn(async move {
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = is_cut.changed() => {}
                }
            });
        }
    });
    (address, cut, task)
}

#[tokio::test]
async fn after_a_reconnect_it_is_written_again_at_once() {
    let simulator = with_a_coil();
    let served = simulator.serve_tcp().await;
    let (address, cut, forwarding) = forward(served.address).await;
    let mut running = Running::start(tcp_lamp(address, NEVER_AGAIN));
    running.machine_is("m", Stopped);
    running.until_so("on", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    simulator.set(1, Kind::Coil, 7, &[0]);
    cut.send(()).unwrap();
    running.until_so("on again", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    assert_eq!(running.status("line").counters["reconnects"], 1);
    running.stop().await;
    forwarding.abort();
}

#[tokio::test]
async fn after_a_silence_it_is_written_again_at_once() {
    let simulator = with_a_coil();
    let served = simulator.serve_rtu_over_tcp().await;
    let write = format!("kind = \"coil\"\naddress = 7\n{NEVER_AGAIN}");
    let mut running = Running::start(impatient(lamp("rtu_over_tcp", &served.address.to_string(), REGISTER, &write)));
    running.machine_is("m", Stopped);
    running.until_so("on", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    simulator.silence(1, true);
    running.until_health("line/d", Health::Down).await;
    simulator.set(1, Kind::Coil, 7, &[0]);
    simulator.silence(1, false);
    running.until_so("on again", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    running.until_health("line/d", Health::Good).await;
    running.stop().await;
}

#[tokio::test]
async fn a_refused_write_is_told_and_polling_goes_on() {
    let simulator = Simulator::default();
    simulator.set(1, Kind::Holding, 100, &[1]);
    let served = simulator.serve_tcp().await;
    let mut running = Running::start(tcp_lamp(served.address, "repeat_ms = 1000"));
    running.machine_is("m", Stopped);
    let reason = running.until_health("line/d", Health::Degraded).await;
    let expected = "unit 1: coil 7, which shows the state of m, was not written: exception 2 (illegal data address): it has \
                    nothing to write there: check `address`, `kind` and `address_base`; tried again every 1 s";
    assert_eq!(reason, expected);
    let asked = simulator.requests().len();
    running.until_so("polled on", |_| simulator.requests().len() > asked + 10).await;
    simulator.set(1, Kind::Holding, 100, &[5]);
    running.until("n", &Value::Integer(5)).await;
    assert_eq!(running.status("line").condition.health, Health::Good);
    simulator.set(1, Kind::Coil, 7, &[0]);
    running.until_so("on", |_| simulator.get(1, Kind::Coil, 7) == Some(1)).await;
    running.until_health("line/d", Health::Good).await;
    running.stop().await;
}

#[tokio::test]
async fn a_device_that_is_only_written_is_told_and_tried_like_one_that_is_read() {
    let simulator = with_a_coil();
    simulator.silence(1, true);
    let served = simulator.serve_tcp().await;
    let write = "kind = \"coil\"\naddress = 7\nrepeat_ms = 1000";
    let mut running = Running::start(impatient(lamp("tcp", &served.address.to_string(), "", write)));
    running.machine_is("m", Stopped);
    let reason = running.until_health("line/d", Health::Down).await;
    assert!(reason.contains("unit 1 at") && reason.contains("no answer within 500 ms"), "{reason}");
    assert!(simulator.requests().is_empty(), "nothing is read");
    simulator.silence(1, false);
    running.until_health("line/d", Health::Good).await;
    assert_eq!(simulator.get(1, Kind::Coil, 7), Some(1));
    running.machine_is("m", Runs);
    running.until_so("off", |_| simulator.get(1, Kind::Coil, 7) == Some(0)).await;
    running.stop().await;
}

/// How a module that reads well answers writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Well,
    WrongValue,
    WrongAddress,
    Silent,
}

/// A module with one holding register, and how often it was read and written.
#[derive(Debug)]
struct Module {
    address: SocketAddr,
    state: Arc<Mutex<(Manner, u32, u32)>>,
    task: JoinHandle<()>,
}

impl Module {
    async fn start(manner: Manner) -> Module {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((manner, 0, 0)));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Module::converse(stream, shared.clone()));
            }
        });
        Module { address, state, task }
    }

    async fn converse(mut stream: TcpStream, state: Arc<Mutex<(Manner, u32, u32)>>) {
        let mut request = [0; 12];
        while stream.read_exact(&mut request).await.is_ok() {
            let is_read = request[7] == 3;
            let manner = {
                let mut state = state.lock().unwrap();
                let (manner, reads, writes) = &mut *state;
                *if is_read { reads } else { writes } += 1;
                *manner
            };
            let answer = match manner {
                _ if is_read => [&request[..4], &[0, 5, request[6], 3, 2, 0, 1]].concat(),
                Manner::Silent => continue,
                Manner::Well => request.to_vec(),
                Manner::WrongValue => [&request[..10], &[request[10] ^ 0xFF, request[11]]].concat(),
                Manner::WrongAddress => [&request[..9], &[request[9] ^ 1], &request[10..]].concat(),
            };
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    fn seen(&self) -> (u32, u32) {
        let (_, reads, writes) = *self.state.lock().unwrap();
        (reads, writes)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_confirmation_of_something_else_is_an_invalid_reply() {
    for (manner, found) in
        [(Manner::WrongValue, "0x0000 at frame address 7"), (Manner::WrongAddress, "0xFF00 at frame address 6")]
    {
        let module = Module::start(manner).await;
        let mut running = Running::start(tcp_lamp(module.address, "repeat_ms = 1000"));
        running.machine_is("m", Stopped);
        let reason = running.until_health("line/d", Health::Degraded).await;
        let expected = format!("{found} was confirmed, the request was to write 0xFF00 at frame address 7");
        assert!(reason.contains(&expected), "{reason}");
        assert!(running.status("line/d").counters["invalid_replies"] >= 1);
        let (reads, _) = module.seen();
        running.until_so("polled on", |_| module.seen().0 > reads + 10).await;
        module.state.lock().unwrap().0 = Manner::Well;
        running.until_health("line/d", Health::Good).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_write_that_is_not_answered_costs_one_timeout_in_its_pause_and_not_the_polling() {
    let module = Module::start(Manner::Silent).await;
    let write = "repeat_ms = 3600000\n[[modbus.device.write]]\nstates = [\"running\"]\nkind = \"coil\"\naddress = 8";
    let mut running = Running::start(impatient(tcp_lamp(module.address, write)));
    running.machine_is("m", Stopped);
    let reason = running.until_health("line/d", Health::Degraded).await;
    assert!(reason.contains("no answer within 500 ms: does it take writes"), "{reason}");
    let (reads, _) = module.seen();
    running.until_so("polled on", |_| module.seen().0 > reads + 20).await;
    assert_eq!(module.seen().1, 1, "neither it nor the device's other output is tried before its pause is over");
    running.stop().await;
}
