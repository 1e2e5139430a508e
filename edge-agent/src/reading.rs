//! What sources produce.

use process::clock::Moment;
use protocol::batch::OriginKind;
use protocol::event::EventKind;
use protocol::id::Name;
use protocol::time::UtcMicros;

/// One value of one signal of one machine, as a source read it. What it means is decided by [`crate::signals`].
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub machine: Name,
    pub signal: Name,
    pub value: Value,
    /// When the agent learned of it.
    pub taken: Moment,
    /// When it was true, where the source says so.
    pub source_at: Option<UtcMicros>,
    pub nature: Nature,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    /// The source says that it has no value: a sentinel, a null, bad quality. No zero, no silence.
    Unavailable,
}

/// How a reading came, which decides what may be concluded from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nature {
    #[default]
    Live,
    /// How things stood before now: a retained message, a birth certificate. A state or a base, never an occurrence.
    Standing,
    /// Recorded earlier and sent now, in order: Sparkplug historical data, a replay.
    Historical,
}

/// What a source submits: a reading to be interpreted, or an event that needs no interpretation (a scan, a person's
/// entry, a gap).
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Reading(Reading),
    Occurrence(Occurrence),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    pub origin: OriginName,
    pub taken: Moment,
    pub source_at: Option<UtcMicros>,
    pub kind: EventKind,
}

/// What an event is about, by name; the buffer gives it its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginName {
    pub kind: OriginKind,
    pub name: Name,
}

impl OriginName {
    #[must_use]
    pub fn machine(name: Name) -> OriginName {
        OriginName { kind: OriginKind::Machine, name }
    }
}
