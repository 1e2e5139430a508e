//! What `/status` says, and `edge-agent status` prints: one shape, written and read here.

use protocol::batch::Health;
use protocol::event::MachineState;
use protocol::id::{AgentId, Name};
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};

use crate::signals::Live;

/// How things stand in one agent. Times are microseconds since 1970 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub agent: AgentId,
    pub name: Name,
    pub plant: Name,
    pub version: String,
    pub started_at: UtcMicros,
    pub now: UtcMicros,
    pub central: CentralReport,
    /// None while the log does not answer.
    pub log: Option<LogReport>,
    pub clock: ClockReport,
    pub machines: Vec<MachineReport>,
    pub conditions: Vec<ConditionReport>,
}

impl Report {
    /// The worst of all conditions; none that is worse than good means healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.conditions.iter().all(|it| matches!(it.health, Health::Good | Health::Starting))
    }
}

/// How the agent stands with central.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CentralReport {
    pub address: String,
    pub state: UplinkState,
    /// When central last answered.
    pub answered_at: Option<UtcMicros>,
    /// Round trip of that exchange.
    pub round_trip_us: Option<u64>,
    pub exchanges: u64,
    pub failures: u64,
    pub events_acknowledged: u64,
    /// Events the next full batch would hold.
    pub batch_events: usize,
}

impl CentralReport {
    /// Before the first exchange.
    #[must_use]
    pub fn starting(address: &str) -> CentralReport {
        CentralReport {
            address: address.to_owned(),
            state: UplinkState::Starting,
            answered_at: None,
            round_trip_us: None,
            exchanges: 0,
            failures: 0,
            events_acknowledged: 0,
            batch_events: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkState {
    /// Not answered yet since the start.
    #[default]
    Starting,
    Connected,
    /// Central cannot be reached, or is busy; tried again by itself.
    Offline,
    /// Central does not accept this agent.
    Refused,
    /// Central knows another history: a person has to decide.
    Diverged,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogReport {
    /// How central names this process, should another one say that it is this agent.
    pub process: String,
    pub epoch: u32,
    pub acknowledged: u64,
    pub newest: u64,
    pub backlog_events: u64,
    pub oldest_at: Option<UtcMicros>,
    pub bytes: u64,
    pub bytes_max: u64,
    pub dropped_events: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockReport {
    /// Central's clock less this computer's; none while not compared in this boot.
    pub offset_us: Option<i64>,
    pub quality: protocol::time::ClockQuality,
}

/// What a machine is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineReport {
    pub name: Name,
    pub state: MachineState,
    pub state_since: UtcMicros,
    /// Pieces since the agent's log began.
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    pub stops: u64,
    /// When anything was last read from it; none when never.
    pub last_reading_at: Option<UtcMicros>,
}

impl From<Live> for MachineReport {
    fn from(live: Live) -> MachineReport {
        let Live { machine, state, state_since, good, scrap, rework, stops, last_reading_at, .. } = live;
        MachineReport { name: machine, state, state_since, good, scrap, rework, stops, last_reading_at }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionReport {
    pub subject: String,
    pub kind: String,
    pub health: Health,
    pub reason: String,
    pub since: UtcMicros,
    pub counters: std::collections::BTreeMap<String, u64>,
}

impl From<super::Snapshot> for ConditionReport {
    fn from(snapshot: super::Snapshot) -> ConditionReport {
        let super::Snapshot { condition, counters } = snapshot;
        ConditionReport {
            subject: condition.subject,
            kind: condition.kind,
            health: condition.health,
            reason: condition.reason,
            since: condition.since,
            counters: counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}
