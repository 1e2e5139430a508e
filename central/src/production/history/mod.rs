//! What a machine made in each quarter of an hour, hour or day of its plant, and what it could have made. Nothing here
//! writes.
//!
//! Pieces are sums of committed facts. The target of a bucket is the time in which the machine ran a job whose ideal cycle
//! is known, divided by that cycle: there is none where no such job ran, it is never invented.

pub mod buckets;
pub mod store;

use chrono::{DateTime, Utc};
use protocol::event::MachineState;
use serde::Serialize;

use crate::machines::overview::Pieces;
use crate::machines::timeline::Segment;
use crate::work_orders::jobs::Stint;

/// `from <= at < to`.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Bucket {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub pieces: Pieces,
    /// How long the machine ran; none where nothing is known of it.
    pub running_us: Option<i64>,
    /// Pieces of every quality that the running time of jobs with an ideal cycle is good for.
    pub target: Option<f64>,
    /// The running time that the target counts.
    pub targeted_us: i64,
}

/// Running time and target of one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expected {
    pub running_us: Option<i64>,
    pub target: Option<f64>,
    pub targeted_us: i64,
}

/// What the stretches between neighbouring `edges` are good for.
#[must_use]
pub fn expected(edges: &[DateTime<Utc>], segments: &[Segment], jobs: &[Stint]) -> Vec<Expected> {
    let stretches = edges.windows(2).map(|edge| (edge[0], edge[1]));
    stretches.map(|(from, to)| expected_in(from, to, overlapping(segments, from, to), jobs)).collect()
}

/// Segments are in order of time: those of a bucket lie side by side.
fn overlapping(segments: &[Segment], from: DateTime<Utc>, to: DateTime<Utc>) -> &[Segment] {
    let first = segments.partition_point(|segment| segment.to <= from);
    let end = segments.partition_point(|segment| segment.from < to).max(first);
    &segments[first..end]
}

fn expected_in(from: DateTime<Utc>, to: DateTime<Utc>, segments: &[Segment], jobs: &[Stint]) -> Expected {
    let mut expected = Expected::default();
    for segment in segments {
        let (begins, ends) = (segment.from.max(from), segment.to.min(to));
        if segment.state == MachineState::NoData {
            continue;
        }
        let running = segment.state == MachineState::Running;
        *expected.running_us.get_or_insert(0) += if running { microseconds(begins, ends) } else { 0 };
        for job in jobs {
            let Some(ideal_cycle_ms) = job.ideal_cycle_ms else { continue };
            let job_ends = job.ended_at.unwrap_or(ends);
            let us = microseconds(begins.max(job.began_at), ends.min(job_ends));
            if us == 0 {
                continue;
            }
            let target = expected.target.get_or_insert(0.0);
            if running {
                #[expect(clippy::cast_precision_loss, reason = "microseconds of 60 days fit 53 bits")]
                let pieces = us as f64 / (ideal_cycle_ms as f64 * 1000.0);
                *target += pieces;
                expected.targeted_us += us;
            }
        }
    }
    expected
}

fn microseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_microseconds().unwrap_or(0).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn segment(from: i64, to: i64, state: MachineState) -> Segment {
        Segment { from: at(from), to: at(to), state, source_code: None, reason: None }
    }

    fn job(began: i64, ended: Option<i64>, ideal_cycle_ms: Option<i64>) -> Stint {
        Stint { began_at: at(began), ended_at: ended.map(at), ideal_cycle_ms, ..Stint::default() }
    }

    #[test]
    fn a_target_is_running_time_of_jobs_by_their_ideal_cycle_and_else_none() {
        let edges = [at(0), at(100), at(200), at(300), at(400)];
        let segments = [
            segment(0, 150, MachineState::Running),
            segment(150, 220, MachineState::Stopped),
            segment(220, 300, MachineState::Running),
            segment(300, 400, MachineState::NoData),
        ];
        let jobs = [job(50, Some(210), Some(2000)), job(210, None, None)];
        let found = expected(&edges, &segments, &jobs);
        let expected = |running: Option<i64>, target: Option<f64>, targeted: i64| Expected {
            running_us: running.map(|s| s * 1_000_000),
            target,
            targeted_us: targeted * 1_000_000,
        };
        assert_eq!(
            found,
            [
                expected(Some(100), Some(25.0), 50),
                expected(Some(50), Some(25.0), 50),
                // The job with an ideal cycle was on for 10 s in which the machine stood.
                expected(Some(80), Some(0.0), 0),
                expected(None, None, 0),
            ]
        );
    }
}
