use serde_json::json;

use super::*;

const RECEIVED: UtcMicros = UtcMicros(1_800_000_000_000_000);

fn section(toml: &str) -> TopicSection {
    toml::from_str(toml).unwrap()
}

fn mapped(toml: &str, topic: &str, payload: &str) -> Mapped {
    map(&section(toml), topic, payload.as_bytes(), RECEIVED)
}

/// `machine.signal = value @ microseconds`
fn readings(mapped: &Mapped) -> Vec<String> {
    let line = |draft: &ReadingDraft| {
        let at = draft.source_at.map_or(String::new(), |at| format!(" @ {}", at.0));
        format!("{}.{} = {:?}{at}", draft.machine, draft.signal, draft.value)
    };
    mapped.readings.iter().map(line).collect()
}

fn clean(toml: &str, topic: &str, payload: &str) -> Vec<String> {
    let mapped = mapped(toml, topic, payload);
    assert_eq!(mapped.problems, [], "{payload}");
    readings(&mapped)
}

const COUNT: &str = r#"
filter = "f"
format = "json"
machine = "filler"
[[signal]]
signal = "good"
value = "/count"
timestamp = "/timestamp_ms"
"#;

#[test]
fn umh_counts_are_read_by_pointer_with_their_time() {
    assert_eq!(
        clean(COUNT, "f", r#"{"timestamp_ms":1733904005123,"count":1}"#),
        ["filler.good = Integer(1) @ 1733904005123000"]
    );
}

#[test]
fn what_is_understood_is_taken_and_the_rest_is_told() {
    let toml = format!("{COUNT}\n[[signal]]\nsignal = \"scrap\"\nvalue = \"/scrap\"\n");
    let found = mapped(&toml, "f", r#"{"timestamp_ms":1733904005123,"count":1}"#);
    assert_eq!(readings(&found), ["filler.good = Integer(1) @ 1733904005123000"]);
    assert_eq!(found.problems, [Poison::Missing("/scrap".to_owned())]);
    let optional = format!("{toml}optional = true\n");
    assert_eq!(clean(&optional, "f", r#"{"timestamp_ms":1733904005123,"count":1}"#).len(), 1);
}

#[test]
fn poison_is_refused_with_a_reason() {
    let deep = "[".repeat(100_000);
    for payload in ["{", "[]", "{}", r#"{"timestamp_ms":1,"count":{}}"#, r#"{"timestamp_ms":1,"count":NaN}"#, &deep] {
        let found = mapped(COUNT, "f", payload);
        assert_eq!(found.readings, [], "{payload:.40}");
        assert_eq!(found.problems.len(), 1, "{payload:.40}");
    }
    for payload in [r#"{"count":1}"#, r#"{"timestamp_ms":"x","count":1}"#, r#"{"timestamp_ms":1e400,"count":1}"#] {
        assert_eq!(mapped(COUNT, "f", payload).problems.len(), 1, "{payload}");
    }
    assert_eq!(map(&section(COUNT), "f", b"\xff{}", RECEIVED).problems.len(), 1);
}

#[test]
fn an_empty_payload_says_nothing() {
    assert_eq!(mapped(COUNT, "f", ""), Mapped::default());
}

#[test]
fn values_are_taken_as_they_come_or_as_they_are_wanted() {
    let typed = |wanted: &str, json: &str| {
        let toml = format!(
            "filter = \"f\"\nformat = \"json\"\nmachine = \"m\"\n[[signal]]\nsignal = \"s\"\nvalue = \"/v\"\n{wanted}"
        );
        let found = mapped(&toml, "f", &format!("{{\"v\":{json}}}"));
        found.readings.first().map(|draft| format!("{:?}", draft.value))
    };
    for (wanted, json, expected) in [
        ("", "1", Some("Integer(1)")),
        ("", "1.5", Some("Number(1.5)")),
        ("", "18446744073709551615", Some("Number(1.8446744073709552e19)")),
        ("", "true", Some("Bool(true)")),
        ("", "\"1\"", Some("Text(\"1\")")),
        ("", "null", Some("Unavailable")),
        ("", "[1]", None),
        ("type = \"integer\"", "42.0", Some("Integer(42)")),
        ("type = \"integer\"", "\"42\"", Some("Integer(42)")),
        ("type = \"integer\"", "42.5", None),
        ("type = \"integer\"", "1e30", None),
        ("type = \"number\"", "42", Some("Number(42.0)")),
        ("type = \"number\"", "\"NaN\"", None),
        ("type = \"number\"", "\"inf\"", None),
        ("type = \"bool\"", "\"ON\"", Some("Bool(true)")),
        ("type = \"bool\"", "0", Some("Bool(false)")),
        ("type = \"bool\"", "2", None),
        ("type = \"text\"", "7", Some("Text(\"7\")")),
    ] {
        assert_eq!(typed(wanted, json).as_deref(), expected, "{json} {wanted}");
    }
}

#[test]
fn a_bad_quality_is_no_value() {
    let toml = "filter = \"f\"\nformat = \"json\"\nmachine = \"m\"\n[[signal]]\nsignal = \"s\"\nvalue = \"/d\"\nquality = \"/q\"\n";
    for (quality, expected) in [
        ("192", "Integer(5)"),
        ("0", "Unavailable"),
        ("true", "Integer(5)"),
        ("\"Good\"", "Integer(5)"),
        ("\"Bad\"", "Unavailable"),
    ] {
        assert_eq!(clean(toml, "f", &format!("{{\"d\":5,\"q\":{quality}}}")), [format!("m.s = {expected}")]);
    }
}

#[test]
fn a_scalar_payload_is_the_value() {
    let toml = "filter = \"f\"\nformat = \"scalar\"\nmachine = \"m\"\n[[signal]]\nsignal = \"s\"\n";
    for (payload, expected) in [
        ("6", "Integer(6)"),
        (" -6.5\n", "Number(-6.5)"),
        ("true", "Bool(true)"),
        ("Online", "Text(\"Online\")"),
        ("\"6\"", "Text(\"6\")"),
        ("null", "Unavailable"),
    ] {
        assert_eq!(clean(toml, "f", payload), [format!("m.s = {expected}")]);
    }
    for payload in ["NaN", "inf", "1e999"] {
        assert_eq!(mapped(toml, "f", payload).problems.len(), 1, "{payload}");
    }
}

#[test]
fn a_level_of_the_topic_names_the_machine() {
    let toml = "filter = \"plant/+/count\"\nformat = \"scalar\"\nmachine_level = 2\nmachines = [\"a\", \"b\"]\n[[signal]]\nsignal = \"s\"\n";
    assert_eq!(clean(toml, "plant/b/count", "1"), ["b.s = Integer(1)"]);
    let found = mapped(toml, "plant/c/count", "1");
    assert_eq!(found.problems, [Poison::UnknownMachine { level: 2, found: "c".to_owned() }]);
}

const KEPWARE: &str = "filter = \"f\"\nformat = \"kepware\"\nmachine = \"m\"\n[[signal]]\nsignal = \"s\"\nid = \"Channel1.Device1.Tag1\"\n";

#[test]
fn kepware_values_carry_their_own_quality_and_time() {
    let payload = json!({"timestamp": 1593698672213_i64, "values": [
        {"id": "Channel1.Device1.Tag1", "v": 1121, "q": true, "t": 1593698671342_i64},
        {"id": "Channel1.Device1.Other", "v": {}, "q": true, "t": "x"},
        {"id": "Channel1.Device1.Tag1", "v": 1122, "q": false, "t": 1593698671343_i64},
    ]});
    assert_eq!(
        clean(KEPWARE, "f", &payload.to_string()),
        ["m.s = Integer(1121) @ 1593698671342000", "m.s = Unavailable @ 1593698671343000"]
    );
    let template = r#"[{"tagname":"Channel1.Device1.Tag1","timestamp":1593698671342,"value":7}]"#;
    assert_eq!(clean(KEPWARE, "f", template), ["m.s = Integer(7) @ 1593698671342000"]);
    for poison in
        ["{}", "3", r#"{"values":[3]}"#, r#"{"values":[{"v":1}]}"#, r#"{"values":[{"id":"Channel1.Device1.Tag1"}]}"#]
    {
        assert_eq!(mapped(KEPWARE, "f", poison).problems.len(), 1, "{poison}");
    }
}

#[test]
fn neuron_errors_are_no_values() {
    let toml = "filter = \"f\"\nformat = \"neuron\"\nmachine = \"m\"\n[[signal]]\nsignal = \"a\"\nid = \"tag0\"\n[[signal]]\nsignal = \"b\"\nid = \"tag1\"\n";
    let values = r#"{"timestamp":1647497389075,"node":"modbus","group":"grp","values":{"tag0":42},"errors":{"tag1":2014},"metas":{}}"#;
    let expected = ["m.a = Integer(42) @ 1647497389075000", "m.b = Unavailable @ 1647497389075000"];
    assert_eq!(clean(toml, "f", values), expected);
    let tags = r#"{"timestamp":1647497389075,"tags":[{"name":"tag0","value":42},{"name":"tag1","error":2014}]}"#;
    assert_eq!(clean(toml, "f", tags), expected);
    assert_eq!(mapped(toml, "f", "{}").problems.len(), 1);
}

#[test]
fn tasmota_local_time_and_shelly_partial_objects_are_read() {
    let tasmota = "filter = \"f\"\nformat = \"json\"\nmachine = \"m\"\ntime_zone = \"Europe/Berlin\"\n[[signal]]\nsignal = \"s\"\nvalue = \"/COUNTER/C1\"\ntimestamp = \"/Time\"\n";
    assert_eq!(
        clean(tasmota, "f", r#"{"Time":"2021-06-13T06:59:52","COUNTER":{"C1":8}}"#),
        ["m.s = Integer(8) @ 1623560392000000"]
    );
    let shelly = "filter = \"f\"\nformat = \"json\"\nmachine = \"m\"\n[[signal]]\nsignal = \"s\"\nvalue = \"/params/switch:0/aenergy/total\"\ntimestamp = \"/params/ts\"\noptional = true\n";
    let full = r#"{"src":"x","method":"NotifyStatus","params":{"ts":1631266595.44,"switch:0":{"id":0,"aenergy":{"total":11.5}}}}"#;
    assert_eq!(clean(shelly, "f", full), ["m.s = Number(11.5) @ 1631266595440000"]);
    assert_eq!(clean(shelly, "f", r#"{"params":{"ts":1631266595.44,"switch:0":{"id":0}}}"#), [""; 0]);
}

#[test]
fn a_last_will_tells_a_condition_and_takes_values_away() {
    let toml =
        "filter = \"f\"\nformat = \"availability\"\nmachine = \"m\"\ndevice = \"plug\"\n[[signal]]\nsignal = \"s\"\n";
    assert_eq!(mapped(toml, "f", "Online").availability, Some(true));
    let offline = mapped(toml, "f", "Offline");
    assert_eq!((offline.availability, readings(&offline)), (Some(false), vec!["m.s = Unavailable".to_owned()]));
    assert_eq!(mapped(toml, "f", "maybe").problems.len(), 1);
}

#[test]
fn a_message_id_is_found_by_its_pointer() {
    let section = section(&COUNT.replace("machine =", "message_id = \"/id\"\nmachine ="));
    for (payload, expected) in [
        (r#"{"id":"a-1"}"#, Some("a-1")),
        (r#"{"id":17}"#, Some("17")),
        (r#"{"id":null}"#, None),
        ("{}", None),
        ("{", None),
    ] {
        assert_eq!(message_id(&section, payload.as_bytes()).as_deref(), expected, "{payload}");
    }
}
