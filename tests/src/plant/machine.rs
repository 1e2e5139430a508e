//! What a machine does: a function of its seed and of the time it has been on.
//!
//! The state is small, whole and serialisable, so that a machine goes on after a restart of the simulation as if nothing
//! had happened: with the same count, in the same state, towards the same future.

use serde::{Deserialize, Serialize};

/// How a machine works, on average.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub pieces_per_second: f64,
    /// What a new machine's first run lasts likewise.
    pub first_run_ms: u64,
    /// A run lasts between half and one and a half times this long.
    pub run_ms: u64,
    /// Likewise a stop.
    pub stop_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    seed: u64,
    ticks: u64,
    /// Pieces made since the machine was new: the truth everything else is measured by.
    pub made: u64,
    /// Pieces the machine has told of, by a message that was acknowledged.
    pub told: u64,
    pub running: bool,
    /// Stops begun since the machine was new.
    pub stops: u64,
    left_ms: u64,
    thousandths: u64,
}

impl Machine {
    #[must_use]
    pub fn new(seed: u64) -> Machine {
        Machine { seed, ticks: 0, made: 0, told: 0, running: false, stops: 0, left_ms: 0, thousandths: 0 }
    }

    /// Time passes.
    pub fn step(&mut self, pace: &Pace, elapsed_ms: u64) {
        self.ticks += 1;
        self.left_ms = self.left_ms.saturating_sub(elapsed_ms);
        if self.left_ms == 0 {
            self.running = !self.running;
            let mean = match self.running {
                true if self.ticks == 1 => pace.first_run_ms,
                true => pace.run_ms,
                false => pace.stop_ms,
            };
            self.left_ms = mean / 2 + self.chance() % mean.max(1);
            self.stops += u64::from(!self.running);
        }
        if self.running {
            // Between 80 % and 120 % of the pace.
            let share = 800 + self.chance() % 401;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pace is small and positive")]
            let thousandths = (pace.pieces_per_second * elapsed_ms as f64) as u64;
            self.thousandths += thousandths * share / 1_000;
            self.made += self.thousandths / 1_000;
            self.thousandths %= 1_000;
        }
    }

    /// Pieces made and not yet told.
    #[must_use]
    pub fn untold(&self) -> u64 {
        self.made - self.told
    }

    /// The next number of this machine's own sequence (splitmix64).
    fn chance(&self) -> u64 {
        let mut z = self.seed.wrapping_add(self.ticks.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { pieces_per_second: 40.0, first_run_ms: 5_000, run_ms: 5_000, stop_ms: 1_000 };

    fn after(mut machine: Machine, steps: u32) -> Machine {
        for _ in 0..steps {
            machine.step(&PACE, 100);
        }
        machine
    }

    #[test]
    fn the_same_seed_gives_the_same_life_and_another_seed_another() {
        assert_eq!(after(Machine::new(7), 1_000), after(Machine::new(7), 1_000));
        assert_ne!(after(Machine::new(7), 1_000).made, after(Machine::new(8), 1_000).made);
    }

    #[test]
    fn a_restart_changes_nothing() {
        let halfway = serde_json::to_string(&after(Machine::new(7), 500)).unwrap();
        assert_eq!(after(serde_json::from_str(&halfway).unwrap(), 500), after(Machine::new(7), 1_000));
    }

    #[test]
    fn pieces_come_at_about_the_pace_and_stops_happen() {
        let machine = after(Machine::new(7), 36_000);
        let expected = 3_600.0 * 40.0 * 5.0 / 6.0;
        assert!((machine.made as f64 / expected - 1.0).abs() < 0.1, "{machine:?}");
        assert!((400..800).contains(&machine.stops), "{machine:?}");
    }
}
