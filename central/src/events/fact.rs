//! One committed event of a machine, with everything that drilling down needs: where in which agent's log it stands, how
//! sure its time is, and the raw reading it was concluded from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Fact {
    pub at: DateTime<Utc>,
    /// How sure the clock was: `synchronized`, `unverified`, `wrong`, `restamped`, `source`.
    pub clock: String,
    /// Whether an agent recorded it, or it was said at central.
    pub recorded_by: RecordedBy,
    /// The agent it is about, and its log's epoch and sequence; none of these two when it was said at central.
    pub agent: String,
    pub epoch: Option<i32>,
    pub seq: Option<i64>,
    #[serde(flatten)]
    pub content: Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedBy {
    Agent,
    Central,
}

/// What happened. Words are those of the wire (`protocol::event`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    Count {
        signal: String,
        quality: String,
        delta: i64,
        /// The counter reading; none for a delta or an entry.
        raw: Option<i64>,
        basis: String,
    },
    State {
        state: String,
        source_code: Option<String>,
        reason: Option<String>,
    },
    Downtime {
        stop: i64,
        /// `began`, `ended`, `reason`, `note`, `split`.
        change: String,
        began_at: Option<DateTime<Utc>>,
        lasted_us: Option<i64>,
        reason: Option<String>,
        note: Option<String>,
        split_from: Option<DateTime<Utc>>,
        new_stop: Option<i64>,
        operator: Option<String>,
        /// Who said it at central.
        entered_by: Option<String>,
        /// Why it corrects what was said before.
        why: Option<String>,
    },
    Scan {
        source: String,
        text: String,
        /// What the scanner sent, in base 64.
        raw: String,
        symbology: Option<String>,
        elements: Vec<Element>,
        problem: Option<String>,
    },
    Measurement {
        signal: String,
        number: Option<f64>,
        text: Option<String>,
        bool: Option<bool>,
        unit: Option<String>,
    },
    Job {
        action: String,
        work_order: String,
        operator: Option<String>,
    },
    ShiftLog {
        entry: String,
        operator: Option<String>,
        note: Option<String>,
    },
    Alarm {
        subject: String,
        code: String,
        text: String,
        active: bool,
    },
    Gap {
        cause: String,
        subject: String,
        lost: Option<i64>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        text: String,
    },
    /// Pieces that a person reported, or took back; the same pieces are events of kind `count`.
    PieceEntry {
        entry: String,
        good: i64,
        scrap: i64,
        rework: i64,
        counted_as_good: bool,
        takes_back: bool,
        reason: Option<String>,
        work_order: Option<String>,
        operator: Option<String>,
    },
}

/// A GS1 element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Element {
    pub ai: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Count,
    State,
    Downtime,
    Scan,
    Measurement,
    Job,
    ShiftLog,
    Alarm,
    Gap,
    PieceEntry,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Count,
        Kind::State,
        Kind::Downtime,
        Kind::Scan,
        Kind::Measurement,
        Kind::Job,
        Kind::ShiftLog,
        Kind::Alarm,
        Kind::Gap,
        Kind::PieceEntry,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Count => "count",
            Kind::State => "state",
            Kind::Downtime => "downtime",
            Kind::Scan => "scan",
            Kind::Measurement => "measurement",
            Kind::Job => "job",
            Kind::ShiftLog => "shift_log",
            Kind::Alarm => "alarm",
            Kind::Gap => "gap",
            Kind::PieceEntry => "piece_entry",
        }
    }

    /// The kind's tag on the wire; also its place in the order of events of one moment.
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Kind::Count => 1,
            Kind::State => 2,
            Kind::Scan => 3,
            Kind::Downtime => 4,
            Kind::Job => 5,
            Kind::ShiftLog => 6,
            Kind::Measurement => 7,
            Kind::Alarm => 8,
            Kind::Gap => 9,
            Kind::PieceEntry => 10,
        }
    }

    #[must_use]
    pub fn from_rank(rank: i32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.rank() == rank)
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
