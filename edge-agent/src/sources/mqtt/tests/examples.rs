//! The example configurations: each one loads, and understands the messages that its kind of publisher sends.

use std::path::PathBuf;

use process::configuration::{Checked, KeyPath, Problems};
use protocol::time::UtcMicros;
use serde::Deserialize;

use crate::sources::mqtt::configuration::MqttSection;
use crate::sources::mqtt::mapping;
use crate::sources::mqtt::topic::matches;

/// The part of a configuration file that concerns this source.
#[derive(Debug, Deserialize)]
struct Example {
    machine: Vec<toml::Table>,
    mqtt: Vec<MqttSection>,
}

impl Checked for Example {
    fn check(&self, problems: &mut Problems) {
        for (index, section) in self.mqtt.iter().enumerate() {
            let at = KeyPath::root().key("mqtt").index(index);
            section.check(&at, problems);
            for reference in section.signals(&at) {
                let machine = self.machine.iter().find(|it| it["name"].as_str() == Some(reference.machine.as_str()));
                if machine.is_none_or(|it| !it["signal"].as_table().unwrap().contains_key(reference.signal.as_str())) {
                    problems.add(reference.at, format!("no signal {} of {}", reference.signal, reference.machine));
                }
            }
        }
    }
}

fn example(name: &str) -> Example {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
    process::configuration::read(&file).unwrap_or_else(|error| panic!("{error}"))
}

/// What the example makes of a message: `machine.signal = value`, each.
fn understood(file: &str, topic: &str, payload: &str) -> Vec<String> {
    let example = example(file);
    let section = example.mqtt[0].topics.iter().find(|it| matches(&it.filter, topic)).expect("a filter matches");
    let mapped = mapping::map(section, topic, payload.as_bytes(), UtcMicros(1_800_000_000_000_000));
    assert_eq!(mapped.problems, [], "{file}");
    mapped.readings.iter().map(|it| format!("{}.{} = {:?}", it.machine, it.signal, it.value)).collect()
}

#[test]
fn every_example_loads() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config");
    let names = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.starts_with("mqtt-")).collect();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        example(&name);
    }
}

#[test]
fn every_example_understands_its_publisher() {
    for (file, topic, payload, expected) in [
        (
            "mqtt-json-totals.toml",
            "plant/filler-2/status",
            r#"{"ts":1733904005123,"good":1500,"scrap":3,"state":"RUN"}"#,
            &["filler-2.good = Integer(1500)", "filler-2.scrap = Integer(3)", "filler-2.state = Text(\"RUN\")"][..],
        ),
        (
            "mqtt-json-deltas.toml",
            "line-1/press/pieces",
            r#"{"id":"9f","at":"2026-11-22T06:00:00.5Z","good":1}"#,
            &["press.good = Integer(1)"],
        ),
        (
            "mqtt-umh.toml",
            "umh/v1/acme/aachen/packaging/_historian/temperature",
            r#"{"timestamp_ms":1733904005123,"value":42.5}"#,
            &["packer.temperature = Number(42.5)"],
        ),
        (
            "mqtt-umh.toml",
            "ia/acme/aachen/packer/count",
            r#"{"timestamp_ms":1733904005123,"count":1}"#,
            &["packer.good = Integer(1)"],
        ),
        (
            "mqtt-kepware.toml",
            "iotgateway",
            r#"{"timestamp":1593698672213,"values":[{"id":"Channel1.Device1.Tag1","v":1121,"q":true,"t":1593698671342}]}"#,
            &["lathe.good = Integer(1121)"],
        ),
        (
            "mqtt-neuron.toml",
            "neuron/upload",
            r#"{"timestamp":1647497389075,"node":"modbus","group":"grp","values":{"tag0":42},"errors":{"tag1":2014},"metas":{}}"#,
            &["mixer.good = Integer(42)", "mixer.temperature = Unavailable"],
        ),
        (
            "mqtt-tasmota.toml",
            "tele/sawmill/SENSOR",
            r#"{"Time":"2021-06-13T06:59:52","COUNTER":{"C1":8}}"#,
            &["saw.good = Integer(8)"],
        ),
        (
            "mqtt-shelly.toml",
            "shellyplus1pm-a8032ab12345/events/rpc",
            r#"{"src":"s","dst":"d","method":"NotifyStatus","params":{"ts":1631266595.44,"switch:0":{"id":0,"output":true,"apower":812.5}}}"#,
            &["compressor.state = Bool(true)", "compressor.power = Number(812.5)"],
        ),
        (
            "mqtt-shelly.toml",
            "shellyplus1pm-a8032ab12345/events/rpc",
            r#"{"src":"s","dst":"d","method":"NotifyStatus","params":{"ts":1631266595.44,"sys":{}}}"#,
            &[],
        ),
        ("mqtt-packml.toml", "packml/wrapper/Status/StateCurrent", "6", &["wrapper.state = Integer(6)"]),
        (
            "mqtt-packml.toml",
            "packml/wrapper/Admin/ProdProcessedCount/0/AccCount",
            "77",
            &["wrapper.processed = Integer(77)"],
        ),
    ] {
        assert_eq!(understood(file, topic, payload), expected, "{file}");
    }
    assert_eq!(example("mqtt-sparkplug.toml").mqtt[0].sparkplug.len(), 1);
}

#[test]
fn mistakes_are_told_with_line_and_key() {
    let told = |text: &str| {
        let text = format!("machine = []\n[[mqtt]]\nname = \"b\"\nhost = \"h\"\nclient_id = \"c\"\n{text}");
        process::configuration::parse::<Example>(&text, "a.toml").unwrap_err().to_string()
    };
    let topic = |text: &str| format!("[[mqtt.topic]]\nfilter = \"a/+\"\nformat = \"scalar\"\nmachine = \"m\"\n{text}");
    let signal = "[[mqtt.topic.signal]]\nsignal = \"s\"\n";
    for (text, expected) in [
        (String::new(), "listens to nothing"),
        (topic(""), "feeds nothing"),
        (
            format!("keep_alive_s = 1\n{}", topic(signal)),
            "a.toml:6:1: mqtt[0].keep_alive_s: found 1, expected 2 to 3600",
        ),
        (topic(&format!("machine_level = 1\n{signal}")), "not both"),
        (topic(&format!("{signal}value = \"/v\"\n")), "only used with format \"json\""),
        (topic(&format!("{signal}type = \"integr\"\n")), "did you mean `integer`"),
        (format!("{}{}", topic(signal), topic(signal).replace("a/+", "a/#")), "can match the same topic"),
        (topic(signal).replace("a/+", "a+"), "`+` must be a whole level"),
        (topic(signal).replace("scalar", "json"), "needs `value`"),
        (topic(&format!("{signal}value = \"v\"\n")), "is not a JSON pointer"),
        (topic(&format!("time_zone = \"Europe/Berlim\"\n{signal}")), "is no time zone"),
        (format!("password = \"p\"\n{}", topic(signal)), "needs a `username`"),
    ] {
        let told = told(&text);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let section = "name = \"b\"\nhost = \"h\"\nclient_id = \"c\"\nusername = \"u\"\npassword = \"hunter2\"\n";
    let section: MqttSection = toml::from_str(section).unwrap();
    assert!(!format!("{section:?}").contains("hunter2"));
}
