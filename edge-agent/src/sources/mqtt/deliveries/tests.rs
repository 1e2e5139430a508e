use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn source() -> Name {
    Name::new("broker").unwrap()
}

/// What the agent's log would hold: one receipt per key.
#[derive(Debug, Default, Clone)]
struct Log(BTreeMap<u32, Receipt>);

impl Log {
    fn commit(&mut self, receipt: Option<Receipt>) {
        if let Some(receipt) = receipt {
            self.0.insert(receipt.key, receipt);
        }
    }

    fn open(&self) -> Deliveries {
        Deliveries::new(source(), self.0.values().cloned().collect())
    }
}

fn arrival<'m>(packet_id: u16, payload: &'m [u8], again: bool) -> Arrival<'m> {
    Arrival { topic: b"t", payload, packet_id: Some(packet_id), again, message_id: None }
}

/// Judges and, where new, commits at once. Returns whether it was new.
fn take(deliveries: &mut Deliveries, log: &mut Log, arrival: &Arrival<'_>) -> bool {
    match deliveries.judge(arrival) {
        Verdict::New(mark) => {
            let (seen, receipt) = deliveries.submit(mark);
            log.commit(receipt);
            deliveries.stored(seen.serial);
            deliveries.received(arrival.packet_id.unwrap(), seen);
            true
        }
        Verdict::Duplicate(seen) => {
            deliveries.received(arrival.packet_id.unwrap(), seen);
            false
        }
    }
}

fn begun(log: &mut Log, present: bool) -> Deliveries {
    let mut deliveries = log.open();
    log.commit(deliveries.begin_session(present, b"salt").note);
    deliveries
}

#[test]
fn a_message_that_comes_again_after_a_restart_is_only_acknowledged() {
    let mut log = Log::default();
    let mut before = begun(&mut log, false);
    assert!(take(&mut before, &mut log, &arrival(1, b"1", false)));
    let mut after = begun(&mut log, true);
    assert!(!take(&mut after, &mut log, &arrival(1, b"1", true)));
    assert_eq!(after.next_acknowledgement(), Some(1));
    assert!(take(&mut after, &mut log, &arrival(2, b"1", true)), "another identifier was never committed");
    assert!(take(&mut after, &mut log, &arrival(1, b"2", true)), "another content was never committed");
}

#[test]
fn a_message_that_is_not_marked_is_new_whatever_its_content() {
    let mut log = Log::default();
    let mut deliveries = begun(&mut log, false);
    for _ in 0..3 {
        assert!(take(&mut deliveries, &mut log, &arrival(1, b"1", false)));
    }
}

#[test]
fn what_is_on_its_way_is_not_submitted_twice_and_acknowledged_when_it_is_durable() {
    let mut deliveries = begun(&mut Log::default(), false);
    let Verdict::New(mark) = deliveries.judge(&arrival(5, b"1", false)) else { panic!() };
    let (seen, _) = deliveries.submit(mark);
    deliveries.received(5, seen);
    assert_eq!(deliveries.next_acknowledgement(), None);
    deliveries.begin_session(true, b"");
    let Verdict::Duplicate(again) = deliveries.judge(&arrival(5, b"1", true)) else { panic!() };
    deliveries.received(5, again);
    assert_eq!(deliveries.next_acknowledgement(), None, "not yet durable");
    deliveries.stored(deliveries.serial());
    assert_eq!(deliveries.next_acknowledgement(), Some(5));
    assert_eq!(deliveries.next_acknowledgement(), None, "the former connection's acknowledgement is void");
}

#[test]
fn acknowledgements_leave_in_the_order_of_receipt() {
    let mut deliveries = begun(&mut Log::default(), false);
    let mut serials = Vec::new();
    for id in [9, 3, 7] {
        let Verdict::New(mark) = deliveries.judge(&arrival(id, b"x", false)) else { panic!() };
        let (seen, _) = deliveries.submit(mark);
        serials.push(seen.serial);
        deliveries.received(id, seen);
    }
    deliveries.stored(serials[1]);
    assert_eq!(deliveries.next_acknowledgement(), Some(9));
    assert_eq!(deliveries.next_acknowledgement(), Some(3));
    assert_eq!(deliveries.next_acknowledgement(), None);
}

#[test]
fn a_lost_session_is_told_once_and_voids_its_receipts() {
    let mut log = Log::default();
    assert!(!log.open().begin_session(false, b"").lost, "there was none before");
    let mut before = begun(&mut log, false);
    take(&mut before, &mut log, &arrival(1, b"1", false));
    let mut after = log.open();
    let start = after.begin_session(false, b"later");
    assert!(start.lost);
    log.commit(start.note);
    assert!(take(&mut after, &mut log, &arrival(1, b"1", true)));
    let mut last = log.open();
    assert_eq!(last.begin_session(true, b""), SessionStart { lost: false, note: None });
    assert!(!take(&mut last, &mut log, &arrival(1, b"1", true)));
}

#[test]
fn an_id_of_its_own_is_recognised_whatever_the_packet_and_the_session() {
    let mut log = Log::default();
    let mut deliveries = begun(&mut log, false);
    let with_id = |packet_id, id| Arrival { message_id: Some(id), ..arrival(packet_id, b"1", false) };
    assert!(take(&mut deliveries, &mut log, &with_id(1, "a")));
    assert!(!take(&mut deliveries, &mut log, &with_id(2, "a")));
    let mut after = begun(&mut log, false);
    assert!(!take(&mut after, &mut log, &with_id(1, "a")));
    assert!(take(&mut after, &mut log, &with_id(1, "b")));
}

#[test]
fn an_identifier_that_returns_at_once_counts_again_after_the_broker_has_read_the_acknowledgement() {
    let mut log = Log::default();
    let mut deliveries = begun(&mut log, false);
    for _ in 0..2 {
        assert!(take(&mut deliveries, &mut log, &arrival(1, b"1", false)));
        assert_eq!(deliveries.next_acknowledgement(), Some(1));
        assert!(deliveries.wants_ping());
        deliveries.pinged();
        assert!(!deliveries.wants_ping());
        // The second time the identifier is seen to return before the broker answered.
        assert!(take(&mut deliveries, &mut log, &arrival(1, b"1", false)));
        assert_eq!(deliveries.next_acknowledgement(), Some(1));
        let note = deliveries.answered();
        log.commit(note);
        deliveries.pinged();
        let note = deliveries.answered();
        log.commit(note);
    }
    // The next one was lost on its way: it is sent again with the mark, and it is new. After a restart, too.
    let mut restarted = begun(&mut log, true);
    assert!(take(&mut restarted, &mut log.clone(), &arrival(1, b"1", true)));
    deliveries.begin_session(true, b"");
    assert!(take(&mut deliveries, &mut log, &arrival(1, b"1", true)));
}

#[test]
fn receipts_are_bounded() {
    let mut log = Log::default();
    let mut deliveries = begun(&mut log, false);
    for n in 0..6 * WINDOW {
        let packet_id = u16::try_from(n % 65_535).unwrap() + 1;
        let text = n.to_string();
        let message_id = (n % 3 == 0).then_some(text.as_str());
        assert!(take(&mut deliveries, &mut log, &Arrival { message_id, ..arrival(packet_id, b"1", false) }));
    }
    assert!(log.0.len() < 8_192, "{}", log.0.len());
    assert!(deliveries.ids.order.len() as u64 <= WINDOW);
    assert!(deliveries.packets.serials.len() as u64 <= WINDOW);
    assert!(deliveries.packets.order.len() as u64 <= WINDOW);
}

/// A broker as the standard describes it, with one subscriber: what is under way is sent again in order, marked, before
/// anything new. Identifiers are given in sequence, of which there are few, so that they return.
#[derive(Debug)]
struct Broker {
    published: u32,
    queued: u32,
    under_way: Vec<(u16, u32)>,
    last_id: u16,
    ids: u16,
    in_flight_max: usize,
}

impl Broker {
    fn next(&mut self) -> Option<(u16, u32)> {
        if self.queued == self.published || self.under_way.len() == self.in_flight_max {
            return None;
        }
        self.queued += 1;
        self.last_id = self.last_id % self.ids + 1;
        self.under_way.push((self.last_id, self.queued));
        self.under_way.last().copied()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish,
    /// The broker sends, and the agent takes.
    Deliver,
    /// The broker sends, and it does not arrive: the connection is lost.
    LoseDelivery,
    /// The oldest submission becomes durable.
    Store,
    Acknowledge,
    /// An acknowledgement leaves and does not arrive: the connection is lost.
    LoseAcknowledgement,
    /// A ping, and its answer.
    Ping,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Publish),
        8 => Just(Step::Deliver),
        1 => Just(Step::LoseDelivery),
        6 => Just(Step::Store),
        6 => Just(Step::Acknowledge),
        1 => Just(Step::LoseAcknowledgement),
        1 => Just(Step::Ping),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 0..400)
}

/// Agent and broker, under whatever happens between them.
struct World {
    broker: Broker,
    agent: Deliveries,
    log: Log,
    queue: VecDeque<(Seen, Option<Receipt>)>,
    counted: u32,
    submitted: u32,
}

const DELTA: &[u8] = b"1";

impl World {
    fn deliver(&mut self, id: u16, again: bool) {
        match self.agent.judge(&arrival(id, DELTA, again)) {
            Verdict::New(mark) => {
                let (seen, receipt) = self.agent.submit(mark);
                self.queue.push_back((seen, receipt));
                self.submitted += 1;
                self.agent.received(id, seen);
            }
            Verdict::Duplicate(seen) => self.agent.received(id, seen),
        }
    }

    fn reconnect(&mut self) {
        let note = self.agent.begin_session(true, b"").note;
        self.log.commit(note);
        for (id, _) in self.broker.under_way.clone() {
            self.deliver(id, true);
        }
    }

    fn store(&mut self) {
        if let Some((seen, receipt)) = self.queue.pop_front() {
            self.log.commit(receipt);
            self.counted += 1;
            self.agent.stored(seen.serial);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Publish => self.broker.published += 1,
            Step::Deliver => {
                if let Some((id, _)) = self.broker.next() {
                    self.deliver(id, false);
                }
            }
            Step::LoseDelivery => {
                self.broker.next();
                self.reconnect();
            }
            Step::Store => self.store(),
            Step::Acknowledge => {
                if let Some(id) = self.agent.next_acknowledgement() {
                    assert_eq!(self.broker.under_way.first().map(|it| it.0), Some(id), "in order");
                    self.broker.under_way.remove(0);
                }
            }
            Step::LoseAcknowledgement => {
                self.agent.next_acknowledgement();
                self.reconnect();
            }
            Step::Ping => {
                self.agent.pinged();
                let note = self.agent.answered();
                self.log.commit(note);
            }
            Step::Kill => {
                self.queue.clear();
                self.agent = self.log.open();
                self.reconnect();
            }
        }
    }
}

proptest! {
    #[test]
    fn identical_deltas_count_exactly_once_whatever_is_lost_or_killed(steps in steps()) {
        let mut log = Log::default();
        let agent = begun(&mut log, false);
        // More identifiers than steps: what a sequence of 65,535 is to a window of 4,000.
        let broker = Broker { published: 0, queued: 0, under_way: vec![], last_id: 0, ids: 1_000, in_flight_max: 20 };
        let mut world = World { broker, agent, log, queue: VecDeque::new(), counted: 0, submitted: 0 };
        for step in &steps {
            world.step(step);
            prop_assert!(world.counted <= world.broker.published);
        }
        for _ in 0..2_000 {
            for step in [Step::Deliver, Step::Store, Step::Acknowledge] {
                world.step(&step);
            }
        }
        prop_assert_eq!(world.counted, world.broker.published);
        prop_assert!(world.broker.under_way.is_empty());
    }
}
