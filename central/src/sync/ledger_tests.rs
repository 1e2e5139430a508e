use proptest::prelude::*;

use super::*;
use protocol::event::{KindTag, RawEvent};
use protocol::id::OriginId;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};

fn event(value: u8) -> RawEvent {
    RawEvent {
        at: UtcMicros(0),
        clock: ClockQuality::Synchronized,
        monotonic: Monotonic::default(),
        origin: OriginId(1),
        kind: KindTag(1),
        body: vec![value],
    }
}

/// A log: what its chain hash is after each of its events.
fn chain_of(values: &[u8]) -> Vec<ChainHash> {
    let mut hash = ChainHash::START;
    values
        .iter()
        .map(|value| {
            hash = hash.next(&event(*value));
            hash
        })
        .collect()
}

fn hash_at(chain: &[ChainHash], seq: usize) -> ChainHash {
    seq.checked_sub(1).map_or(ChainHash::START, |index| chain[index])
}

/// What central holds, as the transaction would leave it.
#[derive(Debug, Clone)]
struct Central {
    ledger: Ledger,
    known: KnownDigests,
    /// Value of each fact, by epoch and sequence.
    facts: Vec<(u32, u64, u8)>,
}

const FIRST: Instance = Instance { starts: 1, id: 1 };

impl Central {
    fn new() -> Central {
        let ledger = Ledger {
            epoch: Epoch(1),
            mark: Seq::NONE,
            hash: ChainHash::START,
            instance: None,
            known_until: Seq::NONE,
            open_divergence: None,
        };
        Central { ledger, known: KnownDigests::default(), facts: Vec::new() }
    }

    fn offer(&mut self, log: &[u8], first: usize, count: usize, instance: Instance, epoch: Epoch) -> Decision {
        let chain = chain_of(log);
        let claim = Claim {
            epoch,
            instance,
            first_seq: Seq(first as u64),
            previous: hash_at(&chain, first - 1),
            newest_seq: Seq(log.len() as u64),
            chain: &chain[first - 1..first - 1 + count],
            alive: true,
        };
        let known =
            if digests_needed(&self.ledger, &claim).is_some() { self.known.clone() } else { KnownDigests::default() };
        let decision = decide(&self.ledger, &known, &claim);
        if let Decision::Apply(apply) = &decision {
            for index in apply.known..count {
                self.facts.push((epoch.0, (first + index) as u64, log[first - 1 + index]));
            }
            let digests: Vec<u8> = claim.chain[apply.below_mark..].iter().flat_map(|hash| hash.digest()).collect();
            if !digests.is_empty() {
                self.known.add(Seq((first + apply.below_mark) as u64), &digests);
            }
            self.ledger.mark = apply.mark;
            self.ledger.hash = apply.hash;
            self.ledger.known_until = apply.known_until;
            self.ledger.instance = Some(instance);
        }
        decision
    }

    fn values(&self) -> Vec<u8> {
        self.facts.iter().map(|(_, _, value)| *value).collect()
    }
}

fn reason(decision: &Decision) -> Option<DivergenceReason> {
    match decision {
        Decision::Diverged { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn a_process_with_fewer_starts_is_asked_to_prove_that_it_lives() {
    let mut central = Central::new();
    central.offer(&[1, 2, 3], 1, 3, Instance { starts: 2, id: 2 }, Epoch(1));
    let chain = chain_of(&[1, 2]);
    let claim = Claim {
        epoch: Epoch(1),
        instance: FIRST,
        first_seq: Seq(1),
        previous: ChainHash::START,
        newest_seq: Seq(2),
        chain: &chain,
        alive: false,
    };
    assert_eq!(decide(&central.ledger, &central.known, &claim), Decision::Prove);
    let alive = Claim { alive: true, ..claim };
    assert_eq!(reason(&decide(&central.ledger, &central.known, &alive)), Some(DivergenceReason::Rewound));
}

#[test]
fn an_earlier_request_of_the_same_process_is_no_rewind() {
    let mut central = Central::new();
    central.offer(&[1, 2, 3, 4], 1, 4, FIRST, Epoch(1));
    assert!(matches!(central.offer(&[1, 2], 1, 2, FIRST, Epoch(1)), Decision::Apply(_)));
    assert_eq!(central.values(), [1, 2, 3, 4]);
}

#[test]
fn equal_starts_with_another_id_are_two_processes() {
    let mut central = Central::new();
    central.offer(&[1], 1, 1, FIRST, Epoch(1));
    let other = central.offer(&[1], 2, 0, Instance { starts: 1, id: 9 }, Epoch(1));
    assert_eq!(reason(&other), Some(DivergenceReason::Copied));
}

#[test]
fn a_log_that_ends_below_the_mark_was_restored() {
    let mut central = Central::new();
    central.offer(&[1, 2, 3], 1, 3, FIRST, Epoch(1));
    let restored = central.offer(&[1, 2], 3, 0, Instance { starts: 5, id: 9 }, Epoch(1));
    assert_eq!(reason(&restored), Some(DivergenceReason::Rewound));
}

#[test]
fn an_epoch_that_central_does_not_know_is_refused() {
    let mut central = Central::new();
    assert_eq!(reason(&central.offer(&[1], 1, 1, FIRST, Epoch(2))), Some(DivergenceReason::ClaimedByAgent));
}

#[test]
fn digests_of_a_newer_epoch_take_precedence() {
    let mut known = KnownDigests::default();
    known.add(Seq(1), &[1; 40]);
    known.add(Seq(3), &[2; 8]);
    let found: Vec<_> = (0..7).map(|seq| known.at(Seq(seq)).map(|digest| digest[0])).collect();
    assert_eq!(found, [None, Some(1), Some(1), Some(2), Some(1), Some(1), None]);
}

#[test]
fn a_batch_that_begins_beyond_the_mark_tells_that_central_was_restored() {
    let mut central = Central::new();
    central.offer(&[1, 2, 3], 1, 2, FIRST, Epoch(1));
    for instance in [FIRST, Instance { starts: 2, id: 2 }] {
        for count in [0, 2] {
            let ahead = central.offer(&[1, 2, 3, 4, 5, 6], 5, count, instance, Epoch(1));
            assert_eq!(reason(&ahead), Some(DivergenceReason::ClaimedByAgent));
            let Decision::Diverged { text, .. } = ahead else { unreachable!() };
            assert!(text.contains("up to 2") && text.contains("Events 3 to 4 are missing"), "{text}");
        }
    }
}

proptest! {
    /// However a log is cut, repeated and reordered on the way, each of its events becomes a fact once, in order.
    #[test]
    fn any_way_of_sending_a_log_commits_it_once(
        log in prop::collection::vec(any::<u8>(), 1..60),
        sends in prop::collection::vec((0_usize..60, 0_usize..25), 1..60),
    ) {
        let mut central = Central::new();
        for (first, count) in sends {
            let mark = central.ledger.mark.0;
            // An agent never begins beyond what was acknowledged to it.
            let first = (first % log.len() + 1).min(usize::try_from(mark).unwrap() + 1);
            let count = count.min(log.len() + 1 - first);
            match central.offer(&log, first, count, FIRST, Epoch(1)) {
                Decision::Apply(apply) => prop_assert!(apply.mark.0 >= mark),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert_eq!(central.values(), &log[..usize::try_from(central.ledger.mark.0).unwrap()]);
    }

    /// A log that differs at or below the mark is refused, at the first sequence that differs.
    #[test]
    fn another_history_is_found_where_it_begins(
        log in prop::collection::vec(any::<u8>(), 2..40), at in 0_usize..40, first in 0_usize..40, cut in 1_usize..40,
    ) {
        let mut central = Central::new();
        central.offer(&log, 1, cut % log.len() + 1, FIRST, Epoch(1));
        let mark = usize::try_from(central.ledger.mark.0).unwrap();
        let at = at % mark;
        let mut other = log.clone();
        other[at] = other[at].wrapping_add(1);
        let first = first % (at + 1) + 1;
        let count = other.len() + 1 - first;
        let before = central.values();
        match central.offer(&other, first, count, FIRST, Epoch(1)) {
            Decision::Diverged { reason: DivergenceReason::Content, fork, .. } => {
                prop_assert_eq!(fork, Some(Seq(at as u64 + 1)));
            }
            decision => prop_assert!(false, "{decision:?}"),
        }
        prop_assert_eq!(central.values(), before);
    }

    /// After a person accepted the other log, all of it that is not a fact yet becomes one, and nothing twice.
    #[test]
    fn an_accepted_log_adds_exactly_what_is_its_own(
        common in prop::collection::vec(any::<u8>(), 1..20),
        ours in prop::collection::vec(any::<u8>(), 0..20),
        theirs in prop::collection::vec(any::<u8>(), 0..20),
        first in 0_usize..20, kept in 0_usize..40, step in 1_usize..10,
    ) {
        // The histories part right after what they have in common.
        prop_assume!(ours.first() != theirs.first() || ours.is_empty());
        let mut central = Central::new();
        let listened: Vec<u8> = common.iter().chain(&ours).copied().collect();
        central.offer(&listened, 1, listened.len(), FIRST, Epoch(1));
        let log: Vec<u8> = common.iter().chain(&theirs).copied().collect();
        let chain = chain_of(&log);
        let first = first % common.len() + 1;
        let kept = kept.min(log.len() + 1 - first);
        let claim_chain = &chain[first - 1..first - 1 + kept];
        let found = resume(central.ledger.mark, &central.known, Seq(first as u64), hash_at(&chain, first - 1), claim_chain);
        prop_assert!(found.mark.0 <= common.len() as u64);
        let instance = Instance { starts: 7, id: 7 };
        let ledger = &mut central.ledger;
        ledger.epoch = Epoch(2);
        (ledger.mark, ledger.hash, ledger.known_until) = (found.mark, found.hash, found.known_until);
        ledger.instance = Some(instance);
        while central.ledger.mark.0 < log.len() as u64 {
            let next = usize::try_from(central.ledger.mark.0).unwrap() + 1;
            let count = step.min(log.len() + 1 - next);
            let decision = central.offer(&log, next, count, instance, Epoch(2));
            prop_assert!(matches!(decision, Decision::Apply(_)), "{decision:?}");
        }
        let expected: Vec<u8> = listened.iter().chain(&theirs).copied().collect();
        prop_assert_eq!(central.values(), expected);
    }
}
