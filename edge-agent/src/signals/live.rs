//! What every machine is doing, for those who ask: the uplink with each batch, the status page.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::event::MachineState;
use protocol::id::Name;
use protocol::time::UtcMicros;

use super::recent_stops::RecentStop;

/// One machine as of its last reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub machine: Name,
    pub state: MachineState,
    pub state_since: UtcMicros,
    /// Pieces since the agent's log began, with what people entered.
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    /// Stops that began since the agent's log began.
    pub stops: u64,
    /// When anything was last read from it; none when never.
    pub last_reading_at: Option<UtcMicros>,
    /// The last stops, oldest first.
    pub recent_stops: Arc<Vec<RecentStop>>,
}

/// The machines of the configuration, in its order. Cheap to clone; written by [`crate::capture`] alone, after commits.
#[derive(Debug, Clone, Default)]
pub struct LiveView(Arc<Mutex<Vec<Live>>>);

impl LiveView {
    #[must_use]
    pub fn snapshot(&self) -> Vec<Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a machine is doing; None when there is no such machine.
    #[must_use]
    pub fn state(&self, machine: &Name) -> Option<MachineState> {
        let machines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        machines.iter().find(|live| live.machine == *machine).map(|live| live.state)
    }

    pub(crate) fn update(&self, update: impl FnOnce(&mut Vec<Live>)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
