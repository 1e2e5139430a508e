//! When something was read, on every clock that may be asked about it later.

use process::clock::Moment;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};
use serde::{Deserialize, Serialize};

use super::Judged;
use crate::reading::{Nature, Reading};

/// A reading's place in time. Kept with what was concluded from it, so that it can be compared after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Best estimate of when it was true.
    pub(super) at: UtcMicros,
    pub(super) clock: ClockQuality,
    pub(super) boot: u32,
    pub(super) us: u64,
    pub(super) line: TimeLine,
}

/// Whose clock gave `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimeLine {
    /// The agent's.
    Agent,
    /// The source's, as it happened.
    Source,
    /// The source's, delivered later: how fast readings come in says nothing.
    Recorded,
}

impl Stamp {
    #[must_use]
    pub(super) fn of(reading: &Reading, judged: Judged) -> Stamp {
        let Monotonic { boot, us } = reading.taken.monotonic;
        let (at, clock, line) = match (reading.source_at, reading.nature) {
            (None, _) => (judged.at, judged.clock, TimeLine::Agent),
            (Some(at), Nature::Historical) => (at, ClockQuality::Source, TimeLine::Recorded),
            (Some(at), Nature::Live | Nature::Standing) => (at, ClockQuality::Source, TimeLine::Source),
        };
        Stamp { at, clock, boot, us, line }
    }

    #[must_use]
    pub(super) fn now(now: Moment, judged: Judged) -> Stamp {
        let Monotonic { boot, us } = now.monotonic;
        Stamp { at: judged.at, clock: judged.clock, boot, us, line: TimeLine::Agent }
    }

    #[must_use]
    pub(super) fn monotonic(&self) -> Monotonic {
        Monotonic { boot: self.boot, us: self.us }
    }

    /// How long after `earlier` this was, in microseconds, never negative: by the source's clock where it gave both, by
    /// the monotonic clock within one boot, by the wall clock only across boots.
    #[must_use]
    pub(super) fn since(&self, earlier: &Stamp) -> u64 {
        let by_wall = self.at.since(earlier.at);
        let by_source = self.line != TimeLine::Agent && earlier.line != TimeLine::Agent;
        match self.monotonic_since(earlier) {
            _ if self.line == TimeLine::Recorded && by_source => u64::try_from(by_wall).unwrap_or(0),
            Some(monotonic) => {
                if by_source {
                    u64::try_from(by_wall).unwrap_or(monotonic)
                } else {
                    monotonic
                }
            }
            None => u64::try_from(by_wall).unwrap_or(0),
        }
    }

    /// The longest time that may have passed since `earlier`, in microseconds: what bounds how much can have been made.
    /// None when nobody can tell: across boots, unless the clock was compared with central's before and after. (A PC
    /// without a battery boots at the time it went down.)
    #[must_use]
    pub(super) fn at_most_since(&self, earlier: &Stamp) -> Option<u64> {
        let by_wall = u64::try_from(self.at.since(earlier.at)).ok();
        let by_source = self.line != TimeLine::Agent && earlier.line != TimeLine::Agent;
        if self.line == TimeLine::Recorded && by_source {
            return Some(by_wall.unwrap_or(0));
        }
        match self.monotonic_since(earlier) {
            // A gateway may deliver at once what it gathered for an hour.
            Some(monotonic) if by_source => Some(by_wall.map_or(monotonic, |by_wall| by_wall.max(monotonic))),
            Some(monotonic) => Some(monotonic),
            None if by_source || (self.is_verified() && earlier.is_verified()) => by_wall,
            None => None,
        }
    }

    #[must_use]
    pub(super) fn later(self, other: Stamp) -> Stamp {
        if self.is_before(&other) { other } else { self }
    }

    fn is_before(&self, other: &Stamp) -> bool {
        let by_source = self.line != TimeLine::Agent && other.line != TimeLine::Agent;
        if self.boot == other.boot && !by_source { self.us < other.us } else { self.at < other.at }
    }

    fn is_verified(&self) -> bool {
        matches!(self.clock, ClockQuality::Synchronized | ClockQuality::Restamped)
    }

    fn monotonic_since(&self, earlier: &Stamp) -> Option<u64> {
        (self.boot == earlier.boot).then(|| self.us.saturating_sub(earlier.us))
    }
}
