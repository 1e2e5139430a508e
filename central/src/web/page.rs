//! Pages of a list: how long one may be, and whether another follows.

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
