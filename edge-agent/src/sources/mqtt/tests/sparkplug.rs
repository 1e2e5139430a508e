use prost::Message as _;

use super::broker::{Broker, Client};
use super::world::{Agent, section};
use crate::reading::Nature;
use crate::sources::mqtt::sparkplug::payload::{Metric, Payload, metric};

const NODE: &str = r#"
sparkplug_host_id = "edge"
rebirth_pause_s = 0
[[sparkplug]]
group = "plant"
node = "line"
[[sparkplug.metric]]
device = "press"
metric = "Good"
machine = "m"
signal = "good"
"#;

fn int(name: Option<&str>, alias: Option<u64>, value: u32) -> Metric {
    let name = name.map(str::to_owned);
    Metric { name, alias, datatype: Some(7), value: Some(metric::Value::Int(value)), ..Metric::default() }
}

fn message(seq: Option<u64>, metrics: Vec<Metric>) -> Vec<u8> {
    Payload { timestamp: Some(1_733_904_005_123), metrics, seq }.encode_to_vec()
}

async fn births(node: &mut Client) {
    node.publish("spBv1.0/plant/NBIRTH/line", message(Some(0), vec![int(Some("bdSeq"), None, 1)]), false).await;
    let good = int(Some("Good"), Some(5), 100);
    node.publish("spBv1.0/plant/DBIRTH/line/press", message(Some(1), vec![good]), false).await;
}

async fn asked_for_births(node: &mut Client) {
    let (topic, payload) = node.message().await;
    assert_eq!(topic, "spBv1.0/plant/NCMD/line");
    let command = Payload::decode(&payload[..]).unwrap();
    assert_eq!(command.metrics[0].name.as_deref(), Some("Node Control/Rebirth"));
    assert_eq!(command.metrics[0].value, Some(metric::Value::Boolean(true)));
}

#[tokio::test]
async fn a_node_is_asked_for_its_births_and_understood_from_then_on() {
    for version in ["3.1.1", "5"] {
        let broker = Broker::start("").await;
        let mut node = Client::connect(&broker, "node").await;
        node.subscribe("spBv1.0/plant/NCMD/line").await;
        let mut agent = Agent::start(section(&broker, &format!("version = \"{version}\"\n{NODE}")));
        agent.connected().await;
        asked_for_births(&mut node).await;
        births(&mut node).await;
        let data = message(Some(2), vec![int(None, Some(5), 101)]);
        node.publish("spBv1.0/plant/DDATA/line/press", data.clone(), false).await;
        agent.store_until(3).await;
        assert_eq!(agent.log.values(), ["good=Unavailable", "good=Integer(100)", "good=Integer(101)"]);
        assert_eq!(agent.log.readings()[1].nature, Nature::Standing);
        assert_eq!(agent.reason("broker/plant.line"), "born");

        // A restarted agent no longer knows the aliases.
        let mut agent = agent.kill_and_start().await;
        agent.connected().await;
        node.publish("spBv1.0/plant/DDATA/line/press", message(Some(3), vec![int(None, Some(5), 102)]), false).await;
        asked_for_births(&mut node).await;
        births(&mut node).await;
        agent.store_until(5).await;

        node.publish("spBv1.0/plant/NDEATH/line", message(None, vec![int(Some("bdSeq"), None, 1)]), false).await;
        agent.store_until(6).await;
        assert_eq!(agent.log.values()[5], "good=Unavailable");
        assert!(agent.reason("broker/plant.line").contains("dead"));
    }
}

#[tokio::test]
async fn the_host_says_whether_it_is_there() {
    let broker = Broker::start("").await;
    let mut node = Client::connect(&broker, "node").await;
    let mut agent = Agent::start(section(&broker, NODE));
    agent.connected().await;
    node.subscribe("spBv1.0/STATE/edge").await;
    let mut next = async || {
        let (_, payload) = node.message().await;
        serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["online"].as_bool().unwrap()
    };
    assert!(next().await);
    agent.task_is_away().await;
    while next().await {}
    let mut agent = agent.kill_and_start().await;
    agent.connected().await;
    while !next().await {}
    agent.stop().await;
    while next().await {}
}
