//! Which work order runs on a machine, and what should have come of it by now.

use chrono::{DateTime, Utc};

/// What a `job_log` row says was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Started, or switched to.
    Begin,
    Pause,
    Finish,
}

/// An entry of `job_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub action: Action,
    pub work_order: String,
}

/// The order that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    pub work_order: String,
    /// When it was last started.
    pub since: DateTime<Utc>,
    /// When it was first started, pauses and other orders in between or not, since it was last finished.
    pub first_start: DateTime<Utc>,
}

/// `entries` of one machine, oldest first.
#[must_use]
pub fn current(entries: &[Entry]) -> Option<Current> {
    let mut running: Option<(&str, DateTime<Utc>)> = None;
    for entry in entries {
        match entry.action {
            // Started twice is started once.
            Action::Begin if running.is_some_and(|(order, _)| order == entry.work_order) => {}
            Action::Begin => running = Some((&entry.work_order, entry.at)),
            Action::Pause | Action::Finish => running = running.filter(|(order, _)| *order != entry.work_order),
        }
    }
    let (work_order, since) = running?;
    let of_it = entries.iter().rev().filter(|entry| entry.work_order == work_order);
    let run = of_it.take_while(|entry| entry.action != Action::Finish);
    let first_start = run.filter(|entry| entry.action == Action::Begin).last().map_or(since, |entry| entry.at);
    Some(Current { work_order: work_order.to_owned(), since, first_start })
}

/// How long a machine ran since an order's first start: read from the facts once, then followed by how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Microseconds until it last stood, or until the facts were read.
    closed_us: i64,
    /// It runs since, as far as this is not counted yet.
    open_since: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
}

impl Running {
    /// `us` from the facts up to `until`.
    #[must_use]
    pub fn read(us: i64, until: DateTime<Utc>) -> Running {
        Running { closed_us: us, open_since: None, until }
    }

    /// The machine was reported to be in a state since then.
    pub fn follow(&mut self, is_running: bool, since: DateTime<Utc>) {
        match self.open_since {
            Some(open) if !is_running => {
                self.closed_us += micros_between(open, since);
                self.open_since = None;
                self.until = since.max(open);
            }
            None if is_running => self.open_since = Some(since.max(self.until)),
            _ => {}
        }
    }

    /// Pieces of the ideal cycle that fit in the time it ran until `at`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "microseconds of any job fit 53 bits")]
    pub fn expected(&self, ideal_cycle_ms: i64, at: DateTime<Utc>) -> f64 {
        let us = self.closed_us + self.open_since.map_or(0, |open| micros_between(open, at));
        let pieces = us as f64 / 1_000.0 / ideal_cycle_ms as f64;
        (pieces * 10.0).round() / 10.0
    }
}

fn micros_between(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    to.signed_duration_since(from).num_microseconds().unwrap_or(0).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn entries(text: &[(i64, Action, &str)]) -> Vec<Entry> {
        text.iter()
            .map(|(s, action, order)| Entry { at: at(*s), action: *action, work_order: (*order).into() })
            .collect()
    }

    fn runs(text: &[(i64, Action, &str)]) -> Option<(String, i64, i64)> {
        let current = current(&entries(text))?;
        Some((current.work_order, current.since.timestamp(), current.first_start.timestamp()))
    }

    #[test]
    fn the_order_started_last_runs_until_it_is_paused_or_finished() {
        use Action::{Begin, Finish, Pause};
        assert_eq!(runs(&[]), None);
        assert_eq!(runs(&[(1, Begin, "A")]), Some(("A".into(), 1, 1)));
        assert_eq!(runs(&[(1, Begin, "A"), (2, Begin, "A")]), Some(("A".into(), 1, 1)));
        assert_eq!(runs(&[(1, Begin, "A"), (2, Pause, "A")]), None);
        assert_eq!(runs(&[(1, Begin, "A"), (2, Pause, "A"), (5, Begin, "A")]), Some(("A".into(), 5, 1)));
        assert_eq!(runs(&[(1, Begin, "A"), (2, Begin, "B"), (3, Finish, "A")]), Some(("B".into(), 2, 2)));
        assert_eq!(runs(&[(1, Begin, "A"), (2, Begin, "B"), (3, Finish, "B")]), None);
        let again = [(1, Begin, "A"), (2, Finish, "A"), (3, Begin, "A"), (4, Begin, "B"), (5, Begin, "A")];
        assert_eq!(runs(&again), Some(("A".into(), 5, 3)));
    }

    #[test]
    fn only_the_time_a_machine_ran_makes_pieces_expected() {
        let mut running = Running::read(60_000_000, at(100));
        assert!((running.expected(1_000, at(200)) - 60.0).abs() < 1e-9, "it stood when the facts were read");
        running.follow(true, at(90));
        assert!((running.expected(1_000, at(110)) - 70.0).abs() < 1e-9, "what was read is not counted twice");
        running.follow(true, at(90));
        running.follow(false, at(120));
        assert!((running.expected(1_000, at(500)) - 80.0).abs() < 1e-9);
        running.follow(true, at(130));
        assert!((running.expected(2_000, at(150)) - 50.0).abs() < 1e-9);
    }
}
