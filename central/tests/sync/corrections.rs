//! What was said at central of an agent's stops is told to that agent, and to no other.

use std::time::Duration;

use axum::http::StatusCode;
use central::agents::store::set_enabled;
use central::downtime::correction::store::{self, Head};
use central::downtime::correction::{Correction, Saying};
use central::sync::quarantine::transfer_machine;
use http_body_util::BodyExt as _;
use protocol::correction::{CORRECTIONS_PATH, CORRECTIONS_REVISION, Corrections};
use protocol::event::{DowntimeEntry, EventKind};
use protocol::id::StopId;
use protocol::time::UtcMicros;
use sqlx::types::chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::agent::{Agent, Central, PRESS, SECOND, TEST, began, ended};
use crate::support::database;

const HOUR: i64 = 3_600 * SECOND;

fn utc(at: UtcMicros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap()
}

/// As the dashboard does it.
async fn say(central: &Central, machine: i32, agent: i32, stop: i64, root_began_at: UtcMicros, saying: Saying) -> i64 {
    let mut transaction = central.pool.begin().await.unwrap();
    // As `admit` gives times to what replaces another.
    central.clock.advance_us(SECOND);
    let at = central.now();
    let head = Head {
        at,
        plant_day: at.date_naive(),
        plant_id: 1,
        machine_id: machine,
        agent_id: agent,
        root_began_at: utc(root_began_at),
        entered_by: "lead",
    };
    let correction = Correction { entry: Uuid::new_v4(), stop, began_at: None, saying };
    let new_stop = store::add(&mut transaction, head, &correction).await.unwrap();
    store::tell_agents(&mut transaction, &[agent]).await.unwrap();
    transaction.commit().await.unwrap();
    new_stop.unwrap_or_default()
}

fn reason(code: &str) -> Saying {
    Saying::Reason { code: code.to_owned(), why: Some("seen".to_owned()) }
}

async fn told(agent: &mut Agent) -> Corrections {
    let (status, body) = agent.line.post(CORRECTIONS_PATH, "{}".into()).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// What a heartbeat is answered beside the frame.
async fn announced(agent: &mut Agent) -> String {
    let next = agent.log.newest() + 1;
    let frame = protocol::codec::encode(&agent.batch(next, next - 1)).unwrap();
    let answer = agent.line.ask("/agent/v1/sync", frame.into()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let announced = answer.headers()[CORRECTIONS_REVISION].to_str().unwrap().to_owned();
    answer.into_body().collect().await.unwrap();
    announced
}

fn numbers(corrections: &Corrections) -> Vec<(i64, Option<&str>, bool)> {
    let line = |it: &protocol::correction::CorrectedStop| (it.stop, it.split.is_some());
    let code = corrections.stops.iter().map(|it| it.reason.as_ref().map(|it| it.code.as_str()));
    corrections.stops.iter().map(line).zip(code).map(|((stop, split), code)| (stop, code, split)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_told_of_its_own_stops_that_a_station_still_shows() {
    let central = Central::start(database().await.pool).await;
    let (mut agent, mut other) = (central.agent("a").await, central.agent("b").await);
    let now = agent.now;
    let before = |us: i64| now.plus_us(-us);
    // Long over; over, and split by its station; over and never corrected; a microstop; and one that lasts.
    for (stop, from, to, micro) in [
        (1, 40 * HOUR, 30 * HOUR, false),
        (2, 9 * HOUR, 7 * HOUR, false),
        (3, 6 * HOUR, 5 * HOUR, false),
        (4, 4 * HOUR, 4 * HOUR - SECOND, true),
    ] {
        agent.log.push_at(before(from), PRESS, &began(stop));
        agent.log.push_at(before(to), PRESS, &ended(stop, before(from), from - to, micro));
    }
    agent.log.push_at(before(90 * HOUR), PRESS, &began(5));
    let split = DowntimeEntry::Split { stop: StopId(2), from: before(8 * HOUR), new_stop: StopId(6), operator: None };
    agent.log.push_at(before(HOUR), PRESS, &EventKind::Downtime(split));
    agent.accept(1, 10).await;
    other.log.push_at(before(HOUR), PRESS, &began(1));
    other.accept(1, 1).await;
    let nothing = Uuid::nil().to_string();
    assert_eq!((announced(&mut agent).await, announced(&mut other).await), (nothing.clone(), nothing.clone()));
    assert_eq!(told(&mut agent).await, Corrections::default());

    let cut = Saying::Split { from: utc(before(HOUR * 15 / 2)) };
    say(&central, 1, 1, 1, before(40 * HOUR), reason("old")).await;
    let part = say(&central, 1, 1, 2, before(9 * HOUR), cut).await;
    say(&central, 1, 1, 6, before(9 * HOUR), reason("jam")).await;
    say(&central, 1, 1, part, before(9 * HOUR), reason("break")).await;
    say(&central, 1, 1, 4, before(4 * HOUR), reason("micro")).await;
    say(&central, 1, 1, 5, before(90 * HOUR), reason("first")).await;
    say(&central, 1, 1, 5, before(90 * HOUR), reason("last")).await;
    let revision = announced(&mut agent).await;
    assert_ne!(revision, nothing);
    assert_eq!(announced(&mut other).await, nothing, "nobody said anything of its stops");
    assert_eq!(told(&mut other).await.stops, []);
    let found = told(&mut agent).await;
    assert_eq!(found.revision.to_string(), revision);
    assert_eq!(
        numbers(&found),
        [(part, Some("break"), true), (6, Some("jam"), false), (5, Some("last"), false)],
        "newest first"
    );
    let jam = &found.stops[1];
    assert_eq!((jam.machine.as_str(), jam.began_at), ("press-a", before(8 * HOUR)));
    let reason_of = jam.reason.as_ref().unwrap();
    assert_eq!((reason_of.said.by.as_str(), reason_of.why.as_deref()), ("lead", Some("seen")));

    // What its station says after it does not hold.
    let later = DowntimeEntry::Reason { stop: StopId(6), reason: "tool".into(), operator: Some("7".into()) };
    agent.log.push_at(now.plus_us(20 * SECOND), PRESS, &EventKind::Downtime(later));
    agent.accept(11, 11).await;
    assert_eq!(told(&mut agent).await, found);
    assert_eq!(announced(&mut agent).await, revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_changed_hands_and_an_agent_that_is_shut_out_are_told_of_no_more() {
    let central = Central::start(database().await.pool).await;
    let (mut agent, mut other) = (central.agent("a").await, central.agent("b").await);
    let begins = agent.now;
    agent.push(&began(1));
    agent.accept(1, 1).await;
    let began_at = agent.log.0[0].at;
    assert!(began_at > begins);
    other.produce(1);
    other.accept(1, 1).await;
    say(&central, 1, 1, 1, began_at, reason("jam")).await;
    assert_eq!(numbers(&told(&mut agent).await), [(1, Some("jam"), false)]);
    let before = (announced(&mut agent).await, announced(&mut other).await);
    let transferred = transfer_machine(&central.pool, &central.clock(), Duration::from_secs(300), (1, 2), &TEST).await;
    transferred.unwrap();
    let after = (announced(&mut agent).await, announced(&mut other).await);
    assert!(before.0 != after.0 && before.1 != after.1, "both ask again");
    assert_eq!((told(&mut agent).await.stops, told(&mut other).await.stops), (Vec::new(), Vec::new()));

    set_enabled(&central.pool, 1, false, (central.now(), &TEST)).await.unwrap();
    let (status, _) = agent.line.post(CORRECTIONS_PATH, "{}".into()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = other.line.post(CORRECTIONS_PATH, vec![b' '; 5_000].into()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
