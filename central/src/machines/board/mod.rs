//! The board: how every machine stands, kept in memory. Nothing here writes to the database.
//!
//! [`picture`] is what was last read, and how rows of the board follow from it; [`Board`] is what browsers were told.
//! They differ in one thing: of a machine of which nothing but its age changed the board tells only every
//! [`AGES_EVERY`], so that two hundred machines that merely live do not fill the network. [`jobs`] is what runs on a
//! machine. All of it is pure; [`store`] is the SQL, and [`crate::live`] brings them together.

pub mod jobs;
pub mod picture;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use protocol::event::MachineState;
use serde::{Deserialize, Serialize};

/// How often a change of nothing but ages and of what is expected by now is told.
pub const AGES_EVERY: TimeDelta = TimeDelta::seconds(5);

/// A machine on the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BoardMachine {
    pub id: i32,
    pub plant: String,
    pub plant_id: i32,
    /// Name of the line it stands in.
    pub line: Option<String>,
    /// What people call that line; its name where nobody gave it a title.
    pub line_title: Option<String>,
    pub name: String,
    pub title: String,
    /// The agent that reports it.
    pub agent: String,
    /// As last reported; none when never.
    #[schema(value_type = Option<StateWord>)]
    pub state: Option<MachineState>,
    pub state_since: Option<DateTime<Utc>>,
    /// When central last heard of it, up to five seconds behind.
    pub reported_at: Option<DateTime<Utc>>,
    /// When anything was last read from it, by the agent's clock, up to five seconds behind.
    pub last_reading_at: Option<DateTime<Utc>>,
    /// Pieces today, on the plant's day.
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    pub job: Option<BoardJob>,
    /// Stops of the last 24 hours, ended or open, that are no microstops and have no reason.
    pub unexplained_stops: i64,
    pub open_stop: Option<OpenStop>,
    /// Who is logged on, by name.
    pub operators: Vec<String>,
}

/// The words of [`MachineState`], for the API's description.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[schema(as = MachineState)]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    Running,
    Idle,
    Stopped,
    Setup,
    Maintenance,
    Break,
    Off,
    NoData,
}

/// The work order that runs on a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BoardJob {
    pub work_order: String,
    /// Code of the product; none when central does not know the order.
    pub product: Option<String>,
    pub product_title: Option<String>,
    pub quantity: Option<i64>,
    /// Good pieces since the order was first started on this machine.
    pub good: Option<i64>,
    /// When it was last started.
    pub since: DateTime<Utc>,
    pub ideal_cycle_ms: Option<i64>,
    /// Pieces that should exist by `reported_at`: the time the machine ran since the order's first start, by the ideal
    /// cycle. None when that is unknown.
    pub expected: Option<f64>,
}

/// A stop that goes on; the newest of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OpenStop {
    pub stop: i64,
    pub agent_id: i32,
    pub began_at: DateTime<Utc>,
    pub reason: Option<String>,
    /// As the plant's master data has it.
    pub reason_title: Option<String>,
}

/// A machine as it was told, with the text that every browser is sent.
#[derive(Debug, Clone)]
pub struct Told {
    pub machine: BoardMachine,
    pub json: Arc<str>,
    at: DateTime<Utc>,
}

/// What everybody was told.
#[derive(Debug, Clone, Default)]
pub struct Board {
    machines: BTreeMap<i32, Told>,
}

/// What a step of the board changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// The machines that stand otherwise than before, or are new.
    pub changed: Vec<Told>,
    /// Machines that are no longer there, or no longer in that plant: id and plant.
    pub removed: Vec<(i32, i32)>,
}

impl Changes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }
}

impl Board {
    /// Moves on to how machines stand `at`; what differs is what is to be told.
    pub fn advance(&mut self, rows: Vec<BoardMachine>, at: DateTime<Utc>) -> Changes {
        let mut changes = Changes::default();
        let mut before = std::mem::take(&mut self.machines);
        for machine in rows {
            let told = match before.remove(&machine.id) {
                Some(told) if told.machine == machine || is_only_older(&told, &machine, at) => told,
                earlier => {
                    if let Some(earlier) = earlier.filter(|it| it.machine.plant_id != machine.plant_id) {
                        changes.removed.push((machine.id, earlier.machine.plant_id));
                    }
                    let json = serde_json::to_string(&machine).unwrap_or_default().into();
                    let told = Told { machine, json, at };
                    changes.changed.push(told.clone());
                    told
                }
            };
            self.machines.insert(told.machine.id, told);
        }
        changes.removed.extend(before.into_values().map(|gone| (gone.machine.id, gone.machine.plant_id)));
        changes
    }

    /// By their numbers.
    pub fn machines(&self) -> impl Iterator<Item = &Told> {
        self.machines.values()
    }
}

/// Nothing but ages differs, and they were told a moment ago.
fn is_only_older(told: &Told, machine: &BoardMachine, at: DateTime<Utc>) -> bool {
    let elapsed = at.signed_duration_since(told.at);
    // A clock that was set back is no reason to keep still.
    if elapsed >= AGES_EVERY || elapsed < TimeDelta::zero() {
        return false;
    }
    let before = &told.machine;
    let mut aged = before.clone();
    aged.reported_at = machine.reported_at.filter(|_| before.reported_at.is_some());
    aged.last_reading_at = machine.last_reading_at.filter(|_| before.last_reading_at.is_some());
    if let (Some(aged), Some(job)) = (&mut aged.job, &machine.job) {
        aged.expected = job.expected.filter(|_| aged.expected.is_some());
    }
    aged == *machine
}

#[cfg(test)]
mod tests;
