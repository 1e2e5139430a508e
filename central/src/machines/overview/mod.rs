//! How machines stand, for the API. Nothing here writes.
//!
//! How a machine stands is what its agent last said ([`Machine::reported`], state, age), whatever the backlog; its
//! [`counts`](Machine::counts) are sums of committed facts. While a backlog drains the two differ, and each says which
//! one it is.

pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Machine {
    pub id: i32,
    pub plant: String,
    pub name: String,
    pub title: String,
    /// The agent that reports it.
    pub agent: String,
    /// As last reported; none when never.
    pub state: Option<String>,
    pub state_since: Option<DateTime<Utc>>,
    /// When anything was last read from it, by the agent's clock.
    pub last_reading_at: Option<DateTime<Utc>>,
    /// When central last heard of it.
    pub reported_at: Option<DateTime<Utc>>,
    /// Seconds since the older of the two: how old the picture is. None when there is none.
    pub age_s: Option<f64>,
    pub counts: Counts,
    /// Pieces as the agent counts them, since its log began.
    pub reported: Option<Pieces>,
}

/// Sums of committed facts.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    pub total: Pieces,
    pub today: Pieces,
    /// The plant's day that is today, in its time zone.
    pub plant_day: NaiveDate,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Pieces {
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
}

/// Seconds from the older of two moments to `now`; none when nothing was ever reported.
#[must_use]
pub fn age_s(
    now: DateTime<Utc>,
    reported_at: Option<DateTime<Utc>>,
    last_reading_at: Option<DateTime<Utc>>,
) -> Option<f64> {
    let oldest = reported_at?.min(last_reading_at?);
    // An agent's clock may be ahead of central's.
    let ms = now.signed_duration_since(oldest).num_milliseconds().max(0);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any lifetime fit 53 bits")]
    Some(ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn age_counts_from_the_older_of_reading_and_report() {
        assert_eq!(age_s(at(100), Some(at(90)), Some(at(60))), Some(40.0));
        assert_eq!(age_s(at(100), Some(at(50)), Some(at(60))), Some(50.0));
        assert_eq!(age_s(at(100), Some(at(150)), Some(at(160))), Some(0.0));
        assert_eq!(age_s(at(100), Some(at(90)), None), None);
        assert_eq!(age_s(at(100), None, None), None);
    }
}
