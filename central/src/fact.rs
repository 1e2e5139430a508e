//! What every fact row carries, and the days of a plant.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use protocol::time::{ClockQuality, UtcMicros};

pub const DAY_US: i64 = 86_400_000_000;

/// The columns that every fact has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub at: UtcMicros,
    /// Calendar day of `at` at the plant, in days since 2000-01-01.
    pub plant_day: i32,
    pub plant_id: i32,
    pub machine_id: Option<i32>,
    pub station_id: Option<i32>,
    pub agent_id: i32,
    pub epoch: i32,
    pub seq: i64,
    pub clock: ClockQuality,
}

/// Which day of the plant a moment belongs to. Remembers the day it found last, since events come in runs.
#[derive(Debug, Clone)]
pub struct PlantCalendar {
    zone: Tz,
    last: Option<PlantDay>,
}

/// A calendar day of a plant: 23 to 25 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlantDay {
    /// Days since 2000-01-01.
    pub number: i32,
    pub begins: UtcMicros,
    /// Where the next day begins.
    pub ends: UtcMicros,
}

/// A part of a stretch of time that lies on one plant day: the day, where the part begins, microseconds.
pub type Piece = (PlantDay, UtcMicros, i64);

impl PlantCalendar {
    /// An unknown zone counts as UTC.
    #[must_use]
    pub fn new(zone: &str) -> PlantCalendar {
        let zone = zone.parse().unwrap_or_else(|_| {
            tracing::warn!(zone, "the plant's time zone is not known: its days are counted in UTC");
            Tz::UTC
        });
        PlantCalendar { zone, last: None }
    }

    /// None where the calendar ends (some 262,000 years away).
    pub fn day_of(&mut self, at: UtcMicros) -> Option<PlantDay> {
        if let Some(day) = self.last.filter(|day| day.begins <= at && at < day.ends) {
            return Some(day);
        }
        let date = DateTime::from_timestamp_micros(at.0)?.with_timezone(&self.zone).date_naive();
        let day = PlantDay {
            number: i32::try_from(date.signed_duration_since(year_2000()).num_days()).ok()?,
            begins: self.midnight(date)?,
            ends: self.midnight(date.checked_add_days(Days::new(1))?)?,
        };
        self.last = Some(day);
        Some(day)
    }

    /// The first moment of a date: where the clock jumps over midnight, the moment after the jump; where midnight comes
    /// twice, the first.
    fn midnight(&self, date: NaiveDate) -> Option<UtcMicros> {
        let mut local = date.and_time(NaiveTime::MIN);
        for _ in 0..96 {
            if let Some(moment) = self.zone.from_local_datetime(&local).earliest() {
                return Some(UtcMicros(moment.timestamp_micros()));
            }
            local = local.checked_add_signed(TimeDelta::minutes(15))?;
        }
        None
    }

    /// `[began, ended)` cut at the plant's midnights; one piece even when it is empty.
    pub fn pieces(&mut self, began: UtcMicros, ended: UtcMicros) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut from = began;
        loop {
            let day = self.day_of(from)?;
            let to = ended.min(day.ends).max(from);
            pieces.push((day, from, to.since(from)));
            if to >= ended {
                return Some(pieces);
            }
            from = to;
        }
    }
}

fn year_2000() -> NaiveDate {
    NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default()
}

/// The UTC day of a moment, in days since 2000-01-01.
#[must_use]
pub fn utc_day(at: UtcMicros) -> i32 {
    let days = at.0.div_euclid(DAY_US) - 10_957;
    i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX })
}

/// A day counted from 2000-01-01 as a date.
#[must_use]
pub fn date_of(day: i32) -> NaiveDate {
    year_2000().checked_add_signed(TimeDelta::days(i64::from(day))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> UtcMicros {
        UtcMicros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    #[test]
    fn a_night_is_cut_at_the_plants_midnight() {
        let mut calendar = PlantCalendar::new("Europe/Berlin");
        let pieces = calendar.pieces(at("2026-07-01T21:30:00Z"), at("2026-07-02T22:30:00Z")).unwrap();
        let lengths: Vec<i64> = pieces.iter().map(|(_, _, us)| us / 60_000_000).collect();
        assert_eq!(lengths, [30, 24 * 60, 30]);
    }

    #[test]
    fn days_of_daylight_saving_have_23_and_25_hours() {
        let mut calendar = PlantCalendar::new("Europe/Berlin");
        let hours = |day: PlantDay| day.ends.since(day.begins) / 3_600_000_000;
        assert_eq!(hours(calendar.day_of(at("2026-03-29T12:00:00Z")).unwrap()), 23);
        assert_eq!(hours(calendar.day_of(at("2026-10-25T12:00:00Z")).unwrap()), 25);
        // In Santiago the clock jumps over midnight.
        let mut calendar = PlantCalendar::new("America/Santiago");
        assert_eq!(hours(calendar.day_of(at("2026-09-06T12:00:00Z")).unwrap()), 23);
    }

    #[test]
    fn the_utc_day_is_counted_from_2000() {
        assert_eq!(utc_day(at("2000-01-01T00:00:00Z")), 0);
        assert_eq!(utc_day(at("1999-12-31T23:59:59Z")), -1);
        assert_eq!(date_of(utc_day(at("2026-11-22T23:59:59Z"))).to_string(), "2026-11-22");
    }

    proptest! {
        #[test]
        fn pieces_follow_each_other_and_add_up(
            began in 0_i64..4_000_000_000_000_000, lasted in 0_i64..40 * DAY_US,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Santiago", "Asia/Kolkata", "America/Havana"]),
        ) {
            let (began, ended) = (UtcMicros(began), UtcMicros(began + lasted));
            let pieces = PlantCalendar::new(zone).pieces(began, ended).unwrap();
            prop_assert_eq!(pieces.iter().map(|(_, _, us)| us).sum::<i64>(), lasted);
            let mut from = began;
            for (day, at, us) in pieces {
                prop_assert_eq!(at, from);
                prop_assert!(day.begins <= at && at.plus_us(us) <= day.ends);
                from = at.plus_us(us);
            }
        }
    }
}
