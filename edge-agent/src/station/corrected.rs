//! The stops of a machine as the page shows them: as this agent knows them, with what was said of them at central over it.
//! Pure.
//!
//! A reason that was given at central holds, whatever is entered here before or after; what was entered here stands beside
//! it. Where central split a stop, it is shown in parts: where the cut is counts, not which part it names, as at central.
//! What central tells of a stop that is not known here, such as one of an earlier log with the same number, is looked past.

use std::cmp::Reverse;

use protocol::correction::{CorrectedStop, Corrections, GivenReason, SaidAtCentral};
use protocol::id::{Name, StopId};
use protocol::time::UtcMicros;

use crate::signals::RecentStop;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// The agent's own.
    Here(StopId),
    /// Below zero, of a part that central made: nothing can be entered of it here.
    AtCentral(i64),
}

/// A stop, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShownStop<'s> {
    pub(super) number: Number,
    pub(super) began_at: UtcMicros,
    /// None while it lasts.
    pub(super) ended_at: Option<UtcMicros>,
    /// As it was given here.
    pub(super) reason_here: Option<&'s str>,
    /// The one that holds, where it was given at central.
    pub(super) reason_of_central: Option<&'s GivenReason>,
    pub(super) note: Option<&'s str>,
    /// Who split it off at central.
    pub(super) split: Option<&'s SaidAtCentral>,
}

/// In the order of `recent`, each in its parts.
pub(super) fn shown_stops<'s>(
    machine: &Name,
    recent: impl Iterator<Item = &'s RecentStop>,
    corrections: &'s Corrections,
) -> Vec<ShownStop<'s>> {
    let told: Vec<&CorrectedStop> = corrections.stops.iter().filter(|it| it.machine == *machine).collect();
    recent.flat_map(|stop| parts(stop, &told)).collect()
}

/// Oldest first.
fn parts<'s>(stop: &'s RecentStop, told: &[&'s CorrectedStop]) -> Vec<ShownStop<'s>> {
    let lies_within = |at: UtcMicros| at > stop.began_at && stop.ended_at.is_some_and(|ended_at| at < ended_at);
    let mut cuts: Vec<_> = told.iter().filter(|it| it.stop < 0 && lies_within(it.began_at)).copied().collect();
    cuts.sort_by_key(|it| (it.began_at, Reverse(it.stop)));
    cuts.dedup_by_key(|it| it.stop);
    let is_this = |it: &&&CorrectedStop| u64::try_from(it.stop) == Ok(stop.stop.0) && it.began_at == stop.began_at;
    let mut parts = vec![ShownStop {
        number: Number::Here(stop.stop),
        began_at: stop.began_at,
        ended_at: stop.ended_at,
        reason_here: stop.reason.as_deref(),
        reason_of_central: told.iter().find(is_this).and_then(|it| it.reason.as_ref()),
        note: stop.note.as_deref(),
        split: None,
    }];
    for cut in cuts {
        if let Some(before) = parts.last_mut() {
            before.ended_at = Some(cut.began_at);
        }
        parts.push(ShownStop {
            number: Number::AtCentral(cut.stop),
            began_at: cut.began_at,
            ended_at: stop.ended_at,
            reason_here: None,
            reason_of_central: cut.reason.as_ref(),
            note: None,
            split: cut.split.as_ref(),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn press() -> Name {
        Name::new("press").unwrap()
    }

    fn said() -> SaidAtCentral {
        SaidAtCentral { by: "Eve".to_owned(), at: UtcMicros(1_000) }
    }

    fn told(stop: i64, began_at: i64, code: Option<&str>) -> CorrectedStop {
        let given = |code: &str| GivenReason { code: code.to_owned(), title: code.to_owned(), why: None, said: said() };
        let split = (stop < 0).then(said);
        CorrectedStop { machine: press(), stop, began_at: UtcMicros(began_at), reason: code.map(given), split }
    }

    fn recent(stop: u64, began_at: i64, ended_at: Option<i64>, reason: Option<&str>) -> RecentStop {
        RecentStop {
            stop: StopId(stop),
            began_at: UtcMicros(began_at),
            ended_at: ended_at.map(UtcMicros),
            reason: reason.map(str::to_owned),
            note: None,
        }
    }

    fn lines(recent: &[RecentStop], stops: Vec<CorrectedStop>) -> Vec<String> {
        let corrections = Corrections { stops, ..Corrections::default() };
        let shown = shown_stops(&press(), recent.iter(), &corrections);
        let line = |it: &ShownStop<'_>| {
            let number = match it.number {
                Number::Here(stop) => i64::try_from(stop.0).unwrap(),
                Number::AtCentral(stop) => stop,
            };
            let end = it.ended_at.map_or(String::new(), |at| at.0.to_string());
            let here = it.reason_here.unwrap_or("-");
            let central = it.reason_of_central.map_or("-", |it| &it.code);
            format!("{number} {}-{end} {here} {central}", it.began_at.0)
        };
        shown.iter().map(line).collect()
    }

    #[test]
    fn the_reason_of_central_stands_over_the_one_that_was_given_here() {
        let stops = [recent(1, 10, Some(40), Some("jam")), recent(2, 60, None, None)];
        let told = vec![told(1, 10, Some("break")), told(2, 60, Some("tool"))];
        assert_eq!(lines(&stops, told), ["1 10-40 jam break", "2 60- - tool"]);
    }

    #[test]
    fn a_split_of_central_is_shown_in_parts_also_where_the_station_splits_later() {
        let split = vec![told(-1, 70, Some("break")), told(1, 10, Some("tool"))];
        let whole = [recent(1, 10, Some(100), Some("jam"))];
        assert_eq!(lines(&whole, split.clone()), ["1 10-70 jam tool", "-1 70-100 - break"]);
        let before = [recent(1, 10, Some(40), Some("jam")), recent(2, 40, Some(100), None)];
        assert_eq!(lines(&before, split.clone()), ["1 10-40 jam tool", "2 40-70 - -", "-1 70-100 - break"]);
        let after = [recent(1, 10, Some(80), Some("jam")), recent(2, 80, Some(100), None)];
        assert_eq!(lines(&after, split), ["1 10-70 jam tool", "-1 70-80 - break", "2 80-100 - -"]);
    }

    #[test]
    fn what_is_told_of_an_unknown_stop_is_looked_past() {
        let stops = [recent(1, 10, Some(40), Some("jam"))];
        let elsewhere = CorrectedStop { machine: Name::new("packer").unwrap(), ..told(1, 10, Some("a")) };
        // Of an earlier log, of no stop at all, cut at or outside its ends.
        let odd = [told(1, 11, Some("a")), told(9, 10, Some("a")), told(0, 10, Some("a")), elsewhere];
        let cuts = [told(-1, 10, None), told(-2, 40, None), told(-3, 99, None), told(i64::MIN, 5, None)];
        assert_eq!(lines(&stops, odd.into_iter().chain(cuts).collect()), ["1 10-40 jam -"]);
        assert_eq!(lines(&[recent(1, 10, None, None)], vec![told(-1, 20, Some("a"))]), ["1 10- - -"]);
    }

    proptest! {
        #[test]
        fn parts_cover_each_stop_and_neither_order_nor_repetition_of_what_is_told_matters(
            lengths in prop::collection::vec((1_i64..50, 0_i64..20), 1..6),
            said in prop::collection::vec((-6_i64..8, 0_i64..300, prop::option::of("[a-c]")), 0..12),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut at = 0;
            let stops: Vec<RecentStop> = (1_u64..).zip(&lengths).map(|(number, (lasts, pause))| {
                let began = at;
                at += lasts + pause;
                recent(number, began, Some(began + lasts), Some("here"))
            }).collect();
            // Central names a number once, and known stops often by the time that they began.
            let mut known = std::collections::HashSet::new();
            let mut said: Vec<CorrectedStop> = said.iter().map(|(number, began, code)| {
                let of = usize::try_from(number - 1).ok().and_then(|index| stops.get(index));
                let began = of.filter(|_| began % 2 == 0).map_or(*began, |stop| stop.began_at.0);
                told(*number, began, code.as_deref())
            }).filter(|it| known.insert(it.stop)).collect();
            let shown = lines(&stops, said.clone());
            if !said.is_empty() {
                for index in order {
                    let index = index.index(said.len());
                    said.swap(0, index);
                    said.push(said[index].clone());
                }
            }
            prop_assert_eq!(&lines(&stops, said.clone()), &shown);
            let corrections = Corrections { stops: said, ..Corrections::default() };
            let parts = shown_stops(&press(), stops.iter(), &corrections);
            for stop in &stops {
                let end = stop.ended_at.unwrap();
                let mut place = stop.began_at;
                let of_it = |it: &&ShownStop<'_>| it.began_at >= stop.began_at && it.began_at < end;
                for part in parts.iter().filter(of_it) {
                    prop_assert_eq!(part.began_at, place);
                    prop_assert!(part.ended_at >= Some(part.began_at));
                    place = part.ended_at.unwrap();
                    prop_assert_eq!(part.reason_here, matches!(part.number, Number::Here(_)).then_some("here"));
                }
                prop_assert_eq!(place, end);
            }
        }
    }
}
