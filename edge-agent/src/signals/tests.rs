//! Readings of one machine, told as a story, and what must come out.

use std::collections::HashMap;

use process::clock::Moment;
use process::configuration::{Checked, KeyPath, Problems, parse};
use protocol::event::{CountBasis, DowntimeEntry, EventKind, MachineState, PieceQuality, StopDetection};
use protocol::id::Name;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};
use serde::Deserialize;

use super::configuration::MachineSection;
use super::{Applied, Engine, Judged};
use crate::buffer::PendingEvent;
use crate::reading::{Nature, Reading, Value};

#[derive(Debug, Deserialize)]
struct Machines {
    machine: Vec<MachineSection>,
}

impl Checked for Machines {
    fn check(&self, problems: &mut Problems) {
        for machine in &self.machine {
            machine.check(&KeyPath::root(), problems);
        }
    }
}

/// A machine called `m`, its engine, and two clocks.
struct Floor {
    sections: Vec<MachineSection>,
    engine: Engine,
    stored: HashMap<String, Vec<u8>>,
    now: Moment,
    events: Vec<PendingEvent>,
}

const START_US: i64 = 1_700_000_000_000_000;

impl Floor {
    fn new(machine: &str) -> Floor {
        let text = format!("[[machine]]\nname = \"m\"\n{machine}");
        let machines: Machines = parse(&text, "test").unwrap();
        let now = Moment { wall: UtcMicros(START_US), monotonic: Monotonic { boot: 1, us: 5_000_000 } };
        let (engine, unreadable) = Engine::new(&machines.machine, &HashMap::new(), now);
        assert!(unreadable.is_empty());
        Floor { sections: machines.machine, engine, stored: HashMap::new(), now, events: Vec::new() }
    }

    fn wait_ms(&mut self, ms: i64) {
        self.now.wall = self.now.wall.plus_us(ms * 1_000);
        self.now.monotonic.us += u64::try_from(ms).unwrap() * 1_000;
    }

    fn read(&mut self, signal: &str, value: Value) {
        self.read_as(signal, value, Nature::Live, None);
    }

    fn read_as(&mut self, signal: &str, value: Value, nature: Nature, source_at: Option<UtcMicros>) {
        let (machine, signal) = (Name::new("m").unwrap(), Name::new(signal).unwrap());
        let reading = Reading { machine, signal, value, taken: self.now, source_at, nature };
        let applied = self.engine.apply(&reading, judged(self.now), &mut self.events);
        assert_eq!(applied, Applied::Known);
        self.commit();
    }

    fn tick(&mut self) {
        self.engine.tick(self.now, judged(self.now), &mut self.events);
        self.commit();
    }

    fn commit(&mut self) {
        self.stored.extend(self.engine.take_changed());
    }

    fn restart(&mut self, boot: u32) {
        self.now.monotonic.boot = boot;
        let (engine, unreadable) = Engine::new(&self.sections, &self.stored, self.now);
        assert!(unreadable.is_empty());
        self.engine = engine;
    }

    fn counts(&self) -> Vec<(i64, CountBasis)> {
        let counts = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Count(count) => Some((count.delta, count.basis)),
            _ => None,
        });
        counts.collect()
    }

    fn pieces(&self) -> i64 {
        self.counts().iter().map(|(delta, _)| delta).sum()
    }

    fn alarms(&self) -> Vec<(String, bool)> {
        let alarms = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Alarm(alarm) => Some((alarm.code.clone(), alarm.active)),
            _ => None,
        });
        alarms.collect()
    }

    /// State and milliseconds since the start.
    fn states(&self) -> Vec<(MachineState, i64)> {
        let states = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::State(change) => Some((change.state, (event.at.0 - START_US) / 1_000)),
            _ => None,
        });
        states.collect()
    }

    /// `+1@from` and `-1@to=lasted`, in milliseconds since the start.
    fn stops(&self) -> Vec<String> {
        let stops = self.events.iter().filter_map(|event| {
            let at = (event.at.0 - START_US) / 1_000;
            match &event.kind {
                EventKind::Downtime(DowntimeEntry::Began { stop, .. }) => Some(format!("+{}@{at}", stop.0)),
                EventKind::Downtime(DowntimeEntry::Ended { stop, lasted_us, .. }) => {
                    Some(format!("-{}@{at}={}", stop.0, lasted_us / 1_000))
                }
                _ => None,
            }
        });
        stops.collect()
    }
}

fn judged(now: Moment) -> Judged {
    Judged { at: now.wall, clock: ClockQuality::Synchronized }
}

fn integer(number: i64) -> Value {
    Value::Integer(number)
}

fn text(word: &str) -> Value {
    Value::Text(word.to_owned())
}

const COUNTER_16: &str = "[machine.signal.c]\nrole = \"counter\"\nrollover = 65536\nplausible_per_second_max = 50\n";
const COUNTER_32: &str =
    "[machine.signal.c]\nrole = \"counter\"\nrollover = 4294967296\nplausible_per_second_max = 50\n";
const STATE: &str = "[machine.signal.s]\nrole = \"state\"\nmap = { r = \"running\", s = \"stopped\", b = \"break\", \
                     j = { state = \"stopped\", reason = \"jam\" } }\n";

fn counted(machine: &str, values: &[i64]) -> Floor {
    let mut floor = Floor::new(machine);
    for value in values {
        floor.wait_ms(1_000);
        floor.read("c", integer(*value));
    }
    floor
}

#[test]
fn the_first_reading_is_a_base_and_the_next_ones_are_differences() {
    let floor = counted(COUNTER_16, &[500, 510, 510, 512]);
    let expected = [(0, CountBasis::Baseline), (10, CountBasis::Increase), (2, CountBasis::Increase)];
    assert_eq!(floor.counts(), expected);
}

#[test]
fn a_rollover_counts_the_pieces_on_both_sides_of_it() {
    let floor = counted(COUNTER_16, &[65_530, 4]);
    assert_eq!(floor.counts()[1], (10, CountBasis::Rollover));
}

#[test]
fn a_reset_counts_what_was_made_since_once_it_is_confirmed() {
    let floor = counted(COUNTER_16, &[30_000, 3]);
    assert_eq!(floor.pieces(), 0, "held back");
    let floor = counted(COUNTER_16, &[30_000, 3, 7]);
    assert_eq!(floor.counts()[1..], [(3, CountBasis::Reset), (4, CountBasis::Increase)]);
    assert!(floor.alarms().is_empty());
}

#[test]
fn two_resets_in_a_row_lose_nothing() {
    let floor = counted(COUNTER_16, &[30_000, 3, 1, 2]);
    assert_eq!(floor.pieces(), 3 + 2);
}

#[test]
fn a_replaced_controller_is_a_new_base_and_an_alarm_that_settles() {
    let floor = counted(COUNTER_32, &[30_000, 800_000, 800_010, 800_020]);
    assert_eq!(
        floor.counts()[1..],
        [(0, CountBasis::Baseline), (10, CountBasis::Increase), (10, CountBasis::Increase)]
    );
    assert_eq!(floor.alarms(), [("implausible_jump".to_owned(), true), ("implausible_jump".to_owned(), false)]);
}

#[test]
fn torn_reads_of_32_bit_counters_are_forgotten_without_loss() {
    // True: 0x0000_FFFE, 0x0001_0003, 0x0001_0008. Torn: high word before, low word after, and the reverse.
    for torn in [0x0000_0003, 0x0001_FFFE] {
        let floor = counted(COUNTER_32, &[0xFFFE, torn, 0x1_0008]);
        assert_eq!(floor.pieces(), 10, "{torn:#x}");
        assert!(floor.alarms().is_empty());
    }
}

#[test]
fn several_misreads_in_a_row_are_all_forgotten() {
    let floor = counted(COUNTER_32, &[100_000, 3_000_000_000, 77, 2_000_000_000, 100_020]);
    assert_eq!(floor.pieces(), 20);
    assert!(floor.alarms().is_empty());
}

#[test]
fn a_held_reading_delivered_twice_confirms_nothing() {
    let mut floor = counted(COUNTER_32, &[100_000]);
    floor.wait_ms(1_000);
    let at = Some(floor.now.wall);
    floor.read_as("c", integer(3), Nature::Live, at);
    floor.read_as("c", integer(3), Nature::Live, at);
    floor.wait_ms(1_000);
    floor.read("c", integer(100_005));
    assert_eq!(floor.pieces(), 5);
}

#[test]
fn pieces_made_while_the_agent_was_away_are_counted_at_the_next_reading() {
    for boot in [1, 2] {
        let mut floor = counted(COUNTER_16, &[65_000, 65_010]);
        floor.wait_ms(60_000);
        floor.restart(boot);
        floor.read("c", integer(200));
        assert_eq!(floor.counts().last(), Some(&(726, CountBasis::Rollover)));
        assert_eq!(floor.engine.live()[0].good, 736);
    }
}

#[test]
fn a_held_reading_survives_a_restart() {
    let mut floor = counted(COUNTER_16, &[30_000, 3]);
    floor.restart(2);
    floor.wait_ms(1_000);
    floor.read("c", integer(9));
    assert_eq!(floor.pieces(), 9);
}

#[test]
fn setting_the_wall_clock_changes_no_count() {
    for jump_us in [-86_400_000_000, 86_400_000_000, -40 * 365 * 86_400_000_000] {
        let mut floor = counted(COUNTER_16, &[65_500]);
        floor.now.wall = floor.now.wall.plus_us(jump_us);
        floor.wait_ms(1_000);
        floor.read("c", integer(4));
        assert_eq!(floor.counts()[1..], [(40, CountBasis::Rollover)]);
    }
}

#[test]
fn after_a_long_silence_next_to_nothing_means_reset() {
    let mut floor = counted(COUNTER_16, &[10_000]);
    floor.wait_ms(3_600_000);
    floor.read("c", integer(12));
    floor.wait_ms(1_000);
    floor.read("c", integer(13));
    assert_eq!(floor.counts()[1..], [(12, CountBasis::Reset), (1, CountBasis::Increase)]);
}

#[test]
fn what_is_no_count_is_told_once_and_costs_nothing() {
    let mut floor = counted(COUNTER_16, &[100]);
    for value in [Value::Number(100.5), Value::Bool(true), integer(-1), integer(65_536), Value::Number(f64::NAN)] {
        floor.read("c", value);
    }
    floor.read("c", Value::Unavailable);
    floor.read("c", Value::Number(103.0));
    floor.read("c", text(" 104 "));
    assert_eq!(floor.pieces(), 4);
    assert_eq!(floor.alarms(), [("unusable_reading".to_owned(), true), ("unusable_reading".to_owned(), false)]);
    assert_eq!(floor.engine.tally().unusable, 5);
}

#[test]
fn a_count_can_stand_for_several_pieces_of_a_quality() {
    let counter = "[machine.signal.c]\nrole = \"counter\"\ncounts = \"scrap\"\npieces_per_count = 6\n";
    let floor = counted(counter, &[0, 2]);
    assert_eq!(floor.counts()[1].0, 12);
    assert_eq!(floor.engine.live()[0].scrap, 12);
    let EventKind::Count(count) = &floor.events[1].kind else { panic!("{:?}", floor.events[1]) };
    assert_eq!((count.quality, count.raw), (PieceQuality::Scrap, Some(2)));
}

#[test]
fn deltas_count_as_they_come_and_never_when_they_only_stand_there() {
    let mut floor = Floor::new("[machine.signal.c]\nrole = \"delta\"\n");
    floor.read("c", integer(3));
    floor.read_as("c", integer(5), Nature::Standing, None);
    floor.read_as("c", integer(7), Nature::Historical, Some(UtcMicros(START_US - 1)));
    floor.read("c", integer(0));
    floor.read("c", integer(-2));
    assert_eq!(floor.counts(), [(3, CountBasis::Delta), (7, CountBasis::Delta)]);
    assert_eq!(floor.events[2].clock, ClockQuality::Source);
}

#[test]
fn a_standing_total_counts_like_any_reading_and_an_outdated_one_does_not() {
    let mut floor = counted(COUNTER_16, &[100]);
    floor.wait_ms(1_000);
    floor.read_as("c", integer(110), Nature::Standing, None);
    floor.read_as("c", integer(104), Nature::Historical, Some(UtcMicros(START_US)));
    floor.wait_ms(1_000);
    floor.read("c", integer(111));
    assert_eq!(floor.pieces(), 11);
    assert_eq!(floor.engine.tally().outdated, 1);
}

#[test]
fn a_repeated_state_is_no_event_and_a_stop_lasts_as_long_as_its_state() {
    let mut floor = Floor::new(STATE);
    for (word, ms) in [("r", 1_000), ("r", 1_000), ("s", 2_000), ("s", 3_000), ("r", 0)] {
        floor.read("s", text(word));
        floor.wait_ms(ms);
    }
    assert_eq!(
        floor.states(),
        [(MachineState::Running, 0), (MachineState::Stopped, 2_000), (MachineState::Running, 7_000)]
    );
    assert_eq!(floor.stops(), ["+1@2000", "-1@7000=5000"]);
}

#[test]
fn stops_of_different_causes_follow_each_other() {
    let mut floor = Floor::new(STATE);
    for word in ["s", "j", "r"] {
        floor.wait_ms(1_000);
        floor.read("s", text(word));
    }
    assert_eq!(floor.stops(), ["+1@1000", "-1@2000=1000", "+2@2000", "-2@3000=1000"]);
    let reasons = floor.events.iter().filter(
        |event| matches!(&event.kind, EventKind::Downtime(DowntimeEntry::Reason { reason, .. }) if reason == "jam"),
    );
    assert_eq!(reasons.count(), 1);
}

#[test]
fn a_state_counts_once_it_has_lasted_and_then_from_its_beginning() {
    let mut floor = Floor::new(&format!("{STATE}debounce_ms = 500\n"));
    floor.read("s", text("r"));
    floor.wait_ms(600);
    floor.tick();
    floor.read("s", text("s"));
    floor.wait_ms(100);
    floor.read("s", text("r"));
    floor.wait_ms(900);
    floor.read("s", text("s"));
    floor.wait_ms(400);
    floor.tick();
    assert_eq!(floor.states(), [(MachineState::Running, 0)]);
    floor.restart(1);
    floor.wait_ms(100);
    floor.tick();
    assert_eq!(floor.states(), [(MachineState::Running, 0), (MachineState::Stopped, 1_600)]);
}

#[test]
fn an_unknown_code_is_the_configured_default_and_keeps_its_code() {
    let mut floor = Floor::new("[machine.signal.s]\nrole = \"state\"\npackml = true\ndefault = \"idle\"\n");
    floor.read("s", integer(6));
    floor.read("s", integer(99));
    assert_eq!(floor.states(), [(MachineState::Running, 0), (MachineState::Idle, 0)]);
    let EventKind::State(change) = &floor.events[1].kind else { panic!("{:?}", floor.events[1]) };
    assert_eq!(change.source_code.as_deref(), Some("99"));
    assert_eq!(floor.engine.tally().unknown_codes, 1);
}

#[test]
fn missing_counts_are_a_stop_from_the_last_count_to_the_next() {
    let mut floor =
        Floor::new(&format!("missing_counts_stop_after_ms = 5000\n{STATE}[machine.signal.c]\nrole = \"delta\"\n"));
    floor.read("s", text("r"));
    floor.wait_ms(1_000);
    floor.read("c", integer(1));
    floor.wait_ms(4_999);
    floor.tick();
    assert!(floor.stops().is_empty());
    floor.wait_ms(1);
    floor.tick();
    floor.tick();
    assert_eq!(floor.stops(), ["+1@1000"]);
    floor.wait_ms(1_000);
    floor.read("c", integer(1));
    assert_eq!(floor.stops(), ["+1@1000", "-1@7000=6000"]);
}

#[test]
fn a_stop_seen_by_counts_and_by_state_is_one() {
    let mut floor =
        Floor::new(&format!("missing_counts_stop_after_ms = 5000\n{STATE}[machine.signal.c]\nrole = \"delta\"\n"));
    floor.read("s", text("r"));
    floor.read("c", integer(1));
    floor.wait_ms(6_000);
    floor.tick();
    floor.read("s", text("s"));
    floor.wait_ms(1_000);
    floor.read("s", text("r"));
    floor.wait_ms(1_000);
    assert_eq!(floor.stops(), ["+1@0"]);
    floor.read("c", integer(1));
    assert_eq!(floor.stops(), ["+1@0", "-1@8000=8000"]);
    let Some(EventKind::Downtime(DowntimeEntry::Ended { detected_by, micro, .. })) = floor
        .events
        .iter()
        .map(|event| &event.kind)
        .find(|kind| matches!(kind, EventKind::Downtime(DowntimeEntry::Ended { .. })))
    else {
        panic!("no end");
    };
    assert_eq!((*detected_by, *micro), (StopDetection::MissingCounts, true));
}

#[test]
fn nobody_misses_counts_during_a_break() {
    let mut floor =
        Floor::new(&format!("missing_counts_stop_after_ms = 5000\n{STATE}[machine.signal.c]\nrole = \"delta\"\n"));
    floor.read("s", text("r"));
    floor.read("c", integer(1));
    floor.read("s", text("b"));
    floor.wait_ms(60_000);
    floor.tick();
    floor.read("s", text("r"));
    floor.wait_ms(4_000);
    floor.tick();
    assert!(floor.stops().is_empty());
    floor.wait_ms(1_000);
    floor.tick();
    assert_eq!(floor.stops(), ["+1@60000"], "from when it claimed to run");
}

#[test]
fn silence_is_no_data_from_the_last_reading_and_ends_with_the_next() {
    let mut floor = Floor::new(&format!("no_data_after_ms = 5000\n{STATE}"));
    floor.read("s", text("s"));
    floor.wait_ms(1_000);
    floor.read("s", text("s"));
    floor.wait_ms(5_000);
    floor.tick();
    floor.tick();
    floor.wait_ms(1_000);
    floor.read("s", text("s"));
    assert_eq!(
        floor.states(),
        [(MachineState::Stopped, 0), (MachineState::NoData, 1_000), (MachineState::Stopped, 7_000)]
    );
    assert_eq!(floor.stops(), ["+1@0", "-1@1000=1000", "+2@7000"]);
}

#[test]
fn time_in_which_the_agent_was_off_is_no_data() {
    let mut floor = Floor::new(&format!("no_data_after_ms = 5000\n{STATE}"));
    floor.read("s", text("r"));
    floor.wait_ms(3_600_000);
    floor.restart(2);
    floor.read("s", text("r"));
    assert_eq!(
        floor.states(),
        [(MachineState::Running, 0), (MachineState::NoData, 0), (MachineState::Running, 3_600_000)]
    );
}

#[test]
fn a_machine_without_a_state_signal_runs_while_it_counts() {
    let mut floor = Floor::new("missing_counts_stop_after_ms = 5000\n[machine.signal.c]\nrole = \"delta\"\n");
    floor.read("c", integer(1));
    floor.wait_ms(5_000);
    floor.tick();
    floor.read("c", integer(1));
    assert_eq!(
        floor.states(),
        [(MachineState::Running, 0), (MachineState::Stopped, 0), (MachineState::Running, 5_000)]
    );
    assert_eq!(floor.stops(), ["+1@0", "-1@5000=5000"]);
}

#[test]
fn recordings_live_in_their_own_time() {
    let mut floor =
        Floor::new(&format!("missing_counts_stop_after_ms = 5000\n{STATE}[machine.signal.c]\nrole = \"delta\"\n"));
    for (at_ms, signal, value) in
        [(0, "s", text("r")), (1_000, "c", integer(1)), (20_000, "c", integer(1)), (21_000, "c", integer(1))]
    {
        floor.read_as(signal, value, Nature::Historical, Some(UtcMicros(START_US + at_ms * 1_000)));
        floor.wait_ms(3_600_000);
        floor.tick();
    }
    assert_eq!(floor.stops(), ["+1@1000", "-1@20000=19000"]);
}

#[test]
fn a_measurement_is_told_when_it_moved_enough_and_not_too_often() {
    let mut floor = Floor::new(
        "[machine.signal.t]\nrole = \"measurement\"\nunit = \"K\"\ndeadband = 0.5\ninterval_min_ms = 1000\n",
    );
    for (value, ms) in [(20.0, 1_000), (20.5, 1_000), (21.0, 500), (25.0, 500), (25.0, 0), (f64::NAN, 0)] {
        floor.read("t", Value::Number(value));
        floor.wait_ms(ms);
    }
    assert_eq!(floor.events.len(), 3, "20, 21 and 25");
}

#[test]
fn an_alarm_is_told_when_it_comes_and_when_it_goes() {
    let mut floor = Floor::new("[machine.signal.a]\nrole = \"alarm\"\ncode = \"overheat\"\n");
    for value in [integer(0), integer(1), integer(1), integer(0)] {
        floor.read("a", value);
        floor.restart(1);
    }
    assert_eq!(floor.alarms(), [("overheat".to_owned(), true), ("overheat".to_owned(), false)]);
}

#[test]
fn unknown_machines_and_signals_are_counted_by_name() {
    let mut floor = Floor::new(STATE);
    let reading = |machine: &str, signal: &str| Reading {
        machine: Name::new(machine).unwrap(),
        signal: Name::new(signal).unwrap(),
        value: integer(1),
        taken: floor.now,
        source_at: None,
        nature: Nature::Live,
    };
    let (machine, signal) = (reading("x", "s"), reading("m", "x"));
    let (events, judged) = (&mut floor.events, judged(floor.now));
    assert_eq!(floor.engine.apply(&machine, judged, events), Applied::UnknownMachine);
    assert_eq!(floor.engine.apply(&signal, judged, events), Applied::UnknownSignal);
    assert_eq!((floor.engine.tally().unknown_signals, floor.engine.unknown().len()), (2, 2));
}

#[test]
fn unreadable_state_is_said_and_the_machine_begins_anew() {
    let floor = Floor::new(COUNTER_16);
    let stored = HashMap::from([("machine/m".to_owned(), b"\xff".to_vec())]);
    let (_, unreadable) = Engine::new(&floor.sections, &stored, floor.now);
    assert!(unreadable[0].to_string().starts_with("the stored state of machine m cannot be read"));
}

#[test]
fn nothing_is_stored_for_a_reading_that_changes_nothing() {
    let mut floor = counted(COUNTER_16, &[5, 5]);
    floor.wait_ms(1_000);
    let (machine, signal) = (Name::new("m").unwrap(), Name::new("c").unwrap());
    let reading =
        Reading { machine, signal, value: integer(5), taken: floor.now, source_at: None, nature: Nature::Live };
    floor.engine.apply(&reading, judged(floor.now), &mut floor.events);
    assert!(floor.engine.take_changed().is_empty());
}

#[test]
fn ten_thousand_readings_that_change_nothing_allocate_no_events_and_no_state() {
    let mut floor = counted(COUNTER_16, &[5]);
    floor.events = Vec::new();
    let (machine, signal) = (Name::new("m").unwrap(), Name::new("c").unwrap());
    let reading =
        Reading { machine, signal, value: integer(5), taken: floor.now, source_at: None, nature: Nature::Live };
    let (judged, began) = (judged(floor.now), std::time::Instant::now());
    for _ in 0..10_000 {
        floor.engine.apply(&reading, judged, &mut floor.events);
    }
    println!("{:.0} readings a second in this build", 10_000.0 / began.elapsed().as_secs_f64());
    assert_eq!(floor.events.capacity(), 0);
    assert!(floor.engine.take_changed().is_empty());
}

fn entered(floor: &mut Floor, mut kind: EventKind) -> EventKind {
    floor.engine.entered(&Name::new("m").unwrap(), floor.now.wall, &mut kind);
    floor.commit();
    kind
}

#[test]
fn reported_pieces_are_counted_like_the_machines_own_and_a_restart_knows_them() {
    let mut floor = counted(COUNTER_16, &[5, 15]);
    let report = protocol::event::PieceEntry {
        id: 1,
        good: 0,
        scrap: 3,
        rework: 1,
        reason: None,
        counted_as_good: true,
        takes_back: false,
        work_order: None,
        operator: None,
    };
    entered(&mut floor, EventKind::PieceEntry(report.clone()));
    floor.restart(2);
    let live = &floor.engine.live()[0];
    assert_eq!((live.good, live.scrap, live.rework), (6, 3, 1));
    entered(&mut floor, EventKind::PieceEntry(protocol::event::PieceEntry { takes_back: true, ..report }));
    let live = &floor.engine.live()[0];
    assert_eq!((live.good, live.scrap, live.rework), (10, 0, 0));
}

#[test]
fn a_stop_that_is_split_off_has_a_number_of_its_own_and_the_next_one_another() {
    let mut floor = Floor::new(
        "microstop_below_ms = 0\n[machine.signal.s]\nrole = \"state\"\nmap = { r = \"running\", s = \"stopped\" }\n",
    );
    let say = |floor: &mut Floor, state: &str| {
        floor.wait_ms(1_000);
        floor.read("s", Value::Text(state.to_owned()));
    };
    for state in ["r", "s", "r"] {
        say(&mut floor, state);
    }
    let split = DowntimeEntry::Split {
        stop: protocol::id::StopId(1),
        from: floor.now.wall.plus_us(-500_000),
        new_stop: protocol::id::StopId(0),
        operator: None,
    };
    let kind = entered(&mut floor, EventKind::Downtime(split));
    let EventKind::Downtime(DowntimeEntry::Split { new_stop, .. }) = kind else { panic!("{kind:?}") };
    assert_eq!(new_stop.0, 2);
    floor.restart(2);
    say(&mut floor, "s");
    let numbers: Vec<_> =
        floor.engine.live()[0].recent_stops.iter().map(|it| (it.stop.0, it.ended_at.is_some())).collect();
    assert_eq!(numbers, [(1, true), (2, true), (3, false)]);
}
