//! Pages of a list: how long one may be, whether another follows, and where it begins: strictly after the last item of the
//! page before, whatever was added meanwhile.

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;

use super::problem::Problem;

/// The asked-for number of items, within `1..=max`.
pub fn limit(asked: Option<i64>, default: i64, max: i64) -> Result<i64, Problem> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(format!("limit is {limit}: expected 1 to {max}"))),
    }
}

#[must_use]
pub fn no_cursor() -> Problem {
    Problem::bad_request("cursor is not one that an earlier page gave as `next`")
}

/// One more than `limit` was asked for. Had it come, it is dropped, and the last item that stays says where the next
/// page begins.
pub fn next<T, P>(found: &mut Vec<T>, limit: i64, place: impl FnOnce(&T) -> P) -> Option<P> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| more).map(place)
}

/// Whether PostgreSQL and the calendar can hold it, with room for the spans of a question around it.
fn is_sane(at: DateTime<Utc>) -> bool {
    (0..=32_503_680_000).contains(&at.timestamp())
}

/// A moment that was asked for.
pub fn moment(name: &str, asked: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, Problem> {
    match asked {
        Some(at) if !is_sane(at) => Err(Problem::bad_request(format!("{name} lies between the years 1970 and 3000"))),
        asked => Ok(asked),
    }
}

/// The place of an item in a list, newest first: where a page ended, as an opaque word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub at: DateTime<Utc>,
    /// What orders items of one moment, such as agent, epoch and sequence.
    pub keys: [i64; 3],
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c] = self.keys;
        let text = format!("{}.{a}.{b}.{c}", self.at.timestamp_micros());
        f.write_str(&BASE64URL_NOPAD.encode(text.as_bytes()))
    }
}

impl std::str::FromStr for Place {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Place, Problem> {
        let parse = || {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
            let mut parts = std::str::from_utf8(&bytes).ok()?.split('.');
            let at = DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?;
            let mut key = || parts.next()?.parse().ok();
            let place = Place { at, keys: [key()?, key()?, key()?] };
            (parts.next().is_none() && is_sane(at)).then_some(place)
        };
        parse().ok_or_else(no_cursor)
    }
}

/// The place that an optional cursor names.
pub fn place(cursor: Option<&str>) -> Result<Option<Place>, Problem> {
    cursor.map(str::parse).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_survives_the_way_through_a_browser(
            us in 0_i64..4_000_000_000_000_000, keys: [i64; 3]
        ) {
            let place = Place { at: DateTime::from_timestamp_micros(us).unwrap(), keys };
            prop_assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        }

        #[test]
        fn nonsense_is_no_place(text in "\\PC{0,40}") {
            prop_assert!(text.parse::<Place>().is_err());
        }
    }
}
