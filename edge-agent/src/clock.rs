//! How far this computer's clock can be trusted, concluded from what central's says.
//!
//! - **Who writes**: [`crate::uplink`], one observation per exchange with central.
//! - **Who reads**: [`crate::capture`], for every event; the status page.
//!
//! What is kept is central's time at this boot's monotonic zero, not the difference to the wall clock: somebody who sets
//! the wall clock later, or a time service that steps it, is noticed at once, with no exchange in between.
//!
//! An event that was judged [`Wrong`](ClockQuality::Wrong) carries the time since the boot, as if the boot had been in
//! 1970. So [`ClockTrust::restamp_offset_us`] corrects all of them by one number, whatever the wall clock did meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use process::clock::Moment;
use protocol::time::{ClockQuality, UtcMicros};

/// 2026-01-01: no clock that shows an earlier time is right, for this program did not exist.
const EARLIEST: UtcMicros = UtcMicros(1_767_225_600_000_000);
/// A clock 20 years ahead of that is taken for a broken one too.
const LATEST: UtcMicros = UtcMicros(EARLIEST.0 + 20 * 365 * 86_400_000_000);
/// How far the wall clock may be from central's and still give events their time.
const TOLERANCE_US: u64 = 2_000_000;
/// How far two quartz clocks drift apart, at most: 100 parts per million.
const DRIFT_PER_MILLION: u64 = 100;
/// A slower exchange says too little about the time.
const ROUND_TRIP_US_MAX: u64 = 5_000_000;

/// Shared knowledge of central's time. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ClockTrust(Arc<Mutex<Option<Measured>>>);

#[derive(Debug, Clone, Copy)]
struct Measured {
    boot: u32,
    /// Central's time when this boot's monotonic clock was zero.
    utc_at_zero: UtcMicros,
    /// Half of the round trip it was concluded from.
    uncertainty_us: u64,
    /// Monotonic time of the measurement.
    taken_us: u64,
}

impl Measured {
    fn central_at(&self, moment: Moment) -> UtcMicros {
        self.utc_at_zero.plus_us(signed(moment.monotonic.us))
    }

    fn drift_us(&self, moment: Moment) -> u64 {
        moment.monotonic.us.abs_diff(self.taken_us) / 1_000_000 * DRIFT_PER_MILLION
    }
}

impl ClockTrust {
    /// The best estimate of the true time of `moment`, and how sure it is.
    #[must_use]
    pub fn judge(&self, moment: Moment) -> (UtcMicros, ClockQuality) {
        match self.measured(moment) {
            Some(measured) => {
                let central = measured.central_at(moment);
                let tolerance = TOLERANCE_US + measured.uncertainty_us + measured.drift_us(moment);
                if moment.wall.since(central).unsigned_abs() <= tolerance {
                    (moment.wall, ClockQuality::Synchronized)
                } else {
                    (central, ClockQuality::Restamped)
                }
            }
            None if moment.wall < EARLIEST || moment.wall > LATEST => {
                (UtcMicros(signed(moment.monotonic.us)), ClockQuality::Wrong)
            }
            None => (moment.wall, ClockQuality::Unverified),
        }
    }

    /// Learns from an exchange: asked at `sent`, answered at `received`, central's clock in between at `server_time`.
    /// Returns whether it said more than what was known.
    pub fn observe(&self, sent: Moment, received: Moment, server_time: UtcMicros) -> bool {
        let boot = received.monotonic.boot;
        let Some(round_trip_us) = received.monotonic.us.checked_sub(sent.monotonic.us) else { return false };
        if sent.monotonic.boot != boot || round_trip_us > ROUND_TRIP_US_MAX {
            return false;
        }
        let middle = sent.monotonic.us + round_trip_us / 2;
        let new = Measured {
            boot,
            utc_at_zero: server_time.plus_us(-signed(middle)),
            uncertainty_us: round_trip_us / 2,
            taken_us: middle,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let better = known.is_none_or(|known| {
            known.boot != boot || new.uncertainty_us <= known.uncertainty_us + known.drift_us(received)
        });
        if better {
            *known = Some(new);
        }
        better
    }

    /// Central's clock less the wall clock at `now`; none while it is not known in this boot.
    #[must_use]
    pub fn offset_us(&self, now: Moment) -> Option<i64> {
        self.measured(now).map(|measured| measured.central_at(now).since(now.wall))
    }

    /// What to add to the time of events of `boot` that were judged [`Wrong`](ClockQuality::Wrong).
    #[must_use]
    pub fn restamp_offset_us(&self, boot: u32) -> Option<i64> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|known| known.boot == boot).map(|known| known.utc_at_zero.0)
    }

    fn measured(&self, moment: Moment) -> Option<Measured> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|known| known.boot == moment.monotonic.boot)
    }
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::time::Monotonic;

    use super::*;

    const NOVEMBER: i64 = 1_795_000_000_000_000;

    fn moment(wall: i64, us: u64) -> Moment {
        Moment { wall: UtcMicros(wall), monotonic: Monotonic { boot: 3, us } }
    }

    #[test]
    fn a_plausible_clock_is_unverified_until_central_is_heard() {
        let trust = ClockTrust::default();
        let now = moment(NOVEMBER, 5_000_000);
        assert_eq!(trust.judge(now), (now.wall, ClockQuality::Unverified));
        assert!(trust.observe(now, moment(NOVEMBER + 20_000, 5_020_000), UtcMicros(NOVEMBER + 10_500)));
        assert_eq!(trust.offset_us(now), Some(500));
        assert_eq!(trust.judge(now), (now.wall, ClockQuality::Synchronized));
    }

    #[test]
    fn a_pc_that_boots_in_1970_is_corrected_by_one_number_even_when_its_clock_is_set_meanwhile() {
        let trust = ClockTrust::default();
        let (first, quality) = trust.judge(moment(40_000_000, 40_000_000));
        assert_eq!(quality, ClockQuality::Wrong);
        let (second, _) = trust.judge(moment(77_000_000_000, 50_000_000));
        assert!(trust.observe(moment(0, 60_000_000), moment(0, 60_000_000), UtcMicros(NOVEMBER)));
        let offset = trust.restamp_offset_us(3).unwrap();
        assert_eq!(first.plus_us(offset), UtcMicros(NOVEMBER - 20_000_000));
        assert_eq!(second.plus_us(offset), UtcMicros(NOVEMBER - 10_000_000));
        let later = trust.judge(moment(90_000_000, 90_000_000));
        assert_eq!(later, (UtcMicros(NOVEMBER + 30_000_000), ClockQuality::Restamped));
    }

    #[test]
    fn a_clock_set_back_an_hour_is_noticed_without_asking_central() {
        let trust = ClockTrust::default();
        trust.observe(moment(NOVEMBER, 0), moment(NOVEMBER, 0), UtcMicros(NOVEMBER));
        let hour_back = moment(NOVEMBER - 3_600_000_000 + 1_000_000, 1_000_000);
        assert_eq!(trust.judge(hour_back), (UtcMicros(NOVEMBER + 1_000_000), ClockQuality::Restamped));
    }

    #[test]
    fn a_slow_round_trip_does_not_replace_a_quick_one() {
        let trust = ClockTrust::default();
        assert!(trust.observe(moment(NOVEMBER, 0), moment(NOVEMBER, 10_000), UtcMicros(NOVEMBER)));
        assert!(!trust.observe(moment(NOVEMBER, 20_000), moment(NOVEMBER, 4_020_000), UtcMicros(NOVEMBER)));
        assert!(!trust.observe(moment(NOVEMBER, 0), moment(NOVEMBER, 9_000_000), UtcMicros(NOVEMBER)));
    }

    #[test]
    fn another_boot_knows_nothing() {
        let trust = ClockTrust::default();
        trust.observe(moment(NOVEMBER, 0), moment(NOVEMBER, 0), UtcMicros(NOVEMBER));
        let rebooted = Moment { wall: UtcMicros(9), monotonic: Monotonic { boot: 4, us: 9 } };
        assert_eq!(trust.judge(rebooted).1, ClockQuality::Wrong);
        assert_eq!(trust.restamp_offset_us(4), None);
    }

    proptest! {
        /// Whatever the wall clock shows, the estimate is never further off than tolerance and round trip allow.
        #[test]
        fn the_estimate_is_near_the_truth(
            wall in any::<i64>(), sent in 0_u64..1 << 40, round_trip in 0_u64..=ROUND_TRIP_US_MAX,
            there in 0_u64..=ROUND_TRIP_US_MAX, later in 0_u64..3_600_000_000,
        ) {
            let truth = |us: u64| NOVEMBER + signed(us);
            let trust = ClockTrust::default();
            let answered = sent + there.min(round_trip);
            trust.observe(moment(wall, sent), moment(wall, sent + round_trip), UtcMicros(truth(answered)));
            let (at, _) = trust.judge(moment(wall, sent + later));
            let allowed = TOLERANCE_US + 2 * ROUND_TRIP_US_MAX + later / 10_000;
            prop_assert!(at.since(UtcMicros(truth(sent + later))).unsigned_abs() <= allowed);
        }
    }
}
