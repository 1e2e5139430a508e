//! What goes in comes out; what is wrong is refused, and before anything is allocated for it.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use proptest::prelude::*;
use protocol::batch::{AgentStatus, Batch, Condition, Health, LiveMachine, Origin, OriginKind};
use protocol::chain::ChainHash;
use protocol::codec::{self, DecodeError, EncodeError, HEADER_BYTES, Header};
use protocol::event::{
    Alarm, Count, CountBasis, DowntimeEntry, EventKind, Gap, GapCause, Gs1Element, JobAction, JobEntry, KindTag,
    MachineState, MeasuredValue, Measurement, PieceEntry, PieceQuality, RawEvent, Scan, ShiftLogEntry, StateChange,
    StopDetection,
};
use protocol::id::{AgentId, Epoch, Instance, Name, OriginId, Seq, StopId};
use protocol::limits::{
    COMPRESSION_RATIO_MAX, CONTENT_BYTES_MAX, EVENT_BODY_BYTES_MAX, EVENTS_PER_BATCH_MAX, FRAME_BYTES_MAX, ORIGINS_MAX,
};
use protocol::master_data::{MasterData, Product};
use protocol::reply::{DivergenceReason, Reply, Verdict};
use protocol::time::{ClockQuality, Monotonic, UtcMicros};

fn name() -> impl Strategy<Value = Name> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}".prop_map(|text| Name::new(&text).unwrap())
}

fn utc() -> impl Strategy<Value = UtcMicros> {
    any::<i64>().prop_map(UtcMicros)
}

fn state() -> impl Strategy<Value = MachineState> {
    prop::sample::select(MachineState::ALL.to_vec())
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,40}"
}

fn count() -> impl Strategy<Value = EventKind> {
    let quality = prop::sample::select(vec![PieceQuality::Good, PieceQuality::Scrap, PieceQuality::Rework]);
    let basis = prop::sample::select(vec![
        CountBasis::Increase,
        CountBasis::Rollover,
        CountBasis::Reset,
        CountBasis::Baseline,
        CountBasis::Delta,
        CountBasis::Entry,
    ]);
    (name(), quality, any::<i64>(), any::<Option<i64>>(), basis)
        .prop_map(|(signal, quality, delta, raw, basis)| EventKind::Count(Count { signal, quality, delta, raw, basis }))
}

fn scan() -> impl Strategy<Value = EventKind> {
    let element = ("[0-9]{2,4}", text()).prop_map(|(ai, value)| Gs1Element { ai, value });
    (
        name(),
        prop::collection::vec(any::<u8>(), 0..200),
        prop::option::of("[A-Za-z][0-9]"),
        prop::collection::vec(element, 0..8),
        prop::option::of(text()),
    )
        .prop_map(|(source, raw, symbology, elements, problem)| {
            EventKind::Scan(Scan { source, raw, symbology, elements, problem })
        })
}

fn downtime() -> impl Strategy<Value = EventKind> {
    let detection = || prop::sample::select(vec![StopDetection::State, StopDetection::MissingCounts]);
    let stop = || any::<u64>().prop_map(StopId);
    let operator = || prop::option::of(text());
    prop_oneof![
        (stop(), state(), detection()).prop_map(|(stop, state, detected_by)| DowntimeEntry::Began {
            stop,
            state,
            detected_by
        }),
        (stop(), utc(), any::<i64>(), state(), detection(), any::<bool>()).prop_map(
            |(stop, began_at, lasted_us, state, detected_by, micro)| DowntimeEntry::Ended {
                stop,
                began_at,
                lasted_us,
                state,
                detected_by,
                micro
            }
        ),
        (stop(), text(), operator()).prop_map(|(stop, reason, operator)| DowntimeEntry::Reason {
            stop,
            reason,
            operator
        }),
        (stop(), text(), operator()).prop_map(|(stop, note, operator)| DowntimeEntry::Note { stop, note, operator }),
        (stop(), utc(), stop(), operator()).prop_map(|(stop, from, new_stop, operator)| DowntimeEntry::Split {
            stop,
            from,
            new_stop,
            operator
        }),
    ]
    .prop_map(EventKind::Downtime)
}

fn entry() -> impl Strategy<Value = EventKind> {
    let action = prop::sample::select(vec![JobAction::Start, JobAction::Pause, JobAction::Finish, JobAction::Switch]);
    prop_oneof![
        (action, text(), prop::option::of(text()))
            .prop_map(|(action, work_order, operator)| EventKind::Job(JobEntry { action, work_order, operator })),
        text().prop_map(|operator| EventKind::ShiftLog(ShiftLogEntry::OperatorOn { operator })),
        text().prop_map(|operator| EventKind::ShiftLog(ShiftLogEntry::OperatorOff { operator })),
        (prop::option::of(text()), text())
            .prop_map(|(operator, note)| EventKind::ShiftLog(ShiftLogEntry::Note { operator, note })),
        (any::<u128>(), any::<[u32; 3]>(), prop::option::of(text()), any::<[bool; 2]>(), text()).prop_map(
            |(id, [good, scrap, rework], reason, [counted_as_good, takes_back], text)| {
                EventKind::PieceEntry(PieceEntry {
                    id,
                    good,
                    scrap,
                    rework,
                    reason,
                    counted_as_good,
                    takes_back,
                    work_order: Some(text.clone()),
                    operator: Some(text),
                })
            }
        ),
    ]
}

fn measurement() -> impl Strategy<Value = EventKind> {
    let value = prop_oneof![
        // NaN equals nothing, itself included.
        any::<f64>().prop_filter("a number", |number| !number.is_nan()).prop_map(MeasuredValue::Number),
        text().prop_map(MeasuredValue::Text),
        any::<bool>().prop_map(MeasuredValue::Bool),
    ];
    (name(), value, prop::option::of(text()))
        .prop_map(|(signal, value, unit)| EventKind::Measurement(Measurement { signal, value, unit }))
}

fn kind() -> impl Strategy<Value = EventKind> {
    let cause = prop::sample::select(vec![
        GapCause::BufferFull,
        GapCause::BufferCorrupt,
        GapCause::BrokerSessionLost,
        GapCause::SourceSequence,
    ]);
    prop_oneof![
        4 => count(),
        2 => (state(), prop::option::of(text()), prop::option::of(text()))
            .prop_map(|(state, source_code, reason)| EventKind::State(StateChange { state, source_code, reason })),
        1 => scan(),
        1 => downtime(),
        1 => entry(),
        1 => measurement(),
        1 => (name(), text(), text(), any::<bool>())
            .prop_map(|(subject, code, text, active)| EventKind::Alarm(Alarm { subject, code, text, active })),
        1 => (cause, name(), any::<Option<u64>>(), utc(), utc(), text())
            .prop_map(|(cause, subject, lost, from, to, text)| {
                EventKind::Gap(Gap { cause, subject, lost, from, to, text })
            }),
        1 => Just(EventKind::Dropped),
        1 => (1_000_u16.., prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(tag, body)| EventKind::Unknown { tag: KindTag(tag), body }),
    ]
}

fn event() -> impl Strategy<Value = RawEvent> {
    let clock = prop::sample::select(vec![
        ClockQuality::Synchronized,
        ClockQuality::Unverified,
        ClockQuality::Wrong,
        ClockQuality::Restamped,
        ClockQuality::Source,
    ]);
    (utc(), clock, any::<u32>(), any::<u64>(), any::<u16>(), kind()).prop_map(|(at, clock, boot, us, origin, kind)| {
        RawEvent::new(at, clock, Monotonic { boot, us }, OriginId(origin), &kind)
    })
}

fn status() -> impl Strategy<Value = AgentStatus> {
    let health = prop::sample::select(vec![Health::Starting, Health::Good, Health::Degraded, Health::Down]);
    let condition = (text(), text(), health, text(), utc())
        .prop_map(|(subject, kind, health, reason, since)| Condition { subject, kind, health, reason, since });
    (text(), text(), utc(), any::<u64>(), prop::option::of(utc()), prop::collection::vec(condition, 0..4)).prop_map(
        |(version, host, started_at, number, backlog_oldest_at, conditions)| AgentStatus {
            version,
            host,
            started_at,
            backlog_events: number,
            backlog_oldest_at,
            buffer_bytes: number / 2,
            buffer_bytes_max: number,
            poison_messages: number / 3,
            dropped_events: number / 4,
            conditions,
        },
    )
}

fn batch() -> impl Strategy<Value = Batch> {
    let origin =
        (any::<u16>(), name()).prop_map(|(id, name)| Origin { id: OriginId(id), kind: OriginKind::Machine, name });
    let live = (any::<u16>(), state(), utc(), any::<i64>(), prop::option::of(utc())).prop_map(
        |(origin, state, state_since, good, last_reading_at)| LiveMachine {
            origin: OriginId(origin),
            state,
            state_since,
            good,
            scrap: good / 2,
            rework: 0,
            last_reading_at,
        },
    );
    (
        (any::<u128>(), any::<u32>(), any::<u32>(), any::<u64>()),
        (1_u64..u64::MAX / 2, any::<[u8; 16]>(), any::<u64>(), utc(), any::<u64>()),
        prop::collection::vec(origin, 0..5),
        prop::collection::vec(live, 0..5),
        prop::option::of(status()),
        prop::collection::vec(event(), 0..40),
    )
        .prop_map(
            |(
                (agent, epoch, starts, id),
                (first_seq, previous, newest, sent_at, revision),
                origins,
                live,
                status,
                events,
            )| Batch {
                agent: AgentId(uuid::Uuid::from_u128(agent)),
                epoch: Epoch(epoch),
                instance: Instance { starts, id },
                first_seq: Seq(first_seq),
                previous: ChainHash(previous),
                newest_seq: Seq(newest),
                sent_at,
                master_data_revision: revision,
                origins,
                live,
                status,
                events,
            },
        )
}

fn reply() -> impl Strategy<Value = Reply> {
    let verdict = prop_oneof![
        Just(Verdict::Accepted),
        Just(Verdict::Gap),
        text().prop_map(|text| Verdict::Diverged { reason: DivergenceReason::Copied, text }),
        Just(Verdict::NewEpoch),
    ];
    let product = (text(), text(), any::<Option<u64>>()).prop_map(|(code, title, ideal_cycle_ms)| Product {
        code,
        title,
        ideal_cycle_ms,
    });
    let master_data = (text(), prop::collection::vec(product, 0..20)).prop_map(|(time_zone, products)| MasterData {
        time_zone,
        products,
        ..MasterData::default()
    });
    (verdict, any::<u32>(), any::<u64>(), any::<[u8; 16]>(), utc(), any::<u32>(), prop::option::of(master_data))
        .prop_map(|(verdict, epoch, acknowledged, hash, server_time, pause_ms, master_data)| Reply {
            verdict,
            epoch: Epoch(epoch),
            acknowledged: Seq(acknowledged),
            hash: ChainHash(hash),
            server_time,
            pause_ms,
            master_data_revision: acknowledged,
            master_data,
        })
}

proptest! {
    #[test]
    fn a_batch_survives_the_wire(batch in batch()) {
        prop_assert_eq!(codec::decode::<Batch>(&codec::encode(&batch).unwrap()), Ok(batch));
    }

    #[test]
    fn a_reply_survives_the_wire(reply in reply()) {
        prop_assert_eq!(codec::decode::<Reply>(&codec::encode(&reply).unwrap()), Ok(reply));
    }

    #[test]
    fn a_kind_of_event_survives_its_body(kind in kind()) {
        prop_assert_eq!(EventKind::decode(kind.tag(), &kind.body()), Ok(kind));
    }

    #[test]
    fn any_cut_is_noticed(batch in batch(), at in any::<prop::sample::Index>()) {
        let frame = codec::encode(&batch).unwrap();
        let cut = codec::decode::<Batch>(&frame[..at.index(frame.len())]);
        prop_assert!(matches!(cut, Err(DecodeError::CutShort { .. })), "{:?}", cut);
    }

    #[test]
    fn any_surplus_is_noticed(batch in batch(), surplus in prop::collection::vec(any::<u8>(), 1..50)) {
        let mut frame = codec::encode(&batch).unwrap();
        frame.extend_from_slice(&surplus);
        prop_assert_eq!(codec::decode::<Batch>(&frame), Err(DecodeError::Trailing { found: surplus.len() }));
    }

    #[test]
    fn a_flipped_bit_never_panics(batch in batch(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut frame = codec::encode(&batch).unwrap();
        let at = at.index(frame.len());
        frame[at] ^= 1 << bit;
        let _ = codec::decode::<Batch>(&frame);
    }

    #[test]
    fn anything_at_all_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), tag: u16) {
        let _ = codec::decode::<Batch>(&bytes);
        let _ = codec::decode::<Batch>(&frame(0, bytes.len(), &bytes));
        let _ = codec::decode::<Reply>(&frame(0, bytes.len(), &bytes));
        let _ = EventKind::decode(KindTag(tag % 12), &bytes);
    }

    #[test]
    fn a_chain_does_not_depend_on_where_batches_are_cut(
        events in prop::collection::vec(event(), 0..30),
        at in any::<prop::sample::Index>(),
    ) {
        let (before, after) = events.split_at(at.index(events.len() + 1));
        prop_assert_eq!(ChainHash::START.after(before).after(after), ChainHash::START.after(&events));
    }

    #[test]
    fn a_chain_knows_every_event_and_forgives_its_time(event in event(), other in event(), at in utc()) {
        let corrected = RawEvent { at, clock: ClockQuality::Restamped, ..event.clone() };
        prop_assert_eq!(ChainHash::START.next(&corrected), ChainHash::START.next(&event));
        let same = (event.monotonic, event.origin, event.kind, &event.body)
            == (other.monotonic, other.origin, other.kind, &other.body);
        prop_assert_eq!(ChainHash::START.next(&other) == ChainHash::START.next(&event), same);
    }
}

/// A frame whose header says what it likes.
fn frame(flags: u16, content_bytes: usize, body: &[u8]) -> Vec<u8> {
    let mut frame = b"SFM\0\x01\0".to_vec();
    frame.extend_from_slice(&flags.to_le_bytes());
    frame.extend_from_slice(&u32::try_from(content_bytes).unwrap().to_le_bytes());
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    frame.extend_from_slice(body);
    frame
}

fn batch_of(events: Vec<RawEvent>) -> Batch {
    Batch {
        agent: AgentId(uuid::Uuid::nil()),
        epoch: Epoch(1),
        instance: Instance { starts: 1, id: 1 },
        first_seq: Seq(1),
        previous: ChainHash::START,
        newest_seq: Seq(events.len() as u64),
        sent_at: UtcMicros(0),
        master_data_revision: 0,
        origins: Vec::new(),
        live: Vec::new(),
        status: None,
        events,
    }
}

fn event_with(body: Vec<u8>) -> RawEvent {
    RawEvent {
        at: UtcMicros(0),
        clock: ClockQuality::Source,
        monotonic: Monotonic::default(),
        origin: OriginId(0),
        kind: KindTag(u16::MAX),
        body,
    }
}

/// Bytes that no compressor shortens, the same every time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

#[test]
fn a_foreign_header_is_refused_and_named() {
    let good = codec::encode(&batch_of(Vec::new())).unwrap();
    let with = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        codec::decode::<Batch>(&frame).unwrap_err()
    };
    assert_eq!(with(0, b'X'), DecodeError::Magic);
    assert_eq!(with(4, 9), DecodeError::Version { found: 9 });
    assert_eq!(with(6, 2), DecodeError::Flags { found: 2 });
    assert_eq!(codec::decode::<Batch>(b"SFM"), Err(DecodeError::CutShort { found: 3, expected: HEADER_BYTES }));
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_its_body_is_read() {
    let claims = |flags: u16, content: u32, body: u32| {
        let mut header = frame(flags, 0, &[]);
        header[8..12].copy_from_slice(&content.to_le_bytes());
        header[12..16].copy_from_slice(&body.to_le_bytes());
        Header::parse(&header)
    };
    let too_large = |result| matches!(result, Err(DecodeError::TooLarge { .. }));
    assert!(too_large(claims(1, u32::MAX, 1_000)));
    assert!(too_large(claims(1, CONTENT_BYTES_MAX as u32 + 1, FRAME_BYTES_MAX as u32 - 16)));
    assert!(too_large(claims(0, FRAME_BYTES_MAX as u32, FRAME_BYTES_MAX as u32)));
    assert!(too_large(claims(0, u32::MAX, u32::MAX)));
    assert!(too_large(claims(1, (1_000 * COMPRESSION_RATIO_MAX) as u32 + 1, 1_000)));
    assert!(claims(1, (1_000 * COMPRESSION_RATIO_MAX) as u32, 1_000).is_ok());
}

#[test]
fn a_bomb_is_refused_and_never_unpacked_beyond_what_its_header_admits() {
    let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 19).unwrap();
    assert!(bomb.len() < 16 * 1024, "the bomb is small: {}", bomb.len());
    let honest = codec::decode::<Batch>(&frame(1, CONTENT_BYTES_MAX, &bomb)).unwrap_err();
    assert!(matches!(honest, DecodeError::TooLarge { .. }), "{honest}");
    let lying = codec::decode::<Batch>(&frame(1, 4_096, &bomb)).unwrap_err();
    assert!(matches!(lying, DecodeError::Compression(_)), "{lying}");
}

#[test]
fn compressed_content_of_another_length_than_the_header_says_is_refused() {
    let content = vec![0; 1_000];
    let body = zstd::bulk::compress(&content, 1).unwrap();
    assert_eq!(
        codec::decode::<Batch>(&frame(1, 1_001, &body)),
        Err(DecodeError::CutShort { found: 1_000, expected: 1_001 })
    );
}

#[test]
fn a_list_that_claims_more_elements_than_memory_is_refused() {
    // Everything before the origins of an empty batch, then a list of 2^64 - 1 of them.
    let whole = codec::encode(&batch_of(Vec::new())).unwrap();
    let before_origins = whole.len() - HEADER_BYTES - 4;
    let mut content = whole[HEADER_BYTES..HEADER_BYTES + before_origins].to_vec();
    content.push(253);
    content.extend_from_slice(&u64::MAX.to_le_bytes());
    let error = codec::decode::<Batch>(&frame(0, content.len(), &content)).unwrap_err();
    assert!(matches!(&error, DecodeError::Content(text) if text.contains("LimitExceeded")), "{error}");
}

#[test]
fn every_count_has_its_limit_on_both_ways() {
    let origin = Origin { id: OriginId(0), kind: OriginKind::Agent, name: Name::new("a").unwrap() };
    let too_many = [
        batch_of(vec![event_with(Vec::new()); EVENTS_PER_BATCH_MAX + 1]),
        batch_of(vec![event_with(vec![0; EVENT_BODY_BYTES_MAX + 1])]),
        Batch { origins: vec![origin; ORIGINS_MAX + 1], ..batch_of(Vec::new()) },
    ];
    for batch in too_many {
        assert!(matches!(codec::encode(&batch), Err(EncodeError::TooLarge { .. })));
        let content = bincode::encode_to_vec(&batch, bincode::config::standard()).unwrap();
        let error = codec::decode::<Batch>(&frame(0, content.len(), &content)).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn sequence_zero_and_sequences_past_the_end_are_refused() {
    for first_seq in [0, u64::MAX] {
        let batch = Batch { first_seq: Seq(first_seq), ..batch_of(vec![event_with(Vec::new())]) };
        assert!(codec::encode(&batch).is_err());
        let content = bincode::encode_to_vec(&batch, bincode::config::standard()).unwrap();
        assert!(matches!(codec::decode::<Batch>(&frame(0, content.len(), &content)), Err(DecodeError::Content(_))));
    }
}

/// What a sender may encode, a receiver must be able to decode: else an agent sends the same batch for ever.
#[test]
fn whatever_is_within_the_limits_of_the_sender_is_within_those_of_the_receiver() {
    let largest_bodies: Vec<RawEvent> = (0..250).map(|seed| event_with(noise(EVENT_BODY_BYTES_MAX, seed))).collect();
    let most_events = vec![event_with(vec![7]); EVENTS_PER_BATCH_MAX];
    // Near the limit of the content, and still compressed enough to be within that of the frame.
    let most_content: Vec<RawEvent> = (0..1_010)
        .map(|seed| event_with(noise(128, seed).into_iter().cycle().take(EVENT_BODY_BYTES_MAX).collect()))
        .collect();
    for events in [largest_bodies, most_events, most_content] {
        let batch = batch_of(events);
        let frame = codec::encode(&batch).unwrap();
        assert_eq!(codec::decode::<Batch>(&frame), Ok(batch));
    }
    let products = (0..400_000)
        .map(|code| Product { code: format!("P{code}"), title: "x".into(), ideal_cycle_ms: Some(code) })
        .collect();
    let reply = Reply {
        verdict: Verdict::Accepted,
        epoch: Epoch(1),
        acknowledged: Seq(1),
        hash: ChainHash::START,
        server_time: UtcMicros(0),
        pause_ms: 0,
        master_data_revision: 1,
        master_data: Some(MasterData { products, ..MasterData::default() }),
    };
    assert_eq!(codec::decode::<Reply>(&codec::encode(&reply).unwrap()), Ok(reply));
}

#[test]
fn the_largest_body_of_an_event_can_be_read_back() {
    let scan = |length| {
        EventKind::Scan(Scan {
            source: Name::new("gate").unwrap(),
            raw: vec![b'x'; length],
            symbology: None,
            elements: Vec::new(),
            problem: None,
        })
    };
    let around = scan(1_000).body().len() - 1_000;
    let largest = scan(EVENT_BODY_BYTES_MAX - around);
    assert_eq!(largest.body().len(), EVENT_BODY_BYTES_MAX);
    assert_eq!(EventKind::decode(largest.tag(), &largest.body()), Ok(largest));
}
