//! Copies and old backups: refused, kept, listed, resolved.

use central::agents::divergence::store::{list, resolve};
use central::agents::divergence::{Choice, Resolved};
use hyper::StatusCode;
use protocol::id::{Epoch, Instance, Seq};
use protocol::reply::{DivergenceReason, Reply, Verdict};
use sqlx::PgPool;

use crate::agent::{Agent, Central, PRESS, TEST, count};
use crate::support::cluster::{Server, database_on};
use crate::support::database;

fn reason(reply: &Reply) -> Option<DivergenceReason> {
    match &reply.verdict {
        Verdict::Diverged { reason, .. } => Some(*reason),
        _ => None,
    }
}

async fn accept(central: &Central, agent: &Agent) -> Resolved {
    let choice = Choice { accepted: agent.instance, again: true };
    resolve(&central.pool, 1, choice, (central.now(), &TEST)).await.unwrap()
}

/// Where a copy of the tables is a whole backup: sums that are views over the facts cannot be put back.
async fn restorable() -> PgPool {
    database_on(Server::Stock).await.pool
}

/// Everything that a backup holds, put back as it was. The agents know nothing of it.
async fn restore(central: &Central, mark: i64, backup: &[(&str, &str)]) {
    let mut statements = String::new();
    for (table, kept) in backup {
        statements.push_str(&format!("TRUNCATE {table}; INSERT INTO {table} SELECT * FROM {kept};"));
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&central.pool).await.unwrap();
    assert_eq!(central.count("SELECT mark FROM sync_ledger").await, mark);
}

async fn back_up(central: &Central) -> [(&'static str, &'static str); 5] {
    let tables = [
        ("sync_ledger", "kept_ledger"),
        ("sync_digests", "kept_digests"),
        ("agent_status", "kept_status"),
        ("production_logs", "kept_production"),
        ("daily_production_summary", "kept_summary"),
    ];
    for (table, kept) in tables {
        let copy = format!("CREATE TABLE {kept} AS SELECT * FROM {table}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(copy)).execute(&central.pool).await.unwrap();
    }
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_copied_and_run_twice_is_refused_until_a_person_decides() {
    let central = Central::start(database().await.pool).await;
    let mut original = central.agent("a").await;
    original.produce(10);
    original.accept(1, 10).await;
    let mut copy = original.copy(Instance { starts: 1, id: 99 }).await;
    copy.produce(5);
    assert_eq!(reason(&copy.sync(11, 15).await), Some(DivergenceReason::Copied));
    original.produce(3);
    assert_eq!(reason(&original.sync(11, 13).await), Some(DivergenceReason::Copied), "the agent is locked");
    assert_eq!(central.pieces().await, 10);

    let divergence = list(&central.pool).await.unwrap().pop().unwrap();
    assert_eq!((divergence.mark, divergence.refused_batches), (10, 2));
    let mut listened: Vec<_> =
        divergence.instances.iter().map(|claimant| (claimant.listened_to, claimant.instance)).collect();
    listened.sort_by_key(|(listened_to, _)| !listened_to);
    assert_eq!(listened, [(true, original.instance), (false, copy.instance)]);
    assert_eq!(central.count("SELECT count(*) FROM divergence_frames").await, 2, "both sides' data is kept");
    assert_eq!(central.count("SELECT count(*) FROM alarms WHERE code = 'divergence'").await, 1);
    assert_eq!(central.count("SELECT count(*) FROM pgmq.q_background_jobs").await, 1);

    accept(&central, &original).await;
    let reply = original.sync(11, 13).await;
    assert_eq!((reply.verdict, reply.epoch, reply.acknowledged), (Verdict::NewEpoch, Epoch(2), Seq(10)));
    original.epoch = reply.epoch;
    original.accept(11, 13).await;
    assert_eq!(reason(&copy.sync(11, 15).await), Some(DivergenceReason::Copied), "the other one stays refused");
    original.produce(1);
    original.accept(14, 14).await;
    assert_eq!(central.pieces().await, 14);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_that_is_accepted_adds_what_is_its_own() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(60);
    agent.accept(1, 50).await;
    let backup = agent.copy(Instance { starts: 9, id: 9 }).await;
    agent.accept(51, 60).await;
    agent.produce(40);
    agent.accept(61, 100).await;

    let mut restored = backup;
    for _ in 0..10 {
        restored.push(&count(2));
    }
    assert_eq!(reason(&restored.sync(51, 70).await), Some(DivergenceReason::Rewound));
    accept(&central, &restored).await;
    let reply = restored.sync(51, 70).await;
    assert_eq!((reply.verdict, reply.acknowledged), (Verdict::NewEpoch, Seq(60)), "where the histories part");
    restored.epoch = reply.epoch;
    restored.accept(61, 70).await;
    assert_eq!(central.pieces().await, 120);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_that_had_nothing_new_to_send_is_compared_as_it_goes_on() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(20);
    agent.accept(1, 10).await;
    let mut restored = agent.copy(Instance { starts: 9, id: 9 }).await;
    agent.accept(11, 20).await;
    agent.produce(5);
    agent.accept(21, 25).await;

    assert_eq!(reason(&restored.sync(11, 10).await), Some(DivergenceReason::Rewound), "a heartbeat gives it away");
    accept(&central, &restored).await;
    let reply = restored.sync(11, 10).await;
    assert_eq!((reply.verdict, reply.acknowledged), (Verdict::NewEpoch, Seq(10)));
    restored.epoch = reply.epoch;
    restored.push(&count(7));
    restored.accept(11, 15).await;
    assert_eq!(central.pieces().await, 25, "events that are facts already are known");
    restored.accept(16, 21).await;
    assert_eq!(central.pieces().await, 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_below_the_mark_names_the_first_sequence_that_differs() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(10);
    agent.accept(1, 6).await;
    let mut copy = agent.copy(Instance { starts: 2, id: 5 }).await;
    agent.accept(7, 10).await;
    copy.log.0.truncate(8);
    for _ in 0..4 {
        copy.log.push_at(copy.now, PRESS, &count(3));
    }
    let batch = copy.batch(7, 12);
    let (status, reply) = copy.send(&batch).await;
    assert_eq!((status, reason(&reply.unwrap())), (StatusCode::CONFLICT, Some(DivergenceReason::Content)));
    assert_eq!(list(&central.pool).await.unwrap()[0].fork_seq, Some(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_of_a_killed_process_do_not_lock_its_agent() {
    let central = Central::start(database().await.pool).await;
    let mut before = central.agent("a").await;
    before.produce(10);
    before.accept(1, 5).await;
    let mut after = before.copy(Instance { starts: 2, id: 2 }).await;
    after.accept(6, 10).await;
    // Came through a slow proxy after the process that sent it was gone.
    let words = before.batch(1, 5);
    assert_eq!(before.send(&words).await.0, StatusCode::SERVICE_UNAVAILABLE);
    after.produce(1);
    after.accept(11, 11).await;
    // A process that asks again is alive, and then it is an old copy.
    assert_eq!(reason(&before.sync(1, 5).await), Some(DivergenceReason::Rewound));
    assert_eq!(central.count("SELECT count(*) FROM divergences").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_can_be_made_again_in_favour_of_the_other_side() {
    let central = Central::start(database().await.pool).await;
    let mut original = central.agent("a").await;
    original.produce(4);
    original.accept(1, 4).await;
    let mut copy = original.copy(Instance { starts: 1, id: 99 }).await;
    copy.push(&count(10));
    copy.sync(5, 5).await;
    accept(&central, &original).await;
    assert!(reason(&copy.sync(5, 5).await).is_some());
    accept(&central, &copy).await;
    let reply = copy.sync(5, 5).await;
    assert_eq!((&reply.verdict, reply.epoch), (&Verdict::NewEpoch, Epoch(3)));
    copy.epoch = reply.epoch;
    copy.accept(5, 5).await;
    assert!(reason(&original.sync(5, 4).await).is_some());
    assert_eq!(central.pieces().await, 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_central_is_restored_an_agent_goes_on_and_the_loss_is_a_gap() {
    let central = Central::start(restorable().await).await;
    let mut agent = central.agent("a").await;
    agent.produce(50);
    agent.accept(1, 20).await;
    let backup = back_up(&central).await;
    agent.accept(21, 30).await;
    restore(&central, 20, &backup).await;

    // The same process, which central had been listening to in the backup, with events to send.
    let reply = agent.sync(31, 40).await;
    assert_eq!(reason(&reply), Some(DivergenceReason::ClaimedByAgent));
    assert_eq!(reason(&agent.sync(31, 30).await), Some(DivergenceReason::ClaimedByAgent), "locked");
    let divergence = list(&central.pool).await.unwrap().pop().unwrap();
    assert!(divergence.is_only_central_restored());
    assert_eq!(divergence.only_living().map(|it| it.instance), Some(agent.instance));
    assert!(divergence.text.contains("Events 21 to 30 are missing"), "{}", divergence.text);
    assert_eq!(central.count("SELECT count(*) FROM alarms WHERE code = 'divergence' AND active").await, 1);

    let resolved = accept(&central, &agent).await;
    assert_eq!(resolved, Resolved { epoch: Epoch(2), after: Seq(30), lost: Some((Seq(21), Seq(30))) });
    let reply = agent.sync(31, 30).await;
    assert_eq!((reply.verdict, reply.epoch, reply.acknowledged), (Verdict::NewEpoch, Epoch(2), Seq(30)));
    agent.epoch = reply.epoch;
    agent.accept(31, 50).await;
    assert_eq!(central.pieces().await, 40);
    let gap = "SELECT count(*) FROM gaps WHERE cause = 'central_restored' AND (epoch, seq, lost) = (1, 21, 10)
               AND gap_from <= gap_to AND agent_id = 1";
    assert_eq!(central.count(gap).await, 1);
    assert_eq!(central.count("SELECT count(*) FROM gaps").await, 1);
    let told = "SELECT count(*) FROM pgmq.q_background_jobs WHERE message ->> 'kind' = 'gaps_recorded'";
    assert_eq!(central.count(told).await, 1);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_central_is_restored_an_idle_agent_that_was_started_again_is_accepted_by_its_heartbeat() {
    let central = Central::start(restorable().await).await;
    let mut agent = central.agent("a").await;
    agent.produce(30);
    let backup = back_up(&central).await;
    agent.accept(1, 30).await;
    // A backup from before its first batch.
    restore(&central, 0, &backup).await;
    assert_eq!(reason(&agent.sync(31, 30).await), Some(DivergenceReason::ClaimedByAgent));
    let mut again = agent.copy(Instance { starts: 2, id: 77 }).await;
    assert_eq!(reason(&again.sync(31, 30).await), Some(DivergenceReason::ClaimedByAgent));
    let divergence = list(&central.pool).await.unwrap().pop().unwrap();
    assert_eq!(divergence.only_living().map(|it| it.instance), Some(again.instance));

    let first = accept(&central, &again).await;
    assert_eq!(first.lost, Some((Seq(1), Seq(30))));
    // Started once more before it heard of the decision: decided again, and lost only once.
    let mut once_more = again.copy(Instance { starts: 3, id: 78 }).await;
    assert_eq!(reason(&once_more.sync(31, 30).await), Some(DivergenceReason::Copied));
    let second = accept(&central, &once_more).await;
    assert_eq!((second.epoch, second.after, second.lost), (Epoch(3), Seq(30), None));
    let reply = once_more.sync(31, 30).await;
    assert_eq!((reply.verdict, reply.acknowledged), (Verdict::NewEpoch, Seq(30)));
    once_more.epoch = reply.epoch;
    once_more.produce(5);
    once_more.accept(31, 35).await;
    assert_eq!((central.pieces().await, central.count("SELECT count(*) FROM gaps").await), (5, 1));
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_central_that_has_forgotten_epochs_goes_on_in_one_that_nobody_has_heard_of() {
    let central = Central::start(restorable().await).await;
    let mut agent = central.agent("a").await;
    agent.produce(20);
    agent.accept(1, 10).await;
    let backup = back_up(&central).await;
    // Two decisions and some events later.
    agent.epoch = Epoch(3);
    restore(&central, 10, &backup).await;
    assert_eq!(reason(&agent.sync(16, 20).await), Some(DivergenceReason::ClaimedByAgent));
    let resolved = accept(&central, &agent).await;
    assert_eq!(resolved, Resolved { epoch: Epoch(4), after: Seq(15), lost: Some((Seq(11), Seq(15))) });
    let reply = agent.sync(16, 15).await;
    assert_eq!((reply.verdict, reply.epoch), (Verdict::NewEpoch, Epoch(4)));
    agent.epoch = reply.epoch;
    agent.accept(16, 20).await;
    assert_eq!(central.pieces().await, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_started_again_and_again_while_it_waits_can_still_be_accepted() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(12);
    agent.accept(1, 10).await;
    let mut copy = agent.copy(Instance { starts: 1, id: 99 }).await;
    copy.sync(11, 12).await;
    for starts in 2..=40 {
        central.clock.advance_us(1_000_000);
        agent.instance = Instance { starts, id: u64::from(starts) };
        assert_eq!(reason(&agent.sync(11, 12).await), Some(DivergenceReason::Copied));
    }
    let divergence = list(&central.pool).await.unwrap().pop().unwrap();
    assert_eq!((divergence.instances.len(), divergence.refused_batches), (16, 40), "bounded");
    assert!(divergence.instances.iter().any(|it| it.listened_to), "whose events are the facts stays listed");
    assert_eq!(central.count("SELECT count(*) FROM divergence_frames").await, 15);
    accept(&central, &agent).await;
    let reply = agent.sync(11, 10).await;
    assert_eq!((reply.verdict, reply.acknowledged), (Verdict::NewEpoch, Seq(10)));
    agent.epoch = reply.epoch;
    agent.accept(11, 12).await;
    assert_eq!(central.pieces().await, 12);
}
