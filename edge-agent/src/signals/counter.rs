//! A running total read from a machine, turned into pieces.
//!
//! # Rules
//! A reading is judged against the last accepted one, with `allowed = per_second_max × (time between them + 1 s)`:
//!
//! 1. Not lower, and by at most `allowed`: an **increase**.
//! 2. Lower, with a `rollover` value, and the way over it is at most `allowed`: a **rollover**. Except where that way is
//!    more than half of the whole range and the reading is within `reset_below`: after a long silence everything is
//!    plausible, and a counter that shows next to nothing was reset. (So, as for every counter that wraps, fewer than
//!    `rollover / 2` counts should be made between two readings.)
//! 3. Everything else is **held back** until the next reading:
//!    - the next one follows from the last accepted one (rules 1 and 2): what was held was a misread, a torn 32-bit value
//!      or a stale duplicate. It is forgotten; nothing is lost, because totals are cumulative.
//!    - the next one follows from the held one: it was true. Within `reset_below` and lower than before it is a **reset**,
//!      and what it shows was made since; else the counter was replaced or set, and it is a **baseline** of no pieces,
//!      with an alarm. Either way the next one counts from it.
//!    - neither: the next one is held in its place.
//!
//! The wall clock takes part only where the monotonic one cannot: across boots of the computer.

use serde::{Deserialize, Serialize};

use protocol::event::CountBasis;

use super::stamp::Stamp;

/// What is known of a counter before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CounterRule {
    /// The value at which it wraps to 0: it shows 0 to `rollover - 1`.
    pub(super) rollover: Option<i64>,
    /// Counts in a second beyond which a jump is no production.
    pub(super) per_second_max: i64,
    /// The most it shows when it is read for the first time after a reset.
    pub(super) reset_below: i64,
}

/// What is remembered of a counter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counter {
    last: Option<Base>,
    held: Option<Base>,
    /// An alarm about a jump is out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    jumped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Base {
    raw: i64,
    stamp: Stamp,
}

/// What a reading tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finding {
    Counted {
        counts: i64,
        raw: i64,
        basis: CountBasis,
        at: Stamp,
    },
    /// The counter went from one value to another in no plausible way.
    Jumped {
        from: i64,
        to: i64,
        at: Stamp,
    },
    /// It counts plausibly again.
    Settled {
        at: Stamp,
    },
}

/// At most: a settled alarm, a confirmed reading, its alarm, and what was counted since.
pub(super) type Findings = [Option<Finding>; 4];

impl CounterRule {
    /// Whether a counter under this rule can show `raw` at all.
    #[must_use]
    pub(super) fn can_show(&self, raw: i64) -> bool {
        raw >= 0 && self.rollover.is_none_or(|rollover| raw < rollover)
    }

    fn follow(&self, from: &Base, raw: i64, stamp: &Stamp) -> Option<(i64, CountBasis)> {
        let allowed = self.allowed(stamp.at_most_since(&from.stamp));
        if raw >= from.raw {
            let counts = raw - from.raw;
            return (counts <= allowed).then_some((counts, CountBasis::Increase));
        }
        let rollover = self.rollover?;
        let counts = rollover - from.raw + raw;
        let far = counts > rollover / 2;
        let plausible = counts <= allowed && !(far && (raw <= self.reset_below || allowed == i64::MAX));
        plausible.then_some((counts, CountBasis::Rollover))
    }

    fn allowed(&self, elapsed_us: Option<u64>) -> i64 {
        let Some(elapsed_us) = elapsed_us else { return i64::MAX };
        let counts = i128::from(self.per_second_max) * (i128::from(elapsed_us) + 1_000_000) / 1_000_000;
        i64::try_from(counts).unwrap_or(i64::MAX)
    }

    fn is_reset(&self, from: i64, to: i64) -> bool {
        to < from && to <= self.reset_below
    }
}

impl Counter {
    /// Takes a reading that [`CounterRule::can_show`]. The second value says whether what is remembered changed, in a way
    /// that a restart would have to know.
    pub(super) fn read(&mut self, rule: &CounterRule, raw: i64, stamp: Stamp) -> (Findings, bool) {
        let Some(last) = self.last else {
            self.last = Some(Base { raw, stamp });
            let first = Finding::Counted { counts: 0, raw, basis: CountBasis::Baseline, at: stamp };
            return ([Some(first), None, None, None], true);
        };
        if let Some((counts, basis)) = rule.follow(&last, raw, &stamp) {
            return self.accept(counts, basis, raw, stamp);
        }
        let Some(held) = self.held else {
            self.held = Some(Base { raw, stamp });
            return ([None; 4], true);
        };
        if held.raw == raw && held.stamp.at == stamp.at {
            // The same reading, delivered twice, confirms nothing.
            return ([None; 4], false);
        }
        let (counted, jumped) = confirm(rule, &last, &held);
        if let Some((counts, basis)) = rule.follow(&held, raw, &stamp) {
            self.jumped |= jumped.is_some();
            self.held = None;
            self.last = Some(Base { raw, stamp });
            let since = (counts > 0).then_some(Finding::Counted { counts, raw, basis, at: stamp });
            return ([Some(counted), jumped, since, None], true);
        }
        self.held = Some(Base { raw, stamp });
        if rule.is_reset(last.raw, held.raw) && rule.is_reset(held.raw, raw) {
            // Reset, and reset again before it was read twice.
            self.last = Some(held);
            return ([Some(counted), None, None, None], true);
        }
        ([None; 4], true)
    }

    /// When the last accepted reading was true.
    #[must_use]
    pub(super) fn accepted(&self) -> Option<&Stamp> {
        self.last.as_ref().map(|last| &last.stamp)
    }

    /// Whether a reading waits to be confirmed or refuted.
    #[must_use]
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    fn accept(&mut self, counts: i64, basis: CountBasis, raw: i64, stamp: Stamp) -> (Findings, bool) {
        let settled = self.jumped.then_some(Finding::Settled { at: stamp });
        let changed = counts != 0 || self.held.is_some() || settled.is_some();
        self.jumped = false;
        self.held = None;
        self.last = Some(Base { raw, stamp });
        let counted = (counts != 0).then_some(Finding::Counted { counts, raw, basis, at: stamp });
        ([settled, counted, None, None], changed)
    }
}

fn confirm(rule: &CounterRule, last: &Base, held: &Base) -> (Finding, Option<Finding>) {
    let (raw, at) = (held.raw, held.stamp);
    if rule.is_reset(last.raw, raw) {
        (Finding::Counted { counts: raw, raw, basis: CountBasis::Reset, at }, None)
    } else {
        let jump = Finding::Jumped { from: last.raw, to: raw, at };
        (Finding::Counted { counts: 0, raw, basis: CountBasis::Baseline, at }, Some(jump))
    }
}
