//! The last stops of one machine, and what was said of them: what people explain at the station, also after a restart
//! without network.
//!
//! Folded from the machine's own downtime events in the order of the log, whether they were concluded from readings or
//! entered by a person. Stored under a key of its own, because counts change often and stops do not.

use std::sync::Arc;

use protocol::event::DowntimeEntry;
use protocol::id::{Name, StopId};
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};

/// How many are remembered; the oldest one that has ended gives way.
pub const RECENT_STOPS_MAX: usize = 20;

/// A stop as of the last that was said of it. Microstops are forgotten when they end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentStop {
    pub stop: StopId,
    pub began_at: UtcMicros,
    /// None while it lasts.
    pub ended_at: Option<UtcMicros>,
    pub reason: Option<String>,
    pub note: Option<String>,
}

impl RecentStop {
    fn began(stop: StopId, began_at: UtcMicros) -> RecentStop {
        RecentStop { stop, began_at, ended_at: None, reason: None, note: None }
    }
}

/// Oldest first.
#[derive(Debug, Default)]
pub(super) struct RecentStops {
    stops: Arc<Vec<RecentStop>>,
    changed: bool,
}

/// The key under which a machine's recent stops are stored.
#[must_use]
pub(super) fn state_key(machine: &Name) -> String {
    format!("stops/{machine}")
}

impl RecentStops {
    /// Goes on from what [`RecentStops::store`] gave; the list of an older form begins anew.
    pub(super) fn restore(stored: Option<&[u8]>) -> RecentStops {
        let stops = stored.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default();
        RecentStops { stops: Arc::new(stops), changed: false }
    }

    pub(super) fn store(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "plain values: writing them into memory cannot fail")]
        serde_json::to_vec(&*self.stops).expect("stops are JSON")
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    #[must_use]
    pub(super) fn shared(&self) -> Arc<Vec<RecentStop>> {
        Arc::clone(&self.stops)
    }

    pub(super) fn fold(&mut self, at: UtcMicros, entry: &DowntimeEntry) {
        self.changed = true;
        let stops = Arc::make_mut(&mut self.stops);
        match entry {
            DowntimeEntry::Began { stop, .. } => stops.push(RecentStop::began(*stop, at)),
            DowntimeEntry::Ended { stop, micro: true, .. } => stops.retain(|it| it.stop != *stop),
            DowntimeEntry::Ended { stop, began_at, micro: false, .. } => match find(stops, *stop) {
                Some(it) => it.ended_at = Some(at),
                None => stops.push(RecentStop { ended_at: Some(at), ..RecentStop::began(*stop, *began_at) }),
            },
            DowntimeEntry::Reason { stop, reason, .. } => {
                if let Some(it) = find(stops, *stop) {
                    it.reason = Some(reason.clone());
                }
            }
            DowntimeEntry::Note { stop, note, .. } => {
                if let Some(it) = find(stops, *stop) {
                    it.note = Some(note.clone());
                }
            }
            DowntimeEntry::Split { stop, from, new_stop, .. } => {
                if let Some(it) = find(stops, *stop) {
                    let ended_at = it.ended_at.replace(*from);
                    stops.push(RecentStop { ended_at, ..RecentStop::began(*new_stop, *from) });
                }
            }
        }
        stops.sort_by_key(|it| (it.began_at, it.stop));
        while stops.len() > RECENT_STOPS_MAX {
            let Some(oldest) = stops.iter().position(|it| it.ended_at.is_some()) else { break };
            stops.remove(oldest);
        }
    }
}

fn find(stops: &mut [RecentStop], stop: StopId) -> Option<&mut RecentStop> {
    stops.iter_mut().find(|it| it.stop == stop)
}

#[cfg(test)]
mod tests {
    use protocol::event::{MachineState, StopDetection};

    use super::*;

    fn began(stop: u64) -> DowntimeEntry {
        DowntimeEntry::Began { stop: StopId(stop), state: MachineState::Stopped, detected_by: StopDetection::State }
    }

    fn ended(stop: u64, began_at: i64, micro: bool) -> DowntimeEntry {
        DowntimeEntry::Ended {
            stop: StopId(stop),
            began_at: UtcMicros(began_at),
            lasted_us: 1,
            state: MachineState::Stopped,
            detected_by: StopDetection::State,
            micro,
        }
    }

    #[test]
    fn a_split_leaves_two_stops_that_follow_each_other_and_a_restart_knows_both() {
        let mut recent = RecentStops::default();
        recent.fold(UtcMicros(100), &began(1));
        recent.fold(UtcMicros(200), &ended(1, 100, false));
        let reason = DowntimeEntry::Reason { stop: StopId(1), reason: "jam".to_owned(), operator: None };
        recent.fold(UtcMicros(210), &reason);
        let split = DowntimeEntry::Split { stop: StopId(1), from: UtcMicros(150), new_stop: StopId(2), operator: None };
        recent.fold(UtcMicros(220), &split);
        let restored = RecentStops::restore(Some(&recent.store()));
        let told: Vec<_> =
            restored.stops.iter().map(|it| (it.stop.0, it.began_at.0, it.ended_at, it.reason.clone())).collect();
        assert_eq!(
            told,
            [(1, 100, Some(UtcMicros(150)), Some("jam".to_owned())), (2, 150, Some(UtcMicros(200)), None)]
        );
    }

    #[test]
    fn a_microstop_is_shown_only_while_it_lasts() {
        let mut recent = RecentStops::default();
        recent.fold(UtcMicros(100), &began(1));
        assert_eq!(recent.stops.len(), 1);
        recent.fold(UtcMicros(101), &ended(1, 100, true));
        assert!(recent.stops.is_empty());
    }

    #[test]
    fn the_oldest_that_ended_gives_way_and_the_open_one_never() {
        let mut recent = RecentStops::default();
        recent.fold(UtcMicros(1), &began(1));
        for stop in 2..50 {
            let at = i64::try_from(stop).unwrap() * 10;
            recent.fold(UtcMicros(at), &began(stop));
            recent.fold(UtcMicros(at + 1), &ended(stop, at, false));
        }
        assert_eq!(recent.stops.len(), RECENT_STOPS_MAX);
        assert_eq!((recent.stops[0].stop, recent.stops[RECENT_STOPS_MAX - 1].stop), (StopId(1), StopId(49)));
    }
}
