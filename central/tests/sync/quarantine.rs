//! What is no fact yet is set aside with its reason, and nothing is lost.

use std::time::Duration;

use central::sync::quarantine::{Released, Selection, release, transfer_machine};
use protocol::event::{EventKind, Gap, GapCause, KindTag, MachineState, StateChange};
use protocol::id::{Name, OriginId};
use protocol::time::UtcMicros;

use crate::agent::{Central, PRESS, SECOND, SELF, TEST, count};
use crate::support::cluster::Server;
use crate::support::database;

const TOLERANCE: Duration = Duration::from_secs(300);

fn all() -> Selection {
    Selection { plant_id: 1, ..Selection::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_makes_no_facts_until_its_time_has_come() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    let year_2099 = UtcMicros(4_070_908_800 * SECOND);
    agent.produce(1);
    agent.log.push_at(agent.now.plus_us(3600 * SECOND), PRESS, &count(5));
    agent.log.push_at(year_2099, PRESS, &count(7));
    agent.log.push_at(UtcMicros(5 * SECOND), PRESS, &count(11));
    agent.accept(1, 4).await;
    assert_eq!(central.pieces().await, 1);
    assert_eq!(central.count("SELECT count(*) FROM quarantined_events WHERE reason = 'future'").await, 2);
    assert_eq!(central.count("SELECT count(*) FROM quarantined_events WHERE reason = 'out_of_range'").await, 1);
    let partitions = match Server::asked_for() {
        Server::Stock => "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'production_logs_y2099%'",
        Server::TimescaleDb => {
            "SELECT count(*) FROM show_chunks('production_logs', newer_than => '2098-01-01'::timestamptz)"
        }
    };
    assert_eq!(central.count(partitions).await, 0, "no partition for 2099");
    central.clock.advance_us(3600 * SECOND);
    let released = release(&central.pool, &central.clock(), TOLERANCE, &all(), &TEST).await.unwrap();
    assert_eq!(released, Released { facts: 1, held: 2 });
    assert_eq!(central.pieces().await, 6);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_agents_machine_wait_for_its_transfer() {
    let central = Central::start(database().await.pool).await;
    let mut owner = central.agent("a").await;
    owner.produce(2);
    owner.accept(1, 2).await;
    let mut other = central.agent("b").await;
    other.machine = owner.machine.clone();
    other.produce(3);
    other.accept(1, 2).await;
    other.accept(3, 3).await;
    assert_eq!(central.pieces().await, 2);
    let held =
        "SELECT count(*) FROM quarantined_events WHERE reason = 'machine_of_another_agent' AND released_at IS NULL";
    assert_eq!(central.count(held).await, 3);
    assert_eq!(central.count("SELECT count(*) FROM alarms WHERE code = 'machine_of_another_agent'").await, 1);
    let live = "SELECT count(*) FROM machine_live WHERE agent_id <> 1";
    assert_eq!(central.count(live).await, 0, "nor does it say how that machine stands");

    let machine: i32 = sqlx::query_scalar("SELECT id FROM machines").fetch_one(&central.pool).await.unwrap();
    let released = transfer_machine(&central.pool, &central.clock(), TOLERANCE, (machine, 2), &TEST).await.unwrap();
    assert_eq!(released, Released { facts: 3, held: 0 });
    assert_eq!((central.pieces().await, central.count(held).await), (5, 0));
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_and_bodies_that_cannot_be_read_are_kept_as_they_came() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.push(&EventKind::Unknown { tag: KindTag(999), body: vec![1, 2, 3] });
    agent.push(&EventKind::Unknown { tag: KindTag(1), body: vec![255; 3] });
    agent.push(&EventKind::Dropped);
    agent.log.push_at(agent.now, OriginId(77), &count(1));
    agent.log.push_at(agent.now, SELF, &count(1));
    agent.produce(1);
    agent.accept(1, 6).await;
    let raw =
        "SELECT count(*) FROM raw_events WHERE (kind, body) = (999, '\\x010203') OR (kind = 1 AND problem IS NOT NULL)";
    assert_eq!(central.count(raw).await, 2);
    let set_aside = "SELECT count(*) FROM quarantined_events WHERE reason IN ('no_origin', 'no_machine')";
    assert_eq!(central.count(set_aside).await, 2);
    assert_eq!(central.pieces().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_refuses_is_set_aside_alone() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(20);
    agent.push(&EventKind::Gap(Gap {
        cause: GapCause::BufferFull,
        subject: Name::new("telemetry").unwrap(),
        lost: Some(3),
        from: UtcMicros(-9_000_000_000_000_000_000),
        to: UtcMicros(0),
        text: "times that no database holds".into(),
    }));
    agent.produce(20);
    agent.accept(1, 41).await;
    assert_eq!(central.pieces().await, 40);
    assert_eq!(
        central
            .count("SELECT count(*) FROM quarantined_events WHERE reason = 'refused_by_database' AND seq = 21")
            .await,
        1
    );
    agent.produce(1);
    agent.accept(42, 42).await;
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zero_in_a_text_is_replaced_and_the_event_kept_as_it_came() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    let reason = Some("be\0fore".to_owned());
    agent.push(&EventKind::State(StateChange { state: MachineState::Stopped, source_code: None, reason }));
    let mut batch = agent.batch(1, 1);
    batch.status = batch.status.map(|mut status| {
        status.host = "pc\0".into();
        status
    });
    let (_, reply) = agent.send(&batch).await;
    reply.unwrap();
    assert_eq!(central.count("SELECT count(*) FROM machine_states WHERE reason = U&'be\\FFFDfore'").await, 1);
    assert_eq!(central.count("SELECT count(*) FROM raw_events WHERE kind = 2").await, 1);
}
