//! Stretches of time that are asked for: defaults, order, length.

use chrono::{DateTime, Duration, Utc};

use super::problem::Problem;

/// `from <= at < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// How long a span is when nothing is said, and at most.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    pub default: Duration,
    pub max: Duration,
}

/// A day, a month at most.
pub const MONTH: Lengths = Lengths { default: Duration::hours(24), max: Duration::days(31) };

/// The asked-for span. Without `to` it ends an hour ahead, since an agent's clock may be a little ahead; what is
/// quarantined is no fact.
pub fn span(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    lengths: Lengths,
) -> Result<Span, Problem> {
    // What PostgreSQL and the calendar can hold, with room for the spans below.
    let (first, last) = (DateTime::from_timestamp(0, 0), DateTime::from_timestamp(32_503_680_000, 0));
    let sane = |at: &DateTime<Utc>| Some(*at) >= first && Some(*at) <= last;
    if !from.iter().chain(&to).all(sane) {
        return Err(Problem::bad_request("from and to lie between the years 1970 and 3000"));
    }
    let to = to.unwrap_or(match from {
        Some(from) if from + lengths.default < now => from + lengths.default,
        _ => now + Duration::hours(1),
    });
    let from = from.unwrap_or(to - lengths.default);
    if from >= to {
        return Err(Problem::bad_request("from must be earlier than to"));
    }
    if to - from > lengths.max {
        let days = lengths.max.num_days();
        return Err(Problem::bad_request(format!(
            "from and to are more than {days} days apart: ask for less at a time"
        )));
    }
    Ok(Span { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + hour * 3600, 0).unwrap()
    }

    fn asked(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        span(from, to, at(0), MONTH).ok().map(|span| (span.from, span.to))
    }

    #[test]
    fn a_span_has_defaults_an_order_and_a_length() {
        assert_eq!(asked(None, None), Some((at(-23), at(1))));
        assert_eq!(asked(Some(at(-100)), None), Some((at(-100), at(-76))));
        assert_eq!(asked(None, Some(at(-10))), Some((at(-34), at(-10))));
        assert_eq!(asked(Some(at(0)), Some(at(0))), None);
        assert_eq!(asked(Some(at(0)), Some(at(800))), None);
        assert_eq!(asked(DateTime::from_timestamp(-1, 0), None), None);
    }
}
