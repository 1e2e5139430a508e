//! One machine: its signals, and what is remembered of it.

use std::collections::{BTreeMap, HashMap};

use protocol::event::{Alarm, Count, DowntimeEntry, EventKind, MachineState, MeasuredValue, Measurement, PieceQuality};
use protocol::id::Name;
use protocol::limits::TEXT_BYTES_MAX;
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};

use super::configuration::{MachineSection, Role, SignalSection};
use super::counter::{Counter, CounterRule, Finding};
use super::live::Live;
use super::recent_stops::{self, RecentStops};
use super::stamp::{Stamp, TimeLine};
use super::state::{KnownState, StateRule};
use super::stops::{Entry, Stops};
use super::{Applied, Judged, Tally};
use crate::buffer::PendingEvent;
use crate::reading::{Nature, OriginName, Reading, Value};

/// How often "last read at" is written down although nothing happened, where a configuration needs it after a restart.
const EVIDENCE_EVERY_US: u64 = 60_000_000;

#[derive(Debug)]
pub(super) struct Machine {
    section: MachineSection,
    origin: OriginName,
    key: String,
    rules: MachineRules,
    signals: HashMap<Name, Signal>,
    memory: Memory,
    recent: RecentStops,
    /// `memory` differs from what was last handed out to be stored.
    changed: bool,
    /// The live view differs from what was last handed out.
    touched: bool,
    /// When this engine began to watch.
    started: Stamp,
    /// The last reading of this process.
    last_reading: Option<Stamp>,
    evidence_kept: Option<Stamp>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct MachineRules {
    microstop_below_us: u64,
    missing_counts_us: Option<u64>,
    missing_counts_signal: Option<Name>,
    no_data_us: Option<u64>,
    stop_states: Vec<MachineState>,
    /// No signal says what the machine is doing: it is concluded from its counts.
    state_from_counts: bool,
}

#[derive(Debug)]
enum Signal {
    Counter { rule: CounterRule, quality: PieceQuality, pieces_per_count: i64, unusable: bool },
    Delta { quality: PieceQuality, pieces_per_count: i64, unusable: bool },
    State { rule: StateRule, last: Option<Value> },
    Measurement { unit: Option<String>, deadband: f64, interval_us: u64, last: Option<(Value, Stamp)> },
    Alarm { code: String, text: String },
}

/// What a restart must know. Stored as JSON, so that `edge-agent buffer` can show it and a later version extend it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<KnownState>,
    /// A state that has not lasted for its debounce time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<KnownState>,
    good: i64,
    scrap: i64,
    rework: i64,
    stops: Stops,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_count: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reading: Option<Stamp>,
    /// By signal. Those that are not configured (any more) are kept: their base counts when they come back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counters: BTreeMap<Name, Counter>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    alarms: BTreeMap<Name, bool>,
}

impl Machine {
    /// Goes on from what [`Machine::store_all`] gave for this machine; an error says why it cannot be read.
    pub(super) fn new(
        section: &MachineSection,
        states: &HashMap<String, Vec<u8>>,
        started: Stamp,
    ) -> (Machine, Option<serde_json::Error>) {
        let stored = |key: &str| states.get(key).map(Vec::as_slice);
        let key = super::state_key(&section.name);
        let (memory, error) = match stored(&key).map(serde_json::from_slice::<Memory>) {
            None => (Memory::default(), None),
            Some(Ok(memory)) => (memory, None),
            Some(Err(error)) => (Memory::default(), Some(error)),
        };
        let ms = |ms: u64| ms * 1_000;
        let machine = Machine {
            section: section.clone(),
            origin: OriginName::machine(section.name.clone()),
            key,
            recent: RecentStops::restore(stored(&recent_stops::state_key(&section.name))),
            rules: MachineRules {
                microstop_below_us: ms(section.microstop_below_ms),
                missing_counts_us: section.missing_counts_stop_after_ms.map(ms),
                missing_counts_signal: section.missing_counts_signal.clone(),
                no_data_us: section.no_data_after_ms.map(ms),
                stop_states: section.stop_states.clone(),
                state_from_counts: !section.signals.values().any(|signal| signal.role == Role::State),
            },
            signals: section.signals.iter().map(|(name, signal)| (name.clone(), Signal::of(name, signal))).collect(),
            evidence_kept: memory.last_reading,
            memory,
            changed: false,
            touched: true,
            started,
            last_reading: None,
            entries: Vec::new(),
        };
        (machine, error)
    }

    pub(super) fn name(&self) -> &Name {
        &self.origin.name
    }

    pub(super) fn section(&self) -> &MachineSection {
        &self.section
    }

    pub(super) fn live(&self) -> Live {
        let last_reading = self.last_reading.or(self.memory.last_reading);
        let state = self.memory.state.as_ref();
        Live {
            machine: self.origin.name.clone(),
            state: state.map_or(MachineState::NoData, |known| known.state),
            state_since: state.map_or(self.started.at, |known| known.since.at),
            good: self.memory.good,
            scrap: self.memory.scrap,
            rework: self.memory.rework,
            stops: self.memory.stops.begun(),
            last_reading_at: last_reading.map(|stamp| stamp.at),
            recent_stops: self.recent.shared(),
        }
    }

    /// Whether the live view changed since it was last asked.
    pub(super) fn take_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    pub(super) fn take_changed(&mut self, out: &mut Vec<(String, Vec<u8>)>) {
        if std::mem::take(&mut self.changed) {
            out.push(self.store());
        }
        if self.recent.take_changed() {
            out.push(self.store_recent());
        }
    }

    /// All that is stored of this machine.
    pub(super) fn store_all(&mut self) -> [(String, Vec<u8>); 2] {
        [self.store(), self.store_recent()]
    }

    fn store_recent(&self) -> (String, Vec<u8>) {
        (recent_stops::state_key(self.name()), self.recent.store())
    }

    fn store(&mut self) -> (String, Vec<u8>) {
        if self.last_reading.is_some() {
            self.memory.last_reading = self.last_reading;
        }
        self.evidence_kept = self.memory.last_reading;
        #[expect(clippy::expect_used, reason = "plain values with text keys: writing them into memory cannot fail")]
        let bytes = serde_json::to_vec(&self.memory).expect("a machine's memory is JSON");
        (self.key.clone(), bytes)
    }

    pub(super) fn apply(
        &mut self,
        reading: &Reading,
        judged: Judged,
        tally: &mut Tally,
        out: &mut Vec<PendingEvent>,
    ) -> Applied {
        if !self.signals.contains_key(&reading.signal) {
            return Applied::UnknownSignal;
        }
        if reading.value == Value::Unavailable {
            return Applied::Known;
        }
        let stamp = Stamp::of(reading, judged);
        self.advance_to(&stamp);
        self.note_reading(stamp);
        self.interpret(reading, stamp, tally);
        self.flush(out);
        Applied::Known
    }

    /// A person entered something about this machine.
    pub(super) fn entered(&mut self, at: UtcMicros, kind: &mut EventKind) {
        match kind {
            EventKind::PieceEntry(entry) => {
                let [good, scrap, rework] = entry.deltas();
                let memory = &mut self.memory;
                memory.good = memory.good.saturating_add(good);
                memory.scrap = memory.scrap.saturating_add(scrap);
                memory.rework = memory.rework.saturating_add(rework);
                self.changed = true;
            }
            EventKind::Downtime(entry) => {
                if let DowntimeEntry::Split { new_stop, .. } = entry {
                    *new_stop = self.memory.stops.split_off();
                    self.changed = true;
                }
                self.recent.fold(at, entry);
            }
            _ => return,
        }
        self.touched = true;
    }

    /// Time passes without a reading. Machines that are fed from a recording live in its time and are left alone.
    pub(super) fn tick(&mut self, now: Stamp, out: &mut Vec<PendingEvent>) {
        if self.last_reading.is_some_and(|last| last.line == TimeLine::Recorded) {
            return;
        }
        self.settle_state(&now);
        self.check_missing_counts(&now);
        self.check_no_data(&now);
        self.keep_evidence();
        self.flush(out);
    }

    /// What became due before a reading of this time.
    fn advance_to(&mut self, stamp: &Stamp) {
        if stamp.line == TimeLine::Recorded {
            self.settle_state(stamp);
            self.check_missing_counts(stamp);
            self.check_no_data(stamp);
        } else if self.last_reading.is_none() {
            self.check_time_unwatched(stamp);
        }
    }

    fn note_reading(&mut self, stamp: Stamp) {
        let older = stamp.line == TimeLine::Recorded && self.last_reading.is_some_and(|last| last.at > stamp.at);
        if !older {
            self.last_reading = Some(stamp);
        }
        self.touched = true;
    }

    fn interpret(&mut self, reading: &Reading, stamp: Stamp, tally: &mut Tally) {
        let name = &reading.signal;
        let Some(signal) = self.signals.get_mut(name) else { return };
        match signal {
            Signal::Counter { rule, quality, pieces_per_count, unusable } => {
                match whole_number(&reading.value).filter(|raw| rule.can_show(*raw)) {
                    Some(raw) => {
                        let (rule, quality, pieces) = (*rule, *quality, *pieces_per_count);
                        let recovered = std::mem::take(unusable);
                        self.usable(name, recovered, stamp);
                        self.read_counter(name, &rule, quality, pieces, raw, stamp, tally);
                    }
                    None => {
                        let first = !std::mem::replace(unusable, true);
                        tally.unusable += 1;
                        self.unusable(name, first, &reading.value, "a whole number that this counter can show", stamp);
                    }
                }
            }
            Signal::Delta { quality, pieces_per_count, unusable } => match whole_number(&reading.value) {
                Some(counts) if counts >= 0 => {
                    let (quality, pieces) = (*quality, counts.saturating_mul(*pieces_per_count));
                    let recovered = std::mem::take(unusable);
                    self.usable(name, recovered, stamp);
                    if reading.nature != Nature::Standing && pieces > 0 {
                        let basis = protocol::event::CountBasis::Delta;
                        self.count(name, quality, pieces, None, basis, stamp);
                    }
                }
                _ => {
                    let first = !std::mem::replace(unusable, true);
                    tally.unusable += 1;
                    self.unusable(name, first, &reading.value, "a whole number of pieces, 0 or more", stamp);
                }
            },
            Signal::State { rule, last } => {
                let no_data = self.memory.state.as_ref().is_none_or(|known| known.state == MachineState::NoData);
                if !no_data && self.memory.pending.is_none() && last.as_ref() == Some(&reading.value) {
                    return;
                }
                let (meaning, known) = rule.meaning(&reading.value, stamp);
                let debounce_us = if reading.nature == Nature::Standing { 0 } else { rule.debounce_us };
                *last = Some(reading.value.clone());
                if !known {
                    tally.unknown_codes += 1;
                }
                self.read_state(meaning, debounce_us, stamp);
            }
            Signal::Measurement { unit, deadband, interval_us, last } => {
                let Some(value) = measured(&reading.value) else {
                    tally.unusable += 1;
                    return;
                };
                if reading.nature == Nature::Standing || !is_news(&reading.value, &stamp, last, *deadband, *interval_us)
                {
                    return;
                }
                *last = Some((reading.value.clone(), stamp));
                let kind = EventKind::Measurement(Measurement { signal: name.clone(), value, unit: unit.clone() });
                self.entries.push((stamp, kind));
            }
            Signal::Alarm { code, text } => {
                let (active, said) = alarm_says(&reading.value);
                if self.memory.alarms.get(name).copied().unwrap_or(false) == active {
                    return;
                }
                let text = said.unwrap_or_else(|| text.clone());
                let alarm = Alarm { subject: name.clone(), code: code.clone(), text, active };
                self.memory.alarms.insert(name.clone(), active);
                self.changed = true;
                self.entries.push((stamp, EventKind::Alarm(alarm)));
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one signal's rule, which cannot be borrowed beside self"
    )]
    fn read_counter(
        &mut self,
        name: &Name,
        rule: &CounterRule,
        quality: PieceQuality,
        pieces_per_count: i64,
        raw: i64,
        stamp: Stamp,
        tally: &mut Tally,
    ) {
        if !self.memory.counters.contains_key(name) {
            self.memory.counters.insert(name.clone(), Counter::default());
        }
        let Some(counter) = self.memory.counters.get_mut(name) else { return };
        if stamp.line == TimeLine::Recorded && counter.accepted().is_some_and(|accepted| accepted.at > stamp.at) {
            // A total from before the last one holds nothing that the last one did not.
            tally.outdated += 1;
            return;
        }
        let held_before = counter.is_holding();
        let (findings, changed) = counter.read(rule, raw, stamp);
        tally.held += u64::from(counter.is_holding() && !held_before);
        self.changed |= changed;
        for finding in findings.into_iter().flatten() {
            match finding {
                Finding::Counted { counts, raw, basis, at } => {
                    self.count(name, quality, counts.saturating_mul(pieces_per_count), Some(raw), basis, at);
                }
                Finding::Jumped { from, to, at } => {
                    let text = format!(
                        "{name} went from {from} to {to}, which no machine makes in that time: what was made between is \
                         not known. If it was true, raise plausible_per_second_max."
                    );
                    self.alarm(name, "implausible_jump", text, true, at);
                }
                Finding::Settled { at } => {
                    self.alarm(name, "implausible_jump", format!("{name} counts plausibly again"), false, at);
                }
            }
        }
    }

    fn count(
        &mut self,
        signal: &Name,
        quality: PieceQuality,
        delta: i64,
        raw: Option<i64>,
        basis: protocol::event::CountBasis,
        at: Stamp,
    ) {
        let total = match quality {
            PieceQuality::Good => &mut self.memory.good,
            PieceQuality::Scrap => &mut self.memory.scrap,
            PieceQuality::Rework => &mut self.memory.rework,
        };
        *total = total.saturating_add(delta);
        self.changed = true;
        let count = Count { signal: signal.clone(), quality, delta, raw, basis };
        self.entries.push((at, EventKind::Count(count)));
        if delta <= 0 {
            return;
        }
        if self.rules.missing_counts_signal.as_ref().is_none_or(|missed| missed == signal) {
            self.memory.last_count = Some(self.memory.last_count.map_or(at, |last| last.later(at)));
            self.memory.stops.counted(at, self.rules.microstop_below_us, &mut self.entries);
        }
        let runs = self.memory.state.as_ref().is_some_and(|known| known.state == MachineState::Running);
        if self.rules.state_from_counts && !runs {
            self.enter(KnownState::inferred(MachineState::Running, at));
        }
    }

    fn read_state(&mut self, meaning: KnownState, debounce_us: u64, stamp: Stamp) {
        if let Some(current) = &self.memory.state {
            if stamp.line == TimeLine::Recorded && current.since.at > stamp.at {
                // How things were before: a fact with its time, but not how they are.
                self.entries.push((stamp, EventKind::State(meaning.change())));
                return;
            }
            if current.says_the_same_as(&meaning) {
                self.changed |= self.memory.pending.take().is_some();
                return;
            }
        }
        if debounce_us == 0 {
            self.enter(meaning);
            return;
        }
        match &self.memory.pending {
            Some(pending) if pending.says_the_same_as(&meaning) => self.settle_state(&stamp),
            _ => {
                self.memory.pending = Some(meaning);
                self.changed = true;
            }
        }
    }

    /// A state that has lasted for its debounce time is entered, as of when it was first read.
    fn settle_state(&mut self, now: &Stamp) {
        let Some(pending) = &self.memory.pending else { return };
        let debounce_us = self.signals.values().find_map(|signal| match signal {
            Signal::State { rule, .. } => Some(rule.debounce_us),
            _ => None,
        });
        if now.since(&pending.since) >= debounce_us.unwrap_or(0)
            && let Some(pending) = self.memory.pending.take()
        {
            self.enter(pending);
        }
    }

    fn enter(&mut self, known: KnownState) {
        self.memory.pending = None;
        self.changed = true;
        self.touched = true;
        self.entries.push((known.since, EventKind::State(known.change())));
        let (at, micro_us) = (known.since, self.rules.microstop_below_us);
        let stops = &mut self.memory.stops;
        if self.rules.state_from_counts {
            // Stops of such a machine are concluded from the counts themselves; only silence ends them otherwise.
            if known.state == MachineState::NoData {
                stops.other_state(known.state, at, micro_us, &mut self.entries);
            }
        } else if self.rules.stop_states.contains(&known.state) {
            stops.stop_state(known.state, known.reason.as_deref(), at, micro_us, &mut self.entries);
        } else {
            stops.other_state(known.state, at, micro_us, &mut self.entries);
        }
        self.memory.state = Some(known);
    }

    /// A stop begins at the last piece when none was made for too long while the machine claims to run. Where silence is
    /// judged by `no_data_after_ms`, only time with readings counts as time without pieces.
    fn check_missing_counts(&mut self, now: &Stamp) {
        let Some(after_us) = self.rules.missing_counts_us else { return };
        let Some(state) = &self.memory.state else { return };
        if state.state != MachineState::Running || self.memory.stops.is_missing_counts() {
            return;
        }
        let mut from = self.memory.last_count.map_or(state.since, |last| last.later(state.since));
        if now.line != TimeLine::Recorded {
            from = from.later(self.started);
        }
        let until = match self.last_reading {
            Some(last) if self.rules.no_data_us.is_some() && now.line != TimeLine::Recorded => last,
            _ => *now,
        };
        if until.since(&from) < after_us {
            return;
        }
        self.memory.stops.missing_counts(from, &mut self.entries);
        self.changed = true;
        if self.rules.state_from_counts {
            self.enter(KnownState::inferred(MachineState::Stopped, from));
        }
    }

    /// From the last reading on nobody knows what the machine does, once nothing was read for too long.
    fn check_no_data(&mut self, now: &Stamp) {
        let Some(after_us) = self.rules.no_data_us else { return };
        if self.memory.state.as_ref().is_none_or(|known| known.state == MachineState::NoData) {
            return;
        }
        let last = if now.line == TimeLine::Recorded {
            self.last_reading.or(self.memory.last_reading)
        } else {
            self.last_reading.or(Some(self.started))
        };
        if last.is_some_and(|last| now.since(&last) >= after_us) {
            let evidence = self.last_reading.or(self.memory.last_reading).unwrap_or(self.started);
            self.lose_sight(evidence);
        }
    }

    /// The first reading after a start: if the agent itself was away for too long, nobody knows what happened meanwhile.
    fn check_time_unwatched(&mut self, stamp: &Stamp) {
        let (Some(after_us), Some(last)) = (self.rules.no_data_us, self.memory.last_reading) else { return };
        let watched = self.memory.state.as_ref().is_some_and(|known| known.state != MachineState::NoData);
        if watched && stamp.since(&last) >= after_us + EVIDENCE_EVERY_US {
            self.lose_sight(last);
        }
    }

    fn lose_sight(&mut self, at: Stamp) {
        let since = self.memory.state.as_ref().map_or(at, |known| known.since.later(at));
        self.enter(KnownState::inferred(MachineState::NoData, since));
    }

    fn keep_evidence(&mut self) {
        if self.rules.no_data_us.is_none() {
            return;
        }
        let Some(last) = self.last_reading else { return };
        if self.evidence_kept.is_none_or(|kept| last.since(&kept) >= EVIDENCE_EVERY_US) {
            self.changed = true;
        }
    }

    fn unusable(&mut self, name: &Name, first: bool, value: &Value, expected: &str, at: Stamp) {
        if first {
            let mut text = format!("{name} shows {value:?}: expected {expected}. It is not counted.");
            truncate(&mut text);
            self.alarm(name, "unusable_reading", text, true, at);
        }
    }

    fn usable(&mut self, name: &Name, recovered: bool, at: Stamp) {
        if recovered {
            self.alarm(name, "unusable_reading", format!("{name} can be counted again"), false, at);
        }
    }

    fn alarm(&mut self, subject: &Name, code: &str, text: String, active: bool, at: Stamp) {
        let alarm = Alarm { subject: subject.clone(), code: code.to_owned(), text, active };
        self.entries.push((at, EventKind::Alarm(alarm)));
    }

    fn flush(&mut self, out: &mut Vec<PendingEvent>) {
        for (stamp, kind) in &self.entries {
            if let EventKind::Downtime(entry) = kind {
                self.recent.fold(stamp.at, entry);
                self.touched = true;
            }
        }
        let origin = &self.origin;
        out.extend(self.entries.drain(..).map(|(stamp, kind)| PendingEvent {
            origin: origin.clone(),
            at: stamp.at,
            clock: stamp.clock,
            monotonic: stamp.monotonic(),
            kind,
        }));
    }
}

impl Signal {
    fn of(name: &Name, section: &SignalSection) -> Signal {
        let quality = section.counts.unwrap_or(PieceQuality::Good);
        let pieces_per_count = section.pieces_per_count.unwrap_or(1);
        match section.role {
            Role::Counter => {
                Signal::Counter { rule: section.counter_rule(), quality, pieces_per_count, unusable: false }
            }
            Role::Delta => Signal::Delta { quality, pieces_per_count, unusable: false },
            Role::State => Signal::State { rule: StateRule::of(section), last: None },
            Role::Measurement => Signal::Measurement {
                unit: section.unit.clone(),
                deadband: section.deadband.unwrap_or(0.0),
                interval_us: section.interval_min_ms.unwrap_or(0) * 1_000,
                last: None,
            },
            Role::Alarm => Signal::Alarm {
                code: section.code.clone().unwrap_or_else(|| "machine_alarm".to_owned()),
                text: section.text.clone().unwrap_or_else(|| name.to_string()),
            },
        }
    }
}

/// A count, however the source writes it. A fraction is no count.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the range that f64 counts exactly")]
        Value::Number(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => {
            Some(*number as i64)
        }
        Value::Text(text) => text.trim().parse().ok(),
        Value::Number(_) | Value::Bool(_) | Value::Unavailable => None,
    }
}

fn measured(value: &Value) -> Option<MeasuredValue> {
    match value {
        Value::Bool(on) => Some(MeasuredValue::Bool(*on)),
        #[expect(clippy::cast_precision_loss, reason = "a process value; beyond 2^53 nothing is measured so finely")]
        Value::Integer(number) => Some(MeasuredValue::Number(*number as f64)),
        Value::Number(number) => number.is_finite().then_some(MeasuredValue::Number(*number)),
        Value::Text(text) => {
            let mut text = text.clone();
            truncate(&mut text);
            Some(MeasuredValue::Text(text))
        }
        Value::Unavailable => None,
    }
}

fn is_news(value: &Value, stamp: &Stamp, last: &Option<(Value, Stamp)>, deadband: f64, interval_us: u64) -> bool {
    let Some((before, at)) = last else { return true };
    let moved = match (numeric(before), numeric(value)) {
        (Some(before), Some(value)) => (value - before).abs() > deadband,
        _ => before != value,
    };
    moved && stamp.since(at) >= interval_us
}

fn numeric(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "compared with a deadband")]
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::Bool(_) | Value::Text(_) | Value::Unavailable => None,
    }
}

fn alarm_says(value: &Value) -> (bool, Option<String>) {
    match value {
        Value::Bool(on) => (*on, None),
        Value::Integer(number) => (*number != 0, None),
        Value::Number(number) => (*number != 0.0, None),
        Value::Text(text) => match text.trim() {
            "" | "0" | "false" => (false, None),
            "1" | "true" => (true, None),
            said => {
                let mut said = said.to_owned();
                truncate(&mut said);
                (true, Some(said))
            }
        },
        Value::Unavailable => (false, None),
    }
}

fn truncate(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let mut cut = TEXT_BYTES_MAX;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text.truncate(cut);
    }
}
