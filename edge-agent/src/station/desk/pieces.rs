//! Pieces that people report, and the taking back of a report.

use protocol::event::{EventKind, PieceEntry};
use protocol::id::Name;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Decision, Desk, Effect, Floor, is_of_pieces, title};
use crate::reading::OriginName;
use crate::station::api::{EntryKind, Refusal, RefusalCode};

/// More in one report is a slip of the finger.
const PIECES_MAX: u32 = 100_000;

/// A report as it was stored, to be taken back with the same numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::station) struct Reported {
    counts: [u32; 3],
    reason: Option<String>,
    counted_as_good: bool,
    work_order: Option<String>,
}

impl Reported {
    fn event(&self, id: Uuid, takes_back: bool, operator: &str) -> EventKind {
        let [good, scrap, rework] = self.counts;
        EventKind::PieceEntry(PieceEntry {
            id: id.as_u128(),
            good,
            scrap,
            rework,
            reason: self.reason.clone(),
            counted_as_good: self.counted_as_good,
            takes_back,
            work_order: self.work_order.clone(),
            operator: Some(operator.to_owned()),
        })
    }
}

impl Desk {
    pub(super) fn report_pieces(
        &mut self,
        id: Uuid,
        operator: &str,
        machine: &Name,
        counts: [u32; 3],
        reason: Option<&str>,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let operator = self.operator(operator)?;
        let counts_itself = floor.machine(machine)?.counts_itself;
        let [_, scrap, rework] = counts;
        if counts == [0; 3] {
            return Err(RefusalCode::Invalid.because("Enter at least one piece."));
        }
        if counts.iter().any(|count| *count > PIECES_MAX) {
            let detail = format!("That is too many at once. Report at most {PIECES_MAX} pieces.");
            return Err(RefusalCode::Invalid.because(detail));
        }
        let reason = match reason {
            Some(code) => Some(floor.reason(code, is_of_pieces)?),
            None if scrap + rework > 0 && floor.master_data.reasons.iter().any(is_of_pieces) => {
                return Err(RefusalCode::UnknownReason.because("Choose why they are scrap or rework."));
            }
            None => None,
        };
        let job = self.machines.get(machine).and_then(|it| it.job.as_ref()).filter(|job| !job.is_paused());
        let reported = Reported {
            counts,
            reason: reason.map(|it| it.code.clone()),
            counted_as_good: counts_itself && scrap + rework > 0,
            work_order: job.map(|job| job.work_order.clone()),
        };
        let why = reason.map_or_else(String::new, |it| format!(": {}", title(&it.title, &it.code)));
        let text = format!("{}{why}", in_words(counts));
        let event = reported.event(id, false, &operator.number);
        let mut effect = Effect::new(EntryKind::Pieces, Some(&operator), Some(machine), text)
            .with(OriginName::machine(machine.clone()), event);
        effect.pieces = Some(reported);
        Ok(effect)
    }

    /// Takes back the report of this id.
    pub(super) fn take_back(&self, id: Uuid, operator: &str, floor: &Floor<'_>) -> Result<Decision, Refusal> {
        let too_late =
            || RefusalCode::TooLate.because("It is too late to take this back. Report the difference instead.");
        let operator = self.operator(operator)?;
        let mut desk = self.clone();
        let found = desk.entries.iter_mut().rev().find(|entry| entry.id == id).ok_or_else(too_late)?;
        let (Some(reported), Some(machine)) = (found.pieces.clone(), found.machine.clone()) else {
            return Err(RefusalCode::NotAllowed.because("Only reports of pieces can be taken back."));
        };
        let mut answer = found.answer(found.undone);
        answer.text = format!("Taken back: {}", found.text);
        if found.undone {
            return Ok(Decision { desk, events: Vec::new(), answer });
        }
        if floor.now.since_us(found.stamp) > u64::from(floor.rules.undo_s) * 1_000_000 {
            return Err(too_late());
        }
        found.undone = true;
        found.seq = None;
        let event = reported.event(id, true, &operator.number);
        Ok(Decision { desk, events: vec![(OriginName::machine(machine), event)], answer })
    }
}

fn in_words([good, scrap, rework]: [u32; 3]) -> String {
    let words = [(good, "good"), (scrap, "scrap"), (rework, "rework")];
    let some: Vec<String> =
        words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    some.join(", ")
}
