//! What live updates count, for `/metrics`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{Hub, STREAMS_MAX};
use crate::web::metrics::{Exposes, Exposition, Type};

#[derive(Debug, Default)]
pub struct Counters {
    listening: AtomicBool,
    looks: AtomicU64,
    looks_failed: AtomicU64,
    reloads: AtomicU64,
    look_us: AtomicU64,
    frames: AtomicU64,
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    resumed: AtomicU64,
    started: AtomicU64,
    fell_behind: AtomicU64,
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counters {
    pub(super) fn listening(&self, is: bool) {
        self.listening.store(is, Ordering::Relaxed);
    }

    /// Whether the process hears notifications.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    pub(super) fn looked(&self, took: Duration, anew: bool) {
        add(&self.looks, 1);
        add(&self.reloads, anew.into());
        add(&self.look_us, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn look_failed(&self) {
        add(&self.looks_failed, 1);
    }

    pub(super) fn framed(&self, frames: usize) {
        add(&self.frames, frames as u64);
    }

    pub(super) fn sent(&self, bytes: usize) {
        add(&self.sent, 1);
        add(&self.sent_bytes, bytes as u64);
    }

    pub(super) fn followed(&self, resumed: bool) {
        add(if resumed { &self.resumed } else { &self.started }, 1);
    }

    pub(super) fn fell_behind(&self) {
        add(&self.fell_behind, 1);
    }
}

impl Exposes for Hub {
    fn expose(&self, to: &mut Exposition) {
        let counters = &self.counters;
        to.single("central_live_streams", Type::Gauge, "Browsers that follow.", self.streams());
        to.single("central_live_streams_limit", Type::Gauge, "As many as may.", STREAMS_MAX);
        let name = "central_live_streams_opened_total";
        to.family(name, Type::Counter, "Streams opened, by what came first: the board, or what was missed.");
        to.sample(name, &[("first", "board")], get(&counters.started));
        to.sample(name, &[("first", "missed")], get(&counters.resumed));
        let help = "Streams that read too slowly and started anew with the board.";
        to.single("central_live_streams_fell_behind_total", Type::Counter, help, get(&counters.fell_behind));
        let help = "Frames made, each once for everybody who may see the same plants.";
        to.single("central_live_frames_total", Type::Counter, help, get(&counters.frames));
        let help = "Frames sent to browsers.";
        to.single("central_live_frames_sent_total", Type::Counter, help, get(&counters.sent));
        let help = "Bytes of them.";
        to.single("central_live_sent_bytes_total", Type::Counter, help, get(&counters.sent_bytes));
        let help = "Whether this process hears that something changed; it also looks by itself.";
        to.single("central_live_listening", Type::Gauge, help, u8::from(counters.is_listening()));
        let name = "central_live_looks_total";
        to.family(name, Type::Counter, "Looks at what changed in the database, by how much was read.");
        let reloads = get(&counters.reloads);
        to.sample(name, &[("read", "changes")], get(&counters.looks).saturating_sub(reloads));
        to.sample(name, &[("read", "everything")], reloads);
        let help = "Looks that failed; the board stays as it was.";
        to.single("central_live_looks_failed_total", Type::Counter, help, get(&counters.looks_failed));
        let help = "Time spent on looks.";
        let seconds = Duration::from_micros(get(&counters.look_us)).as_secs_f64();
        to.single("central_live_look_seconds_total", Type::Counter, help, seconds);
    }
}
