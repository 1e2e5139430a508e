//! What happened on the floor.
//!
//! An [`EventKind`] is the meaning; a [`RawEvent`] is the form in which events are stored by the agent, hashed and
//! sent: the same bytes from the moment of capture on. A kind is encoded on its own, behind a tag and a length, so that
//! a receiver keeps kinds it does not know.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::codec::{self, DecodeError};
use crate::id::{Name, OriginId, StopId};
use crate::time::{ClockQuality, Monotonic, UtcMicros};

/// One event as stored and sent. Its sequence number is its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RawEvent {
    /// Best estimate of when it happened.
    pub at: UtcMicros,
    pub clock: ClockQuality,
    /// When the agent learned of it.
    pub monotonic: Monotonic,
    pub origin: OriginId,
    pub kind: KindTag,
    pub body: Vec<u8>,
}

/// Which kind of event a body holds. Numbers are for ever; see the table in [`EventKind::tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct KindTag(pub u16);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    Count(Count),
    State(StateChange),
    Scan(Scan),
    Downtime(DowntimeEntry),
    Job(JobEntry),
    ShiftLog(ShiftLogEntry),
    Measurement(Measurement),
    Alarm(Alarm),
    Gap(Gap),
    PieceEntry(PieceEntry),
    /// A place in the log whose event the buffer's policy dropped; a [`Gap`] says how many and why. Its body is empty.
    Dropped,
    /// A kind of a newer agent, or a known kind whose body did not decode: kept as it came.
    Unknown {
        tag: KindTag,
        body: Vec<u8>,
    },
}

impl EventKind {
    #[must_use]
    pub fn tag(&self) -> KindTag {
        KindTag(match self {
            EventKind::Count(_) => 1,
            EventKind::State(_) => 2,
            EventKind::Scan(_) => 3,
            EventKind::Downtime(_) => 4,
            EventKind::Job(_) => 5,
            EventKind::ShiftLog(_) => 6,
            EventKind::Measurement(_) => 7,
            EventKind::Alarm(_) => 8,
            EventKind::Gap(_) => 9,
            EventKind::PieceEntry(_) => 10,
            EventKind::Dropped => 0,
            EventKind::Unknown { tag, .. } => return *tag,
        })
    }

    /// The body alone, as [`RawEvent::body`] carries it.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        match self {
            EventKind::Count(it) => codec::encode_body(it),
            EventKind::State(it) => codec::encode_body(it),
            EventKind::Scan(it) => codec::encode_body(it),
            EventKind::Downtime(it) => codec::encode_body(it),
            EventKind::Job(it) => codec::encode_body(it),
            EventKind::ShiftLog(it) => codec::encode_body(it),
            EventKind::Measurement(it) => codec::encode_body(it),
            EventKind::Alarm(it) => codec::encode_body(it),
            EventKind::Gap(it) => codec::encode_body(it),
            EventKind::PieceEntry(it) => codec::encode_body(it),
            EventKind::Dropped => Vec::new(),
            EventKind::Unknown { body, .. } => body.clone(),
        }
    }

    /// What a tag and a body mean. An unknown tag is no error; a known tag with a body that does not decode is.
    pub fn decode(tag: KindTag, body: &[u8]) -> Result<EventKind, DecodeError> {
        Ok(match tag.0 {
            0 if body.is_empty() => EventKind::Dropped,
            1 => EventKind::Count(codec::decode_body(body)?),
            2 => EventKind::State(codec::decode_body(body)?),
            3 => EventKind::Scan(codec::decode_body(body)?),
            4 => EventKind::Downtime(codec::decode_body(body)?),
            5 => EventKind::Job(codec::decode_body(body)?),
            6 => EventKind::ShiftLog(codec::decode_body(body)?),
            7 => EventKind::Measurement(codec::decode_body(body)?),
            8 => EventKind::Alarm(codec::decode_body(body)?),
            9 => EventKind::Gap(codec::decode_body(body)?),
            10 => EventKind::PieceEntry(codec::decode_body(body)?),
            _ => EventKind::Unknown { tag, body: body.to_vec() },
        })
    }

    /// How dear the event is when the agent's disk runs full.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            EventKind::Measurement(_) | EventKind::Dropped => Class::Telemetry,
            EventKind::Job(_) | EventKind::ShiftLog(_) | EventKind::Scan(_) | EventKind::PieceEntry(_) => Class::Entry,
            EventKind::Downtime(DowntimeEntry::Began { .. } | DowntimeEntry::Ended { .. }) => Class::Fact,
            EventKind::Downtime(_) => Class::Entry,
            EventKind::Count(_)
            | EventKind::State(_)
            | EventKind::Alarm(_)
            | EventKind::Gap(_)
            | EventKind::Unknown { .. } => Class::Fact,
        }
    }
}

/// How dear an event is when the agent's disk runs full, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Measurements: thinned first.
    Telemetry,
    /// Counts, states, stops, alarms, gaps: never dropped.
    Fact,
    /// What a person said or scanned: never dropped.
    Entry,
}

/// Pieces counted since the count before it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Count {
    pub signal: Name,
    pub quality: PieceQuality,
    /// Pieces; negative only when a person takes an entry back.
    pub delta: i64,
    /// The counter reading it came from; none for a delta or a person's entry.
    pub raw: Option<i64>,
    pub basis: CountBasis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceQuality {
    Good,
    Scrap,
    Rework,
}

/// How a count was concluded from what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBasis {
    /// The reading before it was lower: the difference.
    Increase,
    /// The counter passed its rollover value.
    Rollover,
    /// The counter fell to near zero, as after a PLC restart: what it shows has been made since.
    Reset,
    /// The first reading ever, or the first after an implausible jump: a base, no pieces (`delta` is 0).
    Baseline,
    /// The source itself sent the pieces since its message before.
    Delta,
    /// A person entered it.
    Entry,
}

/// A machine's state from this moment on.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct StateChange {
    pub state: MachineState,
    /// What the source said, before it was mapped: a PackML number, a code, a word.
    pub source_code: Option<String>,
    pub reason: Option<String>,
}

/// What a machine is doing, in the words of the whole product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Producing.
    Running,
    /// Able to produce and waiting: starved, blocked, ready.
    Idle,
    /// Should produce and does not: fault, stop, abort.
    Stopped,
    /// Changeover, adjustment, cleaning between jobs.
    Setup,
    Maintenance,
    /// A break of the people at it.
    Break,
    /// Switched off or not scheduled.
    Off,
    /// Nobody knows: neither running nor idle.
    NoData,
}

impl MachineState {
    pub const ALL: [MachineState; 8] = [
        MachineState::Running,
        MachineState::Idle,
        MachineState::Stopped,
        MachineState::Setup,
        MachineState::Maintenance,
        MachineState::Break,
        MachineState::Off,
        MachineState::NoData,
    ];

    /// The word used in configuration, SQL and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MachineState::Running => "running",
            MachineState::Idle => "idle",
            MachineState::Stopped => "stopped",
            MachineState::Setup => "setup",
            MachineState::Maintenance => "maintenance",
            MachineState::Break => "break",
            MachineState::Off => "off",
            MachineState::NoData => "no_data",
        }
    }
}

/// A code was read.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Scan {
    /// The scanner it came from.
    pub source: Name,
    /// What the scanner sent, between its frame marks.
    pub raw: Vec<u8>,
    /// AIM symbology identifier without the leading `]`, such as `C1` or `d2`.
    pub symbology: Option<String>,
    /// GS1 application identifiers in order, where the code holds them and each is as its specification wants it.
    pub elements: Vec<Gs1Element>,
    /// Why a code that claims to be GS1 was not taken for one; or, beside elements, the rule between identifiers that this
    /// code alone does not keep.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Gs1Element {
    /// Application identifier: 2 to 4 digits.
    pub ai: String,
    pub value: String,
}

/// A stop, and what people say of it. [`StopId`] numbers the stops of one machine in one agent's log.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub enum DowntimeEntry {
    Began {
        stop: StopId,
        state: MachineState,
        detected_by: StopDetection,
    },
    /// `at` is the end.
    Ended {
        stop: StopId,
        began_at: UtcMicros,
        lasted_us: i64,
        state: MachineState,
        detected_by: StopDetection,
        micro: bool,
    },
    Reason {
        stop: StopId,
        reason: String,
        operator: Option<String>,
    },
    Note {
        stop: StopId,
        note: String,
        operator: Option<String>,
    },
    /// The part of the stop from `from` on is a stop of its own, numbered `new_stop`.
    Split {
        stop: StopId,
        from: UtcMicros,
        new_stop: StopId,
        operator: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopDetection {
    /// The machine said so.
    State,
    /// No piece for longer than the configured time; the stop begins at the last piece.
    MissingCounts,
}

/// Work on a work order.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct JobEntry {
    pub action: JobAction,
    pub work_order: String,
    pub operator: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobAction {
    Start,
    Pause,
    Finish,
    Switch,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub enum ShiftLogEntry {
    OperatorOn { operator: String },
    OperatorOff { operator: String },
    Note { operator: Option<String>, note: String },
}

/// A process or inspection value.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Measurement {
    pub signal: Name,
    pub value: MeasuredValue,
    pub unit: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub enum MeasuredValue {
    Number(f64),
    Text(String),
    Bool(bool),
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Alarm {
    /// What the alarm is about: a signal, a source or a device.
    pub subject: Name,
    /// A word a rule can match: `implausible_jump`, `rollback`, `poison_message`.
    pub code: String,
    pub text: String,
    /// False when the cause is gone.
    pub active: bool,
}

/// Loss that is recorded: data that existed, or time that was not observed.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Gap {
    pub cause: GapCause,
    /// What was lost: a class of events, a source.
    pub subject: Name,
    /// Events lost, where that is known.
    pub lost: Option<u64>,
    pub from: UtcMicros,
    pub to: UtcMicros,
    pub text: String,
}

/// Pieces that a person reports at a station in one step, or the taking back of such a report.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PieceEntry {
    /// Made by the page that asks, so that the same report, sent twice, is stored once. A report and its taking back
    /// carry the same id and the same numbers.
    pub id: u128,
    pub good: u32,
    pub scrap: u32,
    pub rework: u32,
    /// Why it is scrap or rework: the code of a reason.
    pub reason: Option<String>,
    /// The machine had counted the scrap and rework as good already: they are taken from its good pieces.
    pub counted_as_good: bool,
    pub takes_back: bool,
    pub work_order: Option<String>,
    pub operator: Option<String>,
}

impl PieceEntry {
    /// What the report changes, in pieces: good, scrap, rework.
    #[must_use]
    pub fn deltas(&self) -> [i64; 3] {
        let (scrap, rework) = (i64::from(self.scrap), i64::from(self.rework));
        let moved = if self.counted_as_good { scrap + rework } else { 0 };
        let sign = if self.takes_back { -1 } else { 1 };
        [sign * (i64::from(self.good) - moved), sign * scrap, sign * rework]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The buffer was full and its policy dropped events of this class.
    BufferFull,
    /// The agent's database could not be read; what it held is set aside beside the new one.
    BufferCorrupt,
    /// The broker said that its session with the agent was gone.
    BrokerSessionLost,
    /// A sequence in the source skipped.
    SourceSequence,
}

impl RawEvent {
    #[must_use]
    pub fn new(
        at: UtcMicros,
        clock: ClockQuality,
        monotonic: Monotonic,
        origin: OriginId,
        kind: &EventKind,
    ) -> RawEvent {
        RawEvent { at, clock, monotonic, origin, kind: kind.tag(), body: kind.body() }
    }

    pub fn decode_kind(&self) -> Result<EventKind, DecodeError> {
        EventKind::decode(self.kind, &self.body)
    }
}
