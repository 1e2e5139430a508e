//! What the workers of this process did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Queue;
use crate::web::metrics::{Exposes, Exposition, Type};

/// What can become of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Done,
    Retried,
    Dead,
    Lost,
    GivenBack,
}

impl Event {
    const ALL: [Event; 5] = [Event::Done, Event::Retried, Event::Dead, Event::Lost, Event::GivenBack];

    fn as_str(self) -> &'static str {
        match self {
            Event::Done => "done",
            Event::Retried => "retried",
            Event::Dead => "dead",
            Event::Lost => "lost",
            Event::GivenBack => "given_back",
        }
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    events: [[AtomicU64; Event::ALL.len()]; Queue::ALL.len()],
    attempt_us: [AtomicU64; Queue::ALL.len()],
}

impl Counters {
    pub fn add(&self, queue: Queue, event: Event, more: u64) {
        self.events[queue as usize][event as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub fn took(&self, queue: Queue, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.attempt_us[queue as usize].fetch_add(us, Ordering::Relaxed);
    }

    #[must_use]
    pub fn get(&self, queue: Queue, event: Event) -> u64 {
        self.events[queue as usize][event as usize].load(Ordering::Relaxed)
    }
}

impl Exposes for Counters {
    fn expose(&self, to: &mut Exposition) {
        let name = "central_worker_jobs_total";
        to.family(name, Type::Counter, "Messages that workers of this process took, by what became of them.");
        for queue in Queue::ALL {
            for event in Event::ALL {
                let labels = [("queue", queue.as_str()), ("outcome", event.as_str())];
                to.sample(name, &labels, self.get(queue, event));
            }
        }
        let name = "central_worker_attempt_seconds_total";
        to.family(name, Type::Counter, "Time spent in attempts that ended.");
        for queue in Queue::ALL {
            let us = self.attempt_us[queue as usize].load(Ordering::Relaxed);
            to.sample(name, &[("queue", queue.as_str())], Duration::from_micros(us).as_secs_f64());
        }
    }
}
