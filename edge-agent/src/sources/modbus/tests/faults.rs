//! The fault set: what real devices, gateways and lines do to a master.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::batch::Health;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::simulator::Simulator;
use super::{Running, section};
use crate::reading::Value;
use crate::sources::modbus::frame::{Kind, crc};

/// What the scripted device does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Says how many requests it has had, as a 16-bit register.
    Answer,
    /// The same, after so many milliseconds.
    Late(u64),
    Silent,
    WrongTransaction,
    WrongUnit,
    /// Two registers where one was asked for.
    TooLong,
    Empty,
    Exception(u8),
    Close,
    Reset,
    /// Noise before the answer.
    Noise,
    WrongChecksum,
}

/// A device that answers requests for one holding register as the script says, then properly for ever.
struct Scripted {
    address: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: u16,
    connections: usize,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    async fn start(is_rtu: bool, script: &'static [Act]) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().connections += 1;
                tokio::spawn(converse(stream, is_rtu, script, shared.clone()));
            }
        });
        Scripted { address, seen, task }
    }

    fn seen(&self) -> (u16, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.requests, seen.connections)
    }
}

async fn converse(mut stream: TcpStream, is_rtu: bool, script: &'static [Act], seen: Arc<Mutex<Seen>>) {
    let mut request = [0; 12];
    let length = if is_rtu { 8 } else { 12 };
    while stream.read_exact(&mut request[..length]).await.is_ok() {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.requests += 1;
            seen.requests
        };
        let act = script.get(usize::from(number) - 1).copied().unwrap_or(Act::Answer);
        let (unit, transaction) = if is_rtu { (request[0], [0, 0]) } else { (request[6], [request[0], request[1]]) };
        let [high, low] = number.to_be_bytes();
        let mut answer = vec![3, 2, high, low];
        let (mut from, mut as_transaction) = (unit, transaction);
        match act {
            Act::Answer | Act::Noise | Act::WrongChecksum => {}
            Act::Late(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Act::Silent => continue,
            Act::WrongTransaction => as_transaction[1] ^= 0x55,
            Act::WrongUnit => from ^= 0x40,
            Act::TooLong => answer = vec![3, 4, high, low, 0xBA, 0xD0],
            Act::Empty => answer = vec![3, 0],
            Act::Exception(code) => answer = vec![0x83, code],
            Act::Close => return,
            Act::Reset => {
                #[expect(deprecated, reason = "the way to send RST; a lingering close of 0 s does not block")]
                stream.set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
        }
        let mut frame = if is_rtu {
            vec![from]
        } else {
            [&as_transaction[..], &[0, 0, 0], &[1 + answer.len() as u8, from]].concat()
        };
        frame.extend(&answer);
        if is_rtu {
            let seal = crc(&frame) ^ u16::from(act == Act::WrongChecksum);
            frame.extend(seal.to_le_bytes());
        }
        if act == Act::Noise {
            frame.splice(0..0, [0xFF, 0x00, unit, 0x7F]);
        }
        if stream.write_all(&frame).await.is_err() {
            return;
        }
    }
}

fn one_register(transport: &str, address: &str, timeout_ms: u32) -> String {
    format!(
        r#"
        [[modbus]]
        name = "line"
        transport = "{transport}"
        address = "{address}"
        timeout_ms = {timeout_ms}
        interval_ms = 20
        silent_pause_max_ms = 1000
        [[modbus.device]]
        name = "d"
        unit = 1
        machine = "m"
        register = [{{ signal = "n", kind = "holding", address = 0, type = "u16" }}]
        "#
    )
}

/// Runs the source against the script until it has read values beyond it; returns every value in order, and the device.
async fn survives(transport: &str, script: &'static [Act], timeout_ms: u32) -> (Vec<i64>, Scripted, Running) {
    let device = Scripted::start(transport != "tcp", script).await;
    let mut running = Running::start(section(&one_register(transport, &device.address, timeout_ms)));
    let mut values = Vec::new();
    while values.last().is_none_or(|last| *last < script.len() as i64 + 3) {
        for reading in running.next().await {
            let Value::Integer(value) = reading.value else { panic!("{reading:?}") };
            values.push(value);
        }
    }
    assert!(values.is_sorted(), "a value came late: {values:?}");
    (values, device, running)
}

#[tokio::test]
async fn a_late_answer_over_tcp_is_never_taken_for_the_next() {
    let (values, device, running) = survives("tcp", &[Act::Answer, Act::Late(300), Act::Answer], 150).await;
    assert!(!values.contains(&2), "{values:?}");
    assert_eq!(device.seen().1, 2, "the connection was made anew");
    assert_eq!(running.status("line/d").counters["timeouts"], 1);
}

#[tokio::test]
async fn a_late_answer_on_a_line_is_drained() {
    let (values, _device, running) = survives("rtu_over_tcp", &[Act::Answer, Act::Late(250), Act::Answer], 150).await;
    assert!(!values.contains(&2), "{values:?}");
    assert_eq!(running.status("line/d").counters["timeouts"], 1);
}

#[tokio::test]
async fn answers_that_do_not_fit_their_request_are_refused_over_tcp() {
    let script = &[Act::TooLong, Act::Empty, Act::WrongUnit, Act::WrongTransaction];
    let (values, _device, running) = survives("tcp", script, 150).await;
    assert!(values.iter().all(|value| *value > 4), "{values:?}");
    let counters = running.status("line/d").counters;
    assert_eq!((counters["invalid_replies"], counters["timeouts"]), (3, 1));
}

#[tokio::test]
async fn answers_that_do_not_fit_their_request_are_refused_on_a_line() {
    let script = &[Act::TooLong, Act::Empty, Act::WrongUnit, Act::WrongChecksum];
    let (values, _device, running) = survives("rtu_over_tcp", script, 150).await;
    assert!(values.iter().all(|value| *value > 4), "{values:?}");
    assert_eq!(running.status("line/d").counters["invalid_replies"], 4);
}

#[tokio::test]
async fn noise_before_a_frame_does_no_harm() {
    let (values, _device, running) = survives("rtu_over_tcp", &[Act::Noise, Act::Noise], 1_000).await;
    assert!(values.contains(&1) && values.contains(&2), "{values:?}");
    assert!(!running.status("line/d").counters.contains_key("timeouts"));
}

#[tokio::test]
async fn a_connection_closed_or_reset_while_idle_is_made_anew_at_once() {
    let (values, device, running) = survives("tcp", &[Act::Answer, Act::Close, Act::Answer, Act::Reset], 1_000).await;
    assert!(values.contains(&3), "{values:?}");
    assert_eq!(device.seen().1, 3);
    assert_eq!(running.status("line").counters["reconnects"], 2);
    assert!(!running.status("line/d").counters.contains_key("connections_lost"));
}

#[tokio::test]
async fn a_busy_device_is_asked_again() {
    let script = &[Act::Exception(6), Act::Exception(5), Act::Exception(6)];
    let (values, _device, running) = survives("tcp", script, 1_000).await;
    assert_eq!(values[0], 4);
    assert!(!running.status("line/d").counters.contains_key("exceptions"));
}

#[tokio::test]
async fn a_gateway_whose_unit_is_silent_keeps_its_connection() {
    let (_values, device, running) = survives("tcp", &[Act::Exception(11), Act::Exception(10)], 1_000).await;
    assert_eq!(device.seen().1, 1);
    assert_eq!(running.status("line/d").counters["exceptions"], 2);
}

#[tokio::test]
async fn a_device_failure_is_told_and_asked_again_at_the_next_turn() {
    let script = &[Act::Exception(4); 50];
    let device = Scripted::start(false, script).await;
    let mut running = Running::start(section(&one_register("tcp", &device.address, 1_000)));
    let reason = running.until_health("line/d", Health::Down).await;
    assert!(reason.contains("unit 1 answered exception 4 (server device failure) for holding 0 (n)"), "{reason}");
    running.until_health("line/d", Health::Good).await;
}

#[tokio::test]
async fn a_half_open_connection_is_given_up() {
    for transport in ["tcp", "rtu_over_tcp"] {
        let script = &[Act::Answer, Act::Silent, Act::Silent, Act::Answer];
        let (_values, device, _running) = survives(transport, script, 100).await;
        assert!(device.seen().1 >= 2, "{transport} was never connected anew");
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_down_until_it_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut running = Running::start(section(&one_register("tcp", &address.to_string(), 1_000)));
    let reason = running.until_health("line/d", Health::Down).await;
    assert!(reason.contains(&format!("cannot connect to {address}")), "{reason}");
    assert_eq!(running.status("line").condition.health, Health::Down);
    let listener = TcpListener::bind(address).await.unwrap();
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        converse(stream, false, &[], seen).await;
    });
    running.until_health("line/d", Health::Good).await;
    running.until_health("line", Health::Good).await;
    running.stop().await;
    server.abort();
}

#[tokio::test]
async fn a_refused_gap_is_split_and_only_the_wrong_register_is_missing() {
    let simulator = Simulator::default();
    simulator.set(1, Kind::Holding, 100, &[1, 2]);
    simulator.set(1, Kind::Holding, 104, &[3]);
    let served = simulator.serve_tcp().await;
    let mut running = Running::start(section(&format!(
        r#"
        [[modbus]]
        name = "line"
        transport = "tcp"
        address = "{}"
        interval_ms = 20
        [[modbus.device]]
        name = "d"
        machine = "m"
        address_base = 1
        kind = "holding"
        type = "u16"
        register = [
            {{ signal = "a", address = 101 }}, {{ signal = "b", address = 102 }},
            {{ signal = "c", address = 105 }}, {{ signal = "wrong", address = 106 }},
        ]
        "#,
        served.address
    )));
    for (signal, value) in [("a", 1), ("b", 2), ("c", 3)] {
        running.until(signal, &Value::Integer(value)).await;
    }
    let reason = running.until_health("line/d", Health::Degraded).await;
    assert!(reason.contains("exception 2 (illegal data address) for holding 106 (wrong)"), "{reason}");
    simulator.set(1, Kind::Holding, 100, &[5]);
    running.until("a", &Value::Integer(5)).await;
    let requests = simulator.requests();
    assert_eq!(requests[0], (1, Kind::Holding, 100, 6));
    let whole = requests.iter().filter(|request| request.3 == 6).count();
    let wrong = requests.iter().filter(|request| **request == (1, Kind::Holding, 105, 1)).count();
    assert_eq!((whole, wrong), (1, 1), "what was refused is remembered");
    assert!(requests.contains(&(1, Kind::Holding, 100, 2)));
    running.stop().await;
}

#[tokio::test]
async fn a_silent_device_on_its_own_connection_costs_its_neighbour_nothing() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut silent = Running::start(section(&one_register("tcp", &mute.local_addr().unwrap().to_string(), 500)));
    let (_values, _device, neighbour) = survives("tcp", &[Act::Answer; 20], 1_000).await;
    assert!(!neighbour.status("line/d").counters.contains_key("timeouts"));
    silent.until_health("line/d", Health::Down).await;
    silent.stop().await;
    neighbour.stop().await;
}

#[tokio::test]
async fn a_poll_is_one_submission_and_an_unchanged_value_is_not_repeated_at_every_poll() {
    let simulator = Simulator::default();
    simulator.set(1, Kind::Input, 0, &[1, 2, 3, 4]);
    simulator.set(1, Kind::Coil, 0, &[1, 0]);
    let served = simulator.serve_tcp().await;
    let mut running = Running::start(section(&format!(
        r#"
        [[modbus]]
        name = "line"
        transport = "tcp"
        address = "{}"
        interval_ms = 20
        [[modbus.device]]
        name = "d"
        machine = "m"
        kind = "input"
        type = "u16"
        register = [
            {{ signal = "a", address = 0 }}, {{ signal = "b", address = 3 }},
            {{ signal = "c", kind = "coil", address = 0 }}, {{ signal = "d", kind = "coil", address = 1 }},
        ]
        "#,
        served.address
    )));
    let signals = |readings: &[crate::reading::Reading]| {
        let mut names: Vec<String> = readings.iter().map(|reading| reading.signal.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(signals(&running.next().await), ["a", "b", "c", "d"]);
    assert_eq!(signals(&running.next().await), ["a", "b", "c", "d"], "the confirmation");
    simulator.set(1, Kind::Input, 3, &[9]);
    assert_eq!(signals(&running.next().await), ["b"]);
    assert_eq!(running.latest["b"], Value::Integer(9));
    assert_eq!((&running.latest["c"], &running.latest["d"]), (&Value::Bool(true), &Value::Bool(false)));
    running.stop().await;
}
