//! How agents are doing, across what `sync` keeps of each: for the API, metrics, the doctor and `central agent list`.
//! Nothing here writes.

pub mod store;

use chrono::{DateTime, Utc};
use protocol::batch::Health;
use serde::{Deserialize, Serialize};

/// An enrolled agent and all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Agent {
    /// Small number that facts carry.
    pub id: i32,
    pub uuid: uuid::Uuid,
    pub plant: String,
    pub name: String,
    pub enabled: bool,
    pub enrolled_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub last_sync_at: Option<DateTime<Utc>>,
    /// Seconds since then; none when it never synced.
    pub silent_s: Option<f64>,
    /// The agent's clock minus central's, travel time included.
    pub clock_offset_ms: Option<f64>,
    pub version: Option<String>,
    pub host: Option<String>,
    pub peer_address: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub log: Log,
    pub backlog: Option<Backlog>,
    /// Messages it set aside because they could not be understood.
    pub poison_messages: i64,
    /// Events its buffer's policy dropped, ever; each is also a gap.
    pub dropped_events: i64,
    /// How its sources and devices are doing, and why.
    pub conditions: Vec<Condition>,
    pub gaps: Gaps,
    /// Events that are committed but are no facts, until a person releases them.
    pub quarantined_events: i64,
    /// Bodies that could not be decoded.
    pub rejected_frames: i64,
    /// While present, central refuses its batches until a person decides.
    pub divergence: Option<Divergence>,
    /// What a person decided of its latest one; none while one is open.
    pub decided_divergence: Option<DecidedDivergence>,
}

/// One source or device of an agent, since when it is as it is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Condition {
    pub subject: String,
    pub kind: String,
    #[schema(value_type = String)]
    pub health: Health,
    pub reason: String,
    /// None where the agent's clock said what no calendar holds.
    pub since: Option<DateTime<Utc>>,
}

impl From<protocol::batch::Condition> for Condition {
    fn from(told: protocol::batch::Condition) -> Condition {
        let since = DateTime::from_timestamp_micros(told.since.0);
        Condition { subject: told.subject, kind: told.kind, health: told.health, reason: told.reason, since }
    }
}

/// How far its log is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Log {
    pub epoch: i32,
    /// Highest sequence committed.
    pub acknowledged: i64,
    /// Newest event in the agent's log, as it last said.
    pub newest: Option<i64>,
}

/// What the agent holds that central has not acknowledged, as it last said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Backlog {
    pub events: i64,
    pub oldest_at: Option<DateTime<Utc>>,
    pub buffer_bytes: Option<i64>,
    pub buffer_bytes_max: Option<i64>,
}

/// Recorded loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Gaps {
    pub count: i64,
    /// Events lost, where that was known.
    pub lost: i64,
    pub last_at: Option<DateTime<Utc>>,
}

/// Two histories under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Divergence {
    pub id: i64,
    pub reason: String,
    pub text: String,
    /// First sequence at which they differ, where that is known.
    pub fork_seq: Option<i64>,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub refused_batches: i64,
}

/// Two histories under one name, after a person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecidedDivergence {
    pub id: i64,
    pub resolved_at: DateTime<Utc>,
    pub resolved_by: Option<String>,
    /// When a process was last refused. Later than the decision: one that was decided against still asks, or the accepted
    /// one was started anew before it heard of it.
    pub last_refused_at: DateTime<Utc>,
}
