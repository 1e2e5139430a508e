//! The shift, else the plant's day, that pieces are counted over.

use chrono::{DateTime, NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use protocol::master_data::MasterData;
use protocol::time::UtcMicros;

use super::{Desk, Floor, Period};
use crate::station::api::Of;

/// The shift that `at` lies in, by when it began; else the plant's day.
#[must_use]
pub(in crate::station) fn at(master_data: &MasterData, at: UtcMicros) -> (Of, UtcMicros) {
    let shifts = master_data.shifts.iter().filter(|shift| shift.starts_at <= at && at < shift.ends_at);
    match shifts.map(|shift| shift.starts_at).max() {
        Some(began_at) => (Of::Shift, began_at),
        None => (Of::Day, day_began(&master_data.time_zone, at)),
    }
}

/// The midnight before `at`; where a clock change takes midnight away, the first moment of the day.
fn day_began(time_zone: &str, at: UtcMicros) -> UtcMicros {
    let zone: Tz = time_zone.parse().unwrap_or(Tz::UTC);
    let Some(utc) = DateTime::from_timestamp_micros(at.0) else { return UtcMicros(0) };
    let day = utc.with_timezone(&zone).date_naive();
    first_moment(zone, day).unwrap_or(at)
}

fn first_moment(zone: Tz, day: NaiveDate) -> Option<UtcMicros> {
    let quarters = (0..12).filter_map(|quarter: u32| day.and_hms_opt(quarter / 4, quarter % 4 * 15, 0));
    let found = quarters.filter_map(|local| zone.from_local_datetime(&local).earliest()).next()?;
    Some(UtcMicros(found.timestamp_micros()))
}

impl Desk {
    /// Counts from the beginning where a shift or a day has begun.
    pub(super) fn begin_periods(&mut self, floor: &Floor<'_>) {
        let now = floor.now.at;
        let (of, began_at) = at(floor.master_data, now);
        for machine in floor.machines {
            let live = &machine.live;
            let period = &mut self.at_machine(&live.machine).period;
            let anew =
                |counted_since| Period { of, began_at, counted_since, base: [live.good, live.scrap, live.rework] };
            *period = Some(match *period {
                None => anew(now),
                Some(known) if floor.clock_is_wrong || (known.of, known.began_at) == (of, began_at) => known,
                // Another calendar, or a clock that was set: all that was counted lies within what it is called now.
                Some(known) if began_at <= known.counted_since => Period { of, began_at, ..known },
                Some(known) => {
                    let was_called_so = at(floor.master_data, known.counted_since) == (known.of, known.began_at);
                    anew(if was_called_so { began_at } else { now })
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::master_data::Shift;

    use super::*;

    fn us(text: &str) -> UtcMicros {
        UtcMicros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    #[test]
    fn a_shift_where_there_is_one_and_else_the_plants_day() {
        let night = Shift {
            name: "night".to_owned(),
            starts_at: us("2026-11-22T21:00:00Z"),
            ends_at: us("2026-11-23T05:00:00Z"),
        };
        let vienna = MasterData { time_zone: "Europe/Vienna".to_owned(), shifts: vec![night], ..MasterData::default() };
        assert_eq!(at(&vienna, us("2026-11-23T04:59:59Z")), (Of::Shift, us("2026-11-22T21:00:00Z")));
        assert_eq!(at(&vienna, us("2026-11-23T05:00:00Z")), (Of::Day, us("2026-11-22T23:00:00Z")));
        let nowhere = MasterData { time_zone: "Nowhere/Else".to_owned(), ..MasterData::default() };
        assert_eq!(at(&nowhere, us("2026-11-23T05:00:00Z")), (Of::Day, us("2026-11-23T00:00:00Z")));
    }

    #[test]
    fn a_day_without_a_midnight_begins_when_it_begins() {
        let beirut = MasterData { time_zone: "Asia/Beirut".to_owned(), ..MasterData::default() };
        assert_eq!(at(&beirut, us("2026-03-29T10:00:00Z")), (Of::Day, us("2026-03-28T22:00:00Z")));
    }
}
