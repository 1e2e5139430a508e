//! What a message says: topic, payload and the time of its receipt in, readings out. Pure.
//!
//! A message that says several things is taken as far as it can be understood; what cannot be understood comes back as
//! [`Poison`], for the message to be set aside beside the readings that were taken from it. An empty payload (a retained
//! message being cleared) says nothing.

use protocol::id::Name;
use protocol::time::UtcMicros;
use serde_json::Value as Json;

use self::timestamp::TimestampFormat;
use super::configuration::{Format, TimeZone, TopicSection, TopicSignal};
use super::topic::level;
use crate::reading::Value;

mod tags;
pub mod timestamp;
mod value;

/// A reading, before the shell says when and how it came.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadingDraft {
    pub machine: Name,
    pub signal: Name,
    pub value: Value,
    pub source_at: Option<UtcMicros>,
}

/// Why a message, or a part of it, was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    #[error("no [[mqtt.topic]] matches the topic")]
    UnknownTopic,
    #[error("the packet has {bytes} bytes, more than `packet_bytes_max` allows")]
    TooLarge { bytes: usize },
    #[error("the packet is malformed")]
    Malformed,
    #[error("not text in UTF-8")]
    NotText,
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("not a Sparkplug payload: {0}")]
    NotSparkplug(String),
    #[error("nothing at {0:?}")]
    Missing(String),
    #[error("{what} is {found}, expected {expected}")]
    WrongType { what: String, found: String, expected: &'static str },
    #[error("the time {found} cannot be read: {problem}")]
    Time { found: String, problem: &'static str },
    #[error("level {level} of the topic is {found:?}, which is none of `machines`")]
    UnknownMachine { level: usize, found: String },
}

/// What became of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapped {
    pub readings: Vec<ReadingDraft>,
    pub problems: Vec<Poison>,
    /// A device said that it is, or is no longer, there.
    pub availability: Option<bool>,
}

impl Mapped {
    fn add(&mut self, result: Result<Option<ReadingDraft>, Poison>) {
        match result {
            Ok(draft) => self.readings.extend(draft),
            Err(poison) => self.problems.push(poison),
        }
    }
}

/// Takes a payload apart. `received` helps to choose between two moments that have the same local time.
#[must_use]
pub fn map(section: &TopicSection, topic: &str, payload: &[u8], received: UtcMicros) -> Mapped {
    let mut mapped = Mapped::default();
    if payload.is_empty() {
        return mapped;
    }
    let result = understand(section, topic, payload, received, &mut mapped);
    mapped.problems.extend(result.err());
    mapped
}

/// The id that the publisher gave the message, where configured and there.
#[must_use]
pub fn message_id(section: &TopicSection, payload: &[u8]) -> Option<String> {
    let pointer = section.message_id.as_ref()?;
    let json: Json = serde_json::from_slice(payload).ok()?;
    match json.pointer(pointer.as_str())? {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn understand(
    section: &TopicSection,
    topic: &str,
    payload: &[u8],
    received: UtcMicros,
    mapped: &mut Mapped,
) -> Result<(), Poison> {
    let context = Context { section, machine: machine_of(section, topic)?, received };
    match section.format {
        Format::Json => {
            let json = parse(payload)?;
            for signal in &section.signals {
                mapped.add(context.by_pointer(signal, &json));
            }
        }
        Format::Scalar => {
            let text = text(payload)?;
            for signal in &section.signals {
                let value = value::of_text(text, signal.value_type);
                mapped.add(value.map(|value| Some(context.draft(signal, value, None))));
            }
        }
        Format::Kepware => tags::kepware(&context, &parse(payload)?, mapped)?,
        Format::Neuron => tags::neuron(&context, &parse(payload)?, mapped)?,
        Format::Availability => availability(&context, text(payload)?, mapped)?,
    }
    Ok(())
}

fn parse(payload: &[u8]) -> Result<Json, Poison> {
    serde_json::from_slice(payload).map_err(|error| Poison::NotJson(error.to_string()))
}

fn text(payload: &[u8]) -> Result<&str, Poison> {
    std::str::from_utf8(payload).map(str::trim).map_err(|_| Poison::NotText)
}

/// The machine that the topic names, where one level does.
fn machine_of<'s>(section: &'s TopicSection, topic: &str) -> Result<Option<&'s Name>, Poison> {
    let Some(number) = section.machine_level else { return Ok(section.machine.as_ref()) };
    let found = level(topic, number).unwrap_or("");
    match section.machines.iter().find(|machine| machine.as_str() == found) {
        Some(machine) => Ok(Some(machine)),
        None => Err(Poison::UnknownMachine { level: number, found: found.to_owned() }),
    }
}

fn availability(context: &Context<'_>, text: &str, mapped: &mut Mapped) -> Result<(), Poison> {
    let section = context.section;
    let online = section.online.as_deref().unwrap_or("Online");
    let offline = section.offline.as_deref().unwrap_or("Offline");
    if text.eq_ignore_ascii_case(online) {
        mapped.availability = Some(true);
    } else if text.eq_ignore_ascii_case(offline) {
        mapped.availability = Some(false);
        let drafts = section.signals.iter().map(|signal| context.draft(signal, Value::Unavailable, None));
        mapped.readings.extend(drafts);
    } else {
        let expected = "the word for online or offline";
        return Err(Poison::WrongType { what: "the payload".to_owned(), found: excerpt(text), expected });
    }
    Ok(())
}

/// What a message's values are read in the light of.
struct Context<'s> {
    section: &'s TopicSection,
    machine: Option<&'s Name>,
    received: UtcMicros,
}

impl Context<'_> {
    fn draft(&self, signal: &TopicSignal, value: Value, source_at: Option<UtcMicros>) -> ReadingDraft {
        let machine = signal.machine.as_ref().or(self.machine).unwrap_or(&signal.signal).clone();
        ReadingDraft { machine, signal: signal.signal.clone(), value, source_at }
    }

    fn by_pointer(&self, signal: &TopicSignal, json: &Json) -> Result<Option<ReadingDraft>, Poison> {
        let at = signal.value.as_ref().map_or("", |pointer| pointer.as_str());
        let Some(found) = json.pointer(at) else {
            return if signal.optional { Ok(None) } else { Err(Poison::Missing(at.to_owned())) };
        };
        let source_at = match &signal.timestamp {
            None => None,
            Some(pointer) => {
                let found =
                    json.pointer(pointer.as_str()).ok_or_else(|| Poison::Missing(pointer.as_str().to_owned()))?;
                Some(self.time(found, signal.timestamp_format)?)
            }
        };
        let good = match &signal.quality {
            None => true,
            Some(pointer) => json.pointer(pointer.as_str()).is_some_and(value::is_good),
        };
        let value = if good { value::of_json(found, at, signal.value_type)? } else { Value::Unavailable };
        Ok(Some(self.draft(signal, value, source_at)))
    }

    fn time(&self, found: &Json, format: TimestampFormat) -> Result<UtcMicros, Poison> {
        timestamp::read(found, format, self.section.time_zone.map(|TimeZone(zone)| zone), self.received)
    }
}

/// Enough of a text to recognise it by.
fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests;
