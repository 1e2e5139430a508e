//! Codes that scanners of the agent read: taken like one that is scanned on the page, with what only such a scanner needs.
//!
//! Nobody stands before an answer, so nothing is refused: a code that the desk does not take is stored as the fact that it
//! is, and why it was not taken is told to the pages. Badges are never stored, taken or not.

use protocol::event::EventKind;

use super::{Decision, Desk, Effect, Floor, FromScanner, Request, ScanOf, excerpt};
use crate::reading::OriginName;
use crate::station::api::{EntryKind, Moment, Refusal, ScanOutcome, Stored};

/// Outcomes that are remembered for pages to show.
const TOLD_MAX: usize = 8;

impl Desk {
    /// What a code leads to that a scanner read. At a machine that does not stand at this station it is stored, and is
    /// nothing to the people here.
    pub(super) fn take_from_scanner(&self, request: &Request, code: &ScanOf, floor: &Floor<'_>) -> Decision {
        if code.machine().is_some_and(|machine| floor.machine(machine).is_err()) {
            return self.leave_alone(request, code, floor);
        }
        let (mut decision, outcome) = match self.enter(request, floor) {
            Ok(decision) => {
                let stored = decision.answer.clone();
                (decision, ScanOutcome::Stored { stored })
            }
            Err(refusal) => (self.store_refused(request, code, &refusal, floor), ScanOutcome::Refused { refusal }),
        };
        let told = &mut decision.desk.from_scanners;
        told.push_back(FromScanner {
            id: request.id,
            stamp: floor.now,
            scanner: code.scan.source.clone(),
            code: code.badge_of.is_none().then(|| shown(code)),
            outcome,
        });
        while told.len() > TOLD_MAX {
            told.pop_front();
        }
        decision
    }

    fn leave_alone(&self, request: &Request, code: &ScanOf, floor: &Floor<'_>) -> Decision {
        let answer =
            Stored { id: request.id, at: Moment(floor.now.at), text: String::new(), already: false, meaning: None };
        Decision { desk: self.clone(), events: events(code, floor), answer }
    }

    fn store_refused(&self, request: &Request, code: &ScanOf, refusal: &Refusal, floor: &Floor<'_>) -> Decision {
        let mut desk = self.clone();
        let text = format!("Scanned {}: {}", shown(code), refusal.detail);
        let mut effect = Effect::new(EntryKind::Scan, None, code.machine(), text);
        effect.events = events(code, floor);
        let is_badge = effect.events.is_empty();
        let (entry, events) = effect.entry(request, floor.now);
        let answer = entry.answer(false);
        if !is_badge {
            desk.remember(entry);
        }
        Decision { desk, events, answer }
    }
}

fn shown(code: &ScanOf) -> String {
    excerpt(&String::from_utf8_lossy(&code.scan.raw))
}

/// The code as a fact, where the scanner is; nothing of a badge.
fn events(code: &ScanOf, floor: &Floor<'_>) -> Vec<(OriginName, EventKind)> {
    if code.badge_of.is_some() {
        return Vec::new();
    }
    let origin = code.machine().cloned().map_or_else(|| floor.station_origin(), OriginName::machine);
    vec![(origin, EventKind::Scan(code.scan.clone()))]
}
