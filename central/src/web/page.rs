//! Pages of a list: how long one may be, and whether another follows.

use chrono::{DateTime, Utc};

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

/// One more than `limit` was asked for: whether it came. It is dropped.
pub fn cut<T>(found: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    more
}

/// A moment that PostgreSQL and the calendar can hold.
pub fn moment(name: &str, asked: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, Problem> {
    let sane = |at: &DateTime<Utc>| (0..=32_503_680_000).contains(&at.timestamp());
    match asked {
        Some(at) if !sane(&at) => Err(Problem::bad_request(format!("{name} lies between the years 1970 and 3000"))),
        asked => Ok(asked),
    }
}
