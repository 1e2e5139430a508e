//! The one place that reads the clocks. Everything else takes a [`Clock`] or a [`Moment`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use protocol::time::{Monotonic, UtcMicros};

/// The same instant on both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    pub wall: UtcMicros,
    pub monotonic: Monotonic,
}

pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Moment;

    fn wall(&self) -> UtcMicros {
        self.now().wall
    }
}

/// The computer's clocks. Monotonic time includes time asleep, where the system can tell.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot: u32,
}

impl SystemClock {
    /// `boot` numbers the boot of the computer, for those who keep count; 0 otherwise.
    #[must_use]
    pub fn new(boot: u32) -> SystemClock {
        SystemClock { boot }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> Moment {
        let wall = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Moment { wall: UtcMicros(wall), monotonic: Monotonic { boot: self.boot, us: monotonic_us() } }
    }
}

#[cfg(target_os = "linux")]
fn monotonic_us() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0) / 1_000
    })
}

#[cfg(not(target_os = "linux"))]
fn monotonic_us() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let elapsed = START.get_or_init(std::time::Instant::now).elapsed();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// A clock that a test turns by hand.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    wall_us: Arc<AtomicI64>,
    monotonic_us: Arc<AtomicI64>,
}

impl ManualClock {
    #[must_use]
    pub fn at(wall: UtcMicros) -> ManualClock {
        let clock = ManualClock::default();
        clock.wall_us.store(wall.0, Ordering::SeqCst);
        clock
    }

    /// Time passes.
    pub fn advance_us(&self, us: i64) {
        self.wall_us.fetch_add(us, Ordering::SeqCst);
        self.monotonic_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock; the monotonic one does not notice.
    pub fn set_wall(&self, wall: UtcMicros) {
        self.wall_us.store(wall.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        let us = u64::try_from(self.monotonic_us.load(Ordering::SeqCst)).unwrap_or(0);
        Moment { wall: UtcMicros(self.wall_us.load(Ordering::SeqCst)), monotonic: Monotonic { boot: 1, us } }
    }
}
