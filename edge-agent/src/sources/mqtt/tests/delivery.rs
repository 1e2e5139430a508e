use protocol::event::{EventKind, GapCause};

use super::broker::{Broker, Client, Wire};
use super::world::{Agent, section};
use crate::reading::{Item, Nature};

const DELTAS: &str = r#"
[[topic]]
filter = "line/count"
format = "json"
machine = "filler"
[[topic.signal]]
signal = "good"
value = "/count"
"#;

const ONE: &str = r#"{"count":1}"#;
const VERSIONS: [&str; 2] = ["3.1.1", "5"];

fn deltas(broker: &Broker, version: &str) -> crate::sources::mqtt::configuration::MqttSection {
    section(broker, &format!("version = \"{version}\"\n{DELTAS}"))
}

#[tokio::test]
async fn what_was_committed_and_not_acknowledged_comes_again_and_counts_once() {
    for version in VERSIONS {
        let broker = Broker::start("").await;
        let mut agent = Agent::start(deltas(&broker, version));
        agent.connected().await;
        let mut machine = Client::connect(&broker, "machine").await;
        for _ in 0..3 {
            machine.publish("line/count", ONE, false).await;
        }
        // Two are committed and the answer is held back; the third does not get to be committed.
        let mut held = Vec::new();
        for _ in 0..2 {
            let submission = agent.submission().await;
            held.push(agent.commit(submission));
        }
        let _lost = agent.submission().await;
        let mut agent = agent.kill_and_start().await;
        agent.store_until(3).await;
        agent.store_while_waiting("two duplicates", |agent| agent.counter("duplicates") == 2).await;
        // All is acknowledged: nothing of it comes a third time.
        machine.publish("line/count", r#"{"count":7}"#, false).await;
        agent.store_until(4).await;
        let mut agent = agent.kill_and_start().await;
        agent.connected().await;
        machine.publish("line/count", r#"{"count":8}"#, false).await;
        agent.store_until(5).await;
        let log = agent.stop().await;
        let expected = ["good=Integer(1)"; 3].into_iter().chain(["good=Integer(7)", "good=Integer(8)"]);
        assert_eq!(log.values(), expected.collect::<Vec<_>>(), "{version}");
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_stored() {
    let broker = Broker::start("").await;
    let mut agent = Agent::start(deltas(&broker, "3.1.1"));
    agent.connected().await;
    let mut machine = Client::connect(&broker, "machine").await;
    machine.publish("line/count", ONE, false).await;
    for _ in 0..3 {
        // Handed over, never committed: it has to come every time.
        let _submission = agent.submission().await;
        agent = agent.kill_and_start().await;
    }
    agent.store_until(1).await;
    assert_eq!(agent.stop().await.values(), ["good=Integer(1)"]);
}

#[tokio::test]
async fn a_connection_that_breaks_while_messages_are_on_their_way_counts_them_once() {
    for version in VERSIONS {
        let mut broker = Broker::start("persistence true\nautosave_interval 1\nautosave_on_changes true").await;
        let mut agent = Agent::start(deltas(&broker, version));
        agent.connected().await;
        let mut machine = Client::connect(&broker, "machine").await;
        for _ in 0..5 {
            machine.publish("line/count", ONE, false).await;
        }
        let mut on_their_way = Vec::new();
        for _ in 0..5 {
            on_their_way.push(agent.submission().await);
        }
        broker.stop();
        broker.start_again().await;
        agent.store_while_waiting("five duplicates", |agent| agent.counter("duplicates") == 5).await;
        for submission in on_their_way {
            let _ = agent.commit(submission).send(None);
        }
        let mut machine = Client::connect(&broker, "machine").await;
        machine.publish("line/count", r#"{"count":2}"#, false).await;
        agent.store_until(6).await;
        assert_eq!(agent.stop().await.readings().len(), 6, "{version}");
    }
}

#[tokio::test]
async fn what_is_published_while_the_agent_is_away_is_delivered_later() {
    for version in VERSIONS {
        let broker = Broker::start("").await;
        let mut agent = Agent::start(deltas(&broker, version));
        agent.connected().await;
        agent.task_is_away().await;
        let mut machine = Client::connect(&broker, "machine").await;
        for _ in 0..30 {
            machine.publish("line/count", ONE, false).await;
        }
        let mut agent = agent.kill_and_start().await;
        agent.store_until(30).await;
        let log = agent.stop().await;
        assert_eq!(log.readings().len(), 30, "{version}");
        assert!(log.readings().iter().all(|reading| reading.nature == Nature::Live));
    }
}

#[tokio::test]
async fn a_lost_session_is_a_gap_and_is_subscribed_to_again() {
    for version in VERSIONS {
        let mut broker = Broker::start("").await;
        let mut agent = Agent::start(deltas(&broker, version));
        agent.connected().await;
        assert!(agent.log.items.is_empty(), "a first session is no loss");
        broker.kill();
        broker.start_again().await;
        agent.store_while_waiting("the gap", |agent| !agent.log.items.is_empty()).await;
        let Item::Occurrence(occurrence) = &agent.log.items[0] else { panic!() };
        let EventKind::Gap(gap) = &occurrence.kind else { panic!() };
        assert_eq!((gap.cause, gap.subject.as_str()), (GapCause::BrokerSessionLost, "broker"));
        agent.connected().await;
        let mut machine = Client::connect(&broker, "machine").await;
        machine.publish("line/count", ONE, false).await;
        agent.store_until(1).await;
        assert_eq!(agent.stop().await.items.len(), 2, "{version}");
    }
}

#[tokio::test]
async fn a_session_lost_while_the_agent_was_off_is_a_gap_too() {
    let mut broker = Broker::start("").await;
    let mut agent = Agent::start(deltas(&broker, "5"));
    agent.connected().await;
    agent.task_is_away().await;
    broker.kill();
    broker.start_again().await;
    let mut agent = agent.kill_and_start().await;
    agent.connected().await;
    assert!(matches!(&agent.stop().await.items[..], [Item::Occurrence(_)]));
}

#[tokio::test]
async fn retained_messages_are_how_things_stand() {
    for version in VERSIONS {
        let broker = Broker::start("").await;
        let mut machine = Client::connect(&broker, "machine").await;
        machine.publish("line/count", r#"{"count":41}"#, true).await;
        let mut agent = Agent::start(deltas(&broker, version));
        agent.store_until(1).await;
        machine.publish("line/count", r#"{"count":42}"#, true).await;
        agent.store_until(2).await;
        let natures: Vec<Nature> = agent.stop().await.readings().iter().map(|reading| reading.nature).collect();
        assert_eq!(natures, [Nature::Standing, Nature::Live], "{version}");
    }
}

#[tokio::test]
async fn poison_is_set_aside_and_stops_nothing() {
    for version in VERSIONS {
        let broker = Broker::start("").await;
        let mut agent =
            Agent::start(section(&broker, &format!("version = \"{version}\"\npacket_bytes_max = 2048\n{DELTAS}")));
        agent.connected().await;
        let mut machine = Client::connect(&broker, "machine").await;
        let large = format!("{{\"count\":1,\"padding\":\"{}\"}}", "x".repeat(200_000));
        let poison: [&[u8]; 4] = [b"{", b"{}", &[0xff; 10], large.as_bytes()];
        for payload in poison {
            machine.publish("line/count", payload, false).await;
        }
        machine.publish("line/count", ONE, false).await;
        agent.store_until(1).await;
        // All of it is acknowledged: after a restart none of it comes again.
        agent.store_while_waiting("poison", |agent| agent.counter("poison_messages") == 4).await;
        let records = agent.poison();
        assert_eq!(records.len(), 4);
        assert!(records[0].reason.contains("packet_bytes_max"), "{:?}", records[0]);
        assert!(records[1].base64.is_some());
        assert!(records.iter().all(|record| record.topic == "line/count"));
        agent.until_idle().await;
        let mut agent = agent.kill_and_start().await;
        agent.connected().await;
        machine.publish("line/count", ONE, false).await;
        agent.store_until(2).await;
        assert_eq!(agent.counter("poison_messages"), 0, "{version}");
    }
}

#[tokio::test]
async fn a_filter_that_left_the_configuration_is_unsubscribed() {
    let broker = Broker::start("").await;
    let mut agent = Agent::start(deltas(&broker, "3.1.1"));
    agent.connected().await;
    let other = section(&broker, &DELTAS.replace("line/count", "line/other"));
    let mut agent = agent.kill_and_start_as(other).await;
    agent.connected().await;
    let mut machine = Client::connect(&broker, "machine").await;
    machine.publish("line/count", ONE, false).await;
    machine.publish("line/other", ONE, false).await;
    agent.store_until(1).await;
    assert_eq!(agent.counter("messages"), 1);
}

#[tokio::test]
async fn a_message_that_its_publisher_sends_twice_counts_once_by_its_id() {
    let broker = Broker::start("").await;
    let toml = DELTAS.replace("machine =", "message_id = \"/id\"\nmachine =");
    let mut agent = Agent::start(section(&broker, &toml));
    agent.connected().await;
    let mut machine = Client::connect(&broker, "machine").await;
    // The first one is poison: that does not use up its id.
    machine.publish("line/count", r#"{"id":"a"}"#, false).await;
    for id in ["a", "a", "b"] {
        machine.publish("line/count", format!("{{\"count\":1,\"id\":\"{id}\"}}"), false).await;
    }
    agent.store_until(2).await;
    agent.store_while_waiting("one duplicate", |agent| agent.counter("duplicates") == 1).await;
    assert_eq!(agent.stop().await.readings().len(), 2);
}

#[tokio::test]
async fn an_agent_that_stops_acknowledges_what_it_stored() {
    let broker = Broker::start("").await;
    let mut agent = Agent::start(deltas(&broker, "5"));
    agent.connected().await;
    let mut machine = Client::connect(&broker, "machine").await;
    machine.publish("line/count", ONE, false).await;
    let submission = agent.submission().await;
    let answer = agent.commit(submission);
    let stopping = tokio::spawn(agent.stop_and_keep());
    answer.send(None).unwrap();
    let agent = stopping.await.unwrap();
    let mut agent = agent.kill_and_start().await;
    agent.connected().await;
    machine.publish("line/count", r#"{"count":2}"#, false).await;
    agent.store_until(2).await;
    assert_eq!(agent.counter("messages"), 1);
}

#[tokio::test]
async fn a_last_will_is_a_condition() {
    let broker = Broker::start("").await;
    let toml = "[[topic]]\nfilter = \"tele/plug/LWT\"\nformat = \"availability\"\nmachine = \"m\"\ndevice = \"plug\"\n";
    let mut agent = Agent::start(section(&broker, toml));
    agent.connected().await;
    let mut machine = Client::connect(&broker, "machine").await;
    machine.publish("tele/plug/LWT", "Offline", true).await;
    agent.store_while_waiting("offline", |agent| agent.reason("broker/plug").starts_with("offline")).await;
    machine.publish("tele/plug/LWT", "Online", true).await;
    agent.store_while_waiting("online", |agent| agent.reason("broker/plug") == "online").await;
}

/// Kills and cuts at random moments, and identical payloads: the sum is what the machine made.
#[tokio::test]
async fn identical_deltas_count_exactly_once_through_kills_and_cuts() {
    const PIECES: usize = 300;
    for (version, seed) in [("3.1.1", 1_u64), ("5", 2), ("3.1.1", 3), ("5", 4)] {
        let broker = Broker::start("max_queued_messages 0").await;
        let wire = Wire::to(&broker).await;
        let mut section = deltas(&broker, version);
        section.port = Some(wire.port);
        let mut agent = Agent::start(section);
        agent.connected().await;
        let mut machine = Client::connect(&broker, "machine").await;
        let publishing = tokio::spawn(async move {
            for _ in 0..PIECES {
                machine.publish("line/count", ONE, false).await;
            }
        });
        let mut random = seed;
        let (mut kills, mut cuts) = (0, 0);
        let mut unanswered = Vec::new();
        while agent.log.readings().len() < PIECES {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let submission = agent.submission().await;
            match random >> 33 & 31 {
                // Killed before the commit, and after it.
                0 => {
                    drop(submission);
                    agent = agent.kill_and_start().await;
                    kills += 1;
                }
                1 => {
                    unanswered.push(agent.commit(submission));
                    agent = agent.kill_and_start().await;
                    kills += 1;
                }
                2 => {
                    wire.cut();
                    cuts += 1;
                    let _ = agent.commit(submission).send(None);
                }
                3 => {
                    let _ = agent.commit(submission).send(None);
                    wire.cut();
                    cuts += 1;
                }
                _ => {
                    let _ = agent.commit(submission).send(None);
                }
            }
        }
        publishing.await.unwrap();
        // Whatever else comes is nothing new.
        agent.kill_connection_and_settle(&wire).await;
        assert_eq!(agent.log.readings().len(), PIECES, "version {version}, seed {seed}, {kills} kills, {cuts} cuts");
        assert!(kills > 2 && cuts > 2, "{kills} kills, {cuts} cuts");
    }
}
