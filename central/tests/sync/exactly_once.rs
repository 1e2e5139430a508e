//! Every rule of the ledger, end to end.

use hyper::StatusCode;

use crate::agent::{Central, TEST};
use crate::support::database;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_becomes_facts_once_however_often_it_is_sent() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(100);
    agent.accept(1, 60).await;
    agent.accept(1, 60).await;
    agent.accept(41, 100).await;
    agent.accept(101, 100).await;
    assert_eq!(central.pieces().await, 100);
    central.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_agent_is_refused_at_its_next_request() {
    let central = Central::start(database().await.pool).await;
    let mut agent = central.agent("a").await;
    agent.produce(2);
    agent.accept(1, 1).await;
    central::agents::store::set_enabled(&central.pool, 1, false, (central.now(), &TEST)).await.unwrap();
    let batch = agent.batch(2, 2);
    assert_eq!(agent.send(&batch).await.0, StatusCode::FORBIDDEN);
    central::agents::store::set_enabled(&central.pool, 1, true, (central.now(), &TEST)).await.unwrap();
    agent.accept(2, 2).await;
}
