//! Whose turn it is on a connection. Pure: time comes in, what to do next comes out.
//!
//! Of the cycles that are due, the one that was served longest ago comes first, so that on a bus that is too slow
//! nobody starves and everybody gets the same. Due times are multiples of the interval on the computer's monotonic
//! clock: devices of one interval are asked together and their readings share a commit. A device that does not answer
//! is set aside for a pause that doubles up to a limit, and costs its neighbours one attempt per pause; a connection
//! that cannot be made sets all of them aside.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// The first pause; it doubles with every failure.
pub const PAUSE_MS_MIN: u64 = 500;

/// What is polled: one device at one interval.
#[derive(Debug, Clone, Copy)]
struct Turn {
    device: usize,
    interval_ms: u64,
    due_ms: u64,
    /// When it was last served, in turns.
    served: u64,
}

/// Failures in a row, and until when there is no use in asking again.
#[derive(Debug, Clone, Copy, Default)]
struct Aside {
    failures: u32,
    until_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Poll this cycle.
    Poll(usize),
    /// Nothing is due before.
    Wait { until_ms: u64 },
}

#[derive(Debug)]
pub struct Schedule {
    turns: Vec<Turn>,
    devices: Vec<Aside>,
    connection: Aside,
    pause_max_ms: u64,
    served: u64,
    random: SmallRng,
}

impl Schedule {
    /// `cycles` are `(device, interval_ms)`, devices counted from 0. All are due at once.
    #[must_use]
    pub fn new(cycles: &[(usize, u32)], pause_max_ms: u32, now_ms: u64, seed: u64) -> Schedule {
        let turn = |&(device, interval_ms): &(usize, u32)| {
            let interval_ms = u64::from(interval_ms).max(1);
            Turn { device, interval_ms, due_ms: now_ms - now_ms % interval_ms, served: 0 }
        };
        let devices = cycles.iter().map(|(device, _)| device + 1).max().unwrap_or(0);
        Schedule {
            turns: cycles.iter().map(turn).collect(),
            devices: vec![Aside::default(); devices],
            connection: Aside::default(),
            pause_max_ms: u64::from(pause_max_ms),
            served: 0,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    #[must_use]
    pub fn next(&self, now_ms: u64) -> Next {
        let ready_ms = |turn: &Turn| turn.due_ms.max(self.devices[turn.device].until_ms).max(self.connection.until_ms);
        let due = self.turns.iter().enumerate().filter(|(_, turn)| ready_ms(turn) <= now_ms);
        if let Some((cycle, _)) = due.min_by_key(|(_, turn)| turn.served) {
            return Next::Poll(cycle);
        }
        Next::Wait { until_ms: self.turns.iter().map(ready_ms).min().unwrap_or(u64::MAX) }
    }

    /// A cycle was answered, in whole or by exceptions. Returns how many of its turns were missed because others took
    /// too long.
    pub fn answered(&mut self, cycle: usize, now_ms: u64) -> u64 {
        let turn = &mut self.turns[cycle];
        let next_ms = now_ms - now_ms % turn.interval_ms + turn.interval_ms;
        let passed = (next_ms.saturating_sub(turn.due_ms) / turn.interval_ms).saturating_sub(1);
        turn.due_ms = next_ms;
        self.served += 1;
        turn.served = self.served;
        self.connection = Aside::default();
        let device = std::mem::take(&mut self.devices[turn.device]);
        // What was missed while the device was silent is no fault of the bus.
        if device.failures == 0 { passed } else { 0 }
    }

    /// There is nothing to ask in this turn before.
    pub fn postpone(&mut self, cycle: usize, until_ms: u64) {
        self.turns[cycle].due_ms = until_ms;
    }

    /// A device did not answer.
    pub fn silent(&mut self, cycle: usize, now_ms: u64) {
        self.served += 1;
        self.turns[cycle].served = self.served;
        let device = self.turns[cycle].device;
        self.devices[device] = self.devices[device].longer(now_ms, self.pause_max_ms, &mut self.random);
    }

    /// The connection could not be made.
    pub fn unreachable(&mut self, now_ms: u64) {
        self.connection = self.connection.longer(now_ms, self.pause_max_ms, &mut self.random);
        for turn in &mut self.turns {
            // Nothing was asked, so nothing was missed when the connection is back.
            turn.due_ms = turn.due_ms.max(now_ms - now_ms % turn.interval_ms);
        }
    }
}

impl Aside {
    /// Up to a fifth is taken off at random, so that agents that lost the same gateway do not come back together.
    fn longer(self, now_ms: u64, max_ms: u64, random: &mut SmallRng) -> Aside {
        let pause_ms = (PAUSE_MS_MIN << self.failures.min(20)).min(max_ms);
        let pause_ms = pause_ms - random.random_range(0..=pause_ms / 5);
        Aside { failures: self.failures.saturating_add(1), until_ms: now_ms + pause_ms }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// Runs a bus on which every cycle takes `cost_ms` and the devices in `silent` take `timeout_ms`; returns how often
    /// each cycle was polled.
    fn run(cycles: &[(usize, u32)], silent: &[usize], cost_ms: u64, timeout_ms: u64, for_ms: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(cycles, 30_000, 0, 7);
        let mut polls = vec![0; cycles.len()];
        let mut now_ms = 0;
        while now_ms < for_ms {
            match schedule.next(now_ms) {
                Next::Wait { until_ms } => now_ms = until_ms,
                Next::Poll(cycle) => {
                    polls[cycle] += 1;
                    if silent.contains(&cycles[cycle].0) {
                        now_ms += timeout_ms;
                        schedule.silent(cycle, now_ms);
                    } else {
                        now_ms += cost_ms;
                        schedule.answered(cycle, now_ms);
                    }
                }
            }
        }
        polls
    }

    #[test]
    fn each_cycle_has_its_interval() {
        assert_eq!(run(&[(0, 100), (0, 1_000), (1, 1_000)], &[], 5, 0, 10_000), [100, 10, 10]);
    }

    #[test]
    fn a_silent_device_costs_one_timeout_per_growing_pause() {
        let polls = run(&[(0, 1_000), (1, 1_000), (1, 200)], &[1], 10, 300, 600_000);
        assert_eq!(polls[0], 600);
        let attempts = polls[1] + polls[2];
        assert!((20..40).contains(&attempts), "{attempts} attempts in ten minutes");
    }

    #[test]
    fn on_a_bus_that_is_too_slow_everybody_still_gets_a_turn() {
        let polls = run(&[(0, 100), (1, 100), (2, 100), (3, 1_000)], &[], 50, 0, 60_000);
        assert!(polls[3] >= 55, "{polls:?}");
        assert!(polls[..3].iter().max().unwrap() - polls[..3].iter().min().unwrap() <= 2, "{polls:?}");
    }

    #[test]
    fn a_missed_turn_is_counted_but_not_made_up_for() {
        let mut schedule = Schedule::new(&[(0, 100)], 1_000, 1_000, 0);
        assert_eq!(schedule.answered(0, 1_010), 0);
        assert_eq!(schedule.next(1_099), Next::Wait { until_ms: 1_100 });
        assert_eq!(schedule.answered(0, 1_350), 2);
        assert_eq!(schedule.next(1_350), Next::Wait { until_ms: 1_400 });
    }

    #[test]
    fn a_device_that_answers_again_has_all_its_turns_at_once() {
        let mut schedule = Schedule::new(&[(0, 100), (0, 1_000)], 1_000, 0, 0);
        schedule.silent(0, 50);
        assert!(matches!(schedule.next(50), Next::Wait { .. }));
        assert_eq!(schedule.next(5_000), Next::Poll(1));
        assert_eq!(schedule.answered(1, 5_000), 0);
        assert_eq!(schedule.next(5_001), Next::Poll(0));
    }

    proptest! {
        #[test]
        fn pauses_grow_within_their_limit(failures in 1_u32..60, max_ms in 1_000_u32..60_000, seed in any::<u64>()) {
            let mut schedule = Schedule::new(&[(0, 10)], max_ms, 0, seed);
            let (mut now_ms, mut last_ms) = (0, 0);
            for _ in 0..failures {
                schedule.silent(0, now_ms);
                let Next::Wait { until_ms } = schedule.next(now_ms) else { panic!("asked at once") };
                let pause_ms = until_ms - now_ms;
                prop_assert!(pause_ms <= u64::from(max_ms) && pause_ms >= PAUSE_MS_MIN * 4 / 5);
                prop_assert!(pause_ms >= last_ms || pause_ms >= u64::from(max_ms) * 4 / 5);
                (now_ms, last_ms) = (until_ms, pause_ms);
            }
        }

        #[test]
        fn nothing_is_polled_before_it_is_due(
            intervals in proptest::collection::vec(10_u32..2_000, 1..12), cost_ms in 1_u64..30
        ) {
            let cycles: Vec<(usize, u32)> = intervals.iter().map(|&interval_ms| (0, interval_ms)).collect();
            let polls = run(&cycles, &[], cost_ms, 0, 20_000);
            for (polls, interval_ms) in polls.iter().zip(&intervals) {
                prop_assert!(*polls >= 1 && *polls <= 20_000 / u64::from(*interval_ms) + 1);
            }
            prop_assert_eq!(polls.len(), intervals.len());
        }
    }
}
