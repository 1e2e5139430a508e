//! What a machine was doing, moment by moment. Nothing here writes.
//!
//! A state holds until the next one, but never longer than there is evidence: after the last word of a silent agent, and
//! where it still holds back what happened, nobody knows.

pub mod routes;
pub mod store;

use chrono::{DateTime, Utc};
use protocol::event::MachineState;
use serde::Serialize;

use super::subject::Subject;
use crate::web::span::Span;

/// A state from `at` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    pub at: DateTime<Utc>,
    pub state: MachineState,
    pub source_code: Option<String>,
    pub reason: Option<String>,
}

/// `from <= at < to` in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Segment {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    #[schema(value_type = String)]
    pub state: MachineState,
    /// What the machine said, before it was mapped to a state.
    pub source_code: Option<String>,
    pub reason: Option<String>,
}

/// States over a span, bounded in number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    pub segments: Vec<Segment>,
    /// Up to where they reach: earlier than asked for when there were too many.
    pub to: DateTime<Utc>,
    pub cut: bool,
}

/// Segments that cover the window without overlap or hole, no two equal neighbours. `rows` are in order of time; those
/// before the window say how it begins. Of several rows of one moment the last counts. Where nothing is known the state
/// is `no_data`.
#[must_use]
pub fn segments(rows: &[StateRow], window: Span, evidence_end: Option<DateTime<Utc>>) -> Vec<Segment> {
    let mut segments = Vec::new();
    let evidence_end = evidence_end.unwrap_or(window.from).clamp(window.from, window.to.max(window.from));
    let mut from = window.from;
    let mut current: Option<&StateRow> = None;
    for row in rows {
        let at = row.at.clamp(window.from, evidence_end);
        push(&mut segments, from, at, current);
        from = at;
        // What begins as the evidence ends holds for no moment of it.
        current = Some(row);
    }
    push(&mut segments, from, evidence_end, current);
    push(&mut segments, evidence_end, window.to, None);
    segments
}

fn push(segments: &mut Vec<Segment>, from: DateTime<Utc>, to: DateTime<Utc>, row: Option<&StateRow>) {
    if from >= to {
        return;
    }
    let segment = Segment {
        from,
        to,
        state: row.map_or(MachineState::NoData, |row| row.state),
        source_code: row.and_then(|row| row.source_code.clone()),
        reason: row.and_then(|row| row.reason.clone()),
    };
    match segments.last_mut() {
        Some(last)
            if last.state == segment.state
                && last.source_code == segment.source_code
                && last.reason == segment.reason =>
        {
            last.to = to;
        }
        _ => segments.push(segment),
    }
}

/// A machine's states over the part of a span that has been; at most about `limit` segments.
pub async fn timeline(
    pool: &sqlx::PgPool,
    subject: &Subject,
    span: Span,
    now: DateTime<Utc>,
    limit: usize,
) -> sqlx::Result<Timeline> {
    let mut window = Span { from: span.from, to: span.to.min(now).max(span.from) };
    let mut rows: Vec<StateRow> = store::before(pool, subject, window.from).await?.into_iter().collect();
    let mut inside = store::within(pool, subject.id, window, limit + 1).await?;
    let cut_at = inside.get(limit).map(|row| row.at).filter(|at| *at > window.from);
    if let Some(cut_at) = cut_at {
        window.to = cut_at;
        inside.retain(|row| row.at < cut_at);
    }
    rows.append(&mut inside);
    // A fact is evidence of its own moment, whatever the agent has said since.
    let newest = rows.last().map(|row| row.at);
    let evidence_end = if cut_at.is_some() { Some(window.to) } else { subject.evidence_end(now).max(newest) };
    Ok(Timeline { segments: segments(&rows, window, evidence_end), to: window.to, cut: cut_at.is_some() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn row(second: i64, state: MachineState) -> StateRow {
        StateRow { at: at(second), state, source_code: None, reason: None }
    }

    fn shown(rows: &[StateRow], window: (i64, i64), evidence_end: Option<i64>) -> Vec<(i64, i64, &'static str)> {
        let window = Span { from: at(window.0), to: at(window.1) };
        let segments = segments(rows, window, evidence_end.map(at));
        segments.iter().map(|it| (it.from.timestamp(), it.to.timestamp(), it.state.as_str())).collect()
    }

    #[test]
    fn the_state_before_the_window_holds_until_the_next_and_no_longer_than_the_evidence() {
        let rows = [row(5, MachineState::Running), row(20, MachineState::Stopped), row(30, MachineState::Stopped)];
        assert_eq!(shown(&rows, (10, 50), Some(40)), [(10, 20, "running"), (20, 40, "stopped"), (40, 50, "no_data")]);
        assert_eq!(shown(&rows, (10, 50), Some(100)), [(10, 20, "running"), (20, 50, "stopped")]);
        assert_eq!(shown(&rows, (10, 50), Some(1)), [(10, 50, "no_data")]);
        assert_eq!(shown(&[], (10, 50), Some(40)), [(10, 50, "no_data")]);
        assert_eq!(shown(&rows, (10, 50), None), [(10, 50, "no_data")]);
        assert_eq!(shown(&rows, (10, 10), Some(40)), []);
    }

    #[test]
    fn of_two_rows_of_one_moment_the_last_counts_and_other_reasons_are_other_segments() {
        let rows = [row(10, MachineState::Idle), row(10, MachineState::Running)];
        assert_eq!(shown(&rows, (10, 20), Some(20)), [(10, 20, "running")]);
        let mut jam = row(15, MachineState::Running);
        jam.reason = Some("jam".to_owned());
        assert_eq!(shown(&[row(10, MachineState::Running), jam], (10, 20), Some(20)).len(), 2);
    }

    proptest! {
        #[test]
        fn segments_cover_the_window_without_overlap_or_hole(
            mut rows in prop::collection::vec((0_i64..200, 0_usize..8), 0..40),
            from in 0_i64..100, length in 0_i64..100, evidence in prop::option::of(0_i64..250),
        ) {
            rows.sort_by_key(|row| row.0);
            let rows: Vec<StateRow> = rows.into_iter().map(|(at, it)| row(at, MachineState::ALL[it])).collect();
            let found = shown(&rows, (from, from + length), evidence);
            let mut reached = from;
            for (index, (begins, ends, state)) in found.iter().enumerate() {
                prop_assert_eq!(*begins, reached);
                prop_assert!(ends > begins);
                prop_assert!(index == 0 || found[index - 1].2 != *state);
                reached = *ends;
                // At every second the state is that of the last row up to it.
                for second in *begins..*ends {
                    let last = rows.iter().rev().find(|row| row.at <= at(second));
                    let known = evidence.is_some_and(|end| second < end);
                    let expected = last.filter(|_| known).map_or("no_data", |row| row.state.as_str());
                    prop_assert_eq!(*state, expected);
                }
            }
            prop_assert_eq!(reached, from + length);
        }
    }
}
