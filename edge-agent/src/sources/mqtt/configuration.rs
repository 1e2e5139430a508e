//! `[[mqtt]]`: a broker, what to listen to there, and which signals the messages feed.

use std::fmt;
use std::path::PathBuf;

use process::configuration::{KeyPath, Problems};
use protocol::id::Name;
use serde::Deserialize;

use super::mapping::timestamp::TimestampFormat;
use super::topic::{filter_problem, overlap};
use crate::configuration::SignalReference;

/// One connection to one broker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSection {
    pub name: Name,
    pub host: String,
    /// 1883, or 8883 with TLS.
    pub port: Option<u16>,
    #[serde(default)]
    pub version: Version,
    /// What the broker knows this agent's session by: never the same for two clients of one broker, and not to be changed,
    /// because the messages that wait for the agent wait under this name.
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub tls: Option<TlsSection>,
    #[serde(default = "default_keep_alive_s")]
    pub keep_alive_s: u16,
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u32,
    /// How long an MQTT 5 broker keeps messages for an agent that is away. MQTT 3.1.1 leaves this to the broker.
    #[serde(default = "default_session_expiry_h")]
    pub session_expiry_h: u32,
    /// A larger message is set aside unread.
    #[serde(default = "default_packet_bytes_max")]
    pub packet_bytes_max: u32,
    /// Messages received and not yet durable.
    #[serde(default = "default_in_flight_max")]
    pub in_flight_max: u16,
    #[serde(default, rename = "topic")]
    pub topics: Vec<TopicSection>,
    #[serde(default, rename = "sparkplug")]
    pub sparkplug: Vec<SparkplugSection>,
    /// Announces this agent as a Sparkplug host application under this id, for nodes that store while their host is away.
    pub sparkplug_host_id: Option<String>,
    /// A Sparkplug node is asked for its births at most once in this time.
    #[serde(default = "default_rebirth_pause_s")]
    pub rebirth_pause_s: u32,
}

fn default_keep_alive_s() -> u16 {
    30
}
fn default_connect_timeout_ms() -> u32 {
    10_000
}
fn default_session_expiry_h() -> u32 {
    30 * 24
}
fn default_packet_bytes_max() -> u32 {
    1024 * 1024
}
fn default_in_flight_max() -> u16 {
    64
}
fn default_rebirth_pause_s() -> u32 {
    15
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Version {
    #[default]
    #[serde(rename = "3.1.1")]
    V311,
    #[serde(rename = "5")]
    V5,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// Certificates (PEM) of the authority that signed the broker's, or the broker's own.
    pub ca_file: PathBuf,
    /// The agent's certificate and key, where the broker asks for one.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// The name in the broker's certificate, where it is not `host`.
    pub server_name: Option<String>,
}

/// Not shown in logs.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What the payloads under a topic filter mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSection {
    pub filter: String,
    pub format: Format,
    /// The machine of all signals that name none.
    pub machine: Option<Name>,
    /// The level of the topic, counted from 1, that is the machine's name; it must be one of `machines`.
    pub machine_level: Option<usize>,
    #[serde(default)]
    pub machines: Vec<Name>,
    /// IANA name, for timestamps that are local time without a zone.
    pub time_zone: Option<TimeZone>,
    /// Where the payload carries an id of its own, for publishers that may send one message twice.
    pub message_id: Option<Pointer>,
    /// `format = "availability"`: the words, and whose condition they tell.
    pub device: Option<Name>,
    pub online: Option<String>,
    pub offline: Option<String>,
    #[serde(default, rename = "signal")]
    pub signals: Vec<TopicSignal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Any JSON, taken apart by pointers.
    Json,
    /// The payload is the value: a number, `true`, a word.
    Scalar,
    /// Kepware IoT Gateway: `values[]` of `id`, `v`, `q`, `t`, or its array templates.
    Kepware,
    /// Neuron: `values` and `errors` by tag, or `tags[]`.
    Neuron,
    /// A last will and its counterpart: a word for online, a word for offline.
    Availability,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSignal {
    pub machine: Option<Name>,
    pub signal: Name,
    /// `json`: where the value is.
    pub value: Option<Pointer>,
    /// `kepware`, `neuron`: the tag.
    pub id: Option<String>,
    /// `json`: where the time is at which the value was true.
    pub timestamp: Option<Pointer>,
    #[serde(default)]
    pub timestamp_format: TimestampFormat,
    /// `json`: where the quality is: `true`, "good" or an OPC quality of 192 to 255 are good.
    pub quality: Option<Pointer>,
    /// A message without the value says nothing about it, and is no mistake.
    #[serde(default)]
    pub optional: bool,
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    Bool,
    Integer,
    Number,
    Text,
}

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

impl Pointer {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;
    fn try_from(text: String) -> Result<Pointer, String> {
        let bad_escape = text.split('~').skip(1).any(|after| !after.starts_with(['0', '1']));
        if (text.is_empty() || text.starts_with('/')) && !bad_escape {
            return Ok(Pointer(text));
        }
        Err(format!("{text:?} is not a JSON pointer: expected `/level/below`, with `~1` for `/` and `~0` for `~`"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(pub chrono_tz::Tz);

impl TryFrom<String> for TimeZone {
    type Error = String;
    fn try_from(text: String) -> Result<TimeZone, String> {
        let unknown = |_| format!("{text:?} is no time zone: expected an IANA name such as \"Europe/Berlin\"");
        text.parse().map(TimeZone).map_err(unknown)
    }
}

/// A Sparkplug B edge node, and what its metrics feed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparkplugSection {
    pub group: String,
    pub node: String,
    #[serde(default, rename = "metric")]
    pub metrics: Vec<SparkplugMetric>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparkplugMetric {
    /// None: a metric of the node itself.
    pub device: Option<String>,
    pub metric: String,
    pub machine: Name,
    pub signal: Name,
}

impl MqttSection {
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { 8883 } else { 1883 })
    }

    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        self.check_connection(at, problems);
        for (index, topic) in self.topics.iter().enumerate() {
            let here = at.key("topic").index(index);
            topic.check(&here, problems);
            for earlier in &self.topics[..index] {
                if earlier.filter != topic.filter && overlap(&earlier.filter, &topic.filter) {
                    let text = format!(
                        "{:?} and {:?} can match the same topic, and a broker may deliver its messages twice: \
                         expected filters that exclude each other, or the same filter",
                        earlier.filter, topic.filter
                    );
                    problems.add(here.key("filter"), text);
                }
            }
        }
        for (index, node) in self.sparkplug.iter().enumerate() {
            let here = at.key("sparkplug").index(index);
            node.check(&here, problems);
            if self.sparkplug[..index].iter().any(|it| it.group == node.group && it.node == node.node) {
                problems.add(here.key("node"), format!("{:?} is listed twice: expected once", node.node));
            }
            for topic in &self.topics {
                if overlap(&topic.filter, &format!("spBv1.0/{}/+/{}/#", node.group, node.node)) {
                    let text = format!("{:?} is also matched by the topic filter {:?}", node.node, topic.filter);
                    problems.add(here.key("node"), text);
                }
            }
        }
    }

    fn check_connection(&self, at: &KeyPath, problems: &mut Problems) {
        if self.host.is_empty() {
            problems.add(at.key("host"), "is empty: expected the broker's name or address");
        }
        if self.client_id.is_empty() || self.client_id.len() > 128 {
            problems.add(at.key("client_id"), "expected 1 to 128 characters that no other client of the broker uses");
        }
        if self.password.is_some() && self.password_file.is_some() {
            problems.add(at.key("password_file"), "expected `password` or `password_file`, not both");
        }
        if self.username.is_none() && (self.password.is_some() || self.password_file.is_some()) {
            problems.add(at.key("password"), "a password needs a `username`");
        }
        if let Some(tls) = &self.tls
            && tls.certificate_file.is_some() != tls.key_file.is_some()
        {
            problems.add(at.key("tls"), "expected `certificate_file` and `key_file`, or neither");
        }
        let ranges: [(&str, u32, std::ops::RangeInclusive<u32>); 5] = [
            ("keep_alive_s", self.keep_alive_s.into(), 2..=3_600),
            ("connect_timeout_ms", self.connect_timeout_ms, 100..=120_000),
            ("session_expiry_h", self.session_expiry_h, 1..=1_000_000),
            ("packet_bytes_max", self.packet_bytes_max, 1_024..=16 * 1024 * 1024),
            ("in_flight_max", self.in_flight_max.into(), 1..=1_000),
        ];
        for (key, found, expected) in ranges {
            if !expected.contains(&found) {
                let text = format!("found {found}, expected {} to {}", expected.start(), expected.end());
                problems.add(at.key(key), text);
            }
        }
        if self.topics.is_empty() && self.sparkplug.is_empty() {
            problems.add(at.clone(), "listens to nothing: expected [[mqtt.topic]] or [[mqtt.sparkplug]]");
        }
        if let Some(id) = &self.sparkplug_host_id
            && (id.is_empty() || id.contains(['/', '+', '#']))
        {
            problems.add(at.key("sparkplug_host_id"), format!("{id:?} cannot be a topic level: expected no / + #"));
        }
    }

    pub(crate) fn signals(&self, at: &KeyPath) -> Vec<SignalReference<'_>> {
        let mut references = Vec::new();
        for (index, topic) in self.topics.iter().enumerate() {
            let at = at.key("topic").index(index);
            for (index, signal) in topic.signals.iter().enumerate() {
                let at = at.key("signal").index(index).key("signal");
                for machine in topic.machines_of(signal) {
                    references.push(SignalReference { at: at.clone(), machine, signal: &signal.signal });
                }
            }
        }
        for (index, node) in self.sparkplug.iter().enumerate() {
            let at = at.key("sparkplug").index(index);
            for (index, metric) in node.metrics.iter().enumerate() {
                let at = at.key("metric").index(index).key("signal");
                references.push(SignalReference { at, machine: &metric.machine, signal: &metric.signal });
            }
        }
        references
    }
}

impl TopicSection {
    /// Every machine that a signal may feed.
    pub(super) fn machines_of<'s>(&'s self, signal: &'s TopicSignal) -> Vec<&'s Name> {
        match (&signal.machine, &self.machine) {
            (Some(machine), _) | (None, Some(machine)) => vec![machine],
            (None, None) => self.machines.iter().collect(),
        }
    }

    fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if let Some(problem) = filter_problem(&self.filter) {
            problems.add(at.key("filter"), format!("{:?}: {problem}", self.filter));
        }
        match (&self.machine, self.machine_level) {
            (Some(_), Some(_)) => {
                problems.add(at.key("machine_level"), "expected `machine` or `machine_level`, not both");
            }
            (None, Some(level)) => {
                let last = self.filter.split('/').count();
                if level == 0 || (level > last && !self.filter.ends_with('#')) {
                    problems.add(at.key("machine_level"), format!("found {level}, expected a level from 1 to {last}"));
                }
                if self.machines.is_empty() {
                    problems.add(at.clone(), "`machine_level` needs `machines`: the names that may stand there");
                }
            }
            (_, None) if !self.machines.is_empty() => {
                problems.add(at.key("machines"), "is only used with `machine_level`");
            }
            (_, None) => {}
        }
        if self.message_id.is_some() && self.format != Format::Json {
            problems.add(at.key("message_id"), "is only used with format \"json\"");
        }
        let availability = self.format == Format::Availability;
        if availability && self.device.is_none() {
            problems.add(at.clone(), "format \"availability\" needs `device`: whose condition it is");
        }
        if !availability && (self.device.is_some() || self.online.is_some() || self.offline.is_some()) {
            problems.add(at.clone(), "`device`, `online` and `offline` are only used with format \"availability\"");
        }
        if self.signals.is_empty() && !availability {
            problems.add(at.clone(), "feeds nothing: expected [[mqtt.topic.signal]]");
        }
        for (index, signal) in self.signals.iter().enumerate() {
            self.check_signal(signal, &at.key("signal").index(index), problems);
        }
    }

    fn check_signal(&self, signal: &TopicSignal, at: &KeyPath, problems: &mut Problems) {
        if self.machines_of(signal).is_empty() {
            problems.add(at.clone(), "has no machine: expected `machine` here or at the topic");
        }
        let json = self.format == Format::Json;
        let by_id = matches!(self.format, Format::Kepware | Format::Neuron);
        if json != signal.value.is_some() {
            let text = if json { "format \"json\" needs `value`" } else { "`value` is only used with format \"json\"" };
            problems.add(at.key("value"), text);
        }
        if by_id != signal.id.is_some() {
            let text = if by_id { "this format needs `id`" } else { "`id` is only used with kepware and neuron" };
            problems.add(at.key("id"), text);
        }
        if !json && (signal.timestamp.is_some() || signal.quality.is_some()) {
            problems.add(at.clone(), "`timestamp` and `quality` are only used with format \"json\"");
        }
        if signal.timestamp_format == TimestampFormat::Local && self.time_zone.is_none() {
            problems.add(at.key("timestamp_format"), "\"local\" needs `time_zone` at the topic");
        }
    }
}

impl SparkplugSection {
    fn check(&self, at: &KeyPath, problems: &mut Problems) {
        let devices = self.metrics.iter().filter_map(|it| it.device.as_ref());
        for (key, text) in
            [("group", &self.group), ("node", &self.node)].into_iter().chain(devices.map(|it| ("metric", it)))
        {
            if text.is_empty() || text.contains(['/', '+', '#']) {
                problems.add(at.key(key), format!("{text:?} cannot be a topic level: expected text without / + #"));
            }
        }
        if self.metrics.is_empty() {
            problems.add(at.clone(), "feeds nothing: expected [[mqtt.sparkplug.metric]]");
        }
    }
}
