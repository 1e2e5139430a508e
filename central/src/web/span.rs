//! Stretches of time that are asked for: defaults, order, length.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use super::page::{self, Place, moment};
use super::problem::Problem;

const ITEMS_DEFAULT: i64 = 100;
const ITEMS_MAX: i64 = 1_000;

/// `from <= at < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// How long a span is when nothing is said, and at most, and how far past the present one without an end goes.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    pub default: Duration,
    pub max: Duration,
    pub ahead: Duration,
}

/// A day, a month at most. It goes an hour ahead, since an agent's clock may be a little ahead; what is quarantined is no
/// fact.
pub const MONTH: Lengths = Lengths { default: Duration::hours(24), max: Duration::days(31), ahead: Duration::hours(1) };

/// The asked-for span. Without `to` it ends now.
pub fn span(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    lengths: Lengths,
) -> Result<Span, Problem> {
    let (from, to) = (moment("from", from)?, moment("to", to)?);
    let days = lengths.max.num_days();
    let to = match (from, to) {
        (_, Some(to)) => to,
        (None, None) => now + lengths.ahead,
        (Some(from), None) if from + lengths.max < now => {
            return Err(Problem::bad_request(format!(
                "from is more than {days} days ago, and to is now when absent: say a `to`, at most {days} days after from"
            )));
        }
        (Some(from), None) => (now + lengths.ahead).min(from + lengths.max),
    };
    let from = from.unwrap_or(to - lengths.default);
    if from >= to {
        return Err(Problem::bad_request("from must be earlier than to"));
    }
    if to - from > lengths.max {
        return Err(Problem::bad_request(format!(
            "from and to are more than {days} days apart: ask for less at a time"
        )));
    }
    Ok(Span { from, to })
}

/// What a list of what happened in a span is asked for by, a page at a time, newest first.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SpanParameters {
    /// Inclusive; 24 hours before `to` when absent.
    pub from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    pub to: Option<DateTime<Utc>>,
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of a span: after this place, so many items.
#[derive(Debug, Clone, Copy)]
pub struct SpanPage {
    pub span: Span,
    pub after: Option<Place>,
    pub limit: i64,
}

impl SpanParameters {
    pub fn page(&self, now: DateTime<Utc>) -> Result<SpanPage, Problem> {
        let limit = page::limit(self.limit, ITEMS_DEFAULT, ITEMS_MAX)?;
        let span = span(self.from, self.to, now, MONTH)?;
        Ok(SpanPage { span, after: page::place(self.cursor.as_deref())?, limit })
    }
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
        assert_eq!(asked(None, Some(at(-10))), Some((at(-34), at(-10))));
        assert_eq!(asked(Some(at(0)), Some(at(0))), None);
        assert_eq!(asked(Some(at(0)), Some(at(800))), None);
        assert_eq!(asked(DateTime::from_timestamp(-1, 0), None), None);
        assert_eq!(asked(None, DateTime::from_timestamp(32_503_680_001, 0)), None);
    }

    #[test]
    fn a_span_without_an_end_ends_now_and_is_refused_where_that_is_too_long() {
        assert_eq!(asked(Some(at(-100)), None), Some((at(-100), at(1))));
        assert_eq!(asked(Some(at(-31 * 24)), None), Some((at(-31 * 24), at(0))), "as long as a span may be");
        assert_eq!(asked(Some(at(2)), None), None, "it would end before it begins");
        let refused = span(Some(at(-31 * 24 - 1)), None, at(0), MONTH).unwrap_err();
        assert!(format!("{refused:?}").contains("say a `to`, at most 31 days after from"), "{refused:?}");
    }
}
