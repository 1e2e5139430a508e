//! Machines that publish what they are told to show, over a real broker.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use process::clock::{Clock as _, SystemClock};
use serde_json::json;

use crate::plant::broker::BrokerConnection;

pub(super) const NAMES: [&str; 8] =
    ["press-1", "press-2", "press-3", "welder-1", "welder-2", "oven-1", "packer-1", "packer-2"];

#[derive(Debug)]
pub(super) struct Machines {
    broker: BrokerConnection,
    shown: BTreeMap<&'static str, (String, u64)>,
}

impl Machines {
    /// All of them run and have made nothing.
    pub(super) async fn switch_on(port: u16) -> Machines {
        let (broker, _) = BrokerConnection::open("stage", "127.0.0.1", port, None);
        let shown = NAMES.into_iter().map(|name| (name, ("running".to_owned(), 0))).collect();
        let machines = Machines { broker, shown };
        for name in NAMES {
            machines.publish(name).await;
        }
        machines
    }

    pub(super) async fn show(&mut self, name: &str, state: Option<String>, total: Option<u64>) -> anyhow::Result<()> {
        let (name, shown) = self
            .shown
            .iter_mut()
            .find(|(known, _)| **known == name)
            .with_context(|| format!("no machine is called {name}: {NAMES:?}"))?;
        shown.0 = state.unwrap_or_else(|| shown.0.clone());
        shown.1 = total.unwrap_or(shown.1);
        let name = *name;
        self.publish(name).await;
        Ok(())
    }

    async fn publish(&self, name: &str) {
        let (state, total) = &self.shown[name];
        let at = chrono::DateTime::from_timestamp_micros(SystemClock::new(0).wall().0).unwrap_or_default();
        let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let message = json!({ "at": at, "state": state, "total": total });
        self.broker.publish(&format!("plant/{name}"), message.to_string().as_bytes()).await;
    }
}

/// What the agent must be told to listen to them, and to a scanner that connects to it.
pub(super) fn sections(broker_port: u16, scanner_port: u16) -> String {
    let mut text = String::new();
    for name in NAMES {
        let _ = write!(
            text,
            "
[[machine]]
name = \"{name}\"
microstop_below_ms = 500

[machine.signal.count]
role = \"counter\"

[machine.signal.state]
role = \"state\"
map = {{ running = \"running\", stopped = \"stopped\", idle = \"idle\", setup = \"setup\" }}
"
        );
    }
    let _ = write!(
        text,
        "
[[mqtt]]
name = \"broker\"
host = \"127.0.0.1\"
port = {broker_port}
client_id = \"hall-1\"

[[scanner]]
name = \"gun\"
connection = {{ type = \"tcp_listen\", listen = \"127.0.0.1:{scanner_port}\" }}
stored_reply = \"\\u0006\"
"
    );
    for name in NAMES {
        let _ = write!(
            text,
            "
[[mqtt.topic]]
filter = \"plant/{name}\"
format = \"json\"
machine = \"{name}\"

[[mqtt.topic.signal]]
signal = \"count\"
value = \"/total\"
timestamp = \"/at\"

[[mqtt.topic.signal]]
signal = \"state\"
value = \"/state\"
timestamp = \"/at\"
"
        );
    }
    text
}
