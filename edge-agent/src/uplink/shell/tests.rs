//! Against a real TLS server that misbehaves.

use process::clock::SystemClock;
use protocol::correction::{CorrectedStop, Corrections, SaidAtCentral};
use protocol::enrolment::{EnrolmentCode, KeyFingerprint};
use protocol::event::{Count, CountBasis, EventKind, PieceQuality, RawEvent};
use protocol::id::{AgentId, Name};
use protocol::time::ClockQuality;
use tokio::task::JoinHandle;

use super::*;
use crate::buffer::configuration::BufferSection;
use crate::buffer::{Append, Opening, PendingEvent, system_boot_id};
use crate::identity::NextKey;
use crate::reading::OriginName;
use crate::uplink::enrolment::enrol;
use crate::uplink::fake_central::{FakeCentral, Fault};

const NOVEMBER: UtcMicros = UtcMicros(1_795_000_000_000_000);

/// An agent without sources: a log and an uplink, on real files and sockets.
struct Agent {
    _folder: tempfile::TempDir,
    buffer: Buffer,
    clock: Arc<dyn Clock>,
    board: StatusBoard,
    view: View,
    stopping: CancellationToken,
    uplink: JoinHandle<anyhow::Result<()>>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.uplink.abort();
    }
}

fn quick() -> UplinkSection {
    UplinkSection {
        heartbeat_ms: 60_000,
        connect_timeout_ms: 1_000,
        response_timeout_ms: 1_000,
        retry_max_ms: 100,
        ..UplinkSection::default()
    }
}

impl Agent {
    async fn start(central: &FakeCentral, already: u64) -> Agent {
        let clock = SystemClock::new(1);
        let log = (1..=already).map(|event| append(&clock, event, ClockQuality::Unverified)).collect();
        Agent::with_log(central, central.key.fingerprint, log).await
    }

    async fn with_log(central: &FakeCentral, key: KeyFingerprint, log: Vec<Append>) -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let board = StatusBoard::new(Arc::new(SystemClock::new(0)));
        let opening = Opening {
            data_dir: folder.path(),
            section: &BufferSection::default(),
            clock: Arc::new(SystemClock::new(0)),
            boot_id: system_boot_id(),
            instance_id: 1,
            status: board.subject("buffer", "buffer"),
        };
        let (buffer, opened) = Buffer::open(opening).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(opened.boot));
        let name = |text| Name::new(text).unwrap();
        let identity = NextKey::read_or_make(folder.path()).unwrap().becomes(
            AgentId(uuid::Uuid::from_u128(7)),
            name("line-1"),
            name("north"),
            central.address.clone(),
            key,
        );
        for append in log {
            buffer.append(append).await.unwrap();
        }
        let uplink = Uplink {
            section: quick(),
            identity: Arc::new(identity),
            host: "floor-pc".to_owned(),
            started_at: UtcMicros(1),
            buffer: buffer.clone(),
            clock: Arc::clone(&clock),
            trust: ClockTrust::default(),
            live: LiveView::default(),
            board: board.clone(),
            seed: 7,
        };
        let stopping = CancellationToken::new();
        let (view, uplink) = uplink.start(stopping.clone()).unwrap();
        Agent { _folder: folder, buffer, clock, board, view, stopping, uplink: tokio::spawn(uplink) }
    }

    async fn append(&self, event: u64) {
        self.buffer.append(append(&*self.clock, event, ClockQuality::Unverified)).await.unwrap();
    }

    async fn acknowledged(&self, through: u64) {
        until("everything is acknowledged", async || self.buffer.position().await.unwrap().acknowledged.0 == through)
            .await;
    }

    async fn is(&self, state: UplinkState) {
        until("the state is reached", async || self.view.borrow().state == state).await;
    }

    fn reason(&self, subject: &str) -> String {
        let snapshot = self.board.snapshot();
        snapshot.into_iter().find(|it| it.condition.subject == subject).unwrap().condition.reason
    }
}

fn append(clock: &dyn Clock, event: u64, quality: ClockQuality) -> Append {
    let now = clock.now();
    let at = if quality == ClockQuality::Wrong { UtcMicros(now.monotonic.us.cast_signed()) } else { now.wall };
    let count = Count {
        signal: Name::new("good").unwrap(),
        quality: PieceQuality::Good,
        delta: 1,
        raw: Some(event.cast_signed()),
        basis: CountBasis::Increase,
    };
    let event = PendingEvent {
        origin: OriginName::machine(Name::new("press-1").unwrap()),
        at,
        clock: quality,
        monotonic: now.monotonic,
        kind: EventKind::Count(count),
    };
    Append { events: vec![event], ..Append::default() }
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 20 s until {what}");
}

fn numbers(facts: &[RawEvent]) -> Vec<i64> {
    let raw = |event: &RawEvent| match event.decode_kind().unwrap() {
        EventKind::Count(count) => count.raw.unwrap(),
        other => panic!("{other:?}"),
    };
    facts.iter().map(raw).collect()
}

#[tokio::test]
async fn events_arrive_once_and_in_order_although_central_misbehaves_in_every_way() {
    let central = FakeCentral::start(&[
        Fault::Close,
        Fault::Silence,
        Fault::Nonsense,
        Fault::At(NOVEMBER), // the heartbeat gets through
        Fault::CommitAndClose,
        Fault::CommitAndCutBody,
        Fault::Busy,
        Fault::CommitAndAnswerLate,
        Fault::TooLarge,
        Fault::CommitAndClose,
    ])
    .await;
    central.with(|ledger| ledger.ignored_connections = 1);
    let agent = Agent::start(&central, 0).await;
    for event in 1..=40 {
        agent.append(event).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    agent.acknowledged(40).await;
    until("every fault has struck", async || central.with(|ledger| ledger.faults.is_empty())).await;
    assert_eq!(central.with(|ledger| numbers(&ledger.facts)), (1..=40).collect::<Vec<_>>());
    assert!(agent.view.borrow().failures >= 8);
    agent.is(UplinkState::Connected).await;
    assert_eq!(agent.reason("central"), "");
}

#[tokio::test]
async fn a_backlog_of_many_batches_arrives_once_and_in_order() {
    let central = FakeCentral::start(&[
        Fault::At(NOVEMBER), // the heartbeat gets through
        Fault::At(NOVEMBER),
        Fault::CommitAndClose,
        Fault::TooLarge,
        Fault::At(NOVEMBER),
        Fault::Close,
    ])
    .await;
    let clock = SystemClock::new(1);
    let events = (1..=6_000).flat_map(|event| append(&clock, event, ClockQuality::Unverified).events).collect();
    let log = vec![Append { events, ..Append::default() }];
    let agent = Agent::with_log(&central, central.key.fingerprint, log).await;
    agent.acknowledged(6_000).await;
    until("every fault has struck", async || central.with(|ledger| ledger.faults.is_empty())).await;
    assert_eq!(central.with(|ledger| numbers(&ledger.facts)), (1..=6_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_first_batch_is_a_heartbeat_with_status_and_an_append_wakes_the_uplink() {
    let central = FakeCentral::start(&[]).await;
    let agent = Agent::start(&central, 3).await;
    agent.acknowledged(3).await;
    agent.append(4).await;
    agent.acknowledged(4).await;
    let batches = central.with(|ledger| ledger.batches.clone());
    assert_eq!((batches[0].first_seq, batches[0].newest_seq), (Seq(1), Seq(3)));
    let status = batches[0].status.as_ref().unwrap();
    assert_eq!((status.host.as_str(), status.backlog_events), ("floor-pc", 3));
    assert!(batches[1].origins.iter().any(|origin| &*origin.name == "press-1"));
    assert!(batches.iter().skip(2).any(|batch| batch.status.is_none()), "an unchanged status is not repeated");
    let (revision, master_data) = agent.buffer.master_data().await.unwrap();
    assert_eq!((revision, master_data.is_some()), (3, true));
    assert_eq!(batches.last().unwrap().master_data_revision, 3);
}

fn corrections(revision: u128, stops: &[i64]) -> Corrections {
    let stop = |stop: &i64| CorrectedStop {
        machine: Name::new("press-1").unwrap(),
        stop: *stop,
        began_at: NOVEMBER,
        reason: None,
        split: Some(SaidAtCentral { by: "Eve".to_owned(), at: NOVEMBER }),
    };
    Corrections { revision: Uuid::from_u128(revision), stops: stops.iter().map(stop).collect() }
}

#[tokio::test]
async fn what_was_said_at_central_is_asked_for_when_it_is_another_and_takes_the_place_of_what_was_told_before() {
    let central = FakeCentral::start(&[]).await;
    let agent = Agent::start(&central, 1).await;
    agent.acknowledged(1).await;
    let mut appended = 1;
    // Said, said again, restored from a backup, from one of before anything was said.
    for told in [corrections(7, &[-1]), corrections(8, &[-1, -2]), corrections(7, &[-1]), corrections(0, &[])] {
        central.with(|ledger| ledger.corrections = Some(told.clone()));
        appended += 1;
        agent.append(appended).await;
        until("it is stored", async || agent.buffer.corrections().await.unwrap() == told).await;
        appended += 1;
        agent.append(appended).await;
        agent.acknowledged(appended).await;
    }
    assert_eq!(central.with(|ledger| ledger.corrections_asked), 4, "once for each");
    assert_eq!(agent.view.borrow().failures, 0);
}

#[tokio::test]
async fn a_central_that_knows_of_no_corrections_is_not_asked_and_leaves_what_is_stored() {
    let central = FakeCentral::start(&[]).await;
    let agent = Agent::start(&central, 1).await;
    agent.buffer.set_corrections(&corrections(7, &[-1])).await.unwrap();
    agent.append(2).await;
    agent.acknowledged(2).await;
    assert_eq!(central.with(|ledger| ledger.corrections_asked), 0);
    assert_eq!(agent.buffer.corrections().await.unwrap(), corrections(7, &[-1]));
}

#[tokio::test]
async fn an_answer_about_corrections_that_does_not_come_holds_up_nothing() {
    // The batch is answered, what follows it is not.
    let central = FakeCentral::start(&[Fault::At(NOVEMBER), Fault::Close]).await;
    central.with(|ledger| ledger.corrections = Some(corrections(7, &[-1])));
    let agent = Agent::start(&central, 1).await;
    agent.acknowledged(1).await;
    agent.append(2).await;
    agent.acknowledged(2).await;
    assert_eq!(agent.buffer.corrections().await.unwrap(), Corrections::default());
    agent.is(UplinkState::Connected).await;
}

#[tokio::test]
async fn a_server_with_another_key_gets_nothing_and_is_named() {
    let impostor = FakeCentral::start(&[]).await;
    let agent = Agent::with_log(&impostor, KeyFingerprint([1; 32]), Vec::new()).await;
    agent.is(UplinkState::Offline).await;
    let reason = agent.reason("central");
    assert!(reason.contains(&impostor.key.fingerprint.to_string()) && reason.contains("not central's"), "{reason}");
    assert!(impostor.with(|ledger| ledger.batches.is_empty()));
}

#[tokio::test]
async fn a_divergence_keeps_everything_here_and_is_told() {
    let central = FakeCentral::start(&[Fault::Diverged]).await;
    let agent = Agent::start(&central, 3).await;
    agent.is(UplinkState::Diverged).await;
    let reason = agent.reason("central");
    assert!(reason.starts_with("diverged: ") && reason.contains("other content at event 1"), "{reason}");
    assert_eq!(agent.buffer.position().await.unwrap().backlog_events, 3);
}

#[tokio::test]
async fn an_acknowledgement_of_another_history_is_not_believed() {
    let central = FakeCentral::start(&[]).await;
    // Central has three events of this agent, but not these.
    central.with(|ledger| {
        let other = RawEvent {
            at: NOVEMBER,
            clock: ClockQuality::Unverified,
            monotonic: protocol::time::Monotonic::default(),
            origin: protocol::id::OriginId(1),
            kind: protocol::event::KindTag(0),
            body: Vec::new(),
        };
        ledger.facts = vec![other; 3];
        ledger.hash = Some(ChainHash([9; 16]));
    });
    let agent = Agent::start(&central, 5).await;
    agent.is(UplinkState::Diverged).await;
    assert_eq!(agent.buffer.position().await.unwrap().acknowledged, Seq(0));
    assert!(agent.reason("central").contains("other content up to event 3"), "{}", agent.reason("central"));
}

#[tokio::test]
async fn a_resolved_divergence_goes_on_in_the_new_epoch() {
    let central = FakeCentral::start(&[]).await;
    central.with(|ledger| ledger.epoch = 2);
    let agent = Agent::start(&central, 3).await;
    agent.acknowledged(3).await;
    assert_eq!(agent.buffer.position().await.unwrap().epoch, protocol::id::Epoch(2));
    assert_eq!(central.with(|ledger| numbers(&ledger.facts)), [1, 2, 3]);
}

#[tokio::test]
async fn what_was_committed_before_the_agent_knew_is_acknowledged_without_sending_it_again() {
    let central = FakeCentral::start(&[]).await;
    let clock = SystemClock::new(1);
    let log: Vec<Append> = (1..=5).map(|event| append(&clock, event, ClockQuality::Unverified)).collect();
    let first = Agent::with_log(&central, central.key.fingerprint, log.clone()).await;
    first.acknowledged(5).await;
    drop(first);
    // The same log as it was before the answer: killed before it had the acknowledgement.
    let restarted = Agent::with_log(&central, central.key.fingerprint, log).await;
    restarted.append(6).await;
    restarted.acknowledged(6).await;
    assert_eq!(central.with(|ledger| numbers(&ledger.facts)), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn events_of_a_wrong_clock_get_their_right_time_before_they_are_sent() {
    let central = FakeCentral::start(&[Fault::At(NOVEMBER)]).await;
    let agent = Agent::start(&central, 0).await;
    agent.is(UplinkState::Connected).await;
    agent.buffer.append(append(&*agent.clock, 1, ClockQuality::Wrong)).await.unwrap();
    agent.acknowledged(1).await;
    let fact = central.with(|ledger| ledger.facts[0].clone());
    assert_eq!(fact.clock, ClockQuality::Restamped);
    // Captured within the minute after central's clock said November.
    assert!((0..60_000_000).contains(&fact.at.since(NOVEMBER)), "{:?}", fact.at);
}

#[tokio::test]
async fn a_process_that_stops_sends_what_it_has() {
    let central = FakeCentral::start(&[]).await;
    let mut agent = Agent::start(&central, 0).await;
    agent.is(UplinkState::Connected).await;
    agent.append(1).await;
    agent.stopping.cancel();
    (&mut agent.uplink).await.unwrap().unwrap();
    assert_eq!(central.with(|ledger| numbers(&ledger.facts)), [1]);
    assert_eq!(agent.buffer.position().await.unwrap().acknowledged, Seq(1));
}

#[tokio::test]
async fn a_process_whose_central_is_silent_stops_all_the_same() {
    let central = FakeCentral::start(&[]).await;
    central.with(|ledger| ledger.ignored_connections = usize::MAX);
    let mut agent = Agent::start(&central, 1).await;
    agent.stopping.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(20), &mut agent.uplink).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_enrolment_sends_the_secret_to_central_and_to_nobody_else() {
    let central = FakeCentral::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = central.key.fingerprint;
    let code = |first: u8| {
        let mut central_key: [u8; 16] = fingerprint.0[..16].try_into().unwrap();
        central_key[0] ^= first;
        EnrolmentCode { address: central.address.clone(), central_key, secret: [0xab; 10] }
    };
    let error = enrol(code(1), folder.path(), "floor-pc".into()).await.unwrap_err();
    assert!(format!("{error:#}").contains("not central's"), "{error:#}");
    assert!(central.with(|ledger| ledger.enrolments.is_empty()));

    let identity = enrol(code(0), folder.path(), "floor-pc".into()).await.unwrap();
    assert_eq!((identity.name.as_str(), identity.plant.as_str()), ("line-1", "north"));
    assert_eq!((identity.central_key, &identity.address), (fingerprint, &central.address));
    central.with(|ledger| {
        assert_eq!(ledger.enrolments.len(), 1);
        assert_eq!(ledger.enrolments[0]["secret"], "abababababababababab");
    });
}
