//! A Sparkplug B node with one device, written from the specification alone: an independent peer for the agent's host.
//!
//! Node birth with `bdSeq` and rebirth control, device birth with names and aliases, data by alias only, a death as last
//! will, a sequence from 0 to 255 that both share, and a new birth whenever the host asks.

use std::sync::Arc;
use std::time::Duration;

use process::clock::{Clock, SystemClock};
use prost::Message as _;
use rumqttc_v4::{LastWill, QoS};
use tokio::sync::watch;

use super::broker::{BrokerConnection, Incoming};
use super::floor::{FloorMachine, Phase};

const GROUP: &str = "plant";
const NODE: &str = "gateway-1";
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
const ALIAS_COUNT: u64 = 1;
const ALIAS_STATE: u64 = 2;

mod payload {
    //! The part of `sparkplug_b.proto` that a node with numbers and words needs.

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Payload {
        #[prost(uint64, optional, tag = "1")]
        pub(super) timestamp: Option<u64>,
        #[prost(message, repeated, tag = "2")]
        pub(super) metrics: Vec<Metric>,
        #[prost(uint64, optional, tag = "3")]
        pub(super) seq: Option<u64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Metric {
        #[prost(string, optional, tag = "1")]
        pub(super) name: Option<String>,
        #[prost(uint64, optional, tag = "2")]
        pub(super) alias: Option<u64>,
        #[prost(uint64, optional, tag = "3")]
        pub(super) timestamp: Option<u64>,
        #[prost(uint32, optional, tag = "4")]
        pub(super) datatype: Option<u32>,
        #[prost(oneof = "Value", tags = "11, 14, 15")]
        pub(super) value: Option<Value>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(super) enum Value {
        #[prost(uint64, tag = "11")]
        Long(u64),
        #[prost(bool, tag = "14")]
        Boolean(bool),
        #[prost(string, tag = "15")]
        Text(String),
    }
}

use payload::{Metric, Payload, Value};

/// Datatype numbers of the specification.
const UINT64: u32 = 8;
const BOOLEAN: u32 = 11;
const STRING: u32 = 12;

struct Node {
    machine: Arc<FloorMachine>,
    broker: BrokerConnection,
    bd_seq: u64,
    seq: u64,
}

/// Publishes under `spBv1.0/plant/…/gateway-1[/NAME]` until the plant ends.
pub async fn publish(
    machine: Arc<FloorMachine>,
    broker: (&str, u16),
    phase: watch::Receiver<Phase>,
) -> anyhow::Result<()> {
    // One session, one death: the number only has to differ from that of the session before.
    let bd_seq = now_ms() / 1_000 % 256;
    let death = Payload { timestamp: Some(now_ms()), metrics: vec![birth_sequence(bd_seq)], seq: None };
    let will = LastWill::new(node_topic("NDEATH"), death.encode_to_vec(), QoS::AtLeastOnce, false);
    let client_id = format!("{GROUP}-{NODE}");
    let (broker, mut incoming) = BrokerConnection::open(&client_id, broker.0, broker.1, Some(will));
    let mut node = Node { machine, broker, bd_seq, seq: 0 };
    let mut tick = tokio::time::interval(PUBLISH_EVERY);
    let mut born = false;
    loop {
        tokio::select! {
            biased;
            heard = incoming.recv() => match heard {
                Some(Incoming::Connected) => {
                    node.broker.subscribe(&node_topic("NCMD")).await;
                    node.birth().await?;
                    born = true;
                }
                Some(Incoming::Message { topic, payload }) if asks_for_rebirth(&topic, &payload) => {
                    tracing::info!("the host asked for a rebirth");
                    node.birth().await?;
                }
                Some(Incoming::Message { .. }) => {}
                None => anyhow::bail!("the connection to the broker is gone"),
            },
            _ = tick.tick(), if born => {
                let ending = *phase.borrow() == Phase::Ending;
                node.data().await?;
                if ending {
                    return Ok(());
                }
            }
        }
    }
}

impl Node {
    async fn birth(&mut self) -> anyhow::Result<()> {
        self.seq = 0;
        let rebirth = metric(Some("Node Control/Rebirth"), None, BOOLEAN, Value::Boolean(false));
        self.send(&node_topic("NBIRTH"), vec![birth_sequence(self.bd_seq), rebirth]).await;
        let seen = self.machine.now();
        let metrics = vec![
            metric(Some("Production/Count"), Some(ALIAS_COUNT), UINT64, Value::Long(seen.made)),
            metric(Some("Production/State"), Some(ALIAS_STATE), STRING, Value::Text(word(seen.running))),
        ];
        self.send(&self.device_topic("DBIRTH"), metrics).await;
        self.machine.told(seen.untold())
    }

    async fn data(&mut self) -> anyhow::Result<()> {
        let seen = self.machine.now();
        let metrics = vec![
            metric(None, Some(ALIAS_COUNT), UINT64, Value::Long(seen.made)),
            metric(None, Some(ALIAS_STATE), STRING, Value::Text(word(seen.running))),
        ];
        self.send(&self.device_topic("DDATA"), metrics).await;
        self.machine.told(seen.untold())
    }

    async fn send(&mut self, topic: &str, metrics: Vec<Metric>) {
        let payload = Payload { timestamp: Some(now_ms()), metrics, seq: Some(self.seq) };
        self.seq = (self.seq + 1) % 256;
        self.broker.publish(topic, &payload.encode_to_vec()).await;
    }

    fn device_topic(&self, kind: &str) -> String {
        format!("{}/{}", node_topic(kind), self.machine.name)
    }
}

fn node_topic(kind: &str) -> String {
    format!("spBv1.0/{GROUP}/{kind}/{NODE}")
}

fn word(running: bool) -> String {
    if running { "running" } else { "stopped" }.to_owned()
}

fn birth_sequence(number: u64) -> Metric {
    metric(Some("bdSeq"), None, UINT64, Value::Long(number))
}

fn metric(name: Option<&str>, alias: Option<u64>, datatype: u32, value: Value) -> Metric {
    Metric {
        name: name.map(str::to_owned),
        alias,
        timestamp: Some(now_ms()),
        datatype: Some(datatype),
        value: Some(value),
    }
}

fn asks_for_rebirth(topic: &str, payload: &[u8]) -> bool {
    topic == node_topic("NCMD")
        && Payload::decode(payload).is_ok_and(|payload| {
            payload.metrics.iter().any(|metric| {
                metric.name.as_deref() == Some("Node Control/Rebirth") && metric.value == Some(Value::Boolean(true))
            })
        })
}

fn now_ms() -> u64 {
    u64::try_from(SystemClock::new(0).wall().0 / 1_000).unwrap_or(0)
}
