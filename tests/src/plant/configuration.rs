//! What an agent must be told to listen to this plant.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// Where an agent finds the machines; a proxy may stand before any of them.
#[derive(Debug, Clone, Copy)]
pub struct Addresses<'a> {
    pub press_1: SocketAddr,
    pub press_2: SocketAddr,
    pub broker: Option<(&'a str, u16)>,
    /// By which the broker knows the agent's session.
    pub client_id: &'a str,
    pub interval_ms: u32,
    /// Shorter stops need no reason; as the agent has it when none.
    pub microstop_below_ms: Option<u32>,
}

/// `[[machine]]`, `[[modbus]]` and `[[mqtt]]` sections of an agent's configuration.
#[must_use]
pub fn sections(addresses: &Addresses<'_>) -> String {
    let mut text = String::from(PRESSES);
    for (name, address, registers) in
        [("press-1", addresses.press_1, PRESS_1_REGISTERS), ("press-2", addresses.press_2, PRESS_2_REGISTERS)]
    {
        let interval_ms = addresses.interval_ms;
        let _ = write!(
            text,
            r#"
[[modbus]]
name = "{name}-plc"
transport = "tcp"
address = "{address}"
interval_ms = {interval_ms}
silent_pause_max_ms = 1000

[[modbus.device]]
name = "{name}"
machine = "{name}"
kind = "holding"
{registers}"#
        );
    }
    if let Some((host, port)) = addresses.broker {
        let client_id = addresses.client_id;
        let _ = write!(
            text,
            r#"{BROKER_MACHINES}
[[mqtt]]
name = "broker"
host = "{host}"
port = {port}
client_id = "{client_id}"
rebirth_pause_s = 1
{TOPICS}"#
        );
    }
    match addresses.microstop_below_ms {
        Some(limit) => text.replace("[[machine]]\n", &format!("[[machine]]\nmicrostop_below_ms = {limit}\n")),
        None => text,
    }
}

const PRESSES: &str = r#"
[[machine]]
name = "press-1"
no_data_after_ms = 10000

[machine.signal.count]
role = "counter"
rollover = 65536

[machine.signal.state]
role = "state"
map = { 1 = "running", 3 = "stopped" }

[[machine]]
name = "press-2"
no_data_after_ms = 10000

[machine.signal.count]
role = "counter"
rollover = 4294967296

[machine.signal.state]
role = "state"
map = { 1 = "running", 3 = "stopped" }
"#;

const PRESS_1_REGISTERS: &str = r#"
[[modbus.device.register]]
signal = "count"
address = 0
type = "u16"

[[modbus.device.register]]
signal = "state"
address = 1
type = "u16"
"#;

const PRESS_2_REGISTERS: &str = r#"
[[modbus.device.register]]
signal = "count"
address = 100
type = "u32"
order = "cdab"

[[modbus.device.register]]
signal = "state"
address = 102
type = "u16"
"#;

const BROKER_MACHINES: &str = r#"
[[machine]]
name = "oven-1"

[machine.signal.count]
role = "counter"

[machine.signal.state]
role = "state"
map = { running = "running", stopped = "stopped" }

[[machine]]
name = "packer-1"

[machine.signal.count]
role = "delta"

[machine.signal.state]
role = "state"
map = { running = "running", stopped = "stopped" }

[[machine]]
name = "mixer-1"

[machine.signal.count]
role = "counter"

[machine.signal.state]
role = "state"
map = { running = "running", stopped = "stopped" }
"#;

const TOPICS: &str = r#"
[[mqtt.topic]]
filter = "plant/oven-1/total"
format = "json"
machine = "oven-1"

[[mqtt.topic.signal]]
signal = "count"
value = "/total"
timestamp = "/at"

[[mqtt.topic.signal]]
signal = "state"
value = "/state"
timestamp = "/at"

[[mqtt.topic]]
filter = "plant/packer-1/delta"
format = "json"
machine = "packer-1"
message_id = "/id"

[[mqtt.topic.signal]]
signal = "count"
value = "/pieces"
timestamp = "/at"

[[mqtt.topic.signal]]
signal = "state"
value = "/state"
timestamp = "/at"

[[mqtt.sparkplug]]
group = "plant"
node = "gateway-1"

[[mqtt.sparkplug.metric]]
device = "mixer-1"
metric = "Production/Count"
machine = "mixer-1"
signal = "count"

[[mqtt.sparkplug.metric]]
device = "mixer-1"
metric = "Production/State"
machine = "mixer-1"
signal = "state"
"#;
