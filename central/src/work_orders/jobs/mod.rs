//! Which jobs a machine worked on when, and what it made in each. Nothing here writes.
//!
//! A stint is a stretch of work on one order: it begins with a start or a switch to it and ends with a pause, a finish, or
//! the begin of the next one. Pieces that a machine counted belong to the stint they fell into; pieces that a person
//! reported belong to the order that the report names, at its latest stint before the report.

pub mod routes;
pub mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::machines::overview::Pieces;

/// A row of `job_log`, with what master data knows of its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct JobRow {
    pub at: DateTime<Utc>,
    /// `start`, `pause`, `finish`, `switch`.
    pub action: String,
    pub work_order: String,
    pub operator: Option<String>,
    pub product: Option<String>,
    pub product_title: Option<String>,
    pub quantity: Option<i64>,
    pub ideal_cycle_ms: Option<i64>,
}

/// `began_at <= at < ended_at` on one order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Stint {
    pub work_order: String,
    pub product: Option<String>,
    pub product_title: Option<String>,
    /// Pieces ordered, where known.
    pub quantity: Option<i64>,
    pub ideal_cycle_ms: Option<i64>,
    pub began_at: DateTime<Utc>,
    /// None while it goes on.
    pub ended_at: Option<DateTime<Utc>>,
    /// `pause`, `finish`, `switch`; `start` when another job was started without ending this one.
    pub ended_by: Option<String>,
    /// Who began and ended it.
    pub operators: Vec<String>,
    /// None when it began too long ago to be summed up here.
    pub pieces: Option<Pieces>,
}

/// Stints by begin. `rows` are in order of time and of one machine.
#[must_use]
pub fn stints(rows: Vec<JobRow>) -> Vec<Stint> {
    let mut stints: Vec<Stint> = Vec::new();
    for row in rows {
        let begins = row.action == "start" || row.action == "switch";
        if let Some(open) = stints.last_mut().filter(|stint| stint.ended_at.is_none()) {
            if open.work_order == row.work_order && begins {
                // Started again without an end: it goes on.
                note_operator(open, row.operator);
                continue;
            }
            if !begins && open.work_order != row.work_order {
                // The end of another order, which had ended already.
                continue;
            }
            open.ended_at = Some(row.at);
            open.ended_by = Some(row.action.clone());
            note_operator(open, row.operator.clone());
        }
        if begins {
            stints.push(Stint {
                work_order: row.work_order,
                product: row.product,
                product_title: row.product_title,
                quantity: row.quantity,
                ideal_cycle_ms: row.ideal_cycle_ms,
                began_at: row.at,
                operators: row.operator.into_iter().collect(),
                ..Stint::default()
            });
        }
    }
    stints
}

fn note_operator(stint: &mut Stint, operator: Option<String>) {
    if let Some(operator) = operator.filter(|operator| !stint.operators.contains(operator)) {
        stint.operators.push(operator);
    }
}

/// A report of pieces: what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub at: DateTime<Utc>,
    pub work_order: Option<String>,
    pub pieces: Pieces,
}

/// Adds what people reported to the stints it belongs to; what belongs to none of them is left out.
pub fn add_reported(stints: &mut [Stint], reported: &[Reported]) {
    for report in reported {
        let stint = match &report.work_order {
            Some(order) => stints.iter_mut().rfind(|it| it.work_order == *order && it.began_at <= report.at),
            None => stints
                .iter_mut()
                .rfind(|it| it.began_at <= report.at && it.ended_at.is_none_or(|ended| report.at < ended)),
        };
        if let Some(pieces) = stint.and_then(|stint| stint.pieces.as_mut()) {
            pieces.good += report.pieces.good;
            pieces.scrap += report.pieces.scrap;
            pieces.rework += report.pieces.rework;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn row(second: i64, action: &str, work_order: &str, operator: &str) -> JobRow {
        JobRow {
            at: at(second),
            action: action.to_owned(),
            work_order: work_order.to_owned(),
            operator: Some(operator.to_owned()),
            ..JobRow::default()
        }
    }

    fn shown(rows: Vec<JobRow>) -> Vec<String> {
        let show = |it: Stint| {
            let ended = it.ended_at.map_or(String::new(), |ended| ended.timestamp().to_string());
            let by = it.ended_by.unwrap_or_default();
            format!("{} {}-{ended} {by} {}", it.work_order, it.began_at.timestamp(), it.operators.join("+"))
        };
        stints(rows).into_iter().map(show).collect()
    }

    #[test]
    fn a_stint_ends_with_a_pause_a_finish_or_the_next_job() {
        let rows = vec![
            row(1, "start", "A", "x"),
            row(2, "pause", "A", "x"),
            row(3, "start", "A", "y"),
            row(4, "start", "A", "x"),
            row(5, "switch", "B", "y"),
            row(6, "finish", "A", "y"),
            row(7, "start", "C", "y"),
            row(8, "finish", "C", "z"),
            row(9, "finish", "C", "z"),
            row(10, "start", "D", "z"),
        ];
        assert_eq!(
            shown(rows),
            ["A 1-2 pause x", "A 3-5 switch y+x", "B 5-7 start y", "C 7-8 finish y+z", "D 10-  z",]
        );
    }

    #[test]
    fn a_report_belongs_to_the_order_it_names_even_after_its_end() {
        let rows = vec![row(1, "start", "A", "x"), row(5, "switch", "B", "x"), row(9, "finish", "B", "x")];
        let mut stints = stints(rows);
        for stint in &mut stints {
            stint.pieces = Some(Pieces::default());
        }
        let scrap = |second: i64, order: Option<&str>, scrap: i64| Reported {
            at: at(second),
            work_order: order.map(str::to_owned),
            pieces: Pieces { good: -scrap, scrap, rework: 0 },
        };
        let reported = [scrap(7, Some("A"), 3), scrap(8, None, 1), scrap(20, Some("B"), 2), scrap(20, None, 100)];
        add_reported(&mut stints, &reported);
        assert_eq!(stints[0].pieces, Some(Pieces { good: -3, scrap: 3, rework: 0 }));
        assert_eq!(stints[1].pieces, Some(Pieces { good: -3, scrap: 3, rework: 0 }));
    }
}
