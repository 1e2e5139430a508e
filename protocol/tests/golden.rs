//! The bytes of every released version, frozen. bincode encodes by position, so that a field moved in any type that
//! travels, or is stored by an agent, shows here first. **Never change what a released version reads: add a version.**

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use data_encoding::HEXLOWER;
use protocol::batch::{AgentStatus, Batch, Condition, Health, LiveMachine, Origin, OriginKind};
use protocol::chain::ChainHash;
use protocol::codec::{self, HEADER_BYTES, Header};
use protocol::correction::{CorrectedStop, Corrections, GivenReason, SaidAtCentral};
use protocol::event::{
    Alarm, Count, CountBasis, DowntimeEntry, EventKind, Gap, GapCause, Gs1Element, JobAction, JobEntry, KindTag,
    MachineState, MeasuredValue, Measurement, PieceEntry, PieceQuality, RawEvent, Scan, ShiftLogEntry, StateChange,
    StopDetection,
};
use protocol::id::{AgentId, Epoch, Instance, Name, OriginId, Seq, StopId};
use protocol::master_data::{MachineSettings, MasterData, Operator, Product, Reason, Shift, WorkOrder};
use protocol::reply::{DivergenceReason, Reply, Verdict};
use protocol::time::{ClockQuality, Monotonic, UtcMicros};
use protocol::version::Version;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// An event kind, its tag and its body in version 1.
fn kinds() -> Vec<(EventKind, u16, &'static str)> {
    let began_at = UtcMicros(1_601_370_911_191_000);
    vec![
        (EventKind::Dropped, 0, ""),
        (
            EventKind::Count(Count {
                signal: name("count"),
                quality: PieceQuality::Good,
                delta: 17,
                raw: Some(65_535),
                basis: CountBasis::Rollover,
            }),
            1,
            "05636f756e74002201fcfeff010001",
        ),
        (
            EventKind::Count(Count {
                signal: name("rejects"),
                quality: PieceQuality::Scrap,
                delta: -1,
                raw: None,
                basis: CountBasis::Entry,
            }),
            1,
            "0772656a6563747301010005",
        ),
        (
            EventKind::State(StateChange {
                state: MachineState::Stopped,
                source_code: Some("40000".into()),
                reason: None,
            }),
            2,
            "020105343030303000",
        ),
        (
            EventKind::Scan(Scan {
                source: name("gate"),
                raw: b"0109521234543213\x1d10AB".to_vec(),
                symbology: Some("d2".into()),
                elements: vec![Gs1Element { ai: "10".into(), value: "AB".into() }],
                problem: None,
            }),
            3,
            "046761746515303130393532313233343534333231331d31304142010264320102313002414200",
        ),
        (
            EventKind::Downtime(DowntimeEntry::Began {
                stop: StopId(7),
                state: MachineState::Stopped,
                detected_by: StopDetection::State,
            }),
            4,
            "00070200",
        ),
        (
            EventKind::Downtime(DowntimeEntry::Ended {
                stop: StopId(7),
                began_at,
                lasted_us: 658_000_000,
                state: MachineState::Stopped,
                detected_by: StopDetection::MissingCounts,
                micro: false,
            }),
            4,
            "0107fdb05fa170e0600b00fc0091704e020100",
        ),
        (
            EventKind::Downtime(DowntimeEntry::Reason {
                stop: StopId(7),
                reason: "jam".into(),
                operator: Some("4711".into()),
            }),
            4,
            "0207036a616d010434373131",
        ),
        (
            EventKind::Downtime(DowntimeEntry::Note { stop: StopId(7), note: "belt".into(), operator: None }),
            4,
            "03070462656c7400",
        ),
        (
            EventKind::Downtime(DowntimeEntry::Split {
                stop: StopId(7),
                from: began_at,
                new_stop: StopId(8),
                operator: None,
            }),
            4,
            "0407fdb05fa170e0600b000800",
        ),
        (
            EventKind::Job(JobEntry {
                action: JobAction::Switch,
                work_order: "WO-1".into(),
                operator: Some("4711".into()),
            }),
            5,
            "0304574f2d31010434373131",
        ),
        (EventKind::ShiftLog(ShiftLogEntry::OperatorOn { operator: "4711".into() }), 6, "000434373131"),
        (EventKind::ShiftLog(ShiftLogEntry::OperatorOff { operator: "4711".into() }), 6, "010434373131"),
        (EventKind::ShiftLog(ShiftLogEntry::Note { operator: None, note: "ok".into() }), 6, "0200026f6b"),
        (
            EventKind::PieceEntry(PieceEntry {
                id: 0x0192_0000_0000_7000_8000_0000_0000_0001,
                good: 12,
                scrap: 3,
                rework: 0,
                reason: Some("burr".into()),
                counted_as_good: true,
                takes_back: false,
                work_order: Some("WO-1".into()),
                operator: None,
            }),
            10,
            "fe010000000000008000700000000092010c030001046275727201000104574f2d3100",
        ),
        (
            EventKind::Measurement(Measurement {
                signal: name("temperature"),
                value: MeasuredValue::Number(21.5),
                unit: Some("C".into()),
            }),
            7,
            "0b74656d7065726174757265000000000000803540010143",
        ),
        (
            EventKind::Measurement(Measurement {
                signal: name("recipe"),
                value: MeasuredValue::Text("A".into()),
                unit: None,
            }),
            7,
            "0672656369706501014100",
        ),
        (
            EventKind::Measurement(Measurement { signal: name("door"), value: MeasuredValue::Bool(true), unit: None }),
            7,
            "04646f6f72020100",
        ),
        (
            EventKind::Alarm(Alarm {
                subject: name("press-1"),
                code: "rollback".into(),
                text: "fell".into(),
                active: true,
            }),
            8,
            "0770726573732d3108726f6c6c6261636b0466656c6c01",
        ),
        (
            EventKind::Gap(Gap {
                cause: GapCause::SourceSequence,
                subject: name("line-3"),
                lost: Some(3),
                from: began_at,
                to: began_at.plus_us(1),
                text: "seq".into(),
            }),
            9,
            "03066c696e652d330103fdb05fa170e0600b00fdb25fa170e0600b0003736571",
        ),
        (EventKind::Unknown { tag: KindTag(9_999), body: vec![1, 2, 3] }, 9_999, "010203"),
    ]
}

#[test]
fn every_kind_of_event_has_the_bytes_it_always_had() {
    for (kind, tag, golden) in kinds() {
        assert_eq!(kind.tag(), KindTag(tag), "{kind:?}");
        assert_eq!(hex(&kind.body()), golden, "{kind:?}");
        assert_eq!(EventKind::decode(KindTag(tag), &HEXLOWER.decode(golden.as_bytes()).unwrap()), Ok(kind));
    }
}

fn events() -> Vec<RawEvent> {
    let count = EventKind::Count(Count {
        signal: name("count"),
        quality: PieceQuality::Good,
        delta: 17,
        raw: None,
        basis: CountBasis::Delta,
    });
    let at = |us: i64| UtcMicros(1_601_370_913_135_000 + us);
    let seen = |us| Monotonic { boot: 3, us };
    vec![
        RawEvent::new(at(0), ClockQuality::Source, seen(1_000), OriginId(1), &count),
        RawEvent::new(at(9), ClockQuality::Synchronized, seen(2_000), OriginId(1), &EventKind::Dropped),
    ]
}

fn batch() -> Batch {
    Batch {
        agent: AgentId(uuid::Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001)),
        epoch: Epoch(1),
        instance: Instance { starts: 2, id: 0x0102_0304_0506_0708 },
        first_seq: Seq(1_000),
        previous: ChainHash([0xab; 16]),
        newest_seq: Seq(1_001),
        sent_at: UtcMicros(1_601_370_914_000_000),
        master_data_revision: 5,
        origins: vec![Origin { id: OriginId(1), kind: OriginKind::Machine, name: name("filler-1") }],
        live: vec![LiveMachine {
            origin: OriginId(1),
            state: MachineState::Running,
            state_since: UtcMicros(1_601_370_911_191_000),
            good: 17,
            scrap: 0,
            rework: 0,
            last_reading_at: Some(UtcMicros(1_601_370_913_135_000)),
        }],
        status: None,
        events: events(),
    }
}

fn batch_with_status() -> Batch {
    let since = UtcMicros(1_601_370_000_000_000);
    Batch {
        status: Some(AgentStatus {
            version: "0.1.0".into(),
            host: "floor-pc-7".into(),
            started_at: since,
            backlog_events: 2,
            backlog_oldest_at: Some(since),
            buffer_bytes: 4_096,
            buffer_bytes_max: 1 << 30,
            poison_messages: 1,
            dropped_events: 0,
            conditions: vec![Condition {
                subject: "press-line/press-1".into(),
                kind: "modbus".into(),
                health: Health::Down,
                reason:
                    "no answer within 1000 ms, and none for three polls before it; the device is set aside for a while"
                        .into(),
                since,
            }],
        }),
        ..batch()
    }
}

fn reply() -> Reply {
    Reply {
        verdict: Verdict::Accepted,
        epoch: Epoch(1),
        acknowledged: Seq(1_001),
        hash: ChainHash([0xcd; 16]),
        server_time: UtcMicros(1_601_370_914_000_500),
        pause_ms: 250,
        master_data_revision: 6,
        master_data: Some(MasterData {
            time_zone: "Europe/Vienna".into(),
            machines: vec![MachineSettings {
                name: name("filler-1"),
                title: "Filler".into(),
                microstop_below_ms: Some(60_000),
            }],
            products: vec![Product { code: "P1".into(), title: "Jar".into(), ideal_cycle_ms: Some(125) }],
            work_orders: vec![WorkOrder {
                code: "WO-1".into(),
                product: "P1".into(),
                machine: Some(name("filler-1")),
                quantity: Some(500),
                due_at: None,
            }],
            reasons: vec![Reason {
                code: "jam".into(),
                title: "Jam".into(),
                applies_to: "downtime".into(),
                planned: false,
            }],
            operators: vec![Operator {
                number: "4711".into(),
                name: "Ada".into(),
                badge_hash: None,
                pin_hash: Some("$argon2id$".into()),
            }],
            shifts: vec![Shift {
                name: "early".into(),
                starts_at: UtcMicros(1_601_352_000_000_000),
                ends_at: UtcMicros(1_601_380_800_000_000),
            }],
        }),
    }
}

const BATCH_V1: &str = "53464d00010000008e0000008e000000019800000000700080000000000000010102fd0807060504030201fbe803ababababababababababababababababfbe903fd0019f770e0600b00050101000866696c6c65722d31010100fdb05fa170e0600b0022000001fd30b3dc70e0600b000002fd30b3dc70e0600b000403fbe80301010a05636f756e7400220004fd42b3dc70e0600b000003fbd007010000";
const BATCH_WITH_STATUS_V1: &str = "53464d000100010044010000fe00000028b52ffd604400a50700828f352f8039e92609876d6a9481b5784619d2540dd97d1fb2db729243846c334c40c01777dc683d2d3f7d6aed6d1b219bc814ff32222e7684ea1c720a2d91f2387659e6624ed3cf551796263725a63d793a6e8a53e889bba26c401db78c544f78be172dee96156519296e18214f50e28159e1d65ac4d055d45d58f66542892394d8b44ca6585944040ddd83e66c6905ecf7e07f05c0af6dfe90609ca6f15a00512c48c6f828478b4491f6ac0444abfb431a121eea772348f67b8e6a7cf7f94382b128045ed9c4e5c032d736cc79168c466d76bf70ebff19360a007c3213bf5c8a29e659354c30442e95615e04cf96000d5ad005";
const REPLY_V1: &str = "53464d0001000000a9000000a90000000001fbe903cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdfde81cf770e0600b00fa06010d4575726f70652f5669656e6e61010866696c6c65722d310646696c6c657201fb60ea01025031034a6172017d0104574f2d31025031010866696c6c65722d3101fbf4010001036a616d034a616d08646f776e74696d65000104343731310341646100010a246172676f6e3269642401056561726c79fd00a03da2d7600b00fd00e0770be5600b00";
const DIVERGED_V1: &str = "53464d00010000002b0000002b000000020108726573746f72656401fbe903cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdfde81cf770e0600b00fa0600";

#[test]
fn a_header_has_the_bytes_it_always_had() {
    let frame = codec::encode(&batch()).unwrap();
    assert_eq!(hex(&frame[..HEADER_BYTES]), "53464d00010000008e0000008e000000");
    let header = Header::parse(&frame).unwrap();
    let content = frame.len() - HEADER_BYTES;
    assert_eq!(header, Header { version: Version::V1, compressed: false, content_bytes: content, body_bytes: content });
}

#[test]
fn a_batch_has_the_bytes_it_always_had() {
    assert_eq!(hex(&codec::encode(&batch()).unwrap()), BATCH_V1);
    assert_eq!(codec::decode(&HEXLOWER.decode(BATCH_V1.as_bytes()).unwrap()), Ok(batch()));
}

/// Another release of zstd may compress to other bytes; these must be understood for ever.
#[test]
fn a_compressed_batch_of_version_1_is_understood() {
    let frame = HEXLOWER.decode(BATCH_WITH_STATUS_V1.as_bytes()).unwrap();
    assert!(Header::parse(&frame).unwrap().compressed);
    assert_eq!(codec::decode(&frame), Ok(batch_with_status()));
}

#[test]
fn a_reply_has_the_bytes_it_always_had() {
    assert_eq!(hex(&codec::encode(&reply()).unwrap()), REPLY_V1);
    assert_eq!(codec::decode(&HEXLOWER.decode(REPLY_V1.as_bytes()).unwrap()), Ok(reply()));
    let diverged = Reply {
        verdict: Verdict::Diverged { reason: DivergenceReason::Rewound, text: "restored".into() },
        master_data: None,
        ..reply()
    };
    assert_eq!(hex(&codec::encode(&diverged).unwrap()), DIVERGED_V1);
}

/// An agent's database holds hashes of what it has not sent yet: they must come out the same after an update.
#[test]
fn the_chain_hash_is_what_it_always_was() {
    let hash = ChainHash::START.after(&events());
    assert_eq!(format!("{hash:?}"), "3c5ffdd53324baaadaf2085bb96e1454");
    assert_eq!(hex(&hash.digest()), "3c5ffdd53324baaa");
}

/// An agent stores it as it came, and may be updated between.
#[test]
fn corrections_have_the_words_they_always_had() {
    let said = |by: &str| SaidAtCentral { by: by.into(), at: UtcMicros(1_601_370_913_135_000) };
    let reason = GivenReason { code: "jam".into(), title: "Jam".into(), why: Some("seen".into()), said: said("Eve") };
    let stop = |stop, reason, split| CorrectedStop {
        machine: name("press-1"),
        stop,
        began_at: UtcMicros(1_601_370_911_191_000),
        reason,
        split,
    };
    let corrections = Corrections {
        revision: uuid::Uuid::from_u128(7),
        stops: vec![stop(3, Some(reason), None), stop(-1, None, Some(said("Eve")))],
    };
    let golden = r#"{"revision":"00000000-0000-0000-0000-000000000007","stops":[{"machine":"press-1","stop":3,"began_at":1601370911191000,"reason":{"code":"jam","title":"Jam","why":"seen","by":"Eve","at":1601370913135000},"split":null},{"machine":"press-1","stop":-1,"began_at":1601370911191000,"reason":null,"split":{"by":"Eve","at":1601370913135000}}]}"#;
    assert_eq!(serde_json::to_string(&corrections).unwrap(), golden);
    let newer = golden.replacen('{', r#"{"added":1,"#, 1);
    assert_eq!(serde_json::from_str::<Corrections>(&newer).unwrap(), corrections);
}

/// Words in SQL, configuration and the API.
#[test]
fn states_keep_their_order_and_their_words() {
    let words: Vec<&str> = MachineState::ALL.iter().map(|state| state.as_str()).collect();
    assert_eq!(words, ["running", "idle", "stopped", "setup", "maintenance", "break", "off", "no_data"]);
    for state in MachineState::ALL {
        let kind = EventKind::State(StateChange { state, source_code: None, reason: None });
        let place = MachineState::ALL.iter().position(|other| *other == state).unwrap();
        assert_eq!(kind.body()[0] as usize, place);
    }
}
