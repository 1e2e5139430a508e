//! Stops of one machine, concluded from its state and from missing counts.
//!
//! There is at most one open stop. Detections that overlap are one stop: it lasts until neither holds. Going from one
//! stop state into another ends a stop and begins the next, because they have different causes.

use protocol::event::{DowntimeEntry, EventKind, MachineState, StopDetection};
use protocol::id::StopId;
use serde::{Deserialize, Serialize};

use super::stamp::Stamp;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stops {
    /// Stops that have begun since the log began; the next one gets the number after it.
    begun: u64,
    open: Option<OpenStop>,
    /// Where the last one ended: the next one cannot begin before.
    ended: Option<Stamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OpenStop {
    number: u64,
    began: Stamp,
    state: MachineState,
    reason: Option<String>,
    detected_by: StopDetection,
    by_state: bool,
    by_missing_counts: bool,
}

/// An event and its time.
pub(super) type Entry = (Stamp, EventKind);

impl Stops {
    #[must_use]
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// The number of a stop that a person splits off: as if it had begun on its own.
    pub(super) fn split_off(&mut self) -> StopId {
        self.begun += 1;
        StopId(self.begun)
    }

    #[must_use]
    pub(super) fn is_missing_counts(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.by_missing_counts)
    }

    /// The machine entered a stop state.
    pub(super) fn stop_state(
        &mut self,
        state: MachineState,
        reason: Option<&str>,
        at: Stamp,
        microstop_below_us: u64,
        out: &mut Vec<Entry>,
    ) {
        match &mut self.open {
            Some(open) if open.by_state && open.state == state && open.reason.as_deref() == reason => return,
            Some(open) if !open.by_state => {
                open.by_state = true;
                open.state = state;
                open.reason = reason.map(str::to_owned);
                let stop = StopId(open.number);
                push_reason(stop, reason, at, out);
                return;
            }
            Some(_) => self.end(at, microstop_below_us, out),
            None => {}
        }
        self.begin(state, reason, StopDetection::State, at, out);
    }

    /// The machine entered a state that is no stop. Only while it claims to run are missing counts a stop of their own.
    pub(super) fn other_state(
        &mut self,
        state: MachineState,
        at: Stamp,
        microstop_below_us: u64,
        out: &mut Vec<Entry>,
    ) {
        let Some(open) = &mut self.open else { return };
        open.by_state = false;
        open.by_missing_counts &= state == MachineState::Running;
        if !open.by_missing_counts {
            self.end(at, microstop_below_us, out);
        }
    }

    /// No piece since `from` for longer than configured.
    pub(super) fn missing_counts(&mut self, from: Stamp, out: &mut Vec<Entry>) {
        match &mut self.open {
            Some(open) => open.by_missing_counts = true,
            None => {
                self.begin(MachineState::Stopped, None, StopDetection::MissingCounts, from, out);
            }
        }
    }

    /// A piece was made.
    pub(super) fn counted(&mut self, at: Stamp, microstop_below_us: u64, out: &mut Vec<Entry>) {
        let Some(open) = self.open.as_mut().filter(|open| open.by_missing_counts) else { return };
        open.by_missing_counts = false;
        if !open.by_state {
            self.end(at, microstop_below_us, out);
        }
    }

    fn begin(
        &mut self,
        state: MachineState,
        reason: Option<&str>,
        detected_by: StopDetection,
        began: Stamp,
        out: &mut Vec<Entry>,
    ) {
        // A state that was debounced, or counts that were missed, may reach back into the stop before.
        let began = self.ended.map_or(began, |ended| ended.later(began));
        self.begun += 1;
        let stop = StopId(self.begun);
        self.open = Some(OpenStop {
            number: self.begun,
            began,
            state,
            reason: reason.map(str::to_owned),
            detected_by,
            by_state: detected_by == StopDetection::State,
            by_missing_counts: detected_by == StopDetection::MissingCounts,
        });
        out.push((began, EventKind::Downtime(DowntimeEntry::Began { stop, state, detected_by })));
        push_reason(stop, reason, began, out);
    }

    fn end(&mut self, at: Stamp, microstop_below_us: u64, out: &mut Vec<Entry>) {
        let Some(open) = self.open.take() else { return };
        let at = open.began.later(at);
        let lasted_us = at.since(&open.began);
        self.ended = Some(at);
        let ended = DowntimeEntry::Ended {
            stop: StopId(open.number),
            began_at: open.began.at,
            lasted_us: i64::try_from(lasted_us).unwrap_or(i64::MAX),
            state: open.state,
            detected_by: open.detected_by,
            micro: lasted_us < microstop_below_us,
        };
        out.push((at, EventKind::Downtime(ended)));
    }
}

/// A code that gives away its reason explains the stop before any person does.
fn push_reason(stop: StopId, reason: Option<&str>, at: Stamp, out: &mut Vec<Entry>) {
    if let Some(reason) = reason {
        let reason = DowntimeEntry::Reason { stop, reason: reason.to_owned(), operator: None };
        out.push((at, EventKind::Downtime(reason)));
    }
}
