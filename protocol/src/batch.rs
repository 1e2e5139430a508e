//! What an agent sends: a run of its log, and how things stand.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::chain::ChainHash;
use crate::event::{MachineState, RawEvent};
use crate::id::{Epoch, Instance, Name, OriginId, Seq};
use crate::time::UtcMicros;

/// Events `first_seq`, `first_seq + 1`, … of one agent's log, and how things stand as it is sent.
///
/// An empty batch is a heartbeat: it carries the live snapshot and asks for news.
/// The agent is known by the key of its connection; `agent` only has to agree with it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Batch {
    pub agent: crate::id::AgentId,
    pub epoch: Epoch,
    pub instance: Instance,
    pub first_seq: Seq,
    /// Chain hash at `first_seq - 1`.
    pub previous: ChainHash,
    /// The newest event in the agent's log. Below central's mark it gives away a restored copy.
    pub newest_seq: Seq,
    /// The agent's clock as it sends.
    pub sent_at: UtcMicros,
    /// Revision of the master data that the agent holds; 0 when it holds none.
    pub master_data_revision: u64,
    /// Names of the origins that `events` and `live` mention.
    pub origins: Vec<Origin>,
    pub live: Vec<LiveMachine>,
    /// Present when it changed since the last acknowledged batch, and at least once a minute.
    pub status: Option<AgentStatus>,
    pub events: Vec<RawEvent>,
}

impl Batch {
    /// The last sequence in the batch; `first_seq - 1` when it is empty.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.first_seq.0 + self.events.len() as u64 - 1)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Origin {
    pub id: OriginId,
    pub kind: OriginKind,
    pub name: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    Machine,
    Station,
    /// The agent itself: gaps, alarms of its own.
    Agent,
}

/// What a machine is doing as the batch is sent, whatever the backlog.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct LiveMachine {
    pub origin: OriginId,
    pub state: MachineState,
    pub state_since: UtcMicros,
    /// Pieces since the agent's log began.
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    /// When anything was last read from it; none when never.
    pub last_reading_at: Option<UtcMicros>,
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Software version, such as `0.1.0`.
    pub version: String,
    pub host: String,
    pub started_at: UtcMicros,
    /// Events not yet acknowledged.
    pub backlog_events: u64,
    pub backlog_oldest_at: Option<UtcMicros>,
    pub buffer_bytes: u64,
    pub buffer_bytes_max: u64,
    /// Messages set aside because they could not be understood.
    pub poison_messages: u64,
    /// Events dropped by the buffer's policy, ever.
    pub dropped_events: u64,
    pub conditions: Vec<Condition>,
}

/// How a source or one of its devices is doing, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Condition {
    /// `press-line`, or `press-line/press-1` for a device.
    pub subject: String,
    /// `modbus`, `mqtt`, `scanner`, `buffer`, `clock`.
    pub kind: String,
    pub health: Health,
    pub reason: String,
    pub since: UtcMicros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Starting,
    Good,
    /// Works in part.
    Degraded,
    Down,
}
