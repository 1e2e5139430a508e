//! What people say of stops at central: reasons, notes, splits, and corrections of all of these.
//!
//! Nothing that was said is changed: every entry is another row of `downtime_entries`, without a place in an agent's log.
//! It names who said it and when, why, when it corrects something, and carries the key that the asking page made for it,
//! so that the same entry, sent twice, is stored once and answered alike. Entries of one machine are made one at a time.
//! The row, its audit entry and the notice to look again are one transaction, and so is what makes the agent ask for it
//! ([`told`]).

pub mod routes;
pub mod store;
pub mod told;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::stops::{Entry, Stop};

/// Entries of one stop that may be made at central: far more than people make.
const ENTRIES_MAX: usize = 200;

/// What somebody says of a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
    Reason { code: String, why: Option<String> },
    Note { text: String },
    Split { from: DateTime<Utc> },
}

/// A saying with its key, and which stop it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    pub entry: Uuid,
    pub stop: i64,
    /// When the stop or the whole of it began, as the asker saw it; the newest of that number when none.
    pub began_at: Option<DateTime<Utc>>,
    pub saying: Saying,
}

/// Why an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no such stop at this machine")]
    NoSuchStop,
    #[error("this stop has a reason that somebody gave: say in `why` why it is corrected")]
    WhyMissing,
    #[error("this stop is not over: split it when it has ended")]
    NotOver,
    #[error("`from` is not within the stop: expected a moment after its begin and before its end")]
    Outside,
    #[error("this stop has as many entries as one may have")]
    TooMany,
    #[error("this `id` was used for another entry: make a new one for each")]
    KeyUsed,
}

/// The stop that is meant, among all of one number.
pub fn meant<'s>(stops: &'s [Stop], correction: &Correction) -> Result<&'s Stop, Refused> {
    let is_meant = |stop: &&Stop| {
        let began = |at: DateTime<Utc>| at == stop.began_at || at == stop.root_began_at;
        stop.stop == correction.stop && correction.began_at.is_none_or(began)
    };
    stops.iter().filter(is_meant).max_by_key(|stop| stop.root_began_at).ok_or(Refused::NoSuchStop)
}

/// Whether this may be said of this stop, and what time the entry bears: now, but after the reason that it replaces,
/// which a station whose clock is ahead may have given.
pub fn admit(stop: &Stop, saying: &Saying, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refused> {
    let said_here = stop.history.iter().flatten().filter(|entry| entry.seq.is_none()).count();
    if said_here >= ENTRIES_MAX {
        return Err(Refused::TooMany);
    }
    match saying {
        Saying::Note { .. } => Ok(now),
        Saying::Split { from } => match stop.ended_at {
            None => Err(Refused::NotOver),
            Some(ended_at) if *from <= stop.began_at || *from >= ended_at => Err(Refused::Outside),
            Some(_) => Ok(now),
        },
        Saying::Reason { why, .. } => {
            let Some(before) = &stop.reason else { return Ok(now) };
            let by_somebody = before.said.operator.is_some() || before.said.entered_by.is_some();
            if by_somebody && why.is_none() {
                return Err(Refused::WhyMissing);
            }
            Ok(now.max(before.said.at + Duration::microseconds(1)))
        }
    }
}

/// Whether a stored row is this correction, sent again by the same person.
#[must_use]
pub fn is_same(stored: &Entry, correction: &Correction, entered_by: &str) -> bool {
    let said = match &correction.saying {
        Saying::Reason { code, why } => stored.reason.as_ref() == Some(code) && stored.why == *why,
        Saying::Note { text } => stored.note.as_ref() == Some(text),
        Saying::Split { from } => stored.split_from == Some(*from),
    };
    said && stored.stop == correction.stop && stored.entered_by.as_deref() == Some(entered_by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downtime::stops::stops;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn entry(seq: i64, second: i64, change: &str) -> Entry {
        let (epoch, seq) = (Some(1), Some(seq));
        Entry { at: at(second), epoch, seq, stop: 1, change: change.to_owned(), ..Entry::default() }
    }

    fn stop(reason: Option<Entry>, ended: bool) -> Stop {
        let mut entries = vec![entry(1, 10, "began")];
        if ended {
            entries.push(Entry { began_at: Some(at(10)), ..entry(2, 100, "ended") });
        }
        entries.extend(reason);
        stops(&entries, |_, _| Some(at(1000))).remove(0)
    }

    fn reason(operator: Option<&str>, second: i64) -> Option<Entry> {
        let reason = Some("jam".to_owned());
        Some(Entry { reason, operator: operator.map(str::to_owned), ..entry(3, second, "reason") })
    }

    fn says(why: Option<&str>) -> Saying {
        Saying::Reason { code: "break".to_owned(), why: why.map(str::to_owned) }
    }

    #[test]
    fn a_reason_that_somebody_gave_is_corrected_with_a_why_and_comes_after_it() {
        assert_eq!(admit(&stop(None, true), &says(None), at(200)), Ok(at(200)));
        assert_eq!(admit(&stop(reason(None, 20), true), &says(None), at(200)), Ok(at(200)));
        assert_eq!(admit(&stop(reason(Some("7"), 20), true), &says(None), at(200)), Err(Refused::WhyMissing));
        assert_eq!(admit(&stop(reason(Some("7"), 20), true), &says(Some("typo")), at(200)), Ok(at(200)));
        // The station's clock is ahead.
        let after = at(300) + Duration::microseconds(1);
        assert_eq!(admit(&stop(reason(Some("7"), 300), true), &says(Some("typo")), at(200)), Ok(after));
    }

    #[test]
    fn a_split_lies_within_a_stop_that_is_over() {
        let split = |second: i64| Saying::Split { from: at(second) };
        assert_eq!(admit(&stop(None, false), &split(50), at(200)), Err(Refused::NotOver));
        for (second, expected) in [
            (10, Err(Refused::Outside)),
            (11, Ok(at(200))),
            (99, Ok(at(200))),
            (100, Err(Refused::Outside)),
            (9, Err(Refused::Outside)),
        ] {
            assert_eq!(admit(&stop(None, true), &split(second), at(200)), expected, "{second}");
        }
    }

    #[test]
    fn of_one_number_the_newest_is_meant_unless_its_begin_is_named() {
        let second_log = |entry: Entry| Entry { epoch: Some(2), ..entry };
        let entries = [entry(1, 10, "began"), entry(2, 20, "ended"), second_log(entry(1, 50, "began"))];
        let found = stops(&entries, |_, _| None);
        let correction = |began: Option<i64>| Correction {
            entry: Uuid::nil(),
            stop: 1,
            began_at: began.map(at),
            saying: says(None),
        };
        let begin = |began| meant(&found, &correction(began)).map(|stop| stop.began_at);
        assert_eq!(begin(None), Ok(at(50)));
        assert_eq!(begin(Some(10)), Ok(at(10)));
        assert_eq!(begin(Some(11)), Err(Refused::NoSuchStop));
    }
}
