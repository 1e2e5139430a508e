//! Whatever is read, however often, and whoever restarts in between: the sum of what was counted is what was made, and
//! stops begin, end and never overlap.

use std::collections::{BTreeMap, HashMap};

use process::clock::Moment;
use proptest::prelude::*;
use protocol::event::{DowntimeEntry, EventKind, MachineState};
use protocol::id::Name;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};

use super::configuration::{MachineSection, MappedState, Role, SignalSection};
use super::{Engine, Judged};
use crate::buffer::PendingEvent;
use crate::reading::{Nature, Reading, Value};

/// Pieces in a second, at most: true of the machine and known to the rule.
const PER_SECOND_MAX: i64 = 40;
const RESET_BELOW: i64 = 1_000;

#[derive(Debug, Clone)]
enum Step {
    /// The machine works for so many milliseconds, at this percentage of its speed.
    Work {
        ms: i64,
        percent: i64,
    },
    Poll,
    /// High and low word are read at different times, while the machine goes on.
    TornPoll {
        made_between: i64,
    },
    /// What was read last comes again.
    Duplicate,
    /// The controller restarts: its counter is 0.
    Reset,
    /// The agent is killed and starts again, perhaps with the computer.
    Restart {
        reboot: bool,
    },
    /// Somebody sets the clock.
    Clock {
        us: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (100i64..20_000, 0i64..=100).prop_map(|(ms, percent)| Step::Work { ms, percent }),
        8 => Just(Step::Poll),
        2 => (0i64..4).prop_map(|made_between| Step::TornPoll { made_between }),
        1 => Just(Step::Duplicate),
        1 => Just(Step::Reset),
        1 => any::<bool>().prop_map(|reboot| Step::Restart { reboot }),
        1 => (-1_000_000_000_000i64..1_000_000_000_000).prop_map(|us| Step::Clock { us }),
    ];
    proptest::collection::vec(step, 1..200)
}

/// A machine that counts, the agent that reads it, and the truth.
struct World {
    sections: Vec<MachineSection>,
    engine: Engine,
    stored: HashMap<String, Vec<u8>>,
    events: Vec<PendingEvent>,
    now: Moment,
    rollover: i64,
    shown: i64,
    /// Pieces since the first reading.
    made: i64,
    /// Parts of pieces, in thousandths.
    part: i64,
    made_since_reset: i64,
    /// The source's own time, where it gives one.
    source_us: Option<i64>,
    last_read: (i64, Option<i64>),
    milliseconds_since_poll: i64,
}

impl World {
    fn new(rollover: i64, start: i64, timed: bool) -> World {
        let counter = SignalSection {
            rollover: Some(rollover),
            plausible_per_second_max: Some(PER_SECOND_MAX),
            reset_below: Some(RESET_BELOW),
            ..SignalSection::of(Role::Counter)
        };
        let sections = vec![machine(BTreeMap::from([(name("c"), counter)]), None, None)];
        let now = start_of_time();
        let (engine, _) = Engine::new(&sections, &HashMap::new(), now);
        let mut world = World {
            sections,
            engine,
            stored: HashMap::new(),
            events: Vec::new(),
            now,
            rollover,
            shown: start % rollover,
            made: 0,
            part: 0,
            made_since_reset: i64::MAX / 2,
            source_us: timed.then_some(1_600_000_000_000_000),
            last_read: (0, None),
            milliseconds_since_poll: 0,
        };
        world.poll();
        world
    }

    fn make(&mut self, pieces: i64) {
        self.made += pieces;
        self.made_since_reset = self.made_since_reset.saturating_add(pieces);
        self.shown = (self.shown + pieces) % self.rollover;
    }

    fn wait(&mut self, ms: i64) {
        wait(&mut self.now, ms);
        self.source_us = self.source_us.map(|us| us + ms * 1_000);
    }

    fn read(&mut self, shown: i64) {
        self.last_read = (shown, self.source_us);
        self.deliver(shown, self.source_us);
    }

    fn deliver(&mut self, shown: i64, source_us: Option<i64>) {
        let source_at = source_us.map(UtcMicros);
        let reading = reading("c", Value::Integer(shown), self.now, Nature::Live, source_at);
        self.engine.apply(&reading, judged(self.now), &mut self.events);
        self.stored.extend(self.engine.take_changed());
    }

    fn poll(&mut self) {
        self.milliseconds_since_poll = 0;
        self.read(self.shown);
    }

    /// What can be told apart by anybody: a reset is noticed when it takes the counter clearly below where it was, and not
    /// on the verge of a rollover; and it is read twice before the counter is there again.
    fn reset_can_be_noticed(&self) -> bool {
        let reach = PER_SECOND_MAX * 60;
        self.shown > reach && self.shown < self.rollover - reach && self.made_since_reset > 2 * reach
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Work { ms, percent } => {
                self.wait(ms);
                self.part += ms * PER_SECOND_MAX * percent / 100;
                let pieces = self.part / 1_000;
                self.part %= 1_000;
                self.make(pieces);
                self.milliseconds_since_poll += ms;
                if self.milliseconds_since_poll > 20_000 {
                    self.poll();
                }
            }
            Step::Poll => self.poll(),
            Step::TornPoll { made_between } => {
                // Two readings of a torn value in a row are one controller's word against itself: one is torn, then a
                // whole one follows.
                let before = self.shown;
                self.wait(100);
                self.make(made_between);
                let torn = (before & !0xFFFF) | (self.shown & 0xFFFF);
                self.read(torn);
                self.wait(100);
                self.poll();
            }
            Step::Duplicate => {
                // Without a time of its own, an old total that comes late is a counter that stood still.
                let (shown, source_us) = self.last_read;
                if source_us.is_some() || shown == self.shown {
                    self.deliver(shown, source_us);
                }
            }
            Step::Reset if self.reset_can_be_noticed() => {
                self.poll();
                self.shown = 0;
                self.made_since_reset = 0;
                for _ in 0..2 {
                    self.wait(1_000);
                    self.make(3);
                    self.poll();
                }
            }
            Step::Reset => {}
            Step::Restart { reboot } => {
                if reboot {
                    self.now.monotonic = Monotonic { boot: self.now.monotonic.boot + 1, us: 20_000_000 };
                }
                let (engine, unreadable) = Engine::new(&self.sections, &self.stored, self.now);
                assert!(unreadable.is_empty());
                self.engine = engine;
            }
            Step::Clock { us } => self.now.wall = self.now.wall.plus_us(us),
        }
    }

    fn counted(&self) -> i64 {
        let deltas = self.events.iter().map(|event| match &event.kind {
            EventKind::Count(count) => count.delta,
            _ => 0,
        });
        deltas.sum()
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn start_of_time() -> Moment {
    Moment { wall: UtcMicros(1_700_000_000_000_000), monotonic: Monotonic { boot: 1, us: 100_000_000 } }
}

/// Never compared with central, as in a plant whose network is down: across boots the wall clock proves nothing.
fn judged(now: Moment) -> Judged {
    Judged { at: now.wall, clock: ClockQuality::Unverified }
}

fn wait(now: &mut Moment, ms: i64) {
    now.wall = now.wall.plus_us(ms * 1_000);
    now.monotonic.us += u64::try_from(ms).unwrap() * 1_000;
}

fn machine(signals: BTreeMap<Name, SignalSection>, missing: Option<u64>, no_data: Option<u64>) -> MachineSection {
    MachineSection {
        name: name("m"),
        microstop_below_ms: 60_000,
        missing_counts_stop_after_ms: missing,
        missing_counts_signal: None,
        no_data_after_ms: no_data,
        stop_states: vec![MachineState::Stopped, MachineState::Maintenance],
        signals: signals.into(),
    }
}

fn reading(signal: &str, value: Value, taken: Moment, nature: Nature, source_at: Option<UtcMicros>) -> Reading {
    Reading { machine: name("m"), signal: name(signal), value, taken, source_at, nature }
}

proptest! {
    #[test]
    fn what_is_counted_is_what_was_made(
        rollover in prop_oneof![Just(32_768i64), Just(65_536), Just(10_000_000), Just(1i64 << 32)],
        start in prop_oneof![0i64..200_000, Just((1i64 << 32) - 50), Just(9_999_950)],
        steps in steps(),
        timed in any::<bool>(),
    ) {
        let mut world = World::new(rollover, start, timed);
        for step in &steps {
            world.step(step);
        }
        world.poll();
        prop_assert_eq!(world.counted(), world.made);
        prop_assert_eq!(world.engine.live()[0].good, world.made);
    }

    #[test]
    fn whatever_a_counter_shows_it_never_counts_backwards_and_restarts_change_nothing(
        values in proptest::collection::vec((0i64..70_000, 0i64..5_000, any::<bool>()), 1..100),
    ) {
        let mut with = World::new(65_536, 0, false);
        let mut without = World::new(65_536, 0, false);
        for (value, ms, restart) in values {
            for world in [&mut with, &mut without] {
                world.wait(ms);
                world.read(value);
            }
            if restart {
                with.step(&Step::Restart { reboot: false });
            }
        }
        let counts = |world: &World| -> Vec<EventKind> {
            let counts = world.events.iter().filter(|event| matches!(event.kind, EventKind::Count(_)));
            counts.map(|event| event.kind.clone()).collect()
        };
        prop_assert_eq!(counts(&with), counts(&without));
        for kind in counts(&with) {
            prop_assert!(matches!(kind, EventKind::Count(count) if count.delta >= 0));
        }
    }

    #[test]
    fn stops_begin_end_and_never_overlap(
        steps in proptest::collection::vec((0u8..10, 0i64..8_000), 1..150),
        missing in proptest::option::of(1_000u64..10_000),
        no_data in proptest::option::of(1_000u64..10_000),
        debounce_ms in proptest::option::of(1u64..3_000),
        recorded in any::<bool>(),
    ) {
        let codes = [
            ("0", MachineState::Running), ("1", MachineState::Stopped), ("2", MachineState::Maintenance),
            ("3", MachineState::Break),
        ];
        let map = codes.map(|(code, state)| (code.to_owned(), MappedState { state, reason: None }));
        let state = SignalSection { map: Some(map.into()), debounce_ms, ..SignalSection::of(Role::State) };
        let signals = BTreeMap::from([(name("s"), state), (name("c"), SignalSection::of(Role::Delta))]);
        let sections = vec![machine(signals, missing, no_data)];
        let mut now = start_of_time();
        let (mut engine, _) = Engine::new(&sections, &HashMap::new(), now);
        let mut stored = HashMap::new();
        let mut events = Vec::new();
        for (what, ms) in steps {
            wait(&mut now, ms);
            let (nature, at) = if recorded { (Nature::Historical, Some(now.wall)) } else { (Nature::Live, None) };
            match what {
                code @ 0..=3 => {
                    let reading = reading("s", Value::Integer(i64::from(code)), now, nature, at);
                    engine.apply(&reading, judged(now), &mut events);
                }
                4..=6 => {
                    engine.apply(&reading("c", Value::Integer(1), now, nature, at), judged(now), &mut events);
                }
                7 | 8 => engine.tick(now, judged(now), &mut events),
                _ => engine = Engine::new(&sections, &stored, now).0,
            }
            stored.extend(engine.take_changed());
        }
        check_stops(&events)?;
    }
}

fn check_stops(events: &[PendingEvent]) -> Result<(), TestCaseError> {
    let (mut open, mut number, mut free_from) = (None, 0, UtcMicros(i64::MIN));
    for event in events {
        match event.kind {
            EventKind::Downtime(DowntimeEntry::Began { stop, .. }) => {
                prop_assert_eq!(open, None);
                prop_assert_eq!(stop.0, number + 1);
                prop_assert!(event.at >= free_from, "stop {} begins within the one before", stop.0);
                number = stop.0;
                open = Some((stop, event.at));
            }
            EventKind::Downtime(DowntimeEntry::Ended { stop, began_at, lasted_us, .. }) => {
                prop_assert_eq!(open.take(), Some((stop, began_at)));
                prop_assert!(lasted_us >= 0);
                prop_assert_eq!(event.at.since(began_at), lasted_us);
                free_from = event.at;
            }
            _ => {}
        }
    }
    Ok(())
}
