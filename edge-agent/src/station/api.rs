//! What the page and the agent say to each other: the Rust side of `station-page/src/api.ts`.

use chrono::{DateTime, SecondsFormat};
use protocol::event::{JobAction, MachineState};
use protocol::id::Name;
use protocol::time::UtcMicros;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A moment as the page knows it: RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub UtcMicros);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = DateTime::from_timestamp_micros(self.0.0).unwrap_or_default();
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| serde::de::Error::custom("expected a time such as 2026-11-22T14:05:00.000Z"))?;
        Ok(Moment(UtcMicros(at.timestamp_micros())))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    pub at: Moment,
    pub station: Name,
    pub plant: Name,
    pub time_zone: String,
    pub central: Central,
    pub operators: Vec<LoggedOn>,
    pub machines: Vec<Machine>,
    pub work_orders: Vec<WorkOrder>,
    pub reasons: Reasons,
    pub entries: Vec<Entry>,
    pub ready_for_operators: bool,
    pub undo_s: u32,
    pub from_scanners: Vec<FromScanner>,
    pub pages: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Central {
    pub reachable: bool,
    pub since: Moment,
    pub waiting_events: u64,
    pub reason: Option<String>,
    pub last_sync_at: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedOn {
    pub number: String,
    pub name: String,
    pub since: Moment,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    pub name: Name,
    pub title: String,
    pub state: MachineState,
    pub state_since: Moment,
    pub last_reading_at: Option<Moment>,
    pub counts_itself: bool,
    pub pieces: PiecesSince,
    pub job: Option<Job>,
    pub stops: Vec<Stop>,
    pub help_called_at: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PiecesSince {
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    pub since: Moment,
    pub of: Of,
}

/// What a count of pieces is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    Shift,
    Day,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    pub work_order: String,
    pub product: String,
    pub product_title: String,
    pub quantity: Option<u64>,
    pub good: i64,
    pub since: Moment,
    pub paused: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkOrder {
    pub code: String,
    pub product: String,
    pub product_title: String,
    pub machine: Option<Name>,
    pub quantity: Option<u64>,
    pub due_at: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reasons {
    pub downtime: Vec<Reason>,
    pub pieces: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    pub code: String,
    pub title: String,
    pub planned: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stop {
    pub stop: String,
    pub began_at: Moment,
    pub ended_at: Option<Moment>,
    /// The one that holds.
    pub reason: Option<String>,
    pub note: Option<String>,
    pub corrected: Option<Corrected>,
    pub split_at_central: Option<SaidAtCentral>,
}

/// A reason that was given at central: it holds, whatever is entered here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Corrected {
    pub title: String,
    pub why: Option<String>,
    #[serde(flatten)]
    pub said: SaidAtCentral,
    /// Another one, that was given here.
    pub said_here: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidAtCentral {
    pub by: String,
    pub at: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    LogOn,
    LogOff,
    Job,
    Pieces,
    StopReason,
    StopNote,
    StopSplit,
    ShiftNote,
    Help,
    Scan,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    pub id: Uuid,
    pub at: Moment,
    pub kind: EntryKind,
    pub machine: Option<Name>,
    pub operator: Option<String>,
    pub text: String,
    pub said: Option<Said>,
    pub at_central: bool,
    pub undo_until: Option<Moment>,
    pub undone: bool,
}

/// What an entry says, for a page to say in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Said {
    Job { action: JobAction, work_order: String },
    Pieces { good: u32, scrap: u32, rework: u32, reason: Option<String> },
    Help { active: bool },
    Code { text: String },
}

/// The answer to what is durable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub id: Uuid,
    pub at: Moment,
    pub text: String,
    pub already: bool,
    /// Scans only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Meaning>,
}

/// A code that a scanner of the agent read, and what a page would have been answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FromScanner {
    pub id: Uuid,
    pub at: Moment,
    pub scanner: Name,
    /// None of a badge.
    pub code: Option<String>,
    pub outcome: ScanOutcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ScanOutcome {
    Stored {
        stored: Stored,
    },
    /// The code is stored all the same, unless it is a badge; what it asks for is not done.
    Refused {
        refusal: Refusal,
    },
}

/// What a scanned code turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Meaning {
    Operator {
        number: String,
        name: String,
        change: OperatorChange,
    },
    WorkOrder {
        work_order: String,
        job: JobOutcome,
        /// Where it is worked on, or would be.
        #[serde(default)]
        machine: Option<Name>,
        /// The machine that the order names, where that is another one.
        #[serde(default)]
        planned_for: Option<PlannedFor>,
    },
    Code {
        text: String,
        problem: Option<String>,
    },
    /// It begins like a work order's label, and there is no such order here.
    UnknownWorkOrder {
        text: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFor {
    pub title: String,
    /// Whether it stands at this station.
    pub is_here: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorChange {
    LoggedOn,
    AlreadyOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    Started,
    Switched,
    AlreadyRunning,
    AsksForMachine,
    AsksForOperator,
}

/// Why nothing was stored, for the operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    pub detail: String,
    pub code: RefusalCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    UnknownBadge,
    WrongPin,
    Locked,
    NotLoggedOn,
    UnknownOperator,
    UnknownWorkOrder,
    UnknownMachine,
    UnknownStop,
    UnknownReason,
    TooLate,
    NoPin,
    JobNotRunning,
    StopNotOver,
    NotAllowed,
    Invalid,
    NotStored,
}

impl RefusalCode {
    pub fn because(self, detail: impl Into<String>) -> Refusal {
        Refusal { detail: detail.into(), code: self, retry_at: None }
    }
}

/// `POST log-on`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOn {
    pub id: Uuid,
    pub badge: Option<String>,
    pub number: Option<String>,
    pub pin: Option<String>,
}

/// `POST log-off`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOff {
    pub id: Uuid,
    pub operator: String,
}

/// `POST job`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobChange {
    pub id: Uuid,
    pub operator: String,
    pub machine: Name,
    pub action: JobAction,
    pub work_order: String,
}

/// `POST pieces`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pieces {
    pub id: Uuid,
    pub operator: String,
    pub machine: Name,
    pub good: u32,
    pub scrap: u32,
    pub rework: u32,
    pub reason: Option<String>,
}

/// `POST pieces/undo`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    pub id: Uuid,
    pub operator: String,
}

/// `POST stop/reason`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopReason {
    pub id: Uuid,
    pub operator: String,
    pub machine: Name,
    pub stop: String,
    pub reason: String,
}

/// `POST stop/note`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopNote {
    pub id: Uuid,
    pub operator: String,
    pub machine: Name,
    pub stop: String,
    pub note: String,
}

/// `POST stop/split`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopSplit {
    pub id: Uuid,
    pub operator: String,
    pub machine: Name,
    pub stop: String,
    pub from: Moment,
}

/// `POST shift-note`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftNote {
    pub id: Uuid,
    pub operator: String,
    pub machine: Option<Name>,
    pub note: String,
}

/// `POST help`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Help {
    pub id: Uuid,
    pub operator: Option<String>,
    pub machine: Name,
    pub active: bool,
}

/// `POST scan`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    pub id: Uuid,
    /// Base 64.
    pub raw: String,
    pub operator: Option<String>,
    pub machine: Option<Name>,
}
