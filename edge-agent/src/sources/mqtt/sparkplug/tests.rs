use process::clock::Moment;
use prost::Message as _;
use protocol::batch::Health;
use protocol::time::Monotonic;

use super::host::{Action, Host};
use super::payload::{Metric, Payload, PropertySet, PropertyValue, metric};
use super::{Topic, filters};
use crate::reading::{Nature, Value};
use crate::sources::mqtt::configuration::SparkplugSection;

const NODE: &str = r#"
group = "plant"
node = "line"
metric = [
  { metric = "Speed", machine = "m", signal = "speed" },
  { device = "press", metric = "Good", machine = "m", signal = "good" },
]
"#;

fn host() -> Host {
    let section: SparkplugSection = toml::from_str(NODE).unwrap();
    Host::new(&[section], 10)
}

fn at_s(second: u64) -> Moment {
    Moment { monotonic: Monotonic { boot: 1, us: second * 1_000_000 }, ..Moment::default() }
}

fn int(name: Option<&str>, alias: Option<u64>, datatype: Option<u32>, value: u32) -> Metric {
    let name = name.map(str::to_owned);
    Metric { name, alias, datatype, value: Some(metric::Value::Int(value)), ..Metric::default() }
}

fn message(seq: u64, metrics: Vec<Metric>) -> Vec<u8> {
    Payload { timestamp: Some(1_000), metrics, seq: Some(seq) }.encode_to_vec()
}

fn node_birth(bd_seq: u32) -> Vec<u8> {
    message(0, vec![int(Some("bdSeq"), None, Some(8), bd_seq), int(Some("Speed"), Some(1), Some(3), 60)])
}

fn device_birth(seq: u64) -> Vec<u8> {
    message(seq, vec![int(Some("Good"), Some(2), Some(3), 500), int(Some("Unbound"), Some(3), Some(3), 1)])
}

/// `kind/device` in one word each: `NDATA`, `DDATA/press`.
fn take(host: &mut Host, what: &str, payload: &[u8], second: u64) -> Vec<Action> {
    let (kind, device) = what.split_once('/').map_or((what, String::new()), |(kind, it)| (kind, format!("/{it}")));
    let topic = format!("spBv1.0/plant/{kind}/line{device}");
    let topic = Topic::parse(&topic).unwrap();
    let place = host.place(&topic).unwrap();
    host.take(place, &topic, payload, at_s(second))
}

fn read(actions: &[Action]) -> Vec<(String, Value, Nature)> {
    let reading = |action: &Action| match action {
        Action::Read(draft, nature) => Some((draft.signal.to_string(), draft.value.clone(), *nature)),
        _ => None,
    };
    actions.iter().filter_map(reading).collect()
}

fn asks(actions: &[Action]) -> bool {
    actions.contains(&Action::AskForBirths)
}

fn born() -> Host {
    let mut host = host();
    take(&mut host, "NBIRTH", &node_birth(4), 0);
    take(&mut host, "DBIRTH/press", &device_birth(1), 0);
    host
}

fn good(value: i64) -> (String, Value, Nature) {
    ("good".to_owned(), Value::Integer(value), Nature::Live)
}

#[test]
fn births_say_how_things_stand_and_data_by_alias_follows() {
    let mut host = host();
    let birth = take(&mut host, "NBIRTH", &node_birth(4), 0);
    let standing = ("speed".to_owned(), Value::Integer(60), Nature::Standing);
    assert_eq!(read(&birth)[1..], [standing]);
    assert_eq!(read(&birth)[0].1, Value::Unavailable, "its devices are not born yet");
    let device = take(&mut host, "DBIRTH/press", &device_birth(1), 0);
    assert_eq!(read(&device), [("good".to_owned(), Value::Integer(500), Nature::Standing)]);
    let data = take(
        &mut host,
        "DDATA/press",
        &message(2, vec![int(None, Some(2), None, 501), int(None, Some(3), None, 9)]),
        0,
    );
    assert_eq!(read(&data), [good(501)]);
    assert_eq!(data.len(), 1);
}

#[test]
fn data_before_birth_asks_for_births_once_in_the_pause() {
    let mut host = host();
    let data = message(9, vec![int(None, Some(1), None, 61)]);
    assert!(asks(&take(&mut host, "NDATA", &data, 100)));
    assert!(!asks(&take(&mut host, "NDATA", &data, 109)));
    assert!(asks(&take(&mut host, "NDATA", &data, 110)));
    let named = take(&mut host, "NDATA", &message(10, vec![int(Some("Speed"), None, Some(3), 62)]), 111);
    assert_eq!(read(&named), [("speed".to_owned(), Value::Integer(62), Nature::Live)], "a name needs no birth");
}

#[test]
fn an_unknown_alias_and_an_unborn_device_ask_for_births() {
    let unknown = message(2, vec![int(None, Some(77), None, 1), int(None, Some(2), None, 501)]);
    let actions = take(&mut born(), "DDATA/press", &unknown, 100);
    assert!(asks(&actions));
    assert_eq!(read(&actions), [good(501)], "what can be placed is taken");
    assert!(actions.iter().any(|action| matches!(action, Action::SetAside(_))));
    assert!(asks(&take(&mut born(), "DDATA/other", &message(2, vec![]), 100)));
}

#[test]
fn the_sequence_is_shared_wraps_and_a_skip_asks_for_births() {
    let mut host = born();
    for seq in 2..600_u64 {
        let what = if seq % 2 == 0 { "DDATA/press" } else { "NDATA" };
        assert_eq!(take(&mut host, what, &message(seq % 256, vec![]), 100), [], "{seq}");
    }
    let skipped = take(&mut host, "NDATA", &message((600 + 3) % 256, vec![int(None, Some(1), None, 5)]), 200);
    assert!(asks(&skipped) && skipped.contains(&Action::Missed(3)));
    assert_eq!(read(&skipped).len(), 1, "what arrived is taken");
    assert_eq!(take(&mut host, "NDATA", &message((600 + 4) % 256, vec![]), 300), []);
}

#[test]
fn a_death_takes_values_away_unless_it_is_of_a_former_connection() {
    let death = |bd_seq| {
        Payload { metrics: vec![int(Some("bdSeq"), None, Some(8), bd_seq)], ..Payload::default() }.encode_to_vec()
    };
    let mut host = born();
    assert_eq!(take(&mut host, "NDEATH", &death(3), 1), []);
    let actions = take(&mut host, "NDEATH", &death(4), 1);
    assert_eq!(read(&actions).len(), 2);
    assert!(read(&actions).iter().all(|(_, value, _)| *value == Value::Unavailable));
    assert!(actions.iter().any(|action| matches!(action, Action::Condition(Health::Down, _))));
    assert!(asks(&take(&mut host, "NDATA", &message(2, vec![]), 100)));
}

#[test]
fn a_device_dies_alone() {
    let mut host = born();
    let actions = take(&mut host, "DDEATH/press", &message(2, vec![]), 1);
    assert_eq!(read(&actions), [("good".to_owned(), Value::Unavailable, Nature::Live)]);
    let node = take(&mut host, "NDATA", &message(3, vec![int(None, Some(1), None, 5)]), 100);
    assert_eq!(read(&node).len(), 1);
    assert!(!asks(&node));
    assert!(asks(&take(&mut host, "DDATA/press", &message(4, vec![]), 100)));
}

#[test]
fn historical_data_keeps_its_own_time() {
    let metric = Metric { is_historical: Some(true), timestamp: Some(777), ..int(None, Some(2), None, 1) };
    let actions = take(&mut born(), "DDATA/press", &message(2, vec![metric]), 1);
    let [Action::Read(draft, Nature::Historical)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(draft.source_at.unwrap().0, 777_000);
}

#[test]
fn values_are_read_by_their_datatype() {
    let long = |bits| Some(metric::Value::Long(bits));
    let whole = |bits| Some(metric::Value::Int(bits));
    for (datatype, value, expected) in [
        (1, whole(0xff), Some(Value::Integer(-1))),
        (1, whole(0xffff_ffff), Some(Value::Integer(-1))),
        (2, whole(0xfffe), Some(Value::Integer(-2))),
        (3, whole(0xffff_fffd), Some(Value::Integer(-3))),
        (4, long(u64::MAX), Some(Value::Integer(-1))),
        (3, long(0xffff_ffff), Some(Value::Integer(-1))),
        (5, whole(255), Some(Value::Integer(255))),
        (7, whole(u32::MAX), Some(Value::Integer(4_294_967_295))),
        (7, long(u64::from(u32::MAX)), Some(Value::Integer(4_294_967_295))),
        (8, long(u64::MAX), Some(Value::Number(1.844_674_407_370_955_2e19))),
        (9, Some(metric::Value::Float(1.5)), Some(Value::Number(1.5))),
        (10, Some(metric::Value::Double(f64::NAN)), None),
        (11, Some(metric::Value::Boolean(true)), Some(Value::Bool(true))),
        (12, Some(metric::Value::String("x".to_owned())), Some(Value::Text("x".to_owned()))),
        (16, None, None),
    ] {
        let metric = Metric { value: value.clone(), ..Metric::default() };
        assert_eq!(metric.reading(Some(datatype)), expected, "{datatype} {value:?}");
    }
    let null = Metric { is_null: Some(true), ..Metric::default() };
    assert_eq!(null.reading(None), Some(Value::Unavailable));
    let quality = |code| {
        let values = vec![PropertyValue { int_value: Some(code), long_value: None }];
        let properties = Some(PropertySet { keys: vec!["Quality".to_owned()], values });
        Metric { properties, ..int(None, None, Some(3), 5) }.reading(None)
    };
    assert_eq!((quality(192), quality(500)), (Some(Value::Integer(5)), Some(Value::Unavailable)));
}

#[test]
fn what_is_no_payload_is_set_aside() {
    let actions = take(&mut born(), "NDATA", &[0xff; 9], 1);
    assert!(matches!(actions[..], [Action::SetAside(_)]));
}

#[test]
fn topics_are_taken_apart() {
    assert!(Topic::parse("spBv1.0/plant/NDATA/line").is_some());
    for other in [
        "spBv1.0/plant/NCMD/line",
        "spBv1.0/plant/DDATA/line",
        "spBv1.0/plant/NDATA/line/device",
        "spBv1.0/plant/DDATA/line/device/more",
        "spBv1.0/STATE/host",
        "other/plant/NDATA/line",
    ] {
        assert_eq!(Topic::parse(other), None, "{other}");
    }
    assert_eq!(filters("g", "n").len(), 6);
}

proptest::proptest! {
    #[test]
    fn no_payload_brings_the_host_down(kind in 0..6_usize, bytes in proptest::collection::vec(0..=255_u8, 0..200)) {
        let kind = ["NBIRTH", "NDATA", "NDEATH", "DBIRTH/press", "DDATA/press", "DDEATH/press"][kind];
        take(&mut born(), kind, &bytes, 1);
    }

    /// Whatever the order of births and data with whatever sequence: every skip is told, and nothing else is.
    #[test]
    fn missed_messages_are_counted(gaps in proptest::collection::vec(0..255_u8, 1..60)) {
        let mut host = born();
        let mut seq = 1_u8;
        for gap in gaps {
            seq = seq.wrapping_add(1).wrapping_add(gap);
            let actions = take(&mut host, "NDATA", &message(seq.into(), vec![]), 1);
            proptest::prop_assert_eq!(actions.contains(&Action::Missed(gap)), gap > 0);
        }
    }
}
