use proptest::prelude::*;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn entry(seq: i64, stop: i64, second: i64, change: &str) -> Entry {
    Entry {
        at: at(second),
        machine_id: 1,
        agent_id: 1,
        epoch: Some(1),
        seq: Some(seq),
        stop,
        change: change.to_owned(),
        ..Entry::default()
    }
}

fn ended(seq: i64, stop: i64, began: i64, second: i64) -> Entry {
    Entry {
        began_at: Some(at(began)),
        lasted_us: Some((second - began) * 1_000_000),
        micro: Some(false),
        ..entry(seq, stop, second, "ended")
    }
}

fn reason(seq: i64, stop: i64, second: i64, code: &str) -> Entry {
    Entry { reason: Some(code.to_owned()), ..entry(seq, stop, second, "reason") }
}

fn split(seq: i64, stop: i64, from: i64, new_stop: i64) -> Entry {
    Entry { split_from: Some(at(from)), new_stop: Some(new_stop), ..entry(seq, stop, from + 1, "split") }
}

/// As said at central: the key is a number of its own.
fn central(entry: Entry, key: u128, root_began: i64) -> Entry {
    Entry {
        epoch: None,
        seq: None,
        entry: Some(Uuid::from_u128(key)),
        entered_by: Some("lead".to_owned()),
        began_at: Some(at(root_began)),
        ..entry
    }
}

fn shown(entries: &[Entry], until: Option<i64>) -> Vec<String> {
    let mut stops = stops(entries, |_, _| until.map(at));
    stops.reverse();
    let show = |stop: Stop| {
        let ended = stop.ended_at.map_or(String::new(), |ended| ended.timestamp().to_string());
        let lasted = stop.lasted_us.map_or("?".to_owned(), |us| (us / 1_000_000).to_string());
        let reason = stop.reason.map_or(String::new(), |reason| reason.code);
        format!("{} {}-{ended} {lasted} {reason}", stop.stop, stop.began_at.timestamp())
    };
    stops.into_iter().map(show).collect()
}

#[test]
fn a_stop_has_a_beginning_an_end_and_the_last_reason() {
    let entries = [entry(1, 1, 10, "began"), reason(2, 1, 11, "17"), ended(3, 1, 10, 40), reason(4, 1, 60, "jam")];
    assert_eq!(shown(&entries, None), ["1 10-40 30 jam"]);
}

#[test]
fn what_was_said_at_central_holds_and_what_the_station_says_later_is_kept_beside_it() {
    let mut entries = vec![entry(1, 1, 10, "began"), ended(2, 1, 10, 40), reason(3, 1, 50, "jam")];
    let told = |entries: &[Entry]| {
        let stop = stops(entries, |_, _| None).remove(0);
        (stop.reason.map(|it| it.code), stop.said_since.map(|it| it.code))
    };
    let is = |code: &str| Some(code.to_owned());
    assert_eq!(told(&entries), (is("jam"), None));
    entries.push(central(reason(0, 1, 60, "break"), 7, 10));
    assert_eq!(told(&entries), (is("break"), None));
    entries.push(reason(4, 1, 70, "tool"));
    assert_eq!(told(&entries), (is("break"), is("tool")));
    // The two agree again.
    entries.push(reason(5, 1, 80, "break"));
    assert_eq!(told(&entries), (is("break"), None));
    entries.push(central(reason(0, 1, 90, "tool"), 8, 10));
    assert_eq!(told(&entries), (is("tool"), None));
}

#[test]
fn an_open_stop_lasts_as_long_as_there_is_evidence() {
    let entries = [entry(1, 1, 10, "began")];
    assert_eq!(shown(&entries, Some(25)), ["1 10- 15 "]);
    assert_eq!(shown(&entries, Some(5)), ["1 10- 0 "]);
    assert_eq!(shown(&entries, None), ["1 10- ? "]);
}

#[test]
fn a_split_makes_two_stops_with_reasons_of_their_own() {
    let entries = [
        entry(1, 1, 10, "began"),
        reason(2, 1, 11, "jam"),
        ended(3, 1, 10, 100),
        split(4, 1, 40, 2),
        reason(5, 2, 120, "break"),
    ];
    assert_eq!(shown(&entries, None), ["1 10-40 30 jam", "2 40-100 60 break"]);
}

#[test]
fn where_a_split_cuts_counts_and_not_which_part_it_names() {
    // The station, offline, split stop 1 at 40; central, which did not know, split the same stop at 70.
    let entries = [
        entry(1, 1, 10, "began"),
        ended(2, 1, 10, 100),
        split(3, 1, 40, 2),
        central(split(0, 1, 70, -1), 7, 10),
        central(reason(0, -1, 300, "late"), 8, 10),
    ];
    assert_eq!(shown(&entries, None), ["1 10-40 30 ", "2 40-70 30 ", "-1 70-100 30 late"]);
}

#[test]
fn a_split_outside_of_the_stop_leaves_an_empty_part_and_the_sum() {
    let entries = [entry(1, 1, 10, "began"), split(2, 1, 90, 2), ended(3, 1, 10, 60)];
    assert_eq!(shown(&entries, None), ["1 10-60 50 ", "2 60-60 0 "]);
}

#[test]
fn a_number_that_comes_again_after_a_new_log_is_another_stop() {
    let second_log = |entry: Entry| Entry { epoch: Some(2), ..entry };
    let entries = [
        entry(1, 1, 10, "began"),
        ended(2, 1, 10, 20),
        reason(3, 1, 21, "old"),
        second_log(entry(1, 1, 100, "began")),
        second_log(ended(2, 1, 100, 130)),
        central(reason(0, 1, 500, "corrected"), 9, 10),
    ];
    assert_eq!(shown(&entries, None), ["1 10-20 10 corrected", "1 100-130 30 "]);
}

#[test]
fn an_end_without_a_beginning_and_a_note_without_either_are_not_lost() {
    assert_eq!(shown(&[ended(2, 1, 10, 20)], None), ["1 10-20 10 "]);
    let note = Entry { note: Some("belt".to_owned()), ..entry(3, 4, 50, "note") };
    let found = stops(&[note], |_, _| None);
    assert_eq!((found.len(), found[0].notes[0].text.as_str()), (1, "belt"));
}

#[derive(Debug, Clone)]
enum Said {
    Reason(usize, i64),
    Note(usize, i64),
    Split(usize, i64),
}

fn said() -> impl Strategy<Value = (bool, Said)> {
    let what = prop_oneof![
        (0_usize..6, 0_i64..400).prop_map(|(part, second)| Said::Reason(part, second)),
        (0_usize..6, 0_i64..400).prop_map(|(part, second)| Said::Note(part, second)),
        (0_usize..6, 0_i64..400).prop_map(|(part, from)| Said::Split(part, from)),
    ];
    (any::<bool>(), what)
}

/// One stop from 100 on, and what an agent and central say of it, each in its own order.
fn story(end: Option<i64>, sayings: &[(bool, Said)]) -> Vec<Entry> {
    let mut entries = vec![entry(1, 1, 100, "began")];
    let mut agent_numbers = vec![1];
    let mut numbers = vec![1];
    for (index, (at_central, said)) in sayings.iter().enumerate() {
        let seq = i64::try_from(index).unwrap() + 2;
        // A station does not know the parts that central made.
        let known = if *at_central { &numbers } else { &agent_numbers };
        let pick = |part: usize| known[part % known.len()];
        let made = match said {
            Said::Reason(part, second) => reason(seq, pick(*part), 100 + second, &format!("r{seq}")),
            Said::Note(part, second) => {
                Entry { note: Some(format!("n{seq}")), ..entry(seq, pick(*part), 100 + second, "note") }
            }
            Said::Split(part, from) => {
                let new_stop = if *at_central { -seq } else { 1 + seq };
                let made = split(seq, pick(*part), 100 + from, new_stop);
                numbers.push(new_stop);
                if !at_central {
                    agent_numbers.push(new_stop);
                }
                made
            }
        };
        entries.push(if *at_central { central(made, u128::try_from(seq).unwrap(), 100) } else { made });
    }
    if let Some(end) = end {
        entries.push(ended(1000, 1, 100, 100 + end));
    }
    entries
}

proptest! {
    #[test]
    fn parts_add_up_follow_each_other_and_lose_nothing(
        end in prop::option::of(0_i64..300), sayings in prop::collection::vec(said(), 0..12), until in 0_i64..500,
    ) {
        let entries = story(end, &sayings);
        let mut found = stops(&entries, |_, _| Some(at(100 + until)));
        found.sort_by_key(|stop| (stop.began_at, stop.ended_at.is_none(), stop.ended_at));
        let splits = entries.iter().filter(|entry| entry.change == "split").count();
        prop_assert_eq!(found.len(), splits + 1);
        let lasted: i64 = found.iter().map(|stop| stop.lasted_us.unwrap()).sum();
        prop_assert_eq!(lasted, end.unwrap_or(until) * 1_000_000);
        for pair in found.windows(2) {
            prop_assert_eq!(pair[0].ended_at, Some(pair[1].began_at));
        }
        let notes: usize = found.iter().map(|stop| stop.notes.len()).sum();
        prop_assert_eq!(notes, entries.iter().filter(|entry| entry.note.is_some()).count());
        for stop in &found {
            prop_assert_eq!(stop.history.as_ref().map(Vec::len), Some(entries.len()));
            let latest = |of_central: bool| {
                let given = entries.iter().filter(|it| it.stop == stop.stop && it.reason.is_some());
                given.filter(|it| it.seq.is_none() == of_central).map(|it| it.at).max()
            };
            prop_assert_eq!(stop.reason.as_ref().map(|reason| reason.said.at), latest(true).or(latest(false)));
            let since = stop.said_since.as_ref().map(|reason| reason.said.at);
            prop_assert!(since.is_none() || since == latest(false) && since > latest(true), "{:?}", stop.said_since);
        }
    }

    #[test]
    fn the_order_of_arrival_and_duplicates_change_nothing(
        end in prop::option::of(0_i64..300), sayings in prop::collection::vec(said(), 0..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let entries = story(end, &sayings);
        let mut arrived = entries.clone();
        for index in order {
            let at = index.index(arrived.len());
            let again = arrived[at].clone();
            arrived.swap(0, at);
            arrived.push(again);
        }
        let until = |_, _| Some(at(1000));
        prop_assert_eq!(stops(&arrived, until), stops(&entries, until));
    }
}
