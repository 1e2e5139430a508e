//! The shapes in which publishers write a moment.
//!
//! Local time without a zone is read in the configured zone. When the clock is set back an hour exists twice: the moment
//! nearer to the time of receipt is taken. When it is set forward an hour does not exist: it is read with the offset that
//! was in force before, so that 02:30 becomes 03:30.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use protocol::time::UtcMicros;
use serde::Deserialize;
use serde_json::{Number, Value as Json};

use super::{Poison, excerpt};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// Numbers by their size: below 10¹¹ seconds, below 10¹⁴ milliseconds, below 10¹⁷ microseconds, else nanoseconds. These
    /// agree with the unit for every moment from March 1973 on. Text as `iso`, or as `local` where a zone is configured.
    #[default]
    Auto,
    Seconds,
    Milliseconds,
    Microseconds,
    /// ISO 8601 with `Z` or an offset.
    Iso,
    /// ISO 8601 without a zone.
    Local,
}

pub(super) fn read(
    found: &Json,
    format: TimestampFormat,
    zone: Option<Tz>,
    received: UtcMicros,
) -> Result<UtcMicros, Poison> {
    let wrong = |problem| Poison::Time { found: excerpt(&found.to_string()), problem };
    let number = match found {
        Json::Number(number) => Some(number.clone()),
        Json::String(text) => text.trim().parse::<Number>().ok(),
        _ => return Err(wrong("expected a number or a text")),
    };
    let unit_us = match (format, &number) {
        (TimestampFormat::Seconds, _) => 1_000_000.0,
        (TimestampFormat::Milliseconds, _) => 1_000.0,
        (TimestampFormat::Microseconds, _) => 1.0,
        (TimestampFormat::Auto, Some(number)) => unit_by_size(number),
        (TimestampFormat::Auto | TimestampFormat::Iso | TimestampFormat::Local, _) => {
            let text = found.as_str().ok_or_else(|| wrong("expected ISO 8601 text"))?;
            return of_text(text.trim(), format, zone, received).map_err(wrong);
        }
    };
    let number = number.ok_or_else(|| wrong("expected a number"))?;
    micros(&number, unit_us).ok_or_else(|| wrong("out of range"))
}

fn unit_by_size(number: &Number) -> f64 {
    match number.as_f64().unwrap_or(0.0).abs() {
        size if size < 1e11 => 1_000_000.0,
        size if size < 1e14 => 1_000.0,
        size if size < 1e17 => 1.0,
        _ => 0.001,
    }
}

/// Whole numbers exactly; fractions rounded to the microsecond. Years 1970 to 9999.
fn micros(number: &Number, unit_us: f64) -> Option<UtcMicros> {
    const LAST: i64 = 253_402_300_799_999_999;
    #[expect(clippy::cast_possible_truncation, reason = "units are whole, and the range is checked below")]
    let us = match number.as_i64() {
        Some(whole) if unit_us >= 1.0 => whole.checked_mul(unit_us as i64)?,
        Some(nanoseconds) => nanoseconds / 1_000,
        None => {
            let us = (number.as_f64()? * unit_us).round();
            if !(0.0..=LAST as f64).contains(&us) {
                return None;
            }
            us as i64
        }
    };
    (0..=LAST).contains(&us).then_some(UtcMicros(us))
}

fn of_text(
    text: &str,
    format: TimestampFormat,
    zone: Option<Tz>,
    received: UtcMicros,
) -> Result<UtcMicros, &'static str> {
    if format != TimestampFormat::Local
        && let Some(at) = with_zone(text)
    {
        return Ok(UtcMicros(at));
    }
    if format == TimestampFormat::Iso {
        return Err("expected ISO 8601 with Z or an offset");
    }
    let local = without_zone(text).ok_or("expected ISO 8601")?;
    let zone = zone.ok_or("it has no zone, and no `time_zone` is configured")?;
    Ok(in_zone(local, zone, received))
}

fn with_zone(text: &str) -> Option<i64> {
    let shapes = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"];
    DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| shapes.iter().find_map(|shape| DateTime::parse_from_str(text, shape).ok()))
        .map(|at| at.timestamp_micros())
}

fn without_zone(text: &str) -> Option<NaiveDateTime> {
    let shapes = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    shapes.iter().find_map(|shape| NaiveDateTime::parse_from_str(text, shape).ok())
}

fn in_zone(local: NaiveDateTime, zone: Tz, received: UtcMicros) -> UtcMicros {
    let at = |moment: DateTime<Tz>| UtcMicros(moment.timestamp_micros());
    match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) => at(moment),
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (at(one), at(other));
            if one.since(received).abs() <= other.since(received).abs() { one } else { other }
        }
        LocalResult::None => {
            let before = local - TimeDelta::hours(3);
            let offset_s =
                zone.offset_from_local_datetime(&before).earliest().map_or(0, |offset| offset.fix().local_minus_utc());
            UtcMicros((local.and_utc() - TimeDelta::seconds(offset_s.into())).timestamp_micros())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn us(text: &str) -> UtcMicros {
        UtcMicros(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    fn berlin(found: &Json, received: &str) -> UtcMicros {
        read(found, TimestampFormat::Auto, Some(chrono_tz::Europe::Berlin), us(received)).unwrap()
    }

    #[test]
    fn every_shape_seen_in_the_field_is_read() {
        use TimestampFormat::{Auto, Iso, Microseconds, Milliseconds, Seconds};
        for (found, format, expected) in [
            (json!(1_733_904_005_123_i64), Auto, "2024-12-11T08:00:05.123Z"),
            (json!(1_733_904_005), Auto, "2024-12-11T08:00:05Z"),
            (json!(1_631_266_595.44), Auto, "2021-09-10T09:36:35.44Z"),
            (json!(1_733_904_005_123_456_i64), Auto, "2024-12-11T08:00:05.123456Z"),
            (json!(1_733_904_005_123_456_789_i64), Auto, "2024-12-11T08:00:05.123456Z"),
            (json!("1733904005123"), Auto, "2024-12-11T08:00:05.123Z"),
            (json!(1_000), Milliseconds, "1970-01-01T00:00:01Z"),
            (json!(1_000), Microseconds, "1970-01-01T00:00:00.001Z"),
            (json!(1.5), Seconds, "1970-01-01T00:00:01.5Z"),
            (json!("2024-12-11T08:00:05Z"), Iso, "2024-12-11T08:00:05Z"),
            (json!("2024-12-11T10:00:05.5+02:00"), Auto, "2024-12-11T08:00:05.5Z"),
            (json!("2024-12-11T10:00:05.5+0200"), Auto, "2024-12-11T08:00:05.5Z"),
        ] {
            assert_eq!(read(&found, format, None, UtcMicros(0)), Ok(us(expected)), "{found} as {format:?}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_with_the_reason() {
        use TimestampFormat::{Auto, Iso, Seconds};
        for (found, format) in [
            (json!("2021-06-13T06:59:52"), Auto),
            (json!("2021-06-13T06:59:52"), Iso),
            (json!("yesterday"), Auto),
            (json!("2021-13-13T06:59:52Z"), Auto),
            (json!(-5), Auto),
            (json!(1e300), Seconds),
            (json!(i64::MAX), Seconds),
            (json!(true), Auto),
            (json!(null), Auto),
        ] {
            assert!(read(&found, format, None, UtcMicros(0)).is_err(), "{found} as {format:?}");
        }
    }

    #[test]
    fn local_time_is_read_in_its_zone() {
        assert_eq!(berlin(&json!("2021-06-13T06:59:52"), "2021-06-13T05:00:00Z"), us("2021-06-13T04:59:52Z"));
        assert_eq!(berlin(&json!("2021-01-13T06:59:52"), "2021-06-13T05:00:00Z"), us("2021-01-13T05:59:52Z"));
    }

    #[test]
    fn of_an_hour_that_exists_twice_the_one_nearer_to_the_receipt_is_taken() {
        let found = json!("2026-10-25T02:30:00");
        assert_eq!(berlin(&found, "2026-10-25T00:30:01Z"), us("2026-10-25T00:30:00Z"));
        assert_eq!(berlin(&found, "2026-10-25T01:30:01Z"), us("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn an_hour_that_does_not_exist_is_read_with_the_offset_before_it() {
        let found = json!("2026-03-29T02:30:00");
        assert_eq!(berlin(&found, "2026-03-29T01:30:00Z"), us("2026-03-29T01:30:00Z"));
    }
}
