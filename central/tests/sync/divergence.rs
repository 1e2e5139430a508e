//! Copies and old backups: refused, kept, listed, resolved.

use central::agents::divergence::store::{list, resolve};
use hyper::StatusCode;
use protocol::id::{Epoch, Instance, Seq};
use protocol::reply::{DivergenceReason, Reply, Verdict};

use crate::agent::{Agent, Central, PRESS, count};
use crate::cluster::stock;

fn reason(reply: &Reply) -> Option<DivergenceReason> {
    match &reply.verdict {
        Verdict::Diverged { reason, .. } => Some(*reason),
        _ => None,
    }
}

async fn accept(central: &Central, agent: &Agent) {
    resolve(&central.pool, 1, agent.instance, "test", central.now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_copied_and_run_twice_is_refused_until_a_person_decides() {
    let central = Central::start(stock().await).await;
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
    let central = Central::start(stock().await).await;
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
    let central = Central::start(stock().await).await;
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
    let central = Central::start(stock().await).await;
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
    let central = Central::start(stock().await).await;
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
    let central = Central::start(stock().await).await;
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
