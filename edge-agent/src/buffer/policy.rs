//! What gives way when the log fills: pure decisions, in the order of [`Class`].
//!
//! Measurements are thinned first, then refused; facts and entries are always taken. Whether an event is taken is decided
//! once, before it has a sequence number; what is dropped later from the backlog leaves its place behind.

use std::collections::HashMap;

use protocol::batch::OriginKind;
use protocol::event::{Class, EventKind, Gap, GapCause};
use protocol::id::Name;
use protocol::time::UtcMicros;

use super::configuration::BufferSection;
use super::log::PreparedEvent;
use crate::reading::OriginName;

/// A gap that goes on is told this often, and at its end.
const TELL_EVERY_US: u64 = 5 * 60 * 1_000_000;
/// A gap is over when nothing was lost for this long.
const QUIET_US: u64 = 60 * 1_000_000;
/// Signals whose last kept measurement is remembered. Beyond it, all are forgotten and one more each is kept.
const SIGNALS_MAX: usize = 50_000;

/// How full the log is, as the policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Fill {
    #[default]
    Roomy,
    /// Measurements are thinned.
    Thinning,
    /// Measurements are refused.
    Refusing,
    /// At its limit; facts and entries go beyond it.
    Over,
}

impl Fill {
    pub(super) fn of(bytes: u64, section: &BufferSection) -> Fill {
        let part = |percent: u8| (u128::from(section.bytes_max) * u128::from(percent) / 100) as u64;
        if bytes >= section.bytes_max {
            Fill::Over
        } else if bytes >= part(section.refuse_above_percent) {
            Fill::Refusing
        } else if bytes >= part(section.thin_above_percent) {
            Fill::Thinning
        } else {
            Fill::Roomy
        }
    }
}

/// Events lost by policy and not yet told by a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Loss {
    pub(super) count: u64,
    pub(super) from: UtcMicros,
    pub(super) to: UtcMicros,
}

impl Loss {
    pub(super) fn of(at: UtcMicros) -> Loss {
        Loss { count: 1, from: at, to: at }
    }

    pub(super) fn and(self, other: Loss) -> Loss {
        match (self.count, other.count) {
            (_, 0) => self,
            (0, _) => other,
            _ => Loss { count: self.count + other.count, from: self.from.min(other.from), to: self.to.max(other.to) },
        }
    }

    pub(super) fn gap(self) -> EventKind {
        #[expect(clippy::expect_used, reason = "a constant name")]
        let subject = Name::new("telemetry").expect("a name");
        EventKind::Gap(Gap {
            cause: GapCause::BufferFull,
            subject,
            lost: Some(self.count),
            from: self.from,
            to: self.to,
            text: format!("{} measurements were dropped: the agent's log was full or they were too old", self.count),
        })
    }
}

/// Keeps one measurement per signal and span of time.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    /// When the last one was kept, in this boot's monotonic time or, for another boot, not at all.
    kept: HashMap<(u64, Name), Kept>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    boot: u32,
    us: u64,
}

impl Thinning {
    /// `origin` is any number that stays the same for an origin.
    pub(super) fn keeps(&mut self, origin: u64, signal: &Name, boot: u32, us: u64, every_ms: u64) -> bool {
        if self.kept.len() >= SIGNALS_MAX {
            self.kept.clear();
        }
        match self.kept.get_mut(&(origin, signal.clone())) {
            Some(kept) if kept.boot == boot && us.saturating_sub(kept.us) < every_ms * 1_000 => false,
            Some(kept) => {
                *kept = Kept { boot, us };
                true
            }
            None => {
                self.kept.insert((origin, signal.clone()), Kept { boot, us });
                true
            }
        }
    }
}

/// What is decided about events as they arrive, and when a loss is told.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) section: BufferSection,
    pub(super) fill: Fill,
    thinning: Thinning,
    /// Monotonic microseconds.
    first_loss: Option<u64>,
    last_loss: u64,
}

impl Policy {
    pub(super) fn new(section: BufferSection) -> Policy {
        Policy { section, fill: Fill::Roomy, thinning: Thinning::default(), first_loss: None, last_loss: 0 }
    }

    /// Takes out of `events` what may not be stored; answers what was lost by it.
    pub(super) fn admit(&mut self, events: &mut Vec<PreparedEvent>) -> Loss {
        if self.fill == Fill::Roomy {
            return Loss::default();
        }
        let mut loss = Loss::default();
        events.retain(|event| {
            let kept = self.admits(event);
            if !kept {
                loss = loss.and(Loss::of(event.at));
            }
            kept
        });
        loss
    }

    fn admits(&mut self, event: &PreparedEvent) -> bool {
        match (event.class, self.fill, &event.signal) {
            (Class::Fact | Class::Entry, ..) | (Class::Telemetry, Fill::Roomy, _) => true,
            (Class::Telemetry, Fill::Thinning, Some(signal)) => {
                let origin = origin_number(&event.origin);
                let every_ms = self.section.thin_to_ms;
                self.thinning.keeps(origin, signal, event.monotonic.boot, event.monotonic.us, every_ms)
            }
            (Class::Telemetry, Fill::Thinning, None) | (Class::Telemetry, Fill::Refusing | Fill::Over, _) => false,
        }
    }

    /// Notes a loss, for [`Policy::tells`].
    pub(super) fn note(&mut self, loss: Loss, now_us: u64) {
        if loss.count > 0 {
            self.first_loss.get_or_insert(now_us);
            self.last_loss = now_us;
        }
    }

    /// Whether losses so far are to be told by a gap: after some minutes of an ongoing one, soon after the end of one. What
    /// a process before this one left untold is told at once.
    pub(super) fn tells(&self, now_us: u64) -> bool {
        match self.first_loss {
            None => true,
            Some(first) => {
                now_us.saturating_sub(first) >= TELL_EVERY_US || now_us.saturating_sub(self.last_loss) >= QUIET_US
            }
        }
    }

    pub(super) fn told(&mut self) {
        self.first_loss = None;
    }
}

fn origin_number(origin: &OriginName) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    origin.hash(&mut hasher);
    hasher.finish()
}

/// Whom the log's own events are about.
pub(super) fn agent() -> OriginName {
    #[expect(clippy::expect_used, reason = "a constant name")]
    let name = Name::new("agent").expect("a name");
    OriginName { kind: OriginKind::Agent, name }
}

#[cfg(test)]
mod tests {
    use protocol::event::{MeasuredValue, Measurement};
    use protocol::time::{ClockQuality, Monotonic};

    use super::super::PendingEvent;
    use super::super::tests::{count, name};
    use super::*;

    fn measurement(signal: &str, us: u64) -> PreparedEvent {
        PreparedEvent::new(PendingEvent {
            origin: OriginName::machine(name("press-1")),
            at: UtcMicros(us.cast_signed()),
            clock: ClockQuality::Synchronized,
            monotonic: Monotonic { boot: 1, us },
            kind: EventKind::Measurement(Measurement {
                signal: name(signal),
                value: MeasuredValue::Number(1.0),
                unit: None,
            }),
        })
    }

    fn policy(fill: Fill) -> Policy {
        let section = BufferSection { thin_to_ms: 1_000, ..BufferSection::default() };
        Policy { fill, ..Policy::new(section) }
    }

    #[test]
    fn facts_are_taken_however_full_the_log_is() {
        for fill in [Fill::Roomy, Fill::Thinning, Fill::Refusing, Fill::Over] {
            let mut events = vec![PreparedEvent::new(count(1))];
            assert_eq!(policy(fill).admit(&mut events), Loss::default(), "{fill:?}");
            assert_eq!(events.len(), 1, "{fill:?}");
        }
    }

    #[test]
    fn measurements_are_thinned_per_signal_and_then_refused() {
        let all =
            || vec![measurement("a", 0), measurement("b", 10), measurement("a", 999_999), measurement("a", 1_000_000)];
        let mut events = all();
        let loss = policy(Fill::Thinning).admit(&mut events);
        assert_eq!(loss, Loss::of(UtcMicros(999_999)));
        assert_eq!(events.len(), 3);
        let mut events = all();
        let loss = policy(Fill::Refusing).admit(&mut events);
        assert_eq!(loss, Loss { count: 4, from: UtcMicros(0), to: UtcMicros(1_000_000) });
        assert!(events.is_empty());
    }

    #[test]
    fn an_ongoing_loss_is_told_every_some_minutes_and_at_its_end() {
        let mut policy = policy(Fill::Refusing);
        assert!(policy.tells(0), "what an earlier process left");
        for minute in 0..5 {
            policy.note(Loss::of(UtcMicros(0)), minute * 60_000_000);
            assert!(!policy.tells(minute * 60_000_000 + 1), "minute {minute}");
        }
        assert!(policy.tells(5 * 60_000_000), "goes on for too long");
        policy.told();
        policy.note(Loss::of(UtcMicros(0)), 400_000_000);
        assert!(!policy.tells(401_000_000));
        assert!(policy.tells(400_000_000 + QUIET_US), "is over");
    }

    #[test]
    fn fill_follows_the_configured_parts() {
        let section = BufferSection { bytes_max: 1_000, ..BufferSection::default() };
        let fills = [799, 800, 899, 900, 999, 1_000].map(|bytes| Fill::of(bytes, &section));
        use Fill::{Over, Refusing, Roomy, Thinning};
        assert_eq!(fills, [Roomy, Thinning, Thinning, Refusing, Refusing, Over]);
    }
}
