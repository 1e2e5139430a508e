//! What happened at the station, and what an entry does to it. Pure: state, floor and request in; events, state and answer
//! out, or a refusal.
//!
//! - **Who owns it**: [`super::shell`], one at a time. A [`Decision`]'s state is committed in one transaction with its
//!   events, and is the state only then: a restart goes on exactly where an answer was given.
//! - **Why a retry is safe**: what was stored is remembered by the id that the page made. The same id again is answered
//!   alike and stores nothing.

use std::collections::{BTreeMap, VecDeque};

use protocol::batch::OriginKind;
use protocol::correction::Corrections;
use protocol::event::EventKind;
use protocol::id::{Name, Seq};
use protocol::limits::EVENT_BODY_BYTES_MAX;
use protocol::master_data::{MasterData, Reason};
use protocol::time::{Monotonic, UtcMicros};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::api::{EntryKind, Meaning, Moment, Of, Refusal, RefusalCode, Said, ScanOutcome, Stored};
use crate::reading::OriginName;
use crate::signals::Live;

mod command;
mod jobs;
mod people;
pub(super) mod period;
mod pieces;
mod said;
mod scanners;
mod scans;
mod stops;

#[cfg(test)]
mod tests;

pub(super) use command::{Command, Request, ScanOf, ScannedBy};
pub(super) use jobs::Job;
pub(super) use people::LoggedOn;
pub(super) use scans::{text_of, work_order_in};
pub(super) use stops::is_shown;

/// Entries that are remembered, so that the same one sent again is known.
const ENTRIES_MAX: usize = 200;
/// Codes that scanners of the agent read are never sent again: they are remembered to be shown, and must not push out what
/// people entered.
const READ_BY_SCANNERS_MAX: usize = 50;
/// A note of a person.
const NOTE_CHARS_MAX: usize = 1_000;
/// Work orders set aside at one machine whose pieces are remembered.
const SET_ASIDE_MAX: usize = 20;

/// When, on both clocks: so that setting one of them makes no window longer or shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) at: UtcMicros,
    pub(super) monotonic: Monotonic,
}

impl Stamp {
    /// Never negative. Across boots it is at least the time since the boot.
    pub(super) fn since_us(self, earlier: Stamp) -> u64 {
        if self.monotonic.boot == earlier.monotonic.boot {
            return self.monotonic.us.saturating_sub(earlier.monotonic.us);
        }
        u64::try_from(self.at.since(earlier.at)).unwrap_or(0).max(self.monotonic.us)
    }
}

/// All that the station remembers. Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Desk {
    pub(super) operators: Vec<LoggedOn>,
    pub(super) machines: BTreeMap<Name, AtMachine>,
    /// Newest last.
    pub(super) entries: VecDeque<Entry>,
    /// What scanners of the agent read, newest last: for pages to show, also one that is opened later.
    pub(super) from_scanners: VecDeque<FromScanner>,
    wrong_pins: BTreeMap<String, people::WrongPins>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AtMachine {
    pub(super) job: Option<Job>,
    /// Good pieces of work orders that another one took the place of.
    set_aside: VecDeque<(String, i64)>,
    pub(super) period: Option<Period>,
    pub(super) help_called_at: Option<UtcMicros>,
}

/// The shift or day whose pieces are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Period {
    pub(super) of: Of,
    pub(super) began_at: UtcMicros,
    /// When it began to be counted: later than its begin only for the very first one.
    pub(super) counted_since: UtcMicros,
    /// Good, scrap and rework as the machine had them then.
    pub(super) base: [i64; 3],
}

/// What was entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: Uuid,
    pub(super) stamp: Stamp,
    pub(super) kind: EntryKind,
    pub(super) machine: Option<Name>,
    /// Name of who entered it.
    pub(super) operator: Option<String>,
    pub(super) text: String,
    #[serde(default)]
    pub(super) said: Option<Said>,
    /// Where its events end in the log; stored with the entry after it.
    pub(super) seq: Option<Seq>,
    pub(super) pieces: Option<pieces::Reported>,
    pub(super) undone: bool,
    meaning: Option<Meaning>,
    /// By a scanner of the agent.
    #[serde(default)]
    by_scanner: bool,
}

impl Entry {
    fn answer(&self, already: bool) -> Stored {
        let (id, at) = (self.id, Moment(self.stamp.at));
        Stored { id, at, text: self.text.clone(), already, meaning: self.meaning.clone() }
    }
}

/// What became of a code that a scanner of the agent read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FromScanner {
    pub(super) id: Uuid,
    pub(super) stamp: Stamp,
    pub(super) scanner: Name,
    /// None of a badge.
    pub(super) code: Option<String>,
    pub(super) outcome: ScanOutcome,
}

/// What a request is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor<'f> {
    pub(super) now: Stamp,
    /// The clock is known to be wrong: no shift begins because of what it shows.
    pub(super) clock_is_wrong: bool,
    pub(super) station: &'f Name,
    /// The machines of this station.
    pub(super) machines: &'f [MachineNow],
    pub(super) master_data: &'f MasterData,
    /// What was said at central of the stops of these machines.
    pub(super) corrections: &'f Corrections,
    pub(super) rules: &'f Rules,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct MachineNow {
    pub(super) live: Live,
    /// It counts its good pieces itself.
    pub(super) counts_itself: bool,
}

/// What the configuration says.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) undo_s: u32,
    pub(super) log_off_after_h: u32,
    pub(super) work_order_prefix: Option<String>,
}

/// What is to be committed, and answered then.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) desk: Desk,
    pub(super) events: Vec<(OriginName, EventKind)>,
    pub(super) answer: Stored,
}

/// What an accepted request leads to, beside its entry.
struct Effect {
    kind: EntryKind,
    machine: Option<Name>,
    operator: Option<String>,
    text: String,
    events: Vec<(OriginName, EventKind)>,
    pieces: Option<pieces::Reported>,
    meaning: Option<Meaning>,
    /// It is so already: there is nothing to store.
    already: bool,
}

impl Effect {
    fn new(kind: EntryKind, operator: Option<&LoggedOn>, machine: Option<&Name>, text: impl Into<String>) -> Effect {
        Effect {
            kind,
            machine: machine.cloned(),
            operator: operator.map(|it| it.name.clone()),
            text: text.into(),
            events: Vec::new(),
            pieces: None,
            meaning: None,
            already: false,
        }
    }

    fn with(mut self, origin: OriginName, kind: EventKind) -> Effect {
        self.events.push((origin, kind));
        self
    }

    fn meaning(mut self, meaning: Meaning) -> Effect {
        self.meaning = Some(meaning);
        self
    }

    fn already(mut self) -> Effect {
        self.already = true;
        self
    }

    fn entry(self, request: &Request, stamp: Stamp) -> (Entry, Vec<(OriginName, EventKind)>) {
        let Effect { kind, machine, operator, text, events, pieces, meaning, already: _ } = self;
        let (id, said, seq, undone, by_scanner) = (request.id, Said::of(&events), None, false, request.is_by_scanner());
        (Entry { id, stamp, kind, machine, operator, text, said, seq, pieces, undone, meaning, by_scanner }, events)
    }
}

impl Floor<'_> {
    fn machine(&self, name: &Name) -> Result<&MachineNow, Refusal> {
        let found = self.machines.iter().find(|it| it.live.machine == *name);
        found.ok_or_else(|| {
            RefusalCode::UnknownMachine
                .because(format!("This station has no machine {name}. Choose one of its machines."))
        })
    }

    fn station_origin(&self) -> OriginName {
        OriginName { kind: OriginKind::Station, name: self.station.clone() }
    }

    fn reason(&self, code: &str, is_right: fn(&Reason) -> bool) -> Result<&Reason, Refusal> {
        let found = self.master_data.reasons.iter().find(|it| it.code == code && is_right(it));
        found.ok_or_else(|| {
            RefusalCode::UnknownReason.because("This reason does not exist any more. Choose another one.")
        })
    }
}

impl Desk {
    /// The answer to what was stored under this id before.
    pub(super) fn recall(&self, id: Uuid) -> Option<Stored> {
        self.entry(id).map(|entry| entry.answer(true))
    }

    /// What a request leads to. Nothing has happened until the decision is committed.
    pub(super) fn decide(&self, request: &Request, floor: &Floor<'_>) -> Result<Decision, Refusal> {
        match &request.command {
            Command::Undo { operator } => self.take_back(request.id, operator, floor),
            Command::Scan(code) if request.is_by_scanner() => Ok(self.take_from_scanner(request, code, floor)),
            _ => self.enter(request, floor),
        }
    }

    fn enter(&self, request: &Request, floor: &Floor<'_>) -> Result<Decision, Refusal> {
        if let Some(entry) = self.entry(request.id) {
            if !request.command.may_be(entry.kind) {
                return Err(RefusalCode::Invalid.because("This id is that of another entry."));
            }
            return Ok(Decision { desk: self.clone(), events: Vec::new(), answer: entry.answer(true) });
        }
        let mut desk = self.clone();
        let effect = desk.apply(request, floor)?;
        if effect.events.iter().any(|(_, kind)| kind.body().len() > EVENT_BODY_BYTES_MAX) {
            return Err(RefusalCode::Invalid.because("This is too long to be stored."));
        }
        let already = effect.already;
        let (entry, events) = effect.entry(request, floor.now);
        let answer = entry.answer(already);
        if already {
            return Ok(Decision { desk: self.clone(), events: Vec::new(), answer });
        }
        desk.remember(entry);
        Ok(Decision { desk, events, answer })
    }

    fn remember(&mut self, entry: Entry) {
        let by_scanner = entry.by_scanner;
        self.entries.push_back(entry);
        let alike = |it: &Entry| it.by_scanner == by_scanner;
        let most = if by_scanner { READ_BY_SCANNERS_MAX } else { ENTRIES_MAX };
        if self.entries.iter().filter(|it| alike(it)).count() > most
            && let Some(oldest) = self.entries.iter().position(alike)
        {
            self.entries.remove(oldest);
        }
    }

    fn apply(&mut self, request: &Request, floor: &Floor<'_>) -> Result<Effect, Refusal> {
        match &request.command {
            Command::LogOn { number } => self.log_on(number, floor),
            Command::LogOff { operator } => self.log_off(operator, floor),
            Command::Job { operator, machine, action, work_order } => {
                let operator = self.operator(operator)?;
                self.change_job(&operator, machine, *action, work_order, floor)
            }
            Command::Pieces { operator, machine, counts, reason } => {
                self.report_pieces(request.id, operator, machine, *counts, reason.as_deref(), floor)
            }
            Command::Undo { .. } => Err(RefusalCode::Invalid.because("There is nothing to take back.")),
            Command::StopReason { operator, machine, stop, reason } => {
                self.explain_stop(operator, machine, stop, reason, floor)
            }
            Command::StopNote { operator, machine, stop, note } => self.note_stop(operator, machine, stop, note, floor),
            Command::StopSplit { operator, machine, stop, from } => {
                self.split_stop(operator, machine, stop, *from, floor)
            }
            Command::ShiftNote { operator, machine, note } => self.leave_note(operator, machine.as_ref(), note, floor),
            Command::Help { operator, machine, active } => {
                self.call_for_help(operator.as_deref(), machine, *active, floor)
            }
            Command::Scan(scan) => self.take_scan(scan, floor),
        }
    }

    fn entry(&self, id: Uuid) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.id == id)
    }

    fn at_machine(&mut self, machine: &Name) -> &mut AtMachine {
        self.machines.entry(machine.clone()).or_default()
    }

    /// The entry's events are in the log up to here.
    pub(super) fn note_stored(&mut self, id: Uuid, seq: Seq) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.id == id) {
            entry.seq = Some(seq);
        }
    }

    /// After a restart: where the log does not say where an entry ended, it ended before the log's end.
    pub(super) fn complete(&mut self, newest: Seq) {
        for entry in self.entries.iter_mut().filter(|entry| entry.seq.is_none()) {
            entry.seq = Some(newest);
        }
    }

    /// What the mere passing of time leads to: shifts and days begin, operators who forgot it are logged off.
    pub(super) fn tick(&self, floor: &Floor<'_>) -> Option<Decision> {
        let mut desk = self.clone();
        desk.begin_periods(floor);
        let events = desk.log_off_forgotten(floor);
        if desk == *self {
            return None;
        }
        let (id, at) = (Uuid::nil(), Moment(floor.now.at));
        let answer = Stored { id, at, text: String::new(), already: false, meaning: None };
        Some(Decision { desk, events, answer })
    }
}

/// Whether a reason explains stops.
pub(super) fn is_of_stops(reason: &Reason) -> bool {
    reason.applies_to == "downtime"
}

/// Whether a reason explains scrap and rework.
pub(super) fn is_of_pieces(reason: &Reason) -> bool {
    matches!(reason.applies_to.as_str(), "pieces" | "scrap" | "rework")
}

/// What a person is told of something: its title, and its code where it has none.
pub(super) fn title<'t>(title: &'t str, code: &'t str) -> &'t str {
    if title.trim().is_empty() { code } else { title }
}

/// What a person wrote, as it is stored: trimmed, within limits, and without characters that steer a terminal.
fn note(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(RefusalCode::Invalid.because("The note is empty. Write something first."));
    }
    if text.chars().count() > NOTE_CHARS_MAX {
        let detail = format!("The note is too long. Use at most {NOTE_CHARS_MAX} characters.");
        return Err(RefusalCode::Invalid.because(detail));
    }
    Ok(text.chars().map(|it| if it.is_control() && it != '\n' { ' ' } else { it }).collect())
}

/// A text in one line of an entry.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 80;
    let mut line: String = text.chars().take(CHARS).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if text.chars().count() > CHARS {
        line.push('…');
    }
    line
}
