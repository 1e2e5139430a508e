use proptest::prelude::*;
use protocol::event::{KindTag, RawEvent};
use protocol::id::OriginId;
use protocol::reply::DivergenceReason;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};

use super::*;
use crate::uplink::agreement::{SentEnd, Standing, compare};

const MS: Duration = Duration::from_millis(1);

fn section() -> UplinkSection {
    UplinkSection { batch_events_max: 64, ..UplinkSection::default() }
}

fn machine(acknowledged: u64, newest: u64) -> Machine {
    Machine::new(section(), Epoch(1), Seq(acknowledged), Seq(newest))
}

fn agreed(mark: u64, events: usize) -> Heard {
    Heard {
        verdict: Verdict::Accepted,
        epoch: Epoch(1),
        mark: Seq(mark),
        hash: ChainHash::START,
        agreement: Agreement::Same,
        pause: Duration::ZERO,
        events,
        took: 10 * MS,
    }
}

fn greeted(acknowledged: u64, newest: u64) -> Machine {
    let mut machine = machine(acknowledged, newest);
    machine.heard(MS, &agreed(acknowledged, 0), 0.5);
    machine
}

#[test]
fn the_first_exchange_is_a_heartbeat_however_much_waits() {
    let machine = machine(0, 1_000);
    assert_eq!(machine.next(Time::ZERO), Step::Send { events_max: 0 });
}

#[test]
fn an_event_goes_after_a_moment_and_a_full_batch_at_once() {
    let mut machine = greeted(0, 0);
    let now = MS * 1_000;
    machine.appended(now, Seq(1));
    assert_eq!(machine.next(now), Step::WaitUntil(now + LINGER));
    assert_eq!(machine.next(now + LINGER), Step::Send { events_max: 64 });
    machine.appended(now + MS, Seq(100));
    assert_eq!(machine.next(now + MS), Step::Send { events_max: 64 });
}

#[test]
fn silence_is_broken_by_heartbeats() {
    let machine = greeted(5, 5);
    let heartbeat_at = MS + MS * 10_000;
    assert_eq!(machine.next(MS * 2), Step::WaitUntil(heartbeat_at));
    assert_eq!(machine.next(heartbeat_at), Step::Send { events_max: 0 });
}

#[test]
fn batches_grow_while_central_is_quick_and_shrink_when_it_is_not() {
    let mut machine = Machine::new(UplinkSection::default(), Epoch(1), Seq(0), Seq(1_000_000));
    machine.heard(MS, &agreed(0, 0), 0.5);
    machine.heard(MS, &agreed(500, 500), 0.5);
    assert_eq!(machine.batch_events(), 1_000);
    machine.heard(MS, &Heard { took: MS * 800, ..agreed(1_500, 1_000) }, 0.5);
    assert_eq!(machine.batch_events(), 1_000);
    machine.heard(MS, &Heard { took: MS * 6_000, ..agreed(2_500, 1_000) }, 0.5);
    assert_eq!(machine.batch_events(), 500);
    machine.setback(MS, &Setback::TimedOut(String::new()), 500, 0.5);
    assert_eq!(machine.batch_events(), 250);
    for _ in 0..20 {
        machine.setback(MS, &Setback::TooLarge, machine.batch_events(), 0.5);
    }
    assert_eq!(machine.batch_events(), 1);
}

#[test]
fn a_batch_that_is_not_full_does_not_grow_the_next_one() {
    let mut machine = Machine::new(UplinkSection::default(), Epoch(1), Seq(0), Seq(10));
    machine.heard(MS, &agreed(10, 10), 0.5);
    assert_eq!(machine.batch_events(), 500);
}

#[test]
fn pauses_grow_and_are_bounded_and_a_success_ends_them() {
    let mut machine = greeted(0, 10);
    let unreachable = Setback::Unreachable("refused".into());
    let mut longest = Duration::ZERO;
    for _ in 0..30 {
        machine.setback(Time::ZERO, &unreachable, 0, 1.0);
        let Step::WaitUntil(until) = machine.next(Time::ZERO) else { panic!("it does not wait") };
        assert!(until >= longest && until <= MS * 30_000);
        longest = until;
    }
    assert_eq!(longest, MS * 30_000);
    assert_eq!(machine.state(), UplinkState::Offline);
    machine.heard(MS, &agreed(10, 10), 0.5);
    assert_eq!(machine.state(), UplinkState::Connected);
    machine.setback(Time::ZERO, &unreachable, 0, 0.0);
    assert_eq!(machine.next(Time::ZERO), Step::WaitUntil(PAUSE_MIN));
}

#[test]
fn a_busy_central_is_given_the_time_it_asks_for_and_a_little_more() {
    for (jitter, expected) in [(0.0, 8_000), (1.0, 12_000)] {
        let mut machine = greeted(0, 10);
        machine.setback(Time::ZERO, &Setback::Busy { retry_after: Some(MS * 8_000) }, 10, jitter);
        assert_eq!(machine.next(Time::ZERO), Step::WaitUntil(MS * expected));
    }
    let mut machine = greeted(0, 10);
    machine.heard(Time::ZERO, &Heard { pause: MS * 700, ..agreed(5, 5) }, 0.5);
    assert_eq!(machine.next(Time::ZERO), Step::WaitUntil(MS * 700));
}

#[test]
fn a_disagreement_stops_everything_but_heartbeats_until_it_is_resolved() {
    let diverged = Verdict::Diverged { reason: DivergenceReason::Content, text: "other content at 4".into() };
    let disagreements = [
        Heard { verdict: diverged, ..agreed(5, 5) },
        Heard { agreement: Agreement::Different, ..agreed(5, 5) },
        Heard { agreement: Agreement::Behind, ..agreed(3, 0) },
        Heard { agreement: Agreement::Beyond, ..agreed(500, 0) },
        Heard { epoch: Epoch(2), ..agreed(5, 5) },
        Heard { verdict: Verdict::NewEpoch, epoch: Epoch(0), ..agreed(5, 5) },
    ];
    for heard in disagreements {
        let mut machine = greeted(4, 100);
        assert_eq!(machine.heard(MS, &heard, 0.5), Orders::default(), "{heard:?}");
        assert_eq!(machine.state(), UplinkState::Diverged);
        assert!(!machine.worth_flushing());
        let Step::WaitUntil(until) = machine.next(MS) else { panic!("it does not wait") };
        assert!(until >= MS * 20_000);
        assert_eq!(machine.next(until), Step::Send { events_max: 0 });
        machine.setback(until, &Setback::Unreachable(String::new()), 0, 0.5);
        assert_eq!(machine.state(), UplinkState::Diverged, "a cut does not resolve it");

        let resolved = Heard { verdict: Verdict::NewEpoch, epoch: Epoch(2), ..agreed(4, 0) };
        let orders = machine.heard(until, &resolved, 0.5);
        assert_eq!(orders, Orders { begin_epoch: Some(Epoch(2)), acknowledge: None });
        assert_eq!(machine.state(), UplinkState::Connected);
    }
}

#[test]
fn a_refused_agent_asks_again_slowly_and_goes_on_when_it_is_enabled() {
    let mut machine = greeted(0, 10);
    machine.setback(Time::ZERO, &Setback::Refused("disabled".into()), 10, 0.5);
    assert_eq!(machine.state(), UplinkState::Refused);
    assert_eq!(machine.next(Time::ZERO), Step::WaitUntil(PATIENT));
    assert_eq!(machine.next(PATIENT), Step::Send { events_max: 0 });
    machine.heard(PATIENT, &agreed(0, 0), 0.5);
    assert_eq!(machine.state(), UplinkState::Connected);
}

#[test]
fn an_answer_that_takes_nothing_does_not_make_it_spin() {
    for verdict in [Verdict::Gap, Verdict::Accepted] {
        let mut machine = greeted(5, 10);
        let orders = machine.heard(MS, &Heard { verdict, ..agreed(5, 5) }, 1.0);
        assert_eq!(orders, Orders::default());
        assert!(matches!(machine.next(MS), Step::WaitUntil(until) if until >= MS * 200));
    }
}

// --- The whole protocol, against a model of central, with everything that can go wrong on the way.

/// Central's side of the rule of exactly once.
#[derive(Debug)]
struct Central {
    /// What became facts, in order.
    facts: Vec<u64>,
    hash: ChainHash,
}

impl Central {
    fn take(&mut self, first: u64, events: &[u64], newest: u64) -> (Verdict, Seq, ChainHash) {
        let mark = self.facts.len() as u64;
        let verdict = if newest < mark {
            Verdict::Diverged { reason: DivergenceReason::Rewound, text: String::new() }
        } else if first > mark + 1 {
            Verdict::Gap
        } else {
            for (seq, event) in (first..).zip(events) {
                if seq <= mark {
                    assert_eq!(self.facts[usize::try_from(seq - 1).unwrap()], *event, "other content at {seq}");
                } else {
                    self.facts.push(*event);
                    self.hash = self.hash.next(&raw(*event));
                }
            }
            Verdict::Accepted
        };
        (verdict, Seq(self.facts.len() as u64), self.hash)
    }
}

/// The agent's log: all events ever appended, and how far they are acknowledged.
#[derive(Debug)]
struct Log {
    events: Vec<u64>,
    acknowledged: u64,
    hash: ChainHash,
}

impl Log {
    fn newest(&self) -> u64 {
        self.events.len() as u64
    }

    fn run(&self, from: u64, count: usize) -> &[u64] {
        let from = usize::try_from(from).unwrap();
        &self.events[from..self.events.len().min(from + count)]
    }

    fn hash_at(&self, mark: u64) -> ChainHash {
        let count = usize::try_from(mark - self.acknowledged).unwrap();
        self.run(self.acknowledged, count).iter().fold(self.hash, |hash, event| hash.next(&raw(*event)))
    }
}

fn raw(event: u64) -> RawEvent {
    RawEvent {
        at: UtcMicros(0),
        clock: ClockQuality::Unverified,
        monotonic: Monotonic::default(),
        origin: OriginId(1),
        kind: KindTag(1),
        body: event.to_le_bytes().to_vec(),
    }
}

#[derive(Debug, Clone)]
enum Fault {
    None,
    Append(u8),
    LoseRequest,
    LoseReply,
    DeliverTwice,
    Busy,
    TooLarge,
    /// The process dies after central's answer, before the log has the acknowledgement.
    DieBeforeAcknowledging,
    Die,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        4 => Just(Fault::None),
        4 => (1_u8..200).prop_map(Fault::Append),
        2 => Just(Fault::LoseRequest),
        2 => Just(Fault::LoseReply),
        2 => Just(Fault::DeliverTwice),
        1 => Just(Fault::Busy),
        1 => Just(Fault::TooLarge),
        2 => Just(Fault::DieBeforeAcknowledging),
        1 => Just(Fault::Die),
    ];
    prop::collection::vec(fault, 0..120)
}

struct World {
    central: Central,
    log: Log,
    machine: Machine,
    now: Time,
}

impl World {
    fn new() -> World {
        let log = Log { events: Vec::new(), acknowledged: 0, hash: ChainHash::START };
        let central = Central { facts: Vec::new(), hash: ChainHash::START };
        World { central, machine: machine(0, 0), log, now: Time::ZERO }
    }

    fn restart(&mut self) {
        self.now = Time::ZERO;
        self.machine = machine(self.log.acknowledged, self.log.newest());
    }

    /// Time passes until the machine sends; then the fault strikes.
    fn exchange(&mut self, fault: &Fault) {
        let events_max = loop {
            match self.machine.next(self.now) {
                Step::Send { events_max } => break events_max,
                Step::WaitUntil(until) => {
                    assert!(until > self.now, "it waits for what has passed");
                    self.now = until;
                }
            }
        };
        let first = self.log.acknowledged + 1;
        let events = self.log.run(self.log.acknowledged, events_max).to_vec();
        let timed_out = Setback::TimedOut(String::new());
        match fault {
            Fault::LoseRequest => return self.machine.setback(self.now, &timed_out, events.len(), 0.3),
            Fault::Busy => {
                let busy = Setback::Busy { retry_after: Some(MS * 100) };
                return self.machine.setback(self.now, &busy, events.len(), 0.3);
            }
            Fault::TooLarge => return self.machine.setback(self.now, &Setback::TooLarge, events.len(), 0.3),
            Fault::DeliverTwice => {
                self.central.take(first, &events, self.log.newest());
            }
            _ => {}
        }
        let (verdict, mark, hash) = self.central.take(first, &events, self.log.newest());
        match fault {
            Fault::LoseReply => self.machine.setback(self.now, &timed_out, events.len(), 0.3),
            Fault::DieBeforeAcknowledging => self.restart(),
            _ => self.hear(verdict, mark, hash, events.len()),
        }
    }

    fn hear(&mut self, verdict: Verdict, mark: Seq, hash: ChainHash, events: usize) {
        let log = &self.log;
        let standing = Standing { acknowledged: Seq(log.acknowledged), hash: log.hash, newest: Seq(log.newest()) };
        let last = log.acknowledged + events as u64;
        let end = SentEnd { last: Seq(last), hash: log.hash_at(last) };
        let agreement = match compare(&standing, &end, mark, hash) {
            Agreement::Unread if log.hash_at(mark.0) == hash => Agreement::Same,
            Agreement::Unread => Agreement::Different,
            known => known,
        };
        assert_eq!(agreement, Agreement::Same, "one agent and one central never disagree");
        let heard = Heard { verdict, mark, hash, ..agreed(0, events) };
        let orders = self.machine.heard(self.now, &heard, 0.3);
        assert_eq!(orders.begin_epoch, None);
        if let Some((through, hash)) = orders.acknowledge {
            assert!(through.0 > self.log.acknowledged && through.0 <= self.central.facts.len() as u64);
            assert_eq!(hash, self.log.hash_at(through.0));
            self.log.acknowledged = through.0;
            self.log.hash = hash;
        }
    }

    fn append(&mut self, count: u64) {
        let next = self.log.newest() + 1;
        self.log.events.extend((next..next + count).map(|event| event * 7));
        self.machine.appended(self.now, Seq(self.log.newest()));
    }
}

proptest! {
    #[test]
    fn whatever_happens_on_the_way_every_event_arrives_once_and_in_order(faults in faults()) {
        let mut world = World::new();
        for fault in &faults {
            match fault {
                Fault::Append(count) => world.append(u64::from(*count)),
                Fault::Die => world.restart(),
                fault => world.exchange(fault),
            }
        }
        let mut exchanges = 0;
        while world.log.acknowledged < world.log.newest() {
            world.exchange(&Fault::None);
            exchanges += 1;
            prop_assert!(exchanges <= world.log.newest() + 2, "it makes no progress");
        }
        prop_assert_eq!(&world.central.facts, &world.log.events);
    }
}
