//! The shift calendar: from a weekly pattern in the plant's time zone to moments.
//!
//! What is kept is moments, not the pattern: a past shift stays what it was, whatever the pattern or the time zone becomes.
//! A local time is the first moment at which the plant's clocks show it or a later one. So two shifts that meet on the
//! clock meet in time, also where clocks are set: a night shift is an hour shorter in spring and an hour longer in autumn.

pub mod routes;
pub mod store;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Days of a week, as people name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A shift of every week, in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyShift {
    pub name: String,
    /// The day on which it begins.
    pub day: Day,
    pub starts: NaiveTime,
    /// On the next day when it is not after the start.
    pub ends: NaiveTime,
}

/// A shift, as moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    pub name: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// Shifts of whole weeks from a Monday on, by start and name. One that falls into an hour that the clocks leave out is none.
#[must_use]
pub fn shifts(zone: Tz, pattern: &[WeeklyShift], monday: NaiveDate, weeks: u32) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = (0..weeks)
        .flat_map(|week| pattern.iter().map(move |weekly| (week, weekly)))
        .map(|(week, weekly)| {
            let day = monday + TimeDelta::weeks(i64::from(week)) + TimeDelta::days(weekly.day as i64);
            let next = i64::from(weekly.ends <= weekly.starts);
            Shift {
                name: weekly.name.clone(),
                starts_at: moment(zone, day.and_time(weekly.starts)),
                ends_at: moment(zone, (day + TimeDelta::days(next)).and_time(weekly.ends)),
            }
        })
        .filter(|shift| shift.starts_at < shift.ends_at)
        .collect();
    shifts.sort_by(|a, b| (a.starts_at, &a.name).cmp(&(b.starts_at, &b.name)));
    shifts
}

/// The first moment at which clocks show this local time, or a later one where they leave it out.
fn moment(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    // Clocks are set at whole minutes, by a day at most.
    let shown = (0..=24 * 60).find_map(|minutes| {
        let later = if minutes == 0 { local } else { whole_minute(local) + TimeDelta::minutes(minutes) };
        zone.from_local_datetime(&later).earliest()
    });
    shown.map_or_else(|| local.and_utc(), |at| at.to_utc())
}

fn whole_minute(local: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike as _;
    local - TimeDelta::seconds(i64::from(local.second())) - TimeDelta::nanoseconds(i64::from(local.nanosecond()))
}

#[cfg(test)]
mod tests {
    use chrono::Datelike as _;
    use proptest::prelude::*;

    use super::*;

    const DAYS: [Day; 7] =
        [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];

    fn time(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
    }

    fn monday(year: i32, month: u32, day: u32) -> NaiveDate {
        let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        assert_eq!(date.weekday(), chrono::Weekday::Mon);
        date
    }

    /// Early, late and night, every day.
    fn round_the_clock() -> Vec<WeeklyShift> {
        let shift = |name: &str, day, from, to| WeeklyShift {
            name: name.into(),
            day,
            starts: time(from, 0),
            ends: time(to, 0),
        };
        DAYS.iter()
            .flat_map(|day| [shift("early", *day, 6, 14), shift("late", *day, 14, 22), shift("night", *day, 22, 6)])
            .collect()
    }

    fn hours(shifts: &[Shift], name: &str) -> Vec<i64> {
        let of_name = shifts.iter().filter(|shift| shift.name == name);
        of_name.map(|shift| (shift.ends_at - shift.starts_at).num_hours()).collect()
    }

    #[test]
    fn a_night_is_shorter_in_spring_and_longer_in_autumn() {
        let berlin = chrono_tz::Europe::Berlin;
        let spring = shifts(berlin, &round_the_clock(), monday(2026, 3, 23), 1);
        assert_eq!(hours(&spring, "night"), [8, 8, 8, 8, 8, 7, 8]);
        assert_eq!(spring[0].starts_at.to_rfc3339(), "2026-03-23T05:00:00+00:00");
        assert_eq!(spring[20].ends_at.to_rfc3339(), "2026-03-30T04:00:00+00:00");
        let autumn = shifts(berlin, &round_the_clock(), monday(2026, 10, 19), 1);
        assert_eq!(hours(&autumn, "night"), [8, 8, 8, 8, 8, 9, 8]);
        assert!(hours(&autumn, "early").iter().chain(&hours(&spring, "late")).all(|hours| *hours == 8));
    }

    #[test]
    fn what_begins_or_ends_in_an_hour_that_is_left_out_or_comes_twice_meets_its_neighbour() {
        let berlin = chrono_tz::Europe::Berlin;
        let at = |from: (u32, u32), to: (u32, u32), week| {
            let weekly = WeeklyShift {
                name: "x".into(),
                day: Day::Sunday,
                starts: time(from.0, from.1),
                ends: time(to.0, to.1),
            };
            shifts(berlin, &[weekly], week, 1)
        };
        // Clocks go from 02:00 to 03:00 on 29 March.
        let spring = monday(2026, 3, 23);
        assert_eq!(at((2, 0), (3, 0), spring), [], "no such hour");
        assert_eq!(at((0, 0), (2, 30), spring)[0].ends_at, at((2, 30), (8, 0), spring)[0].starts_at);
        assert_eq!(at((2, 30), (8, 0), spring)[0].starts_at, at((3, 0), (8, 0), spring)[0].starts_at);
        // From 03:00 back to 02:00 on 25 October: 02:30 is the first of both.
        let autumn = monday(2026, 10, 19);
        assert_eq!(at((2, 30), (8, 0), autumn)[0].starts_at.to_rfc3339(), "2026-10-25T00:30:00+00:00");
        assert_eq!(at((0, 0), (2, 30), autumn)[0].ends_at, at((2, 30), (8, 0), autumn)[0].starts_at);
    }

    fn zones() -> impl Strategy<Value = Tz> {
        use chrono_tz::{America, Australia, Europe, Pacific};
        prop::sample::select(vec![
            Tz::UTC,
            Europe::Berlin,
            America::New_York,
            America::St_Johns,
            Australia::Lord_Howe,
            Pacific::Apia,
            Pacific::Chatham,
        ])
    }

    proptest! {
        /// Whatever the zone and the week: round the clock, every moment is of exactly one shift.
        #[test]
        fn shifts_that_meet_on_the_clock_cover_every_moment_once(zone in zones(), week in 0_u32..1_200, weeks in 1_u32..8) {
            let monday = monday(2010, 1, 4) + TimeDelta::weeks(i64::from(week));
            let found = shifts(zone, &round_the_clock(), monday, weeks);
            for pair in found.windows(2) {
                prop_assert_eq!(pair[0].ends_at, pair[1].starts_at);
            }
            let whole = moment(zone, (monday + TimeDelta::weeks(i64::from(weeks))).and_time(time(6, 0)))
                - moment(zone, monday.and_time(time(6, 0)));
            let sum: TimeDelta = found.iter().map(|shift| shift.ends_at - shift.starts_at).sum();
            prop_assert_eq!(sum, whole);
        }

        /// Later on the clock is never earlier in time, and a clock that shows the time shows it at that moment.
        #[test]
        fn moments_are_in_the_order_of_the_clock(zone in zones(), day in 0_i64..9_000, a in 0_i64..2_880, b in 0_i64..2_880) {
            let start = NaiveDate::from_ymd_opt(2005, 1, 1).unwrap().and_time(NaiveTime::MIN) + TimeDelta::days(day);
            let (a, b) = (start + TimeDelta::minutes(a.min(b)), start + TimeDelta::minutes(a.max(b)));
            prop_assert!(moment(zone, a) <= moment(zone, b));
            let shown = moment(zone, a).with_timezone(&zone).naive_local();
            prop_assert!(shown >= a);
            if zone.from_local_datetime(&a).earliest().is_some() {
                prop_assert_eq!(shown, a);
            }
        }
    }
}
