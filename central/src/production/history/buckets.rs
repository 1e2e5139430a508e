//! Where quarters, hours and days of a plant begin.
//!
//! Days begin at the plant's midnight and have 23 to 25 hours. Hours and quarters are equal parts of a day, counted from
//! its midnight: where the clock jumps by less than an hour, the last hour of that day is shorter.

use chrono::{DateTime, Duration, Utc};
use protocol::time::UtcMicros;
use serde::Deserialize;

use crate::fact::PlantCalendar;
use crate::web::span::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, utoipa::ToSchema)]
pub enum Grain {
    #[serde(rename = "15min")]
    Quarter,
    #[serde(rename = "hour")]
    Hour,
    #[serde(rename = "day")]
    Day,
}

impl Grain {
    /// The longest span that is answered in it.
    #[must_use]
    pub fn longest(self) -> Duration {
        match self {
            Grain::Quarter => Duration::days(2),
            Grain::Hour => Duration::days(8),
            Grain::Day => Duration::days(62),
        }
    }

    fn step_us(self) -> i64 {
        match self {
            Grain::Quarter => 900_000_000,
            Grain::Hour => 3_600_000_000,
            Grain::Day => i64::MAX,
        }
    }
}

/// The edges of all buckets that overlap the span, ascending: a bucket lies between each and the next. Buckets are whole.
/// None where the calendar ends.
#[must_use]
pub fn edges(span: Span, grain: Grain, zone: &str) -> Option<Vec<DateTime<Utc>>> {
    let mut calendar = PlantCalendar::new(zone);
    let (from, to) = (span.from.timestamp_micros(), span.to.timestamp_micros());
    let mut day = calendar.day_of(UtcMicros(from))?;
    let mut edges = Vec::new();
    loop {
        let mut edge = day.begins.0;
        while edge < day.ends.0 {
            let next = edge.saturating_add(grain.step_us()).min(day.ends.0);
            if next > from {
                edges.push(DateTime::from_timestamp_micros(edge)?);
            }
            if next >= to {
                edges.push(DateTime::from_timestamp_micros(next)?);
                return Some(edges);
            }
            edge = next;
        }
        day = calendar.day_of(day.ends)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 6] =
        ["UTC", "Europe/Berlin", "America/Santiago", "Asia/Kolkata", "America/Havana", "Australia/Lord_Howe"];

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn count(from: &str, to: &str, grain: Grain) -> usize {
        edges(Span { from: at(from), to: at(to) }, grain, "Europe/Berlin").unwrap().len() - 1
    }

    #[test]
    fn days_of_daylight_saving_have_23_and_25_hours() {
        assert_eq!(count("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", Grain::Hour), 23);
        assert_eq!(count("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", Grain::Day), 1);
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Grain::Hour), 25);
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Grain::Quarter), 100);
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Grain::Day), 1);
    }

    #[test]
    fn buckets_are_whole() {
        let span = Span { from: at("2026-07-01T10:20:00Z"), to: at("2026-07-01T11:20:00Z") };
        let found = edges(span, Grain::Hour, "Asia/Kolkata").unwrap();
        // Hours of Kolkata begin at half past.
        assert_eq!(found, [at("2026-07-01T09:30:00Z"), at("2026-07-01T10:30:00Z"), at("2026-07-01T11:30:00Z")]);
    }

    proptest! {
        #[test]
        fn buckets_cover_the_span_side_by_side(
            from in 0_i64..4_000_000_000, seconds in 1_i64..400_000, zone in prop::sample::select(ZONES.to_vec()),
            grain in prop::sample::select(vec![Grain::Quarter, Grain::Hour, Grain::Day]),
        ) {
            let span = Span {
                from: DateTime::from_timestamp(from, 0).unwrap(),
                to: DateTime::from_timestamp(from + seconds, 0).unwrap(),
            };
            let edges = edges(span, grain, zone).unwrap();
            prop_assert!(edges[0] <= span.from && span.from < edges[1]);
            prop_assert!(edges[edges.len() - 2] < span.to && span.to <= edges[edges.len() - 1]);
            let longest = match grain {
                Grain::Quarter => Duration::minutes(15),
                Grain::Hour => Duration::hours(1),
                Grain::Day => Duration::hours(25),
            };
            for pair in edges.windows(2) {
                prop_assert!(pair[0] < pair[1] && pair[1] - pair[0] <= longest);
            }
        }
    }
}
