//! Who is logged on, notes for those who come after, and calls for help.

use protocol::event::{Alarm, EventKind, ShiftLogEntry};
use protocol::id::Name;
use serde::{Deserialize, Serialize};

use super::{Desk, Effect, Floor, Stamp, excerpt, note};
use crate::reading::OriginName;
use crate::station::api::{EntryKind, Moment, Refusal, RefusalCode};

/// Wrong PINs in a row that cost no pause.
const FREE_TRIES: u32 = 5;
const FIRST_PAUSE_S: u64 = 30;
const LONGEST_PAUSE_S: u64 = 15 * 60;
/// Wrong PINs are forgotten after so long without another.
const FORGET_S: u64 = 24 * 3_600;
/// Operators at one station.
const OPERATORS_MAX: usize = 50;

/// The word by which rules know a call for help.
pub(crate) const HELP: &str = "call_for_help";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::station) struct LoggedOn {
    pub(in crate::station) number: String,
    pub(in crate::station) name: String,
    pub(in crate::station) since: Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WrongPins {
    count: u32,
    last: Stamp,
}

impl WrongPins {
    fn pause_s(self) -> u64 {
        match self.count.checked_sub(FREE_TRIES) {
            None => 0,
            Some(doublings) => (FIRST_PAUSE_S << doublings.min(10)).min(LONGEST_PAUSE_S),
        }
    }
}

impl Desk {
    /// Whoever is logged on under this number.
    pub(super) fn operator(&self, number: &str) -> Result<LoggedOn, Refusal> {
        let found = self.operators.iter().find(|it| it.number == number);
        found.cloned().ok_or_else(|| RefusalCode::NotLoggedOn.because("Log on first, then enter it again."))
    }

    pub(super) fn log_on(&mut self, number: &str, floor: &Floor<'_>) -> Result<Effect, Refusal> {
        self.wrong_pins.remove(number);
        if let Ok(on) = self.operator(number) {
            let text = format!("{} is logged on already", on.name);
            return Ok(Effect::new(EntryKind::LogOn, Some(&on), None, text).already());
        }
        let known = floor.master_data.operators.iter().find(|it| it.number == number);
        let Some(known) = known else {
            return Err(RefusalCode::UnknownOperator.because("Nobody has this number. Check it and try again."));
        };
        if self.operators.len() >= OPERATORS_MAX {
            return Err(RefusalCode::NotAllowed.because("Too many people are logged on here. Log somebody off first."));
        }
        let on = LoggedOn { number: known.number.clone(), name: known.name.clone(), since: floor.now };
        self.operators.push(on.clone());
        let logged_on = ShiftLogEntry::OperatorOn { operator: on.number.clone() };
        let text = format!("{} logged on", on.name);
        Ok(Effect::new(EntryKind::LogOn, Some(&on), None, text)
            .with(floor.station_origin(), EventKind::ShiftLog(logged_on)))
    }

    pub(super) fn log_off(&mut self, number: &str, floor: &Floor<'_>) -> Result<Effect, Refusal> {
        let off = self
            .operator(number)
            .map_err(|_| RefusalCode::NotLoggedOn.because("This operator is logged off already."))?;
        self.operators.retain(|it| it.number != number);
        let logged_off = ShiftLogEntry::OperatorOff { operator: off.number.clone() };
        let text = format!("{} logged off", off.name);
        Ok(Effect::new(EntryKind::LogOff, Some(&off), None, text)
            .with(floor.station_origin(), EventKind::ShiftLog(logged_off)))
    }

    pub(super) fn log_off_forgotten(&mut self, floor: &Floor<'_>) -> Vec<(OriginName, EventKind)> {
        let after_us = u64::from(floor.rules.log_off_after_h) * 3_600_000_000;
        let (stay, forgotten): (Vec<_>, Vec<_>) =
            self.operators.drain(..).partition(|it| floor.now.since_us(it.since) < after_us);
        self.operators = stay;
        let off = |it: LoggedOn| EventKind::ShiftLog(ShiftLogEntry::OperatorOff { operator: it.number });
        forgotten.into_iter().map(|it| (floor.station_origin(), off(it))).collect()
    }

    /// Whether a PIN of this operator may be tried.
    pub(in crate::station) fn may_try_pin(&self, number: &str, now: Stamp) -> Result<(), Refusal> {
        let Some(wrong) = self.wrong_pins.get(number) else { return Ok(()) };
        let left_us = (wrong.pause_s() * 1_000_000).saturating_sub(now.since_us(wrong.last));
        if left_us == 0 {
            return Ok(());
        }
        let seconds = left_us.div_ceil(1_000_000);
        let detail = format!("Too many wrong PINs. Try again in {seconds} seconds, or log on with the badge.");
        let retry_at = Moment(now.at.plus_us(i64::try_from(left_us).unwrap_or(i64::MAX)));
        Err(Refusal { retry_at: Some(retry_at), ..RefusalCode::Locked.because(detail) })
    }

    /// The desk that remembers a wrong PIN, and what to tell who typed it.
    pub(in crate::station) fn wrong_pin(&self, number: &str, now: Stamp) -> (Desk, Refusal) {
        let mut desk = self.clone();
        desk.wrong_pins.retain(|_, wrong| now.since_us(wrong.last) < FORGET_S * 1_000_000);
        let count = desk.wrong_pins.get(number).map_or(0, |wrong| wrong.count).saturating_add(1);
        desk.wrong_pins.insert(number.to_owned(), WrongPins { count, last: now });
        let refusal = match desk.may_try_pin(number, now) {
            Ok(()) => RefusalCode::WrongPin.because("The PIN is wrong. Try again."),
            Err(locked) => locked,
        };
        (desk, refusal)
    }

    pub(super) fn leave_note(
        &mut self,
        operator: &str,
        machine: Option<&Name>,
        text: &str,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let operator = self.operator(operator)?;
        let text = note(text)?;
        let origin = match machine {
            Some(machine) => OriginName::machine(floor.machine(machine)?.live.machine.clone()),
            None => floor.station_origin(),
        };
        let effect = Effect::new(EntryKind::ShiftNote, Some(&operator), machine, excerpt(&text));
        let entry = ShiftLogEntry::Note { operator: Some(operator.number), note: text };
        Ok(effect.with(origin, EventKind::ShiftLog(entry)))
    }

    pub(super) fn call_for_help(
        &mut self,
        operator: Option<&str>,
        machine: &Name,
        active: bool,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let machine = floor.machine(machine)?.live.machine.clone();
        // Whoever needs help need not be logged on.
        let operator = operator.and_then(|number| self.operator(number).ok());
        let text = if active { "Help is called" } else { "The call for help is taken back" };
        let effect = Effect::new(EntryKind::Help, operator.as_ref(), Some(&machine), text);
        let called = &mut self.at_machine(&machine).help_called_at;
        if called.is_some() == active {
            return Ok(effect.already());
        }
        *called = active.then_some(floor.now.at);
        let by = operator.map_or_else(String::new, |it| format!(" by {} ({})", it.name, it.number));
        let text = if active { format!("Help called{by}") } else { format!("Call for help taken back{by}") };
        let alarm = Alarm { subject: floor.station.clone(), code: HELP.to_owned(), text, active };
        Ok(effect.with(OriginName::machine(machine), EventKind::Alarm(alarm)))
    }
}
