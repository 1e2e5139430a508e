//! What people say of stops: why, a note, and that one was two.

use protocol::correction::SHOWN_FOR_US;
use protocol::event::{DowntimeEntry, EventKind};
use protocol::id::{Name, StopId};
use protocol::time::UtcMicros;

use super::{Desk, Effect, Floor, excerpt, is_of_stops, note, title};
use crate::reading::OriginName;
use crate::signals::RecentStop;
use crate::station::api::{EntryKind, Refusal, RefusalCode};

/// Whether a stop is still shown: it lasts, or ended within a day.
pub(in crate::station) fn is_shown(stop: &RecentStop, now: UtcMicros) -> bool {
    stop.ended_at.is_none_or(|ended_at| now.since(ended_at) < SHOWN_FOR_US)
}

impl Desk {
    pub(super) fn explain_stop(
        &self,
        operator: &str,
        machine: &Name,
        stop: &str,
        reason: &str,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let operator = self.operator(operator)?;
        let stop = find(machine, stop, floor)?.stop;
        let reason = floor.reason(reason, is_of_stops)?;
        let effect =
            Effect::new(EntryKind::StopReason, Some(&operator), Some(machine), title(&reason.title, &reason.code));
        let entry = DowntimeEntry::Reason { stop, reason: reason.code.clone(), operator: Some(operator.number) };
        Ok(effect.with(OriginName::machine(machine.clone()), EventKind::Downtime(entry)))
    }

    pub(super) fn note_stop(
        &self,
        operator: &str,
        machine: &Name,
        stop: &str,
        text: &str,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let operator = self.operator(operator)?;
        let stop = find(machine, stop, floor)?.stop;
        let note = note(text)?;
        let effect = Effect::new(EntryKind::StopNote, Some(&operator), Some(machine), excerpt(&note));
        let entry = DowntimeEntry::Note { stop, note, operator: Some(operator.number) };
        Ok(effect.with(OriginName::machine(machine.clone()), EventKind::Downtime(entry)))
    }

    pub(super) fn split_stop(
        &self,
        operator: &str,
        machine: &Name,
        stop: &str,
        from: UtcMicros,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let operator = self.operator(operator)?;
        let stop = find(machine, stop, floor)?;
        let Some(ended_at) = stop.ended_at else {
            return Err(RefusalCode::StopNotOver.because("This stop is not over. Split it when it has ended."));
        };
        if from <= stop.began_at || from >= ended_at {
            let detail = "The time is not within the stop. Choose one after its begin and before its end.";
            return Err(RefusalCode::Invalid.because(detail));
        }
        let text = "The stop is split in two: give each its reason";
        let effect = Effect::new(EntryKind::StopSplit, Some(&operator), Some(machine), text);
        // Capture gives the new stop its number, in order with the stops that the machine makes itself.
        let new_stop = StopId::default();
        let entry = DowntimeEntry::Split { stop: stop.stop, from, new_stop, operator: Some(operator.number) };
        Ok(effect.with(OriginName::machine(machine.clone()), EventKind::Downtime(entry)))
    }
}

fn find<'f>(machine: &Name, stop: &str, floor: &Floor<'f>) -> Result<&'f RecentStop, Refusal> {
    if stop.starts_with('-') {
        let detail = "This part was split off at central. Explain it on the dashboard.";
        return Err(RefusalCode::NotAllowed.because(detail));
    }
    let number = stop.parse().ok().map(StopId);
    let found = floor.machines.iter().find(|it| it.live.machine == *machine);
    let Some(machine) = found else { return Err(floor.machine(machine).err().unwrap_or_else(unknown)) };
    let stops = &machine.live.recent_stops;
    stops.iter().find(|it| Some(it.stop) == number && is_shown(it, floor.now.at)).ok_or_else(unknown)
}

fn unknown() -> Refusal {
    RefusalCode::UnknownStop.because("This stop is not in the list any more. Explain it on the dashboard.")
}
