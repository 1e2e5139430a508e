//! A Sparkplug host application's view of its nodes. Pure: a message and the time in, readings and requests out.
//!
//! A birth lists every metric with its name, alias, datatype and value: how things stand, not that anything happened. Data
//! may carry the alias alone. Node and devices share one sequence, 0 to 255 and over. When data comes that cannot be
//! placed (no birth yet, an alias no birth named) or the sequence skips, the node is asked for its births again, at most
//! once in the pause; what can be read is read all the same. A death says the same for a node, or for one device: nothing
//! that is bound to it has a value until the next birth. A node's death counts only when its `bdSeq` is that of the last
//! birth, because a broker may publish the will of a connection that a newer one has replaced.

use std::collections::HashMap;

use process::clock::Moment;
use prost::Message as _;
use protocol::batch::Health;
use protocol::time::UtcMicros;

use super::payload::{Metric, Payload};
use super::{Kind, Topic};
use crate::reading::{Nature, Value};
use crate::sources::mqtt::configuration::{SparkplugMetric, SparkplugSection};
use crate::sources::mqtt::mapping::{Poison, ReadingDraft};

/// Metrics that one birth may name.
pub const METRICS_MAX: usize = 20_000;
/// Devices of one node.
pub const DEVICES_MAX: usize = 1_000;

/// What a message leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Read(ReadingDraft, Nature),
    /// Send the node `Node Control/Rebirth`.
    AskForBirths,
    Condition(Health, String),
    /// This many messages of the node did not arrive.
    Missed(u8),
    SetAside(Poison),
}

#[derive(Debug)]
pub struct Host {
    nodes: Vec<Node>,
    rebirth_pause_us: u64,
}

/// One configured edge node.
#[derive(Debug)]
struct Node {
    section: SparkplugSection,
    /// None until the birth, and after the death.
    born: Option<Born>,
    asked: Option<Moment>,
}

#[derive(Debug, Default)]
struct Born {
    bd_seq: Option<u64>,
    next_seq: u8,
    /// Aliases by device; those of the node itself under none. A device that died is not in it.
    aliases: HashMap<Option<String>, HashMap<u64, Alias>>,
    /// Datatypes of the bound metrics, for data that gives the name alone.
    datatypes: HashMap<(Option<String>, String), u32>,
}

#[derive(Debug)]
struct Alias {
    /// None for a metric that no signal is bound to.
    name: Option<String>,
    datatype: Option<u32>,
}

impl Host {
    #[must_use]
    pub fn new(sections: &[SparkplugSection], rebirth_pause_s: u32) -> Host {
        let nodes = sections.iter().map(|section| Node { section: section.clone(), born: None, asked: None });
        Host { nodes: nodes.collect(), rebirth_pause_us: u64::from(rebirth_pause_s) * 1_000_000 }
    }

    /// The broker's session is gone and with it what was under way, or the process has just begun. Births are needed from
    /// every node whose place is returned.
    pub fn forget_births(&mut self, now: Moment) -> Vec<usize> {
        let pause_us = self.rebirth_pause_us;
        let mut places = Vec::new();
        for (place, node) in self.nodes.iter_mut().enumerate() {
            node.born = None;
            if node.may_ask(now, pause_us) {
                places.push(place);
            }
        }
        places
    }

    /// Place of the node that the topic is about, among those configured.
    #[must_use]
    pub fn place(&self, topic: &Topic<'_>) -> Option<usize> {
        self.nodes.iter().position(|node| node.section.group == topic.group && node.section.node == topic.node)
    }

    /// Takes in one message of the node at `place`.
    pub fn take(&mut self, place: usize, topic: &Topic<'_>, payload: &[u8], now: Moment) -> Vec<Action> {
        let Some(node) = self.nodes.get_mut(place) else { return Vec::new() };
        let payload = match Payload::decode(payload) {
            Ok(payload) if payload.metrics.len() <= METRICS_MAX => payload,
            Ok(payload) => {
                let text = format!("{} metrics, expected at most {METRICS_MAX}", payload.metrics.len());
                return vec![Action::SetAside(Poison::NotSparkplug(text))];
            }
            Err(error) => return vec![Action::SetAside(Poison::NotSparkplug(error.to_string()))],
        };
        let mut actions = Vec::new();
        let must_ask = match topic.kind {
            Kind::NodeBirth => node.birth(&payload, &mut actions),
            Kind::NodeDeath => node.death(&payload, &mut actions),
            Kind::NodeData => node.in_sequence(&payload, &mut actions) | node.data(None, &payload, &mut actions),
            Kind::DeviceBirth => {
                node.in_sequence(&payload, &mut actions) | node.device_birth(topic.device, &payload, &mut actions)
            }
            Kind::DeviceData => {
                node.in_sequence(&payload, &mut actions) | node.data(topic.device, &payload, &mut actions)
            }
            Kind::DeviceDeath => {
                node.in_sequence(&payload, &mut actions) | node.device_death(topic.device, &payload, &mut actions)
            }
        };
        if must_ask && node.may_ask(now, self.rebirth_pause_us) {
            actions.push(Action::AskForBirths);
        }
        actions
    }
}

impl Node {
    fn may_ask(&mut self, now: Moment, pause_us: u64) -> bool {
        let waits = self.asked.is_some_and(|asked| {
            asked.monotonic.boot == now.monotonic.boot && now.monotonic.us.saturating_sub(asked.monotonic.us) < pause_us
        });
        if !waits {
            self.asked = Some(now);
        }
        !waits
    }

    fn birth(&mut self, payload: &Payload, actions: &mut Vec<Action>) -> bool {
        let bd_seq = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some("bdSeq"));
        self.born = Some(Born {
            bd_seq: bd_seq.and_then(Metric::unsigned),
            next_seq: low_byte(payload.seq.unwrap_or(0)).wrapping_add(1),
            ..Born::default()
        });
        // Devices are unknown until their own births, which follow.
        let devices = self.section.metrics.iter().filter(|bound| bound.device.is_some());
        actions.extend(devices.map(|bound| unavailable(bound, time_of(payload, None))));
        self.learn(None, payload, actions);
        actions.push(Action::Condition(Health::Good, "born".to_owned()));
        false
    }

    fn device_birth(&mut self, device: Option<&str>, payload: &Payload, actions: &mut Vec<Action>) -> bool {
        match &self.born {
            None => return true,
            Some(born) if born.aliases.len() > DEVICES_MAX => {
                let text = format!("more than {DEVICES_MAX} devices");
                actions.push(Action::SetAside(Poison::NotSparkplug(text)));
                return false;
            }
            Some(_) => {}
        }
        self.learn(device, payload, actions);
        false
    }

    /// Takes the aliases of a birth, and its values as they stand.
    fn learn(&mut self, device: Option<&str>, payload: &Payload, actions: &mut Vec<Action>) {
        let Some(born) = &mut self.born else { return };
        let mut aliases = HashMap::new();
        for metric in &payload.metrics {
            let Some(name) = metric.name.as_deref() else { continue };
            let bound = bindings(&self.section, device, name).next().is_some();
            if let Some(alias) = metric.alias {
                let name = bound.then(|| name.to_owned());
                aliases.insert(alias, Alias { name, datatype: metric.datatype });
            }
            if bound {
                let key = (device.map(str::to_owned), name.to_owned());
                born.datatypes.insert(key, metric.datatype.unwrap_or(0));
            }
            read(&self.section, device, name, None, metric, payload, Nature::Standing, actions);
        }
        born.aliases.insert(device.map(str::to_owned), aliases);
    }

    fn death(&mut self, payload: &Payload, actions: &mut Vec<Action>) -> bool {
        let died = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some("bdSeq"));
        let died = died.and_then(Metric::unsigned);
        if let (Some(Born { bd_seq: Some(born), .. }), Some(died)) = (&self.born, died)
            && *born != died
        {
            return false;
        }
        self.born = None;
        // A will is written when the node connects: its time is not that of the death.
        actions.extend(self.section.metrics.iter().map(|bound| unavailable(bound, None)));
        actions.push(Action::Condition(Health::Down, "the node is dead: it has lost its connection".to_owned()));
        false
    }

    fn device_death(&mut self, device: Option<&str>, payload: &Payload, actions: &mut Vec<Action>) -> bool {
        let Some(born) = &mut self.born else { return true };
        born.aliases.remove(&device.map(str::to_owned));
        let bound = self.section.metrics.iter().filter(|bound| bound.device.as_deref() == device);
        actions.extend(bound.map(|bound| unavailable(bound, time_of(payload, None))));
        let text = format!("device {} is dead", device.unwrap_or(""));
        actions.push(Action::Condition(Health::Degraded, text));
        false
    }

    /// Whether births are needed because a message is missing.
    fn in_sequence(&mut self, payload: &Payload, actions: &mut Vec<Action>) -> bool {
        let Some(born) = &mut self.born else { return true };
        let Some(seq) = payload.seq.map(low_byte) else { return false };
        let missed = seq.wrapping_sub(born.next_seq);
        born.next_seq = seq.wrapping_add(1);
        if missed > 0 {
            actions.push(Action::Missed(missed));
        }
        missed > 0
    }

    /// Whether births are needed because something could not be placed.
    fn data(&mut self, device: Option<&str>, payload: &Payload, actions: &mut Vec<Action>) -> bool {
        let known = self.born.as_ref().and_then(|born| born.aliases.get(&device.map(str::to_owned)));
        let mut must_ask = known.is_none();
        for metric in &payload.metrics {
            let alias = metric.alias.and_then(|alias| known?.get(&alias));
            let (name, datatype) = match (&metric.name, alias) {
                (Some(name), _) => {
                    let key = (device.map(str::to_owned), name.clone());
                    (name.as_str(), self.born.as_ref().and_then(|born| born.datatypes.get(&key)).copied())
                }
                (None, Some(Alias { name: Some(name), datatype })) => (name.as_str(), *datatype),
                (None, Some(Alias { name: None, .. })) => continue,
                (None, None) => {
                    must_ask = true;
                    let text = format!("alias {:?} of no birth", metric.alias);
                    actions.push(Action::SetAside(Poison::NotSparkplug(text)));
                    continue;
                }
            };
            read(&self.section, device, name, datatype, metric, payload, Nature::Live, actions);
        }
        must_ask
    }
}

fn bindings<'s>(
    section: &'s SparkplugSection,
    device: Option<&'s str>,
    name: &'s str,
) -> impl Iterator<Item = &'s SparkplugMetric> {
    section.metrics.iter().filter(move |bound| bound.device.as_deref() == device && bound.metric == name)
}

#[expect(clippy::too_many_arguments, reason = "one metric with everything it is read in the light of")]
fn read(
    section: &SparkplugSection,
    device: Option<&str>,
    name: &str,
    datatype: Option<u32>,
    metric: &Metric,
    payload: &Payload,
    nature: Nature,
    actions: &mut Vec<Action>,
) {
    let nature = if metric.is_historical == Some(true) { Nature::Historical } else { nature };
    for bound in bindings(section, device, name) {
        let Some(value) = metric.reading(datatype) else {
            actions.push(Action::SetAside(Poison::WrongType {
                what: format!("metric {name:?}"),
                found: format!("of datatype {:?}", metric.datatype.or(datatype).unwrap_or(0)),
                expected: "a finite number, true or false, or a text",
            }));
            continue;
        };
        let source_at = time_of(payload, Some(metric));
        let (machine, signal) = (bound.machine.clone(), bound.signal.clone());
        actions.push(Action::Read(ReadingDraft { machine, signal, value, source_at }, nature));
    }
}

fn unavailable(bound: &SparkplugMetric, source_at: Option<UtcMicros>) -> Action {
    let (machine, signal) = (bound.machine.clone(), bound.signal.clone());
    Action::Read(ReadingDraft { machine, signal, value: Value::Unavailable, source_at }, Nature::Live)
}

/// The metric's own time, else the message's.
fn time_of(payload: &Payload, metric: Option<&Metric>) -> Option<UtcMicros> {
    let ms = metric.and_then(|metric| metric.timestamp).or(payload.timestamp)?;
    i64::try_from(ms).ok()?.checked_mul(1_000).map(UtcMicros)
}

#[expect(clippy::cast_possible_truncation, reason = "sequences are counted modulo 256")]
fn low_byte(number: u64) -> u8 {
    number as u8
}
